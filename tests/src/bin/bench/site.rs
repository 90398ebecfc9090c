//! A site's process: the product's own daemon, link and gate, with nothing to train.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ::plan::experiment::{CheckedPlan, StatisticsRequest};
use audit::Name;
use audit::record::{Entry, Event};
use base::clock::SystemClock;
use base::digest::Digest;
use base::ids::{Round, RunId};
use node::audit_log::{AuditSettings, AuditWriter, hash, name};
use node::pki::{Identity, Role};
use node::transport::{Dialer, Route, TcpSetting};
use privacy::{Budget, Limits};
use site_node::participant::{Computed, DeclineReason, Model, Participant, SiteRule};
use site_node::privatize::{Change, LedgerPlace, PrivacyGate};
use site_node::send::Outgoing;

use crate::rounds::Path;
use crate::{Outcome, plan};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    coordinator: SocketAddr,
    #[arg(long, value_enum)]
    path: Path,
}

/// Moves every parameter a little, and lets the gate do the rest.
struct Echo {
    audit: Arc<AuditWriter>,
    gate: PrivacyGate,
    plan: Mutex<Option<CheckedPlan>>,
}

impl Participant for Echo {
    fn audit(&self) -> Arc<AuditWriter> {
        Arc::clone(&self.audit)
    }

    fn data_set(&self) -> Name {
        name("bench")
    }

    fn consider(&self, run: &RunId, plan: &CheckedPlan) -> Result<(), DeclineReason> {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Some(plan.clone());
        self.record(vec![of_run(run, Event::Consent { plan: hash(plan.digest()), terms: None })])
    }

    fn round(
        &self,
        run: &RunId,
        round: Round,
        model: Model<'_>,
    ) -> Result<Outgoing, DeclineReason> {
        let held = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let declined = |reason: String| DeclineReason::new(SiteRule::Train, reason);
        let plan = held.as_ref().ok_or_else(|| declined("no plan".to_owned()))?;
        let model = model.parameters;
        let after = model.iter().map(|parameter| parameter + 1e-6).collect();
        let update = self
            .gate
            .pass(plan, run, round, Change { before: model, after }, 1.0)
            .map_err(|error| declined(error.to_string()))?;
        Ok(Outgoing { update, weight: 1, metrics: Vec::new() })
    }

    fn depart(&self, run: &RunId, round: Round, outgoing: &Outgoing) -> Result<(), DeclineReason> {
        let update = hash(outgoing.update.digest());
        let bytes = outgoing.update.words().len() as u64;
        let event = Event::Sent { update, bytes };
        self.record(vec![of_run(run, event).of_round(round.0)])
    }

    fn received(&self, _: &RunId, _: Round, _: Digest) {}

    fn evaluate(&self, _: &RunId, _: &[f32]) -> Result<Computed, DeclineReason> {
        Ok(Computed::settled(Vec::new()))
    }

    fn depart_metrics(&self, _: &RunId, _: &Computed) -> Result<(), DeclineReason> {
        Ok(())
    }

    fn describe(&self, _: &StatisticsRequest) -> Result<Computed, DeclineReason> {
        Ok(Computed::settled(Vec::new()))
    }

    fn depart_answer(&self, _: &StatisticsRequest, _: &Computed) -> Result<(), DeclineReason> {
        Ok(())
    }
}

impl Echo {
    fn record(&self, entries: Vec<Entry>) -> Result<(), DeclineReason> {
        self.audit.record(entries).map_err(|error| DeclineReason::new(SiteRule::Audit, error))
    }
}

fn of_run(run: &RunId, event: Event) -> Entry {
    Entry::new(name("bench"), event).of_run(name(run.as_str()))
}

pub(crate) fn run(args: &Args) -> Outcome {
    let identity = Identity::load(&args.folder.join("identity"))?;
    let Role::Site(name) = identity.role.clone() else { return Err("not a site".into()) };
    let total = Budget { epsilon: 1.0, delta: 1e-5 };
    let limits = Limits { total, epsilon_per_run: None };
    let place = LedgerPlace {
        state: &args.folder.join("state"),
        audit: &AuditSettings::untracked(),
        site: name.as_str(),
        data_set: &"bench".parse()?,
    };
    let gate = PrivacyGate::open(place, limits, Arc::new(SystemClock::new()))?;
    let audit = Arc::clone(gate.audit());
    let echo = Arc::new(Echo { audit, gate, plan: Mutex::new(None) });
    let route = match args.path {
        Path::Udp => Route::new(args.coordinator.into(), TcpSetting::Off, None),
        // Nothing can be sent to port 0, so that TCP is tried at once.
        Path::Tcp => {
            let nowhere = SocketAddr::new(args.coordinator.ip(), 0);
            Route::new(nowhere.into(), TcpSetting::At(args.coordinator.into()), None)
        }
    };
    plan::runtime()?.block_on(async {
        // Until the benchmark ends this process.
        let forever = std::future::pending();
        Ok(site_node::daemon::run(Dialer::new(identity)?, route, echo, forever).await?)
    })
}
