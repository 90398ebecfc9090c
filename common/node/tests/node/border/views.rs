//! Feature views: their file, their bytes, and the rules they keep.

use base::codec::{decode, encode};
use base::config;
use base::fingerprint::Fingerprint;
use plan::experiment::{
    Aggregate, Beats, DataTag, Draft, Missing, Plan, PrivacyMode, Values, View, ViewSource,
    ecg_samples,
};
use plan::policy::{Asker, Policy};

use crate::border::golden::{every_variant, golden, variants};
use crate::border::sample::{FILE, plan, read};

variants!(Aggregate: Last, Mean, Min, Max, Count);
variants!(Missing: Refuse, Constant, Zero, Indicator);

const VIEWS: &str = r#"
[features.views.glucose]
kind = "measurement"
table = "labs"
item = "2345-7"
unit = "mmol/L"
analyte = "glucose"
range = [1.0, 60.0]
window = 365
aggregate = "mean"
missing = "constant"
fill = 5.5
center = 5.5
scale = 2.0

[features.views.stage]
kind = "category"
column = "stage"
categories = ["I", "II", "III"]
missing = "indicator"

[features.views.heart]
kind = "codes"
table = "diagnoses"
system = "icd10"
vocabulary = ["I21*", "I50"]
window = 3650
values = "log-count"

[features.views.bmi]
kind = "number"
column = "bmi"
unit = "kg/m2"
"#;

fn with(views: &str) -> String {
    FILE.replace("\n[features.scale]", &format!("\n{views}\n[features.scale]"))
}

fn seen() -> Plan {
    read(&with(VIEWS)).unwrap_or_else(|error| panic!("{error}")).plan
}

#[test]
fn views_become_inputs_after_the_columns() {
    let plan = seen();
    let names = [
        "age",
        "sex",
        "bmi",
        "glucose",
        "heart=I21*",
        "heart=I50",
        "stage=I",
        "stage=II",
        "stage=III",
        "stage is missing",
    ];
    let mut found = plan.input_names();
    // The order of views is the file's; which one that is does not matter here.
    found[2..].sort_by_key(|name| names.iter().position(|known| known == name));
    assert_eq!(found, names);
    assert_eq!((plan.inputs(), plan.model.inputs), (10, 10));
    let mut reads = plan.reads();
    reads.sort();
    let wanted = ["age", "bmi", "codes:diagnoses", "measurement:2345-7", "sex", "stage"];
    assert_eq!(reads, wanted);
    assert_eq!(decode::<Plan>(&encode(&plan)).unwrap(), plan);
}

#[test]
fn choices_in_views_have_their_numbers() {
    every_variant(&[
        (Aggregate::Last, "00000000"),
        (Aggregate::Mean, "01000000"),
        (Aggregate::Min, "02000000"),
        (Aggregate::Max, "03000000"),
        (Aggregate::Count, "04000000"),
    ]);
    every_variant(&[
        (Missing::Refuse, "00000000"),
        (
            Missing::Constant(1.0),
            "
            01000000           # Missing::Constant
            000000000000f03f   # 1
            ",
        ),
        (Missing::Zero, "02000000"),
        (Missing::Indicator, "03000000"),
    ]);
    let values = Values {
        unit: Some("g/L".to_owned()),
        analyte: None,
        range: Some((0.5, 2.0)),
        missing: Missing::Zero,
        center: 0.0,
        scale: 1.0,
        transform: None,
    };
    let source = ViewSource::Number { column: "hb".to_owned(), values };
    golden(
        &View { name: "hb".to_owned(), source },
        "
        0200000000000000 'hb'              # name
        00000000                           # ViewSource::Number
        0200000000000000 'hb'              # column
        01 0300000000000000 'g/L'          # unit
        00                                 # analyte: none
        01000000000000e03f0000000000000040 # range
        02000000                           # missing: zero
        0000000000000000                   # center
        000000000000f03f                   # scale
        00                                 # transform: none
        ",
    );
    let ecg = |beats| View {
        name: "heart".to_owned(),
        source: ViewSource::Ecg { rate_hz: 100.0, seconds: 10.0, beats },
    };
    let whole = "
        0500000000000000 'heart'           # name
        04000000                           # ViewSource::Ecg
        0000000000005940                   # rate_hz: 100
        0000000000002440                   # seconds: 10
    ";
    golden(&ecg(None), &format!("{whole} 00 # beats: none"));
    golden(
        &ecg(Some(Beats { before_ms: 250, after_ms: 450 })),
        &format!("{whole} 01 fa000000 c2010000 # beats: 250 and 450 ms"),
    );
}

#[test]
fn every_broken_rule_is_named() {
    for (old, new, what) in [
        ("window = 365\n", "window = 0\n", "window out of bounds"),
        ("range = [1.0, 60.0]", "range = [60.0, 1.0]", "the range is none"),
        ("range = [1.0, 60.0]", "range = [60.0]", "not two numbers"),
        ("fill = 5.5\n", "", "missing"),
        ("missing = \"indicator\"", "fill = 3.0", "where no constant"),
        ("missing = \"indicator\"", "", "refused in a private mode"),
        ("scale = 2.0", "scale = 0.0", "no usable scale"),
        ("[\"I\", \"II\", \"III\"]", "[\"I\", \"I\"]", "listed twice"),
        ("[\"I\", \"II\", \"III\"]", "[]", "empty or too long"),
        ("column = \"bmi\"", "column = \"event\"", "reads the outcome"),
        ("[features.views.bmi]", "[features.views.age]", "\"age\" stands twice"),
        ("kind = \"number\"", "kind = \"nummber\"", r#"expected one of "number""#),
        ("unit = \"mmol/L\"\n", "", "has no unit"),
        ("\"mmol/L\"", "\"a; b\"", "the unit is none"),
        ("analyte = \"glucose\"", "analyte = \"grape\"", "the analyte is not known"),
        ("analyte =", "analite =", "did you mean \"analyte\""),
    ] {
        let text = with(VIEWS);
        assert!(text.contains(old), "{old}");
        let error = read(&text.replacen(old, new, 1)).unwrap_err().to_string();
        assert!(error.contains(what), "{new:?}: {error}");
    }
}

#[test]
fn an_ecg_needs_an_encoder_but_data_are_checked_for_it() {
    let text = with("[features.views.heart]\nkind = \"ecg\"\nrate_hz = 100\n");
    let error = read(&text).unwrap_err().to_string();
    assert!(error.contains("the model has no encoder for it"), "{error}");
    let draft: Draft = config::read("x", &text).unwrap();
    assert_eq!(draft.0.plan.unread_views().len(), 1);
    let wrong = config::read::<Draft>("x", &text.replace("100", "10")).unwrap_err().to_string();
    assert!(wrong.contains("use 50 to 1000 Hz"), "{wrong}");
    // A beat in place of the recording.
    for (keys, samples, what) in [
        ("", 1000, ""),
        ("beats = \"all\"", 1000, ""),
        ("beats = \"median\"", 80, ""),
        ("beats = \"median\"\nbeat_ms = [250, 450]", 70, ""),
        ("beat_ms = [250, 450]", 0, "given where the whole recording is read"),
        ("beats = \"median\"\nbeat_ms = [250]", 0, "not two numbers"),
        ("beats = \"median\"\nbeat_ms = [0, 450]", 0, "use 50 to 1000 ms"),
        ("beats = \"median\"\nbeat_ms = [250, 1001]", 0, "use 50 to 1000 ms"),
        ("beats = \"median\"\nseconds = 4", 0, "use 5 to 60 with beats"),
        ("beats = \"median\"\nseconds = 61", 0, "use 5 to 60 with beats"),
        ("beats = \"mean\"", 0, r#"unknown value "mean""#),
    ] {
        match config::read::<Draft>(
            "x",
            &format!("{text}\n")
                .replace("\nrate_hz = 100\n", &format!("\nrate_hz = 100\n{keys}\n")),
        ) {
            Ok(draft) => {
                let ViewSource::Ecg { rate_hz, seconds, beats } = draft.0.plan.views[0].source
                else {
                    panic!("no ECG")
                };
                assert_eq!((ecg_samples(rate_hz, seconds, beats), what), (samples, ""), "{keys}");
            }
            Err(error) => {
                assert!(!what.is_empty() && error.to_string().contains(what), "{keys}: {error}");
            }
        }
    }
    let image = with("[features.views.xray]\nkind = \"image\"\npixels = [64]\n");
    assert!(read(&image).unwrap_err().to_string().contains("[width, height]"));
}

/// A window and categories are a plan's own choice: whether somebody lacks a value in them is no answer
/// that a private site gives.
#[test]
fn a_private_plan_says_what_stands_for_a_missing_value() {
    let mut refusing = plan();
    refusing.views = seen().views;
    refusing.model.inputs = u32::try_from(refusing.inputs()).unwrap();
    assert_eq!(refusing.check(), []);
    for view in &mut refusing.views {
        if let ViewSource::Measurement { values, .. } = &mut view.source {
            values.missing = Missing::Refuse;
        }
    }
    assert_eq!(refusing.check().len(), 1);
    refusing.privacy.mode = PrivacyMode::None;
    let found: Vec<_> = refusing.check().iter().map(|plan_error| plan_error.key).collect();
    assert!(!found.contains(&"features.views"), "{found:?}");
}

/// An item may stand in several tables of a hospital: the list of columns then says which one is meant.
#[test]
fn a_measurement_is_listed_with_its_table_where_there_are_several() {
    let plan = seen();
    let mut policy = Policy::just(&plan, Fingerprint::of(b"authority"));
    policy.columns = Some(plan.reads());
    let asker = Asker { coordinator: None, tag: Some(DataTag::Private) };
    let columns = |policy: &Policy| {
        policy.judge(&plan, asker).into_iter().find(|it| it.rule == "policy.columns").unwrap().kept
    };
    assert!(columns(&policy) && policy.admit_measurements(&plan.views, 1).is_ok());
    let denied = policy.admit_measurements(&plan.views, 2).unwrap_err().to_string();
    assert!(denied.contains("\"measurement:labs:2345-7\""), "{denied}");
    let list = policy.columns.as_mut().unwrap();
    for word in list {
        *word = word.replace("measurement:", "measurement:labs:");
    }
    assert!(columns(&policy) && policy.admit_measurements(&plan.views, 2).is_ok());
    // Another table's item of that name is not the one that is listed.
    let list = policy.columns.as_mut().unwrap();
    for word in list {
        *word = word.replace("labs", "vitals");
    }
    assert!(!columns(&policy) && policy.admit_measurements(&plan.views, 2).is_err());
}
