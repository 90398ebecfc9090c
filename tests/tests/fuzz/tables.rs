//! Tables of patients: CSV as hospitals export it, and the dates and numbers in its cells.

use std::fs;

use site_node::data::Source;

use crate::{Outcome, fuzz, refused};

const WORDS: [&str; 14] = [
    "hospital-a",
    ",",
    ";",
    "\"",
    "\r\n",
    "\u{feff}",
    "NA",
    "1,5",
    "2020-02-30",
    "-0.0",
    "1e400",
    "\u{0}",
    "  ",
    "é",
];

#[test]
fn a_cohort() -> Outcome {
    let federation = tests::Federation::new()?;
    let site = federation.site("hospital-a");
    let table = site.join("cohort.csv");
    let text = fs::read_to_string(&table)?;
    let few: String = text.split_inclusive('\n').take(30).collect();
    let source = Source::load(&site.join("cohort.toml"))?;
    fuzz("tables", &[few.into_bytes()], &WORDS, |bytes| {
        fs::write(&table, bytes).unwrap();
        if let Err(error) = site_node::data::load(&source) {
            refused(&error);
        }
    })
}
