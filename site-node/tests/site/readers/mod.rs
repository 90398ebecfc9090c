//! Readers of ECGs and images, on files that are made here.

#![allow(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop, and knows its numbers"
)]

mod build;
mod cached;
mod dicom_broken;
mod fuzz;
mod image_broken;
mod jpeg;
mod segments;
mod tones;
mod wfdb_broken;

use std::path::{Path, PathBuf};

/// Writes a file into a folder of its own.
fn written(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Whether an error says what to do, and not which file it is: that bears its patient's name.
fn says_what_to_do(error: &str, path: &Path) {
    let name = path.file_name().unwrap().to_string_lossy();
    assert!(!error.contains(&*name), "the file in: {error}");
    assert!(error.contains(';') || error.ends_with('?'), "no way out in: {error}");
    assert!(!error.chars().any(char::is_control), "control character in: {error:?}");
}

fn close(found: f64, wanted: f64, within: f64) {
    assert!((found - wanted).abs() <= within, "{found} is not {wanted}");
}
