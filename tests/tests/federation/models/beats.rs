//! The median beat of synthetic ECGs, whose trait is known, against that trait.

use std::fs;

use coordinator::synth::{Recipe, make};
use plan::experiment::Beats;
use site_node::data::ecg::{EcgStandard, Lead, read};
use tests::SetupError;

use crate::Outcome;

/// Every record of a noisy and of a quiet hospital gives a beat, and the height of its T wave alone, which the
/// generator draws by e^(−0.35 z), tells most of the trait.
#[test]
fn the_beat_of_every_synthetic_ecg_is_found_and_tells_its_trait() -> Outcome {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("cohort");
    make(Recipe::new(11, 6, 900)?, &out, &|| ())?;
    let form = EcgStandard::of(100.0, 10.0, Some(Beats { before_ms: 250, after_ms: 450 }));
    let mut heights = Vec::new();
    let mut traits = Vec::new();
    for row in fs::read_to_string(out.join("truth.csv"))?.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        let [patient, site, _, _, _, z_g, _] = cells[..] else { return Err(odd("truth.csv")) };
        let path = out.join(site).join("ecg").join(format!("{patient}.hea"));
        if !path.is_file() {
            continue;
        }
        let beat = form.apply(&read(&path).map_err(|e| odd(&e.to_string()))?);
        let beat = beat.map_err(|fault| odd(&format!("{patient}: {fault}")))?;
        let two = &beat[Lead::II as usize * form.length()..][..form.length()];
        // From 150 ms after the QRS complex on, over the level before it.
        let level = two[..5].iter().sum::<f32>() / 5.0;
        let height = two[40..].iter().copied().fold(f32::MIN, f32::max) - level;
        heights.push(f64::from(height.max(1e-3)).ln());
        traits.push(z_g.parse::<f64>().map_err(|_| odd("a trait"))?);
    }
    assert!(heights.len() > 600, "{} ECGs", heights.len());
    let r = correlation(&heights, &traits);
    assert!(r < -0.85, "{r}");
    Ok(())
}

fn odd(what: &str) -> SetupError {
    std::io::Error::other(what.to_owned()).into()
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let mx = mean(x);
    let my = mean(y);
    let pairs = || x.iter().zip(y);
    let both: f64 = pairs().map(|(x, y)| (x - mx) * (y - my)).sum();
    let own: f64 = pairs().map(|(x, _)| (x - mx).powi(2)).sum();
    let theirs: f64 = pairs().map(|(_, y)| (y - my).powi(2)).sum();
    both / (own * theirs).sqrt()
}
