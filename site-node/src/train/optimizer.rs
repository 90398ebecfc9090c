//! How a gradient becomes a step, on the flat vector.

use common::model::{ModelSpec, ParamLayout};

use std::ops::Range;

/// The optimiser's rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// w ← w − η·g.
    Sgd,
    /// Adam (Kingma and Ba, arXiv:1412.6980, algorithm 1), with the authors' β₁ = 0.9, β₂ = 0.999
    /// and ε = 1e-8. Its state is new in every round.
    Adam,
}

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
pub(super) struct Optimizer<'a> {
    rule: Rule,
    learning_rate: f32,
    weight_decay: f32,
    weights: Vec<Range<usize>>,
    frozen: Vec<Range<usize>>,
    proximal: f32,
    start: &'a [f32],
    first: Vec<f32>,
    second: Vec<f32>,
    /// β₁ᵗ and β₂ᵗ.
    decayed: (f64, f64),
}

impl<'a> Optimizer<'a> {
    /// A fresh optimiser for the round that starts at `start`, as long as the model.
    pub(super) fn new(
        spec: &ModelSpec,
        rule: Rule,
        [learning_rate, weight_decay, proximal]: [f32; 3],
        start: &'a [f32],
    ) -> Self {
        let layout = ParamLayout::of(spec);
        let frozen = layout.blocks().iter().filter(|block| block.frozen);
        let frozen = frozen.map(|block| block.range.clone()).collect();
        let matrices = layout.blocks().iter().filter(|block| block.shape.len() == 2);
        let state = if rule == Rule::Adam { start.len() } else { 0 };
        Self {
            rule,
            learning_rate,
            weight_decay,
            weights: matrices.map(|block| block.range.clone()).collect(),
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
        match self.rule {
            Rule::Sgd => {
                for (w, g) in parameters.iter_mut().zip(&gradient) {
                    *w -= self.learning_rate * g;
                }
            }
            Rule::Adam => self.adam(parameters, &gradient),
        }
    }

    fn adam(&mut self, parameters: &mut [f32], gradient: &[f32]) {
        self.decayed.0 *= f64::from(BETA1);
        self.decayed.1 *= f64::from(BETA2);
        // w − η·(m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε), with the divisions taken out of the loop.
        #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
        let (rate, root) = (
            (f64::from(self.learning_rate) / (1.0 - self.decayed.0)) as f32,
            (1.0 / (1.0 - self.decayed.1)).sqrt() as f32,
        );
        let state = self.first.iter_mut().zip(&mut self.second);
        for ((w, g), (first, second)) in parameters.iter_mut().zip(gradient).zip(state) {
            *first = BETA1 * *first + (1.0 - BETA1) * g;
            *second = BETA2 * *second + (1.0 - BETA2) * g * g;
            *w -= rate * *first / (second.sqrt() * root + EPSILON);
        }
    }
}
