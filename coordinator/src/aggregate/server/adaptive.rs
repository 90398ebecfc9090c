//! What `FedAdagrad`, `FedAdam` and `FedYogi` have in common (Reddi et al., arXiv:2003.00295, algorithm 2).

use plan::experiment::Aggregation;

use super::Rule;

/// How the second moment v follows the square of the update.
pub trait SecondMoment: Send {
    /// The next v, from v and Δ².
    fn next(&self, v: f64, square: f64) -> f64;
}

/// The step is m / (√v + τ), with m ← β₁m + (1 − β₁)Δ, from m = 0 and v = τ².
pub struct Adaptive<S> {
    /// β₁, the decay of the first moment.
    beta1: f64,
    /// τ, the degree of adaptivity: a larger one is closer to plain averaging.
    tau: f64,
    second: S,
}

impl<S> Adaptive<S> {
    /// The rule with this second moment.
    pub fn new(settings: &Aggregation, second: S) -> Self {
        Self { beta1: settings.beta1, tau: settings.tau, second }
    }
}

impl<S: SecondMoment> Rule<2> for Adaptive<S> {
    #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
    fn start(&self) -> [f32; 2] {
        [0.0, (self.tau * self.tau) as f32]
    }

    #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
    fn step(&self, update: f64, [m, v]: &mut [f32; 2]) -> f64 {
        let first = self.beta1 * f64::from(*m) + (1.0 - self.beta1) * update;
        let second = self.second.next(f64::from(*v), update * update);
        *m = first as f32;
        *v = second as f32;
        first / (second.max(0.0).sqrt() + self.tau)
    }
}
