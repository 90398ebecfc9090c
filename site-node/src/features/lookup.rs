//! A hospital's dated tables, each ordered once by what its rows are of, so that a view looks at its own
//! rows alone: a plan of ten thousand views passes over a table once, and not ten thousand times.

use std::collections::{BTreeMap, BTreeSet};

use base::config::nearest;
use plan::experiment::{View, ViewSource};

use super::FeatureError;
use crate::data::patients::{Code, Codes, Measurement, Measurements};
use crate::data::{DataError, Day, Loss, Losses, MeaningError, Patients};

/// Places of a table's rows, by a number that each row has.
pub(super) struct Places {
    /// Where the places of each number start, and where the last ones end.
    starts: Vec<u32>,
    places: Vec<u32>,
}

impl Places {
    /// Orders rows by their numbers, all below `count`; rows of one number stay in their order.
    fn of(numbers: impl Iterator<Item = u32> + Clone, count: usize) -> Self {
        let mut starts = vec![0_u32; count + 1];
        for number in numbers.clone() {
            if let Some(after) = starts.get_mut(number as usize + 1) {
                *after += 1;
            }
        }
        let mut before = 0;
        for start in &mut starts {
            before += *start;
            *start = before;
        }
        let mut next = starts.clone();
        let mut places = vec![0; before as usize];
        for (place, number) in (0_u32..).zip(numbers) {
            if let Some(next) = next.get_mut(number as usize)
                && let Some(slot) = places.get_mut(*next as usize)
            {
                *slot = place;
                *next += 1;
            }
        }
        Self { starts, places }
    }

    /// The places of the rows with a number.
    fn get(&self, number: u32) -> &[u32] {
        let number = number as usize;
        let bounds = self.starts.get(number).zip(self.starts.get(number + 1));
        let range = bounds.map(|(from, to)| *from as usize..*to as usize);
        range.and_then(|range| self.places.get(range)).unwrap_or_default()
    }
}

/// A table of measurements, by item.
pub(super) struct Measured<'p> {
    pub(super) table: &'p Measurements,
    places: Places,
}

impl<'p> Measured<'p> {
    /// The rows of an item.
    pub(super) fn rows(&self, item: u32) -> impl Iterator<Item = &'p Measurement> {
        let rows = &self.table.rows;
        self.places.get(item).iter().filter_map(|place| rows.get(*place as usize))
    }

    /// The results of an item that are in words.
    pub(super) fn in_words(&self, item: &str) -> Option<Loss> {
        let read = self.places.get(self.table.items.find(item)?).len();
        self.table.in_words(item, read)
    }
}

/// A table of codes, by code.
pub(super) struct Coded<'p> {
    pub(super) table: &'p Codes,
    places: Places,
    /// Codes as they are compared, with their numbers, in order.
    plain: Vec<(String, u32)>,
}

impl<'p> Coded<'p> {
    /// The rows of a code.
    pub(super) fn rows(&self, code: u32) -> impl Iterator<Item = &'p Code> {
        let rows = &self.table.rows;
        self.places.get(code).iter().filter_map(|place| rows.get(*place as usize))
    }

    /// The codes that a word of a vocabulary stands for: itself, or with `*` all that start so.
    pub(super) fn meant(&self, word: &str) -> impl Iterator<Item = u32> {
        let start = word.strip_suffix('*');
        let plain = self.table.system.plain(start.unwrap_or(word)).into_owned();
        let first = self.plain.partition_point(|(code, _)| *code < plain);
        let rest = self.plain.get(first..).unwrap_or_default();
        let fits = move |code: &str| {
            if start.is_some() { code.starts_with(&plain) } else { code == plain }
        };
        rest.iter().take_while(move |(code, _)| fits(code)).map(|(_, number)| *number)
    }
}

/// A hospital's patients, and what was ordered of their tables so far.
pub struct Lookup<'p> {
    pub(super) patients: &'p Patients,
    measured: BTreeMap<String, Measured<'p>>,
    coded: BTreeMap<String, Coded<'p>>,
}

impl<'p> Lookup<'p> {
    /// Nothing is ordered before a view asks for it.
    #[must_use]
    pub fn new(patients: &'p Patients) -> Self {
        Self { patients, measured: BTreeMap::new(), coded: BTreeMap::new() }
    }

    /// The patients' index dates.
    pub(super) fn index(&self) -> Result<&'p [Day], FeatureError> {
        let missing = || {
            DataError::Meaning(MeaningError::NoSource {
                what: "the index date",
                name: "index_date".to_owned(),
                nearest: None,
            })
        };
        Ok(self.patients.index.as_deref().ok_or_else(missing)?)
    }

    /// The measurements of that name.
    pub(super) fn measured(&mut self, name: &str) -> Result<&Measured<'p>, FeatureError> {
        let table = named(&self.patients.measurements, "measurements", name)?;
        Ok(self.measured.entry(name.to_owned()).or_insert_with(|| {
            let items = table.rows.iter().map(|row| row.item);
            Measured { table, places: Places::of(items, table.items.all().count()) }
        }))
    }

    /// Results in words of the items that some views ask for, each item once.
    #[must_use]
    pub fn in_words(&mut self, views: &[View]) -> Losses {
        let mut told = Losses::default();
        let mut asked = BTreeSet::new();
        for view in views {
            if let ViewSource::Measurement { table, item, .. } = &view.source
                && asked.insert((table, item))
                && let Ok(measured) = self.measured(table)
                && let Some(loss) = measured.in_words(item)
            {
                told.add(loss);
            }
        }
        told
    }

    /// The codes of that name.
    pub(super) fn coded(&mut self, name: &str) -> Result<&Coded<'p>, FeatureError> {
        let table = named(&self.patients.codes, "codes", name)?;
        Ok(self.coded.entry(name.to_owned()).or_insert_with(|| {
            let numbers = table.rows.iter().map(|row| row.code);
            let words = (0_u32..).zip(table.words.all());
            let plain = |(number, word): (u32, &str)| (table.system.plain(word).into(), number);
            let mut plain: Vec<(String, u32)> = words.map(plain).collect();
            plain.sort_unstable();
            Coded { table, places: Places::of(numbers, plain.len()), plain }
        }))
    }
}

/// One of some named tables.
fn named<'t, T>(
    tables: &'t [(String, T)],
    what: &'static str,
    name: &str,
) -> Result<&'t T, FeatureError> {
    let found = tables.iter().find(|(known, _)| known == name).map(|(_, table)| table);
    Ok(found.ok_or_else(|| {
        let known = tables.iter().map(|(known, _)| known.as_str());
        let nearest = nearest(name, known).map(str::to_owned);
        DataError::Meaning(MeaningError::NoSource { what, name: name.to_owned(), nearest })
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_under_its_number_once_and_in_order() {
        let numbers = [2, 0, 2, 4, 0, 2];
        let places = Places::of(numbers.into_iter(), 5);
        let found: Vec<&[u32]> = (0..6).map(|number| places.get(number)).collect();
        assert_eq!(found, [&[1, 4][..], &[], &[0, 2, 5], &[], &[3], &[]]);
        assert_eq!(Places::of(std::iter::empty(), 0).get(0), [0; 0]);
    }
}
