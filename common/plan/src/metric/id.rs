//! Every metric, and the one text that stands for it.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use base::choice;
use base::config::Choice;

use super::METRIC_NAME;
use super::subject::Subject;

/// A measure of a model on all of a site's patients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Overall {
    /// The loss on the training patients before a round.
    TrainingLoss,
    /// Harrell's C on the test patients.
    CIndex,
    /// Uno's C up to the last horizon.
    UnoC,
    /// The Brier score, integrated up to the last horizon.
    IntegratedBrier,
    /// The p-value of D-calibration.
    DCalibration,
}

choice!(Overall {
    TrainingLoss => "train.loss",
    CIndex => "test.c_index",
    UnoC => "test.uno_c",
    IntegratedBrier => "test.integrated_brier",
    DCalibration => "test.d_calibration_p",
});

/// A measure of the predicted curve at one time, on the test patients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AtHorizon {
    /// The cumulative/dynamic area under the ROC curve.
    Auc,
    /// The Brier score.
    Brier,
    /// Calibration in the large: observed over predicted risk.
    ObservedToPredicted,
}

choice!(AtHorizon {
    Auc => "test.auc",
    Brier => "test.brier",
    ObservedToPredicted => "test.observed_to_predicted",
});

/// What the C-index loses without a part of the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Importance {
    /// The part is permuted among patients.
    Permutation,
    /// The part is taken away.
    DropColumn,
}

choice!(Importance { Permutation => "importance", DropColumn => "ablated" });

/// A metric of a model. Its text is a measure, or a measure, `/` and a [`Subject`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MetricId {
    /// On all patients, such as `test.c_index`.
    Overall(Overall),
    /// At a time, such as `test.auc/5`.
    AtHorizon(AtHorizon, Subject),
    /// Harrell's C within a subgroup of the test patients, such as `test.c_index/sex.female`.
    Subgroup(Subject),
    /// Of a part of the inputs, such as `importance/age`.
    Importance(Importance, Subject),
}

/// Harrell's C on a site's test patients.
pub const C_INDEX: MetricId = MetricId::Overall(Overall::CIndex);

/// The loss on a site's training patients before a round.
pub const TRAINING_LOSS: MetricId = MetricId::Overall(Overall::TrainingLoss);

/// The measure whose subject is a subgroup.
const OF_SUBGROUPS: Overall = Overall::CIndex;

/// A text that names no metric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a metric of this release; install the release that measured it")]
pub struct UnknownMetric {
    found: String,
}

impl UnknownMetric {
    pub(super) fn new(found: &str) -> Self {
        Self { found: found.chars().take(METRIC_NAME).collect() }
    }
}

impl MetricId {
    /// A measure at a time, in the unit of the outcome.
    #[must_use]
    pub fn at_horizon(measure: AtHorizon, horizon: f64) -> Self {
        Self::AtHorizon(measure, Subject::from_horizon(horizon))
    }

    /// Harrell's C within the patients of a category or code of a view.
    #[must_use]
    pub fn subgroup(view: &str, category: &str) -> Self {
        Self::Subgroup(Subject::from_subgroup(view, category))
    }

    /// The importance of a column, a view or a modality.
    #[must_use]
    pub fn importance(kind: Importance, part: &str) -> Self {
        Self::Importance(kind, Subject::from_part(part))
    }

    /// The same metric with a number behind its subject, for subjects whose names are cut to the same text. A metric of
    /// all patients has no subject and stays as it is.
    #[must_use]
    pub fn numbered(&self, number: u16) -> Self {
        match self {
            Self::Overall(measure) => Self::Overall(*measure),
            Self::AtHorizon(measure, time) => Self::AtHorizon(*measure, time.numbered(number)),
            Self::Subgroup(group) => Self::Subgroup(group.numbered(number)),
            Self::Importance(kind, part) => Self::Importance(*kind, part.numbered(number)),
        }
    }

    fn measure_and_subject(&self) -> (&'static str, Option<&Subject>) {
        match self {
            Self::Overall(measure) => (measure.name(), None),
            Self::AtHorizon(measure, time) => (measure.name(), Some(time)),
            Self::Subgroup(group) => (OF_SUBGROUPS.name(), Some(group)),
            Self::Importance(kind, part) => (kind.name(), Some(part)),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let Some((measure, subject)) = text.split_once('/') else {
            return Overall::parse(text).ok().map(Self::Overall);
        };
        let subject = Subject::parse(subject)?;
        if measure == OF_SUBGROUPS.name() {
            Some(Self::Subgroup(subject))
        } else if let Ok(measure) = AtHorizon::parse(measure) {
            Some(Self::AtHorizon(measure, subject))
        } else {
            Importance::parse(measure).ok().map(|kind| Self::Importance(kind, subject))
        }
    }
}

impl fmt::Display for MetricId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.measure_and_subject() {
            (measure, None) => f.pad(measure),
            (measure, Some(subject)) => f.pad(&format!("{measure}/{subject}")),
        }
    }
}

impl FromStr for MetricId {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        let fits = text.len() <= METRIC_NAME;
        fits.then(|| Self::parse(text)).flatten().ok_or_else(|| UnknownMetric::new(text))
    }
}

/// In the order of the texts. No measure's text begins with another's, so that the subject decides only within one.
impl Ord for MetricId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.measure_and_subject().cmp(&other.measure_and_subject())
    }
}

impl PartialOrd for MetricId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
