//! Antolini's time-dependent concordance index.

use super::comparisons::event_comparisons;
use super::curves::SurvivalCurves;
use super::data::Survival;
use super::error::SurvivalError;
use super::numeric::real;

/// What a pair with equal predictions or equal event times counts in
/// [`antolini_c`]. Predictions tie only when exactly equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AntoliniTies {
    /// Antolini et al. 2005: equal predictions count 0, two events
    /// at the same time are not comparable (pycox `"antolini"`).
    Zero,
    /// Equal predictions count 1/2, and ordered pairs are counted as in Ishwaran
    /// et al. 2008, section 5.1: two events at the same time count 1 with equal
    /// predictions and 1/2 otherwise, once for each order; an event and a
    /// censoring at the same time also enter once for each order
    /// (pycox `"adj_antolini"`, its default).
    Adjusted,
}

/// Antolini's concordance index, in [0, 1]: the share of comparable pairs in
/// which the patient who fails first has the lower predicted survival at the
/// time of that failure, `S(t_i | x_i) < S(t_i | x_j)`.
///
/// Unlike Harrell's C of one score it is fair to curves that cross. `curves`
/// holds one curve per patient of `test`; pairs are comparable when `i` has an
/// event and `t_j > t_i`, or `t_j = t_i` and `j` is censored, plus the pairs
/// added by [`AntoliniTies::Adjusted`]. Runs in O(n log n) per distinct event time.
///
/// Source: Antolini, Boracchi & Biganzoli, Statistics in Medicine 24 (2005)
/// 3927–3944; Ishwaran, Kogalur, Blackstone & Lauer, Annals of Applied
/// Statistics 2 (2008) 841–860.
///
/// # Errors
/// [`SurvivalError::LengthMismatch`] unless there is one curve per patient;
/// [`SurvivalError::NoComparablePairs`], also when every patient is censored.
pub fn antolini_c(
    test: &Survival,
    curves: &SurvivalCurves,
    ties: AntoliniTies,
) -> Result<f64, SurvivalError> {
    curves.require_patients(test.len())?;
    let mut used: Vec<f64> =
        test.outcomes().filter_map(|(time, event)| event.then_some(time)).collect();
    used.sort_unstable_by(f64::total_cmp);
    used.dedup();

    let mut score = 0.0;
    let mut total = 0.0;
    for time in used {
        // Lower survival is higher risk; negation is exact, so ties survive it.
        let risk: Vec<f64> = curves.at(time).iter().map(|value| -value).collect();
        let is_index = |patient: usize| test.times().get(patient) == Some(&time);
        for event in event_comparisons(test, &risk, 0.0, is_index) {
            match ties {
                AntoliniTies::Zero => {
                    let pairs = event.comparable();
                    score += real(pairs.concordant);
                    total += real(pairs.comparable());
                }
                AntoliniTies::Adjusted => {
                    let censored = event.censored_at_time;
                    let events = event.events_at_time;
                    let half = 0.5 * real(events.concordant + events.discordant);
                    score += 2.0f64.mul_add(censored.score(), event.later.score());
                    score += real(events.tied_risk) + half;
                    total += real(event.later.comparable() + 2 * censored.comparable());
                    total += real(events.comparable());
                }
            }
        }
    }
    if total > 0.0 { Ok(score / total) } else { Err(SurvivalError::NoComparablePairs) }
}
