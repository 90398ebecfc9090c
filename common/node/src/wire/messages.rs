//! What is said on a control stream.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::archive::{Answer, Query};
use super::refusal::Refusal;
use plan::metric::Metric;

use super::witness::{Cosignature, KeptLog, SignedState};
use base::clock::Timestamp;
use base::digest::Digest;
use base::ids::{Round, RunId, RunPrefix, SiteName};
use plan::experiment::{Plan, StatisticsRequest};

/// How a peer introduces itself. Its name and role stand in its certificate, not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol's version: the first field, so that every version can read it.
    pub protocol: u32,
    /// The software's version, for the log.
    pub software: String,
    /// The peer's audit log; an operator has none.
    pub log: Option<KeptLog>,
}

/// What a site measured on the final model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The run.
    pub run: RunId,
    /// The hash of the model that was evaluated.
    pub model: Digest,
    /// In a private mode, one with noise at most, and none unless the plan asks for it.
    pub metrics: Vec<Metric>,
}

/// Why a site sends no update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    /// The run.
    pub run: RunId,
    /// The round that it will not contribute to; `None` if it declines the run or the statistics request.
    pub round: Option<Round>,
    /// The rule or the stage that stopped it, such as `policy.modes`.
    pub rule: String,
    /// The reason, without any patient's value.
    pub reason: String,
}

/// An experiment to run on the live federation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// What the sites will receive.
    pub plan: Plan,
}

/// A description to ask the sites of the live federation for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatisticsLaunch {
    /// What the sites will receive.
    pub question: StatisticsRequest,
    /// How long they have to answer.
    pub window: Duration,
}

/// A site's answer to a description: numbers with noise on them, each paid for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatisticsReply {
    /// The name that the question was asked under.
    pub run: RunId,
    /// Its hash.
    pub question: Digest,
    /// In the order of the questions, and by their names.
    pub numbers: Vec<Metric>,
    /// The site's audit log, in which every number is charged.
    pub log: SignedState,
}

/// From a site, or from an operator, to the coordinator.
#[allow(clippy::large_enum_variant, reason = "a few in a run; a plan is sent as it is")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToCoordinator {
    /// Opens every session.
    Hello(Hello),
    /// The site's policy, data and budget allow the plan.
    Consent {
        /// The run.
        run: RunId,
        /// The hash of the plan that was checked.
        plan: Digest,
    },
    /// The site has seen the coordinator's log up to an offer, and signs that state of it.
    Cosigned {
        /// The run.
        run: RunId,
        /// The round that was offered; `None` for a statistics request.
        round: Option<Round>,
        /// The signature's line, as below a signed note.
        signature: String,
    },
    /// The site will not send an update.
    Decline(Decline),
    /// What a site measured on the final model.
    Evaluation(Evaluation),
    /// An operator starts a run.
    Launch(Launch),
    /// An operator asks for a description.
    Describe(StatisticsLaunch),
    /// An operator follows a run that is going on.
    Attach {
        /// The run's name, or the beginning of it.
        run: RunPrefix,
    },
    /// An operator ends a run, or a description, that is going on.
    Stop {
        /// The run's name, or the beginning of it.
        run: RunPrefix,
    },
    /// An operator asks what is kept of runs and models.
    Query(Query),
}

/// What a refusal is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The run or the statistics request.
    pub run: RunId,
    /// The round whose update is refused; `None` for anything else.
    pub round: Option<Round>,
}

/// From the coordinator to a site.
#[allow(clippy::large_enum_variant, reason = "a few in a run; a plan is sent as it is")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToSite {
    /// The session is open.
    Welcome(Hello),
    /// What was sent is not accepted.
    Refused {
        /// What it was about; `None` where that cannot be told.
        subject: Option<Subject>,
        /// Why.
        refusal: Refusal,
    },
    /// A run begins: check it and consent or decline.
    Plan {
        /// The run.
        run: RunId,
        /// All of what it does.
        plan: Plan,
    },
    /// The signatures of sites on the state of the coordinator's log that ends with an offer. An update or an answer
    /// leaves once enough sites have signed the same state.
    Witnessed {
        /// The run.
        run: RunId,
        /// The size of the coordinator's log that ends with the offer. Signatures of an earlier offer under the same
        /// name may arrive after a later offer.
        offered: u64,
        /// The round that was offered; `None` for a statistics request.
        round: Option<Round>,
        /// Their signatures.
        cosignatures: Vec<Cosignature>,
    },
    /// An update, or the answer to a statistics request, is complete, checked and kept.
    Received {
        /// The run or the statistics request.
        run: RunId,
        /// The round of an update; `None` for a statistics request.
        round: Option<Round>,
        /// The hash of the update, or of the answer's numbers.
        digest: Digest,
        /// The coordinator's signature on the site's checkpoint that came with it.
        cosignature: String,
    },
    /// The run is over, by its end or for a reason.
    Over {
        /// The run.
        run: RunId,
        /// The size of the coordinator's log at its latest offer. A later offer under the same name belongs to another
        /// job.
        offered: u64,
        /// How it ended.
        outcome: String,
    },
}

/// A step of a run that an operator follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Progress {
    /// The run has its name and waits for its quorum.
    Started {
        /// Sites that were asked.
        sites: Vec<SiteName>,
        /// Rounds planned.
        rounds: u32,
    },
    /// A site will not take part, in a round or in the whole run.
    Declined {
        /// The site.
        site: SiteName,
        /// What stopped it.
        rule: String,
        /// Its reason.
        reason: String,
    },
    /// A round closed.
    Round {
        /// The round.
        round: Round,
        /// Updates in it.
        sites: u32,
        /// How long it took, in seconds.
        seconds: f64,
        /// Bytes of the run's messages and transfers in this round, both ways, all sites.
        bytes: u64,
        /// Mean of the sites' metrics on the model the round began with.
        metrics: Vec<Metric>,
    },
    /// The run ended well; the registry holds its results.
    Finished {
        /// Mean of the sites' metrics on the final model.
        metrics: Vec<Metric>,
        /// SHA-256 of the final model's safetensors file, in hexadecimal.
        model_sha256: String,
        /// Sites whose updates are in the model.
        sites: Vec<SiteName>,
        /// From launch to end.
        seconds: f64,
        /// Bytes of the run's messages and transfers from launch to end, both ways, all sites.
        bytes: u64,
    },
    /// The run ended without a model.
    Failed {
        /// Why.
        reason: String,
    },
    /// Too few hospitals are connected; the run waits for more.
    Waiting {
        /// How many more it needs.
        more: u32,
        /// When it ends without them.
        until: Timestamp,
        /// Hospitals of the federation that are not connected, the first of them by name.
        away: Vec<SiteName>,
    },
    /// An operator ended the run.
    Stopped {
        /// By whom, in which round, and what was kept.
        reason: String,
    },
    /// The coordinator does not go on with the run before its next start.
    Interrupted {
        /// Why, and what to do.
        reason: String,
    },
}

/// A step of a description that an operator follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Told {
    /// The sites that are here were asked.
    Asked {
        /// Who they are.
        sites: Vec<SiteName>,
    },
    /// A site answered.
    Answered {
        /// The site.
        site: SiteName,
        /// Its numbers, as they came.
        numbers: Vec<Metric>,
    },
    /// A site did not answer.
    Declined {
        /// The site.
        site: SiteName,
        /// What stopped it.
        rule: String,
        /// Its reason.
        reason: String,
    },
    /// Every site has answered or will not.
    Complete {
        /// From asking to the last answer.
        seconds: f64,
    },
    /// It could not be gone on with.
    Failed {
        /// Why.
        reason: String,
    },
    /// An operator ended it.
    Stopped {
        /// The operator.
        by: SiteName,
    },
}

/// From the coordinator to an operator.
#[allow(clippy::large_enum_variant, reason = "a few in a run; a plan is sent as it is")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToOperator {
    /// The session is open.
    Welcome(Hello),
    /// The launch is not accepted.
    Refused(Refusal),
    /// The next step of the run.
    Progress {
        /// The run.
        run: RunId,
        /// What happened.
        progress: Progress,
    },
    /// The next step of a description.
    Told {
        /// The name that it is charged under.
        run: RunId,
        /// What happened.
        told: Told,
    },
    /// The operator follows this run; its steps so far come next.
    Attached {
        /// The run.
        run: RunId,
        /// All of what it does.
        plan: Plan,
    },
    /// A run that the operator asked to stop is over.
    Ended {
        /// The run.
        run: RunId,
        /// `stopped`, or what it had come to before: `finished` or `failed`.
        status: String,
        /// Why it has no model.
        reason: Option<String>,
    },
    /// A part of what is kept of runs and models.
    Answer(Answer),
}
