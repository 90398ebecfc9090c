//! Times in another unit than is stated: no event lies within the horizon, and nothing could be learned.

use super::Hospital;

fn hospital(time: impl Fn(u32) -> u32) -> Hospital {
    let hospital = Hospital::new();
    let row = |n| format!("{n},{},{},{n}\n", time(n), n % 2);
    let rows: String = (1..=60).map(row).collect();
    hospital.write("cohort.csv", format!("pid,months,died,x\n{rows}"));
    hospital.write(
        "cohort.toml",
        "tables = [\"cohort.csv\"]\npatient = \"pid\"\n[outcome]\ntime = \"months\"\nunit = \"months\"\n\
         event = \"died\"\n",
    );
    hospital
}

const VIEW: &str = "[features.views.x]\nkind = \"number\"\ncolumn = \"x\"\nmissing = \"indicator\"\n\
                    center = 30.0\nscale = 17.0\n";

#[test]
fn events_beyond_the_horizon_are_a_problem_with_their_count_and_a_question() {
    let days = hospital(|n| 1000 + 53 * n);
    let told = days.told(Some(VIEW));
    assert_eq!(told.problems, 1, "{}", told.text);
    let part = "0 of 30 events of the training patients lie within the horizon of 24 months, and the longest time \
                is about 4200 months";
    assert!(told.text.contains(part) && told.text.contains("is the unit days?"), "{}", told.text);
    // Nobody's own time is told.
    assert!(!told.text.contains("4180"), "{}", told.text);
    // Without an experiment there is no horizon, but nobody lives that long.
    let told = days.told(None);
    assert!(
        told.good && told.text.contains("about 4200 months: is the unit days?"),
        "{}",
        told.text
    );
    let later = hospital(|n| 30 + n).told(Some(VIEW));
    assert_eq!(later.problems, 1, "{}", later.text);
    assert!(later.text.contains("ask for a later horizon"), "{}", later.text);
}

#[test]
fn few_events_within_the_horizon_are_told_and_many_are_not() {
    let few = hospital(|n| n + 18).told(Some(VIEW));
    assert!(few.good && few.text.contains("3 of 30 events"), "{}", few.text);
    let many = hospital(|n| n % 30 + 1).told(Some(VIEW));
    assert!(many.good && !many.text.contains("horizon"), "{}", many.text);
}
