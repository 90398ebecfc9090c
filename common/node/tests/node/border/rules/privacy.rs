//! What each privacy mode asks of a plan.

use plan::experiment::{DpSgd, Plan, PrivacyMode, Weights};
use plan::model::Head;
use privacy::{Delta, PrivacyError};

use super::each_is_found;
use crate::border::sample::{open_plan, plan, private_plan};

#[test]
fn no_private_mode_counts_patients_or_couples_them() {
    let weights = "aggregation.weights";
    each_is_found(
        &plan(),
        &[
            (weights, "an exact count of patients is a release", |p| {
                p.aggregation.weights = Weights::Patients { unit: 250 };
            }),
            ("model.head", "couples the patients of a risk set", |p| p.model.head = Head::Cox),
        ],
    );
    // Both are allowed where nothing is protected, but not a weight of nothing.
    let mut open = open_plan();
    open.model.head = Head::Cox;
    let unit = "aggregation.patients_per_unit";
    each_is_found(
        &open,
        &[(unit, "at least 1 patient", |p| {
            p.aggregation.weights = Weights::Patients { unit: 0 };
        })],
    );
}

#[test]
fn a_private_mode_has_noise_that_is_noise() {
    let clip = "privacy.clip";
    let noise = "privacy.noise_multiplier";
    let delta = "privacy.delta";
    each_is_found(
        &plan(),
        &[
            (clip, "0 is out of bounds", |p| p.privacy.clip = 0.0),
            (clip, "-1 is out of bounds", |p| p.privacy.clip = -1.0),
            (clip, "NaN", |p| p.privacy.clip = f64::NAN),
            (clip, "inf", |p| p.privacy.clip = f64::INFINITY),
            (noise, "0 is out of bounds", |p| p.privacy.noise_multiplier = 0.0),
            (noise, "-4 is out of bounds", |p| p.privacy.noise_multiplier = -4.0),
            (noise, "at least 0.01", |p| p.privacy.noise_multiplier = 0.009),
            (delta, "0 is out of bounds", |p| p.privacy.delta = 0.0),
            (delta, "0.5 is out of bounds", |p| p.privacy.delta = 0.5),
            (delta, "-0.1 is out of bounds", |p| p.privacy.delta = -0.1),
            (delta, "NaN", |p| p.privacy.delta = f64::NAN),
            // (1 + 10 · z) · 2²⁰ passes 2³¹ from z = 204.7 on.
            (noise, "at most 204.6", |p| p.privacy.noise_multiplier = 204.8),
        ],
    );
    let mut most = plan();
    most.privacy.noise_multiplier = 204.6;
    most.aggregation.max_sites = 1000;
    assert_eq!(most.check(), []);
    for bad in [1000.5, f64::NAN, f64::INFINITY] {
        let mut over = plan();
        over.privacy.noise_multiplier = bad;
        let plan_errors = over.check();
        assert!(plan_errors[0].to_string().contains("at most 204.6"), "{plan_errors:?}");
        assert_eq!((plan_errors.len(), plan_errors[0].key), (1, noise));
    }
}

#[test]
fn mode_off_claims_no_noise_and_no_delta() {
    let noise = "privacy.noise_multiplier";
    let delta = "privacy.delta";
    each_is_found(
        &open_plan(),
        &[
            (noise, "adds no noise", |p| p.privacy.noise_multiplier = 4.0),
            (noise, "adds no noise", |p| p.privacy.noise_multiplier = f64::NAN),
            (delta, "adds no noise", |p| p.privacy.delta = 1e-5),
            ("privacy.clip", "0 is out of bounds", |p| p.privacy.clip = 0.0),
        ],
    );
}

#[test]
fn private_steps_have_bounds() {
    fn steps(plan: &mut Plan) -> &mut DpSgd {
        plan.privacy.dp_sgd.as_mut().unwrap()
    }
    let rate = "privacy.sampling_rate";
    let of = "privacy.steps";
    let evaluation = "privacy.evaluation.rho";
    let training = "training.batch";
    each_is_found(
        &private_plan(),
        &[
            (of, "0 is out of bounds", |p| steps(p).steps = 0),
            (of, "1 to 100000", |p| steps(p).steps = 100_001),
            (of, "missing", |p| p.privacy.dp_sgd = None),
            (of, "mode \"patient\" alone", |p| {
                p.privacy.mode = PrivacyMode::Site;
                p.privacy.evaluation = None;
            }),
            ("privacy.evaluation", "not a hospital", |p| {
                p.privacy.mode = PrivacyMode::Site;
                p.privacy.dp_sgd = None;
            }),
            (rate, "0 is out of bounds", |p| steps(p).sampling_rate = 0.0),
            (rate, "at most 1", |p| steps(p).sampling_rate = 1.01),
            (rate, "NaN", |p| steps(p).sampling_rate = f64::NAN),
            ("privacy.patient_clip", "inf", |p| steps(p).patient_clip = f64::INFINITY),
            ("privacy.patient_clip", "1e-30", |p| steps(p).patient_clip = 1e-31),
            ("privacy.expected_patients", "at least 1", |p| steps(p).expected_patients = 0),
            ("privacy.noise_multiplier", "0.01", |p| p.privacy.noise_multiplier = 0.0),
            (training, "Poisson sampling", |p| p.training.epochs = 2),
            (training, "Poisson sampling", |p| p.training.batch = Some(8)),
            (evaluation, "NaN", |p| p.privacy.evaluation.as_mut().unwrap().rho = f64::NAN),
            ("privacy.evaluation.ablated", "at most 63", |p| {
                p.privacy.evaluation.as_mut().unwrap().ablated = vec![String::new(); 64];
            }),
            ("privacy.evaluation.ablated", "nothing that the model reads", |p| {
                p.privacy.evaluation.as_mut().unwrap().ablated = vec!["\n".repeat(1 << 20)];
            }),
            ("model.head", "couples the patients", |p| {
                p.model.head = Head::Cox;
            }),
        ],
    );
    // Each of the plan's own noise: sums of updates that were noised before they were clipped.
    let mut loud = private_plan();
    loud.privacy.noise_multiplier = 900.0;
    assert_eq!(loud.check(), []);
}

/// With a bound so small that its grid has no unit above zero, a site would search for ever for a
/// scale that fits.
#[test]
fn a_bound_that_no_grid_can_hold_is_refused() {
    let clip = "privacy.clip";
    each_is_found(
        &plan(),
        &[
            (clip, "at least 1e-30", |p| p.privacy.clip = 9e-31),
            (clip, "at least 1e-30", |p| p.privacy.clip = f64::MIN_POSITIVE),
            (clip, "at least 1e-30", |p| p.privacy.clip = 1e-318),
        ],
    );
    let delta = |size| Delta::between(&[0.0], vec![size]).unwrap();
    for clip in [f64::from_bits(1), 1e-318, f64::MIN_POSITIVE, 9e-31] {
        assert!(matches!(delta(1.0).clip(clip, 1.0), Err(PrivacyError::Clip(_))), "{clip}");
    }
    let mut least = plan();
    least.privacy.clip = 1e-30;
    assert_eq!(least.check(), []);
    for size in [f32::from_bits(1), 1.0, f32::MAX] {
        assert!(delta(size).clip(1e-30, 1.0).is_ok(), "{size}");
    }
}
