//! What a hospital does in each privacy mode: how a round trains, and what leaves of it.
//!
//! ```text
//! none     train ──────────────────► charge, clip ────────► update, weight, exact metrics
//! site     train ──────────────────► charge, clip, noise ─► keep ─► update
//! patient  charge ─► noised steps ─► clip ────────────────► keep ─► update; a noised C-index in the end
//! ```
//!
//! A mode is one file that implements [`Protection`], and a line in [`of`]. What pure code decides about a mode is in
//! `plan::experiment::PrivacyMode`.

mod none;
mod patient;
mod site;

use base::digest::Digest;
use base::ids::Round;
use plan::experiment::PrivacyMode;
use plan::metric::Metric;
use privacy::PrivatizedUpdate;

use super::site::RunState;
use super::{DeclineReason, Model, Site, SiteRule, failed};
use crate::privatize::{Change, PrivacyGate};
use crate::send::Outgoing;
use crate::train::{TrainError, Trained, train_until};

/// A privacy mode at a hospital.
pub(super) trait Protection: Sync {
    /// Trains a round, and passes the result through the gate. Other runs may use the gate meanwhile.
    fn contribute(&self, open: OpenRound<'_>) -> Result<Outgoing, DeclineReason>;

    /// The metrics of the final model that leave: none, unless the mode says otherwise. Exact ones concern subgroups of
    /// at least `least` patients.
    fn evaluate(
        &self,
        _gate: &PrivacyGate,
        _state: &RunState,
        _model: &[f32],
        _least: usize,
    ) -> Result<Vec<Metric>, DeclineReason> {
        Ok(Vec::new())
    }
}

/// The table of modes.
pub(super) fn of(mode: PrivacyMode) -> &'static dyn Protection {
    match mode {
        PrivacyMode::None => &none::Unprotected,
        PrivacyMode::Site => &site::WholeUpdate,
        PrivacyMode::Patient => &patient::EachPatient,
    }
}

/// A round that trains: for which run, and from which model.
pub(super) struct OpenRound<'r> {
    pub(super) site: &'r Site,
    pub(super) gate: &'r PrivacyGate,
    pub(super) state: &'r mut RunState,
    pub(super) round: Round,
    pub(super) model: Model<'r>,
}

impl OpenRound<'_> {
    /// Trains on all patients, without noise. `None` if the model's flag was set meanwhile.
    fn train(&self) -> Result<Option<Trained>, TrainError> {
        let RunState { plan, data, .. } = &*self.state;
        let Model { parameters, cancel, .. } = self.model;
        let seed = self.batch_seed();
        let device = &self.site.device;
        train_until(cancel, &plan.model, &plan.training, parameters, &data.training, seed, device)
    }

    /// The order of batches differs by site and round, and is the same for the same plan.
    fn batch_seed(&self) -> u64 {
        let Self { site, state, round, .. } = self;
        let text = format!("consilium batches {} {} {round}", state.plan.seed, site.name);
        let digest = Digest::of(text.as_bytes());
        let (first, _) = digest.as_bytes().split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        u64::from_le_bytes(*first)
    }

    /// Charges the round and makes the change to `after` into what may leave.
    fn pass(&self, after: Vec<f32>, weight: f64) -> Result<PrivatizedUpdate, DeclineReason> {
        let RunState { run, plan, .. } = &*self.state;
        let change = Change { before: self.model.parameters, after };
        let passed = self.gate.pass(plan, run, self.round, change, weight);
        passed.map_err(|error| failed(SiteRule::Privatize)(&error))
    }

    /// An update with noise, which is on disk before it is sent for the first time. It leaves with nothing beside it.
    fn keep(&self, update: PrivatizedUpdate) -> Result<Outgoing, DeclineReason> {
        let origin = self.state.origin(self.model.digest);
        self.gate.keep(&update, origin).map_err(|error| failed(SiteRule::Privatize)(&error))?;
        Ok(Outgoing { update, weight: 1, metrics: Vec::new() })
    }
}
