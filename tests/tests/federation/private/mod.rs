//! One hospital in mode `patient` whose coordinator is the test: what leaves it, and what it refuses.

#![allow(clippy::panic, reason = "a test may stop")]

mod leaving;
mod refused;

use std::sync::Arc;
use std::time::Duration;

use base::clock::{Clock, SystemClock};
use base::digest::Digest;
use base::fingerprint::Fingerprint;
use base::ids::{Round, RunId};
use coordinator::enrol::Authority;
use coordinator::simulate::write_synthetic;
use node::audit_log::AuditSettings;
use node::pki::Role;
use node::transport::Dialer;
use node::wire::{Decline, Purpose, ToCoordinator, UpdateHeader};
use plan::experiment::{DataTag, DpSgd, Experiment, Plan, PrivacyMode, PrivateEvaluation, Weights};
use plan::model::{HeadKind, ModelKind, initial_parameters};
use plan::policy::Policy;
use privacy::{Budget, Limits};
use site_node::data::{Source, load};
use site_node::participant::{Records, Site, SiteParticipant};
use site_node::privatize::LedgerLog;
use site_node::rules::Rules;
use site_node::train::Device;
use tempfile::TempDir;
use tests::{Answer, Observed, Observer, OfferedRound, demo};

/// One hospital whose coordinator is the test.
pub(crate) struct Stage {
    pub(crate) observer: Observer,
    pub(crate) folder: TempDir,
    model: Vec<f32>,
}

pub(crate) fn plan() -> Result<Plan, tests::SetupError> {
    let text = std::fs::read_to_string(demo())?;
    let mut plan = base::config::read::<Experiment>("demo", &text)?.plan;
    plan.rounds = 3;
    (plan.training.epochs, plan.training.batch) = (1, None);
    plan.aggregation.weights = Weights::Equal;
    plan.aggregation.min_sites = 1;
    plan.privacy.mode = PrivacyMode::Patient;
    plan.privacy.noise_multiplier = 4.0;
    plan.privacy.delta = 1e-5;
    plan.privacy.dp_sgd =
        Some(DpSgd { steps: 4, sampling_rate: 0.25, expected_patients: 300, patient_clip: 1.0 });
    let ablated = vec!["x12".to_owned()];
    plan.privacy.evaluation = Some(PrivateEvaluation { rho: 0.5, max_patients: 60, ablated });
    assert_eq!(plan.check(), []);
    Ok(plan)
}

pub(crate) fn policy(coordinator: Fingerprint) -> Policy {
    Policy {
        coordinators: vec![coordinator],
        modes: vec![PrivacyMode::Patient, PrivacyMode::None],
        models: vec![ModelKind::Linear, ModelKind::Mlp],
        heads: vec![HeadKind::LogisticHazard, HeadKind::Cox],
        min_patients: 20,
        min_events: 5,
        max_clip: 10.0,
        min_noise: 0.5,
        max_rounds: 50,
        max_steps: 1000,
        max_epochs: 100,
        max_time: Duration::from_secs(3600),
        min_sites: 1,
        max_parameters: 10_000,
        start_models: Vec::new(),
        columns: Some((1..=12).map(|column| format!("x{column:02}")).collect()),
        outcomes: Some(vec!["time".to_owned(), "event".to_owned()]),
        describe: false,
        limits: Limits { total: Budget { epsilon: 8.0, delta: 1e-5 }, epsilon_per_run: Some(6.0) },
    }
}

impl Stage {
    pub(crate) fn new(change: impl FnOnce(&mut Policy)) -> Result<Self, tests::SetupError> {
        let folder = tempfile::tempdir()?;
        write_synthetic(folder.path(), 7)?;
        let table = load(&Source::tables(folder.path(), &["cohort.csv"], "patient"))?.table;
        let records = Records::Table { table, split: Some("split".to_owned()) };
        Self::with(folder, records, change)
    }

    /// The same, of these patients.
    pub(crate) fn with(
        folder: TempDir,
        records: Records,
        change: impl FnOnce(&mut Policy),
    ) -> Result<Self, tests::SetupError> {
        let authority = Authority::new(SystemClock::new().wall())?;
        let observer = Observer::new(authority.issue(Role::Coordinator)?.identity()?)?;
        let role = Role::Site("hospital-a".parse()?);
        let identity = authority.issue(role)?.identity()?;
        let mut policy = policy(identity.authority);
        change(&mut policy);
        let site = Site {
            cache_bytes: 1 << 30,
            slots: 4,
            name: "hospital-a".parse()?,
            coordinator: identity.authority,
            rules: Rules::fixed(policy, Digest::of(b"the test's")),
            data_set: "cohort".parse()?,
            clock: Arc::new(SystemClock::new()),
            records,
            tag: DataTag::Private,
            device: Device::cpu(),
            state: folder.path().join("state"),
            audit: AuditSettings::untracked(),
        };
        let dialer = Dialer::new(identity)?;
        let hospital = Arc::new(SiteParticipant::open(site)?);
        let address = observer.address()?;
        tokio::spawn(async move {
            let forever = std::future::pending();
            drop(site_node::daemon::run(dialer, address, hospital, forever).await);
        });
        let plan = plan()?;
        let model = initial_parameters(&plan.model, plan.seed);
        Ok(Self { observer, folder, model })
    }

    /// Entries of the hospital's ledger.
    pub(crate) fn charged(&self) -> Result<usize, tests::SetupError> {
        Ok(LedgerLog::look(&self.folder.path().join("state"), &"cohort".parse()?)?.entries.len())
    }
}

fn run_id(name: &str) -> Result<RunId, tests::SetupError> {
    Ok(name.parse()?)
}

/// The rule and the reason of a refusal.
pub(crate) fn refusal(said: ToCoordinator) -> (String, String) {
    match said {
        ToCoordinator::Decline(Decline { rule, reason, .. }) => (rule, reason),
        other => panic!("not a refusal: {other:?}"),
    }
}

async fn train(
    site: &mut Observed,
    run: &RunId,
    round: u32,
    model: &[f32],
) -> Result<(Digest, Answer), tests::SetupError> {
    let of = OfferedRound::new(run, Round(round), Purpose::Train);
    let shown = site.record(of, model)?;
    let digest = site.header(of, model, &shown).payload.digest;
    // A site that refuses the offer stops the transfer, before or after its last byte arrived.
    drop(site.offer_shown(of, model, &shown).await);
    Ok((digest, site.answer().await?))
}

pub(crate) fn update(answer: Answer) -> (UpdateHeader, Vec<u8>) {
    match answer {
        Answer::Update(update) => *update,
        other => panic!("no update: {other:?}"),
    }
}
