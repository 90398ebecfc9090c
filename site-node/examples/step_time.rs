//! Prints how long one step of local training takes on this machine, plain and private: one JSON
//! line a model, times in microseconds, ratios over the plain step.
//!
//! The steps take turns, a few at a time, and the ratios are medians over neighbours, so that other
//! work on the machine disturbs both alike. `RAYON_NUM_THREADS=1` shows the cost on one core. A
//! number as argument: only the models with so many patients.

#![allow(
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "this program measures time and knows its numbers"
)]

use std::error::Error;
use std::time::{Duration, Instant};

use common::digest::Digest;
use common::ids::Round;
use common::model::{Head, ModelSpec, initial_parameters};
use common::privacy::gaussian::NoiseKey;
use common::privacy::{
    Budget, Charge, Entry, Ledger, LedgerStore, Limits, Mechanism, PrivateTraining, Released,
};
use serde_json::json;
use site_node::train::{
    Device, Examples, LocalTraining, PrivateGradient, Rule, TrainError, UNITS_PER_CLIP, train,
    train_privately,
};

const INTERVALS: u32 = 20;
const REPEATS: usize = 151;

fn examples(n: usize, width: usize) -> Result<Examples, TrainError> {
    let value = |i: usize| (i * 7919 % 10_007) as f64 / 10_007.0;
    let features = (0..n * width).map(|i| value(i) as f32 - 0.5).collect();
    let time = (0..n).map(|i| 0.01 + f64::from(INTERVALS) * value(i * 31 + 7)).collect();
    let event = (0..n).map(|i| value(i * 17 + 3) < 0.5).collect();
    let edges: Vec<f64> = (1..=INTERVALS).map(f64::from).collect();
    Examples::new(features, width, time, event, &edges)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn plan(epochs: u32) -> LocalTraining {
    let (optimizer, learning_rate) = (Rule::Sgd, 1e-3);
    let (weight_decay, proximal) = (0.0, 0.0);
    LocalTraining {
        optimizer,
        learning_rate,
        epochs,
        batch: None,
        weight_decay,
        proximal,
        rates: Vec::new(),
    }
}

/// Microseconds.
fn each_step(elapsed: Duration, steps: f64) -> f64 {
    elapsed.as_secs_f64() * 1e6 / steps
}

/// A model, where its training starts, on whom, and for how many steps.
struct Case {
    spec: ModelSpec,
    start: Vec<f32>,
    data: Examples,
    steps: u32,
}

impl Case {
    fn plain(&self) -> Result<f64, Box<dyn Error>> {
        let clock = Instant::now();
        train(&self.spec, &plan(self.steps), &self.start, &self.data, 1, &Device::cpu())?;
        // The losses before and after take two forward passes, a third of a step each.
        Ok(each_step(clock.elapsed(), f64::from(self.steps) + 0.7))
    }

    /// The same with the clipped sum for a gradient, before noise.
    fn private(&self, sums: &mut PrivateGradient) -> Result<f64, Box<dyn Error>> {
        let everyone: Vec<usize> = (0..self.data.len()).collect();
        let mut parameters = self.start.clone();
        let clock = Instant::now();
        for _ in 0..self.steps {
            let words = sums.clipped_sum(&parameters, &self.data, &everyone, 1.0)?;
            let rate = 1e-3 / UNITS_PER_CLIP as f32 / everyone.len() as f32;
            for (w, word) in parameters.iter_mut().zip(words) {
                *w -= rate * *word as f32;
            }
        }
        Ok(each_step(clock.elapsed(), f64::from(self.steps)))
    }

    /// Private training whole: sampling (of everybody), clipped sum, noise, optimiser.
    fn noised(&self, sums: &mut PrivateGradient) -> Result<f64, Box<dyn Error>> {
        let total = Budget { epsilon: f64::MAX, delta: 1e-5 };
        let limits = Limits { total, epsilon_per_run: None };
        let mut ledger = Ledger::open(Nowhere, limits, Vec::new())?;
        let (run, round, released) = ("run-a".parse()?, Round(1), Released::Update);
        let (sampling_rate, noise_multiplier) = (1.0, 1.0);
        let mechanism =
            Mechanism::PrivateSteps { sampling_rate, noise_multiplier, steps: self.steps };
        let receipt = ledger.reserve(Charge {
            run,
            plan: Digest::of(b"step_time"),
            round,
            released,
            mechanism,
            clip: 1.0,
        })?;
        let training = PrivateTraining::begin(receipt, &self.start, self.data.len() as f64)?;
        let plan = plan(1);
        let mut byte = 0;
        let key = || {
            byte = byte % u8::MAX + 1;
            NoiseKey::from_bytes(&mut [byte; 32]).ok()
        };
        let clock = Instant::now();
        train_privately(&self.spec, &plan, sums, training, &self.data, key)?;
        Ok(each_step(clock.elapsed(), f64::from(self.steps)))
    }
}

struct Nowhere;

impl LedgerStore for Nowhere {
    fn append(&mut self, _: &Entry) -> std::io::Result<()> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let hazard = |proportional| Head::LogisticHazard { intervals: INTERVALS, proportional };
    let cases = [
        (200, 39, vec![], hazard(true)),
        (200, 39, vec![], hazard(false)),
        (200, 39, vec![], Head::Cox),
        (64, 64, vec![256, 128], hazard(false)),
        (256, 64, vec![256, 128], hazard(false)),
    ];
    let only: Option<usize> =
        std::env::args().nth(1).map(|patients| patients.parse()).transpose()?;
    let cases = cases.into_iter().filter(|case| only.is_none_or(|patients| case.0 == patients));
    for (n, inputs, hidden, head) in cases {
        let spec = ModelSpec { inputs, hidden, fusion: None, head, initial_hazard_ppm: 50_000 };
        let data = examples(n, inputs as usize)?;
        let shift = |i: usize| ((i * 7919 % 1009) as f32 / 504.0 - 1.0) * 0.05;
        let start = initial_parameters(&spec, 1);
        let start = start.iter().enumerate().map(|(i, w)| w + shift(i)).collect();
        let case = Case { spec, start, data, steps: 2000 / n as u32 };
        let mut sums = PrivateGradient::new(&case.spec, &Device::cpu()).ok();
        let mut times = Vec::new();
        for _ in 0..REPEATS {
            let plain = case.plain()?;
            times.push(match &mut sums {
                Some(sums) => [plain, case.private(sums)?, case.noised(sums)?],
                None => [plain, f64::NAN, f64::NAN],
            });
        }
        let time = |kind: usize| median(times.iter().map(|times| times[kind]));
        let ratio = |kind: usize| median(times.iter().map(|times| times[kind] / times[0]));
        let Case { spec, .. } = &case;
        let round =
            |value: f64, digits: i32| (value * 10_f64.powi(digits)).round() / 10_f64.powi(digits);
        let line = json!({
            "patients": n, "features": spec.inputs, "hidden": spec.hidden,
            "head": format!("{:?}", spec.head),
            "plain_us": round(time(0), 1),
            "private_us": round(time(1), 1), "ratio": round(ratio(1), 3),
            "private_with_noise_us": round(time(2), 1), "ratio_with_noise": round(ratio(2), 3),
        });
        println!("{line}");
    }
    Ok(())
}
