//! The file with patients' predictions: new, for its owner alone, and removed where it cannot be finished.

use std::fs::{File, OpenOptions, remove_file};
use std::io::{BufWriter, ErrorKind};
use std::path::Path;

use super::{Asked, PredictError, Told, predict};

/// Scores patients into a file that only its owner can read. One that is there is never written over, and
/// what cannot be finished is removed.
///
/// # Errors
/// As [`predict`], and for a file that is there already.
pub fn into_file(asked: Asked<'_>, path: &Path) -> Result<Told, PredictError> {
    let file = create(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => PredictError::Exists { path: path.to_owned() },
        _ => PredictError::Io(error),
    })?;
    let mut out = BufWriter::new(&file);
    let told = predict(asked, &mut out).and_then(|told| {
        drop(out);
        file.sync_all()?;
        Ok(told)
    });
    if told.is_err() {
        // What led here is told; that half a file stays too would not be.
        let _ = remove_file(path);
    }
    told
}

fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
