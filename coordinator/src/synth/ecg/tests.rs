//! What a record shows of z_g, and that its leads agree.

use super::super::draw::Purpose;
use super::*;

const II: usize = 1;

/// Records of several patients without noise, at 500 Hz.
fn records(z_g: f64) -> Vec<Record> {
    (1..=40)
        .map(|patient| {
            let mut draw = Draw::new(9, 1, patient, Purpose::Ecg);
            record(z_g, 0.0, EcgRate::Hz500, &mut draw)
        })
        .collect()
}

/// Times of the R waves in lead II, in samples: where it rises most within 20 ms. A T wave may be the
/// higher one, but never as steep.
fn beats(record: &Record) -> Vec<usize> {
    let lead: Vec<i32> = record.iter().map(|sample| sample[II].into()).collect();
    let rise = |at: usize| lead[at] - lead[at - 10];
    let steepest = (10..lead.len()).map(rise).max().unwrap();
    let mut found: Vec<usize> = Vec::new();
    for at in 11..lead.len() - 1 {
        let peak = rise(at) > steepest / 2 && rise(at) >= rise(at - 1) && rise(at) > rise(at + 1);
        // No two within 200 ms.
        if peak && found.last().is_none_or(|last| at - last > 100) {
            found.push(at);
        }
    }
    found
}

/// Beats a minute, and the T wave's height over its record's median in µV: the highest between 0.15
/// and 0.5 of a beat after R.
fn rate_and_t(record: &Record) -> (f64, f64) {
    let beats = beats(record);
    let first = beats[0];
    let last = beats[beats.len() - 1];
    let length = (last - first) as f64 / (beats.len() - 1) as f64;
    let mut sorted: Vec<i16> = record.iter().map(|sample| sample[II]).collect();
    sorted.sort_unstable();
    let median = f64::from(sorted[sorted.len() / 2]);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "samples of a beat"
    )]
    let [short, long] = [0.15, 0.5].map(|part| (part * length) as usize);
    let t = beats[..beats.len() - 1].iter().map(|&r| {
        let within = &record[r + short..r + long];
        within.iter().map(|sample| f64::from(sample[II])).fold(f64::MIN, f64::max) - median
    });
    (60.0 * 500.0 / length, t.sum::<f64>() / (beats.len() - 1) as f64)
}

fn mean_rate_and_t(z_g: f64) -> (f64, f64) {
    let all: Vec<(f64, f64)> = records(z_g).iter().map(rate_and_t).collect();
    let n = all.len() as f64;
    (all.iter().map(|one| one.0).sum::<f64>() / n, all.iter().map(|one| one.1).sum::<f64>() / n)
}

#[test]
fn the_heart_rate_and_the_t_wave_move_with_z_g() {
    let [low, middle, high] = [-2.0, 0.0, 2.0].map(mean_rate_and_t);
    // 5 beats a minute for each unit; the same hearts at every z_g, so only jitter differs.
    assert!((high.0 - low.0 - 20.0).abs() < 1.5, "{low:?} {high:?}");
    assert!((middle.0 - 70.0).abs() < 4.0, "{middle:?}");
    // e^0.7 and e^-0.7 times the middle one.
    assert!(low.1 > 1.6 * middle.1 && middle.1 > 1.6 * high.1, "{low:?} {middle:?} {high:?}");
    assert!((200.0..800.0).contains(&middle.1), "{middle:?}");
}

#[test]
fn leads_agree_to_their_rounding() {
    for (rate, samples) in [(EcgRate::Hz100, 1000), (EcgRate::Hz500, 5000)] {
        let record = record(0.3, 0.04, rate, &mut Draw::new(9, 2, 1, Purpose::Ecg));
        assert_eq!(record.len(), samples);
        for sample in &record {
            let [one, two, three, avr, avl, avf, ..] = sample.map(i32::from);
            assert_eq!(three, two - one);
            assert!((2 * avr + one + two).abs() <= 1);
            assert!((2 * avl - one + three).abs() <= 1);
            assert!((2 * avf - two - three).abs() <= 1);
        }
    }
}

#[test]
fn noise_is_what_was_asked_for() {
    // The draws are the same: the difference is the noise alone.
    let at = |noise| record(0.0, noise, EcgRate::Hz100, &mut Draw::new(9, 3, 1, Purpose::Ecg));
    let quiet = at(0.0);
    let loud = at(0.03);
    let squares = quiet.iter().zip(&loud).map(|(a, b)| f64::from(b[II] - a[II]).powi(2));
    let deviation = (squares.sum::<f64>() / quiet.len() as f64).sqrt();
    assert!((deviation - 30.0).abs() < 4.0, "{deviation} µV");
}

#[test]
fn the_extremes_fit_sixteen_bits() {
    for z_g in [-6.0, 6.0] {
        let record = record(z_g, 0.04, EcgRate::Hz100, &mut Draw::new(9, 4, 1, Purpose::Ecg));
        assert!(record.iter().flatten().all(|sample| sample.unsigned_abs() < 15_000));
    }
}
