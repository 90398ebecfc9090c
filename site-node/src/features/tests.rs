use base::config;
use plan::experiment::{Draft, Experiment, Outcome, Plan};

use super::*;
use crate::cohort::Cohort;
use crate::data::patients::{Code, Codes, Measurement, Measurements, System};
use crate::data::{Day, MeaningError, Patients, Table, Words};

const PLAN: &str = r#"
name = "views"
rounds = 1
[outcome]
time = "t"
unit = "days"
event = "e"
edges = [10.0]
[features]
VIEWS
[model]
kind = "linear"
[training]
optimizer = "sgd"
learning_rate = 1.0
[aggregation]
rule = "fedavg"
min_sites = 1
window = "1s"
[privacy]
mode = "none"
clip = 1.0
"#;

fn plan(views: &str) -> Plan {
    let read: Experiment = config::read("x.toml", &PLAN.replace("VIEWS", views)).unwrap();
    read.plan
}

/// Two patients, with a leak planted the day after each index date.
fn patients() -> Patients {
    let rows = [vec!["p1", "5", "1", "60", "II", "5.0"], vec!["p2", "6", "0", "", "IX", "900"]];
    let names = ["pid", "t", "e", "age", "stage", "glu"];
    let mut patients = Patients::from(Table::new("a.csv", &names, &rows).unwrap());
    patients.index = Some(vec![Day(100), Day(200)]);
    patients.units = vec![("glu".to_owned(), "mmol/L".to_owned())];
    let mut items = Words::default();
    let mut units = Words::default();
    let crp = items.number("crp");
    let si = units.number("mg/L");
    let us = units.number("mg/dL");
    let row =
        |patient, day, value, unit| Measurement { patient, day: Day(day), item: crp, value, unit };
    let rows = vec![
        row(0, 90, 4.0, si),
        row(0, 100, 0.8, us),
        row(0, 101, 9999.0, si),
        row(1, 201, 7777.0, si),
        row(1, 20, 3.0, si),
    ];
    let file = "labs.csv".to_owned();
    let labs = Measurements { file, rows, items, units, ..Measurements::default() };
    patients.measurements = vec![("labs".to_owned(), labs)];
    let mut words = Words::default();
    let [stroke, other] = ["I63.9", "I64"].map(|code| words.number(code));
    let code = |patient, day, code| Code { patient, day: Day(day), code };
    let rows = vec![
        code(0, 50, stroke),
        code(0, 60, stroke),
        code(0, 101, other),
        code(1, 200, other),
        code(1, 201, stroke),
    ];
    let codes = Codes { file: "dx.csv".to_owned(), system: System::named("ICD-10"), rows, words };
    patients.codes = vec![("dx".to_owned(), codes)];
    patients
}

fn inputs(views: &str) -> Result<Vec<f32>, FeatureError> {
    let plan = plan(views);
    let outcome: &Outcome = &plan.outcome;
    let cohort = Cohort::new(patients(), outcome, None).unwrap();
    let made = examples(&cohort.part(true), &plan, None)?;
    assert_eq!(plan.input_names().len(), plan.inputs());
    assert_eq!(made.features().len(), 2 * plan.inputs());
    Ok(made.features().to_vec())
}

#[test]
fn nothing_dated_after_the_index_date_enters() {
    let crp = |rest: &str| {
        let text = format!(
            "[features.views.crp]\nkind = \"measurement\"\ntable = \"labs\"\nitem = \"crp\"\n\
             unit = \"mg/L\"\nmissing = \"indicator\"\n{rest}"
        );
        inputs(&text).unwrap()
    };
    // 0.8 mg/dL on the index date itself is 8 mg/L; the second patient's only value is too old.
    assert_eq!(crp("window = 90"), [8.0, 0.0, 0.0, 1.0]);
    assert_eq!(crp("window = 180\naggregate = \"max\""), [8.0, 0.0, 3.0, 0.0]);
    assert_eq!(crp("window = 180\naggregate = \"mean\""), [6.0, 0.0, 3.0, 0.0]);
    assert_eq!(crp("window = 9\naggregate = \"count\""), [1.0, 0.0, 0.0, 0.0]);
    // 8 mg/L is out of range and is not counted.
    assert_eq!(crp("window = 180\nrange = [0.0, 5.0]"), [4.0, 0.0, 3.0, 0.0]);
}

#[test]
fn codes_count_up_to_the_index_date() {
    let text = "[features.views.dx]\nkind = \"codes\"\ntable = \"dx\"\nsystem = \"icd10\"\n\
                window = 365\nvocabulary = [\"I63*\", \"I64\", \"Z99\"]\n";
    assert_eq!(inputs(text).unwrap(), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    let counted = format!("{text}values = \"log-count\"");
    assert!((inputs(&counted).unwrap()[0] - 3.0_f32.ln()).abs() < 1e-6);
    // Dots, case and marks are a matter of taste, on either side, and a mark is no star of a code.
    for other in [
        "[\"I63*\", \"I64\", \"Z99\"]",
        "[\"i63.9\", \"I64-\", \"Z99\"]",
        "[\"I639\", \"I64\", \"Z\"]",
    ] {
        let text = text.replace("[\"I63*\", \"I64\", \"Z99\"]", other);
        assert_eq!(inputs(&text).unwrap(), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0], "{other}");
    }
    let other = inputs(&text.replace("icd10", "atc")).unwrap_err();
    assert!(
        matches!(other, FeatureError::Data(DataError::Meaning(MeaningError::OtherSystem { .. }))),
        "{other}"
    );
    let nearest = inputs(&text.replace("table = \"dx\"", "table = \"dxx\"")).unwrap_err();
    assert!(nearest.to_string().contains("did you mean \"dx\""), "{nearest}");
}

#[test]
fn columns_have_units_ranges_and_categories() {
    let glucose = "[features.views.glucose]\nkind = \"number\"\ncolumn = \"glu\"\nunit = \"mg/dL\"\n\
                   analyte = \"glucose\"\nrange = [20.0, 900.0]\n";
    // 5 mmol/L is 90.08 mg/dL; 900 mmol/L cannot be.
    let zeroed = inputs(&format!("{glucose}missing = \"zero\"\n")).unwrap();
    assert!((zeroed[0] - 90.078).abs() < 1e-3 && zeroed[1] == 0.0, "{zeroed:?}");
    // Out of range is missing, and missing is refused; but no private plan is told so.
    assert!(matches!(inputs(glucose), Err(FeatureError::Missing { row: 3, .. })));
    let mut private = plan(glucose);
    private.privacy.mode = plan::experiment::PrivacyMode::Patient;
    let cohort = Cohort::new(patients(), &private.outcome, None).unwrap();
    let held = examples(&cohort.part(true), &private, None).unwrap();
    assert_eq!(held.features()[1].to_bits(), 900.0_f32.to_bits());
    let unknown = inputs(&glucose.replace("analyte = \"glucose\"\n", "")).unwrap_err();
    assert!(
        matches!(
            unknown,
            FeatureError::Data(DataError::Meaning(MeaningError::NoConversion { .. }))
        ),
        "{unknown}"
    );
    let none = inputs(&glucose.replace("\"glu\"", "\"age\"")).unwrap_err();
    assert!(
        matches!(none, FeatureError::Data(DataError::Meaning(MeaningError::NoUnit { .. }))),
        "{none}"
    );

    let stage = "[features.views.stage]\nkind = \"category\"\ncolumn = \"stage\"\n\
                 categories = [\"I\", \"II\"]\n";
    assert_eq!(
        inputs(&format!("{stage}missing = \"indicator\"\n")).unwrap(),
        [0., 1., 0., 0., 0., 1.]
    );
    assert!(matches!(inputs(stage), Err(FeatureError::Missing { row: 3, .. })));

    let age =
        "[features.views.age]\nkind = \"number\"\ncolumn = \"age\"\ncenter = 50.0\nscale = 10.0\n";
    assert_eq!(inputs(&format!("{age}missing = \"constant\"\nfill = 40.0")).unwrap(), [1.0, -1.0]);
    assert!(matches!(inputs(age), Err(FeatureError::Missing { row: 3, .. })));
}

#[test]
fn a_column_of_true_and_false_has_these_categories() {
    let text = "[features.views.smokes]\nkind = \"category\"\ncolumn = \"smokes\"\n\
                categories = [\"false\", \"true\"]\n";
    let plan = plan(text);
    for (yes, no) in [("true", "false"), ("TRUE", "False"), ("1", "0")] {
        let rows = [vec!["5", "1", yes], vec!["6", "0", no]];
        let table = Table::new("a.csv", &["t", "e", "smokes"], &rows).unwrap();
        let cohort = Cohort::new(table, &plan.outcome, None).unwrap();
        let made = examples(&cohort.part(true), &plan, None).unwrap();
        assert_eq!(made.features(), [0.0, 1.0, 1.0, 0.0], "{yes}");
    }
}

/// Whether a unit converts depends on the rows that a plan picks: a private site gives no such answer.
#[test]
fn a_private_plan_is_never_refused_for_a_unit() {
    let crp = "[features.views.crp]\nkind = \"measurement\"\ntable = \"labs\"\nitem = \"crp\"\n\
               unit = \"kg\"\nwindow = 365\nmissing = \"indicator\"\n";
    let mut plan = plan(crp);
    let cohort = Cohort::new(patients(), &plan.outcome, None).unwrap();
    let refused = examples(&cohort.part(true), &plan, None).unwrap_err();
    assert!(
        matches!(
            refused,
            FeatureError::Data(DataError::Meaning(MeaningError::NoConversion { .. }))
        ),
        "{refused}"
    );
    plan.privacy.mode = plan::experiment::PrivacyMode::Patient;
    let made = examples(&cohort.part(true), &plan, None).unwrap();
    assert_eq!(made.features(), [0.0, 1.0, 0.0, 1.0]);
}

#[test]
fn a_starred_word_counts_a_code_once() {
    let text = "[features.views.dx]\nkind = \"codes\"\ntable = \"dx\"\nsystem = \"own\"\n\
                window = 365\nvocabulary = [\"G63*\"]\nvalues = \"log-count\"\n";
    let plan = plan(text);
    let mut patients = patients();
    let mut words = Words::default();
    let rows = vec![Code { patient: 0, day: Day(50), code: words.number("G63*") }];
    let codes = Codes { file: "dx.csv".to_owned(), system: System::named("own"), rows, words };
    patients.codes = vec![("dx".to_owned(), codes)];
    let cohort = Cohort::new(patients, &plan.outcome, None).unwrap();
    let made = examples(&cohort.part(true), &plan, None).unwrap();
    assert!((made.features()[0] - 2.0_f32.ln()).abs() < 1e-6, "{:?}", made.features());
}

#[test]
fn nothing_but_numbers_of_a_sensible_plan_become_inputs() {
    let mut inputs = Inputs { rows: vec![1.0], width: 1, patients: &[0] };
    inputs.put(0, 0, f64::NAN);
    assert_eq!(inputs.rows, [0.0]);
    let words: Vec<String> = (0..40_000).map(|word| format!("\"w{word}\"")).collect();
    let view = |name: &str| {
        format!(
            "[features.views.{name}]\nkind = \"codes\"\ntable = \"dx\"\nsystem = \"icd10\"\n\
             window = 365\nvocabulary = [{}]\n",
            words.join(",")
        )
    };
    let mut plan = plan("columns = [\"age\"]");
    let wide =
        |name| config::read::<Draft>("x", &PLAN.replace("VIEWS", &view(name))).unwrap().0.plan;
    plan.views = ["a", "b"].into_iter().flat_map(|name| wide(name).views).collect();
    let cohort = Cohort::new(patients(), &plan.outcome, None).unwrap();
    let error = examples(&cohort.part(true), &plan, None).unwrap_err();
    assert!(matches!(error, FeatureError::TooWide { .. }), "{error}");
}

/// Ten thousand views of an item with one row, in a table of a million others: hundredths of a second, and
/// ten of them if each view passed over the table.
#[test]
fn many_views_of_one_item_pass_over_its_table_once() {
    let mut patients = patients();
    let labs = &mut patients.measurements[0].1;
    let other = labs.items.number("other");
    let row = Measurement { item: other, ..labs.rows[0] };
    labs.rows.extend(std::iter::repeat_n(row, 1_000_000));
    let one = plan(
        "[features.views.crp]\nkind = \"measurement\"\ntable = \"labs\"\nitem = \"crp\"\n\
         unit = \"mg/L\"\nwindow = 365\nmissing = \"zero\"\n",
    );
    let mut many = one.clone();
    many.views = vec![one.views[0].clone(); 10_000];
    let cohort = Cohort::new(patients, &one.outcome, None).unwrap();
    let made = examples(&cohort.part(true), &many, None).unwrap();
    assert_eq!(made.features()[9_999].to_bits(), 8.0_f32.to_bits());
}
