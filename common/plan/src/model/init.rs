//! Where training starts: a function of the specification and a seed, the same at every site.

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

use super::layout::ParamLayout;
use super::spec::ModelSpec;
use super::start::Start;

/// The parameters before the first round, in the layout's order: what each block's [`Start`] says.
///
/// Weights are drawn; the last layer starts at zero, so that the model begins as the same public
/// hazard for every patient, by the bias that gives it under the head.
#[must_use]
pub fn initial_parameters(spec: &ModelSpec, seed: u64) -> Vec<f32> {
    let layout = ParamLayout::of(spec);
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut parameters = vec![0.0_f32; layout.len()];
    for block in layout.blocks() {
        let values = &mut parameters[block.range.clone()];
        match block.start {
            #[allow(clippy::cast_possible_truncation, reason = "rounded to the model's precision")]
            Start::Constant(value) => values.fill(value as f32),
            Start::Uniform { bound } => values.fill_with(|| uniform(&mut rng, bound)),
        }
    }
    parameters
}

/// Uniform in [−bound, bound) from the upper 53 bits of one draw.
#[allow(clippy::cast_possible_truncation, reason = "rounded to the model's precision")]
#[allow(clippy::cast_precision_loss, reason = "53 bits fit a double")]
fn uniform(rng: &mut impl RngCore, bound: f64) -> f32 {
    let unit = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    (bound * (2.0 * unit - 1.0)) as f32
}

#[cfg(test)]
mod tests {
    use super::super::head::Head;
    use super::*;

    fn mlp() -> ModelSpec {
        ModelSpec {
            inputs: 6,
            hidden: vec![4],
            fusion: None,
            head: Head::LogisticHazard { intervals: 3, proportional: false },
            initial_hazard_ppm: 500_000,
        }
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(initial_parameters(&mlp(), 7), initial_parameters(&mlp(), 7));
        assert_ne!(initial_parameters(&mlp(), 7), initial_parameters(&mlp(), 8));
    }

    #[test]
    fn hidden_weights_are_bounded_and_the_last_layer_is_the_public_hazard() {
        let parameters = initial_parameters(&mlp(), 1);
        let (hidden, rest) = parameters.split_at(24);
        assert!(hidden.iter().all(|w| w.abs() <= 1.0) && hidden.iter().any(|w| w.abs() > 0.1));
        // Hidden bias, last weight, and logit(0.5) are all zero.
        assert!(rest.iter().all(|&w| w == 0.0));
        let rare = ModelSpec { initial_hazard_ppm: 100_000, ..mlp() };
        let bias = *initial_parameters(&rare, 1).last().unwrap();
        assert!((bias - (1.0_f32 / 9.0).ln()).abs() < 1e-6);
    }
}
