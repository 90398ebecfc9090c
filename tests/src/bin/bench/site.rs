//! A site's process: the product's own daemon, link and gate, with nothing to train.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use common::experiment::Plan;
use common::ids::{Round, RunId};
use common::pki::Identity;
use common::privacy::{Budget, LedgerHead, Limits};
use common::transport::Dialer;
use common::wire::Metric;
use site_node::privatize::Gate;
use site_node::send::Outgoing;
use site_node::task::{Model, Objection, Participant};

use crate::{Outcome, plan};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    coordinator: SocketAddr,
}

/// Moves every parameter a little, and lets the gate do the rest.
struct Echo {
    gate: Mutex<Gate>,
    plan: Mutex<Option<Plan>>,
}

impl Participant for Echo {
    fn consider(&self, _: &RunId, plan: &Plan, _: &[LedgerHead]) -> Result<LedgerHead, Objection> {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Some(plan.clone());
        Ok(self.gate.lock().unwrap_or_else(PoisonError::into_inner).head())
    }

    fn round(&self, run: &RunId, round: Round, model: Model<'_>) -> Result<Outgoing, Objection> {
        let held = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let objection = |reason: String| Objection { rule: "bench".to_owned(), reason };
        let plan = held.as_ref().ok_or_else(|| objection("no plan".to_owned()))?;
        let model = model.parameters;
        let after = model.iter().map(|parameter| parameter + 1e-6).collect();
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let update = gate
            .pass(plan, run, round, (model, after), 1.0)
            .map_err(|error| objection(error.to_string()))?;
        Ok(Outgoing { update, weight: 1, metrics: Vec::new(), ledger: gate.head() })
    }

    fn evaluate(&self, _: &RunId, _: &[f32]) -> Result<Vec<Metric>, Objection> {
        Ok(Vec::new())
    }
}

pub(crate) fn run(args: &Args) -> Outcome {
    let identity = Identity::load(&args.folder.join("identity"))?;
    let total = Budget { epsilon: 1.0, delta: 1e-5 };
    let limits = Limits { total, epsilon_per_run: None };
    let gate = Mutex::new(Gate::open(&args.folder.join("state"), "bench", limits)?);
    let echo = Arc::new(Echo { gate, plan: Mutex::new(None) });
    plan::runtime()?.block_on(async {
        // Until the benchmark ends this process.
        let forever = std::future::pending();
        Ok(site_node::daemon::run(Dialer::new(identity)?, args.coordinator, echo, forever).await?)
    })
}
