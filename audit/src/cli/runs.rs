//! Which run a person means who types the beginning of a name.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::PathBuf;

use crate::Name;
use crate::show::{Filter, show};

/// Names that an answer to an ambiguous one lists, at most.
const LISTED: usize = 10;

/// The run that is meant, by the names in these logs: the whole of one, or the beginning of one alone. Where none
/// begins so, what was typed.
///
/// # Errors
/// A log cannot be read, or several names begin so.
pub(super) fn meant(folders: &[PathBuf], typed: &Name) -> Result<Name, Box<dyn Error>> {
    let mut found: BTreeSet<Name> = BTreeSet::new();
    for folder in folders {
        show(folder, &Filter::default(), &mut |record| {
            let run = record.record.run.as_ref();
            if let Some(run) = run.filter(|run| run.as_str().starts_with(typed.as_str()))
                && !found.contains(run)
            {
                found.insert(run.clone());
                if found.len() > LISTED + 1 {
                    // One more than are listed tells that there are others. The whole name comes first in order.
                    found.pop_last();
                }
            }
        })?;
    }
    Ok(chosen(found, typed)?)
}

/// The one of these names, which begin as what was typed, that is meant.
fn chosen(mut found: BTreeSet<Name>, typed: &Name) -> Result<Name, String> {
    if found.contains(typed) || found.is_empty() {
        return Ok(typed.clone());
    }
    if found.len() > 1 {
        let listed: Vec<&str> = found.iter().take(LISTED).map(Name::as_str).collect();
        let more = if found.len() > LISTED { " and more" } else { "" };
        let listed = listed.join(", ");
        return Err(format!(
            "--run {typed}: several names begin so: {listed}{more}; type more of the one that is meant"
        ));
    }
    Ok(found.pop_first().unwrap_or_else(|| typed.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_meant_by_all_of_it_or_by_a_beginning_of_its_own() {
        let chosen = |found: &[&str], typed: &str| {
            let found = found.iter().map(|name| name.parse().unwrap()).collect();
            chosen(found, &typed.parse().unwrap()).map(|run| run.to_string())
        };
        assert_eq!(chosen(&["calm-heron-1"], "calm-").unwrap(), "calm-heron-1");
        assert_eq!(chosen(&["run", "run-1"], "run").unwrap(), "run");
        assert_eq!(chosen(&[], "gone").unwrap(), "gone");
        let several = chosen(&["calm-heron-1", "calm-heron-2"], "calm").unwrap_err();
        assert!(several.contains("calm-heron-1, calm-heron-2; type more"), "{several}");
    }
}
