//! Why a site does not take part: a rule, and words that hold no patient's value.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use base::choice;
use plan::policy::BrokenRule;

use crate::train::TrainError;

/// A rule or a stage of the site itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteRule {
    /// Its log cannot be written.
    Audit,
    /// What was consented to does not cover this.
    Consent,
    /// Its records cannot be read, or changed while in use.
    Data,
    /// A stage stopped by a defect.
    Defect,
    /// Statistics could not be computed.
    Describe,
    /// The device is too small for the model.
    Device,
    /// Metrics could not be computed.
    Evaluate,
    /// Records could not be made into inputs.
    Features,
    /// The ledger refuses, by none of the policy's keys.
    Ledger,
    /// The coordinator offers too often.
    Offers,
    /// All refusals that rest on private patients.
    Patients,
    /// The plan breaks a rule.
    Plan,
    /// The coordinator asks too often.
    Plans,
    /// The policy cannot be read, or changed while in use.
    Policy,
    /// An update could not be protected.
    Privatize,
    /// The allowance for log entries about this coordinator is used up.
    Remarks,
    /// The run is over.
    Run,
    /// The run has a name that no run may have.
    RunName,
    /// The run's name stands for another plan.
    RunPlan,
    /// More runs than one session follows.
    Runs,
    /// The session ended in which this was asked.
    Session,
    /// All slots are taken.
    Slots,
    /// The first model is not the plan's.
    Start,
    /// The model could not be trained.
    Train,
}

choice!(SiteRule {
    Audit => "audit",
    Consent => "consent",
    Data => "data",
    Defect => "site-node",
    Describe => "describe",
    Device => "train.device",
    Evaluate => "evaluate",
    Features => "features",
    Ledger => "ledger",
    Offers => "offers",
    Patients => "cohort",
    Plan => "plan",
    Plans => "plans",
    Policy => "policy",
    Privatize => "privatize",
    Remarks => "remarks",
    Run => "run",
    RunName => "run.name",
    RunPlan => "run.plan",
    Runs => "runs",
    Session => "session",
    Slots => "slots",
    Start => "start",
    Train => "train",
});

/// What a site declines by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A rule or a stage of the site itself.
    Site(SiteRule),
    /// A key of the policy or of the plan, or a rule of the ledger or of the witnesses: each has its table elsewhere.
    Key(&'static str),
}

impl Rule {
    /// The word for it, on the wire and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Site(rule) => rule.name(),
            Self::Key(key) => key,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl From<SiteRule> for Rule {
    fn from(rule: SiteRule) -> Self {
        Self::Site(rule)
    }
}

/// Why a site does not take part. The reason holds no patient's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {reason}")]
pub struct DeclineReason {
    /// The rule, or the stage.
    pub rule: Rule,
    /// In words, for the coordinator too.
    pub reason: String,
    /// Whether it concerns the whole run, in which this site takes no further part.
    pub whole_run: bool,
}

impl DeclineReason {
    /// Declines one request, by this rule or at this stage.
    #[must_use]
    pub fn new(rule: impl Into<Rule>, reason: impl ToString) -> Self {
        Self { rule: rule.into(), reason: reason.to_string(), whole_run: false }
    }

    /// Whether it rests on the patients, for what is private.
    pub(crate) fn is_of_patients(&self) -> bool {
        self.rule == Rule::Site(SiteRule::Patients)
    }

    /// Whether it says that the coordinator asks too often: it leaves no line of its own.
    pub(crate) fn is_too_often(&self) -> bool {
        matches!(self.rule, Rule::Site(SiteRule::Plans | SiteRule::Offers | SiteRule::Remarks))
    }

    /// The same, to the run as a whole.
    #[must_use]
    pub fn of_the_run(self) -> Self {
        Self { whole_run: true, ..self }
    }

    /// The run ended while its round was in the making.
    pub(crate) fn over() -> Self {
        Self::new(SiteRule::Run, "is over; nothing was sent")
    }
}

impl From<BrokenRule> for DeclineReason {
    fn from(broken: BrokenRule) -> Self {
        Self::new(Rule::Key(broken.rule), broken.reason)
    }
}

/// Declines because one of the site's own stages failed. The details stay in the site's log.
pub(super) fn failed(stage: SiteRule) -> impl Fn(&dyn std::error::Error) -> DeclineReason {
    move |error| {
        tracing::error!(stage = stage.name(), %error, "this site cannot take part");
        DeclineReason::new(stage, "failed at this site; its log says why")
    }
}

/// Why there is no training. That the device is too small for the model says nothing of a patient, and both sides
/// should know.
pub(super) fn untrained(error: &TrainError) -> DeclineReason {
    let reason = failed(SiteRule::Train)(error);
    match error {
        TrainError::DeviceMemory { .. } => DeclineReason::new(SiteRule::Device, error),
        _ => reason,
    }
}

/// What a panic of a stage becomes: the cause stays in the site's log.
pub(crate) fn defect() -> DeclineReason {
    DeclineReason::new(SiteRule::Defect, "stopped by a defect; its log says where")
}

/// Returns what `work` returns. A panic in it becomes a decline whose reason does not reveal the cause.
pub(super) fn guarded<T>(
    work: impl FnOnce() -> Result<T, DeclineReason>,
) -> Result<T, DeclineReason> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(defect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_too_small_is_named_with_the_way_out_and_nothing_else_is() {
        let reason = untrained(&TrainError::DeviceMemory { tried: 64 });
        assert_eq!(reason.rule.as_str(), "train.device");
        assert!(reason.reason.contains("device = \"cpu\""), "{reason}");
        let reason = untrained(&TrainError::Loss { when: "before" });
        assert_eq!(reason.rule.as_str(), "train");
        assert!(!reason.reason.contains("loss"), "{reason}");
    }
}
