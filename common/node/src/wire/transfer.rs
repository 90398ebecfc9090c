//! The headers of transfers. Every message that shows a log's state is one, because the transfers of a connection are
//! taken in the order in which they were begun: the order of the log.

use plan::experiment::StatisticsRequest;
use plan::metric::Metric;
use serde::{Deserialize, Serialize};

use super::messages::StatisticsReply;
use super::witness::{LastRecord, SignedState};
use base::digest::Digest;
use base::ids::{Round, RunId};

/// What follows a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// How many 32-bit words.
    pub words: u64,
    /// The hash of their bytes.
    pub digest: Digest,
}

/// What a site is to do with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// Train it and send an update.
    Train,
    /// It is final: evaluate it, where the plan lets metrics leave.
    Evaluate,
}

/// A model on its way to a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelHeader {
    /// The run.
    pub run: RunId,
    /// The round it opens; for the final model, the last one.
    pub round: Round,
    /// What to do with it.
    pub purpose: Purpose,
    /// The parameters that follow.
    pub payload: Payload,
    /// The coordinator's log, up to the record of this very offer.
    pub log: SignedState,
    /// That record: the round's offer, or for the final model its release.
    pub record: LastRecord,
}

/// A statistics request on its way to a site. The site signs the state of the coordinator's log that ends with the
/// request. It answers or declines once enough sites have signed the same state. No elements follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatisticsOffer {
    /// The request in full; the name under which it is charged follows from it.
    pub question: StatisticsRequest,
    /// The coordinator's log, up to the record of this very request.
    pub log: SignedState,
    /// That record.
    pub record: LastRecord,
}

/// The header of a transfer to a site: an offer that is the last record of the coordinator's log.
#[allow(clippy::large_enum_variant, reason = "one a round")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Offer {
    /// A model, whose parameters follow.
    Model(ModelHeader),
    /// A statistics request.
    Statistics(StatisticsOffer),
}

/// An update on its way to the coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateHeader {
    /// The run.
    pub run: RunId,
    /// The round.
    pub round: Round,
    /// The hash of the model that was trained.
    pub model: Digest,
    /// The privatized words that follow.
    pub payload: Payload,
    /// How much the site counts, in patients up to the plan's unit; 1 where all count alike.
    pub weight: u32,
    /// What the site measured on the model it received; empty in every private mode.
    pub metrics: Vec<Metric>,
    /// The site's log, with this update's charge, noise and sending in it.
    pub log: SignedState,
}

/// The header of a transfer from a site: what it sends for an offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Contribution {
    /// An update, whose elements follow.
    Update(UpdateHeader),
    /// The answer to a statistics request.
    Statistics(StatisticsReply),
}
