//! The state of a run that a hospital consented to.

use std::sync::Arc;

use base::digest::Digest;
use base::ids::{Round, RunId};
use plan::experiment::CheckedPlan;
use plan::metric::Metric;

use super::super::records::Mark;
use super::Standing;
use super::dataset::Dataset;
use crate::privatize::Origin;
use crate::rules::InForce;
use crate::send::Outgoing;
use crate::train::PrivateGradient;

/// A run that the site consented to.
pub(in crate::participant) struct RunState {
    pub(in crate::participant) run: RunId,
    pub(in crate::participant) plan: CheckedPlan,
    /// The patients, which other runs may share.
    pub(in crate::participant) data: Arc<Dataset>,
    /// Mode `patient` alone.
    pub(in crate::participant) gradient: Option<PrivateGradient>,
    /// The policy that allowed it last.
    pub(in crate::participant) rules: InForce,
    pub(super) last: Option<Made>,
    /// The noised metrics that were paid for.
    pub(super) evaluated: Option<Evaluated>,
}

/// Noised metrics of a final model. They were charged once, and the same numbers leave again for a coordinator that lost
/// them.
pub(super) struct Evaluated {
    pub(super) model: Digest,
    pub(super) metrics: Vec<Metric>,
}

impl RunState {
    /// Whether it was allowed by this policy, for patients of this description.
    pub(super) fn stands_by(&self, standing: &Standing<'_>) -> bool {
        self.rules.hash == standing.rules.hash && self.data.mark == standing.records.mark()
    }

    /// What an update of this run is trained from.
    pub(in crate::participant) fn origin(&self, model: Digest) -> Origin {
        Origin { model, data: self.data.fingerprint }
    }
}

/// The update of a round.
pub(super) struct Made {
    pub(super) round: Round,
    /// The model that it was trained from.
    pub(super) model: Digest,
    pub(super) outgoing: Outgoing,
    /// What decided whose records it was trained on.
    pub(super) mark: Mark,
    /// Whether it is on record that it leaves.
    pub(super) departed: bool,
}
