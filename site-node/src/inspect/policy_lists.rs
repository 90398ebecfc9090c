//! Whether the policy lists columns and outcomes that this hospital has.

use std::collections::BTreeSet;

use base::config::nearest;
use plan::policy::Policy;

use crate::data::{Patients, Source};

/// A warning for each entry of the lists `columns` and `outcomes` that names nothing of this hospital's data. An entry
/// may be meant for data to come: it refuses nothing.
#[must_use]
pub fn unknown_in_policy(policy: &Policy, source: &Source, patients: &Patients) -> Vec<String> {
    let outcomes: BTreeSet<String> =
        patients.table.columns().iter().map(|column| column.name().to_owned()).collect();
    let columns = readable(source, patients);
    let of = |key: &str, listed: Option<&Vec<String>>, known: &BTreeSet<String>| {
        let unknown = listed.into_iter().flatten().filter(|entry| !known.contains(*entry));
        unknown.map(|entry| warning(key, entry, known)).collect::<Vec<_>>()
    };
    let mut all = of("columns", policy.columns.as_ref(), &columns);
    all.extend(of("outcomes", policy.outcomes.as_ref(), &outcomes));
    all
}

/// Everything that a plan could read, as the policy's list names it.
fn readable(source: &Source, patients: &Patients) -> BTreeSet<String> {
    let mut known: BTreeSet<String> = patients
        .table
        .columns()
        .iter()
        .filter(|column| patients.feature(column.name()).is_ok())
        .map(|column| column.name().to_owned())
        .collect();
    for (table, measurements) in &patients.measurements {
        for item in measurements.items.all() {
            known.insert(format!("measurement:{item}"));
            known.insert(format!("measurement:{table}:{item}"));
        }
    }
    known.extend(patients.codes.iter().map(|(table, _)| format!("codes:{table}")));
    known.extend(source.ecg.iter().map(|_| "ecg".to_owned()));
    known.extend(source.images.iter().map(|_| "images".to_owned()));
    known
}

fn warning(key: &str, entry: &str, known: &BTreeSet<String>) -> String {
    let hint = if entry.contains('*') {
        "; the policy has no wildcards: list each column by its name".to_owned()
    } else {
        nearest(entry, known.iter().map(String::as_str)).map_or_else(
            || "; correct it, or leave it where it stands for data to come".to_owned(),
            |nearest| format!("; did you mean {nearest:?}?"),
        )
    };
    format!("policy.toml: {key} lists {entry:?}, which this hospital's data do not have{hint}")
}
