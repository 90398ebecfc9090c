//! `policy.toml`: what a hospital allows. What is not listed is refused.
//!
//! The policy is the hospital's alone. A plan that asks for more is declined, and the answer names
//! the rule; nothing that a coordinator sends can loosen it. It is decided here, in pure code that
//! both sides have, so that a researcher who was given a hospital's policy can see beforehand what
//! it will say.

mod changes;
mod judge;
mod read;

use std::path::Path;
use std::time::Duration;

use crate::experiment::{Plan, PrivacyMode};
use crate::model::{HeadKind, ModelKind};
use base::config::{self, ConfigError};
use base::digest::Digest;
use base::fingerprint::Fingerprint;
use privacy::{Budget, Limits};

pub use judge::{Asker, BrokenRule, PolicyDecision};

/// A hospital's rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Authorities of the federations whose coordinator may ask at all.
    pub coordinators: Vec<Fingerprint>,
    /// Privacy modes that may be asked for.
    pub modes: Vec<PrivacyMode>,
    /// Kinds of model that may be trained.
    pub models: Vec<ModelKind>,
    /// Heads that may be trained: each stands for its loss.
    pub heads: Vec<HeadKind>,
    /// A run needs at least this many training patients here.
    pub min_patients: u32,
    /// And this many of them with the event.
    pub min_events: u32,
    /// The largest bound on an update's norm, and on that of a patient's gradient.
    pub max_clip: f64,
    /// The least noise multiplier in a private mode.
    pub min_noise: f64,
    /// The most rounds of one run.
    pub max_rounds: u32,
    /// The most private steps of one round, in mode `patient`.
    pub max_steps: u32,
    /// The most passes over the training patients in one round, in the other modes.
    pub max_epochs: u32,
    /// The longest that this hospital computes for one run: the training of all its rounds together. Training
    /// that reaches it stops, and the hospital withdraws from the run.
    pub max_time: Duration,
    /// The least that a plan or a description may ask as `min_sites`: so many hospitals have seen the
    /// same offer before anything leaves this one.
    pub min_sites: u32,
    /// The most parameters of a model.
    pub max_parameters: u64,
    /// Models that a run may begin with, by the hash of their words, beside a random start.
    pub start_models: Vec<Digest>,
    /// What a plan may read as features: columns by their names, `measurement:ITEM` or
    /// `measurement:TABLE:ITEM`, `codes:TABLE` ([`View::reads`](crate::experiment::View::reads),
    /// [`View::reads_exactly`](crate::experiment::View::reads_exactly)). Without a list: none of private patients, any of
    /// others.
    pub columns: Option<Vec<String>>,
    /// Columns that may be its outcome, likewise: a refusal for want of events would else be an answer
    /// about any column at all.
    pub outcomes: Option<Vec<String>>,
    /// Whether the patients may be described before a run, by releases that the ledger charges.
    pub describe: bool,
    /// What may be spent on the data set.
    pub limits: Limits,
}

impl Policy {
    /// The rules of a simulated hospital: what the plan asks for, on data that live for this one run.
    ///
    /// The data's tag still decides: private tables are never simulated without noise.
    #[must_use]
    pub fn just(plan: &Plan, coordinator: Fingerprint) -> Self {
        let privacy = &plan.privacy;
        let exactly = plan.views.iter().map(crate::experiment::View::reads_exactly);
        let columns = plan.reads().into_iter().chain(exactly).collect();
        let delta = privacy.promised_delta().unwrap_or(1e-5);
        Self {
            coordinators: vec![coordinator],
            modes: vec![privacy.mode],
            models: vec![plan.model.kind()],
            heads: vec![plan.model.head.kind()],
            min_patients: 1,
            min_events: 0,
            max_clip: f64::MAX,
            min_noise: privacy.noise_multiplier,
            max_rounds: plan.rounds,
            max_steps: u32::MAX,
            max_epochs: u32::MAX,
            max_time: Duration::MAX,
            min_sites: 1,
            max_parameters: u64::MAX,
            start_models: plan.start.into_iter().collect(),
            columns: Some(columns),
            outcomes: Some(vec![plan.outcome.time.clone(), plan.outcome.event.clone()]),
            describe: false,
            limits: Limits { total: Budget { epsilon: f64::MAX, delta }, epsilon_per_run: None },
        }
    }

    /// Reads a hospital's file.
    ///
    /// # Errors
    /// Every problem in the file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        config::load(path, &[])
    }
}
