//! What leaves the hospital, and nothing else does.

use base::digest::Digest;
use base::ids::{Round, RunId};
use node::transport::{Link, TransportError, send_payload};
use node::wire::{Contribution, Payload, SignedState, UpdateHeader};
use plan::metric::Metric;
use privacy::PrivatizedUpdate;

/// One round's contribution, ready to travel.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The update, which only the privacy core can make.
    pub update: PrivatizedUpdate,
    /// How much the site counts.
    pub weight: u32,
    /// What the plan lets the site tell of the model it received.
    pub metrics: Vec<Metric>,
}

/// Sends one round's contribution, with this site's log that tells of it.
///
/// # Errors
/// The connection is lost, or the coordinator stops the transfer.
pub async fn send(
    link: &Link,
    run: RunId,
    round: Round,
    model: Digest,
    outgoing: &Outgoing,
    log: SignedState,
) -> Result<(), TransportError> {
    let words = outgoing.update.words();
    let payload = Payload { words: words.len() as u64 / 4, digest: outgoing.update.digest() };
    let metrics = outgoing.metrics.clone();
    let weight = outgoing.weight;
    let header = UpdateHeader { run, round, model, payload, weight, metrics, log };
    send_payload(link, &Contribution::Update(header), words).await
}
