//! Whether a description is answered: by the policy, the budget and what was answered before.

use base::digest::Digest;
use base::ids::RunId;
use node::audit_log::terms;
use node::statistics_store::StatisticsStore;
use plan::experiment::StatisticsRequest;
use plan::metric::Metric;
use plan::policy::{Asker, Policy};

use super::super::computed::{Basis, Computed};
use super::super::statistics::{Facts, answer};
use super::super::{DeclineReason, Rule, Site, SiteRule, failed, log};
use super::policy::{admit_cohort, outstanding, unaffordable};
use super::{SiteParticipant, Standing, hold, of_patients, refresh};

/// The fingerprint of patients that are in memory.
const IN_MEMORY: Digest = Digest::from_bytes([0; 32]);

/// Patients who may be described, as they were read.
struct Described<'s> {
    facts: Facts,
    fingerprint: Option<Digest>,
    /// The policy and the description of the patients after they were read.
    standing: Standing<'s>,
    basis: Basis,
}

impl SiteParticipant {
    /// Answers a statistics request, or declines it. It locks neither the ledger nor a run while it reads patients.
    pub(super) fn answer_statistics(
        &self,
        question: &StatisticsRequest,
    ) -> Result<Computed, DeclineReason> {
        let run = question.run();
        // One request at a time, so that no other one spends what was found to be left for this one.
        let _describing = hold(&self.describing);
        let declined = |reason| self.record_declined(&run, reason);
        let standing = self.standing().map_err(declined)?;
        self.apply_limits()?;
        if let Some(numbers) = self.said_before(&standing, question) {
            return self.say_again(&standing, question, numbers);
        }
        let described = self.may_describe(&standing, question).map_err(declined)?;
        let Described { facts, fingerprint, standing, basis } = described;
        let agreed = agreed(&standing.rules.policy, question);
        let entries = log::consent(&run, agreed, &self.site.data_set, fingerprint);
        self.audit.record(entries).map_err(|error| failed(SiteRule::Audit)(&error))?;
        let numbers = answer(&self.gate, question, &facts)?;
        // First the log, which says what the file that is kept must hold.
        let entries = log::described(&run, question, &numbers);
        self.audit.record(entries).map_err(|error| failed(SiteRule::Audit)(&error))?;
        self.keep_answer(question, &numbers, fingerprint);
        Ok(Computed::new(numbers, basis))
    }

    /// Records that a request is declined, and returns the reason to give.
    pub(super) fn record_declined(&self, run: &RunId, reason: DeclineReason) -> DeclineReason {
        match self.audit.record(log::declined(run, reason.rule)) {
            Ok(()) => reason,
            Err(error) => failed(SiteRule::Audit)(&error),
        }
    }

    /// Keeps an answer that has not left yet, and what it was computed from.
    fn keep_answer(
        &self,
        question: &StatisticsRequest,
        numbers: &[Metric],
        fingerprint: Option<Digest>,
    ) {
        let store = StatisticsStore::of(&self.site.state, question);
        let site = &self.site.name;
        // First the data, because an answer without that has left.
        let held = store.hold_back(site, fingerprint.unwrap_or(IN_MEMORY));
        if let Err(error) = held.and_then(|()| store.keep(site, numbers)) {
            let run = question.run();
            tracing::error!(%run, %error, "an answer cannot be kept: it can be sent this once");
        }
    }

    /// That a question keeps the rules, and the policy allows it.
    pub(super) fn admit_question(
        &self,
        standing: &Standing<'_>,
        question: &StatisticsRequest,
    ) -> Result<(), DeclineReason> {
        let policy = &standing.rules.policy;
        let Site { tag, coordinator, .. } = &self.site;
        let asker = Asker { coordinator: Some(coordinator), tag: Some(*tag) };
        if let Some(plan_error) = question.check().first() {
            return Err(DeclineReason::new(Rule::Key(plan_error.key), plan_error.reason()));
        }
        policy.admit_statistics(question, asker)?;
        let views = question.inputs.iter().map(|input| &input.view);
        let tables = standing.records.measurement_tables();
        Ok(policy.admit_measurements(views, tables)?)
    }

    /// What was answered to this very question: paid for, with its noise, and on its way lost perhaps.
    fn said_before(
        &self,
        standing: &Standing<'_>,
        question: &StatisticsRequest,
    ) -> Option<Vec<Metric>> {
        self.admit_question(standing, question).ok()?;
        self.gate.has_answered(question).then_some(())?;
        StatisticsStore::of(&self.site.state, question).find(&self.site.name, &self.audit)
    }

    /// The same numbers again.
    fn say_again(
        &self,
        standing: &Standing<'_>,
        question: &StatisticsRequest,
        numbers: Vec<Metric>,
    ) -> Result<Computed, DeclineReason> {
        let run = question.run();
        let basis = self.held_back(standing, question);
        let basis = basis.map_err(|reason| self.record_declined(&run, reason))?;
        tracing::info!(%run, "sending again what was answered before");
        let agreed = agreed(&standing.rules.policy, question);
        let mut entries = log::consent(&run, agreed, &self.site.data_set, None);
        entries.extend(log::described(&run, question, &numbers));
        self.audit.record(entries).map_err(|error| failed(SiteRule::Audit)(&error))?;
        Ok(Computed { numbers, basis })
    }

    /// What a kept answer was computed from that has not left; `None` for one that left, which tells nothing new. One
    /// that has not left is held to the policy and the patients like a new one.
    fn held_back(
        &self,
        standing: &Standing<'_>,
        question: &StatisticsRequest,
    ) -> Result<Option<Basis>, DeclineReason> {
        let store = StatisticsStore::of(&self.site.state, question);
        let held =
            store.held_back(&self.site.name).map_err(|error| failed(SiteRule::Data)(&error))?;
        let Some(held) = held else { return Ok(None) };
        let mark = standing.records.mark();
        let facts = of_patients(true, || {
            let (facts, fingerprint) = self.read_facts(standing, question)?;
            let same = held == fingerprint.unwrap_or(IN_MEMORY);
            if same { Ok(facts) } else { Err(refresh::changed()) }
        })?;
        Ok(Some(Basis { mark, counts: facts.counts() }))
    }

    /// What a request is about, and the fingerprint of the data, read while no file changes.
    fn read_facts(
        &self,
        standing: &Standing<'_>,
        question: &StatisticsRequest,
    ) -> Result<(Facts, Option<Digest>), DeclineReason> {
        let Standing { rules, records } = standing;
        records.steady(|| {
            let facts = Facts::read(records, &rules.policy, question)?;
            let fingerprint = records.fingerprint(&self.site.state, &self.seen);
            Ok((facts, fingerprint.map_err(|error| failed(SiteRule::Data)(&error))?))
        })
    }

    /// What a description is about, and of which data, if it may be answered: all of it is read before any of it
    /// is charged, and the budget and the policy are asked before a record is read and once more afterwards.
    fn may_describe<'s>(
        &'s self,
        standing: &Standing<'s>,
        question: &StatisticsRequest,
    ) -> Result<Described<'s>, DeclineReason> {
        self.admit_question(standing, question)?;
        self.affords_answers(question)?;
        let mark = standing.records.mark();
        let (facts, fingerprint) = of_patients(true, || self.read_facts(standing, question))?;
        // Reading takes a while. Meanwhile the policy may have changed, somebody may have withdrawn, and runs may have
        // charged.
        let standing = self.standing()?;
        standing.check_mark(&mark)?;
        self.admit_question(&standing, question)?;
        let counts = facts.counts();
        of_patients(true, || admit_cohort(&standing.rules.policy, counts))?;
        self.apply_limits()?;
        self.affords_answers(question)?;
        Ok(Described { facts, fingerprint, standing, basis: Basis { mark, counts } })
    }

    /// Checks that the budget has room for all answers beside what the runs in progress have still to charge, and that
    /// no answer was charged before.
    fn affords_answers(&self, question: &StatisticsRequest) -> Result<(), DeclineReason> {
        let run = question.run();
        let foreseen = self.gate.look(|account| {
            let others = outstanding(account, &self.runs(), &run);
            account.foresee_statistics_beside(&run, question.mechanism(), question.count(), &others)
        });
        foreseen.map_err(unaffordable)
    }
}

/// What a description says, with what it promises at this hospital's δ.
fn agreed(policy: &Policy, question: &StatisticsRequest) -> log::Agreed {
    let terms = terms::of_question(question, policy.limits.total.delta);
    log::Agreed { plan: question.digest(), terms }
}
