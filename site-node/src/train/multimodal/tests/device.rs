//! Convolutions by tensor operations, as on a GPU, against the loops of the CPU. The device here is the CPU in the
//! part of a GPU.

use plan::model::{
    Block, Ecg, EncoderKind, Head, Image, ModelSpec, ParamLayout, initial_parameters,
};

use super::autodiff::{assert_close, norm};
use super::{FEATURES, examples, learning, parameters, specs, with_fusion};
use crate::examples::Examples;
use crate::train::multimodal::Multimodal;
use crate::train::{
    Device, Optimizer, PrivateGradient, TrainError, Training, UNITS_PER_CLIP, train,
};

const UNITS: f64 = UNITS_PER_CLIP as f64;

/// With memory for everybody.
fn gpu() -> Device {
    Device::tensors_on_cpu(usize::MAX)
}

/// The models of the other tests, and one whose blocks come in groups, with a stride and without.
fn all_specs() -> Vec<ModelSpec> {
    let block = |channels, kernel, stride, residual| Block {
        channels,
        kernel,
        stride,
        dilation: 1,
        residual,
    };
    let grouped = with_fusion(&specs()[0], |fusion| {
        for encoder in &mut fusion.encoders {
            if let EncoderKind::Ecg(Ecg { blocks, .. }) | EncoderKind::Image(Image { blocks, .. }) =
                &mut encoder.kind
            {
                *blocks =
                    vec![block(32, 5, 2, false), block(32, 3, 1, true), block(64, 3, 3, false)];
            }
        }
    });
    assert_eq!(grouped.check(), Ok(()));
    specs().into_iter().chain([grouped]).collect()
}

fn private(spec: &ModelSpec, device: &Device) -> PrivateGradient {
    PrivateGradient::new(spec, device).unwrap()
}

#[test]
fn logits_and_gradients_are_those_of_the_cpu() {
    let examples = examples(18);
    for spec in all_specs() {
        let parameters = parameters(&spec);
        let here = Multimodal::new(&spec);
        let there = Multimodal::on(&spec, &gpu());
        // Everything, nothing but tables, each modality alone beside them, and all patients together.
        let cohorts = [vec![9], vec![8], vec![1], vec![2], vec![4], (0..18).collect()];
        for patients in cohorts {
            let logits =
                |fused: &Multimodal| fused.logits(&parameters, &examples, &patients).unwrap();
            let expected = logits(&here);
            let found = logits(&there);
            for (expected, found) in expected.iter().zip(&found) {
                assert!(
                    (expected - found).abs() < 2e-5 * (1.0 + expected.abs()),
                    "{expected} {found}"
                );
            }
            let gradient = |fused: &Multimodal| {
                fused.gradient(&parameters, &examples, &patients, 0).unwrap().unwrap()
            };
            let expected = gradient(&here);
            let found = gradient(&there);
            assert_close(&spec, &found, &expected, &format!("patients {patients:?}"));
        }
    }
}

#[test]
fn frozen_encoders_dropout_and_coupled_losses_are_those_of_the_cpu() {
    let examples = examples(20);
    let everyone: Vec<usize> = (0..20).collect();
    let frozen = with_fusion(&specs()[0], |fusion| fusion.encoders[1].frozen = true);
    let dropped = with_fusion(&specs()[1], |fusion| fusion.dropout_ppm = 400_000);
    let cox = ModelSpec { head: Head::Cox, ..specs().remove(2) };
    for spec in [frozen, dropped, cox] {
        let parameters = parameters(&spec);
        let [expected, found] = [Multimodal::new(&spec), Multimodal::on(&spec, &gpu())]
            .map(|fused| fused.gradient(&parameters, &examples, &everyone, 7).unwrap().unwrap());
        assert_close(&spec, &found, &expected, spec.head.name());
        for block in ParamLayout::of(&spec).blocks().iter().filter(|block| block.frozen) {
            assert!(found[block.range.clone()].iter().all(|g| *g == 0.0), "{}", block.name);
        }
    }
}

#[test]
fn passes_of_fewer_patients_add_up_to_the_same() {
    let examples = examples(30);
    let everyone: Vec<usize> = (0..30).collect();
    let cox = ModelSpec { head: Head::Cox, ..specs().remove(2) };
    for spec in [specs().remove(0), cox] {
        let parameters = parameters(&spec);
        let at = |most: usize| {
            let fused = Multimodal::on(&spec, &Device::tensors_on_cpu(most));
            let gradient = fused.gradient(&parameters, &examples, &everyone, 0)?;
            let logits = fused.logits(&parameters, &examples, &everyone)?;
            Ok::<_, TrainError>((gradient.unwrap(), logits))
        };
        let (gradient, logits) = at(1000).unwrap();
        for most in [16, 5, 1] {
            let (fewer, same) = at(most).unwrap();
            assert_close(&spec, &fewer, &gradient, &format!("{most} a pass"));
            let apart = logits.iter().zip(&same).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-4, "{apart}");
        }
        assert!(matches!(at(0), Err(TrainError::DeviceMemory { .. })));
    }
}

fn plan(epochs: u32) -> Training {
    Training {
        optimizer: Optimizer::Adam,
        learning_rate: 0.01,
        epochs,
        batch: Some(32),
        weight_decay: 0.0,
        proximal: 0.0,
        rates: Vec::new(),
        decays: Vec::new(),
    }
}

#[test]
fn training_comes_out_about_where_the_cpus_does() {
    let spec = learning::spec();
    let examples = learning::examples(96);
    let start = initial_parameters(&spec, 4);
    let on = |device: &Device| train(&spec, &plan(30), &start, &examples, 1, device).unwrap();
    // The second device finds out on the way that 7 patients are too many.
    for device in [gpu(), Device::tensors_on_cpu(7)] {
        let here = on(&Device::cpu());
        let there = on(&device);
        assert!(here.loss_after < 0.95 * here.loss_before, "{here:?}");
        assert!((here.loss_before - there.loss_before).abs() < 1e-5);
        assert!(
            (here.loss_after - there.loss_after).abs() < 0.02,
            "{} {}",
            here.loss_after,
            there.loss_after
        );
    }
    let none = train(&spec, &plan(1), &start, &examples, 1, &Device::tensors_on_cpu(0));
    assert!(matches!(none, Err(TrainError::DeviceMemory { .. })));
}

/// Two hospitals, of which one has a GPU: the average of their models is about that of two without.
#[test]
fn a_site_with_a_gpu_and_one_without_train_together() {
    let spec = learning::spec();
    let sites = [
        learning::examples(64),
        learning::examples(96).select(&(32..96).collect::<Vec<_>>()).unwrap(),
    ];
    let federate = |devices: [Device; 2]| {
        let mut model = initial_parameters(&spec, 4);
        for round in 0..4 {
            let site = |(site, device): (&Examples, &Device)| {
                train(&spec, &plan(2), &model, site, round, device).unwrap().parameters
            };
            let models: Vec<_> = sites.iter().zip(&devices).map(site).collect();
            model = models[0].iter().zip(&models[1]).map(|(a, b)| 0.5 * (a + b)).collect();
        }
        model
    };
    let mixed = federate([gpu(), Device::cpu()]);
    let same = federate([Device::cpu(), Device::cpu()]);
    let apart = norm(mixed.iter().zip(&same).map(|(a, b)| a - b));
    let start = initial_parameters(&spec, 4);
    let moved = norm(same.iter().zip(&start).map(|(a, b)| a - b));
    assert!(apart < 0.05 * moved, "{apart} of {moved}");
}

#[test]
fn private_sums_are_those_of_the_cpu_within_rounding() {
    let examples = examples(75);
    let sampled: Vec<usize> = (0..75).filter(|i| i % 7 != 2).collect();
    for spec in all_specs() {
        let spec = with_fusion(&spec, |fusion| fusion.dropout_ppm = 200_000);
        let parameters = parameters(&spec);
        let mut sums = [private(&spec, &Device::cpu()), private(&spec, &gpu())];
        // Everybody clipped, some, and nobody.
        for clip in [0.05, 3.0, 1000.0] {
            let [expected, found] = sums.each_mut().map(|sum| {
                sum.clipped_sum(&parameters, &examples, &sampled, clip).unwrap().to_vec()
            });
            let size = |words: &mut dyn Iterator<Item = i64>| {
                words.map(|w| (w as f64 * clip / UNITS).powi(2)).sum::<f64>().sqrt()
            };
            let apart = size(&mut expected.iter().zip(&found).map(|(a, b)| a - b));
            let rounding = sampled.len() as f64 * clip * (expected.len() as f64).sqrt() / UNITS;
            let whole = size(&mut expected.iter().copied());
            assert!(apart < rounding + 2e-4 * whole, "{clip}: {apart} of {whole}, {rounding}");
        }
    }
}

#[test]
fn private_patients_are_their_own_on_a_device_too() {
    // More than a pass takes, and some in the last place of one.
    let examples = examples(70);
    let everyone: Vec<usize> = (0..70).collect();
    for most in [usize::MAX, 4] {
        for spec in specs() {
            let spec = with_fusion(&spec, |fusion| fusion.dropout_ppm = 300_000);
            let parameters = parameters(&spec);
            let mut private = private(&spec, &Device::tensors_on_cpu(most));
            for clip in [0.05, 100.0] {
                let mut sum = |sampled: &[usize]| {
                    private.clipped_sum(&parameters, &examples, sampled, clip).unwrap().to_vec()
                };
                let whole = sum(&everyone);
                let mut total = vec![0; whole.len()];
                for patient in (0..70).step_by(if most > 64 { 9 } else { 23 }) {
                    let alone = sum(&[patient]);
                    let squared: i64 = alone.iter().map(|word| word * word).sum();
                    assert!((1..=1 << 40).contains(&squared), "{squared}");
                    let others: Vec<usize> = (0..70).filter(|&other| other != patient).collect();
                    let others = sum(&others);
                    let pairs = alone.iter().zip(&others).map(|(a, b)| a + b);
                    assert!(pairs.eq(whole.iter().copied()), "patient {patient}");
                    total.iter_mut().zip(&alone).for_each(|(sum, word)| *sum += word);
                }
                assert_ne!(total, whole);
            }
        }
    }
}

#[test]
fn what_is_not_finite_is_one_patients_alone() {
    let spec = specs().remove(0);
    let tame = examples(12);
    let parameters = parameters(&spec);
    let mut features = tame.features().to_vec();
    features[5 * FEATURES] = f32::MAX;
    let edges = [1.0, 2.0, 3.0, 4.0];
    let time = tame.time().to_vec();
    let event = tame.event().to_vec();
    let wild = Examples::new(features, FEATURES, time, event, &edges).unwrap();
    let wild = wild.with(tame.modalities().to_vec()).unwrap();
    let mut private = private(&spec, &gpu());
    let others: Vec<usize> = (0..12).filter(|patient| *patient != 5).collect();
    let everyone: Vec<usize> = (0..12).collect();
    let expected = private.clipped_sum(&parameters, &tame, &others, 1.0).unwrap().to_vec();
    assert_eq!(private.clipped_sum(&parameters, &wild, &everyone, 1.0).unwrap(), expected);
    // Of wild parameters nothing passes the bound.
    for wild in [f32::NAN, f32::MAX, 1e30, 1e10] {
        let bad = vec![wild; parameters.len()];
        for patient in 0..12 {
            let words = private.clipped_sum(&bad, &tame, &[patient], 1.0).unwrap();
            assert!(words.iter().map(|w| i128::from(*w).pow(2)).sum::<i128>() <= 1 << 40);
        }
    }
}

#[test]
fn a_device_without_memory_for_anybody_leaves_private_training_to_the_cpu() {
    let spec = specs().remove(1);
    let examples = examples(12);
    let parameters = parameters(&spec);
    let everyone: Vec<usize> = (0..12).collect();
    let [expected, found] = [Device::cpu(), Device::tensors_on_cpu(0)].map(|device| {
        let mut private = private(&spec, &device);
        private.clipped_sum(&parameters, &examples, &everyone, 0.3).unwrap().to_vec()
    });
    assert_eq!(found, expected);
}
