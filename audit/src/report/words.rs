//! Mechanisms and promises in words, in the vocabulary of NIST SP 800-226 (March 2025).

use maud::{Markup, html};

use super::format::{count, science};
use crate::record::Mechanism;

/// Whose protection a mechanism's cost is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    /// Nobody's: there is no noise.
    Nobody,
    /// One patient's.
    Patient,
    /// One hospital's, and so each of its patients'.
    Hospital,
}

pub(super) fn unit(mechanism: Mechanism) -> Unit {
    match mechanism {
        Mechanism::ClipOnly => Unit::Nobody,
        Mechanism::SampledGaussian { .. } | Mechanism::Zcdp { .. } => Unit::Patient,
        Mechanism::GaussianUpdate { .. } => Unit::Hospital,
    }
}

impl Unit {
    /// The unit of privacy.
    pub fn words(self) -> &'static str {
        match self {
            Self::Nobody => "none: nothing is promised",
            Self::Patient => "one patient, all of whose records count as one",
            Self::Hospital => "one hospital's data, as a whole",
        }
    }

    /// The neighbouring relation.
    pub fn neighbours(self) -> &'static str {
        match self {
            Self::Nobody => "–",
            Self::Patient => {
                "one patient, all of whose records count as one, added or removed at one site \
                 (unbounded)"
            }
            Self::Hospital => "one hospital's data, replaced (bounded)",
        }
    }
}

/// A short name.
pub(super) fn name(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::ClipOnly => "Clipping without noise",
        Mechanism::SampledGaussian { .. } => "Poisson-subsampled Gaussian (DP-SGD)",
        Mechanism::GaussianUpdate { .. } => "Gaussian, on the whole update",
        Mechanism::Zcdp { .. } => "Known by its zCDP cost",
    }
}

/// What is done, with its parameters.
pub(super) fn describe(mechanism: Mechanism, clip: f64) -> Markup {
    match mechanism {
        Mechanism::ClipOnly => html! {
            "The release is clipped to norm " (science(clip)) "; no noise is added. This is not "
            "differentially private."
        },
        Mechanism::SampledGaussian { sampling_rate, noise_multiplier, steps } => html! {
            (count(steps)) @if steps == 1 { " step" } @else { " steps" } ". In each, every patient "
            "is drawn by chance with probability " (science(sampling_rate)) " (Poisson sampling); "
            "each drawn patient's share is clipped to norm " (science(clip)) "; Gaussian noise with a "
            "standard deviation of " (science(noise_multiplier)) " times that norm is added to the "
            "sum."
        },
        Mechanism::GaussianUpdate { noise_multiplier } => html! {
            "The hospital's whole update is clipped to norm " (science(clip)) "; Gaussian noise with "
            "a standard deviation of " (science(noise_multiplier)) " times that norm is added to it."
        },
        Mechanism::Zcdp { rho } => html! {
            "A release bounded by norm " (science(clip)) " whose privacy loss is known as "
            "zero-concentrated differential privacy with ρ = " (science(rho)) "."
        },
    }
}
