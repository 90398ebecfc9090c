//! Several tables as one, by patient.

use std::collections::BTreeMap;

use super::Table;
use crate::data::error::DataError;

/// Joins tables on the column `patient`: one row for each patient who stands in all of them, in the
/// first table's order.
///
/// # Errors
/// A table has no such column, a row without a patient or two rows of one patient; or no patient stands in
/// all.
pub fn join(tables: Vec<Table>, patient: &str) -> Result<Table, DataError> {
    let places = tables.iter().map(|table| index(table, patient)).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<String> = tables.iter().map(Table::files).collect();
    let files = names.join(", ");
    let mut tables = tables.into_iter();
    let empty = || DataError::EmptyJoin { files, column: patient.to_owned() };
    let Some(first) = tables.next() else { return Err(empty()) };

    let column = first.column(patient)?;
    let in_all: Vec<usize> = (0..first.len())
        .filter(|&row| places.iter().all(|place| place.contains_key(column.text(row).as_ref())))
        .collect();
    if in_all.is_empty() {
        return Err(empty());
    }
    let selected: Vec<Vec<usize>> = places
        .iter()
        .map(|place| {
            let at = |row: &usize| place.get(column.text(*row).as_ref()).copied();
            in_all.iter().filter_map(at).collect()
        })
        .collect();
    drop(places);
    let mut selected = selected.into_iter();
    let mut joined = picked(first, &selected.next().unwrap_or_default());
    for (table, rows) in tables.zip(selected) {
        joined = joined.beside(picked(table, &rows), patient);
    }
    Ok(joined)
}

/// Puts the columns of a table beside those of `joined`; patients who do not stand in it have none of
/// its cells.
///
/// # Errors
/// As [`join`].
pub fn join_some(joined: Table, table: &Table, patient: &str) -> Result<Table, DataError> {
    let places = index(table, patient)?;
    let column = joined.column(patient)?;
    let rows: Vec<Option<usize>> =
        (0..joined.len()).map(|row| places.get(column.text(row).as_ref()).copied()).collect();
    let more = table.select_some(&rows);
    Ok(joined.beside(more, patient))
}

/// The rows of a table; the table itself where they are all, in order.
fn picked(table: Table, rows: &[usize]) -> Table {
    let same = rows.len() == table.len() && rows.iter().enumerate().all(|(at, row)| at == *row);
    if same { table } else { table.select(rows) }
}

/// Where each patient stands in a table.
pub(in crate::data) fn index(
    table: &Table,
    patient: &str,
) -> Result<BTreeMap<String, usize>, DataError> {
    let column = table.column(patient)?;
    let mut places = BTreeMap::new();
    for row in 0..table.len() {
        let name = column.text(row);
        let file = || column.file().to_owned();
        if name.is_empty() {
            let row = column.row(row);
            let column = patient.to_owned();
            return Err(DataError::NamelessPatient { file: file(), row, column });
        }
        if let Some(first) = places.insert(name.into_owned(), row) {
            let first = column.row(first);
            let second = column.row(row);
            return Err(DataError::DuplicatePatient { file: file(), first, second });
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::super::csv_file::parse;
    use super::super::{Request, TableFormat};
    use super::*;

    fn table(file: &str, text: &str) -> Table {
        parse(file, text.as_bytes(), &Request::of(&["pid"], &TableFormat::default())).unwrap()
    }

    #[test]
    fn rows_meet_by_patient_and_keep_their_places() {
        let one = table("a.csv", "pid,x\np1,1\np2,2\np3,oops\n");
        let two = table("b.csv", "y,pid\n30,p3\n10,p1\n");
        let joined = join(vec![one, two], "pid").unwrap();
        let pid = joined.column("pid").unwrap();
        assert_eq!([pid.text(0), pid.text(1)], ["p1", "p3"]);
        assert_eq!(joined.column("y").unwrap().numbers().unwrap(), [10.0, 30.0]);
        let error = joined.column("x").unwrap().numbers().unwrap_err();
        // The third patient stands in row 4 of a.csv, wherever the join put it.
        assert!(matches!(error, DataError::Cell { row: 4, .. }), "{error}");
        assert!(!error.to_string().contains("oops"));
    }

    #[test]
    fn who_does_not_stand_in_an_optional_table_has_none_of_its_cells() {
        let one = table("a.csv", "pid,x\np1,1\np2,2\n");
        let joined = join_some(one, &table("b.csv", "pid,y\np9,7\np2,8\n"), "pid").unwrap();
        let y = joined.column("y").unwrap();
        assert_eq!([y.text(0), y.text(1)], ["", "8"]);
        assert_eq!((joined.len(), y.row(1)), (2, 3));
    }

    #[test]
    fn patients_twice_nameless_or_nowhere_are_refused() {
        let good = || table("a.csv", "pid,x\np1,1\n");
        let refused = |tables| join(tables, "pid").map(|_| ()).unwrap_err();
        let twice = refused(vec![table("b.csv", "pid\nq\np1\nq\n")]);
        assert!(matches!(twice, DataError::DuplicatePatient { first: 2, second: 4, .. }));
        let nameless = refused(vec![table("b.csv", "pid,y\np1,1\n,2\n")]);
        assert!(matches!(nameless, DataError::NamelessPatient { row: 3, .. }));
        let nowhere = refused(vec![good(), table("b.csv", "pid,y\np9,1\n")]);
        assert!(matches!(nowhere, DataError::EmptyJoin { .. }));
        let shared = join(vec![good(), table("b.csv", "pid,x\np1,1\n")], "pid").unwrap();
        assert!(matches!(shared.column("x"), Err(DataError::DuplicateColumn { .. })));
        let missing = refused(vec![good(), table("b.csv", "pidd,y\np1,1\n")]);
        assert!(matches!(missing, DataError::MissingColumn { nearest: Some(_), .. }));
    }
}
