//! The kinds of model and of head that experiment files and policies name.

use base::choice;

/// What a model is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelKind {
    /// One linear layer.
    Linear,
    /// Hidden layers with `ReLU` between them.
    Mlp,
    /// Encoders of several modalities and the layers that join them.
    Multimodal,
}

choice!(ModelKind { Linear => "linear", Mlp => "mlp", Multimodal => "multimodal" });

/// What a model's outputs mean, without the sizes that [`Head`](super::Head) holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadKind {
    /// A discrete-time logistic hazard, of one cause or of several.
    LogisticHazard,
    /// A hazard that is constant within each interval.
    PiecewiseHazard,
    /// Probability masses of the intervals.
    DeepHit,
    /// One log hazard ratio under Cox's partial likelihood.
    Cox,
}

choice!(HeadKind {
    LogisticHazard => "logistic-hazard",
    PiecewiseHazard => "piecewise-hazard",
    DeepHit => "deephit",
    Cox => "cox",
});
