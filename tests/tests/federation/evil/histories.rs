//! Two histories: of one log, or different ones for different sites.

use std::path::Path;
use std::sync::Arc;

use audit::note::{Checkpoint, SigningKey};
use audit::record::{Outcome as Ended, Role};
use base::clock::SystemClock;
use base::ids::Round;
use node::audit_log::{AuditWriter, COORDINATOR};
use node::wire::{Cosignature, KeptLog, Purpose};
use tests::{Observed, OfferedRound, SetupError, copy_folder};

use super::stage::{A, B, Node, Stage, charged, cosigned, nothing_left, refusals, soon, witnessed};
use crate::Outcome;

fn open(state: &Path) -> Result<Arc<AuditWriter>, SetupError> {
    let clock = Arc::new(SystemClock::new());
    Ok(Arc::new(AuditWriter::open(state, COORDINATOR, Role::Coordinator, clock, &mut |_| ())?))
}

/// Two logs under one key, which are the same up to here.
pub(super) fn forked(stage: &Stage) -> Result<[Arc<AuditWriter>; 2], SetupError> {
    let one = stage.place("one");
    let two = stage.place("two");
    drop(open(&one)?);
    copy_folder(&one, &two)?;
    Ok([open(&one)?, open(&two)?])
}

/// Both sites are offered round 1, and told of each other's true signatures.
async fn exchange(
    stage: &Stage,
    first: &mut Observed,
    second: &mut Observed,
    model_of_second: &[f32],
) -> Outcome {
    let mut signed: Vec<Cosignature> = Vec::new();
    for (site, model) in [(&mut *first, &stage.model[..]), (&mut *second, model_of_second)] {
        site.offer(&stage.run, Round(1), Purpose::Train, model).await?;
        let signature = cosigned(site).await?;
        signed.push(site.own(signature));
    }
    for site in [first, second] {
        let run = stage.run.clone();
        let cosignatures = signed.clone();
        site.tell_witnesses(&run, Some(Round(1)), cosignatures).await?;
    }
    Ok(())
}

/// A true signature of one site on another state than the other site's stands in the other's log.
async fn both_stop(stage: &Stage, sites: [(Node, Observed); 2]) -> Outcome {
    for ((node, site), name) in sites.into_iter().zip([A, B]) {
        let state = node.state.clone();
        stage.has_stopped(name, node, "diverged", "signed another state").await?;
        assert_eq!(soon(site.transfers()).await?, 0);
        nothing_left(&state)?;
        let told = witnessed(&state)?;
        let [seen, evidence] = &told[..] else { return Err(format!("{told:?}").into()) };
        assert_eq!(seen.note.text(), evidence.note.text());
        let by = |name: &str| {
            let of = |log: &str| log.starts_with(&format!("{name}."));
            evidence.note.signatures().iter().any(|signature| of(signature.name.as_str()))
        };
        assert!(by(A) && by(B) && by(COORDINATOR), "{evidence:?}");
        assert!(refusals(&state)?.iter().any(|rule| rule == "witness.diverged"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sites_are_not_given_different_models_in_one_log() -> Outcome {
    let stage = Stage::new(2)?;
    let (node_a, mut a) = stage.consenting(A).await?;
    let (node_b, mut b) = stage.consenting(B).await?;
    exchange(&stage, &mut a, &mut b, &stage.other_model()).await?;
    both_stop(&stage, [(node_a, a), (node_b, b)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sites_are_not_given_different_models_in_two_logs_of_one_key() -> Outcome {
    let mut stage = Stage::new(2)?;
    let [one, two] = forked(&stage)?;
    stage.observer.audit = Arc::clone(&one);
    let (node_a, mut a) = stage.consenting(A).await?;
    let (node_b, mut b) = stage.consenting(B).await?;
    b.audit = two;
    exchange(&stage, &mut a, &mut b, &stage.other_model()).await?;
    both_stop(&stage, [(node_a, a), (node_b, b)]).await
}

/// The control of the two above: the same model for both, and both train.
#[tokio::test(flavor = "multi_thread")]
async fn two_sites_that_are_shown_the_same_train() -> Outcome {
    let stage = Stage::new(2)?;
    let (node_a, mut a) = stage.consenting(A).await?;
    let (node_b, mut b) = stage.consenting(B).await?;
    let of = OfferedRound::new(&stage.run, Round(1), Purpose::Train);
    let shown = a.record(of, &stage.model)?;
    let mut signed = Vec::new();
    for site in [&mut a, &mut b] {
        site.offer_shown(of, &stage.model, &shown).await?;
        let signature = cosigned(site).await?;
        signed.push(site.own(signature));
    }
    for (site, node) in [(&mut a, node_a), (&mut b, node_b)] {
        let run = stage.run.clone();
        let cosignatures = signed.clone();
        site.tell_witnesses(&run, Some(Round(1)), cosignatures).await?;
        assert!(matches!(soon(site.answer()).await??, tests::Answer::Update(_)));
        assert_eq!(charged(&node.state)?.len(), 1);
        node.stop().await?;
    }
    Ok(())
}

/// A site that saw one history is shown another one, of the same length or longer.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_stops_a_site_for_good() -> Outcome {
    for longer in [false, true] {
        let mut stage = Stage::new(1)?;
        let [one, two] = forked(&stage)?;
        stage.observer.audit = one;
        let (node, mut site) = stage.consenting(A).await?;
        let of = OfferedRound::new(&stage.run, Round(1), Purpose::Train);
        let seen = site.record(of, &stage.model)?;
        site.offer_shown(of, &stage.model, &seen).await?;
        cosigned(&mut site).await?;

        site.audit = two;
        let other = stage.other_model();
        let mut shown = site.record(of, &other)?;
        if longer {
            shown = site.record(of, &other)?;
            // A proof that leads from the same number of records, in the other history.
            assert!(site.audit.sight(&shown.note, shown.size, &[seen.size]).proofs.len() == 1);
        }
        assert_eq!(shown.size, seen.size + u64::from(longer));
        drop(site.offer_shown(of, &other, &shown).await);

        let state = node.state.clone();
        let key = site.audit.verifier();
        stage.has_stopped(A, node, "forked", "neither extends the other").await?;
        assert_eq!(soon(site.transfers()).await?, 0);
        nothing_left(&state)?;
        // Both checkpoints, each signed by the one key.
        let told = witnessed(&state)?;
        let [ok, refused] = &told[..] else { return Err(format!("{told:?}").into()) };
        assert_eq!((ok.outcome, refused.outcome), (Ended::Ok, Ended::Refused));
        let ok = Checkpoint::open(&ok.note, &key)?;
        let refused = Checkpoint::open(&refused.note, &key)?;
        assert_eq!((ok.size, refused.size), (seen.size, shown.size));
        assert_ne!(ok.root, refused.root);
        assert!(refusals(&state)?.iter().any(|rule| rule == "witness.forked"));
    }
    Ok(())
}

/// A log that takes the known one's place stops a site each time that it is shown.
#[tokio::test(flavor = "multi_thread")]
async fn another_log_does_not_take_the_known_ones_place() -> Outcome {
    for (log, words, rule) in [
        ("coordinator.1", "site-node trust coordinator.1", "witness.replaced"),
        // A later one is accepted by a person as well, and never by itself.
        ("coordinator.2", "site-node trust coordinator.2", "witness.replaced"),
        ("centre.1", "not one of its own", "witness.other-node"),
    ] {
        let stage = Stage::new(1)?;
        let (node, mut site) = stage.consenting(A).await?;
        stage.honest(&mut site, 1).await?;
        let state = node.state.clone();
        node.stop().await?;
        let key = SigningKey::generate(&log.parse()?)?.verifier().to_string();
        for times in 1..=2 {
            let node = stage.start(A)?;
            let shown = KeptLog { key: key.clone(), seen: None, data_set: None };
            let site = soon(stage.observer.site_told(Some(shown))).await??;
            let why = node.gave_up().await?;
            assert!(why.contains(words), "{why}");
            assert_eq!(soon(site.transfers()).await?, 0);
            let found = refusals(&state)?;
            assert_eq!(found, vec![rule.to_owned(); times]);
        }
        // Nothing was charged beyond the honest round.
        assert_eq!(charged(&state)?.len(), 1);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_without_a_log_is_not_heard() -> Outcome {
    let stage = Stage::new(1)?;
    let node = stage.start(A)?;
    for shown in [None, Some(KeptLog { key: "no key".to_owned(), seen: None, data_set: None })] {
        let mut site = soon(stage.observer.site_told(shown)).await??;
        // The plan is not even considered.
        assert!(soon(site.propose(&stage.run, &stage.plan)).await?.is_err());
        assert_eq!(soon(site.transfers()).await?, 0);
    }
    // The site tries again, and an honest session is as good as ever.
    let mut site = soon(stage.observer.site()).await??;
    stage.consent(&mut site, &stage.run).await?;
    nothing_left(&node.state)?;
    assert_eq!(refusals(&node.state)?, ["witness.no-log", "witness.key"]);
    stage.honest(&mut site, 1).await?;
    assert_eq!(charged(&node.state)?.len(), 1);
    node.stop().await
}
