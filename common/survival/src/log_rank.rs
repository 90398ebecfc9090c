//! Log-rank test of two or more groups.

use super::chi_square::chi_square_tail;
use super::data::Survival;
use super::error::SurvivalError;
use super::numeric::real;

/// Result of [`log_rank`].
#[derive(Debug, Clone, PartialEq)]
pub struct LogRank {
    /// Events of each group, shape `k`.
    pub observed: Vec<u64>,
    /// Events expected in each group if all had the same hazard, shape `k`.
    pub expected: Vec<f64>,
    /// Test statistic.
    pub chi_square: f64,
    /// One less than the number of groups with a positive expectation.
    pub degrees_of_freedom: u32,
    /// Tail probability under equal hazards.
    pub p_value: f64,
}

/// Log-rank test that `k >= 2` groups share one hazard.
///
/// At each distinct event time the events of a group are compared with its share
/// of the risk set; the variance is the hypergeometric one, which handles tied
/// events. A group with nobody at risk at any event time is left out of the
/// statistic (as in R's `survdiff`).
///
/// Source: Mantel, Cancer Chemotherapy Reports 50 (1966) 163–170; k groups: Klein
/// & Moeschberger, *Survival Analysis*, 2nd ed. 2003, section 7.3.
///
/// # Errors
/// [`SurvivalError::InvalidParameter`] with fewer than two groups;
/// [`SurvivalError::AllCensored`] without an event in any group;
/// [`SurvivalError::NoLogRankInformation`] when the variance is zero.
pub fn log_rank(groups: &[Survival]) -> Result<LogRank, SurvivalError> {
    if groups.len() < 2 {
        return Err(SurvivalError::InvalidParameter {
            name: "groups",
            requirement: "at least two groups",
        });
    }
    if groups.iter().all(|group| group.event_count() == 0) {
        return Err(SurvivalError::AllCensored { field: "groups" });
    }
    let terms = Terms::sum(groups);
    let kept: Vec<bool> = terms.expected.iter().map(|&value| value > 0.0).collect();
    let degrees = kept.iter().filter(|&&keep| keep).count().saturating_sub(1);

    // The differences sum to 0, so one group is redundant.
    let difference: Vec<f64> = terms
        .observed
        .iter()
        .zip(&terms.expected)
        .map(|(&observed, expected)| real(observed) - expected)
        .collect();
    let difference = select(&difference, &kept, degrees);
    let variance: Vec<Vec<f64>> = select(&terms.variance, &kept, degrees)
        .iter()
        .map(|row| select(row, &kept, degrees))
        .collect();
    let chi_square = inverse_quadratic_form(&variance, &difference)
        .filter(|_| degrees > 0)
        .ok_or(SurvivalError::NoLogRankInformation)?;
    let degrees_of_freedom = u32::try_from(degrees).map_err(|_| {
        SurvivalError::InvalidParameter { name: "groups", requirement: "fewer than 2^32 groups" }
    })?;
    Ok(LogRank {
        observed: terms.observed,
        expected: terms.expected,
        chi_square,
        degrees_of_freedom,
        p_value: chi_square_tail(chi_square, degrees_of_freedom),
    })
}

struct Terms {
    observed: Vec<u64>,
    expected: Vec<f64>,
    variance: Vec<Vec<f64>>,
}

impl Terms {
    #[allow(
        clippy::float_cmp,
        reason = "patients share a risk set only when their recorded times are equal"
    )]
    fn sum(groups: &[Survival]) -> Self {
        let mut patients: Vec<(f64, bool, usize)> = groups
            .iter()
            .enumerate()
            .flat_map(|(group, data)| {
                data.outcomes().map(move |(time, event)| (time, event, group))
            })
            .collect();
        patients.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));

        let mut at_risk: Vec<u64> = groups.iter().map(|group| group.len() as u64).collect();
        let mut terms = Self {
            observed: groups.iter().map(|group| group.event_count() as u64).collect(),
            expected: vec![0.0; groups.len()],
            variance: vec![vec![0.0; groups.len()]; groups.len()],
        };
        for tied in patients.chunk_by(|a, b| a.0 == b.0) {
            let events = tied.iter().filter(|&&(_, event, _)| event).count() as u64;
            if events > 0 {
                terms.add_event_time(&at_risk, events);
            }
            for &(_, _, group) in tied {
                if let Some(count) = at_risk.get_mut(group) {
                    *count -= 1;
                }
            }
        }
        terms
    }

    fn add_event_time(&mut self, at_risk: &[u64], events: u64) {
        let total = at_risk.iter().sum::<u64>();
        let share = |count: u64| real(count) / real(total);
        for (expected, &count) in self.expected.iter_mut().zip(at_risk) {
            *expected += real(events) * share(count);
        }
        if total < 2 {
            return;
        }
        let scale = real(events) * real(total - events) / real(total - 1);
        for (row_index, (row, &own)) in self.variance.iter_mut().zip(at_risk).enumerate() {
            for (column, (cell, &other)) in row.iter_mut().zip(at_risk).enumerate() {
                let same = if row_index == column { 1.0 } else { 0.0 };
                *cell += scale * share(own) * (same - share(other));
            }
        }
    }
}

/// The first `count` entries whose flag is set.
fn select<T: Clone>(values: &[T], kept: &[bool], count: usize) -> Vec<T> {
    values
        .iter()
        .zip(kept)
        .filter(|&(_, &keep)| keep)
        .map(|(value, _)| value.clone())
        .take(count)
        .collect()
}

/// `z' A^-1 z` by Cholesky factorisation; `None` unless `A` is positive definite.
fn inverse_quadratic_form(matrix: &[Vec<f64>], vector: &[f64]) -> Option<f64> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let mut factor: Vec<Vec<f64>> = Vec::with_capacity(matrix.len());
    // Forward substitution along the way: the form is the squared length of L^-1 z.
    let mut solved: Vec<f64> = Vec::with_capacity(vector.len());
    for (row, value) in matrix.iter().zip(vector) {
        let mut current: Vec<f64> = Vec::with_capacity(matrix.len());
        for (cell, earlier) in row.iter().zip(&factor) {
            current.push((cell - dot(&current, earlier)) / earlier.last()?);
        }
        let diagonal = row.get(factor.len())?;
        let remainder = diagonal - dot(&current, &current);
        // Relative, so that rounding noise does not pass for information.
        if remainder <= diagonal * 1e-12 {
            return None;
        }
        let pivot = remainder.sqrt();
        solved.push((value - dot(&current, &solved)) / pivot);
        current.push(pivot);
        factor.push(current);
    }
    Some(dot(&solved, &solved))
}
