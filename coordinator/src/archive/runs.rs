//! Runs, as the registry holds them.

use base::ids::{RunId, RunPrefix};
use node::wire::{Answer, MAX_LISTED, PAGE, RoundSummary, RunSummary, SiteMetric};

use super::names::{LOOKED_AT, meant};
use super::pages::pages;
use super::{ArchiveError, Hear};
use crate::registry::{INTERRUPTED, Registry, RoundRow, RunRow};

/// Who drives the runs that have no end.
#[derive(Debug, Clone)]
pub(super) enum Driven {
    /// This process, these runs.
    Here(Vec<RunId>),
    /// Another process, all of them as far as can be seen from here.
    Elsewhere,
}

/// The status of a run, as it is told.
pub(super) fn status<'r>(row: &'r RunRow, driven: &Driven) -> &'r str {
    let is_driven = match driven {
        Driven::Here(active) => active.iter().any(|run| run.as_str() == row.id),
        Driven::Elsewhere => true,
    };
    if row.has_no_end() && !is_driven { INTERRUPTED } else { &row.status }
}

/// The runs of a registry.
pub(super) struct Runs {
    pub registry: Registry,
    /// Who drives those that have no end.
    pub driven: Driven,
}

impl Runs {
    /// The newest runs.
    pub fn list(&self, most: u32, hear: Hear<'_>) -> Result<(), ArchiveError> {
        let most = most.min(MAX_LISTED);
        let mut rows = self.registry.latest(most.saturating_add(1))?;
        let more = rows.len() > most as usize;
        rows.truncate(most as usize);
        let rows = rows.into_iter().map(|row| self.summary(row));
        if pages(rows, |page| hear(Answer::Runs(page))).is_continue() {
            let _ = hear(Answer::End { more });
        }
        Ok(())
    }

    /// One run: itself, its rounds, and what each site told of the final model.
    pub fn show(&self, prefix: &RunPrefix, hear: Hear<'_>) -> Result<(), ArchiveError> {
        let registry = &self.registry;
        let run = find(registry, prefix)?;
        let row = registry.run(run.as_str())?;
        // What the sites told of the final model stands where the next round would.
        let after = row.rounds.saturating_add(1);
        let last = registry.mean_metrics(run.as_str(), after)?;
        if hear(Answer::Run(self.summary(row))).is_break()
            || pages(last.into_iter(), |page| hear(Answer::Last(page))).is_break()
        {
            return Ok(());
        }
        let mut told = 0;
        loop {
            let rows = registry.rounds(run.as_str(), told, PAGE)?;
            let Some(newest) = rows.last() else { break };
            told = newest.round;
            if pages(rows.into_iter().map(round), |page| hear(Answer::Rounds(page))).is_break() {
                return Ok(());
            }
        }
        let sites = registry.site_metrics(run.as_str(), after)?;
        let sites = sites.into_iter().flat_map(|(site, metrics)| {
            metrics.into_iter().map(move |metric| SiteMetric { site: site.clone(), metric })
        });
        if pages(sites, |page| hear(Answer::Sites(page))).is_continue() {
            let _ = hear(Answer::End { more: false });
        }
        Ok(())
    }

    fn summary(&self, row: RunRow) -> RunSummary {
        let status = status(&row, &self.driven).to_owned();
        RunSummary {
            run: row.id,
            experiment: row.experiment,
            status,
            reason: row.reason,
            started: row.started,
            ended: row.ended,
            plan: row.plan_digest,
            model: row.model,
            file_sha256: row.file_sha256,
            rounds: row.rounds,
        }
    }
}

/// The run that is meant.
pub(super) fn find(registry: &Registry, prefix: &RunPrefix) -> Result<RunId, ArchiveError> {
    let names = registry.named(prefix.as_str(), LOOKED_AT)?;
    let names = names.into_iter().filter_map(|name| name.parse().ok()).collect();
    meant(prefix, names)?.ok_or_else(|| ArchiveError::Unknown(prefix.clone()))
}

fn round(row: RoundRow) -> RoundSummary {
    let RoundRow { round, sites, seconds, bytes, metrics } = row;
    RoundSummary { round, sites, seconds, bytes, metrics }
}
