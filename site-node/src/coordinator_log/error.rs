//! Errors in the coordinator's log, and in what it says of this site's log.

use audit::note::NoteError;
use audit::segments::LogError;
use base::ids::Round;
use node::audit_log::{AttestError, PeerError, PublishedOfferError};

/// A coordinator whose log is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// It shows none.
    #[error("the coordinator shows no audit log of its own")]
    NoLog,
    /// Its log, or its key.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// What it saw of this site's log is not in it.
    #[error(
        "this site's audit log lacks what the coordinator saw of it: it was put back from an older \
         copy. Put the newer copy back; where there is none, begin the next log with \
         `site-node audit restart --reason restored --spent all`"
    )]
    Restored,
    /// The records that the coordinator saw last of this site's log were removed.
    #[error(
        "this site's audit log does not hold the records any more that the coordinator saw last, and cannot prove how \
         it goes on from them: they were removed when they were older than audit.keep. Nothing was charged; begin \
         the next log with `site-node audit restart --reason archived --spent recorded`"
    )]
    Removed,
    /// It shows another log than the one that is known, which no person has trusted yet.
    #[error(
        "the coordinator shows the audit log {found}, and another log of it is known here; ask the coordinator's \
         people by another way than the network. If the key is right, run `site-node trust {found}`, then start again"
    )]
    OtherLog {
        /// The key of the log that it shows.
        found: String,
    },
    /// It shows a checkpoint of this site's that is none.
    #[error("the coordinator shows a checkpoint of this site's log that is not one: {0}")]
    NotOurs(NoteError),
    /// The record of the offer is not in its log.
    #[error(transparent)]
    PublishedOffer(#[from] PublishedOfferError),
    /// The record is of something else.
    #[error("the coordinator's log ends with {found}, where the offer should stand: {what}")]
    OtherOffer {
        /// The kind of record that it is.
        found: &'static str,
        /// What differs.
        what: &'static str,
    },
    /// The round was offered before, with another model.
    #[error("round {round} was offered with another model before")]
    OtherModel {
        /// The round.
        round: Round,
    },
    /// Another statistics request was made before, under the same name.
    #[error("another statistics request was made under the same name before")]
    OtherRequest,
    /// A later round was offered before.
    #[error("round {round} is offered after round {latest}: rounds only go forward")]
    EarlierRound {
        /// The round that is offered.
        round: Round,
        /// The latest one that was offered before.
        latest: Round,
    },
    /// Who else signed.
    #[error(transparent)]
    Attest(#[from] AttestError),
    /// Signatures for an offer that is not open here.
    #[error("signatures for {}, which is not open here", offered(*.round))]
    NotOffered {
        /// The round; `None` for a statistics request.
        round: Option<Round>,
    },
    /// This site's own log.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// `round 3`, `a statistics request`.
fn offered(round: Option<Round>) -> String {
    round.map_or_else(|| "a statistics request".to_owned(), |round| format!("round {round}"))
}

impl MonitorError {
    /// Whether nothing more of this coordinator is to be believed.
    #[must_use]
    pub fn is_breach(&self) -> bool {
        match self {
            Self::Restored
            | Self::Removed
            | Self::OtherLog { .. }
            | Self::Attest(AttestError::Diverged { .. }) => true,
            Self::Peer(error) => error.is_breach(),
            _ => false,
        }
    }

    /// The reason as a code for records and refusals.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::NoLog => "witness.no-log",
            Self::Peer(error) => error.rule(),
            Self::Restored => "ledger.restored",
            Self::Removed => "witness.archived",
            Self::OtherLog { .. } => "witness.replaced",
            Self::NotOurs(_) => "witness.checkpoint",
            Self::PublishedOffer(_) => "witness.record",
            Self::OtherOffer { .. } => "witness.offer",
            Self::OtherModel { .. } => "witness.other-model",
            Self::OtherRequest => "witness.other-request",
            Self::EarlierRound { .. } => "witness.earlier-round",
            Self::Attest(AttestError::Diverged { .. }) => "witness.diverged",
            Self::Attest(_) => "witness.signatures",
            Self::NotOffered { .. } => "witness.not-offered",
            Self::Log(_) => "audit",
        }
    }
}
