//! `cohort.toml`: what a hospital has, and where it lies.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::super::ecg;
use super::super::ehr;
use super::super::error::SynthError;
use super::super::recipe::Recipe;
use super::super::sites::Site;
use super::failed;

/// Writes it into a hospital's folder.
pub(super) fn write(folder: &Path, site: &Site, recipe: &Recipe) -> Result<(), SynthError> {
    let path = folder.join("cohort.toml");
    fs::write(&path, text(site, recipe)).map_err(failed("writing", &path))
}

fn text(site: &Site, recipe: &Recipe) -> String {
    let name = site.name();
    let rate = recipe.ecg_rate.hertz();
    let seconds = ecg::SECONDS;
    let side = recipe.image_size.pixels();
    let mut units = String::new();
    for column in 0..ehr::COLUMNS {
        // A String takes whatever is written to it.
        let _ = writeln!(units, "e{} = \"{}\"", column + 1, ehr::unit(column, site));
    }
    format!(
        r#"# What {name} has and where it lies, from this folder on. Nobody in it exists.

# CSV files with one header row and one row per patient, joined on the patient column.
tables = ["ehr.csv", "outcome.csv", "split.csv"]
patient = "patient"
# The moment from which time is counted. Nothing that is known of a patient is from after it.
index_date = "index_date"
# 1 for training patients, 0 for test patients.
split = "train"

[outcome]
# From the index date to the event, or to the end of follow-up.
time = "time"
unit = "years"
# 1 where the event was seen, 0 where follow-up ended before it.
event = "event"

# The columns that describe a patient, with their units; "1" has none. Missing cells are empty.
[units]
{units}
# One row a code and patient, dated before the index date.
[codes.diagnoses]
table = "codes.csv"
code = "code"
date = "date"
system = "synthetic"

# PATIENT.hea and PATIENT.dat (WFDB), of the index date. Patients without a file have no ECG.
[ecg]
folder = "ecg"
format = "wfdb"
rate_hz = {rate}
seconds = {seconds}

# PATIENT.png (8-bit grayscale), of the index date. Patients without a file have no image.
[images]
folder = "images"
format = "png"
pixels = [{side}, {side}]
"#
    )
}
