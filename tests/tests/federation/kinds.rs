//! Every kind of model and every head on a live federation whose policies list them all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base::config::Choice;
use plan::model::{HeadKind, ModelKind};
use serde_json::Value;
use tests::{Federation, HOSPITALS, Process, SetupError, binary, edit, failure, root, success};

use crate::Outcome;

const COLUMNS: &str = "columns = [\"e1\", \"e2\", \"e3\", \"e4\", \"e5\", \"e6\", \"e7\", \"e8\", \
                       \"codes:diagnoses\", \"ecg\", \"images\"]";

/// No round begins before each of the six is there, as in a simulation.
const ALL: &str = "aggregation.min_sites=6";
/// The last round's model alone.
const LAST: &str = "aggregation.average_last=1";

fn shipped(name: &str) -> PathBuf {
    root().join("configs/experiments").join(name)
}

/// The words of a choice as a list in a policy.
fn listed<T: Choice>() -> String {
    let words: Vec<_> = T::ALL.iter().map(|value| format!("{:?}", value.name())).collect();
    format!("[{}]", words.join(", "))
}

/// Six hospitals with the tables, codes, ECGs and images of `coordinator synth`, and the folder of them all.
fn federation() -> Result<(Federation, PathBuf), SetupError> {
    let federation = Federation::new()?;
    let cohort = federation.elsewhere("cohort");
    let mut synth = Command::new(binary("coordinator")?);
    synth.arg("synth").arg(&cohort).args(["--patients", "400", "--seed", "7", "--quiet"]);
    success(Process::start(&mut synth)?)?;
    for (number, name) in (1..).zip(HOSPITALS) {
        // A simulation calls a hospital what its folder is called.
        let folder = cohort.join(name);
        fs::rename(cohort.join(format!("site-{number}")), &folder)?;
        let site = federation.site(name);
        tests::add_folder(&folder, &site)?;
        let policy = site.join("policy.toml");
        let text = fs::read_to_string(&policy)?;
        let line = text.lines().find(|line| line.starts_with("columns = ")).unwrap_or_default();
        edit(&policy, line, COLUMNS)?;
        let models = format!("models = {}", listed::<ModelKind>());
        edit(&policy, "models = [\"linear\", \"mlp\", \"multimodal\"]", &models)?;
        let heads = format!("heads = {}", listed::<HeadKind>());
        edit(&policy, "heads = [\"logistic-hazard\"]", &heads)?;
        edit(&policy, "min_patients = 20", "min_patients = 1")?;
        edit(&policy, "min_events = 5", "min_events = 1")?;
        edit(&policy, "epsilon = 8.0", "epsilon = 100.0")?;
        edit(&policy, "epsilon_per_run = 4.0", "epsilon_per_run = 100.0")?;
    }
    Ok((federation, cohort))
}

fn last_line(output: &str) -> Result<Value, SetupError> {
    Ok(serde_json::from_str(output.lines().last().unwrap_or_default())?)
}

/// What a simulation of the same hospitals reports.
fn simulated(
    federation: &Federation,
    cohort: &Path,
    experiment: &Path,
    sets: &[&str],
) -> Result<Value, SetupError> {
    let mut simulate = Command::new(binary("coordinator")?);
    simulate.arg("simulate").arg(experiment).args(["--format", "json", "--quiet"]);
    simulate.arg("--no-baselines").arg("--data").arg(cohort);
    simulate.arg("--out").arg(federation.elsewhere("runs"));
    simulate.args(sets.iter().flat_map(|set| ["--set", set]));
    last_line(&success(Process::start(&mut simulate)?)?)
}

/// The synthetic experiment with another model.
fn with_model(
    federation: &Federation,
    kind: ModelKind,
    head: HeadKind,
) -> Result<PathBuf, SetupError> {
    let file =
        if kind == ModelKind::Multimodal { "synthetic-multimodal.toml" } else { "synthetic.toml" };
    let path = federation.elsewhere(&format!("{}-{}.toml", kind.name(), head.name()));
    fs::copy(shipped(file), &path)?;
    edit(&path, "head = \"logistic-hazard\"", &format!("head = {:?}", head.name()))?;
    if kind == ModelKind::Linear {
        edit(&path, "kind = \"mlp\"\nhidden = [16]", "kind = \"linear\"")?;
    }
    Ok(path)
}

#[test]
fn every_kind_and_head_that_policies_list_is_trained_as_a_simulation_trains_it() -> Outcome {
    let (mut federation, cohort) = federation()?;
    let _coordinator = federation.serve()?;
    let _sites: Vec<Process> =
        HOSPITALS.iter().map(|name| federation.start_site(name)).collect::<Result<_, _>>()?;
    for &kind in ModelKind::ALL {
        for &head in HeadKind::ALL {
            let experiment = with_model(&federation, kind, head)?;
            let multimodal = kind == ModelKind::Multimodal;
            let rounds = if multimodal { "rounds=1" } else { "rounds=2" };
            let sets: &[&str] = if multimodal { &[ALL, rounds, LAST] } else { &[ALL, rounds] };
            let live = last_line(&success(federation.run(&experiment, sets)?)?)?;
            let simulated = simulated(&federation, &cohort, &experiment, sets)?;
            let of = format!("{} with {}: {live}", kind.name(), head.name());
            assert_eq!(live["sites"].as_array().map(Vec::len), Some(6), "{of}");
            assert!(live["file_sha256"].is_string(), "{of}");
            assert_eq!(live["file_sha256"], simulated["file_sha256"], "{of}");
        }
    }
    // Codes in the order of their dates, in place of their sum.
    let experiment = with_codes_in_order(&federation, "synthetic-multimodal.toml")?;
    let sets = [ALL, "rounds=1", LAST];
    let live = last_line(&success(federation.run(&experiment, &sets)?)?)?;
    let simulated = simulated(&federation, &cohort, &experiment, &sets)?;
    assert!(live["file_sha256"].is_string(), "{live}");
    assert_eq!(live["file_sha256"], simulated["file_sha256"], "{live}");
    // With privacy for each patient, as shipped but for the rounds, and so: the noise differs each time.
    let private = "synthetic-multimodal-private.toml";
    for experiment in [shipped(private), with_codes_in_order(&federation, private)?] {
        let sets = [ALL, "rounds=2", LAST];
        let live = last_line(&success(federation.run(&experiment, &sets)?)?)?;
        assert_eq!(live["sites"].as_array().map(Vec::len), Some(6), "{live}");
        let epsilon = live["privacy"]["epsilon"].as_f64().unwrap_or(f64::NAN);
        assert!((epsilon - 2.0).abs() < 0.1, "{epsilon}");
    }
    Ok(())
}

/// A shipped experiment whose diagnoses a GRU reads.
fn with_codes_in_order(federation: &Federation, file: &str) -> Result<PathBuf, SetupError> {
    let path = federation.elsewhere(&format!("gru-{file}"));
    fs::copy(shipped(file), &path)?;
    edit(&path, "[model.encoders.history]\n", "[model.encoders.history]\nkind = \"gru\"\n")?;
    Ok(path)
}

#[test]
fn a_word_that_no_model_has_is_answered_with_those_that_there_are() -> Outcome {
    let federation = Federation::new()?;
    let policy = federation.site(HOSPITALS[0]).join("policy.toml");
    edit(&policy, "\"mlp\", \"multimodal\"]", "\"multimodel\"]")?;
    edit(&policy, "heads = [\"logistic-hazard\"]", "heads = [\"deep-hit\"]")?;
    let told = failure(federation.site_node(HOSPITALS[0], "check")?)?;
    for part in [
        "2 problems",
        r#"models: unknown value "multimodel"; expected one of "multimodal", "linear", "mlp""#,
        r#"heads: unknown value "deep-hit"; expected one of "deephit", "logistic-hazard","#,
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    Ok(())
}

/// Exit code 78, also where another file than the command's own is at fault.
#[test]
fn a_mistake_in_a_file_ends_with_the_code_of_such_mistakes() -> Outcome {
    let folder = tempfile::tempdir()?;
    let ends = |arguments: &[&std::ffi::OsStr]| -> Result<(Option<i32>, String), SetupError> {
        let output = Command::new(binary("coordinator")?).args(arguments).output()?;
        Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
    };
    let experiment = folder.path().join("start.toml");
    fs::copy(shipped("synthetic.toml"), &experiment)?;
    let (code, told) =
        ends(&["plan".as_ref(), experiment.as_ref(), "--policy".as_ref(), "nobody.toml".as_ref()])?;
    assert!(code == Some(78) && told.contains("nobody.toml"), "{code:?}: {told}");
    edit(&experiment, "[model]\n", "[model]\nstart = \"nobody.safetensors\"\n")?;
    let (code, told) = ends(&["plan".as_ref(), experiment.as_ref()])?;
    assert!(code == Some(78) && told.contains("model.start: "), "{code:?}: {told}");
    Ok(())
}

/// The service manager does not start a node again and again whose files have mistakes.
#[test]
fn a_site_with_a_mistake_in_its_files_ends_with_the_code_of_that_file() -> Outcome {
    let federation = Federation::new()?;
    let site = federation.site(HOSPITALS[0]);
    let settings = site.join("site-node.toml");
    let ends = |verb: &str| -> Result<(Option<i32>, String), SetupError> {
        let mut node = Command::new(binary("site-node")?);
        let output = node.args(verb.split(' ')).arg("--config").arg(&settings).output()?;
        Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
    };
    let once = |file: &str, old: &str, new: &str, code: i32, verbs: &[&str]| -> Outcome {
        let file = site.join(file);
        let good = fs::read_to_string(&file)?;
        edit(&file, old, new)?;
        for verb in verbs {
            let (found, told) = ends(verb)?;
            assert_eq!(found, Some(code), "{verb}: {told}");
        }
        Ok(fs::write(&file, good)?)
    };
    once("policy.toml", "modes = [", "mods = [", 78, &["check --offline", "run"])?;
    once("cohort.toml", "patient = ", "patients = ", 78, &["check --offline", "run"])?;
    once("cohort.csv", "\n", "\ncut,short\n", 65, &["check --offline"])?;
    let proxy = "proxy = \"http://127.0.0.1:9\"\nproxy_credentials = \"nobody\"\nidentity = ";
    once("site-node.toml", "identity = ", proxy, 78, &["check --offline", "run"])
}

#[test]
fn each_experiment_of_the_repository_is_judged_by_a_policy_that_names_its_model() -> Outcome {
    let (federation, _) = federation()?;
    let policy = federation.site(HOSPITALS[0]).join("policy.toml");
    let mut judged = 0;
    for path in tests::files(&root().join("configs/experiments"))? {
        let mut plan = Command::new(binary("coordinator")?);
        plan.arg("plan").arg(&path).arg("--policy").arg(&policy);
        let (_, told) = Process::start(&mut plan)?.finish()?;
        for rule in ["policy.models", "policy.heads"] {
            let line = told.lines().find(|line| line.contains(rule)).unwrap_or_default();
            assert!(line.trim_start().starts_with("ok"), "{}: {rule}: {told}", path.display());
        }
        judged += 1;
    }
    assert!(judged >= 9, "{judged} experiments");
    Ok(())
}
