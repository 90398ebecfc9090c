//! What a federation may be asked to do, as data: experiments, plans, models and the hospital's policy.
//!
//! ```text
//! experiment.toml ─► experiment ─► Plan ─► policy (does the hospital allow it?)
//!                        │
//!                      model ─► artifact (what is kept of a trained one)
//! ```
//!
//! Everything here is pure. Nothing reads a patient's record, draws noise or opens a connection.

pub mod artifact;
#[cfg(test)]
mod choices_tests;
pub mod experiment;
pub mod metric;
pub mod model;
pub mod policy;
