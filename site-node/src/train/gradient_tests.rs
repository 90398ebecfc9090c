//! The backward written out here, against stock automatic differentiation and finite differences.

use burn::tensor::activation::{log_sigmoid, relu, sigmoid};
use burn::tensor::{Tensor, TensorData};
use burn::{Dispatch, DispatchDevice};
use plan::model::{Head, ModelSpec, ParamLayout, initial_parameters};

use super::device::Device;
use super::layer::to_device;
use super::loss;
use super::network::Architecture;
use crate::examples::{Examples, OnGrid};

const PATIENTS: usize = 23;
const FEATURES: usize = 6;
const INTERVALS: u32 = 5;
const CAUSES: u32 = 3;

fn specs() -> Vec<ModelSpec> {
    let heads = [
        Head::LogisticHazard { intervals: INTERVALS, proportional: false },
        Head::LogisticHazard { intervals: INTERVALS, proportional: true },
        Head::CauseHazards { intervals: INTERVALS, causes: CAUSES, proportional: false },
        Head::CauseHazards { intervals: INTERVALS, causes: CAUSES, proportional: true },
        Head::Cox,
    ];
    let hidden = [vec![], vec![16], vec![16, 8]];
    let pairs = heads.into_iter().flat_map(|head| hidden.clone().map(|hidden| (head, hidden)));
    let spec = |(head, hidden)| ModelSpec {
        inputs: u32::try_from(FEATURES).unwrap(),
        hidden,
        head,
        fusion: None,
        initial_hazard_ppm: 100_000,
    };
    pairs.map(spec).collect()
}

fn examples(head: Head) -> Examples {
    let wave = |i: usize| ((i * 7919 % 1009) as f32 / 504.0 - 1.0) * 1.5;
    let features = (0..PATIENTS * FEATURES).map(wave).collect();
    // Ties, and times beyond the grid.
    let time = (0..PATIENTS).map(|i| 0.5 * (1 + i * 5 % 12) as f64).collect();
    let causes = head.causes() as usize;
    let cause = |i: usize| if i % 3 == 1 { 0 } else { u8::try_from(1 + i % causes).unwrap() };
    let cause = (0..PATIENTS).map(cause).collect();
    Examples::of_causes(features, FEATURES, time, cause, &[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap()
}

/// Far from the start's zeros, so that every path carries a gradient.
fn parameters(spec: &ModelSpec) -> Vec<f32> {
    let jitter = |i: usize| ((i * 104_729 % 2003) as f32 / 1001.0 - 1.0) * 0.3;
    initial_parameters(spec, 5).iter().enumerate().map(|(i, w)| w + jitter(i)).collect()
}

fn by_hand(spec: &ModelSpec, parameters: &[f32]) -> (f64, Vec<f32>) {
    let examples = examples(spec.head);
    let device = Device::cpu();
    let everyone: Vec<usize> = (0..PATIENTS).collect();
    let network = Architecture::of(spec).load(parameters, &device).unwrap();
    let input = to_device(examples.features().to_vec(), PATIENTS, FEATURES, device.inner());
    let pass = network.forward(input).unwrap();
    let value = loss::mean(spec.head, &pass.logits, &examples, &everyone);
    let slope = loss::gradient(spec.head, pass.logits, &examples, &everyone);
    (value, network.backward(pass.activations, slope).unwrap())
}

/// The same model and loss in tensors, differentiated by Burn.
fn by_autodiff(spec: &ModelSpec, parameters: &[f32]) -> (f64, Vec<f32>) {
    type T = Tensor<Dispatch, 2>;
    let device = DispatchDevice::autodiff(Device::cpu().inner().clone());
    let constant =
        |values: Vec<f32>, shape: [usize; 2]| T::from_data(TensorData::new(values, shape), &device);
    let layout = ParamLayout::of(spec);
    let leaves: Vec<(String, T)> = layout
        .blocks()
        .iter()
        .map(|block| {
            let columns = *block.shape.last().unwrap();
            let rows = block.range.len() / columns;
            let values = parameters[block.range.clone()].to_vec();
            (block.name.clone(), constant(values, [rows, columns]).require_grad())
        })
        .collect();
    let examples = examples(spec.head);
    let mut x = constant(examples.features().to_vec(), [PATIENTS, FEATURES]);
    for (name, leaf) in &leaves {
        x = if name.ends_with(".weight") {
            // ReLU comes before each weight but the first.
            let input = if name == "dense.0.weight" { x } else { relu(x) };
            input.matmul(leaf.clone())
        } else if name == "head.bias" {
            // Every cause has its own ratio for all of its intervals.
            let [patients, causes] = x.dims();
            let biases = leaf.dims()[1];
            let ratios = x.reshape([patients * causes, 1]).repeat_dim(1, biases / causes);
            ratios.reshape([patients, biases]) + leaf.clone()
        } else {
            x + leaf.clone()
        };
    }
    let loss = match spec.head {
        Head::LogisticHazard { intervals, .. } => {
            let columns = intervals as usize;
            let mut before = Vec::new();
            let mut died = Vec::new();
            let mut shares = Vec::new();
            for patient in 0..PATIENTS {
                let OnGrid { interval, event, share, .. } = examples.outcome_on_grid(patient);
                for j in 0..columns {
                    let here = j == interval;
                    before.push(f32::from(u8::from(j < interval)));
                    died.push(f32::from(u8::from(event && here)));
                    shares.push(if here && !event { -share } else { 0.0 });
                }
            }
            let shape = [PATIENTS, columns];
            let likelihood = log_sigmoid(-x.clone()) * constant(before, shape)
                + (sigmoid(x.clone()) * constant(shares, shape) + 1.0).log()
                + log_sigmoid(x) * constant(died, shape);
            -likelihood.sum() / PATIENTS as f32
        }
        Head::CauseHazards { intervals, causes, .. } => {
            let intervals = intervals as usize;
            let causes = causes as usize;
            let mut at_risk = Vec::new();
            let mut had = Vec::new();
            let mut left = Vec::new();
            for patient in 0..PATIENTS {
                let OnGrid { interval, event, cause, share } = examples.outcome_on_grid(patient);
                let number = |holds: bool| f32::from(u8::from(holds));
                at_risk.extend((0..intervals).map(|j| number(j <= interval)));
                let unobserved = if event { 0.0 } else { 1.0 - share };
                left.extend((0..intervals).map(|j| unobserved * number(j == interval)));
                let own = |cell: usize| event && cell == cause * intervals + interval;
                had.extend((0..causes * intervals).map(|cell| number(own(cell))));
            }
            let of_cause =
                |k: usize| x.clone().slice([0..PATIENTS, k * intervals..(k + 1) * intervals]).exp();
            let total = (1..causes).fold(of_cause(0), |sum, k| sum + of_cause(k));
            let shape = [PATIENTS, intervals];
            let censored = (total.clone() * constant(left, shape) + 1.0).log();
            let survived = (total + 1.0).log() * constant(at_risk, shape) - censored;
            let observed = x * constant(had, [PATIENTS, causes * intervals]);
            (survived.sum() - observed.sum()) / PATIENTS as f32
        }
        Head::PiecewiseHazard { .. } | Head::DeepHit { .. } => {
            unreachable!("heads have their own tests")
        }
        Head::Cox => {
            let time = examples.time();
            let event = examples.event();
            let mask = |at_risk: &dyn Fn(usize, usize) -> bool| {
                let cells = (0..PATIENTS * PATIENTS)
                    .map(|cell| f32::from(u8::from(at_risk(cell / PATIENTS, cell % PATIENTS))));
                constant(cells.collect(), [PATIENTS, PATIENTS])
            };
            let risk_sets = mask(&|i, j| time[j] >= time[i]).matmul(x.clone().exp()).log();
            let events: Vec<f32> = event.iter().map(|&d| f32::from(u8::from(d))).collect();
            let count: f32 = events.iter().sum();
            ((risk_sets - x) * constant(events, [PATIENTS, 1])).sum() / count
        }
    };
    let value = loss.clone().inner().into_data().into_vec::<f32>().unwrap()[0];
    let gradients = loss.backward();
    let flat = leaves.iter().flat_map(|(_, leaf)| {
        leaf.grad(&gradients).unwrap().into_data().into_vec::<f32>().unwrap()
    });
    (f64::from(value), flat.collect())
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    let squares = |values: &mut dyn Iterator<Item = f32>| -> f64 {
        values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt()
    };
    squares(&mut a.iter().zip(b).map(|(a, b)| a - b)) / squares(&mut b.iter().copied())
}

#[test]
fn the_gradient_is_that_of_automatic_differentiation() {
    for spec in specs() {
        let parameters = parameters(&spec);
        let (value, gradient) = by_hand(&spec, &parameters);
        let (expected, reference) = by_autodiff(&spec, &parameters);
        assert!((value - expected).abs() < 1e-5 * expected.abs(), "{spec:?}: {value} {expected}");
        assert!(distance(&gradient, &reference) < 2e-6, "{spec:?}");
        assert!(reference.iter().filter(|g| **g != 0.0).count() > reference.len() / 2, "{spec:?}");
    }
}

#[test]
fn the_gradient_is_the_slope_of_the_loss() {
    for spec in specs() {
        let parameters = parameters(&spec);
        let (_, gradient) = by_hand(&spec, &parameters);
        // Along the gradient itself, whose slope is its squared norm.
        let norm = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>();
        let at = |step: f32| {
            let moved: Vec<f32> =
                parameters.iter().zip(&gradient).map(|(w, g)| w + step * g).collect();
            by_hand(&spec, &moved).0
        };
        let step = 2_f32.powi(-9);
        let slope = (at(step) - at(-step)) / (2.0 * f64::from(step));
        assert!((slope / norm - 1.0).abs() < 2e-3, "{spec:?}: {slope} {norm}");
    }
}

#[test]
fn the_flat_vector_survives_the_round_trip() {
    for spec in specs() {
        let parameters = parameters(&spec);
        let network = Architecture::of(&spec).load(&parameters, &Device::cpu()).unwrap();
        assert_eq!(network.flatten().unwrap(), parameters, "{spec:?}");
    }
}
