//! What both kinds of node do alike: they speak, prove who they are, and keep a log.
//!
//! Nothing here knows whether it runs in a hospital or in a research centre. A hospital's `site-node` and the
//! `coordinator` meet only through these types: the messages ([`wire`]), the connection that carries them
//! ([`transport`]) and the certificates that vouch for both ends ([`pki`]).
//!
//! ```text
//! wire ─► transport        audit_log ─► statistics_store
//!            ▲
//!           pki
//! ```

pub mod allowance;
pub mod audit_log;
pub mod model_store;
pub mod pki;
pub mod process;
pub mod shutdown;
pub mod statistics_store;
pub mod transport;
pub mod wire;
