//! Which run a person means who types the beginning of a name.

use base::ids::{RunId, RunPrefix};

use super::ArchiveError;

/// Names that an answer to an ambiguous one lists, at most.
const LISTED: usize = 10;

/// Names to look for: one more than are listed, so that it is known whether there are others.
pub(super) const LOOKED_AT: u32 = 11;

/// The run that is meant among `candidates`, which begin so; none where there is none.
///
/// # Errors
/// Several begin so, and none is the whole of what was typed.
pub(crate) fn meant(
    prefix: &RunPrefix,
    mut candidates: Vec<RunId>,
) -> Result<Option<RunId>, ArchiveError> {
    candidates.sort();
    candidates.dedup();
    if let Some(whole) = candidates.iter().find(|run| run.as_str() == prefix.as_str()) {
        return Ok(Some(whole.clone()));
    }
    if candidates.len() > 1 {
        let more = candidates.len() > LISTED;
        candidates.truncate(LISTED);
        return Err(ArchiveError::Ambiguous { prefix: prefix.clone(), runs: candidates, more });
    }
    Ok(candidates.pop())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(names: &[&str]) -> Vec<RunId> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn a_unique_beginning_or_a_whole_name_means_one_run() {
        let prefix = |text: &str| text.parse::<RunPrefix>().unwrap();
        let found = |text: &str, names: &[&str]| meant(&prefix(text), runs(names));
        let one = |text: &str, names: &[&str]| found(text, names).unwrap().unwrap().to_string();
        assert_eq!(one("calm-", &["calm-heron-1"]), "calm-heron-1");
        // The same run by two ways, and a whole name that another one begins with.
        assert_eq!(one("calm", &["calm-heron-1", "calm-heron-1"]), "calm-heron-1");
        assert_eq!(one("run", &["run-2", "run", "run-1"]), "run");
        assert!(found("calm", &[]).unwrap().is_none());
    }

    #[test]
    fn an_ambiguous_beginning_is_told_with_the_first_names() {
        let names: Vec<String> = (0..12).map(|number| format!("calm-{number:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let error = meant(&"calm".parse().unwrap(), runs(&names)).unwrap_err();
        let ArchiveError::Ambiguous { runs: listed, more, .. } = &error else { panic!("{error}") };
        assert_eq!((listed.len(), *more), (10, true));
        let text = error.to_string();
        assert!(text.contains("calm-00, calm-01") && text.contains("calm-09 and more"), "{text}");
    }
}
