//! Models after a run: opened by others, verified, begun from, and held against patients.

mod beats;
mod calibrated;
mod left;
mod modalities;
mod start;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use coordinator::simulate::write_synthetic;
use serde_json::Value;
use tests::{Process, SetupError, binary, demo, failure, root, success};

use crate::Outcome;

/// A simulation without baselines; its report.
pub(super) fn simulate(
    experiment: &Path,
    data: &Path,
    out: &Path,
    sets: &[&str],
) -> Result<Process, SetupError> {
    let mut command = Command::new(binary("coordinator")?);
    command.arg("simulate").arg(experiment).arg("--data").arg(data).arg("--out").arg(out);
    command.args(["--no-baselines", "--quiet", "--format", "json"]);
    Ok(Process::start(command.args(sets.iter().flat_map(|set| ["--set", set])))?)
}

pub(super) fn report(process: Process) -> Result<Value, SetupError> {
    Ok(serde_json::from_str(success(process)?.lines().last().unwrap_or_default())?)
}

pub(super) fn name(report: &Value) -> &str {
    report["run"].as_str().unwrap_or_default()
}

/// `coordinator models VERB …`
pub(super) fn models(verb: &[&str], state: &Path) -> Result<Process, SetupError> {
    let mut command = Command::new(binary("coordinator")?);
    Ok(Process::start(command.arg("models").args(verb).arg("--state").arg(state))?)
}

/// The demonstration's table, described as a cohort.
pub(super) fn demo_cohort(folder: &Path) -> Result<PathBuf, SetupError> {
    write_synthetic(folder, 7)?;
    let cohort = folder.join("cohort.toml");
    fs::write(&cohort, "tables = [\"cohort.csv\"]\npatient = \"patient\"\nsplit = \"split\"\n")?;
    Ok(cohort)
}

#[test]
fn a_model_of_described_hospitals_is_shown_verified_and_scored() -> Outcome {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let out = folder.path().join("runs");
    let mut synth = Command::new(binary("coordinator")?);
    synth.arg("synth").arg(&data).args(["--patients", "600", "--seed", "7", "--quiet"]);
    success(Process::start(&mut synth)?)?;
    let experiment = root().join("configs/experiments/synthetic.toml");
    let report = report(simulate(&experiment, &data, &out, &["rounds=2"])?)?;
    let run = name(&report);

    let listed = success(models(&["list", "--format", "json"], &out)?)?;
    let listed: Value = serde_json::from_str(listed.lines().last().unwrap_or_default())?;
    assert_eq!(
        (&listed[0]["run"], &listed[0]["file_sha256"]),
        (&report["run"], &report["file_sha256"])
    );
    let shown = success(models(&["show", run], &out)?)?;
    for told in ["mlp with head logistic-hazard", "codes:diagnoses", "C-index", "random, seed 1"] {
        assert!(shown.contains(told), "{told} is not in {shown}");
    }
    let card = success(models(&["show", run, "--json"], &out)?)?;
    let card: Value = serde_json::from_str(card.lines().last().unwrap_or_default())?;
    assert_eq!(card["metrics"]["simulated"]["c_index"], report["final"]["c_index"]);
    assert!(card["metrics"]["released"]["test.c_index"].is_f64(), "{}", card["metrics"]);
    assert_eq!(card["lineage"]["sites"]["site-1"], 2);
    let log = card["lineage"]["log"]["size"].as_u64();
    assert!(log.is_some_and(|size| size > 6), "{log:?}");
    assert!(success(models(&["verify", run], &out)?)?.contains("ok  "));

    // The same patients and model, by the coordinator's program and by the hospital's.
    let site = data.join("site-1");
    let cohort = site.join("cohort.toml").to_string_lossy().into_owned();
    let made = folder.path().join("made.csv");
    let into = made.to_string_lossy().into_owned();
    let predict = ["predict", run, "--cohort", &cohort, "--times", "1,2.5", "--out", &into];
    let told = success(models(&predict, &out)?)?;
    let rows = fs::read_to_string(&made)?;
    assert!(rows.starts_with("patient,risk,survival_1,survival_2.5,rmst_10\n"), "{rows:.80}");
    let patients = rows.lines().count() - 1;
    assert!(told.contains(&format!("{patients} patients scored")), "{told}");
    assert!(failure(models(&predict, &out)?)?.contains("is there already"));
    let settings = site.join("site-node.toml");
    fs::write(&settings, "coordinator = \"127.0.0.1:9\"\n[data]\ntag = \"synthetic\"\n")?;
    let own = folder.path().join("own.csv");
    let mut node = Command::new(binary("site-node")?);
    node.arg("predict").arg(out.join("models").join(format!("{run}.safetensors")));
    node.arg("--config").arg(&settings).arg("--out").arg(&own).args(["--times", "1,2.5"]);
    success(Process::start(&mut node)?)?;
    assert_eq!(fs::read_to_string(&own)?, rows);

    // A cohort that lacks a column of the contract, in the words of `data check`.
    let ehr = site.join("ehr.csv");
    let text = fs::read_to_string(&ehr)?;
    fs::write(&ehr, text.replacen("e2", "f2", 1))?;
    let other = folder.path().join("other.csv").to_string_lossy().into_owned();
    let refused = ["predict", run, "--cohort", &cohort, "--out", &other];
    let told = failure(models(&refused, &out)?)?;
    assert!(told.contains("\"e2\""), "{told}");
    assert!(!Path::new(&other).exists());
    Ok(())
}

#[test]
fn weights_of_another_run_or_with_a_hostile_header_are_refused() -> Outcome {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let out = folder.path().join("runs");
    demo_cohort(&data)?;
    let one = report(simulate(&demo(), &data, &out, &["rounds=1"])?)?;
    let two = report(simulate(&demo(), &data, &out, &["rounds=1", "model.hidden=[8]"])?)?;
    let weights = |run: &Value| out.join("models").join(format!("{}.safetensors", name(run)));
    let first = fs::read(weights(&one))?;
    let second = fs::read(weights(&two))?;
    let verify = |bytes: &[u8], told: &str| -> Outcome {
        fs::write(weights(&one), bytes)?;
        let output = failure(models(&["verify", name(&one)], &out)?)?;
        assert!(output.contains(told) && output.contains(".safetensors"), "{output}");
        assert!(!output.contains("panicked"), "{output}");
        Ok(())
    };
    verify(&second, "tensor \"dense.0.weight\" has the shape")?;
    verify(
        &[&(1_u64 << 63).to_le_bytes(), &first[8..]].concat(),
        "the header is 9223372036854775808",
    )?;
    verify(&first[..300], "the file ends within its header")?;
    verify(&first[..first.len() - 4], "bytes of tensors")?;
    verify(&[&first[..8], &vec![b'['; first.len() - 8]].concat(), "the header cannot be read")?;
    let mut flipped = first.clone();
    *flipped.last_mut().ok_or("no bytes")? ^= 1;
    verify(&flipped, "sha256")?;
    fs::write(weights(&one), &first)?;
    assert!(success(models(&["verify", name(&one)], &out)?)?.contains("ok  "));
    Ok(())
}
