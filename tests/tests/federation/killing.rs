//! Killing a command before each of its durable steps, and what must hold afterwards.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use audit::verify::{Options, Verdict, verify};
use node::audit_log::{generation, name};
use tests::{Federation, SetupError, copy_folder, root};

use crate::Outcome;

/// More durable steps than any verb takes: a bound for loops that end by themselves.
pub(crate) const MAX_STEPS: u32 = 400;

/// The library that kills, compiled once a test.
pub(crate) fn shim(federation: &Federation) -> Result<PathBuf, SetupError> {
    let library = federation.elsewhere("kill.so");
    let source = root().join("tests/src/kill.c");
    let made =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).output()?;
    if made.status.success() {
        Ok(library)
    } else {
        Err(String::from_utf8_lossy(&made.stderr).into())
    }
}

/// Runs a command that is killed before its durable step number `at`; none where it ended before.
pub(crate) fn killed(command: &mut Command, shim: &Path, at: u32) -> Result<bool, SetupError> {
    let output =
        command.env("LD_PRELOAD", shim).env("CONSILIUM_KILL_AT", at.to_string()).output()?;
    if output.status.signal() == Some(9) {
        return Ok(true);
    }
    assert!(output.status.success(), "step {at}: {}", told(&output));
    Ok(false)
}

fn told(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{err}")
}

pub(crate) fn works(command: &mut Command) -> Result<String, SetupError> {
    let output = command.output()?;
    if output.status.success() { Ok(told(&output)) } else { Err(told(&output).into()) }
}

/// All logs in a state folder verify.
pub(crate) fn logs_verify(state: &Path) -> Outcome {
    let aside = generation::quarantined(state)?.into_iter().map(|old| old.folder);
    for folder in aside.chain([state.join("audit")]) {
        let key = audit::folder::key(&folder)?;
        let tools = Options { checkpoints: Vec::new(), cost: Some(&privacy::cost) };
        let report = verify(&folder, &key, &tools);
        assert_eq!(report.verdict, Verdict::Sound, "{}: {report:?}", folder.display());
    }
    Ok(())
}

/// Puts a hospital's folder back as it was.
pub(crate) fn reset(from: &Path, to: &Path) -> Outcome {
    std::fs::remove_dir_all(to)?;
    copy_folder(from, to)?;
    for key in ["identity/key.pem", "state/audit-key"] {
        let path = to.join(key);
        if path.exists() {
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        }
    }
    Ok(())
}

/// A coordinator's key, as a hospital's operator is told it.
pub(crate) fn key() -> Result<String, SetupError> {
    Ok(audit::note::SigningKey::generate(&name("coordinator.1"))?.verifier().to_string())
}
