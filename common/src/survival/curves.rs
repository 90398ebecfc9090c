//! Predicted survival curves on a common time grid.

use super::data::{check_finite, check_grid, check_len};
use super::error::SurvivalError;

/// How far a predicted curve may rise before it is rejected: the rounding of a
/// model that computes in single precision, not a wrong prediction.
const RISE_TOLERANCE: f64 = 1e-6;

/// Predicted survival probabilities `S(t | x_i)` of `n` patients at `m` times.
///
/// Between grid times a curve is a right-continuous step function: it keeps the
/// value of the last grid time `<= t` (pycox `steps="post"`). Before the first
/// grid time it is 1, after the last one it keeps its last value.
#[derive(Debug, Clone, PartialEq)]
pub struct SurvivalCurves {
    times: Vec<f64>,
    values: Vec<f64>,
}

impl SurvivalCurves {
    /// Builds the curves from `m` strictly increasing times and `n * m`
    /// probabilities, one patient after the other (row-major).
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
        Ok(Self { times, values })
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
        self.at_step(self.steps_until(time))
    }

    /// The same curves on another grid.
    ///
    /// # Errors
    /// [`SurvivalError::Empty`], [`SurvivalError::NotFinite`],
    /// [`SurvivalError::Negative`] or [`SurvivalError::NotIncreasing`] for `times`.
    pub fn resample(&self, times: Vec<f64>) -> Result<Self, SurvivalError> {
        check_grid("resampled times", &times)?;
        let steps: Vec<usize> = times.iter().map(|&time| self.steps_until(time)).collect();
        let values = self
            .rows()
            .flat_map(|row| steps.iter().map(|&steps| value_after(row, steps)))
            .collect();
        Ok(Self { times, values })
    }

    /// `S(t_i | x_i)` of every patient at the patient's own time, in input order.
    pub(super) fn at_own_times<'a>(&'a self, times: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.rows().zip(times).map(|(row, &time)| value_after(row, self.steps_until(time)))
    }

    /// Number of grid times `<= time`.
    pub(super) fn steps_until(&self, time: f64) -> usize {
        self.times.partition_point(|&step| step <= time)
    }

    /// Values of all patients once `steps` grid times have passed.
    pub(super) fn at_step(&self, steps: usize) -> Vec<f64> {
        self.rows().map(|row| value_after(row, steps)).collect()
    }

    /// Fails unless there is one curve per patient.
    pub(super) fn require_patients(&self, patients: usize) -> Result<(), SurvivalError> {
        check_len("curves", patients, self.patients())
    }
}

fn value_after(row: &[f64], steps: usize) -> f64 {
    steps.checked_sub(1).and_then(|index| row.get(index)).copied().unwrap_or(1.0)
}
