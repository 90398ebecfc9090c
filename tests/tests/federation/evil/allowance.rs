//! A coordinator that makes a hospital write, at no cost in ε: descriptions, offers that no training follows, flawed
//! plans, signatures and invented hospitals. What each leaves is bounded, and a refused one leaves nothing.

use std::fs;
use std::path::Path;
use std::time::Duration;

use audit::record::{Event, Record};
use base::ids::{Round, RunId};
use node::audit_log::MAX_WITNESSES;
use node::wire::{Cosignature, Decline, ModelHeader, Purpose, ToCoordinator, ToSite};
use tests::{Answer, Observed, OfferedRound, SetupError, records};

use super::questions::question;
use super::signatures::Signer;
use super::stage::{A, Stage, cosigned, refusal, soon};
use crate::Outcome;

/// What a hospital takes at once, of questions and of offers without training.
const AT_ONCE: usize = 60;

/// A minute or two may pass during a test, each of which allows one more.
const MORE: usize = 5;

/// Bytes of a hospital's log.
fn log_bytes(state: &Path) -> Result<u64, SetupError> {
    let folder = state.join(node::audit_log::FOLDER);
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            bytes += fs::metadata(path)?.len();
        }
    }
    Ok(bytes)
}

/// The rule by which the site declines what it was just told.
async fn declined(site: &mut Observed) -> Result<Decline, SetupError> {
    match soon(site.hear_all()).await?? {
        ToCoordinator::Decline(decline) => Ok(decline),
        other => Err(format!("not a refusal: {other:?}").into()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptions_without_end_are_refused_before_anything_is_recorded() -> Outcome {
    let stage = Stage::new(1)?;
    let node = stage.start(A)?;
    let mut site = soon(stage.observer.site()).await??;
    // More sites than there are must have seen it: it is signed, and never answered.
    let mut asked = question(2)?;
    let mut signed = 0;
    let mut full = None;
    for number in 1..=180_u32 {
        let shown = site.record_question(&asked, &asked)?;
        site.ask(&asked, &shown).await?;
        match soon(site.hear_all()).await?? {
            ToCoordinator::Cosigned { .. } => signed += 1,
            ToCoordinator::Decline(Decline { rule, reason, .. }) => {
                assert!(rule == "plans" && reason.contains("ask again"), "{rule}: {reason}");
                if full.is_none() {
                    full = Some(log_bytes(&node.state)?);
                }
            }
            other => return Err(format!("{other:?}").into()),
        }
        asked.rho = question(2)?.rho * (1.0 + 1e-3 * f64::from(number));
    }
    assert!((AT_ONCE..=AT_ONCE + MORE).contains(&signed), "{signed}");
    let before = full.ok_or("none was refused")?;
    // Nothing for a refused one; a minute that has passed allows one more.
    let grown = log_bytes(&node.state)? - before;
    assert!(grown < 4000 * MORE as u64, "{grown} bytes for 120 refused questions");
    let offers = records(&node.state)?.into_iter();
    let is_offer = |record: &Record| matches!(record.event, Event::StatisticsOffer { .. });
    let offers = offers.filter(is_offer).count();
    assert_eq!(offers, signed);
    node.stop().await
}

fn header(site: &mut Observed, stage: &Stage, round: u32) -> Result<ModelHeader, SetupError> {
    let of = OfferedRound::new(&stage.run, Round(round), Purpose::Train);
    let shown = site.record(of, &stage.model)?;
    let header = site.header(of, &stage.model, &shown);
    site.seen.push(shown.size);
    Ok(header)
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_that_no_training_follows_are_refused_before_anything_is_recorded() -> Outcome {
    let mut stage = Stage::new(1)?;
    stage.slots = 1;
    let (node, mut site) = stage.consenting(A).await?;
    // Rounds that the plan does not have: no trace of them.
    let before = records(&node.state)?.len();
    for round in [0, stage.plan.rounds + 1, u32::MAX] {
        let beyond = header(&mut site, &stage, round.max(1))?;
        let beyond = ModelHeader { round: Round(round), ..beyond };
        drop(site.send(&beyond, &stage.model).await);
        let decline = declined(&mut site).await?;
        assert!(decline.rule == "consent" && decline.reason.contains("not one of the 3"));
    }
    assert_eq!(records(&node.state)?.len(), before);

    // The same round again and again, as after a lost connection, and no signature that would let it train.
    let mut signed = 0;
    let mut full = None;
    for _ in 0..3 * AT_ONCE {
        let offer = header(&mut site, &stage, 1)?;
        // The transfer of one that is refused is stopped by the site.
        drop(site.send(&offer, &stage.model).await);
        match soon(site.hear_all()).await?? {
            ToCoordinator::Cosigned { .. } => signed += 1,
            ToCoordinator::Decline(Decline { rule, reason, .. }) => {
                assert!(rule == "offers" && reason.contains("offer again in a minute"), "{reason}");
                if full.is_none() {
                    full = Some(log_bytes(&node.state)?);
                }
            }
            other => return Err(format!("{other:?}").into()),
        }
    }
    // Those of rounds that there are not were offers too.
    assert!((AT_ONCE - 3..=AT_ONCE + MORE).contains(&signed), "{signed}");
    let grown = log_bytes(&node.state)? - full.ok_or("none was refused")?;
    assert!(grown < 4000 * MORE as u64, "{grown} bytes for {} refused offers", 2 * AT_ONCE);
    let log = records(&node.state)?;
    let witnessed = log.iter().filter(|record| matches!(record.event, Event::Witness { .. }));
    let witnessed = witnessed.count();
    assert!(witnessed <= AT_ONCE + MORE, "{witnessed} records of offers");
    node.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn flawed_plans_are_counted_and_quoted_in_part() -> Outcome {
    let mut stage = Stage::new(1)?;
    let node = stage.start(A)?;
    let mut site = soon(stage.observer.site()).await??;
    let before = records(&node.state)?.len();
    stage.plan.training.rates = [("x".repeat(3 << 20), 1.0)].into_iter().collect();
    let mut refused = 0;
    for number in 0..2 * AT_ONCE {
        let run = format!("run-{number}").parse()?;
        let said = soon(site.propose(&run, &stage.plan)).await??;
        let ToCoordinator::Decline(Decline { rule, reason, .. }) = said else {
            return Err(format!("{said:?}").into());
        };
        match rule.as_str() {
            "training.rates" => {
                assert!(reason.chars().count() < 400, "{} characters", reason.chars().count());
            }
            "plans" => refused += 1,
            _ => return Err(format!("{rule}: {reason}").into()),
        }
    }
    assert!((AT_ONCE - MORE..=AT_ONCE).contains(&refused), "{refused}");
    let made = records(&node.state)?.len() - before;
    assert!(made <= MORE, "{made} records");
    node.stop().await
}

/// An offer of a round, and the cosignature of the site itself.
async fn offered(
    stage: &Stage,
    site: &mut Observed,
    round: u32,
) -> Result<(audit::note::SignedNote, Cosignature), SetupError> {
    let of = OfferedRound::new(&stage.run, Round(round), Purpose::Train);
    let shown = site.record(of, &stage.model)?;
    site.offer_shown(of, &stage.model, &shown).await?;
    let signature = cosigned(site).await?;
    Ok((shown.note.clone(), site.own(signature)))
}

async fn witnessed(
    stage: &Stage,
    site: &mut Observed,
    round: u32,
    by: Vec<Cosignature>,
) -> Outcome {
    let run = stage.run.clone();
    Ok(site.tell_witnesses(&run, Some(Round(round)), by).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_that_let_nothing_leave_are_noted_for_a_while() -> Outcome {
    let stage = Stage::new(2)?;
    let (node, mut site) = stage.consenting(A).await?;
    let (_, own) = offered(&stage, &mut site, 1).await?;
    let before = records(&node.state)?.len();
    let many = 3000;
    for _ in 0..many {
        witnessed(&stage, &mut site, 1, vec![own.clone()]).await?;
        // It writes what was noted.
        site.say(&ToSite::Over { run: "run-z".parse()?, offered: 0, outcome: String::new() })
            .await?;
        assert_eq!(refusal(&mut site).await?, "witness.signatures");
    }
    let state = node.state.clone();
    node.stop().await?;
    let made = records(&state)?.len() - before;
    assert!(made < 700, "{made} records of {many} refusals");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn invented_hospitals_fill_neither_the_log_nor_the_folder_of_keys() -> Outcome {
    /// What a hospital takes up at another's word.
    const NEW_KEYS: usize = 256;
    let mut stage = Stage::new(2)?;
    stage.plan.rounds = 6;
    stage.plan.privacy.noise_multiplier = 8.0;
    let (node, mut site) = stage.consenting(A).await?;
    for round in 1..=6_u8 {
        let (note, own) = offered(&stage, &mut site, u32::from(round)).await?;
        let invented = (1..MAX_WITNESSES).map(|number| {
            let seed = u8::try_from(number)?.wrapping_mul(4).wrapping_add(round);
            Signer::new(&format!("hospital-{round}-{number}"), seed)?.sign(&note)
        });
        let mut by = vec![own];
        by.extend(invented.collect::<Result<Vec<_>, SetupError>>()?);
        witnessed(&stage, &mut site, u32::from(round), by).await?;
        if round < 6 {
            assert!(matches!(soon(site.answer()).await??, Answer::Update(_)), "round {round}");
        } else {
            // None of these is on record, so that none of them counts.
            assert_eq!(refusal(&mut site).await?, "witness.signatures");
        }
    }
    let keys = records(&node.state)?.into_iter();
    let keys = keys.filter(|record| matches!(record.event, Event::KeyNew { .. })).count();
    let folder = node.state.join(node::audit_log::FOLDER).join(audit::folder::WITNESS);
    let files = fs::read_dir(folder)?.count();
    // The coordinator's own among them.
    assert_eq!((keys, files), (NEW_KEYS + 1, NEW_KEYS + 1));
    node.stop().await
}

/// To and fro between two runs: neither has more than its time, nor after a restart of the hospital.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_has_had_its_time_is_declined_after_another_run_and_after_a_restart() -> Outcome
{
    let mut stage = Stage::new(1)?;
    stage.max_time = Duration::from_nanos(1);
    let (node, mut site) = stage.consenting(A).await?;
    let mut runs: Vec<RunId> = vec!["run-a".parse()?, "run-b".parse()?];
    for run in runs.clone() {
        stage.run = run;
        stage.consent(&mut site, &stage.run).await?;
        site.offer(&stage.run, Round(1), Purpose::Train, &stage.model).await?;
        // It trained, in time or not: what was made in time leaves, and is the last.
        let mut answer = soon(site.answer()).await??;
        if let Answer::Update(_) = answer {
            site.offer(&stage.run, Round(2), Purpose::Train, &stage.model).await?;
            answer = soon(site.answer()).await??;
        }
        let said = answer.into_said()?;
        let ToCoordinator::Decline(Decline { rule, .. }) = &said else {
            return Err(format!("{said:?}").into());
        };
        assert_eq!(rule, "policy.max_time", "{}: {said:?}", stage.run);
    }
    runs.reverse();
    for run in runs.iter().chain(runs.clone().iter()) {
        let said = soon(site.propose(run, &stage.plan)).await??;
        let ToCoordinator::Decline(Decline { rule, .. }) = said else {
            return Err(format!("{run}: {said:?}").into());
        };
        assert_eq!(rule, "policy.max_time", "{run}");
    }
    node.stop().await?;
    let node = stage.start(A)?;
    let mut site = soon(stage.observer.site()).await??;
    for run in &runs {
        let said = soon(site.propose(run, &stage.plan)).await??;
        assert!(
            matches!(&said, ToCoordinator::Decline(Decline { rule, .. }) if rule == "policy.max_time"),
            "{run}: {said:?}"
        );
    }
    node.stop().await
}
