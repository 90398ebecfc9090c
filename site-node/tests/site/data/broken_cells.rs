//! Cells that are not what their columns must hold.

use site_node::data::{CellFault, DataError};
use site_node::inspect::value;

use super::{Hospital, SECRET};

/// Spoils one cell, and names the fault of it.
fn fault(file: &str, old: &str, new: &str) -> (CellFault, u64, String) {
    let hospital = Hospital::new();
    hospital.edit(file, old, new);
    match hospital.problem() {
        DataError::Cell { row, column, fault, .. } => (fault, row, column),
        other => panic!("{other:?}"),
    }
}

macro_rules! cells {
    ($($name:ident: $file:expr, $old:expr, $new:expr => $fault:ident, $row:expr, $column:expr);+ $(;)?) => {$(
        #[test]
        fn $name() {
            assert_eq!(fault($file, $old, $new), (CellFault::$fault, $row, $column.to_owned()));
        }
    )+};
}

cells! {
    no_index_date: "base.csv", "2020-02-01", "" => Empty, 3, "day";
    a_german_date: "base.csv", "2020-02-01", "01.02.2020" => DateFormat, 3, "day";
    an_american_date: "base.csv", "2020-02-01", "02/01/2020" => DateFormat, 3, "day";
    a_date_in_digits: "base.csv", "2020-02-01", "20200201" => DateFormat, 3, "day";
    a_day_that_is_none: "base.csv", "2020-02-01", "2020-02-30" => NoSuchDay, 3, "day";
    a_date_in_words: "base.csv", "2020-02-01", SECRET => NotADate, 3, "day";
    a_date_of_another_age: "base.csv", "2020-02-01", "0020-02-01" => FarDate, 3, "day";
    a_measurement_with_a_comma: "labs.csv", "0.9", "\"0,9\"" => DecimalComma, 4, "value";
    a_code_that_ends_before_it_starts: "dx.csv", "2020-02-02", "2020-01-31"
        => DatesOutOfOrder, 3, "until";
    a_code_with_a_bad_end: "dx.csv", "2020-02-02", "31/01/2020" => DateFormat, 3, "until";
}

/// Mistakes of the outcome, which are found where the outcome is known.
#[test]
fn every_bad_outcome_is_named_by_row_and_column() {
    for (old, new, column, fault) in [
        ("p2,3.5,0", "p2,-3.5,0", "months", CellFault::NegativeTime),
        ("p2,3.5,0", "p2,,0", "months", CellFault::Empty),
        ("p2,3.5,0", "p2,,1", "months", CellFault::EventWithoutTime),
        ("p2,3.5,0", "p2,zx81secret,0", "months", CellFault::NotANumber),
        ("p2,3.5,0", "p2,\"3,5\",0", "months", CellFault::DecimalComma),
        ("p2,3.5,0", "p2,inf,0", "months", CellFault::NotFinite),
        ("p2,3.5,0", "p2,NaN,0", "months", CellFault::Empty),
        ("p2,3.5,0", "p2,\"1,234.5\",0", "months", CellFault::Thousands),
        ("p2,3.5,0", "p2,3.5,2", "died", CellFault::NotAnEvent),
        ("p2,3.5,0", "p2,3.5,Dead", "died", CellFault::NotAnEvent),
        ("p2,3.5,0", "p2,3.5,", "died", CellFault::Empty),
        ("p2,3.5,0,1", "p2,3.5,0,maybe", "train", CellFault::NotAFlag),
    ] {
        let hospital = Hospital::new();
        hospital.edit("outcome.csv", old, new);
        let found = hospital.check(None);
        let [finding] = found.problems.as_slice() else { panic!("{new}: {:?}", found.problems) };
        assert_eq!((finding.row, finding.column.as_deref()), (Some(3), Some(column)), "{new}");
        assert!(finding.problem.ends_with(fault.what()), "{new}: {finding:?}");
        assert_eq!(finding.fix, fault.fix());
        assert!(!format!("{finding:?}").contains(SECRET));
        // Asked for by eyes inside, the value is read anew.
        let cell = value(&hospital.source(), finding).unwrap();
        assert_eq!(cell.contains(SECRET), new.contains(SECRET), "{cell}");
    }
}

/// Many mistakes in many files, all of them at once.
#[test]
fn all_mistakes_are_named_together() {
    let hospital = Hospital::new();
    hospital.edit("base.csv", "2020-02-01", "soon");
    hospital.edit("base.csv", "2020-03-01", "later");
    hospital.edit("labs.csv", "0.9", "\"0,9\"");
    hospital.edit("dx.csv", "C50", "410.71");
    hospital.edit("outcome.csv", "p3,40", "p3,-40");
    let found = hospital.check(None);
    let checks: Vec<&str> = found.problems.iter().map(|finding| finding.check).collect();
    assert_eq!(checks, ["cells", "cells", "codes", "cells"]);
    let days = &found.problems[0];
    assert_eq!((days.count, days.rows.as_slice()), (2, &[3, 4][..]));
    assert!(days.problem.contains("2 rows (3, 4), column \"day\""), "{}", days.problem);
}

#[test]
fn a_follow_up_that_ends_before_it_starts() {
    let hospital = Hospital::new();
    hospital.edit("cohort.toml", "event = \"died\"", "event = \"died\"\nends = \"seen\"");
    hospital.edit("cohort.toml", "time = \"months\"", "time = \"followed\"");
    hospital.write(
        "outcome.csv",
        "pid,seen,died,train\np1,2019-01-10,1,1\np2,,1,1\np3,,0,0\np4,2021-01-01,0,1\n",
    );
    let (_, problems) = hospital.read();
    let faults: Vec<CellFault> = problems
        .found()
        .iter()
        .filter_map(|error| match error {
            DataError::Cell { fault, .. } => Some(*fault),
            _ => None,
        })
        .collect();
    let wanted = [CellFault::DatesOutOfOrder, CellFault::EventWithoutTime, CellFault::Empty];
    assert_eq!(faults, wanted);
}

#[test]
fn a_follow_up_that_has_not_ended_yet() {
    let hospital = Hospital::new();
    hospital.edit("cohort.toml", "event = \"died\"", "event = \"died\"\nends = \"seen\"");
    hospital.edit("cohort.toml", "time = \"months\"", "time = \"followed\"");
    let rows = "pid,seen,died,train\np1,9999-12-31,1,1\np2,2021-01-01,1,1\n";
    hospital.write("outcome.csv", rows);
    hospital.edit("base.csv", "p3,", "p3x,");
    hospital.edit("cohort.toml", "[outcome]", "[allowed_losses]\n\"base.csv\" = 1.0\n\n[outcome]");
    assert!(matches!(
        hospital.problem(),
        DataError::Cell { fault: CellFault::FarDate, row: 2, .. }
    ));
    hospital.edit("outcome.csv", "9999-12-31", "2026-01-02");
    let found = hospital.check(None);
    let told = &found.problems[0].problem;
    assert!(told.contains("ends after today"), "{told}");
}
