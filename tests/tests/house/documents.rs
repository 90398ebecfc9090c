//! Documents can be read beside each other: no line of prose is wider than a line of code may be.

use std::fs;
use std::path::{Path, PathBuf};

use tests::root;

/// The most characters of a line.
const WIDTH: usize = 120;

/// The documents of a folder and of those below it.
fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(documents(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found
}

/// The numbers of the lines that are too wide, tables and code aside.
fn wide(text: &str) -> Vec<usize> {
    let mut in_code = false;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        in_code ^= line.trim_start().starts_with("```");
        if !in_code && !line.starts_with('|') && line.chars().count() > WIDTH {
            found.push(number);
        }
    }
    found
}

#[test]
fn no_line_of_a_document_is_too_wide() {
    let top = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> =
        top.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    all.extend(documents(&root().join("docs")));
    assert!(all.len() > 40, "{} documents", all.len());
    for path in all {
        let lines = wide(&fs::read_to_string(&path).unwrap());
        assert!(lines.is_empty(), "{}: lines {lines:?} have more than {WIDTH}", path.display());
    }
}

#[test]
fn a_wide_line_is_found_outside_tables_and_code() {
    let wide_line = "ε".repeat(WIDTH + 1);
    let fits = "ε".repeat(WIDTH);
    let text =
        format!("{fits}\n{wide_line}\n| {wide_line} |\n```\n{wide_line}\n```\n{wide_line}\n");
    assert_eq!(wide(&text), [2, 7]);
}
