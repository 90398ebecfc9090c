//! What leaves a hospital in each mode is what pure code says of the mode. The two tables of modes are apart.

use base::config::Choice;
use plan::experiment::PrivateEvaluation;

use super::*;

/// Patients in memory. Every fourth one is a test patient.
fn patients(rows: Vec<Vec<String>>) -> Records {
    let flagged = rows.into_iter().enumerate().map(|(patient, mut row)| {
        row.push(u32::from(patient % 4 != 0).to_string());
        row
    });
    let rows: Vec<Vec<String>> = flagged.collect();
    let rows: Vec<Vec<&str>> =
        rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
    let columns = ["pid", "t", "e", "x1", "x2", "train"];
    let table = Table::new("a.csv", &columns, &rows).unwrap();
    Records::Table { table, split: Some("train".to_owned()) }
}

fn hospital(rows: Vec<Vec<String>>) -> Hospital {
    Hospital::open(tempfile::tempdir().unwrap(), 1, 1e6, patients(rows))
}

/// A plan that asks for noised concordances, if its mode has any.
fn evaluated(mode: PrivacyMode) -> Plan {
    let mut plan = of_columns(mode);
    let asked = PrivateEvaluation { rho: 0.05, max_patients: 20, ablated: Vec::new() };
    plan.privacy.evaluation = Some(asked);
    if plan.check().is_empty() { plan } else { of_columns(mode) }
}

#[test]
fn what_leaves_is_what_the_mode_says() {
    for mode in PrivacyMode::ALL.iter().copied() {
        let hospital = hospital(rows());
        let plan = evaluated(mode);
        let run = run("run-a");
        hospital.consider(&run, &plan).unwrap();
        let outgoing = hospital.round(&run, &plan, 1).unwrap();
        assert_eq!(!outgoing.metrics.is_empty(), mode.tells_exact_metrics(), "{mode:?}");
        assert_eq!(!hospital.spent().is_zero(), mode.adds_noise(), "{mode:?}");
        // What has noise is kept before it leaves: it may not be drawn again.
        assert_eq!(!hospital.outbox().is_empty(), mode.adds_noise(), "{mode:?}");
        hospital.site.depart(&run, Round(1), &outgoing).unwrap();
        let model = initial_parameters(&plan.model, plan.seed);
        let told = hospital.site.evaluate(&run, &model).unwrap().numbers;
        let asked = mode.tells_exact_metrics() || plan.privacy.evaluation.is_some();
        assert_eq!(!told.is_empty(), asked, "{mode:?}");
        assert!(told.iter().all(|metric| plan.lets_out(&metric.name)), "{mode:?}: {told:?}");
    }
}

#[test]
fn the_weight_of_an_update_counts_patients_only_where_the_mode_may() {
    use plan::experiment::Weights;
    for mode in PrivacyMode::ALL.iter().copied() {
        let mut plan = of_columns(mode);
        plan.aggregation.weights = Weights::Patients { unit: 60 };
        assert_eq!(plan.check().is_empty(), mode.tells_patient_counts(), "{mode:?}");
        if !mode.tells_patient_counts() {
            plan.aggregation.weights = Weights::Equal;
        }
        let hospital = hospital(rows());
        let run = run("run-a");
        hospital.consider(&run, &plan).unwrap();
        let weight = hospital.round(&run, &plan, 1).unwrap().weight;
        assert_eq!(weight, if mode.tells_patient_counts() { 45 } else { 1 }, "{mode:?}");
    }
}

#[test]
fn a_cell_that_is_no_number_is_named_only_where_no_patient_is_protected() {
    for mode in PrivacyMode::ALL.iter().copied() {
        let mut rows = rows();
        rows[7][3] = "high".to_owned();
        let declined = hospital(rows).consider(&run("run-a"), &of_columns(mode)).unwrap_err();
        let rule = if mode.protects_patients() { "cohort" } else { "features" };
        assert_eq!(declined.rule.as_str(), rule, "{mode:?}: {declined}");
    }
}
