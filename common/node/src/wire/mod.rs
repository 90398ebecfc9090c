//! The bytes between a hospital and the coordinator.
//!
//! ```text
//! control stream (both ways)   u32 length ‖ bincode message          at most 4 MiB each
//! transfer stream (one way)    u32 length ‖ bincode header ‖ elements   as many as the header says, perhaps none
//! ```
//!
//! Messages are small and typed ([`ToCoordinator`], [`ToSite`]). The header of a transfer is an [`Offer`] or a
//! [`Contribution`]. Parameters and updates are raw 32-bit little-endian elements behind that header. They are hashed
//! as they stream, never decoded by bincode, and never buffered whole by the coordinator. Every message has golden
//! bytes in the tests.

mod archive;
mod messages;
mod plain;
mod refusal;
mod transfer;
mod witness;

pub use archive::{
    Answer, FileKind, MAX_LISTED, ModelSummary, PAGE, PAGE_BYTES, PIECE, Query, RoundSummary,
    RunSummary, SiteMetric,
};
pub use messages::{
    Decline, Evaluation, Hello, Launch, Progress, StatisticsLaunch, StatisticsReply, Subject,
    ToCoordinator, ToOperator, ToSite, Told,
};
pub use plain::{FreeText, MAX_REASONS, MAX_WORD, PeerMessage};
pub use refusal::Refusal;
pub use transfer::{
    Contribution, ModelHeader, Offer, Payload, Purpose, StatisticsOffer, UpdateHeader,
};
pub use witness::{Consistency, Cosignature, KeptLog, LastRecord, SignedState};

/// The version of everything in this module. A peer that says another is refused by name.
pub const PROTOCOL: u32 = 2;

/// The protocol's name in the TLS handshake: peers of another kind fail there already.
pub const ALPN: &[u8] = b"consilium/2";

/// The name of the outer TLS stream of a tunnel over TCP.
pub const TUNNEL_ALPN: &[u8] = b"consilium-tunnel/1";
