//! The program, from its command line to its exit code.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use audit::record::Role;

use super::harness::{Writer, public, site_log};

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_consilium-audit")).args(args).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn verify_says_one_line_and_an_exit_code() {
    let folder = site_log(50, 1);
    let place = text(folder.path());
    let key = public("site-a").to_string();
    let sound = run(&["verify", place, "--key", &key]);
    assert_eq!(sound.status.code(), Some(0));
    assert!(out(&sound).starts_with("sound site-a.1: ") && out(&sound).lines().count() == 1);
    let json = out(&run(&["verify", place, "--key", &key, "--json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["verdict"], &json["seq"]), (&"sound".into(), &serde_json::Value::Null));
    let path = folder.path().join("000001.jsonl");
    let lines = fs::read_to_string(&path).unwrap();
    fs::write(&path, lines.replacen("\"boot\":\"b", "\"boot\":\"x", 1)).unwrap();
    assert_eq!(run(&["verify", place, "--key", &key]).status.code(), Some(2));
    assert_eq!(run(&["verify", "/nowhere", "--key", &key]).status.code(), Some(3));
    // A key of another log says nothing of this one.
    let other = run(&["verify", place, "--key", &public("site-b").to_string()]);
    let why = String::from_utf8(other.stderr).unwrap();
    assert_eq!(other.status.code(), Some(3));
    assert!(why.contains("--key") && !why.contains("tampered"), "{why}");
    // Never taken for a verdict.
    assert_eq!(run(&["verify"]).status.code(), Some(64));
    assert_eq!(run(&["--version"]).status.code(), Some(0));
}

#[test]
fn anchor_prove_check_and_show_work_together() {
    let folder = site_log(50, 1);
    let place = text(folder.path());
    let aside = tempfile::tempdir().unwrap();
    let keep = |name: &str, output: &Output| {
        let path = aside.path().join(name);
        fs::write(&path, &output.stdout).unwrap();
        path
    };
    let key =
        keep("key", &Output { stdout: public("site-a").to_string().into(), ..run(&["--help"]) });
    let anchor = keep("anchor", &run(&["anchor", place]));
    let proof = keep("proof", &run(&["prove", place, "7"]));
    let key = text(&key);
    let anchor = text(&anchor);
    let proof = text(&proof);
    let verified = run(&["verify", place, "--key", key, "--checkpoint", anchor]);
    assert_eq!(verified.status.code(), Some(0));
    let checked = run(&["check", proof, "--key", key]);
    assert!(checked.status.success() && out(&checked).starts_with("ok site-a.1: 7  "));
    let spoiled = aside.path().join("spoiled");
    fs::write(&spoiled, fs::read_to_string(proof).unwrap().replace("index 6", "index 5")).unwrap();
    assert_eq!(run(&["check", text(&spoiled), "--key", key]).status.code(), Some(2));
    let lines = |args: &[&str]| out(&run(&[&["show", place], args].concat())).lines().count();
    let all = lines(&[]);
    assert_eq!(all, lines(&["--json"]));
    let sent = lines(&["--event", "sent", "--run", "run-0"]);
    assert!(sent > 0 && sent < lines(&["--run", "run-0"]));
    assert!(lines(&["--round", "2"]) > 0);
    assert_eq!(lines(&["--since", "2026-03-02"]), 0);
    assert_eq!(lines(&["--until", "2026-03-02", "--site", "site-a"]), all);
    assert_eq!(lines(&["--site", "site-b"]), 0);
}

#[test]
fn reconcile_asks_for_trusted_keys() {
    let site = site_log(20, 1);
    let centre = tempfile::tempdir().unwrap();
    drop(Writer::new(centre.path(), "centre", Role::Coordinator, 1).coordinator(20));
    let site = text(site.path());
    let centre = text(centre.path());
    let found = run(&["reconcile", centre, site]);
    assert_eq!(found.status.code(), Some(1), "{}", out(&found));
    assert!(out(&found).contains("attention absent: the coordinator names site-b, "));
    let one = public("site-a").to_string();
    let other = public("centre").to_string();
    let keyed = run(&["reconcile", centre, site, "--key", &one, "--key", &other, "--json"]);
    assert_eq!(keyed.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_str(&out(&keyed)).unwrap();
    assert!(!json["discrepancies"].as_array().unwrap().is_empty());
    assert_eq!(run(&["reconcile", centre, site, "--key", &one]).status.code(), Some(3));
}
