//! Many mistakes at once, as many as a person reads.

use super::error::DataError;

/// What is wrong, in the order it was found.
#[derive(Debug)]
pub struct Problems {
    found: Vec<DataError>,
    most: usize,
    more: usize,
}

impl Problems {
    /// Keeps up to `most`, and counts what comes after them.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { found: Vec::new(), most, more: 0 }
    }

    /// Adds one.
    pub fn note(&mut self, error: impl Into<DataError>) {
        if self.found.len() < self.most {
            self.found.push(error.into());
        } else {
            self.more += 1;
        }
    }

    /// The value, or none and its error noted.
    pub fn take<T>(&mut self, result: Result<T, impl Into<DataError>>) -> Option<T> {
        result.map_err(|error| self.note(error)).ok()
    }

    /// Whether nothing was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.more == 0
    }

    /// What was noted.
    #[must_use]
    pub fn found(&self) -> &[DataError] {
        &self.found
    }

    /// How many came after those that are kept.
    #[must_use]
    pub fn more(&self) -> usize {
        self.more
    }

    /// The first one.
    #[must_use]
    pub fn first(self) -> Option<DataError> {
        self.found.into_iter().next()
    }
}
