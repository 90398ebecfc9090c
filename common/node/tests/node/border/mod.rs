//! The border that peers and authors meet: bytes from the wire and files from people.
//!
//! Everything here holds what comes from outside: golden bytes for each message, what is refused
//! of bytes that are not one, every rule of a plan, and every kind of mistake in a file.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may, and so may their helpers")]

mod archive;
mod config;
mod experiment;
mod golden;
mod malformed;
mod messages;
mod multimodal;
mod overrides;
mod plan;
mod refusal;
mod rules;
mod sample;
mod statistics;
mod values;
mod views;
