//! Permutation importance: what the C-index loses when a feature, or a modality, is permuted among patients.
//!
//! The mean over permutations of C(as observed) − C(permuted) (Breiman, Machine Learning 45:5, 2001, section
//! 10; Fisher, Rudin and Dominici, JMLR 20:177, 2019, eq. 3.1, as a difference). A modality is permuted with
//! its absence: who lacks it gets another's, or nobody's. What is correlated with something else loses
//! little though the model uses it.

use plan::experiment::Part;
use plan::metric::{Importance, MetricId};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

use super::{Held, Score, concordance, note};
use crate::examples::Examples;
use crate::train::{TrainError, risks};

/// Notes the permutation importance of each column and view of the tables, and each encoder; for several modalities also
/// that of all inputs of tables together.
pub(super) fn of_each(
    held: &Held<'_>,
    whole: f64,
    permutations: u32,
    scores: &mut Vec<Score>,
) -> Result<(), TrainError> {
    for (name, part) in held.plan.parts() {
        let mut sum = 0.0;
        for shuffle in 0..permutations {
            let order = order(held.test.len(), held.plan.seed, shuffle);
            let risk = risks(&held.plan.model, held.model, &spoilt(held.test, &part, &order))?;
            sum += whole - concordance(held.test, &risk).unwrap_or(whole);
        }
        let mean = sum / f64::from(permutations.max(1));
        note(scores, MetricId::importance(Importance::Permutation, &name), Some(mean));
    }
    Ok(())
}

/// Patients with a part of what others bring.
fn spoilt(patients: &Examples, part: &Part, order: &[usize]) -> Examples {
    match part {
        Part::Inputs(places) => patients.with_inputs_of(places.clone(), order),
        Part::Modality(place) => patients.with_modality_of(*place, order),
    }
}

/// A permutation of the patients, the same for every feature (Fisher and Yates).
fn order(patients: usize, seed: u64, shuffle: u32) -> Vec<usize> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    rng.set_stream(u64::from(shuffle) + 1);
    let mut order: Vec<usize> = (0..patients).collect();
    for last in (1..patients).rev() {
        // Off from uniform by less than patients / 2^64.
        let product = u128::from(rng.next_u64()) * (last as u128 + 1);
        order.swap(last, usize::try_from(product >> 64).unwrap_or(0));
    }
    order
}
