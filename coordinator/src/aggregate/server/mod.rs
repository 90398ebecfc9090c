//! How the combined update of a round changes the model.
//!
//! A new rule is a file here, a line in [`steps_of`], and its word in `plan::experiment::ServerRule`.

mod adaptive;
mod fedadagrad;
mod fedadam;
mod fedavg;
mod fedavgm;
mod fedyogi;

use std::io::{self, Read, Write};
use std::ops::Range;

use base::ids::Round;
use plan::experiment::{Aggregation, Plan, ServerRule};
use plan::model::ParamLayout;

use super::{Aggregator, PIECE};
use adaptive::Adaptive;
use fedadagrad::Adagrad;
use fedadam::Adam;
use fedavg::FedAvg;
use fedavgm::FedAvgM;
use fedyogi::Yogi;

/// A rule that remembers `N` numbers for each parameter.
trait Rule<const N: usize>: Send {
    /// What it remembers before the first round.
    fn start(&self) -> [f32; N];

    /// How far the parameter moves for a learning rate of 1, from the combined update of this round.
    fn step(&self, update: f64, state: &mut [f32; N]) -> f64;
}

/// A rule and what it remembers of a whole model.
trait Steps: Send {
    /// The steps of the parameters from place `start` on, in place of their updates.
    fn step(&mut self, start: usize, updates: &mut [f64]);

    /// Writes what is remembered, bit by bit.
    fn save(&self, file: &mut dyn Write) -> io::Result<()>;

    /// Reads what [`Steps::save`] wrote for a model of the same size.
    fn restore(&mut self, file: &mut dyn Read) -> io::Result<()>;
}

struct Remembered<R, const N: usize> {
    rule: R,
    state: Vec<[f32; N]>,
}

impl<R: Rule<N>, const N: usize> Steps for Remembered<R, N> {
    fn step(&mut self, start: usize, updates: &mut [f64]) {
        let states = self.state.get_mut(start..).unwrap_or_default();
        for (update, state) in updates.iter_mut().zip(states) {
            *update = self.rule.step(*update, state);
        }
    }

    fn save(&self, file: &mut dyn Write) -> io::Result<()> {
        self.state.iter().flatten().try_for_each(|number| file.write_all(&number.to_le_bytes()))
    }

    fn restore(&mut self, file: &mut dyn Read) -> io::Result<()> {
        let mut bytes = [0; 4];
        for number in self.state.iter_mut().flatten() {
            file.read_exact(&mut bytes)?;
            *number = f32::from_le_bytes(bytes);
        }
        Ok(())
    }
}

fn steps<R: Rule<N> + 'static, const N: usize>(rule: R, parameters: usize) -> Box<dyn Steps> {
    let state = vec![rule.start(); parameters];
    Box::new(Remembered { rule, state })
}

/// The rule that the settings name, for a model of so many parameters.
fn steps_of(settings: &Aggregation, parameters: usize) -> Box<dyn Steps> {
    let beta2 = settings.beta2;
    match settings.rule {
        ServerRule::FedAvg => steps(FedAvg, parameters),
        ServerRule::FedAvgM => steps(FedAvgM::from(settings), parameters),
        ServerRule::FedAdagrad => steps(Adaptive::new(settings, Adagrad), parameters),
        ServerRule::FedAdam => steps(Adaptive::new(settings, Adam { beta2 }), parameters),
        ServerRule::FedYogi => steps(Adaptive::new(settings, Yogi { beta2 }), parameters),
    }
}

/// The server's optimiser and what it remembers between rounds.
pub struct ServerOptimizer {
    steps: Box<dyn Steps>,
    learning_rate: f64,
    /// The final model is the mean of those after so many last rounds.
    average_last: u32,
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
    pub fn new(plan: &Plan, parameters: usize) -> Self {
        let layout = ParamLayout::of(&plan.model);
        let mut frozen: Vec<Range<usize>> = Vec::new();
        for block in layout.blocks().iter().filter(|block| block.frozen) {
            // An encoder's blocks lie side by side: one range each.
            match frozen.last_mut() {
                Some(last) if last.end == block.range.start => last.end = block.range.end,
                _ => frozen.push(block.range.clone()),
            }
        }
        Self {
            steps: steps_of(&plan.aggregation, parameters),
            learning_rate: plan.aggregation.learning_rate,
            average_last: plan.aggregation.average_last,
            frozen,
            left: plan.rounds,
            sum: Vec::new(),
        }
    }

    /// Writes what the optimiser remembers, bit by bit.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, file: &mut dyn Write) -> io::Result<()> {
        self.steps.save(file)?;
        file.write_all(&(self.sum.len() as u64).to_le_bytes())?;
        self.sum.iter().try_for_each(|sum| file.write_all(&sum.to_le_bytes()))
    }

    /// The optimiser of a plan after a round, from what [`ServerOptimizer::save`] wrote then.
    ///
    /// # Errors
    /// The file cannot be read, or is of another model.
    pub fn restore(
        plan: &Plan,
        parameters: usize,
        round: Round,
        file: &mut dyn Read,
    ) -> io::Result<Self> {
        let mut optimizer = Self::new(plan, parameters);
        optimizer.left = plan.rounds.saturating_sub(round.0);
        optimizer.steps.restore(file)?;
        let mut bytes = [0; 8];
        file.read_exact(&mut bytes)?;
        let sums = u64::from_le_bytes(bytes);
        if sums != 0 && sums != parameters as u64 {
            return Err(io::Error::other("it holds the averages of another model"));
        }
        for _ in 0..sums {
            file.read_exact(&mut bytes)?;
            optimizer.sum.push(f64::from_le_bytes(bytes));
        }
        Ok(optimizer)
    }

    /// The next model's parameters, from this one's and the round's updates: w + η·step, with the server's learning
    /// rate η and the rule's step. Both models are little-endian bytes.
    ///
    /// After the last round it is the mean of the last models, where the plan asks for it.
    ///
    /// # Errors
    /// An update cannot be read back.
    pub fn next(&mut self, model: &[u8], updates: Box<dyn Aggregator>) -> io::Result<Vec<u8>> {
        let next = self.step(model, updates)?;
        self.left = self.left.saturating_sub(1);
        let last = self.average_last;
        Ok(if last > 1 && self.left < last { self.averaged(next) } else { next })
    }

    /// Adds a model to the sum, and gives their mean once no round is left.
    #[allow(clippy::cast_possible_truncation, reason = "rounded to the model's precision")]
    fn averaged(&mut self, mut next: Vec<u8>) -> Vec<u8> {
        self.sum.resize(next.len() / 4, 0.0);
        for (sum, word) in self.sum.iter_mut().zip(next.as_chunks::<4>().0) {
            *sum += f64::from(f32::from_le_bytes(*word));
        }
        if self.left == 0 {
            let models = f64::from(self.average_last);
            for (word, sum) in next.as_chunks_mut::<4>().0.iter_mut().zip(&self.sum) {
                *word = ((sum / models) as f32).to_le_bytes();
            }
        }
        next
    }

    #[allow(clippy::cast_possible_truncation, reason = "rounded to the model's precision")]
    fn step(&mut self, model: &[u8], updates: Box<dyn Aggregator>) -> io::Result<Vec<u8>> {
        let Self { steps, learning_rate, frozen, .. } = self;
        let mut piece = [0.0; PIECE];
        updates.into_model(&mut |start, combined, made| {
            let piece = &mut piece[..combined.len()];
            piece.copy_from_slice(combined);
            steps.step(start, piece);
            let before = model.get(4 * start..).unwrap_or_default().as_chunks::<4>().0;
            for (place, (made, step)) in made.iter_mut().zip(piece.iter()).enumerate() {
                let parameter = before.get(place).copied().map_or(0.0, f32::from_le_bytes);
                let stays = frozen.iter().any(|range| range.contains(&(start + place)));
                let moved = (f64::from(parameter) + *learning_rate * step) as f32;
                *made = if stays { parameter } else { moved };
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use plan::experiment::{Combine, Experiment, Weights};
    use plan::model::payload;
    use privacy::grid;

    use super::*;
    use crate::aggregate::aggregator;
    use crate::aggregate::sum::tests::bounded;

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

    fn plan() -> Plan {
        base::config::read::<Experiment>("x", EXPERIMENT).unwrap().plan
    }

    fn with_rule(rule: ServerRule) -> Plan {
        let mut plan = plan();
        plan.aggregation.rule = rule;
        plan.aggregation.learning_rate = 0.5;
        plan.aggregation.tau = 0.1;
        plan
    }

    /// One round: two sites of these weights send updates of 0.25 and −0.5, as parts of the bound.
    fn step(
        server: &mut ServerOptimizer,
        plan: &Plan,
        model: &[f32],
        weights: [u32; 2],
    ) -> Vec<f32> {
        #[allow(clippy::cast_possible_truncation, reason = "whole units")]
        let word = |part: f64| (part * f64::from(grid::UNITS_PER_CLIP)) as i32;
        let mut updates = aggregator(plan, 2);
        for weight in weights {
            updates.add(bounded(&[word(0.25), word(-0.5)]), weight).unwrap();
        }
        let bytes = payload::from_parameters(model);
        payload::to_parameters(&server.next(&bytes, updates).unwrap()).unwrap()
    }

    #[test]
    fn averaging_adds_the_mean() {
        let mut plan = with_rule(ServerRule::FedAvg);
        let mut equal = ServerOptimizer::new(&plan, 2);
        assert_eq!(step(&mut equal, &plan, &[1.0, 1.0], [1, 1]), [1.125, 0.75]);
        // The same sums from sites that count one half and one quarter of a unit.
        plan.aggregation.weights = Weights::Patients { unit: 8 };
        let mut weighted = ServerOptimizer::new(&plan, 2);
        let sum = 2.0 / 0.75;
        let expected = [1.0 + 0.125 * sum, 1.0 - 0.25 * sum];
        let found = step(&mut weighted, &plan, &[1.0, 1.0], [4, 2]);
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
        }
    }

    #[test]
    fn a_trimmed_mean_moves_the_model_as_a_mean_of_equal_updates_does() {
        let mut plan = with_rule(ServerRule::FedAvg);
        plan.aggregation.combine = Combine::TrimmedMean { trim: 0.4 };
        let mut server = ServerOptimizer::new(&plan, 2);
        assert_eq!(step(&mut server, &plan, &[1.0, 1.0], [1, 1]), [1.125, 0.75]);
    }

    #[test]
    fn the_last_models_are_averaged_and_the_rounds_before_them_are_not() {
        let mut plan = plan();
        plan.rounds = 4;
        plan.aggregation.average_last = 3;
        let mut server = ServerOptimizer::new(&plan, 2);
        let mut model = vec![0.0_f32, 0.0];
        for round in 1_u8..=4 {
            model = step(&mut server, &plan, &model, [1, 1]);
            if round < 4 {
                assert!((model[0] - 0.25 * f32::from(round)).abs() < 1e-6, "{round}: {model:?}");
            }
        }
        // The mean of the models after rounds 2, 3 and 4.
        assert!((model[0] - 0.75).abs() < 1e-6 && (model[1] + 1.5).abs() < 1e-6, "{model:?}");
    }

    #[test]
    fn frozen_parameters_stay_whatever_an_update_says() {
        let plan = plan();
        let mut server = ServerOptimizer::new(&plan, 2);
        server.frozen.push(1..2);
        assert_eq!(step(&mut server, &plan, &[1.0, 1.0], [1, 1]), [1.25, 1.0]);
    }

    /// Each rule's recursion for an update of 0.25 in every round, written out from its paper: the model after each of
    /// five rounds.
    fn recursion(rule: ServerRule) -> Vec<f64> {
        let update = 0.25_f64;
        let square = update * update;
        let mut w = 1.0;
        let mut m = 0.0;
        let mut v = 0.01_f64;
        let mut models = Vec::new();
        for _ in 0..5 {
            w += 0.5
                * match rule {
                    ServerRule::FedAvg => update,
                    ServerRule::FedAvgM => {
                        m = 0.9 * m + update;
                        m
                    }
                    ServerRule::FedAdagrad | ServerRule::FedAdam | ServerRule::FedYogi => {
                        m = 0.9 * m + 0.1 * update;
                        v = match rule {
                            ServerRule::FedAdagrad => v + square,
                            ServerRule::FedAdam => 0.99 * v + 0.01 * square,
                            _ => v - 0.01 * square * (v - square).signum(),
                        };
                        m / (v.sqrt() + 0.1)
                    }
                };
            models.push(w);
        }
        models
    }

    #[test]
    fn every_rule_follows_its_recursion() {
        use base::config::Choice as _;
        for rule in ServerRule::ALL {
            let mut plan = with_rule(*rule);
            plan.aggregation.beta1 = 0.9;
            let mut server = ServerOptimizer::new(&plan, 2);
            let mut model = vec![1.0_f32, 1.0];
            for (round, expected) in recursion(*rule).into_iter().enumerate() {
                model = step(&mut server, &plan, &model, [1, 1]);
                assert!((f64::from(model[0]) - expected).abs() < 1e-5, "{rule:?}, round {round}");
            }
        }
    }

    /// A run that another process continues has the models of one that was never interrupted, to the last bit.
    #[test]
    fn an_optimiser_that_was_saved_and_restored_goes_on_as_if_it_had_not_been() {
        use base::config::Choice as _;
        let rounds = 6;
        for rule in ServerRule::ALL {
            for (average_last, combine) in
                [(1, Combine::Mean), (3, Combine::Mean), (4, Combine::TrimmedMean { trim: 0.4 })]
            {
                let mut plan = with_rule(*rule);
                plan.rounds = rounds;
                plan.aggregation.average_last = average_last;
                plan.aggregation.combine = combine;
                let mut whole = ServerOptimizer::new(&plan, 2);
                let mut cut = ServerOptimizer::new(&plan, 2);
                let mut models = [vec![0.3_f32, -0.7], vec![0.3_f32, -0.7]];
                for round in 1..=rounds {
                    let weights = if round % 2 == 0 { [1, 1] } else { [1, 0] };
                    models[0] = step(&mut whole, &plan, &models[0], weights);
                    models[1] = step(&mut cut, &plan, &models[1], weights);
                    let bits = models.each_ref().map(|model| payload::from_parameters(model));
                    assert_eq!(bits[0], bits[1], "{rule:?}, {average_last}, round {round}");
                    let mut saved = Vec::new();
                    cut.save(&mut saved).unwrap();
                    let mut file = &saved[..];
                    cut = ServerOptimizer::restore(&plan, 2, Round(round), &mut file).unwrap();
                    assert!(file.is_empty(), "{} bytes are left", file.len());
                }
            }
        }
    }
}
