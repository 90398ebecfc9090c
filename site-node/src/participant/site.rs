//! The hospital's part in a federation: what it consented to, and what it did for it so far.

mod consent;
mod dataset;
mod departure;
mod ending;
mod lock;
mod patients;
mod policy;
mod refresh;
mod round;
mod run_state;
mod runs;
mod statistics;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use audit::Name;
use base::digest::Digest;
use base::ids::{Round, RunId};
use node::audit_log::{AuditWriter, AuditWriterError};
use plan::experiment::{CheckedPlan, StatisticsRequest};
use plan::metric::Metric;
use plan::model::payload;

pub(super) use self::dataset::Counts;
use self::dataset::Dataset;
use self::patients::of_patients;
use self::round::InHand;
use self::run_state::Evaluated;
pub(super) use self::run_state::RunState;
use self::runs::Runs;
use super::computed::Basis;
use super::log;
use super::protection;
use super::questions::{Asked, Questions};
use super::records::Mark;
use super::time::Taken;
use super::{Computed, DeclineReason, Model, Participant, Records, RecordsInForce, Site, SiteRule};
use crate::cancel::Reason;
use crate::data::{DataError, FileHashCache, Secret};
use crate::privatize::{LedgerLogError, LedgerPlace, PrivacyGate};
use crate::rules::{Change, InForce};
use crate::send::Outgoing;

/// What a step goes by: the policy and the description of the patients, as their files stand.
struct Standing<'s> {
    rules: InForce,
    records: RecordsInForce<'s>,
}

impl Standing<'_> {
    /// That the patients are described as this mark says, and nobody withdrew since.
    fn check_mark(&self, mark: &Mark) -> Result<(), DeclineReason> {
        if self.records.mark() == *mark { Ok(()) } else { Err(refresh::changed()) }
    }
}

/// A hospital that cannot take part.
#[derive(Debug, thiserror::Error)]
pub enum SiteParticipantError {
    /// Its ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerLogError),
    /// Its own key for fingerprints of its data.
    #[error(transparent)]
    Fingerprint(#[from] Box<DataError>),
    /// What runs have taken of their time.
    #[error(
        "state/training-times, which holds how long each run has trained here (policy.max_time), cannot be read: \
         {source}; put it back, or remove it, and runs that go on have all of their time again"
    )]
    Times {
        /// Why.
        source: std::io::Error,
    },
}

/// The hospital's part in a federation, for all runs at once.
///
/// Each run has a lock of its own, which is held while a round trains, patients are read or a model is evaluated. What
/// the log says of a run and needs a consent is recorded under it, and so are consent and decline. The other locks are
/// held briefly, except `reading` and `describing`. Several locks are taken in this order: a run's own or `describing`,
/// `reading`, the ledger's (inside the gate) or `questions`, `runs`. No thread that holds one of the others waits for a
/// run's lock, so no run waits while another one trains.
pub struct SiteParticipant {
    site: Site,
    audit: Arc<AuditWriter>,
    gate: PrivacyGate,
    runs: Mutex<Runs>,
    /// Notified, with `runs`, when a run's lock is released or a session begins.
    released: Condvar,
    /// Held while the patients of a run are read, so that a run that needs the same patients finds them afterwards.
    reading: Mutex<()>,
    /// Held while a statistics request is answered.
    describing: Mutex<()>,
    /// Hashes of ECGs and images that did not change since.
    seen: FileHashCache,
    questions: Mutex<Questions>,
    /// How long runs trained.
    taken: Mutex<Taken>,
    /// The training in progress, by run.
    in_hand: Mutex<BTreeMap<RunId, InHand>>,
}

impl SiteParticipant {
    /// A hospital whose ledger is open.
    ///
    /// # Errors
    /// The ledger, or the key for fingerprints, cannot be used.
    pub fn open(site: Site) -> Result<Self, SiteParticipantError> {
        let known = site.state.join("outbox").exists();
        let place = LedgerPlace {
            state: &site.state,
            audit: &site.audit,
            site: site.name.as_str(),
            data_set: &site.data_set,
        };
        let limits = site.rules.last().policy.limits;
        let gate = PrivacyGate::open(place, limits, Arc::clone(&site.clock))?;
        let audit = Arc::clone(gate.audit());
        if let Records::Files(_) = &site.records {
            if known && !Secret::exists(&site.state) {
                tracing::warn!(
                    "fingerprint.key is missing and made anew: the same data has another fingerprint from now on"
                );
            }
            // A key that cannot be used is told here, and not with every run.
            Secret::open(&site.state).map_err(Box::new)?;
        }
        let InForce { hash, .. } = site.rules.last();
        let loaded = log::policy(&Change::Loaded { hash, keys: Vec::new() });
        let recorded = audit.record(loaded.into_iter().collect()).map_err(AuditWriterError::from);
        recorded.map_err(LedgerLogError::from)?;
        tracing::info!(policy = %hash, "policy in force");
        let questions = Questions::new(site.clock.now(), site.slots);
        let taken =
            Taken::open(&site.state).map_err(|source| SiteParticipantError::Times { source })?;
        Ok(Self {
            site,
            audit,
            gate,
            runs: Mutex::default(),
            released: Condvar::new(),
            reading: Mutex::default(),
            describing: Mutex::default(),
            seen: FileHashCache::default(),
            questions: Mutex::new(questions),
            taken: Mutex::new(taken),
            in_hand: Mutex::default(),
        })
    }

    fn questions(&self) -> MutexGuard<'_, Questions> {
        hold(&self.questions)
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        hold(&self.runs)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        hold(&self.taken)
    }

    fn in_hand(&self) -> MutexGuard<'_, BTreeMap<RunId, InHand>> {
        hold(&self.in_hand)
    }

    /// The metrics of a final model. Those with noise are computed once.
    fn metrics_of(
        &self,
        state: &mut RunState,
        model: &[f32],
        least: usize,
    ) -> Result<Vec<Metric>, DeclineReason> {
        let digest = Digest::of(&payload::from_parameters(model));
        if let Some(evaluated) = state.evaluated.as_ref().filter(|made| made.model == digest) {
            return Ok(evaluated.metrics.clone());
        }
        let mode = state.plan.privacy.mode;
        let metrics = protection::of(mode).evaluate(&self.gate, state, model, least)?;
        if mode.adds_noise() && !metrics.is_empty() {
            state.evaluated = Some(Evaluated { model: digest, metrics: metrics.clone() });
        }
        Ok(metrics)
    }

    /// Acts for a run that was consented to, under its lock. An error is passed to `refused`, unless the session ended
    /// while this waited: then nobody is left to hear it. If it concerns the whole run, this site then leaves the run.
    fn with<T>(
        &self,
        run: &RunId,
        refused: impl FnOnce(&DeclineReason),
        act: impl FnOnce(&mut RunState) -> Result<T, DeclineReason>,
    ) -> Result<T, DeclineReason> {
        let unknown = || refuse(format!("this site has not consented to run {run}"));
        let session = self.runs().session();
        let Some(cell) = self.runs().find(run) else {
            return Err(unknown()).inspect_err(refused);
        };
        let mut state = self.lock_run(&cell, session)?;
        // The run may have ended while this waited.
        let known = self.runs().has(run);
        let answer = state.as_mut().filter(|_| known).ok_or_else(unknown).and_then(act);
        answer.inspect_err(|reason| {
            refused(reason);
            if reason.whole_run {
                self.withdraw(run, &mut state, reason);
            }
        })
    }
}

/// Locks a mutex, also after a panic of an earlier holder: every change under these locks is complete or absent.
fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was consented to does not cover this.
fn refuse(reason: String) -> DeclineReason {
    DeclineReason::new(SiteRule::Consent, reason)
}

impl Participant for SiteParticipant {
    fn audit(&self) -> Arc<AuditWriter> {
        Arc::clone(&self.audit)
    }

    fn data_set(&self) -> Name {
        self.site.data_set.clone()
    }

    fn admit(&self, asked: Asked<'_>) -> Result<(), DeclineReason> {
        let has_slot = |run: &RunId| self.runs().has(run);
        let admitted = self.questions().admit(asked, self.site.clock.now(), has_slot);
        if let Some(entry) = admitted? {
            self.audit.note_refused(entry);
        }
        Ok(())
    }

    fn consider(&self, run: &RunId, plan: &CheckedPlan) -> Result<(), DeclineReason> {
        self.decide(run, plan)
    }

    fn round(
        &self,
        run: &RunId,
        round: Round,
        model: Model<'_>,
    ) -> Result<Outgoing, DeclineReason> {
        self.answer(run, round, model)
    }

    fn depart(&self, run: &RunId, round: Round, outgoing: &Outgoing) -> Result<(), DeclineReason> {
        self.let_go(run, round, outgoing)
    }

    fn received(&self, run: &RunId, round: Round, update: Digest) {
        self.acknowledged(run, round, update);
    }

    fn evaluate(&self, run: &RunId, model: &[f32]) -> Result<Computed, DeclineReason> {
        self.with(
            run,
            |_| {},
            |state| {
                // What stands now: waiting for the run's state may take as long as a round trains.
                let standing = self.standing()?;
                self.still_allowed(state, &standing).map_err(DeclineReason::of_the_run)?;
                let least = standing.rules.policy.min_patients as usize;
                self.apply_limits()?;
                let metrics = self.metrics_of(state, model, least)?;
                let Dataset { mark, counts, .. } = &*state.data;
                Ok(Computed::new(metrics, Basis { mark: mark.clone(), counts: *counts }))
            },
        )
    }

    fn depart_metrics(&self, run: &RunId, metrics: &Computed) -> Result<(), DeclineReason> {
        self.let_metrics_go(run, metrics)
    }

    fn describe(&self, question: &StatisticsRequest) -> Result<Computed, DeclineReason> {
        self.answer_statistics(question)
    }

    fn depart_answer(
        &self,
        question: &StatisticsRequest,
        answer: &Computed,
    ) -> Result<(), DeclineReason> {
        self.let_answer_go(question, answer)
    }

    fn stop(&self) {
        for training in self.in_hand().values() {
            training.cancel.set(Reason::Stopping);
        }
    }

    fn session_begins(&self) {
        self.runs().rest();
        // Whoever waits for a run in an earlier session waits no longer.
        self.released.notify_all();
    }

    fn over(&self, run: &RunId) {
        self.discard(run);
    }
}
