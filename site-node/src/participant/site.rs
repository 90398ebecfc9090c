//! The hospital's part in a federation: what it consented to, and what it did for it so far.

mod patients;
mod policy;
mod refresh;
mod round;
mod run_state;
mod statistics;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use audit::Name;
use base::digest::Digest;
use base::ids::{Round, RunId};
use node::audit_log::{AuditWriter, AuditWriterError, terms};
use node::statistics_store::StatisticsStore;
use plan::experiment::{Plan, PrivacyMode, StatisticsRequest};
use plan::metric::Metric;

use self::patients::of_patients;
use self::round::InHand;
use self::run_state::Made;
pub(super) use self::run_state::RunState;
use self::statistics::terms_of;
use super::log;
use super::metrics::evaluate;
use super::questions::{Asked, Questions};
use super::statistics::answer;
use super::time::Taken;
use super::{DeclineReason, Model, Participant, Records, RecordsInForce, Site, failed};
use crate::cancel::Reason;
use crate::data::{DataError, FileHashCache, Secret};
use crate::privatize::{LedgerLogError, PrivacyGate};
use crate::rules::{Change, InForce};
use crate::send::Outgoing;

/// What a step goes by: the policy and the description of the patients, as their files stand.
struct Standing<'s> {
    rules: InForce,
    records: RecordsInForce<'s>,
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

/// The hospital's part in a federation.
pub struct SiteParticipant {
    site: Site,
    audit: Arc<AuditWriter>,
    gate: Mutex<PrivacyGate>,
    state: Mutex<Option<RunState>>,
    /// Hashes of ECGs and images that did not change since.
    seen: FileHashCache,
    questions: Mutex<Questions>,
    /// How long runs trained.
    taken: Mutex<Taken>,
    /// Beside what is state, which is locked while it trains.
    in_hand: Mutex<Option<InHand>>,
}

impl SiteParticipant {
    /// A hospital whose ledger is open.
    ///
    /// # Errors
    /// The ledger, or the key for fingerprints, cannot be used.
    pub fn open(site: Site) -> Result<Self, SiteParticipantError> {
        let known = site.state.join("outbox").exists();
        let gate = PrivacyGate::open(
            (&site.state, &site.audit),
            site.name.as_str(),
            &site.data_set,
            site.rules.last().policy.limits,
            Arc::clone(&site.clock),
        )?;
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
        let questions = Questions::new(site.clock.now());
        let taken =
            Taken::open(&site.state).map_err(|source| SiteParticipantError::Times { source })?;
        Ok(Self {
            site,
            audit,
            gate: Mutex::new(gate),
            state: Mutex::new(None),
            seen: FileHashCache::default(),
            questions: Mutex::new(questions),
            taken: Mutex::new(taken),
            in_hand: Mutex::default(),
        })
    }

    fn questions(&self) -> MutexGuard<'_, Questions> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gate(&self) -> MutexGuard<'_, PrivacyGate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(
        &self,
        run: &RunId,
        act: impl FnOnce(&mut RunState) -> Result<T, DeclineReason>,
    ) -> Result<T, DeclineReason> {
        match self.state.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(state) if state.run == *run => act(state),
            _ => Err(refuse(format!("this site has not consented to run {run}"))),
        }
    }
}

/// What was consented to does not cover this.
fn refuse(reason: String) -> DeclineReason {
    DeclineReason::new("consent", reason)
}

impl Participant for SiteParticipant {
    fn audit(&self) -> Arc<AuditWriter> {
        Arc::clone(&self.audit)
    }

    fn data_set(&self) -> Name {
        self.site.data_set.clone()
    }

    fn admit(&self, asked: Asked) -> Result<(), DeclineReason> {
        if let Some(entry) = self.questions().admit(asked, self.site.clock.now())? {
            self.audit.note_refused(entry);
        }
        Ok(())
    }

    fn consider(&self, run: &RunId, plan: &Plan) -> Result<(), DeclineReason> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Waiting for the lock may take as long as a round trains.
        let standing = self.standing();
        let mut held = state.as_mut().filter(|held| held.run == *run && held.plan == *plan);
        if let (Some(held), Ok(standing)) = (&held, &standing)
            && held.stands_by(standing)
        {
            return Ok(()); // Recorded when it was given.
        }
        // Whatever else is asked may have patients read.
        Participant::admit(self, Asked::Question)?;
        if let (Some(held), Ok(standing)) = (&mut held, &standing)
            && self.still_allowed(held, standing).is_ok()
        {
            return Ok(());
        }
        let decided = standing.and_then(|standing| {
            // What the site knows of a run outlives a lost connection, but not another run.
            let held = state.take();
            self.prepare((run, plan), standing, held).map(|ready| *state = Some(ready))
        });
        let entries = match &decided {
            Ok(()) => {
                let fingerprint = state.as_ref().and_then(|state| state.fingerprint);
                let asked = (plan.digest(), terms::of_plan(plan));
                log::consent(run, asked, (&self.site.data_set, fingerprint))
            }
            Err(reason) => log::declined(run, &reason.rule),
        };
        self.audit.record(entries).map_err(|error| failed("audit")(&error))?;
        decided
    }

    fn round(
        &self,
        run: &RunId,
        round: Round,
        model: Model<'_>,
    ) -> Result<Outgoing, DeclineReason> {
        let answer =
            self.standing().and_then(|standing| self.answer((run, round), model, &standing));
        self.refused(run, round, answer)
    }

    fn depart(&self, run: &RunId, round: Round, outgoing: &Outgoing) -> Result<(), DeclineReason> {
        let departs = self.with(run, |state| {
            let standing = self.standing()?;
            let of = outgoing.update.digest();
            let made = |made: &&Made| made.round == round && made.outgoing.update.digest() == of;
            // Nothing leaves that this run did not make last.
            let made = state.last.as_ref().filter(made).ok_or_else(refresh::changed)?;
            // Training may have taken hours. What left before leaves again: it tells nothing new.
            if !made.departed && made.mark != standing.records.mark() {
                state.last = None;
                return Err(refresh::changed());
            }
            self.still_allowed(state, &standing).map_err(DeclineReason::of_the_run)?;
            let noised = state.plan.privacy.mode != PrivacyMode::None;
            let entries = log::sent(run, round, outgoing, noised);
            self.audit.record(entries).map_err(|error| failed("audit")(&error))?;
            if let Some(made) = &mut state.last {
                made.departed |= made.round == round;
            }
            Ok(())
        });
        self.refused(run, round, departs)
    }

    fn received(&self, run: &RunId, round: Round, update: Digest) {
        // Once, and only of what was sent: a coordinator's word makes no record by itself.
        let _ = self.with(run, |state| {
            let sent = state
                .last
                .as_ref()
                .is_some_and(|made| made.round == round && made.outgoing.update.digest() == update);
            if sent && state.acked.replace(round) != Some(round) {
                self.audit.note(log::acked(run, round, update));
            }
            Ok(())
        });
    }

    fn evaluate(&self, run: &RunId, model: &[f32]) -> Result<Vec<Metric>, DeclineReason> {
        let evaluated = self.with(run, |state| {
            // What stands now: waiting for the run's state may take as long as a round trains.
            let standing = self.standing()?;
            self.still_allowed(state, &standing).map_err(DeclineReason::of_the_run)?;
            let policy = &standing.rules.policy;
            let least = policy.min_patients as usize;
            let mut gate = self.gate_within(policy)?;
            evaluate(&mut gate, state, model, least)
        });
        evaluated.inspect_err(|reason| self.withdraw(run, reason))
    }

    fn describe(&self, question: &StatisticsRequest) -> Result<Vec<Metric>, DeclineReason> {
        let run = question.run();
        // Training holds the gate, perhaps for hours: what stands is looked at after that.
        let mut gate = self.gate();
        let standing = match self.standing() {
            Ok(standing) => standing,
            Err(reason) => {
                let declined = log::declined(&run, &reason.rule);
                self.audit.record(declined).map_err(|error| failed("audit")(&error))?;
                return Err(reason);
            }
        };
        let policy = &standing.rules.policy;
        gate.set_limits(policy.limits).map_err(|error| failed("audit")(&error))?;
        if let Some(numbers) = self.said_before((&gate, &standing), question) {
            return self.say_again(policy, question, numbers);
        }
        let decided = self.may_describe((&gate, &standing), question);
        let entries = match &decided {
            Ok((_, fingerprint)) => {
                let asked = (question.digest(), terms_of(policy, question));
                log::consent(&run, asked, (&self.site.data_set, *fingerprint))
            }
            Err(reason) => log::declined(&run, &reason.rule),
        };
        self.audit.record(entries).map_err(|error| failed("audit")(&error))?;
        let numbers = answer(&mut gate, question, &decided?.0)?;
        // First the log, which says what the file that is kept must hold.
        let entries = log::described(&run, question, &numbers);
        self.audit.record(entries).map_err(|error| failed("audit")(&error))?;
        if let Err(error) =
            StatisticsStore::of(&self.site.state, question).keep(&self.site.name, &numbers)
        {
            tracing::error!(%run, %error, "an answer cannot be kept: it can be sent this once");
        }
        Ok(numbers)
    }

    fn stop(&self) {
        let in_hand = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(InHand { cancel, .. }) = &*in_hand {
            cancel.set(Reason::Stopping);
        }
    }
}

impl SiteParticipant {
    /// Records that a round was refused, and leaves the run where the refusal is of all of it.
    fn refused<T>(
        &self,
        run: &RunId,
        round: Round,
        answer: Result<T, DeclineReason>,
    ) -> Result<T, DeclineReason> {
        answer.inspect_err(|reason| {
            self.audit.note_refused(log::refused(run, round, &reason.rule));
            self.withdraw(run, reason);
        })
    }

    /// Leaves the run if the reason concerns the whole run. Nothing more is sent for it, even if the log cannot be
    /// written.
    fn withdraw(&self, run: &RunId, reason: &DeclineReason) {
        if !reason.whole_run {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.take_if(|state| state.run == *run).is_some() {
            tracing::warn!(%run, %reason, "this site leaves the run");
            if let Err(error) = self.audit.record(log::declined(run, &reason.rule)) {
                tracing::error!(%error, "the withdrawal could not be recorded");
            }
        }
    }
}
