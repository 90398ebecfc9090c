//! The research centre's side of a federation.
//!
//! ```text
//! admit ─► session ─► driver ─► aggregate ─► registry
//!  enrol    server      │ ▲
//!                       ▼ │
//!                      round   (pure: event ─► effects)
//! ```
//!
//! [`round`] decides and [`aggregate`] adds up; both are pure. [`driver`] owns one run: it takes
//! events from the [`session`]s, makes each durable in the [`registry`], and only then carries out
//! what follows. [`archive`] reads what is kept, for people here and elsewhere. [`statistics`] requests
//! private statistics from sites. Several of these jobs may be active at once: [`connections`] routes
//! each message of a site to the job that it names, and `attestation` shows the offers of all jobs to
//! each site in the order of the audit log. Only `simulate` uses the site's crate. [`synth`] makes synthetic cohorts.

pub mod aggregate;
pub mod archive;
pub mod artifact;
mod attestation;
pub mod client;
pub mod connections;
mod door;
pub mod driver;
pub mod enrol;
pub mod incoming;
pub mod launch;
pub mod means;
pub mod measured;
mod meeting;
pub mod preview;
pub mod progress;
pub mod recovery;
pub mod registry;
pub mod report;
pub mod reporter;
pub mod revoked;
pub mod round;
pub mod run_event;
pub mod saved_round;
pub mod server;
pub mod session;
pub mod settings;
#[cfg(feature = "simulate")]
pub mod simulate;
pub mod site_logs;
pub mod spool;
pub mod statistics;
pub mod synth;
#[cfg(test)]
mod testing;
