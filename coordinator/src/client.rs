//! The operator's side: launches a plan or requests statistics on a live coordinator and follows them, attaches to
//! a run or stops it, and reads runs and models that are kept.

mod intake;
mod query;

use base::ids::{RunId, RunPrefix, SiteName};
use node::pki::Identity;
use node::transport::{Dialer, FrameReader, FrameWriter, Link, Route, TransportError};
use node::wire::{
    Hello, Launch, PROTOCOL, Progress, Refusal, StatisticsLaunch, ToCoordinator, ToOperator, Told,
};
use plan::experiment::Plan;

pub use query::query;

use self::intake::Intake;
use crate::registry::Status;
use crate::report::Report;

/// A run that was not launched, or ended without a model.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The connection.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The coordinator says no.
    #[error("the coordinator refused: {0}")]
    Refused(Refusal),
    /// The run ended without a model.
    #[error("run {run} failed: {reason}")]
    Failed {
        /// The run.
        run: RunId,
        /// Why.
        reason: String,
        /// What is known of it.
        report: Box<Report>,
    },
    /// An operator ended the run.
    #[error("run {run}: {reason}")]
    Stopped {
        /// The run.
        run: RunId,
        /// By whom, in which round, and what was kept.
        reason: String,
        /// What is known of it.
        report: Box<Report>,
    },
    /// The coordinator does not go on with the run before its next start.
    #[error(
        "run {run} is interrupted: {reason}; coordinator runs attach {run} then follows it again"
    )]
    RunInterrupted {
        /// The run.
        run: RunId,
        /// Why, and what to do.
        reason: String,
        /// What is known of it.
        report: Box<Report>,
    },
    /// A description that the coordinator could not go on with.
    #[error(
        "description {run} failed: {reason}; what hospitals had answered is charged and kept: ask the same \
         again to hear it"
    )]
    Untold {
        /// The name that it is charged under.
        run: RunId,
        /// Why.
        reason: String,
    },
    /// An operator ended a description.
    #[error(
        "description {run}: stopped by {by}; what hospitals had answered is charged and kept: ask the same \
         again to hear it"
    )]
    StatisticsStopped {
        /// The name that it is charged under.
        run: RunId,
        /// The operator.
        by: SiteName,
    },
    /// The person at the terminal no longer follows the run.
    #[error(
        "detached; {run} goes on; coordinator runs attach {run} follows it again, coordinator runs stop {run} ends it"
    )]
    Detached {
        /// The run.
        run: RunId,
    },
    /// The person at the terminal left before the coordinator answered.
    #[error(
        "interrupted before the coordinator answered; coordinator runs list shows whether a run began"
    )]
    Interrupted,
    /// The person at the terminal left while a description was asked for.
    #[error(
        "interrupted; what hospitals answer is charged and kept: ask the same again to see it, or end it with \
         coordinator runs stop"
    )]
    InterruptedDescription,
    /// The run was over before it could be stopped.
    #[error("run {run}: over already ({status}); it was not stopped")]
    NotStopped {
        /// The run.
        run: RunId,
        /// What it came to.
        status: String,
    },
    /// The connection broke while a run was followed.
    #[error(
        "the connection to the coordinator was lost: {why}; {run} goes on, or continues once the coordinator is started \
         again; coordinator runs attach {run} follows it again"
    )]
    Lost {
        /// The run.
        run: RunId,
        /// How it broke.
        why: TransportError,
    },
    /// The coordinator broke off.
    #[error(
        "the coordinator stopped following the run; coordinator runs list shows what became of it"
    )]
    Broken,
    /// The coordinator stopped answering a query.
    #[error(
        "the coordinator broke off its answer; ask again, and install the same release on both machines"
    )]
    BrokenOff,
    /// The coordinator sends without end.
    #[error(
        "the coordinator sent more than any run or list has, and no more of it was read; install the same release on \
         both machines, and ask the coordinator's people"
    )]
    TooMuch,
    /// The coordinator stopped answering while a description was asked for.
    #[error(
        "the coordinator broke off; what hospitals had answered is charged and kept: ask the same again to \
         hear it"
    )]
    Unheard,
}

/// Launches a plan, hands each step to `follow`, and returns the run's report.
///
/// # Errors
/// The coordinator cannot be reached or refuses, or the run fails.
pub async fn launch(
    identity: Identity,
    coordinator: &Route,
    plan: Plan,
    mut follow: impl FnMut(&RunId, &Progress),
) -> Result<Report, OperatorError> {
    let dialer = Dialer::new(identity)?;
    let (link, mut writer, mut reader) = open(&dialer, coordinator, "run").await?;
    writer.send(&ToCoordinator::Launch(Launch { plan: plan.clone() })).await?;
    let report = until_interrupted(&mut reader, &plan, None, &mut follow).await;
    link.close("done");
    dialer.finish().await;
    report
}

/// Follows a run that is going on: its steps so far, then each as it happens. Returns the run's report.
///
/// # Errors
/// The coordinator cannot be reached or has no such run, or the run fails.
pub async fn attach(
    identity: Identity,
    coordinator: &Route,
    run: RunPrefix,
    mut follow: impl FnMut(&RunId, &Progress),
) -> Result<Report, OperatorError> {
    let dialer = Dialer::new(identity)?;
    let (link, mut writer, mut reader) = open(&dialer, coordinator, "attach").await?;
    writer.send(&ToCoordinator::Attach { run }).await?;
    let report = match reader.expect().await? {
        ToOperator::Attached { run, plan } => {
            until_interrupted(&mut reader, &plan, Some(run), &mut follow).await
        }
        ToOperator::Refused(refusal) => Err(OperatorError::Refused(refusal)),
        _ => Err(OperatorError::Broken),
    };
    link.close("done");
    dialer.finish().await;
    report
}

/// Ends a run and waits until it is over; its whole name, and why it has no model, in the coordinator's words.
///
/// # Errors
/// The coordinator cannot be reached or has no such run, or the run was over before.
pub async fn stop(
    identity: Identity,
    coordinator: &Route,
    run: RunPrefix,
) -> Result<(RunId, Option<String>), OperatorError> {
    let dialer = Dialer::new(identity)?;
    let (link, mut writer, mut reader) = open(&dialer, coordinator, "stop").await?;
    writer.send(&ToCoordinator::Stop { run }).await?;
    let answer = reader.expect().await;
    link.close("done");
    dialer.finish().await;
    match answer? {
        ToOperator::Ended { run, status, reason } if status == Status::Stopped.name() => {
            Ok((run, reason))
        }
        ToOperator::Ended { run, status, .. } => Err(OperatorError::NotStopped { run, status }),
        ToOperator::Refused(refusal) => Err(OperatorError::Refused(refusal)),
        _ => Err(OperatorError::Broken),
    }
}

/// Collects a run's report until the person at the terminal presses Ctrl-C.
async fn until_interrupted(
    reader: &mut FrameReader,
    plan: &Plan,
    mut run: Option<RunId>,
    follow: &mut impl FnMut(&RunId, &Progress),
) -> Result<Report, OperatorError> {
    let mut named = |name: &RunId, progress: &Progress| {
        run.get_or_insert_with(|| name.clone());
        follow(name, progress);
    };
    let report = tokio::select! {
        report = collect(reader, plan, &mut named) => report,
        interrupted = tokio::signal::ctrl_c() => match interrupted {
            Ok(()) => {
                return Err(run.map_or(OperatorError::Interrupted, |run| OperatorError::Detached { run }));
            }
            // Without a handler for the signal, it ends the program by itself.
            Err(_) => collect(reader, plan, &mut named).await,
        },
    };
    report.map_err(|error| match (error, run) {
        (OperatorError::Transport(why), Some(run)) => OperatorError::Lost { run, why },
        (error, _) => error,
    })
}

/// What was heard of a description.
#[derive(Debug)]
pub struct Heard {
    /// Its steps.
    pub steps: Vec<Told>,
    /// How it ended.
    pub end: Result<(), OperatorError>,
}

/// Asks for a description, hands each step to `follow`, and returns all of them, however it ended.
///
/// # Errors
/// The coordinator cannot be reached.
pub async fn describe(
    identity: Identity,
    coordinator: &Route,
    inquiry: StatisticsLaunch,
    mut follow: impl FnMut(&Told),
) -> Result<Heard, OperatorError> {
    let dialer = Dialer::new(identity)?;
    let (link, mut writer, mut reader) = open(&dialer, coordinator, "describe").await?;
    writer.send(&ToCoordinator::Describe(inquiry)).await?;
    let mut steps = Vec::new();
    let end = tokio::select! {
        end = listen(&mut reader, &mut follow, &mut steps) => end.map_err(|error| match error {
            // Also where the coordinator's process ended: what it holds is the same.
            OperatorError::Transport(_) => OperatorError::Unheard,
            error => error,
        }),
        Ok(()) = tokio::signal::ctrl_c() => Err(OperatorError::InterruptedDescription),
    };
    link.close("done");
    dialer.finish().await;
    Ok(Heard { steps, end })
}

async fn listen(
    reader: &mut FrameReader,
    follow: &mut impl FnMut(&Told),
    steps: &mut Vec<Told>,
) -> Result<(), OperatorError> {
    let mut intake = Intake::new();
    while let Some(message) = reader.next().await? {
        let (run, told) = match message {
            ToOperator::Told { run, told } => (run, told),
            ToOperator::Refused(refusal) => return Err(OperatorError::Refused(refusal)),
            _ => break,
        };
        intake.told(&told)?;
        follow(&told);
        match told {
            Told::Complete { .. } => return Ok(()),
            Told::Failed { reason } => return Err(OperatorError::Untold { run, reason }),
            Told::Stopped { by } => return Err(OperatorError::StatisticsStopped { run, by }),
            step => steps.push(step),
        }
    }
    Err(OperatorError::Unheard)
}

/// A session with the coordinator.
async fn open(
    dialer: &Dialer,
    coordinator: &Route,
    verb: &str,
) -> Result<(Link, FrameWriter, FrameReader), OperatorError> {
    let link = dialer.dial(coordinator).await?;
    // TLS 1.3 tells a client only now that its certificate is not accepted.
    let unwelcome = |error: TransportError| TransportError::Unreachable {
        address: coordinator.udp.clone(),
        why: error.to_string(),
    };
    let (mut writer, mut reader) = link.open_control().await.map_err(unwelcome)?;
    let software = format!("coordinator {verb} {}", env!("CARGO_PKG_VERSION"));
    let hello = Hello { protocol: PROTOCOL, software, log: None };
    writer.send(&ToCoordinator::Hello(hello)).await.map_err(unwelcome)?;
    match reader.expect().await.map_err(unwelcome)? {
        ToOperator::Welcome(_) => Ok((link, writer, reader)),
        ToOperator::Refused(refusal) => Err(OperatorError::Refused(refusal)),
        _ => Err(OperatorError::Broken),
    }
}

async fn collect(
    reader: &mut FrameReader,
    plan: &Plan,
    follow: &mut impl FnMut(&RunId, &Progress),
) -> Result<Report, OperatorError> {
    let mut report = Report::new(plan);
    let mut intake = Intake::new();
    while let Some(message) = reader.next().await? {
        let (run, progress) = match message {
            ToOperator::Progress { run, progress } => (run, progress),
            ToOperator::Refused(refusal) => return Err(OperatorError::Refused(refusal)),
            _ => return Err(OperatorError::Broken),
        };
        intake.progress(&progress)?;
        follow(&run, &progress);
        report.take(&run, plan, &progress);
        match progress {
            Progress::Started { .. }
            | Progress::Declined { .. }
            | Progress::Waiting { .. }
            | Progress::Round { .. } => {}
            Progress::Finished { .. } => return Ok(report),
            Progress::Failed { reason } => {
                let report = Box::new(report);
                return Err(OperatorError::Failed { run, reason, report });
            }
            Progress::Stopped { reason } => {
                let report = Box::new(report);
                return Err(OperatorError::Stopped { run, reason, report });
            }
            Progress::Interrupted { reason } => {
                let report = Box::new(report);
                return Err(OperatorError::RunInterrupted { run, reason, report });
            }
        }
    }
    Err(OperatorError::Broken)
}
