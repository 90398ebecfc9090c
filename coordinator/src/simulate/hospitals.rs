//! One set of tables, split into hospitals.

use std::collections::BTreeSet;
use std::path::Path;

use common::experiment::SimulatedData;
use common::ids::SiteName;
use site_node::data::{DataError, Table, inside, join, read};

use super::rows_by_value;

/// One site's part of the tables.
#[derive(Debug, Clone)]
pub struct SimulatedHospital {
    /// Named after the site column's value.
    pub name: SiteName,
    /// Its patients.
    pub table: Table,
}

/// Tables that do not split into sites.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// A table is wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A value of the site column that gives no name, or the name of another value.
    #[error(
        "data.site: column {column:?} holds {value:?}, which gives no name of its own; write \
             sites with letters and digits"
    )]
    Name {
        /// The column.
        column: String,
        /// Its value.
        value: String,
    },
}

/// Reads the tables in `folder` and splits them by site.
pub(super) fn split(
    data: &SimulatedData,
    folder: &Path,
) -> Result<Vec<SimulatedHospital>, SplitError> {
    let texts = [data.patient.as_str(), &data.site];
    let tables = data.tables.iter().map(|path| read(&inside(folder, path)?, &texts));
    let joined = join(tables.collect::<Result<_, _>>()?, &data.patient)?;
    let mut names = BTreeSet::new();
    let mut hospitals = Vec::new();
    for (value, rows) in rows_by_value(&joined, &data.site)? {
        let named = name(&value).filter(|name| names.insert(name.clone()));
        let name = named.ok_or_else(|| SplitError::Name { column: data.site.clone(), value })?;
        hospitals.push(SimulatedHospital { name, table: joined.select(&rows) });
    }
    Ok(hospitals)
}

/// `St. Mary` becomes `site-st-mary`; a value that is a name of its own stays, unless it is a
/// bare number.
fn name(value: &str) -> Option<SiteName> {
    let plain: String = value
        .to_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("-");
    if plain.is_empty() {
        return None;
    }
    let is_name = plain == value && !plain.starts_with(|c: char| c.is_ascii_digit());
    if is_name { plain.parse().ok() } else { format!("site-{plain}").parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_names() {
        for (value, expected) in [
            ("0", Some("site-0")),
            ("hospital-a", Some("hospital-a")),
            ("St. Mary's", Some("site-st-mary-s")),
            ("–", None),
            ("", None),
        ] {
            let found = name(value).map(|name| name.to_string());
            assert_eq!(found.as_deref(), expected, "{value}");
        }
    }
}
