//! Looking for many things in many places at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tests::{SetupError, files};

/// Something that is looked for, in every form that it might take.
pub(super) struct Needle {
    pub name: String,
    forms: Vec<Vec<u8>>,
}

impl Needle {
    /// A text; of several words, a long last one tells enough.
    pub fn text(text: &str) -> Self {
        let last = text.rsplit(' ').next().filter(|last| last.len() >= 8).unwrap_or(text);
        let spelled = [text, last].into_iter().flat_map(|text| {
            [text.to_owned(), text.to_lowercase(), text.to_uppercase()].map(String::into_bytes)
        });
        Self { name: text.to_owned(), forms: spelled.collect() }
    }

    /// A number, as digits and as memory holds it.
    pub fn number(value: f64) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "as a model holds it")]
        let single = value as f32;
        let forms = vec![
            value.to_string().into_bytes(),
            single.to_string().into_bytes(),
            value.to_le_bytes().to_vec(),
            single.to_le_bytes().to_vec(),
        ];
        Self { name: value.to_string(), forms }
    }
}

/// Places by their name, and what stands there.
#[derive(Default)]
pub(super) struct Places(BTreeMap<String, Vec<u8>>);

impl Places {
    /// What was heard or printed.
    pub fn add(&mut self, name: &str, bytes: impl Into<Vec<u8>>) {
        let before = self.0.insert(name.to_owned(), bytes.into());
        assert!(before.is_none(), "{name} twice");
    }

    /// All files below a folder, but for those of one name.
    pub fn add_files(&mut self, name: &str, folder: &Path, but: &str) -> Result<(), SetupError> {
        for path in files(folder)?.into_iter().filter(|path| !path.ends_with(but)) {
            let within = path.strip_prefix(folder)?.display().to_string();
            self.add(&format!("{name}/{within}"), fs::read(&path)?);
        }
        Ok(())
    }

    pub fn bytes(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Which of the needles stand where, as `needle: place`.
    pub fn find(&self, needles: &[Needle]) -> Vec<String> {
        // By their first two bytes, so that each place is read once.
        let mut starts: Vec<Vec<(&str, &[u8])>> = vec![Vec::new(); 1 << 16];
        for needle in needles {
            for form in &needle.forms {
                starts[start(form)].push((&needle.name, form));
            }
        }
        let mut found = Vec::new();
        for (place, bytes) in &self.0 {
            for at in 0..bytes.len().saturating_sub(1) {
                let rest = &bytes[at..];
                for (name, form) in &starts[start(rest)] {
                    if rest.starts_with(form) {
                        found.push(format!("{name}: {place}"));
                    }
                }
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// Whether a needle stands in a place whose name begins so.
    pub fn holds(&self, place: &str, needle: &Needle) -> bool {
        let found = self.find(std::slice::from_ref(needle));
        found.iter().any(|found| found.starts_with(&format!("{}: {place}", needle.name)))
    }
}

fn start(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}
