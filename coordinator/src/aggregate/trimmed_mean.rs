//! A mean that a few hostile or broken sites cannot move far.

use std::io;

use super::side_by_side::SideBySide;
use super::{Aggregator, NextParameters};
use crate::incoming::BoundedUpdate;

/// The coordinate-wise trimmed mean and median (Yin et al., arXiv:1803.01498, definitions 2 and 1).
///
/// Of n updates the ⌊trim·n⌋ smallest and as many of the largest values of each parameter are left out, and the mean
/// of the others is taken. All sites count alike. Updates wait in their spools until the round closes, and are read
/// side by side, so that memory does not grow with the model.
pub struct TrimmedMean {
    parameters: usize,
    /// One grid unit in the model's unit.
    unit: f64,
    /// The share that is left out at each end, from 0 to 1/2.
    trim: f64,
    updates: Vec<BoundedUpdate>,
}

impl TrimmedMean {
    /// An aggregator without updates. `unit` is one grid unit of an update in the model's unit.
    #[must_use]
    pub fn new(parameters: usize, unit: f64, trim: f64) -> Self {
        Self { parameters, unit, trim, updates: Vec::new() }
    }

    /// One that takes the median of each parameter: of an even number of values, the mean of the two in the middle.
    #[must_use]
    pub fn median(parameters: usize, unit: f64) -> Self {
        Self::new(parameters, unit, 0.5)
    }
}

/// How many values are left out at each end of `sites` many.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
fn trimmed(trim: f64, sites: usize) -> usize {
    let most = sites.saturating_sub(1) / 2;
    ((trim * sites as f64).floor().max(0.0) as usize).min(most)
}

impl Aggregator for TrimmedMean {
    fn add(&mut self, update: BoundedUpdate, _weight: u32) -> io::Result<()> {
        self.updates.push(update);
        Ok(())
    }

    fn into_model(self: Box<Self>, next: &mut NextParameters<'_>) -> io::Result<Vec<u8>> {
        let sites = self.updates.len();
        let cut = trimmed(self.trim, sites);
        let kept = sites - 2 * cut;
        let scale = if kept > 0 { self.unit / kept as f64 } else { 0.0 };
        let mut values = Vec::with_capacity(sites);
        SideBySide::new(self.updates, self.parameters)?.into_model(next, |piece, combined| {
            for (place, mean) in combined.iter_mut().enumerate() {
                values.clear();
                values.extend(piece.column(place));
                values.sort_unstable();
                let sum: i64 = values[cut..sites - cut].iter().map(|value| i64::from(*value)).sum();
                *mean = sum as f64 * scale;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::tests::combined as through;

    fn combined(updates: &[&[i32]], trim: f64) -> Vec<f64> {
        through(TrimmedMean::new(updates[0].len(), 0.5, trim), updates)
    }

    #[test]
    fn the_median_is_the_value_in_the_middle_or_the_mean_of_the_two_there() {
        let odd: [&[i32]; 5] = [&[1, -900], &[2, 10], &[3, 20], &[4, 30], &[800, 40]];
        let median =
            |updates: &[&[i32]]| through(TrimmedMean::median(updates[0].len(), 0.5), updates);
        assert_eq!(median(&odd), [1.5, 10.0]);
        assert_eq!(median(&odd[..4]), [1.25, 7.5]);
        assert_eq!(median(&odd[..2]), [0.75, -222.5]);
        assert_eq!(median(&odd[..1]), [0.5, -450.0]);
    }

    #[test]
    fn values_at_both_ends_are_left_out_parameter_by_parameter() {
        let updates: [&[i32]; 5] = [&[1, -900], &[2, 10], &[3, 20], &[4, 30], &[800, 40]];
        assert_eq!(combined(&updates, 0.2), [1.5, 10.0]);
        // Without trimming it is the mean, and with the most that there is the median.
        assert_eq!(combined(&updates, 0.0), [81.0, -80.0]);
        assert_eq!(combined(&updates, 0.49), [1.5, 10.0]);
    }

    #[test]
    fn the_order_of_arrival_does_not_matter_and_one_site_is_its_own_mean() {
        let updates: [&[i32]; 4] = [&[5, i32::MAX], &[-7, i32::MIN], &[9, 3], &[0, 1]];
        let mut turned = updates;
        turned.reverse();
        assert_eq!(combined(&updates, 0.25), combined(&turned, 0.25));
        assert_eq!(combined(&[&[6, -2]], 0.4), [3.0, -1.0]);
    }

    #[test]
    fn a_model_of_several_pieces_is_read_side_by_side() {
        let one: Vec<i32> = (0..10_000).collect();
        let other: Vec<i32> = (0..10_000).map(|value| -value).collect();
        let third = vec![4; 10_000];
        let found = combined(&[&one, &other, &third], 0.34);
        // The median of v, −v and 4.
        let median = |value: i32| f64::from(value.min(4).max(-value)) * 0.5;
        assert_eq!(found, (0..10_000).map(median).collect::<Vec<f64>>());
    }
}
