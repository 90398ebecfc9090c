//! Kaplan–Meier survival curve.

use super::chi_square::two_sided_normal_quantile;
use super::data::Survival;
use super::error::SurvivalError;
use super::numeric::real;
use super::risk_table::risk_table;

/// The curve at one distinct follow-up time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KaplanMeierPoint {
    /// Follow-up time.
    pub time: f64,
    /// Patients in the risk set just before `time`.
    pub at_risk: u64,
    /// Events at `time`.
    pub events: u64,
    /// Patients censored at `time`.
    pub censored: u64,
    /// `S(t)` from `time` up to the next point.
    pub survival: f64,
    /// Lower pointwise confidence limit of `survival`.
    pub lower: f64,
    /// Upper pointwise confidence limit of `survival`.
    pub upper: f64,
}

/// Kaplan–Meier estimate with pointwise confidence limits.
#[derive(Debug, Clone, PartialEq)]
pub struct KaplanMeier {
    points: Vec<KaplanMeierPoint>,
}

impl KaplanMeier {
    /// Estimates `S(t) = prod_{s <= t} (1 - d_s / n_s)`.
    ///
    /// The limits at confidence `level` (e.g. 0.95) are `S^exp(±z σ / ln S)`
    /// with Greenwood's `σ² = sum d / (n (n - d))`: the log(-log) transform,
    /// which keeps them in [0, 1]. They are pointwise, not simultaneous. Where
    /// `S` is 1 or 0 both limits equal `S`.
    ///
    /// Source: Kaplan & Meier, JASA 53 (1958) 457–481; limits: Kalbfleisch
    /// & Prentice, *The Statistical Analysis of Failure Time Data*, 2nd ed. 2002,
    /// section 1.4.
    ///
    /// # Errors
    /// [`SurvivalError::InvalidParameter`] unless `0 < level < 1`.
    pub fn fit(data: &Survival, level: f64) -> Result<Self, SurvivalError> {
        let z = confidence_quantile(level)?;
        let mut survival = 1.0;
        let mut variance = 0.0;
        let points = risk_table(data)
            .into_iter()
            .map(|row| {
                let at_risk = real(row.at_risk);
                let events = real(row.events);
                survival *= 1.0 - events / at_risk;
                if row.events < row.at_risk {
                    variance += events / (at_risk * (at_risk - events));
                }
                let (lower, upper) = log_log_limits(survival, f64::sqrt(variance), z);
                KaplanMeierPoint {
                    time: row.time,
                    at_risk: row.at_risk,
                    events: row.events,
                    censored: row.censored,
                    survival,
                    lower,
                    upper,
                }
            })
            .collect();
        Ok(Self { points })
    }

    /// The curve at all distinct follow-up times, in increasing order. It is 1
    /// before the first of them.
    #[must_use]
    pub fn points(&self) -> &[KaplanMeierPoint] {
        &self.points
    }

    /// `(S(t), lower, upper)`, right-continuous; `None` beyond the last follow-up
    /// time unless the curve has reached 0, because it is unknown there.
    #[must_use]
    pub fn at(&self, time: f64) -> Option<(f64, f64, f64)> {
        let beyond = self.points.last().is_some_and(|last| time > last.time && last.survival > 0.0);
        if beyond {
            return None;
        }
        let steps = self.points.partition_point(|point| point.time <= time);
        let values = steps
            .checked_sub(1)
            .and_then(|index| self.points.get(index))
            .map_or((1.0, 1.0, 1.0), |point| (point.survival, point.lower, point.upper));
        Some(values)
    }

    /// Smallest time with `S(t) <= 1/2`; `None` when the curve stays above.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        self.points.iter().find(|point| point.survival <= 0.5).map(|point| point.time)
    }
}

/// `z` of a two-sided confidence level.
pub(super) fn confidence_quantile(level: f64) -> Result<f64, SurvivalError> {
    if level > 0.0 && level < 1.0 {
        Ok(two_sided_normal_quantile(level))
    } else {
        Err(SurvivalError::InvalidParameter {
            name: "level",
            requirement: "strictly between 0 and 1",
        })
    }
}

fn log_log_limits(survival: f64, sigma: f64, z: f64) -> (f64, f64) {
    if survival <= 0.0 || survival >= 1.0 {
        return (survival, survival);
    }
    let spread = (z * sigma / survival.ln().abs()).exp();
    (survival.powf(spread), survival.powf(spread.recip()))
}
