//! What a job moves: counted where its messages and transfers are sent and received.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::codec::encode;
use serde::Serialize;

/// What stands before a message on the wire: its length.
const LENGTH: u64 = 4;

/// The bytes of a job's messages and transfers, both ways, all sites. Clones share the count.
///
/// The headers of QUIC and repetitions belong to connections, which several jobs share: they count in
/// [`Connections::bytes`](super::Connections::bytes) alone.
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
