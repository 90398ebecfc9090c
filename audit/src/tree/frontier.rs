//! The state that appending needs: one hash for each bit of the size.

use super::{Hash, MAX_SIZE, empty, node};

/// The roots of a tree's complete subtrees, largest first: O(log n) of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree of which the peaks were kept. `None` where their number is not that of the size, or the size
    /// is above [`MAX_SIZE`].
    #[must_use]
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        let fits = size <= MAX_SIZE && peaks.len() == size.count_ones() as usize;
        fits.then_some(Self { size, peaks })
    }

    /// How many leaves it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its complete subtrees, largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut top = leaf;
        // Each trailing 1 of the size is a subtree as large as the one that has just become whole.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                top = node(&left, &top);
            }
        }
        self.peaks.push(top);
        self.size += 1;
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return empty();
        };
        peaks.fold(*last, |right, left| node(left, &right))
    }
}
