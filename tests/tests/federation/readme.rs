//! The README's walk-through between real machines, read from the README and run as it stands there.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::{Process, SetupError, binary, free_address, root, stop, success};

use crate::Outcome;

const SECTION: &str = "\n## Between real machines\n";
const SITES: [&str; 3] = ["hospital-a", "hospital-b", "hospital-c"];

/// What stands in the README for something else on each reader's machine.
struct Places {
    /// For the address that the settings come with.
    address: String,
    /// For the name of a run.
    run: String,
}

impl Places {
    fn put(&self, line: &str) -> String {
        let beginning = self.run.rsplit_once('-').map_or("", |(beginning, _)| beginning);
        line.replace("127.0.0.1:7443", &self.address)
            .replace("quiet-heron-5f3a09c1", &self.run)
            .replace("quiet-heron ", &format!("{beginning} "))
    }
}

/// A fenced block: its language, and its lines.
#[derive(Debug)]
struct Block {
    language: String,
    lines: Vec<String>,
}

/// The fenced blocks of the section, in order.
fn blocks() -> Result<VecDeque<Block>, SetupError> {
    let text = fs::read_to_string(root().join("README.md"))?;
    let section = text.split_once(SECTION).ok_or("the README has no such section")?.1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut found = VecDeque::new();
    for (index, part) in section.split("```").enumerate() {
        if index % 2 == 0 {
            continue;
        }
        let (language, body) = part.split_once('\n').ok_or("a fence without lines")?;
        // A line that ends with a backslash goes on.
        let body = body.replace("\\\n", " ");
        let lines = body.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines = lines.map(str::to_owned).collect();
        found.push_back(Block { language: language.to_owned(), lines });
    }
    Ok(found)
}

/// A line of the README as a shell runs it, in a folder, with the built programs in its path.
fn shell(folder: &Path, line: &str) -> Result<Process, SetupError> {
    let program = binary("coordinator")?;
    let programs = program.parent().ok_or("no folder")?.to_owned();
    let old = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&old)))?;
    let mut command = Command::new("sh");
    // The program takes the place of the shell, so that it ends with this test.
    let line = if line.starts_with("cp ") { line.to_owned() } else { format!("exec {line}") };
    command.args(["-c", &line]).current_dir(folder).env("PATH", path);
    Ok(Process::start(command.env("NO_COLOR", "1").env("RUST_LOG", "info"))?)
}

/// Puts `key = value` lines in the place of those with the same keys.
fn set(file: &Path, lines: &[String]) -> Result<(), SetupError> {
    let mut text = fs::read_to_string(file)?;
    for line in lines {
        let (key, _) = line.split_once(" = ").ok_or("no key")?;
        let old = text.lines().find(|old| old.starts_with(&format!("{key} = ")));
        let old = old.ok_or_else(|| format!("{}: no {key}", file.display()))?.to_owned();
        text = text.replacen(&old, line, 1);
    }
    Ok(fs::write(file, text)?)
}

/// The numbers of the block that shows what `demo` ends with: name and C-index.
fn shown(text: &str) -> Vec<(String, f64)> {
    let lines = text.lines().skip_while(|line| !line.starts_with("C-index "));
    let scores = lines.skip(1).map_while(|line| {
        let line = line.strip_prefix("  ")?;
        let name = line.get(..20)?.trim().to_owned();
        Some((name, line.get(20..)?.split_whitespace().next()?.parse().ok()?))
    });
    scores.take_while(|(name, _)| name != "mean within sites").collect()
}

#[test]
fn the_readme_shows_what_the_demonstration_prints_and_nothing_is_warned_of() -> Outcome {
    let folder = tempfile::tempdir()?;
    let told = success(shell(folder.path(), "coordinator demo --out demo")?)?;
    let expected = shown(&fs::read_to_string(root().join("README.md"))?);
    let found = shown(&told);
    let names = |scores: &[(String, f64)]| -> Vec<String> {
        scores.iter().map(|(name, _)| name.clone()).collect()
    };
    assert!(expected.len() == 5 && names(&found) == names(&expected), "{told}");
    for ((name, expected), (_, found)) in expected.iter().zip(&found) {
        // Another processor may round a product otherwise.
        assert!((expected - found).abs() < 5e-4, "{name}: README {expected}, demo {found}");
    }
    assert!(!told.contains("WARN") && !told.contains("ERROR"), "{told}");
    Ok(())
}

#[test]
fn the_walk_through_of_the_readme_runs_from_init_to_the_report() -> Outcome {
    let folder = tempfile::tempdir()?;
    let centre = folder.path();
    symlink(root().join("configs"), centre.join("configs"))?;
    let mut places = Places { address: free_address()?, run: String::new() };
    let mut blocks = blocks()?;
    assert_eq!(blocks.len(), 5, "{blocks:?}");
    let mut next = || blocks.pop_front().ok_or("the section has fewer blocks");

    // The coordinator listens where its settings say.
    let [init, serve] = &next()?.lines[..] else { return Err("init and serve".into()) };
    success(shell(centre, init)?)?;
    let federation = centre.join("federation");
    let sites = SITES.map(|site| federation.join("sites").join(site));
    let settings = sites.iter().map(|site| site.join("site-node.toml"));
    for file in settings.chain([federation.join("coordinator.toml")]) {
        let text = fs::read_to_string(&file)?;
        assert!(text.contains("127.0.0.1:7443"), "{}", file.display());
        fs::write(&file, places.put(&text))?;
    }
    let mut coordinator = shell(centre, serve)?;
    coordinator.wait_for("listening")?;

    for line in next()?.lines {
        success(shell(centre, &line)?)?;
    }
    let policy = next()?;
    assert_eq!(policy.language, "toml");
    let at_each = next()?;
    let [check_data, check, run] = &at_each.lines[..] else { return Err("three verbs".into()) };
    let mut nodes = Vec::new();
    for site in &sites {
        set(&site.join("policy.toml"), &policy.lines)?;
        success(shell(site, check_data)?)?;
        success(shell(site, check)?)?;
        let mut node = shell(site, run)?;
        node.wait_for("connected")?;
        nodes.push(node);
    }

    let mut told = Vec::new();
    for line in next()?.lines {
        let mut process = shell(centre, &places.put(&line))?;
        if line.starts_with("coordinator run ") {
            let first = process.wait_for(" Run ")?;
            first.split_whitespace().last().unwrap_or_default().clone_into(&mut places.run);
        }
        told.push(success(process)?);
    }
    let [_, list, show, fetch, _] = &told[..] else { return Err("five verbs".into()) };
    for told in [list, show, fetch] {
        assert!(told.contains(&places.run), "{told}");
    }
    assert!(show.contains("status      finished"), "{show}");
    let results = centre.join("results");
    let card = fs::read_to_string(results.join(format!("{}.json", places.run)))?;
    let card: Value = serde_json::from_str(&card)?;
    assert_eq!(card["lineage"]["sites"].as_object().map(serde_json::Map::len), Some(3));
    let report = fs::read_to_string(results.join("report.html"))?;
    assert!(report.contains(&places.run), "the report does not name the run");
    stop(nodes)?;
    stop([coordinator])
}
