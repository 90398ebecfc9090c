//! What the model reads: the plan's columns, scaled by the plan's public constants.

use common::experiment::Plan;

use crate::cohort::Part;
use crate::data::DataError;
use crate::train::{Examples, TrainError};

/// Patients that cannot be made into examples.
#[derive(Debug, thiserror::Error)]
pub enum FeatureError {
    /// A column is missing or a cell is wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The training stage refuses them.
    #[error(transparent)]
    Examples(#[from] TrainError),
}

/// The model's inputs and outcomes for some patients, in the plan's order of features.
///
/// # Errors
/// A column is missing, or a cell is not a number or too large for the model once scaled.
pub fn examples(part: &Part<'_>, plan: &Plan) -> Result<Examples, FeatureError> {
    let width = plan.features.len();
    let mut rows = vec![0.0_f32; part.rows.len() * width];
    for (place, feature) in plan.features.iter().enumerate() {
        let column = part.table.column(&feature.column)?;
        let numbers = column.numbers()?;
        for (patient, &row) in part.rows.iter().enumerate() {
            #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
            let value = ((numbers[row] - feature.center) / feature.scale) as f32;
            if !value.is_finite() {
                let what = "too large once it is scaled";
                let fix = "check the unit of the column and features.scale";
                return Err(column.bad_cell(row, what, fix).into());
            }
            rows[patient * width + place] = value;
        }
    }
    let (time, event) = (part.time.clone(), part.event.clone());
    Ok(Examples::new(rows, width, time, event, &plan.outcome.edges)?)
}
