//! One person's days, and the table that they make.

use plan::experiment::unit::YEAR;

use crate::data::date::Day;
use crate::data::error::{CellFault, DataError, LeftOutBy};
use crate::data::losses::{Counted, Loss, Losses};
use crate::data::problems::Problems;
use crate::data::table::{Builder, Table};

/// The largest age in years that anybody has.
const OLDEST: f64 = 130.0;
const CONCEPTS: [&str; 3] = ["gender_concept_id", "race_concept_id", "ethnicity_concept_id"];

/// What is known of one person.
pub(super) struct Person {
    pub(super) name: String,
    born: Option<Day>,
    concepts: [String; 3],
    /// The periods of observation.
    observed: Vec<Period>,
    /// The first and last dated row.
    rows: Option<Period>,
    /// The first index condition.
    condition: Option<Day>,
    death: Option<Day>,
}

/// Days from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Period {
    first: Day,
    last: Day,
}

impl Period {
    fn holds(self, day: Day) -> bool {
        (self.first..=self.last).contains(&day)
    }

    /// The same with one more day, and all between.
    fn widened(self, day: Day) -> Self {
        Self { first: self.first.min(day), last: self.last.max(day) }
    }
}

impl Person {
    /// Everybody in the table `person`, in its order.
    pub(super) fn all(table: &Table, problems: &mut Problems) -> Option<Vec<Self>> {
        let names = problems.take(table.column("person_id"))?;
        problems.take(crate::data::table::index(table, "person_id"))?;
        let year = problems.take(table.column("year_of_birth"))?;
        let month = table.column("month_of_birth").ok();
        let day = table.column("day_of_birth").ok();
        let mut people = Vec::with_capacity(table.len());
        for row in 0..table.len() {
            #[allow(clippy::cast_possible_truncation, reason = "held to a calendar's numbers")]
            let whole = |value: f64| value.clamp(0.0, 1e4) as i32;
            let mut part = |column: Option<&crate::data::Column>, otherwise| {
                let found = column.map(|column| (column, column.number(row)));
                match found {
                    Some((_, Ok(Some(value)))) => whole(value),
                    Some((column, Err(fault))) => {
                        problems.note(column.bad_cell(row, fault));
                        otherwise
                    }
                    Some((_, Ok(None))) | None => otherwise,
                }
            };
            let month = part(month, 7);
            let day = part(day, 1);
            let born = match year.number(row) {
                Ok(Some(found)) => {
                    let born = Day::of(whole(found), month, day);
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

    pub(super) fn observe(&mut self, first: Day, last: Day) {
        self.observed.push(Period { first, last });
    }

    pub(super) fn seen(&mut self, day: Day) {
        let rows = self.rows.unwrap_or(Period { first: day, last: day });
        self.rows = Some(rows.widened(day));
    }

    pub(super) fn meets(&mut self, day: Day) {
        self.condition = Some(self.condition.map_or(day, |first| first.min(day)));
    }

    /// The first day of death that is told.
    pub(super) fn dies(&mut self, day: Day) {
        self.death = Some(self.death.map_or(day, |first| first.min(day)));
    }

    /// How a person was followed. `periods`: whether there is a table of observation.
    fn fate(&self, by_condition: bool, periods: bool) -> Fate {
        let earliest = if periods { self.observed.iter().copied().min() } else { self.rows };
        let Some(earliest) = earliest else { return Fate::Unobserved };
        let index = if by_condition { self.condition } else { Some(earliest.first) };
        let Some(index) = index else { return Fate::NoIndex };
        let before = self.death.is_some_and(|death| death < index);
        // Days between two periods were seen by nobody: one period, the one with the index date.
        let period = if periods {
            let holding = self.observed.iter().filter(|period| period.holds(index));
            holding.max_by_key(|period| period.last).copied()
        } else {
            Some(earliest)
        };
        let end = period.map(|period| period.last);
        match (end, self.death) {
            _ if before => Fate::DeadBefore,
            (None, _) => Fate::OutOfPeriod,
            (Some(_), Some(death)) if !periods => Fate::of(index, death, Ending::Died),
            (Some(end), Some(death)) if death <= end => Fate::of(index, death, Ending::Died),
            // A death after the end of observation was not seen by it.
            (Some(end), Some(_)) => Fate::of(index, end, Ending::DiedLater),
            (Some(end), None) => Fate::of(index, end, Ending::Alive),
        }
    }
}

/// How a person was followed, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// From the index date on, in days.
    Followed { index: Day, days: i32, ending: Ending },
    /// No period of observation, or no dated row where there are no periods.
    Unobserved,
    /// Never had one of the index conditions.
    NoIndex,
    /// Died before the index date.
    DeadBefore,
    /// No period of observation holds the index date.
    OutOfPeriod,
}

/// How follow-up ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Alive,
    Died,
    /// After the end of observation.
    DiedLater,
}

impl Fate {
    fn of(index: Day, end: Day, ending: Ending) -> Self {
        Self::Followed { index, days: end.0 - index.0, ending }
    }
}

/// How many persons there are of each kind that is left out, and whose death is.
#[derive(Debug, Default)]
struct Counts {
    unobserved: usize,
    no_index: usize,
    dead_before: usize,
    out_of_period: usize,
    deaths: usize,
    later: usize,
}

impl Counts {
    /// Why nobody is followed, where all are left out.
    fn why(&self, people: usize) -> LeftOutBy {
        let kinds = [
            (self.no_index, LeftOutBy::NoIndexCondition),
            (self.unobserved, LeftOutBy::Unobserved),
            (self.dead_before, LeftOutBy::DeadBefore),
            (self.out_of_period, LeftOutBy::OutOfPeriod),
        ];
        let all = kinds.into_iter().find(|(count, _)| *count == people);
        all.map_or(LeftOutBy::Several, |(_, why)| why)
    }

    fn tell(&self, people: usize, files: Files<'_>, losses: &mut Losses) {
        let unobserved = match files.periods {
            Some(file) => format!("have no sound row in {file} and are left out"),
            None => "have no dated row and are left out".to_owned(),
        };
        for (count, reason) in [
            (self.unobserved, unobserved.as_str()),
            (self.no_index, "have none of index_conditions and are left out"),
            (self.dead_before, "died before their index date and are left out"),
            (self.out_of_period, "were not observed on their index date and are left out"),
        ] {
            let loss = Loss::new(files.person, Counted::Patients, count, people, reason);
            losses.add(loss.intended());
        }
        let reason = "lie after the end of observation and are not counted";
        let death = files.death.unwrap_or("death");
        losses.add(Loss::new(death, Counted::Deaths, self.later, self.deaths, reason).intended());
    }
}

/// The files of the tables that persons are made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files<'f> {
    pub(super) person: &'f str,
    pub(super) periods: Option<&'f str>,
    pub(super) death: Option<&'f str>,
}

/// Who has an index date and was followed.
pub(super) struct Followed {
    pub(super) table: Table,
    pub(super) index: Vec<Day>,
    /// By each person's row, that in the table.
    pub(super) kept: Vec<Option<u32>>,
}

/// The table of who has an index date and was followed from then on. Whoever was not is counted.
pub(super) fn table(
    persons: &Table,
    people: &[Person],
    by_condition: bool,
    files: Files<'_>,
    losses: &mut Losses,
    problems: &mut Problems,
) -> Option<Followed> {
    let names =
        ["person_id", "age", CONCEPTS[0], CONCEPTS[1], CONCEPTS[2], "index_date", "time", "event"];
    let mut columns: Vec<(String, Builder)> = names
        .iter()
        .map(|name| ((*name).to_owned(), Builder::new(["person_id", "index_date"].contains(name))))
        .collect();
    let year = problems.take(persons.column("year_of_birth"))?;
    let mut index = Vec::new();
    let mut kept = Vec::new();
    let mut rows = Vec::new();
    let mut counts = Counts::default();
    for (place, person) in people.iter().enumerate() {
        let (start, days, ending) = match person.fate(by_condition, files.periods.is_some()) {
            Fate::Followed { index, days, ending } => (index, days, ending),
            left_out => {
                match left_out {
                    Fate::Unobserved => counts.unobserved += 1,
                    Fate::NoIndex => counts.no_index += 1,
                    Fate::DeadBefore => counts.dead_before += 1,
                    _ => counts.out_of_period += 1,
                }
                kept.push(None);
                continue;
            }
        };
        counts.deaths += usize::from(ending != Ending::Alive);
        counts.later += usize::from(ending == Ending::DiedLater);
        let age = person.born.map(|born| f64::from(start.0 - born.0) / YEAR);
        if age.is_some_and(|age| !(0.0..=OLDEST).contains(&age)) {
            problems.note(year.bad_cell(place, CellFault::ImpossibleAge));
        }
        let age = age.map(|age| format!("{age:.3}")).unwrap_or_default();
        let [gender, race, ethnicity] = &person.concepts;
        let cells = [
            person.name.as_str(),
            &age,
            gender,
            race,
            ethnicity,
            &start.to_string(),
            &days.to_string(),
            if ending == Ending::Died { "1" } else { "0" },
        ];
        for ((_, column), cell) in columns.iter_mut().zip(cells) {
            column.push(cell.as_bytes());
        }
        kept.push(u32::try_from(rows.len()).ok());
        index.push(start);
        rows.push(u32::try_from(year.row(place)).unwrap_or(u32::MAX));
    }
    counts.tell(people.len(), files, losses);
    if rows.is_empty() {
        // Why nobody is left.
        problems.remark(losses.iter().map(ToString::to_string));
        problems.note(DataError::NobodyFollowed { why: counts.why(people.len()) });
        return None;
    }
    let table = Table::built("person", columns, rows).of_ours();
    Some(Followed { table, index, kept })
}
