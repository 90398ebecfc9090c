//! Signatures of other sites that do not say what they should.

use audit::note::{SignedNote, SigningKey, VerifierKey};
use base::ids::{Round, RunId, SiteName};
use node::audit_log::PublishedOffer;
use node::wire::{Cosignature, Purpose, ToCoordinator, ToSite};
use tests::{Answer, Observed, OfferedRound, SetupError};

use super::stage::{A, Stage, charged, cosigned, nothing_left, refusal, refusals, soon, witnessed};
use crate::Outcome;

/// A site that signs whatever it is shown.
pub(super) struct Signer {
    site: SiteName,
    key: SigningKey,
}

impl Signer {
    pub(super) fn verifier(&self) -> &VerifierKey {
        self.key.verifier()
    }

    /// Its key is made of the seed: two names may have one.
    pub fn new(site: &str, seed: u8) -> Result<Self, SetupError> {
        let key = SigningKey::from_seed(&format!("{site}.1").parse()?, &[seed; 32])?;
        Ok(Self { site: site.parse()?, key })
    }

    pub fn sign(&self, note: &SignedNote) -> Result<Cosignature, SetupError> {
        let mut note = note.clone();
        note.cosign(&self.key)?;
        let own = |name: &audit::Name| name == self.key.verifier().name();
        let signature = note.signatures().iter().find(|signature| own(&signature.name));
        let signature = signature.ok_or("no signature")?.to_string();
        Ok(Cosignature { site: self.site.clone(), key: self.key.verifier().to_string(), signature })
    }
}

/// A site that was offered round 1 and signed it.
async fn offered(
    stage: &Stage,
) -> Result<(super::stage::Node, Observed, PublishedOffer, Cosignature), SetupError> {
    let (node, mut site) = stage.consenting(A).await?;
    let of = OfferedRound::new(&stage.run, Round(1), Purpose::Train);
    let shown = site.record(of, &stage.model)?;
    site.offer_shown(of, &stage.model, &shown).await?;
    let signature = cosigned(&mut site).await?;
    let own = site.own(signature);
    Ok((node, site, shown, own))
}

fn told(run: &RunId, round: u32, cosignatures: &[Cosignature]) -> ToSite {
    ToSite::Witnessed {
        run: run.clone(),
        offered: u64::MAX,
        round: Some(Round(round)),
        cosignatures: cosignatures.to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_signatures_let_nothing_leave_whoever_they_are_of() -> Outcome {
    let stage = Stage::new(3)?;
    let (node, mut site, shown, own) = offered(&stage).await?;
    let b = Signer::new("hospital-b", 1)?;
    let c = Signer::new("hospital-c", 2)?;
    let of_b = b.sign(&shown.note)?;
    let of_c = c.sign(&shown.note)?;
    let twin = Signer::new("hospital-c", 1)?.sign(&shown.note)?;
    let borrowed = Cosignature { site: "hospital-c".parse()?, ..of_b.clone() };
    let other_key = Cosignature { key: of_c.key.clone(), ..of_b.clone() };
    let no_key = Cosignature { key: "no key".to_owned(), ..of_c.clone() };
    let no_signature = Cosignature { signature: "no signature".to_owned(), ..of_c.clone() };
    for (what, signatures) in [
        ("none", vec![]),
        ("its own alone", vec![own.clone()]),
        ("two of three", vec![own.clone(), of_b.clone()]),
        ("one of them twice", vec![own.clone(), of_b.clone(), of_b.clone()]),
        ("its own three times", vec![own.clone(), own.clone(), own.clone()]),
        ("one key that two sites say is theirs", vec![own.clone(), of_b.clone(), twin]),
        ("one site's key under another's name", vec![own.clone(), of_b.clone(), borrowed]),
        ("another key than the signature's", vec![own.clone(), other_key, of_c.clone()]),
        ("no key", vec![own.clone(), of_b.clone(), no_key]),
        ("no signature", vec![own.clone(), of_b.clone(), no_signature]),
    ] {
        site.say(&told(&stage.run, 1, &signatures)).await?;
        assert_eq!(refusal(&mut site).await?, "witness.signatures", "{what}");
    }
    // Enough, for something else.
    let enough = [own, of_b, of_c];
    site.say(&told(&stage.run, 2, &enough)).await?;
    assert_eq!(refusal(&mut site).await?, "witness.not-offered");
    site.say(&told(&"run-z".parse()?, 1, &enough)).await?;
    nothing_left(&node.state)?;

    site.say(&told(&stage.run, 1, &enough)).await?;
    let Answer::Update(update) = soon(site.answer()).await?? else {
        return Err("no update with enough signatures".into());
    };
    assert_eq!(update.0.round, Round(1));
    assert_eq!(charged(&node.state)?.len(), 1);
    let state = node.state.clone();
    node.stop().await?;
    // Each of them is on record.
    let mut expected = vec!["witness.signatures"; 10];
    expected.push("witness.not-offered");
    assert_eq!(refusals(&state)?, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_on_another_log_stops_a_site_for_good() -> Outcome {
    let stage = Stage::new(2)?;
    let (node, mut site, _, own) = offered(&stage).await?;
    let elsewhere = SigningKey::generate(&"coordinator.1".parse()?)?;
    let other = audit::note::Checkpoint {
        origin: "coordinator.1".parse()?,
        size: 5,
        root: audit::tree::Hash([7; 32]),
    };
    let b = Signer::new("hospital-b", 1)?.sign(&other.sign(&elsewhere)?)?;
    site.say(&told(&stage.run, 1, &[own, b])).await?;
    let state = node.state.clone();
    stage.has_stopped(A, node, "diverged", "signed another state").await?;
    assert_eq!(soon(site.transfers()).await?, 0);
    nothing_left(&state)?;
    let told = witnessed(&state)?;
    let evidence = told.last().ok_or("no evidence")?;
    assert!(evidence.note.signatures().iter().any(|one| one.name.as_str() == "hospital-b.1"));
    Ok(())
}

/// Streams overtake each other: the last round's signatures may come after the final model was shown
/// in a later state. Nobody did wrong.
#[tokio::test(flavor = "multi_thread")]
async fn true_signatures_that_come_late_are_no_breach() -> Outcome {
    let stage = Stage::new(2)?;
    let (node, mut site, shown, own) = offered(&stage).await?;
    site.offer(&stage.run, Round(1), Purpose::Evaluate, &stage.model).await?;
    cosigned(&mut site).await?;
    let said = soon(site.hear_all()).await??;
    assert!(matches!(said, ToCoordinator::Evaluation(_)), "{said:?}");
    let b = Signer::new("hospital-b", 1)?.sign(&shown.note)?;
    site.say(&told(&stage.run, 1, &[own, b])).await?;
    // The session goes on: the very next word is the next run's.
    stage.consent(&mut site, &"run-b".parse()?).await?;
    let state = node.state.clone();
    node.stop().await?;
    nothing_left(&state)?;
    assert_eq!(refusals(&state)?, Vec::<String>::new());
    assert!(witnessed(&state)?.iter().all(|told| told.outcome == audit::record::Outcome::Ok));
    Ok(())
}
