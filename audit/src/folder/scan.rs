//! Lines in order, one in memory at a time, none longer than a record may be.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::{Place, ReadError, segment, segments};
use crate::record::MAX_LINE;

/// A line without its newline, and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Where it begins.
    pub place: Place,
}

/// A walk over the segments of a log.
pub struct Scan {
    folder: PathBuf,
    /// The segment being read, and the last one.
    current: u32,
    last: u32,
    reader: BufReader<File>,
    offset: u64,
    line: Vec<u8>,
}

fn open(folder: &Path, number: u32) -> Result<BufReader<File>, ReadError> {
    let path = segment(folder, number);
    let file = super::open_regular(&path).map_err(ReadError::io("opening", &path))?;
    Ok(BufReader::with_capacity(256 << 10, file))
}

impl Scan {
    /// Begins at a segment, and goes on to the last one there is.
    ///
    /// # Errors
    /// A segment is missing, or the folder cannot be read.
    pub fn open(folder: &Path, first: u32) -> Result<Self, ReadError> {
        let found = segments(folder)?;
        // Segments before the first were archived; a removal that was cut short may leave some.
        let found: Vec<u32> = found.into_iter().filter(|number| *number >= first).collect();
        for (number, found) in (first..).zip(&found) {
            if number != *found {
                return Err(ReadError::MissingSegment { segment: number });
            }
        }
        let last = *found.last().ok_or(ReadError::MissingSegment { segment: first })?;
        let reader = open(folder, first)?;
        let folder = folder.to_owned();
        Ok(Self { folder, current: first, last, reader, offset: 0, line: Vec::new() })
    }

    /// Where the next line begins: after the last one, the end of the log.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { segment: self.current, offset: self.offset }
    }

    /// The next line, or none at the end.
    ///
    /// # Errors
    /// A line has no end or is too long, or a segment cannot be read.
    #[allow(clippy::should_implement_trait, reason = "the line borrows from the walk")]
    pub fn next(&mut self) -> Result<Option<Line<'_>>, ReadError> {
        loop {
            self.line.clear();
            let place = self.place();
            let path = || segment(&self.folder, place.segment);
            let read = (&mut self.reader)
                .take(MAX_LINE as u64 + 1)
                .read_until(b'\n', &mut self.line)
                .map_err(|source| ReadError::Io { doing: "reading", path: path(), source })?;
            if read == 0 && self.current < self.last {
                self.current += 1;
                self.offset = 0;
                self.reader = open(&self.folder, self.current)?;
                continue;
            }
            if read == 0 {
                return Ok(None);
            }
            if self.line.pop_if(|byte| *byte == b'\n').is_none() {
                let long = self.line.len() > MAX_LINE;
                let error =
                    if long { ReadError::TooLong { place } } else { ReadError::Torn { place } };
                return Err(error);
            }
            self.offset += read as u64;
            return Ok(Some(Line { bytes: &self.line, place }));
        }
    }
}
