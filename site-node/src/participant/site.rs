//! The hospital's part in a federation: what it consented to, and what it did for it so far.

mod policy;
mod refresh;
mod statistics;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use audit::Name;
use base::digest::Digest;
use base::ids::{Round, RunId};
use node::audit_log::{AuditWriter, AuditWriterError, terms};
use node::statistics_store::StatisticsStore;
use plan::experiment::{Plan, PrivacyMode, StatisticsRequest};
use plan::metric::Metric;
use plan::model::initial_parameters;
use plan::model::payload;
use plan::policy::Policy;

use self::policy::admit_cohort;
use self::statistics::terms_of;
use super::contribute::contribute;
use super::log;
use super::metrics::evaluate;
use super::questions::{Asked, Questions};
use super::records::Mark;
use super::statistics::answer;
use super::time::{self, Taken};
use super::{
    DeclineReason, Model, OF_PATIENTS, Participant, Records, RecordsInForce, Site, failed,
    untrained,
};
use crate::cancel::{Cancel, Reason};
use crate::cohort::Cohort;
use crate::data::{DataError, FileHashCache, Secret, Stamp};
use crate::features::{Lookup, SignalStore, caution_of, examples};
use crate::privatize::{LedgerLogError, Origin, PrivacyGate};
use crate::rules::{Change, InForce};
use crate::send::Outgoing;
use crate::train::{Examples, PrivateGradient};

/// A run that the site consented to.
pub(super) struct RunState {
    pub(super) run: RunId,
    pub(super) plan: Plan,
    pub(super) training: Examples,
    pub(super) test: Option<Examples>,
    /// Mode `patient` alone.
    pub(super) gradient: Option<PrivateGradient>,
    /// The policy that allowed it last.
    pub(super) rules: InForce,
    /// What decided whose records these are.
    mark: Mark,
    /// Training patients, and those of them with the event.
    counts: (usize, usize),
    /// Of the patients, where they lie in files.
    fingerprint: Option<Digest>,
    /// Of their files before they were read; none where that does not tell whether they changed.
    stamps: Option<Vec<Option<Stamp>>>,
    last: Option<Made>,
    /// The last round whose update the coordinator has.
    acked: Option<Round>,
}

impl RunState {
    /// Whether it was allowed by this policy, for patients of this description.
    fn stands_by(&self, standing: &Standing<'_>) -> bool {
        self.rules.hash == standing.rules.hash && self.mark == standing.records.mark()
    }

    /// What an update of this run is trained from.
    pub(super) fn origin(&self, model: Digest) -> Origin {
        Origin { model, data: self.fingerprint }
    }
}

/// The update of a round.
struct Made {
    round: Round,
    /// The model that it was trained from.
    model: Digest,
    outgoing: Outgoing,
    /// What decided whose records it was trained on.
    mark: Mark,
    /// Whether it is on record that it leaves.
    departed: bool,
}

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

/// Training that is going on.
struct InHand {
    plan: Plan,
    mark: Mark,
    cancel: Cancel,
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

    /// Prepares for a plan. What was `held` of the same plan is used again where the patients did not change.
    fn prepare(
        &self,
        (run, plan): (&RunId, &Plan),
        standing: Standing<'_>,
        held: Option<RunState>,
    ) -> Result<RunState, DeclineReason> {
        let Site { device, .. } = &self.site;
        let private = plan.privacy.mode != PrivacyMode::None;
        // Before a record is read.
        self.admit(&standing, plan)?;
        let Standing { rules, records } = standing;
        self.affords(&rules.policy, run, plan)?;
        let mark = records.mark();
        let stamps = records.stamps();
        if let Some(held) = held
            && held.plan == *plan
            && held.mark == mark
            && stamps.is_some()
            && held.stamps == stamps
        {
            of_patients(private, || admit_cohort(&rules.policy, held.counts))?;
            return Ok(RunState { run: run.clone(), rules, last: None, acked: None, ..held });
        }
        let gradient = if plan.privacy.dp_sgd.is_some() {
            let gradient = PrivateGradient::new(&plan.model, device);
            Some(gradient.map_err(|error| untrained(&error))?)
        } else {
            None
        };
        let (OfPatients { training, test, counts }, fingerprint) = of_patients(private, || {
            records.steady(|| {
                let read = self.patients((&rules.policy, &records), plan)?;
                let fingerprint = records.fingerprint(&self.site.state, &self.seen);
                Ok((read, fingerprint.map_err(|error| failed("data")(&error))?))
            })
        })?;
        Ok(RunState {
            run: run.clone(),
            plan: plan.clone(),
            training,
            test,
            gradient,
            rules,
            mark,
            counts,
            fingerprint,
            stamps,
            last: None,
            acked: None,
        })
    }

    /// Whom the plan trains on, and whom it evaluates on, where there is anybody.
    fn patients(
        &self,
        (policy, records): (&Policy, &RecordsInForce<'_>),
        plan: &Plan,
    ) -> Result<OfPatients, DeclineReason> {
        let (patients, split) = records.read().map_err(|error| failed("data")(&error))?;
        patients.losses.log(policy.min_patients as usize);
        let cohort = Cohort::new(patients, &plan.outcome, split)
            .map_err(|error| failed("cohort")(&error))?;
        cohort.suits(plan.model.head, &plan.outcome).map_err(|error| failed("cohort")(&error))?;
        let counts = (cohort.training_patients(), cohort.training_events());
        admit_cohort(policy, counts)?;
        let cache = self.site.state.join("cache");
        let cache_bytes = self.site.cache_bytes;
        let studies =
            records.source().map(|source| SignalStore { source, cache: &cache, cache_bytes });
        let part = |training| {
            examples(&cohort.part(training), plan, studies)
                .map_err(|error| failed("features")(&error))
        };
        // For eyes inside the hospital.
        if let Some(horizon) = plan.outcome.edges.last()
            && cohort.training_events_within(*horizon) == 0
        {
            let unit = plan.outcome.unit.name();
            tracing::warn!(
                "no event lies within the horizon of {horizon} {unit}: check the unit of time in cohort.toml"
            );
        }
        let in_words = Lookup::new(cohort.patients()).in_words(&plan.views);
        in_words.log(policy.min_patients as usize);
        let training = part(true)?;
        // A coordinator is told nothing of any of these.
        if let Some(caution) = caution_of(plan, [&training]) {
            tracing::warn!("{caution}");
        }
        // Without test patients the site trains all the same and has nothing to evaluate on.
        let test = if split.is_some() { Some(part(false)?) } else { None };
        let test = test.filter(|test| !test.is_empty());
        Ok(OfPatients { training, test, counts })
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

/// What a plan's patients come to.
struct OfPatients {
    training: Examples,
    test: Option<Examples>,
    /// Training patients, and those of them with the event.
    counts: (usize, usize),
}

/// That the first round's model is the one that was consented to: the seed's own start, or the model of the
/// hash in the plan, which the policy allows. Else a coordinator could name any start and send another.
fn begins(plan: &Plan, round: Round, model: Model<'_>) -> Result<(), DeclineReason> {
    let own = || Digest::of(&payload::from_parameters(&initial_parameters(&plan.model, plan.seed)));
    if round.0 == 1 && plan.start.unwrap_or_else(own) != model.digest {
        let reason = "round 1 was offered with another model than the plan's start";
        return Err(DeclineReason::new("start", reason));
    }
    Ok(())
}

/// What reading the patients gives. Where they are private every refusal is one and the same, a stage that
/// panics included: which of a cohort's rules says no is for the hospital's own log.
fn of_patients<T>(
    private: bool,
    read: impl FnOnce() -> Result<T, DeclineReason>,
) -> Result<T, DeclineReason> {
    let defect =
        |_| Err(DeclineReason::new("site-node", "stopped by a defect; its log says where"));
    let read = catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(defect);
    read.map_err(|reason| {
        if !private {
            return reason;
        }
        tracing::warn!(%reason, "these patients do not allow it");
        let public = "the patients, events or columns at this site do not allow it";
        DeclineReason::new(OF_PATIENTS, public)
    })
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

    /// Trains under the eye of the policy: it stops when the run has had its time, and where the policy that is
    /// in force meanwhile does not allow it.
    fn trained(
        &self,
        gate: &mut PrivacyGate,
        state: &mut RunState,
        round: Round,
        model: Model<'_>,
    ) -> Result<Outgoing, DeclineReason> {
        let run = state.run.clone();
        let most = state.rules.policy.max_time;
        let taken = || self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let in_hand = || self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        let left = taken().left(&run, most).ok_or_else(|| time::spent(most))?;
        let cancel = model.cancel;
        *in_hand() = Some(InHand {
            plan: state.plan.clone(),
            mark: state.mark.clone(),
            cancel: cancel.clone(),
        });
        // Whoever looks from now on finds this training; whoever looked before may have seen another policy.
        let allowed = self.standing().and_then(|standing| {
            if standing.records.mark() != state.mark {
                return Err(refresh::changed());
            }
            self.admit(&standing, &state.plan).map_err(DeclineReason::of_the_run)
        });
        if let Err(reason) = allowed {
            *in_hand() = None;
            return Err(reason);
        }
        tracing::debug!(%run, %round, "training under the policy in force");
        let within = time::within((left, self.site.clock.as_ref()), cancel, || {
            // The time counts, and the training is over, also where a defect stops it.
            catch_unwind(AssertUnwindSafe(|| contribute(&self.site, gate, state, round, model)))
        });
        *in_hand() = None;
        let (made, took) = within.map_err(|error| failed("train")(&error))?;
        taken().add(&run, took);
        let defect =
            |_| Err(DeclineReason::new("site-node", "stopped by a defect; its log says where"));
        let made = made.unwrap_or_else(defect);
        match cancel.reason() {
            Some(Reason::TimeSpent) if made.is_err() => Err(time::spent(most)),
            Some(Reason::PolicyChanged) if made.is_err() => {
                self.admit(&self.standing()?, &state.plan).map_err(DeclineReason::of_the_run)?;
                Err(DeclineReason::new("policy", "the policy changed while the round trained"))
            }
            Some(Reason::DataChanged) if made.is_err() => {
                Err(self.standing().err().unwrap_or_else(refresh::changed))
            }
            _ => made,
        }
    }

    fn answer(
        &self,
        (run, round): (&RunId, Round),
        model: Model<'_>,
        standing: &Standing<'_>,
    ) -> Result<Outgoing, DeclineReason> {
        self.with(run, |state| {
            self.still_allowed(state, standing).map_err(DeclineReason::of_the_run)?;
            let rounds = state.plan.rounds;
            if !(1..=rounds).contains(&round.0) {
                let reason = format!("round {round} is not one of the {rounds} consented to");
                return Err(refuse(reason));
            }
            if let Some(made) = &state.last
                && made.round == round
            {
                // The same bytes again: an update is never noised twice, nor passed off as another's.
                return if made.model == model.digest {
                    Ok(made.outgoing.clone())
                } else {
                    Err(refuse(format!("round {round} was offered with another model before")))
                };
            }
            begins(&state.plan, round, model)?;
            let mut gate = self.gate_within(&standing.rules.policy)?;
            let outgoing = if gate.has_charged(run, round) {
                let kept = gate.resend(run, round, state.origin(model.digest));
                let update =
                    kept.map_err(|error| failed("privatize")(&error))?.ok_or_else(|| {
                        refuse(format!(
                            "round {round} was charged before this site restarted, or read its data again"
                        ))
                    })?;
                tracing::info!(%round, "sending again what was noised before this site restarted");
                Outgoing { update, weight: 1, metrics: Vec::new() }
            } else {
                let trained = self.trained(&mut gate, state, round, model)?;
                self.questions().trained();
                trained
            };
            state.last = Some(Made {
                round,
                model: model.digest,
                outgoing: outgoing.clone(),
                mark: state.mark.clone(),
                departed: false,
            });
            Ok(outgoing)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A panic that a patient's cell provokes would else be told apart from any other refusal.
    #[test]
    fn a_defect_answers_as_any_cohort_that_does_not_allow_a_plan() {
        let panics = || -> Result<(), DeclineReason> { panic!("a defect") };
        let refuses = || -> Result<(), DeclineReason> { Err(DeclineReason::new("data", "why")) };
        let [one, two] = [of_patients(true, panics), of_patients(true, refuses)];
        assert_eq!(one, two);
        assert_eq!(one.unwrap_err().rule, "cohort");
        assert_eq!(of_patients(false, panics).unwrap_err().rule, "site-node");
    }
}
