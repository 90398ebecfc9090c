//! Parquet tables: the same cells as CSV, and what is refused.

use std::fs::File;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use site_node::data::{DataError, TableError, load, read};

use super::Hospital;

type Put<'a> = &'a dyn Fn(usize, &mut SerializedColumnWriter<'_>);

/// Writes a table of one row group.
fn write(path: &std::path::Path, schema: &str, groups: usize, put: Put<'_>) {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    for _ in 0..groups {
        let mut group = writer.next_row_group().unwrap();
        let mut place = 0;
        while let Some(mut column) = group.next_column().unwrap() {
            put(place, &mut column);
            column.close().unwrap();
            place += 1;
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

fn texts(values: &[&str]) -> Vec<ByteArray> {
    values.iter().map(|text| ByteArray::from(*text)).collect()
}

const BASE: &str = "message base {
    REQUIRED BYTE_ARRAY pid (UTF8);
    REQUIRED INT32 day (DATE);
    OPTIONAL DOUBLE age;
    OPTIONAL BYTE_ARRAY sex (UTF8);
    OPTIONAL FLOAT glucose;
}";

/// The table `base.csv` as Parquet.
pub(crate) fn base(hospital: &Hospital) {
    write(&hospital.place("base.parquet"), BASE, 1, &|place, column| {
        match place {
            0 => column.typed::<ByteArrayType>().write_batch(
                &texts(&["p1", "p2", "p3", "p4"]),
                None,
                None,
            ),
            1 => column.typed::<Int32Type>().write_batch(&[18271, 18293, 18322, 18323], None, None),
            2 => column.typed::<DoubleType>().write_batch(
                &[61.0, 70.5, 55.0, 50.0],
                Some(&[1; 4]),
                None,
            ),
            3 => column.typed::<ByteArrayType>().write_batch(
                &texts(&["f", "m", "f", "m"]),
                Some(&[1; 4]),
                None,
            ),
            _ => {
                column.typed::<FloatType>().write_batch(&[5.5, 7.0, 6.0], Some(&[1, 0, 1, 1]), None)
            }
        }
        .unwrap();
    });
    hospital.edit("cohort.toml", "base.csv", "base.parquet");
}

#[test]
fn a_parquet_table_holds_the_cells_of_its_csv() {
    let (csv, columnar) = (Hospital::new(), Hospital::new());
    base(&columnar);
    let cells = |hospital: &Hospital| {
        let table = load(&hospital.source()).unwrap().table;
        let all = |row| table.columns().iter().map(move |column| column.text(row).into_owned());
        (0..table.len()).map(|row| all(row).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    assert_eq!(cells(&csv), cells(&columnar));
    assert!(columnar.check(None).problems.is_empty());
}

#[test]
fn every_type_comes_to_its_cell() {
    let hospital = Hospital::new();
    let path = hospital.place("types.parquet");
    let schema = "message t {
        REQUIRED BOOLEAN flag;
        REQUIRED INT64 moment (TIMESTAMP(MILLIS,false));
        REQUIRED INT64 money (DECIMAL(10,2));
        REQUIRED INT32 code;
        REQUIRED INT64 long;
    }";
    write(&path, schema, 2, &|place, column| {
        match place {
            0 => column.typed::<BoolType>().write_batch(&[true, false], None, None),
            1 => {
                let stamps = [18_271 * 86_400_000, 18_271 * 86_400_000 + 3_661_000];
                column.typed::<Int64Type>().write_batch(&stamps, None, None)
            }
            2 => column.typed::<Int64Type>().write_batch(&[-5, 12_345], None, None),
            3 => column.typed::<Int32Type>().write_batch(&[7, -8], None, None),
            _ => column.typed::<Int64Type>().write_batch(&[i64::MAX, 3], None, None),
        }
        .unwrap();
    });
    let table = read(&path, &["code"]).unwrap();
    let row = |row| table.columns().iter().map(|column| column.text(row).into_owned()).collect();
    let (one, two): (Vec<String>, Vec<String>) = (row(2), row(3));
    assert_eq!(one, ["1", "2020-01-10", "-0.05", "7", "9223372036854775807"]);
    assert_eq!(two, ["0", "2020-01-10T01:01:01", "123.45", "-8", "3"]);
    assert_eq!(table.columns()[0].row(0), 1);
}

/// A number column that became text, a list, a column that is gone.
#[test]
fn a_changed_schema_is_named_by_its_column() {
    let hospital = Hospital::new();
    base(&hospital);
    let schema = BASE.replace("OPTIONAL DOUBLE age", "REPEATED DOUBLE age");
    write(&hospital.place("base.parquet"), &schema, 0, &|_, _| ());
    let error = hospital.problem();
    assert!(
        matches!(&error, DataError::Table(TableError::ParquetType { column, .. }) if column == "age"),
        "{error}"
    );
    let schema = BASE.replace("BYTE_ARRAY sex (UTF8)", "FIXED_LEN_BYTE_ARRAY (3) sex");
    write(&hospital.place("base.parquet"), &schema, 0, &|_, _| ());
    assert!(matches!(hospital.problem(), DataError::Table(TableError::ParquetType { .. })));
    let schema =
        BASE.replace("REQUIRED INT32 day (DATE);", "OPTIONAL group day { OPTIONAL INT32 y; }");
    write(&hospital.place("base.parquet"), &schema, 0, &|_, _| ());
    assert!(matches!(
        hospital.problem(),
        DataError::Table(TableError::ParquetType { found: "nested", .. })
    ));
    write(&hospital.place("base.parquet"), BASE, 0, &|_, _| ());
    assert!(matches!(hospital.problem(), DataError::Table(TableError::NoRows { .. })));
    write(
        &hospital.place("base.parquet"),
        "message t { REQUIRED BYTE_ARRAY pid (UTF8); }",
        1,
        &|_, column| {
            column.typed::<ByteArrayType>().write_batch(&texts(&["p1", "p2"]), None, None).unwrap();
        },
    );
    let (_, problems) = hospital.read();
    let missing =
        problems.found().iter().any(|error| matches!(error, DataError::MissingColumn { .. }));
    assert!(missing, "{problems:?}");
}

/// The day of a moment in UTC may be another one at the hospital. The types of old writers are of UTC too.
#[test]
fn a_moment_in_utc_is_refused_whoever_wrote_it() {
    for kind in
        ["TIMESTAMP(MILLIS,true)", "TIMESTAMP(MICROS,true)", "TIMESTAMP_MILLIS", "TIMESTAMP_MICROS"]
    {
        let hospital = Hospital::new();
        let path = hospital.place("moments.parquet");
        let schema = format!("message t {{ REQUIRED INT64 moment ({kind}); }}");
        write(&path, &schema, 1, &|_, column| {
            column.typed::<Int64Type>().write_batch(&[0], None, None).unwrap();
        });
        let error = read(&path, &["moment"]).map(|_| ()).unwrap_err();
        assert!(
            matches!(error, DataError::Table(TableError::ParquetType { .. })),
            "{kind}: {error}"
        );
        assert!(error.to_string().contains("UTC"), "{kind}: {error}");
    }
}

/// Cut anywhere, or with any byte changed: an error or other cells, and never a crash.
#[test]
fn broken_files_are_refused_without_a_crash() {
    let hospital = Hospital::new();
    base(&hospital);
    let path = hospital.place("base.parquet");
    let good = std::fs::read(&path).unwrap();
    hospital.write("base.parquet", b"");
    assert!(matches!(hospital.problem(), DataError::Table(TableError::EmptyFile { .. })));
    hospital.write("base.parquet", "pid,day\np1,2020-01-01\n");
    assert!(matches!(hospital.problem(), DataError::Table(TableError::BrokenParquet { .. })));
    for cut in (1..good.len()).step_by(7) {
        hospital.write("base.parquet", &good[..cut]);
        assert!(read(&path, &[]).is_err(), "{cut}");
    }
    for place in (0..good.len()).step_by(3) {
        let mut bad = good.clone();
        bad[place] ^= 0xff;
        hospital.write("base.parquet", bad);
        let _ = read(&path, &[]);
    }
}
