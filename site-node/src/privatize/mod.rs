//! The last stage before the border: the ledger is charged, noise is drawn, and what it gave is kept.
//!
//! ```text
//! mode none        change ─► pass ── reserve, clip ───────────────────► PrivatizedUpdate
//! mode site        change ─► pass ── reserve, clip, noise ────────────► PrivatizedUpdate ─► keep
//! mode patient     start ──► begin ─ reserve ─► PrivateTraining ─► … ─► PrivatizedUpdate ─► keep
//! after a crash    resend ─ the bytes that were kept ─────────────────► PrivatizedUpdate
//! statistics       answer ─ reserve ─────────────────────────────────► Receipt of one statistic
//! ```

mod ledger_log;
mod outbox;
mod restart;
#[cfg(test)]
mod restart_tests;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::clock::Clock;
use base::ids::{Round, RunId};
use node::audit_log::AuditWriter;
use plan::experiment::{Plan, Statistic, StatisticsRequest};
use privacy::gaussian::NoiseKey;
use privacy::{
    Account, Charge, Delta, Ledger, LedgerError, Limits, PlannedReleases, PrivacyError,
    PrivateTraining, PrivatizedUpdate, Receipt, Released, SingleRelease, privatize,
};

pub use outbox::Origin;
use outbox::Outbox;

pub use ledger_log::{Inspection, LedgerLog, LedgerLogError, LedgerPlace, Told};
pub use restart::{Next, Restart};

/// A change that may not leave.
#[derive(Debug, thiserror::Error)]
pub enum PrivatizeError {
    /// The ledger refuses the charge.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The mechanism cannot be applied.
    #[error(transparent)]
    Privacy(#[from] PrivacyError),
    /// What was noised cannot be kept or read back.
    #[error("outbox: {0}; free space or mend the disk: nothing leaves that was not kept first")]
    Outbox(#[from] io::Error),
    /// The operating system gives no random bytes.
    #[error("no random bytes from the operating system; nothing is released without noise")]
    NoRandomness,
}

/// 32 bytes from the operating system, for one vector of noise.
#[must_use]
pub fn fresh_key() -> Option<NoiseKey> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    NoiseKey::from_bytes(&mut bytes).ok()
}

/// What training did to a model's parameters.
pub struct Change<'a> {
    /// The parameters that the round began from.
    pub before: &'a [f32],
    /// The trained ones, in the same order.
    pub after: Vec<f32>,
}

/// The gate through which every update passes: one for each data set, shared by all of its runs.
///
/// Its ledger is locked for one read or for one durable charge, never while patients are read, a model trains or noise
/// is drawn. So no run keeps another one waiting. No decision spans two such steps without another lock: a thread that
/// checks whether a round was charged and then charges it holds that run's own lock. In any case the ledger charges no
/// release twice.
pub struct PrivacyGate {
    ledger: Mutex<Ledger<LedgerLog>>,
    audit: Arc<AuditWriter>,
    outbox: Outbox,
}

impl PrivacyGate {
    /// Opens a data set's ledger, and the outbox in its state folder.
    ///
    /// # Errors
    /// The ledger is held by another process, is another data set's, cannot be read, or contradicts
    /// itself.
    pub fn open(
        place: LedgerPlace<'_>,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LedgerLogError> {
        let (log, told) = LedgerLog::open(place, limits, clock)?;
        let outbox = Outbox::new(place.state).map_err(|source| {
            let path = place.state.join("outbox");
            LedgerLogError::Outbox { path, source }
        })?;
        let audit = Arc::clone(log.audit());
        let ledger = Mutex::new(Ledger::after(log, limits, told.carried, told.entries)?);
        Ok(Self { ledger, audit, outbox })
    }

    /// The log that the ledger is in.
    #[must_use]
    pub fn audit(&self) -> &Arc<AuditWriter> {
        &self.audit
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger<LedgerLog>> {
        // A ledger whose write failed refuses by itself.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets what may be spent from now on. A changed budget of the data set is recorded first. `limits` is called under
    /// the ledger's lock, so that of two runs that do this at once none restores the limits of an earlier policy.
    ///
    /// # Errors
    /// They cannot be recorded.
    pub fn set_limits(&self, limits: impl FnOnce() -> Limits) -> Result<(), LedgerLogError> {
        let mut ledger = self.ledger();
        let limits = limits();
        if ledger.account().limits() == limits {
            return Ok(());
        }
        if ledger.account().limits().total != limits.total {
            ledger.store().budget(limits.total)?;
        }
        ledger.set_limits(limits);
        Ok(())
    }

    /// Returns what `look` computes from the account, which does not change meanwhile.
    pub fn look<T>(&self, look: impl FnOnce(&Account) -> T) -> T {
        look(self.ledger().account())
    }

    /// Whether a round was charged already, by this process or one before it.
    #[must_use]
    pub fn has_charged(&self, run: &RunId, round: Round) -> bool {
        self.look(|account| account.has_charged(run, round, Released::Update))
    }

    /// Charges one round and makes the change that it trained into what may leave.
    ///
    /// # Errors
    /// The charge is refused, or the change cannot be privatized.
    pub fn pass(
        &self,
        plan: &Plan,
        run: &RunId,
        round: Round,
        change: Change<'_>,
        weight: f64,
    ) -> Result<PrivatizedUpdate, PrivatizeError> {
        let Change { before, after } = change;
        let clip = plan.privacy.clip;
        let delta = match Delta::between(before, after) {
            // Whether a change is finite depends on the patients: noise leaves all the same.
            Err(PrivacyError::NotFinite { .. }) if plan.privacy.mode.protects_patients() => {
                Delta::between(before, before.to_vec())
            }
            other => other,
        };
        let clipped = delta?.clip(clip, weight)?;
        // The key before the charge: without randomness nothing is spent.
        let key = fresh_key().ok_or(PrivatizeError::NoRandomness)?;
        let receipt = self.ledger().reserve(charge(plan, run, round, clip))?;
        Ok(privatize(clipped, receipt, key)?)
    }

    /// Charges one round of private steps, all of them, before the first.
    ///
    /// # Errors
    /// The charge is refused, or the plan has no private steps.
    pub fn begin(
        &self,
        plan: &Plan,
        run: &RunId,
        round: Round,
        start: &[f32],
    ) -> Result<PrivateTraining, PrivatizeError> {
        let steps = plan.privacy.dp_sgd.as_ref().ok_or(PrivacyError::Mechanism)?;
        let batch = steps.sampling_rate * f64::from(steps.expected_patients);
        let receipt = self.ledger().reserve(charge(plan, run, round, steps.patient_clip))?;
        Ok(PrivateTraining::begin(receipt, start, batch)?)
    }

    /// Charges the run's evaluation; none where the plan asks for none, or it was charged before:
    /// nothing is released twice.
    ///
    /// # Errors
    /// The charge is refused.
    pub fn evaluation(&self, plan: &Plan, run: &RunId) -> Result<Option<Receipt>, PrivatizeError> {
        let Some(SingleRelease { released, mechanism }) = plan.privacy.once() else {
            return Ok(None);
        };
        let round = Round(plan.rounds);
        let mut ledger = self.ledger();
        if ledger.account().has_charged(run, round, released) {
            return Ok(None);
        }
        // Nothing is clipped: the release bounds what one patient can change by itself.
        let charge =
            Charge { run: run.clone(), plan: plan.digest(), round, released, mechanism, clip: 1.0 };
        Ok(Some(ledger.reserve(charge)?))
    }

    /// Whether a charge for this statistics request exists, so that it was answered before, or may have been.
    #[must_use]
    pub fn has_answered(&self, question: &StatisticsRequest) -> bool {
        let foreseen = self.look(|account| {
            account.foresee_statistics(&question.run(), question.mechanism(), question.count())
        });
        matches!(foreseen, Err(LedgerError::Answered { .. }))
    }

    /// Charges one statistic of a request, which counts as this round.
    ///
    /// # Errors
    /// The charge is refused.
    pub fn answer(
        &self,
        request: &StatisticsRequest,
        round: Round,
        statistic: &Statistic<'_>,
    ) -> Result<Receipt, PrivatizeError> {
        // As with an evaluation: each release bounds by itself what one patient can change.
        let charge = Charge {
            run: request.run(),
            plan: request.digest(),
            round,
            released: statistic.released(),
            mechanism: request.mechanism(),
            clip: 1.0,
        };
        Ok(self.ledger().reserve(charge)?)
    }

    /// Keeps a noised update durably before it is sent for the first time. It replaces the run's previous one.
    ///
    /// # Errors
    /// It cannot be written: it must not be sent.
    pub fn keep(&self, update: &PrivatizedUpdate, origin: Origin) -> Result<(), PrivatizeError> {
        Ok(self.outbox.keep(update, origin)?)
    }

    /// What was noised for a charged round before this process began, if it was kept and trained
    /// from this model and these patients.
    ///
    /// # Errors
    /// It cannot be read back.
    pub fn resend(
        &self,
        run: &RunId,
        round: Round,
        origin: Origin,
    ) -> Result<Option<PrivatizedUpdate>, PrivatizeError> {
        let words = self.outbox.find(run, round, origin)?;
        Ok(words.and_then(|words| self.ledger().again(run, round, words)))
    }

    /// Removes the update that was kept of a run, which is not asked for again.
    pub fn forget(&self, run: &RunId) {
        if let Err(error) = self.outbox.remove(run) {
            tracing::warn!(%run, %error, "the run's last update in state/outbox cannot be removed");
        }
    }

    /// Removes the oldest updates beyond the most that are kept, but none of a run that is `held`.
    pub fn tidy(&self, held: impl Fn(&RunId) -> bool) {
        if let Err(error) = self.outbox.tidy(held) {
            tracing::warn!(%error, "old updates in state/outbox cannot be removed");
        }
    }
}

/// All releases of a run of this plan.
#[must_use]
pub fn planned_releases(plan: &Plan) -> PlannedReleases {
    PlannedReleases::new(plan.privacy.releases(plan.rounds))
}

fn charge(plan: &Plan, run: &RunId, round: Round, clip: f64) -> Charge {
    let run = run.clone();
    let released = Released::Update;
    let mechanism = plan.privacy.mechanism();
    Charge { run, plan: plan.digest(), round, released, mechanism, clip }
}
