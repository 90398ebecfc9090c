//! ECGs and images: which files there are, whose they are, and whether they can be used.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::cache::Cache;
use super::ecg::EcgStandard;
use super::error::{DataError, PatientRow};
use super::image::ImageStandard;
use super::open::{FileError, OpenFault};
use super::patients::Patients;
use super::place::inside;
use super::prepare::{Form, PrepareError, Progress, all};
use super::problems::Problems;
use super::source::{EcgFolder, ImageFolder, Source};

/// The files of one kind.
pub struct Signals {
    /// Each patient's file, by the patient's name.
    pub files: BTreeMap<String, PathBuf>,
    /// Whether a broken one counts as none.
    pub broken_is_missing: bool,
    /// What they are brought to.
    pub form: Form,
}

impl DataError {
    /// A file that cannot be prepared, by whose it is.
    #[must_use]
    pub fn unprepared(patient: Option<PatientRow>, error: PrepareError) -> Self {
        match error {
            PrepareError::Ecg(error) => Self::Ecg { patient, error },
            PrepareError::Image(error) => Self::Image { patient, error },
            PrepareError::Cache(error) => Self::Cache(error),
        }
    }
}

/// How many files, and not their names, which are patients'.
impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").field("files", &self.files.len()).finish_non_exhaustive()
    }
}

impl Signals {
    /// The ECGs of a folder, in the form that `cohort.toml` states.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn ecgs(source: &Source, folder: &EcgFolder) -> Result<Self, DataError> {
        let form = EcgStandard::of(folder.rate_hz, folder.seconds, None);
        let endings = std::slice::from_ref(&folder.ending);
        Ok(Self {
            files: files(source, &folder.folder, endings, |path, fault| DataError::Ecg {
                patient: None,
                error: FileError::at(path, fault),
            })?,
            broken_is_missing: folder.broken_is_missing,
            form: Form::Ecg(form),
        })
    }

    /// The images of a folder, in the form that `cohort.toml` states.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn images(source: &Source, folder: &ImageFolder) -> Result<Self, DataError> {
        let [width, height] = folder.pixels.map(|side| side as usize);
        Ok(Self {
            files: files(source, &folder.folder, &folder.endings, |path, fault| {
                DataError::Image { patient: None, error: FileError::at(path, fault) }
            })?,
            broken_is_missing: folder.broken_is_missing,
            form: Form::Image(ImageStandard { width, height, window: None }),
        })
    }

    /// Brings every file into the cache, noting those that cannot be used, and those of nobody. Says how
    /// many can be used, and how many count as missing because they are broken.
    pub fn check(
        &self,
        patients: &Patients,
        key: &str,
        cache: &Cache,
        problems: &mut Problems,
        tell: &(dyn Fn(Progress) + Sync),
    ) -> (usize, usize) {
        let rows = rows(patients, key);
        let (mut paths, mut whose) = (Vec::new(), BTreeMap::new());
        for (name, path) in &self.files {
            if let Some(row) = rows.get(name) {
                paths.push(path.clone());
                whose.insert(path.clone(), row.clone());
            } else {
                let what = self.form.name();
                problems.note(DataError::StraySignal { what, path: path.clone() });
            }
        }
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let prepared = all(&paths, &self.form, cache, workers, tell);
        let mut missing = 0;
        for (path, error) in prepared.failed {
            if self.broken_is_missing && !matches!(error, PrepareError::Cache(_)) {
                missing += 1;
            } else {
                problems.note(DataError::unprepared(whose.get(&path).cloned(), error));
            }
        }
        (prepared.found + prepared.made, missing)
    }
}

/// Each patient's row, by name.
fn rows(patients: &Patients, key: &str) -> BTreeMap<String, PatientRow> {
    let Ok(column) = patients.table.column(key) else { return BTreeMap::new() };
    let row = |row| PatientRow { file: column.file().to_owned(), row: column.row(row) };
    (0..column.len()).map(|at| (column.text(at).into_owned(), row(at))).collect()
}

/// Files of a folder with one of some endings, by their names without it. `broken` says what kind of file
/// cannot be used.
fn files(
    source: &Source,
    folder: &Path,
    endings: &[String],
    broken: impl Fn(&Path, OpenFault) -> DataError,
) -> Result<BTreeMap<String, PathBuf>, DataError> {
    let place = inside(&source.folder, folder)?;
    if !place.is_dir() {
        return Err(DataError::NotAFolder { path: place });
    }
    let unreadable = |error: std::io::Error| DataError::Unreadable {
        path: place.clone(),
        why: error.to_string(),
    };
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(&place).map_err(unreadable)? {
        let name = PathBuf::from(entry.map_err(unreadable)?.file_name());
        let ending = name.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        if ending.is_some_and(|ending| endings.contains(&ending)) {
            // Each on its own: a link among them may lead out.
            let told = |error| match error {
                DataError::LinkOut { path } => broken(&path, OpenFault::LinkOut),
                DataError::Unreadable { path, .. } => broken(&path, OpenFault::Missing),
                other => other,
            };
            let path = inside(&source.folder, &folder.join(&name)).map_err(told)?;
            let patient = name.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            found.insert(patient, path);
        }
    }
    Ok(found)
}
