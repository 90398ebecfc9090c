//! Whether a shipped private experiment predicts as many events as there are.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use survival::{KaplanMeier, Survival};
use tests::{Federation, Process, SetupError, binary, root, success};

use super::{models, name, report, simulate};
use crate::Outcome;

/// Test patients of all sites: what happened to them, and the mean risk that was predicted at each time.
#[derive(Default)]
struct Held {
    times: Vec<f64>,
    events: Vec<bool>,
    risk: BTreeMap<&'static str, f64>,
}

/// A CSV file without quotes.
struct Csv {
    head: Vec<String>,
    /// By the patient in the first column.
    rows: BTreeMap<String, Vec<String>>,
}

fn read(path: &Path) -> Result<Csv, SetupError> {
    let text = fs::read_to_string(path)?;
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect());
    let head: Vec<String> = lines.next().ok_or("no header")?;
    let rows = lines.map(|row: Vec<String>| (row[0].clone(), row)).collect();
    Ok(Csv { head, rows })
}

const COLUMNS: [&str; 2] = ["survival_1", "survival_5"];

impl Held {
    fn add(&mut self, site: &Path, predictions: &Path) -> Outcome {
        let outcomes = read(&site.join("outcome.csv"))?.rows;
        let split = read(&site.join("split.csv"))?.rows;
        let Csv { head, rows: predicted } = read(predictions)?;
        for (patient, row) in predicted {
            let (Some(outcome), Some(part)) = (outcomes.get(&patient), split.get(&patient)) else {
                continue;
            };
            if part[1] != "0" || outcome[1].is_empty() {
                continue;
            }
            self.times.push(outcome[1].parse()?);
            self.events.push(outcome[2] == "1");
            for column in COLUMNS {
                let place = head.iter().position(|name| name == column).ok_or("no such column")?;
                *self.risk.entry(column).or_default() += 1.0 - row[place].parse::<f64>()?;
            }
        }
        Ok(())
    }

    /// Observed over predicted events by each time.
    fn observed_over_predicted(self) -> Result<Vec<f64>, SetupError> {
        let patients = self.times.len() as f64;
        let curve = KaplanMeier::fit(&Survival::new(self.times, self.events)?, 0.95)?;
        let at = |(column, time): (&str, f64)| {
            let survival = curve.at(time).map_or(1.0, |(survival, ..)| survival);
            (1.0 - survival) / (self.risk[column] / patients)
        };
        Ok(COLUMNS.into_iter().zip([1.0, 5.0]).map(at).collect())
    }
}

/// Clipping by patient that hits events alone makes predicted risks several times too low, at any ε.
#[test]
fn the_shipped_private_experiment_predicts_as_many_events_as_there_are() -> Outcome {
    let folder = Federation::new()?;
    let data = folder.elsewhere("cohort");
    let out = folder.elsewhere("runs");
    let mut synth = Command::new(binary("coordinator")?);
    synth.arg("synth").arg(&data).args(["--patients", "6000", "--seed", "7", "--quiet"]);
    success(Process::start(&mut synth)?)?;
    let experiment = root().join("configs/experiments/synthetic-private.toml");
    let told = report(simulate(&experiment, &data, &out, &[])?)?;
    let mut held = Held::default();
    for number in 1..=6 {
        let site = data.join(format!("site-{number}"));
        let predictions = folder.elsewhere(&format!("predictions-{number}.csv"));
        let cohort = site.join("cohort.toml");
        let paths = [&cohort, &predictions].map(|path| path.to_str().unwrap_or_default());
        let verb =
            ["predict", name(&told), "--cohort", paths[0], "--out", paths[1], "--times", "1,5"];
        success(models(&verb, &out)?)?;
        held.add(&site, &predictions)?;
    }
    // The noise is new each time: it moves these by a tenth or two, and a biased bound by a factor of five to eight.
    let ratios = held.observed_over_predicted()?;
    assert!(ratios.iter().all(|ratio| (0.5..1.9).contains(ratio)), "{ratios:?}");
    Ok(())
}
