//! What a hospital knows of a run that it consented to.

use base::digest::Digest;
use base::ids::{Round, RunId};
use plan::experiment::Plan;

use super::super::records::Mark;
use super::Standing;
use crate::data::Stamp;
use crate::privatize::Origin;
use crate::rules::InForce;
use crate::send::Outgoing;
use crate::train::{Examples, PrivateGradient};

/// A run that the site consented to.
pub(in crate::participant) struct RunState {
    pub(in crate::participant) run: RunId,
    pub(in crate::participant) plan: Plan,
    pub(in crate::participant) training: Examples,
    pub(in crate::participant) test: Option<Examples>,
    /// Mode `patient` alone.
    pub(in crate::participant) gradient: Option<PrivateGradient>,
    /// The policy that allowed it last.
    pub(in crate::participant) rules: InForce,
    /// What decided whose records these are.
    pub(super) mark: Mark,
    /// Training patients, and those of them with the event.
    pub(super) counts: (usize, usize),
    /// Of the patients, where they lie in files.
    pub(super) fingerprint: Option<Digest>,
    /// Of their files before they were read; none where that does not tell whether they changed.
    pub(super) stamps: Option<Vec<Option<Stamp>>>,
    pub(super) last: Option<Made>,
    /// The last round whose update the coordinator has.
    pub(super) acked: Option<Round>,
}

impl RunState {
    /// Whether it was allowed by this policy, for patients of this description.
    pub(super) fn stands_by(&self, standing: &Standing<'_>) -> bool {
        self.rules.hash == standing.rules.hash && self.mark == standing.records.mark()
    }

    /// What an update of this run is trained from.
    pub(in crate::participant) fn origin(&self, model: Digest) -> Origin {
        Origin { model, data: self.fingerprint }
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
