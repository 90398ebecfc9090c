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
//! person without an index date is left out. Every row, person and death that is left out is counted by kind.

mod person;
mod tables;

use std::collections::HashSet;

use plan::experiment::TimeUnit;

use self::person::{Files, Followed, Person};
pub use self::tables::files;
pub(super) use self::tables::{Cdm, TABLES, texts};
use super::date::Day;
use super::error::{CellFault, CodeFault, DataError, MeaningError};
use super::losses::{Counted, Loss, Losses};
use super::patients::{
    Code, Codes, Dated, Measurement, Measurements, Patients, RowColumns, Rows, System, Undated,
    UnitCells, Who, WithdrawnList, sound,
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

/// Reads the tables; `today` is the day after which nobody was observed and nobody died.
pub(super) fn patients(
    source: &Source,
    omop: &Omop,
    today: Option<Day>,
    problems: &mut Problems,
) -> Option<Patients> {
    let cdm = Cdm { source, omop, today };
    let mut losses = Losses::default();
    let gone = WithdrawnList::read(source, "person_id", problems);
    let persons = cdm.table("person", problems)?;
    let gone = gone?;
    let column = problems.take(persons.column("person_id"))?;
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

    let tables = DatedTables::read(&cdm, &who, &mut losses, problems)?;
    if persons.is_empty() {
        problems.note(DataError::EverybodyWithdrew { files: column.file().to_owned() });
        return None;
    }
    tables.tell(&mut people, omop);
    let unread = tables.unread(&cdm);
    let DatedTables { conditions, drugs, measured, observed, deaths } = tables;
    let files = Files {
        person: column.file(),
        periods: observed.as_ref().map(|it| it.file.as_str()),
        death: deaths.as_ref().map(|it| it.file.as_str()),
    };
    let by_condition = !omop.index_conditions.is_empty();
    let followed = person::table(&persons, &people, by_condition, files, &mut losses, problems);
    losses.judge(source, problems);
    let Followed { table, index, kept } = followed?;
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
        losses,
        measurements: measured.map(|made| ("measurement".to_owned(), made)).into_iter().collect(),
        codes: named
            .into_iter()
            .filter_map(|(name, codes)| Some((name.to_owned(), codes?)))
            .collect(),
        unread,
        sound_times: true,
    })
}

/// The dated tables of a folder, as far as they are there.
struct DatedTables {
    conditions: Option<Codes>,
    drugs: Option<Codes>,
    measured: Option<Measurements>,
    observed: Option<Observed>,
    deaths: Option<Deaths>,
}

impl DatedTables {
    /// Reads them all, so that all mistakes are told at once; none where one that is needed cannot be read.
    fn read(
        cdm: &Cdm<'_>,
        who: &Who,
        losses: &mut Losses,
        problems: &mut Problems,
    ) -> Option<Self> {
        let conditions = cdm.codes("condition", who, losses, problems);
        let drugs = cdm.codes("drug", who, losses, problems);
        let measured = cdm.measurements(who, losses, problems);
        let observed = cdm.observed(who, losses, problems)?;
        let deaths = cdm.deaths(who, losses, problems)?;
        if conditions.is_none() && !cdm.omop.index_conditions.is_empty() {
            // A table that is there and cannot be read is a problem of its own.
            if !cdm.is_there("condition_occurrence") {
                problems.note(DataError::MissingOmopTable {
                    table: "condition_occurrence",
                    needed: Some("index_conditions"),
                });
            }
            return None;
        }
        if observed.is_none() {
            let what = "OMOP: no observation_period: follow-up ends with the last dated row";
            problems.remark([what.to_owned()]);
        }
        if deaths.is_none() {
            problems.remark(["OMOP: no table death: nobody is known to have died".to_owned()]);
        }
        Some(Self { conditions, drugs, measured, observed, deaths })
    }

    /// The tables that are there and could not be read, by their names in a contract.
    fn unread(&self, cdm: &Cdm<'_>) -> Vec<String> {
        let read = [
            ("condition", "condition_occurrence", self.conditions.is_some()),
            ("drug", "drug_exposure", self.drugs.is_some()),
            ("measurement", "measurement", self.measured.is_some()),
        ];
        let unread = read.into_iter().filter(|(_, table, read)| !read && cdm.is_there(table));
        unread.map(|(name, ..)| name.to_owned()).collect()
    }

    /// Tells each person what its rows say.
    fn tell(&self, people: &mut [Person], omop: &Omop) {
        let Self { conditions, drugs, measured, observed, deaths } = self;
        for (row, day) in deaths.iter().flat_map(|deaths| &deaths.days) {
            if let Some(person) = people.get_mut(*row as usize) {
                person.dies(*day);
            }
        }
        for (row, from, to) in observed.iter().flat_map(|observed| &observed.periods) {
            if let Some(person) = people.get_mut(*row as usize) {
                person.observe(*from, *to);
            }
        }
        let dated = conditions.iter().chain(drugs).flat_map(|codes| &codes.rows);
        let dated = dated.map(|code| (code.patient, code.day));
        let measures = measured.iter().flat_map(|it| &it.rows).map(|row| (row.patient, row.day));
        for (row, day) in dated.chain(measures) {
            if let Some(person) = people.get_mut(row as usize) {
                person.seen(day);
            }
        }
        if let Some(codes) = conditions {
            for row in &codes.rows {
                let concept: Option<u64> = codes.words.word(row.code).parse().ok();
                if concept.is_some_and(|concept| omop.index_conditions.contains(&concept))
                    && let Some(person) = people.get_mut(row.patient as usize)
                {
                    person.meets(row.day);
                }
            }
        }
    }
}

/// Periods of observation: of whom, from when and until when.
struct Observed {
    file: String,
    periods: Vec<(u32, Day, Day)>,
}

/// Deaths: whose, and when.
struct Deaths {
    file: String,
    days: Vec<(u32, Day)>,
}

impl Cdm<'_> {
    fn codes(
        &self,
        kind: &str,
        who: &Who,
        losses: &mut Losses,
        problems: &mut Problems,
    ) -> Option<Codes> {
        let (table, prefix) = match kind {
            "condition" => ("condition_occurrence", "condition"),
            _ => ("drug_exposure", "drug_exposure"),
        };
        let concept = format!("{kind}_concept_id");
        let start = format!("{prefix}_start_date");
        let end = format!("{prefix}_end_date");
        let table = self.optional(table, problems)?;
        let columns =
            RowColumns { patient: "person_id", date: &start, undated: Undated::PassedOver };
        let rows = Rows::read(&table, columns, who, losses, problems)?;
        let column = problems.take(table.column(&concept))?;
        let ends = table.column(&end).ok().map(|column| (column, column.days()));
        let mut made = Codes {
            file: column.file().to_owned(),
            system: System::named("omop"),
            rows: Vec::new(),
            words: super::table::Words::default(),
        };
        let mut nameless = 0;
        for Dated { place: row, patient, day } in rows.rows {
            if let Some((column, days)) = &ends {
                let fault = match days.get(row) {
                    Some(Ok(Some(end))) if *end < day => Some(CellFault::DatesOutOfOrder),
                    Some(Err(fault)) => Some(*fault),
                    _ => None,
                };
                if let Some(fault) = fault {
                    problems.note(column.bad_cell(row, fault));
                    continue;
                }
            }
            let text = column.text(row);
            // Concept 0 is "no matching concept".
            if text == "0" || text.is_empty() {
                nameless += 1;
                continue;
            }
            if !made.system.fits(&text) {
                problems.note(DataError::Meaning(MeaningError::CodeSystem {
                    file: made.file.clone(),
                    row: column.row(row),
                    column: concept.clone(),
                    system: "omop".to_owned(),
                    fault: CodeFault::Form,
                }));
                continue;
            }
            let code = made.words.number(&text);
            made.rows.push(Code { patient, day, code });
        }
        let reason = "name no concept";
        let loss = Loss::new(&made.file, Counted::Rows, nameless, table.len(), reason);
        losses.add(loss.unless_all());
        Some(made)
    }

    fn measurements(
        &self,
        who: &Who,
        losses: &mut Losses,
        problems: &mut Problems,
    ) -> Option<Measurements> {
        let table = self.optional("measurement", problems)?;
        let date = "measurement_date";
        let columns = RowColumns { patient: "person_id", date, undated: Undated::PassedOver };
        let rows = Rows::read(&table, columns, who, losses, problems)?;
        let items = problems.take(table.column("measurement_concept_id"))?;
        let values = problems.take(table.column("value_as_number"))?;
        let units = table.column("unit_concept_id").ok();
        let file = items.file().to_owned();
        let stated = units.map(UnitCells::of);
        let allowed = self.source.allowed_loss(&file);
        let mut made = Measurements { file, stated, allowed, ..Measurements::default() };
        for Dated { place: row, patient, day } in rows.rows {
            let item = items.text(row);
            let Some(value) = made.result(values, row, &item, problems) else { continue };
            let concept = units.map(|units| units.text(row)).unwrap_or_default();
            // A concept that is not in the list is a unit of its own: refused where a contract asks.
            let unit = UNITS.iter().find(|(known, _)| *known == concept);
            let unit = made.units.number(unit.map_or(concept.as_ref(), |(_, unit)| unit));
            let item = made.items.number(&item);
            if let (Some(cells), Some(column)) = (&mut made.stated, units) {
                cells.see(item, unit, column.row(row));
            }
            made.rows.push(Measurement { patient, day, item, value, unit });
        }
        made.tell(table.len(), losses);
        Some(made)
    }

    /// Whether a day is later than anything can be.
    fn is_future(&self, day: Day) -> bool {
        self.today.is_some_and(|today| day > today)
    }

    /// The periods of observation, where there is a table of them; none where it cannot be read.
    #[allow(clippy::option_option, reason = "wrong, missing and present differ")]
    fn observed(
        &self,
        who: &Who,
        losses: &mut Losses,
        problems: &mut Problems,
    ) -> Option<Option<Observed>> {
        let start = "observation_period_start_date";
        let end = "observation_period_end_date";
        if problems.take(self.path("observation_period"))?.is_none() {
            return Some(None);
        }
        let table = self.optional("observation_period", problems)?;
        let columns = RowColumns { patient: "person_id", date: start, undated: Undated::Refused };
        let rows = Rows::read(&table, columns, who, losses, problems)?;
        let column = problems.take(table.column(end))?;
        let ends = column.days();
        let mut periods = Vec::with_capacity(rows.rows.len());
        for Dated { place: row, patient, day: from } in rows.rows {
            let to = sound(ends.get(row).copied().unwrap_or(Ok(None)));
            let fault = match to {
                Ok(to) if to < from => CellFault::DatesOutOfOrder,
                Ok(to) if self.is_future(to) => CellFault::AfterToday,
                Ok(to) => {
                    periods.push((patient, from, to));
                    continue;
                }
                Err(fault) => fault,
            };
            problems.note(column.bad_cell(row, fault));
        }
        Some(Some(Observed { file: column.file().to_owned(), periods }))
    }

    /// Deaths, where there is a table of them; none where it cannot be read.
    #[allow(clippy::option_option, reason = "wrong, missing and present differ")]
    fn deaths(
        &self,
        who: &Who,
        losses: &mut Losses,
        problems: &mut Problems,
    ) -> Option<Option<Deaths>> {
        if problems.take(self.path("death"))?.is_none() {
            return Some(None);
        }
        let table = self.optional("death", problems)?;
        let date = "death_date";
        let columns = RowColumns { patient: "person_id", date, undated: Undated::Refused };
        let rows = Rows::read(&table, columns, who, losses, problems)?;
        let column = problems.take(table.column(date))?;
        let mut days = Vec::with_capacity(rows.rows.len());
        let mut whose = HashSet::new();
        for Dated { place, patient, day } in rows.rows {
            if self.is_future(day) {
                problems.note(column.bad_cell(place, CellFault::DeathAfterToday));
                continue;
            }
            whose.insert(patient);
            days.push((patient, day));
        }
        let again = days.len() - whose.len();
        let file = column.file().to_owned();
        let reason = "are of persons who have another (the first day counts)";
        losses.add(Loss::new(&file, Counted::Rows, again, table.len(), reason).intended());
        Some(Some(Deaths { file, days }))
    }
}
