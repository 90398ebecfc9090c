//! A site's patients: where they come from, and how they are described now.

use std::path::Path;
use std::sync::Arc;

use base::digest::Digest;

use super::{DeclineReason, SiteRule, failed};
use crate::cohort_file::CohortFile;
use crate::data::{
    DataError, FileHashCache, Patients, Secret, Source, Stamp, Table, fingerprint_again, load,
    table_stamps, withdrawal_stamps,
};
use crate::settings_file::Unreadable;

/// Where a site's patients come from.
#[derive(Debug, Clone)]
pub enum Records {
    /// Files, read anew for each run, and the description of them that is looked at before.
    Files(Arc<CohortFile>),
    /// A table in memory, of a simulated site.
    Table {
        /// The patients.
        table: Table,
        /// Column that is 1 for training patients and 0 for test patients.
        split: Option<String>,
    },
}

impl Records {
    /// Files with a description that never changes.
    #[must_use]
    pub fn fixed(source: Source) -> Self {
        Self::Files(Arc::new(CohortFile::fixed(source)))
    }

    /// The patients by the description that is in force.
    ///
    /// # Errors
    /// None is in force, since `cohort.toml` cannot be read.
    pub fn look(&self) -> Result<RecordsInForce<'_>, Unreadable> {
        Ok(match self {
            Self::Files(file) => RecordsInForce::Files(file.look()?),
            Self::Table { table, split } => {
                RecordsInForce::Table { table, split: split.as_deref() }
            }
        })
    }
}

/// A site's patients by one description of them.
#[derive(Debug, Clone)]
pub enum RecordsInForce<'r> {
    /// Files.
    Files(Arc<Source>),
    /// A table in memory.
    Table {
        /// The patients.
        table: &'r Table,
        /// Column that is 1 for training patients and 0 for test patients.
        split: Option<&'r str>,
    },
}

/// What decides whose records are used: the description, and the list of who withdrew as it lies on disk.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    source: Option<Arc<Source>>,
    withdrawn: Vec<Option<Stamp>>,
}

impl RecordsInForce<'_> {
    /// How many tables of measurements there are.
    pub(super) fn measurement_tables(&self) -> usize {
        self.source().map_or(0, |source| source.measurements.len())
    }

    /// What describes their files; none where they are in memory.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        match self {
            Self::Files(source) => Some(source),
            Self::Table { .. } => None,
        }
    }

    /// What decides whose records are used, as it is now.
    pub(super) fn mark(&self) -> Mark {
        let (source, withdrawn) = match self {
            Self::Files(source) => (Some(Arc::clone(source)), withdrawal_stamps(source)),
            Self::Table { .. } => (None, Vec::new()),
        };
        Mark { source, withdrawn }
    }

    /// A hash of them under the site's own key; none where they are in memory.
    pub(super) fn fingerprint(
        &self,
        state: &Path,
        seen: &FileHashCache,
    ) -> Result<Option<Digest>, DataError> {
        let Some(source) = self.source() else { return Ok(None) };
        fingerprint_again(source, &Secret::open(state)?, seen).map(Some)
    }

    /// The stamps of all files of the patients; none where there are ECGs or images, of which there are
    /// too many.
    pub(super) fn stamps(&self) -> Option<Vec<Option<Stamp>>> {
        let Some(source) = self.source() else { return Some(Vec::new()) };
        if source.ecg.is_some() || source.images.is_some() {
            return None;
        }
        Some(table_stamps(source)).filter(|stamps| stamps.iter().all(Option::is_some))
    }

    /// What `act` makes of the patients' tables, which must not change meanwhile: it reads them twice.
    pub(super) fn steady<T>(
        &self,
        act: impl FnOnce() -> Result<T, DeclineReason>,
    ) -> Result<T, DeclineReason> {
        let Some(source) = self.source() else { return act() };
        let before = table_stamps(source);
        let made = act()?;
        if table_stamps(source) == before {
            Ok(made)
        } else {
            Err(failed(SiteRule::Data)(&DataError::Changed))
        }
    }

    /// The patients, and the column that says who trains.
    ///
    /// # Errors
    /// A file cannot be read, or does not hold what it should.
    pub fn read(&self) -> Result<(Patients, Option<&str>), DataError> {
        match self {
            Self::Files(source) => Ok((load(source)?, source.split.as_deref())),
            Self::Table { table, split } => Ok(((*table).clone().into(), *split)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Source {
        Source::tables(folder, &["a.csv"], "pid")
    }

    #[test]
    fn what_was_read_while_a_table_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.csv");
        std::fs::write(&place, "pid,x\np1,1\n").unwrap();
        let records = Records::fixed(files(folder.path()));
        let records = records.look().unwrap();
        assert_eq!(records.steady(|| Ok(7)), Ok(7));
        let written = records.steady(|| {
            std::fs::write(&place, "pid,x\np1,1\np2,2\n")
                .map_err(|error| failed(SiteRule::Data)(&error))
        });
        assert_eq!(written.unwrap_err().rule.as_str(), "data");
    }

    #[test]
    fn a_mark_changes_with_the_description_and_the_list_of_withdrawals_and_with_no_table() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let mark = |source: &Source| Records::fixed(source.clone()).look().unwrap().mark();
        write("a.csv", "pid,x\np1,1\n");
        write("w.csv", "pid\n");
        let plain = files(folder.path());
        let before = mark(&plain);
        write("a.csv", "pid,x\np1,1\np2,2\n");
        assert_eq!(mark(&plain), before);
        let listed = Source { withdrawn: Some("w.csv".into()), ..plain };
        let named = mark(&listed);
        assert_ne!(named, before);
        write("w.csv", "pid\np1\n");
        assert_ne!(mark(&listed), named);
    }
}
