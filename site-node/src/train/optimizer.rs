//! How a gradient becomes a step, on the flat vector.

use plan::experiment::{Optimizer, Training};
use plan::model::{ModelSpec, ParamLayout, starts_so};

use std::ops::Range;

// Adam with the authors' constants (Kingma and Ba, arXiv:1412.6980, algorithm 1).
const BETA1: f32 = 0.9;
const BETA2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// The optimiser of one round.
///
/// The gradient it steps along is that of
///
/// ```text
/// loss(w) + λ/2·‖weights‖² + μ/2·‖w − w_start‖²
/// ```
///
/// with weight decay λ as an L2 term of the weight matrices alone, since biases fit the overall
/// hazard and shrinking them would bias it, and with `FedProx`'s proximal term μ of all parameters
/// (Li et al., arXiv:1812.06127, eq. 2), which pulls towards the round's start. It is zero for the frozen
/// parameters of an encoder.
///
/// Before the step, weights with a decay of their own shrink: w ← w − η·λ·w with the block's own step size η
/// (decoupled weight decay; Loshchilov and Hutter, arXiv:1711.05101, algorithm 2). Unlike an L2 term it is not
/// divided by the gradient's size, which under Adam would let it outweigh the gradient of whatever learns
/// slowly. It reads parameters alone, which are public.
pub(super) struct Descent<'a> {
    rule: Optimizer,
    learning_rate: f32,
    /// Blocks whose steps are of another size, by a factor.
    rates: Vec<(Range<usize>, f32)>,
    weight_decay: f32,
    weights: Vec<Range<usize>>,
    /// What a step leaves of each of the blocks that have a decay of their own.
    shrinking: Vec<(Range<usize>, f32)>,
    frozen: Vec<Range<usize>>,
    proximal: f32,
    start: &'a [f32],
    first: Vec<f32>,
    second: Vec<f32>,
    /// β₁ᵗ and β₂ᵗ.
    decayed: (f64, f64),
}

/// The number of the longest start of a name, in whole parts.
fn of_block(groups: &[(String, f64)], block: &str) -> Option<f64> {
    let fits = groups.iter().filter(|(start, _)| starts_so(block, start));
    fits.max_by_key(|(start, _)| start.len()).map(|(_, number)| *number)
}

impl<'a> Descent<'a> {
    /// A fresh optimiser for the round that starts at `start`, as long as the model.
    pub(super) fn new(
        spec: &ModelSpec,
        plan: &Training,
        [learning_rate, weight_decay, proximal]: [f32; 3],
        start: &'a [f32],
    ) -> Self {
        let rule = plan.optimizer;
        let layout = ParamLayout::of(spec);
        let frozen = layout.blocks().iter().filter(|block| block.frozen);
        let frozen = frozen.map(|block| block.range.clone()).collect();
        let matrices = || layout.blocks().iter().filter(|block| block.shape.len() == 2);
        #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
        let shrinking = matrices().filter(|block| !block.frozen).filter_map(|block| {
            let decay = of_block(&plan.decays, &block.name).filter(|decay| *decay > 0.0)?;
            let rate = of_block(&plan.rates, &block.name).unwrap_or(1.0);
            // Not past zero, however large the step.
            let left = (1.0 - plan.learning_rate * rate * decay).max(0.0);
            Some((block.range.clone(), left as f32))
        });
        let shrinking = shrinking.collect();
        #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
        let rates = layout.blocks().iter().filter_map(|block| {
            let factor = of_block(&plan.rates, &block.name).unwrap_or(1.0) as f32;
            (factor.to_bits() != 1.0_f32.to_bits()).then(|| (block.range.clone(), factor))
        });
        let rates = rates.collect();
        let state = if rule == Optimizer::Adam { start.len() } else { 0 };
        Self {
            rule,
            learning_rate,
            rates,
            weight_decay,
            weights: matrices().map(|block| block.range.clone()).collect(),
            shrinking,
            frozen,
            proximal,
            start,
            first: vec![0.0; state],
            second: vec![0.0; state],
            decayed: (1.0, 1.0),
        }
    }

    /// One step along a gradient of the loss; gradient and parameters are as long as the start.
    pub(super) fn step(&mut self, parameters: &mut [f32], mut gradient: Vec<f32>) {
        if self.weight_decay > 0.0 {
            for range in &self.weights {
                let weights = &parameters[range.clone()];
                for (g, w) in gradient[range.clone()].iter_mut().zip(weights) {
                    *g += self.weight_decay * w;
                }
            }
        }
        if self.proximal > 0.0 {
            for ((g, w), start) in gradient.iter_mut().zip(&*parameters).zip(self.start) {
                *g += self.proximal * (w - start);
            }
        }
        // Whatever stands there, noise for one: a step along zero leaves every bit as it is.
        for range in &self.frozen {
            gradient[range.clone()].fill(0.0);
        }
        for (range, left) in &self.shrinking {
            parameters[range.clone()].iter_mut().for_each(|w| *w *= left);
        }
        // The size of a step is the gradient's for plain descent, and independent of it for Adam.
        let before: Vec<Vec<f32>> =
            self.rates.iter().map(|(range, _)| parameters[range.clone()].to_vec()).collect();
        match self.rule {
            Optimizer::Sgd => {
                for (w, g) in parameters.iter_mut().zip(&gradient) {
                    *w -= self.learning_rate * g;
                }
            }
            Optimizer::Adam => self.adam(parameters, &gradient),
        }
        for ((range, factor), before) in self.rates.iter().zip(before) {
            for (w, before) in parameters[range.clone()].iter_mut().zip(before) {
                *w = before + factor * (*w - before);
            }
        }
    }

    fn adam(&mut self, parameters: &mut [f32], gradient: &[f32]) {
        self.decayed.0 *= f64::from(BETA1);
        self.decayed.1 *= f64::from(BETA2);
        // w − η·(m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε), with the divisions taken out of the loop.
        #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
        let rate = (f64::from(self.learning_rate) / (1.0 - self.decayed.0)) as f32;
        #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
        let root = (1.0 / (1.0 - self.decayed.1)).sqrt() as f32;
        let state = self.first.iter_mut().zip(&mut self.second);
        for ((w, g), (first, second)) in parameters.iter_mut().zip(gradient).zip(state) {
            *first = BETA1 * *first + (1.0 - BETA1) * g;
            *second = BETA2 * *second + (1.0 - BETA2) * g * g;
            *w -= rate * *first / (second.sqrt() * root + EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use plan::model::Head;

    use super::*;

    /// A model of 2 inputs, 2 hidden units and 1 interval: `dense.0` has 6 parameters, `dense.1` 3.
    fn spec() -> ModelSpec {
        ModelSpec {
            inputs: 2,
            hidden: vec![2],
            fusion: None,
            head: Head::LogisticHazard { intervals: 1, proportional: false },
            initial_hazard_ppm: 100_000,
        }
    }

    #[test]
    fn the_longest_name_decides_how_far_a_block_moves() {
        for rule in [Optimizer::Sgd, Optimizer::Adam] {
            let rates = vec![("dense.0".to_owned(), 0.5), ("dense.0.bias".to_owned(), 0.0)];
            let plan = Training {
                optimizer: rule,
                learning_rate: 0.1,
                epochs: 1,
                batch: None,
                weight_decay: 0.0,
                proximal: 0.0,
                rates,
                decays: Vec::new(),
            };
            let start = vec![0.0; 9];
            let mut optimizer = Descent::new(&spec(), &plan, [0.1, 0.0, 0.0], &start);
            let mut parameters = start.clone();
            optimizer.step(&mut parameters, vec![1.0; 9]);
            let step = parameters[8];
            assert!((step + 0.1).abs() < 1e-6, "{rule:?}: {step}");
            assert!(
                parameters[..4].iter().all(|w| (w - 0.5 * step).abs() < 1e-7),
                "{parameters:?}"
            );
            assert_eq!(parameters[4..6], [0.0, 0.0]);
        }
    }

    #[test]
    fn weights_with_a_decay_shrink_by_their_own_step_whatever_the_gradient() {
        for rule in [Optimizer::Sgd, Optimizer::Adam] {
            let plan = Training {
                optimizer: rule,
                learning_rate: 0.1,
                epochs: 1,
                batch: None,
                weight_decay: 0.0,
                proximal: 0.0,
                rates: vec![("dense.0".to_owned(), 0.5)],
                decays: vec![("dense".to_owned(), 2.0), ("dense.1".to_owned(), 400.0)],
            };
            let start = vec![1.0; 9];
            let mut optimizer = Descent::new(&spec(), &plan, [0.1, 0.0, 0.0], &start);
            let mut parameters = start.clone();
            optimizer.step(&mut parameters, vec![0.0; 9]);
            // 1 − 0.1 · 0.5 · 2; biases stay; and what would pass zero ends there.
            assert_eq!(parameters, [0.9, 0.9, 0.9, 0.9, 1.0, 1.0, 0.0, 0.0, 1.0], "{rule:?}");
            let undecayed = Training { decays: Vec::new(), ..plan.clone() };
            let mut plain = Descent::new(&spec(), &undecayed, [0.1, 0.0, 0.0], &start);
            let mut decayed = Descent::new(&spec(), &plan, [0.1, 0.0, 0.0], &start);
            let mut a = start.clone();
            let mut b = start.clone();
            plain.step(&mut a, vec![0.5; 9]);
            decayed.step(&mut b, vec![0.5; 9]);
            assert!((a[0] - 0.1 - b[0]).abs() < 1e-6, "{rule:?}: {} {}", a[0], b[0]);
        }
    }
}
