//! What a column or a table of dated rows holds, in a line: for eyes inside the hospital.

use std::collections::HashSet;

use crate::data::{Cell, Column, Day, Patients};

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The column or table.
    pub name: String,
    /// What is in it.
    pub kind: String,
    /// Cells or rows.
    pub count: usize,
    /// Of which missing.
    pub missing: usize,
    /// Smallest and largest, distinct values, …
    pub holds: String,
}

/// Every column, then every table beside them.
#[must_use]
pub fn summaries(patients: &Patients) -> Vec<Summary> {
    let mut all: Vec<Summary> = patients.table.columns().iter().map(column).collect();
    let index = patients.index.as_deref();
    for (name, table) in &patients.measurements {
        let days = table.rows.iter().map(|row| (row.patient, row.day));
        let items: HashSet<u32> = table.rows.iter().map(|row| row.item).collect();
        let units: Vec<&str> = table.units.all().filter(|unit| !unit.is_empty()).collect();
        let holds =
            format!("{} items in {}; {}", items.len(), units.join(", "), range(days, index));
        let name = name.clone();
        let kind = "measurements".to_owned();
        all.push(Summary { name, kind, count: table.rows.len(), missing: 0, holds });
    }
    for (name, table) in &patients.codes {
        let days = table.rows.iter().map(|row| (row.patient, row.day));
        let codes: HashSet<u32> = table.rows.iter().map(|row| row.code).collect();
        let holds = format!("{} codes; {}", codes.len(), range(days, index));
        let name = name.clone();
        let kind = format!("{} codes", table.system.name());
        all.push(Summary { name, kind, count: table.rows.len(), missing: 0, holds });
    }
    all
}

/// First and last day, and how many rows no model will read.
fn range(days: impl Iterator<Item = (u32, Day)>, index: Option<&[Day]>) -> String {
    let (mut range, mut after): (Option<(Day, Day)>, usize) = (None, 0);
    for (patient, day) in days {
        range = Some(range.map_or((day, day), |(a, b)| (a.min(day), b.max(day))));
        let start = index.and_then(|index| index.get(patient as usize));
        after += usize::from(start.is_some_and(|start| day > *start));
    }
    range.map_or_else(String::new, |(first, last)| {
        format!("{first} to {last}, {after} after the index date")
    })
}

fn column(column: &Column) -> Summary {
    let mut missing = 0;
    let mut texts = HashSet::new();
    let mut numbers = 0_usize;
    let mut low = f64::INFINITY;
    let mut high = f64::NEG_INFINITY;
    let mut sum = 0.0;
    for row in 0..column.len() {
        match column.cell(row) {
            Cell::Missing => missing += 1,
            Cell::Number(value) => {
                numbers += 1;
                low = low.min(value);
                high = high.max(value);
                sum += value;
            }
            Cell::Text(text) => {
                texts.insert(text);
            }
        }
    }
    let (kind, holds) = match (numbers, texts.len()) {
        (0, 0) => ("empty", String::new()),
        (0, distinct) => ("text", format!("{distinct} distinct")),
        (_, 0) => ("number", format!("{low} to {high}, mean {:.4}", sum / numbers as f64)),
        (_, distinct) => ("mixed", format!("{low} to {high}, and {distinct} distinct texts")),
    };
    let name = column.name().to_owned();
    let kind = kind.to_owned();
    Summary { name, kind, count: column.len(), missing, holds }
}
