//! Prints how long one step of local training takes on this machine, plain and private.

#![allow(
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "this program measures time and knows its numbers"
)]

use std::time::Instant;

use common::model::{Head, ModelSpec, initial_parameters};
use site_node::train::{Device, Examples, LocalTraining, PrivateGradient, Rule, TrainError, train};

const INTERVALS: u32 = 20;
const REPEATS: usize = 51;

fn examples(n: usize, width: usize) -> Result<Examples, TrainError> {
    let value = |i: usize| (i * 7919 % 10_007) as f64 / 10_007.0;
    let features = (0..n * width).map(|i| value(i) as f32 - 0.5).collect();
    let time = (0..n).map(|i| 0.01 + f64::from(INTERVALS) * value(i * 31 + 7)).collect();
    let event = (0..n).map(|i| value(i * 17 + 3) < 0.5).collect();
    let edges: Vec<f64> = (1..=INTERVALS).map(f64::from).collect();
    Examples::new(features, width, time, event, &edges)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Microseconds a step.
fn plain(spec: &ModelSpec, start: &[f32], data: &Examples, steps: u32) -> Result<f64, TrainError> {
    let plan = LocalTraining {
        optimizer: Rule::Sgd,
        learning_rate: 1e-3,
        epochs: steps,
        batch: None,
        weight_decay: 0.0,
        proximal: 0.0,
    };
    let clock = Instant::now();
    train(spec, &plan, start, data, 1, &Device::cpu())?;
    // The losses before and after take two forward passes, a third of a step each.
    Ok(clock.elapsed().as_secs_f64() * 1e6 / (f64::from(steps) + 0.7))
}

/// Microseconds a step: the same with the clipped sum for a gradient, before noise.
fn private(
    sums: &mut PrivateGradient,
    start: &[f32],
    data: &Examples,
    steps: u32,
) -> Result<f64, TrainError> {
    let everyone: Vec<usize> = (0..data.len()).collect();
    let mut parameters = start.to_vec();
    let clock = Instant::now();
    for _ in 0..steps {
        let words = sums.clipped_sum(&parameters, data, &everyone, 1.0)?;
        let rate = 1e-3 / 1_048_576.0 / everyone.len() as f32;
        for (w, word) in parameters.iter_mut().zip(words) {
            *w -= rate * *word as f32;
        }
    }
    Ok(clock.elapsed().as_secs_f64() * 1e6 / f64::from(steps))
}

fn main() -> Result<(), TrainError> {
    let hazard = |proportional| Head::LogisticHazard { intervals: INTERVALS, proportional };
    let cases = [
        (200, 39, vec![], hazard(true)),
        (200, 39, vec![], hazard(false)),
        (200, 39, vec![], Head::Cox),
        (64, 64, vec![256, 128], hazard(false)),
        (256, 64, vec![256, 128], hazard(false)),
    ];
    for (n, inputs, hidden, head) in cases {
        let spec = ModelSpec { inputs, hidden, head, initial_hazard_ppm: 50_000 };
        let data = examples(n, inputs as usize)?;
        let shift = |i: usize| ((i * 7919 % 1009) as f32 / 504.0 - 1.0) * 0.05;
        let start = initial_parameters(&spec, 1);
        let start: Vec<f32> = start.iter().enumerate().map(|(i, w)| w + shift(i)).collect();
        let steps = 6000 / n as u32;
        let mut sums = PrivateGradient::new(&spec, &Device::cpu()).ok();
        let (mut plains, mut privates) = (Vec::new(), Vec::new());
        for _ in 0..REPEATS {
            plains.push(plain(&spec, &start, &data, steps)?);
            if let Some(sums) = &mut sums {
                privates.push(private(sums, &start, &data, steps)?);
            }
        }
        let ratios = plains.iter().zip(&privates).map(|(plain, private)| private / plain);
        let ratio = median(ratios.collect());
        let (plain, hidden) = (median(plains), &spec.hidden);
        print!(
            "{n} patients, {inputs} features, hidden {hidden:?}, {head:?}: {plain:.1} µs a step"
        );
        if sums.is_some() {
            print!(", private {:.1} µs, ratio {ratio:.2}", median(privates));
        }
        println!();
    }
    Ok(())
}
