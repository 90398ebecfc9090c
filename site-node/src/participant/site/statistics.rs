//! Whether a description is answered: by the policy, the budget and what was answered before.

use audit::record::Terms;
use base::digest::Digest;
use node::audit_log::terms;
use node::statistics_store::StatisticsStore;
use plan::experiment::StatisticsRequest;
use plan::metric::Metric;
use plan::policy::{Asker, BrokenRule, Policy};

use super::super::statistics::{Facts, answer};
use super::super::{DeclineReason, Site, failed, log};
use super::policy::outstanding;
use super::{SiteParticipant, Standing, hold, of_patients};

impl SiteParticipant {
    /// Answers a statistics request, or declines it. It locks neither the ledger nor a run while it reads patients.
    pub(super) fn answer_statistics(
        &self,
        question: &StatisticsRequest,
    ) -> Result<Vec<Metric>, DeclineReason> {
        let run = question.run();
        // One request at a time, so that no other one spends what was found to be left for this one.
        let _describing = hold(&self.describing);
        let standing = match self.standing() {
            Ok(standing) => standing,
            Err(reason) => {
                let declined = log::declined(&run, &reason.rule);
                self.audit.record(declined).map_err(|error| failed("audit")(&error))?;
                return Err(reason);
            }
        };
        let policy = &standing.rules.policy;
        self.apply_limits()?;
        if let Some(numbers) = self.said_before(&standing, question) {
            return self.say_again(policy, question, numbers);
        }
        let decided = self.may_describe(&standing, question);
        let entries = match &decided {
            Ok((_, fingerprint)) => {
                let asked = (question.digest(), terms_of(policy, question));
                log::consent(&run, asked, (&self.site.data_set, *fingerprint))
            }
            Err(reason) => log::declined(&run, &reason.rule),
        };
        self.audit.record(entries).map_err(|error| failed("audit")(&error))?;
        let (facts, _) = decided?;
        let numbers = answer(&self.gate, question, &facts)?;
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

    /// That a question keeps the rules, and the policy allows it.
    fn admit_question(
        &self,
        standing: &Standing<'_>,
        question: &StatisticsRequest,
    ) -> Result<(), DeclineReason> {
        let policy = &standing.rules.policy;
        let denied = |BrokenRule { rule, reason }| DeclineReason::new(rule, reason);
        let Site { tag, coordinator, .. } = &self.site;
        let asker = Asker { coordinator: Some(coordinator), tag: Some(*tag) };
        if let Some(plan_error) = question.check().first() {
            return Err(DeclineReason::new(plan_error.key, plan_error.reason()));
        }
        policy.admit_statistics(question, asker).map_err(denied)?;
        let views = question.inputs.iter().map(|input| &input.view);
        let tables = standing.records.measurement_tables();
        policy.admit_measurements(views, tables).map_err(denied)
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

    /// The same numbers again, which tells nothing new.
    fn say_again(
        &self,
        policy: &Policy,
        question: &StatisticsRequest,
        numbers: Vec<Metric>,
    ) -> Result<Vec<Metric>, DeclineReason> {
        let run = question.run();
        tracing::info!(%run, "sending again what was answered before");
        let asked = (question.digest(), terms_of(policy, question));
        let mut entries = log::consent(&run, asked, (&self.site.data_set, None));
        entries.extend(log::described(&run, question, &numbers));
        self.audit.record(entries).map_err(|error| failed("audit")(&error))?;
        Ok(numbers)
    }

    /// What a description is about, and of which data, if it may be answered: all of it is read before any of it
    /// is charged, and the budget and the policy are asked before a record is read.
    fn may_describe(
        &self,
        standing: &Standing<'_>,
        question: &StatisticsRequest,
    ) -> Result<(Facts, Option<Digest>), DeclineReason> {
        self.admit_question(standing, question)?;
        let Standing { rules, records } = standing;
        self.affords_answers(question)?;
        let read = of_patients(true, || {
            records.steady(|| {
                let facts = Facts::read(records, &rules.policy, question)?;
                let fingerprint = records.fingerprint(&self.site.state, &self.seen);
                Ok((facts, fingerprint.map_err(|error| failed("data")(&error))?))
            })
        })?;
        // Runs may have charged while patients were read.
        self.affords_answers(question)?;
        Ok(read)
    }

    /// Checks that the budget has room for all answers beside what the runs in progress have still to charge, and that
    /// no answer was charged before.
    fn affords_answers(&self, question: &StatisticsRequest) -> Result<(), DeclineReason> {
        let run = question.run();
        let foreseen = self.gate.look(|account| {
            let others = outstanding(account, &self.runs(), &run);
            account.foresee_statistics_beside(&run, question.mechanism(), question.count(), &others)
        });
        foreseen.map_err(|error| DeclineReason::new(error.rule().unwrap_or("ledger"), error))
    }
}

/// What a description says, with what it promises at this hospital's δ.
fn terms_of(policy: &Policy, question: &StatisticsRequest) -> Terms {
    terms::of_question(question, policy.limits.total.delta)
}
