//! Starts runs from plans, and statistics requests.

use std::path::PathBuf;
use std::sync::Arc;

use audit::Name;
use base::clock::Clock;
use base::ids::RunId;
use node::audit_log::{AuditWriter, name};
use node::process::chain;
use node::statistics_store::StatisticsStore;
use node::wire::{Progress, Refusal, StatisticsLaunch, Told};
use plan::experiment::{CheckedPlan, Plan, WINDOWS};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use crate::artifact;
use crate::connections::{Begun, Connections, Traffic};
use crate::driver::{DriveError, Driver, RunOutcome, Unfinished};
use crate::enrol::Members;
use crate::progress::ProgressFeed;
use crate::registry::{Registry, RegistryError};
use crate::reporter::Reporter;
use crate::run_event::step;
use crate::saved_round::SavedRounds;
use crate::statistics::Describer;

/// A plan that does not become a run.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The coordinator says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its registry cannot be used.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Frees a job's slot when it is dropped, also after a panic.
pub(crate) struct Ended {
    connections: Arc<Connections>,
    run: RunId,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.connections.end(&self.run);
    }
}

/// What a launch needs of a coordinator.
#[derive(Clone)]
pub struct Launcher {
    /// Where its sites are.
    pub connections: Arc<Connections>,
    /// Its state folder.
    pub state: PathBuf,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// Its audit log.
    pub audit: Arc<AuditWriter>,
    /// Turns of operators who ask what is kept.
    pub readers: Arc<Semaphore>,
    /// Who belongs to the federation.
    pub members: Arc<Members>,
}

/// A run that is going on.
pub struct Launched {
    /// Its name.
    pub run: RunId,
    /// Its steps as they happen.
    pub progress: mpsc::Receiver<Progress>,
    /// What it comes to.
    pub outcome: JoinHandle<Result<RunOutcome, DriveError>>,
}

/// A description that is going on.
pub struct Asked {
    /// The name that sites charge it under.
    pub run: RunId,
    /// Its steps as they happen.
    pub told: mpsc::Receiver<Told>,
}

impl Launcher {
    /// Asks the sites that are here for a description, for the operator `by`.
    ///
    /// # Errors
    /// The question breaks a rule, sites are given too short or too long, fewer of them are connected than
    /// must have seen it, the same question is being asked, or all slots are taken.
    pub fn describe(&self, inquiry: StatisticsLaunch, by: &str) -> Result<Asked, Refusal> {
        let StatisticsLaunch { question, window } = inquiry;
        if let Some(plan_error) = question.check().first() {
            return Err(Refusal::Plan(plan_error.to_string()));
        }
        if !WINDOWS.contains(&window) {
            let why = "aggregation.window: the sites have 1 second to 1 day to answer";
            return Err(Refusal::Plan(why.to_owned()));
        }
        let here = self.connections.sites().len() as u64;
        let needed = u64::from(question.min_sites);
        let kept = StatisticsStore::of(&self.state, &question).sites();
        if here < needed && kept.is_empty() {
            return Err(Refusal::Plan(format!(
                "aggregation.min_sites: no hospital answers before {needed} have seen the question, and \
                 {here} are connected; wait for more, or lower it"
            )));
        }
        let run = question.run();
        let Begun { mut sites, events, .. } = self.connections.begin_statistics(&run)?;
        if here < needed {
            // Nobody would answer; what was answered before is told all the same.
            sites.clear();
        }
        let (tell, told) = Reporter::new();
        let connections = Arc::clone(&self.connections);
        let describer = Describer {
            run: run.clone(),
            question,
            window,
            connections: Arc::clone(&connections),
            clock: Arc::clone(&self.clock),
            audit: Arc::clone(&self.audit),
            state: self.state.clone(),
            by: name(by),
            tell,
        };
        let runtime = Handle::current();
        let over = run.clone();
        // It ends with the job: once each site has answered, at the end of the window, or when it is stopped.
        tokio::task::spawn_blocking(move || {
            let ended = Ended { connections, run: over };
            describer.go(&runtime, sites, events, ended);
        });
        Ok(Asked { run, told })
    }

    /// Starts a run under the name that `entropy` gives, for the operator `by`.
    ///
    /// # Errors
    /// The plan breaks a rule or begins with a model that is not here, all slots are taken, or the registry
    /// cannot be used.
    pub fn launch(&self, plan: Plan, entropy: u64, by: &str) -> Result<Launched, LaunchError> {
        let plan = CheckedPlan::new(plan).map_err(|plan_errors| {
            let told: Vec<String> = plan_errors.iter().map(ToString::to_string).collect();
            Refusal::Plan(told.join("; "))
        })?;
        let models = self.state.join("models");
        let start = plan.start.map(|_| artifact::start(&models, &plan)).transpose();
        let start = start.map_err(|error| Refusal::Plan(error.to_string()))?;
        let run = RunId::memorable(entropy);
        let registry = Registry::open(&Registry::path(&self.state))?;
        let feed = Arc::new(ProgressFeed::new(plan.clone().into_plan()));
        let progress = feed.follow().unwrap_or_else(|| mpsc::channel(1).1);
        let Begun { sites, events, traffic } = self.connections.begin(&run, &feed)?;
        let job = Job { run: run.clone(), plan, traffic, registry, feed, by: name(by) };
        let driver = self.driver(job, start);
        let outcome = self.spawn(&run, move |runtime| driver.drive(runtime, sites, events));
        Ok(Launched { run, progress, outcome })
    }

    /// Continues a run that an earlier process of this coordinator began.
    ///
    /// # Errors
    /// The registry cannot be used, or the coordinator is stopping.
    pub(crate) fn resume(&self, run: RunId, unfinished: Unfinished) -> Result<(), LaunchError> {
        let plan = unfinished.plan.clone();
        let registry = Registry::open(&Registry::path(&self.state))?;
        registry.resume(&run)?;
        let feed = Arc::new(ProgressFeed::new(plan.clone().into_plan()));
        for event in &unfinished.events {
            if let Some(step) = step(event) {
                feed.publish(step);
            }
        }
        // No site is connected before the coordinator listens.
        let Begun { events, traffic, .. } = self.connections.begin_again(&run, &feed)?;
        let by = unfinished.by.clone();
        let driver = self.driver(Job { run: run.clone(), plan, traffic, registry, feed, by }, None);
        // It ends with the job, as the task of a launched run that nobody follows.
        drop(self.spawn(&run, move |runtime| driver.resume(runtime, unfinished, events)));
        Ok(())
    }

    fn driver(&self, job: Job, start: Option<Vec<f32>>) -> Driver {
        let Job { run, plan, traffic, registry, feed, by } = job;
        Driver {
            run,
            plan,
            start,
            connections: Arc::clone(&self.connections),
            traffic,
            registry,
            models: self.state.join("models"),
            rounds: SavedRounds::of(&self.state),
            clock: Arc::clone(&self.clock),
            audit: Arc::clone(&self.audit),
            by,
            feed,
            members: Arc::clone(&self.members),
        }
    }

    /// Drives a run on a thread of its own, whose slot is free when it is over.
    fn spawn(
        &self,
        run: &RunId,
        drive: impl FnOnce(&Handle) -> Result<RunOutcome, DriveError> + Send + 'static,
    ) -> JoinHandle<Result<RunOutcome, DriveError>> {
        let runtime = Handle::current();
        let ended = Ended { connections: Arc::clone(&self.connections), run: run.clone() };
        tokio::task::spawn_blocking(move || {
            let outcome = drive(&runtime);
            if let Err(error) = &outcome {
                if let DriveError::Stopping { .. } = error {
                    tracing::info!(run = %ended.run, "the run waits for the next start");
                } else {
                    let error = chain(error);
                    tracing::error!(run = %ended.run, error, "the run cannot go on");
                }
            }
            drop(ended);
            outcome
        })
    }
}

/// A run that begins, or goes on, in this process.
struct Job {
    run: RunId,
    plan: CheckedPlan,
    traffic: Traffic,
    registry: Registry,
    feed: Arc<ProgressFeed>,
    by: Name,
}
