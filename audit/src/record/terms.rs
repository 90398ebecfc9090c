//! What a plan that was agreed to says, as far as people ask for it afterwards.

use serde::{Deserialize, Serialize};

use crate::name::{Column, Name};

/// The most columns that a record names.
pub const MAX_COLUMNS: usize = 200;

/// What a run promises each protected unit at a site, had it been the only one: a bound on all of its planned
/// releases together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    /// The ε, above 0.
    pub epsilon: f64,
    /// The δ at which it is stated, in (0, 1).
    pub delta: f64,
}

/// What was agreed to, beside the plan's hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The experiment's name; absent for a description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<Name>,
    /// How many rounds were planned, or how many questions a description asks.
    pub rounds: u32,
    /// What was promised; absent where no noise is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promised: Option<Promise>,
    /// The columns that are read, up to [`MAX_COLUMNS`], as far as a record can hold their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
    /// How many columns are read.
    pub columns_in_all: u32,
}

impl Terms {
    /// The first field that holds what it cannot mean.
    pub(super) fn wrong(&self) -> Option<&'static str> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let stated = |promise: &Promise| {
            positive(promise.epsilon) && positive(promise.delta) && promise.delta < 1.0
        };
        if self.rounds == 0 {
            Some("rounds")
        } else if self.promised.as_ref().is_some_and(|promise| !stated(promise)) {
            Some("promised")
        } else if self.columns.len() > MAX_COLUMNS {
            Some("columns")
        } else if self.columns.len() > self.columns_in_all as usize {
            Some("columns_in_all")
        } else {
            None
        }
    }
}
