//! The sampled Gaussian's log-moment at an integer order.

use crate::accountant::SampledGaussian;

/// Upper bound of ln A(α) = (`α−1)·ε_RDP(α`) at the integer order `order` ≥ 2, for q < 1, in nats.
///
/// A(α) = Σₖ C(α,k)·(1−q)^(α−k)·qᵏ·exp(k(k−1)/2z²), k = 0…α
/// (Mironov, Talwar, Zhang, arXiv:1908.10530, §3.3, equation for integer α).
///
/// # Soundness
/// The binomial weights sum to 1, so A − 1 = Σ weight·(exp(k(k−1)/2z²) − 1): a sum of non-negative
/// terms in which nothing cancels, so that costs near 0 (tiny q) keep their relative accuracy. Each
/// term is off by at most 10⁻¹¹ relative when it is of the sum's size; the result is raised by
/// 10⁻¹⁰ relative.
pub fn log_moment(mechanism: &SampledGaussian, order: u32) -> f64 {
    let q = mechanism.rate.get();
    let z = mechanism.noise.get();
    let ln_taken = q.ln();
    let ln_left = (-q).ln_1p();
    let alpha = f64::from(order);
    let log_excess: Vec<f64> = (2..=order)
        .map(|k| {
            let k = f64::from(k);
            let ln_binomial =
                libm::lgamma(alpha + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(alpha - k + 1.0);
            let ln_weight = ln_binomial + k * ln_taken + (alpha - k) * ln_left;
            ln_weight + ln_exp_m1(k * (k - 1.0) / (2.0 * z * z))
        })
        .collect();
    let peak = log_excess.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if peak == f64::NEG_INFINITY {
        // Every term underflowed: far below 1e-300, yet not nothing.
        return f64::MIN_POSITIVE;
    }
    let ln_excess = peak + log_excess.iter().map(|term| (term - peak).exp()).sum::<f64>().ln();
    // ln(1 + e^x): the second form does not overflow.
    let log_moment = if ln_excess < 0.0 {
        ln_excess.exp().ln_1p()
    } else {
        ln_excess + (-ln_excess).exp().ln_1p()
    };
    (log_moment * (1.0 + 1e-10)).max(f64::MIN_POSITIVE)
}

/// ln(eˣ − 1) for x > 0.
fn ln_exp_m1(x: f64) -> f64 {
    if x < 30.0 { x.exp_m1().ln() } else { x + (-(-x).exp()).ln_1p() }
}
