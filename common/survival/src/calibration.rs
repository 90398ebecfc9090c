//! Calibration of predicted risks at fixed horizons.

use super::curves::SurvivalCurves;
use super::data::{Survival, check_grid};
use super::error::SurvivalError;
use super::kaplan_meier::{KaplanMeier, confidence_quantile};
use super::numeric::real_len;

/// Observed event probability of a group of patients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ObservedRisk {
    /// `1 - S(horizon)` by Kaplan–Meier.
    pub risk: f64,
    /// Lower pointwise confidence limit.
    pub lower: f64,
    /// Upper pointwise confidence limit.
    pub upper: f64,
}

/// Patients with similar predicted risk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationGroup {
    /// Number of patients.
    pub patients: usize,
    /// Mean of `1 - S(horizon | x)` over the group.
    pub predicted_risk: f64,
    /// `None` when follow-up of the group ends before the horizon.
    pub observed: Option<ObservedRisk>,
}

/// Predicted against observed risk at one horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Horizon, in the unit of the times.
    pub horizon: f64,
    /// Groups by increasing predicted risk.
    pub groups: Vec<CalibrationGroup>,
    /// Observed over mean predicted risk of all patients (calibration in the
    /// large; 1 is ideal). `None` when follow-up ends before the horizon or
    /// nothing is predicted to happen.
    pub observed_to_predicted: Option<f64>,
    /// Mean of `|observed - predicted|` over the groups with an observed risk,
    /// weighted by their patients. `None` when there is no such group.
    pub mean_absolute_error: Option<f64>,
}

/// Calibration of predicted survival curves at each of `horizons`.
///
/// Patients are sorted by `1 - S(horizon | x)` and cut into at most `groups`
/// quantile groups; patients with equal predictions stay together, so there may
/// be fewer groups. Each group's mean prediction is set against its Kaplan–Meier
/// risk with limits at confidence `level`. `curves` holds one curve per patient
/// of `test`.
///
/// Source: D'Agostino & Nam, Handbook of Statistics 23 (2003) 1–25; absolute
/// error over groups after Austin, Harrell & van Klaveren, Statistics in
/// Medicine 39 (2020) 2714–2742.
///
/// # Errors
/// [`SurvivalError::LengthMismatch`] unless there is one curve per patient;
/// [`SurvivalError::Empty`], [`SurvivalError::NotFinite`],
/// [`SurvivalError::Negative`] or [`SurvivalError::NotIncreasing`] for
/// `horizons`; [`SurvivalError::InvalidParameter`] unless `groups >= 1` and
/// `0 < level < 1`.
pub fn calibration(
    test: &Survival,
    curves: &SurvivalCurves,
    horizons: &[f64],
    groups: usize,
    level: f64,
) -> Result<Vec<Calibration>, SurvivalError> {
    curves.require_patients(test.len())?;
    check_grid("horizons", horizons)?;
    confidence_quantile(level)?;
    if groups == 0 {
        return Err(SurvivalError::InvalidParameter { name: "groups", requirement: "at least 1" });
    }
    horizons.iter().map(|&horizon| at_horizon(test, curves, horizon, groups, level)).collect()
}

/// A patient as `(predicted risk, (time, event))`.
type Patient = (f64, (f64, bool));

fn at_horizon(
    test: &Survival,
    curves: &SurvivalCurves,
    horizon: f64,
    groups: usize,
    level: f64,
) -> Result<Calibration, SurvivalError> {
    let mut patients: Vec<Patient> =
        curves.at(horizon).iter().map(|survival| 1.0 - survival).zip(test.outcomes()).collect();
    patients.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));

    let all = group_of(&patients, horizon, level)?;
    let groups = quantile_groups(&patients, groups)
        .iter()
        .map(|group| group_of(group, horizon, level))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Calibration {
        horizon,
        observed_to_predicted: all
            .observed
            .filter(|_| all.predicted_risk > 0.0)
            .map(|observed| observed.risk / all.predicted_risk),
        mean_absolute_error: mean_absolute_error(&groups),
        groups,
    })
}

/// Splits sorted patients at the quantile ranks, moved up past equal predictions.
#[allow(clippy::float_cmp, reason = "only equal predictions must stay in one group")]
fn quantile_groups(sorted: &[Patient], groups: usize) -> Vec<&[Patient]> {
    let groups = groups.min(sorted.len());
    let mut parts = Vec::new();
    let mut rest = sorted;
    let mut taken = 0;
    for group in 1..=groups {
        let wanted = (sorted.len() * group / groups).saturating_sub(taken);
        let ties = match wanted.checked_sub(1).and_then(|last| rest.get(last)) {
            Some(&(risk, _)) => {
                rest.iter().skip(wanted).take_while(|other| other.0 == risk).count()
            }
            None => continue,
        };
        if let Some((part, tail)) = rest.split_at_checked(wanted + ties) {
            parts.push(part);
            rest = tail;
            taken += part.len();
        }
    }
    parts
}

fn group_of(
    patients: &[Patient],
    horizon: f64,
    level: f64,
) -> Result<CalibrationGroup, SurvivalError> {
    let (times, events) = patients.iter().map(|&(_, outcome)| outcome).unzip();
    let predicted: f64 = patients.iter().map(|&(risk, _)| risk).sum();
    let curve = KaplanMeier::fit(&Survival::new(times, events)?, level)?;
    Ok(CalibrationGroup {
        patients: patients.len(),
        predicted_risk: predicted / real_len(patients.len()),
        observed: curve.at(horizon).map(|(survival, lower, upper)| ObservedRisk {
            risk: 1.0 - survival,
            lower: 1.0 - upper,
            upper: 1.0 - lower,
        }),
    })
}

fn mean_absolute_error(groups: &[CalibrationGroup]) -> Option<f64> {
    let (error, patients) = groups
        .iter()
        .filter_map(|group| {
            let observed = group.observed?;
            let gap = (observed.risk - group.predicted_risk).abs();
            Some((gap * real_len(group.patients), group.patients))
        })
        .fold((0.0, 0), |(error, patients), (gap, size)| (error + gap, patients + size));
    (patients > 0).then(|| error / real_len(patients))
}
