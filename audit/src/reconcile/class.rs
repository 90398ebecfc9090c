//! How two logs differ.

use serde::Serialize;

use crate::judgement::Level;
use crate::name::Name;

/// How two logs differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The site sent it, nothing was interrupted, and the coordinator tells nothing of it.
    Lost,
    /// The site was told that it had arrived; the coordinator tells nothing of it.
    Dropped,
    /// The coordinator received it; the site sent nothing.
    Forged,
    /// What was received is not what was sent, or the round began from another model or plan.
    Altered,
    /// The site sent it without a charge to its ledger.
    Uncharged,
    /// The site sent it without its consent to the run, or to this plan of it.
    Unconsented,
    /// The coordinator took it twice.
    Duplicate,
    /// It was received long before or after it was sent.
    ClockSkew,
    /// It was on its way when one of the two nodes, or the run, ended. It never arrived.
    Undelivered,
    /// It was sent after the copy of the coordinator's log was made.
    Pending,
    /// The coordinator's log says that it refused it, and by which rule.
    Rejected,
    /// One side tells of it, and a log of the other side was not given.
    Unaccounted,
    /// Both tell of it, one of them in a record that is not signed yet.
    Unsigned,
}

impl Class {
    /// Its name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Dropped => "dropped",
            Self::Forged => "forged",
            Self::Altered => "altered",
            Self::Uncharged => "uncharged",
            Self::Unconsented => "unconsented",
            Self::Duplicate => "duplicate",
            Self::ClockSkew => "clock-skew",
            Self::Undelivered => "undelivered",
            Self::Pending => "pending",
            Self::Rejected => "rejected",
            Self::Unaccounted => "unaccounted",
            Self::Unsigned => "unsigned",
        }
    }

    /// How grave it is.
    #[must_use]
    pub fn level(self) -> Level {
        match self {
            Self::Undelivered | Self::Pending | Self::Rejected => Level::Explained,
            Self::Lost | Self::ClockSkew | Self::Unaccounted | Self::Unsigned => Level::Attention,
            Self::Dropped
            | Self::Forged
            | Self::Altered
            | Self::Uncharged
            | Self::Unconsented
            | Self::Duplicate => Level::Violation,
        }
    }

    /// What it means, after "what SITE sent, or is said to have sent".
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Lost => {
                "was sent and never acknowledged, and the coordinator's log does not tell of it: the \
                 connection broke, or the coordinator dropped it"
            }
            Self::Dropped => "was acknowledged by the coordinator, whose log does not tell of it",
            Self::Forged => "was received, by the coordinator's log, and the site did not send it",
            Self::Altered => "is not the same in both logs",
            Self::Uncharged => "was sent without a charge to the site's ledger",
            Self::Unconsented => "was sent without the site's consent to this plan",
            Self::Duplicate => "was taken twice by the coordinator",
            Self::ClockSkew => "was received long before or after it was sent: the clocks disagree",
            Self::Undelivered => {
                "was on its way when a node or the run ended. It left the site and never arrived"
            }
            Self::Pending => "was sent after the copy of the coordinator's log was made",
            Self::Rejected => "was refused by the coordinator, whose log names the rule",
            Self::Unaccounted => {
                "stands in one log alone, and a log of the other side was not given"
            }
            Self::Unsigned => {
                "stands in a record that is not signed yet, which proves nothing: ask for a later copy"
            }
        }
    }
}

/// One difference between the coordinator's log and a site's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Discrepancy {
    /// Of which run.
    pub run: Name,
    /// In which round; 0 where it is about numbers beside updates.
    pub round: u32,
    /// With which site.
    pub site: Name,
    /// Which kind it is.
    pub class: Class,
    /// The record of the coordinator that it is about, where there is one; 0 where it was archived.
    pub coordinator_seq: Option<u64>,
    /// The record of the site that it is about, where there is one; 0 where it was archived.
    pub site_seq: Option<u64>,
    /// The coordinator's log that holds its record, as `log+key id`.
    pub coordinator_log: Option<String>,
    /// The site's log that holds its record, as `log+key id`.
    pub site_log: Option<String>,
}

impl Discrepancy {
    pub(super) fn new(run: &Name, round: u32, site: &Name, class: Class) -> Self {
        Self {
            run: run.clone(),
            round,
            site: site.clone(),
            class,
            coordinator_seq: None,
            site_seq: None,
            coordinator_log: None,
            site_log: None,
        }
    }

    pub(super) fn with_coordinator(self, log: &str, seq: u64) -> Self {
        Self { coordinator_seq: Some(seq), coordinator_log: Some(log.to_owned()), ..self }
    }

    pub(super) fn with_site(self, log: &str, seq: u64) -> Self {
        Self { site_seq: Some(seq), site_log: Some(log.to_owned()), ..self }
    }
}
