//! ρ that was paid for, and the Gaussian noise that it buys.
//!
//! ```text
//! Receipt ─ of ─► Spend(ρ) ─┬─ gaussian ─► σ = Δ/√(2ρ) ─ opendp's map(Δ) ≤ ρ? ─► f + N_ℤ(0, σ²)
//!                           └─ split ─► Spend(s·ρ), Spend((1 − s)·ρ)
//! ```
//!
//! A [`Spend`] is used up by the one release that it pays for, like the receipt it is made from.

use opendp::core::Measurement;
use opendp::domains::{AtomDomain, VectorDomain};
use opendp::measurements::make_gaussian;
use opendp::measures::ZeroConcentratedDivergence;
use opendp::metrics::L2Distance;

use super::ReleaseError;
use crate::{Mechanism, Receipt};

/// The least ρ that a release spends: one unit of the ledger, 2⁻⁴⁰.
pub(super) const LEAST_RHO: f64 = 1.0 / (1_u64 << 40) as f64;
/// The most: far beyond any promise, and within what opendp's rationals handle quickly.
pub(super) const MAX_RHO: f64 = 1e6;

/// Room for the roundings of a square root and a division, relative.
pub(super) const ROUNDING: f64 = 1.0 + 1.0 / (1_u64 << 45) as f64;

type Gaussian = Measurement<
    VectorDomain<AtomDomain<i64>>,
    L2Distance<f64>,
    ZeroConcentratedDivergence,
    Vec<i64>,
>;

/// ρ that one release may spend.
#[derive(Debug)]
pub(super) struct Spend {
    rho: f64,
}

/// Integers with noise on them.
#[derive(Debug)]
pub(super) struct Noised {
    /// Statistic plus noise.
    pub(super) values: Vec<i64>,
    /// The noise's σ.
    pub(super) deviation: f64,
}

impl Spend {
    /// Uses up the receipt of a concentrated release.
    pub(super) fn of(receipt: Receipt) -> Result<Self, ReleaseError> {
        match receipt.charge().mechanism {
            Mechanism::Zcdp { rho } if (LEAST_RHO..=MAX_RHO).contains(&rho) => Ok(Self { rho }),
            Mechanism::Zcdp { rho } => Err(ReleaseError::Rho(rho)),
            found => Err(ReleaseError::Mechanism { found }),
        }
    }

    /// A draw at start-up, of noise on zeros alone: nothing is spent.
    pub(super) fn of_start_up() -> Self {
        Self { rho: LEAST_RHO }
    }

    /// The ρ.
    pub(super) fn rho(&self) -> f64 {
        self.rho
    }

    /// Two amounts that add up to no more than this one, the first a `share` in (0, 1) of it: ρ adds up over
    /// releases, adaptive ones too (Bun and Steinke, arXiv:1605.02065, lemma 2.3).
    pub(super) fn split(self, share: f64) -> (Self, Self) {
        let first = (self.rho * share).next_down();
        (Self { rho: first }, Self { rho: (self.rho - first).next_down() })
    }

    /// Fails where opendp computes a higher cost than this.
    pub(super) fn covers(&self, cost: f64) -> Result<(), ReleaseError> {
        if cost <= self.rho {
            Ok(())
        } else {
            Err(ReleaseError::TooDear { found: cost, paid: self.rho })
        }
    }

    /// Adds discrete Gaussian noise to integers whose vector moves by at most `sensitivity` in
    /// Euclidean norm when one patient is added or removed.
    ///
    /// Noise of σ costs ρ = Δ² / (2σ²) (Canonne, Kamath and Steinke, arXiv:2004.00010, theorem 14),
    /// so σ = Δ/√(2ρ), rounded up. The variance of the noise is at most σ² (corollary 9).
    pub(super) fn gaussian(
        self,
        exact: Vec<i64>,
        sensitivity: f64,
    ) -> Result<Noised, ReleaseError> {
        let deviation = sensitivity / (2.0 * self.rho).sqrt() * ROUNDING;
        let domain = VectorDomain::new(AtomDomain::<i64>::default());
        let mechanism: Gaussian = make_gaussian(domain, L2Distance::default(), deviation, None)
            .map_err(|error| ReleaseError::setting("build the Gaussian mechanism", &error))?;
        let cost = mechanism
            .map(&sensitivity)
            .map_err(|error| ReleaseError::setting("bound the cost of its noise", &error))?;
        self.covers(cost)?;
        let values = mechanism.invoke(&exact).map_err(|error| ReleaseError::draw(&error))?;
        Ok(Noised { values, deviation })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{paid, receipt};
    use super::*;

    #[test]
    fn only_a_receipt_for_a_release_pays_for_one() {
        for found in [Mechanism::ClipOnly, Mechanism::GaussianUpdate { noise_multiplier: 1.0 }] {
            let refused = Spend::of(receipt(found)).unwrap_err();
            assert!(matches!(refused, ReleaseError::Mechanism { found: said } if said == found));
        }
        for rho in [0.0, LEAST_RHO / 2.0, MAX_RHO * 2.0] {
            assert!(matches!(Spend::of(paid(rho)), Err(ReleaseError::Rho(_))), "{rho}");
        }
        assert!(Spend::of(paid(LEAST_RHO)).is_ok() && Spend::of(paid(MAX_RHO)).is_ok());
    }

    #[test]
    fn parts_never_add_up_to_more() {
        for share in [0.1, 0.25, 0.75, 0.999] {
            for rho in [LEAST_RHO, 1e-3, 0.1, 1.0 / 3.0, 7.0] {
                let (first, second) = Spend { rho }.split(share);
                assert!(first.rho + second.rho <= rho && first.rho <= rho * share);
                assert!(first.rho + second.rho >= rho * (1.0 - 1e-15), "{share} of {rho}");
            }
        }
    }

    #[test]
    fn opendp_confirms_the_cost_at_every_scale() {
        for rho in [LEAST_RHO, 1e-9, 0.01, 0.1, 1.0 / 3.0, 0.7, 1.0, 13.7, MAX_RHO] {
            for sensitivity in [1.0, 8f64.sqrt() * 999.0, f64::from(1 << 20)] {
                let noised = Spend { rho }.gaussian(vec![0], sensitivity).unwrap();
                let cost = (sensitivity / noised.deviation).powi(2) / 2.0;
                assert!(cost <= rho && cost > rho * (1.0 - 1e-12), "{rho}, {sensitivity}: {cost}");
            }
        }
        let dear = Spend { rho: 0.5 }.covers(0.5_f64.next_up());
        assert!(matches!(dear, Err(ReleaseError::TooDear { .. })));
    }

    #[test]
    fn the_noise_follows_the_discrete_gaussian() {
        // Pearson's chi-square of 20,000 draws at σ = 3 over the cells −8 … 8 and both tails.
        let draws = 20_000;
        let sigma = 3.0_f64;
        let noised = Spend { rho: 1.0 / 18.0 }.gaussian(vec![0; draws], 1.0).unwrap();
        let weight = |x: i64| (-0.5 * (x as f64 / sigma).powi(2)).exp();
        let total: f64 = (-60..=60).map(weight).sum();
        let cell = |x: i64| usize::try_from(x.clamp(-9, 9) + 9).unwrap();
        let mut expected = [0.0; 19];
        let mut found = [0.0; 19];
        (-60..=60).for_each(|x| expected[cell(x)] += draws as f64 * weight(x) / total);
        noised.values.iter().for_each(|&x| found[cell(x)] += 1.0);
        let statistic: f64 =
            found.iter().zip(expected).map(|(found, e): (&f64, f64)| (found - e).powi(2) / e).sum();
        // 18 degrees of freedom: above 75 with probability below 1e-8.
        assert!(statistic < 75.0, "chi-square {statistic}");
    }

    #[test]
    fn what_does_not_fit_saturates() {
        let noised = Spend { rho: 1e-6 }.gaussian(vec![i64::MAX; 64], 1.0).unwrap();
        assert!(noised.values.contains(&i64::MAX));
        assert!(noised.values.iter().all(|&value| value > i64::MAX - 1_000_000));
    }
}
