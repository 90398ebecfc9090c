//! What the specification says of sites, outcomes and presence.

use super::super::presence::probabilities;
use super::*;

fn cohort(seed: u64) -> Cohort {
    Cohort::draw(Recipe::new(seed, 6, 14_100).unwrap())
}

#[test]
fn sites_differ_as_specified() {
    for seed in 1..=3 {
        let cohort = cohort(seed);
        for (site, patients) in &cohort.sites {
            let n = patients.len() as f64;
            let censored = patients.iter().filter(|one| !one.outcome.event).count() as f64 / n;
            // The patients that it was set on, and these ones: four standard errors.
            let slack = 4.0 * 0.5 * (1.0 / n + 1.0 / 4096.0).sqrt();
            assert!(censored > 0.35 - slack && censored < 0.75 + slack, "{censored}");
            for (z, mean) in (0..4).zip(site.means.array()) {
                let found = patients.iter().map(|one| one.latents.array()[z]).sum::<f64>() / n;
                assert!((found - mean).abs() < 5.0 / n.sqrt(), "{found} around {mean}");
            }
            let tests = patients.iter().filter(|one| one.test).count();
            assert_eq!(tests, (patients.len() + 2) / 5);
        }
    }
}

/// Pearson's chi-square of presence in fifths of the patients by their probability, at each site.
#[test]
fn modalities_are_missing_with_their_probabilities() {
    for modality in 0..2 {
        let mut statistic = 0.0;
        let mut cells = 0.0;
        for (site, patients) in &cohort(5).sites {
            let mut chances: Vec<(f64, bool)> = patients
                .iter()
                .map(|one| {
                    let (ecg, image) = probabilities(one.latents, site);
                    let there = [(ecg, one.presence.ecg), (image, one.presence.image)];
                    there[modality]
                })
                .collect();
            chances.sort_by(|a, b| a.0.total_cmp(&b.0));
            for fifth in chances.chunks(chances.len().div_ceil(5)) {
                let expected: f64 = fifth.iter().map(|(chance, _)| chance).sum();
                let variance: f64 = fifth.iter().map(|(chance, _)| chance * (1.0 - chance)).sum();
                let found = fifth.iter().filter(|(_, there)| *there).count() as f64;
                statistic += (found - expected).powi(2) / variance;
                cells += 1.0;
            }
        }
        // 30 degrees of freedom: above 78 with probability below 1e-5.
        assert!(cells > 29.0 && statistic < 78.0, "chi-square {statistic} of {cells} cells");
    }
    // The formulas themselves, at a point.
    let z = Latents { e: 0.0, d: 0.0, g: 1.0, i: -1.0 };
    let logit = |p: f64| (p / (1.0 - p)).ln();
    let cohort = cohort(5);
    for (at, ecg, image) in [(0, 2.2, 0.2), (1, 1.7, 0.2)] {
        let found = probabilities(z, &cohort.sites[at].0);
        assert!((logit(found.0) - ecg).abs() < 1e-9 && (logit(found.1) - image).abs() < 1e-9);
    }
    let oracle = cohort.oracle();
    let last = oracle.sites.last().unwrap();
    assert!(last.images * 10 < last.patients, "{last:?}");
}
