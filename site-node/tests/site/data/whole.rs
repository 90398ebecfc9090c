//! Good data.

use site_node::data::load;

use super::{Hospital, plan};

#[test]
fn a_good_hospital_has_no_problem() {
    let hospital = Hospital::new();
    let found = hospital.check(None);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let patients = load(&hospital.source()).unwrap();
    // p4 withdrew: no row, no measurement.
    assert_eq!(patients.table.len(), 3);
    assert_eq!(patients.measurements[0].1.rows.len(), 3);
    assert_eq!(patients.codes[0].1.rows.len(), 2);
}

#[test]
fn a_contract_is_held_against_the_data() {
    let views = r#"
columns = ["age"]
[views.crp]
kind = "measurement"
table = "labs"
item = "crp"
unit = "mg/L"
window = 365
missing = "zero"
[views.glucose]
kind = "number"
column = "glucose"
unit = "mg/dL"
analyte = "glucose"
missing = "indicator"
range = [20.0, 110.0]
"#
    .replace("[views", "[features.views");
    let hospital = Hospital::new();
    let found = hospital.check(Some(&plan(&views)));
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let notes = found.notes.join("\n");
    assert!(
        notes.contains("view \"crp\": 33.3 % of patients without a value, 0 records"),
        "{notes}"
    );
    assert!(
        notes.contains("view \"glucose\": 66.7 % of patients without a value, 1 records"),
        "{notes}"
    );
}

/// What depends on the day is as it was on the index date, whatever is added after it.
#[test]
fn a_row_after_the_index_date_changes_nothing() {
    use site_node::cohort::Cohort;
    use site_node::features::examples;
    let views = r#"
[features.views.crp]
kind = "measurement"
table = "labs"
item = "crp"
unit = "mg/L"
window = 3650
aggregate = "max"
missing = "zero"
[features.views.heart]
kind = "codes"
table = "dx"
system = "icd10"
vocabulary = ["I21*", "C50", "I50"]
window = 3650
values = "log-count"
"#;
    let plan = plan(views);
    let rows = |hospital: &Hospital| {
        let cohort = Cohort::new(load(&hospital.source()).unwrap(), &plan.outcome, None).unwrap();
        examples(&cohort.part(true), &plan, None).unwrap().features().to_vec()
    };
    let hospital = Hospital::new();
    let before = rows(&hospital);
    let crp: Vec<f32> = before.chunks(4).map(|row| row[0]).collect();
    assert_eq!(
        crp.iter().map(|value| value.to_bits()).collect::<Vec<_>>(),
        [4.0_f32, 9.0, 0.0].map(f32::to_bits)
    );
    for (file, row) in [
        ("labs.csv", "p2,2020-02-02,crp,5000,mg/L\n"),
        ("labs.csv", "p3,2021-01-01,crp,77,mg/L\n"),
        ("dx.csv", "p3,2020-03-02,,I50.1\n"),
        ("dx.csv", "p1,2020-01-11,,I21.9\n"),
    ] {
        let text = std::fs::read_to_string(hospital.place(file)).unwrap();
        hospital.write(file, text + row);
    }
    assert_eq!(rows(&hospital), before);
}

#[test]
fn times_are_converted_to_the_contracts_unit_and_made_of_dates() {
    use plan::experiment::TimeUnit;
    use site_node::cohort::Cohort;
    let hospital = Hospital::new();
    let mut outcome = plan("columns = [\"age\"]").outcome;
    outcome.unit = TimeUnit::Years;
    let time = |hospital: &Hospital| {
        let cohort = Cohort::new(load(&hospital.source()).unwrap(), &outcome, None).unwrap();
        format!("{:?}", cohort.training_patients())
    };
    assert_eq!(time(&hospital), "3");
    hospital.edit("cohort.toml", "event = \"died\"", "event = \"died\"\nends = \"seen\"");
    hospital.edit("cohort.toml", "time = \"months\"", "time = \"followed\"");
    hospital.edit("outcome.csv", "months,", "seen,");
    hospital.edit("outcome.csv", "p1,12", "p1,2021-01-10");
    hospital.edit("outcome.csv", "p2,3.5", "p2,2020-02-01");
    hospital.edit("outcome.csv", "p3,40", "p3,2022-03-01");
    hospital.edit("outcome.csv", "p4,7", "p4,2022-03-01");
    let table = load(&hospital.source()).unwrap().table;
    let followed = table.column("followed").unwrap().numbers().unwrap();
    assert!((followed[0] - 366.0 / 30.4375).abs() < 1e-9 && followed[1] == 0.0, "{followed:?}");
    let found = hospital.check(None);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    assert!(found.notes.iter().any(|note| note.contains("a time of zero")), "{:?}", found.notes);
}

#[test]
fn signals_may_be_missing() {
    let hospital = Hospital::new();
    hospital.write("ecg/readme.txt", "x");
    let cohort = format!("{}\n[ecg]\nfolder = \"ecg\"\n", super::COHORT);
    hospital.write("cohort.toml", cohort);
    let found = hospital.check(None);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    assert!(found.notes.contains(&"ECGs: 0 of 3 patients have one that can be used".to_owned()));
}

#[test]
fn debug_output_holds_no_value_and_no_name() {
    let patients = load(&Hospital::new().source()).unwrap();
    let text = format!(
        "{patients:?} {:?} {:?}",
        patients.measurements[0].1.rows, patients.codes[0].1.rows
    );
    assert!(text.contains("patients: 3"), "{text}");
    assert!(!text.contains("crp") && !text.contains("value") && !text.contains("day"), "{text}");
}
