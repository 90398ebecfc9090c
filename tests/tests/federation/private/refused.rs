//! Coordinators that ask for more than the hospital allows.

use std::time::Duration;

use base::clock::{Clock, SystemClock};
use base::fingerprint::Fingerprint;
use node::wire::ToCoordinator;
use plan::experiment::{Plan, PrivacyMode};
use plan::policy::Policy;
use tests::Answer;

use super::{Stage, plan, refusal, run_id, train, update};
use crate::Outcome;

/// The rule that refuses, words of its reason, and what is asked for.
type Ask = (&'static str, &'static str, fn(&mut Plan));

fn open(plan: &mut Plan) {
    plan.privacy.mode = PrivacyMode::None;
    (plan.privacy.noise_multiplier, plan.privacy.delta) = (0.0, 0.0);
    (plan.privacy.dp_sgd, plan.privacy.evaluation) = (None, None);
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
