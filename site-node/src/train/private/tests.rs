//! Against patients taken one by one.

use plan::model::{Head, ModelSpec, initial_parameters};

use super::*;
use crate::train::loss;

const WIDTH: usize = 7;
const INTERVALS: u32 = 6;
const UNITS: f64 = UNITS_PER_CLIP as f64;

fn specs() -> Vec<ModelSpec> {
    let heads = [false, true].into_iter().flat_map(|proportional| {
        let causes = Head::CauseHazards { intervals: INTERVALS, causes: 2, proportional };
        [Head::LogisticHazard { intervals: INTERVALS, proportional }, causes]
    });
    let hidden = [vec![], vec![16], vec![40, 24]];
    let spec = |(head, hidden)| ModelSpec {
        inputs: u32::try_from(WIDTH).unwrap(),
        hidden,
        head,
        fusion: None,
        initial_hazard_ppm: 100_000,
    };
    let pairs = heads.flat_map(|head| hidden.clone().map(|hidden| (head, hidden)));
    pairs.map(spec).collect()
}

fn examples(n: usize, feature: impl Fn(usize) -> f32) -> Examples {
    wide_examples(n, WIDTH, feature)
}

fn wide_examples(n: usize, width: usize, feature: impl Fn(usize) -> f32) -> Examples {
    let features = (0..n * width).map(feature).collect();
    let time = (0..n).map(|i| 0.3 + (i * 5 % 13) as f64 / 2.0).collect();
    // Heads of one cause do not look at which it was.
    let cause = (0..n).map(|i| [1, 0, 2, 1, 0, 1][i % 6]).collect();
    Examples::of_causes(features, width, time, cause, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap()
}

fn wave(i: usize) -> f32 {
    (i * 7919 % 1009) as f32 / 504.0 - 1.0
}

fn parameters(spec: &ModelSpec) -> Vec<f32> {
    let start = initial_parameters(spec, 5);
    start.iter().enumerate().map(|(i, w)| w + 0.3 * wave(i * 31 + 11)).collect()
}

fn private(spec: &ModelSpec) -> DenseSum {
    DenseSum::new(spec, &Device::cpu()).unwrap()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// A patient's gradient in floating point, by the plain step.
fn alone(spec: &ModelSpec, parameters: &[f32], examples: &Examples, patient: usize) -> Vec<f64> {
    let network = Architecture::of(spec).load(parameters, &Device::cpu()).unwrap();
    let row = examples.gather(&[patient]);
    let pass = network.forward(to_device(row, 1, WIDTH, Device::cpu().inner())).unwrap();
    let slope = loss::gradient(spec.head, pass.logits, examples, &[patient]);
    let flat = network.backward(pass.activations, slope).unwrap();
    flat.into_iter().map(f64::from).collect()
}

/// The bound of the module's "Accuracy", with the room that rounding is given.
fn tolerance(spec: &ModelSpec) -> f64 {
    let layers: f64 = Architecture::of(spec)
        .outer_products()
        .map(|part| 1.0 + ((part.inputs + 1) as f64).sqrt() + (part.outputs as f64).sqrt())
        .sum();
    layers / 2048.0 + 1.5e-3
}

#[test]
fn equals_the_loop_of_single_patients_within_the_stated_rounding() {
    let examples = examples(150, wave);
    let sampled: Vec<usize> = (0..150).filter(|i| i % 7 != 2).collect();
    for spec in specs() {
        let parameters = parameters(&spec);
        // Everybody clipped, some, and nobody.
        for clip in [0.05, 1.0, 50.0] {
            let mut private = private(&spec);
            let words = private.clipped_sum(&parameters, &examples, &sampled, clip).unwrap();
            let mut expected = vec![0.0; words.len()];
            for &patient in &sampled {
                let gradient = alone(&spec, &parameters, &examples, patient);
                let factor = (clip / norm(&gradient)).min(1.0);
                expected.iter_mut().zip(&gradient).for_each(|(sum, g)| *sum += factor * g);
            }
            let error: Vec<f64> =
                words.iter().zip(&expected).map(|(&w, e)| w as f64 * clip / UNITS - e).collect();
            let worst = sampled.len() as f64 * clip * tolerance(&spec);
            assert!(norm(&error) < worst, "{spec:?} {clip}: {} {worst}", norm(&error));
            // Errors of many patients are not all alike.
            let relative = norm(&error) / norm(&expected);
            assert!(relative < 0.02, "{spec:?} {clip}: {relative}");
        }
    }
}

#[test]
fn the_sum_is_exactly_that_of_each_patient_within_the_bound() {
    let examples = examples(140, wave);
    let everyone: Vec<usize> = (0..140).collect();
    for spec in specs() {
        let parameters = parameters(&spec);
        let mut private = private(&spec);
        for clip in [0.05, 1.0] {
            let whole =
                private.clipped_sum(&parameters, &examples, &everyone, clip).unwrap().to_vec();
            let mut sum = vec![0; whole.len()];
            for patient in 0..140 {
                let words = private.clipped_sum(&parameters, &examples, &[patient], clip).unwrap();
                let squared: i64 = words.iter().map(|word| word * word).sum();
                assert!(squared <= 1 << 40, "{squared}");
                assert!(squared > 1 << 20);
                sum.iter_mut().zip(words).for_each(|(sum, word)| *sum += word);
            }
            assert_eq!(sum, whole, "{spec:?} {clip}");
        }
    }
}

#[test]
fn entries_that_fill_the_exact_range_split_the_product() {
    // One feature alone, so that a patient's product comes near 2²⁰ in one entry.
    let examples = examples(200, |i| if i % WIDTH == 0 { 1.0 } else { 0.0 });
    let spec = ModelSpec {
        head: Head::LogisticHazard { intervals: INTERVALS, proportional: true },
        ..specs().remove(0)
    };
    let parameters = vec![0.5; 7 + 6];
    let everyone: Vec<usize> = (0..200).collect();
    let mut private = private(&spec);
    let whole = private.clipped_sum(&parameters, &examples, &everyone, 0.01).unwrap().to_vec();
    let mut sum = vec![1; whole.len()];
    let device = Device::cpu();
    let pieces = MicroBatch::new(PIECES);
    on_device::write(&private.groups, &private.layers, &mut sum, &device, &pieces).unwrap();
    assert_eq!(sum, whole);
    sum.fill(0);
    for patient in 0..200 {
        let words = private.clipped_sum(&parameters, &examples, &[patient], 0.01).unwrap();
        sum.iter_mut().zip(words).for_each(|(sum, word)| *sum += word);
    }
    assert_eq!(sum, whole);
    assert!(whole[0].unsigned_abs() > 1 << 24, "{}", whole[0]);
}

#[test]
fn a_patient_out_of_range_adds_nothing_and_harms_no_one() {
    let spec = specs().remove(2);
    let parameters = parameters(&spec);
    let wild = |i: usize| if i / WIDTH == 3 { f32::MAX } else { wave(i) };
    let with = examples(20, wild);
    let mut private = private(&spec);
    let everyone: Vec<usize> = (0..20).collect();
    let others: Vec<usize> = (0..20).filter(|&i| i != 3).collect();
    let alone = private.clipped_sum(&parameters, &with, &[3], 1.0).unwrap();
    assert!(alone.iter().all(|&word| word == 0));
    let all = private.clipped_sum(&parameters, &with, &everyone, 1.0).unwrap().to_vec();
    let rest = private.clipped_sum(&parameters, &with, &others, 1.0).unwrap();
    assert_eq!(all, rest);
}

#[test]
fn wide_layers_and_zero_gradients_stay_within_the_bound() {
    // Rounding moves the norm most where there are most entries.
    let spec = ModelSpec {
        inputs: 7,
        hidden: vec![3000],
        head: Head::LogisticHazard { intervals: INTERVALS, proportional: false },
        fusion: None,
        initial_hazard_ppm: 100_000,
    };
    let examples = examples(10, wave);
    let mut private = private(&spec);
    // The start, where the hidden layer's gradient is zero, and a model far from it.
    for parameters in [initial_parameters(&spec, 1), parameters(&spec)] {
        for patient in 0..10 {
            let words = private.clipped_sum(&parameters, &examples, &[patient], 0.01).unwrap();
            let norm = words.iter().map(|&w| (w as f64).powi(2)).sum::<f64>().sqrt();
            assert!(norm <= UNITS && norm > 0.98 * UNITS, "{}", norm / UNITS);
        }
    }
}

#[test]
fn what_cannot_be_bounded_is_refused() {
    let cox = ModelSpec { head: Head::Cox, ..specs().remove(0) };
    let error = PrivateGradient::new(&cox, &Device::cpu()).unwrap_err();
    assert_eq!(error, TrainError::NotSeparable { head: "cox" });

    let spec = specs().remove(0);
    let parameters = parameters(&spec);
    let examples = examples(5, wave);
    let mut private = PrivateGradient::new(&spec, &Device::cpu()).unwrap();
    let mut sum = |sampled: &[usize], clip| {
        private.clipped_sum(&parameters, &examples, sampled, clip).map(<[i64]>::to_vec)
    };
    assert!(sum(&[1], 1.0).unwrap().iter().any(|&word| word != 0));
    assert_eq!(sum(&[], 1.0), Ok(vec![0; parameters.len()]));
    for sampled in [&[1, 1][..], &[2, 1], &[5]] {
        assert_eq!(sum(sampled, 1.0), Err(TrainError::Sample));
    }
    for clip in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(sum(&[1], clip), Err(TrainError::Setting { setting: "clip", .. })));
    }
}

/// That the sum over all is the sum of each one's, word for word.
fn assert_additive(private: &mut DenseSum, parameters: &[f32], examples: &Examples) {
    let everyone: Vec<usize> = (0..examples.len()).collect();
    let whole = private.clipped_sum(parameters, examples, &everyone, 0.2).unwrap().to_vec();
    let mut sum = vec![0; whole.len()];
    for patient in everyone {
        let words = private.clipped_sum(parameters, examples, &[patient], 0.2).unwrap();
        sum.iter_mut().zip(words).for_each(|(sum, word)| *sum += word);
    }
    assert_eq!(sum, whole);
}

#[test]
fn long_sums_that_round_by_the_number_of_rows_do_not_couple_patients() {
    // So many terms that products split them by their shape: 112 rows and 64 differ in bits.
    let spec = ModelSpec { inputs: 2000, hidden: vec![64], ..specs().remove(1) };
    let examples = wide_examples(112, 2000, wave);
    assert_additive(&mut private(&spec), &parameters(&spec), &examples);
}

#[test]
fn a_device_whose_rows_differ_goes_row_by_row() {
    let spec = specs().remove(2);
    let examples = examples(40, wave);
    let mut private = private(&spec);
    private.shapes = Shapes::none_alike();
    assert_additive(&mut private, &parameters(&spec), &examples);
}

#[test]
fn every_way_to_sum_gives_the_same_words() {
    // Enough patients for a second run of 32-bit sums, an odd number, and layers of odd widths.
    let examples = examples(1101, wave);
    let everyone: Vec<usize> = (0..1101).collect();
    for hidden in [vec![], vec![40, 24]] {
        let spec = ModelSpec { hidden, ..specs().remove(0) };
        let mut private = private(&spec);
        let words =
            private.clipped_sum(&parameters(&spec), &examples, &everyone, 0.2).unwrap().to_vec();
        assert!(words.iter().filter(|word| **word != 0).count() > words.len() / 2);
        let mut others = vec![1; words.len()];
        let groups = &private.groups;
        let layers = &private.layers;
        on_device::write(groups, layers, &mut others, &Device::cpu(), &MicroBatch::new(1)).unwrap();
        assert_eq!(others, words, "{spec:?}");
        let mut narrower = [others.clone(), vec![1; words.len()]];
        product::by_narrower_vectors(groups, layers, &mut narrower);
        assert!(narrower.iter().all(|others| *others == words), "{spec:?}");
    }
}

#[test]
fn a_gpu_with_little_memory_gives_the_same_words() {
    let spec = specs().remove(2);
    let examples = examples(150, wave);
    let everyone: Vec<usize> = (0..150).collect();
    let parameters = parameters(&spec);
    let expected =
        private(&spec).clipped_sum(&parameters, &examples, &everyone, 0.2).unwrap().to_vec();
    for most in [1000, 100, 32, 16] {
        let mut sum = DenseSum::new(&spec, &Device::tensors_on_cpu(most)).unwrap();
        let words = sum.clipped_sum(&parameters, &examples, &everyone, 0.2).unwrap();
        assert_eq!(words, expected, "{most} patients a pass");
        assert!(sum.slots.now() <= most && sum.pieces.now() <= most);
    }
    let none = DenseSum::new(&spec, &Device::tensors_on_cpu(0)).map(|_| ());
    assert_eq!(none, Err(TrainError::DeviceMemory { tried: 64 }));
}
