//! What the programs print, as snapshots that a reviewer reads: help texts, screens, JSON, and mistakes.
//!
//! A snapshot is a file in `snapshots/`. CONTRIBUTING.md says how a change of one is looked at and accepted.

mod help;
mod mistakes;
mod redact;
mod verbs;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tests::{SetupError, root};

use crate::Outcome;
use redact::Redaction;

const FOLDER: &str = "tests/tests/federation/screens/snapshots";

/// The snapshots of one test, which all begin with the test's word.
struct Snapshots {
    group: &'static str,
    taken: Vec<(String, String)>,
}

impl Snapshots {
    fn new(group: &'static str) -> Self {
        Self { group, taken: Vec::new() }
    }

    /// Takes what commands print as one snapshot.
    fn take(
        &mut self,
        name: &str,
        redaction: &Redaction,
        commands: impl IntoIterator<Item = Command>,
    ) -> Outcome {
        let screens: Result<Vec<String>, SetupError> = commands.into_iter().map(screen).collect();
        self.add(name, redaction.apply(&screens?.join("\n")));
        Ok(())
    }

    fn add(&mut self, name: &str, text: String) {
        self.taken.push((format!("{}-{name}", self.group), text));
    }

    /// Compares every snapshot with its file, and fails with the names of all that differ.
    fn compare(self) -> Outcome {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let mut differ = BTreeSet::new();
        let mut names = BTreeSet::new();
        for (name, text) in self.taken {
            // The comparison prints the difference before it panics.
            let same = || settings.bind(|| insta::assert_snapshot!(name.as_str(), text));
            if catch_unwind(AssertUnwindSafe(same)).is_err() {
                differ.insert(name.clone());
            }
            names.insert(name);
        }
        if !differ.is_empty() {
            let how = "accept with INSTA_UPDATE=always, then read git diff";
            return Err(format!("snapshots differ: {differ:?}; {how}").into());
        }
        let stale: BTreeSet<String> = files(self.group)?.difference(&names).cloned().collect();
        if stale.is_empty() {
            Ok(())
        } else {
            Err(format!("no test takes the snapshots {stale:?} in {FOLDER}: remove them").into())
        }
    }
}

/// The names of the snapshot files that begin with a word.
fn files(group: &str) -> Result<BTreeSet<String>, SetupError> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(root().join(FOLDER))? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        let own = file.starts_with(&format!("{group}-"));
        names.extend(file.strip_suffix(".snap").filter(|_| own).map(str::to_owned));
    }
    Ok(names)
}

/// A command as it was typed, what it printed to either output, and its exit code unless that is 0.
fn screen(mut command: Command) -> Result<String, SetupError> {
    command.stdin(Stdio::null()).env("NO_COLOR", "1").env_remove("RUST_LOG");
    let output = command.output()?;
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let mut text = format!("$ {}", program.to_string_lossy());
    for argument in command.get_args() {
        write!(text, " {}", argument.to_string_lossy())?;
    }
    text.push('\n');
    let printed = String::from_utf8(output.stdout)?;
    let is_json = command.get_args().any(|argument| argument == "json" || argument == "--json");
    if is_json && !printed.is_empty() {
        // A program prints one line. In the snapshot, a line for each value shows which of them changed.
        if printed.lines().count() != 1 {
            return Err(format!("{text}JSON on more than one line:\n{printed}").into());
        }
        let value: Value = serde_json::from_str(&printed)?;
        text += &serde_json::to_string_pretty(&value)?;
        text.push('\n');
    } else {
        text += &printed;
    }
    if !output.stderr.is_empty() {
        text += "[stderr]\n";
        text += &String::from_utf8(output.stderr)?;
    }
    if !output.status.success() {
        let code = output.status.code().ok_or("ended by a signal")?;
        writeln!(text, "[exit code {code}]")?;
    }
    Ok(text)
}
