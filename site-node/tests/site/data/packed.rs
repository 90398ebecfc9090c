//! Parquet files as other programs pack them, by gzip or brotli.
//!
//! Done page by page here, for the crate's own packers are features of it: tests that switched them on would have
//! everything that reads Parquet compiled a second time.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use flate2::write::GzEncoder;
use parquet::basic::Compression;
use parquet::column::page::{CompressedPage, Page, PageReader as _, PageWriter as _};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};

fn bytes(codec: Compression, plain: &[u8]) -> Vec<u8> {
    match codec {
        Compression::GZIP(_) => {
            let mut packer = GzEncoder::new(Vec::new(), flate2::Compression::default());
            packer.write_all(plain).unwrap();
            packer.finish().unwrap()
        }
        Compression::BROTLI(_) => {
            let mut packed = Vec::new();
            brotli::CompressorWriter::new(&mut packed, 4096, 1, 22).write_all(plain).unwrap();
            packed
        }
        other => unreachable!("{other} is packed by the crate"),
    }
}

/// A page, its values packed, and how long it was; levels of the second version stay as they are.
fn page(codec: Compression, mut plain: Page) -> CompressedPage {
    let size = plain.buffer().len();
    match &mut plain {
        Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => {
            *buf = bytes(codec, buf).into();
        }
        Page::DataPageV2 {
            buf, def_levels_byte_len, rep_levels_byte_len, is_compressed, ..
        } => {
            let levels = (*def_levels_byte_len + *rep_levels_byte_len) as usize;
            *buf = [&buf[..levels], &bytes(codec, &buf[levels..])].concat().into();
            *is_compressed = true;
        }
    }
    CompressedPage::new(plain, size)
}

fn column(
    codec: Compression,
    file: &Arc<File>,
    chunk: &ColumnChunkMetaData,
    rows: i64,
) -> (Bytes, ColumnCloseResult) {
    let count = usize::try_from(rows).unwrap();
    let mut pages = SerializedPageReader::new(Arc::clone(file), chunk, count, None).unwrap();
    let mut sink = TrackedWrite::new(Vec::new());
    let mut dictionary = None;
    let mut first = None;
    while let Some(plain) = pages.get_next_page().unwrap() {
        let place = i64::try_from(sink.bytes_written()).unwrap();
        let of = if plain.is_dictionary_page() { &mut dictionary } else { &mut first };
        of.get_or_insert(place);
        SerializedPageWriter::new(&mut sink).write_page(page(codec, plain)).unwrap();
    }
    let packed = sink.into_inner().unwrap();
    let length = packed.len();
    let metadata = chunk
        .clone()
        .into_builder()
        .set_compression(codec)
        .set_total_compressed_size(i64::try_from(length).unwrap())
        .set_dictionary_page_offset(dictionary)
        .set_data_page_offset(first.unwrap())
        .build()
        .unwrap();
    let close = ColumnCloseResult {
        bytes_written: length as u64,
        rows_written: u64::try_from(rows).unwrap(),
        metadata,
        bloom_filter: None,
        column_index: None,
        offset_index: None,
    };
    (packed.into(), close)
}

/// Packs a file that is not packed, in its place.
pub(crate) fn pack(path: &Path, codec: Compression) {
    let plain = File::open(path).unwrap();
    let reader = SerializedFileReader::new(plain.try_clone().unwrap()).unwrap();
    let plain = Arc::new(plain);
    let schema = reader.metadata().file_metadata().schema_descr().root_schema_ptr();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    for rows in reader.metadata().row_groups() {
        let mut group = writer.next_row_group().unwrap();
        for chunk in rows.columns() {
            let (packed, close) = column(codec, &plain, chunk, rows.num_rows());
            group.append_column(&packed, close).unwrap();
        }
        group.close().unwrap();
    }
    std::fs::write(path, writer.into_inner().unwrap()).unwrap();
}
