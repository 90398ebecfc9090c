//! Readers of ECGs and images: on real files where they are installed, and on broken ones that are
//! made here.

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
mod ecg_real;
mod fuzz;
mod image_broken;
mod image_real;
mod segments;
mod tones;
mod wfdb_broken;

use std::path::{Path, PathBuf};

/// A real file, or a printed line that says what is skipped.
///
/// The folder is `CONSILIUM_SHARED_DATA`, or `shared/data` beside the workspace.
fn real(file: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let folder =
        std::env::var_os("CONSILIUM_SHARED_DATA").map_or_else(|| default.into(), PathBuf::from);
    let path = folder.join(file);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("skipped: real file {} is absent (set CONSILIUM_SHARED_DATA)", path.display());
    None
}

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
