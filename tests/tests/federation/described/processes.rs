//! Six processes that are asked for a description.

use std::path::Path;
use std::process::Command;

use audit::report::{Request, gather, render};
use plan::experiment::Experiment;
use plan::metric::Metric;
use serde_json::Value;
use site_node::privatize::LedgerLog;
use tests::{Federation, HOSPITALS, Process, SetupError, binary, edit, failure, success};

use super::truth::{FAR, Truth};
use super::{experiment, ledger, verified};
use crate::Outcome;

fn last_line(output: &str) -> Result<Value, SetupError> {
    Ok(serde_json::from_str(output.lines().last().unwrap_or_default())?)
}

/// The numbers of a site as it sent them, out of the report.
fn numbers(group: &Value) -> Vec<Metric> {
    let mut numbers = Vec::new();
    let mut put = |name: String, value: &Value| {
        let value = value.as_f64().unwrap_or(f64::NAN);
        numbers.push(Metric { name, value });
    };
    put("patients".to_owned(), &group["patients"]);
    put("events".to_owned(), &group["events"]);
    for what in ["events", "censored"] {
        for (place, value) in group["survival"][what].as_array().unwrap().iter().enumerate() {
            put(format!("survival.{what}.{}", place + 1), value);
        }
    }
    put("survival.beyond".to_owned(), &group["survival"]["beyond"]);
    for input in group["inputs"].as_array().unwrap() {
        let name = input["name"].as_str().unwrap();
        for what in ["missing", "present", "mean", "mean_deviation", "q25", "q50", "q75"] {
            put(format!("input.{name}.{what}"), &input[what]);
        }
    }
    numbers
}

fn ask(federation: &Federation, experiment: &Path, format: &[&str]) -> Result<Process, SetupError> {
    let mut command = federation.coordinator(&["describe", "--yes"])?;
    command.arg(experiment).args(["--coordinator", &federation.address]).args(format);
    Ok(Process::start(&mut command)?)
}

/// Every fourth patient of a table lacks the first value.
fn empty_cells(table: &Path) -> Outcome {
    let text = std::fs::read_to_string(table)?;
    let place = text.lines().next().unwrap_or_default().split(',').position(|name| name == "x01");
    let lacking = text.lines().enumerate().map(|(number, line)| {
        let cells = line.split(',').enumerate();
        let keep = |at| number == 0 || number % 4 != 0 || Some(at) != place;
        cells.map(|(at, cell)| if keep(at) { cell } else { "" }).collect::<Vec<_>>().join(",")
    });
    Ok(std::fs::write(table, lacking.collect::<Vec<_>>().join("\n") + "\n")?)
}

#[test]
fn six_processes_describe_their_patients_once() -> Outcome {
    let mut federation = Federation::new()?;
    for name in HOSPITALS {
        let policy = federation.site(name).join("policy.toml");
        edit(&policy, "describe = false", "describe = true")?;
        edit(&policy, "epsilon = 8.0", "epsilon = 60.0")?;
        edit(&policy, "epsilon_per_run = 4.0", "epsilon_per_run = 50.0")?;
        edit(&federation.site(name).join("site-node.toml"), "\"synthetic\"", "\"private\"")?;
    }
    let [first, .., small, closed] = HOSPITALS;
    edit(&federation.site(small).join("policy.toml"), "min_patients = 20", "min_patients = 999")?;
    edit(&federation.site(closed).join("policy.toml"), "describe = true", "describe = false")?;
    empty_cells(&federation.site(first).join("cohort.csv"))?;

    let file = federation.elsewhere("described.toml");
    std::fs::write(&file, experiment(2.0)?)?;
    // Before anybody asks, each hospital knows what it would say, as far as it reads no patient for it.
    for (name, refused) in [(first, Value::Null), (closed, "policy.describe".into())] {
        let told = explained(&federation, name, &file)?;
        assert_eq!((&told["releases"], &told["refused_by"]), (&13.into(), &refused), "{told}");
    }

    let coordinator = federation.serve()?;
    let sites: Vec<Process> =
        HOSPITALS.iter().map(|name| federation.start_site(name)).collect::<Result<_, _>>()?;
    let asked: Experiment = base::config::load(&file, &[])?;
    let (question, _) = asked.describe.question(&asked.plan)?;
    let report = last_line(&success(ask(&federation, &file, &["--format", "json", "--quiet"])?)?)?;

    assert_eq!(report["description"], question.run().as_str());
    assert_eq!(report["cost"]["releases"], 13);
    assert!(
        report["cost"]["epsilon"].as_f64().is_some_and(|e| (9.0..12.0).contains(&e)),
        "{report}"
    );
    let answered = report["sites"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<_> = answered.iter().filter_map(|group| group["site"].as_str()).collect();
    assert_eq!(names, HOSPITALS[..4]);
    let mut patients = 0;
    for group in answered {
        let site = federation.site(group["site"].as_str().unwrap_or_default());
        let truth = Truth::of(&std::fs::read_to_string(site.join("cohort.csv"))?);
        patients += truth.times.len();
        let numbers = numbers(group);
        assert_eq!(question.accepts(&numbers), Ok(()));
        truth.hold(&question, &numbers);
    }
    let rate = answered[0]["inputs"][0]["missing_rate"].as_f64().unwrap_or_default();
    assert!((rate - 0.25).abs() < 0.1, "{rate}");
    let off = report["pooled"]["patients"].as_f64().unwrap_or_default() - patients as f64;
    let deviation = report["pooled"]["count_deviation"].as_f64().unwrap_or_default();
    assert!(off.abs() < FAR * deviation && deviation < 5.0, "{off} ± {deviation}");
    // Those who do not answer are named, and spend nothing.
    let declined = |at: usize| (&report["declined"][at]["site"], &report["declined"][at]["rule"]);
    assert_eq!(declined(0), (&small.into(), &"cohort".into()));
    assert_eq!(declined(1), (&closed.into(), &"policy.describe".into()));
    let spent = || -> Result<Vec<usize>, SetupError> {
        HOSPITALS
            .iter()
            .map(|name| Ok(ledger(&federation.site(name).join("state"))?.len()))
            .collect()
    };
    assert_eq!(spent()?, [13, 13, 13, 13, 0, 0]);

    // The same question: nobody answers anew, nothing is spent, and the same numbers come again.
    let again = last_line(&success(ask(&federation, &file, &["--format", "json", "--quiet"])?)?)?;
    assert_eq!(again, report);
    assert_eq!(spent()?, [13, 13, 13, 13, 0, 0]);
    // What answers would cost is said before; where nobody has any, the command fails.
    let dear = failure(ask(&federation, &file, &["--set", "describe.rho=90"])?)?;
    assert!(dear.contains("no hospital answered"), "{dear}");
    assert!(
        dear.contains("each hospital that has not answered this before is charged ε = "),
        "{dear}"
    );
    // As they come, with the error, and in the table.
    assert_eq!(dear.matches(": policy.").count(), 3 * 6, "{dear}");
    assert_eq!(spent()?, [13, 13, 13, 13, 0, 0]);
    // A question that breaks a rule is not asked.
    let refused = failure(ask(&federation, &file, &["--set", "describe.rho=1e9"])?)?;
    assert!(refused.contains("describe.rho"), "{refused}");

    coordinator.terminate()?;
    success(coordinator)?;
    for site in &sites {
        site.terminate()?;
    }
    for site in sites {
        success(site)?;
    }
    verified(&federation.place("state"))?;
    for name in HOSPITALS {
        verified(&federation.site(name).join("state"))?;
    }
    let folders: Vec<_> =
        HOSPITALS.iter().map(|name| federation.site(name).join("state/audit")).collect();
    let source = |folder| Ok::<_, SetupError>((folder, audit::folder::key(folder)?));
    let logs = folders.iter().map(|folder| source(folder)).collect::<Result<Vec<_>, _>>()?;
    let own = federation.place("state/audit");
    let logs: Vec<_> = logs.into_iter().chain([source(&own)?]).collect();
    let found = audit::reconcile::reconcile(&logs, 300_000);
    assert_eq!((found.exit_code(), &found.discrepancies[..]), (0, &[][..]));
    // And the page on it tells of no model.
    let run = question.run().as_str().parse()?;
    let cost = None;
    let epsilon = None;
    let request = Request { run, logs, trusted: true, cost, epsilon };
    let page = render(&gather(&request)?);
    assert!(page.contains("no model was trained") && !page.contains("one shared model"));
    explained_again(&federation, first, &file)
}

/// What was answered is answered again, at no cost. Where the answer is lost, it is refused, with a reason that names
/// its rule once.
fn explained_again(federation: &Federation, name: &str, file: &Path) -> Outcome {
    let told = explained(federation, name, file)?;
    assert_eq!((&told["refused_by"], &told["answered_before"]), (&Value::Null, &true.into()));
    std::fs::remove_dir_all(federation.site(name).join("state/descriptions"))?;
    assert_eq!(explained(federation, name, file)?["refused_by"], "ledger");
    let asked = ["policy", "explain", file.to_str().unwrap_or_default()];
    let (_, line) = Process::start(&mut federation.site_command(name, &asked)?)?.finish()?;
    assert!(line.contains("would be refused: ledger: "), "{line}");
    assert_eq!(line.matches("ledger: ").count(), 1, "{line}");
    Ok(())
}

/// A hundred patients more in an answer that is kept.
fn alter(kept: &Path) -> Outcome {
    let mut bytes = std::fs::read(kept)?;
    let name = b"patients";
    let at = bytes.windows(name.len()).position(|found| found == name).ok_or("no count")?;
    let value = bytes.get_mut(at + name.len()..at + name.len() + 8).ok_or("no value")?;
    let count = f64::from_le_bytes((&*value).try_into()?);
    value.copy_from_slice(&(count + 100.0).to_le_bytes());
    Ok(std::fs::write(kept, bytes)?)
}

#[test]
fn an_answer_that_was_changed_on_disk_is_told_by_nobody() -> Outcome {
    let mut federation = Federation::new()?;
    let names = &HOSPITALS[..3];
    for name in names {
        let policy = federation.site(name).join("policy.toml");
        edit(&policy, "describe = false", "describe = true")?;
        edit(&policy, "epsilon = 8.0", "epsilon = 60.0")?;
        edit(&policy, "epsilon_per_run = 4.0", "epsilon_per_run = 50.0")?;
    }
    let file = federation.elsewhere("described.toml");
    std::fs::write(&file, experiment(2.0)?)?;
    let coordinator = federation.serve()?;
    let mut sites = Vec::new();
    for name in names {
        sites.push(federation.start_site(name)?);
    }
    let set = "aggregation.min_sites=2";
    let answers = || -> Result<Value, SetupError> {
        let json = ["--format", "json", "--quiet", "--set", set];
        last_line(&success(ask(&federation, &file, &json)?)?)
    };
    let told = |report: &Value| -> Vec<String> {
        let groups = report["sites"].as_array().into_iter().flatten();
        groups.filter_map(|group| group["site"].as_str().map(str::to_owned)).collect()
    };
    let report = answers()?;
    assert_eq!(told(&report), names);

    // While a hospital is away its answer is told from the coordinator's copy, as long as that is what it said.
    let run = report["description"].as_str().unwrap_or_default().to_owned();
    let file_of = |state: &Path| state.join("descriptions").join(&run).join("hospital-a.answer");
    let kept = file_of(&federation.place("state"));
    let whole = std::fs::read(&kept)?;
    tests::stop([sites.remove(0)])?;
    assert_eq!(answers()?["sites"], report["sites"]);
    alter(&kept)?;
    assert_eq!(told(&answers()?), names[1..]);
    std::fs::write(&kept, whole)?;
    assert_eq!(answers()?["sites"], report["sites"]);

    // Nor does the hospital tell its own copy once that was changed.
    std::fs::remove_file(&kept)?;
    alter(&file_of(&federation.site(names[0]).join("state")))?;
    sites.push(federation.start_site(names[0])?);
    let last = answers()?;
    assert_eq!(told(&last), names[1..]);
    assert_eq!(last["declined"][0]["site"], names[0]);
    assert_eq!(last["declined"][0]["rule"], "ledger", "{last}");
    assert_eq!(ledger(&federation.site(names[0]).join("state"))?.len(), 13);
    tests::stop(sites)?;
    tests::stop([coordinator])
}

/// The log takes another one's place between two answers to the same question: the second is the first again.
#[test]
fn an_answer_is_sent_again_after_the_log_was_restarted() -> Outcome {
    let mut federation = Federation::new()?;
    let names = &HOSPITALS[..3];
    for name in names {
        let policy = federation.site(name).join("policy.toml");
        edit(&policy, "describe = false", "describe = true")?;
        edit(&policy, "epsilon = 8.0", "epsilon = 60.0")?;
        edit(&policy, "epsilon_per_run = 4.0", "epsilon_per_run = 50.0")?;
    }
    let file = federation.elsewhere("described.toml");
    std::fs::write(&file, experiment(2.0)?)?;
    let coordinator = federation.serve()?;
    let mut sites = Vec::new();
    for name in names {
        sites.push(federation.start_site(name)?);
    }
    let set = "aggregation.min_sites=2";
    let json = ["--format", "json", "--quiet", "--set", set];
    let report = last_line(&success(ask(&federation, &file, &json)?)?)?;
    let state = federation.site(names[0]).join("state");
    let spent = LedgerLog::look(&state, &"cohort".parse()?)?.spent();

    tests::stop([sites.remove(0)])?;
    let restart = ["audit", "restart", "--reason", "key-exposed", "--spent", "recorded"];
    success(Process::start(&mut federation.site_command(names[0], &restart)?)?)?;
    failure(federation.site_node(names[0], "run")?)?;
    federation.accept(names[0])?;
    sites.push(federation.start_site(names[0])?);
    // The coordinator's own copy is gone, so that the hospital itself is heard.
    let run = report["description"].as_str().unwrap_or_default().to_owned();
    let kept = federation.place("state").join("descriptions").join(&run);
    std::fs::remove_dir_all(kept)?;
    let again = last_line(&success(ask(&federation, &file, &json)?)?)?;
    assert_eq!(again["sites"], report["sites"], "{again}");
    assert_eq!(LedgerLog::look(&state, &"cohort".parse()?)?.spent(), spent);
    tests::stop(sites)?;
    tests::stop([coordinator])?;

    verified(&state)?;
    // The next log holds the hashes of what the first one released, and is sound by the document too.
    crate::audit::sound_by_the_document(&federation.log_of(names[0]))?;
    success(federation.site_node(names[0], "check --offline")?)?;
    let aside = state.join("audit-1");
    let mut folders: Vec<_> = names.iter().map(|name| federation.log_of(name)).collect();
    folders.extend([federation.log(), aside]);
    let source = |folder| Ok::<_, SetupError>((folder, audit::folder::key(folder)?));
    let logs = folders.iter().map(|folder| source(folder)).collect::<Result<Vec<_>, _>>()?;
    let found = audit::reconcile::reconcile(&logs, 300_000);
    assert_eq!((found.exit_code(), &found.discrepancies[..]), (0, &[][..]), "{found:?}");
    let run = run.parse()?;
    let cost = None;
    let epsilon = None;
    let told = gather(&Request { run, logs, trusted: true, cost, epsilon })?;
    assert_eq!(told.exit_code(), 0, "{:?}", told.judgement);
    Ok(())
}

/// What `site-node policy explain` says of a description.
fn explained(federation: &Federation, name: &str, file: &Path) -> Result<Value, SetupError> {
    let mut explain = Command::new(binary("site-node")?);
    explain.args(["policy", "explain", "--format", "json"]).arg(file);
    explain.arg("--config").arg(federation.site(name).join("site-node.toml"));
    // Its verdict on the run, which these hospitals refuse, is the exit code.
    let (_, printed) = Process::start(&mut explain)?.finish()?;
    let line = printed.lines().find(|line| line.starts_with('{')).unwrap_or_default();
    let told: Value = serde_json::from_str(line)?;
    Ok(told["description"].clone())
}
