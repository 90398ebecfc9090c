//! The hospital's part in a federation: what it consented to, and what it did for it so far.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use audit::Name;
use audit::record::Terms;
use common::answers::Answers;
use common::digest::Digest;
use common::experiment::{Description, Plan, PrivacyMode};
use common::ids::{Round, RunId};
use common::logbook::{Logbook, LogbookError, terms};
use common::model::initial_parameters;
use common::policy::{Asker, Denied};
use common::privacy::LedgerError;
use common::wire::{Metric, words};

use super::contribute::contribute;
use super::describe::{Facts, answer};
use super::log;
use super::metrics::evaluate;
use super::questions::Questions;
use super::{Model, Objection, Participant, Records, Site, failed, untrained};
use crate::cohort::Cohort;
use crate::data::{DataError, Secret, Seen, Stamp};
use crate::features::{Lookup, Studies, caution_of, examples};
use crate::privatize::{Gate, LedgerLogError};
use crate::send::Outgoing;
use crate::train::{Examples, PrivateGradient};

/// A run that the site consented to.
pub(super) struct Prepared {
    pub(super) run: RunId,
    pub(super) plan: Plan,
    pub(super) training: Examples,
    pub(super) test: Option<Examples>,
    /// Mode `local` alone.
    pub(super) gradient: Option<PrivateGradient>,
    /// Of the patients, where they lie in files.
    fingerprint: Option<Digest>,
    /// Of their files before they were read; none where that does not tell whether they changed.
    stamps: Option<Vec<Option<Stamp>>>,
    last: Option<(Round, Digest, Outgoing)>,
    /// The last round whose update the coordinator has.
    acked: Option<Round>,
}

/// A hospital that cannot take part.
#[derive(Debug, thiserror::Error)]
pub enum HospitalError {
    /// Its ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerLogError),
    /// Its own key for fingerprints of its data.
    #[error(transparent)]
    Fingerprint(#[from] Box<DataError>),
}

/// The hospital's part in a federation.
pub struct Hospital {
    site: Site,
    book: Arc<Logbook>,
    gate: Mutex<Gate>,
    prepared: Mutex<Option<Prepared>>,
    /// Hashes of ECGs and images that did not change since.
    seen: Seen,
    questions: Mutex<Questions>,
}

impl Hospital {
    /// A hospital whose ledger is open.
    ///
    /// # Errors
    /// The ledger, or the key for fingerprints, cannot be used.
    pub fn open(site: Site) -> Result<Self, HospitalError> {
        let known = site.state.join("outbox").exists();
        let gate = Gate::open(
            (&site.state, &site.audit),
            site.name.as_str(),
            &site.data_set,
            site.policy.limits,
            Arc::clone(&site.clock),
        )?;
        let book = Arc::clone(gate.book());
        if let Records::Files(_) = &site.records {
            if known && !Secret::exists(&site.state) {
                tracing::warn!(
                    "fingerprint.key is missing and made anew: the same data has another fingerprint from now on"
                );
            }
            // A key that cannot be used is told here, and not with every run.
            Secret::open(&site.state).map_err(Box::new)?;
        }
        let recorded = book.record(log::policy(site.policy_hash)).map_err(LogbookError::from);
        recorded.map_err(LedgerLogError::from)?;
        let questions = Questions::new(site.clock.now());
        Ok(Self {
            site,
            book,
            gate: Mutex::new(gate),
            prepared: Mutex::new(None),
            seen: Seen::default(),
            questions: Mutex::new(questions),
        })
    }

    /// That the coordinator does not ask too often.
    fn may_ask(&self) -> Result<(), Objection> {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = questions.admit(self.site.clock.now())? {
            self.book.note(entry);
        }
        Ok(())
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prepares for a plan. What was `held` of the same plan is used again where the patients did not change.
    fn prepare(
        &self,
        run: &RunId,
        plan: &Plan,
        held: Option<Prepared>,
    ) -> Result<Prepared, Objection> {
        let denied = |Denied { rule, reason }| Objection::new(rule, reason);
        let Site { policy, tag, coordinator, device, .. } = &self.site;
        let asker = Asker { coordinator: Some(coordinator), tag: Some(*tag) };
        policy.admit(plan, asker).map_err(denied)?;
        let tables = self.site.records.measurement_tables();
        policy.admit_measurements(&plan.views, tables).map_err(denied)?;
        let rule = |error: common::privacy::LedgerError| {
            Objection::new(error.rule().unwrap_or("ledger"), error)
        };
        // Before a record is read: the budget knows nothing of patients.
        self.gate().foresee(run, plan).map_err(rule)?;
        let stamps = self.site.records.stamps();
        if let Some(held) = held
            && held.plan == *plan
            && stamps.is_some()
            && held.stamps == stamps
        {
            return Ok(Prepared { run: run.clone(), last: None, acked: None, ..held });
        }
        let gradient = if plan.privacy.local.is_some() {
            let gradient = PrivateGradient::new(&plan.model, device);
            Some(gradient.map_err(|error| untrained(&error))?)
        } else {
            None
        };
        let (training, test, fingerprint) =
            of_patients(plan.privacy.mode != PrivacyMode::Off, || {
                self.site.records.steady(|| {
                    let (training, test) = self.patients(plan)?;
                    let fingerprint = self.site.records.fingerprint(&self.site.state, &self.seen);
                    Ok((training, test, fingerprint.map_err(|error| failed("data")(&error))?))
                })
            })?;
        let (run, plan) = (run.clone(), plan.clone());
        let (last, acked) = (None, None);
        Ok(Prepared { run, plan, training, test, gradient, fingerprint, stamps, last, acked })
    }

    /// That a question keeps the rules, and the policy allows it.
    fn admit_question(&self, question: &Description) -> Result<(), Objection> {
        let denied = |Denied { rule, reason }| Objection::new(rule, reason);
        let Site { policy, tag, coordinator, .. } = &self.site;
        let asker = Asker { coordinator: Some(coordinator), tag: Some(*tag) };
        if let Some(flaw) = question.check().first() {
            return Err(Objection::new(flaw.key, flaw));
        }
        policy.admit_description(question, asker).map_err(denied)?;
        let views = question.inputs.iter().map(|input| &input.view);
        let tables = self.site.records.measurement_tables();
        policy.admit_measurements(views, tables).map_err(denied)
    }

    /// What was answered to this very question: paid for, with its noise, and on its way lost perhaps.
    fn said_before(&self, gate: &Gate, question: &Description) -> Option<Vec<Metric>> {
        self.admit_question(question).ok()?;
        let answered = gate.foresee_description(question);
        matches!(answered, Err(LedgerError::Answered { .. })).then_some(())?;
        Answers::of(&self.site.state, question).find(&self.site.name, &self.book)
    }

    /// What a description says, with what it promises at this hospital's δ.
    fn terms_of(&self, question: &Description) -> Terms {
        terms::of_question(question, self.site.policy.limits.total.delta)
    }

    /// The same numbers again, which tells nothing new.
    fn say_again(
        &self,
        question: &Description,
        numbers: Vec<Metric>,
    ) -> Result<Vec<Metric>, Objection> {
        let run = question.run();
        tracing::info!(%run, "sending again what was answered before");
        let asked = (question.digest(), self.terms_of(question));
        let mut entries = log::consent(&run, asked, (&self.site.data_set, None));
        entries.extend(log::described(&run, question, &numbers));
        self.book.record(entries).map_err(|error| failed("audit")(&error))?;
        Ok(numbers)
    }

    /// What a description is about, and of which data, if it may be answered: all of it is read before any of it
    /// is charged, and the budget and the policy are asked before a record is read.
    fn may_describe(
        &self,
        gate: &Gate,
        question: &Description,
    ) -> Result<(Facts, Option<Digest>), Objection> {
        self.admit_question(question)?;
        gate.foresee_description(question)
            .map_err(|error| Objection::new(error.rule().unwrap_or("ledger"), error))?;
        of_patients(true, || {
            self.site.records.steady(|| {
                let facts = Facts::read(&self.site, question)?;
                let fingerprint = self.site.records.fingerprint(&self.site.state, &self.seen);
                Ok((facts, fingerprint.map_err(|error| failed("data")(&error))?))
            })
        })
    }

    /// Whom the plan trains on, and whom it evaluates on, where there is anybody.
    fn patients(&self, plan: &Plan) -> Result<(Examples, Option<Examples>), Objection> {
        let denied = |Denied { rule, reason }| Objection::new(rule, reason);
        let Site { policy, records, .. } = &self.site;
        let (patients, split) = records.read().map_err(|error| failed("data")(&error))?;
        patients.losses.log(policy.min_patients as usize);
        let cohort = Cohort::new(patients, &plan.outcome, split)
            .map_err(|error| failed("cohort")(&error))?;
        cohort.suits(plan.model.head, &plan.outcome).map_err(|error| failed("cohort")(&error))?;
        policy
            .admit_cohort(cohort.training_patients(), cohort.training_events())
            .map_err(denied)?;
        let cache = self.site.state.join("cache");
        let cache_bytes = self.site.cache_bytes;
        let studies = records.source().map(|source| Studies { source, cache: &cache, cache_bytes });
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
        Ok((training, test.filter(|test| !test.is_empty())))
    }

    fn with<T>(
        &self,
        run: &RunId,
        act: impl FnOnce(&mut Prepared) -> Result<T, Objection>,
    ) -> Result<T, Objection> {
        match self.prepared.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(prepared) if prepared.run == *run => act(prepared),
            _ => Err(refuse(format!("this site has not consented to run {run}"))),
        }
    }
}

/// That the first round's model is the one that was consented to: the seed's own start, or the model of the
/// hash in the plan, which the policy allows. Else a coordinator could name any start and send another.
fn begins(plan: &Plan, round: Round, model: Model<'_>) -> Result<(), Objection> {
    let own = || Digest::of(&words::from_parameters(&initial_parameters(&plan.model, plan.seed)));
    if round.0 == 1 && plan.start.unwrap_or_else(own) != model.digest {
        let reason = "round 1 was offered with another model than the plan's start";
        return Err(Objection::new("start", reason));
    }
    Ok(())
}

/// What reading the patients gives. Where they are private every refusal is one and the same, a stage that
/// panics included: which of a cohort's rules says no is for the hospital's own log.
fn of_patients<T>(
    private: bool,
    read: impl FnOnce() -> Result<T, Objection>,
) -> Result<T, Objection> {
    let defect = |_| Err(Objection::new("site-node", "stopped by a defect; its log says where"));
    let read = catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(defect);
    read.map_err(|objection| {
        if !private {
            return objection;
        }
        tracing::warn!(%objection, "these patients do not allow it");
        Objection::new("cohort", "the patients, events or columns at this site do not allow it")
    })
}

/// What was consented to does not cover this.
fn refuse(reason: String) -> Objection {
    Objection::new("consent", reason)
}

impl Participant for Hospital {
    fn book(&self) -> Arc<Logbook> {
        Arc::clone(&self.book)
    }

    fn data_set(&self) -> Name {
        self.site.data_set.clone()
    }

    fn consider(&self, run: &RunId, plan: &Plan) -> Result<(), Objection> {
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let same = prepared.as_ref().is_some_and(|held| held.run == *run && held.plan == *plan);
        if same {
            return Ok(()); // Recorded when it was given.
        }
        self.may_ask()?;
        // What the site knows of a run outlives a lost connection, but not another run.
        let held = prepared.take();
        let decided = self.prepare(run, plan, held).map(|ready| *prepared = Some(ready));
        let entries = match &decided {
            Ok(()) => {
                let fingerprint = prepared.as_ref().and_then(|prepared| prepared.fingerprint);
                let asked = (plan.digest(), terms::of_plan(plan));
                log::consent(run, asked, (&self.site.data_set, fingerprint))
            }
            Err(objection) => log::declined(run, &objection.rule),
        };
        self.book.record(entries).map_err(|error| failed("audit")(&error))?;
        decided
    }

    fn round(&self, run: &RunId, round: Round, model: Model<'_>) -> Result<Outgoing, Objection> {
        self.answer(run, round, model).inspect_err(|objection| {
            self.book.note(log::refused(run, round, &objection.rule));
        })
    }

    fn depart(&self, run: &RunId, round: Round, outgoing: &Outgoing) -> Result<(), Objection> {
        self.with(run, |prepared| {
            let noised = prepared.plan.privacy.mode != PrivacyMode::Off;
            let entries = log::sent(run, round, outgoing, noised);
            self.book.record(entries).map_err(|error| failed("audit")(&error))
        })
    }

    fn received(&self, run: &RunId, round: Round, update: Digest) {
        // Once, and only of what was sent: a coordinator's word makes no record by itself.
        let _ = self.with(run, |prepared| {
            let sent = prepared.last.as_ref().is_some_and(|(last, _, outgoing)| {
                *last == round && outgoing.update.digest() == update
            });
            if sent && prepared.acked.replace(round) != Some(round) {
                self.book.note(log::acked(run, round, update));
            }
            Ok(())
        });
    }

    fn evaluate(&self, run: &RunId, model: &[f32]) -> Result<Vec<Metric>, Objection> {
        self.with(run, |prepared| {
            let least = self.site.policy.min_patients as usize;
            evaluate(&mut self.gate(), prepared, model, least)
        })
    }

    fn describe(&self, question: &Description) -> Result<Vec<Metric>, Objection> {
        self.may_ask()?;
        let mut gate = self.gate();
        if let Some(numbers) = self.said_before(&gate, question) {
            return self.say_again(question, numbers);
        }
        let (run, decided) = (question.run(), self.may_describe(&gate, question));
        let entries = match &decided {
            Ok((_, fingerprint)) => {
                let asked = (question.digest(), self.terms_of(question));
                log::consent(&run, asked, (&self.site.data_set, *fingerprint))
            }
            Err(objection) => log::declined(&run, &objection.rule),
        };
        self.book.record(entries).map_err(|error| failed("audit")(&error))?;
        let numbers = answer(&mut gate, question, &decided?.0)?;
        // First the log, which says what the file that is kept must hold.
        let entries = log::described(&run, question, &numbers);
        self.book.record(entries).map_err(|error| failed("audit")(&error))?;
        if let Err(error) = Answers::of(&self.site.state, question).keep(&self.site.name, &numbers)
        {
            tracing::error!(%run, %error, "an answer cannot be kept: it can be sent this once");
        }
        Ok(numbers)
    }
}

impl Hospital {
    fn answer(&self, run: &RunId, round: Round, model: Model<'_>) -> Result<Outgoing, Objection> {
        self.with(run, |prepared| {
            let rounds = prepared.plan.rounds;
            if !(1..=rounds).contains(&round.0) {
                let reason = format!("round {round} is not one of the {rounds} consented to");
                return Err(refuse(reason));
            }
            if let Some((last, trained, outgoing)) = &prepared.last
                && *last == round
            {
                // The same bytes again: an update is never noised twice, nor passed off as another's.
                return if *trained == model.digest {
                    Ok(outgoing.clone())
                } else {
                    Err(refuse(format!("round {round} was offered with another model before")))
                };
            }
            begins(&prepared.plan, round, model)?;
            let mut gate = self.gate();
            let outgoing = if gate.has_charged(run, round) {
                let kept = gate.resend(run, round, model.digest);
                let update =
                    kept.map_err(|error| failed("privatize")(&error))?.ok_or_else(|| {
                        refuse(format!("round {round} was charged before this site restarted"))
                    })?;
                tracing::info!(%round, "sending again what was noised before this site restarted");
                Outgoing { update, weight: 1, metrics: Vec::new() }
            } else {
                contribute(&self.site, &mut gate, prepared, round, model)?
            };
            prepared.last = Some((round, model.digest, outgoing.clone()));
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
        let panics = || -> Result<(), Objection> { panic!("a defect") };
        let refuses = || -> Result<(), Objection> { Err(Objection::new("data", "why")) };
        let [one, two] = [of_patients(true, panics), of_patients(true, refuses)];
        assert_eq!(one, two);
        assert_eq!(one.unwrap_err().rule, "cohort");
        assert_eq!(of_patients(false, panics).unwrap_err().rule, "site-node");
    }
}
