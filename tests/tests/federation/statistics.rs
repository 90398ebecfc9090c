//! Curves, metrics and warnings as a researcher meets them: unbiased under censoring, one curve from training
//! to the exported table, and no result lost to a number that cannot be computed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use survival::{
    KaplanMeier, Survival, SurvivalCurves, brier_scores, calibration,
    cumulative_dynamic_auc_of_curves,
};
use tests::{Process, SetupError, binary, failure, success};

use crate::Outcome;
use crate::models::{models, name, report, simulate};

/// A patient of an invented study.
struct Patient {
    split: u8,
    marker: f64,
    time: f64,
    event: bool,
}

/// Uniform in [0, 1), the same on every machine (Marsaglia's xorshift64).
fn uniform(state: &mut u64) -> f64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) as f64 / (1_u64 << 53) as f64
}

/// Patients with hazard 0.12 a year times e^(effect · ln marker), censored uniformly up to 12 years.
fn patients(count: usize, effect: f64) -> Vec<Patient> {
    let mut state = 0x2545_f491_4f6c_dd1d;
    let patient = |i: usize| {
        let marker = (6.0 * uniform(&mut state) - 1.0).exp();
        let hazard = 0.12 * (effect * (marker.ln() - 2.0)).exp();
        let event = -(1.0 - uniform(&mut state)).ln() / hazard;
        let censored = 12.0 * uniform(&mut state);
        let split = u8::from(!i.is_multiple_of(3));
        Patient { split, marker, time: event.min(censored), event: event < censored }
    };
    (0..count).map(patient).collect()
}

/// Writes them as one table of some hospitals, with a cohort for predictions.
fn write(folder: &Path, patients: &[Patient], hospitals: usize) -> Result<PathBuf, SetupError> {
    fs::create_dir_all(folder)?;
    let mut table = "patient,site,split,one,marker,log_marker,time,event\n".to_owned();
    for (i, Patient { split, marker, time, event }) in patients.iter().enumerate() {
        let site = i % hospitals;
        let log = marker.ln();
        let event = u8::from(*event);
        let _ = writeln!(table, "p{i},s{site},{split},1,{marker},{log},{time},{event}");
    }
    fs::write(folder.join("t.csv"), table)?;
    let cohort = folder.join("cohort.toml");
    fs::write(&cohort, "tables = [\"t.csv\"]\npatient = \"patient\"\nsplit = \"split\"\n")?;
    Ok(cohort)
}

const EXPERIMENT: &str = r#"
name = "statistics"
seed = 1
rounds = 20
[data]
tables = ["t.csv"]
patient = "patient"
site = "site"
split = "split"
tag = "synthetic"
[outcome]
time = "time"
unit = "years"
event = "event"
horizon = 10.0
intervals = 10
[features]
columns = ["one"]
[model]
kind = "linear"
head = "logistic-hazard"
initial_hazard = 0.1
[training]
optimizer = "adam"
learning_rate = 0.03
epochs = 20
batch = 100000
[aggregation]
rule = "fedavg"
min_sites = 1
window = "60s"
[privacy]
mode = "none"
clip = 10.0
"#;

/// The experiment with some of its lines replaced.
fn experiment(folder: &Path, changes: &[(&str, &str)]) -> Result<PathBuf, SetupError> {
    let mut text = EXPERIMENT.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from} is not in the experiment");
        text = text.replace(from, to);
    }
    let file = folder.join("experiment.toml");
    fs::write(&file, text)?;
    Ok(file)
}

fn outcomes(patients: &[Patient], split: u8) -> Result<Survival, SetupError> {
    let of_it = || patients.iter().filter(|patient| patient.split == split);
    let times = of_it().map(|patient| patient.time).collect();
    Ok(Survival::new(times, of_it().map(|patient| patient.event).collect())?)
}

/// A column of a table, by its name.
fn column(text: &str, name: &str) -> Result<Vec<f64>, SetupError> {
    let mut lines = text.lines();
    let header = lines.next().ok_or("no header")?;
    let place = header.split(',').position(|cell| cell == name).ok_or("no such column")?;
    let cell = |line: &str| line.split(',').nth(place).and_then(|cell| cell.parse().ok());
    Ok(lines.map(cell).collect::<Option<_>>().ok_or("a cell is no number")?)
}

fn notes(report: &Value) -> String {
    let notes = report["notes"].as_array().map_or(&[][..], Vec::as_slice);
    notes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_constant_hazard_is_learnt_without_bias_from_patients_censored_within_intervals() -> Outcome {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let out = folder.path().join("runs");
    let study = patients(9000, 0.0);
    let cohort = write(&data, &study, 2)?;
    let (expected, ..) =
        KaplanMeier::fit(&outcomes(&study, 1)?, 0.95)?.at(10.0).ok_or("nobody is followed")?;
    for head in ["logistic-hazard", "deephit", "piecewise-hazard"] {
        let line = format!("head = \"{head}\"");
        let file = experiment(folder.path(), &[("head = \"logistic-hazard\"", &line)])?;
        let told = report(simulate(&file, &data, &out, &[])?)?;
        let predicted = folder.path().join(format!("{head}.csv"));
        let texts = [cohort.to_string_lossy(), predicted.to_string_lossy()];
        let asked = ["predict", name(&told), "--cohort", &texts[0], "--out", &texts[1]];
        success(models(&asked, &out)?)?;
        let found = column(&fs::read_to_string(&predicted)?, "survival_10")?[0];
        assert!((found - expected).abs() < 0.005, "{head}: S(10) {found}, Kaplan-Meier {expected}");
    }
    Ok(())
}

/// Evaluation, prediction and release read one curve: the sites' metrics are those of the exported table.
#[test]
fn metrics_at_any_horizon_are_those_of_the_exported_predictions() -> Outcome {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let out = folder.path().join("runs");
    let study = patients(900, 0.5);
    let cohort = write(&data, &study, 1)?;
    let horizons = [0.5, 0.9, 2.9, 3.0, 7.25];
    let columns = ("columns = [\"one\"]", "columns = [\"log_marker\"]");
    let asked = ("[privacy]", "[evaluation]\nhorizons = [0.5, 0.9, 2.9, 3.0, 7.25]\n[privacy]");
    let file = experiment(folder.path(), &[columns, asked])?;
    let told = report(simulate(&file, &data, &out, &["rounds=3"])?)?;
    let predicted = folder.path().join("predicted.csv");
    let texts = [cohort.to_string_lossy(), predicted.to_string_lossy()];
    let verb = ["predict", name(&told), "--cohort", &texts[0], "--out", &texts[1]];
    let times = ["--split", "test", "--times", "0.5,0.9,2.9,3,7.25"];
    success(models(&[&verb[..], &times].concat(), &out)?)?;
    let table = fs::read_to_string(&predicted)?;
    let training = outcomes(&study, 1)?;
    let test = outcomes(&study, 0)?;
    for at in horizons {
        let read = column(&table, &format!("survival_{at}"))?;
        let curves = SurvivalCurves::new(vec![at], read)?;
        let auc = cumulative_dynamic_auc_of_curves(&training, &test, &curves)?.mean;
        let brier = brier_scores(&training, &test, &curves)?.scores.first().copied();
        let large = calibration(&test, &curves, &[at], 1, 0.95)?;
        let ratio = large.first().and_then(|one| one.observed_to_predicted);
        for (metric, expected) in [("auc", auc), ("brier", brier), ("observed_to_predicted", ratio)]
        {
            let metric = format!("test.{metric}/{at}");
            let found = told["final"]["metrics"][&metric].as_f64().ok_or("no such metric")?;
            let expected = expected.ok_or("no such value")?;
            assert!((found - expected).abs() < 1e-9, "{metric}: {found} is not {expected}");
        }
    }
    Ok(())
}

#[test]
fn no_event_within_the_horizon_is_told_before_anything_is_trained() -> Outcome {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let out = folder.path().join("runs");
    let mut study = patients(60, 0.0);
    // Days that the experiment takes for years.
    for patient in &mut study {
        patient.time = 365.25 * patient.time + 11.0;
    }
    write(&data, &study, 2)?;
    let file = experiment(folder.path(), &[])?;
    let told = failure(simulate(&file, &data, &out, &[])?)?;
    for part in ["0 of ", "within the horizon of 10 years", "outcome.unit", "\"time\""] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert!(!out.join("models").exists(), "a model was trained");
    Ok(())
}

#[test]
fn a_number_that_cannot_be_computed_is_left_out_with_its_reason() -> Outcome {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let out = folder.path().join("runs");
    let mut study = patients(90, 0.0);
    for patient in study.iter_mut().filter(|patient| patient.split == 0) {
        patient.event = false;
    }
    write(&data, &study, 2)?;
    let file = experiment(folder.path(), &[])?;
    let mut command = Command::new(binary("coordinator")?);
    command.arg("simulate").arg(&file).arg("--data").arg(&data).arg("--out").arg(&out);
    command.args(["--set", "rounds=1", "--quiet", "--format", "json"]);
    let told = report(Process::start(&mut command)?)?;
    assert!(told["final"]["c_index"].is_null() && told["pooled"].is_null(), "{told}");
    assert!(told["single_site"].is_null(), "{told}");
    let reasons = notes(&told);
    for part in ["no C-index of the federated model: ", "of the pooled baseline: ", "of s0 alone: "]
    {
        assert!(reasons.contains(part), "{part} is not in {reasons}");
    }
    let model = out.join("models").join(format!("{}.safetensors", name(&told)));
    assert!(model.exists(), "the model was lost");
    Ok(())
}

/// A skewed number read by its logarithm is the column that a hospital would have prepared.
#[test]
fn a_transform_reads_what_a_prepared_column_would_hold() -> Outcome {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let out = folder.path().join("runs");
    write(&data, &patients(600, 0.8), 2)?;
    let mut scores = Vec::new();
    for (column, transform, center) in
        [("log_marker", "none", 2.0), ("marker", "log", 2.0), ("marker", "none", 0.0)]
    {
        let view = format!(
            "[features.views.marker]\nkind = \"number\"\ncolumn = \"{column}\"\nmissing = \"zero\"\n\
             transform = \"{transform}\"\ncenter = {center}\nscale = 1.0\n"
        );
        let file = experiment(folder.path(), &[("columns = [\"one\"]\n", &view)])?;
        let told = report(simulate(&file, &data, &out, &["rounds=2"])?)?;
        scores.push(told["final"]["c_index"].as_f64().ok_or("no score")?);
        let warned = notes(&told).contains("\"marker\" (about 1e1)");
        assert_eq!(warned, transform == "none" && column == "marker", "{told}");
    }
    assert!((scores[0] - scores[1]).abs() < 1e-6, "{scores:?}");
    let refused = (
        "columns = [\"one\"]\n",
        "[features.views.m]\nkind = \"number\"\ncolumn = \"marker\"\ntransform = \"logg\"\n",
    );
    let file = experiment(folder.path(), &[refused])?;
    let told = failure(simulate(&file, &data, &out, &[])?)?;
    assert!(told.contains("transform") && told.contains("log1p"), "{told}");
    Ok(())
}

#[test]
fn a_delta_of_one_over_the_patients_and_unlike_baselines_are_told() -> Outcome {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let out = folder.path().join("runs");
    write(&data, &patients(300, 0.0), 2)?;
    let private = "mode = \"patient\"\nepsilon = 1.0\ndelta = 0.2\nexpected_patients = 22\n\
                   sampling_rate = 0.3\nsteps = 1";
    let changes = [("mode = \"none\"", private), ("epochs = 20\nbatch = 100000\n", "")];
    let file = experiment(folder.path(), &changes)?;
    let mut plan = Command::new(binary("coordinator")?);
    let told = success(Process::start(plan.arg("plan").arg(&file))?)?;
    assert!(told.contains("privacy.delta") && told.contains("1/22"), "{told}");
    let mut command = Command::new(binary("coordinator")?);
    command.arg("simulate").arg(&file).arg("--data").arg(&data).arg("--out").arg(&out);
    command.args(["--set", "rounds=1", "--quiet", "--format", "json"]);
    let told = report(Process::start(&mut command)?)?;
    assert!(notes(&told).contains("privacy.delta"), "{told}");
    assert_eq!(told["baselines"]["noise"], false, "{told}");
    assert_eq!(told["baselines"]["patient_clipping"], false, "{told}");
    Ok(())
}
