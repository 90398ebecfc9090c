//! What is charged, what is written down of it, and the proof that it was.

use std::io;

use serde::{Deserialize, Serialize};

use super::cost::Cost;
use crate::mechanism::Mechanism;
use base::digest::Digest;
use base::ids::{Round, RunId};

/// What leaves the hospital for a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Released {
    /// A round's update.
    Update,
    /// The concordance of the final model on the hospital's test patients.
    Concordance,
    /// How many patients train.
    Patients,
    /// How many of them had the event.
    Events,
    /// Events and censorings by interval.
    Survival,
    /// How many patients lack an input.
    Missing,
    /// The mean of an input.
    Mean,
    /// A quantile of an input.
    Quantile,
}

impl Released {
    const ALL: [Self; 8] = [
        Self::Update,
        Self::Concordance,
        Self::Patients,
        Self::Events,
        Self::Survival,
        Self::Missing,
        Self::Mean,
        Self::Quantile,
    ];

    /// Its code in records.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Concordance => "concordance",
            Self::Patients => "patients",
            Self::Events => "events",
            Self::Survival => "survival",
            Self::Missing => "missing",
            Self::Mean => "mean",
            Self::Quantile => "quantile",
        }
    }

    /// What a code stands for.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|released| released.code() == code)
    }
}

/// One release that a run asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Charge {
    /// For which run.
    pub run: RunId,
    /// The hash of its plan.
    pub plan: Digest,
    /// For which of its rounds.
    pub round: Round,
    /// What leaves.
    pub released: Released,
    /// By which mechanism.
    pub mechanism: Mechanism,
    /// Bound on the norm of what is noised: an update's, or that of a patient's gradient.
    pub clip: f64,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Place in the ledger, from 1.
    pub seq: u64,
    /// The run that was charged.
    pub run: RunId,
    /// The hash of its plan, which a run never changes.
    pub plan: Digest,
    /// Its round.
    pub round: Round,
    /// What leaves.
    pub released: Released,
    /// The mechanism.
    pub mechanism: Mechanism,
    /// Bound on the norm of what is noised.
    pub clip: f64,
    /// What it cost.
    pub cost: Cost,
    /// What was spent in all after it.
    pub total: Cost,
}

/// Where entries are kept.
pub trait LedgerStore {
    /// Appends one entry; on return it survives a power cut.
    ///
    /// # Errors
    /// It could not be made durable.
    fn append(&mut self, entry: &Entry) -> io::Result<()>;
}

/// Proof that a release is paid for. Only [`Ledger::reserve`](super::Ledger::reserve) makes one, and
/// one release uses it up.
#[derive(Debug)]
pub struct Receipt {
    charge: Charge,
}

impl Receipt {
    pub(super) fn new(charge: Charge) -> Self {
        Self { charge }
    }

    /// What was paid for.
    #[must_use]
    pub fn charge(&self) -> &Charge {
        &self.charge
    }

    /// Uses it up.
    #[must_use]
    pub fn spend(self) -> Charge {
        self.charge
    }
}
