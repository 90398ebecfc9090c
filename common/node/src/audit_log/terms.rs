//! What a plan says that is agreed to, as records hold it.

use audit::Column;
use audit::record::{MAX_COLUMNS, Promise, Terms};

use super::name;
use plan::experiment::{Outcome, Plan, StatisticsRequest};
use privacy::epsilon;

/// Those of a run: its promise over all rounds that are planned.
#[must_use]
pub fn of_plan(plan: &Plan) -> Terms {
    let features = plan.features.iter().map(|feature| feature.column.clone());
    let views = plan.views.iter().map(plan::experiment::View::reads);
    let promised = plan.privacy.epsilon(plan.rounds).ok().flatten();
    Terms {
        experiment: Some(name(plan.name.as_str())),
        rounds: plan.rounds,
        promised: promised.and_then(|epsilon| promise(epsilon, plan.privacy.delta)),
        ..reads(features.chain(views), &plan.outcome)
    }
}

/// Those of a description whose ε is stated at a hospital's δ.
#[must_use]
pub fn of_question(question: &StatisticsRequest, delta: f64) -> Terms {
    let inputs = question.inputs.iter().map(|input| input.view.reads());
    Terms {
        experiment: Some(name(question.name.as_str())),
        rounds: question.count(),
        promised: promise(epsilon(question.rho, delta), delta),
        ..reads(inputs, &question.outcome)
    }
}

/// What is not a promise that a record can hold is none.
fn promise(epsilon: f64, delta: f64) -> Option<Promise> {
    (epsilon.is_finite() && epsilon > 0.0).then_some(Promise { epsilon, delta })
}

/// The columns alone. A name that no record can hold is counted and not told.
fn reads(inputs: impl Iterator<Item = String>, outcome: &Outcome) -> Terms {
    let outcome = [&outcome.time, &outcome.event].map(Clone::clone);
    let mut all: Vec<String> = inputs.chain(outcome).collect();
    all.sort();
    all.dedup();
    let columns = all.iter().filter_map(|column| column.parse::<Column>().ok());
    Terms {
        experiment: None,
        rounds: 1,
        promised: None,
        columns: columns.take(MAX_COLUMNS).collect(),
        columns_in_all: u32::try_from(all.len()).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use plan::experiment::Experiment;

    fn plan(file: &str) -> Plan {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/experiments").join(file);
        base::config::load::<Experiment>(&path, &[]).unwrap().plan
    }

    #[test]
    fn terms_tell_the_name_the_promise_and_the_columns() {
        let mut plan = plan("demo.toml");
        plan.features[0].column = "Größe in cm".to_owned();
        let terms = of_plan(&plan);
        assert_eq!((terms.experiment.as_ref().unwrap().as_str(), terms.promised), ("demo", None));
        assert_eq!((terms.rounds, terms.columns_in_all), (plan.rounds, 14));
        let told: Vec<&str> = terms.columns.iter().map(Column::as_str).collect();
        assert_eq!((told.len(), told[0], told[12]), (13, "event", "x12"));
        // As many as a plan may have fit one record.
        plan.features = (0..5000)
            .map(|number| plan::experiment::Feature {
                column: format!("{number:0>120}"),
                ..plan.features[1].clone()
            })
            .collect();
        let terms = of_plan(&plan);
        assert_eq!((terms.columns.len(), terms.columns_in_all), (MAX_COLUMNS, 5002));
        let event = audit::record::Event::Consent {
            plan: crate::audit_log::hash(plan.digest()),
            terms: Some(Box::new(terms)),
        };
        let entry = audit::record::Entry::new(name("daemon"), event).of_run(name("run-a"));
        assert_eq!(entry.check(), Ok(()));
    }

    #[test]
    fn a_private_plan_is_promised_what_plan_says() {
        let plan = plan("synthetic-private.toml");
        let epsilon = plan.privacy.epsilon(plan.rounds).unwrap().unwrap();
        let promise = Promise { epsilon, delta: plan.privacy.delta };
        assert_eq!(of_plan(&plan).promised, Some(promise));
    }
}
