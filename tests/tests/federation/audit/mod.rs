//! The audit logs of a federation of processes, as somebody sees them who has copies of their folders
//! and nothing else.

mod agree;
mod crash;
mod damage;
mod figures;
mod page;
mod reports;
mod restored;
mod retention;

use std::path::{Path, PathBuf};

use audit::folder;
use audit::note::VerifierKey;
use audit::reconcile::{MAX_SKEW_MS, Reconciliation, reconcile};
use serde_json::Value;
use tests::{Federation, Process, SetupError, success};

pub(crate) use agree::sound_by_the_document;

/// Starts some of the hospitals.
fn start(federation: &Federation, sites: &[&str]) -> Result<Vec<Process>, SetupError> {
    sites.iter().map(|site| federation.start_site(site)).collect()
}

/// A private run that goes well; its report.
fn run(federation: &Federation, experiment: &Path, sets: &[&str]) -> Result<Value, SetupError> {
    let output = success(federation.run(experiment, sets)?)?;
    Ok(serde_json::from_str(output.lines().last().unwrap_or_default())?)
}

/// A log's folder, with the key that lies in it.
fn source(folder: &Path) -> Result<(&Path, VerifierKey), SetupError> {
    Ok((folder, folder::key(folder)?))
}

/// The coordinator's log against those of sites.
fn reconciled(coordinator: &Path, sites: &[PathBuf]) -> Result<Reconciliation, SetupError> {
    let folders = sites.iter().map(PathBuf::as_path).chain([coordinator]);
    let logs = folders.map(source).collect::<Result<Vec<_>, _>>()?;
    Ok(reconcile(&logs, MAX_SKEW_MS))
}
