//! QUIC with mutual TLS: the one home of quinn.
//!
//! ```text
//! endpoint ─► Link (one peer, its verified role)
//!               ├─ control: Frames, small messages both ways
//!               └─ transfer: a header and its words, one way, hashed as they pass
//! ```
//!
//! TLS 1.3 alone, client certificates always, no 0-RTT, aws-lc-rs as the only provider. The site
//! connects outward; it opens no port.

mod address;
mod backoff;
mod endpoint;
mod error;
mod frames;
mod link;
mod transfer;

pub use address::{Address, InvalidAddress};
pub use backoff::{Backoff, jitter};
pub use endpoint::{Dialer, Listener};
pub use error::TransportError;
pub use frames::{FrameReader, FrameWriter};
pub use link::{Incoming, Link, OwnedLink, PeerCertificate};
pub use transfer::{Outgoing, Sink, begin_transfer, receive_payload, send_payload};
