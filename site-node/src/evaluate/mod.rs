//! How good a model is on a hospital's own test patients.
//!
//! ```text
//! model, test patients ─► risks, curves ─┬─► C, and with horizons AUC, Brier, calibration
//!                                        ├─► C within each declared subgroup
//! one feature or modality permuted ──────┴─► what C loses without it
//! ```
//!
//! Exact numbers of patients: for eyes inside the hospital, and for whoever may see exact metrics.

mod causes;
mod importance;
mod measures;
mod subgroups;

use plan::experiment::{Evaluation, Plan};
use plan::metric::{C_INDEX, MetricId};
use survival::{Competing, Survival, harrell_c};

use crate::examples::Examples;
use crate::train::{TrainError, incidence, risks, survival};

/// An exact metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Which one.
    pub id: MetricId,
    /// Finite.
    pub value: f64,
}

/// Whom and what a model is held against.
pub struct Held<'e> {
    /// What the model's inputs mean.
    pub plan: &'e Plan,
    /// The model, flat.
    pub model: &'e [f32],
    /// The patients that it was trained on here, for how censoring goes.
    pub training: &'e Examples,
    /// Those that it was not.
    pub test: &'e Examples,
    /// Subgroups of fewer patients are left out.
    pub least: usize,
}

/// Everything that `asked` asks for, in its order. A measure that these patients do not allow, for want of
/// a comparable pair say, is left out.
///
/// # Errors
/// The model does not fit the patients, or its outputs are not finite.
pub fn evaluate(held: &Held<'_>, asked: &Evaluation) -> Result<Vec<Score>, TrainError> {
    let risk = risks(&held.plan.model, held.model, held.test)?;
    let mut scores = Vec::new();
    let whole = concordance(held.test, &risk);
    note(&mut scores, C_INDEX, whole);
    if !asked.horizons.is_empty() && held.plan.model.head.causes() > 1 {
        let curves = incidence(&held.plan.model, held.model, held.test)?;
        causes::at_horizons(held, &curves, &asked.horizons, &mut scores);
    } else if !asked.horizons.is_empty() {
        let curves = survival(&held.plan.model, held.model, held.test)?;
        measures::at_horizons(held, &risk, curves, &asked.horizons, &mut scores);
    }
    subgroups::within(held, &asked.subgroups, &risk, &mut scores);
    if let (Some(whole), 1..) = (whole, asked.permutations) {
        importance::of_each(held, whole, asked.permutations, &mut scores)?;
    }
    Ok(scores)
}

/// Harrell's C, for the first cause where there are several; none where no pair can be compared.
fn concordance(patients: &Examples, risk: &[f64]) -> Option<f64> {
    harrell_c(&observed(patients)?, risk).ok()
}

/// With several causes the first is the event, and who had another stays at risk for ever.
fn observed(patients: &Examples) -> Option<Survival> {
    competing(patients)?.of_interest(1).ok()
}

fn competing(patients: &Examples) -> Option<Competing> {
    Competing::new(patients.time().to_vec(), patients.cause().to_vec()).ok()
}

/// Keeps a value that there is. Subjects whose names are cut to the same text are told apart by a number.
fn note(scores: &mut Vec<Score>, mut id: MetricId, value: Option<f64>) {
    if let Some(value) = value.filter(|value| value.is_finite()) {
        if scores.iter().any(|score| score.id == id) {
            id = id.numbered(u16::try_from(scores.len()).unwrap_or(u16::MAX));
        }
        scores.push(Score { id, value });
    }
}

#[cfg(test)]
mod tests;
