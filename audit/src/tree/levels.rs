//! Every complete subtree, so that proofs need no look at the lines: 64 bytes of memory a record.

use std::collections::BTreeMap;

use super::{Frontier, Hash, empty, node};

/// A proof that cannot be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// More is asked for than there is.
    #[error("no proof for {asked}: the tree has {size} records")]
    Beyond {
        /// The index or size asked for.
        asked: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// The leaves were archived away.
    #[error(
        "no proof for {asked}: the first {archived} records were archived; prove it from a copy"
    )]
    Archived {
        /// The index or size asked for.
        asked: u64,
        /// How many leaves are gone.
        archived: u64,
    },
}

/// A complete subtree: that of 2^`height` leaves, from leaf `index` · 2^`height` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subtree {
    /// Its height; 0 is a leaf.
    pub height: u32,
    /// Its place among those of its height, from 0.
    pub index: u64,
    /// Its root.
    pub hash: Hash,
}

/// The complete subtrees of one size: those from index `first` on.
#[derive(Debug, Clone, Default)]
struct Level {
    first: u64,
    hashes: Vec<Hash>,
}

/// A tree that can prove. Leaves before its first may be missing: see [`Tree::after`].
#[derive(Debug, Clone, Default)]
pub struct Tree {
    archived: u64,
    size: u64,
    levels: Vec<Level>,
    /// Subtrees of archived leaves, by height and index.
    kept: BTreeMap<(u32, u64), Hash>,
}

impl Tree {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree that goes on after leaves of which the frontier alone was kept.
    ///
    /// # Proof
    /// A proof for what comes after them needs no other part of them: of the old leaves, it names
    /// complete subtrees on the left of a path that leaves the old tree's, and these are its peaks.
    #[must_use]
    pub fn after(frontier: &Frontier) -> Self {
        let size = frontier.size();
        let mut peaks = frontier.peaks().iter().rev();
        let level = |bit: u32| match size >> bit & 1 {
            0 => Level { first: size >> bit, hashes: Vec::new() },
            _ => Level {
                first: (size >> bit) - 1,
                hashes: peaks.next().copied().into_iter().collect(),
            },
        };
        let levels = (0..u64::BITS - size.leading_zeros()).map(level).collect();
        Self { archived: size, size, levels, kept: BTreeMap::new() }
    }

    /// The same tree, which knows these subtrees of its archived leaves as well. They are believed: whoever keeps them
    /// signs them.
    #[must_use]
    pub fn with_kept(mut self, kept: &[Subtree]) -> Self {
        self.kept = kept.iter().map(|found| ((found.height, found.index), found.hash)).collect();
        self
    }

    /// The subtrees by which a tree that goes on after its first `size` leaves, and has lost these, still proves that it
    /// goes on from what it was at `old`.
    ///
    /// # Proof
    /// The root at `old` is the fold of the peaks of the first `old` leaves. A consistency proof names these and, right of
    /// them, complete subtrees that begin at `old` or after one of them. One that ends within the first `size` leaves is
    /// kept here; one that ends beyond is made again from the peaks at `size` and the leaves after it.
    ///
    /// # Errors
    /// The tree never had one of the sizes, or does not know these subtrees any more.
    pub fn subtrees(&self, old: u64, size: u64) -> Result<Vec<Subtree>, ProofError> {
        if size > self.size || old > size {
            return Err(ProofError::Beyond { asked: old.max(size), size: self.size });
        }
        let get = |height: u32, index: u64| {
            let hash = self.complete(height, index).ok_or_else(|| self.gone(old))?;
            Ok(Subtree { height, index, hash })
        };
        let mut found = Vec::new();
        let mut from = 0;
        for height in (0..u64::BITS).rev().filter(|height| old >> height & 1 == 1) {
            found.push(get(height, from >> height)?);
            from += 1 << height;
        }
        while from > 0 {
            let height = from.trailing_zeros();
            let Some(to) = from.checked_add(1 << height).filter(|to| *to <= size) else { break };
            found.push(get(height, from >> height)?);
            from = to;
        }
        Ok(found)
    }

    /// How many leaves it has, archived ones included.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut top = leaf;
        let mut index = self.size;
        for bit in 0.. {
            if self.levels.len() == bit {
                self.levels.push(Level { first: index, hashes: Vec::new() });
            }
            let level = &mut self.levels[bit];
            let left = level.hashes.last().copied();
            level.hashes.push(top);
            // An odd index completes the pair above.
            match left {
                Some(left) if index % 2 == 1 => top = node(&left, &top),
                _ => break,
            }
            index /= 2;
        }
        self.size += 1;
    }

    fn complete(&self, bit: u32, index: u64) -> Option<Hash> {
        let left = || {
            let level = self.levels.get(bit as usize)?;
            let place = usize::try_from(index.checked_sub(level.first)?).ok()?;
            level.hashes.get(place).copied()
        };
        left().or_else(|| self.kept.get(&(bit, index)).copied())
    }

    /// The root of the leaves `from..to`, where `from` is a multiple of the range's largest part.
    fn range(&self, from: u64, to: u64) -> Option<Hash> {
        let size = to - from;
        if size.is_power_of_two() {
            let bit = size.trailing_zeros();
            return self.complete(bit, from >> bit);
        }
        let left = split(size)?;
        Some(node(&self.range(from, from + left)?, &self.range(from + left, to)?))
    }

    fn gone(&self, asked: u64) -> ProofError {
        if asked > self.size {
            return ProofError::Beyond { asked, size: self.size };
        }
        ProofError::Archived { asked, archived: self.archived }
    }

    /// The root that the tree had, or has, at this size.
    ///
    /// # Errors
    /// It never had that size, or not since leaves were archived.
    pub fn root_at(&self, size: u64) -> Result<Hash, ProofError> {
        if size == 0 {
            return Ok(empty());
        }
        if size > self.size {
            return Err(self.gone(size));
        }
        self.range(0, size).ok_or_else(|| self.gone(size))
    }

    /// The path that proves leaf `index`, from 0, in the tree as it was at `size`
    /// (RFC 9162, section 2.1.3.1), lowest first.
    ///
    /// # Errors
    /// There is no such leaf, or it was archived.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, ProofError> {
        if size > self.size || index >= size {
            return Err(ProofError::Beyond { asked: index.max(size), size: self.size });
        }
        let mut path = Vec::new();
        let mut from = 0;
        let mut to = size;
        while let Some(left) = split(to - from) {
            let middle = from + left;
            let sibling = if index < middle { (middle, to) } else { (from, middle) };
            path.push(self.range(sibling.0, sibling.1).ok_or_else(|| self.gone(index))?);
            (from, to) = if index < middle { (from, middle) } else { (middle, to) };
        }
        path.reverse();
        Ok(path)
    }

    /// The proof that the tree at `size` goes on from the one at `old`
    /// (RFC 9162, section 2.1.4.1), lowest first.
    ///
    /// # Errors
    /// The tree never had one of the sizes, or `old` lies among archived leaves.
    pub fn consistency(&self, old: u64, size: u64) -> Result<Vec<Hash>, ProofError> {
        if size > self.size || old > size {
            return Err(ProofError::Beyond { asked: old.max(size), size: self.size });
        }
        let mut path = Vec::new();
        if old == 0 || old == size {
            return Ok(path);
        }
        let get = |from, to| self.range(from, to).ok_or_else(|| self.gone(old));
        let mut from = 0;
        let mut to = size;
        while old != to {
            let middle = from + split(to - from).unwrap_or(1);
            if old <= middle {
                path.push(get(middle, to)?);
                to = middle;
            } else {
                path.push(get(from, middle)?);
                from = middle;
            }
        }
        // The old tree's own root is known to whoever checks, where it is a subtree of the new one.
        if from != 0 {
            path.push(get(from, to)?);
        }
        path.reverse();
        Ok(path)
    }
}

/// The size of the left part of a tree: the largest power of two below its size.
fn split(size: u64) -> Option<u64> {
    (size > 1).then(|| 1 << (size - 1).ilog2())
}
