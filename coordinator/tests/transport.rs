//! Two real ends over QUIC on loopback: who gets in, and what arrives.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may, and so may their helpers")]

#[path = "transport/certificates.rs"]
mod certificates;
#[path = "transport/control.rs"]
mod control;
#[path = "transport/files.rs"]
mod files;
#[path = "transport/operator.rs"]
mod operator;
#[path = "transport/raw.rs"]
mod raw;
#[path = "transport/roles.rs"]
mod roles;
#[path = "transport/strangers.rs"]
mod strangers;
#[path = "transport/support.rs"]
mod support;
#[path = "transport/tunnel.rs"]
mod tunnel;
#[path = "transport/words.rs"]
mod words;
