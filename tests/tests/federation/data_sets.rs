//! A hospital with two data sets under one certificate: the second one's log is new, not lost, and its budget counts
//! once the operator has said so.

use std::fs;
use std::path::Path;
use std::process::Command;

use site_node::privatize::LedgerLog;
use tests::{Federation, HOSPITALS, Process, SetupError, binary, edit, failure, stop, success};

use crate::Outcome;

const SITE: &str = HOSPITALS[0];

/// A verb of `site-node` with these settings.
fn node(settings: &Path, verb: &[&str]) -> Result<Process, SetupError> {
    let mut command = Command::new(binary("site-node")?);
    command.args(verb).arg("--config").arg(settings);
    Ok(Process::start(command.env("NO_COLOR", "1").env("RUST_LOG", "info"))?)
}

/// Accepts the log in this state folder, whose key the hospital's people have told.
fn accept(federation: &Federation, state: &Path) -> Result<String, SetupError> {
    let key = own_key(state)?;
    let mut accept = federation.coordinator(&["sites", "accept", SITE, &key])?;
    success(Process::start(&mut accept)?)
}

fn own_key(state: &Path) -> Result<String, SetupError> {
    Ok(audit::folder::key(&state.join(node::audit_log::FOLDER))?.to_string())
}

/// The releases that a ledger was charged for.
fn charges(state: &Path, data_set: &str) -> Result<usize, SetupError> {
    Ok(LedgerLog::look(state, &data_set.parse()?)?.entries.len())
}

#[test]
fn a_second_data_set_is_told_from_a_lost_log_and_has_a_budget_of_its_own() -> Outcome {
    let mut federation = Federation::new()?;
    let mut coordinator = federation.serve()?;
    let experiment = federation.private()?;
    let others = [federation.start_site(HOSPITALS[1])?, federation.start_site(HOSPITALS[2])?];
    let folder = federation.site(SITE);
    let first = folder.join("site-node.toml");
    let second = folder.join("children.toml");
    let (state, other_state) = (folder.join("state"), folder.join("state-children"));
    let mut site = node(&first, &["run"])?;
    site.wait_for("connected")?;
    success(federation.run(&experiment, &[])?)?;
    stop([site])?;

    fs::copy(&first, &second)?;
    edit(&second, "name = \"cohort\"", "name = \"children\"")?;
    edit(&second, "state = \"state\"", "state = \"state-children\"")?;
    success(node(&second, &["audit", "begin"])?)?;
    let told = "a second data set, children, beside cohort";
    let verb = format!("coordinator sites accept {SITE}");
    let refused = failure(node(&second, &["run"])?)?;
    assert!(refused.contains(told) && refused.contains(&verb), "{refused}");
    let line = coordinator.wait_for(told)?;
    assert!(line.contains(&verb), "{line}");
    // Nobody takes part by trying again.
    failure(node(&second, &["run"])?)?;
    // The list tells the key and the very command; another key accepts nothing.
    let key = own_key(&other_state)?;
    let command = format!("{verb} {key}");
    let listed = success(Process::start(&mut federation.coordinator(&["sites", "list"])?)?)?;
    assert!(listed.contains(told) && listed.contains(&command), "{listed}");
    assert!(line.contains(&command) && refused.contains(&command), "{line}\n{refused}");
    let mut wrong = federation.coordinator(&["sites", "accept", SITE, &own_key(&state)?])?;
    let wrong = failure(Process::start(&mut wrong)?)?;
    assert!(wrong.contains("nothing was accepted") && wrong.contains(&key), "{wrong}");
    failure(node(&second, &["run"])?)?;
    let accepted = accept(&federation, &other_state)?;
    assert!(accepted.contains(told), "{accepted}");
    let mut site = node(&second, &["run"])?;
    site.wait_for("connected")?;
    success(federation.run(&experiment, &[])?)?;
    assert_eq!((charges(&state, "cohort")?, charges(&other_state, "children")?), (3, 3));
    // One at a time.
    let mut busy = node(&first, &["run"])?;
    busy.wait_for("data sets take part one at a time")?;
    drop(busy);
    stop([site])?;

    // Both are known from now on.
    let mut site = node(&first, &["run"])?;
    site.wait_for("connected")?;
    stop([site])?;

    // A log of a known data set that is lost is called that.
    fs::rename(&state, folder.join("gone"))?;
    let restart = ["audit", "restart", "--reason", "lost", "--spent", "all"];
    success(node(&first, &restart)?)?;
    let refused = failure(node(&first, &["run"])?)?;
    assert!(refused.contains("a new log of a hospital that is known"), "{refused}");
    assert!(refused.contains(&verb) && !refused.contains("second data set"), "{refused}");
    let accepted = accept(&federation, &state)?;
    assert!(accepted.contains("in the place of one that was lost or restarted"), "{accepted}");
    stop(others)?;
    stop([coordinator])
}
