//! What is worth knowing of the tables and is no mistake, and what a view makes of single cells.

use plan::experiment::{Aggregate, View, ViewSource};

use super::{Check, Finding, Findings};
use crate::data::patients::Withdrawn;
use crate::data::{Cell, Column, Patients, Problems};
use crate::features::unit_faults;

/// Withdrawals, losses, words for missing values, and columns of the policy that cannot be used.
pub(super) fn of_patients(
    asked: &Check<'_>,
    patients: &Patients,
    problems: &mut Problems,
    notes: &mut Vec<String>,
) {
    let Withdrawn { listed, unknown } = patients.withdrawn;
    let stated = asked.source.withdrawn_without_records;
    if listed > 0 {
        notes.push(format!(
            "{} of {listed} patients who withdrew stand in the tables and are left out",
            listed - unknown
        ));
    }
    if unknown < stated {
        notes.push(format!(
            "cohort.toml: withdrawn_without_records is {stated}, and {unknown} have no records left: \
             lower it, so that a name that is written in another way is found"
        ));
    }
    notes.extend(patients.losses.iter().map(ToString::to_string));
    for column in patients.table.columns() {
        let words = missing_words(column);
        if words > 0 {
            let file = column.file();
            let called = column.called();
            notes.push(format!("{file}: {called}: {words} cells hold a word for a missing value"));
        }
    }
    let listed = asked.policy.and_then(|policy| policy.columns.as_ref());
    for name in listed.into_iter().flatten() {
        if patients.table.has(name) {
            problems.take(patients.table.column(name));
        }
    }
}

/// Words that stand for missing values among numbers.
fn missing_words(column: &Column) -> usize {
    let cells = || (0..column.len()).map(|index| (index, column.cell(index)));
    if !cells().any(|(_, cell)| matches!(cell, Cell::Number(_))) {
        return 0;
    }
    cells().filter(|(at, cell)| matches!(cell, Cell::Text(_)) && column.is_missing(*at)).count()
}

/// Whether a view's column can be read; notes every cell that cannot, and words that are no category.
pub(super) fn cells(
    patients: &Patients,
    view: &View,
    problems: &mut Problems,
    found: &mut Findings,
) -> bool {
    match &view.source {
        ViewSource::Number { column, .. } => {
            let Some(column) = problems.take(patients.feature(column)) else { return false };
            let mut sound = true;
            for row in 0..column.len() {
                if let Err(fault) = column.number(row) {
                    problems.note(column.bad_cell(row, fault));
                    sound = false;
                }
            }
            sound
        }
        ViewSource::Category { column, categories, .. } => {
            let Some(column) = problems.take(patients.feature(column)) else { return false };
            categories_of(column, view, categories, found);
            true
        }
        ViewSource::Measurement { table, item, values, .. } => {
            // Why it could not be read is told.
            if patients.unread.contains(table) {
                return false;
            }
            let named = patients.measurements.iter().find(|(name, _)| name == table);
            let faults = named.map(|(_, read)| unit_faults(read, item, values)).unwrap_or_default();
            let sound = faults.is_empty();
            for fault in faults {
                problems.note(fault);
            }
            sound
        }
        ViewSource::Codes { table, .. } => !patients.unread.contains(table),
        _ => true,
    }
}

/// Whether a view counts records of an item that there are none of: then every patient has a count of 0, and no value
/// is missing.
pub(super) fn is_of_nothing(patients: &Patients, view: &View) -> bool {
    let ViewSource::Measurement { table, item, aggregate: Aggregate::Count, .. } = &view.source
    else {
        return false;
    };
    let named = patients.measurements.iter().find(|(name, _)| name == table);
    named.is_some_and(|(_, table)| {
        let number = table.items.find(item);
        !table.rows.iter().any(|row| Some(row.item) == number)
    })
}

/// Words that are no category count as missing: that is told, and is a mistake where they differ from a
/// category in capitals alone.
fn categories_of(column: &Column, view: &View, categories: &[String], found: &mut Findings) {
    let mut other = 0;
    let mut almost = 0;
    for row in 0..column.len() {
        let text = match column.cell(row) {
            Cell::Text(text) if categories.iter().any(|category| category == text) => continue,
            Cell::Text(_) if column.is_missing(row) => continue,
            Cell::Text(text) => text,
            Cell::Number(value) => {
                let named = |category: &String| {
                    crate::data::number(category.trim().as_bytes()) == Some(value)
                };
                other += usize::from(!categories.iter().any(named));
                continue;
            }
            Cell::Missing => continue,
        };
        let alike = |category: &String| category.trim().to_lowercase() == text.to_lowercase();
        if categories.iter().any(alike) { almost += 1 } else { other += 1 }
    }
    if other > 0 {
        found.notes.push(format!(
            "view {:?}: {other} cells hold a word that is no category of the experiment, and count as \
             missing",
            view.name
        ));
    }
    if almost > 0 {
        let what = format!(
            "view {:?}: {almost} cells differ from a category in capitals or spaces alone",
            view.name
        );
        let fix = "write them as the experiment does";
        found.problems.push(Finding::about("contract", what, fix));
    }
}
