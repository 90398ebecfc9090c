//! What zero-concentrated differential privacy promises in ε and δ.

use opendp::combinators::ConcentratedMeasure;
use opendp::measures::ZeroConcentratedDivergence;

/// The smallest ε for which ρ-zCDP (Bun and Steinke, arXiv:1605.02065) implies (ε, δ)-DP by opendp's
/// conversion (Canonne, Kamath and Steinke, arXiv:2004.00010, proposition 7); infinite where none is
/// found.
#[must_use]
pub fn epsilon(rho: f64, delta: f64) -> f64 {
    if rho == 0.0 {
        return 0.0;
    }
    ZeroConcentratedDivergence::convert(rho)
        .and_then(|profile| profile.epsilon(delta))
        .unwrap_or(f64::INFINITY)
}

/// An ε for people, of three decimals: never shown as less than it is.
#[must_use]
pub fn shown_epsilon(epsilon: f64) -> String {
    audit::epsilon::text(epsilon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_epsilon_is_shown_as_less_than_it_is() {
        for (epsilon, shown) in
            [(0.0, "0.000"), (1.0, "1.000"), (1.0001, "1.001"), (2.9999, "3.000")]
        {
            assert_eq!(shown_epsilon(epsilon), shown);
        }
    }

    #[test]
    fn epsilon_lies_between_the_exact_gaussian_and_the_textbook_bound() {
        // Exact ε of the Gaussian with z = 1, δ = 1e-5 is 4.377 (Balle and Wang 2018); Bun and
        // Steinke's own conversion gives ρ + 2√(ρ ln 1/δ) = 5.298.
        let found = epsilon(0.5, 1e-5);
        assert!((4.377..5.298).contains(&found), "{found}");
        assert!(epsilon(0.0, 1e-5).abs() < f64::EPSILON);
        for wrong in [f64::NAN, -1.0, f64::INFINITY] {
            assert!(epsilon(wrong, 1e-5).is_infinite(), "{wrong}");
        }
    }
}
