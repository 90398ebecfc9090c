//! A site whose words are beyond what the plan allows, over real QUIC: nothing of them is added, the
//! site is left out of the round by name, and the round counts without it.

use audit::record::Event;
use base::ids::{RunId, SiteName};
use node::wire::{ModelHeader, Progress, Refusal, ToCoordinator, ToSite, UpdateHeader};
use plan::experiment::{DpSgd, Plan, PrivacyMode, Weights};
use privacy::grid::UNITS_PER_CLIP;

use crate::Outcome;
use crate::rogue::{Rogue, Stage, honest, plan};

const CLIP: i32 = UNITS_PER_CLIP.cast_signed();

fn plan_in(mode: PrivacyMode) -> Result<Plan, tests::SetupError> {
    let mut plan = plan()?;
    plan.aggregation.weights = Weights::Equal;
    (plan.aggregation.min_sites, plan.aggregation.max_sites) = (2, 3);
    plan.privacy.mode = mode;
    if mode != PrivacyMode::None {
        (plan.privacy.noise_multiplier, plan.privacy.delta) = (1.0, 1e-5);
        (plan.training.epochs, plan.training.batch) = (1, None);
    }
    plan.privacy.dp_sgd = (mode == PrivacyMode::Patient).then_some(DpSgd {
        steps: 1,
        sampling_rate: 0.5,
        expected_patients: 100,
        patient_clip: 1.0,
    });
    match plan.check().first() {
        None => Ok(plan),
        Some(plan_error) => Err(plan_error.to_string().into()),
    }
}

fn bytes(words: &[i32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Sends words as this round's update.
async fn send(rogue: &Rogue, run: &RunId, model: &ModelHeader, words: &[i32]) -> Outcome {
    let words = bytes(words);
    let header = honest(rogue, run, model, &words)?;
    rogue.update(&header, words).await;
    Ok(())
}

async fn received(rogue: &mut Rogue) -> Outcome {
    loop {
        match rogue.hear().await? {
            ToSite::Received { .. } => return Ok(()),
            ToSite::Refused { refusal, .. } => return Err(refusal.to_string().into()),
            _ => {}
        }
    }
}

/// Two honest sites send words that their mode allows; the third sends `hostile`. Its refusal.
async fn round_with(
    mode: PrivacyMode,
    hostile: fn(usize) -> Vec<i32>,
) -> Result<Refusal, tests::SetupError> {
    let stage = Stage::new()?;
    let mut sites = Vec::new();
    for name in ["hospital-a", "hospital-b", "hospital-c"] {
        let mut site = stage.rogue(name).await?;
        site.enter().await?;
        sites.push(site);
    }
    let plan = plan_in(mode)?;
    let mut launched = stage.launch(plan.clone())?;
    let mut offers = Vec::new();
    for site in &mut sites {
        let ToSite::Plan { run, .. } = site.hear().await? else { return Err("no plan".into()) };
        site.say(ToCoordinator::Consent { run, plan: plan.digest() }).await?;
    }
    for site in &sites {
        let model = site.offered().await?;
        offers.push(model);
    }
    let (Some(model), [a, b, c]) = (offers.first().cloned(), &mut sites[..]) else {
        return Err("three sites".into());
    };
    let run = launched.run.clone();
    let count = usize::try_from(model.payload.words)?;
    send(c, &run, &model, &hostile(count)).await?;
    let refusal = c.refusal().await?;
    // Left out of this round: a second update of it does not count either.
    send(c, &run, &model, &vec![0; count]).await?;
    assert_eq!(c.refusal().await?, Refusal::OutOfTurn);
    // At the bound exactly, in one word.
    let mut most = vec![0; count];
    most[0] = CLIP;
    send(a, &run, &model, &most).await?;
    received(a).await?;
    most[0] = -CLIP;
    send(b, &run, &model, &most).await?;
    received(b).await?;
    // Nobody waits for the third: the run goes on to its end without it.
    for site in [&*a, &*b, &*c] {
        let last = site.offered().await?;
        // The two updates cancel out: of the third nothing is in the sum.
        assert_eq!(last.payload.digest, model.payload.digest);
        site.link.close("done");
    }
    let mut seen = Vec::new();
    while let Some(progress) = launched.progress.recv().await {
        if let Progress::Declined { site, rule, reason } = progress {
            seen.push((site, rule, reason));
        }
    }
    let name: SiteName = "hospital-c".parse()?;
    let told = (name, refusal.code().to_owned(), refusal.to_string());
    assert!(seen.contains(&told), "the operator saw {seen:?}");
    let outcome = launched.outcome.await??;
    let who: Vec<_> = outcome.rounds().flat_map(|round| &round.sites).collect();
    assert_eq!(who, [&"hospital-a".parse::<SiteName>()?, &"hospital-b".parse()?]);
    let refused = stage.records()?.into_iter().any(|record| {
        let about = record.site.as_ref().is_some_and(|site| site.as_str() == "hospital-c");
        let rule =
            matches!(&record.event, Event::Refused { rule } if rule.as_str() == refusal.code());
        about && rule && record.round == Some(1)
    });
    assert!(refused, "the audit log names the site, the round and the rule");
    Ok(refusal)
}

fn wild(words: usize) -> Vec<i32> {
    vec![i32::MAX; words]
}

/// Sums of two such words are 0 in 32 bits.
fn wrapping(words: usize) -> Vec<i32> {
    let mut update = vec![0; words];
    update[0] = i32::MIN;
    update
}

/// The norm is one over the bound by the least that integers can.
fn just_over(words: usize) -> Vec<i32> {
    let mut update = vec![0; words];
    (update[0], update[words - 1]) = (CLIP, 1);
    update
}

#[tokio::test(flavor = "multi_thread")]
async fn words_beyond_the_clipping_bound_are_refused_in_modes_off_and_local() -> Outcome {
    let most = u64::from(UNITS_PER_CLIP);
    for mode in [PrivacyMode::None, PrivacyMode::Patient] {
        for hostile in [wild, wrapping] {
            let refusal = round_with(mode, hostile).await?;
            let Refusal::Norm { found, most: allowed } = refusal else {
                return Err(refusal.to_string().into());
            };
            assert!(allowed == most && found >= 1 << 31, "{found}");
        }
        let found = most + 1;
        assert_eq!(round_with(mode, just_over).await?, Refusal::Norm { found, most });
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn words_beyond_bound_and_noise_are_refused_in_mode_site() -> Outcome {
    let refusal = round_with(PrivacyMode::Site, wild).await?;
    assert!(matches!(refusal, Refusal::Norm { .. }), "{refusal}");
    // Within the norm of all the noise, but in one word.
    let refusal = round_with(PrivacyMode::Site, |words| {
        let mut update = vec![0; words];
        update[words / 2] = -12 * CLIP;
        update
    })
    .await?;
    let expected = Refusal::Element { found: 12 * UNITS_PER_CLIP, most: 11 * UNITS_PER_CLIP + 1 };
    assert_eq!(refusal, expected);
    Ok(())
}

/// A light site is clipped after its weight: what it may send is as large as anybody's, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_weight_loosens_no_bound() -> Outcome {
    for weight in [1, 500] {
        let stage = Stage::new()?;
        let mut rogue = stage.rogue("hospital-a").await?;
        rogue.enter().await?;
        let plan = plan()?;
        assert!(matches!(plan.aggregation.weights, Weights::Patients { unit: 500 }));
        let launched = stage.launch(plan.clone())?;
        let ToSite::Plan { run, .. } = rogue.hear().await? else { return Err("no plan".into()) };
        rogue.say(ToCoordinator::Consent { run: run.clone(), plan: plan.digest() }).await?;
        let model = rogue.offered().await?;
        let words = bytes(&just_over(usize::try_from(model.payload.words)?));
        let header = UpdateHeader { weight, ..honest(&rogue, &run, &model, &words)? };
        rogue.update(&header, words).await;
        let most = u64::from(UNITS_PER_CLIP);
        assert_eq!(rogue.refusal().await?, Refusal::Norm { found: most + 1, most });
        // With the only site out, the round has no quorum, and nobody waits for the window.
        assert!(launched.outcome.await??.rounds().next().is_none());
    }
    Ok(())
}
