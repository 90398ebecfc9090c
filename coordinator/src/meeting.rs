//! How a hospital's audit log is met: its key, and how much of the coordinator's own log the hospital has seen.

use audit::note::VerifierKey;
use base::ids::SiteName;
use node::audit_log::{AuditWriter, Held, PeerError, name};
use node::wire::{Hello, KeptLog, Refusal};

use crate::site_logs::{NewLog, SiteLog, SiteLogs};

/// Meets a site's log; its key, and the records of the coordinator's log that the site has seen.
pub(crate) fn meet(
    audit: &AuditWriter,
    site: &SiteName,
    hello: &Hello,
) -> Result<(VerifierKey, u64), Refusal> {
    let shown = hello.log.as_ref().ok_or_else(|| Refusal::Log("a site keeps one".to_owned()))?;
    let key = own_log(audit, site, shown)?;
    Ok((key, seen(audit, site, shown)?))
}

/// The key of the log that a site shows, where it counts.
fn own_log(audit: &AuditWriter, site: &SiteName, shown: &KeptLog) -> Result<VerifierKey, Refusal> {
    let of = name(site.as_str());
    let logs = SiteLogs::of(&audit.state());
    let log = SiteLog { key: shown.key.clone(), data_set: shown.data_set.clone() };
    let refused = |error: PeerError| Refusal::Log(error.to_string());
    let key = match audit.meet(&of, &shown.key, true) {
        Err(PeerError::Replaced { .. }) if logs.is_accepted(site, &shown.key) => {
            let key = audit.trust(&of, &shown.key).map_err(refused)?;
            tracing::warn!(%site, log = %key, "a new log of a known site, which the operator accepted");
            if let Err(error) = logs.done(site) {
                tracing::warn!(%site, %error, "the operator's decision stays in the state folder");
            }
            key
        }
        Err(PeerError::Replaced { found, .. }) => {
            return Err(wait(&logs, site, SiteLog { key: found, ..log }));
        }
        met => met.map_err(refused)?,
    };
    if let Err(error) = logs.remember(site, &SiteLog { key: key.to_string(), ..log }) {
        tracing::error!(%site, %error, "what is known of the site's log cannot be kept");
    }
    Ok(key)
}

/// A log that counts only once the operator has accepted it.
fn wait(logs: &SiteLogs, site: &SiteName, log: SiteLog) -> Refusal {
    let found = &log.key;
    let what = match logs.judge(site, &log) {
        second @ NewLog::OfAnotherDataSet { .. } => {
            tracing::error!(
                %site, log = found,
                "a known site shows the audit log of {second}. Ask its people by another way than the network; \
                 if the data set and the key are theirs, run `coordinator sites accept {site} {found}`"
            );
            second.to_string()
        }
        NewLog::InPlaceOfAnother => {
            tracing::error!(
                %site, log = found,
                "a known site shows a new audit log: its old one was lost or restarted. Ask its people by another \
                 way than the network; if the key is theirs, run `coordinator sites accept {site} {found}`"
            );
            "a new log of a hospital that is known".to_owned()
        }
    };
    if let Err(error) = logs.show(site, &log) {
        tracing::error!(%site, %error, "the key cannot be kept for the operator");
    }
    Refusal::Log(format!(
        "{what}. It waits for the coordinator's operator, who runs `coordinator sites accept {site} {found}` once your \
         people have confirmed that key; then start again"
    ))
}

/// How much of the coordinator's log a site has seen.
fn seen(audit: &AuditWriter, site: &SiteName, shown: &KeptLog) -> Result<u64, Refusal> {
    let Some(Ok(seen)) = shown.seen.as_deref().map(|seen| audit.held(seen)) else {
        // It knows nothing of this log, or only of an earlier one.
        return Ok(0);
    };
    match seen {
        Held::At(size) => Ok(size),
        Held::Never => Err(restored(audit, site)),
        Held::Removed => Err(removed(audit, site)),
    }
}

/// The site saw records of this log that are not in it.
fn restored(audit: &AuditWriter, site: &SiteName) -> Refusal {
    tracing::error!(%site, "the coordinator's log lacks what this site saw of it");
    // Proven by this log's own signature: nothing more may be recorded in it.
    audit.fail(format!(
        "this coordinator's audit log lacks what {site} saw of it: it was put back from an older copy; begin \
         the next log with `coordinator audit restart --reason restored`"
    ));
    let why =
        "the coordinator's lacks what this site saw of it: it was put back from an older copy";
    Refusal::Log(why.to_owned())
}

/// The site was away for longer than this log's records are kept, and the log cannot prove how it went on.
fn removed(audit: &AuditWriter, site: &SiteName) -> Refusal {
    let key = audit.verifier();
    tracing::error!(
        %site,
        "the records of this coordinator's log that this site saw last were removed. Tell its people the key {key} by \
         another way than the network; they run `site-node trust {key}`"
    );
    Refusal::Log(format!(
        "the coordinator removed the records of its log that this site saw last, and cannot prove how it went on. Ask \
         its people by another way than the network; if they confirm the key, run `site-node trust {key}`, then \
         start again"
    ))
}
