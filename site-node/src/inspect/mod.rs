//! What a hospital's data engineer is told of the data, inside the hospital.
//!
//! ```text
//! cohort.toml ─► patients ─► outcome ─► policy's least ─► signals ─► contract ─► Findings
//! ```
//!
//! Every mistake at once, by file, row and column. Nothing here reaches a network or a log.

mod finding;
mod horizon;
mod notes;
mod place;
mod policy_lists;
mod signals;
mod summary;
mod value;

use std::path::Path;

use plan::experiment::{Missing, Outcome, Plan, TimeUnit, ViewSource};
use plan::policy::Policy;

use crate::cohort::Cohort;
use crate::data::prepare::Progress;
use crate::data::{CellFault, DataError, Day, MeaningError, Patients, Problems, Source};
use crate::features::{FeatureError, Lookup, Rules, Spread, Units, caution, gather};

pub use finding::Finding;
pub use policy_lists::unknown_in_policy;
pub use summary::{Summary, summaries};
pub use value::value;

/// The most mistakes that are kept.
const MAX: usize = 200;
/// The most units that are not known and named.
const MAX_UNITS: usize = 20;

/// What was found.
#[derive(Debug)]
pub struct Findings {
    /// Mistakes, in the order of the check.
    pub problems: Vec<Finding>,
    /// How many more there are.
    pub more: usize,
    /// What is worth knowing and no mistake.
    pub notes: Vec<String>,
}

/// What the data are held against.
pub struct Check<'c> {
    /// What `cohort.toml` says.
    pub source: &'c Source,
    /// The hospital's policy, for the least number of patients and events.
    pub policy: Option<&'c Policy>,
    /// The contract.
    pub plan: Option<&'c Plan>,
    /// The day of the check: no follow-up ends after it.
    pub today: Option<Day>,
    /// Where ECGs and images are kept in their form.
    pub cache: &'c Path,
}

/// Reads everything, and says all that is wrong with it. `tell` is called after each ECG or image, with
/// what they are.
pub fn check(asked: &Check<'_>, tell: &(dyn Fn(&'static str, Progress) + Sync)) -> Findings {
    let mut problems = Problems::new(MAX);
    let mut found = Findings { problems: Vec::new(), more: 0, notes: Vec::new() };
    let patients = Patients::read_until(asked.source, asked.today, &mut problems);
    if let Some(patients) = patients {
        let unknown = asked.policy.map(|policy| unknown_in_policy(policy, asked.source, &patients));
        found.notes.extend(unknown.unwrap_or_default());
        let units = patients.measurements.iter().flat_map(|(_, table)| table.unknown_units());
        found.notes.extend(units.take(MAX_UNITS).map(|unit| unit.to_string()));
        notes::of_patients(asked, &patients, &mut problems, &mut found.notes);
        ends(asked, &patients, &mut problems);
        signals::check(asked, &patients, &mut problems, &mut found.notes, tell);
        let before = problems.noted();
        let cohort = cohort(asked, patients, &mut problems);
        if let Some(cohort) = &cohort {
            // Where outcomes could not be read, they cannot be counted either.
            if problems.noted() == before {
                least(asked, cohort, &mut found);
                // Likewise times.
                if cohort.patients().sound_times {
                    zero_times(cohort, &mut found);
                    horizon::check(asked, cohort, &mut found);
                }
            }
            if let (Some(plan), Some(policy)) = (asked.plan, asked.policy)
                && let Err(denied) =
                    policy.admit_measurements(&plan.views, asked.source.measurements.len())
            {
                let fix = "list it in policy.toml by its table, or leave it unlisted";
                found.problems.push(Finding::about("policy", denied.to_string(), fix));
            }
            if let Some(plan) = asked.plan {
                contract(cohort.patients(), plan, &mut problems, &mut found);
            }
        }
    }
    let told: Vec<Finding> =
        problems.grouped().map(|(error, repeats)| Finding::repeated(error, repeats)).collect();
    found.problems.splice(..0, told);
    found.notes.splice(..0, problems.remarks().iter().cloned());
    found.more = problems.more();
    found
}

/// The outcome by the contract, or else by `cohort.toml`.
fn cohort(asked: &Check<'_>, patients: Patients, problems: &mut Problems) -> Option<Cohort> {
    let outcome = match (asked.plan, &asked.source.outcome) {
        (Some(plan), _) => plan.outcome.clone(),
        (None, Some(own)) => {
            let time = own.time.clone();
            let event = own.event.clone();
            let causes = own.causes.clone();
            Outcome { time, unit: own.unit, event, edges: Vec::new(), causes }
        }
        (None, None) if asked.source.omop.is_some() => {
            let time = "time".to_owned();
            let event = "event".to_owned();
            Outcome { time, unit: TimeUnit::Days, event, edges: Vec::new(), causes: Vec::new() }
        }
        (None, None) => {
            let what = "the table";
            let name = "outcome".to_owned();
            problems.note(DataError::Meaning(MeaningError::NoSource { what, name, nearest: None }));
            return None;
        }
    };
    Cohort::check(patients, &outcome, asked.source.split.as_deref(), problems)
}

/// Follow-up that ends after today.
fn ends(asked: &Check<'_>, patients: &Patients, problems: &mut Problems) {
    let named = asked.source.outcome.as_ref().and_then(|outcome| outcome.ends.as_ref());
    let (Some(name), Some(today)) = (named, asked.today) else { return };
    let Ok(column) = patients.table.column(name) else { return };
    for (row, day) in column.days().into_iter().enumerate() {
        if matches!(day, Ok(Some(day)) if day > today) {
            problems.note(column.bad_cell(row, CellFault::AfterToday));
        }
    }
}

/// Whether there are as many patients and events as the policy asks for.
fn least(asked: &Check<'_>, cohort: &Cohort, found: &mut Findings) {
    let patients = cohort.training_patients();
    let events = cohort.training_events();
    if let Some(policy) = asked.policy {
        match policy.admit_cohort(patients, events) {
            Ok(()) => {
                found.notes.push("as many patients and events as the policy asks for".to_owned());
            }
            Err(denied) => found.problems.push(Finding::about(
                "cohort",
                denied.to_string(),
                "no run can take place until there are more, or the policy asks for fewer",
            )),
        }
    } else if events == 0 {
        let what = "no training patient had the event".to_owned();
        found.problems.push(Finding::about(
            "cohort",
            what,
            "a Cox model learns nothing here, and a hazard little; use data with events",
        ));
    }
}

/// Patients who were not followed at all.
fn zero_times(cohort: &Cohort, found: &mut Findings) {
    if cohort.zero_times() > 0 {
        found.notes.push(format!(
            "{} patients: {}",
            cohort.zero_times(),
            crate::data::CellFault::ZeroTime
        ));
    }
}

/// What the contract asks of tables, measurements and codes.
fn contract(patients: &Patients, plan: &Plan, problems: &mut Problems, found: &mut Findings) {
    let mut scales = Vec::new();
    for feature in &plan.features {
        let Some(column) = problems.take(patients.feature(&feature.column)) else { continue };
        let mut spread = Spread::default();
        for row in 0..column.len() {
            let fault = match column.number(row) {
                Ok(Some(value)) => {
                    spread.add((value - feature.center) / feature.scale);
                    continue;
                }
                Ok(None) => crate::data::CellFault::Empty,
                Err(fault) => fault,
            };
            problems.note(column.bad_cell(row, fault));
        }
        scales.push((feature.column.clone(), spread));
    }
    let all = patients.table.len();
    let mut lookup = Lookup::new(patients);
    found.notes.extend(lookup.in_words(&plan.views).iter().map(ToString::to_string));
    for view in &plan.views {
        // Strictly, whatever the mode: here and nowhere else is a unit that does not convert told.
        let rules = Rules { units: Units::Refuse, ..Rules::of(plan.privacy.mode) };
        if !notes::cells(patients, view, problems, found) {
            continue;
        }
        match gather(&mut lookup, view, rules) {
            Ok(gathered) => {
                if let ViewSource::Number { values, .. } | ViewSource::Measurement { values, .. } =
                    &view.source
                {
                    let mut spread = Spread::default();
                    let scaled = gathered.values.iter().flatten();
                    scaled.filter_map(|value| values.scaled(*value)).for_each(|x| spread.add(x));
                    scales.push((view.name.clone(), spread));
                }
                let missing = gathered.values.iter().filter(|value| value.is_none()).count();
                found.notes.push(format!(
                    "view {:?}: {:.1} % of patients without a value, {} records out of range",
                    view.name,
                    100.0 * missing as f64 / all.max(1) as f64,
                    gathered.outside
                ));
                if notes::is_of_nothing(patients, view) {
                    let what = format!("view {:?}: no patient has a record of its item", view.name);
                    let fix = "check its table and item, and that patients are written alike in every table";
                    found.problems.push(Finding::about("contract", what, fix));
                } else if missing == all && all > 0 {
                    let what = format!("view {:?}: no patient has a value", view.name);
                    let fix = "check its column or item, its words and units, and that patients are \
                               written alike in every table";
                    found.problems.push(Finding::about("contract", what, fix));
                } else if missing > 0 && view.missing() == Some(Missing::Refuse) {
                    let what = format!("view {:?}: {missing} patients have no value", view.name);
                    let fix = "remove them, or ask for a contract that says what stands for it";
                    found.problems.push(Finding::about("contract", what, fix));
                }
            }
            Err(FeatureError::Data(error)) => problems.note(error),
            Err(FeatureError::NoEncoder { .. }) => {}
            Err(error) => {
                let fix = "ask for a contract that this data can keep";
                found.problems.push(Finding::about("contract", error.to_string(), fix));
            }
        }
    }
    found.notes.extend(caution(&scales));
}
