//! What the model reads: the plan's columns and views, scaled by the plan's public constants.
//!
//! ```text
//! columns ─────────────────────────────────┐
//! views ─ number, category, measurement ───┼─► rows of inputs ──────┐
//!       ├ codes: up to the index date ─────┘                        ├─► Examples
//!       └ those with an encoder: codes by age, ECGs, images ────────┘
//! ```

mod aggregate;
mod codes;
mod column;
mod lookup;
mod modality_inputs;
mod scales;

use plan::experiment::{Missing, Plan, View, ViewSource};

use crate::cohort::Part;
use crate::data::DataError;
use crate::examples::{Examples, ExamplesError};

pub(crate) use column::unit_faults;
pub use column::{Gathered, Outside, Rules, Units};
pub use lookup::Lookup;
pub use modality_inputs::SignalStore;
pub use scales::{Spread, caution, caution_of};

/// Scaled values are held to ±this: far beyond any sensible scaling, far below overflow.
const LARGEST: f64 = 1e6;

/// The most inputs: of 32,768 patients, 2^31 values.
const MAX_INPUTS: usize = 1 << 16;

/// Patients that cannot be made into examples.
#[derive(Debug, thiserror::Error)]
pub enum FeatureError {
    /// A column is missing or a cell is wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A patient lacks a value that the contract refuses to do without.
    #[error(
        "view {view:?}: {file}, row {row}: this patient has no value; remove the patient, or ask for a \
         contract that says what stands for a missing one"
    )]
    Missing {
        /// The view.
        view: String,
        /// The patient's file.
        file: String,
        /// And row.
        row: u64,
    },
    /// An ECG or image view without an encoder, or an encoder without its view.
    #[error("view {view:?}: the model has no encoder for it")]
    NoEncoder {
        /// The view.
        view: String,
    },
    /// More numbers of a patient than a site makes room for, whoever its patients are.
    #[error("view {view:?} has {found} numbers a patient, and at most {most} are read here")]
    TooLong {
        /// The view.
        view: String,
        /// Its numbers.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// More inputs than a site makes room for, whoever its patients are.
    #[error("the plan has {found} inputs, and at most {most} are made here; ask for fewer")]
    TooWide {
        /// The plan's inputs.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// They are no examples of a model.
    #[error(transparent)]
    Examples(#[from] ExamplesError),
}

/// The model's inputs, row by row.
struct Inputs<'p> {
    rows: Vec<f32>,
    width: usize,
    /// Places in the table, in the order of the rows.
    patients: &'p [usize],
}

impl Inputs<'_> {
    fn put(&mut self, patient: usize, place: usize, value: f64) {
        // A bound and not a refusal: a plan's scale must not make a site's consent tell how large its
        // patients' values are.
        #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
        let value = if value.is_nan() { 0.0 } else { value.clamp(-LARGEST, LARGEST) as f32 };
        if let Some(input) = self.rows.get_mut(patient * self.width + place) {
            *input = value;
        }
    }
}

/// The model's inputs and outcomes for some patients, in the plan's order, and what its encoders read.
/// Without `studies` nobody has an ECG or an image.
///
/// # Errors
/// A column or table is missing, a cell is not what it must be, a unit does not convert, or a value is
/// missing that the plan refuses to do without.
pub fn examples(
    part: &Part<'_>,
    plan: &Plan,
    studies: Option<SignalStore<'_>>,
) -> Result<Examples, FeatureError> {
    let width = plan.inputs();
    let patients = part.patients;
    // By the plan alone: what a refusal tells must not depend on how many patients there are.
    if width > MAX_INPUTS {
        return Err(FeatureError::TooWide { found: width, most: MAX_INPUTS });
    }
    // Every column is there before room is made for any.
    let columns = plan.features.iter().map(|feature| patients.feature(&feature.column));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let rows = vec![0.0_f32; part.rows.len() * width];
    let mut inputs = Inputs { rows, width, patients: &part.rows };
    for (place, (feature, column)) in plan.features.iter().zip(columns).enumerate() {
        let numbers = column.numbers()?;
        for (patient, &row) in part.rows.iter().enumerate() {
            inputs.put(patient, place, (numbers[row] - feature.center) / feature.scale);
        }
    }
    let mut place = plan.features.len();
    let mut lookup = Lookup::new(patients);
    for view in plan.views.iter().filter(|view| plan.encoder(&view.name).is_none()) {
        place += fill(&mut inputs, place, &mut lookup, view, Rules::of(plan.privacy.mode))?;
    }
    let time = part.time.clone();
    let cause = part.cause.clone();
    let brought = modality_inputs::modalities(part, &mut lookup, plan, studies)?;
    let examples = Examples::of_causes(inputs.rows, width, time, cause, &plan.outcome.edges)?;
    Ok(examples.with(brought)?)
}

/// What a view's values are, before anything stands for missing ones.
///
/// # Errors
/// As [`examples`], but for missing values.
pub fn gather(
    lookup: &mut Lookup<'_>,
    view: &View,
    rules: Rules,
) -> Result<Gathered, FeatureError> {
    Gathered::of(lookup, view, rules)
}

/// Writes a view's inputs from `place` on, and says how many they are.
fn fill(
    inputs: &mut Inputs<'_>,
    place: usize,
    lookup: &mut Lookup<'_>,
    view: &View,
    rules: Rules,
) -> Result<usize, FeatureError> {
    let gathered = match &view.source {
        ViewSource::Codes { .. } => return codes::fill(inputs, place, lookup, view),
        _ => Gathered::of(lookup, view, rules)?,
    };
    let (choices, numbers) = match &view.source {
        ViewSource::Number { values, .. } | ViewSource::Measurement { values, .. } => {
            (0, Some(values))
        }
        ViewSource::Category { categories, .. } => (categories.len(), None),
        _ => return Err(FeatureError::NoEncoder { view: view.name.clone() }),
    };
    // Of a checked plan every value that was gathered and every fill is in the transform's domain.
    let scaled = |value: f64| numbers.and_then(|values| values.scaled(value)).unwrap_or_default();
    let missing = view.missing().unwrap_or(Missing::Zero);
    // All patients, not these alone: whether a site takes part does not depend on its split.
    if missing == Missing::Refuse
        && let Some(row) = gathered.values.iter().position(Option::is_none)
    {
        let column = lookup.patients.table.columns().first();
        return Err(FeatureError::Missing {
            view: view.name.clone(),
            file: column.map(|column| column.file().to_owned()).unwrap_or_default(),
            row: column.map(|column| column.row(row)).unwrap_or_default(),
        });
    }
    let width = choices.max(1);
    for (patient, &row) in inputs.patients.iter().enumerate() {
        match (gathered.values.get(row).copied().flatten(), missing) {
            (Some(value), _) if choices == 0 => {
                inputs.put(patient, place, scaled(value));
            }
            (Some(choice), _) => {
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "the number of a category"
                )]
                inputs.put(patient, place + choice as usize, 1.0);
            }
            (None, Missing::Constant(fill)) => inputs.put(patient, place, scaled(fill)),
            (None, Missing::Indicator) => inputs.put(patient, place + width, 1.0),
            (None, Missing::Zero | Missing::Refuse) => {}
        }
    }
    Ok(width + usize::from(missing == Missing::Indicator))
}

#[cfg(test)]
mod tests;
