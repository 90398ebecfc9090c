//! One run at one hospital, and one round of it, from records to what leaves.
//!
//! ```text
//! consider   plan ─► policy, data, cohort, budget ─► consent, or the rule that says no
//! round      model ─► train ─► privatize ─► Outgoing
//! evaluate   model ─► C-index on the site's own test patients, where metrics may leave
//! ```

mod contribute;
mod hospital;
mod metrics;

use std::path::PathBuf;

use common::digest::Digest;
use common::experiment::{DataTag, Plan};
use common::ids::{Round, RunId, SiteName};
use common::pki::Fingerprint;
use common::policy::Policy;
use common::privacy::LedgerHead;
use common::wire::Metric;

use crate::data::{DataError, Patients, Source, Table, load};
use crate::send::Outgoing;
use crate::train::Device;

pub use hospital::Hospital;

/// A model as it was offered.
#[derive(Debug, Clone, Copy)]
pub struct Model<'m> {
    /// The hash that its transfer was checked against.
    pub digest: Digest,
    /// Its parameters, every one finite.
    pub parameters: &'m [f32],
}

/// What a link asks of the site, and all that it can ask.
pub trait Participant: Send + Sync + 'static {
    /// Decides on a plan, before anything trains, and says where the ledger stands. `seen` is where
    /// this site's ledgers stood when the coordinator last heard of them.
    ///
    /// # Errors
    /// The rule that says no.
    fn consider(
        &self,
        run: &RunId,
        plan: &Plan,
        seen: &[LedgerHead],
    ) -> Result<LedgerHead, Objection>;

    /// Trains one round and privatizes the change.
    ///
    /// # Errors
    /// The stage that failed.
    fn round(&self, run: &RunId, round: Round, model: Model<'_>) -> Result<Outgoing, Objection>;

    /// What may be told of the final model.
    ///
    /// # Errors
    /// The stage that failed.
    fn evaluate(&self, run: &RunId, model: &[f32]) -> Result<Vec<Metric>, Objection>;
}

/// Why a site does not take part. The reason holds no patient's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {reason}")]
pub struct Objection {
    /// The policy's rule, or the stage.
    pub rule: String,
    /// In words, for the coordinator too.
    pub reason: String,
}

impl Objection {
    fn new(rule: &str, reason: impl ToString) -> Self {
        Self { rule: rule.to_owned(), reason: reason.to_string() }
    }
}

/// An objection from a stage of the site's own, whose details stay in the site's log.
fn failed(stage: &'static str) -> impl Fn(&dyn std::error::Error) -> Objection {
    move |error| {
        tracing::error!(stage, %error, "this site cannot take part");
        Objection::new(stage, "failed at this site; its log says why")
    }
}

/// Where a site's patients come from.
#[derive(Debug, Clone)]
pub enum Records {
    /// Files, read anew for each run.
    Files(Box<Source>),
    /// A table in memory, of a simulated site.
    Table {
        /// The patients.
        table: Table,
        /// Column that is 1 for training patients and 0 for test patients.
        split: Option<String>,
    },
}

impl Records {
    fn read(&self) -> Result<(Patients, Option<&str>), DataError> {
        match self {
            Self::Files(source) => Ok((load(source)?, source.split.as_deref())),
            Self::Table { table, split } => Ok((table.clone().into(), split.as_deref())),
        }
    }
}

/// What a site brings to every run.
#[derive(Debug)]
pub struct Site {
    /// Its name.
    pub name: SiteName,
    /// The authority that its coordinator's certificate is from.
    pub coordinator: Fingerprint,
    /// Its rules.
    pub policy: Policy,
    /// What it calls its patients.
    pub data_set: String,
    /// Its patients.
    pub records: Records,
    /// What it says of them.
    pub tag: DataTag,
    /// What it trains on.
    pub device: Device,
    /// Where its ledger lies.
    pub state: PathBuf,
}
