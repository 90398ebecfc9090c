//! The daemon inside a hospital.
//!
//! ```text
//! records ─► data ─► cohort ─► features ─► train ─► privatize ─► send
//!                                  └ examples ┘ ▲       ▲
//!                                      plan::policy   ledger
//! ```
//!
//! Each stage imports only the stages before it. [`participant`] runs them in order, for
//! several runs at once and for one round of a run at a time. [`session`] talks to the coordinator and
//! sees a run only through [`participant::Participant`], so nothing that touches the network can reach
//! a patient's record.

pub mod apart;
pub mod cancel;
pub mod cohort;
pub mod cohort_file;
pub mod coordinator_log;
pub mod daemon;
pub mod data;
pub mod evaluate;
pub mod examples;
pub mod features;
pub mod inspect;
pub mod participant;
pub mod predict;
pub mod privatize;
pub mod rules;
pub mod send;
pub mod session;
pub mod settings;
mod settings_file;
mod steps;
pub mod train;
