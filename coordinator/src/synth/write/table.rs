//! A CSV file that is written row by row. Its cells are numbers, dates and plain names: nothing
//! needs quotes.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use super::super::error::SynthError;
use super::failed;

/// A table that is being written.
pub(super) struct Table {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Table {
    /// Begins a table by its header, a line without its end.
    pub(super) fn create(path: PathBuf, header: &str) -> Result<Self, SynthError> {
        let file = File::create(&path).map_err(failed("making", &path))?;
        let mut table = Self { path, file: BufWriter::new(file) };
        table.push(&format!("{header}\n"))?;
        Ok(table)
    }

    /// Appends whole lines.
    pub(super) fn push(&mut self, lines: &str) -> Result<(), SynthError> {
        self.file.write_all(lines.as_bytes()).map_err(failed("writing", &self.path))
    }

    /// Hands what is left to the system.
    pub(super) fn finish(mut self) -> Result<(), SynthError> {
        self.file.flush().map_err(failed("writing", &self.path))
    }
}
