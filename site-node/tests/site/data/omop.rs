//! OMOP CDM tables in a folder made here.

use site_node::data::{CellFault, DataError, MeaningError, Source, load};

use super::Hospital;

const PERSON: &str = "person_id\tgender_concept_id\tyear_of_birth\tmonth_of_birth\tday_of_birth\trace_concept_id\tethnicity_concept_id\n\
                      1\t8507\t1950\t1\t1\t0\t0\n2\t8532\t1960\t\t\t0\t0\n3\t8532\t1970\t6\t15\t0\t0\n";

fn made() -> Hospital {
    let hospital = Hospital::new();
    hospital.write("cohort.toml", "[omop]\nfolder = \"omop\"\nindex_conditions = [4329847]\n");
    for (name, text) in [
        ("PERSON.csv", PERSON),
        (
            "condition_occurrence.csv",
            "person_id,condition_concept_id,condition_start_date,condition_end_date\n\
             1,4329847,2015-01-01,2015-01-05\n1,4329847,2012-01-01,\n2,0,2014-01-01,\n2,4329847,2014-06-01,\n3,201826,2014-01-01,\n",
        ),
        (
            "measurement.csv",
            "person_id,measurement_concept_id,measurement_date,value_as_number,unit_concept_id\n\
             1,3004501,2011-12-31,99,8840\n2,3004501,2014-06-02,5.5,8753\n2,3004501,2014-06-01,,8753\n",
        ),
        (
            "observation_period.csv",
            "person_id,observation_period_start_date,observation_period_end_date\n\
             1,2010-01-01,2016-12-31\n2,2010-01-01,2015-06-01\n3,2010-01-01,2015-01-01\n",
        ),
        ("DEATH.csv", "person_id,death_date\n1,2014-12-31\n2,2020-01-01\n"),
    ] {
        hospital.write(&format!("omop/{name}"), text);
    }
    hospital
}

#[test]
fn persons_are_followed_from_the_index_condition_on() {
    let patients = load(&made().source()).unwrap();
    let table = &patients.table;
    let column = |name: &str| {
        let column = table.column(name).unwrap();
        (0..table.len()).map(|row| column.text(row).into_owned()).collect::<Vec<_>>()
    };
    // Person 3 never had the condition.
    assert_eq!(column("person_id"), ["1", "2"]);
    assert_eq!(column("index_date"), ["2012-01-01", "2014-06-01"]);
    // The second death lies after observation, which saw none.
    assert_eq!(column("time"), ["1095", "365"]);
    assert_eq!(column("event"), ["1", "0"]);
    assert_eq!(column("age"), ["61.999", "53.916"]);
    let conditions = &patients.codes.iter().find(|(name, _)| name == "condition").unwrap().1;
    assert_eq!(conditions.rows.len(), 3);
    let measured = &patients.measurements[0].1;
    let units: Vec<&str> = measured.rows.iter().map(|row| measured.units.word(row.unit)).collect();
    assert_eq!(units, ["mg/dL", "mmol/L"]);
    let found = made().check(None);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
}

#[test]
fn omop_tables_tell_death_and_no_cause_of_it() {
    let mut plan = super::plan("columns = [\"age\"]");
    plan.outcome.time = "time".to_owned();
    plan.outcome.event = "event".to_owned();
    plan.outcome.causes = vec!["death".to_owned()];
    plan.outcome.edges = vec![60.0];
    assert!(made().check(Some(&plan)).problems.is_empty());
    plan.outcome.causes = vec!["cardiovascular".to_owned(), "other".to_owned()];
    let found = made().check(Some(&plan));
    let [finding] = &found.problems[..] else { panic!("{:?}", found.problems) };
    assert!(finding.problem.contains("tells [\"death\"], and the contract asks for"));
    assert!(finding.fix.contains("OMOP tables tell death alone"), "{finding:?}");
}

#[test]
fn mistakes_in_omop_tables_are_named_as_elsewhere() {
    let hospital = made();
    hospital.edit("omop/condition_occurrence.csv", "2015-01-05", "2014-01-05");
    let fault = CellFault::DatesOutOfOrder;
    assert!(matches!(hospital.problem(), DataError::Cell { fault: f, .. } if f == fault));
    let hospital = made();
    hospital.edit("omop/condition_occurrence.csv", "3,201826", "3,I21.4");
    assert!(matches!(
        hospital.problem(),
        DataError::Meaning(MeaningError::CodeSystem { row: 6, .. })
    ));
    let hospital = made();
    hospital.edit("omop/PERSON.csv", "1970\t6\t15", "1970\t6\t31");
    assert!(matches!(hospital.problem(), DataError::Cell { fault: CellFault::NoSuchDay, .. }));
    // Eyes inside see what stands there.
    let hospital = made();
    hospital.edit("omop/condition_occurrence.csv", "3,201826", "3,I21.4");
    let found = hospital.check(None);
    let cell = site_node::inspect::value(&hospital.source(), &found.problems[0]);
    assert_eq!(cell.as_deref(), Some("I21.4"));
    let hospital = made();
    std::fs::remove_file(hospital.place("omop/PERSON.csv")).unwrap();
    assert!(matches!(
        hospital.problem(),
        DataError::MissingOmopTable { table: "person", needed: None }
    ));
}

fn persons(hospital: &Hospital) -> Vec<String> {
    let table = load(&hospital.source()).unwrap().table;
    let column = table.column("person_id").unwrap();
    (0..table.len()).map(|row| column.text(row).into_owned()).collect()
}

#[test]
fn who_withdrew_is_nowhere_and_keys_that_mean_nothing_here_are_refused() {
    let hospital = made();
    hospital.write("withdrawn.csv", "person_id\n");
    let text = "withdrawn = \"withdrawn.csv\"\n[omop]";
    hospital.edit("cohort.toml", "[omop]", text);
    assert_eq!(persons(&hospital), ["1", "2"]);
    hospital.write("withdrawn.csv", "person_id\n1\n");
    assert_eq!(persons(&hospital), ["2"]);
    // Written in another way, a name is that of nobody, who must not be trained on for it.
    hospital.write("withdrawn.csv", "person_id\n0001\n2\n");
    let error = load(&hospital.source()).unwrap_err();
    assert!(matches!(error, DataError::MisspeltWithdrawn { row: 2, .. }), "{error}");
    assert!(error.to_string().contains("leading zeros") && !error.to_string().contains("0001"));
    hospital.edit("cohort.toml", "[omop]", "withdrawn_without_records = 1\n[omop]");
    let error = load(&hospital.source()).unwrap_err();
    assert!(matches!(error, DataError::MisspeltWithdrawn { row: 2, .. }), "{error}");
    hospital.write("withdrawn.csv", "person_id\n77\n2\n");
    assert_eq!(persons(&hospital), ["1"]);
    hospital.write("withdrawn.csv", "person_id\n2.0\n");
    assert_eq!(persons(&hospital), ["1"]);
    for key in ["split = \"s\"", "optional_tables = [\"a.csv\"]", "units = { age = \"years\" }"] {
        let hospital = made();
        hospital.edit("cohort.toml", "[omop]", &format!("{key}\n[omop]"));
        let error = Source::load(&hospital.place("cohort.toml")).unwrap_err().to_string();
        assert!(error.contains("given beside [omop]"), "{key}: {error}");
    }
}

#[test]
fn observation_is_the_period_that_holds_the_index_date() {
    let periods = "omop/observation_period.csv";
    let hospital = made();
    hospital.edit(periods, "1,2010-01-01,2016-12-31", "1,2013-01-01,2016-12-31");
    assert_eq!(persons(&hospital), ["2"]);
    let hospital = made();
    hospital.edit(periods, "1,2010-01-01,2016-12-31\n", "");
    assert_eq!(persons(&hospital), ["2"]);
    let hospital = made();
    let two = "1,2010-01-01,2012-12-31\n1,2014-01-01,2016-12-31";
    hospital.edit(periods, "1,2010-01-01,2016-12-31", two);
    hospital.edit("omop/DEATH.csv", "2,2020-01-01", "2,2015-01-01\n2,2014-12-31");
    let table = load(&hospital.source()).unwrap().table;
    let cells = |name: &str| [0, 1].map(|row| table.column(name).unwrap().text(row).into_owned());
    // The first ends with its first period; of two days of death the first counts.
    assert_eq!(cells("time"), ["365", "213"]);
    assert_eq!(cells("event"), ["0", "1"]);
}
