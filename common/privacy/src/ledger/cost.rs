//! What a release costs, at the ledger's Rényi orders, in integers.

use serde::{Deserialize, Serialize};

use super::planned::RunReleases;
use crate::Mechanism;

/// Units of a cost in one nat.
pub const UNITS_PER_NAT: f64 = (1_u64 << 40) as f64;

/// The Rényi orders at which every entry states its cost.
///
/// Public and constant, and part of the ledger's format: orders that were chosen in view of what was
/// spent would themselves depend on the data.
pub const ORDERS: [f64; 23] = [
    1.1, 1.3, 1.5, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 16.0, 20.0, 24.0,
    32.0, 48.0, 64.0, 128.0, 256.0,
];

/// Rényi differential privacy at each of [`ORDERS`], in units of 2⁻⁴⁰ nats, each rounded up.
///
/// Integers, so that a ledger's total is exact and can be checked by anybody. Costs add up order by
/// order, also where a release was chosen in view of earlier ones (Feldman and Zrnic,
/// arXiv:2008.11193).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cost(Vec<u64>);

impl Cost {
    /// Nothing.
    #[must_use]
    pub fn zero() -> Self {
        Self(vec![0; ORDERS.len()])
    }

    /// One use of a mechanism.
    #[must_use]
    pub fn of(mechanism: Mechanism) -> Self {
        Self(ORDERS.iter().map(|&order| units(mechanism.rdp(order))).collect())
    }

    /// All that a run releases.
    #[must_use]
    pub fn of_run(releases: RunReleases) -> Self {
        let RunReleases { update, rounds, once } = releases;
        let once = once.map_or_else(Self::zero, |once| Self::of(once.mechanism));
        Self::of(update).times(u64::from(rounds)).add(&once)
    }

    /// The units at each order.
    #[must_use]
    pub fn units(&self) -> &[u64] {
        &self.0
    }

    /// Of units that were kept, one for each order; see [`Cost::is_whole`].
    #[must_use]
    pub fn from_units(units: Vec<u64>) -> Self {
        Self(units)
    }

    /// More than any budget: what stands for spending that nobody can tell any more.
    #[must_use]
    pub fn unknown() -> Self {
        Self(vec![u64::MAX; ORDERS.len()])
    }

    /// Whether it has a value for each order: what was read from a file may not.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.0.len() == ORDERS.len()
    }

    /// Whether nothing was spent.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|&units| units == 0)
    }

    /// The cost at the order of this place in [`ORDERS`], in units.
    #[must_use]
    pub fn at(&self, place: usize) -> u64 {
        self.0.get(place).copied().unwrap_or(u64::MAX)
    }

    /// Both costs; what no longer fits is the largest number there is.
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        let places = 0..ORDERS.len();
        Self(places.map(|place| self.at(place).saturating_add(other.at(place))).collect())
    }

    /// This cost `times` over.
    #[must_use]
    pub fn times(&self, times: u64) -> Self {
        Self(self.0.iter().map(|units| units.saturating_mul(times)).collect())
    }

    /// ε at δ of what was charged: the least over the orders, as everybody works it out who has the log alone; 0
    /// for nothing, infinite where no bound is known.
    #[must_use]
    pub fn epsilon(&self, delta: f64) -> f64 {
        if self.0.contains(&u64::MAX) && *self == Self::unknown() {
            return f64::INFINITY;
        }
        audit::epsilon::of(&ORDERS, &self.0, delta).unwrap_or(f64::INFINITY)
    }

    /// Whether two costs of one mechanism agree, computed on two machines whose logarithms may
    /// differ in the last place.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        let close = |(a, b): (&u64, &u64)| a.abs_diff(*b) <= 2 + (a.max(b) >> 40);
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(close)
    }
}

/// Nats to units, rounded up; the largest number for what is infinite or not a number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
fn units(nats: f64) -> u64 {
    if nats == 0.0 {
        0
    } else if nats.is_finite() && nats > 0.0 {
        // The product's own rounding is covered by the next number above it.
        (nats * UNITS_PER_NAT).next_up().ceil() as u64
    } else {
        u64::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_round_against_the_spender_and_saturate() {
        let z = 4.0;
        let cost = Cost::of(Mechanism::GaussianUpdate { noise_multiplier: z });
        for (place, order) in ORDERS.iter().enumerate() {
            // Mironov, arXiv:1702.07476, corollary 3, for data that lie up to 2C apart.
            let exact = order * 4.0 / (2.0 * z * z);
            let found = cost.at(place) as f64 / UNITS_PER_NAT;
            assert!(found >= exact && found < exact * (1.0 + 1e-9), "{order}: {found} {exact}");
        }
        assert!(Cost::of(Mechanism::ClipOnly).is_zero());
        let wrong = Cost::of(Mechanism::GaussianUpdate { noise_multiplier: f64::NAN });
        assert!((0..ORDERS.len()).all(|place| wrong.at(place) == u64::MAX));
        assert_eq!(wrong.add(&cost), wrong);
        assert_eq!(wrong.times(3), wrong);
    }

    #[test]
    fn sampling_makes_steps_cheaper_and_more_of_them_dearer() {
        let steps = |q, steps| {
            let mechanism = Mechanism::DpSgd { sampling_rate: q, noise_multiplier: 1.0, steps };
            Cost::of(mechanism)
        };
        for place in 0..ORDERS.len() {
            assert!(steps(0.1, 1).at(place) < steps(1.0, 1).at(place));
            let ten = steps(0.1, 10).at(place);
            let one = steps(0.1, 1).times(10).at(place);
            // Rounded once instead of ten times.
            assert!(ten <= one && one - ten <= 10 + one / (1 << 40), "{ten} {one}");
        }
    }
}
