//! Diagnosis codes with dates before the index date.
//!
//! A patient has 1 + Poisson(12 e^(0.2 z_d)) codes of 200, code v with probability in proportion to
//! e^(b_v + g_v z_d): b by Zipf's law, g between 0.4 and 1 for twenty of the sixty most frequent
//! codes, and 0 for the rest. The vocabulary is the same at all sites.

use libm::{exp, log};

use super::dates::Day;
use super::draw::{Draw, Purpose};

/// Codes that there are, `C001` to `C200`, the most frequent first.
pub(super) const CODES: usize = 200;
/// Codes that tell something of z_d, at ranks 2, 5, … 59.
const TELLING: usize = 20;

/// How frequent each code is, and how strongly it tells of z_d.
pub(super) struct Vocabulary {
    /// b, the log of the frequency at z_d = 0, up to a constant.
    base: Vec<f64>,
    /// g.
    slope: Vec<f64>,
}

impl Vocabulary {
    pub(super) fn draw(seed: u64) -> Self {
        let mut draw = Draw::new(seed, 0, 0, Purpose::Vocabulary);
        let base = (1..=CODES).map(|rank| -log(rank as f64)).collect();
        let mut slope = vec![0.0; CODES];
        for telling in 0..TELLING {
            slope[3 * telling + 1] = draw.between(0.4, 1.0);
        }
        Self { base, slope }
    }

    /// A patient's codes, from 0, in the order of their dates.
    pub(super) fn codes(&self, z_d: f64, index: Day, draw: &mut Draw) -> Vec<(usize, Day)> {
        let mut total = 0.0;
        let upto: Vec<f64> = self
            .base
            .iter()
            .zip(&self.slope)
            .map(|(base, slope)| {
                total += exp(base + slope * z_d);
                total
            })
            .collect();
        let count = 1 + draw.poisson(12.0 * exp(0.2 * z_d));
        let mut codes: Vec<(usize, Day)> = (0..count)
            .map(|_| {
                let mark = total * draw.uniform();
                (upto.partition_point(|&upto| upto < mark).min(CODES - 1), index.before(draw))
            })
            .collect();
        codes.sort_by_key(|&(code, day)| (day, code));
        codes
    }
}

/// A code as it is written.
pub(super) fn name(code: usize) -> String {
    format!("C{:03}", code + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_their_law_and_come_before_the_index_date() {
        let vocabulary = Vocabulary::draw(7);
        let telling: Vec<f64> = vocabulary.slope.iter().copied().filter(|&g| g > 0.0).collect();
        assert_eq!(telling.len(), TELLING);
        assert!(telling.iter().all(|g| (0.4..=1.0).contains(g)));

        let z_d = 1.5;
        let index = Day(100);
        let patients = 20_000;
        let mut draw = Draw::new(7, 1, 1, Purpose::Codes);
        let mut counts = vec![0.0; CODES];
        for _ in 0..patients {
            for (code, day) in vocabulary.codes(z_d, index, &mut draw) {
                assert!(day < index && day >= Day(index.0 - 3650));
                counts[code] += 1.0;
            }
        }
        let total: f64 = counts.iter().sum();
        let mean = total / f64::from(patients);
        assert!((mean - 1.0 - 12.0 * 0.3_f64.exp()).abs() < 0.2, "{mean} codes a patient");
        let weight = |code: usize| (z_d * vocabulary.slope[code]).exp() / (code + 1) as f64;
        let whole: f64 = (0..CODES).map(weight).sum();
        let statistic: f64 = (0..CODES)
            .map(|code| (weight(code) / whole * total, counts[code]))
            .map(|(expected, found)| (found - expected).powi(2) / expected)
            .sum();
        // 199 degrees of freedom: above 320 with probability below 1e-6.
        assert!(statistic < 320.0, "chi-square {statistic}");
    }
}
