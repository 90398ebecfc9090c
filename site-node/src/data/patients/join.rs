//! The tables with one row per patient.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::alike::{Misspelt, Spellings};
use super::withdrawn::{Withdrawn, WithdrawnList};
use super::{Who, dated::sound};
use crate::data::date::Day;
use crate::data::error::{CellFault, DataError};
use crate::data::losses::{Counted, Loss, Losses};
use crate::data::path::resolve_within;
use crate::data::problems::Problems;
use crate::data::source::{OutcomeColumns, Source};
use crate::data::table::{self, Cell, Column, Request, Table};

/// What reading and joining the tables gives.
pub(super) struct Joined {
    pub(super) table: Table,
    pub(super) who: Who,
    pub(super) withdrawn: Withdrawn,
    pub(super) losses: Losses,
}

/// Reads and joins them, without whoever withdrew.
pub(super) fn tables(source: &Source, problems: &mut Problems) -> Option<Joined> {
    let patient = source.patient.as_str();
    let ends = source.outcome.as_ref().and_then(|outcome| outcome.ends.as_deref());
    let texts: Vec<&str> =
        [Some(patient), source.index_date.as_deref(), ends].into_iter().flatten().collect();
    let mut read = |path: &Path| -> Option<Table> {
        let format = source.formats.of(path);
        let path = problems.take(resolve_within(&source.folder, path))?;
        let asked = Request { identifiers: &[patient], ..Request::of(&texts, format) };
        let table = problems.take(table::read_as(&path, &asked))?;
        problems.remark(table.notes());
        Some(table)
    };
    // Every file is read before any error ends it, so that all are named at once.
    let required: Vec<Option<Table>> = source.tables.iter().map(|path| read(path)).collect();
    let optional: Vec<Option<Table>> =
        source.optional_tables.iter().map(|path| read(path)).collect();
    let gone = WithdrawnList::read(source, patient, problems);
    let required: Option<Vec<Table>> = required.into_iter().collect();
    let optional: Option<Vec<Table>> = optional.into_iter().collect();
    let required = required?;
    let optional = optional?;

    // So are all columns and patients.
    let all: Vec<&Table> = required.iter().chain(&optional).collect();
    let complete = columns(&needed(source), &all, problems);
    let mut named = Vec::new();
    for table in &all {
        named.push(Named::of(table, patient, problems));
    }
    let named: Option<Vec<Named>> = named.into_iter().collect();
    if !complete || named.is_none() {
        // Whoever mends one column is told of the others too.
        columns(&of_outcome(source), &all, problems);
    }
    let gone = gone?;
    let named = named?;
    let mut everybody: HashSet<String> =
        named.iter().flat_map(|table| table.names.iter().cloned()).collect();
    let withdrawn = gone.match_with(source, &everybody, problems);
    everybody.extend(gone.names().map(str::to_owned));
    if !complete {
        return None;
    }
    let losses = losses(&named, required.len(), &gone);
    drop(named);
    let joined = table::join(required, patient);
    if joined.is_err() {
        problems.remark(losses.iter().map(ToString::to_string));
    }
    let mut joined = problems.take(joined)?;
    for table in &optional {
        joined = problems.take(table::join_some(joined, table, patient))?;
    }
    let column = problems.take(joined.column(patient))?;
    let stay: Vec<usize> =
        (0..joined.len()).filter(|row| !gone.contains(&column.text(*row))).collect();
    if stay.is_empty() {
        problems.note(DataError::EverybodyWithdrew { files: joined.files() });
        return None;
    }
    losses.judge(source, problems);
    if stay.len() < joined.len() {
        joined = joined.select(&stay);
    }
    let column = problems.take(joined.column(patient))?;
    let who = Who::new(column, everybody);
    Some(Joined { table: joined, who, withdrawn, losses })
}

/// Who stands in one table.
struct Named {
    file: String,
    names: HashSet<String>,
}

impl Named {
    /// Notes every row without a patient, and every second row of one.
    fn of(table: &Table, patient: &str, problems: &mut Problems) -> Option<Self> {
        let column = problems.take(table.column(patient))?;
        let mut rows: BTreeMap<String, usize> = BTreeMap::new();
        let mut sound = true;
        for row in 0..table.len() {
            let name = column.text(row);
            let file = || column.file().to_owned();
            if name.is_empty() {
                let row = column.row(row);
                let column = patient.to_owned();
                problems.note(DataError::NamelessPatient { file: file(), row, column });
                sound = false;
            } else if let Some(first) = rows.get(name.as_ref()) {
                let first = column.row(*first);
                let second = column.row(row);
                problems.note(DataError::DuplicatePatient { file: file(), first, second });
                sound = false;
            } else {
                rows.insert(name.into_owned(), row);
            }
        }
        let names = rows.into_keys().collect();
        sound.then(|| Self { file: column.file().to_owned(), names })
    }
}

/// Columns without which no patient can be read.
fn needed(source: &Source) -> Vec<&str> {
    let outcome = source.outcome.as_ref();
    let days = [source.index_date.as_deref(), outcome.and_then(|it| it.ends.as_deref())];
    // The time that is made of two days is no column, and may have a unit.
    let made = outcome.filter(|it| it.ends.is_some()).map(|it| it.time.as_str());
    let units = source.units.iter().map(|(column, _)| column.as_str());
    days.into_iter().flatten().chain(units.filter(|column| Some(*column) != made)).collect()
}

/// Columns that patients without an outcome lack.
fn of_outcome(source: &Source) -> Vec<&str> {
    let outcome = source.outcome.as_ref();
    let time = outcome.filter(|it| it.ends.is_none()).map(|it| it.time.as_str());
    let event = outcome.map(|it| it.event.as_str());
    [source.split.as_deref(), time, event].into_iter().flatten().collect()
}

/// Whether every one of some columns stands in a table; notes each that does not.
fn columns(names: &[&str], tables: &[&Table], problems: &mut Problems) -> bool {
    let files: Vec<String> = tables.iter().map(|table| table.files()).collect();
    let mut complete = true;
    for name in names {
        if tables.iter().any(|table| table.has(name)) {
            continue;
        }
        let nearest = tables.iter().find_map(|table| match table.column(name) {
            Err(DataError::MissingColumn { nearest, .. }) => nearest,
            _ => None,
        });
        let file = files.join(", ");
        problems.note(DataError::MissingColumn { file, column: (*name).to_owned(), nearest });
        complete = false;
    }
    complete
}

/// Those of some names that match in another spelling. The spellings are made where they are needed.
fn misspelt(names: &[&str], others: impl FnOnce() -> Spellings) -> Misspelt {
    if names.is_empty() {
        return Misspelt::default();
    }
    Misspelt::among(names.iter().copied(), &others())
}

/// Who stands in one table and not in another that everybody must stand in. Nobody counts who withdrew.
fn losses(named: &[Named], required: usize, gone: &WithdrawnList) -> Losses {
    let mut losses = Losses::default();
    let (must, may) = named.split_at(required.min(named.len()));
    let stay = |table: &Named| table.names.iter().filter(|name| !gone.contains(name)).count();
    let spellings = |names: &HashSet<String>| Spellings::of(names.iter().map(String::as_str));
    for (place, one) in must.iter().enumerate() {
        let mut out = HashSet::new();
        let mut largest = 0;
        for (_, other) in must.iter().enumerate().filter(|(at, _)| *at != place) {
            let left = without(one, &other.names, gone);
            let reason = format!("stand in no row of {}", other.file);
            let found = misspelt(&left, || spellings(&other.names));
            let loss = Loss::new(&one.file, Counted::Patients, left.len(), stay(one), &reason);
            losses.add(loss.with_misspelt(found.count, found.hint));
            largest = largest.max(left.len());
            out.extend(left);
        }
        // Each table lacks others.
        if out.len() > largest {
            let reason = "do not stand in all tables";
            losses.add(Loss::new(&one.file, Counted::Patients, out.len(), stay(one), reason));
        }
    }
    let cohort: HashSet<String> =
        must.iter().flat_map(|table| table.names.iter().cloned()).collect();
    for one in may {
        let left = without(one, &cohort, gone);
        let all = stay(one);
        let found = misspelt(&left, || spellings(&cohort));
        let reason = "stand in no table that names the cohort";
        let loss = Loss::new(&one.file, Counted::Patients, left.len(), all, reason);
        let loss = loss.with_misspelt(found.count, found.hint);
        // An optional table may be of a whole hospital, but not of other patients alone.
        let nobody = loss.left_out == all;
        losses.add(if nobody { loss } else { loss.intended() });
    }
    losses
}

fn without<'n>(one: &'n Named, others: &HashSet<String>, gone: &WithdrawnList) -> Vec<&'n str> {
    let names = one.names.iter().map(String::as_str);
    names.filter(|name| !others.contains(*name) && !gone.contains(name)).collect()
}

/// Puts numbers in place of the words of the event column, where `cohort.toml` says what they stand for. A
/// word of neither kind is a mistake and no censoring.
pub(super) fn event_words(
    table: &mut Table,
    outcome: &OutcomeColumns,
    problems: &mut Problems,
) -> Option<()> {
    // Patients who are only to be scored have no such column.
    if outcome.event_is.is_empty() || !table.has(&outcome.event) {
        return Some(());
    }
    let column = problems.take(table.column(&outcome.event))?;
    let stands = |words: &[String], cell: Cell<'_>| match cell {
        Cell::Missing => false,
        Cell::Text(text) => words.iter().any(|word| word.trim() == text),
        Cell::Number(value) => {
            words.iter().any(|word| table::number(word.trim().as_bytes()) == Some(value))
        }
    };
    let made = column.relabelled(|cell| {
        if stands(&outcome.event_is, cell) {
            return Some(1.0);
        }
        stands(&outcome.no_event_is, cell).then_some(0.0)
    });
    table.replace(made);
    Some(())
}

/// Makes the time column from the day on which follow-up ended.
pub(super) fn follow_up(
    table: &mut Table,
    outcome: &OutcomeColumns,
    index: &[Day],
    problems: &mut Problems,
) -> Option<()> {
    let Some(ends) = &outcome.ends else { return Some(()) };
    let column = problems.take(table.column(ends))?;
    let unit = outcome.unit.days();
    let event = problems.take(table.column(&outcome.event))?;
    let mut times = Vec::with_capacity(table.len());
    for (row, (end, start)) in column.days().into_iter().zip(index).enumerate() {
        let had = event.cause(row, outcome.causes.len()).is_ok_and(|cause| cause > 0);
        // An event without its day is a mistake of its own.
        let end = if end == Ok(None) { Ok(None) } else { sound(end).map(Some) };
        let time = match end {
            Ok(Some(end)) if end < *start => Err(CellFault::DatesOutOfOrder),
            Ok(Some(end)) => Ok(f64::from(end.0 - start.0) / unit),
            Ok(None) if had => Err(CellFault::EventWithoutTime),
            Ok(None) => Err(CellFault::Empty),
            Err(fault) => Err(fault),
        };
        times.push(problems.take(time.map_err(|fault| column.bad_cell(row, fault))).unwrap_or(0.0));
    }
    let made = Column::derived(&outcome.time, times, column);
    problems.take(table.add(made))
}
