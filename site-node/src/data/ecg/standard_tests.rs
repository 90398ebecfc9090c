//! Recordings into the study's form.

#![allow(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "the sums are the very ones that are tested"
)]

use super::*;

/// A wave for each named lead, the k-th of k + 1 Hz.
fn recording(names: &[&str], rate: f64, len: usize) -> Recording {
    let wave = |lead: usize| {
        (0..len).map(move |k| {
            let turns = (lead + 1) as f32 * k as f32 / rate as f32;
            (turns * std::f32::consts::TAU).sin()
        })
    };
    let samples = (0..names.len()).flat_map(wave).collect();
    Recording::new(names.iter().map(ToString::to_string).collect(), rate, samples)
}

const EIGHT: [&str; 8] = ["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"];

fn changed(change: impl Fn(usize, usize, &mut f32)) -> Recording {
    let good = recording(&EIGHT, 500.0, 5000);
    let mut samples: Vec<f32> = (0..8).flat_map(|lead| good.lead(lead).to_vec()).collect();
    for (place, value) in samples.iter_mut().enumerate() {
        change(place / 5000, place % 5000, value);
    }
    Recording::new(good.leads().to_vec(), 500.0, samples)
}

fn refused(recording: &Recording) -> StandardFault {
    EcgStandard::default().apply(recording).unwrap_err()
}

#[test]
fn limb_leads_follow_from_the_first_two() {
    let out = EcgStandard::default().apply(&recording(&EIGHT, 500.0, 5000)).unwrap();
    assert_eq!(out.len(), 12 * 5000);
    let at = |lead: Lead, k: usize| out[lead as usize * 5000 + k];
    for k in [0, 17, 4999] {
        let one = at(Lead::I, k);
        let two = at(Lead::II, k);
        assert_eq!(at(Lead::III, k), two - one);
        assert_eq!(at(Lead::AVR, k), -0.5 * one - 0.5 * two);
        assert_eq!(at(Lead::AVL, k), one - 0.5 * two);
        assert_eq!(at(Lead::AVF, k), two - 0.5 * one);
    }
}

#[test]
fn a_short_recording_ends_in_zeros_and_a_long_one_is_cut() {
    let out = EcgStandard::default().apply(&recording(&EIGHT, 250.0, 1500)).unwrap();
    let v6 = &out[11 * 5000..];
    assert!(v6[2999..].iter().all(|value| *value == 0.0));
    assert!(v6[2900..2990].iter().any(|value| value.abs() > 0.5));
    let long = EcgStandard::default().apply(&recording(&EIGHT, 1000.0, 60_000)).unwrap();
    assert_eq!(long.len(), 12 * 5000);
    assert!(long.iter().all(|value| value.is_finite()));
    let short = refused(&recording(&EIGHT, 500.0, 2000));
    assert!(matches!(short, StandardFault::TooShort { .. }), "{short}");
}

#[test]
fn missing_and_doubled_leads_are_named() {
    let fewer = refused(&recording(&["I", "II", "V1"], 500.0, 5000));
    assert!(fewer.to_string().contains("V2, V3, V4, V5, V6"), "{fewer}");
    let no_limbs = refused(&recording(&["I", "V1", "V2", "V3", "V4", "V5", "V6"], 500.0, 5000));
    assert!(no_limbs.to_string().contains("II, III, aVR, aVL, aVF"), "{no_limbs}");
    let mut twice = EIGHT.to_vec();
    twice.push("lead ii");
    assert_eq!(refused(&recording(&twice, 500.0, 5000)), StandardFault::LeadTwice(Lead::II));
}

#[test]
fn flat_interrupted_and_absurd_leads_are_refused() {
    let flat = refused(&changed(|lead, _, value| {
        if lead == 3 {
            *value = 0.4;
        }
    }));
    assert!(matches!(flat, StandardFault::Flat { lead: Lead::V2, .. }), "{flat}");
    let absurd = refused(&changed(|lead, _, value| {
        if lead == 2 {
            *value *= 1e5;
        }
    }));
    assert!(matches!(absurd, StandardFault::Amplitude { lead: Lead::V1, .. }), "{absurd}");
    let gap = refused(&changed(|lead, k, value| {
        if lead == 7 && (1000..1101).contains(&k) {
            *value = f32::NAN;
        }
    }));
    assert!(matches!(gap, StandardFault::Gap { lead: Lead::V6, .. }), "{gap}");
    // A gap in I reaches the leads that follow from it, and the first is named.
    let first = refused(&changed(|lead, _, value| {
        if lead == 0 {
            *value = f32::NAN;
        }
    }));
    assert!(matches!(first, StandardFault::Gap { lead: Lead::I, .. }), "{first}");
}

#[test]
fn short_gaps_are_bridged_by_a_line() {
    let recording = changed(|lead, k, value| {
        if lead == 2 {
            *value = if (1000..1100).contains(&k) { f32::NAN } else { k as f32 / 5000.0 };
        }
        if lead == 3 && !(5..=4990).contains(&k) {
            *value = f32::NAN;
        }
    });
    let out = EcgStandard::default().apply(&recording).unwrap();
    let v1 = &out[6 * 5000..7 * 5000];
    for (k, value) in v1.iter().enumerate() {
        assert!((value - k as f32 / 5000.0).abs() < 1e-6, "{k}");
    }
    assert!(out.iter().all(|value| value.is_finite()));
}

#[test]
fn rates_and_forms_out_of_range_are_refused() {
    let slow = refused(&recording(&EIGHT, 20.0, 5000));
    assert!(matches!(slow, StandardFault::Rate { .. }), "{slow}");
    let good = recording(&EIGHT, 500.0, 5000);
    let defaults = EcgStandard::default;
    for form in [
        EcgStandard { rate_hz: f64::NAN, ..defaults() },
        EcgStandard { samples: 0, ..defaults() },
        EcgStandard { least_share: -1.0, ..defaults() },
        EcgStandard { longest_gap_s: f64::INFINITY, ..defaults() },
        EcgStandard { least_range_mv: f64::NAN, ..defaults() },
    ] {
        let fault = form.apply(&good).unwrap_err();
        assert!(matches!(fault, StandardFault::Parameters { .. }), "{fault}");
    }
}
