//! Nelson–Aalen cumulative hazard.

use super::data::Survival;
use super::error::SurvivalError;
use super::kaplan_meier::confidence_quantile;
use super::numeric::real;
use super::risk_table::risk_table;

/// The cumulative hazard at one distinct follow-up time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NelsonAalenPoint {
    /// Follow-up time.
    pub time: f64,
    /// Patients in the risk set just before `time`.
    pub at_risk: u64,
    /// Events at `time`.
    pub events: u64,
    /// `H(t)` from `time` up to the next point.
    pub cumulative_hazard: f64,
    /// Lower pointwise confidence limit of `cumulative_hazard`.
    pub lower: f64,
    /// Upper pointwise confidence limit of `cumulative_hazard`.
    pub upper: f64,
}

/// Nelson–Aalen estimate with pointwise confidence limits.
#[derive(Debug, Clone, PartialEq)]
pub struct NelsonAalen {
    points: Vec<NelsonAalenPoint>,
}

impl NelsonAalen {
    /// Estimates `H(t) = sum_{s <= t} d_s / n_s`; tied events enter together.
    ///
    /// The limits at confidence `level` (e.g. 0.95) are `H exp(±z σ / H)` with
    /// `σ² = sum d / n²`: the log transform, which keeps them positive. They are
    /// pointwise, not simultaneous. Where `H` is 0 both limits are 0.
    ///
    /// Source: Aalen, Annals of Statistics 6 (1978) 701–726; limits: Klein &
    /// Moeschberger, *Survival Analysis*, 2nd ed. 2003, sections 4.2 and 4.3.
    /// lifelines takes the binomial variance `sum d (n - d) / n³` instead.
    ///
    /// # Errors
    /// [`SurvivalError::InvalidParameter`] unless `0 < level < 1`.
    pub fn fit(data: &Survival, level: f64) -> Result<Self, SurvivalError> {
        let z = confidence_quantile(level)?;
        let mut hazard = 0.0;
        let mut variance = 0.0;
        let points = risk_table(data)
            .into_iter()
            .map(|row| {
                let at_risk = real(row.at_risk);
                let events = real(row.events);
                hazard += events / at_risk;
                variance += events / (at_risk * at_risk);
                let spread =
                    if hazard > 0.0 { (z * f64::sqrt(variance) / hazard).exp() } else { 1.0 };
                NelsonAalenPoint {
                    time: row.time,
                    at_risk: row.at_risk,
                    events: row.events,
                    cumulative_hazard: hazard,
                    lower: hazard / spread,
                    upper: hazard * spread,
                }
            })
            .collect();
        Ok(Self { points })
    }

    /// The estimate at all distinct follow-up times, in increasing order. It is 0
    /// before the first of them.
    #[must_use]
    pub fn points(&self) -> &[NelsonAalenPoint] {
        &self.points
    }

    /// `H(t)`, right-continuous; `None` beyond the last follow-up time.
    #[must_use]
    pub fn at(&self, time: f64) -> Option<f64> {
        if self.points.last().is_some_and(|last| time > last.time) {
            return None;
        }
        let steps = self.points.partition_point(|point| point.time <= time);
        let hazard = steps
            .checked_sub(1)
            .and_then(|index| self.points.get(index))
            .map_or(0.0, |point| point.cumulative_hazard);
        Some(hazard)
    }
}
