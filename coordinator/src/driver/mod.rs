//! The sole owner of a run: input → event → journal → step → effects.
//!
//! Runs on a thread of its own, because it writes to disk and adds up models; sessions stay
//! responsive meanwhile.

mod audit;
pub(crate) mod log;
mod waiting;
pub(crate) mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::audit::Name;
use ::audit::note::{Checkpoint, VerifierKey};
use ::audit::record::Terms;
use ::audit::segments::LogError;
use bytes::Bytes;
use common::artifact::LogState;
use common::clock::{Clock, Moment};
use common::digest::Digest;
use common::experiment::Plan;
use common::ids::{Round, RunId, SiteName};
use common::logbook::{Logbook, Shown};
use common::model::initial_parameters;
use common::wire::{Content, Metric, ModelHeader, Progress, Purpose, ToSite, UpdateHeader, words};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::aggregate::{Accumulator, ServerOptimizer};
use crate::artifact::{self, ArtifactError, Ended};
use crate::floor::{Command, Floor, Input, REFUSED, Turn};
use crate::incoming::BoundedUpdate;
use crate::means::mean;
use crate::progress::ProgressFeed;
use crate::registry::{Ending, Journalled, Registry, RegistryError, RoundRecord, Status};
use crate::round::{Effect, Event, Machine, Missing, Offer, Outcome};

use waiting::Objection;
use witness::Witnesses;

/// Events that share one commit, at most.
const BATCH: usize = 256;

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
    /// Its closed rounds.
    pub rounds: Vec<RoundRecord>,
    /// What sites told of the model each round began with: the last entry is the final model's.
    pub metrics: Vec<Vec<(SiteName, Vec<Metric>)>>,
    /// The final model's words, where there is one.
    pub model: Option<Bytes>,
    /// SHA-256 of the file that keeps it.
    pub model_sha256: Option<String>,
    /// From launch to end, in seconds.
    pub seconds: f64,
    /// On the wire from launch to end, both ways, all sites.
    pub bytes: u64,
}

/// Everything that a run needs.
pub struct Driver {
    /// Its name.
    pub run: RunId,
    /// What it does.
    pub plan: Plan,
    /// The parameters that its first round begins with; none for the seed's own.
    pub start: Option<Vec<f32>>,
    /// Where its sites are.
    pub floor: Arc<Floor>,
    /// Where its events are kept.
    pub registry: Registry,
    /// Where its model will lie.
    pub models: PathBuf,
    /// Where the time is read.
    pub clock: Arc<dyn Clock>,
    /// The audit log.
    pub book: Arc<Logbook>,
    /// Who launched it.
    pub by: Name,
    /// Where its steps are told.
    pub feed: Arc<ProgressFeed>,
}

/// What an event brought along, while it goes through the machine.
enum Arrived {
    /// An update's header and words, and the turn to send that its site has back afterwards.
    Update(Box<UpdateHeader>, VerifierKey, BoundedUpdate, Turn),
    /// What a site told of the final model.
    Metrics(Vec<Metric>),
}

struct Running {
    driver: Driver,
    machine: Machine,
    optimizer: ServerOptimizer,
    model: Bytes,
    digest: Digest,
    sum: Option<Accumulator>,
    told: BTreeMap<SiteName, Vec<Metric>>,
    /// The hash of each update in the sum.
    inputs: Vec<(SiteName, Digest)>,
    /// What the sites are told whose updates were taken, once that is durable.
    received: Vec<(SiteName, ToSite)>,
    /// The open offer, and who has seen it in the log.
    witnesses: Option<Witnesses>,
    next_seq: u64,
    started: Moment,
    /// Time that the audit log had taken when the run began.
    written: Duration,
    opened: Moment,
    /// On the wire when the last round closed.
    bytes: u64,
    total_bytes: u64,
    rounds: Vec<RoundRecord>,
    metrics: Vec<Vec<(SiteName, Vec<Metric>)>>,
    /// The SHA-256 of the file that keeps the final model.
    kept: Option<::audit::Sha256>,
    /// Sites that will not take part, and why.
    declined: BTreeMap<SiteName, Objection>,
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
        mut inputs: mpsc::Receiver<Input>,
    ) -> Result<RunOutcome, DriveError> {
        let span = tracing::info_span!("run", run = %self.run);
        let _entered = span.enter();
        let started = self.clock.now();
        self.registry.start(&self.run, &self.plan, self.clock.wall())?;
        self.feed.publish(Progress::Started { sites: asked.clone(), rounds: self.plan.rounds });
        let mut running = Running::new(self, started);
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
        let Plan { model, seed, .. } = &driver.plan;
        let parameters = given.unwrap_or_else(|| initial_parameters(model, *seed));
        let model = words::from_parameters(&parameters);
        let digest = Digest::of(&model);
        let written = driver.book.writing();
        Self {
            machine: Machine::new((&driver.plan).into(), digest, now),
            terms: log::terms_of(&driver.plan),
            optimizer: ServerOptimizer::new(&driver.plan, parameters.len()),
            bytes: driver.floor.bytes(),
            driver,
            model,
            digest,
            sum: None,
            told: BTreeMap::new(),
            inputs: Vec::new(),
            received: Vec::new(),
            witnesses: None,
            next_seq: 1,
            started: now,
            written,
            opened: now,
            total_bytes: 0,
            rounds: Vec::new(),
            metrics: Vec::new(),
            kept: None,
            declined: BTreeMap::new(),
            missing: None,
            outcome: None,
        }
    }

    /// The inputs that are there, or those that come before the machine's deadline.
    fn wait(&self, runtime: &Handle, inputs: &mut mpsc::Receiver<Input>) -> Vec<Input> {
        let mut batch = Vec::new();
        let now = self.driver.clock.now();
        let patience = self.machine.deadline().map(|until| until.since(now));
        runtime.block_on(async {
            let many = inputs.recv_many(&mut batch, BATCH);
            match patience {
                Some(patience) => {
                    let _ = tokio::time::timeout(patience, many).await;
                }
                None => {
                    many.await;
                }
            }
        });
        batch
    }

    /// Event → durable → effect, for a batch of inputs; for none, time has passed.
    fn take_in(&mut self, inputs: Vec<Input>) -> Result<(), DriveError> {
        // One moment for the journal and the machine, so that a replay sees what the machine saw.
        let now = self.driver.clock.now();
        let mut events = Vec::new();
        for input in inputs {
            events.extend(self.event(input, now)?);
        }
        if events.is_empty() {
            if self.machine.deadline().is_none_or(|until| until > now) {
                return Ok(());
            }
            events.push((Event::Tick, None));
        }
        // What changes nothing needs no replay: a peer that repeats itself fills no journal.
        let changes =
            |(event, _): &(Event, Option<Arrived>)| self.machine.is_changed_by(event, now);
        let counted: Vec<bool> = events.iter().map(changes).collect();
        let journalled = events.iter().zip(&counted).filter(|(_, counted)| **counted);
        let journalled: Vec<Event> = journalled.map(|((event, _), _)| event.clone()).collect();
        self.journal(now, journalled.iter())?;
        for ((event, arrived), counted) in events.into_iter().zip(counted) {
            if !counted && self.machine.is_changed_by(&event, now) {
                // By what came before it in this batch.
                self.journal(now, std::iter::once(&event))?;
            }
            self.step(event, arrived, now)?;
        }
        self.tell_missing(now);
        // One sync for all that arrived together; only then are their sites told.
        self.driver.book.record(Vec::new())?;
        for (site, received) in std::mem::take(&mut self.received) {
            self.say(&site, received);
        }
        Ok(())
    }

    fn journal<'e>(
        &mut self,
        now: Moment,
        events: impl Iterator<Item = &'e Event>,
    ) -> Result<(), RegistryError> {
        let mut events = events.peekable();
        if events.peek().is_none() {
            return Ok(());
        }
        let at = self.driver.clock.wall();
        let moment = now.since(self.started);
        let events: Vec<Journalled> =
            events.map(|event| Journalled { at, moment, event: event.clone() }).collect();
        self.driver.registry.journal(&self.driver.run, self.next_seq, &events)?;
        self.next_seq += events.len() as u64;
        Ok(())
    }

    /// What an input means for the run, with what it brought along; nothing where it is for the audit
    /// log alone.
    fn event(
        &mut self,
        input: Input,
        now: Moment,
    ) -> Result<Option<(Event, Option<Arrived>)>, DriveError> {
        if let Some(said) = log::said(&input, &self.driver.plan)
            && !self.machine.is_changed_by(&said, now)
        {
            // Said before, or of a round that is not open: recorded, told and journalled once.
            return Ok(None);
        }
        let event = match input {
            Input::Joined(site) => {
                let (run, plan) = (self.driver.run.clone(), self.driver.plan.clone());
                if let Some(witnesses) = &mut self.witnesses {
                    witnesses.forget(&site);
                }
                self.say(&site, ToSite::Plan { run, plan });
                Event::Asked { site }
            }
            Input::Lost(site) => {
                tracing::warn!(%site, "lost");
                Event::Lost { site }
            }
            Input::Consented(site, plan) if plan == self.driver.plan.digest() => {
                let asked = (plan, self.terms.clone());
                self.driver.book.note(log::consent(&self.driver.run, &site, asked));
                tracing::info!(%site, "consented");
                self.declined.remove(&site);
                Event::Consented { site }
            }
            Input::Consented(site, ..) => {
                tracing::warn!(%site, "consented to another plan than this run's");
                Event::Silent { site, round: None }
            }
            Input::Silent(site, silence) => {
                self.driver.book.note_refused(log::silent(&site, &silence));
                let (rule, reason) = (silence.rule, silence.reason);
                tracing::warn!(%site, rule, reason, "no contribution");
                let objection = Objection { rule: rule.clone(), reason: reason.clone() };
                self.declined.insert(site.clone(), objection);
                self.report(Progress::Declined { site: site.clone(), rule, reason });
                Event::Silent { site, round: silence.round }
            }
            Input::Cosigned(site, round, key, signature) => {
                self.cosigned(&site, round, &key, &signature);
                return Ok(None);
            }
            Input::Overstepped(site, round, refusal) => {
                let (rule, reason) = (refusal.code().to_owned(), refusal.to_string());
                tracing::warn!(%site, %round, reason, "left out of the round");
                let objection = Objection { rule: rule.clone(), reason: reason.clone() };
                self.declined.insert(site.clone(), objection);
                self.report(Progress::Declined { site: site.clone(), rule, reason });
                Event::Silent { site, round: Some(round) }
            }
            Input::Stopped => Event::Stopped,
            Input::StoppedBy(operator) => Event::StoppedBy { operator },
            // No session passes one on to a run.
            Input::Described(..) => return Ok(None),
            Input::Evaluated(site, evaluation) => {
                let event = Event::Evaluated { site, model: evaluation.model };
                return Ok(Some((event, Some(Arrived::Metrics(evaluation.metrics)))));
            }
            Input::Updated(site, key, header, update, turn) => {
                if let Err(error) = self.driver.book.judge(&key, &header.log) {
                    self.disbelieve((&site, &key), &header, &error)?;
                    return Ok(None);
                }
                let event = Event::Updated {
                    site,
                    round: header.round,
                    model: header.model,
                    digest: header.content.digest,
                    weight: header.weight,
                };
                let arrived = Arrived::Update(Box::new(header), key, update, turn);
                return Ok(Some((event, Some(arrived))));
            }
        };
        Ok(Some((event, None)))
    }

    fn step(
        &mut self,
        event: Event,
        arrived: Option<Arrived>,
        now: Moment,
    ) -> Result<(), DriveError> {
        let effects = self.machine.step(event, now);
        self.carry_out(effects, arrived, now)
    }

    fn carry_out(
        &mut self,
        effects: Vec<Effect>,
        mut arrived: Option<Arrived>,
        now: Moment,
    ) -> Result<(), DriveError> {
        for effect in effects {
            match effect {
                Effect::Offer(offer) => self.offer(offer, now)?,
                Effect::Fold { site, weight } => {
                    if let Some(Arrived::Update(header, key, update, _turn)) = arrived.take() {
                        self.fold((&site, &key), weight, *header, update)?;
                    }
                }
                Effect::Refuse { site, refusal } => {
                    self.driver.floor.spend(&site, REFUSED, now);
                    tracing::warn!(%site, %refusal, "update refused");
                    if let Some(Arrived::Update(header, ..)) = &arrived {
                        let of = (&header.run, header.round);
                        self.driver.book.note_refused(log::rejected(of, &site, &refusal));
                    }
                    self.say(&site, ToSite::Refused(refusal));
                }
                Effect::Heed { site } => {
                    if let Some(Arrived::Metrics(metrics)) = arrived.take() {
                        let Driver { run, plan, book, .. } = &self.driver;
                        if plan.privacy.evaluation.is_some() && !metrics.is_empty() {
                            book.note(log::evaluated((run, Round(plan.rounds)), &site, &metrics));
                        }
                        self.told.insert(site, metrics);
                    }
                }
                Effect::Close { round, sites } => self.close(round, sites)?,
                Effect::End(outcome) => self.end(outcome)?,
            }
        }
        Ok(())
    }

    fn offer(&mut self, offer: Offer, now: Moment) -> Result<(), DriveError> {
        let Offer { round, purpose, sites } = offer;
        if self.sum.is_none() && purpose == Purpose::Train {
            self.opened = now;
            self.sum = Some(self.empty_sum());
        }
        tracing::debug!(%round, ?purpose, sites = sites.len(), "model offered");
        let content = Content { words: self.model.len() as u64 / 4, digest: self.digest };
        let Shown { note, size, record } = self.shown(round, purpose)?;
        let Driver { run, floor, book, .. } = &self.driver;
        for site in sites {
            let (log, run) = (book.sight(&note, size, &floor.seen(&site)), run.clone());
            floor.shown(&site, size);
            let header = ModelHeader { run, round, purpose, content, log, record: record.clone() };
            floor.command(&site, Command::Model(header, self.model.clone()));
        }
        Ok(())
    }

    fn fold(
        &mut self,
        (site, key): (&SiteName, &VerifierKey),
        weight: u32,
        header: UpdateHeader,
        update: BoundedUpdate,
    ) -> Result<(), DriveError> {
        let span = tracing::debug_span!("site", %site);
        let _entered = span.enter();
        let cosignature = self.take(site, key, &header)?;
        let mut sum = self.sum.take().unwrap_or_else(|| self.empty_sum());
        update.read(|start, piece| sum.fold(start, piece))?;
        sum.weigh(weight);
        self.sum = Some(sum);
        tracing::debug!(round = %header.round, weight, "update folded");
        self.told.insert(site.clone(), header.metrics);
        let (run, round, digest) = (header.run, header.round, header.content.digest);
        self.received.push((site.clone(), ToSite::Received { run, round, digest, cosignature }));
        Ok(())
    }

    fn empty_sum(&self) -> Accumulator {
        let plan = &self.driver.plan;
        let words = self.model.len() / 4;
        Accumulator::new(words, plan.update_bound(), plan.aggregation.max_sites)
    }

    fn close(&mut self, round: Round, sites: Vec<SiteName>) -> Result<(), DriveError> {
        let span = tracing::info_span!("round", %round);
        let _entered = span.enter();
        let sum = self.sum.take().unwrap_or_else(|| self.empty_sum());
        // The sum's own memory becomes the next model: this one is let go with its last reader.
        self.model = self.optimizer.next(&self.model, sum).into();
        self.digest = Digest::of(&self.model);
        // Before anything says that it exists: it was paid for.
        let words = self.model.as_chunks::<4>().0;
        let diverged = words.iter().any(|word| !f32::from_le_bytes(*word).is_finite());
        if round.0 == self.driver.plan.rounds && !diverged {
            let kept = artifact::keep(
                &self.driver.models,
                &self.driver.run,
                &self.driver.plan,
                &self.model,
            )?;
            self.kept = Some(kept);
        }
        self.aggregated(round)?;
        let now = self.driver.clock.now();
        let bytes = self.driver.floor.bytes();
        let record = RoundRecord {
            round,
            sites,
            seconds: now.since(self.opened).as_secs_f64(),
            bytes: bytes.saturating_sub(self.bytes),
            model: self.digest,
        };
        self.bytes = bytes;
        let told: Vec<_> = std::mem::take(&mut self.told).into_iter().collect();
        self.driver.registry.round(&self.driver.run, &record, &told)?;
        let (metrics, count) = (mean(&told), u32::try_from(record.sites.len()).unwrap_or(u32::MAX));
        tracing::info!(
            sites = count,
            seconds = record.seconds,
            bytes = record.bytes,
            metrics = %shown(&metrics),
            "closed"
        );
        let (seconds, bytes) = (record.seconds, record.bytes);
        self.report(Progress::Round { round, sites: count, seconds, bytes, metrics });
        self.rounds.push(record);
        self.metrics.push(told);
        let event =
            if diverged { Event::Diverged } else { Event::Aggregated { model: self.digest } };
        self.journal(now, std::iter::once(&event))?;
        self.step(event, None, now)
    }

    fn end(&mut self, outcome: Outcome) -> Result<(), DriveError> {
        let rest = self.driver.floor.bytes().saturating_sub(self.bytes);
        self.total_bytes = self.rounds.iter().map(|round| round.bytes).sum::<u64>() + rest;
        let Driver { run, clock, registry, plan, book, models, .. } = &mut self.driver;
        let told: Vec<_> = std::mem::take(&mut self.told).into_iter().collect();
        let finished = outcome == Outcome::Finished;
        if let Some(entry) = log::ended(run, &outcome) {
            book.note(entry);
        }
        // What was noted is written, and the run's last state is signed.
        let note = book.checkpoint()?;
        let log = Checkpoint::parse(note.text()).ok().map(|checkpoint| LogState {
            key: book.verifier().to_string(),
            size: checkpoint.size,
            root: checkpoint.root.to_string(),
        });
        if finished {
            registry.evaluations(run, Round(plan.rounds), &told)?;
        }
        let ended = waiting::reason(&outcome, &self.declined);
        let (reason, at) = ((!finished).then(|| ended.clone()), clock.wall());
        if let Some(sha256) = self.kept {
            let (rounds, metrics, model) = (&self.rounds[..], &mean(&told)[..], self.digest);
            let ended = Ended { run, plan, sha256, model, rounds, metrics, log, at };
            artifact::describe(models, ended)?;
        }
        let model_sha256 = self.kept.map(|hash| hash.to_string());
        let status = match outcome {
            Outcome::Finished => Status::Finished,
            Outcome::StoppedBy { .. } => Status::Stopped,
            _ => Status::Failed,
        };
        registry.end(run, at, &Ending { status, reason: reason.clone(), model_sha256 })?;
        self.dismiss(&outcome.to_string());
        let audit = self.driver.book.writing().saturating_sub(self.written).as_secs_f64();
        tracing::info!(outcome = ended, audit_s = audit, "over");
        if let Some(reason) = reason {
            self.report(Progress::Failed { reason });
        } else {
            let model_sha256 = self.kept.map(|hash| hash.to_string()).unwrap_or_default();
            let contributors: BTreeSet<SiteName> =
                self.rounds.iter().flat_map(|round| round.sites.iter().cloned()).collect();
            self.report(Progress::Finished {
                metrics: mean(&told),
                model_sha256,
                sites: contributors.into_iter().collect(),
                seconds: self.driver.clock.now().since(self.started).as_secs_f64(),
                bytes: self.total_bytes,
            });
        }
        self.metrics.push(told);
        self.outcome = Some(outcome);
        Ok(())
    }

    /// Lets the sites go: nothing that they send for this run counts any more.
    fn dismiss(&self, outcome: &str) {
        let Driver { run, floor, .. } = &self.driver;
        for site in floor.sites() {
            let over = ToSite::Over { run: run.clone(), outcome: outcome.to_owned() };
            floor.command(&site, Command::Say(over));
        }
        // Only now may something new begin: what it says to a site must come after the end of this.
        floor.end(run);
    }

    /// Ends a run that the coordinator itself cannot go on with.
    fn give_up(&self, error: &DriveError) {
        let Driver { run, clock, registry, .. } = &self.driver;
        let reason = error.to_string();
        let status = Status::Failed;
        let ending = Ending { status, reason: Some(reason.clone()), model_sha256: None };
        // The registry may be what failed: then the next start of the coordinator says so.
        if let Err(error) = registry.end(run, clock.wall(), &ending) {
            tracing::error!(%error, "the end of the run could not be entered");
        }
        self.dismiss("the coordinator cannot go on");
        self.report(Progress::Failed { reason });
    }

    fn go(
        &mut self,
        runtime: &Handle,
        asked: Vec<SiteName>,
        inputs: &mut mpsc::Receiver<Input>,
    ) -> Result<(), DriveError> {
        self.take_in(asked.into_iter().map(Input::Joined).collect())?;
        while self.outcome.is_none() {
            let batch = self.wait(runtime, inputs);
            self.take_in(batch)?;
        }
        Ok(())
    }

    fn say(&self, site: &SiteName, message: ToSite) {
        self.driver.floor.command(site, Command::Say(message));
    }

    fn report(&self, progress: Progress) {
        self.driver.feed.publish(progress);
    }

    fn finish(self) -> RunOutcome {
        let outcome = self.outcome.unwrap_or(Outcome::Finished);
        RunOutcome {
            run: self.driver.run,
            model: (outcome == Outcome::Finished).then_some(self.model),
            outcome,
            rounds: self.rounds,
            metrics: self.metrics,
            model_sha256: self.kept.map(|hash| hash.to_string()),
            seconds: self.driver.clock.now().since(self.started).as_secs_f64(),
            bytes: self.total_bytes,
        }
    }
}

fn shown(metrics: &[Metric]) -> String {
    let one = |metric: &Metric| format!("{}={:.4}", metric.name, metric.value);
    metrics.iter().map(one).collect::<Vec<_>>().join(" ")
}
