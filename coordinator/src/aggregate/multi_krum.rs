//! A mean over the sites that most others agree with.

use std::io;

use base::digest::{Digest, Hasher};

use super::side_by_side::SideBySide;
use super::{Aggregator, NextParameters, PIECE};
use crate::incoming::BoundedUpdate;

/// Multi-Krum (Blanchard et al., NeurIPS 2017, arXiv:1703.02757, sections 4 and 5).
///
/// Of n updates, of which f may be hostile, each has as score the sum of its squared distances to the n − f − 2 others
/// that are nearest to it. The mean of the n − f − 2 updates with the smallest scores is taken. A hostile update is
/// among them only if it is as near to them as they are to each other. All sites count alike. Updates wait in their
/// spools and are read twice: for the distances, which are exact integers, and for the mean.
pub struct MultiKrum {
    parameters: usize,
    /// One grid unit in the model's unit.
    unit: f64,
    /// f.
    hostile: usize,
    updates: Vec<BoundedUpdate>,
}

impl MultiKrum {
    /// An aggregator without updates. `unit` is one grid unit of an update in the model's unit.
    #[must_use]
    pub fn new(parameters: usize, unit: f64, hostile: u32) -> Self {
        Self { parameters, unit, hostile: hostile as usize, updates: Vec::new() }
    }
}

/// n − f − 2, and 1 where that is less: the nearest others that count, and the updates that are averaged.
fn kept(sites: usize, hostile: usize) -> usize {
    sites.saturating_sub(hostile + 2).max(1)
}

/// The squared distance of every pair of updates, in grid units, and each update's hash.
struct Distances {
    sites: usize,
    squared: Vec<u128>,
    hashes: Vec<Digest>,
}

impl Distances {
    fn measure(updates: &mut SideBySide) -> io::Result<Self> {
        let sites = updates.len();
        let mut squared = vec![0_u128; sites * sites];
        let mut hashers: Vec<Hasher> = (0..sites).map(|_| Hasher::new()).collect();
        let mut bytes = Vec::with_capacity(4 * PIECE);
        while let Some(piece) = updates.next()? {
            for (one, hasher) in hashers.iter_mut().enumerate() {
                bytes.clear();
                bytes.extend(piece.of(one).iter().flat_map(|value| value.to_le_bytes()));
                hasher.update(&bytes);
                for other in 0..one {
                    let apart: u128 = piece
                        .of(one)
                        .iter()
                        .zip(piece.of(other))
                        .map(|(a, b)| squared_difference(*a, *b))
                        .sum();
                    squared[one * sites + other] += apart;
                    squared[other * sites + one] += apart;
                }
            }
        }
        let hashes = hashers.iter().map(Hasher::finish).collect();
        Ok(Self { sites, squared, hashes })
    }

    /// The sum of an update's squared distances to so many others that are nearest to it.
    fn score(&self, update: usize, nearest: usize) -> u128 {
        let row = &self.squared[update * self.sites..(update + 1) * self.sites];
        let others = row.iter().enumerate().filter(|(other, _)| *other != update);
        let mut apart: Vec<u128> = others.map(|(_, apart)| *apart).collect();
        apart.sort_unstable();
        apart.iter().take(nearest).sum()
    }

    /// The updates that most others agree with. Equal scores are ordered by hash, so that the order of arrival does not
    /// matter.
    fn chosen(&self, hostile: usize) -> Vec<usize> {
        let kept = kept(self.sites, hostile);
        let mut order: Vec<usize> = (0..self.sites).collect();
        order.sort_by_cached_key(|update| {
            (self.score(*update, kept), *self.hashes[*update].as_bytes())
        });
        order.truncate(kept);
        order
    }
}

/// The squared difference of two values: below 2⁶⁴.
fn squared_difference(a: i32, b: i32) -> u128 {
    let apart = u128::from(a.abs_diff(b));
    apart * apart
}

impl Aggregator for MultiKrum {
    fn add(&mut self, update: BoundedUpdate, _weight: u32) -> io::Result<()> {
        self.updates.push(update);
        Ok(())
    }

    fn into_model(self: Box<Self>, next: &mut NextParameters<'_>) -> io::Result<Vec<u8>> {
        let mut updates = SideBySide::new(self.updates, self.parameters)?;
        let chosen = Distances::measure(&mut updates)?.chosen(self.hostile);
        updates.rewind()?;
        let scale = if chosen.is_empty() { 0.0 } else { self.unit / chosen.len() as f64 };
        let mut sums = [0_i64; PIECE];
        updates.into_model(next, |piece, combined| {
            let sums = &mut sums[..piece.count];
            sums.fill(0);
            for update in &chosen {
                for (sum, value) in sums.iter_mut().zip(piece.of(*update)) {
                    *sum += i64::from(*value);
                }
            }
            for (mean, sum) in combined.iter_mut().zip(sums) {
                *mean = *sum as f64 * scale;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::tests::combined as through;

    fn combined(updates: &[&[i32]], hostile: u32) -> Vec<f64> {
        through(MultiKrum::new(updates[0].len(), 0.5, hostile), updates)
    }

    #[test]
    fn an_update_far_from_the_others_is_left_out_whole() {
        // Distances² by hand. Nearest two: 0 → 1 + 1, 1 → 1 + 2, 2 → 1 + 2, 3 → 2 + 5, 4 → far. Two are kept: 0, and of
        // 1 and 2, which have equal scores, the one with the smaller hash.
        let updates: [&[i32]; 5] = [&[0, 0], &[1, 0], &[0, 1], &[-1, -1], &[1, 1000]];
        let found = combined(&updates, 1);
        assert!(found == [0.25, 0.0] || found == [0.0, 0.25], "{found:?}");
    }

    /// One parameter of a hostile update is far off, and the others are the median's.
    #[test]
    fn values_of_a_site_are_kept_or_left_out_together() {
        let updates: [&[i32]; 7] =
            [&[0, 10], &[2, 12], &[4, 14], &[6, 16], &[8, 18], &[4, 9_000], &[4, -9_000]];
        // n − f − 2 = 3: 2, 4 and 6 have the smallest sums of distances to their three nearest.
        assert_eq!(combined(&updates, 2), [2.0, 7.0]);
    }

    #[test]
    fn the_order_of_arrival_does_not_matter_even_where_scores_are_equal() {
        let updates: [&[i32]; 5] = [&[1], &[-1], &[3], &[-3], &[5]];
        let found = combined(&updates, 1);
        for turn in 0..updates.len() {
            let mut turned = updates;
            turned.rotate_left(turn);
            assert_eq!(combined(&turned, 1), found);
            turned.reverse();
            assert_eq!(combined(&turned, 1), found);
        }
    }

    #[test]
    fn the_largest_distances_do_not_overflow() {
        let far = vec![i32::MAX; 5_000];
        let near = vec![i32::MIN; 5_000];
        let updates: [&[i32]; 5] = [&near, &near, &near, &near, &far];
        assert_eq!(combined(&updates, 1), vec![f64::from(i32::MIN) * 0.5; 5_000]);
    }

    /// All scores, by the definition, on random updates.
    #[test]
    fn the_choice_is_that_of_the_definition() {
        let mut state = 9_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            i32::try_from(state >> 44).unwrap() - (1 << 19)
        };
        for sites in 5..=12_usize {
            let updates: Vec<Vec<i32>> =
                (0..sites).map(|_| (0..1500).map(|_| random()).collect()).collect();
            let hostile = (sites - 3) / 2;
            let kept = sites - hostile - 2;
            let distance = |a: &[i32], b: &[i32]| -> f64 {
                a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
            };
            let score = |one: usize| -> f64 {
                let others = (0..sites).filter(|other| *other != one);
                let mut apart: Vec<f64> =
                    others.map(|other| distance(&updates[one], &updates[other])).collect();
                apart.sort_by(f64::total_cmp);
                apart[..kept].iter().sum()
            };
            let mut order: Vec<usize> = (0..sites).collect();
            order.sort_by(|a, b| score(*a).total_cmp(&score(*b)));
            let slices: Vec<&[i32]> = updates.iter().map(Vec::as_slice).collect();
            let found = combined(&slices, u32::try_from(hostile).unwrap());
            for (place, value) in found.iter().enumerate() {
                let sum: f64 =
                    order[..kept].iter().map(|one| f64::from(updates[*one][place])).sum();
                assert!((value - 0.5 * sum / kept as f64).abs() < 1e-6, "{sites} sites");
            }
        }
    }
}
