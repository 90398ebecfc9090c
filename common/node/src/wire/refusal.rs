//! Every misdeed by its name, so that tests and reports can tell them apart.

use serde::{Deserialize, Serialize};

use base::ids::{Round, RunId, RunPrefix};
use privacy::OverBound;

/// Why a coordinator refuses what a peer sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The peer speaks another version.
    #[error(
        "protocol: the coordinator speaks version {ours} and this peer {theirs}; install the same \
         release on both"
    )]
    Protocol {
        /// The coordinator's version.
        ours: u32,
        /// The peer's.
        theirs: u32,
    },
    /// The first message was not the one that opens a session of this role.
    #[error("session: a peer of this role does not send that message here")]
    OutOfTurn,
    /// A second session with one certificate.
    #[error(
        "session: a site-node of this name with another audit log is connected already; stop that one first, for \
         a hospital's data sets take part one at a time"
    )]
    AlreadyConnected,
    /// The bytes are not a message.
    #[error("wire: the message could not be read: {0}")]
    Malformed(String),
    /// No such run is going on.
    #[error("run {0}: not active here")]
    UnknownRun(RunId),
    /// A run of this name, or the same statistics request, is active.
    #[error("run {0}: already active; wait for its end, or end it with coordinator runs stop {0}")]
    Busy(RunId),
    /// A plan that no site could carry out.
    #[error("plan: {0}")]
    Plan(String),
    /// The site did not consent to this run.
    #[error("run {0}: this site is not part of it")]
    NotInRun(RunId),
    /// An update for another round than the one that is open.
    #[error("round: the update is for round {found} while round {open} is open")]
    WrongRound {
        /// The open round.
        open: Round,
        /// The update's.
        found: Round,
    },
    /// The round closed before the update was complete.
    #[error("round {0}: closed before this update was complete")]
    Late(Round),
    /// A second update for one round.
    #[error("round {0}: this site's update was received before")]
    Duplicate(Round),
    /// The round has as many updates as it takes.
    #[error("round {0}: full")]
    Full(Round),
    /// Trained from another model than the one offered.
    #[error("update: trained from another model than the one offered in round {0}")]
    WrongModel(Round),
    /// Another number of words than the model has.
    #[error("update: {found} words for a model of {expected}")]
    Length {
        /// The model's.
        expected: u64,
        /// The update's.
        found: u64,
    },
    /// The words are not those of the header's hash.
    #[error("update: the words do not have the hash that the header names")]
    Digest,
    /// More bytes, or fewer, than the header says.
    #[error("update: {found} bytes arrived where the header says {expected}")]
    Truncated {
        /// What the header says.
        expected: u64,
        /// What arrived.
        found: u64,
    },
    /// A weight of zero or over the plan's unit.
    #[error("update: a weight of {found}; the plan allows 1 to {most}")]
    Weight {
        /// The update's.
        found: u32,
        /// The plan's unit.
        most: u32,
    },
    /// Metrics in a mode that keeps them at the site, too many of them, or not finite.
    #[error("update: metrics that this plan does not allow: {0}")]
    Metrics(String),
    /// The peer's audit log is not what was seen of it.
    #[error("audit log: {0}")]
    Log(String),
    /// The coordinator could not keep the update.
    #[error("coordinator: {0}")]
    Internal(String),
    /// A run that there never was.
    #[error("run {0}: not known to this coordinator; coordinator runs list shows its runs")]
    NoSuchRun(RunPrefix),
    /// A run that cannot be stopped or followed any more.
    #[error("run {run}: over already ({status}); coordinator runs show {run} shows how it ended")]
    RunEnded {
        /// The run.
        run: RunId,
        /// `finished`, `failed` or `stopped`.
        status: String,
    },
    /// A statistics request has no steps to attach to.
    #[error(
        "{0}: a statistics request cannot be attached to; make the same request again to see its answers"
    )]
    StatisticsRequest(RunId),
    /// An update whose norm is over the plan's bound. In grid units: privacy.clip / 2²⁰.
    #[error(
        "update: a norm of {found} units of privacy.clip / 1048576; the plan allows {most}; clip the \
         update"
    )]
    Norm {
        /// The update's, rounded up.
        found: u64,
        /// The plan's.
        most: u64,
    },
    /// An update with a word over the plan's bound, in the same units.
    #[error(
        "update: a word of {found} units of privacy.clip / 1048576; the plan allows {most}; clip the \
         update"
    )]
    Element {
        /// The largest magnitude of a word.
        found: u32,
        /// The plan's.
        most: u32,
    },
    /// The site sent more messages than its allowance.
    #[error("session: this site sent more than it may; it can connect again in a minute")]
    TooMany,
    /// Several runs' names begin so.
    #[error(
        "run {prefix}: several names begin so: {}{}; type more of the one that is meant",
        listed(runs),
        if *more { " and more" } else { "" }
    )]
    Ambiguous {
        /// What was typed.
        prefix: RunPrefix,
        /// The first of them, in the order of their names.
        runs: Vec<RunId>,
        /// Whether there are more.
        more: bool,
    },
    /// A run whose model cannot be had.
    #[error("run {run}: {why}")]
    NoModel {
        /// The run.
        run: RunId,
        /// Why.
        why: String,
    },
    /// The coordinator is about to end.
    #[error("coordinator: it is stopping and begins nothing new; try again once it runs again")]
    Stopping,
    /// As many runs and statistics requests are active as the coordinator's settings allow.
    #[error(
        "slots: all are taken, by these runs and statistics requests: {}; wait until one ends, end one with \
         coordinator runs stop RUN, or raise slots in coordinator.toml",
        listed(active)
    )]
    Slots {
        /// The names of those that are active.
        active: Vec<RunId>,
    },
}

fn listed(runs: &[RunId]) -> String {
    let names: Vec<&str> = runs.iter().map(RunId::as_str).collect();
    names.join(", ")
}

impl From<OverBound> for Refusal {
    fn from(over: OverBound) -> Self {
        match over {
            OverBound::Norm { found, most } => Self::Norm { found, most },
            OverBound::Element { found, most } => Self::Element { found, most },
        }
    }
}

impl Refusal {
    /// Its kind as a code for records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Protocol { .. } => "protocol",
            Self::OutOfTurn => "out-of-turn",
            Self::AlreadyConnected => "already-connected",
            Self::Malformed(_) => "malformed",
            Self::UnknownRun(_) => "unknown-run",
            Self::Busy(_) => "busy",
            Self::Plan(_) => "plan",
            Self::NotInRun(_) => "not-in-run",
            Self::WrongRound { .. } => "wrong-round",
            Self::Late(_) => "late",
            Self::Duplicate(_) => "duplicate",
            Self::Full(_) => "full",
            Self::WrongModel(_) => "wrong-model",
            Self::Length { .. } => "length",
            Self::Digest => "digest",
            Self::Truncated { .. } => "truncated",
            Self::Weight { .. } => "weight",
            Self::Metrics(_) => "metrics",
            Self::Log(_) => "log",
            Self::Internal(_) => "internal",
            Self::Norm { .. } => "norm",
            Self::Element { .. } => "element",
            Self::Stopping => "stopping",
            Self::TooMany => "too-many",
            Self::NoSuchRun(_) => "no-such-run",
            Self::RunEnded { .. } => "run-ended",
            Self::StatisticsRequest(_) => "description",
            Self::Ambiguous { .. } => "ambiguous",
            Self::NoModel { .. } => "no-model",
            Self::Slots { .. } => "slots",
        }
    }
}
