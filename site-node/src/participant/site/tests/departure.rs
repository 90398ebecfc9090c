//! Numbers that waited before they left: policy and patients count as they are when the numbers leave.

use node::audit_log::hash;
use node::statistics_store::digest;
use plan::experiment::{PrivateEvaluation, StatisticsRequest};

use super::super::super::Computed;
use super::*;

/// A hospital of files, whose list of withdrawals names nobody yet.
fn hospital() -> Hospital {
    let folder = tempfile::tempdir().unwrap();
    write_table(folder.path());
    std::fs::write(folder.path().join("w.csv"), "pid\n").unwrap();
    let cohort = folder.path().join("cohort.toml");
    let text = std::fs::read_to_string(&cohort).unwrap();
    std::fs::write(&cohort, format!("withdrawn = \"w.csv\"\n{text}")).unwrap();
    let source = Source::load(&cohort).unwrap();
    let records = Records::Files(Arc::new(CohortFile::fixed(source)));
    Hospital::open(folder, 4, 1e6, records)
}

fn question() -> StatisticsRequest {
    Describe::default().question(&of_columns(PrivacyMode::Patient)).unwrap().0
}

/// A plan with an evaluation of its final model.
fn evaluated() -> Plan {
    let mut plan = of_columns(PrivacyMode::Patient);
    let evaluation = PrivateEvaluation { rho: 0.05, max_patients: 100, ablated: Vec::new() };
    plan.privacy.evaluation = Some(evaluation);
    assert_eq!(plan.check(), []);
    plan
}

impl Hospital {
    fn withdraws(&self, patient: &str) {
        std::fs::write(self.folder.path().join("w.csv"), format!("pid\n{patient}\n")).unwrap();
    }

    fn puts_in_force(&self, change: impl FnOnce(&mut Policy)) {
        let rules = &self.site.site.rules;
        let mut policy = Policy::clone(&rules.last().policy);
        change(&mut policy);
        rules.replace(policy, Digest::of(b"another"));
    }

    /// The rule by which an answer does not leave.
    fn refuses(&self, answer: &Computed) -> &'static str {
        self.site.depart_answer(&question(), answer).unwrap_err().rule.as_str()
    }

    /// The metrics of a run's model, before they leave.
    fn evaluate(&self, run: &RunId, plan: &Plan) -> Computed {
        self.consider(run, plan).unwrap();
        self.site.evaluate(run, &initial_parameters(&plan.model, plan.seed)).unwrap()
    }

    /// Whether it is on record that these metrics leave.
    fn has_told(&self, run: &RunId, metrics: &Computed) -> bool {
        self.site.audit.has_told(run, hash(digest(&metrics.numbers)))
    }
}

#[test]
fn an_answer_leaves_after_a_withdrawal_only_if_it_left_before() {
    let hospital = hospital();
    let first = hospital.site.describe(&question()).unwrap();
    hospital.site.depart_answer(&question(), &first).unwrap();
    hospital.withdraws("p1");
    // The same numbers tell nothing new.
    let again = hospital.site.describe(&question()).unwrap();
    assert_eq!(again.numbers, first.numbers);
    hospital.site.depart_answer(&question(), &again).unwrap();
}

#[test]
fn an_answer_that_waited_is_kept_here_once_somebody_withdrew() {
    let hospital = hospital();
    let waits = hospital.site.describe(&question()).unwrap();
    // The connection was lost before it left.
    let again = hospital.site.describe(&question()).unwrap();
    assert_eq!(again.numbers, waits.numbers);
    hospital.withdraws("p1");
    assert_eq!(hospital.refuses(&waits), "data");
    assert_eq!(hospital.refuses(&again), "data");
    // That somebody withdrew is told as any other reason that rests on patients.
    assert_eq!(hospital.site.describe(&question()).unwrap_err().rule.as_str(), "cohort");
}

/// The note says which data the answer is of, and not where or when the list was written.
#[test]
fn an_answer_that_waited_leaves_after_the_same_list_was_written_anew() {
    let hospital = hospital();
    hospital.withdraws("p1");
    let waits = hospital.site.describe(&question()).unwrap();
    hospital.withdraws("p1");
    let again = hospital.site.describe(&question()).unwrap();
    assert_eq!(again.numbers, waits.numbers);
    hospital.site.depart_answer(&question(), &again).unwrap();
}

#[test]
fn an_answer_that_waited_is_held_to_the_policy_of_its_departure() {
    let hospital = hospital();
    let waits = hospital.site.describe(&question()).unwrap();
    hospital.puts_in_force(|policy| policy.min_patients = 1000);
    assert_eq!(hospital.refuses(&waits), "cohort");
    assert_eq!(hospital.site.describe(&question()).unwrap_err().rule.as_str(), "cohort");
    hospital.puts_in_force(|policy| policy.min_patients = 1);
    hospital.site.depart_answer(&question(), &waits).unwrap();
    // Whether or not it left before.
    hospital.puts_in_force(|policy| policy.describe = false);
    assert_eq!(hospital.refuses(&waits), "policy.describe");
}

#[test]
fn metrics_are_on_record_when_they_leave_and_not_before() {
    let hospital = hospital();
    let run = run("run-a");
    let metrics = hospital.evaluate(&run, &evaluated());
    assert!(!metrics.numbers.is_empty() && !hospital.has_told(&run, &metrics));
    hospital.site.depart_metrics(&run, &metrics).unwrap();
    assert!(hospital.has_told(&run, &metrics));
}

#[test]
fn metrics_of_a_run_that_is_over_stay_here() {
    let hospital = hospital();
    let run = run("run-a");
    let metrics = hospital.evaluate(&run, &evaluated());
    hospital.site.over(&run);
    hospital.site.depart_metrics(&run, &metrics).unwrap_err();
    assert!(!hospital.has_told(&run, &metrics));
}

#[test]
fn metrics_stay_here_once_somebody_withdrew() {
    let hospital = hospital();
    let run = run("run-a");
    let metrics = hospital.evaluate(&run, &evaluated());
    hospital.withdraws("p1");
    let declined = hospital.site.depart_metrics(&run, &metrics).unwrap_err();
    assert_eq!((declined.rule.as_str(), declined.whole_run), ("data", false));
    assert!(!hospital.has_told(&run, &metrics));
}

#[test]
fn metrics_of_a_mode_that_the_policy_forbids_meanwhile_stay_here_and_the_run_is_left() {
    let hospital = hospital();
    let run = run("run-a");
    let metrics = hospital.evaluate(&run, &evaluated());
    hospital.puts_in_force(|policy| policy.modes = vec![PrivacyMode::None]);
    let declined = hospital.site.depart_metrics(&run, &metrics).unwrap_err();
    assert_eq!((declined.rule.as_str(), declined.whole_run), ("policy.modes", true));
    assert!(!hospital.has_told(&run, &metrics));
}
