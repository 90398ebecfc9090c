//! The page in a real browser: its elements, a screenshot, and a print. `cargo test … -- --ignored browser`.
//!
//! `CONSILIUM_KEEP_REPORT=FOLDER` keeps the page and the pictures, to be looked at.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use audit::report::render;

use super::study::Study;

const BROWSERS: [&str; 4] =
    ["chromium", "chromium-headless-shell", "google-chrome", "chromium-browser"];

fn browser() -> &'static str {
    let runs = |browser: &&&str| {
        Command::new(**browser).arg("--version").output().is_ok_and(|said| said.status.success())
    };
    BROWSERS.iter().find(runs).unwrap_or_else(|| panic!("none of {BROWSERS:?} is installed"))
}

/// One headless visit.
fn visit(browser: &str, profile: &Path, page: &Path, options: &[String]) -> Output {
    let profile = format!("--user-data-dir={}", profile.display());
    let quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", &profile];
    let mut command = Command::new(browser);
    command.args(quiet).arg("--virtual-time-budget=2000").args(options);
    command.arg(format!("file://{}", page.display())).output().unwrap()
}

#[test]
#[ignore = "needs Chromium"]
fn a_browser_shows_it_and_prints_it() {
    let browser = browser();
    let scratch = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("CONSILIUM_KEEP_REPORT").map(PathBuf::from);
    let folder = kept.unwrap_or_else(|| scratch.path().to_owned());
    fs::create_dir_all(&folder).unwrap();
    let study = Study::new(&["lakeside", "north-general", "st-elsewhere"], 24);
    let page = folder.join("report.html");
    fs::write(&page, render(&study.data())).unwrap();
    let see = |options: &[String]| visit(browser, scratch.path(), &page, options);

    let seen = see(&["--dump-dom".into()]);
    let dom = String::from_utf8(seen.stdout).unwrap();
    for heading in ["Summary", "Privacy: what is promised", "How to verify this without us"] {
        assert!(dom.contains(heading), "{heading}: {}", String::from_utf8_lossy(&seen.stderr));
    }
    assert!(dom.contains("Run <span class=\"run\">quiet-heron-5f3a09c1</span>"));
    let complaint = String::from_utf8_lossy(&seen.stderr).to_lowercase();
    assert!(!complaint.contains("content security policy"), "{complaint}");

    for (file, size) in [("wide.png", "1280,6000"), ("narrow.png", "390,6000")] {
        let picture = folder.join(file);
        let shot = format!("--screenshot={}", picture.display());
        see(&[shot, format!("--window-size={size}")]);
        let bytes = fs::read(&picture).unwrap();
        assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 50_000, "{file}: {}", bytes.len());
    }

    // What must not be overlooked, on a long run.
    let long = Study::new(&["lakeside", "north-general", "st-elsewhere"], 600);
    let lines = audit::folder::segment(&long.place("lakeside"), 1);
    let text = fs::read_to_string(&lines).unwrap();
    fs::write(&lines, text.replacen("dr-okafor", "dr-nobody", 1)).unwrap();
    let spoiled = folder.join("spoiled.html");
    fs::write(&spoiled, render(&long.data())).unwrap();
    let shot = format!("--screenshot={}", folder.join("spoiled.png").display());
    visit(browser, scratch.path(), &spoiled, &[shot, "--window-size=1280,6000".into()]);
    assert!(fs::metadata(folder.join("spoiled.png")).unwrap().len() > 50_000);

    let print = folder.join("report.pdf");
    see(&[format!("--print-to-pdf={}", print.display()), "--no-pdf-header-footer".into()]);
    let bytes = fs::read(&print).unwrap();
    assert!(bytes.starts_with(b"%PDF") && bytes.len() > 50_000, "{}", bytes.len());
    let pages = bytes.windows(11).filter(|found| found == b"/Type /Page").count();
    assert!(pages > 2, "{pages} pages");
}
