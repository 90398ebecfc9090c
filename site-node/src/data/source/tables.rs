//! Tables of dated rows, many a patient.

use std::path::PathBuf;

use base::config::{Section, Settings};

/// Dated measurements: patient, date, item, value, unit.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasurementTable {
    /// The file.
    pub table: PathBuf,
    /// Column of the patient; that of all tables where none is named.
    pub patient: Option<String>,
    /// Column of the day.
    pub date: String,
    /// Column of what was measured: its name or code.
    pub item: String,
    /// Column of the number.
    pub value: String,
    /// Column of its unit.
    pub unit: Option<String>,
    /// Units of items, where no column has them.
    pub units: Vec<(String, String)>,
}

/// Dated codes: diagnoses, procedures, drugs.
#[derive(Debug, Clone, PartialEq)]
pub struct CodeTable {
    /// The file.
    pub table: PathBuf,
    /// Column of the patient; that of all tables where none is named.
    pub patient: Option<String>,
    /// Column of the day.
    pub date: String,
    /// Column of the day on which it ended.
    pub until: Option<String>,
    /// Column of the code.
    pub code: String,
    /// The system that the codes are of.
    pub system: String,
    /// Letters after a code of the ICD-10-GM that make it a diagnosis: of G, V, A and Z.
    pub certainty: Vec<char>,
}

impl Settings for MeasurementTable {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let table = section.required("table", "the file, such as \"labs.csv\"");
        let patient = section.maybe("patient");
        let date = section.required("date", "the column of the day");
        let item = section.required("item", "the column that says what was measured");
        let value = section.required("value", "the column of the number");
        let unit = section.maybe("unit");
        let units = section.values("units");
        Some(Self {
            table: table?,
            patient: patient?,
            date: date?,
            item: item?,
            value: value?,
            unit: unit?,
            units: units?,
        })
    }
}

impl Settings for CodeTable {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let table = section.required("table", "the file, such as \"diagnoses.csv\"");
        let patient = section.maybe("patient");
        let date = section.required("date", "the column of the day");
        let until = section.maybe("until");
        let code = section.required("code", "the column of the code");
        let system = section.required(
            "system",
            "what the codes are of: \"icd10\", \"icd9\", \"atc\", \"loinc\", \"snomed\", \"omop\", or \
             a name of your own",
        );
        let certainty = section.or("certainty", vec!["G".to_owned()]);
        let certainty: Option<Vec<char>> = certainty?.iter().map(|text| letter(text)).collect();
        if certainty.is_none() {
            let hint = "list letters of G (certain), V (suspected), A (excluded) and Z (past)";
            section.problem("certainty", "not a letter of certainty", hint);
        }
        Some(Self {
            table: table?,
            patient: patient?,
            date: date?,
            until: until?,
            code: code?,
            system: system?,
            certainty: certainty?,
        })
    }
}

/// A letter of certainty.
fn letter(text: &str) -> Option<char> {
    "GVAZ".chars().find(|letter| text.eq_ignore_ascii_case(letter.encode_utf8(&mut [0; 4])))
}
