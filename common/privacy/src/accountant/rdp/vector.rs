//! RDP values at all public orders: what a ledger stores and adds.

use super::{ORDERS, fractional, integer};
use crate::accountant::rounding::{add_up, epsilon_up, mul_up, steps_up};
use crate::accountant::{AccountantError, Delta, SampledGaussian, Segment};

/// Rényi differential privacy of a release, or of everything released so far: `ε_RDP(α)` in nats at
/// each order of [`ORDERS`], rounded up.
///
/// Values are never negative and never not-a-number; +∞ means "no guarantee at this order".
/// Composition is addition (Mironov, arXiv:1702.07476, Proposition 1), also when each mechanism is
/// chosen after seeing the results of those before it, as long as the sum at a fixed order stays
/// below a fixed budget; see [`Filter`](crate::Filter).
#[derive(Debug, Clone, PartialEq)]
pub struct RdpVector {
    values: Box<[f64]>,
}

impl RdpVector {
    /// The cost of releasing nothing.
    #[must_use]
    pub fn zero() -> Self {
        Self { values: vec![0.0; ORDERS.len()].into_boxed_slice() }
    }

    /// The cost of one step of the Poisson-subsampled Gaussian mechanism.
    ///
    /// With q = 1 this is the plain Gaussian mechanism, `ε_RDP(α)` = α/2z² (Mironov,
    /// arXiv:1702.07476, Corollary 3). With q < 1 it is Mironov, Talwar, Zhang (arXiv:1908.10530),
    /// §3.3.
    ///
    /// # Soundness
    /// Only the divergence `D_α(P‖Q)` with the mixture in first place is computed: for this pair it is
    /// the larger of the two directions (arXiv:1908.10530, Theorem 5), so the value holds for adding
    /// a patient and for removing one.
    #[must_use]
    pub fn of_step(mechanism: &SampledGaussian) -> Self {
        let values = ORDERS.iter().map(|&alpha| of_one_step(mechanism, alpha));
        Self { values: values.collect() }
    }

    /// The cost of several segments, one after the other.
    #[must_use]
    pub fn of_segments(segments: &[Segment]) -> Self {
        Segment::merged(segments).iter().fold(Self::zero(), |total, segment| {
            total.add(&Self::of_step(&segment.mechanism).times(segment.steps))
        })
    }

    /// The cost of a ρ-zCDP release: ρα at the order α (Bun and Steinke, arXiv:1605.02065, definition 1.1); ∞ where ρ
    /// is no number of at least 0.
    #[must_use]
    pub fn of_zcdp(rho: f64) -> Self {
        let value = |alpha: &f64| if rho >= 0.0 { mul_up(rho, *alpha) } else { f64::INFINITY };
        Self { values: ORDERS.iter().map(value).collect() }
    }

    /// Takes back stored values, one for each order of [`ORDERS`].
    ///
    /// # Errors
    /// [`AccountantError::VectorLength`] if there are more or fewer values than orders,
    /// [`AccountantError::VectorValue`] if one is negative or not a number.
    pub fn from_values(values: Vec<f64>) -> Result<Self, AccountantError> {
        if values.len() != ORDERS.len() {
            return Err(AccountantError::VectorLength {
                found: values.len(),
                expected: ORDERS.len(),
            });
        }
        match ORDERS.iter().zip(&values).find(|(_, value)| value.is_nan() || **value < 0.0) {
            Some((&order, &found)) => Err(AccountantError::VectorValue { order, found }),
            None => Ok(Self { values: values.into_boxed_slice() }),
        }
    }

    /// The values in the order of [`ORDERS`], in nats.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The cost of both releases, rounded up.
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        let values = self.values.iter().zip(&other.values).map(|(&a, &b)| add_up(a, b));
        Self { values: values.collect() }
    }

    /// The cost of `steps` such releases, rounded up.
    #[must_use]
    pub fn times(&self, steps: u64) -> Self {
        let steps = steps_up(steps);
        Self { values: self.values.iter().map(|&value| mul_up(value, steps)).collect() }
    }

    /// ε in nats such that the release is (ε, `delta`)-differentially private, rounded up; +∞ if no
    /// order gives a finite bound, never not-a-number.
    ///
    /// The least over the orders of
    /// `ε_RDP(α)` + ln((α−1)/α) − (ln δ + ln α)/(α−1)
    /// (Canonne, Kamath, Steinke, arXiv:2004.00010, Proposition 12; Balle et al.,
    /// arXiv:1905.09982, Theorem 21).
    ///
    /// # Soundness
    /// Every order is a valid bound for a composition that was fixed in advance, so the least is.
    /// When later releases were chosen in view of earlier results, the order must not depend on the
    /// results either: a limit that shall hold then is enforced by
    /// [`Filter`](crate::Filter).
    #[must_use]
    pub fn epsilon(&self, delta: Delta) -> f64 {
        if self.values.contains(&0.0) {
            // A Rényi divergence of 0 at any order: the two distributions are the same.
            return 0.0;
        }
        let costs = ORDERS
            .iter()
            .zip(&self.values)
            .map(|(&alpha, value)| value + conversion(alpha, delta.get()));
        epsilon_up(costs.fold(f64::INFINITY, f64::min))
    }
}

/// `ε_RDP(α)` in nats of `steps` steps at one order α above 1, rounded up; see
/// [`RdpVector::of_step`].
#[must_use]
pub fn order_of_step(mechanism: &SampledGaussian, alpha: f64, steps: u64) -> f64 {
    mul_up(of_one_step(mechanism, alpha), steps_up(steps))
}

fn of_one_step(mechanism: &SampledGaussian, alpha: f64) -> f64 {
    let z = mechanism.noise.get();
    let plain = (alpha / (2.0 * z * z) * (1.0 + 1e-15)).next_up();
    if mechanism.rate.get() >= 1.0 {
        return plain;
    }
    let value = (log_moment(mechanism, alpha) / (alpha - 1.0) * (1.0 + 1e-15)).next_up();
    // Sampling never costs more than no sampling; `min` also ignores a value that is not a number.
    value.max(0.0).min(plain)
}

/// What the conversion to (ε, δ) adds to `ε_RDP(α)`, rounded up, in nats. It may be negative.
pub(crate) fn conversion(alpha: f64, delta: f64) -> f64 {
    let exact = (-1.0 / alpha).ln_1p() - (delta.ln() + alpha.ln()) / (alpha - 1.0);
    exact + exact.abs() * 1e-13 + 1e-14
}

/// Upper bound of (`α−1)·ε_RDP(α`) for q < 1.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "orders are in 1…1024")]
fn log_moment(mechanism: &SampledGaussian, alpha: f64) -> f64 {
    if alpha.fract() == 0.0 {
        integer::log_moment(mechanism, alpha as u32)
    } else {
        fractional::log_moment(mechanism, alpha)
    }
}
