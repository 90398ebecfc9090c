//! Codes up to the index date: one input each, or with their age.

use std::collections::BTreeSet;

use plan::experiment::{View, ViewSource};
use plan::model::limits::CODES;

use super::aggregate::counts;
use super::column::Gathered;
use super::lookup::{Coded, Lookup};
use super::modality_inputs::places;
use super::{FeatureError, Inputs};
use crate::cohort::Part;
use crate::data::patients::System;
use crate::data::{DataError, MeaningError};
use crate::examples::Code as Dated;

const DAYS_PER_YEAR: f32 = 365.25;

/// Writes 1 or ln(1 + count) for each code of the vocabulary, and says how many inputs that makes.
pub(super) fn fill(
    inputs: &mut Inputs<'_>,
    place: usize,
    lookup: &mut Lookup<'_>,
    view: &View,
) -> Result<usize, FeatureError> {
    let ViewSource::Codes { table, system, vocabulary, window, counted } = &view.source else {
        return Err(FeatureError::NoEncoder { view: view.name.clone() });
    };
    let index = lookup.index()?;
    // Where each row of the table stands among these patients.
    let mut places = vec![None; lookup.patients.table.len()];
    for (patient, &row) in inputs.patients.iter().enumerate() {
        if let Some(place) = places.get_mut(row) {
            *place = Some(patient);
        }
    }
    let codes = of_system(lookup, table, system)?;
    for (word, place) in vocabulary.iter().zip(place..) {
        for row in codes.meant(word).flat_map(|code| codes.rows(code)) {
            let whose = row.patient as usize;
            let (Some(Some(patient)), Some(start)) = (places.get(whose), index.get(whose)) else {
                continue;
            };
            if counts(row.day, *start, *window)
                && let Some(input) = inputs.rows.get_mut(patient * inputs.width + place)
            {
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

/// Each patient's codes of the vocabulary, with their age in years.
pub(super) fn dated(
    part: &Part<'_>,
    lookup: &mut Lookup<'_>,
    view: &View,
) -> Result<Vec<Vec<Dated>>, FeatureError> {
    let ViewSource::Codes { table, system, vocabulary, window, .. } = &view.source else {
        return Err(FeatureError::NoEncoder { view: view.name.clone() });
    };
    let index = lookup.index()?;
    let codes = of_system(lookup, table, system)?;
    let places = places(part);
    let mut brought = vec![Vec::new(); part.rows.len()];
    for (word, text) in (0_u32..).zip(vocabulary) {
        for row in codes.meant(text).flat_map(|code| codes.rows(code)) {
            let whose = row.patient as usize;
            let (Some(&patient), Some(start)) = (places.get(&whose), index.get(whose)) else {
                continue;
            };
            if counts(row.day, *start, *window)
                && let Some(brought) = brought.get_mut(patient)
            {
                // At most a century, by the window.
                let days = i64::from(start.0) - i64::from(row.day.0);
                brought.push(Dated { word, age: days as f32 / DAYS_PER_YEAR });
                if brought.len() >= 4 * CODES {
                    most_recent(brought);
                }
            }
        }
    }
    // Rows of a table have no order: the same codes are the same to the model.
    brought.iter_mut().for_each(most_recent);
    Ok(brought)
}

/// The codes that an encoder reads, in an order that is theirs alone.
fn most_recent(codes: &mut Vec<Dated>) {
    codes.sort_unstable_by(|a, b| a.age.total_cmp(&b.age).then(a.word.cmp(&b.word)));
    codes.truncate(CODES);
}

/// The table of that name, whose codes must be of that system.
fn of_system<'l, 'p>(
    lookup: &'l mut Lookup<'p>,
    table: &str,
    system: &str,
) -> Result<&'l Coded<'p>, FeatureError> {
    let codes = lookup.coded(table)?;
    let wanted = System::named(system);
    let found = &codes.table.system;
    if *found == wanted {
        return Ok(codes);
    }
    let found = found.name().to_owned();
    let wanted = wanted.name().to_owned();
    Err(DataError::Meaning(MeaningError::OtherSystem { table: table.to_owned(), found, wanted })
        .into())
}

/// How many codes of the vocabulary each patient has; none where there is not one.
pub(super) fn any(lookup: &mut Lookup<'_>, view: &View) -> Result<Gathered, FeatureError> {
    let ViewSource::Codes { table, system, vocabulary, window, .. } = &view.source else {
        return Err(FeatureError::NoEncoder { view: view.name.clone() });
    };
    let index = lookup.index()?;
    let mut values = vec![None; lookup.patients.table.len()];
    let codes = of_system(lookup, table, system)?;
    // A code that two words stand for counts once.
    let meant: BTreeSet<u32> = vocabulary.iter().flat_map(|word| codes.meant(word)).collect();
    for row in meant.into_iter().flat_map(|code| codes.rows(code)) {
        let whose = row.patient as usize;
        if index.get(whose).is_some_and(|start| counts(row.day, *start, *window))
            && let Some(value) = values.get_mut(whose)
        {
            *value = Some(value.unwrap_or(0.0) + 1.0);
        }
    }
    Ok(Gathered { values, outside: 0 })
}
