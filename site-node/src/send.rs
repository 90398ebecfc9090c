//! What leaves the hospital, and nothing else does.

use common::digest::Digest;
use common::ids::{Round, RunId};
use common::privacy::{LedgerHead, PrivatizedUpdate};
use common::transport::{Link, TransportError, send_words};
use common::wire::{Content, Metric, UpdateHeader};

/// One round's contribution, ready to travel.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The update, which only the privacy core can make.
    pub update: PrivatizedUpdate,
    /// How much the site counts.
    pub weight: u32,
    /// What the plan lets the site tell of the model it received.
    pub metrics: Vec<Metric>,
    /// Where the ledger stands that was charged for it.
    pub ledger: LedgerHead,
}

/// Sends one round's contribution.
///
/// # Errors
/// The connection is lost, or the coordinator stops the transfer.
pub async fn send(
    link: &Link,
    (run, round, model): (RunId, Round, Digest),
    outgoing: &Outgoing,
) -> Result<(), TransportError> {
    let words = outgoing.update.words();
    let content = Content { words: words.len() as u64 / 4, digest: outgoing.update.digest() };
    let metrics = outgoing.metrics.clone();
    let (weight, ledger) = (outgoing.weight, outgoing.ledger);
    let header = UpdateHeader { run, round, model, content, weight, metrics, ledger };
    send_words(link, &header, words).await
}
