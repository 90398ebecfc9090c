//! What nodes show each other of their audit logs.

use audit::Name;
use serde::{Deserialize, Serialize};

use base::digest::Digest;
use base::ids::SiteName;

/// A node's log, as it introduces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLog {
    /// Its public key, as `name+id+base64`.
    pub key: String,
    /// The latest checkpoint that this node has seen of its peer's log.
    pub seen: Option<String>,
    /// What a site calls the patients whose ledger is in the log; a coordinator has none.
    pub data_set: Option<Name>,
}

/// A proof that the later of two states of a log extends the earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consistency {
    /// The size of the state that the peer may have seen last. It is the earlier state, unless an older offer is shown
    /// again.
    pub from: u64,
    /// The proof of RFC 9162.
    pub hashes: Vec<Digest>,
}

/// What a node's log is, shown to a peer that sees to it that it only grows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedState {
    /// The checkpoint: a signed note.
    pub checkpoint: String,
    /// Proofs from the states that the peer may have seen last.
    pub proofs: Vec<Consistency>,
}

/// The last record of the log that a signed_state is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRecord {
    /// Its line, without the newline.
    pub line: Vec<u8>,
    /// The proof of RFC 9162 that it is the last leaf.
    pub inclusion: Vec<Digest>,
}

/// A site's signature on a checkpoint of the coordinator's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cosignature {
    /// Whose.
    pub site: SiteName,
    /// The public key of the site's log.
    pub key: String,
    /// The signature's line, as below a signed note.
    pub signature: String,
}
