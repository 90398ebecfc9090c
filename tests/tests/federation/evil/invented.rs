//! A coordinator that invents the sites that are to have seen its offers. A site cannot know who takes
//! part; whoever holds the logs against each other can.

use std::sync::Arc;

use audit::note::VerifierKey;
use audit::reconcile::{MAX_SKEW_MS, reconcile};
use audit::verify::{Tampering, Verdict};
use base::ids::Round;
use node::audit_log::AuditSettings;
use node::wire::{Cosignature, Purpose, ToCoordinator};
use tests::{Answer, Observed, OfferedRound, SetupError};

use super::histories::forked;
use super::signatures::Signer;
use super::stage::{A, B, Stage, cosigned, nothing_left, soon};
use crate::Outcome;

/// A round after the first, whose model is the plan's start, and whose offer a site that nobody knows has
/// signed as well.
async fn trained(stage: &Stage, site: &mut Observed, model: &[f32]) -> Outcome {
    let of = OfferedRound::new(&stage.run, Round(2), Purpose::Train);
    let shown = site.record(of, model)?;
    site.offer_shown(of, model, &shown).await?;
    let signature = cosigned(site).await?;
    let cosignatures = vec![site.own(signature), Signer::new("hospital-x", 9)?.sign(&shown.note)?];
    let run = stage.run.clone();
    site.tell_witnesses(&run, Some(Round(2)), cosignatures).await?;
    match soon(site.answer()).await?? {
        Answer::Update(_) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

/// A hospital that lists the logs it knows is not taken in.
#[tokio::test(flavor = "multi_thread")]
async fn an_invented_witness_does_not_count_where_the_hospital_lists_those_that_do() -> Outcome {
    let stage = Stage::new(2)?;
    let known = Signer::new(B, 3)?;
    let invented = Signer::new("hospital-x", 9)?;
    let audit =
        AuditSettings { witnesses: vec![known.verifier().clone()], ..AuditSettings::untracked() };
    let (node, mut site) = stage.consenting_with(A, audit).await?;
    let of = OfferedRound::new(&stage.run, Round(1), Purpose::Train);
    let shown = site.record(of, &stage.model)?;
    site.offer_shown(of, &stage.model, &shown).await?;
    let signature = cosigned(&mut site).await?;
    let own = site.own(signature);
    let run = || stage.run.clone();
    let cosignatures = vec![own.clone(), invented.sign(&shown.note)?];
    site.tell_witnesses(&run(), Some(Round(1)), cosignatures).await?;
    let Answer::Said(said) = soon(site.answer()).await?? else { return Err("left".into()) };
    let ToCoordinator::Decline(decline) = *said else { return Err(format!("{said:?}").into()) };
    assert_eq!(decline.rule, "witness.signatures");
    nothing_left(&node.state)?;
    // The one that it knows does.
    let genuine = known.sign(&shown.note)?;
    // Beside it stand a signature of one that is not listed, and one that is nobody's.
    let unlisted = invented.sign(&shown.note)?;
    let unverified = Cosignature {
        site: "hospital-y".parse()?,
        key: Signer::new("hospital-y", 10)?.verifier().to_string(),
        signature: genuine.signature.clone(),
    };
    let cosignatures = vec![own, genuine, unlisted, unverified];
    site.tell_witnesses(&run(), Some(Round(1)), cosignatures).await?;
    assert!(matches!(soon(site.answer()).await??, Answer::Update(_)));
    // Of the listed log alone, and of the coordinator's, is anything on record.
    let met = tests::records(&node.state)?.into_iter().filter_map(|record| {
        let is_key = matches!(record.event, audit::record::Event::KeyNew { .. });
        record.site.filter(|_| is_key).map(|site| site.to_string())
    });
    assert_eq!(met.collect::<Vec<_>>(), ["coordinator", B]);
    let folder = node.state.join(node::audit_log::FOLDER).join(audit::folder::WITNESS);
    assert_eq!(std::fs::read_dir(folder)?.count(), 2);
    Ok(())
}

/// A coordinator that makes up another log of the hospital's own would have the hospital's log speak for it.
#[tokio::test(flavor = "multi_thread")]
async fn another_log_in_the_hospitals_own_name_is_nobodys() -> Outcome {
    let stage = Stage::new(2)?;
    let (node, mut site) = stage.consenting(A).await?;
    let of = OfferedRound::new(&stage.run, Round(1), Purpose::Train);
    let shown = site.record(of, &stage.model)?;
    site.offer_shown(of, &stage.model, &shown).await?;
    let signature = cosigned(&mut site).await?;
    let cosignatures = vec![site.own(signature), Signer::new(A, 9)?.sign(&shown.note)?];
    let run = stage.run.clone();
    site.tell_witnesses(&run, Some(Round(1)), cosignatures).await?;
    let Answer::Said(said) = soon(site.answer()).await?? else { return Err("left".into()) };
    let ToCoordinator::Decline(decline) = *said else { return Err(format!("{said:?}").into()) };
    assert_eq!(decline.rule, "witness.signatures");
    nothing_left(&node.state)?;
    let met = tests::records(&node.state)?.into_iter().filter_map(|record| {
        let is_key = matches!(record.event, audit::record::Event::KeyNew { .. });
        record.site.filter(|_| is_key).map(|site| site.to_string())
    });
    assert_eq!(met.collect::<Vec<_>>(), ["coordinator"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn different_models_behind_invented_witnesses_show_when_logs_are_reconciled() -> Outcome {
    let mut stage = Stage::new(2)?;
    let [one, two] = forked(&stage)?;
    stage.observer.audit = one;
    let (node_a, mut a) = stage.consenting(A).await?;
    let (node_b, mut b) = stage.consenting(B).await?;
    b.audit = Arc::clone(&two);
    trained(&stage, &mut a, &stage.model).await?;
    trained(&stage, &mut b, &stage.other_model()).await?;
    node_a.stop().await?;
    node_b.stop().await?;

    let log = |name: &str| stage.place(name).join(node::audit_log::FOLDER);
    let folders = [log("one"), log("two"), log(A), log(B)];
    let keys = folders.iter().map(|folder| Ok(audit::folder::key(folder)?));
    let keys: Vec<VerifierKey> = keys.collect::<Result<_, SetupError>>()?;
    let source = |place: usize| (folders[place].as_path(), keys[place].clone());
    // Each history holds as long as only those are asked who were shown it; whichever of them is
    // handed in, the other site has seen another one.
    for (history, shown, other) in [(0, 2, 3), (1, 3, 2)] {
        let believed = reconcile(&[source(history), source(shown)], MAX_SKEW_MS);
        assert_eq!(believed.reports[0].verdict, Verdict::Sound);
        let together = reconcile(&[source(history), source(shown), source(other)], MAX_SKEW_MS);
        let verdict = &together.reports[0].verdict;
        let diverged = matches!(verdict, Verdict::Tampered(Tampering::Diverged { .. }));
        assert!(diverged, "{verdict:?}");
    }
    Ok(())
}
