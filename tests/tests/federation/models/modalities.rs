//! A model of tables, codes, ECGs and images: trained by synthetic hospitals, held against their patients.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tests::{Process, binary, root, success};

use super::{name, report, simulate};
use crate::Outcome;

/// Smaller encoders than those of the file, so that a test is short.
const SMALL: [&str; 4] = [
    "model.encoders.heart.channels=[8,16]",
    "model.encoders.heart.strides=[8,4]",
    "model.encoders.scan.channels=[8,16]",
    "model.encoders.scan.strides=[4,4]",
];

/// A number by its name; NaN, which no comparison takes for good, where there is none.
fn number(of: &Value, name: &str) -> f64 {
    of[name].as_f64().unwrap_or(f64::NAN)
}

#[test]
fn patients_with_and_without_ecgs_train_a_model_and_are_scored_by_it() -> Outcome {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let out = folder.path().join("runs");
    let mut synth = Command::new(binary("coordinator")?);
    synth.arg("synth").arg(&data).args(["--patients", "500", "--seed", "7", "--quiet"]);
    success(Process::start(&mut synth)?)?;
    let experiment = root().join("configs/experiments/synthetic-multimodal.toml");
    let short = ["rounds=2", "aggregation.average_last=2", "evaluation.permutations=1"];
    let told: Vec<&str> =
        SMALL.into_iter().chain(short).chain(["evaluation.horizons=[2.0,5.0]"]).collect();
    let report = report(simulate(&experiment, &data, &out, &told)?)?;
    let metrics = &report["final"]["metrics"];
    for name in ["test.c_index", "test.auc/5", "importance/heart", "importance/e1"] {
        assert!(number(metrics, name).is_finite(), "{name}");
    }
    assert!(number(&report["final"], "c_index") > 0.4);
    // What each hospital told.
    assert!(number(&report["final"]["sites"]["site-1"], "importance/scan").is_finite());

    let run = name(&report);
    let site = data.join("site-1");
    let settings = site.join("site-node.toml");
    fs::write(&settings, "coordinator = \"127.0.0.1:9\"\n[data]\ntag = \"synthetic\"\n")?;
    let model = out.join("models").join(format!("{run}.safetensors"));
    let rows = folder.path().join("rows.csv");
    let mut node = Command::new(binary("site-node")?);
    node.arg("predict").arg(&model).arg("--config").arg(&settings).arg("--out").arg(&rows);
    let told = success(Process::start(&mut node)?)?;
    assert!(told.contains("lack \"heart\"") && told.contains("lack \"scan\""), "{told}");
    assert!(fs::read_to_string(&rows)?.lines().count() > 100);

    // The hospital's own eyes see what it told the coordinator, and more.
    let mut node = Command::new(binary("site-node")?);
    node.arg("evaluate").arg(&model).arg("--config").arg(&settings);
    node.args(["--horizons", "2,5", "--permutations", "1", "--format", "json"]);
    let seen = success(Process::start(&mut node)?)?;
    let line = seen.lines().find(|line| line.starts_with('{')).unwrap_or_default();
    let seen: Value = serde_json::from_str(line)?;
    for name in ["test.c_index", "importance/heart", "test.brier/2"] {
        let told = number(&report["final"]["sites"]["site-1"], name);
        assert!((number(&seen, name) - told).abs() < 1e-12, "{name}");
    }
    Ok(())
}

/// The same in mode `patient`: each patient's part is clipped and noised, whatever the patient lacks.
#[test]
fn each_patient_of_four_modalities_is_protected() -> Outcome {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let out = folder.path().join("runs");
    let mut synth = Command::new(binary("coordinator")?);
    synth.arg("synth").arg(&data).args(["--patients", "400", "--seed", "3", "--quiet"]);
    success(Process::start(&mut synth)?)?;
    let text = fs::read_to_string(root().join("configs/experiments/synthetic-multimodal.toml"))?;
    let (before, _) = text.split_once("[training]").unwrap_or_default();
    let private = "[training]\noptimizer = \"sgd\"\nlearning_rate = 0.5\n\n\
                   [aggregation]\nmin_sites = 3\nwindow = \"10m\"\n\n\
                   [privacy]\nmode = \"patient\"\nclip = 5.0\nepsilon = 60.0\ndelta = 1e-4\n\
                   steps = 3\nsampling_rate = 0.5\nexpected_patients = 60\npatient_clip = 1.0\n\n\
                   [privacy.evaluation]\nrho = 20.0\nmax_patients = 15\n\
                   ablated = [\"heart\", \"tables\", \"e1\"]\n";
    let file = folder.path().join("private.toml");
    fs::write(&file, format!("{before}{private}"))?;
    let told: Vec<&str> = SMALL.into_iter().chain(["rounds=2"]).collect();
    let report = report(simulate(&file, &data, &out, &told)?)?;
    assert!((number(&report["privacy"], "epsilon") - 60.0).abs() < 0.1, "{}", report["privacy"]);
    assert_eq!(report["rounds"][0]["metrics"], serde_json::json!({}));
    // With noise, what the model is worth and what it loses without an ECG, the tables, a column; no more.
    let told = report["final"]["sites"].as_object().into_iter().flatten();
    let told: Vec<&serde_json::Map<String, Value>> =
        told.filter_map(|(_, metrics)| metrics.as_object()).collect();
    let asked = ["test.c_index", "ablated/heart", "ablated/tables", "ablated/e1"];
    let of = |name: &str| asked.contains(&name.strip_prefix("deviation/").unwrap_or(name));
    assert!(told.iter().flat_map(|metrics| metrics.keys()).all(|name| of(name)), "{report}");
    for name in asked {
        // Every site tells how far noise moves it. Noise may leave a site without the value itself; at a fifth of
        // what the plan warns of it does not leave all six without.
        let around = format!("deviation/{name}");
        assert!(told.iter().all(|metrics| metrics.contains_key(&around)), "{around}: {report}");
        assert!(told.iter().any(|metrics| metrics.contains_key(name)), "{name}: {report}");
    }
    Ok(())
}
