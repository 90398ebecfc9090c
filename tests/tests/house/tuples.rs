//! No function takes a tuple: values that are one thing have a type with a name, and others are parameters of their
//! own.

use std::fs;
use std::path::{Path, PathBuf};

use tests::root;

use crate::CRATES;

/// A function that takes a tuple.
#[derive(Debug, PartialEq, Eq)]
struct Taker {
    /// The line of its `fn`, from 1.
    line: usize,
    name: String,
}

/// All sources below a folder, tests included.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The source in ASCII, with blanks for comments, texts and characters. Lines stay where they are.
fn code_alone(source: &str) -> String {
    let source: Vec<char> = source.chars().collect();
    let mut rest = &source[..];
    let mut code = String::with_capacity(source.len());
    while let Some(first) = rest.first() {
        let opaque = opaque(rest).min(rest.len());
        if opaque == 0 {
            code.push(if first.is_ascii() { *first } else { '_' });
        }
        code.extend(rest[..opaque].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
        rest = &rest[opaque.max(1)..];
    }
    code
}

/// How many characters the comment, text or character takes that begins here; 0 where none does.
fn opaque(rest: &[char]) -> usize {
    let past = |start: usize, end: &[char]| {
        let ends = rest.get(start..).unwrap_or_default().windows(end.len());
        ends.take_while(|found| *found != end).count() + start + end.len()
    };
    match rest {
        ['/', '/', ..] => past(2, &['\n']) - 1,
        ['/', '*', ..] => past(2, &['*', '/']),
        ['"', ..] => {
            let mut at = 1;
            while rest.get(at).is_some_and(|c| *c != '"') {
                at += if rest[at] == '\\' { 2 } else { 1 };
            }
            at + 1
        }
        ['r', after @ ..] => {
            let fence = after.iter().take_while(|c| **c == '#').count();
            let end = [&['"'][..], &after[..fence]].concat();
            if after.get(fence) == Some(&'"') { past(fence + 2, &end) } else { 0 }
        }
        ['\'', '\\', ..] => past(3, &['\'']),
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    }
}

/// Splits a text where the separator is outside all brackets.
fn divided(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c == separator {
            parts.push(&text[start..at]);
            start = at + 1;
        }
        at += if "([{<".contains(c) { bracketed(&text[at..]).len() } else { 1 };
    }
    parts.push(&text[start..]);
    parts
}

/// What begins with a bracket, up to the one that closes it.
fn bracketed(text: &str) -> &str {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            // An arrow.
            '>' if before == '-' || before == '=' => {}
            ')' | ']' | '}' | '>' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..=at];
        }
        before = c;
    }
    text
}

/// What is between the brackets around a text.
fn inside(bracketed: &str) -> &str {
    bracketed.get(1..bracketed.len() - 1).unwrap_or_default()
}

/// Whether a pattern or a type is a tuple, also behind references or in an `Option`.
fn is_tuple(mut text: &str) -> bool {
    loop {
        text = text.trim_start();
        let stripped = ["&", "mut ", "ref ", "Option<"].iter().find_map(|it| text.strip_prefix(it));
        text = match (stripped, text.strip_prefix('\'')) {
            (Some(rest), _) => rest,
            (None, Some(lifetime)) => lifetime.trim_start_matches(is_name),
            (None, None) => break,
        };
    }
    text.starts_with('(') && divided(inside(bracketed(text)), ',').len() > 1
}

/// The functions of a source that take a tuple.
fn takers(source: &str) -> Vec<Taker> {
    // A path's colons are no parameter's.
    let code = code_alone(source).replace("::", "__");
    let mut found = Vec::new();
    for (at, keyword) in code.match_indices("fn ") {
        let after = code[at + keyword.len()..].trim_start();
        let name: String = after.chars().take_while(|c| is_name(*c)).collect();
        let mut rest = after[name.len()..].trim_start();
        if rest.starts_with('<') {
            rest = rest[bracketed(rest).len()..].trim_start();
        }
        if code[..at].ends_with(is_name) || name.is_empty() || !rest.starts_with('(') {
            continue;
        }
        let takes = |parameter: &&str| divided(parameter, ':').into_iter().any(is_tuple);
        if divided(inside(bracketed(rest)), ',').iter().any(takes) {
            found.push(Taker { line: code[..at].matches('\n').count() + 1, name });
        }
    }
    found
}

#[test]
fn no_function_takes_a_tuple() {
    let mut read = 0;
    let mut found = Vec::new();
    for path in CRATES.iter().flat_map(|krate| sources(&root().join(krate))) {
        let place = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        read += 1;
        for Taker { line, name } in takers(&fs::read_to_string(&path).unwrap()) {
            found.push(format!("{place}:{line}: {name}"));
        }
    }
    assert!(read > 500, "{read} files: have they moved?");
    assert!(
        found.is_empty(),
        "these functions take a tuple; give it a type with a name, or pass its values one by one:\n{}",
        found.join("\n")
    );
}

#[test]
fn tuples_are_found_wherever_they_are_taken() {
    let taken = [
        "fn add(at: (u32, u32)) {}",
        "fn add((x, y): Place) {}",
        "fn add(&mut self, &(x, y): &Place) {}",
        "pub async fn add<F: Fn(u8) -> Vec<u8>>(\n    f: F,\n    // here\n    at: &'a mut (u32, u32),\n) {}",
        "fn add(name: std::string::String, at: Option<(u32, u32)>)",
        "fn add(at: &mut Option<&(u32, u32)>);",
        "fn add(c: [char; 2], (asked, due): (impl Future<Output = ()>, u8)) {}",
    ];
    for source in taken {
        let source = format!("const QUOTE: char = '\"';\n{source}");
        let expected = [Taker { line: 2, name: "add".to_owned() }];
        assert_eq!(takers(&source), expected, "{source}");
    }
    let not_taken = [
        "fn add(at: Place, f: impl Fn((u8, u8)) -> (u8, u8), g: &dyn Fn(u8, u8)) -> (u8, u8) {}",
        "fn add(follow: &(dyn Fn(u8, u8) + Sync), done: ()) {}",
        "fn add(pairs: &[(u8, u8)], more: Vec<(u8, u8)>, [a, b]: [u8; 2]) {}",
        "fn add(Place { x, y }: Place, at: fn(u8, u8) -> u8) {}",
        "// fn add(at: (u32, u32))\nlet add = |(x, y): (u8, u8)| \"fn add(at: (u8, u8))\";",
        "let text = r#\"a \" fn add(at: (u8, u8))\"#; /* fn add(at: (u8, u8)) */",
    ];
    for source in not_taken {
        assert_eq!(takers(source), [], "{source}");
    }
}
