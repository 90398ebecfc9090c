//! Every help text of every program, found by walking the verbs that the texts themselves list.

use std::path::Path;
use std::process::Command;

use tests::binary;

use super::Snapshots;
use crate::Outcome;

const PROGRAMS: [&str; 3] = ["consilium-audit", "coordinator", "site-node"];

/// The verbs that a help text lists, without `help` itself.
fn verbs(text: &str) -> Vec<&str> {
    let lines = text.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        let line = line.strip_prefix("  ")?;
        // A summary that goes on is indented further.
        if line.starts_with(' ') { None } else { line.split_whitespace().next() }
    });
    listed.filter(|verb| *verb != "help").collect()
}

/// Adds the help of a verb and, after it, that of every verb below.
fn walk(program: &Path, path: &[&str], texts: &mut Vec<String>) -> Outcome {
    let mut command = Command::new(program);
    command.args(path).arg("--help");
    let screen = super::screen(command)?;
    texts.push(screen.clone());
    for verb in verbs(&screen) {
        walk(program, &[path, &[verb]].concat(), texts)?;
    }
    Ok(())
}

#[test]
fn every_verb_of_every_program_has_the_help_that_was_reviewed() -> Outcome {
    let mut snapshots = Snapshots::new("help");
    for program in PROGRAMS {
        let mut texts = Vec::new();
        walk(&binary(program)?, &[], &mut texts)?;
        assert!(texts.len() > 5, "{program}: {texts:?}");
        snapshots.add(program, texts.join("\n"));
    }
    snapshots.compare()
}

#[test]
fn the_verbs_are_those_that_a_help_text_lists() {
    let commands = "Commands:\n  one    Do\n         more\n  two-b  Do\n  help   Print";
    let text = format!("Usage: x\n\n{commands}\n\nOptions:\n  -h  Print help\n");
    assert_eq!(verbs(&text), ["one", "two-b"]);
    assert!(verbs("Usage: x\n\nOptions:\n  -h  Print help\n").is_empty());
}
