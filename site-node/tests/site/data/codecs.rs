//! Parquet files of every common compression hold the same cells; a page that unpacks to more than its column says is
//! damaged, and costs no memory.

use std::fs::File;
use std::sync::Arc;

use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type};
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::{Hospital, packed};

const SCHEMA: &str =
    "message t { REQUIRED BYTE_ARRAY pid (UTF8); OPTIONAL DOUBLE months; REQUIRED INT32 died; }";

/// Sixty patients in a file that is packed so.
fn hospital(codec: Compression, version: WriterVersion, dictionary: bool) -> Hospital {
    let hospital = Hospital::new();
    // What the crate packs only with more features than the program has.
    let ours = matches!(codec, Compression::GZIP(_) | Compression::BROTLI(_));
    let properties = WriterProperties::builder()
        .set_compression(if ours { Compression::UNCOMPRESSED } else { codec })
        .set_writer_version(version)
        .set_dictionary_enabled(dictionary)
        .set_data_page_row_count_limit(25)
        .set_write_batch_size(10)
        .build();
    let file = File::create(hospital.place("cohort.parquet")).unwrap();
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let names: Vec<ByteArray> =
        (1..=60).map(|n| ByteArray::from(format!("p{n}").as_str())).collect();
    let months: Vec<f64> = (1..=60).map(|n| f64::from(n) + 0.5).collect();
    let died: Vec<i32> = (1..=60).map(|n| n % 2).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&names, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<DoubleType>().write_batch(&months, Some(&[1; 60]), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int32Type>().write_batch(&died, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    if ours {
        packed::pack(&hospital.place("cohort.parquet"), codec);
    }
    hospital.write(
        "cohort.toml",
        "tables = [\"cohort.parquet\"]\npatient = \"pid\"\n[outcome]\ntime = \"months\"\nunit = \"months\"\n\
         event = \"died\"\n",
    );
    hospital
}

#[test]
fn every_codec_gives_the_cells_that_were_packed() {
    for codec in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4_RAW,
        Compression::LZ4,
        Compression::ZSTD(ZstdLevel::default()),
    ] {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            for dictionary in [false, true] {
                let hospital = hospital(codec, version, dictionary);
                let told = hospital.told(None);
                assert!(told.good, "{codec:?} {version:?} {dictionary}: {}", told.text);
                let table = hospital.read().0.unwrap().table;
                let months = table.column("months").unwrap().numbers().unwrap();
                let wanted: Vec<f64> = (1..=60).map(|n| f64::from(n) + 0.5).collect();
                assert_eq!(months, wanted, "{codec:?} {version:?} {dictionary}");
                assert_eq!(table.column("pid").unwrap().text(59), "p60");
            }
        }
    }
}

#[test]
fn a_packed_file_that_is_cut_or_changed_is_damaged_and_no_panic() {
    for codec in [
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4_RAW,
    ] {
        let hospital = hospital(codec, WriterVersion::PARQUET_1_0, false);
        let bytes = std::fs::read(hospital.place("cohort.parquet")).unwrap();
        let mut damaged = 0;
        // Every seventh byte of the pages, which start after four bytes.
        for place in (4..400).step_by(7) {
            let mut changed = bytes.clone();
            changed[place] ^= 0xff;
            hospital.write("cohort.parquet", &changed);
            let (_, problems) = hospital.read();
            damaged += usize::from(!problems.is_empty());
        }
        assert!(damaged > 10, "{codec:?}: {damaged}");
    }
}
