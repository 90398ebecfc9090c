//! Onto disk, one folder a hospital.
//!
//! ```text
//! OUT/ truth.csv  oracle.json            the generator's own knowledge; no hospital has it
//!      site-1/ cohort.toml               where things are
//!              ehr.csv outcome.csv codes.csv split.csv
//!              ecg/p1_000001.hea .dat    WFDB
//!              images/p1_000001.png
//!      site-2/ …
//! ```
//!
//! Patients are made in parallel, some hundreds at a time; their rows are then written in order.
//! `oracle.json` comes last: a folder with one is whole.

mod cohort_toml;
mod png;
mod table;
mod tables;
mod truth;
mod wfdb;

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::codes::Vocabulary;
use super::cohort::{Cohort, Patient};
use super::draw::{Draw, Purpose};
use super::error::SynthError;
use super::oracle::Oracle;
use super::recipe::Recipe;
use super::sites::Site;
use super::{ecg, image};
use table::Table;
use tables::{Rows, Tables};

/// Patients made before their rows are written.
const BATCH: usize = 512;

/// Draws a cohort and writes it into a new or empty folder. `follow` is told of each patient that
/// is done, from any thread.
///
/// # Errors
/// The folder holds something, or cannot be written.
pub fn make(recipe: Recipe, out: &Path, follow: &(dyn Fn() + Sync)) -> Result<Oracle, SynthError> {
    empty(out)?;
    let cohort = Cohort::draw(recipe);
    let vocabulary = Vocabulary::draw(cohort.recipe.seed);
    let mut truth = Table::create(out.join("truth.csv"), &truth::header())?;
    for (site, patients) in &cohort.sites {
        let writer = SiteWriter {
            folder: out.join(site.name()),
            site,
            recipe: &cohort.recipe,
            vocabulary: &vocabulary,
        };
        writer.write(patients, &mut truth, follow)?;
    }
    truth.finish()?;
    let oracle = cohort.oracle();
    truth::oracle(&out.join("oracle.json"), &oracle)?;
    Ok(oracle)
}

/// Makes a folder, or sees that it is empty.
fn empty(folder: &Path) -> Result<(), SynthError> {
    directory(folder)?;
    let mut entries = fs::read_dir(folder).map_err(failed("looking into", folder))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(SynthError::NotEmpty(folder.to_owned())),
    }
}

fn directory(folder: &Path) -> Result<(), SynthError> {
    fs::create_dir_all(folder).map_err(failed("making folder", folder))
}

/// Names what was tried, on what.
fn failed(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SynthError {
    move |source| SynthError::File { doing, path: path.to_owned(), source }
}

/// Writes one hospital.
struct SiteWriter<'c> {
    folder: PathBuf,
    site: &'c Site,
    recipe: &'c Recipe,
    vocabulary: &'c Vocabulary,
}

impl SiteWriter<'_> {
    fn write(
        &self,
        patients: &[Patient],
        truth: &mut Table,
        follow: &(dyn Fn() + Sync),
    ) -> Result<(), SynthError> {
        directory(&self.folder.join("ecg"))?;
        directory(&self.folder.join("images"))?;
        cohort_toml::write(&self.folder, self.site, self.recipe)?;
        let mut tables = Tables::create(&self.folder)?;
        for batch in patients.chunks(BATCH) {
            let rows: Result<Vec<Rows>, SynthError> = batch
                .par_iter()
                .map(|patient| {
                    self.signals(patient)?;
                    let rows = Rows::of(patient, self.site, self.vocabulary, self.recipe.seed);
                    follow();
                    Ok(rows)
                })
                .collect();
            for (patient, rows) in batch.iter().zip(rows?) {
                tables.push(&rows)?;
                truth.push(&truth::row(patient, self.site))?;
            }
        }
        tables.finish()
    }

    /// A patient's ECG and image, as far as there are any.
    fn signals(&self, patient: &Patient) -> Result<(), SynthError> {
        let name = self.site.patient(patient.number);
        let recipe = self.recipe;
        let site = self.site;
        let draw = |purpose| Draw::new(recipe.seed, site.number, patient.number, purpose);
        if patient.presence.ecg {
            let z = patient.latents.g;
            let noise = site.ecg_noise();
            let record = ecg::record(z, noise, recipe.ecg_rate, &mut draw(Purpose::Ecg));
            wfdb::write(&self.folder.join("ecg"), &name, recipe.ecg_rate, &record)?;
        }
        if patient.presence.image {
            let z = patient.latents.i;
            let size = recipe.image_size;
            let pixels = image::image(z, &site.scanner, size, &mut draw(Purpose::Image));
            png::write(&self.folder.join("images").join(name + ".png"), size, &pixels)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
