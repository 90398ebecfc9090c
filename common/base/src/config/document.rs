//! A parsed file, with what `--set` changed in it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::path::Path;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Settings;
use super::problem::{ConfigError, Problem};
use super::section::Section;
use crate::quote::quoted;

/// The largest configuration file that is read.
const MAX_BYTES: u64 = 4 << 20;

/// The most characters of a parser's message that are passed on: it may repeat a part of the file.
const MAX_MESSAGE: usize = 400;

/// A value given on the command line in place of the file's: `a.b=c`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    keys: Vec<String>,
    value: String,
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, value) = text
            .split_once('=')
            .ok_or_else(|| format!("{} is not of the form key=value", quoted(text)))?;
        let keys = dotted(path).ok_or_else(|| {
            format!(
                "{} is not a dotted key such as data.split, or training.rates.\"encoder.ecg\" where a key has \
                 dots of its own (in single quotes in a shell)",
                quoted(path)
            )
        })?;
        Ok(Self { keys, value: value.trim().to_owned() })
    }
}

/// The keys of a path between its dots; dots within double quotes are a key's own.
fn dotted(path: &str) -> Option<Vec<String>> {
    let mut keys = Vec::new();
    let mut key = String::new();
    let mut quoted = false;
    for c in path.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => keys.push(std::mem::take(&mut key)),
            c => key.push(c),
        }
    }
    keys.push(key);
    let keys: Vec<String> = keys.iter().map(|key| key.trim().to_owned()).collect();
    (!quoted && keys.iter().all(|key| !key.is_empty())).then_some(keys)
}

/// A TOML file before anything in it is understood.
pub struct Document<'t> {
    source: String,
    text: &'t str,
    root: Spanned<DeTable<'t>>,
}

impl<'t> Document<'t> {
    /// Parses `text`; `source` names it in errors.
    ///
    /// # Errors
    /// Every syntax error.
    pub fn parse(source: &str, text: &'t str) -> Result<Self, ConfigError> {
        let (root, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Self { source: source.to_owned(), text, root });
        }
        let problems = errors
            .iter()
            .map(|error| Problem {
                key: String::new(),
                line: error.span().map(|span| line_of(text, span.start)),
                what: error.message().replace('\n', ", ").chars().take(MAX_MESSAGE).collect(),
                hint: "see https://toml.io for the syntax".to_owned(),
            })
            .collect();
        Err(ConfigError { source: source.to_owned(), problems })
    }

    /// Puts command-line values in place of the file's. A value that is not TOML is text.
    #[must_use]
    pub fn with(mut self, overrides: &'t [Override]) -> Self {
        for Override { keys, value } in overrides {
            let value = DeValue::parse(value)
                .map_or_else(|_| DeValue::String(Cow::Borrowed(value)), Spanned::into_inner);
            insert(self.root.get_mut(), keys, value);
        }
        self
    }

    /// Reads settings, reporting every mistake in the file.
    ///
    /// # Errors
    /// All problems found, unknown keys among them.
    pub fn read<S: Settings>(&self) -> Result<S, ConfigError> {
        let problems = RefCell::new(Vec::new());
        let mut root = Section::root(self.text, self.root.get_ref(), &problems);
        let settings = S::read(&mut root);
        root.finish();
        let mut problems = problems.into_inner();
        problems.sort_by_key(|problem: &Problem| problem.line.unwrap_or(usize::MAX));
        match settings {
            Some(settings) if problems.is_empty() => Ok(settings),
            _ => Err(ConfigError { source: self.source.clone(), problems }),
        }
    }
}

fn insert<'t>(table: &mut DeTable<'t>, keys: &'t [String], value: DeValue<'t>) {
    // No place in the file: an empty span says so.
    let place = |key: &'t String| Spanned::new(0..0, Cow::Borrowed(key.as_str()));
    match keys {
        [] => {}
        [key] => {
            // The map would keep the old key, and with it the line of a value that is gone.
            table.remove(key.as_str());
            table.insert(place(key), Spanned::new(0..0, value));
        }
        [key, rest @ ..] => {
            if !matches!(table.get(key.as_str()).map(Spanned::get_ref), Some(DeValue::Table(_))) {
                table.remove(key.as_str());
                table.insert(place(key), Spanned::new(0..0, DeValue::Table(DeTable::new())));
            }
            if let Some(DeValue::Table(inner)) = table.get_mut(key.as_str()).map(Spanned::get_mut) {
                insert(inner, rest, value);
            }
        }
    }
}

/// The line of a byte offset, from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|&&byte| byte == b'\n').count() + 1
}

/// Reads settings from text.
///
/// # Errors
/// All problems found.
pub fn read<S: Settings>(source: &str, text: &str) -> Result<S, ConfigError> {
    Document::parse(source, text)?.read()
}

/// Reads settings from a file.
///
/// # Errors
/// The file cannot be read, or all problems found in it.
pub fn load<S: Settings>(path: &Path, overrides: &[Override]) -> Result<S, ConfigError> {
    let source = path.display().to_string();
    let text = text_of(path).map_err(|(what, hint)| ConfigError {
        source: source.clone(),
        problems: vec![Problem { key: String::new(), line: None, what, hint: hint.to_owned() }],
    })?;
    Document::parse(&source, &text)?.with(overrides).read()
}

fn text_of(path: &Path) -> Result<String, (String, &'static str)> {
    let unreadable = |error: std::io::Error| {
        (format!("cannot be read: {error}"), "check the path and its permissions")
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_BYTES {
        return Err((
            format!("{size} bytes, over the limit of {MAX_BYTES}"),
            "a configuration file is small; is this the right file?",
        ));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}
