//! One hospital's part in runs and statistics requests, from its records to what leaves. Several runs may be in
//! progress at once. No record is read before policy and budget allow it.
//!
//! ```text
//! consider   plan ─► policy, slot, budget, data, cohort ─► consent, or the rule that says no
//! round      model ─► train ─► privatize ─► Outgoing
//! evaluate   model ─► what the mode lets out: exact metrics of the site's own test patients, or a noised C-index
//! describe   question ─► policy, budget, cohort ─► a charge and a noised number for each of its parts
//! depart     an update, metrics, an answer ─► policy and patients as they are now ─► it leaves, or the rule that says no
//! ```

mod computed;
mod decline;
mod log;
mod metrics;
mod protection;
mod questions;
mod records;
mod site;
mod statistics;
mod time;

use std::path::PathBuf;
use std::sync::Arc;

use audit::Name;
use base::clock::Clock;
use base::digest::Digest;
use base::fingerprint::Fingerprint;
use base::ids::{Round, RunId, SiteName};
use node::audit_log::{AuditSettings, AuditWriter};
use plan::experiment::{CheckedPlan, DataTag, StatisticsRequest};

use crate::cancel::Cancel;
use crate::rules::Rules;
use crate::send::Outgoing;
use crate::train::Device;

pub use computed::Computed;
pub(crate) use decline::defect;
pub use decline::{DeclineReason, Rule, SiteRule};
pub use questions::Asked;
pub use records::{Records, RecordsInForce};
pub use site::{SiteParticipant, SiteParticipantError};

use decline::{failed, guarded, untrained};

/// A model as it was offered.
#[derive(Debug, Clone, Copy)]
pub struct Model<'m> {
    /// The hash that its transfer was checked against.
    pub digest: Digest,
    /// Its parameters, every one finite.
    pub parameters: &'m [f32],
    /// Set when the run is over: training ends after the step that it is in.
    pub cancel: &'m Cancel,
}

/// What a session asks of the site, and all that it can ask.
pub trait Participant: Send + Sync + 'static {
    /// The site's audit log.
    fn audit(&self) -> Arc<AuditWriter>;

    /// What the patients are called whose ledger is in that log.
    fn data_set(&self) -> Name;

    /// Whether the coordinator may do this now. It is asked before anything is recorded for it.
    ///
    /// # Errors
    /// It does too much of it.
    fn admit(&self, _: Asked<'_>) -> Result<(), DeclineReason> {
        Ok(())
    }

    /// Decides on a plan that keeps its own rules, before anything trains.
    ///
    /// # Errors
    /// The rule that says no.
    fn consider(&self, run: &RunId, plan: &CheckedPlan) -> Result<(), DeclineReason>;

    /// Trains one round and privatizes the change.
    ///
    /// # Errors
    /// The stage that failed.
    fn round(&self, run: &RunId, round: Round, model: Model<'_>)
    -> Result<Outgoing, DeclineReason>;

    /// Records that a round's update is about to leave. Without this it may not.
    ///
    /// # Errors
    /// It cannot be recorded.
    fn depart(&self, run: &RunId, round: Round, outgoing: &Outgoing) -> Result<(), DeclineReason>;

    /// The coordinator says that it has an update.
    fn received(&self, run: &RunId, round: Round, update: Digest);

    /// The metrics of the final model that the plan asks for.
    ///
    /// # Errors
    /// The stage that failed.
    fn evaluate(&self, run: &RunId, model: &[f32]) -> Result<Computed, DeclineReason>;

    /// Records that the metrics of the final model are about to leave. Without this they may not.
    ///
    /// # Errors
    /// The run is over, the rule that says no meanwhile, or they cannot be recorded.
    fn depart_metrics(&self, run: &RunId, metrics: &Computed) -> Result<(), DeclineReason>;

    /// Describes the patients who train, if they may be described, by noised numbers that are charged. That the
    /// coordinator may ask was settled when the question came.
    ///
    /// # Errors
    /// The rule that says no, or the stage that failed.
    fn describe(&self, question: &StatisticsRequest) -> Result<Computed, DeclineReason>;

    /// Checks that the answer to a statistics request may leave now. Without this it may not.
    ///
    /// # Errors
    /// The rule that says no meanwhile.
    fn depart_answer(
        &self,
        question: &StatisticsRequest,
        answer: &Computed,
    ) -> Result<(), DeclineReason>;

    /// The program ends: training stops after the step that it is in, and nothing of it leaves.
    fn stop(&self) {}

    /// A session with the coordinator begins. Runs from earlier sessions rest from now on. One that is proposed again
    /// continues; the slot of any other one may be taken by a further run.
    fn session_begins(&self) {}

    /// A run is over, whether or not this site took part. Its slot becomes free, and the update that was kept for
    /// sending again is removed. This does not block.
    fn over(&self, _: &RunId) {}
}

/// What a site brings to every run.
pub struct Site {
    /// Its name.
    pub name: SiteName,
    /// The authority that its coordinator's certificate is from.
    pub coordinator: Fingerprint,
    /// Its policy.
    pub rules: Rules,
    /// What it calls its patients.
    pub data_set: Name,
    /// Its patients.
    pub records: Records,
    /// What it says of them.
    pub tag: DataTag,
    /// What it trains on.
    pub device: Device,
    /// Where its log and outbox lie.
    pub state: PathBuf,
    /// The most bytes of ECGs and images that it keeps in a plan's form.
    pub cache_bytes: u64,
    /// How many runs may be in progress at once.
    pub slots: u32,
    /// How it keeps its log.
    pub audit: AuditSettings,
    /// Where it reads the time.
    pub clock: Arc<dyn Clock>,
}
