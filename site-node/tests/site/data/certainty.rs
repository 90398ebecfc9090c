//! Codes of the ICD as hospitals write them: letters for the certainty, signs, and zeros that a spreadsheet lost.

use super::Hospital;

/// Two patients with a code each, of a system.
fn hospital(system: &str, codes: [&str; 2]) -> Hospital {
    let hospital = Hospital::new();
    hospital.edit("cohort.toml", "\"icd10\"", &format!("{system:?}"));
    hospital.edit("dx.csv", "I21.4", codes[0]);
    hospital.edit("dx.csv", "C50", codes[1]);
    hospital
}

fn view(system: &str, word: &str) -> String {
    format!(
        "[features.views.dx]\nkind = \"codes\"\ntable = \"dx\"\nsystem = {system:?}\nvocabulary = [{word:?}]\n\
         window = 3650\n"
    )
}

/// How many of three patients have the code.
fn share(hospital: &Hospital, system: &str, word: &str) -> String {
    let told = hospital.told(Some(&view(system, word)));
    let note = told.text.lines().find(|line| line.contains("view \"dx\":") && line.contains('%'));
    note.unwrap_or_else(|| panic!("{}", told.text)).to_owned()
}

#[test]
fn a_certain_diagnosis_counts_and_an_excluded_one_does_not() {
    for certain in ["I21.4G", "I21.4 G", "i214g", "I21.4RG", "I21.4", "I21.4!"] {
        let hospital = hospital("icd10gm", [certain, "I21.4A"]);
        let told = hospital.told(None);
        assert!(told.good, "{certain}: {}", told.text);
        let part = "1 of 2 rows of dx.csv are marked as suspected, excluded or past";
        assert!(told.text.contains(part), "{certain}: {}", told.text);
        assert!(share(&hospital, "icd10gm", "I21*").contains("66.7 %"), "{certain}");
    }
    // The hospital may count those too that lie in the past.
    let hospital = hospital("icd10gm", ["I21.4G", "I21.4Z"]);
    let certainty = "system = \"icd10gm\"\ncertainty = [\"G\", \"Z\"]";
    hospital.edit("cohort.toml", "system = \"icd10gm\"", certainty);
    assert!(share(&hospital, "icd10gm", "I21*").contains("33.3 %"));
    hospital.edit("cohort.toml", "\"G\", \"Z\"", "\"sure\"");
    let (good, output) = hospital.data(&["check"]);
    assert!(!good && output.contains("list letters of G (certain)"), "{output}");
}

#[test]
fn a_letter_of_certainty_is_told_by_name_where_the_system_has_none() {
    let told = hospital("icd10", ["I21.4V", "C50"]).told(None);
    assert_eq!(told.problems, 1, "{}", told.text);
    assert!(
        told.text.contains("system = \"icd10gm\"") && told.text.contains("row 2"),
        "{}",
        told.text
    );
    assert!(!told.text.contains("I21"), "{}", told.text);
    // Letters of the ICD-10-CM stay.
    assert!(hospital("icd10cm", ["S72.001A", "F32.A"]).told(None).good);
}

#[test]
fn lost_zeros_are_put_back_where_a_dot_tells_and_named_where_not() {
    let dotted = hospital("icd9", ["8.45", "38.9"]);
    assert!(dotted.told(None).good);
    assert!(share(&dotted, "icd9", "008.45").contains("66.7 %"));
    assert!(share(&dotted, "icd9", "038*").contains("66.7 %"));
    // 389 is a disorder of hearing, and no septicaemia.
    let told = dotted.told(Some(&view("icd9", "389*")));
    assert!(told.text.contains("no patient has a value"), "{}", told.text);
    let told = hospital("icd9", ["38", "41071"]).told(None);
    assert_eq!(told.problems, 1, "{}", told.text);
    assert!(told.text.contains("leading zeros") && told.text.contains("as text"), "{}", told.text);
}
