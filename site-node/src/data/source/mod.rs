//! `cohort.toml`: what one hospital has, and where in its data folder it lies.
//!
//! ```text
//! tables ─── one row per patient, joined ┐
//! measurements, codes ── dated rows ─────┼─► Patients
//! omop ── or all of these from there ────┘
//! ecg, images ── one file per patient
//! ```

mod format;
mod read;
mod tables;

use std::path::{Path, PathBuf};

use base::config::{self, ConfigError};
use plan::experiment::TimeUnit;

pub use tables::{CodeTable, MeasurementTable};

use super::omop;
use super::path::resolve_within;
use super::table::{self, Formats};

/// Where one site's records lie.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The data folder, which no path leaves.
    pub folder: PathBuf,
    /// Column that names a patient in every table.
    pub patient: String,
    /// Tables with one row per patient; who does not stand in all of them is left out.
    pub tables: Vec<PathBuf>,
    /// Tables with one row per patient, in which not every patient stands.
    pub optional_tables: Vec<PathBuf>,
    /// Column of the day from which time is counted.
    pub index_date: Option<String>,
    /// Column that is 1 for training patients and 0 for test patients; all train where none is
    /// named.
    pub split: Option<String>,
    /// A table that names patients who withdrew; nothing of them is read.
    pub withdrawn: Option<PathBuf>,
    /// By table, the share of its patients or rows that may be left out, from 0 to 1.
    pub allowed_losses: Vec<(String, f64)>,
    /// How many of them have no records left, and hence stand in no table of patients.
    pub withdrawn_without_records: usize,
    /// How the tables' cells are written.
    pub formats: Formats,
    /// The outcome's columns.
    pub outcome: Option<OutcomeColumns>,
    /// Units of the tables' columns.
    pub units: Vec<(String, String)>,
    /// Tables of dated measurements.
    pub measurements: Vec<(String, MeasurementTable)>,
    /// Tables of dated codes.
    pub codes: Vec<(String, CodeTable)>,
    /// ECGs.
    pub ecg: Option<EcgFolder>,
    /// Images.
    pub images: Option<ImageFolder>,
    /// A folder of OMOP tables in place of all tables above.
    pub omop: Option<Omop>,
}

/// What `cohort.toml` says of the outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct OutcomeColumns {
    /// Column of the time, which is made of `ends` where that is named.
    pub time: String,
    /// Its unit.
    pub unit: TimeUnit,
    /// Column that is 1 for an event and 0 for censoring; with causes, the number of the cause, from 1.
    pub event: String,
    /// Cells of that column that stand for the event; none where it holds 1 and 0.
    pub event_is: Vec<String>,
    /// Cells of it that stand for no event.
    pub no_event_is: Vec<String>,
    /// What 1, 2, … stand for; none where the event is one.
    pub causes: Vec<String>,
    /// Column of the day on which follow-up ended, one way or the other.
    pub ends: Option<String>,
}

/// A folder of ECGs, named after their patients.
#[derive(Debug, Clone, PartialEq)]
pub struct EcgFolder {
    /// The folder.
    pub folder: PathBuf,
    /// Ending of the files that are read: `hea` (WFDB) or `dcm`.
    pub ending: String,
    /// The form they are checked in where no experiment asks for another: Hz.
    pub rate_hz: f64,
    /// And seconds.
    pub seconds: f64,
    /// Whether WFDB records are held against their checksums.
    pub checksums: bool,
    /// Whether a broken file counts as none.
    pub broken_is_missing: bool,
}

/// A folder of images, named after their patients.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageFolder {
    /// The folder.
    pub folder: PathBuf,
    /// Endings of the files that are read.
    pub endings: Vec<String>,
    /// The form they are checked in where no experiment asks for another: width and height.
    pub pixels: [u32; 2],
    /// The bits in use of PNG files of 16 bits; all where none are stated.
    pub bits: Option<u8>,
    /// Whether a broken file counts as none.
    pub broken_is_missing: bool,
}

/// A folder of OMOP CDM tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Omop {
    /// The folder with `person`, `condition_occurrence`, … as CSV or Parquet.
    pub folder: PathBuf,
    /// Condition concepts, the first of which is the index date; the start of observation where none
    /// is named.
    pub index_conditions: Vec<u64>,
}

/// Every table that `cohort.toml` names and that is there.
#[must_use]
pub fn tables(source: &Source) -> Vec<PathBuf> {
    let long = source.measurements.iter().map(|(_, it)| &it.table);
    let codes = source.codes.iter().map(|(_, it)| &it.table);
    let one = source.tables.iter().chain(&source.optional_tables).chain(&source.withdrawn);
    let mut files = files(source, one.chain(long).chain(codes));
    files.extend(omop::files(source));
    files
}

/// The files of the table that names who withdrew, where there is one.
#[must_use]
pub fn withdrawals(source: &Source) -> Vec<PathBuf> {
    files(source, source.withdrawn.iter())
}

/// The files of some tables.
fn files<'s>(source: &Source, named: impl Iterator<Item = &'s PathBuf>) -> Vec<PathBuf> {
    let paths = named.filter_map(|path| resolve_within(&source.folder, path).ok());
    paths.flat_map(|path| table::parts(&path).unwrap_or_else(|_| vec![path])).collect()
}

impl Source {
    /// The share of a table that `cohort.toml` allows to be left out, by the table's file: under that name, or
    /// without its ending. OMOP tables are named in any case.
    #[must_use]
    pub fn allowed_loss(&self, file: &str) -> Option<f64> {
        let named =
            |(key, _): &&(String, f64)| key == file || table::stem(file).eq_ignore_ascii_case(key);
        self.allowed_losses.iter().find(named).map(|(_, share)| *share)
    }

    /// Joined tables and nothing else.
    #[must_use]
    pub fn tables(folder: &Path, tables: &[&str], patient: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            patient: patient.to_owned(),
            tables: tables.iter().map(PathBuf::from).collect(),
            optional_tables: Vec::new(),
            index_date: None,
            split: None,
            withdrawn: None,
            withdrawn_without_records: 0,
            formats: Formats::default(),
            allowed_losses: Vec::new(),
            outcome: None,
            units: Vec::new(),
            measurements: Vec::new(),
            codes: Vec::new(),
            ecg: None,
            images: None,
            omop: None,
        }
    }

    /// Reads a `cohort.toml`; its folder is the data folder.
    ///
    /// # Errors
    /// Every problem in the file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let mut source: Self = config::load(path, &[])?;
        source.folder = PathBuf::from(path.parent().unwrap_or(Path::new("")));
        Ok(source)
    }
}
