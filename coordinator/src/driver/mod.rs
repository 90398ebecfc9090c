//! The sole owner of a run: input → event → journal → step → effects.
//!
//! ```text
//! drive, or resume ─► intake ─► effects ─► closing (of a round) ─► ending (of the run)
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
mod resuming;
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
use base::ids::{Round, RunId, SiteName};
use bytes::Bytes;
use node::audit_log::AuditWriter;
use node::wire::{ToSite, UpdateHeader};
use plan::experiment::{CheckedPlan, Plan};
use plan::metric::Measurement;
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
use crate::round::{Event, Machine, Missing, Outcome};
use crate::run_event::{self, RunEvent};
use crate::saved_round::SavedRounds;

pub(crate) use resuming::{LoggedRound, Unfinished};
use waiting::DeclineReason;

/// A run that does not go on in this process, for a reason of the coordinator's own.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// Its process is about to end.
    #[error("the coordinator was asked to stop in round {round}")]
    Stopping {
        /// The round.
        round: Round,
    },
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
    /// The state after a round could not be saved.
    #[error("the closed round could not be saved in the state folder: {0}")]
    Save(std::io::Error),
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
    /// The final model's elements, where there is one.
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
    /// Where its last closed round is saved.
    pub rounds: SavedRounds,
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
    /// An update's header and elements, and the permit to send that its site has back afterwards.
    Update(Box<UpdateHeader>, VerifierKey, BoundedUpdate, UploadPermit),
    /// What a site told of the final model.
    Metrics(Vec<Measurement>),
}

/// The model of an open round, and the optimiser that makes the next one.
struct ModelState {
    model: Bytes,
    digest: Digest,
    optimizer: ServerOptimizer,
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
    /// The updates of the open round that the audit log tells of since an earlier process.
    logged: BTreeMap<SiteName, ::audit::Digest>,
    next_seq: u64,
    /// When this process began with the run.
    started: Moment,
    /// How long the run had been active before that.
    before: Duration,
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
        let now = self.clock.now();
        let mut running = Running::new(self, now);
        running.begin(&asked, now)?;
        let ended = running.go(runtime, &mut inputs);
        running.finish(ended)
    }
}

impl Running {
    fn new(mut driver: Driver, now: Moment) -> Self {
        let given = driver.start.take();
        let Plan { model, seed, .. } = &*driver.plan;
        let parameters = given.unwrap_or_else(|| initial_parameters(model, *seed));
        let optimizer = ServerOptimizer::new(&driver.plan, parameters.len());
        let model: Bytes = payload::from_parameters(&parameters);
        let digest = Digest::of(&model);
        let machine = Machine::new((&*driver.plan).into(), digest, now);
        Self::at(driver, machine, ModelState { model, digest, optimizer }, now)
    }

    /// A run whose machine is in this state, with the model that its open round begins with.
    fn at(driver: Driver, machine: Machine, state: ModelState, now: Moment) -> Self {
        let ModelState { model, digest, optimizer } = state;
        let written = driver.audit.writing();
        let attestation = Attestation::new(
            driver.run.clone(),
            driver.plan.aggregation.min_sites,
            Arc::clone(&driver.connections),
            Arc::clone(&driver.audit),
        );
        Self {
            machine,
            terms: log::terms_of(&driver.plan),
            optimizer,
            attestation,
            bytes: driver.traffic.bytes(),
            driver,
            model,
            digest,
            updates: None,
            told: BTreeMap::new(),
            inputs: Vec::new(),
            received: Vec::new(),
            logged: BTreeMap::new(),
            next_seq: 1,
            started: now,
            before: Duration::ZERO,
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

    /// Enters the run, and asks the sites that are here. A run that cannot be entered has no end either: its name may
    /// be another's.
    fn begin(&mut self, asked: &[SiteName], now: Moment) -> Result<(), DriveError> {
        let by = self.driver.by.clone();
        let at = self.driver.clock.wall();
        let rounds = self.driver.plan.rounds;
        self.publish(RunEvent::Started { at, by, asked: asked.to_vec(), rounds })?;
        // The first events of the journal came with the entry.
        self.next_seq += asked.len() as u64;
        for site in asked {
            self.ask(site);
            self.machine.step(Event::Asked { site: site.clone() }, now);
        }
        Ok(())
    }

    fn go(
        &mut self,
        runtime: &Handle,
        inputs: &mut mpsc::Receiver<SessionEvent>,
    ) -> Result<(), DriveError> {
        self.tell_missing(self.driver.clock.now())?;
        while self.outcome.is_none() {
            let batch = self.wait(runtime, inputs);
            self.take_in(batch)?;
        }
        Ok(())
    }

    /// Puts the plan before a site.
    fn ask(&mut self, site: &SiteName) {
        let run = self.driver.run.clone();
        let plan = self.driver.plan.clone().into_plan();
        self.attestation.forget(site);
        self.say(site, ToSite::Plan { run, plan });
    }

    /// How long the run has been active, without the time in which no coordinator was there.
    fn active(&self, now: Moment) -> Duration {
        self.before.saturating_add(now.since(self.started))
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
        if let Some(step) = run_event::step(&event) {
            self.driver.feed.publish(step);
        }
        if matches!(event, RunEvent::RoundClosed { .. } | RunEvent::Ended(_)) {
            self.events.push(event);
        }
    }
}
