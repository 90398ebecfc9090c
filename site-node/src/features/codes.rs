//! Codes up to the index date, one input each.

use std::collections::BTreeMap;

use common::experiment::{View, ViewSource};

use super::aggregate::counts;
use super::gather::{Gathered, index, named};
use super::{FeatureError, Inputs};
use crate::data::patients::{Codes, System};
use crate::data::{DataError, Patients};

/// Writes 1 or ln(1 + count) for each code of the vocabulary, and says how many inputs that makes.
pub(super) fn fill(
    inputs: &mut Inputs<'_>,
    place: usize,
    patients: &Patients,
    view: &View,
) -> Result<usize, FeatureError> {
    let ViewSource::Codes { table, system, vocabulary, window, counted } = &view.source else {
        return Err(FeatureError::NoEncoder { view: view.name.clone() });
    };
    let index = index(patients)?;
    let codes = of_system(patients, table, system)?;
    let listed = listed(codes, vocabulary);
    // Where each row of the table stands among these patients.
    let mut places = vec![None; patients.table.len()];
    for (patient, &row) in inputs.patients.iter().enumerate() {
        if let Some(place) = places.get_mut(row) {
            *place = Some(patient);
        }
    }
    for row in &codes.rows {
        let whose = row.patient as usize;
        let (Some(Some(patient)), Some(start)) = (places.get(whose), index.get(whose)) else {
            continue;
        };
        if !counts(row.day, *start, *window) {
            continue;
        }
        for word in listed.get(row.code as usize).into_iter().flatten() {
            if let Some(input) = inputs.rows.get_mut(patient * inputs.width + place + word) {
                *input += 1.0;
            }
        }
    }
    for patient in 0..inputs.patients.len() {
        let start = patient * inputs.width + place;
        let row = inputs.rows.get_mut(start..start + vocabulary.len());
        for input in row.into_iter().flatten() {
            *input = if *counted { input.ln_1p() } else { input.min(1.0) };
        }
    }
    Ok(vocabulary.len())
}

/// The table of that name, whose codes must be of that system.
fn of_system<'p>(
    patients: &'p Patients,
    table: &str,
    system: &str,
) -> Result<&'p Codes, FeatureError> {
    let codes = named(&patients.codes, "codes", table)?;
    let wanted = System::named(system);
    if codes.system == wanted {
        return Ok(codes);
    }
    let (found, wanted) = (codes.system.name().to_owned(), wanted.name().to_owned());
    Err(DataError::OtherSystem { table: table.to_owned(), found, wanted }.into())
}

/// How many codes of the vocabulary each patient has; none where there is not one.
pub(super) fn any(patients: &Patients, view: &View) -> Result<Gathered, FeatureError> {
    let ViewSource::Codes { table, system, vocabulary, window, .. } = &view.source else {
        return Err(FeatureError::NoEncoder { view: view.name.clone() });
    };
    let index = index(patients)?;
    let codes = of_system(patients, table, system)?;
    let listed = listed(codes, vocabulary);
    let mut values = vec![None; patients.table.len()];
    for row in &codes.rows {
        let whose = row.patient as usize;
        let meant = listed.get(row.code as usize).is_some_and(|words| !words.is_empty());
        if meant
            && index.get(whose).is_some_and(|start| counts(row.day, *start, *window))
            && let Some(value) = values.get_mut(whose)
        {
            *value = Some(value.unwrap_or(0.0) + 1.0);
        }
    }
    Ok(Gathered { values, outside: 0 })
}

/// For each code of a table the words of the vocabulary that it stands for.
fn listed(codes: &Codes, vocabulary: &[String]) -> Vec<Vec<usize>> {
    let plain = |word: &str| codes.system.plain(word).into_owned();
    let (mut exact, mut starts) = (BTreeMap::<String, Vec<usize>>::new(), Vec::new());
    for (place, word) in vocabulary.iter().enumerate() {
        match word.strip_suffix('*') {
            Some(start) => starts.push((plain(start), place)),
            None => exact.entry(plain(word)).or_default().push(place),
        }
    }
    let of = |code: &str| {
        let code = codes.system.plain(code);
        let begun = starts.iter().filter(|(start, _)| code.starts_with(start)).map(|it| it.1);
        exact.get(code.as_ref()).into_iter().flatten().copied().chain(begun).collect()
    };
    codes.words.all().map(of).collect()
}
