//! Parquet tables: the same cells as CSV, and what is refused.

use std::fs::File;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArrayType, FloatType, Int32Type,
    Int64Type, Int96, Int96Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use site_node::data::{
    DataError, Day, Request, Table, TableError, TableFormat, load, read, read_as,
};

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
    let csv = Hospital::new();
    let columnar = Hospital::new();
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

/// Of a type that is not read: refused where it is asked for, and nowhere else.
#[test]
fn a_changed_schema_is_named_by_its_column() {
    let hospital = Hospital::new();
    let path = hospital.place("odd.parquet");
    let schema = "message t {
        REQUIRED BYTE_ARRAY pid (UTF8);
        REPEATED DOUBLE age;
        REQUIRED FIXED_LEN_BYTE_ARRAY (3) sex;
        OPTIONAL group day { OPTIONAL INT32 y; }
        REQUIRED BYTE_ARRAY scan;
        REQUIRED INT96 seen;
    }";
    write(&path, schema, 1, &|place, column| {
        match place {
            0 => column.typed::<ByteArrayType>().write_batch(&texts(&["p1", "p2"]), None, None),
            1 => {
                column.typed::<DoubleType>().write_batch(&[1.0, 2.0], Some(&[1, 1]), Some(&[0, 0]))
            }
            2 => {
                let bytes = [ByteArray::from("abc").into(), ByteArray::from("def").into()];
                column.typed::<FixedLenByteArrayType>().write_batch(&bytes, None, None)
            }
            3 => column.typed::<Int32Type>().write_batch(&[1, 2], Some(&[2, 2]), None),
            4 => {
                let bytes = [ByteArray::from(vec![0xff, 0xfe]), ByteArray::from("text")];
                column.typed::<ByteArrayType>().write_batch(&bytes, None, None)
            }
            _ => column.typed::<Int96Type>().write_batch(&[julian(0), julian(1)], None, None),
        }
        .unwrap();
    });
    let table = read(&path, &["pid"]).unwrap();
    assert_eq!((table.len(), table.columns().len(), table.notes().count()), (2, 1, 5));
    for (column, found) in
        [("age", "a list"), ("sex", "fixed length"), ("day", "nested"), ("seen", "96 bits")]
    {
        let error = table.column(column).unwrap_err().to_string();
        assert!(error.contains(found) && error.contains(column), "{error}");
    }
    let scan = table.column("scan").map(|_| ()).unwrap_err();
    assert!(matches!(scan, DataError::Table(TableError::Encoding { row: 1, .. })), "{scan}");
    write(&path, BASE, 0, &|_, _| ());
    let none = read(&path, &[]).map(|_| ()).unwrap_err();
    assert!(matches!(none, DataError::Table(TableError::NoRows { .. })), "{none}");
}

/// Noon, some days after 1970-01-01.
fn julian(days: u32) -> Int96 {
    let nanoseconds: u64 = 43_200 * 1_000_000_000;
    let mut made = Int96::new();
    let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap();
    made.set_data(half(nanoseconds), half(nanoseconds >> 32), 2_440_588 + days);
    made
}

/// The day of a moment in UTC may be another one at the hospital, unless the hospital says that it is local.
/// The types of old writers are of UTC too.
#[test]
fn a_moment_in_utc_is_local_where_the_hospital_says_so() {
    let local = TableFormat { local_timestamps: true, ..TableFormat::default() };
    for (kind, day) in [
        ("INT64 moment (TIMESTAMP(MILLIS,true))", 86_400_000),
        ("INT64 moment (TIMESTAMP(MICROS,true))", 86_400_000_000),
        ("INT64 moment (TIMESTAMP_MILLIS)", 86_400_000),
        ("INT64 moment (TIMESTAMP_MICROS)", 86_400_000_000),
        ("INT96 moment", 0),
    ] {
        let hospital = Hospital::new();
        let path = hospital.place("moments.parquet");
        let schema = format!("message t {{ REQUIRED {kind}; }}");
        write(&path, &schema, 1, &|_, column| {
            if day == 0 {
                column.typed::<Int96Type>().write_batch(&[julian(1)], None, None).unwrap();
            } else {
                column.typed::<Int64Type>().write_batch(&[day + day / 2], None, None).unwrap();
            }
        });
        let error = read(&path, &["moment"]).unwrap().column("moment").map(|_| ()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("UTC") && text.contains("timestamps = \"local\""), "{kind}: {text}");
        let table = read_as(&path, &Request::of(&["moment"], &local)).unwrap();
        assert_eq!(table.column("moment").unwrap().text(0), "1970-01-02T12:00:00", "{kind}");
        // Noon in UTC is the day after in Kiritimati, whatever form the table's texts have.
        for (zone, day) in
            [("UTC", "1970-01-02"), ("+14:00", "1970-01-03"), ("-13:00", "1970-01-01")]
        {
            let toml = format!(
                "tables = [\"moments.parquet\"]\npatient = \"pid\"\ntime_zone = {zone:?}\n\
                 date_format = \"%d.%m.%Y\"\n[outcome]\ntime = \"t\"\nunit = \"days\"\nevent = \"e\"\n"
            );
            hospital.write("cohort.toml", toml);
            let format = hospital.source().formats.all;
            let table = read_as(&path, &Request::of(&["moment"], &format)).unwrap();
            let days = table.column("moment").unwrap().days();
            assert_eq!(days, [Ok(Day::parse(day).ok())], "{kind} {zone}");
        }
    }
}

#[test]
fn decimals_unsigned_numbers_and_uuids_are_read() {
    let hospital = Hospital::new();
    let path = hospital.place("numbers.parquet");
    let schema = "message t {
        REQUIRED FIXED_LEN_BYTE_ARRAY (16) pid (DECIMAL(38,0));
        REQUIRED BYTE_ARRAY crp (DECIMAL(10,2));
        REQUIRED INT32 count (UINT_32);
        REQUIRED INT64 long (UINT_64);
        REQUIRED FIXED_LEN_BYTE_ARRAY (16) id (UUID);
    }";
    let wide = |value: i128| ByteArray::from(value.to_be_bytes().to_vec());
    write(&path, schema, 1, &|place, column| {
        match place {
            0 => column.typed::<FixedLenByteArrayType>().write_batch(
                &[wide(12).into(), wide(1 << 60).into()],
                None,
                None,
            ),
            1 => {
                let cells = [ByteArray::from(vec![0xff, 0x38]), ByteArray::from(vec![0x11, 0xee])];
                column.typed::<ByteArrayType>().write_batch(&cells, None, None)
            }
            2 => column.typed::<Int32Type>().write_batch(&[-1, 7], None, None),
            3 => column.typed::<Int64Type>().write_batch(&[-1, 7], None, None),
            _ => column.typed::<FixedLenByteArrayType>().write_batch(
                &[wide(0x0123).into(), wide(-1).into()],
                None,
                None,
            ),
        }
        .unwrap();
    });
    let comma = TableFormat { decimal_comma: true, ..TableFormat::default() };
    let table = read_as(&path, &Request::of(&["pid"], &comma)).unwrap();
    let row = |row| -> Vec<String> {
        table.columns().iter().map(|column| column.text(row).into_owned()).collect()
    };
    assert_eq!(
        row(0),
        ["12", "-2", "4294967295", "18446744073709551615", "00000000-0000-0000-0000-000000000123"]
    );
    assert_eq!(
        row(1),
        ["1152921504606846976", "45.9", "7", "7", "ffffffff-ffff-ffff-ffff-ffffffffffff"]
    );
}

/// Spark and DuckDB write a table as a folder of parts.
#[test]
fn a_folder_of_parts_is_one_table() {
    let hospital = Hospital::new();
    let rows = |table: &Table| -> Vec<String> {
        let column = table.column("pid").unwrap();
        (0..table.len()).map(|row| column.text(row).into_owned()).collect()
    };
    let part = |name: &str, schema: &str, names: &[&str]| {
        std::fs::create_dir_all(hospital.place("t.parquet")).unwrap();
        write(&hospital.place("t.parquet").join(name), schema, 1, &|_, column| {
            column.typed::<ByteArrayType>().write_batch(&texts(names), None, None).unwrap();
        });
    };
    let schema = "message t { REQUIRED BYTE_ARRAY pid (UTF8); }";
    part("part-00001.parquet", schema, &["p3"]);
    part("part-00000.parquet", schema, &["p1", "p2"]);
    hospital.write("t.parquet/_SUCCESS", "");
    let path = hospital.place("t.parquet").canonicalize().unwrap();
    let table = read(&path, &["pid"]).unwrap();
    assert_eq!(rows(&table), ["p1", "p2", "p3"]);
    assert_eq!((table.files().as_str(), table.columns()[0].row(2)), ("t.parquet", 3));
    part("part-00002.parquet", "message t { REQUIRED BYTE_ARRAY id (UTF8); }", &["p4"]);
    let error = read(&path, &["pid"]).map(|_| ()).unwrap_err();
    assert!(matches!(error, DataError::Table(TableError::ParquetParts { part: 3, .. })), "{error}");
    std::fs::remove_file(path.join("part-00002.parquet")).unwrap();
    std::fs::write(hospital.place("out.parquet"), "x").unwrap();
    std::os::unix::fs::symlink(hospital.place("out.parquet"), path.join("part-3.parquet")).unwrap();
    assert!(matches!(read(&path, &["pid"]), Err(DataError::LinkOut { .. })));
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
