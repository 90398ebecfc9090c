//! A quantile, chosen among public candidates.
//!
//! ```text
//! candidate c ─► score |(1 − q)·#{x < c} − q·#{x > c}|   0 where c is the quantile
//!            ─► choose c with probability ∝ exp(−score/s)   opendp's make_private_quantile
//! ```
//!
//! Smith (STOC 2011, doi:10.1145/1993636.1993743) for the scores. Choosing with those weights is the
//! exponential mechanism. When one patient is added or removed, every score moves by at most
//! Δ = max(q, 1 − q), so the log-probabilities of two data sets differ by a number within an interval
//! of width η = 2Δ/s (bounded range; Dong, Durfee and Rogers, arXiv:1909.13830, proposition 2). By
//! Hoeffding's lemma, a privacy loss within a width of η is η²/8-zCDP (Cesar and Rogers,
//! arXiv:2004.07223, lemma 3.2): a quarter of the η²/2 that pure DP alone would give. opendp applies
//! the same two results, and its map is asked before anything is drawn; s = Δ/√(2ρ).
//!
//! The choice is made by rejection, so the time it takes says something about the scores: do not
//! let an outsider time it.

use opendp::core::Measurement;
use opendp::domains::{AtomDomain, VectorDomain};
use opendp::measurements::make_private_quantile;
use opendp::measures::ZeroConcentratedDivergence;
use opendp::metrics::SymmetricDistance;

use super::spend::{ROUNDING, Spend};
use super::{MAX_CELLS, ReleaseError, check};
use crate::Receipt;

type Values = VectorDomain<AtomDomain<f64>>;
type Choice = Measurement<Values, SymmetricDistance, ZeroConcentratedDivergence, f64>;

/// opendp rounds q to this where it has no short binary fraction.
const FINEST_Q: f64 = 1e-4;

/// Releases one of `steps` equally spaced candidates from `lower` to `upper`, both included: one
/// near the `q`-quantile of one value for each patient.
///
/// The candidates are public. Values outside count as below or above all of them. `q` is 0.5 for the
/// median, and is rounded to 10⁻⁴. A quantile far from the median is no cheaper than one at it.
///
/// With `n` patients the chosen candidate's rank is off by about ln(steps)/√(2ρ)·max(q, 1 − q)
/// patients. Without patients every candidate is equally likely.
///
/// # Errors
/// The bounds, `q` or `steps` (2 to [`MAX_CELLS`]) are out of range, the candidates are too close to
/// be told apart, a value is not finite, the receipt is not for a release, or opendp fails.
pub fn quantile(
    receipt: Receipt,
    values: &[f64],
    q: f64,
    lower: f64,
    upper: f64,
    steps: usize,
) -> Result<f64, ReleaseError> {
    if !(0.0..=1.0).contains(&q) {
        return Err(ReleaseError::Quantile(q));
    }
    let candidates = candidates(lower, upper, steps)?;
    check::finite("values", values)?;
    let spend = Spend::of(receipt)?;
    let choice = choice(&spend, q, candidates)?;
    choice.invoke(&values.to_vec()).map_err(|error| ReleaseError::draw(&error))
}

fn candidates(lower: f64, upper: f64, steps: usize) -> Result<Vec<f64>, ReleaseError> {
    check::half_width(lower, upper)?;
    check::size("steps", steps, 2, MAX_CELLS)?;
    let gap = (upper - lower) / (steps - 1) as f64;
    let candidates: Vec<f64> =
        (0..steps - 1).map(|step| lower + gap * step as f64).chain([upper]).collect();
    check::rising("candidates", f64::NEG_INFINITY, &candidates)?;
    Ok(candidates)
}

/// The mechanism whose cost opendp confirms to be within the spend.
fn choice(spend: &Spend, q: f64, candidates: Vec<f64>) -> Result<Choice, ReleaseError> {
    // What rounding q may add to Δ is paid for in advance.
    let largest = (q.max(1.0 - q) + FINEST_Q).min(1.0);
    let scale = largest / (2.0 * spend.rho()).sqrt() * ROUNDING;
    let domain = VectorDomain::new(AtomDomain::<f64>::new_non_nan());
    let measure = ZeroConcentratedDivergence;
    let choice = make_private_quantile(domain, SymmetricDistance, measure, candidates, q, scale)
        .map_err(|error| ReleaseError::setting("build the quantile mechanism", &error))?;
    let cost = choice
        .map(&1)
        .map_err(|error| ReleaseError::setting("bound the cost of a quantile", &error))?;
    spend.covers(cost)?;
    Ok(choice)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Cases, paid};
    use super::*;

    /// Probabilities by which the mechanism chooses, from its definition.
    fn probabilities(values: &[f64], q: f64, candidates: &[f64], scale: f64) -> Vec<f64> {
        let weight = |&c: &f64| {
            let below = values.iter().filter(|&&x| x < c).count() as f64;
            let above = values.iter().filter(|&&x| x > c).count() as f64;
            (-((1.0 - q) * below - q * above).abs() / scale).exp()
        };
        let weights: Vec<f64> = candidates.iter().map(weight).collect();
        let total: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / total).collect()
    }

    fn renyi(p: &[f64], q: &[f64], order: f64) -> f64 {
        let sum: f64 = p.iter().zip(q).map(|(p, q)| p.powf(order) * q.powf(1.0 - order)).sum();
        sum.ln() / (order - 1.0)
    }

    #[test]
    fn the_divergence_of_neighbours_is_within_rho_times_the_order() {
        let mut cases = Cases::new(2);
        let mut tightest = 0.0_f64;
        for _ in 0..2000 {
            let q: f64 = [0.0, 0.25, 0.5, 0.9, 1.0, 0.375][cases.below(6)];
            let rho = [0.01, 0.5, 4.0][cases.below(3)];
            let candidates = candidates(0.0, 6.0, 2 + cases.below(8)).unwrap();
            // Values on the candidates' own grid half of the time: ties.
            let n = 1 + cases.below(10);
            let values: Vec<f64> = (0..n).map(|_| cases.below(15) as f64 * 0.5 - 0.5).collect();
            let scale = q.max(1.0 - q) / f64::sqrt(2.0 * rho);
            let whole = probabilities(&values, q, &candidates, scale);
            let fewer = probabilities(&values[1..], q, &candidates, scale);
            for order in [1.01, 2.0, 10.0] {
                for (p, q) in [(&whole, &fewer), (&fewer, &whole)] {
                    let part = renyi(p, q, order) / (rho * order);
                    assert!(part <= 1.0 + 1e-9, "{part} at {order}");
                    tightest = tightest.max(part);
                }
            }
        }
        assert!(tightest > 0.5, "the bound is far from what neighbours show: {tightest}");
    }

    #[test]
    fn opendp_confirms_the_cost_for_every_q() {
        for q in [0.0, 0.1, 0.333_333, 0.5, 0.7, 0.999_99, 1.0, f64::MIN_POSITIVE] {
            for rho in [1e-9, 0.01, 1.0, 1e6] {
                let spend = Spend::of(paid(rho)).unwrap();
                choice(&spend, q, vec![0.0, 1.0, 2.0]).unwrap();
            }
        }
    }

    #[test]
    fn draws_follow_the_definition() {
        let values = [1.0, 2.0, 2.0, 3.5, 7.0];
        let q = 0.5;
        let rho = 0.3;
        let grid = candidates(0.0, 4.0, 5).unwrap();
        let scale = (q + FINEST_Q) / f64::sqrt(2.0 * rho);
        let expected = probabilities(&values, q, &grid, scale);
        let mechanism = choice(&Spend::of(paid(rho)).unwrap(), q, grid.clone()).unwrap();
        let mut found = [0.0; 5];
        for _ in 0..4000 {
            let drawn = mechanism.invoke(&values.to_vec()).unwrap();
            found[grid.iter().position(|c| c.to_bits() == drawn.to_bits()).unwrap()] += 1.0;
        }
        let statistic: f64 = found
            .iter()
            .zip(expected)
            .map(|(found, p): (&f64, f64)| (found - 4000.0 * p).powi(2) / (4000.0 * p))
            .sum();
        // 4 degrees of freedom: above 45 with probability below 1e-8.
        assert!(statistic < 45.0, "chi-square {statistic}");
    }

    #[test]
    fn with_much_to_spend_the_quantile_is_found() {
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        for q in [0.1, 0.5, 0.9] {
            let found = quantile(paid(100.0), &values, q, 0.0, 1000.0, 1001).unwrap();
            assert!((found - 1000.0 * q).abs() <= 5.0, "{q}: {found}");
        }
        let found = quantile(paid(0.1), &values, 0.5, 0.0, 1000.0, MAX_CELLS).unwrap();
        assert!((found - 500.0).abs() < 60.0, "{found}");
        assert!(quantile(paid(0.1), &[], 0.5, 0.0, 1.0, 11).is_ok());
    }

    #[test]
    fn bad_input_is_named() {
        let ask = |values: &[f64], q, lower, upper, steps| {
            quantile(paid(1.0), values, q, lower, upper, steps).unwrap_err()
        };
        for q in [-0.1, 1.1, f64::NAN] {
            assert!(matches!(ask(&[1.0], q, 0.0, 1.0, 9), ReleaseError::Quantile(_)));
        }
        assert!(matches!(ask(&[1.0], 0.5, 1.0, 0.0, 9), ReleaseError::Bounds { .. }));
        for steps in [0, 1, MAX_CELLS + 1, usize::MAX] {
            assert!(matches!(ask(&[1.0], 0.5, 0.0, 1.0, steps), ReleaseError::Size { .. }));
        }
        let close = ask(&[1.0], 0.5, 1.0, 1.0_f64.next_up().next_up(), 9);
        assert!(matches!(close, ReleaseError::Grid { field: "candidates", .. }));
        let nan = ask(&[1.0, f64::NAN], 0.5, 0.0, 1.0, 9);
        assert!(matches!(nan, ReleaseError::NotFinite { field: "values", index: 1 }));
    }
}
