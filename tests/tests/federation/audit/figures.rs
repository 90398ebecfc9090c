//! Whoever asks the same question of a private run hears the same figure, to the printed digit: before it, at the
//! hospital, and in the report of it.

use std::path::Path;
use std::process::Command;

use audit::epsilon::{percent, text};
use serde_json::Value;
use tests::{Federation, HOSPITALS, SetupError, binary, demo, failure, stop};

use super::page::of_one_mind;
use super::{run, start};
use crate::Outcome;

const SITES: [&str; 3] = [HOSPITALS[0], HOSPITALS[1], HOSPITALS[2]];
const SETS: [&str; 1] = ["aggregation.min_sites=3"];

/// What a command prints, whether it ends well or not.
fn said(command: &mut Command) -> Result<String, SetupError> {
    Ok(String::from_utf8(command.output()?.stdout)?)
}

fn plan(experiment: &Path, policy: &Path, format: &str) -> Result<String, SetupError> {
    let mut command = Command::new(binary("coordinator")?);
    command.arg("plan").arg(experiment).arg("--policy").arg(policy).args(["--format", format]);
    said(&mut command)
}

fn explain(
    federation: &Federation,
    experiment: &Path,
    format: &str,
    sets: &[&str],
) -> Result<String, SetupError> {
    let mut command = federation.site_command(SITES[0], &["policy", "explain"])?;
    command.arg(experiment).args(["--format", format]);
    command.args(sets.iter().flat_map(|set| ["--set", set]));
    said(&mut command)
}

fn budget(federation: &Federation, format: &str) -> Result<String, SetupError> {
    said(federation.site_command(SITES[0], &["budget"])?.args(["--format", format]))
}

fn object(told: &str) -> Result<Value, SetupError> {
    Ok(serde_json::from_str(told)?)
}

fn epsilon(value: &Value) -> String {
    value.as_f64().map_or_else(|| "none".to_owned(), text)
}

fn part(value: &Value) -> String {
    value.as_f64().map_or_else(|| "none".to_owned(), percent)
}

/// How wide the heads of the budget's table are, and each run's row.
fn widths(table: &str, names: &[&Value]) -> Vec<usize> {
    let is_row = |line: &&str| {
        let run = names.iter().filter_map(|name| name.as_str()).any(|name| line.contains(name));
        (run && !line.starts_with("left")) || line.starts_with("first (UTC)")
    };
    table.lines().filter(is_row).map(|line| line.chars().count()).collect()
}

#[test]
fn one_question_has_one_figure() -> Outcome {
    let mut federation = Federation::new()?;
    let coordinator = federation.serve()?;
    let sites = start(&federation, &SITES)?;
    let experiment = federation.private()?;
    let policy = federation.site(SITES[0]).join("policy.toml");

    // Before the run: the researcher's plan, and the same asked at the hospital.
    let planned = object(&plan(&experiment, &policy, "json")?)?;
    let explained = object(&explain(&federation, &experiment, "json", &[])?)?;
    let promised = epsilon(&planned["privacy"]["epsilon"]);
    let charged = epsilon(&planned["privacy"]["epsilon_charged"]);
    let used = part(&planned["policies"][0]["charged"]["used"]);
    assert_eq!(epsilon(&explained["epsilon"]), promised);
    assert_eq!(epsilon(&planned["policies"][0]["charged"]["epsilon"]), charged);
    assert_eq!(epsilon(&explained["charged"]["epsilon"]), charged);
    assert_eq!(part(&explained["charged"]["used"]), used);
    assert_eq!(epsilon(&explained["charged"]["spent_after"]["epsilon"]), charged);
    for table in
        [plan(&experiment, &policy, "table")?, explain(&federation, &experiment, "table", &[])?]
    {
        for figure in [&promised, &charged, &used] {
            assert!(table.contains(figure.as_str()), "{figure}:\n{table}");
        }
    }

    // Two runs of it, and one without noise.
    let first = run(&federation, &experiment, &SETS)?;
    let second = run(&federation, &experiment, &SETS)?;
    let bare = run(&federation, &demo(), &["rounds=2", SETS[0]])?;
    assert_eq!(epsilon(&first["privacy"]["epsilon"]), promised);
    let kept = object(&budget(&federation, "json")?)?;
    let names: Vec<&Value> = [&first, &second, &bare].map(|report| &report["run"]).into();
    let listed = kept["runs"].as_array().cloned().unwrap_or_default();
    assert_eq!(listed.iter().map(|run| &run["run"]).collect::<Vec<_>>(), names, "{kept}");
    for run in &listed[..2] {
        assert_eq!(epsilon(&run["epsilon_promised"]), promised, "{kept}");
        assert_eq!(epsilon(&run["epsilon_charged"]), charged, "{kept}");
        assert_eq!(part(&run["used"]), used, "{kept}");
    }
    assert_eq!(listed[2]["epsilon_charged"], Value::Null);
    let spent = epsilon(&kept["spent"]);
    let all = part(&kept["used"]);
    let table = budget(&federation, "table")?;
    for figure in [&promised, &charged, &used, &spent, &all] {
        assert!(table.contains(figure.as_str()), "{figure}:\n{table}");
    }
    // Every row is as wide as the heads.
    let widths = widths(&table, &names);
    assert_eq!(widths, [widths[0]; 4], "{table}");
    // What a third run would find.
    let explained = object(&explain(&federation, &experiment, "json", &[])?)?;
    let before = &explained["charged"]["spent_before"];
    assert_eq!((epsilon(&before["epsilon"]), part(&before["used"])), (spent.clone(), all.clone()));

    // A refusal names the same part of the budget at the hospital's terminal and over the network.
    let more = ["rounds=900", SETS[0]];
    let explained = object(&explain(&federation, &experiment, "json", &more)?)?;
    let rules = explained["rules"].as_array().cloned().unwrap_or_default();
    let refused = rules.iter().rfind(|rule| rule["kept"] == false).ok_or("nothing is refused")?;
    let why = refused["asked"].as_str().unwrap_or_default();
    assert!(why.contains("of the budget of ε = ") && why.contains(" of them fit"), "{explained}");
    let told = failure(federation.run(&experiment, &more)?)?;
    assert!(told.contains(why), "{why}\n{told}");

    stop(sites)?;
    stop([coordinator])?;
    let logs: Vec<_> = SITES.iter().map(|site| federation.log_of(site)).collect();
    let coordinators = [federation.log()];
    let run_of = |report: &Value| report["run"].as_str().unwrap_or_default().to_owned();
    let told = of_one_mind(&federation, &run_of(&second), &coordinators, &logs)?;
    assert_eq!((told.code, told.verdict()), (0, "sound"), "{}", told.figures);
    assert_eq!(told.figures["experiment"], "demo", "{}", told.figures);
    assert_eq!(told.figures["columns_in_all"], 14, "{}", told.figures);
    let ledgers = told.figures["privacy"].as_array().cloned().unwrap_or_default();
    assert_eq!(ledgers.len(), SITES.len());
    for ledger in &ledgers {
        assert_eq!(ledger["epsilon_promised"], promised, "{ledger}");
        assert_eq!(ledger["epsilon_run"], charged, "{ledger}");
        assert_eq!(ledger["used_run"], used, "{ledger}");
        assert_eq!(ledger["epsilon_before"], charged, "{ledger}");
        assert_eq!(ledger["epsilon_after"], spent, "{ledger}");
        assert_eq!(ledger["epsilon_now"], spent, "{ledger}");
        assert_eq!(ledger["used_now"], all, "{ledger}");
    }
    for figure in [&promised, &charged, &spent, &all] {
        assert!(told.page.contains(figure.as_str()), "{figure}");
    }
    assert!(told.page.contains("Promised for the run") && told.page.contains("<code>x12</code>"));
    // Hospitals tell themselves that they agreed.
    assert_eq!(told.page.matches("agreed to the plan").count(), SITES.len());
    assert!(!told.page.contains("heard that a site agreed"));
    assert!(told.page.contains("(3 records) is left out, since their own logs tell it."));
    let by = told.figures["started_by"].as_str().ok_or("nobody started it")?;
    assert!(told.page.contains(&format!("started by <strong>{by}</strong>")), "{by}");

    // Of the run without noise no ε is stated, nor a sum over hospitals.
    let told = of_one_mind(&federation, &run_of(&bare), &coordinators, &logs)?;
    assert_eq!((told.code, told.verdict()), (0, "sound"), "{}", told.figures);
    for ledger in told.figures["privacy"].as_array().into_iter().flatten() {
        for none in ["epsilon_promised", "epsilon_run", "used_run"] {
            assert_eq!(ledger[none], Value::Null, "{ledger}");
        }
        assert_eq!(ledger["without_noise"], 2, "{ledger}");
    }
    for never in ["Promised for the run", "Budget nearest its limit", "protected by the sum"] {
        assert!(!told.page.contains(never), "{never}");
    }
    assert!(told.page.contains("nothing is promised") && told.page.contains("no noise: no ε"));
    Ok(())
}
