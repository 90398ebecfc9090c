//! Metrics of a model, and their names.
//!
//! ```text
//! site:         Measurement ─► Metric, Metric, …     wire, registry, card, JSON
//! coordinator:  Measurement ◄─ Readings ◄─ Metric, Metric, …
//! ```
//!
//! A [`Measurement`] is a metric with its value and how far noise moves it. It travels and is stored as one or two
//! numbers with names, [`Metric`]. Only this module knows how these names are spelled.

mod id;
mod measurement;
mod named;
mod subject;
#[cfg(test)]
mod tests;

pub use id::{AtHorizon, C_INDEX, Importance, MetricId, Overall, TRAINING_LOSS, UnknownMetric};
pub use measurement::{LOST_IN_NOISE, Measured, Measurement};
pub use named::{Metric, Quantity, Readings};
pub use subject::Subject;

/// The most metrics of one site.
pub const METRICS: usize = 256;

/// The longest name of a number, in bytes.
pub const METRIC_NAME: usize = 64;
