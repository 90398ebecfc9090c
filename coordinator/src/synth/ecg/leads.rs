//! From waves to twelve leads.
//!
//! Eight leads are independent: I, II and V1–V6, each a fixed mixture of the five waves. They are
//! rounded to µV, and the other four follow from I and II in integers, so that Einthoven's and
//! Goldberger's identities hold in the file: III = II − I exactly, and the halves in aVR = −(I + II)/2,
//! aVL = (I − III)/2 and aVF = (II + III)/2 to within their rounding.

use super::waves::WAVES;

/// Leads of a record.
pub(in super::super) const LEADS: usize = 12;
/// Their names, in the usual order.
pub(in super::super) const NAMES: [&str; LEADS] =
    ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];
/// I, II, V1–V6.
pub(super) const INDEPENDENT: usize = 8;

/// mV for each of the model's units: R is about 1.2 mV in lead II.
const GAIN: f64 = 4.0;
/// ±16 mV: the largest from which every other lead still fits 16 bits.
const LARGEST: f64 = 16_000.0;

/// How much of each wave (P, Q, R, S, T) an independent lead sees; the rows of the other four leads
/// in the 12 × 5 matrix follow from the first two.
const MIXTURE: [[f64; WAVES]; INDEPENDENT] = [
    [0.4, 0.6, 0.7, 0.5, 0.7],  // I
    [0.6, 0.8, 1.0, 0.9, 1.0],  // II
    [0.3, 0.0, 0.3, 3.0, -0.2], // V1
    [0.35, 0.0, 0.5, 4.0, 0.9], // V2
    [0.4, 0.1, 0.9, 2.5, 1.2],  // V3
    [0.4, 0.4, 1.4, 1.2, 1.2],  // V4
    [0.4, 0.8, 1.3, 0.5, 1.0],  // V5
    [0.4, 1.0, 1.1, 0.2, 0.8],  // V6
];

/// The independent leads in mV.
pub(super) fn project(waves: [f64; WAVES], baseline: f64) -> [f64; INDEPENDENT] {
    MIXTURE.map(|lead| {
        let seen: f64 = lead.iter().zip(waves).map(|(part, wave)| part * wave).sum();
        GAIN * seen + baseline
    })
}

/// All leads in whole µV, from the independent ones in mV.
pub(super) fn microvolts(independent: [f64; INDEPENDENT]) -> [i16; LEADS] {
    #[expect(clippy::cast_possible_truncation, reason = "within ±16,000")]
    let [one, two, v1, v2, v3, v4, v5, v6] =
        independent.map(|lead| (1000.0 * lead).round().clamp(-LARGEST, LARGEST) as i16);
    let three = two - one;
    let half = i16::midpoint;
    let avr = -half(one, two);
    let avl = half(one, -three);
    let avf = half(two, three);
    [one, two, three, avr, avl, avf, v1, v2, v3, v4, v5, v6]
}
