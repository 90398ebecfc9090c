//! The generator's own knowledge, beside the hospitals and not in them: `truth.csv`, `oracle.json`.

use std::fs;
use std::path::Path;

use super::super::cohort::Patient;
use super::super::error::SynthError;
use super::super::oracle::Oracle;
use super::super::sites::Site;
use super::failed;

/// The header of `truth.csv`.
pub(super) fn header() -> String {
    "patient,site,true_eta,true_z_e,true_z_d,true_z_g,true_z_i".to_owned()
}

/// A patient's line in it.
pub(super) fn row(patient: &Patient, site: &Site) -> String {
    let [e, d, g, i] = patient.latents.array();
    let name = site.patient(patient.number);
    let eta = patient.latents.log_hazard();
    format!("{name},{},{eta:.6},{e:.6},{d:.6},{g:.6},{i:.6}\n", site.name())
}

/// Writes `oracle.json`.
pub(super) fn oracle(path: &Path, oracle: &Oracle) -> Result<(), SynthError> {
    let text = serde_json::to_string_pretty(oracle).map_err(std::io::Error::from);
    text.and_then(|text| fs::write(path, text + "\n")).map_err(failed("writing", path))
}
