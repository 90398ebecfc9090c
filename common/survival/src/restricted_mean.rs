//! One patient's survival at any time of the grid, and the restricted mean survival time: of the straight
//! lines of [`SurvivalCurves`](super::SurvivalCurves).

use super::curves::on_line;
use super::data::{check_finite, check_grid, check_len};
use super::error::SurvivalError;

fn check(edges: &[f64], curve: &[f64], time: f64) -> Result<f64, SurvivalError> {
    check_grid("curve times", edges)?;
    check_len("curve values", edges.len(), curve.len())?;
    check_finite("curve values", curve)?;
    let last = edges.last().copied().unwrap_or_default();
    if edges.first().is_some_and(|first| *first > 0.0) && (0.0..=last).contains(&time) {
        Ok(last)
    } else {
        let requirement = "0 to the last curve time, and curve times above 0";
        Err(SurvivalError::InvalidParameter { name: "time", requirement })
    }
}

/// S(t) of one curve, for 0 ≤ t ≤ e_K: linear between edges.
///
/// # Errors
/// A grid that is empty, does not rise or does not begin above 0; a curve of another length or with a value
/// that is not finite; a time beyond the grid, where the curve says nothing.
pub fn survival_at(edges: &[f64], curve: &[f64], time: f64) -> Result<f64, SurvivalError> {
    check(edges, curve, time)?;
    Ok(on_line(edges, curve, time))
}

/// The restricted mean survival time of one curve, ∫₀^τ S(t) dt for a horizon 0 ≤ τ ≤ e_K, in the unit of
/// the edges (Royston and Parmar, BMC Medical Research Methodology 13:152, 2013). S is linear between
/// edges, so that the trapezoid rule is exact.
///
/// # Errors
/// As [`survival_at`].
pub fn restricted_mean(edges: &[f64], curve: &[f64], horizon: f64) -> Result<f64, SurvivalError> {
    let at_horizon = survival_at(edges, curve, horizon)?;
    let mut before = 0.0;
    let mut alive = 1.0;
    let mut area = 0.0;
    for (&edge, &value) in edges.iter().zip(curve).take_while(|(edge, _)| **edge < horizon) {
        area += (edge - before) * f64::midpoint(alive, value);
        (before, alive) = (edge, value);
    }
    Ok(area + (horizon - before) * f64::midpoint(alive, at_horizon))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: Result<f64, SurvivalError>, expected: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }

    #[test]
    fn a_curve_is_read_between_its_edges() {
        let edges = [1.0, 3.0];
        let curve = [0.8, 0.4];
        for (time, expected) in [(0.0, 1.0), (0.5, 0.9), (1.0, 0.8), (2.0, 0.6), (3.0, 0.4)] {
            close(survival_at(&edges, &curve, time), expected);
        }
    }

    #[test]
    fn the_mean_is_the_area_up_to_the_horizon() {
        let edges = [1.0, 3.0];
        let curve = [0.8, 0.4];
        close(restricted_mean(&edges, &curve, 3.0), 0.9 + 2.0 * 0.6);
        close(restricted_mean(&edges, &curve, 2.0), 0.9 + 0.7);
        close(restricted_mean(&edges, &curve, 0.5), 0.5 * 0.95);
        close(restricted_mean(&edges, &[1.0, 1.0], 3.0), 3.0);
        close(restricted_mean(&edges, &curve, 0.0), 0.0);
    }

    #[test]
    fn a_fine_grid_comes_to_the_exponential_s_own_mean() {
        let edges: Vec<f64> = (1..=1000).map(|step| f64::from(step) / 100.0).collect();
        let curve: Vec<f64> = edges.iter().map(|time| (-0.3 * time).exp()).collect();
        let mean = restricted_mean(&edges, &curve, 10.0).unwrap();
        let exact = (1.0 - (-3.0_f64).exp()) / 0.3;
        assert!((mean - exact).abs() < 1e-5, "{mean} is not {exact}");
    }

    #[test]
    fn what_the_grid_does_not_say_is_refused() {
        let edges = [1.0, 3.0];
        let curve = [0.8, 0.4];
        for time in [-0.1, 3.1, f64::NAN, f64::INFINITY] {
            assert!(survival_at(&edges, &curve, time).is_err(), "{time}");
            assert!(restricted_mean(&edges, &curve, time).is_err(), "{time}");
        }
        assert!(restricted_mean(&[], &[], 0.0).is_err());
        assert!(restricted_mean(&[3.0, 1.0], &curve, 1.0).is_err());
        assert!(restricted_mean(&edges, &[0.8], 1.0).is_err());
        assert!(restricted_mean(&edges, &[0.8, f64::NAN], 1.0).is_err());
    }
}
