//! Two causes of death whose hazards depend on different columns, from hospitals' tables to predictions.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use audit::record::Event;
use serde_json::Value;
use survival::{Competing, harrell_c};
use tests::{Federation, HOSPITALS, Process, SetupError, binary, edit, failure, root, success};

use crate::Outcome;
use crate::models::{models, name, report, simulate};

const PATIENTS: usize = 400;

fn experiment() -> PathBuf {
    root().join("configs/experiments/competing-risks.toml")
}

/// Uniform in [0, 1), the same on every machine (Marsaglia's xorshift64).
fn uniform(state: &mut u64) -> f64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) as f64 / (1_u64 << 53) as f64
}

/// Rows `patient,hospital,split,time,event,any,age,pressure,stage` of one hospital, with numbers for the two
/// causes: age and pressure drive the first, the stage the second.
fn rows(hospital: usize, [heart, other]: [u8; 2]) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ (hospital as u64 + 1) << 32;
    let mut rows = String::new();
    for patient in 0..PATIENTS {
        let [a, b, c] = [(); 3].map(|()| 2.0 * uniform(&mut state) - 1.0);
        let mut after = |log_rate: f64| -(1.0 - uniform(&mut state)).ln() / log_rate.exp();
        let of_heart = after(1.5 * a + b - 2.2);
        let of_other = after(2.0 * c - 1.8);
        let end = 1.0 + 5.0 * uniform(&mut state);
        let time = of_heart.min(of_other).min(end);
        let event = match () {
            () if end <= time => 0,
            () if of_heart <= time => heart,
            () => other,
        };
        let age = 65.0 + 10.0 * a;
        let pressure = 140.0 + 20.0 * b;
        let stage = 2.0 + c;
        let split = u8::from(patient % 3 != 0);
        let any = u8::from(event > 0);
        let _ = writeln!(
            rows,
            "{}-{patient},{},{split},{time:.6},{event},{any},{age:.4},{pressure:.4},{stage:.4}",
            hospital, HOSPITALS[hospital]
        );
    }
    rows
}

const HEADER: &str = "patient,hospital,split,time,event,any,age,pressure,stage\n";

/// All hospitals in one table, described as one cohort for predictions.
fn cohort(folder: &Path) -> Result<PathBuf, SetupError> {
    fs::create_dir_all(folder)?;
    let all: String = (0..HOSPITALS.len()).map(|hospital| rows(hospital, [1, 2])).collect();
    fs::write(folder.join("cohort.csv"), format!("{HEADER}{all}"))?;
    let file = folder.join("cohort.toml");
    fs::write(&file, "tables = [\"cohort.csv\"]\npatient = \"patient\"\nsplit = \"split\"\n")?;
    Ok(file)
}

/// Cells of a table with a header, by the first column and the name of the column.
fn cells(text: &str) -> Result<BTreeMap<String, BTreeMap<String, f64>>, SetupError> {
    let mut lines = text.lines().map(|line| line.split(','));
    let names: Vec<&str> = lines.next().ok_or("no header")?.collect();
    let row = |mut cells: std::str::Split<'_, char>| {
        let key = cells.next().unwrap_or_default().to_owned();
        let numbers = names.iter().skip(1).zip(cells);
        let parsed =
            numbers.filter_map(|(name, cell)| Some(((*name).to_owned(), cell.parse().ok()?)));
        (key, parsed.collect())
    };
    Ok(lines.map(row).collect())
}

/// A run's predictions for all test patients.
fn predictions(run: &str, cohort: &Path, out: &Path, file: &Path) -> Result<String, SetupError> {
    let cohort = cohort.to_string_lossy();
    let into = file.to_string_lossy();
    let asked = ["predict", run, "--cohort", &cohort, "--out", &into, "--split", "test"];
    success(models(&asked, out)?)?;
    Ok(fs::read_to_string(file)?)
}

/// The concordance of predicted risks with deaths of the first cause.
fn concordance(predicted: &str, table: &str) -> Result<f64, SetupError> {
    let predicted = cells(predicted)?;
    let table = cells(table)?;
    let mut times = Vec::new();
    let mut causes = Vec::new();
    let mut risks = Vec::new();
    for (patient, row) in &predicted {
        let truth = &table[patient];
        times.push(truth["time"]);
        causes.push(
            [0, 1, 2]
                .into_iter()
                .find(|c| (f64::from(*c) - truth["event"]).abs() < 0.5)
                .ok_or("cause")?,
        );
        risks.push(row["risk"]);
    }
    Ok(harrell_c(&Competing::new(times, causes)?.of_interest(1)?, &risks)?)
}

#[test]
fn the_cause_of_interest_is_ranked_better_than_by_a_model_of_any_event() -> Outcome {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let out = folder.path().join("runs");
    let cohort = cohort(&data)?;
    let table = fs::read_to_string(data.join("cohort.csv"))?;
    let told = report(simulate(&experiment(), &data, &out, &[])?)?;
    let predicted = predictions(name(&told), &cohort, &out, &folder.path().join("two.csv"))?;

    // The same run of deaths of whatever cause.
    let text = fs::read_to_string(experiment())?;
    let line = text.lines().find(|line| line.starts_with("causes = ")).ok_or("no causes")?;
    let lumped = folder.path().join("lumped.toml");
    let any = text.replace(line, "").replace("event = \"event\"", "event = \"any\"");
    fs::write(&lumped, any)?;
    let of_any = report(simulate(&lumped, &data, &out, &[])?)?;
    let both = predictions(name(&of_any), &cohort, &out, &folder.path().join("any.csv"))?;

    let own = concordance(&predicted, &table)?;
    let lumped = concordance(&both, &table)?;
    assert!(own > 0.72 && own > lumped + 0.08, "{own}, of any event {lumped}");
    // What the simulation and the sites told is that number.
    let pooled = told["final"]["c_index"].as_f64().unwrap_or_default();
    assert!((pooled - own).abs() < 1e-4, "{pooled} and {own}");

    let header = predicted.lines().next().unwrap_or_default();
    for column in ["incidence_cardiovascular_0.5", "incidence_other_5", "rmtl_other_5", "rmst_5"] {
        assert!(header.split(',').any(|name| name == column), "{column} is not in {header}");
    }
    for row in cells(&predicted)?.values() {
        let sum = row["survival_3"] + row["incidence_cardiovascular_3"] + row["incidence_other_3"];
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        assert!((row["risk"] - row["incidence_cardiovascular_5"]).abs() < 1e-6);
        let years = row["rmst_5"] + row["rmtl_cardiovascular_5"] + row["rmtl_other_5"];
        assert!((years - 5.0).abs() < 1e-4, "{years}");
    }
    let shown = success(models(&["show", name(&told)], &out)?)?;
    assert!(shown.contains("cardiovascular (the one of interest), other"), "{shown}");
    let card = success(models(&["show", name(&told), "--json"], &out)?)?;
    let card: Value = serde_json::from_str(card.lines().last().unwrap_or_default())?;
    let released = &card["metrics"]["released"];
    for (metric, least, most) in [
        ("test.c_index", 0.7, 0.95),
        ("test.auc/3", 0.7, 0.99),
        ("test.brier/3", 0.05, 0.25),
        ("test.observed_to_predicted/3", 0.8, 1.25),
    ] {
        let value = released[metric].as_f64().unwrap_or(f64::NAN);
        assert!((least..most).contains(&value), "{metric} is {value}");
    }
    assert!(released["test.uno_c"].is_null());

    // A run that begins with it must mean the same causes.
    let weights = out.join("models").join(format!("{}.safetensors", name(&told)));
    let begin = format!("model.start={}", weights.display());
    let turned = "outcome.causes=[\"other\", \"cardiovascular\"]";
    let told = failure(simulate(&experiment(), &data, &out, &[&begin, turned])?)?;
    assert!(told.contains("begin with a model of the same causes"), "{told}");
    Ok(())
}

/// Six hospitals, each with its own numbers for the causes, and policies that allow the experiment.
fn federation() -> Result<Federation, SetupError> {
    let federation = Federation::new()?;
    for (number, hospital) in HOSPITALS.into_iter().enumerate() {
        let site = federation.site(hospital);
        let turned = number % 2 == 1;
        let (numbers, causes) = if turned {
            ([2, 1], "[\"other\", \"cardiovascular\"]")
        } else {
            ([1, 2], "[\"cardiovascular\", \"other\"]")
        };
        fs::write(site.join("cohort.csv"), format!("{HEADER}{}", rows(number, numbers)))?;
        let stated = format!("causes = {causes}\nevent = \"event\"");
        edit(&site.join("cohort.toml"), "event = \"event\"", &stated)?;
        let policy = fs::read_to_string(site.join("policy.toml"))?;
        let line = policy.lines().find(|line| line.starts_with("columns = ")).unwrap_or_default();
        let columns = "columns = [\"age\", \"pressure\", \"stage\"]";
        let policy = policy.replace(line, columns).replace("describe = false", "describe = true");
        let policy = policy.replace("epsilon = 8.0", "epsilon = 60.0");
        let policy = policy.replace("epsilon_per_run = 4.0", "epsilon_per_run = 40.0");
        fs::write(site.join("policy.toml"), policy)?;
    }
    Ok(federation)
}

/// The experiment in mode `patient`, with a noised concordance.
fn private(federation: &Federation) -> Result<PathBuf, SetupError> {
    let path = federation.elsewhere("private.toml");
    let text = fs::read_to_string(experiment())?;
    let text = text.split("[evaluation]").next().unwrap_or_default();
    let text = text
        .replace("rounds = 25", "rounds = 4")
        .replace("weights = \"patients\"\npatients_per_unit = 500", "weights = \"equal\"")
        .replace("epochs = 2\nbatch = 64\n", "epochs = 1\n")
        .replace("mode = \"none\"                # synthetic patients\nclip = 10.0", PRIVATE);
    fs::write(&path, text)?;
    Ok(path)
}

const PRIVATE: &str = "mode = \"patient\"
clip = 10.0
noise_multiplier = 1.0
delta = 1e-5
steps = 6
sampling_rate = 0.25
expected_patients = 270
patient_clip = 1.0
evaluation = { rho = 1.0, max_patients = 150 }";

#[test]
fn hospitals_number_causes_as_they_do_and_charge_for_what_they_tell() -> Outcome {
    let mut federation = federation()?;
    let file = private(&federation)?;
    let _coordinator = federation.serve()?;
    let _sites: Vec<Process> =
        HOSPITALS.iter().map(|name| federation.start_site(name)).collect::<Result<_, _>>()?;
    let mut describe = federation.coordinator(&["describe", "--yes"])?;
    describe.arg(experiment()).args(["--coordinator", &federation.address, "--format", "json"]);
    let output = success(Process::start(describe.args(["--set", "describe.rho=0.5"]))?)?;
    let told: Value = serde_json::from_str(output.lines().last().unwrap_or_default())?;
    // Events of any cause, of some 1600 training patients.
    let all: String = (0..HOSPITALS.len()).map(|hospital| rows(hospital, [1, 2])).collect();
    let table = cells(&format!("{HEADER}{all}"))?;
    let events = table.values().filter(|row| row["split"] > 0.0 && row["any"] > 0.0).count() as f64;
    let found = told["pooled"]["events"].as_f64().unwrap_or_default();
    assert!((found - events).abs() < 60.0, "{found} of {events}: {told}");

    let output = success(federation.run(&file, &[])?)?;
    let report: Value = serde_json::from_str(output.lines().last().unwrap_or_default())?;
    assert_eq!(report["sites"].as_array().map(Vec::len), Some(6), "{report}");
    // Half of the hospitals number the causes the other way round: were that not heeded, the ratios of
    // both causes would be alike, and the index near that of any event.
    let index = report["final"]["c_index_released"].as_f64();
    assert!(index.is_some_and(|index| index > 0.66), "{index:?}");
    for site in HOSPITALS {
        let records = tests::records(&federation.site(site).join("state"))?;
        let charged = records.iter().filter(|one| matches!(one.event, Event::Reserve(_))).count();
        // Three questions of the description, four rounds, one concordance.
        assert_eq!(charged, 3 + 4 + 1, "{site}");
    }
    Ok(())
}

#[test]
fn a_hospital_that_cannot_tell_the_causes_is_told_so() -> Outcome {
    let federation = federation()?;
    let site = federation.site(HOSPITALS[0]);
    let path = experiment();
    let check = || -> Result<Process, SetupError> {
        let mut command = Command::new(binary("site-node")?);
        command.args(["data", "check", "--experiment"]).arg(&path);
        Ok(Process::start(command.arg("--config").arg(site.join("site-node.toml")))?)
    };
    success(check()?)?;
    let table = site.join("cohort.csv");
    let text = fs::read_to_string(&table)?;
    let row = text.lines().nth(4).unwrap_or_default();
    let cells: Vec<&str> = row.split(',').collect();
    let wrong = [&cells[..4], &["7319"], &cells[5..]].concat().join(",");
    edit(&table, row, &wrong)?;
    let told = failure(check()?)?;
    let place = "cohort.csv: row 5, column \"event\": neither 0 nor the number of a cause";
    assert!(told.contains(place) && !told.contains("7319"), "{told}");
    edit(&table, &wrong, row)?;
    edit(&site.join("cohort.toml"), "causes = [\"cardiovascular\", \"other\"]\n", "")?;
    let told = failure(check()?)?;
    assert!(
        told.contains("and the contract asks for") && told.contains("under [outcome]"),
        "{told}"
    );
    Ok(())
}

#[test]
fn causes_that_no_model_takes_are_refused_before_anything_runs() -> Outcome {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    cohort(&data)?;
    let out = folder.path().join("runs");
    for (set, told) in [
        ("outcome.causes=[\"a\", \"a\"]", "\"a\" stands twice"),
        ("outcome.causes=[\"a b\", \"c\"]", "not a cause's name"),
        ("outcome.causes=[]", "names no cause"),
        ("outcome.causes=[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]", "9 causes"),
        // A column of two causes, and an experiment of one.
        ("outcome.causes=[\"death\"]", "column \"event\": neither 0 nor 1"),
    ] {
        let output = failure(simulate(&experiment(), &data, &out, &[set])?)?;
        assert!(output.contains(told), "{set}: {output}");
    }
    for head in ["deephit", "piecewise-hazard", "cox"] {
        let sets = [&format!("model.head={head}"), "model.proportional=false"];
        let output = failure(simulate(&experiment(), &data, &out, &sets)?)?;
        assert!(output.contains("models one event, and outcome.causes names 2"), "{output}");
    }
    Ok(())
}
