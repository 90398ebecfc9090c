//! Why nobody was scored.

use std::path::PathBuf;

use survival::SurvivalError;

use crate::data::DataError;
use crate::features::FeatureError;
use crate::train::TrainError;

/// A prediction that was not made.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// A table cannot be read, or does not have what the contract names.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Inputs cannot be made of the patients.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// The model does not fit its inputs.
    #[error(transparent)]
    Model(#[from] TrainError),
    /// A curve that is none.
    #[error(transparent)]
    Survival(#[from] SurvivalError),
    /// A time of which the model says nothing.
    #[error("times: {time} is beyond the model's grid; use times above 0 and up to {horizon}")]
    Time {
        /// The time.
        time: f64,
        /// The grid's end.
        horizon: f64,
    },
    /// Times for a model of risks.
    #[error(
        "times: this head leaves the baseline hazard open; leave the times out for risks alone"
    )]
    NoCurve,
    /// A part of a cohort without one.
    #[error("part: cohort.toml names no split; score all patients, or name the column in split")]
    NoSplit,
    /// A file that is there already.
    #[error("{} is there already, and is not written over; name another file or remove it", path.display())]
    Exists {
        /// Which one.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("writing predictions: {0}")]
    Io(#[from] std::io::Error),
}
