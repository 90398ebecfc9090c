//! What differs between two runs of the same federation, and what stands for it in a snapshot.

use regex_lite::{Captures, Regex};
use tests::{Federation, SetupError, root};

/// Patterns and what stands for them. Where columns depend on it, both are equally wide.
const PATTERNS: [(&str, &str); 9] = [
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "YYYY-MM-DDThh:mm:ss.mmmZ"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "YYYY-MM-DDThh:mm:ssZ"),
    (r"\b\d{4}-\d\d-\d\d\b", "YYYY-MM-DD"),
    // Certificates are new in each federation. Hashes of plans and models have no such prefix, and stay.
    (r"\bsha256:[0-9a-f]{64}\b", "sha256:[fingerprint]"),
    // A log's key: its short hash, and the whole of it where that is printed.
    (r"\+[0-9a-f]{8}\b(\+[0-9A-Za-z+/]{40,}=*)?", "+[key]"),
    (r#"\b(root"?:? "?)[0-9A-Za-z+/]{43}="#, "${1}[root]"),
    // Who is first decides how often the nodes sign each other's logs, and so how much they send.
    (r"\b\d+ records\b", "[n] records"),
    (r#""(bytes|records|seconds|signed|size)": [-+.0-9e]+"#, r#""${1}": "[${1}]""#),
    (r"(?m)^( +\d+ +\d+) +\d+\.\d{4} +\d+  ", "${1}    #.####        #####  "),
];

/// A run's name is as long as its two words.
const RUN: &str = r"\b[a-z]+-[a-z]+-[0-9a-f]{8}\b( {2,})?";

/// The one place that decides what a snapshot leaves out.
pub struct Redaction {
    places: Vec<(String, &'static str)>,
    patterns: Vec<(Regex, &'static str)>,
    run: Regex,
}

impl Redaction {
    pub fn new(federation: &Federation) -> Result<Self, SetupError> {
        let text =
            |path: std::path::PathBuf| path.to_string_lossy().trim_end_matches('/').to_owned();
        let places = vec![
            (text(federation.place("")), "[federation]"),
            (text(federation.elsewhere("")), "[folder]"),
            (text(root()), "[repository]"),
        ];
        let compile = |(pattern, with): (&str, &'static str)| Ok((Regex::new(pattern)?, with));
        let patterns: Result<_, SetupError> = PATTERNS.into_iter().map(compile).collect();
        Ok(Self { places, patterns: patterns?, run: Regex::new(RUN)? })
    }

    /// A text with placeholders for all that differs between runs.
    pub fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (place, with) in &self.places {
            text = text.replace(place, with);
        }
        for (pattern, with) in &self.patterns {
            text = pattern.replace_all(&text, *with).into_owned();
        }
        // In a table, the spaces after a name make up for its length.
        let name = |found: &Captures| {
            let width = if found.get(1).is_some() { found[0].len() } else { 0 };
            format!("{:width$}", "[run]")
        };
        self.run.replace_all(&text, name).into_owned()
    }
}
