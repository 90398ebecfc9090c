//! Many mistakes at once, as many as a person reads.

use super::error::DataError;

/// The most rows that are named of one mistake.
const MAX_ROWS: usize = 5;

/// What is wrong, in the order it was found. The same mistake in another row is counted, not repeated.
#[derive(Debug)]
pub struct Problems {
    found: Vec<DataError>,
    rows: Vec<Repeats>,
    most: usize,
    more: usize,
    remarks: Vec<String>,
}

/// In which rows one mistake stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repeats {
    /// The first of them.
    pub rows: Vec<u64>,
    /// How many there are in all.
    pub count: usize,
}

impl Problems {
    /// Keeps up to `most`, and counts what comes after them.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { found: Vec::new(), rows: Vec::new(), most, more: 0, remarks: Vec::new() }
    }

    /// Adds one.
    pub fn note(&mut self, error: impl Into<DataError>) {
        let error = error.into();
        let row = error.row();
        // The last mistake is the likeliest to come again.
        let known = self.found.iter().rposition(|known| known.repeats(&error));
        let place = match known {
            Some(place) => place,
            None if self.found.len() < self.most => {
                self.found.push(error);
                self.rows.push(Repeats::default());
                self.found.len() - 1
            }
            None => {
                self.more += 1;
                return;
            }
        };
        if let Some(repeats) = self.rows.get_mut(place) {
            repeats.count += 1;
            if let Some(row) = row
                && repeats.rows.len() < MAX_ROWS
                && !repeats.rows.contains(&row)
            {
                repeats.rows.push(row);
            }
        }
    }

    /// The value, or none and its error noted.
    pub fn take<T>(&mut self, result: Result<T, impl Into<DataError>>) -> Option<T> {
        result.map_err(|error| self.note(error)).ok()
    }

    /// Adds what is worth knowing and no mistake: for eyes inside the hospital.
    pub fn remark(&mut self, remarks: impl IntoIterator<Item = String>) {
        self.remarks.extend(remarks);
    }

    /// What is worth knowing.
    #[must_use]
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Whether nothing was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.more == 0
    }

    /// What was noted, each mistake by its first row.
    #[must_use]
    pub fn found(&self) -> &[DataError] {
        &self.found
    }

    /// The same with the rows of each.
    pub fn grouped(&self) -> impl Iterator<Item = (&DataError, &Repeats)> {
        self.found.iter().zip(&self.rows)
    }

    /// How many came after those that are kept.
    #[must_use]
    pub fn more(&self) -> usize {
        self.more
    }

    /// How often something was noted, the same in another row included.
    #[must_use]
    pub fn noted(&self) -> usize {
        self.rows.iter().map(|repeats| repeats.count).sum::<usize>() + self.more
    }

    /// The first one.
    #[must_use]
    pub fn first(self) -> Option<DataError> {
        self.found.into_iter().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::CellFault;

    #[test]
    fn one_mistake_in_many_rows_is_one_problem() {
        let cell = |row, fault| DataError::Cell {
            file: "a.csv".to_owned(),
            row,
            column: "x".to_owned(),
            fault,
        };
        let mut problems = Problems::new(2);
        for row in 2..62 {
            problems.note(cell(row, CellFault::NotANumber));
        }
        problems.note(cell(7, CellFault::Empty));
        problems.note(cell(9, CellFault::NotFinite));
        problems.note(cell(62, CellFault::NotANumber));
        assert_eq!((problems.found().len(), problems.more()), (2, 1));
        let repeats: Vec<Repeats> = problems.grouped().map(|(_, it)| it.clone()).collect();
        assert_eq!(repeats[0], Repeats { rows: vec![2, 3, 4, 5, 6], count: 61 });
        assert_eq!(repeats[1].count, 1);
    }
}
