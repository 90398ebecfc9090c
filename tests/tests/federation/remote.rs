//! A researcher on another machine, with settings and an operator's certificate: what they see of runs and models is
//! what the coordinator's own machine prints.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use audit::record::Event;
use base::clock::{Clock, SystemClock};
use base::config;
use coordinator::registry::{Ending, NewRun, Registry, Status};
use plan::experiment::Experiment;
use serde_json::Value;
use tests::{
    Federation, HOSPITALS, Process, SetupError, binary, copy_folder, demo, edit, failure, files,
    records, stop, success,
};

use crate::Outcome;

/// A machine that has nothing of the coordinator's but where it listens and an operator's certificate.
struct Laptop {
    folder: PathBuf,
}

impl Laptop {
    fn new(federation: &Federation) -> Result<Self, SetupError> {
        let folder = federation.elsewhere("laptop");
        copy_folder(&federation.place("operator"), &folder.join("operator"))?;
        let settings = folder.join("coordinator.toml");
        fs::copy(federation.place("coordinator.toml"), &settings)?;
        edit(&settings, "127.0.0.1:0", &federation.address)?;
        Ok(Self { folder })
    }

    fn start(&self, verb: &[&str]) -> Result<Process, SetupError> {
        let mut command = Command::new(binary("coordinator")?);
        command.args(verb).arg("--config").arg(self.folder.join("coordinator.toml"));
        Ok(Process::start(command.current_dir(&self.folder))?)
    }

    /// A folder for what is fetched, and all that lies in it.
    fn fetched(&self) -> Result<Vec<PathBuf>, SetupError> {
        Ok(files(&self.folder.join("models"))?)
    }
}

fn here(federation: &Federation, verb: &[&str]) -> Result<Process, SetupError> {
    Ok(Process::start(&mut federation.coordinator(verb)?)?)
}

fn finished(federation: &Federation, sets: &[&str]) -> Result<String, SetupError> {
    let output = success(federation.run(&demo(), sets)?)?;
    let report: Value = serde_json::from_str(output.lines().last().unwrap_or_default())?;
    Ok(report["run"].as_str().ok_or("no name")?.to_owned())
}

/// Enters two runs whose names begin alike, and which failed.
fn alike(state: &Path) -> Result<[&'static str; 2], SetupError> {
    let mut registry = Registry::open(&Registry::path(state))?;
    let plan = config::load::<Experiment>(&demo(), &[])?.plan;
    let names = ["alike-1", "alike-2"];
    let reason = Some("round 1 had 0 of the 3 sites".to_owned());
    let ending = Ending { status: Status::Failed, reason, model_sha256: None };
    for name in names {
        let run = name.parse()?;
        let now = SystemClock::new().wall();
        let by = "test";
        registry.start(&NewRun { run: &run, plan: &plan, by, at: now, asked: &[] })?;
        registry.end(&run, now, &ending)?;
    }
    Ok(names)
}

#[test]
#[allow(clippy::too_many_lines, reason = "one story from beginning to end")]
fn a_researcher_elsewhere_sees_and_fetches_what_the_coordinators_machine_has() -> Outcome {
    let mut federation = Federation::new()?;
    let coordinator = federation.serve()?;
    let mut sites = Vec::new();
    for name in &HOSPITALS[..3] {
        sites.push(federation.start_site(name)?);
    }
    let laptop = Laptop::new(&federation)?;
    let none = success(laptop.start(&["runs", "list"])?)?;
    assert_eq!(none, success(here(&federation, &["runs", "list"])?)?);
    let run = finished(&federation, &["rounds=3"])?;
    let other = finished(&federation, &["rounds=1", "seed=2"])?;
    let state = federation.place("state");
    let names = alike(&state)?;

    let prefix = &run[..run.len() - 2];
    for verb in [
        &["runs", "list"][..],
        &["runs", "list", "--format", "json"],
        &["runs", "show", &run],
        &["runs", "show", prefix, "--format", "json"],
        &["models", "list"],
        &["models", "list", "--format", "json"],
        &["models", "show", prefix],
        &["models", "show", &other, "--json"],
    ] {
        let told = success(laptop.start(verb)?)?;
        assert_eq!(told, success(here(&federation, verb)?)?, "{verb:?}");
        assert!(told.contains(&run) || told.contains(&other), "{told}");
    }
    let cut = success(laptop.start(&["runs", "list", "--limit", "1"])?)?;
    assert!(cut.contains("older ones than these 1 are left out"), "{cut}");

    // Several are meant, or none is, or there is no model: both sides say which.
    for (verb, told) in [
        (&["runs", "show", "alike"][..], "several names begin so: alike-1, alike-2;"),
        (&["runs", "stop", "alike-"], "several names begin so: alike-1, alike-2;"),
        (&["models", "show", "alike"], "several names begin so: alike-1, alike-2;"),
        (&["models", "fetch", names[1]], "has no model, for it failed: round 1 had 0 of the 3"),
        (&["runs", "show", "nobody"], "run nobody:"),
    ] {
        let refused = failure(laptop.start(verb)?)?;
        assert!(refused.contains(told), "{verb:?}: {refused}");
        if verb[1] != "stop" {
            let refused = failure(here(&federation, verb)?)?;
            assert!(refused.contains(told), "{verb:?}: {refused}");
        }
    }
    // In a log, too.
    let log = federation.log();
    let log = log.to_str().ok_or("no path")?;
    let show = |run: &str| {
        let mut command = Command::new(binary("coordinator")?);
        success(Process::start(command.args(["audit", "show", log, "--run", run]))?)
    };
    let told = show(prefix)?;
    let whole = show(&run)?;
    assert!(whole.lines().count() > 3 && told == whole, "{told}");
    let away = failure(laptop.start(&["models", "verify", &run])?)?;
    assert!(away.contains(&format!("coordinator models fetch {run}")), "{away}");

    let fetch = ["models", "fetch", prefix, "--out", "models"];
    let told = success(laptop.start(&fetch)?)?;
    let endings = ["json", "safetensors"];
    let paths = endings.map(|ending| laptop.folder.join(format!("models/{run}.{ending}")));
    assert_eq!(laptop.fetched()?, paths, "{told}");
    for (path, ending) in paths.iter().zip(endings) {
        let kept = fs::read(state.join(format!("models/{run}.{ending}")))?;
        assert!(fs::read(path)? == kept, "{}", path.display());
    }
    let verify = ["models", "verify", paths[1].to_str().unwrap_or_default()];
    let verified = success(laptop.start(&verify)?)?;
    assert!(verified.starts_with(&format!("ok  {run}")), "{verified}");

    // Who fetched which model is in the coordinator's log.
    let all = records(&state)?;
    let fetched = all.iter().filter(|record| matches!(record.event, Event::Fetched { .. }));
    let by: Vec<_> = fetched.map(|record| (record.actor.as_str(), record.run.as_ref())).collect();
    let name: audit::Name = run.parse()?;
    assert_eq!(by, [("operator", Some(&name))]);
    // The list of certificates is not on this machine, which is no empty list.
    let none = failure(laptop.start(&["sites", "list"])?)?;
    assert!(none.contains("no certificates here"), "{none}");
    let key = audit::folder::key(&federation.log())?.to_string();
    let nobody = failure(here(&federation, &["sites", "accept", "zzz", &key])?)?;
    assert!(nobody.contains("no hospital of this name belongs here"), "{nobody}");

    // Nothing is written over unless that is asked for.
    fs::write(&paths[1], "mine")?;
    let there = failure(laptop.start(&fetch)?)?;
    assert!(there.contains("is there already") && there.contains("--force"), "{there}");
    assert_eq!(fs::read(&paths[1])?, b"mine");
    success(laptop.start(&[&fetch[..], &["--force"]].concat())?)?;
    success(laptop.start(&verify)?)?;

    // Weights that are not those of their card arrive nowhere.
    let weights = state.join(format!("models/{other}.safetensors"));
    let mut bytes = fs::read(&weights)?;
    *bytes.last_mut().ok_or("no weights")? ^= 1;
    fs::write(&weights, bytes)?;
    let damaged = failure(laptop.start(&["models", "fetch", &other, "--out", "models"])?)?;
    assert!(damaged.contains("is not the one in its card"), "{damaged}");
    assert_eq!(laptop.fetched()?, paths);

    stop(sites)?;
    stop([coordinator])?;
    crate::audit::sound_by_the_document(&federation.log())?;
    let gone = failure(laptop.start(&["runs", "list"])?)?;
    assert!(gone.contains(&format!("connecting to {}", federation.address)), "{gone}");
    // The coordinator's own machine reads its folder all the same.
    success(here(&federation, &["runs", "show", &run])?)?;
    // A registry that is none says what to do.
    for ending in ["-wal", "-shm"] {
        let beside = state.join(format!("registry.sqlite{ending}"));
        if beside.exists() {
            fs::remove_file(beside)?;
        }
    }
    fs::write(Registry::path(&state), "no registry, but a file of some hundred bytes".repeat(9))?;
    let damaged = failure(here(&federation, &["runs", "list"])?)?;
    assert!(damaged.contains("Put it back from a backup"), "{damaged}");
    assert!(!damaged.contains("because"), "{damaged}");
    Ok(())
}

#[test]
fn only_an_operators_certificate_asks_for_runs_and_models() -> Outcome {
    let mut federation = Federation::new()?;
    let _coordinator = federation.serve()?;
    let laptop = Laptop::new(&federation)?;
    let identity = federation.site(HOSPITALS[0]).join("identity");
    copy_folder(&identity, &laptop.folder.join("operator"))?;
    for verb in [&["runs", "list"][..], &["models", "fetch", "run"]] {
        let refused = failure(laptop.start(verb)?)?;
        assert!(refused.contains("site hospital-a") && refused.contains("operator's"), "{refused}");
    }
    Ok(())
}
