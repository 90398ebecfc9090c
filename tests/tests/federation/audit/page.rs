//! What people are told of a run who have copies of the logs: the verdict of each verb, the page and its figures.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tests::{Federation, SetupError, binary};

/// What the report on a run says.
pub(super) struct Report {
    /// The exit code.
    pub code: i32,
    /// The object that `--json` prints.
    pub figures: Value,
    /// The page.
    pub page: String,
}

impl Report {
    /// The verdict's word, as the figures hold it.
    pub fn verdict(&self) -> &str {
        self.figures["verdict"].as_str().unwrap_or_default()
    }

    /// The codes of the reasons, each once.
    pub fn reasons(&self) -> Vec<&str> {
        let reasons = self.figures["reasons"].as_array().into_iter().flatten();
        let mut codes: Vec<&str> = reasons.filter_map(|reason| reason["code"].as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    /// The class of the banner: `good`, `amber` or `bad`.
    pub fn banner(&self) -> &str {
        let after = self.page.split("class=\"banner ").nth(1).unwrap_or_default();
        after.split('"').next().unwrap_or_default()
    }
}

fn audit(verb: &str) -> Result<Command, SetupError> {
    let mut command = Command::new(binary("consilium-audit")?);
    command.arg(verb);
    Ok(command)
}

fn object(output: &Output) -> Result<Value, SetupError> {
    let told =
        || String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
    serde_json::from_slice(&output.stdout).map_err(|_| told().into())
}

/// The report on a run by the program of the audit alone, from the coordinator's logs and those of sites.
pub(super) fn report(
    federation: &Federation,
    run: &str,
    coordinators: &[PathBuf],
    sites: &[PathBuf],
) -> Result<Report, SetupError> {
    let out = federation.elsewhere("report.html");
    let mut command = audit("report")?;
    command.args(["--run", run, "--json", "--force", "--out"]).arg(&out);
    for folder in coordinators {
        command.arg("--coordinator").arg(folder);
    }
    for folder in sites {
        command.arg("--site").arg(folder);
    }
    let output = command.output()?;
    let figures = object(&output)?;
    let page = std::fs::read_to_string(&out)?;
    Ok(Report { code: output.status.code().unwrap_or(-1), figures, page })
}

/// The report, where `verify`, `reconcile` and `report` are of one mind on logs of which none is missing.
pub(super) fn of_one_mind(
    federation: &Federation,
    run: &str,
    coordinators: &[PathBuf],
    sites: &[PathBuf],
) -> Result<Report, SetupError> {
    let all: Vec<&Path> = coordinators.iter().chain(sites).map(PathBuf::as_path).collect();
    for folder in &all {
        let output = audit("verify")?
            .arg(folder)
            .arg("--key")
            .arg(folder.join("key.pub"))
            .arg("--json")
            .output()?;
        let told = object(&output)?;
        assert_eq!((output.status.code(), &told["verdict"]), (Some(0), &"sound".into()), "{told}");
    }
    let mut turned = all.clone();
    turned.reverse();
    let found = report(federation, run, coordinators, sites)?;
    for folders in [&all, &turned] {
        let output = audit("reconcile")?.args(folders).arg("--json").output()?;
        let told = object(&output)?;
        // What is found of other runs alone is no verdict on this one.
        if found.figures["elsewhere"].as_array().is_none_or(Vec::is_empty) {
            assert_eq!(told["verdict"], found.figures["verdict"], "{told}\n{}", found.figures);
            assert_eq!(output.status.code(), Some(found.code), "{told}");
        }
    }
    // The page says what the figures say.
    let banner = match found.verdict() {
        "sound" => "good",
        "explained" | "attention" => "amber",
        _ => "bad",
    };
    assert_eq!(found.banner(), banner, "{}", found.figures);
    Ok(found)
}
