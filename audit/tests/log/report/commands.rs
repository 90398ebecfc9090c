//! The program's verb, and the commands that the page prints, run as they stand.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::dom::Page;
use super::study::{RUN, Study};

const SITES: [&str; 2] = ["site-a", "site-b"];

/// The program's folder first on the path, as if it were installed.
fn shell(folder: &Path, script: &str) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_consilium-audit")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let script = format!("set -e\n{script}\n");
    Command::new("sh").args(["-c", &script]).current_dir(folder).env("PATH", path).output().unwrap()
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn report(study: &Study, more: &str) -> Output {
    let script = format!(
        "consilium-audit report --run {RUN} --coordinator centre.1 --site site-a.1 --site site-b.1 \
         --out report.html {more}"
    );
    shell(study.root(), &script)
}

#[test]
fn the_verb_writes_a_page_and_never_over_one() {
    let study = Study::new(&SITES, 6);
    let said = out(&report(&study, ""));
    let page = study.root().join("report.html");
    let hash = audit::Sha256::of(&fs::read(&page).unwrap());
    assert!(said.contains(&hash.to_string()) && said.contains("sound site-b.1: "));
    let again = report(&study, "");
    assert_eq!(again.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--force writes over it"));
    let json = out(&report(&study, "--force --json"));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["run"], &json["rounds"]), (&RUN.into(), &6.into()));
    assert_eq!(json["sha256"], hash.to_string());
    assert_eq!(json["privacy"].as_array().unwrap().len(), 2);
    let other = report(&study, "--force --key centre.1+00000000+AA==");
    assert_eq!(other.status.code(), Some(3), "a key that is none");
    let nobody = "consilium-audit report --run nobody --site site-a.1 --out nobody.html";
    assert_eq!(shell(study.root(), nobody).status.code(), Some(3));
    assert!(!study.root().join("nobody.html").exists());
    assert_eq!(
        shell(study.root(), "consilium-audit report --run a --out b").status.code(),
        Some(64)
    );
    // A page on a log that was altered is written all the same, and the exit code tells.
    let path = audit::folder::segment(&study.place("site-a"), 1);
    let lines = fs::read_to_string(&path).unwrap();
    fs::write(&path, lines.replacen("dr-okafor", "dr-nobody", 1)).unwrap();
    let spoiled = report(&study, "--force");
    assert_eq!(spoiled.status.code(), Some(2));
    assert!(fs::read_to_string(&page).unwrap().contains("Do not rely on this report"));
}

#[test]
fn the_printed_commands_do_what_the_page_says() {
    let study = Study::new(&SITES, 6);
    out(&report(&study, ""));
    let html = fs::read_to_string(study.root().join("report.html")).unwrap();
    let page = Page::parse(&html);
    let commands: Vec<String> = page
        .elements("pre")
        .iter()
        .map(super::dom::text)
        .filter(|text| text.starts_with("consilium-audit "))
        .collect();
    assert_eq!(commands.len(), 3 + 3, "a verify each, reconcile, report, prove");
    for command in &commands {
        let said = out(&shell(study.root(), command));
        if command.contains(" verify ") {
            let said = said.trim_end();
            assert!(
                page.elements("samp").iter().any(|node| super::dom::text(node) == said),
                "{said}"
            );
        }
        // The head that the page shows is one that the log can be held against.
        if let Some(log) = page.elements("pre").iter().find_map(|node| {
            super::dom::attribute(node, "data-head")
                .filter(|log| command.contains(&format!("verify {log} ")))
        }) {
            let head = page.texts("data-head", &log).concat();
            fs::write(study.root().join("head"), head).unwrap();
            assert_eq!(out(&shell(study.root(), &format!("{command} --checkpoint head"))), said);
        }
        if command.contains(" reconcile ") {
            assert!(said.contains(" 0 differ"), "{said}");
        }
    }
    let again = fs::read_to_string(study.root().join("again.html")).unwrap();
    assert_eq!(again, html, "the same logs, the same page");
}

#[test]
fn without_our_program_roots_and_signatures_are_found_as_well() {
    let study = Study::new(&SITES, 30);
    out(&report(&study, ""));
    let page = Page::parse(&fs::read_to_string(study.root().join("report.html")).unwrap());
    let script = page.texts("id", "root-script").concat();
    fs::write(study.root().join("root.py"), script).unwrap();
    for log in ["centre", "site-a", "site-b"] {
        let folder = study.place(log);
        let said = out(&shell(&folder, "python3 ../root.py"));
        let good = said.starts_with(&format!("{log}.1 ")) && said.ends_with(": as signed\n");
        assert!(good, "{said}");
        let command = page.texts("data-log", &format!("{log}.1")).concat();
        let said = out(&shell(&folder, &command));
        assert!(said.contains("Signature Verified Successfully"), "{said}");
    }
    let path = audit::folder::segment(&study.place("site-a"), 1);
    let lines = fs::read_to_string(&path).unwrap();
    fs::write(&path, lines.replacen("dr-okafor", "dr-nobody", 1)).unwrap();
    let said = out(&shell(&study.place("site-a"), "python3 ../root.py"));
    assert!(said.ends_with(": NOT as signed\n"), "{said}");
}
