//! Why nobody is left, each reason by its own words.

use super::Hospital;
use super::omop_checks::sixty_persons;

/// The one problem, in words.
fn why(hospital: &Hospital) -> String {
    let told = hospital.told(None);
    assert_eq!(told.problems, 1, "{}", told.text);
    let why = site_node::data::load(&hospital.source()).unwrap_err().to_string();
    assert!(!why.contains("written alike"), "{why}");
    why
}

#[test]
fn everybody_withdrew() {
    let hospital = Hospital::new();
    hospital.write("withdrawn.csv", "pid\np1\np2\np3\np4\n");
    assert!(why(&hospital).contains("every patient withdrew"));
    let hospital = sixty_persons();
    let all = (1..=60).map(|n| format!("{n}\n")).collect::<Vec<_>>().concat();
    hospital.write("gone.csv", format!("person_id\n{all}"));
    hospital.edit("cohort.toml", "[omop]", "withdrawn = \"gone.csv\"\n[omop]");
    assert!(why(&hospital).contains("every patient withdrew"));
}

#[test]
fn nobody_has_an_index_condition() {
    let hospital = sixty_persons();
    hospital.edit("cohort.toml", "4329847", "201826");
    assert!(why(&hospital).contains("no person has one of index_conditions"));
}

#[test]
fn the_table_of_conditions_is_missing_or_broken() {
    let hospital = sixty_persons();
    let path = hospital.place("omop/condition_occurrence.csv");
    std::fs::remove_file(&path).unwrap();
    let missing = why(&hospital);
    let part = "OMOP table \"condition_occurrence\" is missing, and index_conditions";
    assert!(missing.contains(part), "{missing}");
    // One that cannot be read is no missing one.
    hospital.write("omop/condition_occurrence.csv", "person_id,condition_concept_id\n1,4329847\n");
    assert!(why(&hospital).contains("condition_start_date"));
}

#[test]
fn nobody_was_observed() {
    let hospital = sixty_persons();
    let periods = "person_id,observation_period_start_date,observation_period_end_date\n";
    let before =
        (1..=60).map(|n| format!("{n},1999-01-01,2000-01-01\n")).collect::<Vec<_>>().concat();
    hospital.write("omop/observation_period.csv", format!("{periods}{before}"));
    assert!(why(&hospital).contains("no person was observed on the index date"));
}
