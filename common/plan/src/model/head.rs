//! What a model's outputs mean.

use serde::{Deserialize, Serialize};

use super::kind::HeadKind;

/// What the last layer's outputs mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// Discrete-time logistic hazard: logit h(j | x) for each interval j (Gensheimer and
    /// Narasimhan, PeerJ 2019, eq. 3). A sum over patients, hence fit for privacy by patient.
    ///
    /// With `proportional`, logit h(j | x) = b_j + f(x) with one f(x) for all intervals, the
    /// discrete-time Cox model of Andreux et al. (arXiv:2006.08997, eq. 5).
    LogisticHazard {
        /// Intervals of the time grid.
        intervals: u32,
        /// One log-odds ratio for all intervals instead of one output for each.
        proportional: bool,
    },
    /// Log hazard ratio under Cox's partial likelihood, ties by Breslow. Couples the patients of a
    /// risk set: a baseline, never in a private mode.
    Cox,
    /// A hazard that is constant in each interval, softplus of the output (Kvamme and Borgan,
    /// arXiv:1910.06724, eq. 17): it uses how far into an interval a patient was followed.
    PiecewiseHazard {
        /// Intervals of the time grid.
        intervals: u32,
    },
    /// Probability masses of the intervals and of the time beyond them: the likelihood part of `DeepHit`
    /// (Lee et al., AAAI 2018, eq. 3) for one cause.
    DeepHit {
        /// Intervals of the time grid.
        intervals: u32,
    },
    /// Discrete-time logistic hazards of competing causes, a multinomial logit in each interval:
    /// h_k(j | x) = exp(z_kj) / (1 + Σ_l exp(z_lj)) (Tutz and Schmid, *Modeling Discrete Time-to-Event
    /// Data*, Springer 2016, section 8.1). For one cause it would be the logistic hazard, which stands for
    /// that. Logits are in the order of causes, each with all intervals.
    ///
    /// With `proportional`, z_kj = b_kj + f_k(x): one log-odds ratio for each cause.
    CauseHazards {
        /// Intervals of the time grid.
        intervals: u32,
        /// Causes, two or more.
        causes: u32,
        /// One log-odds ratio of a cause for all intervals instead of one output for each.
        proportional: bool,
    },
}

impl Head {
    /// Outputs of the last dense layer.
    #[must_use]
    pub fn outputs(self) -> u32 {
        match self {
            Self::LogisticHazard { proportional: true, .. } | Self::Cox => 1,
            Self::CauseHazards { causes, proportional: true, .. } => causes,
            Self::CauseHazards { causes, intervals, proportional: false } => {
                causes.saturating_mul(intervals)
            }
            Self::LogisticHazard { intervals, proportional: false }
            | Self::PiecewiseHazard { intervals }
            | Self::DeepHit { intervals } => intervals,
        }
    }

    /// Intervals of the time grid, which every head but Cox's has.
    #[must_use]
    pub fn intervals(self) -> Option<u32> {
        match self {
            Self::LogisticHazard { intervals, .. }
            | Self::CauseHazards { intervals, .. }
            | Self::PiecewiseHazard { intervals }
            | Self::DeepHit { intervals } => Some(intervals),
            Self::Cox => None,
        }
    }

    /// Causes that the head tells apart: 1 for all but hazards of several.
    #[must_use]
    pub fn causes(self) -> u32 {
        match self {
            Self::CauseHazards { causes, .. } => causes,
            Self::LogisticHazard { .. }
            | Self::PiecewiseHazard { .. }
            | Self::DeepHit { .. }
            | Self::Cox => 1,
        }
    }

    /// Logits of a patient: one for each cause and interval, or Cox's single log hazard ratio.
    #[must_use]
    pub fn logits(self) -> usize {
        let intervals = self.intervals().unwrap_or(1) as usize;
        intervals.saturating_mul(self.causes() as usize)
    }

    /// Whether the loss is a sum over patients, which every private mode needs.
    #[must_use]
    pub fn separable_by_patient(self) -> bool {
        !matches!(self, Self::Cox)
    }

    /// The kind that experiment files and policies name.
    #[must_use]
    pub fn kind(self) -> HeadKind {
        match self {
            // A file asks for several causes under [outcome].
            Self::LogisticHazard { .. } | Self::CauseHazards { .. } => HeadKind::LogisticHazard,
            Self::Cox => HeadKind::Cox,
            Self::PiecewiseHazard { .. } => HeadKind::PiecewiseHazard,
            Self::DeepHit { .. } => HeadKind::DeepHit,
        }
    }

    /// The name used in experiment files and policies.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.kind().name()
    }
}
