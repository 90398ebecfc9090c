//! Survival curves on a time grid: what a model predicts, one curve for prediction, evaluation and release.
//!
//! A model says S(e_j) at the edges e_1 < … < e_K of its grid, and S(0) = 1. Between two edges a curve is read
//! as a straight line: the event is spread evenly over an interval (Kvamme and Borgan, Lifetime Data Analysis
//! 27, 2021, "constant density interpolation"). The likelihood of the discrete heads reads the same line at
//! the time of a censored patient. A step that keeps the last edge's value would count everybody who has the
//! event in an interval as alive until its end, and nobody as dead before the first edge.

use super::data::{check_finite, check_grid, check_len};
use super::error::SurvivalError;

/// How far a predicted curve may rise before it is rejected: the rounding of a
/// model that computes in single precision, not a wrong prediction.
const RISE_TOLERANCE: f64 = 1e-6;

/// Predicted survival probabilities `S(t | x_i)` of `n` patients at `m` times.
///
/// A curve begins at S(0) = 1 and is a straight line between grid times; after the last one it keeps its
/// last value. A curve that was estimated as a step function, such as one from a Breslow baseline, is told by
/// [`SurvivalCurves::of_steps`].
#[derive(Debug, Clone, PartialEq)]
pub struct SurvivalCurves {
    times: Vec<f64>,
    values: Vec<f64>,
    between: Between,
}

/// How a curve goes on between its grid times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    Lines,
    Steps,
}

impl SurvivalCurves {
    /// Builds the curves from `m` strictly increasing times and `n * m`
    /// probabilities, one patient after the other (row-major). They are straight lines between the times.
    ///
    /// # Errors
    /// For `times`: [`SurvivalError::Empty`], [`SurvivalError::NotFinite`],
    /// [`SurvivalError::Negative`], [`SurvivalError::NotIncreasing`]. For
    /// `values`: [`SurvivalError::Empty`], [`SurvivalError::LengthMismatch`] when
    /// the last row is incomplete, [`SurvivalError::NotFinite`],
    /// [`SurvivalError::ProbabilityOutOfRange`], and
    /// [`SurvivalError::CurveIncreases`] when a curve rises by more than 1e-6.
    pub fn new(times: Vec<f64>, values: Vec<f64>) -> Result<Self, SurvivalError> {
        check_grid("curve times", &times)?;
        if values.is_empty() {
            return Err(SurvivalError::Empty { field: "curve values" });
        }
        let complete = values.len().next_multiple_of(times.len());
        check_len("curve values", complete, values.len())?;
        check_finite("curve values", &values)?;
        for (patient, row) in values.chunks_exact(times.len()).enumerate() {
            if let Some(point) = row.iter().position(|value| !(0.0..=1.0).contains(value)) {
                return Err(SurvivalError::ProbabilityOutOfRange { patient, point });
            }
            let rise = row
                .iter()
                .zip(row.iter().skip(1))
                .position(|(earlier, later)| later - earlier > RISE_TOLERANCE);
            if let Some(before) = rise {
                return Err(SurvivalError::CurveIncreases { patient, point: before + 1 });
            }
        }
        Ok(Self { times, values, between: Between::Lines })
    }

    /// The same for curves that are right-continuous step functions: each keeps the value of the last grid
    /// time `<= t`, and is 1 before the first one (pycox `steps="post"`).
    ///
    /// # Errors
    /// As [`SurvivalCurves::new`].
    pub fn of_steps(times: Vec<f64>, values: Vec<f64>) -> Result<Self, SurvivalError> {
        Ok(Self { between: Between::Steps, ..Self::new(times, values)? })
    }

    /// Grid times, shape `m`.
    #[must_use]
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// Number of patients `n`.
    #[must_use]
    pub const fn patients(&self) -> usize {
        self.values.len() / self.times.len()
    }

    /// The grid values of each patient in turn, `n` slices of length `m`.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.times.len())
    }

    /// `S(t | x_i)` of all patients at one time, shape `n`.
    #[must_use]
    pub fn at(&self, time: f64) -> Vec<f64> {
        self.rows().map(|row| self.read(row, time)).collect()
    }

    /// The same curves on another grid.
    ///
    /// # Errors
    /// [`SurvivalError::Empty`], [`SurvivalError::NotFinite`],
    /// [`SurvivalError::Negative`] or [`SurvivalError::NotIncreasing`] for `times`.
    pub fn resample(&self, times: Vec<f64>) -> Result<Self, SurvivalError> {
        check_grid("resampled times", &times)?;
        let values = self.rows().flat_map(|row| times.iter().map(|&time| self.read(row, time)));
        Ok(Self { values: values.collect(), times, between: self.between })
    }

    /// `S(t_i | x_i)` of every patient at the patient's own time, in input order.
    pub(super) fn at_own_times<'a>(&'a self, times: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.rows().zip(times).map(|(row, &time)| self.read(row, time))
    }

    fn read(&self, row: &[f64], time: f64) -> f64 {
        match self.between {
            Between::Lines => on_line(&self.times, row, time),
            Between::Steps => {
                let passed = self.times.partition_point(|&step| step <= time);
                passed.checked_sub(1).and_then(|index| row.get(index)).copied().unwrap_or(1.0)
            }
        }
    }

    /// Fails unless there is one curve per patient.
    pub(super) fn require_patients(&self, patients: usize) -> Result<(), SurvivalError> {
        check_len("curves", patients, self.patients())
    }
}

/// S(t) of one curve by its values at rising edges: a straight line from S(0) = 1 through them, and the last
/// value after the last edge.
pub(super) fn on_line(edges: &[f64], curve: &[f64], time: f64) -> f64 {
    let place = edges.partition_point(|&edge| edge < time);
    let (Some(&edge), Some(&value)) = (edges.get(place), curve.get(place)) else {
        return curve.last().copied().unwrap_or(1.0);
    };
    let before = place.checked_sub(1).and_then(|last| Some((*edges.get(last)?, *curve.get(last)?)));
    let (start, alive) = before.unwrap_or((0.0, 1.0));
    // At an edge its own value, of which no rounding takes anything; a first edge may be 0.
    if time >= edge {
        return value;
    }
    alive + (value - alive) * (time - start) / (edge - start)
}
