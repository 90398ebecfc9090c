//! Checks what a site sends for a job before the driver receives it. Pure.

use node::wire::Refusal;
use plan::experiment::{DEVIATION, METRIC_NAME, METRICS};
use plan::metric::Metric;

use crate::connections::{JobKind, RunTerms, SessionEvent};

/// The reason not to pass an event to the driver of the job that it names, if there is one.
pub(super) fn fault(kind: &JobKind, event: &SessionEvent) -> Option<Refusal> {
    match (kind, event) {
        // A message about a run is out of turn in a statistics request, and the reverse.
        (JobKind::Run(_), SessionEvent::StatisticsReply(..))
        | (JobKind::Statistics, SessionEvent::Consented(..) | SessionEvent::Evaluated(..)) => {
            Some(Refusal::OutOfTurn)
        }
        (JobKind::Run(terms), SessionEvent::Evaluated(_, evaluation)) => {
            match &evaluation.metrics[..] {
                metrics if noised(terms, metrics) => None,
                metrics => judge_metrics(terms, metrics).err(),
            }
        }
        _ => None,
    }
}

/// Whether these are metrics with noise that the plan asks for, each at most once.
fn noised(terms: &RunTerms, metrics: &[Metric]) -> bool {
    // No index, nor what it loses; and no deviation of noise on pairs of a million patients.
    let most = |metric: &Metric| if metric.name.starts_with(DEVIATION) { 1e15 } else { 1.0 };
    let asked =
        |metric: &Metric| terms.noised.contains(&metric.name) && metric.value.abs() <= most(metric);
    let again = |(place, metric): (usize, &Metric)| {
        metrics.iter().take(place).any(|before| before.name == metric.name)
    };
    metrics.len() <= terms.noised.len()
        && metrics.iter().all(asked)
        && !metrics.iter().enumerate().any(again)
}

/// Holds exact metrics against what the plan allows.
pub(super) fn judge_metrics(terms: &RunTerms, metrics: &[Metric]) -> Result<(), Refusal> {
    let refuse = |why: &str| Err(Refusal::Metrics(why.to_owned()));
    if !terms.metrics && !metrics.is_empty() {
        return refuse("exact metrics stay at the site in a private mode");
    }
    if metrics.len() > METRICS {
        return refuse("too many");
    }
    let good = |metric: &Metric| {
        let name = &metric.name;
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        metric.value.is_finite()
            && (1..=METRIC_NAME).contains(&name.len())
            && name.chars().all(plain)
    };
    if metrics.iter().all(good) { Ok(()) } else { refuse("a name or a value that is not one") }
}
