//! The words both sides of a federation speak.
//!
//! Nothing here knows whether it runs in a hospital or in a research centre. A hospital's
//! `site-node` and the `coordinator` meet only through these types: what is trained
//! ([`model`], [`experiment`]), how a change of weights becomes something that may leave a
//! hospital ([`privacy`]), and the bytes in which it travels ([`wire`], [`transport`], [`pki`]).
//!
//! ```text
//! experiment ─► model ─► privacy ─► wire ─► transport
//!      ▲                                        ▲
//!    config                                    pki
//! ```

pub mod allowance;
pub mod artifact;
pub mod audit_log;
pub mod clock;
pub mod config;
pub mod digest;
pub mod durable;
pub mod experiment;
mod hex;
pub mod ids;
pub mod model;
pub mod model_store;
pub mod pki;
pub mod policy;
pub mod privacy;
pub mod process;
pub mod quote;
pub mod shutdown;
pub mod statistics_store;
pub mod survival;
pub mod transport;
pub mod wire;
