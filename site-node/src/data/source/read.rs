//! The file.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use base::config::{Section, Settings, nearest};
use plan::experiment::{TimeUnit, cause_flaws};

use super::{EcgFolder, ImageFolder, Omop, OutcomeColumns, Source};
use crate::data::omop::TABLES;
use crate::data::table::stem;

impl Settings for Source {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let omop = section.maybe_section("omop");
        let from_omop = section.has("omop");
        let patient: Option<Option<String>> = section.maybe("patient");
        let tables: Option<Vec<PathBuf>> = section.or("tables", Vec::new());
        let optional_tables = section.or("optional_tables", Vec::new());
        let index_date = section.maybe("index_date");
        let split = section.maybe("split");
        let withdrawn = section.maybe("withdrawn");
        let without_records = section.or("withdrawn_without_records", 0_u32);
        let formats = super::format::formats(section);
        let allowed_losses: Option<Vec<(String, f64)>> = section.values("allowed_losses");
        for (table, share) in allowed_losses.iter().flatten() {
            if !(0.0..=1.0).contains(share) {
                let key = format!("allowed_losses.{table}");
                section.problem_at(&key, "not a share", "write a number from 0 to 1, such as 0.2");
                return None;
            }
        }
        let outcome = section.maybe_section::<OutcomeColumns>("outcome");
        let units = section.values("units");
        let measurements = section.named("measurements");
        let codes = section.named("codes");
        let ecg = section.maybe_section("ecg");
        let images = section.maybe_section("images");
        for key in ["name", "tag"] {
            if section.maybe::<String>(key).is_none_or(|found| found.is_some()) {
                section.problem(key, "belongs to site-node.toml", "write it in [data] there");
                return None;
            }
        }
        let patient = patient?;
        let tables = tables?;
        if from_omop {
            for key in [
                "patient",
                "tables",
                "optional_tables",
                "index_date",
                "split",
                "units",
                "measurements",
                "codes",
                "outcome",
            ] {
                if section.has(key) {
                    section.problem(
                        key,
                        "given beside [omop], which has its own or none",
                        "leave one out",
                    );
                    return None;
                }
            }
        } else if tables.is_empty() {
            section.problem(
                "tables",
                "no table is named",
                "list the tables with one row per patient, such as [\"cohort.csv\"], or describe [omop]",
            );
            return None;
        } else if patient.is_none() {
            section.problem("patient", "missing", "the column that names a patient in every table");
            return None;
        }
        let index_date = index_date?;
        let outcome = outcome?;
        let codes = codes?;
        let measurements = measurements?;
        let ends = outcome.as_ref().and_then(|it| it.ends.as_ref());
        let dated = !measurements.is_empty() || !codes.is_empty() || ends.is_some();
        if dated && index_date.is_none() && !from_omop {
            section.problem(
                "index_date",
                "missing",
                "name the column of the day from which time is counted: what is dated after it is not \
                 used",
            );
            return None;
        }
        let patient = patient.unwrap_or_else(|| "person_id".to_owned());
        let source = Self {
            folder: PathBuf::new(),
            patient,
            tables,
            optional_tables: optional_tables?,
            index_date,
            split: split?,
            withdrawn: withdrawn?,
            withdrawn_without_records: without_records? as usize,
            formats: formats?,
            allowed_losses: allowed_losses?,
            outcome,
            units: units?,
            measurements,
            codes,
            ecg: ecg?,
            images: images?,
            omop: omop?,
        };
        source.names_tables(section).then_some(source)
    }
}

impl Source {
    /// Whether `[formats]` and `[allowed_losses]` name tables that there are: of another nothing would be known.
    fn names_tables(&self, section: &mut Section<'_>) -> bool {
        let long = self.measurements.iter().map(|(_, it)| &it.table);
        let codes = self.codes.iter().map(|(_, it)| &it.table);
        let one = self.tables.iter().chain(&self.optional_tables).chain(&self.withdrawn);
        let paths: Vec<&Path> = one.chain(long).chain(codes).map(PathBuf::as_path).collect();
        let files: Vec<&str> =
            paths.iter().filter_map(|path| path.file_name().and_then(OsStr::to_str)).collect();
        let cdm = |key: &str| {
            self.omop.is_some() && TABLES.iter().any(|name| stem(key).eq_ignore_ascii_case(name))
        };
        let formats = self
            .formats
            .of
            .iter()
            .map(|(key, _)| ("formats", key, paths.iter().any(|path| *path == Path::new(key))));
        let losses = self.allowed_losses.iter().map(|(key, _)| {
            let named = |file: &&str| *file == key || stem(file).eq_ignore_ascii_case(key);
            ("allowed_losses", key, files.iter().any(named))
        });
        let mut all = true;
        for (part, key, named) in formats.chain(losses) {
            if named || cdm(key) {
                continue;
            }
            let known: Vec<&str> =
                if self.omop.is_some() { TABLES.to_vec() } else { files.clone() };
            let hint = match nearest(key, known.iter().copied()) {
                Some(nearest) => format!("did you mean {nearest:?}?"),
                None => format!("name one of {}", known.join(", ")),
            };
            section.problem_at(&format!("{part}.{key}"), "no table of this file", hint);
            all = false;
        }
        all
    }
}

impl Settings for OutcomeColumns {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let time = section.required("time", "the column with the time to event or censoring");
        let unit = section.choice(
            "unit",
            None,
            &[("days", TimeUnit::Days), ("months", TimeUnit::Months), ("years", TimeUnit::Years)],
        );
        let event = section.required("event", "the column that is 1 for an event, 0 for censoring");
        let causes = section.or("causes", Vec::new());
        let event_is = section.or("event_is", Vec::new());
        let no_event_is = section.or("no_event_is", Vec::new());
        let ends = section.maybe("ends");
        let causes: Vec<String> = causes?;
        if let Some((what, hint)) = cause_flaws(&causes).into_iter().next() {
            section.problem("causes", &what, hint);
            return None;
        }
        let event_is: Vec<String> = event_is?;
        let no_event_is: Vec<String> = no_event_is?;
        if event_is.is_empty() != no_event_is.is_empty() {
            section.problem(
                if event_is.is_empty() { "event_is" } else { "no_event_is" },
                "missing beside the other",
                "list the cells for the event as event_is and those for none as no_event_is: a word in \
                 neither is an error, never a censoring",
            );
            return None;
        }
        if let Some(word) = event_is.iter().find(|word| no_event_is.contains(word)) {
            let what = format!("{} stands for the event too", base::quote::quoted(word));
            section.problem("no_event_is", &what, "list it once");
            return None;
        }
        if !event_is.is_empty() && causes.len() > 1 {
            section.problem(
                "event_is",
                "given beside several causes",
                "number the causes in the column: 0 for none, 1 for the first of causes, 2 for the second",
            );
            return None;
        }
        let time = time?;
        let unit = unit?;
        let event = event?;
        let ends = ends?;
        Some(Self { time, unit, event, event_is, no_event_is, causes, ends })
    }
}

/// Whether a broken file counts as none.
fn broken(section: &mut Section<'_>) -> Option<bool> {
    section.choice("broken", Some("refuse"), &[("refuse", false), ("missing", true)])
}

impl Settings for EcgFolder {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let folder = section.required("folder", "the folder with one file per patient");
        let ending = section.choice("format", Some("wfdb"), &[("wfdb", "hea"), ("dicom", "dcm")]);
        let rate_hz = section.or("rate_hz", 500.0);
        let rate_hz = section.within("rate_hz", rate_hz, 50.0..=1000.0, "use 50 to 1000 Hz");
        let seconds = section.or("seconds", 10.0);
        let seconds = section.within("seconds", seconds, 1.0..=600.0, "use 1 to 600 seconds");
        let checksums =
            section.choice("checksums", Some("verify"), &[("verify", true), ("ignore", false)]);
        let broken_is_missing = broken(section);
        Some(Self {
            folder: folder?,
            ending: ending?.to_owned(),
            rate_hz: rate_hz?,
            seconds: seconds?,
            checksums: checksums?,
            broken_is_missing: broken_is_missing?,
        })
    }
}

impl Settings for ImageFolder {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let folder = section.required("folder", "the folder with one file per patient");
        let formats: [(&str, &[&str]); 3] =
            [("png", &["png"]), ("jpeg", &["jpg", "jpeg"]), ("dicom", &["dcm"])];
        let endings = section.choice("format", Some("png"), &formats);
        let pixels: Option<Vec<u32>> = section.or("pixels", vec![224, 224]);
        let bits: Option<Option<u32>> = section.maybe("bits");
        let broken_is_missing = broken(section);
        let pixels = pixels?;
        let &[width @ 1..=4096, height @ 1..=4096] = pixels.as_slice() else {
            section.problem("pixels", "not a size", "write [width, height], each 1 to 4096");
            return None;
        };
        let bits = match bits? {
            None => None,
            Some(bits @ 8..=16) => u8::try_from(bits).ok(),
            Some(bits) => {
                let hint = "use 8 to 16, the bits that PNG files use of their 16";
                section.problem("bits", format!("{bits} is out of range"), hint);
                return None;
            }
        };
        Some(Self {
            folder: folder?,
            endings: endings?.iter().map(|ending| (*ending).to_owned()).collect(),
            pixels: [width, height],
            bits,
            broken_is_missing: broken_is_missing?,
        })
    }
}

impl Settings for Omop {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let folder = section.required("folder", "the folder with person.csv and its like");
        let index_conditions = section.or("index_conditions", Vec::new());
        Some(Self { folder: folder?, index_conditions: index_conditions? })
    }
}
