//! Harrell's C within declared subgroups: whether a model serves all patients alike.

use super::{Held, Score, concordance, note, plain};
use crate::train::Examples;

/// The C-index within the patients of each category or code of some views, `test.c_index/VIEW.WORD`.
pub(super) fn within(held: &Held<'_>, views: &[String], risk: &[f64], scores: &mut Vec<Score>) {
    let names = held.plan.input_names();
    let groups = held.plan.input_groups();
    for (view, places) in groups.into_iter().filter(|(name, _)| views.contains(name)) {
        for place in places {
            let Some(name) = names.get(place) else { continue };
            let word = name.strip_prefix(&view).unwrap_or(name).trim_start_matches('=');
            let members = members(held.test, place);
            if members.len() < held.least.max(2) {
                continue;
            }
            let (part, risk) = (held.test.select(&members), picked(risk, &members));
            let c = part.ok().and_then(|part| concordance(&part, &risk));
            note(scores, format!("test.c_index/{}.{}", plain(&view), plain(word.trim())), c);
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
