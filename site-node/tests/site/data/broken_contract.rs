//! Data that do not mean what the contract means.

use plan::experiment::TimeUnit;
use plan::experiment::ViewSource::{Category, Number};
use site_node::cohort::Cohort;
use site_node::data::{DataError, MeaningError, Problems, Source, load};
use site_node::features::examples;
use site_node::inspect::value;

use super::{Hospital, SECRET, plan};

#[test]
fn units_that_nobody_knows_are_named_and_refused_where_they_matter() {
    let hospital = Hospital::new();
    hospital.edit("labs.csv", "0.9,mg/dL", &format!("0.9,{SECRET}"));
    let notes = hospital.check(None).notes.join("\n");
    let told = "labs.csv: row 4, column \"unit\": a unit that is not known here";
    assert!(notes.contains(told) && !notes.contains(SECRET), "{notes}");
    // Its day lies in no patient's window, and all the same the item is refused as a whole.
    hospital.edit("labs.csv", "p2,2019-12-31", "p2,2021-12-31");
    let crp = "[features.views.crp]\nkind = \"measurement\"\ntable = \"labs\"\nitem = \"crp\"\n\
               unit = \"mg/L\"\nwindow = 365\nmissing = \"zero\"\n";
    let found = hospital.check(Some(&plan(crp)));
    let finding = &found.problems[0];
    assert!(finding.problem.contains("measurement \"crp\": a unit that does not convert"));
    assert_eq!((finding.row, finding.column.as_deref()), (Some(4), Some("unit")));
    assert!(!format!("{finding:?}").contains(SECRET), "{finding:?}");
    assert_eq!(value(&hospital.source(), finding).as_deref(), Some(SECRET));
    let hospital = Hospital::new();
    hospital.edit("cohort.toml", "\"mmol/L\"", "\"mmoll\"");
    assert!(matches!(hospital.problem(), DataError::Meaning(MeaningError::UnknownUnit { .. })));
    let hospital = Hospital::new();
    hospital.edit("cohort.toml", "glucose = ", "glucos = ");
    assert!(matches!(hospital.problem(), DataError::MissingColumn { nearest: Some(_), .. }));
}

const CRP: &str = "[features.views.crp]\nkind = \"measurement\"\ntable = \"labs\"\nitem = \"crp\"\n\
                   unit = \"mg/L\"\nwindow = 365\nmissing = \"zero\"\n";

/// Units of other items are no fault of this one, and none hides another.
#[test]
fn every_unit_of_an_item_that_does_not_convert_is_told_at_once_with_its_row() {
    let hospital = Hospital::new();
    let rows = "p1,2020-01-01,ferritin,4,\np1,2020-01-01,ferritin,4,mmol/L\np1,2020-01-02,crp,4,\n\
                p2,2020-01-02,crp,4,mmol/L\np3,2020-01-02,crp,4,xyz\np3,2020-01-03,crp,4,mg/L\n";
    hospital.write("labs.csv", format!("pid,date,item,value,unit\n{rows}"));
    let found = hospital.check(Some(&plan(CRP)));
    let told: Vec<_> =
        found.problems.iter().map(|it| (it.row, it.column.clone(), it.problem.clone())).collect();
    let rows: Vec<Option<u64>> = told.iter().map(|(row, ..)| *row).collect();
    assert_eq!(rows, [Some(4), Some(5), Some(6)], "{told:?}");
    assert!(told.iter().all(|(_, column, _)| column.as_deref() == Some("unit")), "{told:?}");
    assert!(told[0].2.contains("measurement \"crp\" has no unit"), "{told:?}");
}

#[test]
fn a_table_that_is_described_and_cannot_be_read_is_not_called_undescribed() {
    let dx = "[features.views.mi]\nkind = \"codes\"\ntable = \"dx\"\nsystem = \"icd10\"\nwindow = 3650\nvocabulary = [\"I21*\"]\n";
    for (file, text) in [
        ("labs.csv", "pid,date,item,value,unit\n"),
        ("labs.csv", "pid,date,item,unit\np1,2020-01-10,crp,mg/L\n"),
        ("dx.csv", "pid,date\np1,2018-05-05\n"),
    ] {
        let hospital = Hospital::new();
        hospital.write(file, text);
        let found = hospital.check(Some(&plan(&format!("{CRP}{dx}"))));
        assert!(!found.problems.is_empty(), "{file}");
        let wrong = |it: &site_node::inspect::Finding| it.problem.contains("is not described");
        assert!(!found.problems.iter().any(wrong), "{file}: {:?}", found.problems);
    }
    let hospital = Hospital::new();
    let found = hospital.check(Some(&plan(&CRP.replace("\"labs\"", "\"lab\""))));
    assert!(found.problems[0].problem.contains("measurements \"lab\" is not described"));
}

/// Two causes here, and a contract that asks for some.
fn with_causes(here: &str, asked: &[&str]) -> (Hospital, plan::experiment::Plan) {
    let hospital = Hospital::new();
    hospital.edit("cohort.toml", "event = \"died\"", &format!("event = \"died\"\n{here}"));
    hospital.edit("outcome.csv", "p2,3.5,0", "p2,3.5,2");
    let mut plan = plan("columns = [\"age\"]");
    plan.outcome.causes = asked.iter().map(|name| (*name).to_owned()).collect();
    (hospital, plan)
}

#[test]
fn causes_are_those_that_the_hospital_states() {
    let both = "causes = [\"other\", \"heart\"]";
    let (hospital, plan) = with_causes(both, &["heart", "other"]);
    let found = hospital.check(Some(&plan));
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    // Without a contract too: what cohort.toml states is what numbers may be.
    assert!(hospital.check(None).problems.is_empty());
    let cohort = Cohort::new(load(&hospital.source()).unwrap(), &plan.outcome, Some("train"));
    assert_eq!(cohort.unwrap().training_events(), 2, "events of any cause");

    for (here, asked) in [("", &["heart", "other"][..]), (both, &[]), (both, &["heart", "cancer"])]
    {
        let (hospital, plan) = with_causes(here, asked);
        let found = hospital.check(Some(&plan));
        let [finding] = &found.problems[..] else { panic!("{:?}", found.problems) };
        assert_eq!((finding.file.as_deref(), finding.row), (Some("cohort.toml"), None));
        assert_eq!(finding.column.as_deref(), Some("died"));
        assert!(finding.fix.contains("under [outcome]"), "{finding:?}");
    }
}

#[test]
fn a_number_of_no_cause_is_found_and_not_told() {
    for cell in ["3", "1.5", "-2", "81"] {
        let (hospital, plan) = with_causes("causes = [\"heart\", \"other\"]", &["heart", "other"]);
        hospital.edit("outcome.csv", "p3,40,0", &format!("p3,40,{cell}"));
        for plan in [Some(&plan), None] {
            let found = hospital.check(plan);
            let [finding] = &found.problems[..] else { panic!("{:?}", found.problems) };
            assert!(
                finding.problem.ends_with("neither 0 nor the number of a cause"),
                "{finding:?}"
            );
            assert_eq!((finding.row, finding.column.as_deref()), (Some(4), Some("died")));
            assert!(finding.fix.starts_with("write 0 where follow-up ended without an event"));
            assert!(!format!("{finding:?}").contains(&format!("{cell:?}")), "{finding:?}");
        }
    }
    // Without causes a 2 is what it always was.
    let (hospital, plan) = with_causes("", &[]);
    let found = hospital.check(Some(&plan));
    assert!(found.problems[0].problem.ends_with("neither 0 nor 1"));
}

#[test]
fn names_of_causes_in_cohort_toml_are_checked() {
    for (causes, told) in [
        ("causes = [\"a\", \"a\"]", "stands twice"),
        ("causes = [\"a b\"]", "not a cause's name"),
        ("causes = 2", "outcome.causes"),
    ] {
        let (hospital, _) = with_causes(causes, &[]);
        let error = Source::load(&hospital.place("cohort.toml")).unwrap_err().to_string();
        assert!(error.contains(told) && error.contains("outcome.causes"), "{error}");
    }
}

#[test]
fn codes_of_another_system_are_seen() {
    for (system, code) in [("icd10", "410.71"), ("icd10", "C07AB02"), ("icd10", "22298006")] {
        let hospital = Hospital::new();
        hospital.edit("cohort.toml", "\"icd10\"", &format!("{system:?}"));
        hospital.edit("dx.csv", "C50", code);
        let error = hospital.problem();
        assert!(
            matches!(error, DataError::Meaning(MeaningError::CodeSystem { row: 3, .. })),
            "{code}: {error}"
        );
    }
}

/// What a contract finds wrong, by a part of its words.
#[test]
fn what_the_contract_asks_for_is_there_and_means_the_same() {
    let crp = "[features.views.crp]\nkind = \"measurement\"\ntable = \"labs\"\nitem = \"crp\"\n\
               unit = \"mg/L\"\nwindow = 365\nmissing = \"zero\"\n";
    let dx = "[features.views.dx]\nkind = \"codes\"\ntable = \"dx\"\nsystem = \"icd10\"\n\
              vocabulary = [\"I21*\"]\nwindow = 365\n";
    let number =
        "[features.views.glu]\nkind = \"number\"\ncolumn = \"glucose\"\nmissing = \"zero\"\n";
    for (views, what) in [
        (crp.replace("\"labs\"", "\"laps\""), "did you mean \"labs\""),
        (crp.replace("mg/L", "kg"), "does not convert to \"kg\""),
        (crp.replace("mg/L", "mmol/L"), "mass and amount convert where"),
        (crp.replace("\"zero\"", "\"refuse\""), "1 patients have no value"),
        (dx.replace("\"icd10\"", "\"atc\""), "are icd10, and the contract asks for atc"),
        (dx.replace("table = \"dx\"", "table = \"drugs\""), "codes \"drugs\" is not described"),
        (number.replace("\"glucose\"", "\"glucos\""), "did you mean column 5 of base.csv"),
        (number.replace("\"glucose\"", "\"sex\""), "not a number"),
        (number.replace("\"glucose\"", "\"age\"\nunit = \"years\""), "has no unit"),
        ("columns = [\"glucose\"]".to_owned(), "empty"),
        ("columns = [\"sex\"]".to_owned(), "not a number"),
        ("[features.views.e]\nkind = \"ecg\"\n".to_owned(), "\"ecg\" is not described"),
        ("[features.views.i]\nkind = \"image\"\n".to_owned(), "\"images\" is not described"),
    ] {
        let found = Hospital::new().check(Some(&plan(&views)));
        let told: Vec<String> = found
            .problems
            .iter()
            .map(|finding| format!("{}; {}", finding.problem, finding.fix))
            .collect();
        assert!(told.iter().any(|text| text.contains(what)), "{what:?}: {told:?}");
    }
}

/// Columns that name patients or tell how they fared, as a column and as a view of either kind.
#[test]
fn a_contract_that_reads_an_outcome_is_refused_by_name() {
    let hospital = Hospital::new();
    hospital.edit("cohort.toml", "event = \"died\"", "event = \"died\"\nends = \"seen\"");
    hospital.edit("cohort.toml", "time = \"months\"", "time = \"followed\"");
    hospital.edit("cohort.toml", "glucose = ", "months = \"months\"\nglucose = ");
    let text = "pid,months,relapsed,died,seen,train\np1,12,1,1,2021-01-10,1\n\
                p2,3,0,1,2021-01-10,1\np3,4,1,0,2021-01-10,0\n";
    hospital.write("outcome.csv", text);
    for (column, what) in [
        ("seen", "the end of follow-up"),
        ("day", "the index date"),
        ("pid", "the patients' name"),
        ("followed", "the outcome's time"),
        ("died", "the outcome's event"),
    ] {
        for views in [
            "columns = [\"age\"]",
            "[features.views.x]\nkind = \"number\"\ncolumn = \"age\"\n",
            "[features.views.x]\nkind = \"category\"\ncolumn = \"age\"\ncategories = [\"p1\"]\n",
        ] {
            // Another outcome than the hospital's own, so that the plan itself breaks no rule.
            let mut plan = plan(views);
            plan.outcome.event = "relapsed".to_owned();
            plan.features.iter_mut().for_each(|feature| feature.column = column.to_owned());
            for view in &mut plan.views {
                if let Number { column: read, .. } | Category { column: read, .. } =
                    &mut view.source
                {
                    *read = column.to_owned();
                }
            }
            let found = hospital.check(Some(&plan));
            let wanted = format!("column {column:?} is {what} and no feature");
            let told = found.problems.iter().any(|it| it.problem.contains(&wanted));
            assert!(told, "{column}: {:?}", found.problems);
            let cohort =
                Cohort::new(load(&hospital.source()).unwrap(), &plan.outcome, None).unwrap();
            let error = examples(&cohort.part(true), &plan, None).unwrap_err();
            assert!(error.to_string().contains(&wanted), "{error}");
        }
    }
}

/// A time whose unit nobody stated may be in days or in years.
#[test]
fn another_time_than_the_hospitals_own_has_a_unit_or_is_refused() {
    let hospital = Hospital::new();
    hospital.edit("cohort.toml", "time = \"months\"", "time = \"age\"");
    let mut outcome = plan("columns = [\"age\"]").outcome;
    outcome.unit = TimeUnit::Days;
    let times = |hospital: &Hospital| {
        let mut problems = Problems::new(9);
        let patients = hospital.read().0.unwrap();
        let cohort = Cohort::check(patients, &outcome, None, &mut problems);
        (cohort, problems.first())
    };
    let (_, refused) = times(&hospital);
    let refused = refused.unwrap();
    assert!(matches!(refused, DataError::Meaning(MeaningError::NoTimeUnit { .. })), "{refused}");
    assert!(refused.to_string().contains("\"months\" = \"days\""), "{refused}");
    hospital.edit("cohort.toml", "glucose = ", "months = \"months\"\nglucose = ");
    let (cohort, none) = times(&hospital);
    assert!(none.is_none() && cohort.is_some(), "{none:?}");
    hospital.edit("cohort.toml", "months = \"months\"\n", "months = \"kg\"\n");
    assert!(matches!(
        times(&hospital).1,
        Some(DataError::Meaning(MeaningError::NoConversion { .. }))
    ));
}

#[test]
fn a_contract_without_an_index_date_is_refused() {
    let hospital = Hospital::new();
    hospital.write("cohort.toml", "tables = [\"base.csv\", \"outcome.csv\"]\npatient = \"pid\"\n");
    let views = "[features.views.dx]\nkind = \"codes\"\ntable = \"dx\"\nsystem = \"icd10\"\n\
                 vocabulary = [\"I21*\"]\nwindow = 365\n";
    let found = hospital.check(Some(&plan(views)));
    assert!(
        found.problems.iter().any(|it| it.problem.contains("index date")),
        "{:?}",
        found.problems
    );
    let none = hospital.check(None);
    assert!(
        none.problems.iter().any(|it| it.problem.contains("\"outcome\"")),
        "{:?}",
        none.problems
    );
}
