//! How the mean of a round's updates changes the model.

use std::ops::Range;

use plan::experiment::{Aggregation, Plan, ServerRule, Weights};
use plan::model::ParamLayout;
use privacy::grid;

use super::accumulator::Accumulator;

/// The server's optimiser and what it remembers between rounds.
pub struct ServerOptimizer {
    rule: Aggregation,
    /// The model's parameter unit on the update's grid.
    unit: f64,
    /// Weight units in one full site.
    full_weight: u32,
    /// First and second moment of each parameter; empty for plain averaging.
    moments: Vec<[f32; 2]>,
    /// Parameters that stay as they are, whatever noise an update holds for them.
    frozen: Vec<Range<usize>>,
    /// Rounds to come.
    left: u32,
    /// The sum of the models after the last rounds, where their mean is asked for.
    sum: Vec<f64>,
}

impl ServerOptimizer {
    /// The optimiser of a plan, before its first round.
    #[must_use]
    pub fn new(plan: &Plan, words: usize) -> Self {
        let rule = plan.aggregation.clone();
        #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
        let start = [0.0, (rule.tau * rule.tau) as f32];
        let moments = match rule.rule {
            ServerRule::FedAvg => Vec::new(),
            ServerRule::FedAdam | ServerRule::FedYogi => vec![start; words],
        };
        let full_weight = match rule.weights {
            Weights::Equal => 1,
            Weights::Patients { unit } => unit,
        };
        let layout = ParamLayout::of(&plan.model);
        let mut frozen: Vec<Range<usize>> = Vec::new();
        for block in layout.blocks().iter().filter(|block| block.frozen) {
            // An encoder's blocks lie side by side: one range each.
            match frozen.last_mut() {
                Some(last) if last.end == block.range.start => last.end = block.range.end,
                _ => frozen.push(block.range.clone()),
            }
        }
        let (unit, left) = (grid::unit(plan.privacy.clip), plan.rounds);
        Self { rule, unit, full_weight, moments, frozen, left, sum: Vec::new() }
    }

    /// The weight of a site that counts in full.
    #[must_use]
    pub fn full_weight(&self) -> u32 {
        self.full_weight
    }

    /// The next model's words, from this one's and the round's sum.
    ///
    /// With Δ the weighted mean update and η the server's learning rate:
    /// FedAvg w + ηΔ; FedAdam and FedYogi w + η m / (√v + τ), m = β₁m + (1 − β₁)Δ,
    /// v = β₂v + (1 − β₂)Δ² (Adam) or v − (1 − β₂)Δ² sign(v − Δ²) (Yogi), from m = 0, v = τ²
    /// (Reddi et al., arXiv:2003.00295, algorithm 2).
    ///
    /// After the last round it is the mean of the last models, where the plan asks for it.
    #[must_use]
    pub fn next(&mut self, model: &[u8], sum: Accumulator) -> Vec<u8> {
        let next = self.step(model, sum);
        self.left = self.left.saturating_sub(1);
        let last = self.rule.average_last;
        if last > 1 && self.left < last { self.averaged(next) } else { next }
    }

    /// Adds a model to the sum, and gives their mean once no round is left.
    #[allow(clippy::cast_possible_truncation, reason = "rounded to the model's precision")]
    fn averaged(&mut self, mut next: Vec<u8>) -> Vec<u8> {
        self.sum.resize(next.len() / 4, 0.0);
        for (sum, word) in self.sum.iter_mut().zip(next.as_chunks::<4>().0) {
            *sum += f64::from(f32::from_le_bytes(*word));
        }
        if self.left == 0 {
            let models = f64::from(self.rule.average_last);
            for (word, sum) in next.as_chunks_mut::<4>().0.iter_mut().zip(&self.sum) {
                *word = ((sum / models) as f32).to_le_bytes();
            }
        }
        next
    }

    #[allow(clippy::cast_possible_truncation, reason = "rounded to the model's precision")]
    fn step(&mut self, model: &[u8], sum: Accumulator) -> Vec<u8> {
        let sites = sum.weight() as f64 / f64::from(self.full_weight);
        let scale = if sites > 0.0 { self.unit / sites } else { 0.0 };
        let Aggregation { learning_rate, beta1, beta2, tau, rule, .. } = self.rule;
        let parameters = model.as_chunks::<4>().0;
        let (moments, frozen) = (&mut self.moments, &self.frozen);
        sum.into_model(|index, word| {
            let parameter = parameters.get(index).copied().map_or(0.0, f32::from_le_bytes);
            if frozen.iter().any(|range| range.contains(&index)) {
                return parameter;
            }
            let mean = word as f64 * scale;
            let step = match moments.get_mut(index) {
                None => mean,
                Some([m, v]) => {
                    let first = beta1 * f64::from(*m) + (1.0 - beta1) * mean;
                    let (old, square) = (f64::from(*v), mean * mean);
                    let second = match rule {
                        ServerRule::FedYogi => {
                            let sign = if old > square { 1.0 } else { -1.0 };
                            old - (1.0 - beta2) * square * sign
                        }
                        _ => beta2 * old + (1.0 - beta2) * square,
                    };
                    (*m, *v) = (first as f32, second as f32);
                    first / (second.max(0.0).sqrt() + tau)
                }
            };
            (f64::from(parameter) + learning_rate * step) as f32
        })
    }
}

#[cfg(test)]
mod tests {
    use plan::experiment::Experiment;
    use plan::model::payload;
    use privacy::{Mechanism, UpdateBound};

    use super::*;

    const EXPERIMENT: &str = r#"
        name = "x"
        rounds = 1
        outcome = { time = "t", unit = "days", event = "e", edges = [1.0] }
        features = { columns = ["a"] }
        model = { kind = "linear" }
        training = { learning_rate = 0.1 }
        privacy = { mode = "none", clip = 1.0 }
        aggregation = { min_sites = 1 }
    "#;

    fn optimizer(rule: ServerRule, weights: Weights) -> ServerOptimizer {
        let experiment: Experiment = base::config::read("x", EXPERIMENT).unwrap();
        let mut plan = experiment.plan;
        plan.aggregation.rule = rule;
        plan.aggregation.weights = weights;
        (plan.aggregation.learning_rate, plan.aggregation.tau) = (0.5, 0.1);
        ServerOptimizer::new(&plan, 2)
    }

    /// A sum of two sites' updates of 0.25 and −0.5, as parts of the bound.
    fn sum(weights: [u32; 2]) -> Accumulator {
        #[allow(clippy::cast_possible_truncation, reason = "whole units")]
        let word = |part: f64| (part * f64::from(grid::UNITS_PER_CLIP)) as i32;
        let bound = UpdateBound::new(Mechanism::ClipOnly, 2);
        let mut accumulator = Accumulator::new(2, bound, 2);
        for weight in weights {
            let update: Vec<u8> =
                [word(0.25), word(-0.5)].iter().flat_map(|word| word.to_le_bytes()).collect();
            accumulator.fold(0, &update);
            accumulator.weigh(weight);
        }
        accumulator
    }

    fn step(optimizer: &mut ServerOptimizer, model: &[f32], weights: [u32; 2]) -> Vec<f32> {
        let bytes = payload::from_parameters(model);
        payload::to_parameters(&optimizer.next(&bytes, sum(weights))).unwrap()
    }

    #[test]
    fn averaging_adds_the_mean() {
        let mut equal = optimizer(ServerRule::FedAvg, Weights::Equal);
        assert_eq!(step(&mut equal, &[1.0, 1.0], [1, 1]), [1.125, 0.75]);
        // The same sums from sites that count one half and one quarter of a unit.
        let mut weighted = optimizer(ServerRule::FedAvg, Weights::Patients { unit: 8 });
        let sum = 2.0 / 0.75;
        let expected = [1.0 + 0.125 * sum, 1.0 - 0.25 * sum];
        for (found, expected) in step(&mut weighted, &[1.0, 1.0], [4, 2]).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
        }
    }

    #[test]
    fn the_last_models_are_averaged_and_the_rounds_before_them_are_not() {
        let experiment: Experiment = base::config::read("x", EXPERIMENT).unwrap();
        let mut plan = experiment.plan;
        (plan.rounds, plan.aggregation.average_last) = (4, 3);
        let mut server = ServerOptimizer::new(&plan, 2);
        let mut model = vec![0.0_f32, 0.0];
        for round in 1_u8..=4 {
            model = step(&mut server, &model, [1, 1]);
            if round < 4 {
                assert!((model[0] - 0.25 * f32::from(round)).abs() < 1e-6, "{round}: {model:?}");
            }
        }
        // The mean of the models after rounds 2, 3 and 4.
        assert!((model[0] - 0.75).abs() < 1e-6 && (model[1] + 1.5).abs() < 1e-6, "{model:?}");
    }

    #[test]
    fn frozen_parameters_stay_whatever_an_update_says() {
        let experiment: Experiment = base::config::read("x", EXPERIMENT).unwrap();
        let mut server = ServerOptimizer::new(&experiment.plan, 2);
        server.frozen.push(1..2);
        assert_eq!(step(&mut server, &[1.0, 1.0], [1, 1]), [1.25, 1.0]);
    }

    #[test]
    fn adam_and_yogi_follow_their_recursions() {
        for rule in [ServerRule::FedAdam, ServerRule::FedYogi] {
            let mut server = optimizer(rule, Weights::Equal);
            let (mut w, mut m, mut v) = (1.0_f64, 0.0_f64, 0.01_f64);
            let mut model = vec![1.0_f32, 1.0];
            for round in 0..5 {
                model = step(&mut server, &model, [1, 1]);
                let mean = 0.25_f64;
                m = 0.9 * m + 0.1 * mean;
                v = match rule {
                    ServerRule::FedAdam => 0.99 * v + 0.01 * mean * mean,
                    _ => v - 0.01 * mean * mean * (v - mean * mean).signum(),
                };
                w += 0.5 * m / (v.sqrt() + 0.1);
                assert!((f64::from(model[0]) - w).abs() < 1e-5, "{rule:?}, round {round}");
            }
        }
    }
}
