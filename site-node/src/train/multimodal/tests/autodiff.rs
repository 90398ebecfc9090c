//! The same model written with Burn's own operations, differentiated by Burn.

use std::collections::BTreeMap;

use burn::tensor::activation::{log_sigmoid, relu, sigmoid, tanh};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, TensorData};
use burn::{Dispatch, DispatchDevice};
use plan::model::{Encoder, EncoderKind, Head, Input, ModelSpec, ParamLayout, Pool};

use super::{FEATURES, examples, parameters, spec, specs, with_fusion};
use crate::examples::Examples;
use crate::examples::OnGrid;
use crate::train::multimodal::{ClippedSum, Multimodal};
use crate::train::{Device, loss};

type T<const D: usize> = Tensor<Dispatch, D>;

struct Model {
    device: DispatchDevice,
    leaves: BTreeMap<String, T<2>>,
}

impl Model {
    fn constant<const D: usize>(&self, values: &[f32], shape: [usize; D]) -> T<D> {
        T::from_data(TensorData::new(values.to_vec(), shape), &self.device)
    }

    fn dense(&self, name: &str, input: T<2>) -> T<2> {
        let leaf = |part: &str| self.leaves.get(&format!("{name}.{part}")).cloned();
        let product = input.matmul(leaf("weight").unwrap());
        match leaf("bias") {
            Some(bias) => product + bias,
            None => product,
        }
    }

    fn layers(&self, name: &str, count: usize, input: T<2>) -> T<2> {
        let layer = |x, index| relu(self.dense(&format!("{name}.{index}"), x));
        (0..count).fold(input, layer)
    }

    fn codes(&self, view: &str, codes: &[crate::examples::Code]) -> T<2> {
        let leaf = |part: &str| self.leaves[&format!("encoder.{view}.{part}")].clone();
        let rate = (leaf("fading").exp() + 1.0).log();
        let mut sum = rate.clone() * 0.0;
        for code in codes {
            let row = code.word as usize;
            let width = rate.dims()[1];
            let embedding = leaf("embedding").slice([row..row + 1, 0..width]);
            sum = sum + embedding * (rate.clone() * -code.age).exp();
        }
        sum / ((1 + codes.len()) as f32).sqrt()
    }

    /// The state after one code after the other, as the paper writes it.
    fn gru(&self, view: &str, codes: &[crate::examples::Code]) -> T<2> {
        let leaf = |part: &str| self.leaves[&format!("encoder.{view}.{part}")].clone();
        let rate = (leaf("fading").exp() + 1.0).log();
        let width = rate.dims()[1];
        let mut codes = codes.to_vec();
        codes.sort_by(|a, b| b.age.total_cmp(&a.age).then(a.word.cmp(&b.word)));
        let mut state = rate.clone() * 0.0;
        let mut before = codes.first().map_or(0.0, |first| first.age);
        for code in &codes {
            let row = code.word as usize;
            let [_, embedding] = leaf("embedding").dims();
            let x = leaf("embedding").slice([row..row + 1, 0..embedding]);
            let found = state * (rate.clone() * (code.age - before)).exp();
            before = code.age;
            let read = x.matmul(leaf("input.weight")) + leaf("input.bias");
            let recalled = found.clone().matmul(leaf("state.weight"));
            let gate = |of: &T<2>, g: usize| of.clone().slice([0..1, g * width..(g + 1) * width]);
            let reset = sigmoid(gate(&read, 0) + gate(&recalled, 0));
            let update = sigmoid(gate(&read, 1) + gate(&recalled, 1));
            let recalled = gate(&recalled, 2) + leaf("state.bias");
            let candidate = tanh(gate(&read, 2) + reset * recalled);
            state = (-update.clone() + 1.0) * candidate + update * found;
        }
        state * (rate * -before).exp()
    }

    /// Channels last on our side, first on Burn's.
    fn convolutions(&self, encoder: &Encoder, numbers: &[f32]) -> T<2> {
        let (channels, axes, blocks) = encoder.convolutions();
        let (rows, columns) = match encoder.kind.input() {
            Input::Ecg { samples } => (1, samples as usize),
            Input::Image { width, height } => (height as usize, width as usize),
            Input::Codes { .. } => unreachable!(),
        };
        let mut channels = channels as usize;
        let mut x = self.constant(numbers, [1, rows, columns, channels]).permute([0, 3, 1, 2]);
        for (index, block) in blocks.iter().enumerate() {
            let outputs = block.channels as usize;
            let leaf = |part: &str| {
                self.leaves[&format!("encoder.{}.conv.{index}.{part}", encoder.view)].clone()
            };
            let [kernel, stride, dilation, padding] =
                [block.kernel, block.stride, block.dilation, block.padding()].map(|n| n as usize);
            let (down, [tall, step, gap, zeros]) = match axes {
                1 => (1, [1, 1, 1, 0]),
                _ => (kernel, [kernel, stride, dilation, padding]),
            };
            assert_eq!(down, tall);
            let weight = leaf("weight").reshape([tall, kernel, channels, outputs]);
            let options = ConvOptions::new([step, stride], [zeros, padding], [gap, dilation], 1);
            let z = conv2d(x.clone(), weight.permute([3, 2, 0, 1]), None, options);
            let shape = z.dims();
            let groups = block.groups() as usize;
            let z = z.reshape([groups, shape.iter().product::<usize>() / groups]);
            let centred = z.clone() - z.mean_dim(1);
            let variance = (centred.clone() * centred.clone()).mean_dim(1);
            let normal = (centred / (variance + 1e-5).sqrt()).reshape(shape);
            let affine = |part| leaf(part).reshape([1, outputs, 1, 1]);
            let mut y = normal * affine("gain") + affine("shift");
            if block.residual {
                y = y + x;
            }
            x = relu(y);
            channels = outputs;
        }
        let [_, channels, rows, columns] = x.dims();
        let positions = x.reshape([channels, rows * columns]);
        let pooled = match encoder.pool {
            Pool::Mean => positions.mean_dim(1),
            Pool::Max => positions.max_dim(1),
        };
        pooled.reshape([1, channels])
    }

    fn logits(&self, spec: &ModelSpec, examples: &Examples, patient: usize) -> T<2> {
        let fusion = spec.fusion.as_ref().unwrap();
        let row = &examples.features()[patient * FEATURES..][..FEATURES];
        let tables = self.constant(row, [1, FEATURES]);
        let tables = self.layers("tables", spec.hidden.len(), tables);
        let mut all = vec![("tables".to_owned(), Some(tables))];
        for (encoder, modality) in fusion.encoders.iter().zip(examples.modalities()) {
            let h = match encoder.kind {
                EncoderKind::Codes(_) => {
                    modality.codes_of(patient).map(|codes| self.codes(&encoder.view, codes))
                }
                EncoderKind::Gru(_) => {
                    modality.codes_of(patient).map(|codes| self.gru(&encoder.view, codes))
                }
                _ => modality.numbers_of(patient).map(|x| self.convolutions(encoder, x)),
            };
            all.push((encoder.view.clone(), h));
        }
        let mut fused =
            self.constant(&vec![0.0; fusion.width as usize], [1, fusion.width as usize]);
        for (name, h) in all {
            fused = fused
                + match h {
                    Some(h) => {
                        self.dense(&format!("fusion.{name}.value"), h.clone())
                            * sigmoid(self.dense(&format!("fusion.{name}.gate"), h))
                    }
                    None => self.leaves[&format!("fusion.{name}.absent")].clone(),
                };
        }
        let count = fusion.hidden.len();
        let last = self.layers("dense", count, relu(fused));
        let output = self.dense(&format!("dense.{count}"), last);
        match self.leaves.get("head.bias") {
            Some(bias) => output + bias.clone(),
            None => output,
        }
    }
}

fn by_autodiff(
    spec: &ModelSpec,
    parameters: &[f32],
    examples: &Examples,
    patients: &[usize],
) -> Vec<f32> {
    let device = DispatchDevice::autodiff(Device::cpu().inner().clone());
    let mut model = Model { device, leaves: BTreeMap::new() };
    let layout = ParamLayout::of(spec);
    for block in layout.blocks() {
        let columns = *block.shape.last().unwrap();
        let shape = [block.range.len() / columns, columns];
        let leaf = model.constant(&parameters[block.range.clone()], shape).require_grad();
        model.leaves.insert(block.name.clone(), leaf);
    }
    let mut loss = model.constant(&[0.0], [1]);
    for &patient in patients {
        let logits = model.logits(spec, examples, patient);
        let OnGrid { interval, event, share, .. } = examples.outcome_on_grid(patient);
        let columns = logits.dims()[1];
        let number = |holds: bool| f32::from(u8::from(holds));
        let died: Vec<f32> = (0..columns).map(|j| number(event && j == interval)).collect();
        let before: Vec<f32> = (0..columns).map(|j| number(j < interval)).collect();
        // ln(1 − ρ h) of the interval that somebody was censored in; ln 1 of all others.
        let of_it = |j: usize| if !event && j == interval { -share } else { 0.0 };
        let shares: Vec<f32> = (0..columns).map(of_it).collect();
        let hazard = sigmoid(logits.clone());
        let likelihood = log_sigmoid(-logits.clone()) * model.constant(&before, [1, columns])
            + (hazard * model.constant(&shares, [1, columns]) + 1.0).log()
            + log_sigmoid(logits) * model.constant(&died, [1, columns]);
        loss = loss - likelihood.sum() / patients.len() as f32;
    }
    let gradients = loss.backward();
    let flat = layout.blocks().iter().flat_map(|block| {
        match model.leaves[&block.name].grad(&gradients) {
            Some(gradient) => gradient.into_data().into_vec::<f32>().unwrap(),
            // Of a modality that none of them has.
            None => vec![0.0; block.range.len()],
        }
    });
    flat.collect()
}

pub(super) fn norm(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt()
}

/// That two gradients agree block by block.
pub(super) fn assert_close(spec: &ModelSpec, found: &[f32], expected: &[f32], what: &str) {
    let whole = norm(expected.iter().copied());
    for block in ParamLayout::of(spec).blocks() {
        let found = &found[block.range.clone()];
        let expected = &expected[block.range.clone()];
        let apart = norm(found.iter().zip(expected).map(|(f, e)| f - e));
        let size = norm(expected.iter().copied());
        let bound = 2e-4 * size + 1e-5 * whole;
        assert!(apart <= bound, "{what} {}: {apart} apart, of {size}", block.name);
    }
}

#[test]
fn the_gradient_is_that_of_automatic_differentiation() {
    let examples = examples(18);
    for spec in specs() {
        let parameters = parameters(&spec);
        let fused = Multimodal::new(&spec);
        // Everything, nothing but tables, each modality alone beside them, and all patients together.
        let cohorts = [vec![9], vec![8], vec![1], vec![2], vec![4], (0..18).collect()];
        for patients in cohorts {
            let found = fused.gradient(&parameters, &examples, &patients, 0).unwrap().unwrap();
            let expected = by_autodiff(&spec, &parameters, &examples, &patients);
            assert!(norm(expected.iter().copied()) > 1e-2);
            assert_close(&spec, &found, &expected, &format!("patients {patients:?}"));
        }
    }
}

#[test]
fn every_block_of_parameters_has_a_gradient() {
    let examples = examples(18);
    let everyone: Vec<usize> = (0..18).collect();
    for place in [0, 3] {
        let spec = specs().remove(place);
        let fused = Multimodal::new(&spec);
        let gradient = fused.gradient(&parameters(&spec), &examples, &everyone, 0);
        let gradient = gradient.unwrap().unwrap();
        for block in ParamLayout::of(&spec).blocks() {
            // Tables are never absent.
            let some = gradient[block.range.clone()].iter().any(|g| *g != 0.0);
            assert_eq!(some, block.name != "fusion.tables.absent", "{}", block.name);
        }
    }
}

#[test]
fn a_model_without_tables_or_hidden_layers_works_too() {
    let examples = examples(12);
    let examples = Examples::new(
        Vec::new(),
        0,
        examples.time().to_vec(),
        examples.event().to_vec(),
        &[1.0, 2.0, 3.0, 4.0],
    )
    .unwrap()
    .with(examples.modalities().to_vec())
    .unwrap();
    let spec = with_fusion(&specs()[2], |fusion| fusion.hidden = vec![]);
    let spec = ModelSpec { inputs: 0, hidden: vec![], ..spec };
    assert_eq!(spec.check(), Ok(()));
    let parameters = parameters(&spec);
    let fused = Multimodal::new(&spec);
    let everyone: Vec<usize> = (0..12).collect();
    let gradient = fused.gradient(&parameters, &examples, &everyone, 0).unwrap().unwrap();
    let logits = |parameters: &[f32]| {
        let logits = fused.logits(parameters, &examples, &everyone).unwrap();
        loss::mean(spec.head, &logits, &examples, &everyone)
    };
    assert_slope(&gradient, &parameters, logits);
    // Patient 8 brings nothing at all.
    assert!(fused.logits(&parameters, &examples, &[8]).unwrap().iter().all(|z| z.is_finite()));
}

/// That a gradient is the slope of a loss along itself.
fn assert_slope(gradient: &[f32], parameters: &[f32], loss: impl Fn(&[f32]) -> f64) {
    let size = norm(gradient.iter().copied());
    let step = 2e-3 / size;
    let at = |step: f64| {
        let pairs = parameters.iter().zip(gradient);
        #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
        let moved: Vec<f32> =
            pairs.map(|(w, g)| (f64::from(*w) + step * f64::from(*g)) as f32).collect();
        loss(&moved)
    };
    let slope = (at(step) - at(-step)) / (2.0 * step);
    assert!((slope / (size * size) - 1.0).abs() < 0.02, "{slope} {}", size * size);
}

#[test]
fn the_cox_gradient_couples_the_batch() {
    let examples = examples(18);
    let spec = ModelSpec { head: Head::Cox, ..specs().remove(0) };
    let parameters = parameters(&spec);
    let fused = Multimodal::new(&spec);
    let everyone: Vec<usize> = (0..18).collect();
    let gradient = fused.gradient(&parameters, &examples, &everyone, 0).unwrap().unwrap();
    assert_slope(&gradient, &parameters, |parameters| {
        let logits = fused.logits(parameters, &examples, &everyone).unwrap();
        loss::mean(spec.head, &logits, &examples, &everyone)
    });
}

#[test]
fn the_gradient_of_several_causes_is_the_slope_of_their_loss() {
    let some = examples(18);
    let cause = (0..18).map(|i| [1, 0, 2][i % 3]).collect();
    let features = some.features().to_vec();
    let time = some.time().to_vec();
    let examples = Examples::of_causes(features, FEATURES, time, cause, &[1.0, 2.0, 3.0, 4.0]);
    let examples = examples.unwrap().with(some.modalities().to_vec()).unwrap();
    let everyone: Vec<usize> = (0..18).collect();
    for proportional in [false, true] {
        let head = Head::CauseHazards { intervals: 4, causes: 2, proportional };
        let spec = ModelSpec { head, ..specs().remove(0) };
        let parameters = parameters(&spec);
        let fused = Multimodal::new(&spec);
        let gradient = fused.gradient(&parameters, &examples, &everyone, 0).unwrap().unwrap();
        assert_slope(&gradient, &parameters, |parameters| {
            let logits = fused.logits(parameters, &examples, &everyone).unwrap();
            loss::mean(spec.head, &logits, &examples, &everyone)
        });
        let of_head = ParamLayout::of(&spec).blocks().last().unwrap().range.clone();
        assert!(gradient[of_head].iter().filter(|slope| **slope != 0.0).count() > 6);
        // Far from anybody's bound the private sum is the same, but for rounding.
        let clip = 64.0;
        let mut private = ClippedSum::new(&spec, &Device::cpu());
        let words = private.clipped_sum(&parameters, &examples, &everyone, clip).unwrap();
        #[allow(clippy::cast_possible_truncation, reason = "the model's precision")]
        let mean = |word: &i64| (*word as f64 * clip / f64::from(1 << 20) / 18.0) as f32;
        let apart = norm(words.iter().map(mean).zip(&gradient).map(|(sum, slope)| sum - slope));
        assert!(apart < 0.01 * norm(gradient.iter().copied()), "{apart}");
    }
}

#[test]
fn the_most_recent_codes_count() {
    let spec = spec(
        specs()[2].fusion.as_ref().unwrap().encoders[1].convolutions().2.to_vec(),
        specs()[2].fusion.as_ref().unwrap().encoders[2].convolutions().2.to_vec(),
        false,
    );
    let logits = most_recent_codes_count(&spec, 511);
    assert_ne!(logits[0], logits[1]);
}

/// Of so many codes the oldest leaves no trace in the state, whether or not it is read.
#[test]
fn the_most_recent_codes_count_in_their_order() {
    most_recent_codes_count(&specs()[3], 512);
}

/// That the 512 most recent of 700 codes count, in whatever order they come. The logits of all, and of the first few.
fn most_recent_codes_count(spec: &ModelSpec, few: usize) -> [Vec<f32>; 2] {
    use crate::examples::{Code, Modality};
    let code = |i: u32| Code { word: i % 11, age: (i * 7919 % 5003) as f32 / 100.0 };
    let mut codes: Vec<Code> = (0..700).map(code).collect();
    let brought = |codes: &[Code]| {
        let one = examples(1);
        let mut modalities = one.modalities().to_vec();
        modalities[0] = Modality::codes(vec![codes.to_vec()], 11).unwrap();
        one.with(modalities).unwrap()
    };
    let parameters = parameters(spec);
    let fused = Multimodal::new(spec);
    let logits = |codes: &[Code]| fused.logits(&parameters, &brought(codes), &[0]).unwrap();
    let all = logits(&codes);
    codes.sort_by(|a, b| a.age.total_cmp(&b.age));
    assert_eq!(logits(&codes[..512]), all);
    assert_ne!(logits(&codes[1..]), all);
    let fewer = logits(&codes[..few]);
    codes.reverse();
    assert_eq!(logits(&codes), all);
    [all, fewer]
}
