//! Harrell's C within declared subgroups: whether a model serves all patients alike.

use plan::metric::MetricId;
use survival::{Survival, harrell_c, ranked};

use super::{Held, Score, note};
use crate::examples::Examples;

/// The least patients of a group, whatever a policy says.
const LEAST: usize = 10;

/// The C-index within the patients of each category or code of some views.
pub(super) fn within(held: &Held<'_>, views: &[String], risk: &[f64], scores: &mut Vec<Score>) {
    let names = held.plan.input_names();
    let groups = held.plan.input_groups();
    for (view, places) in groups.into_iter().filter(|(name, _)| views.contains(name)) {
        for place in places {
            let Some(name) = names.get(place) else { continue };
            // An indicator of who lacks a value is no category.
            if !name.starts_with(&format!("{view}=")) {
                continue;
            }
            let word = name.strip_prefix(&view).unwrap_or(name).trim_start_matches('=');
            let members = members(held.test, place);
            // Neither a small group, nor all but a small one.
            let least = held.least.max(LEAST);
            let rest = held.test.len() - members.len();
            if members.len() < least || (rest > 0 && rest < least) {
                continue;
            }
            let outcome =
                |&patient: &usize| ranked(held.test.time()[patient], held.test.cause()[patient], 1);
            let (time, event) = members.iter().map(outcome).unzip();
            let part = Survival::new(time, event).ok();
            let c = part.and_then(|part| harrell_c(&part, &picked(risk, &members)).ok());
            note(scores, MetricId::subgroup(&view, word.trim()), c);
        }
    }
}

/// The patients for whom an input is above zero: who is of the category, or has the code.
fn members(patients: &Examples, place: usize) -> Vec<usize> {
    let rows = patients.features().chunks_exact(patients.width().max(1));
    let of = |(patient, row): (usize, &[f32])| {
        row.get(place).is_some_and(|value| *value > 0.0).then_some(patient)
    };
    rows.enumerate().filter_map(of).collect()
}

fn picked(risk: &[f64], patients: &[usize]) -> Vec<f64> {
    patients.iter().filter_map(|&patient| risk.get(patient).copied()).collect()
}
