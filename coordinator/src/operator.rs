//! The operator's side: launch a plan on a live coordinator and follow it.

use std::net::SocketAddr;

use common::experiment::Plan;
use common::ids::RunId;
use common::pki::Identity;
use common::transport::{Dialer, FrameReader, TransportError};
use common::wire::{Hello, Launch, PROTOCOL, Progress, Refusal, ToCoordinator, ToOperator};

use crate::report::{FinalReport, PrivacyReport, Report, RoundReport, object, site_mean};

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
    },
    /// The coordinator broke off.
    #[error(
        "the coordinator stopped following the run; coordinator runs list shows what became of it"
    )]
    Broken,
}

/// Launches a plan, hands each step to `follow`, and returns the run's report.
///
/// # Errors
/// The coordinator cannot be reached or refuses, or the run fails.
pub async fn launch(
    identity: Identity,
    coordinator: SocketAddr,
    plan: Plan,
    mut follow: impl FnMut(&RunId, &Progress),
) -> Result<Report, OperatorError> {
    let dialer = Dialer::new(identity)?;
    let link = dialer.dial(coordinator).await?;
    let (mut writer, mut reader) = link.open_control().await?;
    let software = format!("coordinator run {}", env!("CARGO_PKG_VERSION"));
    writer.send(&ToCoordinator::Hello(Hello { protocol: PROTOCOL, software, log: None })).await?;
    match reader.expect().await? {
        ToOperator::Welcome(_) => {}
        ToOperator::Refused(refusal) => return Err(OperatorError::Refused(refusal)),
        ToOperator::Progress { .. } => return Err(OperatorError::Broken),
    }
    writer.send(&ToCoordinator::Launch(Launch { plan: plan.clone() })).await?;
    let report = collect(&mut reader, &plan, &mut follow).await;
    link.close("done");
    dialer.finish().await;
    report
}

async fn collect(
    reader: &mut FrameReader,
    plan: &Plan,
    follow: &mut impl FnMut(&RunId, &Progress),
) -> Result<Report, OperatorError> {
    let mut report = Report {
        run: String::new(),
        experiment: plan.name.to_string(),
        sites: Vec::new(),
        rounds: Vec::new(),
        last: FinalReport::default(),
        pooled: None,
        single_site: None,
        oracle: None,
        privacy: PrivacyReport::of(plan, plan.rounds),
        model_sha256: String::new(),
        seconds: 0.0,
        bytes: 0,
        results: None,
    };
    while let Some(message) = reader.next().await? {
        let (run, progress) = match message {
            ToOperator::Progress { run, progress } => (run, progress),
            ToOperator::Refused(refusal) => return Err(OperatorError::Refused(refusal)),
            ToOperator::Welcome(_) => return Err(OperatorError::Broken),
        };
        follow(&run, &progress);
        report.run = run.to_string();
        match progress {
            Progress::Started { .. } | Progress::Declined { .. } => {}
            Progress::Round { round, sites, seconds, bytes, metrics } => {
                let metrics = object(&metrics);
                report.rounds.push(RoundReport { round: round.0, sites, seconds, bytes, metrics });
            }
            Progress::Finished { metrics, model_sha256, sites, seconds, bytes } => {
                report.sites = sites.iter().map(ToString::to_string).collect();
                (report.seconds, report.bytes) = (seconds, bytes);
                if plan.privacy.evaluation.is_some() {
                    report.last.c_index_released = site_mean(&metrics);
                } else {
                    report.last.c_index_site_mean = site_mean(&metrics);
                }
                report.last.metrics = object(&metrics);
                report.model_sha256 = model_sha256;
                return Ok(report);
            }
            Progress::Failed { reason } => return Err(OperatorError::Failed { run, reason }),
        }
    }
    Err(OperatorError::Broken)
}
