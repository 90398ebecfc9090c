//! Texts that are kept once, however often they stand in a column.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The number of the empty text.
pub(in crate::data) const EMPTY: u32 = 0;

/// Distinct texts, numbered in the order of their first appearance; number 0 is the empty one.
#[derive(Clone)]
pub struct Words {
    words: Vec<Arc<str>>,
    places: BTreeMap<Arc<str>, u32>,
}

impl Default for Words {
    fn default() -> Self {
        let empty: Arc<str> = "".into();
        Self { words: vec![Arc::clone(&empty)], places: BTreeMap::from([(empty, EMPTY)]) }
    }
}

impl Words {
    /// The number of a text, which is new where it was not seen before.
    pub fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.places.get(text) {
            return *number;
        }
        // A table holds fewer cells than 2^32: files are bounded.
        let number = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        let word: Arc<str> = text.into();
        self.words.push(Arc::clone(&word));
        self.places.insert(word, number);
        number
    }

    /// The number of a text that was seen.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<u32> {
        self.places.get(text).copied()
    }

    /// A text by its number.
    #[must_use]
    pub fn word(&self, number: u32) -> &str {
        self.words.get(number as usize).map_or("", |word| word)
    }

    /// Every text, by its number.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|word| &**word)
    }
}
