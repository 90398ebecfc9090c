//! Cumulative incidence of one of several causes.

use super::super::error::SurvivalError;
use super::super::numeric::real;
use super::{Competing, check_cause};

/// The curve at one distinct follow-up time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AalenJohansenPoint {
    /// Follow-up time.
    pub time: f64,
    /// Patients in the risk set just before `time`.
    pub at_risk: u64,
    /// Events of the cause at `time`.
    pub events: u64,
    /// `F_k(t)` from `time` up to the next point.
    pub incidence: f64,
    /// Variance of `incidence`.
    pub variance: f64,
}

/// Aalen–Johansen estimate of a cumulative incidence function.
#[derive(Debug, Clone, PartialEq)]
pub struct AalenJohansen {
    points: Vec<AalenJohansenPoint>,
    /// Whether nobody is left after the last point, so that the curve is known for ever.
    complete: bool,
}

/// What happened at one time.
#[derive(Clone, Copy)]
struct Counts {
    /// Patients at risk just before it.
    n: f64,
    /// Events of any cause.
    d: f64,
    /// Events of the cause.
    d_k: f64,
}

/// Sums over the times so far from which the variance at a later one follows.
#[derive(Default)]
struct Sums {
    /// Σ a, Σ F·a and Σ F²·a with a = d / (n (n − d)).
    any: [f64; 3],
    /// Σ S² d_k (n − d_k) / n³.
    own: f64,
    /// Σ b and Σ F·b with b = S d_k / n².
    both: [f64; 2],
}

impl AalenJohansen {
    /// Estimates `F_k(t) = Σ_{s <= t} S(s−) d_ks / n_s`, with `S` the Kaplan–Meier curve of an event of any
    /// cause. Over all causes the estimates add up to `1 − S`. With one cause it is 1 − Kaplan–Meier.
    ///
    /// The variance is that of the delta method, with `d` events of any cause:
    ///
    /// ```text
    /// Σ_{s <= t} [ (F(t) − F(s))² d / (n (n − d)) + S(s−)² d_k (n − d_k) / n³ − 2 (F(t) − F(s)) S(s−) d_k / n² ]
    /// ```
    ///
    /// Source: Aalen & Johansen, Scandinavian Journal of Statistics 5 (1978) 141–150; variance: Marubini
    /// & Valsecchi, *Analysing Survival Data from Clinical Trials and Observational Studies*, Wiley 1995,
    /// section 10.3. Runs in O(n log n).
    ///
    /// # Errors
    /// [`SurvivalError::InvalidParameter`] for cause 0, which is none.
    #[allow(clippy::float_cmp, reason = "patients share a time only when their times are equal")]
    pub fn fit(data: &Competing, cause: u8) -> Result<Self, SurvivalError> {
        check_cause(cause)?;
        let mut outcomes: Vec<(f64, u8)> = data.outcomes().collect();
        outcomes.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut left = outcomes.len() as u64;
        let mut survival = 1.0;
        let mut incidence = 0.0;
        let mut sums = Sums::default();
        let mut points = Vec::new();
        for tied in outcomes.chunk_by(|a, b| a.0 == b.0) {
            let Some(&(time, _)) = tied.first() else { continue };
            let count =
                |of: &dyn Fn(u8) -> bool| tied.iter().filter(|one| of(one.1)).count() as u64;
            let any = count(&|own| own > 0);
            let events = count(&|own| own == cause);
            let counts = Counts { n: real(left), d: real(any), d_k: real(events) };
            incidence += survival * counts.d_k / counts.n;
            sums.add(counts, survival, incidence);
            survival *= 1.0 - counts.d / counts.n;
            let at_risk = left;
            let variance = sums.variance(incidence);
            points.push(AalenJohansenPoint { time, at_risk, events, incidence, variance });
            left -= tied.len() as u64;
        }
        Ok(Self { points, complete: survival <= 0.0 })
    }

    /// The curve at all distinct follow-up times, in increasing order. It is 0 before the first of them.
    #[must_use]
    pub fn points(&self) -> &[AalenJohansenPoint] {
        &self.points
    }

    /// `(F_k(t), variance)`, right-continuous; `None` beyond the last follow-up time unless everybody had an
    /// event by then, because it is unknown there.
    #[must_use]
    pub fn at(&self, time: f64) -> Option<(f64, f64)> {
        if !self.complete && self.points.last().is_some_and(|last| time > last.time) {
            return None;
        }
        let steps = self.points.partition_point(|point| point.time <= time);
        let last = steps.checked_sub(1).and_then(|index| self.points.get(index));
        Some(last.map_or((0.0, 0.0), |point| (point.incidence, point.variance)))
    }
}

impl Sums {
    /// Takes a time in, with the survival before it and the incidence at it.
    fn add(&mut self, counts: Counts, survival: f64, incidence: f64) {
        let Counts { n, d, d_k } = counts;
        // Where all who were at risk had an event nothing follows, and F(t) − F(s) stays 0.
        if d < n {
            let a = d / (n * (n - d));
            for (sum, power) in self.any.iter_mut().zip([1.0, incidence, incidence.powi(2)]) {
                *sum += a * power;
            }
        }
        self.own += survival.powi(2) * d_k * (n - d_k) / n.powi(3);
        let b = survival * d_k / n.powi(2);
        for (sum, power) in self.both.iter_mut().zip([1.0, incidence]) {
            *sum += b * power;
        }
    }

    /// At the last time that was taken in; 0 where rounding left less.
    fn variance(&self, incidence: f64) -> f64 {
        let [one, first, second] = self.any;
        let of_any = incidence.powi(2).mul_add(one, second) - 2.0 * incidence * first;
        let of_both = incidence * self.both[0] - self.both[1];
        (of_any + self.own - 2.0 * of_both).max(0.0)
    }
}
