//! ECGs and images: which files there are, whose they are, and whether they can be used.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::cache::Cache;
use super::ecg::EcgStandard;
use super::error::DataError;
use super::image::ImageStandard;
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

/// How many files, and not their names, which are patients'.
impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").field("files", &self.files.len()).finish_non_exhaustive()
    }
}

impl From<PrepareError> for DataError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Ecg(error) => Self::Ecg(error),
            PrepareError::Image(error) => Self::Image(error),
            PrepareError::Cache(error) => Self::Cache(error),
        }
    }
}

impl Signals {
    /// The ECGs of a folder, in the form that `cohort.toml` states.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn ecgs(source: &Source, folder: &EcgFolder) -> Result<Self, DataError> {
        let samples = (folder.rate_hz * folder.seconds).round();
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bounded when it was read: at most 600,000"
        )]
        let samples = samples as usize;
        let form = EcgStandard { rate_hz: folder.rate_hz, samples, ..EcgStandard::default() };
        let endings = std::slice::from_ref(&folder.ending);
        Ok(Self {
            files: files(source, &folder.folder, endings)?,
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
            files: files(source, &folder.folder, &folder.endings)?,
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
        let named: std::collections::HashSet<String> = patients
            .table
            .column(key)
            .map(|column| (0..column.len()).map(|row| column.text(row).into_owned()).collect())
            .unwrap_or_default();
        let mut paths = Vec::new();
        for (name, path) in &self.files {
            if named.contains(name) {
                paths.push(path.clone());
            } else {
                problems.note(DataError::StraySignal { path: path.clone() });
            }
        }
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let prepared = all(&paths, &self.form, cache, workers, tell);
        let mut missing = 0;
        for (_, error) in prepared.failed {
            if self.broken_is_missing && !matches!(error, PrepareError::Cache(_)) {
                missing += 1;
            } else {
                problems.note(error);
            }
        }
        (prepared.found + prepared.made, missing)
    }
}

/// Files of a folder with one of some endings, by their names without it.
fn files(
    source: &Source,
    folder: &Path,
    endings: &[String],
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
            let path = inside(&source.folder, &folder.join(&name))?;
            let patient = name.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            found.insert(patient, path);
        }
    }
    Ok(found)
}
