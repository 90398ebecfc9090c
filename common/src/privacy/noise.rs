//! Discrete Gaussian noise on the grid, drawn by opendp from the operating system's randomness.

use opendp::domains::{AtomDomain, VectorDomain};
use opendp::measurements::make_gaussian;
use opendp::measures::ZeroConcentratedDivergence;
use opendp::metrics::L2Distance;

use super::grid;

/// opendp refused to make or to run its mechanism.
#[derive(Debug, thiserror::Error)]
#[error("noise: opendp refused: {0}; nothing is released without noise")]
pub struct NoiseError(String);

/// Adds noise with deviation z·2²⁰ to words of norm at most 2²⁰.
///
/// The discrete Gaussian of Canonne, Kamath and Steinke (arXiv:2004.00010), exact on integers.
pub(super) fn add(words: Vec<i32>, noise_multiplier: f64) -> Result<Vec<i32>, NoiseError> {
    let refused = |error: opendp::error::Error| NoiseError(error.to_string());
    let domain = VectorDomain::new(AtomDomain::<i64>::default());
    let mechanism = make_gaussian::<_, _, ZeroConcentratedDivergence>(
        domain,
        L2Distance::<f64>::default(),
        grid::noise_units(noise_multiplier),
        None,
    )
    .map_err(refused)?;
    let wide: Vec<i64> = words.into_iter().map(i64::from).collect();
    let noised = mechanism.invoke(&wide).map_err(refused)?;
    // Sums are modulo 2^32, so a word is its value modulo 2^32: a far tail wraps, it is not cut,
    // because cutting would change the distribution that the accounting assumes.
    #[allow(clippy::cast_possible_truncation, reason = "reduction modulo 2^32 is what is meant")]
    Ok(noised.into_iter().map(|value| value as i32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_deviation_that_was_asked_for() {
        let n = 4000;
        let noised = add(vec![1000; n], 2.0).unwrap();
        let sigma = grid::noise_units(2.0);
        let values: Vec<f64> = noised.iter().map(|&word| f64::from(word) - 1000.0).collect();
        let mean = values.iter().sum::<f64>() / n as f64;
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
        // Six standard errors: fails by chance once in 10^8 runs.
        assert!(mean.abs() < 6.0 * sigma / (n as f64).sqrt(), "mean {mean}");
        assert!((deviation / sigma - 1.0).abs() < 6.0 / (2.0 * n as f64).sqrt(), "{deviation}");
    }

    #[test]
    fn every_draw_differs() {
        assert_ne!(add(vec![0; 8], 1.0).unwrap(), add(vec![0; 8], 1.0).unwrap());
    }
}
