//! Serves a person who launches a run, requests statistics, attaches to a run, stops one, or asks what is kept.

use base::ids::{RunId, RunPrefix, SiteName};
use node::transport::{FrameWriter, Link, TransportError};
use node::wire::{Progress, Refusal, ToCoordinator, ToOperator};
use tokio::sync::mpsc;

use super::{entropy, query};
use crate::archive::{ArchiveError, meant, registered};
use crate::connections::{JobHandle, JobKind, SessionEvent};
use crate::launch::{Asked, LaunchError, Launcher};
use crate::registry::{Registry, RegistryError, RunRow};
use crate::session;

/// Serves one operator's request until it is answered.
///
/// # Errors
/// How the connection ended, if it ended first.
pub(super) async fn serve(
    link: Link,
    launcher: Launcher,
    by: &SiteName,
) -> Result<(), TransportError> {
    let link = link.owned();
    let (mut writer, mut reader) = link.accept_control().await?;
    let first = reader.expect::<ToCoordinator>();
    let late = |_| TransportError::Lost("the peer did not introduce itself".to_owned());
    let first = tokio::time::timeout(session::INTRODUCTION, first).await.map_err(late)??;
    if let Err(refusal) = session::judge_hello(first) {
        return refuse(writer, refusal).await;
    }
    writer.send(&ToOperator::Welcome(session::hello(None))).await?;
    match reader.expect().await? {
        ToCoordinator::Launch(launch) => {
            match launcher.launch(launch.plan, entropy(), by.as_str()) {
                Ok(launched) => {
                    let _follower = launcher.connections.follow();
                    follow(&launched.run, launched.progress, writer).await
                }
                Err(LaunchError::Refused(refusal)) => refuse(writer, refusal).await,
                Err(error) => {
                    tracing::error!(%error, "a run could not be launched");
                    refuse(writer, Refusal::Internal(error.to_string())).await
                }
            }
        }
        ToCoordinator::Describe(inquiry) => match launcher.describe(inquiry, by.as_str()) {
            Ok(asked) => {
                let _follower = launcher.connections.follow();
                listen(asked, writer).await
            }
            Err(refusal) => refuse(writer, refusal).await,
        },
        ToCoordinator::Attach { run } => attach(&launcher, &run, writer).await,
        ToCoordinator::Stop { run } => stop(&launcher, &run, by, writer).await,
        ToCoordinator::Query(query) => query::serve(&launcher, by, query, writer).await,
        _ => refuse(writer, Refusal::OutOfTurn).await,
    }
}

pub(super) async fn refuse(
    mut writer: FrameWriter,
    refusal: Refusal,
) -> Result<(), TransportError> {
    tracing::info!(%refusal, "an operator's request was refused");
    writer.send(&ToOperator::Refused(refusal)).await?;
    writer.finish().await;
    Ok(())
}

/// The run goes on when nobody follows it any more.
async fn follow(
    run: &RunId,
    mut steps: mpsc::Receiver<Progress>,
    mut writer: FrameWriter,
) -> Result<(), TransportError> {
    while let Some(progress) = steps.recv().await {
        writer.send(&ToOperator::Progress { run: run.clone(), progress }).await?;
    }
    writer.finish().await;
    Ok(())
}

/// What is answered when nobody listens any more is charged all the same, and kept.
async fn listen(mut asked: Asked, mut writer: FrameWriter) -> Result<(), TransportError> {
    while let Some(told) = asked.told.recv().await {
        let run = asked.run.clone();
        writer.send(&ToOperator::Told { run, told }).await?;
    }
    writer.finish().await;
    Ok(())
}

async fn attach(
    launcher: &Launcher,
    run: &RunPrefix,
    mut writer: FrameWriter,
) -> Result<(), TransportError> {
    let followed = going_on(launcher, run).and_then(|job| {
        let run = job.run;
        let feed = match job.kind {
            JobKind::Run(terms) => terms.feed,
            JobKind::Statistics => return Err(Refusal::StatisticsRequest(run)),
        };
        let many = || Refusal::Internal("too many operators follow this run already".to_owned());
        Ok((run, feed.plan.clone(), feed.follow().ok_or_else(many)?))
    });
    match followed {
        Ok((run, plan, steps)) => {
            let _follower = launcher.connections.follow();
            writer.send(&ToOperator::Attached { run: run.clone(), plan }).await?;
            follow(&run, steps, writer).await
        }
        Err(refusal) => refuse(writer, refusal).await,
    }
}

/// Ends a run or a statistics request for the operator `by`, and answers when it is over. Other jobs continue.
async fn stop(
    launcher: &Launcher,
    run: &RunPrefix,
    by: &SiteName,
    mut writer: FrameWriter,
) -> Result<(), TransportError> {
    let job = match going_on(launcher, run) {
        Ok(job) => job,
        Err(refusal) => return refuse(writer, refusal).await,
    };
    job.tell(SessionEvent::StoppedBy(by.clone())).await;
    let id = job.id;
    let run = job.run.clone();
    let is_statistics = matches!(job.kind, JobKind::Statistics);
    // Whoever holds the inbox may hold the permit of a site.
    drop(job);
    tracing::info!(%run, operator = %by, "an operator stops the run");
    launcher.connections.await_end(id).await;
    let ended = if is_statistics {
        Ok(ToOperator::Ended { run, status: "stopped".to_owned(), reason: None })
    } else {
        registered_row(launcher, &run).map(|row| {
            let status = row.as_ref().map_or("failed", |row| row.status.as_str()).to_owned();
            ToOperator::Ended { run, status, reason: row.and_then(|row| row.reason) }
        })
    };
    match ended {
        Ok(message) => {
            writer.send(&message).await?;
            writer.finish().await;
            Ok(())
        }
        Err(error) => refuse(writer, Refusal::Internal(error.to_string())).await,
    }
}

/// The active job whose name begins with `prefix`.
fn going_on(launcher: &Launcher, prefix: &RunPrefix) -> Result<JobHandle, Refusal> {
    let internal = |error: RegistryError| Refusal::Internal(error.to_string());
    let connections = &launcher.connections;
    let mut names = match registry(launcher).map_err(internal)? {
        Some(registry) => match registered(&registry, prefix) {
            Ok(run) => vec![run],
            Err(ArchiveError::Unknown(_)) => Vec::new(),
            Err(error) => return Err(Refusal::from(&error)),
        },
        None => Vec::new(),
    };
    // An active statistics request is not in the registry.
    let active = connections.active().into_iter();
    names.extend(active.filter(|run| run.as_str().starts_with(prefix.as_str())));
    let run = meant(prefix, names)
        .map_err(|error| Refusal::from(&error))?
        .ok_or_else(|| Refusal::NoSuchRun(prefix.clone()))?;
    if let Some(job) = connections.job(&run) {
        return Ok(job);
    }
    match registered_row(launcher, &run).map_err(internal)? {
        Some(row) => Err(Refusal::RunEnded { run, status: row.status }),
        None => Err(Refusal::NoSuchRun(prefix.clone())),
    }
}

/// The registry; none where no run was begun yet.
fn registry(launcher: &Launcher) -> Result<Option<Registry>, RegistryError> {
    match Registry::read(&Registry::path(&launcher.state)) {
        Ok(registry) => Ok(Some(registry)),
        Err(RegistryError::Absent { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn registered_row(launcher: &Launcher, run: &RunId) -> Result<Option<RunRow>, RegistryError> {
    let Some(registry) = registry(launcher)? else { return Ok(None) };
    match registry.run(run.as_str()) {
        Ok(row) => Ok(Some(row)),
        Err(RegistryError::UnknownRun { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
