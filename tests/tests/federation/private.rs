//! What leaves a hospital in mode `patient`: every field of it, in a whole run; and coordinators that
//! ask for more than the hospital allows.

#![allow(clippy::panic, reason = "a test may stop")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use audit::note::{Checkpoint, SignedNote};
use base::clock::{Clock, SystemClock};
use base::digest::Digest;
use base::fingerprint::Fingerprint;
use base::ids::{Round, RunId};
use coordinator::enrol::Authority;
use coordinator::simulate::write_synthetic;
use node::audit_log::AuditSettings;
use node::pki::Role;
use node::transport::Dialer;
use node::wire::{Decline, Evaluation, Purpose, SignedState, ToCoordinator, UpdateHeader};
use plan::experiment::{
    DataTag, DpSgd, Experiment, Optimizer, Plan, PrivacyMode, PrivateEvaluation, Weights,
};
use plan::metric::Metric;
use plan::model::{HeadKind, ModelKind, initial_parameters};
use plan::policy::Policy;
use privacy::{Budget, Limits};
use site_node::data::{Source, load};
use site_node::participant::{Records, Site, SiteParticipant};
use site_node::privatize::LedgerLog;
use site_node::rules::Rules;
use site_node::train::Device;
use tempfile::TempDir;
use tests::{Answer, Observed, Observer, demo};

use crate::Outcome;

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
    let of = (run, Round(round), Purpose::Train);
    let shown = site.record(run, Round(round), Purpose::Train, model)?;
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

/// Whatever a site sends is taken apart here without `..`: a new field does not compile until this
/// test says what it is.
#[tokio::test(flavor = "multi_thread")]
async fn every_field_that_a_site_sends_is_public_or_paid_for() -> Outcome {
    let stage = Stage::new(|_| ())?;
    let plan = plan()?;
    let run = run_id("run-a")?;
    let mut site = stage.observer.site().await?;

    let consent = site.propose(&run, &plan).await?;
    let ToCoordinator::Consent { run: echoed, plan: agreed } = consent else {
        return Err(format!("{consent:?}").into());
    };
    // Echoes of what was sent.
    assert_eq!((echoed, agreed), (run.clone(), plan.digest()));

    let mut updates = BTreeMap::new();
    for round in 1..=plan.rounds {
        let (offered, answer) = train(&mut site, &run, round, &stage.model).await?;
        let (header, words) = update(answer);
        let UpdateHeader { run: echoed, round: of, model, payload, weight, metrics, log } = header;
        assert_eq!((echoed, of, model), (run.clone(), Round(round), offered));
        // The size is the plan's, the hash that of the bytes, the weight the plan's.
        assert_eq!(payload.words, plan.model.parameters());
        assert_eq!((payload.digest, words.len() as u64), (Digest::of(&words), payload.words * 4));
        assert_eq!((weight, metrics), (1, vec![]));
        // Hashes of the site's audit log, and how many records it has: each holds the boot's random
        // name, so that nobody can guess what was hashed.
        let SignedState { checkpoint, proofs } = log;
        let checkpoint = Checkpoint::open(&SignedNote::parse(&checkpoint)?, &site.key)?;
        assert_eq!(checkpoint.origin.as_str(), "hospital-a.1");
        assert!(proofs.iter().all(|proof| proof.from < checkpoint.size), "{proofs:?}");
        // Paid for before it came.
        assert!(stage.charged()? >= round as usize);
        updates.insert(round, payload.digest);
    }
    // Other noise each time, for the same model and the same patients.
    let distinct: std::collections::BTreeSet<_> = updates.values().collect();
    assert_eq!(distinct.len(), updates.len());

    // The same round again: the same bytes, and no new charge.
    let (_, answer) = train(&mut site, &run, plan.rounds, &stage.model).await?;
    assert_eq!(update(answer).0.payload.digest, updates[&plan.rounds]);
    assert_eq!(stage.charged()?, plan.rounds as usize);

    let mut evaluate = async || -> Result<Vec<Metric>, tests::SetupError> {
        let last = Round(plan.rounds);
        let offered = site.offer(&run, last, Purpose::Evaluate, &stage.model).await?;
        let said = site.hear().await?;
        let ToCoordinator::Evaluation(Evaluation { run: echoed, model, metrics }) = said else {
            return Err(format!("{said:?}").into());
        };
        assert_eq!((echoed, model), (run.clone(), offered));
        Ok(metrics)
    };
    // What the model is worth, and one of its columns: both with noise on them, one charge, never again.
    let told = evaluate().await?;
    let of = |name: &str| told.iter().find(|metric| metric.name == name).map(|it| it.value);
    let around = of("deviation/test.c_index").ok_or("no deviation")?;
    let lost_around = of("deviation/ablated/x12").ok_or("no deviation of what is lost")?;
    assert!(0.0 < around && around <= lost_around, "{told:?}");
    // One whose pairs are lost in noise has no value, and nothing else is in the answer.
    let whole = of("test.c_index");
    let lost = of("ablated/x12");
    assert!(whole.is_none_or(|value| (0.0..=1.0).contains(&value)), "{told:?}");
    assert!(lost.is_none_or(|value| value.abs() <= 1.0), "{told:?}");
    let values = usize::from(whole.is_some()) + usize::from(lost.is_some());
    assert_eq!(told.len(), 2 + values, "{told:?}");
    assert_eq!(stage.charged()?, plan.rounds as usize + 1);
    assert_eq!(evaluate().await?, []);
    assert_eq!(stage.charged()?, plan.rounds as usize + 1);
    Ok(())
}

/// The rule that refuses, words of its reason, and what is asked for.
type Ask = (&'static str, &'static str, fn(&mut Plan));

fn open(plan: &mut Plan) {
    plan.privacy.mode = PrivacyMode::None;
    (plan.privacy.noise_multiplier, plan.privacy.delta) = (0.0, 0.0);
    (plan.privacy.dp_sgd, plan.privacy.evaluation) = (None, None);
}

/// With everybody in each step and a bound far below the noise, what leaves is noise of the deviation
/// that was charged for, in each coordinate: η·z·C/N.
#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_bears_the_noise_that_was_charged() -> Outcome {
    let stage = Stage::new(|_| ())?;
    let mut plan = plan()?;
    let run = run_id("run-a")?;
    (plan.training.optimizer, plan.training.learning_rate) = (Optimizer::Sgd, 1.0);
    plan.training.weight_decay = 0.0;
    let z = 400.0;
    let bound = 0.01;
    let patients = 300;
    plan.privacy.noise_multiplier = z;
    plan.privacy.dp_sgd = Some(DpSgd {
        steps: 1,
        sampling_rate: 1.0,
        expected_patients: patients,
        patient_clip: bound,
    });
    let mut site = stage.observer.site().await?;
    site.propose(&run, &plan).await?;
    let mut updates = Vec::new();
    for round in 1..=2 {
        let (_, answer) = train(&mut site, &run, round, &stage.model).await?;
        let words = update(answer).1;
        let unit = plan.privacy.clip / f64::from(1 << 20);
        let values = words.as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word));
        updates.push(values.map(|word| f64::from(word) * unit).collect::<Vec<f64>>());
    }
    let deviation = |values: &[f64]| {
        (values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64).sqrt()
    };
    let expected = z * bound / f64::from(patients);
    // 378 coordinates: a standard error of 3.6 percent.
    for values in &updates {
        let found = deviation(values);
        assert!((found / expected - 1.0).abs() < 0.2, "{found} for {expected}");
    }
    // Drawn anew in each round: the difference has twice the variance.
    let apart: Vec<f64> = updates[0].iter().zip(&updates[1]).map(|(a, b)| a - b).collect();
    let found = deviation(&apart) / std::f64::consts::SQRT_2;
    assert!((found / expected - 1.0).abs() < 0.2, "{found} for {expected}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runs_name_is_not_good_for_another_plan() -> Outcome {
    let stage = Stage::new(|_| ())?;
    let mut plan = plan()?;
    let run = run_id("run-a")?;
    let mut site = stage.observer.site().await?;
    site.propose(&run, &plan).await?;
    let (_, answer) = train(&mut site, &run, 1, &stage.model).await?;
    update(answer);
    plan.rounds += 1;
    let (rule, reason) = refusal(site.propose(&run, &plan).await?);
    assert!(rule == "run.plan" && reason.contains("another plan"), "{rule}: {reason}");
    assert_eq!(stage.charged()?, 1);
    Ok(())
}

/// Whether it is the patients, the events or a column's cells, the answer is the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_cohort_that_does_not_do_says_nothing_of_why() -> Outcome {
    let mut answers = Vec::new();
    let changes: [fn(&mut Policy); 3] = [
        |policy| policy.min_patients = 1_000_000,
        |policy| policy.min_events = 1_000_000,
        // A column of words.
        |policy| policy.columns.as_mut().unwrap().push("hospital".to_owned()),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let stage = Stage::new(change)?;
        let mut site = stage.observer.site().await?;
        let mut asked = plan()?;
        if number == 2 {
            asked.features[0].column = "hospital".to_owned();
        }
        answers.push(refusal(site.propose(&run_id("run-a")?, &asked).await?));
        assert_eq!(stage.charged()?, 0);
    }
    assert_eq!(answers[0].0, "cohort");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_and_a_refusal_that_rests_on_patients_take_whole_seconds() -> Outcome {
    let clock = SystemClock::new();
    for (least, rule) in [(20, None), (1_000_000, Some("cohort"))] {
        let stage = Stage::new(|policy| policy.min_patients = least)?;
        let mut site = stage.observer.site().await?;
        let asked = clock.now();
        let plan = plan()?;
        let said = site.propose(&run_id("run-a")?, &plan).await?;
        let took = clock.now().since(asked);
        assert!(took >= Duration::from_secs(1), "{took:?}");
        match rule {
            Some(rule) => assert_eq!(refusal(said).0, rule),
            None => assert!(matches!(said, ToCoordinator::Consent { .. }), "{said:?}"),
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_coordinator_may_not_ask_is_refused_by_the_rules_name() -> Outcome {
    let stage = Stage::new(|_| ())?;
    let mut site = stage.observer.site().await?;
    let asks: [Ask; 16] = [
        // A patient's trait as the outcome would make a refusal an answer about it.
        ("policy.outcomes", "x03", |p| {
            p.outcome.event = "x03".to_owned();
            p.features.remove(2);
            p.model.inputs -= 1;
        }),
        ("policy.columns", "hospital", |p| p.features[0].column = "hospital".to_owned()),
        ("data.tag", "public or synthetic", open),
        ("policy.modes", "site", |p| {
            p.privacy.mode = PrivacyMode::Site;
            (p.privacy.dp_sgd, p.privacy.evaluation) = (None, None);
        }),
        ("privacy.noise_multiplier", "out of bounds", |p| p.privacy.noise_multiplier = 0.0),
        ("privacy.noise_multiplier", "out of bounds", |p| p.privacy.noise_multiplier = f64::NAN),
        ("policy.min_noise", "at least 0.5", |p| p.privacy.noise_multiplier = 0.4),
        ("policy.max_clip", "at most 10", |p| p.privacy.clip = 1e9),
        ("policy.max_clip", "at most 10", |p| {
            p.privacy.dp_sgd.as_mut().unwrap().patient_clip = 1e9;
        }),
        ("privacy.patient_clip", "finite", |p| {
            p.privacy.dp_sgd.as_mut().unwrap().patient_clip = f64::INFINITY;
        }),
        ("privacy.sampling_rate", "at most 1", |p| {
            p.privacy.dp_sgd.as_mut().unwrap().sampling_rate = 2.0;
        }),
        ("privacy.delta", "(0, 0.5)", |p| p.privacy.delta = 0.7),
        ("policy.max_rounds", "at most 50", |p| p.rounds = 1000),
        ("policy.budget.epsilon", "of them fit", |p| {
            p.rounds = 50;
            p.privacy.noise_multiplier = 1.0;
        }),
        ("policy.max_steps", "at most 1000", |p| {
            p.privacy.dp_sgd.as_mut().unwrap().steps = 100_000;
        }),
        ("model.head", "couples the patients", |p| p.model.head = plan::model::Head::Cox),
    ];
    for (number, (rule, words, change)) in asks.into_iter().enumerate() {
        let mut asked = plan()?;
        change(&mut asked);
        let said = site.propose(&run_id(&format!("run-{number}"))?, &asked).await?;
        let (found, reason) = refusal(said);
        assert_eq!(found, rule, "ask {number}: {reason}");
        assert!(reason.contains(words), "ask {number}: {reason}");
    }
    // Nothing was charged for any of them, and an honest run goes on.
    assert_eq!(stage.charged()?, 0);
    let said = site.propose(&run_id("run-good")?, &plan()?).await?;
    assert!(matches!(said, ToCoordinator::Consent { .. }), "{said:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_to_one_run_is_not_consent_to_more_of_it() -> Outcome {
    let stage = Stage::new(|_| ())?;
    let plan = plan()?;
    let run = run_id("run-a")?;
    let mut site = stage.observer.site().await?;
    site.propose(&run, &plan).await?;
    let (_, answer) = train(&mut site, &run, 1, &stage.model).await?;
    update(answer);

    let other: Vec<f32> = stage.model.iter().map(|w| w + 1.0).collect();
    for (round, model, expected, words) in [
        (plan.rounds + 1, &stage.model, "consent", "not one of the 3 consented to"),
        (1, &other, "witness.other-model", "another model before"),
    ] {
        let (_, answer) = train(&mut site, &run, round, model).await?;
        let Answer::Said(said) = answer else { return Err("an update left".into()) };
        let (rule, reason) = refusal(*said);
        assert!(rule == expected && reason.contains(words), "{rule}: {reason}");
    }
    assert_eq!(stage.charged()?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_ends_at_the_round_that_was_foreseen() -> Outcome {
    let stage = Stage::new(|policy| policy.limits.epsilon_per_run = None)?;
    let mut site = stage.observer.site().await?;
    let mut plan = plan()?;
    plan.privacy.evaluation = None;
    plan.privacy.noise_multiplier = 1.0;
    plan.rounds = 50;
    let (_, reason) = refusal(site.propose(&run_id("run-much")?, &plan).await?);
    let fits: u32 = reason
        .split("; ")
        .nth(1)
        .and_then(|words| words.split(' ').next()?.parse().ok())
        .ok_or(reason.clone())?;
    assert!((1..50).contains(&fits), "{reason}");
    plan.rounds = fits;
    let run = run_id("run-just")?;
    let said = site.propose(&run, &plan).await?;
    assert!(matches!(said, ToCoordinator::Consent { .. }), "{said:?}");
    for round in 1..=fits {
        let (_, answer) = train(&mut site, &run, round, &stage.model).await?;
        update(answer);
    }
    plan.rounds = 1;
    let (rule, reason) = refusal(site.propose(&run_id("run-more")?, &plan).await?);
    assert!(rule == "policy.budget.epsilon" && reason.contains("0 of them fit"), "{reason}");
    assert_eq!(stage.charged()?, fits as usize);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_may_not_spend_the_budget_of_all() -> Outcome {
    let stage = Stage::new(|policy| policy.limits.epsilon_per_run = Some(2.0))?;
    let mut site = stage.observer.site().await?;
    let mut plan = plan()?;
    (plan.rounds, plan.privacy.noise_multiplier, plan.privacy.evaluation) = (1, 1.0, None);
    let (rule, reason) = refusal(site.propose(&run_id("run-a")?, &plan).await?);
    assert_eq!(rule, "policy.budget.epsilon_per_run", "{reason}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_s_coordinator_is_not_heard() -> Outcome {
    let stage = Stage::new(|policy| policy.coordinators = vec![Fingerprint::of(b"another")])?;
    let mut site = stage.observer.site().await?;
    let (rule, reason) = refusal(site.propose(&run_id("run-a")?, &plan()?).await?);
    assert!(rule == "policy.coordinators" && reason.contains("1 listed"), "{rule}: {reason}");
    Ok(())
}
