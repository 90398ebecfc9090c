//! The ground that everything else stands on: names, hashes, times, and the two ways in which bytes become values.
//!
//! A person's TOML is read by [`config`], with every mistake named at once. A peer's bytes are read by [`codec`],
//! within a limit. Nothing here knows of patients, models or the network.

pub mod clock;
pub mod codec;
pub mod config;
pub mod digest;
pub mod durable;
pub mod fingerprint;
mod hex;
pub mod ids;
pub mod quote;
pub mod text;
