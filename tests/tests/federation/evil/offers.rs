//! Offers that are not what the coordinator's log ends with, or not what was consented to.

use audit::note::{Checkpoint, SigningKey};
use audit::record::{Entry, Event};
use base::digest::Digest;
use base::ids::{Round, RunId};
use node::audit_log::{hash, name};
use node::wire::{ModelHeader, Purpose};
use tests::OfferedRound;

use super::stage::{A, Stage, charged, cosigned, nothing_left, refusal, refusals, soon};
use crate::Outcome;

#[tokio::test(flavor = "multi_thread")]
async fn an_older_round_is_not_trained_again() -> Outcome {
    let stage = Stage::new(1)?;
    let (node, mut site) = stage.consenting(A).await?;
    let of = OfferedRound::new(&stage.run, Round(1), Purpose::Train);
    let first = site.record(of, &stage.model)?;
    site.offer_shown(of, &stage.model, &first).await?;
    let tests::Answer::Update(update) = soon(site.answer()).await?? else {
        return Err("no update".into());
    };
    stage.honest(&mut site, 2).await?;

    // Its state of the log once more, with a proof that the later state extends it, and without one.
    drop(site.offer_shown(of, &stage.model, &first).await);
    assert_eq!(refusal(&mut site).await?, "witness.earlier-round");
    let seen = std::mem::take(&mut site.seen);
    drop(site.offer_shown(of, &stage.model, &first).await);
    assert_eq!(refusal(&mut site).await?, "witness.older");
    site.seen = seen;
    // A new record of it, with the same model and with another one.
    for model in [stage.model.clone(), stage.other_model()] {
        let shown = site.record(of, &model)?;
        drop(site.offer_shown(of, &model, &shown).await);
        assert_eq!(refusal(&mut site).await?, "witness.earlier-round");
    }

    // The next transfer is the next round's.
    stage.honest(&mut site, 3).await?;
    let rounds: Vec<u32> = charged(&node.state)?.iter().map(|entry| entry.round.0).collect();
    assert_eq!(rounds, [1, 2, 3]);
    let sent = |digest: Digest| {
        let sent = tests::records(&node.state).ok()?.into_iter().filter(move |record| {
            matches!(&record.event, Event::Sent { update, .. } if *update == hash(digest))
        });
        Some(sent.count())
    };
    assert_eq!(sent(update.0.payload.digest), Some(1));
    node.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_begins_with_the_model_that_was_consented_to() -> Outcome {
    let stage = Stage::new(1)?;
    let (node, mut site) = stage.consenting(A).await?;
    // Weights that no policy was asked about, in the place of the seed's own start.
    site.offer(&stage.run, Round(1), Purpose::Train, &stage.other_model()).await?;
    let tests::Answer::Said(said) = soon(site.answer()).await?? else {
        return Err("an update of another start left".into());
    };
    assert_eq!(crate::private::refusal(*said).0, "start");
    nothing_left(&node.state)?;
    node.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_to_one_run_is_not_consent_to_another() -> Outcome {
    let stage = Stage::new(1)?;
    let (node, mut site) = stage.consenting(A).await?;
    let (a, b): (RunId, RunId) = ("run-a".parse()?, "run-b".parse()?);

    // A run that nobody proposed: its words, far more than are buffered, are not taken.
    let large = vec![0.0; 4 << 20];
    let stranger = "run-z".parse()?;
    let of = OfferedRound::new(&stranger, Round(1), Purpose::Train);
    let shown = site.record(of, &large)?;
    let header = site.header(of, &large, &shown);
    let sent = soon(site.send(&header, &large)).await?;
    assert!(sent.is_err(), "the site took a model of a run that it was not asked about");

    // The record of one run for the header of another.
    let of = |run| OfferedRound::new(run, Round(1), Purpose::Train);
    let shown = site.record(of(&b), &stage.model)?;
    drop(site.offer_shown(of(&a), &stage.model, &shown).await);
    assert_eq!(refusal(&mut site).await?, "witness.offer");

    nothing_left(&node.state)?;

    // Consent to a later run leaves that to an earlier one as it is: both train, each its own round.
    stage.consent(&mut site, &b).await?;
    for run in [&b, &a] {
        site.offer(run, Round(1), Purpose::Train, &stage.model).await?;
        let tests::Answer::Update(update) = soon(site.answer()).await?? else {
            return Err("no update".into());
        };
        assert_eq!(update.0.run, *run);
    }
    let runs: Vec<RunId> = charged(&node.state)?.into_iter().map(|entry| entry.run).collect();
    assert_eq!(runs, [b, a]);
    node.stop().await
}

/// What is told of the log differs from the log, or the record from the offer.
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_the_log_does_not_end_with_is_refused_by_its_rule() -> Outcome {
    let stage = Stage::new(1)?;
    let (node, mut site) = stage.consenting(A).await?;
    let run = &stage.run;
    let model = &stage.model;
    let other = stage.other_model();
    // The site has seen a state of the log, so that proofs count.
    stage.honest(&mut site, 1).await?;

    let round = Round(2);
    let of = OfferedRound::new(run, round, Purpose::Train);
    let event = |entry: Event| Entry::new(name("test"), entry).of_run(name(run.as_str()));
    let right = hash(stage.plan.digest());
    let wrong = hash(Digest::of(b"another plan"));
    let digest = |model: &[f32]| hash(Digest::of(&plan::model::payload::from_parameters(model)));
    let offer = |model: &[f32], plan| Event::RoundOffer { model: digest(model), plan };
    let mut attacks: Vec<(&str, &str, ModelHeader)> = Vec::new();

    // True states of the log that end with something else.
    for (what, entry, purpose) in [
        ("another plan", event(offer(model, wrong)).of_round(2), Purpose::Train),
        ("another model", event(offer(&other, right)).of_round(2), Purpose::Train),
        ("another round", event(offer(model, right)).of_round(3), Purpose::Train),
        ("a release", event(Event::Release { model: digest(model) }).of_round(2), Purpose::Train),
        ("an offer", event(offer(model, right)).of_round(2), Purpose::Evaluate),
        ("another release", event(Event::Release { model: right }).of_round(2), Purpose::Evaluate),
    ] {
        let shown = site.audit.show(vec![entry])?;
        let header = site.header(OfferedRound::new(run, round, purpose), model, &shown);
        attacks.push((what, "witness.offer", header));
    }
    // The offer stands in the log, and something comes after it.
    let shown = site.record(of, model)?;
    let later = site.audit.show(vec![event(Event::Kill {})])?;
    let mut buried = site.header(of, model, &later);
    buried.record = shown.record.clone();
    attacks.push(("not the last record", "witness.record", buried));
    // True states of the log that end with the offer, and one thing that is false.
    let shown = site.record(of, model)?;
    let good = || site.header(of, model, &shown);
    let mut changed = good();
    changed.record.line[0] ^= 1;
    attacks.push(("no record", "witness.record", changed));
    let mut unproven = good();
    unproven.log.proofs.clear();
    attacks.push(("no proof", "witness.unproven", unproven));
    let mut elsewhere = good();
    elsewhere.log.proofs.retain(|proof| proof.from == 0);
    attacks.push(("a proof from nothing", "witness.unproven", elsewhere));
    let mut text = good();
    text.log.checkpoint = "no checkpoint".to_owned();
    attacks.push(("no checkpoint", "witness.checkpoint", text));
    // The same state, signed by another key of the same name.
    let stranger = SigningKey::generate(site.audit.verifier().name())?;
    let mut forged = good();
    let state = Checkpoint::open(&shown.note, &site.audit.verifier())?;
    forged.log.checkpoint = state.sign(&stranger)?.to_string();
    attacks.push(("another key", "witness.checkpoint", forged));

    let mut expected = Vec::new();
    for (what, rule, header) in attacks {
        drop(site.send(&header, model).await);
        assert_eq!(refusal(&mut site).await?, rule, "{what}");
        expected.push(rule.to_owned());
    }
    assert_eq!(charged(&node.state)?.len(), 1);

    // After all that the very offer is taken, and its update is the next transfer.
    drop(site.offer_shown(of, model, &shown).await);
    let signature = cosigned(&mut site).await?;
    let own = vec![site.own(signature)];
    let told = node::wire::ToSite::Witnessed {
        run: run.clone(),
        offered: u64::MAX,
        round: Some(round),
        cosignatures: own,
    };
    site.say(&told).await?;
    let tests::Answer::Update(update) = soon(site.answer()).await?? else {
        return Err("no update for an honest offer".into());
    };
    assert_eq!(update.0.round, round);
    assert_eq!(charged(&node.state)?.len(), 2);
    let state = node.state.clone();
    node.stop().await?;
    assert_eq!(refusals(&state)?, expected);
    Ok(())
}
