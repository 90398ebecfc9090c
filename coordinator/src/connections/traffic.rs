//! The bytes of a job, counted where its messages and transfers are sent and received.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::codec::encode;
use serde::Serialize;

/// The bytes of the length that precedes a message on the wire.
const LENGTH: u64 = 4;

/// The bytes of a job's messages and transfers, both ways, all sites. Clones share the count.
///
/// QUIC headers and retransmissions belong to connections, which several jobs share. Only
/// [`Connections::bytes`](super::Connections::bytes) counts them.
#[derive(Debug, Clone, Default)]
pub struct Traffic(Arc<AtomicU64>);

impl Traffic {
    /// The bytes that a message takes on the wire.
    #[must_use]
    pub fn size_of<M: Serialize>(message: &M) -> u64 {
        (encode(message).len() as u64).saturating_add(LENGTH)
    }

    /// Counts bytes that were sent or received for the job.
    pub fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The bytes so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
