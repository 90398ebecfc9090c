//! One view's value for each patient.

use std::collections::BTreeMap;

use plan::experiment::{Aggregate, Missing, PrivacyMode, Values, View, ViewSource};

use super::aggregate::{Seen, counts};
use super::{FeatureError, Lookup, codes};
use crate::data::patients::Measurements;
use crate::data::unit::{Conversion, convert};
use crate::data::{Cell, Column, DataError, MeaningError, Patients, Wanted};

/// What a measurement is whose unit does not convert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Units {
    /// A mistake: the item is refused as a whole. So is one with more results in words than may be left out.
    Refuse,
    /// Missing: a refusal would be an exact answer about patients' rows.
    Missing,
}

/// What a value outside its range is where a missing one would be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// Missing, and hence refused.
    Missing,
    /// The nearer end of the range: a plan chooses the range, and a refusal would be an exact answer to
    /// whether anybody lies outside it.
    Held,
}

/// What is done with what does not fit the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// With units.
    pub units: Units,
    /// With values outside the range.
    pub outside: Outside,
}

impl Rules {
    /// Where patients are protected: a refusal would be an answer about them.
    pub const PROTECTED: Self = Self { units: Units::Missing, outside: Outside::Held };

    /// Where they are not: a mistake is best told.
    pub const OPEN: Self = Self { units: Units::Refuse, outside: Outside::Missing };

    /// By the plan's mode.
    #[must_use]
    pub fn of(mode: PrivacyMode) -> Self {
        if mode.protects_patients() { Self::PROTECTED } else { Self::OPEN }
    }
}

/// A view's values, in the order of the table's rows.
pub struct Gathered {
    /// One a patient, in the view's unit; the number of the category; none where it is missing.
    pub values: Vec<Option<f64>>,
    /// How many records lay outside the plausible range.
    pub outside: usize,
}

impl Gathered {
    pub(super) fn of(
        lookup: &mut Lookup<'_>,
        view: &View,
        rules: Rules,
    ) -> Result<Self, FeatureError> {
        let patients = lookup.patients;
        match &view.source {
            ViewSource::Number { column, values } => {
                number(patients, column, values, rules.outside)
            }
            ViewSource::Category { column, categories, .. } => {
                let column = patients.feature(column)?;
                let of = |row| category(column, row, categories);
                Ok(Self { values: (0..column.len()).map(of).collect(), outside: 0 })
            }
            ViewSource::Measurement { .. } => measured(lookup, view, rules),
            ViewSource::Codes { .. } => codes::any(lookup, view),
            ViewSource::Ecg { .. } | ViewSource::Image { .. } => {
                Err(FeatureError::NoEncoder { view: view.name.clone() })
            }
        }
    }
}

/// How values in the hospital's unit become the contract's; `None` where that is not known.
fn conversion(from: &str, values: &Values) -> Option<Conversion> {
    values
        .unit
        .as_deref()
        .map_or(Some(Conversion::SAME), |to| convert(from, to, values.analyte.as_deref()))
}

/// The same for a column, whose unit `cohort.toml` states.
fn of_column(patients: &Patients, name: &str, values: &Values) -> Result<Conversion, DataError> {
    let of = format!("column {name:?}");
    let analyte = values.analyte.clone();
    let Some(to) = values.unit.clone() else { return Ok(Conversion::SAME) };
    let Some(from) = patients.unit(name) else {
        return Err(DataError::Meaning(MeaningError::NoUnit {
            file: "cohort.toml".to_owned(),
            of,
            to,
        }));
    };
    let from = from.to_owned();
    conversion(&from, values).ok_or(DataError::Meaning(MeaningError::NoConversion {
        of,
        from,
        to,
        analyte,
    }))
}

/// What is measured: its name, and its number among a table's items.
#[derive(Debug, Clone, Copy)]
struct Item<'i> {
    name: &'i str,
    number: u32,
}

/// The same for measurements in one of a table's units. A unit in a cell may be any text, and is told by
/// its row.
fn of_unit(
    table: &Measurements,
    item: Item<'_>,
    unit: u32,
    values: &Values,
) -> Result<Conversion, DataError> {
    let Item { name, number } = item;
    let of = format!("measurement {name:?}");
    let analyte = values.analyte.clone();
    let Some(to) = values.unit.clone() else { return Ok(Conversion::SAME) };
    let from = table.units.word(unit).to_owned();
    let file = table.file.clone();
    if from.is_empty() {
        return Err(DataError::Meaning(match &table.stated {
            None => MeaningError::NoUnit { file, of, to },
            Some(cells) => {
                let (column, row) = cells.first_of(number, unit);
                MeaningError::NoUnitCell { file, row, column, of, to }
            }
        }));
    }
    conversion(&from, values).ok_or_else(|| match &table.stated {
        None => DataError::Meaning(MeaningError::NoConversion { of, from, to, analyte }),
        Some(cells) => {
            let (column, row) = cells.first_of(number, unit);
            let wanted = Box::new(Wanted { of, to, analyte });
            DataError::Meaning(MeaningError::NoConversionCell { file, row, column, wanted })
        }
    })
}

/// Every unit of a measurement that does not convert to the contract's, where units stand in cells.
pub(crate) fn unit_faults(table: &Measurements, item: &str, values: &Values) -> Vec<DataError> {
    let (Some(number), Some(cells)) = (table.items.find(item), &table.stated) else {
        return Vec::new();
    };
    let item = Item { name: item, number };
    let fault = |unit| of_unit(table, item, unit, values).err();
    cells.units_of(number).filter_map(fault).collect()
}

/// A value by the plausible range and the transform's domain: kept, held to the range, or none.
fn plausible(value: f64, values: &Values, rule: Outside, outside: &mut usize) -> Option<f64> {
    if values.admits(value) {
        return Some(value);
    }
    *outside += 1;
    let held = values.missing == Missing::Refuse && rule == Outside::Held;
    // A checked plan has a range within the domain here.
    values.range.filter(|_| held).map(|(low, high)| value.clamp(low, high))
}

fn number(
    patients: &Patients,
    name: &str,
    rule: &Values,
    outside: Outside,
) -> Result<Gathered, FeatureError> {
    let column = patients.feature(name)?;
    let change = of_column(patients, name, rule)?;
    let mut gathered = Gathered { values: Vec::with_capacity(column.len()), outside: 0 };
    for row in 0..column.len() {
        let value = column.number(row).map_err(|fault| column.bad_cell(row, fault))?;
        let value = value.map(|value| change.apply(value));
        let value = value.and_then(|value| plausible(value, rule, outside, &mut gathered.outside));
        gathered.values.push(value);
    }
    Ok(gathered)
}

/// The number of the category that a cell is.
fn category(column: &Column, row: usize, categories: &[String]) -> Option<f64> {
    let place = match column.cell(row) {
        Cell::Missing => None,
        Cell::Text(text) => categories.iter().position(|category| category == text),
        Cell::Number(value) => {
            // As cells are read: a column of `true` and `false` holds 1 and 0.
            let cell = |category: &String| crate::data::number(category.as_bytes()) == Some(value);
            categories.iter().position(cell)
        }
    };
    place.map(|place| place as f64)
}

fn measured(lookup: &mut Lookup<'_>, view: &View, rules: Rules) -> Result<Gathered, FeatureError> {
    let ViewSource::Measurement { table, item, window, aggregate, values: rule } = &view.source
    else {
        return Err(FeatureError::NoEncoder { view: view.name.clone() });
    };
    let index = lookup.index()?;
    let mut seen = vec![Seen::default(); lookup.patients.table.len()];
    // A count is not of what its transform is about: each record counts whatever its value is.
    let of_records = Values { transform: None, ..rule.clone() };
    let rule = if *aggregate == Aggregate::Count { &of_records } else { rule };
    let measured = lookup.measured(table)?;
    let table = measured.table;
    let mut outside = 0;
    if let Some(wanted) = table.items.find(item) {
        if rules.units == Units::Refuse
            && let Some(loss) = measured.in_words(item)
            && let Some(allowed) = loss.exceeded()
        {
            return Err(DataError::LeftOut { loss: Box::new(loss), allowed }.into());
        }
        let mut changes: BTreeMap<u32, Option<Conversion>> = BTreeMap::new();
        for row in measured.rows(wanted) {
            // Every unit of the item, whether its day counts or not: all or nothing.
            let asked = Item { name: item, number: wanted };
            let change = if let Some(change) = changes.get(&row.unit) {
                *change
            } else {
                let change = match of_unit(table, asked, row.unit, rule) {
                    Err(error) if rules.units == Units::Refuse => return Err(error.into()),
                    change => change.ok(),
                };
                changes.insert(row.unit, change);
                change
            };
            let Some(change) = change else { continue };
            let patient = row.patient as usize;
            let (Some(start), Some(seen)) = (index.get(patient), seen.get_mut(patient)) else {
                continue;
            };
            if counts(row.day, *start, *window)
                && let Some(value) =
                    plausible(change.apply(row.value), rule, rules.outside, &mut outside)
            {
                seen.add(row.day, value);
            }
        }
    }
    let values = seen.iter().map(|seen| seen.aggregate(*aggregate));
    Ok(Gathered { values: values.collect(), outside })
}
