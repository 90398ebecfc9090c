//! How long it takes to read and check a large table, as CSV and as Parquet, and in how much memory:
//!
//! ```text
//! cargo run --release -p site-node --example table_speed -- [PATIENTS] [COLUMNS]
//! ```
//!
//! Each is done in a process of its own, whose peak memory is told.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a benchmark measures, and may stop"
)]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::{Value, json};
use site_node::data::Source;
use site_node::inspect::{Check, check};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const GROUP: usize = 20_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [verb, folder] = arguments.as_slice()
        && verb == "check"
    {
        println!("{}", checked(Path::new(folder)));
        return;
    }
    let number = |place: usize, otherwise: usize| {
        arguments.get(place).map_or(otherwise, |text| text.parse().unwrap())
    };
    let patients = number(0, 100_000);
    let columns = number(1, 200);
    let home = tempfile::tempdir().unwrap();
    let mut report = json!({ "patients": patients, "columns": columns });
    for kind in ["csv", "parquet"] {
        let folder = home.path().join(kind);
        fs::create_dir(&folder).unwrap();
        let table = folder.join(format!("all.{kind}"));
        if kind == "csv" {
            csv(&table, patients, columns);
        } else {
            columnar(&table, patients, columns);
        }
        let cohort = format!(
            "tables = [\"all.{kind}\"]\npatient = \"pid\"\n[outcome]\ntime = \"time\"\nunit = \"days\"\n\
             event = \"event\"\n"
        );
        fs::write(folder.join("cohort.toml"), cohort).unwrap();
        let own = std::env::current_exe().unwrap();
        let output = Command::new(own).arg("check").arg(&folder).output().unwrap();
        let mut told: Value = serde_json::from_slice(&output.stdout).unwrap();
        told["megabytes"] = json!(fs::metadata(&table).unwrap().len() / 1_000_000);
        report[kind] = told;
    }
    println!("{report}");
}

fn checked(folder: &Path) -> Value {
    let source = Source::load(&folder.join("cohort.toml")).unwrap();
    let start = std::time::Instant::now();
    let cache = folder.join("cache");
    let asked = Check { source: &source, policy: None, plan: None, today: None, cache: &cache };
    let found = check(&asked, &|_, _| ());
    let seconds = start.elapsed().as_secs_f64();
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    json!({ "seconds": seconds, "peak_mb": peak / 1000 })
}

/// A number between −5 and 5 with four digits, the same for the same place.
fn value(row: usize, column: usize) -> f64 {
    let mixed = (row * 2_654_435_761 + column * 40_503) % 100_000;
    mixed as f64 / 10_000.0 - 5.0
}

fn csv(path: &Path, patients: usize, columns: usize) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let names: String = (0..columns).fold(String::new(), |mut text, column| {
        let _ = write!(text, ",x{column}");
        text
    });
    writeln!(file, "pid,time,event{names}").unwrap();
    for row in 0..patients {
        write!(file, "p{row:06},{},{}", row % 3000 + 1, row % 3 % 2).unwrap();
        for column in 0..columns {
            write!(file, ",{:.4}", value(row, column)).unwrap();
        }
        writeln!(file).unwrap();
    }
    file.flush().unwrap();
}

fn columnar(path: &Path, patients: usize, columns: usize) {
    let mut schema = "message all { REQUIRED BYTE_ARRAY pid (UTF8); REQUIRED INT32 time; \
                      REQUIRED INT32 event;"
        .to_owned();
    for column in 0..columns {
        let _ = write!(schema, " REQUIRED DOUBLE x{column};");
    }
    let schema = Arc::new(parse_message_type(&(schema + " }")).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer =
        SerializedFileWriter::new(File::create(path).unwrap(), schema, properties).unwrap();
    for start in (0..patients).step_by(GROUP) {
        let rows = start..patients.min(start + GROUP);
        let mut group = writer.next_row_group().unwrap();
        let mut place = 0;
        while let Some(mut cells) = group.next_column().unwrap() {
            let number = |row: usize| i32::try_from(row).unwrap();
            match place {
                0 => {
                    let names: Vec<ByteArray> =
                        rows.clone().map(|row| ByteArray::from(&*format!("p{row:06}"))).collect();
                    cells.typed::<ByteArrayType>().write_batch(&names, None, None).unwrap();
                }
                1 | 2 => {
                    let of = |row| number(if place == 1 { row % 3000 + 1 } else { row % 3 % 2 });
                    let values: Vec<i32> = rows.clone().map(of).collect();
                    cells.typed::<Int32Type>().write_batch(&values, None, None).unwrap();
                }
                _ => {
                    let values: Vec<f64> = rows.clone().map(|row| value(row, place - 3)).collect();
                    cells.typed::<DoubleType>().write_batch(&values, None, None).unwrap();
                }
            }
            cells.close().unwrap();
            place += 1;
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}
