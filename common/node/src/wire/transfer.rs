//! What stands first on a transfer stream. Everything that shows a log's state travels on one, in the order of the log:
//! streams of one connection are taken in the order in which they were opened.

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

/// A statistics request on its way to a site: it signs the state of the coordinator's log that ends with the request, and
/// answers or declines when enough sites have signed the same one. No words follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatisticsOffer {
    /// All of what is asked; the name that it is charged under follows from it.
    pub question: StatisticsRequest,
    /// The coordinator's log, up to the record of this very request.
    pub log: SignedState,
    /// That record.
    pub record: LastRecord,
}

/// What stands in the coordinator's log and is offered to a site: the first frame of a transfer to it.
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

/// What a site releases: the first frame of a transfer from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Contribution {
    /// An update, whose words follow.
    Update(UpdateHeader),
    /// The answer to a statistics request.
    Statistics(StatisticsReply),
}
