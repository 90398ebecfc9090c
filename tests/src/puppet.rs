//! A site that does what a test or a benchmark says, and not what patients teach: the product's own daemon, connection,
//! log and privacy gate.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use audit::Name;
use audit::record::{Entry, Event};
use base::clock::SystemClock;
use base::digest::Digest;
use base::ids::{Round, RunId};
use node::audit_log::{AuditSettings, AuditWriter, hash, name};
use node::pki::{Identity, Role};
use node::transport::{Cap, Dialer, Route};
use plan::experiment::{CheckedPlan, StatisticsRequest};
use privacy::{Budget, Limits};
use site_node::participant::{Computed, DeclineReason, Model, Participant, SiteRule};
use site_node::privatize::{Change, LedgerPlace, PrivacyGate};
use site_node::send::Outgoing;

use crate::SetupError;

/// The parameters that a site answers with, from those that it was offered.
type Answer = dyn FnMut(&[f32]) -> Vec<f32> + Send;

/// What the site says that its patients weigh, and what it answers.
pub struct Puppet {
    /// How much it counts in a mean.
    pub weight: u32,
    /// Makes its answer. The privacy gate clips it as it clips every site's.
    pub answer: Box<Answer>,
    /// What it may take of its line.
    pub cap: Option<Cap>,
}

impl Puppet {
    /// Takes part as the hospital whose folder this is, until `stop` resolves.
    ///
    /// # Errors
    /// The folder is no hospital's, or the coordinator does not let it in.
    pub async fn run(
        self,
        folder: &Path,
        route: Route,
        stop: impl Future<Output = ()>,
    ) -> Result<(), SetupError> {
        let identity = Identity::load(&folder.join("identity"))?;
        let Role::Site(site) = identity.role.clone() else { return Err("not a site".into()) };
        let total = Budget { epsilon: 1.0, delta: 1e-5 };
        let place = LedgerPlace {
            state: &folder.join("state"),
            audit: &AuditSettings::untracked(),
            site: site.as_str(),
            data_set: &"none".parse()?,
        };
        let limits = Limits { total, epsilon_per_run: None };
        let gate = PrivacyGate::open(place, limits, Arc::new(SystemClock::new()))?;
        let acting = Acting {
            weight: self.weight,
            answer: Mutex::new(self.answer),
            audit: Arc::clone(gate.audit()),
            gate,
            plan: Mutex::new(None),
        };
        let dialer = Dialer::new(identity)?.limited(self.cap);
        Ok(site_node::daemon::run(dialer, route, Arc::new(acting), stop).await?)
    }
}

struct Acting {
    weight: u32,
    answer: Mutex<Box<Answer>>,
    audit: Arc<AuditWriter>,
    gate: PrivacyGate,
    plan: Mutex<Option<CheckedPlan>>,
}

impl Participant for Acting {
    fn audit(&self) -> Arc<AuditWriter> {
        Arc::clone(&self.audit)
    }

    fn data_set(&self) -> Name {
        name("none")
    }

    fn consider(&self, run: &RunId, plan: &CheckedPlan) -> Result<(), DeclineReason> {
        *hold(&self.plan) = Some(plan.clone());
        self.record(vec![of_run(run, Event::Consent { plan: hash(plan.digest()), terms: None })])
    }

    fn round(
        &self,
        run: &RunId,
        round: Round,
        model: Model<'_>,
    ) -> Result<Outgoing, DeclineReason> {
        let held = hold(&self.plan);
        let declined = |reason: String| DeclineReason::new(SiteRule::Train, reason);
        let plan = held.as_ref().ok_or_else(|| declined("no plan".to_owned()))?;
        let before = model.parameters;
        let change = Change { before, after: (hold(&self.answer))(before) };
        let weight = f64::from(self.weight);
        let passed = self.gate.pass(plan, run, round, change, weight);
        let update = passed.map_err(|error| declined(error.to_string()))?;
        Ok(Outgoing { update, weight: self.weight, metrics: Vec::new() })
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

impl Acting {
    fn record(&self, entries: Vec<Entry>) -> Result<(), DeclineReason> {
        self.audit.record(entries).map_err(|error| DeclineReason::new(SiteRule::Audit, error))
    }
}

fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn of_run(run: &RunId, event: Event) -> Entry {
    Entry::new(name("puppet"), event).of_run(name(run.as_str()))
}
