//! Runs, as the registry holds them.

use base::ids::{RunId, RunPrefix};
use node::wire::{Answer, MAX_LISTED, PAGE, RoundSummary, RunSummary, SiteMetric};

use super::names::{LOOKED_AT, meant};
use super::pages::pages;
use super::{ArchiveError, Hear};
use crate::registry::{Registry, RoundRow, RunRow};

/// The newest runs.
pub(super) fn list(registry: &Registry, most: u32, hear: Hear<'_>) -> Result<(), ArchiveError> {
    let most = most.min(MAX_LISTED);
    let mut rows = registry.latest(most.saturating_add(1))?;
    let more = rows.len() > most as usize;
    rows.truncate(most as usize);
    if pages(rows.into_iter().map(summary), |page| hear(Answer::Runs(page))).is_continue() {
        let _ = hear(Answer::End { more });
    }
    Ok(())
}

/// One run: itself, its rounds, and what each site told of the final model.
pub(super) fn show(
    registry: &Registry,
    prefix: &RunPrefix,
    hear: Hear<'_>,
) -> Result<(), ArchiveError> {
    let run = find(registry, prefix)?;
    let row = registry.run(run.as_str())?;
    // What the sites told of the final model stands where the next round would.
    let after = row.rounds.saturating_add(1);
    let last = registry.mean_metrics(run.as_str(), after)?;
    if hear(Answer::Run(summary(row))).is_break()
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

/// The run that is meant.
pub(super) fn find(registry: &Registry, prefix: &RunPrefix) -> Result<RunId, ArchiveError> {
    let names = registry.named(prefix.as_str(), LOOKED_AT)?;
    let names = names.into_iter().filter_map(|name| name.parse().ok()).collect();
    meant(prefix, names)?.ok_or_else(|| ArchiveError::Unknown(prefix.clone()))
}

fn summary(row: RunRow) -> RunSummary {
    RunSummary {
        run: row.id,
        experiment: row.experiment,
        status: row.status,
        reason: row.reason,
        started: row.started,
        ended: row.ended,
        plan: row.plan_digest,
        model: row.model,
        file_sha256: row.file_sha256,
        rounds: row.rounds,
    }
}

fn round(row: RoundRow) -> RoundSummary {
    let RoundRow { round, sites, seconds, bytes, metrics } = row;
    RoundSummary { round, sites, seconds, bytes, metrics }
}
