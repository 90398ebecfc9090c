//! What the generator's own knowledge reaches: the ceiling for a model of these very patients, and
//! the ceilings with one modality left out.
//!
//! A model uses all four modalities when it beats the best of the leave-one-out oracles on the same
//! patients. Leaving a modality out drops its trait's main effect and the interaction that it takes
//! part in.

use rayon::prelude::*;
use serde::Serialize;
use survival::{Survival, harrell_c};

use super::cohort::{Cohort, Patient};
use super::latents::Latents;

/// Harrell's C of each oracle, all sites together; none where no pair of patients is comparable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CIndices {
    /// The true log hazard η.
    pub true_log_hazard: Option<f64>,
    /// η without its interaction of ECG and image.
    pub without_interaction: Option<f64>,
    /// η without the table's trait.
    pub without_ehr: Option<f64>,
    /// η without the codes' trait.
    pub without_codes: Option<f64>,
    /// η without the ECG's trait and the interaction.
    pub without_ecg: Option<f64>,
    /// η without the image's trait and the interaction.
    pub without_image: Option<f64>,
    /// The best without one of the modalities: what a model must beat to have used all four.
    pub best_without_one: Option<f64>,
    /// The table's trait alone.
    pub only_ehr: Option<f64>,
    /// The codes' trait alone.
    pub only_codes: Option<f64>,
    /// The ECG's trait alone.
    pub only_ecg: Option<f64>,
    /// The image's trait alone.
    pub only_image: Option<f64>,
}

/// What a site has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SiteCounts {
    /// Its name.
    pub site: String,
    /// All of its patients.
    pub patients: usize,
    /// Those whose event was seen.
    pub events: usize,
    /// Those with an ECG.
    pub ecgs: usize,
    /// Those with an image.
    pub images: usize,
}

/// A cohort's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Oracle {
    /// The seed that the cohort was drawn by.
    pub seed: u64,
    /// On all patients.
    pub all: CIndices,
    /// On the test patients.
    pub test: CIndices,
    /// By site.
    pub sites: Vec<SiteCounts>,
}

impl Cohort {
    /// What the true traits reach on this cohort.
    #[must_use]
    pub fn oracle(&self) -> Oracle {
        let everybody = || self.sites().flatten();
        let sites = self.sites.iter().map(|(site, patients)| {
            let count = |has: fn(&Patient) -> bool| patients.iter().filter(|one| has(one)).count();
            SiteCounts {
                site: site.name(),
                patients: patients.len(),
                events: count(|one| one.outcome.event),
                ecgs: count(|one| one.presence.ecg),
                images: count(|one| one.presence.image),
            }
        });
        Oracle {
            seed: self.recipe.seed,
            all: c_indices(everybody().collect()),
            test: c_indices(everybody().filter(|one| one.test).collect()),
            sites: sites.collect(),
        }
    }
}

fn c_indices(patients: Vec<&Patient>) -> CIndices {
    let times = patients.iter().map(|one| one.outcome.time).collect();
    let events = patients.iter().map(|one| one.outcome.event).collect();
    let truth = Survival::new(times, events).ok();
    let c = |risk: fn(Latents) -> f64| {
        let risks: Vec<f64> = patients.iter().map(|one| risk(one.latents)).collect();
        truth.as_ref().and_then(|truth| harrell_c(truth, &risks).ok())
    };
    let risks: [fn(Latents) -> f64; 10] = [
        Latents::log_hazard,
        Latents::main_effects,
        |z| Latents { e: 0.0, ..z }.log_hazard(),
        |z| Latents { d: 0.0, ..z }.log_hazard(),
        |z| Latents { g: 0.0, ..z }.log_hazard(),
        |z| Latents { i: 0.0, ..z }.log_hazard(),
        |z| z.e,
        |z| z.d,
        |z| z.g,
        |z| z.i,
    ];
    let found: Vec<Option<f64>> = risks.par_iter().map(|&risk| c(risk)).collect();
    CIndices {
        true_log_hazard: found[0],
        without_interaction: found[1],
        without_ehr: found[2],
        without_codes: found[3],
        without_ecg: found[4],
        without_image: found[5],
        best_without_one: found[2..6].iter().flatten().copied().max_by(f64::total_cmp),
        only_ehr: found[6],
        only_codes: found[7],
        only_ecg: found[8],
        only_image: found[9],
    }
}

#[cfg(test)]
mod tests;
