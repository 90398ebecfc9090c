//! What is wrong with a hospital's data, by file, row and column: never by value.

mod meaning;
mod table;

use std::path::PathBuf;

use super::ecg::EcgError;
use super::image::ImageError;
use super::losses::Loss;

pub use super::fault::CellFault;
pub use meaning::{CodeFault, MeaningError, Wanted};
pub use table::TableError;

/// Data that cannot be used. Rows of a CSV file count from 2, as a spreadsheet shows them below the
/// header; those of a Parquet file from 1. What follows the last "; " says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file that is no table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Data that do not mean what the contract means.
    #[error(transparent)]
    Meaning(#[from] MeaningError),
    /// The file cannot be read.
    #[error("{}: cannot be read: {why}; check the path and its permissions", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A folder, a pipe or a device.
    #[error("{}: is not a file; name the file itself", path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// Not a folder.
    #[error("{}: is not a folder; name the folder that holds the files", path.display())]
    NotAFolder {
        /// Which.
        path: PathBuf,
    },
    /// A path with `..`, or an absolute one.
    #[error("{}: leaves the data folder; keep the file inside and name it from there", path.display())]
    Outside {
        /// The path as it is written.
        path: PathBuf,
    },
    /// A link to somewhere else.
    #[error("{}: is a link out of the data folder; put the file itself there", path.display())]
    LinkOut {
        /// The path as it is written.
        path: PathBuf,
    },
    /// The file is too large for this reader.
    #[error("{}: {found} bytes, and at most {most} are read; split it", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// A table was written while it was read.
    #[error("a table changed while it was read; wait until the export has ended, and ask again")]
    Changed,
    /// Two columns of one name, in one table or in two that are joined.
    #[error("{file}: {column} has the name of {first} of {other}; rename or drop one")]
    DuplicateColumn {
        /// The file with the second one.
        file: String,
        /// Its place, as [`Column::called`](super::Column::called) says it.
        column: String,
        /// The file with the first one.
        other: String,
        /// The first one's place.
        first: String,
    },
    /// A column that the plan or the settings name is missing.
    #[error("{file}: column {column:?} is missing{}", similar(nearest.as_ref()))]
    MissingColumn {
        /// Where it was sought.
        file: String,
        /// Its name.
        column: String,
        /// Where the most similar column stands: a file without a header has a patient's cells there.
        nearest: Option<String>,
    },
    /// One patient in two rows of one table.
    #[error("{file}: rows {first} and {second} are of one patient; keep one row per patient")]
    DuplicatePatient {
        /// Which file.
        file: String,
        /// The first of the rows.
        first: u64,
        /// The second.
        second: u64,
    },
    /// A patient without a name.
    #[error("{file}: row {row}, column {column:?}: no patient is named; fill it or remove the row")]
    NamelessPatient {
        /// Which file.
        file: String,
        /// Which row.
        row: u64,
        /// The patient column.
        column: String,
    },
    /// A patient on the list of those who withdrew whom no table of patients names.
    #[error(
        "{file}: row {row}, column {column:?}: a patient who withdrew and stands in no table of \
         patients; write the name as it is there, or state how many have no records left as \
         withdrawn_without_records in cohort.toml"
    )]
    UnknownWithdrawn {
        /// The list.
        file: String,
        /// Which row.
        row: u64,
        /// The patient column.
        column: String,
    },
    /// A patient on that list whom the tables name in another spelling, and who would be trained on.
    #[error(
        "{file}: row {row}, column {column:?}: a patient who withdrew and stands in the tables in another \
         spelling: {hint}; write the name as it is there, or take it off the list if it is somebody else's"
    )]
    MisspeltWithdrawn {
        /// The list.
        file: String,
        /// Which row.
        row: u64,
        /// The patient column.
        column: String,
        /// How the name differs.
        hint: &'static str,
    },
    /// Two files of one OMOP table.
    #[error("OMOP table {table:?} is in two files, {first} and {second}; keep one of them")]
    TwoFiles {
        /// The table.
        table: &'static str,
        /// One file.
        first: String,
        /// The other.
        second: String,
    },
    /// A table of a CDM folder without which nothing can be read.
    #[error("OMOP table {table:?} is missing{}; export it into the folder that [omop] names", needed_for(*needed))]
    MissingOmopTable {
        /// The table.
        table: &'static str,
        /// The key of `cohort.toml` that needs it; none where it is always needed.
        needed: Option<&'static str>,
    },
    /// Everybody withdrew.
    #[error(
        "{files}: every patient withdrew and nobody is left; check the table that withdrawn names in cohort.toml"
    )]
    EverybodyWithdrew {
        /// The tables of patients.
        files: String,
    },
    /// Nobody has an index date and was followed from it on.
    #[error("OMOP: {}; {}", why.what(), why.fix())]
    NobodyFollowed {
        /// Why everybody is left out.
        why: LeftOutBy,
    },
    /// No patient stands in all tables.
    #[error("no patient stands in all of {files}; check that {column:?} is written alike in each")]
    EmptyJoin {
        /// The files.
        files: String,
        /// The patient column.
        column: String,
    },
    /// More of a table is left out than `cohort.toml` allows. Its text holds no count: it may be logged.
    #[error(
        "{}: more than {:.0} % of its {} {}{}; mend the tables, or state the share that may be left \
         out under [allowed_losses] in cohort.toml, such as {:?} = 0.2",
        loss.table, 100.0 * allowed, loss.what(), loss.reason, advice(loss.hint.as_ref()), loss.table
    )]
    LeftOut {
        /// What is left out.
        loss: Box<Loss>,
        /// The share that may be.
        allowed: f64,
    },
    /// A cell is not what its column must hold.
    #[error("{file}: row {row}, column {column:?}: {}; {}", fault.what(), fault.fix())]
    Cell {
        /// Which file.
        file: String,
        /// Which row.
        row: u64,
        /// Which column.
        column: String,
        /// What is wrong with it, without its value.
        fault: CellFault,
    },
    /// An ECG that cannot be used. Its file may bear the patient's name and is not told.
    #[error("{}: {}", signal("ECG", patient.as_ref()), error.fault)]
    Ecg {
        /// Whose it is; none where no table was read yet.
        patient: Option<PatientRow>,
        /// The file and what is wrong with it.
        error: EcgError,
    },
    /// An image that cannot be used, likewise.
    #[error("{}: {}", signal("image", patient.as_ref()), error.fault)]
    Image {
        /// Whose it is; none where no table was read yet.
        patient: Option<PatientRow>,
        /// The file and what is wrong with it.
        error: ImageError,
    },
    /// The cache of ECGs and images cannot be used.
    #[error(transparent)]
    Cache(#[from] super::cache::CacheError),
    /// A signal of nobody.
    #[error("an {what} that is named after no patient; name the file after its patient")]
    StraySignal {
        /// ECG or image.
        what: &'static str,
        /// Which file; not told, since it may bear a patient's name.
        path: PathBuf,
    },
    /// Two signals of one patient.
    #[error(
        "two files of one patient's {what} (`site-node data check --show-values` names one); keep one of them"
    )]
    TwoSignals {
        /// ECG or image.
        what: &'static str,
        /// One of the files; not told, since it may bear a patient's name.
        path: PathBuf,
    },
    /// The fingerprint's key cannot be used.
    #[error("{}: {what}; {fix}", path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
        /// What to do.
        fix: &'static str,
    },
}

/// Why no person of OMOP tables is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOutBy {
    /// Nobody has an index condition.
    NoIndexCondition,
    /// Nobody has a period of observation, or a dated row where there are no periods.
    Unobserved,
    /// Everybody died before the index date.
    DeadBefore,
    /// Nobody was observed on the index date.
    OutOfPeriod,
    /// Not all for one reason.
    Several,
}

impl LeftOutBy {
    fn what(self) -> &'static str {
        match self {
            Self::NoIndexCondition => "no person has one of index_conditions",
            Self::Unobserved => {
                "no person has a sound row in observation_period, or a dated row without it"
            }
            Self::DeadBefore => "every person died before the index date",
            Self::OutOfPeriod => "no person was observed on the index date",
            Self::Several => "no person was followed from an index date on",
        }
    }

    fn fix(self) -> &'static str {
        match self {
            Self::NoIndexCondition => {
                "check index_conditions in cohort.toml against condition_concept_id in condition_occurrence"
            }
            Self::Unobserved => "check observation_period and its person_id",
            Self::DeadBefore => "check death_date and the dates of index_conditions",
            Self::OutOfPeriod => "check observation_period against the dates of index_conditions",
            Self::Several => "`site-node data check` counts the reasons in its notes",
        }
    }
}

fn needed_for(key: Option<&str>) -> String {
    key.map_or_else(String::new, |key| format!(", and {key} in cohort.toml needs it"))
}

/// Where mistakes of one kind stand.
#[derive(PartialEq, Eq)]
struct Group<'e> {
    file: &'e str,
    column: &'e str,
    fault: Option<CellFault>,
}

impl DataError {
    /// Whether it says the same of another row.
    pub(super) fn repeats(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
            && self.group().is_some_and(|group| Some(group) == other.group())
    }

    /// What mistakes of one kind share; none where each is told alone.
    fn group(&self) -> Option<Group<'_>> {
        let fault = match self {
            Self::Cell { fault, .. } => Some(*fault),
            _ => None,
        };
        match self {
            Self::Cell { file, column, .. }
            | Self::NamelessPatient { file, column, .. }
            | Self::UnknownWithdrawn { file, column, .. }
            | Self::MisspeltWithdrawn { file, column, .. }
            | Self::Meaning(MeaningError::CodeSystem { file, column, .. })
            | Self::MissingColumn { file, column, .. } => Some(Group { file, column, fault }),
            Self::DuplicatePatient { file, .. } => Some(Group { file, column: "", fault }),
            _ => None,
        }
    }

    /// The row that it is about.
    pub(super) fn row(&self) -> Option<u64> {
        match self {
            Self::Cell { row, .. }
            | Self::NamelessPatient { row, .. }
            | Self::UnknownWithdrawn { row, .. }
            | Self::MisspeltWithdrawn { row, .. }
            | Self::Meaning(MeaningError::CodeSystem { row, .. })
            | Self::DuplicatePatient { second: row, .. } => Some(*row),
            _ => None,
        }
    }
}

/// A patient's row in a table of patients: who it is without saying the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatientRow {
    /// The table's file.
    pub file: String,
    /// The row of it.
    pub row: u64,
}

fn signal(what: &str, patient: Option<&PatientRow>) -> String {
    patient.map_or_else(
        || format!("an {what} (`site-node data check --show-values` says which)"),
        |PatientRow { file, row }| format!("{file}: row {row}: this patient's {what}"),
    )
}

fn advice(hint: Option<&String>) -> String {
    hint.map_or_else(String::new, |hint| format!(": {hint}"))
}

fn similar(nearest: Option<&String>) -> String {
    nearest.map_or_else(
        || "; add it or correct its name".to_owned(),
        |place| format!("; did you mean {place}?"),
    )
}
