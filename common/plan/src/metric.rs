//! What a site measures of a model.

use serde::{Deserialize, Serialize};

/// The metric that a private mode may let out: Harrell's C on a site's test patients.
pub const C_INDEX: &str = "test.c_index";

/// One number that a site measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Such as `train.loss`.
    pub name: String,
    /// Finite.
    pub value: f64,
}
