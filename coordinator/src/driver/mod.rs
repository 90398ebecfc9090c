//! The sole owner of a run: input → event → journal → step → effects.
//!
//! ```text
//! intake ─► effects ─► closing (of a round) ─► ending (of the run)
//! ```
//!
//! Runs on a thread of its own, because it writes to disk and adds up models; sessions stay
//! responsive meanwhile.

mod audit;
mod closing;
mod effects;
mod ending;
mod intake;
pub(crate) mod log;
mod waiting;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::audit::Name;
use ::audit::note::VerifierKey;
use ::audit::record::Terms;
use ::audit::segments::LogError;
use base::clock::{Clock, Moment};
use base::digest::Digest;
use base::ids::{RunId, SiteName};
use bytes::Bytes;
use node::audit_log::AuditWriter;
use node::wire::{ToSite, UpdateHeader};
use plan::experiment::{CheckedPlan, Plan};
use plan::metric::{Measurement, Metric};
use plan::model::initial_parameters;
use plan::model::payload;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::aggregate::{Aggregator, ServerOptimizer};
use crate::artifact::ArtifactError;
use crate::attestation::Attestation;
use crate::connections::{Connections, SessionCommand, SessionEvent, Traffic, UploadPermit};
use crate::enrol::Members;
use crate::incoming::BoundedUpdate;
use crate::progress::ProgressFeed;
use crate::registry::{Registry, RegistryError, RoundRecord};
use crate::round::{Machine, Missing, Outcome};
use crate::run_event::{self, RunEvent};

use waiting::DeclineReason;

/// A run that could not go on, for a reason of the coordinator's own.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// Nothing may follow from an event that is not durable.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The model could not be kept.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The audit log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An update could not be read back.
    #[error("an update could not be read back: {0}")]
    Spool(#[from] std::io::Error),
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct RunOutcome {
    /// Its name.
    pub run: RunId,
    /// How it ended.
    pub outcome: Outcome,
    /// Its closed rounds and its end.
    pub events: Vec<RunEvent>,
    /// The final model's words, where there is one.
    pub model: Option<Bytes>,
}

impl RunOutcome {
    /// Its closed rounds.
    pub fn rounds(&self) -> impl Iterator<Item = &RoundRecord> {
        self.events.iter().filter_map(RunEvent::round)
    }
}

/// Everything that a run needs.
pub struct Driver {
    /// Its name.
    pub run: RunId,
    /// What it does.
    pub plan: CheckedPlan,
    /// The parameters that its first round begins with; none for the seed's own.
    pub start: Option<Vec<f32>>,
    /// Where its sites are.
    pub connections: Arc<Connections>,
    /// The count of its bytes.
    pub traffic: Traffic,
    /// Where its events are kept.
    pub registry: Registry,
    /// Where its model will lie.
    pub models: PathBuf,
    /// Where the time is read.
    pub clock: Arc<dyn Clock>,
    /// The audit log.
    pub audit: Arc<AuditWriter>,
    /// Who launched it.
    pub by: Name,
    /// Where its steps are told.
    pub feed: Arc<ProgressFeed>,
    /// Who belongs to the federation.
    pub members: Arc<Members>,
}

/// What an event brought along, while it goes through the machine.
enum PendingUpdate {
    /// An update's header and words, and the permit to send that its site has back afterwards.
    Update(Box<UpdateHeader>, VerifierKey, BoundedUpdate, UploadPermit),
    /// What a site told of the final model.
    Metrics(Vec<Metric>),
}

struct Running {
    driver: Driver,
    machine: Machine,
    optimizer: ServerOptimizer,
    model: Bytes,
    digest: Digest,
    /// The open round's updates.
    updates: Option<Box<dyn Aggregator>>,
    told: BTreeMap<SiteName, Vec<Measurement>>,
    /// The hash of each update in the sum.
    inputs: Vec<(SiteName, Digest)>,
    /// What the sites are told whose updates were taken, once that is durable.
    received: Vec<(SiteName, ToSite)>,
    /// The run's offers in the log, and the signatures on the open one.
    attestation: Attestation,
    next_seq: u64,
    started: Moment,
    /// Time that the audit log had taken when the run began.
    written: Duration,
    opened: Moment,
    /// The run's bytes when the last round closed.
    bytes: u64,
    total_bytes: u64,
    rounds: Vec<RoundRecord>,
    /// The closed rounds and the end of the run, of which its report is made.
    events: Vec<RunEvent>,
    /// The SHA-256 of the file that keeps the final model.
    kept: Option<::audit::Sha256>,
    /// Sites that will not take part, and why.
    declined: BTreeMap<SiteName, DeclineReason>,
    /// What the operator was last told of hospitals that are missing.
    missing: Option<Missing>,
    outcome: Option<Outcome>,
    /// What the plan says, as the audit log holds it.
    terms: Terms,
}

impl Driver {
    /// Drives the run to its end. `asked` are the sites that were here when it began.
    ///
    /// # Errors
    /// The coordinator's own disk fails. A run without a quorum is an outcome, not an error.
    pub fn drive(
        self,
        runtime: &Handle,
        asked: Vec<SiteName>,
        mut inputs: mpsc::Receiver<SessionEvent>,
    ) -> Result<RunOutcome, DriveError> {
        let span = tracing::info_span!("run", run = %self.run);
        let _entered = span.enter();
        let started = self.clock.now();
        let mut running = Running::new(self, started);
        let at = running.driver.clock.wall();
        let rounds = running.driver.plan.rounds;
        // A run that cannot be entered has no end either: its name may be another's.
        running.publish(RunEvent::Started { at, asked: asked.clone(), rounds })?;
        match running.go(runtime, asked, &mut inputs) {
            Ok(()) => Ok(running.finish()),
            Err(error) => {
                running.give_up(&error);
                Err(error)
            }
        }
    }
}

impl Running {
    fn new(mut driver: Driver, now: Moment) -> Self {
        let given = driver.start.take();
        let Plan { model, seed, .. } = &*driver.plan;
        let parameters = given.unwrap_or_else(|| initial_parameters(model, *seed));
        let model = payload::from_parameters(&parameters);
        let digest = Digest::of(&model);
        let written = driver.audit.writing();
        let attestation = Attestation::new(
            driver.run.clone(),
            driver.plan.aggregation.min_sites,
            Arc::clone(&driver.connections),
            Arc::clone(&driver.audit),
        );
        Self {
            machine: Machine::new((&*driver.plan).into(), digest, now),
            terms: log::terms_of(&driver.plan),
            optimizer: ServerOptimizer::new(&driver.plan, parameters.len()),
            attestation,
            bytes: driver.traffic.bytes(),
            driver,
            model,
            digest,
            updates: None,
            told: BTreeMap::new(),
            inputs: Vec::new(),
            received: Vec::new(),
            next_seq: 1,
            started: now,
            written,
            opened: now,
            total_bytes: 0,
            rounds: Vec::new(),
            events: Vec::new(),
            kept: None,
            declined: BTreeMap::new(),
            missing: None,
            outcome: None,
        }
    }

    fn go(
        &mut self,
        runtime: &Handle,
        asked: Vec<SiteName>,
        inputs: &mut mpsc::Receiver<SessionEvent>,
    ) -> Result<(), DriveError> {
        self.take_in(asked.into_iter().map(SessionEvent::Joined).collect())?;
        while self.outcome.is_none() {
            let batch = self.wait(runtime, inputs);
            self.take_in(batch)?;
        }
        Ok(())
    }

    fn say(&self, site: &SiteName, message: ToSite) {
        self.driver.connections.command(site, SessionCommand::Send(message));
    }

    /// An event is durable before anybody is told of it.
    fn publish(&mut self, event: RunEvent) -> Result<(), DriveError> {
        self.record(&event)?;
        self.announce(event);
        Ok(())
    }

    fn record(&mut self, event: &RunEvent) -> Result<(), RegistryError> {
        let Driver { registry, run, plan, .. } = &mut self.driver;
        run_event::record(registry, run, plan, event)
    }

    fn announce(&mut self, event: RunEvent) {
        run_event::log(&event);
        self.driver.feed.publish(run_event::step(&event));
        if matches!(event, RunEvent::RoundClosed { .. } | RunEvent::Ended(_)) {
            self.events.push(event);
        }
    }
}
