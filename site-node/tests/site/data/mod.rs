//! A hospital's data: good ones in every form, and bad ones of every kind, each with an error of its own
//! that says where and how to mend it, and holds no patient's value.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may stop, and knows its numbers")]

mod broken;
mod broken_cells;
mod broken_contract;
mod broken_signals;
mod certainty;
#[cfg(feature = "parquet")]
mod codecs;
#[cfg(feature = "parquet")]
mod columnar;
mod dates;
mod fingerprint;
mod horizon;
mod laboratory;
mod messy;
mod modality_inputs;
mod nobody;
mod omop;
mod omop_checks;
#[cfg(feature = "parquet")]
mod packed;
mod policy_lists;
mod processes;
mod spellings;
mod whole;

use std::fs;
use std::path::Path;

use plan::experiment::{Draft, Plan};
use site_node::data::{DataError, Day, Patients, Problems, Source};
use site_node::inspect::{Check, Finding, Findings, check};
use tempfile::TempDir;

/// Stands in cells that are wrong, and must stand in no error.
pub(crate) const SECRET: &str = "zx81secret";

/// A hospital's folder with good data.
pub(crate) struct Hospital(TempDir);

pub(crate) const COHORT: &str = r#"
tables = ["base.csv", "outcome.csv"]
patient = "pid"
index_date = "day"
split = "train"
withdrawn = "withdrawn.csv"

[outcome]
time = "months"
unit = "months"
event = "died"

[units]
glucose = "mmol/L"

[measurements.labs]
table = "labs.csv"
date = "date"
item = "item"
value = "value"
unit = "unit"

[codes.dx]
table = "dx.csv"
date = "date"
until = "until"
code = "code"
system = "icd10"
"#;

const FILES: [(&str, &str); 5] = [
    (
        "base.csv",
        "pid,day,age,sex,glucose\np1,2020-01-10,61,f,5.5\np2,2020-02-01,70.5,m,\np3,2020-03-01,55,f,7\np4,2020-03-02,50,m,6\n",
    ),
    ("outcome.csv", "pid,months,died,train\np1,12,1,1\np2,3.5,0,1\np3,40,0,0\np4,7,1,1\n"),
    ("withdrawn.csv", "pid\np4\n"),
    (
        "labs.csv",
        "pid,date,item,value,unit\np1,2020-01-10,crp,4,mg/L\np1,2020-01-11,crp,900,mg/L\np2,2019-12-31,crp,0.9,mg/dL\np4,2019-12-31,crp,1,mg/dL\n",
    ),
    ("dx.csv", "pid,date,until,code\np1,2018-05-05,,I21.4\np2,2020-02-01,2020-02-02,C50\n"),
];

impl Hospital {
    pub(crate) fn new() -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        made.write("cohort.toml", COHORT);
        for (name, text) in FILES {
            made.write(name, text);
        }
        made
    }

    pub(crate) fn place(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.place(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Puts something in place of something that a file must hold.
    pub(crate) fn edit(&self, name: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.place(name)).unwrap();
        assert!(text.contains(old), "{old:?} is not in {name}");
        self.write(name, text.replacen(old, new, 1));
    }

    pub(crate) fn source(&self) -> Source {
        Source::load(&self.place("cohort.toml")).unwrap()
    }

    /// Everything that is wrong, and the patients as far as they were read.
    pub(crate) fn read(&self) -> (Option<Patients>, Problems) {
        let mut problems = Problems::new(100);
        let patients = Patients::read(&self.source(), &mut problems);
        (patients, problems)
    }

    /// What `site-node data check` finds.
    pub(crate) fn check(&self, plan: Option<&Plan>) -> Findings {
        let source = self.source();
        let cache = self.place("state/cache");
        let asked = Check {
            source: &source,
            policy: None,
            plan,
            today: Day::parse("2026-01-01").ok(),
            cache: &cache,
        };
        check(&asked, &|_, _| ())
    }

    /// The one problem there is.
    pub(crate) fn problem(&self) -> DataError {
        let (_, problems) = self.read();
        sound(&problems, self.0.path());
        assert_eq!(problems.found().len(), 1, "{:?}", problems.found());
        problems.first().unwrap()
    }
}

/// Errors say what to do, and hold no value and no control character.
pub(crate) fn sound(problems: &Problems, folder: &Path) {
    for error in problems.found() {
        let text = error.to_string();
        let Finding { problem, fix, .. } = Finding::of(error);
        assert!(!problem.is_empty() && fix.len() > 8, "no way out in: {text}");
        assert!(!text.contains(SECRET), "a value in: {text}");
        assert!(!text.chars().any(char::is_control), "control character in: {text:?}");
        assert!(folder.exists());
    }
}

pub(crate) fn plan(views: &str) -> Plan {
    let text = format!(
        r#"
name = "contract"
rounds = 1
outcome = {{ time = "months", unit = "months", event = "died", edges = [12.0] }}
model = {{ kind = "linear" }}
training = {{ learning_rate = 0.1 }}
privacy = {{ mode = "none", clip = 1.0 }}
aggregation = {{ min_sites = 1, window = "1m" }}
[features]
{views}
"#
    );
    base::config::read::<Draft>("contract.toml", &text).unwrap().0.plan
}
