//! All patients: their traits, courses, and which modalities they have. The modalities themselves
//! are made when they are written.

use rayon::prelude::*;

use super::dates::Day;
use super::draw::{Draw, Purpose};
use super::latents::Latents;
use super::presence::Presence;
use super::recipe::Recipe;
use super::sites::Site;
use super::survival::Outcome;

/// One patient in this many is a test patient.
const TEST_SHARE: usize = 5;

/// A patient.
#[derive(Debug, Clone)]
pub struct Patient {
    /// Within the site, from 1.
    pub number: u32,
    /// What no hospital sees.
    pub latents: Latents,
    /// The course.
    pub outcome: Outcome,
    /// What there is besides table and codes.
    pub presence: Presence,
    /// Whether models are judged on this patient rather than trained.
    pub test: bool,
    pub(super) index: Day,
}

/// A synthetic cohort.
pub struct Cohort {
    pub(super) recipe: Recipe,
    pub(super) sites: Vec<(Site, Vec<Patient>)>,
}

impl Cohort {
    /// Draws all patients of a recipe.
    #[must_use]
    pub fn draw(recipe: Recipe) -> Self {
        let all = u32::try_from(recipe.sizes().len()).unwrap_or(u32::MAX);
        let sites = (1..)
            .zip(recipe.sizes())
            .map(|(number, &size)| {
                let site = Site::draw(recipe.seed, number, all);
                let mut patients: Vec<Patient> = (1..=size)
                    .into_par_iter()
                    .map(|number| patient(recipe.seed, &site, number))
                    .collect();
                choose_tests(recipe.seed, &site, &mut patients);
                (site, patients)
            })
            .collect();
        Self { recipe, sites }
    }

    /// What it was drawn by.
    #[must_use]
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The patients of each site in order.
    pub fn sites(&self) -> impl Iterator<Item = &[Patient]> {
        self.sites.iter().map(|(_, patients)| patients.as_slice())
    }
}

fn patient(seed: u64, site: &Site, number: u32) -> Patient {
    let draw = |purpose| Draw::new(seed, site.number, number, purpose);
    let latents = Latents::around(site.means, &mut draw(Purpose::Latents));
    Patient {
        number,
        latents,
        outcome: site.follow_up.outcome(latents, &mut draw(Purpose::Outcome)),
        presence: Presence::draw(latents, site, &mut draw(Purpose::Presence)),
        test: false,
        index: Day::index(&mut draw(Purpose::Date)),
    }
}

/// Marks a fifth of a site's patients, rounded, drawn without replacement (Fisher and Yates).
fn choose_tests(seed: u64, site: &Site, patients: &mut [Patient]) {
    let mut draw = Draw::new(seed, site.number, 0, Purpose::Split);
    let mut order: Vec<usize> = (0..patients.len()).collect();
    let tests = (patients.len() + TEST_SHARE / 2) / TEST_SHARE;
    for place in 0..tests {
        order.swap(place, place + draw.below(patients.len() - place));
        patients[order[place]].test = true;
    }
}

#[cfg(test)]
mod tests;
