//! Numerical accounting by privacy-loss distributions (PLD): the accountant that reports.
//!
//! ```text
//!              plan                discretise             spectrum                 tail
//!  segments ──► tilt λ, window, ──► loss on a grid,   ──► tilt by e^{λ·loss}, ──► δ(ε) from the top
//!  (q, z, T)    grid width          rounded up, both      FFT, product of          down; the least ε
//!     │                             P and Q mass kept     T-th powers, inverse     with δ(ε) ≤ δ
//!     └─ once for removing a patient, once for adding one; the larger ε counts ─────────┘
//! ```
//!
//! The privacy loss of a composition is a sum of independent losses, so its law is a convolution,
//! taken by FFT (Koskela, Jälkö, Honkela, arXiv:1906.03049). Each step's law is replaced by one on a
//! grid that dominates it ("connect the dots", Doroshenko et al., arXiv:2207.04380), and dominating
//! pairs compose (Zhu, Dong, Wang, arXiv:2106.08567), so the result is an upper bound
//! whatever the grid.
//!
//! An FFT errs by about 10⁻¹⁵ of the *largest* probability, which would drown a δ of 10⁻¹². Each
//! law is therefore first tilted by e^{λ·loss} with the λ of the best Chernoff bound: the tilted sum
//! has its mass where δ is decided, and tilting back makes every error relative to that bound.
//!
//! Unlike Rényi costs this ε is valid only for a composition fixed in advance. Enforcement belongs
//! to [`rdp`](super::rdp).

mod concentrated;
mod discretise;
mod plan;
mod sketch;
mod spectrum;
mod tail;

use super::rounding::epsilon_up;
use super::{Delta, RdpVector, Segment};
pub use concentrated::Zcdp;

/// Which neighbour the output came from: the two directions of add/remove adjacency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Adjacency {
    /// The patient is in the data and is compared with absence: losses of P against Q.
    Remove,
    /// The patient is absent and is compared with presence: losses of Q against P.
    Add,
}

/// ε in nats such that the composition of all segments is (ε, `delta`)-differentially private under
/// add/remove adjacency, rounded up; never not-a-number.
///
/// Time grows with the number of different mechanisms and with the square root of the steps, and is
/// bounded by grids of 2²⁰ points: some tens of milliseconds as a rule.
///
/// # Soundness
/// The larger of two upper bounds, one for each direction, or the Rényi bound where that is smaller
/// (with extreme inputs the numerical bound may be coarse). All are upper bounds for a fixed
/// composition, so the smaller is.
#[must_use]
pub fn epsilon(segments: &[Segment], delta: Delta) -> f64 {
    epsilon_with(segments, Zcdp::NOTHING, delta)
}

/// The same for the composition of all segments with releases of which nothing is known but that they are
/// ρ-zCDP; see [`Zcdp`].
///
/// # Soundness
/// As that of [`epsilon`]: the Rényi bound adds ρα at each order α, and the numerical one is proven at
/// [`Zcdp`].
#[must_use]
pub fn epsilon_with(segments: &[Segment], concentrated: Zcdp, delta: Delta) -> f64 {
    let segments = Segment::merged(segments);
    let costs = RdpVector::of_segments(&segments).add(&RdpVector::of_zcdp(concentrated.rho()));
    if segments.is_empty() {
        return costs.epsilon(delta);
    }
    let numerical = [Adjacency::Remove, Adjacency::Add]
        .into_iter()
        .map(|adjacency| {
            one_direction(&segments, adjacency, concentrated, delta).unwrap_or(f64::INFINITY)
        })
        .fold(0.0, f64::max);
    numerical.min(costs.epsilon(delta))
}

/// ε of one direction, or nothing where the grid's error alone exceeds δ.
fn one_direction(
    segments: &[Segment],
    adjacency: Adjacency,
    concentrated: Zcdp,
    delta: Delta,
) -> Option<f64> {
    let plan = plan::Plan::new(segments, adjacency, concentrated, delta.get());
    let composed = spectrum::compose(segments, adjacency, &plan);
    let epsilon = if concentrated.is_nothing() {
        tail::smallest_epsilon(&composed, &plan, delta.get())?
    } else {
        concentrated.smallest_epsilon(&composed, &plan, delta.get())?
    };
    Some(epsilon_up(epsilon + composed.slack))
}
