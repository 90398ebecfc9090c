//! QUIC with mutual TLS: the one home of quinn.
//!
//! ```text
//! UDP ─────────────────┬► Link (one peer, its verified role)
//! tunnel over TCP ─────┘    ├─ control: Frames, small messages both ways
//!                           └─ transfer: a header and its elements, one way, hashed as they pass
//! ```
//!
//! Where UDP is blocked, the datagrams of the same connection travel in a TLS stream over TCP (`tunnel`).
//!
//! TLS 1.3 alone, client certificates always, no 0-RTT, aws-lc-rs as the only provider. The site
//! connects outward; it opens no port.

mod address;
mod backoff;
mod cap;
mod dialer;
mod doubt;
mod error;
mod frames;
mod link;
mod listener;
mod origin;
mod quic;
mod race;
mod reset;
mod route;
mod tls;
mod transfer;
mod tunnel;

pub use address::{Address, InvalidAddress};
pub use backoff::{Backoff, jitter};
pub use cap::Cap;
pub use dialer::Dialer;
pub use error::TransportError;
pub use frames::{FrameReader, FrameWriter};
pub use link::{Incoming, Link, OwnedLink, PeerCertificate};
pub use listener::{Listen, Listener, TcpPort};
pub use origin::Origin;
pub use route::{Path, RETRY_UDP, Route, TcpRoute, TcpSetting};
pub use transfer::{Outgoing, Sink, begin_transfer, receive_payload, send_payload};
pub use tunnel::{CredentialsError, Proxy, ProxyAddress};
