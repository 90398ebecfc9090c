//! One person's days, and the table that they make.

use common::experiment::unit::YEAR;

use crate::data::date::Day;
use crate::data::error::{CellFault, DataError};
use crate::data::problems::Problems;
use crate::data::table::{Builder, Table};

const CONCEPTS: [&str; 3] = ["gender_concept_id", "race_concept_id", "ethnicity_concept_id"];

/// What is known of one person.
pub(super) struct Person {
    pub(super) name: String,
    born: Option<Day>,
    concepts: [String; 3],
    /// The periods of observation.
    observed: Vec<(Day, Day)>,
    /// The first and last dated row.
    rows: Option<(Day, Day)>,
    /// The first index condition.
    condition: Option<Day>,
    death: Option<Day>,
}

fn widen(range: &mut Option<(Day, Day)>, from: Day, to: Day) {
    *range = Some(range.map_or((from, to), |(a, b)| (a.min(from), b.max(to))));
}

impl Person {
    /// Everybody in the table `person`, in its order.
    pub(super) fn all(table: &Table, problems: &mut Problems) -> Option<Vec<Self>> {
        let names = problems.take(table.column("person_id"))?;
        problems.take(crate::data::table::index(table, "person_id"))?;
        let year = problems.take(table.column("year_of_birth"))?;
        let (month, day) = (table.column("month_of_birth").ok(), table.column("day_of_birth").ok());
        let mut people = Vec::with_capacity(table.len());
        for row in 0..table.len() {
            #[allow(clippy::cast_possible_truncation, reason = "held to a calendar's numbers")]
            let whole = |value: f64| value.clamp(0.0, 1e4) as i32;
            let part = |column: Option<&crate::data::Column>, otherwise| {
                let value = column.and_then(|column| column.number(row).ok().flatten());
                value.map_or(otherwise, whole)
            };
            let born = match year.number(row) {
                Ok(Some(found)) => {
                    let born = Day::of(whole(found), part(month, 7), part(day, 1));
                    if born.is_none() {
                        problems.note(year.bad_cell(row, CellFault::NoSuchDay));
                    }
                    born
                }
                Ok(None) => None,
                Err(fault) => {
                    problems.note(year.bad_cell(row, fault));
                    None
                }
            };
            let concept = |name: &str| {
                table.column(name).map(|column| column.text(row).into_owned()).unwrap_or_default()
            };
            people.push(Self {
                name: names.text(row).into_owned(),
                born,
                concepts: CONCEPTS.map(concept),
                observed: Vec::new(),
                rows: None,
                condition: None,
                death: None,
            });
        }
        Some(people)
    }

    pub(super) fn observe(&mut self, from: Day, to: Day) {
        self.observed.push((from, to));
    }

    pub(super) fn seen(&mut self, day: Day) {
        widen(&mut self.rows, day, day);
    }

    pub(super) fn meets(&mut self, day: Day) {
        self.condition = Some(self.condition.map_or(day, |first| first.min(day)));
    }

    /// The first day of death that is told.
    pub(super) fn dies(&mut self, day: Day) {
        self.death = Some(self.death.map_or(day, |first| first.min(day)));
    }

    /// Index date, days followed, and whether death was seen; none for who has no index date, or was
    /// not observed on it. `periods`: whether there is a table of observation.
    fn followed(&self, by_condition: bool, periods: bool) -> Option<(Day, i32, bool)> {
        let first = if periods { self.observed.iter().copied().min() } else { self.rows };
        let index = if by_condition { self.condition? } else { first?.0 };
        let holds = |(from, to): &&(Day, Day)| (*from..=*to).contains(&index);
        // Days between two periods were seen by nobody: one period, the one with the index date.
        let (_, end) = if periods {
            *self.observed.iter().filter(holds).max_by_key(|it| it.1)?
        } else {
            first?
        };
        // A death after the end of observation was not seen by it.
        let (end, died) = match self.death {
            Some(death) if death <= end || !periods => (death, true),
            _ => (end, false),
        };
        (end >= index).then_some((index, end.0 - index.0, died))
    }
}

/// The table of who has an index date, their index dates, and where each person went.
pub(super) fn table(
    people: &[Person],
    by_condition: bool,
    periods: bool,
    problems: &mut Problems,
) -> Option<(Table, Vec<Day>, Vec<Option<u32>>)> {
    let names =
        ["person_id", "age", CONCEPTS[0], CONCEPTS[1], CONCEPTS[2], "index_date", "time", "event"];
    let mut columns: Vec<(String, Builder)> = names
        .iter()
        .map(|name| ((*name).to_owned(), Builder::new(["person_id", "index_date"].contains(name))))
        .collect();
    let (mut index, mut kept, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for (row, person) in (2_u32..).zip(people) {
        let Some((start, time, died)) = person.followed(by_condition, periods) else {
            kept.push(None);
            continue;
        };
        let age = person.born.map(|born| f64::from(start.0 - born.0) / YEAR);
        let age = age.map(|age| format!("{age:.3}")).unwrap_or_default();
        let [gender, race, ethnicity] = &person.concepts;
        let cells = [
            person.name.as_str(),
            &age,
            gender,
            race,
            ethnicity,
            &start.to_string(),
            &time.to_string(),
            if died { "1" } else { "0" },
        ];
        for ((_, column), cell) in columns.iter_mut().zip(cells) {
            column.push(cell.as_bytes());
        }
        kept.push(u32::try_from(rows.len()).ok());
        index.push(start);
        rows.push(row);
    }
    if rows.is_empty() {
        problems.note(DataError::EmptyJoin {
            files: "the OMOP tables".to_owned(),
            column: "person_id".to_owned(),
        });
        return None;
    }
    let table = Table::built("person", columns, rows).of_ours();
    Some((table, index, kept))
}
