//! What the model reads: the plan's columns, scaled by the plan's public constants.

use common::experiment::Plan;

use crate::cohort::Part;
use crate::data::DataError;
use crate::train::{Examples, TrainError};

/// Scaled values are held to ±this: far beyond any sensible scaling, far below overflow.
const LARGEST: f64 = 1e6;

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
/// A column is missing, or a cell is not a number.
pub fn examples(part: &Part<'_>, plan: &Plan) -> Result<Examples, FeatureError> {
    let width = plan.features.len();
    // Every column is there before room is made for any.
    let columns = plan.features.iter().map(|feature| part.table.column(&feature.column));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let mut rows = vec![0.0_f32; part.rows.len() * width];
    for (place, (feature, column)) in plan.features.iter().zip(columns).enumerate() {
        let numbers = column.numbers()?;
        for (patient, &row) in part.rows.iter().enumerate() {
            let scaled = (numbers[row] - feature.center) / feature.scale;
            // A bound and not a refusal: a plan's scale must not make a site's consent tell how
            // large its patients' values are.
            #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
            let value = scaled.clamp(-LARGEST, LARGEST) as f32;
            rows[patient * width + place] = value;
        }
    }
    let (time, event) = (part.time.clone(), part.event.clone());
    Ok(Examples::new(rows, width, time, event, &plan.outcome.edges)?)
}
