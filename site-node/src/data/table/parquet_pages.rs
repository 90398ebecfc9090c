//! Pages of a Parquet column that gzip or brotli packed, unpacked to no more bytes than the file says it holds.
//!
//! ```text
//! column chunk, read as if it were not packed ─► page ─► unpack, at most `most` bytes ─► column reader
//! ```
//!
//! The decoder unpacks both without a bound: some kilobytes of them can stand for any number of bytes. Other
//! codecs are told the size of a page, and make no more of it.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use brotli_decompressor::Decompressor;
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::column::reader::{ColumnReader, get_column_reader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;

/// The largest page: its header holds the size in 31 bits.
const MAX_PAGE: u64 = i32::MAX as u64;
/// Bytes that brotli reads at a time.
const BUFFER: usize = 64 << 10;

/// What packed a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Gzip,
    Brotli,
}

impl Codec {
    /// One that is unpacked here.
    pub(super) fn of(compression: Compression) -> Option<Self> {
        match compression {
            Compression::GZIP(_) => Some(Self::Gzip),
            Compression::BROTLI(_) => Some(Self::Brotli),
            _ => None,
        }
    }

    /// The bytes that were packed, if they are no more than `most`.
    fn unpack(self, packed: &[u8], most: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let limit = most.saturating_add(1);
        let read = match self {
            Self::Gzip => MultiGzDecoder::new(packed).take(limit).read_to_end(&mut bytes),
            Self::Brotli => Decompressor::new(packed, BUFFER).take(limit).read_to_end(&mut bytes),
        };
        read.map_err(|error| ParquetError::General(error.kind().to_string()))?;
        if bytes.len() as u64 > most {
            return Err(ParquetError::General("a page is larger than its column".to_owned()));
        }
        Ok(bytes)
    }
}

/// The pages of a column chunk.
struct Pages {
    packed: SerializedPageReader<File>,
    codec: Codec,
    /// Bytes that the column says it holds: no page has more.
    most: u64,
}

/// A column of a row group; none where its metadata do not fit together.
pub(super) fn reader(
    codec: Codec,
    file: &Arc<File>,
    chunk: &ColumnChunkMetaData,
    rows: i64,
) -> Option<ColumnReader> {
    let most = u64::try_from(chunk.uncompressed_size()).ok()?.min(MAX_PAGE);
    let described = chunk.column_descr_ptr();
    let as_is = chunk.clone().into_builder().set_compression(Compression::UNCOMPRESSED);
    let as_is = as_is.build().ok()?;
    let rows = usize::try_from(rows).ok()?;
    let packed = SerializedPageReader::new(Arc::clone(file), &as_is, rows, None).ok()?;
    Some(get_column_reader(described, Box::new(Pages { packed, codec, most })))
}

impl Pages {
    fn unpack(&self, page: Page) -> Result<Page> {
        let whole = |buf: &Bytes| self.codec.unpack(buf, self.most).map(Bytes::from);
        Ok(match page {
            Page::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding,
                rep_level_encoding,
                statistics,
            } => Page::DataPage {
                buf: whole(&buf)?,
                num_values,
                encoding,
                def_level_encoding,
                rep_level_encoding,
                statistics,
            },
            Page::DictionaryPage { buf, num_values, encoding, is_sorted } => {
                Page::DictionaryPage { buf: whole(&buf)?, num_values, encoding, is_sorted }
            }
            Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                num_nulls,
                num_rows,
                def_levels_byte_len,
                rep_levels_byte_len,
                is_compressed,
                statistics,
            } => {
                let levels = def_levels_byte_len as usize + rep_levels_byte_len as usize;
                let buf = if is_compressed { self.after(&buf, levels)? } else { buf };
                Page::DataPageV2 {
                    buf,
                    num_values,
                    encoding,
                    num_nulls,
                    num_rows,
                    def_levels_byte_len,
                    rep_levels_byte_len,
                    is_compressed: false,
                    statistics,
                }
            }
        })
    }

    /// A page whose first bytes, its levels, are not packed.
    fn after(&self, buf: &Bytes, levels: usize) -> Result<Bytes> {
        let cut = buf.split_at_checked(levels);
        let (levels, packed) =
            cut.ok_or_else(|| ParquetError::General("levels beyond their page".to_owned()))?;
        // Of a page without a value nothing is packed.
        let values =
            if packed.is_empty() { Vec::new() } else { self.codec.unpack(packed, self.most)? };
        Ok([levels, &values].concat().into())
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.packed.get_next_page()?;
        page.map(|page| self.unpack(page)).transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.packed.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.packed.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.packed.at_record_boundary()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_page_is_unpacked_to_its_bound_and_no_further() {
        let zeros = vec![0; 1 << 20];
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&zeros).unwrap();
        let packed = packer.finish().unwrap();
        assert!(packed.len() < 2000);
        assert_eq!(Codec::Gzip.unpack(&packed, 1 << 20).unwrap(), zeros);
        assert!(Codec::Gzip.unpack(&packed, (1 << 20) - 1).is_err());
        assert!(Codec::Gzip.unpack(b"no gzip", 1 << 20).is_err());
        assert!(Codec::Brotli.unpack(b"\xff\xff\xff\xff", 1 << 20).is_err());
    }
}
