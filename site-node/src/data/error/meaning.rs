//! Units, codes and columns that do not mean what a contract means.

/// Data that do not mean what the contract means. What follows the last "; " says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum MeaningError {
    /// A unit of `cohort.toml` that is not known.
    #[error(
        "cohort.toml: {of}: unit {unit:?} is not known here; write it as in the contract, such as \"mg/dL\""
    )]
    UnknownUnit {
        /// What it is the unit of.
        of: String,
        /// The unit.
        unit: String,
    },
    /// A unit in a cell that is not known.
    #[error(
        "{file}: row {row}, column {column:?}: a unit that is not known here; write it as in the \
         contract, such as \"mg/dL\""
    )]
    UnknownUnitCell {
        /// Which file.
        file: String,
        /// The first row with it.
        row: u64,
        /// The unit column.
        column: String,
    },
    /// A unit of `cohort.toml` that does not convert to the contract's.
    #[error("cohort.toml: {of}: {from:?} does not convert to {to:?}{}; correct the unit", of_what(analyte.as_ref()))]
    NoConversion {
        /// What is measured.
        of: String,
        /// The hospital's unit.
        from: String,
        /// The contract's.
        to: String,
        /// What the contract says is measured.
        analyte: Option<String>,
    },
    /// A unit in a cell that does not convert to the contract's.
    #[error(
        "{file}: row {row}, column {column:?}: {}: a unit that does not convert to {:?}{}; correct the unit",
        wanted.of, wanted.to, of_what(wanted.analyte.as_ref())
    )]
    NoConversionCell {
        /// Which file.
        file: String,
        /// The first row with it.
        row: u64,
        /// The unit column.
        column: String,
        /// What the contract asks for.
        wanted: Box<Wanted>,
    },
    /// A contract names a unit and the hospital none.
    #[error(
        "{file}: {of} has no unit, and the contract asks for {to:?}; state it in cohort.toml or the table"
    )]
    NoUnit {
        /// Where it is missing.
        file: String,
        /// What is measured.
        of: String,
        /// The contract's unit.
        to: String,
    },
    /// The same, where units stand in cells.
    #[error(
        "{file}: row {row}, column {column:?}: {of} has no unit, and the contract asks for {to:?}; state it in \
         the cell"
    )]
    NoUnitCell {
        /// Which file.
        file: String,
        /// The first row without one.
        row: u64,
        /// The unit column.
        column: String,
        /// What is measured.
        of: String,
        /// The contract's unit.
        to: String,
    },
    /// A contract's time is not the outcome of `cohort.toml` and has no unit.
    #[error(
        "cohort.toml: column {column:?} is the contract's time and has no unit, and the contract counts \
         {to}; write {column:?} = \"days\", \"months\" or \"years\" under [units]"
    )]
    NoTimeUnit {
        /// The column.
        column: String,
        /// The contract's unit.
        to: &'static str,
    },
    /// A contract's causes are not those that the hospital's event column tells apart.
    #[error(
        "cohort.toml: column {column:?} tells {}, and the contract asks for {}; the contract must name the \
         causes that the hospital tells apart, in any order: correct it, or state what 1, 2, … stand for as \
         causes under [outcome] (OMOP tables tell death alone)",
        told(here),
        told(asked)
    )]
    OtherCauses {
        /// The event column.
        column: String,
        /// Its causes by `cohort.toml`; none where it states none.
        here: Vec<String>,
        /// The contract's.
        asked: Vec<String>,
    },
    /// A column that names patients or tells their outcome, asked for as a feature.
    #[error(
        "cohort.toml: column {column:?} is {what} and no feature; leave it out of the contract: a model \
         that reads its outcome has nothing to learn"
    )]
    NoFeature {
        /// The column.
        column: String,
        /// What `cohort.toml` says that it is.
        what: &'static str,
    },
    /// Codes that are none of their system, as far as their form tells.
    #[error("{file}: row {row}, column {column:?}: {}; {}", fault.what(system), fault.fix())]
    CodeSystem {
        /// Which file.
        file: String,
        /// Which row.
        row: u64,
        /// The code column.
        column: String,
        /// The system that it should be of.
        system: String,
        /// What is wrong with the code.
        fault: CodeFault,
    },
    /// A contract asks for another code system.
    #[error(
        "cohort.toml: codes {table:?} are {found}, and the contract asks for {wanted}; map the codes first"
    )]
    OtherSystem {
        /// The table's name in `cohort.toml`.
        table: String,
        /// Its system.
        found: String,
        /// The contract's.
        wanted: String,
    },
    /// A contract names a source that `cohort.toml` does not describe.
    #[error("cohort.toml: {what} {name:?} is not described{}", hint(nearest.as_ref()))]
    NoSource {
        /// Measurements, codes, an index date, …
        what: &'static str,
        /// Its name.
        name: String,
        /// The most similar one.
        nearest: Option<String>,
    },
}

/// What a contract asks for that is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The measurement, as the contract names it.
    pub of: String,
    /// The unit.
    pub to: String,
    /// What the contract says is measured.
    pub analyte: Option<String>,
}

fn told(causes: &[String]) -> String {
    if causes.is_empty() { "one event without a cause".to_owned() } else { format!("{causes:?}") }
}

fn hint(nearest: Option<&String>) -> String {
    nearest.map_or_else(
        || "; add it or correct its name".to_owned(),
        |name| format!("; did you mean {name:?}?"),
    )
}

fn of_what(analyte: Option<&String>) -> String {
    analyte.map_or_else(
        || " (mass and amount convert where the contract names the analyte)".to_owned(),
        |analyte| format!(" for {analyte}"),
    )
}

/// Why a text is no code of its system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeFault {
    /// It looks like a code of another system.
    Form,
    /// A letter for its certainty follows it, which this system does not have.
    Certainty,
    /// It is too short, as a code is whose leading zeros were lost.
    Zeros,
}

impl CodeFault {
    fn what(self, system: &str) -> String {
        match self {
            Self::Form => format!("no {system} code"),
            Self::Certainty => {
                format!("an {system} code with a letter for its certainty (G, V, A or Z)")
            }
            Self::Zeros => {
                format!("no {system} code: too short, as one is without its leading zeros")
            }
        }
    }

    fn fix(self) -> &'static str {
        match self {
            Self::Form => "check the key system in cohort.toml and the table",
            Self::Certainty => {
                "write system = \"icd10gm\" in cohort.toml, which reads the letter, or export the codes without it"
            }
            Self::Zeros => "export the codes as text, with their zeros",
        }
    }
}
