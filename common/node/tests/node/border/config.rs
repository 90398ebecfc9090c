//! A person's mistakes in a file: each is found, all at once, with its key, its line and a way out.

use std::path::{Path, PathBuf};

use base::config::{self, ConfigError, Problem};
use plan::experiment::Experiment;

use crate::border::sample::{FILE, changed, read};

/// What a problem must say: key, line, part of what was found, part of the hint.
pub type Expected<'a> = (&'a str, Option<usize>, &'a str, &'a str);

/// The problems are these, in this order, and no others.
pub fn assert_problems(error: &ConfigError, expected: &[Expected<'_>]) {
    let found: Vec<_> = error.problems.iter().map(|p| (p.key.as_str(), p.line)).collect();
    let wanted: Vec<_> = expected.iter().map(|(key, line, ..)| (*key, *line)).collect();
    assert_eq!(found, wanted, "{error}");
    for (problem, (.., what, hint)) in error.problems.iter().zip(expected) {
        assert!(problem.what.contains(what), "{what:?} is not in {problem}");
        assert!(problem.hint.contains(hint), "{hint:?} is not in {problem}");
    }
}

/// One changed line makes exactly one problem, on that line.
fn one_mistake(old: &str, new: &str, key: &str, what: &str, hint: &str) {
    let (text, line) = changed(old, new);
    assert_problems(&read(&text).unwrap_err(), &[(key, Some(line), what, hint)]);
}

/// A line that is taken out makes exactly one problem, which has no line.
fn one_missing(old: &str, key: &str, hint: &str) {
    let (text, _) = changed(old, "");
    assert_problems(&read(&text).unwrap_err(), &[(key, None, "missing", hint)]);
}

#[test]
fn the_file_that_is_spoilt_here_is_a_good_one() {
    let experiment = read(FILE).unwrap();
    assert_eq!(experiment.plan.check(), []);
    assert_eq!(experiment.data, None);
}

/// `coordinator.toml`, `site-node.toml` and `policy.toml` are read by types of other crates, whose
/// tests load them.
#[test]
fn every_experiment_in_the_repository_loads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/experiments");
    let mut loaded = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(path.extension().unwrap(), "toml", "{}", path.display());
        let experiment = config::load::<Experiment>(&path, &[]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(experiment.plan.name.as_str(), path.file_stem().unwrap());
        loaded.push(path);
    }
    assert!(loaded.len() >= 2, "{loaded:?}");
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    one_mistake("batch = 32", "batsh = 32", "training.batsh", "unknown key", "\"batch\"");
    one_mistake(
        "max_sites = 10",
        "max_site = 10",
        "aggregation.max_site",
        "unknown key",
        "did you mean \"max_sites\"?",
    );
    one_mistake(
        "age = { center = 60, scale = 10 }",
        "age = { centre = 60, scale = 10 }",
        "features.scale.age.centre",
        "unknown key",
        "did you mean \"center\"?",
    );
    // Much like none of them: all that are known here are listed.
    one_mistake("batch = 32", "zzz = 32", "training.zzz", "unknown key", "known here: batch, dec");
    // With a dot or a space it is quoted, as it must be in the file.
    one_mistake("batch = 32", "\"a b\" = 1", "training.\"a b\"", "unknown key", "known here: ");
}

#[test]
fn a_misspelt_required_key_is_both_unknown_and_missing() {
    let (text, line) = changed("rounds = 10", "roundz = 10");
    let unknown = ("roundz", Some(line), "unknown key", "did you mean \"rounds\"?");
    let missing = ("rounds", None, "missing", "how many rounds to train");
    assert_problems(&read(&text).unwrap_err(), &[unknown, missing]);
}

#[test]
fn a_duration_has_a_unit_that_exists() {
    for bad in ["\"30\"", "30", "30.0", "\"5 parsecs\"", "\"\"", "\"-5s\"", "true", "[\"60s\"]"] {
        let new = format!("window = {bad}");
        one_mistake("window = \"60s\"", &new, "aggregation.window", "is found", "\"30s\"");
    }
    let endless = "window = \"99999999999999999999 years\"";
    one_mistake("window = \"60s\"", endless, "aggregation.window", "9999", "\"30s\"");
}

#[test]
fn a_value_of_the_wrong_kind_is_quoted_with_what_belongs_there() {
    let rounds = "whole number from 0 to 4294967295";
    for (new, what) in [
        ("rounds = \"10\"", "\"10\" is found"),
        ("rounds = 10.0", "10.0 is found"),
        ("rounds = true", "true is found"),
        ("rounds = [10]", "a list is found"),
        ("rounds = { n = 10 }", "a table is found"),
        ("rounds = 2026-01-01", "a date is found"),
        ("rounds = -1", "-1 is found"),
        ("rounds = 4294967296", "4294967296 is found"),
        ("rounds = 99999999999999999999999999999999999999999999", "9999999999 is found"),
    ] {
        one_mistake("rounds = 10", new, "rounds", what, rounds);
    }
    for bad in ["nan", "-nan", "inf", "-inf", "1e999", "\"1\"", "false"] {
        let new = format!("clip = {bad}");
        one_mistake("clip = 1.0", &new, "privacy.clip", "is found", "finite number");
    }
    one_mistake("time = \"time\"", "time = 1", "outcome.time", "1 is found", "double quotes");
    one_mistake("time = \"time\"", "time = \"\"", "outcome.time", "\"\" is found", "double quotes");
    one_mistake("hidden = [16]", "hidden = 16", "model.hidden", "16 is found", "square brackets");
    one_mistake(
        "hidden = [16]",
        "hidden = [16, 8, \"x\", -1]",
        "model.hidden",
        "entry 3: \"x\" is found",
        "whole number",
    );
    one_mistake("name = \"sample\"", "name = \"Sample\"", "name", "\"Sample\"", "a-z, 0-9");
    one_mistake("kind = \"mlp\"", "kind = 3", "model.kind", "3 is found", "double quotes");
}

#[test]
fn a_word_that_is_not_a_choice_names_the_nearest_or_all() {
    one_mistake(
        "mode = \"site\"",
        "mode = \"sites\"",
        "privacy.mode",
        "\"sites\"",
        r#"expected one of "site""#,
    );
    one_mistake(
        "mode = \"site\"",
        "mode = \"x\"",
        "privacy.mode",
        "\"x\"",
        "\"patient\", \"site\"",
    );
    one_mistake("unit = \"days\"", "unit = \"day\"", "outcome.unit", "\"day\"", "of \"days\"");
    one_mistake(
        "kind = \"mlp\"",
        "kind = \"tree\"",
        "model.kind",
        "\"tree\"",
        "\"linear\", \"mlp\", \"multimodal\"",
    );
    let rule = "rule = \"fedsgd\"\nmin_sites = 2";
    let (text, line) = changed("min_sites = 2", rule);
    let expected = ("aggregation.rule", Some(line), "\"fedsgd\"", "expected one of \"fed");
    assert_problems(&read(&text).unwrap_err(), &[expected]);
}

#[test]
fn a_missing_key_is_named_with_what_it_is_for() {
    one_missing("name = \"sample\"", "name", "short name");
    one_missing("rounds = 10", "rounds", "how many rounds");
    one_missing("time = \"time\"", "outcome.time", "the column with the time");
    one_missing("unit = \"days\"", "outcome.unit", r#""days", "months", "years""#);
    one_missing("event = \"event\"", "outcome.event", "1 for an event");
    one_missing("kind = \"mlp\"", "model.kind", r#""linear", "mlp""#);
    one_missing("learning_rate = 0.01", "training.learning_rate", "step size");
    one_missing("min_sites = 2", "aggregation.min_sites", "how many sites");
    one_missing("clip = 1.0", "privacy.clip", "bound on the norm");
}

#[test]
fn of_an_empty_file_every_missing_key_is_named() {
    let expected: &[Expected<'_>] = &[
        ("name", None, "missing", "short name"),
        ("rounds", None, "missing", "how many rounds"),
        ("outcome.time", None, "missing", "the column with the time"),
        ("outcome.event", None, "missing", "the column that is 1"),
        ("outcome.unit", None, "missing", r#""days", "months", "years""#),
        ("outcome.edges", None, "not given", "edges = [365, 730, …]"),
        ("features.columns", None, "missing", "list the columns"),
        ("model.kind", None, "missing", r#""linear", "mlp""#),
        ("training.learning_rate", None, "missing", "step size"),
        ("aggregation.min_sites", None, "missing", "how many sites"),
        ("privacy.clip", None, "missing", "bound on the norm"),
        ("privacy.delta", None, "missing", "state the δ"),
        ("privacy.epsilon", None, "neither epsilon nor", "epsilon = 3.0"),
        ("privacy.expected_patients", None, "missing", "tells nothing of any"),
    ];
    for nothing in ["", "\n\n", "# a comment\n"] {
        assert_problems(&read(nothing).unwrap_err(), expected);
    }
}

#[test]
fn something_else_where_a_table_belongs_is_one_problem() {
    let text = FILE.replace("[features.scale]\nage = {", "scale = \"none\"\n# age = {");
    let expected = ("features.scale", Some(13), "text where a table", "name = { … }");
    assert_problems(&read(&text).unwrap_err(), &[expected]);
    one_mistake(
        "age = { center = 60, scale = 10 }",
        "age = 10",
        "features.scale.age",
        "a whole number where a table is expected",
        "name = { … }",
    );
    let text = format!("data = [1]\n{FILE}");
    let expected = ("data", Some(1), "a list where a table is expected", "write [data] and");
    assert_problems(&read(&text).unwrap_err(), &[expected]);
}

#[test]
fn all_mistakes_of_a_file_are_reported_in_the_order_of_their_lines() {
    let text = FILE
        .replace("rounds = 10", "rounds = \"ten\"")
        .replace("unit = \"days\"", "unit = \"hours\"")
        .replace("batch = 32", "batsh = 32")
        .replace("window = \"60s\"", "window = \"60\"")
        .replace("clip = 1.0", "clip = inf")
        .replace("min_sites = 2\n", "");
    let error = read(&text).unwrap_err();
    assert_problems(
        &error,
        &[
            ("rounds", Some(2), "\"ten\"", "whole number"),
            ("outcome.unit", Some(6), "\"hours\"", r#""days", "months", "years""#),
            ("training.batsh", Some(22), "unknown key", "\"batch\""),
            ("aggregation.window", Some(26), "\"60\"", "\"30s\""),
            ("privacy.clip", Some(30), "inf", "finite number"),
            ("aggregation.min_sites", None, "missing", "how many sites"),
        ],
    );
    let said = error.to_string();
    assert!(said.starts_with("sample.toml: 6 problems\n  line 2: rounds: \"ten\" is found; use"));
    assert!(
        said.ends_with("\n  aggregation.min_sites: missing; how many sites make a round count")
    );
}

/// A mistake in one key must not make its neighbours look unknown.
#[test]
fn one_mistake_does_not_hide_or_accuse_the_keys_beside_it() {
    let full = FILE
        .replace("hidden = [16]", "hidden = [16]\nhead = \"cox\"\nproportional = false")
        .replace("min_sites = 2", "min_sites = \"x\"\nweights = \"equal\"\nbeta1 = 0.5");
    for (old, new, key) in [
        ("kind = \"mlp\"", "kind = 1", "model.kind"),
        ("hidden = [16]", "hidden = 16", "model.hidden"),
        ("hidden = [16]\n", "", "model.hidden"),
        ("weights = \"equal\"", "weights = 1", "aggregation.weights"),
        ("weights = \"equal\"", "weights = \"patients\"", "aggregation.patients_per_unit"),
        ("beta1 = 0.5", "patients_per_unit = \"x\"", "aggregation.patients_per_unit"),
    ] {
        let error = read(&full.replace(old, new)).unwrap_err();
        let mut keys: Vec<_> = error.problems.iter().map(|problem| &problem.key).collect();
        keys.sort_unstable();
        let mut expected = ["aggregation.min_sites", key];
        expected.sort_unstable();
        assert_eq!(keys, expected, "{new}: {error}");
    }
    let data = format!("data = {{ tables = [], patient = \"pid\", tag = \"x\" }}\n{FILE}");
    let error = read(&data).unwrap_err();
    assert_problems(
        &error,
        &[
            ("data.tables", Some(1), "the list is empty", "at least one"),
            ("data.tag", Some(1), r#"unknown value "x""#, r#""private", "public", "synthetic""#),
            ("data.site", None, "missing", "whose values are the sites"),
            ("data.split", None, "missing", "1 for training"),
        ],
    );
}

#[test]
fn every_syntax_error_is_reported_with_its_line() {
    let text = "name = \"sample\nrounds = \n[outcome\nedges = [1, 2\n";
    let error = read(text).unwrap_err();
    let lines: Vec<_> = error.problems.iter().filter_map(|problem| problem.line).collect();
    assert_eq!(lines.len(), error.problems.len(), "{error}");
    for line in [1, 2, 3] {
        assert!(lines.contains(&line), "line {line}: {error}");
    }
    for Problem { key, what, hint, .. } in &error.problems {
        assert!(key.is_empty() && !what.is_empty() && !what.contains('\n'), "{error}");
        assert!(hint.contains("toml.io"), "{error}");
    }
    // A key given twice is one of them.
    let (twice, line) = changed("clip = 1.0", "mode = \"none\"");
    let expected = ("", Some(line), "duplicate key", "toml.io");
    assert_problems(&read(&twice).unwrap_err(), &[expected]);
}

#[test]
fn nesting_without_end_is_an_error_and_not_a_crash() {
    let lists = format!("x = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let tables = format!("x = {}1{}", "{a = ".repeat(100_000), "}".repeat(100_000));
    let keys = format!("x{} = 1", ".x".repeat(100_000));
    for text in [lists, tables, keys] {
        assert!(read(&text).is_err());
    }
}

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn unreadable(path: &Path) -> Problem {
    let error = config::load::<Experiment>(path, &[]).unwrap_err();
    assert_eq!(error.source, path.display().to_string());
    let [problem] = &error.problems[..] else { panic!("{error}") };
    assert_eq!((problem.key.as_str(), problem.line), ("", None));
    problem.clone()
}

#[test]
fn a_file_that_cannot_be_one_is_named_with_the_reason() {
    let missing = unreadable(Path::new("no/such/file.toml"));
    assert!(missing.what.contains("cannot be read") && missing.hint.contains("check the path"));
    let folder = unreadable(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(folder.what.contains("cannot be read"), "{folder}");
    let text = unreadable(&file("latin-1.toml", b"name = \"\xe4\"\n"));
    assert!(text.what.contains("UTF-8"), "{text}");

    let most = 4 << 20;
    let huge = unreadable(&file("huge.toml", &vec![b'\n'; most + 1]));
    assert!(huge.what.contains("4194305 bytes, over the limit of 4194304"), "{huge}");
    assert!(huge.hint.contains("is this the right file?"), "{huge}");
    let mut large = FILE.as_bytes().to_vec();
    large.resize(most, b'\n');
    assert!(config::load::<Experiment>(&file("large.toml", &large), &[]).is_ok());
}
