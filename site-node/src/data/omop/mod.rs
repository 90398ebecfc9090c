//! OMOP CDM tables as a source: each person of `person` who was observed, from an index date on.
//!
//! ```text
//! person ─┬─ index date: first of some conditions, or the start of observation
//!         ├─ end: death, or the end of observation (without it, the last dated row)
//!         ├─ condition_occurrence, drug_exposure ─► codes "condition", "drug" (system omop)
//!         └─ measurement ─────────────────────────► measurements "measurement", items by concept
//! ```
//!
//! Columns made: `person_id`, `age` at the index date in years, `gender_concept_id`,
//! `race_concept_id`, `ethnicity_concept_id`, `index_date`, `time` in days and `event` (death). A
//! person without an index date is left out.

mod person;
mod tables;

use std::collections::HashSet;

use common::experiment::TimeUnit;

use self::person::Person;
pub use self::tables::files;
pub(super) use self::tables::{Cdm, TABLES, texts};
use super::date::Day;
use super::error::{DataError, MeaningError};
use super::losses::Losses;
use super::patients::{
    Code, Codes, Measurement, Measurements, Patients, Rows, System, UnitCells, Who, WithdrawnList,
};
use super::problems::Problems;
use super::source::{Omop, Source};

/// The concepts of units that are common in measurements (UCUM in the OMOP vocabularies).
const UNITS: [(&str, &str); 20] = [
    ("8840", "mg/dL"),
    ("8753", "mmol/L"),
    ("8749", "umol/L"),
    ("8713", "g/dL"),
    ("8636", "g/L"),
    ("8751", "mg/L"),
    ("8842", "ng/mL"),
    ("8845", "pg/mL"),
    ("8645", "U/L"),
    ("8923", "IU/L"),
    ("8554", "%"),
    ("8876", "mmHg"),
    ("8582", "cm"),
    ("9546", "m"),
    ("9529", "kg"),
    ("8739", "lb"),
    ("586323", "C"),
    ("9289", "F"),
    ("8541", "/min"),
    ("9444", "10^9/L"),
];

/// Columns made that are no features.
const RESERVED: [(&str, &str); 4] = [
    ("person_id", "the patients' name"),
    ("index_date", "the index date"),
    ("time", "the outcome's time"),
    ("event", "the outcome's event"),
];

pub(super) fn patients(source: &Source, omop: &Omop, problems: &mut Problems) -> Option<Patients> {
    let cdm = Cdm { source, omop };
    let gone = WithdrawnList::read(source, "person_id", problems);
    let persons = cdm.table("person", problems)?;
    let (gone, column) = (gone?, problems.take(persons.column("person_id"))?);
    // Their rows elsewhere are passed over, and are no rows of a stranger.
    let mut everybody: HashSet<String> =
        (0..persons.len()).map(|row| column.text(row).into_owned()).collect();
    let left = gone.match_with(source, &everybody, problems);
    everybody.extend(gone.names().map(str::to_owned));
    let stay: Vec<usize> =
        (0..persons.len()).filter(|row| !gone.contains(&column.text(*row))).collect();
    let persons = persons.select(&stay);
    let mut people = Person::all(&persons, problems)?;
    let who = Who::new(problems.take(persons.column("person_id"))?, everybody);

    let conditions = cdm.codes("condition", &who, problems);
    let drugs = cdm.codes("drug", &who, problems);
    let measured = cdm.measurements(&who, problems);
    let observed = cdm.observed(&who, problems);
    let deaths = cdm.deaths(&who, problems)?;

    for (row, day) in deaths {
        if let Some(person) = people.get_mut(row as usize) {
            person.dies(day);
        }
    }
    for (row, from, to) in observed.iter().flatten() {
        if let Some(person) = people.get_mut(*row as usize) {
            person.observe(*from, *to);
        }
    }
    let dated = conditions.iter().chain(&drugs).flat_map(|codes| &codes.rows);
    let dated = dated.map(|code| (code.patient, code.day));
    let measures = measured.iter().flat_map(|it| &it.rows).map(|row| (row.patient, row.day));
    for (row, day) in dated.chain(measures) {
        if let Some(person) = people.get_mut(row as usize) {
            person.seen(day);
        }
    }
    for code in conditions.iter().flat_map(|codes| codes.rows.iter().map(move |row| (codes, row))) {
        let (codes, row) = code;
        let concept: Option<u64> = codes.words.word(row.code).parse().ok();
        if concept.is_some_and(|concept| omop.index_conditions.contains(&concept))
            && let Some(person) = people.get_mut(row.patient as usize)
        {
            person.meets(row.day);
        }
    }
    let by_condition = !omop.index_conditions.is_empty();
    let (table, index, kept) = person::table(&people, by_condition, observed.is_some(), problems)?;
    let keep = |row: u32| kept.get(row as usize).copied().flatten();
    let codes = |made: Option<Codes>| {
        made.map(|mut codes| {
            codes.rows = codes
                .rows
                .iter()
                .filter_map(|code| Some(Code { patient: keep(code.patient)?, ..*code }))
                .collect();
            codes
        })
    };
    let measured = measured.map(|mut made| {
        made.rows = made
            .rows
            .iter()
            .filter_map(|row| Some(Measurement { patient: keep(row.patient)?, ..*row }))
            .collect();
        made
    });
    let named = [("condition", codes(conditions)), ("drug", codes(drugs))];
    Some(Patients {
        table,
        index: Some(index),
        units: vec![("age".to_owned(), "years".to_owned())],
        time_unit: Some(("time".to_owned(), TimeUnit::Days)),
        causes: Some(("event".to_owned(), vec!["death".to_owned()])),
        described: true,
        reserved: RESERVED.map(|(name, what)| (name.to_owned(), what)).into(),
        withdrawn: left,
        losses: Losses::default(),
        measurements: measured.map(|made| ("measurement".to_owned(), made)).into_iter().collect(),
        codes: named
            .into_iter()
            .filter_map(|(name, codes)| Some((name.to_owned(), codes?)))
            .collect(),
    })
}

impl Cdm<'_> {
    fn codes(&self, kind: &str, who: &Who, problems: &mut Problems) -> Option<Codes> {
        let (table, prefix) = match kind {
            "condition" => ("condition_occurrence", "condition"),
            _ => ("drug_exposure", "drug_exposure"),
        };
        let (concept, start) = (format!("{kind}_concept_id"), format!("{prefix}_start_date"));
        let end = format!("{prefix}_end_date");
        let table = self.optional(table, problems)?;
        let rows = Rows::read(&table, "person_id", &start, who, problems)?;
        let column = problems.take(table.column(&concept))?;
        let ends = table.column(&end).ok().map(|column| (column, column.days()));
        let mut made = Codes {
            file: column.file().to_owned(),
            system: System::named("omop"),
            rows: Vec::new(),
            words: super::table::Words::default(),
        };
        for (row, patient, day) in rows.rows {
            if let Some((column, days)) = &ends
                && matches!(days.get(row), Some(Ok(Some(end))) if *end < day)
            {
                problems.note(column.bad_cell(row, super::CellFault::DatesOutOfOrder));
                continue;
            }
            let text = column.text(row);
            if !made.system.fits(&text) {
                problems.note(DataError::Meaning(MeaningError::CodeSystem {
                    file: made.file.clone(),
                    row: column.row(row),
                    column: concept.clone(),
                    system: "omop".to_owned(),
                }));
                continue;
            }
            // Concept 0 is "no matching concept".
            if text != "0" {
                let code = made.words.number(&text);
                made.rows.push(Code { patient, day, code });
            }
        }
        Some(made)
    }

    fn measurements(&self, who: &Who, problems: &mut Problems) -> Option<Measurements> {
        let table = self.optional("measurement", problems)?;
        let rows = Rows::read(&table, "person_id", "measurement_date", who, problems)?;
        let items = problems.take(table.column("measurement_concept_id"))?;
        let values = problems.take(table.column("value_as_number"))?;
        let units = table.column("unit_concept_id").ok();
        let (file, stated) = (items.file().to_owned(), units.map(UnitCells::of));
        let mut made = Measurements { file, stated, ..Measurements::default() };
        for (row, patient, day) in rows.rows {
            let value = match values.number(row) {
                Ok(Some(value)) => value,
                Ok(None) => continue,
                Err(fault) => {
                    problems.note(values.bad_cell(row, fault));
                    continue;
                }
            };
            let concept = units.map(|units| units.text(row)).unwrap_or_default();
            // A concept that is not in the list is a unit of its own: refused where a contract asks.
            let unit = UNITS.iter().find(|(known, _)| *known == concept);
            let unit = made.units.number(unit.map_or(concept.as_ref(), |(_, unit)| unit));
            if let (Some(cells), Some(column)) = (&mut made.stated, units) {
                cells.see(unit, column.row(row));
            }
            let item = made.items.number(&items.text(row));
            made.rows.push(Measurement { patient, day, item, value, unit });
        }
        Some(made)
    }

    fn observed(&self, who: &Who, problems: &mut Problems) -> Option<Vec<(u32, Day, Day)>> {
        let (start, end) = ("observation_period_start_date", "observation_period_end_date");
        let table = self.optional("observation_period", problems)?;
        let rows = Rows::read(&table, "person_id", start, who, problems)?;
        let column = problems.take(table.column(end))?;
        let ends = column.days();
        let mut made = Vec::new();
        for (row, patient, from) in rows.rows {
            match ends.get(row) {
                Some(Ok(Some(to))) if *to >= from => made.push((patient, from, *to)),
                Some(Ok(Some(_))) => {
                    problems.note(column.bad_cell(row, super::CellFault::DatesOutOfOrder));
                }
                Some(Err(fault)) => problems.note(column.bad_cell(row, *fault)),
                _ => problems.note(column.bad_cell(row, super::CellFault::Empty)),
            }
        }
        Some(made)
    }

    fn deaths(&self, who: &Who, problems: &mut Problems) -> Option<Vec<(u32, Day)>> {
        let Some(table) = self.optional("death", problems) else {
            return Some(Vec::new());
        };
        let rows = Rows::read(&table, "person_id", "death_date", who, problems)?;
        Some(rows.rows.into_iter().map(|(_, patient, day)| (patient, day)).collect())
    }
}
