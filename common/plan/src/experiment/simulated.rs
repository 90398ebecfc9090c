//! Where a simulation finds its hospitals.

use std::path::PathBuf;

use super::DataTag;
use base::config::{Section, Settings};

/// The `[data]` table, for `coordinator simulate` alone.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedData {
    /// What the simulated hospitals say of their data.
    pub tag: DataTag,
    /// Where they lie.
    pub form: SimulatedForm,
}

/// What a simulation makes hospitals of.
#[derive(Debug, Clone, PartialEq)]
pub enum SimulatedForm {
    /// One set of tables, split by a column.
    Tables(SimulatedTables),
    /// Each folder with a `cohort.toml` is a hospital.
    Cohorts,
}

/// One set of tables for all sites.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedTables {
    /// CSV files, relative to the folder given with `--data`, joined on `patient`.
    pub tables: Vec<PathBuf>,
    /// Column that names a patient in every table.
    pub patient: String,
    /// Column whose values are the sites.
    pub site: String,
    /// Column that is 1 for training patients and 0 for test patients.
    pub split: String,
}

impl Settings for SimulatedData {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let cohorts = section.or("cohorts", false);
        let form = if cohorts? {
            Some(SimulatedForm::Cohorts)
        } else {
            SimulatedTables::read(section).map(SimulatedForm::Tables)
        };
        let tag = section.one_of::<DataTag>("tag", None);
        Some(Self { tag: tag?, form: form? })
    }
}

impl Settings for SimulatedTables {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let tables: Option<Vec<PathBuf>> = section.required(
            "tables",
            "list the CSV files to join, such as [\"cohort.csv\"], or say cohorts = true",
        );
        let tables = tables.filter(|tables| {
            if tables.is_empty() {
                section.problem("tables", "the list is empty", "name at least one CSV file");
            }
            !tables.is_empty()
        });
        let patient = section.required("patient", "the column that names a patient in every table");
        let site = section.required("site", "the column whose values are the sites");
        let split = section.required("split", "the column that is 1 for training, 0 for testing");
        Some(Self { tables: tables?, patient: patient?, site: site?, split: split? })
    }
}
