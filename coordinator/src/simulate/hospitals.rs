//! The hospitals of a simulation: one set of tables split by a column, or a folder for each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base::config::ConfigError;
use base::ids::SiteName;
use plan::experiment::{SimulatedData, SimulatedForm, SimulatedTables};
use site_node::data::{DataError, Source, join, read, resolve_within};
use site_node::participant::Records;

use super::rows_by_value;

/// One site's part of the tables.
#[derive(Debug, Clone)]
pub struct SimulatedHospital {
    /// Named after the site column's value.
    pub name: SiteName,
    /// Its patients.
    pub records: Records,
}

/// Tables that do not split into sites.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// A table is wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A folder cannot be listed.
    #[error("hospitals in {}: {source}", path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A hospital's description of its data cannot be used. Not transparent, which would hide the error that has the
    /// exit code.
    #[error("{0}")]
    Cohort(#[from] ConfigError),
    /// No hospital is there.
    #[error("no folder in {} holds a cohort.toml; `coordinator synth` makes some", path.display())]
    Nobody {
        /// Where they should be.
        path: PathBuf,
    },
    /// A folder whose name gives none, or that of another one.
    #[error("{}: gives no name of its own; name hospitals' folders with letters and digits", path.display())]
    FolderName {
        /// Which one.
        path: PathBuf,
    },
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

/// The hospitals in `folder`.
pub(super) fn find(
    data: &SimulatedData,
    folder: &Path,
) -> Result<Vec<SimulatedHospital>, SplitError> {
    match &data.form {
        SimulatedForm::Tables(tables) => split(tables, folder),
        SimulatedForm::Cohorts => described(folder),
    }
}

/// Each folder that says what lies in it.
fn described(folder: &Path) -> Result<Vec<SimulatedHospital>, SplitError> {
    let failed = |source| SplitError::Folder { path: folder.to_owned(), source };
    let mut places = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.join("cohort.toml").is_file() {
            places.push(path);
        }
    }
    places.sort();
    if places.is_empty() {
        return Err(SplitError::Nobody { path: folder.to_owned() });
    }
    let mut names = BTreeSet::new();
    let mut hospitals = Vec::new();
    for path in places {
        let named = path.file_name().and_then(|text| name(&text.to_string_lossy()));
        let named = named.filter(|name| names.insert(name.clone()));
        let records = Records::fixed(Source::load(&path.join("cohort.toml"))?);
        let name = named.ok_or(SplitError::FolderName { path })?;
        hospitals.push(SimulatedHospital { name, records });
    }
    Ok(hospitals)
}

/// Reads the tables in `folder` and splits them by site.
fn split(data: &SimulatedTables, folder: &Path) -> Result<Vec<SimulatedHospital>, SplitError> {
    let texts = [data.patient.as_str(), &data.site];
    let tables = data.tables.iter().map(|path| read(&resolve_within(folder, path)?, &texts));
    let joined = join(tables.collect::<Result<_, _>>()?, &data.patient)?;
    let mut names = BTreeSet::new();
    let mut hospitals = Vec::new();
    for (value, rows) in rows_by_value(&joined, &data.site)? {
        let named = name(&value).filter(|name| names.insert(name.clone()));
        let name = named.ok_or_else(|| SplitError::Name { column: data.site.clone(), value })?;
        let table = joined.select(&rows);
        let split = Some(data.split.clone());
        hospitals.push(SimulatedHospital { name, records: Records::Table { table, split } });
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
