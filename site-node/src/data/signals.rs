//! ECGs and images: which files there are, whose they are, and whether they can be used.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use super::cache::Cache;
use super::ecg::{self, EcgStandard};
use super::error::{DataError, PatientRow};
use super::image::ImageStandard;
use super::open::{FileError, OpenFault};
use super::path::resolve_within;
use super::patients::Patients;
use super::prepare::{Export, Form, PrepareError, Progress, all};
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
    /// How they were written.
    pub export: Export,
    /// Files of the folder that are not read: their endings are other ones.
    pub other_endings: usize,
}

/// What came of checking the files of one kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Checked {
    /// Files that can be used.
    pub usable: usize,
    /// Files that are broken and count as missing.
    pub missing: usize,
    /// The largest number in those that can be used.
    pub largest: f32,
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
        let broken = |path: &Path, fault| DataError::Ecg {
            patient: None,
            error: FileError::at(path, fault),
        };
        let Listing { files, mut other_endings } =
            Listing::read(source, &folder.folder, endings, "ECG", broken)?;
        if folder.ending == "hea" {
            // A record's signal files lie beside its header.
            other_endings = 0;
        }
        Ok(Self {
            files,
            broken_is_missing: folder.broken_is_missing,
            form: Form::Ecg(form),
            export: Export { checksums: folder.checksums, ..Export::default() },
            other_endings,
        })
    }

    /// The images of a folder, in the form that `cohort.toml` states.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn images(source: &Source, folder: &ImageFolder) -> Result<Self, DataError> {
        let [width, height] = folder.pixels.map(|side| side as usize);
        let broken = |path: &Path, fault| DataError::Image {
            patient: None,
            error: FileError::at(path, fault),
        };
        let Listing { files, other_endings } =
            Listing::read(source, &folder.folder, &folder.endings, "image", broken)?;
        Ok(Self {
            files,
            broken_is_missing: folder.broken_is_missing,
            form: Form::Image(ImageStandard { width, height, window: None }),
            export: Export { bits: folder.bits, ..Export::default() },
            other_endings,
        })
    }

    /// Brings every file into the cache, noting those that cannot be used, and those of nobody.
    pub fn check(
        &self,
        patients: &Patients,
        key: &str,
        cache: &Cache,
        problems: &mut Problems,
        tell: &(dyn Fn(Progress) + Sync),
    ) -> Checked {
        let rows = rows(patients, key);
        let mut paths = Vec::new();
        let mut whose = BTreeMap::new();
        let mut strays = Vec::new();
        for (name, path) in &self.files {
            if let Some(row) = rows.get(name) {
                paths.push(path.clone());
                whose.insert(path.clone(), row.clone());
            } else {
                strays.push((name, path));
            }
        }
        let parts = self.parts(&paths, strays.is_empty());
        for (_, path) in strays.into_iter().filter(|(name, _)| !parts.contains(*name)) {
            let what = self.form.name();
            problems.note(DataError::StraySignal { what, path: path.clone() });
        }
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let prepared = all(&paths, &self.form, self.export, cache, workers, tell);
        let mut missing = 0;
        for (path, error) in prepared.failed {
            if self.broken_is_missing && !matches!(error, PrepareError::Cache(_)) {
                missing += 1;
            } else {
                problems.note(DataError::unprepared(whose.get(&path).cloned(), error));
            }
        }
        Checked { usable: prepared.found + prepared.made, missing, largest: prepared.largest }
    }

    /// The names of the segments of patients' records, which are named after no patient themselves. Headers are
    /// read for it only where a file seems to be nobody's.
    fn parts(&self, paths: &[PathBuf], none_stray: bool) -> BTreeSet<String> {
        if none_stray || !matches!(self.form, Form::Ecg(_)) {
            return BTreeSet::new();
        }
        paths.iter().flat_map(|path| ecg::parts(path)).collect()
    }
}

/// Each patient's row, by name.
fn rows(patients: &Patients, key: &str) -> BTreeMap<String, PatientRow> {
    let Ok(column) = patients.table.column(key) else { return BTreeMap::new() };
    let row = |row| PatientRow { file: column.file().to_owned(), row: column.row(row) };
    (0..column.len()).map(|at| (column.text(at).into_owned(), row(at))).collect()
}

/// The files of a folder.
struct Listing {
    /// Those with one of the endings, by their names without it.
    files: BTreeMap<String, PathBuf>,
    /// How many have another ending.
    other_endings: usize,
}

impl Listing {
    /// Lists a folder. Names that begin with a dot are the system's, such as the ._P1.dcm that macOS leaves
    /// beside P1.dcm. `broken` says what kind of file cannot be used.
    fn read(
        source: &Source,
        folder: &Path,
        endings: &[String],
        what: &'static str,
        broken: impl Fn(&Path, OpenFault) -> DataError,
    ) -> Result<Self, DataError> {
        let place = resolve_within(&source.folder, folder)?;
        if !place.is_dir() {
            return Err(DataError::NotAFolder { path: place });
        }
        let unreadable = |error: std::io::Error| DataError::Unreadable {
            path: place.clone(),
            why: error.to_string(),
        };
        let mut listing = Self { files: BTreeMap::new(), other_endings: 0 };
        for entry in std::fs::read_dir(&place).map_err(unreadable)? {
            let name = PathBuf::from(entry.map_err(unreadable)?.file_name());
            if name.as_os_str().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let ending = name.extension().map(|ending| ending.to_string_lossy().to_lowercase());
            if !ending.is_some_and(|ending| endings.contains(&ending)) {
                listing.other_endings += 1;
                continue;
            }
            // Each on its own: a link among them may lead out.
            let told = |error| match error {
                DataError::LinkOut { path } => broken(&path, OpenFault::LinkOut),
                DataError::Unreadable { path, .. } => broken(&path, OpenFault::Missing),
                other => other,
            };
            let path = resolve_within(&source.folder, &folder.join(&name)).map_err(told)?;
            let patient = name.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if listing.files.insert(patient, path.clone()).is_some() {
                return Err(DataError::TwoSignals { what, path });
            }
        }
        Ok(listing)
    }
}
