//! `[describe]`, and the question that it makes of an experiment.

use super::{DescribedInput, StatisticsRequest};
use crate::experiment::{Aggregate, Missing, Plan, PlanError, Values, View, ViewSource};
use base::config::{Section, Settings};
use base::quote::quoted;

/// What is spent where nothing else is said.
const RHO: f64 = 0.05;

/// The `[describe]` table.
#[derive(Debug, Clone, PartialEq)]
pub struct Describe {
    /// What each hospital spends in all.
    pub rho: f64,
    /// The inputs that are described; every numeric one with bounds where none are listed.
    pub columns: Option<Vec<String>>,
    /// Bounds that stand in place of a view's range.
    pub bounds: Vec<(String, (f64, f64))>,
}

impl Default for Describe {
    fn default() -> Self {
        Self { rho: RHO, columns: None, bounds: Vec::new() }
    }
}

/// An input that is not described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: &'static str,
}

impl Settings for Describe {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let rho = section.or("rho", RHO);
        let columns = section.maybe("columns");
        let mut bounds = Vec::new();
        let mut sound = true;
        for (name, values) in section.values::<Vec<f64>>("bounds")? {
            if let &[lower, upper] = values.as_slice() {
                bounds.push((name, (lower, upper)));
            } else {
                let key = format!("bounds.{name}");
                section.problem_at(&key, "not two numbers", "write [lowest, highest]");
                sound = false;
            }
        }
        let rho = rho?;
        let columns = columns?;
        sound.then_some(Self { rho, columns, bounds })
    }
}

/// A column as it stands.
fn column(name: &str) -> View {
    let values = Values {
        unit: None,
        analyte: None,
        range: None,
        missing: Missing::Zero,
        center: 0.0,
        scale: 1.0,
        transform: None,
    };
    let source = ViewSource::Number { column: name.to_owned(), values };
    View { name: name.to_owned(), source }
}

/// A view of the plan, described as it is measured: bounds and quartiles are in the view's unit.
fn untransformed(mut view: View) -> View {
    if let ViewSource::Number { values, .. } | ViewSource::Measurement { values, .. } =
        &mut view.source
    {
        values.transform = None;
    }
    view
}

/// Bounds that the contract itself gives: a count is not of what its range is about.
fn range(view: &View) -> Option<(f64, f64)> {
    match &view.source {
        ViewSource::Number { values, .. } => values.range,
        ViewSource::Measurement { values, aggregate, .. } if *aggregate != Aggregate::Count => {
            values.range
        }
        _ => None,
    }
}

impl Describe {
    /// The question that is asked for a plan, and the inputs that it leaves out.
    ///
    /// # Errors
    /// It names an input that the plan has not, or that cannot be described.
    pub fn question(&self, plan: &Plan) -> Result<(StatisticsRequest, Vec<LeftOut>), PlanError> {
        let columns = plan.features.iter().map(|feature| column(&feature.column));
        let all: Vec<View> = columns.chain(plan.views.iter().cloned().map(untransformed)).collect();
        let known = |name: &String| all.iter().any(|view| view.name == *name);
        let listed = self.columns.iter().flatten().map(|name| ("describe.columns", name));
        let bounded = self.bounds.iter().map(|(name, _)| ("describe.bounds", name));
        if let Some((key, name)) = listed.chain(bounded).find(|(_, name)| !known(name)) {
            let what = format!("{} is no input of this experiment", quoted(name));
            return Err(PlanError {
                key,
                what,
                hint: "name one of features.columns or a view".into(),
            });
        }
        let mut inputs = Vec::new();
        let mut left_out = Vec::new();
        for view in all {
            let listed = self.columns.as_ref().map(|columns| columns.contains(&view.name));
            let given = self.bounds.iter().find(|(name, _)| *name == view.name);
            let bounds = given.map(|(_, bounds)| *bounds).or_else(|| range(&view));
            let why = match bounds {
                _ if listed == Some(false) => continue,
                _ if !view.source.is_numeric() => "not a number",
                None => "no public bounds: give them in [describe.bounds]",
                Some((lower, upper)) => {
                    inputs.push(DescribedInput { view, lower, upper });
                    continue;
                }
            };
            if listed == Some(true) {
                let what = format!("{} cannot be described: {why}", quoted(&view.name));
                let hint = "mend it, or leave it out of the list".to_owned();
                return Err(PlanError { key: "describe.columns", what, hint });
            }
            left_out.push(LeftOut { name: view.name, why });
        }
        let name = plan.name.clone();
        let outcome = plan.outcome.clone();
        let rho = self.rho;
        let min_sites = plan.aggregation.min_sites;
        Ok((StatisticsRequest { name, outcome, inputs, rho, min_sites }, left_out))
    }
}
