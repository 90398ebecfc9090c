//! The border that peers and authors meet: bytes from the wire and files from people.
//!
//! Everything here holds what comes from outside: golden bytes for each message, what is refused
//! of bytes that are not one, every rule of a plan, and every kind of mistake in a file.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may, and so may their helpers")]

#[path = "border/archive.rs"]
mod archive;
#[path = "border/config.rs"]
mod config;
#[path = "border/experiment.rs"]
mod experiment;
#[path = "border/golden.rs"]
mod golden;
#[path = "border/malformed.rs"]
mod malformed;
#[path = "border/messages.rs"]
mod messages;
#[path = "border/multimodal.rs"]
mod multimodal;
#[path = "border/overrides.rs"]
mod overrides;
#[path = "border/plan.rs"]
mod plan;
#[path = "border/refusal.rs"]
mod refusal;
#[path = "border/rules.rs"]
mod rules;
#[path = "border/sample.rs"]
mod sample;
#[path = "border/statistics.rs"]
mod statistics;
#[path = "border/values.rs"]
mod values;
#[path = "border/views.rs"]
mod views;
