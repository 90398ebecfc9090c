//! The screens and the JSON of the verbs that show something, after one small run.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tests::{Federation, HOSPITALS, SetupError, binary, copy_folder, demo, stop, success};

use super::Snapshots;
use super::redact::Redaction;
use crate::Outcome;

/// The hospitals that take part.
const SITES: &[&str] = HOSPITALS.split_at(3).0;

/// A federation whose hospitals trained for three rounds without noise.
struct Trained {
    federation: Federation,
    run: String,
}

impl Trained {
    fn new() -> Result<Self, SetupError> {
        let mut federation = Federation::new()?;
        let coordinator = federation.serve()?;
        let sites: Result<Vec<_>, _> =
            SITES.iter().map(|name| federation.start_site(name)).collect();
        let sites = sites?;
        let report = success(federation.run(&demo(), &["rounds=3"])?)?;
        let report: Value = serde_json::from_str(report.lines().last().unwrap_or_default())?;
        stop(sites)?;
        stop([coordinator])?;
        let run = report["run"].as_str().ok_or("the report names no run")?.to_owned();
        Ok(Self { federation, run })
    }

    fn coordinator(&self, verb: &[&str]) -> Result<Command, SetupError> {
        self.federation.coordinator(verb)
    }

    /// The first hospital's.
    fn site(&self, verb: &[&str]) -> Result<Command, SetupError> {
        self.federation.site_command(SITES[0], verb)
    }

    fn plan(&self) -> Result<Command, SetupError> {
        let policy = self.federation.site(SITES[0]).join("policy.toml");
        let mut plan = Command::new(binary("coordinator")?);
        plan.arg("plan").arg(demo()).args(["--set", "rounds=3", "--policy"]).arg(policy);
        Ok(plan)
    }

    fn explain(&self) -> Result<Command, SetupError> {
        let mut explain = self.site(&["policy", "explain"])?;
        explain.arg(demo()).args(["--set", "rounds=3"]);
        Ok(explain)
    }

    /// Copies of the logs, as an auditor has them: the coordinator's before those of the hospitals.
    fn logs(&self) -> Result<Vec<PathBuf>, SetupError> {
        let federation = &self.federation;
        let sites = SITES.iter().map(|name| (*name, federation.log_of(name)));
        let logs = std::iter::once(("coordinator", federation.log())).chain(sites);
        let copies = logs.map(|(name, log)| {
            let copy = federation.elsewhere(&format!("logs/{name}"));
            copy_folder(&log, &copy)?;
            Ok(copy)
        });
        copies.collect()
    }
}

/// A command for people and the same for programs.
fn both(
    make: impl Fn() -> Result<Command, SetupError>,
    json: &[&str],
) -> Result<Vec<Command>, SetupError> {
    let for_people = make()?;
    let mut for_programs = make()?;
    for_programs.args(json);
    Ok(vec![for_people, for_programs])
}

#[test]
fn the_verbs_show_what_was_reviewed_after_a_run() -> Outcome {
    let trained = Trained::new()?;
    let run = trained.run.as_str();
    let redaction = Redaction::new(&trained.federation)?;
    let mut snapshots = Snapshots::new("verb");

    let json = ["--format", "json"];
    snapshots.take("coordinator-plan", &redaction, both(|| trained.plan(), &json)?)?;
    for (name, verb) in [
        ("runs-list", &["runs", "list"][..]),
        ("runs-show", &["runs", "show", run]),
        ("models-list", &["models", "list"]),
        ("sites-list", &["sites", "list"]),
    ] {
        let commands = both(|| trained.coordinator(verb), &json)?;
        snapshots.take(&format!("coordinator-{name}"), &redaction, commands)?;
    }
    let show = || trained.coordinator(&["models", "show", run]);
    snapshots.take("coordinator-models-show", &redaction, both(show, &["--json"])?)?;
    let verify = trained.coordinator(&["models", "verify", run])?;
    snapshots.take("coordinator-models-verify", &redaction, [verify])?;
    snapshots.take("site-node-check", &redaction, [trained.site(&["check", "--offline"])?])?;
    for (name, verb) in [("data-check", &["data", "check"][..]), ("budget", &["budget"])] {
        let commands = both(|| trained.site(verb), &json)?;
        snapshots.take(&format!("site-node-{name}"), &redaction, commands)?;
    }
    let explained = both(|| trained.explain(), &json)?;
    snapshots.take("site-node-policy-explain", &redaction, explained)?;

    let logs = trained.logs()?;
    for (index, name) in ["coordinator", SITES[0]].into_iter().enumerate() {
        let verify = || {
            let mut verify = Command::new(binary("consilium-audit")?);
            verify.arg("verify").arg(&logs[index]).arg("--key").arg(logs[index].join("key.pub"));
            Ok(verify)
        };
        let commands = both(verify, &["--json"])?;
        snapshots.take(&format!("audit-verify-{name}"), &redaction, commands)?;
    }
    for (name, given) in [("reconcile", &logs[..]), ("reconcile-absent", &logs[..SITES.len()])] {
        let reconcile = || {
            let mut reconcile = Command::new(binary("consilium-audit")?);
            reconcile.arg("reconcile").args(given);
            Ok(reconcile)
        };
        let commands = both(reconcile, &["--json"])?;
        snapshots.take(&format!("audit-{name}"), &redaction, commands)?;
    }

    let unknown = ["runs", "models"].map(|what| trained.coordinator(&[what, "show", "nobody"]));
    let unknown: Result<Vec<Command>, SetupError> = unknown.into_iter().collect();
    snapshots.take("coordinator-show-unknown", &redaction, unknown?)?;
    snapshots.compare()
}
