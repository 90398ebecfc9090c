//! An experiment: one file that says what is learned, from which outcome, how, and how privately.
//!
//! [`Experiment`] is the researcher's file. Its [`Plan`] is the part that travels: each hospital
//! receives the whole plan before anything runs, checks it again ([`Plan::check`]), holds its own
//! policy against it, and builds everything from it with its own binary.

mod aggregation;
mod calibrate;
mod caution;
mod check;
mod checked;
mod encoders;
mod evaluation;
mod features;
mod model;
mod outcome;
mod parts;
mod plan;
mod privacy;
mod private_evaluation;
mod simulated;
mod statistics;
mod training;
mod view;

pub use aggregation::{Aggregation, Combine, ServerRule, WINDOWS, Weights};
pub use check::PlanError;
pub use checked::CheckedPlan;
pub use evaluation::Evaluation;
pub use features::Feature;
pub use outcome::{CAUSES, Outcome, TimeUnit, cause_flaws};
pub use parts::Part;
pub use plan::{Draft, Experiment, Plan};
pub use privacy::{DpSgd, PrivacyMode, PrivacyPlan};
pub use private_evaluation::{ExpectedNoise, PrivateEvaluation};
pub use simulated::{SimulatedData, SimulatedForm, SimulatedTables};
pub use statistics::{Describe, DescribedInput, LeftOut, Statistic, StatisticsRequest};
pub use training::{Optimizer, Training};
pub use view::{
    Aggregate, Beats, Missing, REACH_MS, RECORDING_S, Transform, Values, View, ViewSource,
    ecg_samples, unit,
};

use base::choice;

/// What a hospital says of its data, which decides what may be done without noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataTag {
    /// Real patients: nothing leaves without noise.
    Private,
    /// Published data, which anyone may read.
    Public,
    /// Made by a generator: nobody's data.
    Synthetic,
}

choice!(DataTag { Private => "private", Public => "public", Synthetic => "synthetic" });

impl DataTag {
    /// Whether this tag permits mode `none` and exact metrics.
    #[must_use]
    pub fn may_leave_unprotected(self) -> bool {
        !matches!(self, Self::Private)
    }
}
