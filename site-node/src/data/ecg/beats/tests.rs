//! Beats whose place and shape are known, and what is no rhythm.

#![allow(clippy::cast_possible_truncation, reason = "samples are f32")]

use super::*;

const BEATS: Beats = Beats { before_ms: 250, after_ms: 450 };

/// A bump of this height and width in seconds, `at` seconds from its middle.
fn bump(height: f64, width: f64, at: f64) -> f64 {
    height * (-0.5 * (at / width).powi(2)).exp()
}

/// P, QRS and T waves in mV, `at` seconds after the R peak; each lead sees them unlike.
fn heart(lead: usize, at: f64) -> f64 {
    let part = 0.4 + 0.1 * lead as f64;
    part * bump(0.15, 0.025, at + 0.16) - bump(0.2, 0.012, at + 0.03) + bump(part, 0.012, at)
        - part * bump(0.3, 0.012, at - 0.03)
        + bump(0.3, 0.04, at - 0.26)
}

/// Numbers between −1 and 1 that look like noise.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
    }
}

/// Leads of `seconds` with beats at these times, baselines that wander and some noise.
fn leads(rate: f64, seconds: f64, times: &[f64], loud: f64) -> Vec<Vec<f32>> {
    let mut noise = noise(7);
    let lead = |lead: usize| {
        let mut sample = |k: usize| {
            let at = k as f64 / rate;
            let beats: f64 = times.iter().map(|time| heart(lead, at - time)).sum();
            let wander = 0.1 * (1.5 * at + lead as f64).sin() + 5.0;
            (beats + wander + loud * noise()) as f32
        };
        (0..detect::whole(rate * seconds)).map(&mut sample).collect()
    };
    (0..12).map(lead).collect()
}

/// Times of beats, so many a minute, whose lengths alternate by 6 percent.
fn times(rate: f64, seconds: f64) -> Vec<f64> {
    let mut times = vec![0.2];
    while let Some(last) = times.last().filter(|last| **last < seconds) {
        let odd = if times.len() % 2 == 0 { 1.03 } else { 0.97 };
        times.push(last + odd * 60.0 / rate);
    }
    times.retain(|time| *time < seconds - 0.1);
    times
}

#[test]
fn every_complex_is_found_within_30_ms_and_nothing_else() {
    for rate in [100.0, 250.0, 500.0] {
        for beats_a_minute in [35.0, 70.0, 120.0, 180.0] {
            let times = times(beats_a_minute, 10.0);
            let found = detect::complexes(&leads(rate, 10.0, &times, 0.05), rate);
            assert_eq!(found.len(), times.len(), "{rate} Hz, {beats_a_minute} a minute");
            for (found, time) in found.iter().zip(&times) {
                let off = *found as f64 / rate - time;
                assert!(off.abs() <= 0.03, "{rate} Hz, {beats_a_minute} a minute: {off} s");
            }
        }
    }
}

#[test]
fn the_median_is_the_beat_without_its_noise() {
    for rate in [100.0, 500.0] {
        let recording = leads(rate, 10.0, &times(66.0, 10.0), 0.05);
        let beat = median(&recording, rate, BEATS).unwrap();
        let before = BEATS.before(rate) as usize;
        let length = BEATS.samples(rate) as usize;
        assert_eq!(beat.len(), 12 * length);
        // The place within a beat is known up to a shift that all leads share.
        let off = |shift: f64| {
            let lead = |lead: usize| {
                let beat = &beat[lead * length..][..length];
                let wanted = |k: usize| heart(lead, (k as f64 - before as f64) / rate + shift);
                let mut level: Vec<f64> = (0..length).map(wanted).collect();
                level.sort_by(f64::total_cmp);
                let level = level[length / 2];
                (0..length).map(|k| (f64::from(beat[k]) - wanted(k) + level).powi(2)).sum::<f64>()
            };
            ((0..12).map(lead).sum::<f64>() / (12 * length) as f64).sqrt()
        };
        let off = (-30..=30).map(|ms| off(f64::from(ms) / 1000.0)).fold(f64::INFINITY, f64::min);
        // Noise alone is 0.029 mV a sample; its median over ten beats some 0.012.
        assert!(off < 0.03, "{rate} Hz: {off} mV");
    }
}

#[test]
fn single_odd_beats_and_a_loose_electrode_leave_the_median_as_it_is() {
    let times = times(70.0, 10.0);
    let clean = leads(500.0, 10.0, &times, 0.02);
    let wanted = median(&clean, 500.0, BEATS).unwrap();
    let mut odd = clean.clone();
    for (lead, samples) in odd.iter_mut().enumerate() {
        for (k, value) in samples.iter_mut().enumerate() {
            let at = k as f64 / 500.0;
            // A wide early beat, of its own shape.
            *value += bump(1.5 - 0.3 * lead as f64, 0.05, at - times[4] - 0.45) as f32;
            // One electrode jumps.
            if lead == 8 && (2500..2520).contains(&k) {
                *value += if k % 2 == 0 { 4.0 } else { -4.0 };
            }
        }
    }
    let found = median(&odd, 500.0, BEATS).unwrap();
    let off: f32 = found.iter().zip(&wanted).map(|(a, b)| (a - b).powi(2)).sum();
    assert!((off / found.len() as f32).sqrt() < 0.02, "{off}");
}

#[test]
fn what_has_no_rhythm_is_refused() {
    let refused = |leads: &[Vec<f32>]| {
        assert_eq!(median(leads, 100.0, BEATS), Err(StandardFault::Beats { least: 3 }));
    };
    refused(&vec![vec![0.3; 1000]; 12]);
    refused(&vec![Vec::new(); 12]);
    refused(&[]);
    refused(&vec![vec![1.0]; 12]);
    for seed in 0..20 {
        let mut noise = noise(seed);
        let lead = |_: usize| (0..1000).map(|_| noise() as f32).collect::<Vec<f32>>();
        refused(&(0..12).map(lead).collect::<Vec<_>>());
    }
    // Two whole beats, and a third whose end was not recorded.
    refused(&leads(100.0, 2.4, &[0.4, 1.2, 2.1], 0.02));
    assert!(median(&leads(100.0, 3.0, &[0.4, 1.2, 2.1], 0.02), 100.0, BEATS).is_ok());
}

#[test]
fn the_longest_recording_takes_bounded_time() {
    let rate = 1000.0;
    let most = Beats { before_ms: 1000, after_ms: 1000 };
    let recording = leads(rate, 60.0, &times(230.0, 60.0), 0.05);
    // A beat in a quarter of a second, each compared at a hundred places, twice.
    let beat = median(&recording, rate, most).unwrap();
    assert_eq!(beat.len(), 12 * 2000);
}
