//! A report is folded from what happened: from a run's events where it was driven, or from the steps that arrive of it
//! elsewhere. Pure.

use base::ids::RunId;
use node::wire::Progress;
use plan::experiment::Plan;
use plan::metric::{Measured, Metric};
use serde_json::Value;

use super::{FinalReport, PrivacyReport, Report, RoundReport, c_index, object};
use crate::registry::{RUNNING, Status};
use crate::run_event::{RunEvent, step};

impl Report {
    /// The report of a run of which nothing is known yet.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            run: String::new(),
            experiment: plan.name.to_string(),
            status: RUNNING,
            reason: None,
            sites: None,
            rounds: Vec::new(),
            last: FinalReport::default(),
            baselines: None,
            pooled: None,
            single_site: None,
            oracle: None,
            privacy: PrivacyReport::of(plan, plan.rounds),
            file_sha256: None,
            seconds: 0.0,
            bytes: 0,
            results: None,
            notes: plan.cautions(),
        }
    }

    /// The report of a run whose events are at hand, with what each site measured of the final model.
    #[must_use]
    pub fn from_events(run: &RunId, plan: &Plan, events: &[RunEvent]) -> Self {
        let mut report = Self::new(plan);
        for event in events {
            if let Some(step) = step(event) {
                report.take(run, plan, &step);
            }
            if let RunEvent::Ended(end) = event {
                let each = end.measured.iter().map(|(site, measured)| {
                    (site.to_string(), Value::from(object(&Metric::list(measured))))
                });
                report.last.sites = each.collect();
            }
        }
        report
    }

    /// Adds a step of the run.
    pub fn take(&mut self, run: &RunId, plan: &Plan, step: &Progress) {
        if self.run.is_empty() {
            self.run = run.to_string();
        }
        match step {
            Progress::Started { .. } | Progress::Declined { .. } | Progress::Waiting { .. } => {}
            Progress::Failed { reason } => self.end_without_model(Status::Failed, reason),
            Progress::Stopped { reason } => self.end_without_model(Status::Stopped, reason),
            Progress::Interrupted { reason } => self.end_without_model(Status::Interrupted, reason),
            Progress::Round { round, sites, seconds, bytes, metrics } => {
                self.rounds.push(RoundReport {
                    round: round.0,
                    sites: *sites,
                    seconds: *seconds,
                    bytes: *bytes,
                    metrics: object(metrics),
                });
            }
            Progress::Finished { metrics, model_sha256, sites, seconds, bytes } => {
                self.status = Status::Finished.name();
                self.sites = Some(sites.iter().map(ToString::to_string).collect());
                self.seconds = *seconds;
                self.bytes = *bytes;
                self.file_sha256 = Some(model_sha256.clone());
                self.last.metrics = object(metrics);
                let found = c_index(metrics).and_then(Measured::value);
                if plan.privacy.evaluation.is_some() {
                    self.last.c_index_released = found;
                } else {
                    self.last.c_index_site_mean = found;
                }
            }
        }
    }

    fn end_without_model(&mut self, status: Status, reason: &str) {
        self.status = status.name();
        self.reason = Some(reason.to_owned());
        self.seconds = self.rounds.iter().map(|round| round.seconds).sum();
        self.bytes = self.rounds.iter().map(|round| round.bytes).sum();
    }
}

#[cfg(test)]
mod tests {
    use base::clock::Timestamp;
    use base::digest::Digest;
    use base::ids::{Round, SiteName};
    use plan::experiment::Experiment;
    use plan::metric::{C_INDEX, Measurement, TRAINING_LOSS};

    use super::*;
    use crate::registry::{Ending, Registry, RoundRecord, Status};
    use crate::run_event::{BySite, RunEnd, record};

    fn plan() -> Plan {
        let demo = include_str!("../../../configs/experiments/demo.toml");
        base::config::read::<Experiment>("demo", demo).unwrap().plan
    }

    fn site(number: u32) -> SiteName {
        format!("site-{number}").parse().unwrap()
    }

    /// Values whose sum depends on how it is added up.
    fn measured() -> BySite {
        let exact = |value| Measured::Exact(value);
        let of = |value| {
            vec![
                Measurement { id: TRAINING_LOSS, measured: exact(value) },
                Measurement { id: C_INDEX, measured: exact(value) },
            ]
        };
        [0.1, 0.7, 0.3].into_iter().zip(1..).map(|(value, n)| (site(n), of(value))).collect()
    }

    fn events() -> Vec<RunEvent> {
        let sites: Vec<SiteName> = (1..=3).map(site).collect();
        let round = |round| RunEvent::RoundClosed {
            record: RoundRecord {
                round: Round(round),
                sites: sites.clone(),
                seconds: 0.5,
                bytes: 10,
                model: Digest::of(&round.to_le_bytes()),
            },
            measured: measured(),
        };
        let reason = "no".to_owned();
        let rule = "policy.modes".to_owned();
        let ending =
            Ending { status: Status::Finished, reason: None, model_sha256: Some("ab".repeat(32)) };
        vec![
            RunEvent::Started {
                at: Timestamp(1),
                by: "operator".parse().unwrap(),
                asked: sites.clone(),
                rounds: plan().rounds,
            },
            RunEvent::Declined { site: site(4), rule, reason },
            RunEvent::Waiting { more: 1, until: Timestamp(2), away: Vec::new() },
            round(1),
            round(2),
            RunEvent::Ended(RunEnd {
                at: Timestamp(3),
                ending,
                outcome: "finished".to_owned(),
                measured: measured(),
                sites,
                seconds: 2.0,
                bytes: 30,
                audit_seconds: 0.1,
            }),
        ]
    }

    #[test]
    fn who_drove_a_run_and_who_followed_it_report_the_same() {
        let run: RunId = "run-a".parse().unwrap();
        let plan = plan();
        let driven = Report::from_events(&run, &plan, &events());
        let mut followed = Report::new(&plan);
        for event in events() {
            followed.take(&run, &plan, &step(&event).unwrap());
        }
        assert_eq!(driven.rounds.len(), 2);
        assert_eq!((driven.sites.as_ref().map(Vec::len), driven.bytes), (Some(3), 30));
        assert_eq!(driven.last.sites.len(), 3);
        let json = |report: &Report| serde_json::to_value(report).unwrap();
        let mut expected = json(&driven);
        // What each site measured does not travel.
        expected["final"]["sites"] = serde_json::json!({});
        assert_eq!(json(&followed), expected);
    }

    #[test]
    fn the_registry_gives_back_the_numbers_of_the_report() {
        let run: RunId = "run-a".parse().unwrap();
        let plan = plan();
        let folder = tempfile::tempdir().unwrap();
        let mut registry = Registry::open(&Registry::path(folder.path())).unwrap();
        for event in &events() {
            record(&mut registry, &run, &plan, event).unwrap();
        }
        let report = Report::from_events(&run, &plan, &events());
        let row = registry.run("run-a").unwrap();
        assert_eq!((row.status.as_str(), row.rounds), ("finished", 2));
        assert_eq!(row.file_sha256.as_deref(), report.file_sha256.as_deref());
        let kept = registry.rounds("run-a", 0, 10).unwrap();
        let kept: Vec<_> = kept.iter().map(|row| object(&row.metrics)).collect();
        let reported: Vec<_> = report.rounds.iter().map(|round| round.metrics.clone()).collect();
        assert_eq!(kept, reported);
        let last = registry.mean_metrics("run-a", plan.rounds + 1).unwrap();
        assert_eq!(object(&last), report.last.metrics);
    }
}
