//! What the repository does not hold: real patients, values that other implementations computed, and other programs.
//!
//! `tests/build.rs` looks for them when the tests are compiled. A test of what is absent is ignored, and the count of
//! ignored tests says so.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may stop, and knows its numbers")]

mod accountant;
mod beats;
mod brca;
mod ecgs;
mod images;
mod omop;
mod python;
mod survival;

use std::path::{Path, PathBuf};

/// A test that ends with what went wrong.
type Outcome = Result<(), tests::SetupError>;

/// A file or folder of the real data.
fn data(name: &str) -> PathBuf {
    Path::new(env!("CONSILIUM_SHARED_DATA")).join(name)
}

/// Whether an error says what to do, and not which file it is: its name may be a patient's.
fn says_what_to_do(error: &str, path: &Path) {
    let name = path.file_name().unwrap().to_string_lossy();
    assert!(!error.contains(&*name), "the file in: {error}");
    assert!(error.contains(';') || error.ends_with('?'), "no way out in: {error}");
}

fn close(found: f64, wanted: f64, within: f64) {
    assert!((found - wanted).abs() <= within, "{found} is not {wanted}");
}
