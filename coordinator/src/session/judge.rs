//! Checks what a site sends for a job before the driver receives it. Pure.

use node::wire::Refusal;
use plan::metric::{METRICS, Measured, Measurement, Metric, Readings};
use privacy::release::Estimate;

use crate::connections::{JobKind, RunTerms, SessionEvent};

/// The largest absolute value of a concordance or an importance.
const MAX_VALUE: f64 = 1.0;

/// No noise on the pairs of a million patients has a larger deviation.
const MAX_DEVIATION: f64 = 1e15;

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

/// Parses a site's numbers. None if there are too many, or a name is unknown or comes twice.
fn known(metrics: &[Metric]) -> Option<Vec<Measurement>> {
    let few = metrics.len() <= METRICS;
    few.then(|| Readings::from_metrics(metrics).complete().ok()).flatten()
}

/// Whether these are metrics with noise that the plan asks for, each at most once.
fn noised(terms: &RunTerms, metrics: &[Metric]) -> bool {
    let is_deviation = |deviation: f64| (0.0..=MAX_DEVIATION).contains(&deviation);
    let asked = |Measurement { id, measured }: &Measurement| {
        terms.noised.contains(id)
            && match *measured {
                // A private mode tells nothing without noise.
                Measured::Exact(_) => false,
                Measured::Noised(Estimate { value, deviation }) => {
                    value.abs() <= MAX_VALUE && is_deviation(deviation)
                }
                Measured::LostInNoise { deviation } => is_deviation(deviation),
            }
    };
    known(metrics).is_some_and(|measurements| measurements.iter().all(asked))
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
    let exact = |measurement: &Measurement| matches!(measurement.measured, Measured::Exact(value) if value.is_finite());
    if known(metrics).is_some_and(|measurements| measurements.iter().all(exact)) {
        Ok(())
    } else {
        refuse("a name or a value that is not one")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plan::experiment::Experiment;

    use super::*;
    use crate::progress::ProgressFeed;

    fn terms(exact: bool) -> RunTerms {
        let demo = include_str!("../../../configs/experiments/demo.toml");
        let plan = base::config::read::<Experiment>("demo", demo).unwrap().plan;
        RunTerms {
            words: 1,
            bound: plan.update_bound(),
            metrics: exact,
            noised: Arc::new([plan::metric::C_INDEX]),
            feed: Arc::new(ProgressFeed::new(plan)),
        }
    }

    fn metrics(numbers: &[(&str, f64)]) -> Vec<Metric> {
        let metric = |&(name, value): &(&str, f64)| Metric { name: name.to_owned(), value };
        numbers.iter().map(metric).collect()
    }

    #[test]
    fn exact_metrics_are_known_finite_and_told_once() {
        let terms = terms(true);
        let judged = |numbers: &[(&str, f64)]| judge_metrics(&terms, &metrics(numbers)).is_ok();
        assert!(judged(&[]));
        assert!(judged(&[("train.loss", 0.5), ("test.c_index", 0.7), ("test.auc/5", 0.8)]));
        assert!(!judged(&[("train.loss", f64::NAN)]));
        for unknown in ["", "loss", "patient 17\n", "test.auc", "train.loss/a", "importance/a/b"] {
            assert!(!judged(&[(unknown, 0.5)]), "{unknown}");
        }
        assert!(!judged(&[("train.loss", 0.5), ("train.loss", 0.5)]));
        // Exact ones have no noise around them.
        assert!(!judged(&[("test.c_index", 0.7), ("deviation/test.c_index", 0.1)]));
        assert!(!judged(&[("deviation/test.c_index", 0.1)]));
        let name = |n| Metric { name: format!("importance/x{n}"), value: 0.5 };
        let many: Vec<Metric> = (0..=METRICS).map(name).collect();
        assert!(judge_metrics(&terms, &many).is_err());
        assert!(judge_metrics(&terms, &many[1..]).is_ok());
    }

    #[test]
    fn a_private_mode_takes_what_was_asked_for_within_its_bounds() {
        let terms = terms(false);
        let judged = |numbers: &[(&str, f64)]| noised(&terms, &metrics(numbers));
        assert!(judged(&[]));
        assert!(judged(&[("test.c_index", 0.7), ("deviation/test.c_index", 1e15)]));
        assert!(judged(&[("deviation/test.c_index", 1.0)]));
        for (name, value) in [
            ("test.c_index", 1.5),
            ("test.c_index", f64::NAN),
            ("test.c_index", 0.7),
            ("deviation/test.c_index", 1e16),
            ("deviation/test.c_index", -1.0),
            ("ablated/age", 0.1),
            ("train.loss", 0.1),
        ] {
            assert!(!judged(&[(name, value)]), "{name} {value}");
        }
        assert!(!judged(&[("test.c_index", 0.7), ("test.c_index", 0.7)]));
        assert!(judge_metrics(&terms, &metrics(&[("train.loss", 0.1)])).is_err());
    }
}
