//! What a cohort is made from.

use super::ecg::EcgRate;
use super::error::SynthError;
use super::image::ImageSize;

/// The most sites.
pub const MAX_SITES: u32 = 100;
/// The most patients.
pub const MAX_PATIENTS: u32 = 10_000_000;

/// Patients of the first six sites; further ones begin again.
const SIZES: [u32; 6] = [500, 350, 250, 150, 100, 60];

/// A cohort's settings, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// Decides every number.
    pub seed: u64,
    /// Samples a second of the ECGs.
    pub ecg_rate: EcgRate,
    /// Rows and columns of the images.
    pub image_size: ImageSize,
    sizes: Vec<u32>,
}

impl Recipe {
    /// A recipe for `patients` patients at `sites` sites, whose sizes are as 500, 350, 250, 150, 100
    /// and 60, and so on from the start.
    ///
    /// # Errors
    /// Numbers out of range, or fewer patients than sites.
    pub fn new(seed: u64, sites: u32, patients: u32) -> Result<Self, SynthError> {
        if !(1..=MAX_SITES).contains(&sites) {
            return Err(SynthError::Sites(sites));
        }
        if !(1..=MAX_PATIENTS).contains(&patients) {
            return Err(SynthError::Patients(patients));
        }
        if patients < sites {
            return Err(SynthError::TooFew { patients, sites });
        }
        let sizes = sizes(sites, patients);
        Ok(Self { seed, ecg_rate: EcgRate::default(), image_size: ImageSize::default(), sizes })
    }

    /// Patients of each site.
    #[must_use]
    pub fn sizes(&self) -> &[u32] {
        &self.sizes
    }
}

/// How many patients so many sites have where nobody says otherwise: 1,410 at six.
#[must_use]
pub fn usual_patients(sites: u32) -> u32 {
    weights(sites).sum()
}

fn weights(sites: u32) -> impl Iterator<Item = u32> {
    SIZES.into_iter().cycle().zip(0..sites).map(|(size, _)| size)
}

/// Shares in proportion to the weights, each at least 1, that add up to `patients`: one for each
/// site, then what is left up to where the running share falls, rounded down.
fn sizes(sites: u32, patients: u32) -> Vec<u32> {
    if patients == usual_patients(sites) {
        return weights(sites).collect();
    }
    let whole = u64::from(usual_patients(sites));
    let left = u64::from(patients - sites);
    let mut weight = 0;
    let mut given = 0;
    weights(sites)
        .map(|size| {
            weight += u64::from(size);
            let upto = u32::try_from(left * weight / whole).unwrap_or(u32::MAX);
            let share = upto - given;
            given = upto;
            1 + share
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_add_up_and_nobody_is_left_out() {
        assert_eq!(Recipe::new(1, 6, usual_patients(6)).unwrap().sizes(), SIZES);
        assert_eq!(usual_patients(8), 1410 + 850);
        for (sites, patients) in [(1, 1), (6, 6), (6, 7), (6, 14_100), (100, 10_000_000), (7, 999)]
        {
            let recipe = Recipe::new(1, sites, patients).unwrap();
            assert_eq!(recipe.sizes().len(), sites as usize);
            assert_eq!(recipe.sizes().iter().sum::<u32>(), patients);
            assert!(recipe.sizes().iter().all(|&size| size >= 1));
        }
        let large = Recipe::new(1, 6, 14_100).unwrap();
        for (&found, expected) in large.sizes().iter().zip(SIZES) {
            assert!(found.abs_diff(10 * expected) <= 4, "{found} for {expected}");
        }
    }

    #[test]
    fn what_cannot_be_made_is_refused() {
        for sites in [0, 101] {
            assert!(matches!(Recipe::new(1, sites, 500), Err(SynthError::Sites(_))));
        }
        for patients in [0, 10_000_001] {
            assert!(matches!(Recipe::new(1, 6, patients), Err(SynthError::Patients(_))));
        }
        assert!(matches!(Recipe::new(1, 6, 5), Err(SynthError::TooFew { .. })));
    }
}
