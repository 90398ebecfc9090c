//! A site that is killed, again and again, at any moment of its training: its ledger never knows less
//! than what left it.

#![allow(clippy::panic, reason = "a test may stop")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use base::digest::Digest;
use base::ids::{Round, RunId};
use node::pki::Identity;
use node::transport::TransportError;
use node::wire::{Purpose, ToCoordinator};
use plan::experiment::{DpSgd, Experiment, Plan, PrivacyMode, Weights};
use plan::model::initial_parameters;
use serde_json::Value;
use site_node::privatize::LedgerLog;
use tests::{Answer, Federation, HOSPITALS, Observer, demo, edit};

use crate::Outcome;

/// How often the site is killed if `CONSILIUM_KILLS` says nothing. Each life takes more than a second, because consent
/// leaves in steps of one.
const KILLS: usize = 100;

/// How often the site is killed.
///
/// # Errors
/// `CONSILIUM_KILLS` is not a number of kills.
fn kills() -> Result<usize, tests::SetupError> {
    match std::env::var("CONSILIUM_KILLS") {
        Ok(text) => {
            match text.parse() {
                Ok(kills) if kills > 0 => Ok(kills),
                _ => Err(format!("CONSILIUM_KILLS is {text:?}; use a number of kills such as 300")
                    .into()),
            }
        }
        Err(_) => Ok(KILLS),
    }
}

fn plan() -> Result<Plan, tests::SetupError> {
    let text = std::fs::read_to_string(demo())?;
    let mut plan = base::config::read::<Experiment>("demo", &text)?.plan;
    plan.rounds = 100_000;
    (plan.training.epochs, plan.training.batch) = (1, None);
    plan.aggregation.weights = Weights::Equal;
    plan.privacy.mode = PrivacyMode::Patient;
    (plan.privacy.noise_multiplier, plan.privacy.delta) = (4.0, 1e-5);
    // Long enough that some of the kills fall into training.
    plan.privacy.dp_sgd =
        Some(DpSgd { steps: 8, sampling_rate: 0.5, expected_patients: 300, patient_clip: 1.0 });
    plan.aggregation.min_sites = 1;
    assert_eq!(plan.check(), []);
    Ok(plan)
}

/// What the coordinator saw leave.
#[derive(Default)]
struct Seen {
    /// The hash of each round's update.
    updates: BTreeMap<u32, Digest>,
    /// Rounds that the site says were charged before it restarted.
    lost: usize,
    /// Updates that were noised before a kill and came after it.
    again: usize,
    /// What lay in the site's outbox when it was last killed.
    kept: Option<(u32, String)>,
    round: u32,
}

impl Seen {
    /// Serves one life of the site; ends only with it.
    async fn serve(
        &mut self,
        observer: &Observer,
        run: &RunId,
        plan: &Plan,
        model: &[f32],
    ) -> Result<(), TransportError> {
        let mut site = observer.site().await?;
        let consent = site.propose(run, plan).await?;
        assert!(matches!(consent, ToCoordinator::Consent { .. }), "{consent:?}");
        // The round that was under way when the site died, or the one that it just finished.
        let mut round = self.round.max(1);
        loop {
            self.round = round;
            site.offer(run, Round(round), Purpose::Train, model).await?;
            match site.answer().await? {
                Answer::Update(update) => {
                    let (header, words) = *update;
                    let digest = Digest::of(&words);
                    assert_eq!((header.round, header.payload.digest), (Round(round), digest));
                    assert_eq!(self.updates.insert(round, digest), None);
                    if let Some((_, kept)) = self.kept.take_if(|(kept, _)| *kept == round) {
                        assert_eq!(digest.to_string(), kept, "round {round} was noised twice");
                        self.again += 1;
                    }
                }
                other => {
                    let Answer::Said(said) = other else { panic!("no update: {other:?}") };
                    let ToCoordinator::Decline(decline) = *said else { panic!("{said:?}") };
                    let expected = decline.reason.contains("charged before this site restarted");
                    assert!(expected, "{decline:?}");
                    let kept = self.kept.as_ref().is_some_and(|(kept, _)| *kept == round);
                    assert!(!kept, "round {round} was kept and is not sent");
                    self.lost += 1;
                }
            }
            round += 1;
        }
    }
}

/// The round and the hash of the update of a run in an outbox.
fn outbox(state: &Path, run: &RunId) -> Option<(u32, String)> {
    let file = std::fs::read(state.join("outbox").join(run.as_str())).ok()?;
    let header = file.split(|byte| *byte == b'\n').next()?;
    let header: Value = serde_json::from_slice(header).ok()?;
    let round = u32::try_from(header["round"].as_u64()?).ok()?;
    Some((round, header["digest"].as_str()?.to_owned()))
}

/// Milliseconds below a bound, of a fixed sequence (Knuth's 64-bit generator).
fn next_below(state: &mut u64, bound: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % bound
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_a_site_never_forgets_a_release() -> Outcome {
    let federation = Federation::new()?;
    let home = federation.site(HOSPITALS[0]);
    let policy = home.join("policy.toml");
    edit(&policy, "epsilon = 8.0", "epsilon = 1e6")?;
    edit(&policy, "epsilon_per_run = 4.0", "epsilon_per_run = 1e6")?;
    edit(&policy, "max_rounds = 1000", "max_rounds = 100000")?;
    let observer = Observer::new(Identity::load(&federation.place("identity"))?)?;
    let address = format!("coordinator = \"{}\"", observer.address()?);
    edit(&home.join("site-node.toml"), "coordinator = \"127.0.0.1:7443\"", &address)?;

    let (run, plan): (RunId, Plan) = ("run-a".parse()?, plan()?);
    let model = initial_parameters(&plan.model, plan.seed);
    let mut seen = Seen::default();
    let mut random = 7;
    let mut over = 0;
    // Kills since an update came. Lives grow while none does: a busy machine takes longer to its first word.
    let mut dry = 0;
    let kills = kills()?;
    for kill in 1..=kills {
        let mut site = federation.site_node(HOSPITALS[0], "run")?;
        // Consent leaves a second after the plan came. One life in four ends before it, the others some rounds later.
        let life = match kill % 4 {
            0 => next_below(&mut random, 1000),
            _ => 1000 + next_below(&mut random, 480 + 160 * dry),
        };
        let life = Duration::from_millis(life);
        let before = seen.updates.len();
        let served = seen.serve(&observer, &run, &plan, &model);
        let ended = tokio::time::timeout(life, served).await;
        assert!(ended.is_err(), "the site ended by itself: {ended:?}");
        site.kill()?;
        dry = if seen.updates.len() > before { 0 } else { dry + 1 };
        seen.kept = outbox(&home.join("state"), &run);
        let entries = LedgerLog::look(&home.join("state"), &"cohort".parse()?)?.entries;
        let charged = |round: &u32| entries.iter().any(|entry| entry.round.0 == *round);
        let forgotten = seen.updates.keys().find(|round| !charged(round));
        assert_eq!(forgotten, None, "kill {kill}: left the site without a charge");
        // A kill costs one round at most.
        let now = entries.len() - seen.updates.len();
        assert!(now <= over + 1, "kill {kill}: {now} charges without an update after {over}");
        over = now;
    }
    // The test saw what it is about: updates, and deaths between a charge and its update.
    assert!(seen.updates.len() > kills / 2, "{} updates", seen.updates.len());
    assert!(seen.lost > 0 && seen.again > 0, "{} lost, {} again", seen.lost, seen.again);
    // And the log that all of them wrote holds for somebody who has its public key alone.
    let folder = home.join("state/audit");
    let key = audit::folder::key(&folder)?;
    let report = audit::verify::verify(&folder, &key, &audit::verify::Options::default());
    assert_eq!(report.verdict, audit::verify::Verdict::Sound, "{report:?}");
    println!("{} updates, {} lost, {} again", seen.updates.len(), seen.lost, seen.again);
    Ok(())
}
