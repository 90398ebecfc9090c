//! Clipped sums against patients taken one by one, and what no thread and no neighbour may change.

use std::sync::atomic::Ordering;

use plan::model::{Head, ModelSpec, ParamLayout, initial_parameters};
use rayon::ThreadPoolBuilder;

use super::{FEATURES, examples, parameters, spec, specs, with_fusion};
use crate::examples::{Examples, ExamplesError};
use crate::train::multimodal::Multimodal;
use crate::train::multimodal::dropout::Dropout;
use crate::train::multimodal::lanes::WIDEST;
use crate::train::{
    Device, Optimizer, PrivateGradient, TrainError, Training, UNITS_PER_CLIP, risk_of_each, risks,
    survival, train,
};

const UNITS: f64 = UNITS_PER_CLIP as f64;

fn private(spec: &ModelSpec) -> PrivateGradient {
    PrivateGradient::new(spec, &Device::cpu()).unwrap()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn equals_the_loop_of_single_patients_within_rounding() {
    let examples = examples(30);
    let sampled: Vec<usize> = (0..30).filter(|i| i % 7 != 2).collect();
    for spec in specs() {
        let parameters = parameters(&spec);
        let fused = Multimodal::new(&spec);
        // Everybody clipped, some, and nobody.
        for clip in [0.05, 3.0, 1000.0] {
            let mut private = private(&spec);
            let words = private.clipped_sum(&parameters, &examples, &sampled, clip).unwrap();
            let mut expected = vec![0.0; words.len()];
            for &patient in &sampled {
                let gradient = fused.gradient(&parameters, &examples, &[patient], 0);
                let gradient: Vec<f64> =
                    gradient.unwrap().unwrap().into_iter().map(f64::from).collect();
                let factor = (clip / norm(&gradient)).min(1.0);
                expected.iter_mut().zip(&gradient).for_each(|(sum, g)| *sum += factor * g);
            }
            let error: Vec<f64> =
                words.iter().zip(&expected).map(|(&w, e)| w as f64 * clip / UNITS - e).collect();
            // Half a unit an entry and patient, and the room that rounding is given.
            let rounding = 0.5 * (words.len() as f64).sqrt() / UNITS + 2e-4;
            let worst = sampled.len() as f64 * clip * rounding;
            assert!(norm(&error) < worst, "{clip}: {} {worst}", norm(&error));
        }
    }
}

#[test]
fn neighbours_change_no_word_and_no_one_passes_the_bound() {
    let examples = examples(27);
    let everyone: Vec<usize> = (0..27).collect();
    for spec in specs() {
        // A chance to lose modalities depends on nobody else either.
        let spec = with_fusion(&spec, |fusion| fusion.dropout_ppm = 300_000);
        let parameters = parameters(&spec);
        let mut private = private(&spec);
        for clip in [0.05, 100.0] {
            let mut sum = |sampled: &[usize]| {
                private.clipped_sum(&parameters, &examples, sampled, clip).unwrap().to_vec()
            };
            let whole = sum(&everyone);
            for patient in 0..27 {
                let alone = sum(&[patient]);
                let squared: i64 = alone.iter().map(|word| word * word).sum();
                assert!(squared <= 1 << 40, "{squared}");
                assert!(squared > 0);
                let others: Vec<usize> = (0..27).filter(|&other| other != patient).collect();
                let others = sum(&others);
                let pairs = alone.iter().zip(&others).map(|(a, b)| a + b);
                assert!(pairs.eq(whole.iter().copied()), "patient {patient}");
            }
        }
    }
}

#[test]
fn a_patient_is_the_same_at_any_place() {
    // The same patients in another order, as a site without some of them would number them.
    let spec = with_fusion(&specs()[0], |fusion| fusion.dropout_ppm = 300_000);
    let parameters = parameters(&spec);
    let all = examples(20);
    let twice = Examples::concat(&[examples(3), all.clone()]).unwrap();
    let (mut private, mut moved) = (private(&spec), private(&spec));
    for patient in 0..20 {
        let first = private.clipped_sum(&parameters, &all, &[patient], 1.0).unwrap();
        let second = moved.clipped_sum(&parameters, &twice, &[patient + 3], 1.0).unwrap();
        assert_eq!(first, second);
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let spec = with_fusion(&specs()[0], |fusion| fusion.dropout_ppm = 200_000);
    let parameters = parameters(&spec);
    let examples = examples(60);
    let everyone: Vec<usize> = (0..60).collect();
    let plan = Training {
        optimizer: Optimizer::Adam,
        learning_rate: 0.01,
        epochs: 2,
        batch: Some(25),
        weight_decay: 0.01,
        proximal: 0.1,
        rates: Vec::new(),
        decays: Vec::new(),
    };
    let run = |threads: usize| {
        on_threads(threads, || {
            let plain = train(&spec, &plan, &parameters, &examples, 3, &Device::cpu()).unwrap();
            let mut private = private(&spec);
            let words = private.clipped_sum(&parameters, &examples, &everyone, 0.5).unwrap();
            let risks = risks(&spec, &parameters, &examples).unwrap();
            (plain, words.to_vec(), risks)
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(5));
}

#[test]
fn the_width_of_vectors_changes_no_bit() {
    let examples = examples(12);
    let everyone: Vec<usize> = (0..12).collect();
    for spec in specs() {
        let parameters = parameters(&spec);
        let run = |widest: u8| {
            WIDEST.store(widest, Ordering::Relaxed);
            let plain =
                Multimodal::new(&spec).gradient(&parameters, &examples, &everyone, 0).unwrap();
            let mut private = private(&spec);
            let words = private.clipped_sum(&parameters, &examples, &everyone, 0.5).unwrap();
            (plain, words.to_vec())
        };
        let all = [0, 1, 2].map(run);
        assert_eq!(all[0], all[1]);
        assert_eq!(all[1], all[2]);
    }
}

#[test]
fn patients_beyond_32_bits_are_carried() {
    // One patient again and again: 2¹⁰ of them are as far as 32 bits go.
    let spec = specs().remove(2);
    let parameters = parameters(&spec);
    let one = examples(1);
    let n = 1500;
    let many = Examples::concat(&vec![one.clone(); n]).unwrap();
    let everyone: Vec<usize> = (0..n).collect();
    let mut private = private(&spec);
    let alone = private.clipped_sum(&parameters, &one, &[0], 0.1).unwrap().to_vec();
    let words = on_threads(1, || {
        private.clipped_sum(&parameters, &many, &everyone, 0.1).map(<[i64]>::to_vec)
    });
    let expected: Vec<i64> = alone.iter().map(|word| word * i64::try_from(n).unwrap()).collect();
    assert_eq!(words.unwrap(), expected);
}

#[test]
fn what_is_not_finite_adds_nothing_and_harms_no_one() {
    let spec = specs().remove(0);
    let good = parameters(&spec);
    let layout = ParamLayout::of(&spec);
    let examples = examples(20);
    let mut private = private(&spec);
    // Parameters of one encoder that are not finite or overflow: those who have it add nothing.
    let place = layout.block("encoder.ecg.conv.0.weight").unwrap().range.start;
    for wild in [f32::NAN, f32::INFINITY, f32::MAX] {
        let mut bad = good.clone();
        bad[place] = wild;
        for patient in 0..20 {
            let words = private.clipped_sum(&bad, &examples, &[patient], 1.0).unwrap();
            let some = words.iter().any(|word| *word != 0);
            assert!(some || examples.modalities()[1].has(patient), "patient {patient}");
            assert!(wild > 0.0 || some != examples.modalities()[1].has(patient));
        }
    }
    // And nobody's gradient survives a whole model of such numbers, or passes the bound.
    for wild in [f32::NAN, f32::MAX, 1e30, 1e10] {
        let bad = vec![wild; good.len()];
        for patient in 0..20 {
            let words = private.clipped_sum(&bad, &examples, &[patient], 1.0).unwrap();
            assert!(words.iter().map(|w| i128::from(*w).pow(2)).sum::<i128>() <= 1 << 40);
        }
    }
    // The next step is as it would have been.
    let everyone: Vec<usize> = (0..20).collect();
    let after = private.clipped_sum(&good, &examples, &everyone, 1.0).unwrap().to_vec();
    let mut fresh = self::private(&spec);
    assert_eq!(fresh.clipped_sum(&good, &examples, &everyone, 1.0).unwrap(), after);
}

#[test]
fn one_wild_patient_leaves_the_others_as_they_are() {
    let spec = specs().remove(0);
    let parameters = parameters(&spec);
    let tame = examples(12);
    let mut features = tame.features().to_vec();
    features[5 * FEATURES] = f32::MAX;
    let edges = [1.0, 2.0, 3.0, 4.0];
    let time = tame.time().to_vec();
    let event = tame.event().to_vec();
    let wild = Examples::new(features, FEATURES, time, event, &edges).unwrap();
    let wild = wild.with(tame.modalities().to_vec()).unwrap();
    let mut private = private(&spec);
    let others: Vec<usize> = (0..12).filter(|patient| *patient != 5).collect();
    let everyone: Vec<usize> = (0..12).collect();
    let expected = private.clipped_sum(&parameters, &tame, &others, 1.0).unwrap().to_vec();
    assert_eq!(private.clipped_sum(&parameters, &wild, &everyone, 1.0).unwrap(), expected);
    let before = risk_of_each(&spec, &parameters, &tame, 12).unwrap();
    let after = risk_of_each(&spec, &parameters, &wild, 12).unwrap();
    for patient in others {
        assert_eq!(before[patient].to_bits(), after[patient].to_bits());
    }
}

#[test]
fn predictions_agree_with_each_other() {
    let spec = specs().remove(1);
    let parameters = parameters(&spec);
    let examples = examples(20);
    let all = risks(&spec, &parameters, &examples).unwrap();
    assert_eq!(risk_of_each(&spec, &parameters, &examples, 100).unwrap(), all);
    assert_eq!(risk_of_each(&spec, &parameters, &examples, 7).unwrap(), all[..7]);
    let curves = survival(&spec, &parameters, &examples).unwrap();
    for (risk, curve) in all.iter().zip(curves.chunks_exact(4)) {
        assert!((curve[3].ln() + risk).abs() < 1e-9);
    }
    let wild = vec![f32::MAX; parameters.len()];
    assert_eq!(risks(&spec, &wild, &examples), Err(TrainError::Outputs));
    assert!(risk_of_each(&spec, &wild, &examples, 20).unwrap().iter().all(|risk| *risk == 0.0));
}

#[test]
fn what_does_not_fit_is_refused() {
    let spec = specs().remove(0);
    let parameters = parameters(&spec);
    let examples = examples(5);
    let mut private = private(&spec);
    assert!(private.clipped_sum(&parameters, &examples, &[], 1.0).unwrap().iter().all(|w| *w == 0));
    for sampled in [&[1, 1][..], &[2, 1], &[5]] {
        let sum = private.clipped_sum(&parameters, &examples, sampled, 1.0);
        assert_eq!(sum, Err(TrainError::Sample));
    }
    assert!(private.clipped_sum(&parameters[1..], &examples, &[1], 1.0).is_err());
    assert!(private.clipped_sum(&parameters, &examples, &[1], f64::NAN).is_err());
    let mut other = examples.modalities().to_vec();
    other.swap(0, 1);
    let swapped = examples.clone().with(other).unwrap();
    assert_eq!(
        risks(&spec, &parameters, &swapped),
        Err(TrainError::Examples(ExamplesError::Modality))
    );
    assert!(private.clipped_sum(&parameters, &swapped, &[1], 1.0).is_err());
    let cox = ModelSpec { head: Head::Cox, ..spec };
    assert!(PrivateGradient::new(&cox, &Device::cpu()).is_err());
}

#[test]
fn frozen_parameters_stay_bit_for_bit_and_take_no_part_in_the_norm() {
    let free = spec(
        specs()[0].fusion.as_ref().unwrap().encoders[1].convolutions().2.to_vec(),
        specs()[0].fusion.as_ref().unwrap().encoders[2].convolutions().2.to_vec(),
        false,
    );
    let frozen = with_fusion(&free, |fusion| {
        fusion.encoders.iter_mut().for_each(|encoder| encoder.frozen = true);
    });
    let parameters = parameters(&free);
    let examples = examples(18);
    let layout = ParamLayout::of(&frozen);
    assert!(layout.blocks().iter().filter(|block| block.frozen).count() > 10);
    for optimizer in [Optimizer::Sgd, Optimizer::Adam] {
        let plan = Training {
            optimizer,
            learning_rate: 0.05,
            epochs: 3,
            batch: Some(7),
            weight_decay: 0.1,
            proximal: 0.1,
            rates: Vec::new(),
            decays: Vec::new(),
        };
        let trained = train(&frozen, &plan, &parameters, &examples, 1, &Device::cpu()).unwrap();
        for block in layout.blocks() {
            let range = block.range.clone();
            let same = trained.parameters[range.clone()] == parameters[range];
            assert_eq!(
                same,
                block.frozen || block.name == "fusion.tables.absent",
                "{}",
                block.name
            );
        }
    }
    let everyone: Vec<usize> = (0..18).collect();
    let clip = 0.05;
    let mut by_free = private(&free);
    let mut by_frozen = private(&frozen);
    for patient in everyone {
        let free = by_free.clipped_sum(&parameters, &examples, &[patient], clip).unwrap();
        let frozen = by_frozen.clipped_sum(&parameters, &examples, &[patient], clip).unwrap();
        for block in layout.blocks().iter().filter(|block| block.frozen) {
            assert!(frozen[block.range.clone()].iter().all(|word| *word == 0));
        }
        let norm = |words: &[i64]| words.iter().map(|w| (*w as f64).powi(2)).sum::<f64>().sqrt();
        assert!(norm(frozen) > 0.99 * UNITS, "{}", norm(frozen) / UNITS);
        let rest: Vec<i64> = layout
            .blocks()
            .iter()
            .filter(|b| !b.frozen)
            .flat_map(|b| free[b.range.clone()].to_vec())
            .collect();
        let has_any = examples.modalities().iter().any(|modality| modality.has(patient));
        assert_eq!(norm(&rest) < 0.9999 * norm(free), has_any);
    }
}

#[test]
fn dropout_leaves_at_least_one_and_about_its_share() {
    let examples = examples(400);
    let mut kept = 0;
    let mut all = 0;
    for patient in 0..400 {
        for key in 0..5 {
            let left = Dropout::new(300_000, key).keep(0b1111, &examples, patient);
            assert!(left != 0 && left & !0b1111 == 0);
            kept += left.count_ones();
            all += 4;
            let certain = Dropout::new(999_999, key).keep(0b1010, &examples, patient);
            assert_eq!(certain.count_ones(), 1);
            assert_eq!(Dropout::new(999_999, key).keep(0b100, &examples, patient), 0b100);
            assert_eq!(Dropout::NONE.keep(0b1111, &examples, patient), 0b1111);
        }
    }
    let share = f64::from(kept) / f64::from(all);
    // 0.7, and a little for those who would have nothing.
    assert!((share - 0.702).abs() < 0.02, "{share}");
}

#[test]
fn dropout_differs_by_step_and_seed() {
    let spec = with_fusion(&specs()[0], |fusion| fusion.dropout_ppm = 400_000);
    let fused = Multimodal::new(&spec);
    let examples = examples(18);
    let parameters = parameters(&spec);
    let everyone: Vec<usize> = (0..18).collect();
    let at = |key| fused.gradient(&parameters, &examples, &everyone, key).unwrap().unwrap();
    assert_eq!(at(1), at(1));
    assert_ne!(at(1), at(2));
    // Nothing is left out of predictions.
    let without = with_fusion(&spec, |fusion| fusion.dropout_ppm = 0);
    let start = initial_parameters(&spec, 2);
    assert_eq!(risks(&spec, &start, &examples), risks(&without, &start, &examples));
}
