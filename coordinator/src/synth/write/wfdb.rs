//! WFDB records: a header in plain text, and samples in format 16.
//!
//! ```text
//! p1_000001 12 100 1000                                     record, signals, Hz, samples
//! p1_000001.dat 16 1000(0)/mV 16 0 -58 -21405 0 I            file, format, gain(baseline)/unit,
//! …                                                         bits, zero, first, checksum, block, lead
//! ```
//!
//! Samples are two bytes, the lower first, time by time with all leads. The checksum is the sum of a
//! lead's samples modulo 2¹⁶. Source: PhysioNet, WFDB Applications Guide, header(5) and signal(5).

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::super::ecg::{EcgRate, LEADS, NAMES, Record};
use super::super::error::SynthError;
use super::failed;

/// Writes `NAME.hea` and `NAME.dat` into a folder.
pub(super) fn write(
    folder: &Path,
    name: &str,
    rate: EcgRate,
    record: &Record,
) -> Result<(), SynthError> {
    let put = |ending: &str, bytes: &[u8]| {
        let path = folder.join(format!("{name}.{ending}"));
        fs::write(&path, bytes).map_err(failed("writing", &path))
    };
    let samples: Vec<u8> = record.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    put("dat", &samples)?;
    put("hea", header(name, rate, record).as_bytes())
}

fn header(name: &str, rate: EcgRate, record: &Record) -> String {
    let mut text = format!("{name} {LEADS} {} {}\n", rate.hertz(), record.len());
    for (lead, lead_name) in NAMES.iter().enumerate() {
        let first = record.first().map_or(0, |sample| sample[lead]);
        let checksum = record.iter().fold(0_i16, |sum, sample| sum.wrapping_add(sample[lead]));
        // A String takes whatever is written to it.
        let _ = writeln!(text, "{name}.dat 16 1000(0)/mV 16 0 {first} {checksum} 0 {lead_name}");
    }
    text.push_str("# synthetic\n");
    text
}
