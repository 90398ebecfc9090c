//! One table of a file, asked for its keys one by one.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::{RangeBounds, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Settings;
use super::choice::{Choice, UnknownValue, expected_one_of};
use super::document::line_of;
use super::problem::Problem;
use super::value::{FromValue, kind};
use crate::quote::{quoted, shortened};

/// A table, what has been asked of it, and where its problems go.
pub struct Section<'a> {
    path: String,
    text: &'a str,
    table: Option<&'a DeTable<'a>>,
    asked: BTreeSet<&'static str>,
    problems: &'a RefCell<Vec<Problem>>,
}

impl<'a> Section<'a> {
    pub(super) fn root(
        text: &'a str,
        table: &'a DeTable<'a>,
        problems: &'a RefCell<Vec<Problem>>,
    ) -> Self {
        Self { path: String::new(), text, table: Some(table), asked: BTreeSet::new(), problems }
    }

    fn dotted(&self, key: &str) -> String {
        // A key with a space or a dot is quoted, as it stands in the file.
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let key = if key.chars().all(plain) { shortened(key) } else { quoted(key) };
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }

    fn entry(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table?.get(key)
    }

    fn line(&self, key: &str) -> Option<usize> {
        let span = self.table?.get_key_value(key)?.0.span();
        (!span.is_empty()).then(|| line_of(self.text, span.start))
    }

    /// Notes a problem with one of this section's keys.
    pub fn problem(&mut self, key: &str, what: impl Display, hint: impl Display) {
        let problem = Problem {
            key: self.dotted(key),
            line: self.line(key),
            what: what.to_string(),
            hint: hint.to_string(),
        };
        self.problems.borrow_mut().push(problem);
    }

    /// Notes a problem with a key given as a dotted path from this section on.
    pub fn problem_at(&mut self, path: &str, what: impl Display, hint: impl Display) {
        let mut tables = self.table;
        let mut line = None;
        for key in path.split('.') {
            let Some((name, value)) = tables.and_then(|table| table.get_key_value(key)) else {
                break;
            };
            let span = name.span();
            line = (!span.is_empty()).then(|| line_of(self.text, span.start));
            tables = match value.get_ref() {
                DeValue::Table(table) => Some(table),
                _ => None,
            };
        }
        let path = shortened(path);
        let key = if self.path.is_empty() { path } else { format!("{}.{path}", self.path) };
        let problem = Problem { key, line, what: what.to_string(), hint: hint.to_string() };
        self.problems.borrow_mut().push(problem);
    }

    /// Whether the key is there.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// A value that may be missing: `Some(None)` where it is, `None` where it is wrong.
    #[allow(clippy::option_option, reason = "wrong, missing and present differ")]
    pub fn maybe<T: FromValue>(&mut self, key: &'static str) -> Option<Option<T>> {
        self.asked.insert(key);
        let Some(entry) = self.entry(key) else { return Some(None) };
        match T::from_value(entry.get_ref()) {
            Ok(value) => Some(Some(value)),
            Err(error) => {
                self.problem(key, error.what, error.hint);
                None
            }
        }
    }

    /// A value that must be there; `hint` says what it is for.
    pub fn required<T: FromValue>(&mut self, key: &'static str, hint: &str) -> Option<T> {
        let value = self.maybe(key)?;
        if value.is_none() {
            self.problem(key, "missing", hint);
        }
        value
    }

    /// A value with a default.
    pub fn or<T: FromValue>(&mut self, key: &'static str, default: T) -> Option<T> {
        Some(self.maybe(key)?.unwrap_or(default))
    }

    /// Holds a value to its bounds, noting a problem where it lies outside.
    pub fn within<T: PartialOrd + Display>(
        &mut self,
        key: &str,
        value: Option<T>,
        bounds: impl RangeBounds<T>,
        hint: &str,
    ) -> Option<T> {
        let value = value?;
        if bounds.contains(&value) {
            return Some(value);
        }
        self.problem(key, format!("{value} is out of bounds"), hint);
        None
    }

    /// A duration with a default, held to its bounds.
    pub fn duration(
        &mut self,
        key: &'static str,
        default: Duration,
        bounds: RangeInclusive<Duration>,
        hint: &str,
    ) -> Option<Duration> {
        let found = self.or(key, default)?;
        if bounds.contains(&found) {
            return Some(found);
        }
        self.problem(key, format!("{} is out of bounds", humantime::format_duration(found)), hint);
        None
    }

    /// One value of a list of words that the whole program shares; `None` where it is missing or another.
    pub fn one_of<T: Choice>(&mut self, key: &'static str, default: Option<T>) -> Option<T> {
        let found: Option<String> = self.maybe(key)?;
        match (found, default) {
            (Some(word), _) => T::parse(&word).map_err(|error| self.unknown(key, &error)).ok(),
            (None, Some(default)) => Some(default),
            (None, None) => {
                let words = T::ALL.iter().map(|value| value.name());
                self.problem(key, "missing", expected_one_of(words));
                None
            }
        }
    }

    /// One value of such a list that may be missing: `Some(None)` where it is, `None` where it is another word.
    #[allow(clippy::option_option, reason = "wrong, missing and present differ")]
    pub fn maybe_one_of<T: Choice>(&mut self, key: &'static str) -> Option<Option<T>> {
        let Some(word) = self.maybe::<String>(key)? else { return Some(None) };
        T::parse(&word).map(Some).map_err(|error| self.unknown(key, &error)).ok()
    }

    /// Several values of such a list, in a list that must be there; `hint` says what it is for.
    pub fn some_of<T: Choice>(&mut self, key: &'static str, hint: &str) -> Option<Vec<T>> {
        let words: Vec<String> = self.required(key, hint)?;
        let read = words.iter().map(|word| T::parse(word));
        let (known, unknown): (Vec<_>, Vec<_>) = read.partition(Result::is_ok);
        for error in unknown.iter().filter_map(|word| word.as_ref().err()) {
            self.unknown(key, error);
        }
        unknown.is_empty().then(|| known.into_iter().flatten().collect())
    }

    fn unknown(&mut self, key: &str, error: &UnknownValue) {
        self.problem(key, error.what(), error.hint());
    }

    /// One of a few words; `None` where it is missing or another.
    pub fn choice<T: Clone>(
        &mut self,
        key: &'static str,
        default: Option<&str>,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let names = || choices.iter().map(|(name, _)| *name);
        let found: Option<String> = self.maybe(key)?;
        let Some(word) = found.as_deref().or(default) else {
            self.problem(key, "missing", expected_one_of(names()));
            return None;
        };
        let value = choices.iter().find(|(name, _)| *name == word).map(|(_, value)| value.clone());
        if value.is_none() {
            self.unknown(key, &UnknownValue::new(word, names()));
        }
        value
    }

    /// A nested table that must be there.
    pub fn section<S: Settings>(&mut self, key: &'static str) -> Option<S> {
        if self.has(key) {
            return self.nested(key);
        }
        self.asked.insert(key);
        // Read from nothing, so that every missing key is named and not only the table.
        let path = self.dotted(key);
        let problems = self.problems;
        let text = self.text;
        let mut empty = Section { path, text, table: None, asked: BTreeSet::new(), problems };
        S::read(&mut empty)
    }

    /// A nested table that may be missing: `Some(None)` where it is.
    #[allow(clippy::option_option, reason = "wrong, missing and present differ")]
    pub fn maybe_section<S: Settings>(&mut self, key: &'static str) -> Option<Option<S>> {
        self.asked.insert(key);
        if self.has(key) { self.nested(key).map(Some) } else { Some(None) }
    }

    fn nested<S: Settings>(&mut self, key: &'static str) -> Option<S> {
        self.asked.insert(key);
        match self.entry(key)?.get_ref() {
            DeValue::Table(table) => self.descend(key, table),
            other => {
                let found = kind(other);
                self.problem(
                    key,
                    format!("{found} where a table is expected"),
                    format!("write [{}] and its keys below", self.dotted(key)),
                );
                None
            }
        }
    }

    fn descend<S: Settings>(&self, key: &str, table: &'a DeTable<'a>) -> Option<S> {
        let path = self.dotted(key);
        let asked = BTreeSet::new();
        let mut inner =
            Section { path, text: self.text, table: Some(table), asked, problems: self.problems };
        let settings = S::read(&mut inner);
        inner.finish();
        settings
    }

    /// A nested table whose keys are names of the author's own choosing.
    pub fn named<S: Settings>(&mut self, key: &'static str) -> Option<Vec<(String, S)>> {
        self.asked.insert(key);
        let table = match self.entry(key).map(Spanned::get_ref) {
            None => return Some(Vec::new()),
            Some(DeValue::Table(table)) => table,
            Some(other) => {
                let found = kind(other);
                self.problem(
                    key,
                    format!("{found} where a table is expected"),
                    "write name = { … }",
                );
                return None;
            }
        };
        let path = self.dotted(key);
        let outer = Section {
            path,
            text: self.text,
            table: Some(table),
            asked: BTreeSet::new(),
            problems: self.problems,
        };
        let mut all = Some(Vec::new());
        for (name, value) in table {
            let name = name.get_ref().as_ref();
            let settings = if let DeValue::Table(inner) = value.get_ref() {
                outer.descend(name, inner)
            } else {
                let what = format!("{} where a table is expected", kind(value.get_ref()));
                let key = outer.dotted(name);
                let line = outer.line(name);
                let hint = "write name = { … }".to_owned();
                self.problems.borrow_mut().push(Problem { key, line, what, hint });
                None
            };
            match (settings, all.as_mut()) {
                (Some(settings), Some(all)) => all.push((name.to_owned(), settings)),
                _ => all = None,
            }
        }
        all
    }

    /// A nested table of values whose keys are names of the author's own choosing.
    pub fn values<T: FromValue>(&mut self, key: &'static str) -> Option<Vec<(String, T)>> {
        self.asked.insert(key);
        let table = match self.entry(key).map(Spanned::get_ref) {
            None => return Some(Vec::new()),
            Some(DeValue::Table(table)) => table,
            Some(other) => {
                let what = format!("{} where a table is expected", kind(other));
                self.problem(key, what, "write name = value below its heading");
                return None;
            }
        };
        let mut all = Some(Vec::new());
        for (name, value) in table {
            let name = name.get_ref().as_ref();
            match (T::from_value(value.get_ref()), all.as_mut()) {
                (Ok(value), Some(all)) => all.push((name.to_owned(), value)),
                (Ok(_), None) => {}
                (Err(error), _) => {
                    self.problem_at(&format!("{key}.{name}"), error.what, error.hint);
                    all = None;
                }
            }
        }
        all
    }

    /// Notes every key that nobody asked for.
    pub(super) fn finish(mut self) {
        let Some(table) = self.table else { return };
        for key in table.keys().map(|key| key.get_ref().as_ref()) {
            if !self.asked.contains(key) {
                let hint = nearest(key, self.asked.iter().copied()).map_or_else(
                    || {
                        let known: Vec<_> = self.asked.iter().copied().collect();
                        format!("known here: {}", known.join(", "))
                    },
                    |known| format!("did you mean {known:?}?"),
                );
                self.problem(key, "unknown key", hint);
            }
        }
    }
}

/// The known word that is most like `word`, if any is much like it.
#[must_use]
pub fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    known
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
