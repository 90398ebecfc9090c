//! The weighted mean of a round's updates, by sums of integers.

use std::io;

use privacy::UpdateBound;

use super::{Aggregator, NextParameters, PIECE};
use crate::incoming::BoundedUpdate;

/// How many bytes a sum takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    /// 32 bits, where no sum of as many updates as a round takes can leave them.
    Narrow,
    /// 64 bits, which 2³² sums of 32-bit integers fit.
    Wide,
}

/// Sums of the updates' integers and of the sites' weights. No sum wraps: every update is held against the plan's
/// bound before it is added. Where the bounds of all sites together do not fit 32 bits, the sums have 64.
///
/// Its memory is one model, or two with sums of 64 bits, whatever the number of sites, and becomes the next model.
#[derive(Debug)]
pub struct WeightedMean {
    /// Little-endian sums, so that they can become the next model without a copy.
    bytes: Vec<u8>,
    width: Width,
    weight: u64,
    /// One grid unit in the model's unit.
    unit: f64,
    /// The weight of a site that counts in full.
    full_weight: u32,
}

impl WeightedMean {
    /// An empty sum for a model of `parameters` and at most `sites` updates within the bound.
    #[must_use]
    pub fn new(parameters: usize, bound: UpdateBound, sites: u32) -> Self {
        let width = if bound.sum_fits(sites) { Width::Narrow } else { Width::Wide };
        let bytes = vec![0; parameters * if width == Width::Narrow { 4 } else { 8 }];
        Self { bytes, width, weight: 0, unit: 1.0, full_weight: 1 }
    }

    /// The same, with one grid unit in the model's unit, and the weight of a site that counts in full.
    #[must_use]
    pub fn in_units(self, unit: f64, full_weight: u32) -> Self {
        Self { unit, full_weight, ..self }
    }

    /// Adds a piece of an update, from byte `start` of the update on. Both are multiples of four. What lies beyond
    /// the model is ignored, because a complete update was checked to have its size.
    pub fn fold(&mut self, start: usize, piece: &[u8]) {
        debug_assert!(start.is_multiple_of(4) && piece.len().is_multiple_of(4));
        let values = piece.as_chunks::<4>().0.iter().map(|value| i32::from_le_bytes(*value));
        match self.width {
            Width::Narrow => {
                let sums = self.bytes.get_mut(start..).unwrap_or_default().as_chunks_mut::<4>().0;
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum = i32::from_le_bytes(*sum).wrapping_add(value).to_le_bytes();
                }
            }
            Width::Wide => {
                let sums = self.bytes.get_mut(2 * start..).unwrap_or_default();
                for (sum, value) in sums.as_chunks_mut::<8>().0.iter_mut().zip(values) {
                    *sum = i64::from_le_bytes(*sum).wrapping_add(i64::from(value)).to_le_bytes();
                }
            }
        }
    }

    /// Counts a site whose update was folded.
    pub fn weigh(&mut self, weight: u32) {
        self.weight += u64::from(weight);
    }

    /// The bytes that one sum takes.
    fn size(&self) -> usize {
        if self.width == Width::Narrow { 4 } else { 8 }
    }

    /// The sums of parameters from place `start` on, as many as there are places in `sums`.
    fn read(&self, start: usize, sums: &mut [i64]) {
        let size = self.size();
        let bytes = self.bytes.get(size * start..).unwrap_or_default();
        match self.width {
            Width::Narrow => {
                for (sum, found) in sums.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *sum = i64::from(i32::from_le_bytes(*found));
                }
            }
            Width::Wide => {
                for (sum, found) in sums.iter_mut().zip(bytes.as_chunks::<8>().0) {
                    *sum = i64::from_le_bytes(*found);
                }
            }
        }
    }
}

impl Aggregator for WeightedMean {
    fn add(&mut self, update: BoundedUpdate, weight: u32) -> io::Result<()> {
        update.read(|start, piece| self.fold(start, piece))?;
        self.weigh(weight);
        Ok(())
    }

    fn into_model(mut self: Box<Self>, next: &mut NextParameters<'_>) -> io::Result<Vec<u8>> {
        let sites = self.weight as f64 / f64::from(self.full_weight);
        let scale = if sites > 0.0 { self.unit / sites } else { 0.0 };
        let parameters = self.bytes.len() / self.size();
        let mut sums = [0_i64; PIECE];
        let mut means = [0.0; PIECE];
        let mut made = [0.0_f32; PIECE];
        for start in (0..parameters).step_by(PIECE) {
            let count = PIECE.min(parameters - start);
            self.read(start, &mut sums[..count]);
            for (mean, sum) in means.iter_mut().zip(&sums[..count]) {
                *mean = *sum as f64 * scale;
            }
            next(start, &means[..count], &mut made[..count]);
            // The sums that were read lie at or behind the parameters that are written.
            let places = self.bytes.get_mut(4 * start..).unwrap_or_default().as_chunks_mut::<4>().0;
            for (place, parameter) in places.iter_mut().zip(&made[..count]) {
                *place = parameter.to_le_bytes();
            }
        }
        self.bytes.truncate(4 * parameters);
        self.bytes.shrink_to_fit();
        Ok(self.bytes)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use node::transport::Sink as _;
    use privacy::Mechanism;

    use super::*;
    use crate::incoming::Incoming;
    use crate::spool::Spool;

    pub(in crate::aggregate) fn bytes(values: &[i32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// An update of these integers, within a bound that all keep.
    pub(in crate::aggregate) fn bounded(values: &[i32]) -> BoundedUpdate {
        let mut incoming = Incoming::new(Spool::Memory(Vec::new()));
        incoming.take(&bytes(values)).unwrap();
        incoming.within(bound(1e9)).unwrap()
    }

    fn bound(noise_multiplier: f64) -> UpdateBound {
        UpdateBound::new(Mechanism::GaussianUpdate { noise_multiplier }, 3)
    }

    fn narrow(parameters: usize) -> WeightedMean {
        let sum = WeightedMean::new(parameters, UpdateBound::new(Mechanism::ClipOnly, 3), 1000);
        assert_eq!(sum.width, Width::Narrow);
        sum
    }

    fn wide(parameters: usize) -> WeightedMean {
        let sum = WeightedMean::new(parameters, bound(100.0), 3);
        assert_eq!(sum.width, Width::Wide);
        sum
    }

    /// The sums, read as the mean of one site.
    fn sums(mut sum: WeightedMean) -> Vec<f64> {
        sum.weight = 1;
        let mut found = Vec::new();
        let model = Box::new(sum)
            .into_model(&mut |start, means, made| {
                assert_eq!(start, found.len());
                found.extend_from_slice(means);
                for (place, made) in made.iter_mut().enumerate() {
                    *made = (start + place) as f32 + 0.5;
                }
            })
            .unwrap();
        let expected = (0..found.len()).flat_map(|index| (index as f32 + 0.5).to_le_bytes());
        assert_eq!(model, expected.collect::<Vec<u8>>());
        found
    }

    #[test]
    fn order_and_cuts_do_not_matter() {
        let updates = [bytes(&[1, -2, 3]), bytes(&[10, 20, -30]), bytes(&[1 << 20, 1, 5])];
        for empty in [narrow, wide] {
            let mut one = empty(3);
            for update in &updates {
                one.fold(0, update);
            }
            let mut other = empty(3);
            for update in updates.iter().rev() {
                for (start, piece) in (0..).step_by(4).zip(update.chunks(4)) {
                    other.fold(start, piece);
                }
            }
            let found = sums(one);
            assert_eq!(found, [f64::from(11 + (1 << 20)), 19.0, -22.0]);
            assert_eq!(found, sums(other));
        }
    }

    #[test]
    fn sums_that_could_leave_32_bits_have_64() {
        let mut sum = wide(2);
        for _ in 0..3 {
            sum.fold(0, &bytes(&[i32::MAX, i32::MIN]));
        }
        assert_eq!(sums(sum), [3.0 * f64::from(i32::MAX), 3.0 * f64::from(i32::MIN)]);
    }

    #[test]
    fn what_lies_beyond_the_model_is_ignored() {
        for empty in [narrow, wide] {
            let mut sum = empty(1);
            sum.fold(0, &bytes(&[1, 2]));
            sum.fold(8, &bytes(&[3]));
            assert_eq!(sums(sum), [1.0]);
        }
    }

    #[test]
    fn a_model_of_several_pieces_becomes_the_next_one_in_place() {
        let values: Vec<i32> = (0..10_000).collect();
        for empty in [narrow, wide] {
            let mut sum = empty(10_000);
            sum.fold(0, &bytes(&values));
            let expected: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
            assert_eq!(sums(sum), expected);
        }
    }
}
