//! What parameters hold before the first round.

/// What a block holds before the first round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// The same number everywhere.
    Constant(f64),
    /// Uniform in ±bound, drawn from the plan's seed.
    Uniform {
        /// The bound.
        bound: f64,
    },
}

impl Start {
    pub(super) const ZERO: Self = Self::Constant(0.0);

    /// ±√(6 / inputs) (He et al., arXiv:1502.01852, eq. 10, for ReLU).
    pub(super) fn he(inputs: usize) -> Self {
        Self::Uniform { bound: (6.0 / inputs.max(1) as f64).sqrt() }
    }
}
