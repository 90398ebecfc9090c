//! Binary indexed tree of counts.

/// Counts per rank with O(log n) insertion and prefix sums (Fenwick 1994).
#[derive(Debug)]
pub(super) struct Fenwick {
    sums: Vec<u64>,
    total: u64,
}

impl Fenwick {
    /// A tree over the ranks `0..ranks`, all counts 0.
    pub(super) fn new(ranks: usize) -> Self {
        Self { sums: vec![0; ranks], total: 0 }
    }

    /// Adds one item at `rank`; a rank outside the tree only counts in the total.
    pub(super) fn insert(&mut self, rank: usize) {
        self.total += 1;
        let mut node = rank + 1;
        while let Some(sum) = self.sums.get_mut(node - 1) {
            *sum += 1;
            node += node & node.wrapping_neg();
        }
    }

    /// Number of items with a rank `< end`.
    pub(super) fn count_below(&self, end: usize) -> u64 {
        let mut node = end.min(self.sums.len());
        let mut count = 0;
        while node > 0 {
            count += self.sums.get(node - 1).copied().unwrap_or(0);
            node &= node - 1;
        }
        count
    }

    /// Number of items in the tree.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::Fenwick;

    #[test]
    fn prefix_counts_match_a_plain_count() {
        let ranks = [3, 0, 7, 7, 2, 9, 5, 3, 3];
        let mut tree = Fenwick::new(10);
        for (inserted, &rank) in ranks.iter().enumerate() {
            tree.insert(rank);
            for end in 0..=10 {
                let plain = ranks[..=inserted].iter().filter(|&&r| r < end).count();
                assert_eq!(tree.count_below(end), plain as u64);
            }
        }
        assert_eq!(tree.total(), 9);
    }
}
