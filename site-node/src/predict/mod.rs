//! A model held against a hospital's patients: a row for each with risk, survival and mean survival time, and
//! with causes the cumulative incidence of each and the mean time that it takes.
//!
//! ```text
//! card ─ contract ─┐
//! cohort.toml ─► patients ─ some at a time ─► features ─► risks, survival ─► rows ─► a new file, 0600
//! ```
//!
//! Nobody's outcome is read: who is scored may still be followed. Inputs are built by the code that training
//! uses, and a cohort that the contract does not fit is refused in the words of `data check`.

mod error;
mod file;
mod rows;

use std::io::Write;
use std::path::Path;
use std::str::FromStr;

use node::model_store::Stored;
use plan::experiment::Plan;
use survival::{restricted_mean, survival_at};

use crate::cohort::Part;
use crate::data::cache::MAX_BYTES;
use crate::data::{Losses, Patients, Source, load};
use crate::features::{FeatureError, Lookup, Rules, SignalStore, Units, examples, gather};
use crate::train::{TrainError, incidence, risks, survival};

pub use error::PredictError;
pub use file::into_file;

/// Patients whose inputs are in memory at once, of tables alone and with ECGs or images.
const AT_ONCE: [usize; 2] = [1 << 16, 1 << 10];

/// Which of a cohort's patients are scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// All of them.
    All,
    /// Those whose split is 1.
    Train,
    /// Those whose split is 0.
    Test,
}

impl FromStr for Chosen {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "train" => Ok(Self::Train),
            "test" => Ok(Self::Test),
            _ => Err("use all, train or test".to_owned()),
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'p> {
    /// The model and its card.
    pub model: &'p Stored,
    /// What `cohort.toml` says.
    pub source: &'p Source,
    /// Where ECGs and images are kept in their form.
    pub cache: &'p Path,
    /// Whose.
    pub part: Chosen,
    /// Times at which survival is told, in the contract's unit; the grid's edges where none are given.
    pub times: &'p [f64],
}

/// How many were scored; no value of any.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Rows that were written.
    pub patients: usize,
    /// How many of them lack what an encoder reads, by view.
    pub lacking: Vec<(String, usize)>,
    /// Patients and rows of the cohort that are left out.
    pub losses: Losses,
    /// Whether the model tells survival, which a Cox model does not.
    pub curves: bool,
}

impl Told {
    /// In words.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} patients scored", self.patients)];
        lines.extend(self.lacking.iter().map(|(view, n)| format!("{n} of them lack {view:?}")));
        lines.extend(self.losses.iter().map(ToString::to_string));
        if !self.curves {
            let why = "risks alone: this head leaves the baseline hazard open";
            lines.push(why.to_owned());
        }
        lines
    }
}

/// Scores patients and writes a table of them: the patient's key, the risk (higher is earlier), and where the
/// head tells survival, that at each time and the mean survival time up to the grid's end; then for each cause
/// that the contract names its cumulative incidence at each time and the mean time lost to it by the grid's end.
///
/// # Errors
/// A time beyond the grid, a cohort that the contract does not fit, or a disk that fails.
pub fn predict(asked: Asked<'_>, out: &mut dyn Write) -> Result<Told, PredictError> {
    let Stored { card, parameters } = asked.model;
    let plan = &card.plan;
    let edges = &plan.outcome.edges;
    let horizon = edges.last().copied().unwrap_or_default();
    let curves = plan.model.head.intervals().is_some();
    let times = times(asked.times, curves, edges, horizon)?;
    let patients = load(asked.source)?;
    let keys = patients.table.column(&asked.source.patient)?;
    units(&patients, plan)?;
    let studies = SignalStore { source: asked.source, cache: asked.cache, cache_bytes: MAX_BYTES };
    let causes = &plan.outcome.causes;
    let columns = curves.then_some(rows::CurveColumns { horizon, causes });
    rows::heading(out, keys.name(), &times, columns)?;
    let encoders = plan.model.fusion.as_ref().map_or(&[][..], |fusion| &fusion.encoders);
    let mut told = Told {
        patients: 0,
        lacking: encoders.iter().map(|encoder| (encoder.view.clone(), 0)).collect(),
        losses: patients.losses.clone(),
        curves,
    };
    for some in chosen(&asked, &patients)?.chunks(AT_ONCE[usize::from(!encoders.is_empty())]) {
        let part = Part::unfollowed(&patients, some.to_vec());
        let examples = examples(&part, plan, Some(studies))?;
        let risks = risks(&plan.model, parameters, &examples)?;
        let curves = read(survival(&plan.model, parameters, &examples))?;
        let mut each = curves.chunks_exact(edges.len().max(1));
        let incidences = if causes.is_empty() {
            Vec::new()
        } else {
            read(incidence(&plan.model, parameters, &examples))?
        };
        let mut of_each = incidences.chunks_exact((edges.len() * causes.len()).max(1));
        for (&row, risk) in some.iter().zip(risks) {
            let mut values = vec![risk];
            if let Some(curve) = each.next() {
                for time in &times {
                    values.push(survival_at(edges, curve, *time)?);
                }
                values.push(restricted_mean(edges, curve, horizon)?);
            }
            let of_causes = of_each.next().unwrap_or_default().chunks_exact(edges.len().max(1));
            for incidence in of_causes {
                // Read as survival is, from 1 on: without an event of this cause.
                let free: Vec<f64> = incidence.iter().map(|had| 1.0 - had).collect();
                for time in &times {
                    values.push(1.0 - survival_at(edges, &free, *time)?);
                }
                values.push(horizon - restricted_mean(edges, &free, horizon)?);
            }
            rows::row(out, &keys.text(row), &values)?;
        }
        told.patients += some.len();
        for ((_, lacking), modality) in told.lacking.iter_mut().zip(examples.modalities()) {
            *lacking += (0..some.len()).filter(|patient| !modality.has(*patient)).count();
        }
    }
    out.flush()?;
    Ok(told)
}

/// That every unit converts. In a private mode training counts one that does not as missing, because
/// a refusal would tell of patients; here nobody is told but the hospital.
fn units(patients: &Patients, plan: &Plan) -> Result<(), PredictError> {
    let mut lookup = Lookup::new(patients);
    let rules = Rules { units: Units::Refuse, ..Rules::of(plan.privacy.mode) };
    for view in &plan.views {
        match gather(&mut lookup, view, rules) {
            // What encoders read has no units.
            Ok(_) | Err(FeatureError::NoEncoder { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Curves row by row; none for a head without them.
fn read(curves: Result<Vec<f64>, TrainError>) -> Result<Vec<f64>, TrainError> {
    match curves {
        Err(TrainError::NoCurve { .. }) => Ok(Vec::new()),
        curves => curves,
    }
}

/// The times that are asked for, all within the grid.
fn times(
    asked: &[f64],
    curves: bool,
    edges: &[f64],
    horizon: f64,
) -> Result<Vec<f64>, PredictError> {
    match (asked, curves) {
        ([], true) => Ok(edges.to_vec()),
        ([], false) => Ok(Vec::new()),
        (_, false) => Err(PredictError::NoCurve),
        (times, true) => match times.iter().find(|time| !(**time > 0.0 && **time <= horizon)) {
            Some(&time) => Err(PredictError::Time { time, horizon }),
            // A time that is named twice makes one column: two would have one name.
            None => Ok(times.iter().fold(Vec::new(), |mut once, time| {
                if !once.contains(time) {
                    once.push(*time);
                }
                once
            })),
        },
    }
}

/// The rows of the patients that are asked for.
fn chosen(asked: &Asked<'_>, patients: &Patients) -> Result<Vec<usize>, PredictError> {
    let rows = 0..patients.table.len();
    let training = match asked.part {
        Chosen::All => return Ok(rows.collect()),
        Chosen::Train => true,
        Chosen::Test => false,
    };
    let split = asked.source.split.as_ref().ok_or(PredictError::NoSplit)?;
    let flags = patients.table.column(split)?.flags()?;
    Ok(rows.filter(|row| flags.get(*row) == Some(&training)).collect())
}

#[cfg(test)]
mod tests;
