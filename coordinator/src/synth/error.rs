//! Errors of the synthetic cohort.

use std::path::PathBuf;

use super::recipe::{MAX_PATIENTS, MAX_SITES};

/// A synthetic cohort that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// No such number of sites.
    #[error("synthetic cohort: {0} sites; ask for 1 to {MAX_SITES}")]
    Sites(u32),
    /// No such number of patients.
    #[error("synthetic cohort: {0} patients; ask for 1 to {MAX_PATIENTS}")]
    Patients(u32),
    /// A site would be empty.
    #[error(
        "synthetic cohort: {patients} patients at {sites} sites; ask for at least one per site, or \
         for fewer sites"
    )]
    TooFew {
        /// How many patients.
        patients: u32,
        /// At how many sites.
        sites: u32,
    },
    /// The folder holds something already.
    #[error("synthetic cohort: folder {} is not empty; name a new one, or empty it", .0.display())]
    NotEmpty(PathBuf),
    /// The file system refuses.
    #[error("synthetic cohort: {doing} {}: {source}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}
