//! A state of the coordinator's log that is shown after a later one. It is accepted with a proof that the later one
//! extends it, declined without a proof, and ends the session as a second history if the proof is false.

use std::sync::Arc;

use audit::verify::Verdict;
use base::digest::Digest;
use base::ids::{Round, RunId};
use node::audit_log::PublishedOffer;
use node::wire::Purpose;
use tests::{Answer, Observed, OfferedRound, SetupError, verdict};

use super::histories::forked;
use super::stage::{A, Node, Stage, charged, refusal, refusals, soon, witnessed};
use crate::Outcome;

const ROUND: Round = Round(1);

/// A hospital in two runs.
struct Both {
    node: Node,
    site: Observed,
    /// The run that is offered second.
    later: RunId,
}

async fn consenting(stage: &Stage) -> Result<Both, SetupError> {
    let (node, mut site) = stage.consenting(A).await?;
    let later: RunId = "run-b".parse()?;
    stage.consent(&mut site, &later).await?;
    Ok(Both { node, site, later })
}

fn first_round(run: &RunId) -> OfferedRound<'_> {
    OfferedRound::new(run, ROUND, Purpose::Train)
}

/// The first round of a run is offered, and its update comes.
async fn answered(
    stage: &Stage,
    site: &mut Observed,
    run: &RunId,
    shown: &PublishedOffer,
) -> Outcome {
    site.offer_shown(first_round(run), &stage.model, shown).await?;
    let Answer::Update(update) = soon(site.answer()).await?? else {
        return Err(format!("no update for {run}").into());
    };
    assert_eq!((&update.0.run, update.0.round), (run, ROUND));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_state_that_the_later_one_goes_on_from_is_answered() -> Outcome {
    let stage = Stage::new(1)?;
    let Both { node, mut site, later } = consenting(&stage).await?;
    let first = site.record(first_round(&stage.run), &stage.model)?;
    let second = site.record(first_round(&later), &stage.model)?;
    assert!(first.size < second.size);
    answered(&stage, &mut site, &later, &second).await?;
    answered(&stage, &mut site, &stage.run, &first).await?;
    let state = node.state.clone();
    node.stop().await?;
    let paid: Vec<RunId> = charged(&state)?.into_iter().map(|entry| entry.run).collect();
    assert_eq!(paid, [later, stage.run.clone()]);
    assert_eq!(refusals(&state)?, Vec::<String>::new());
    let notes: Vec<String> =
        witnessed(&state)?.iter().map(|told| told.note.text().to_owned()).collect();
    let place = |shown: &PublishedOffer| notes.iter().position(|note| note == shown.note.text());
    assert!(place(&second).is_some() && place(&second) < place(&first), "{notes:?}");
    let report = verdict(&state.join(node::audit_log::FOLDER))?;
    assert_eq!(report.verdict, Verdict::Sound, "{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_state_without_its_proof_is_declined_and_the_session_goes_on() -> Outcome {
    let stage = Stage::new(1)?;
    let Both { node, mut site, later } = consenting(&stage).await?;
    let first = site.record(first_round(&stage.run), &stage.model)?;
    let second = site.record(first_round(&later), &stage.model)?;
    answered(&stage, &mut site, &later, &second).await?;
    let of = first_round(&stage.run);
    let mut none = site.header(of, &stage.model, &first);
    none.log.proofs.clear();
    let mut elsewhere = site.header(of, &stage.model, &first);
    elsewhere.log.proofs.retain(|proof| proof.from != second.size);
    for header in [none, elsewhere] {
        drop(site.send(&header, &stage.model).await);
        assert_eq!(refusal(&mut site).await?, "witness.older");
        assert_eq!(charged(&node.state)?.len(), 1);
    }
    // The same offer with its proof.
    answered(&stage, &mut site, &stage.run, &first).await?;
    assert_eq!(charged(&node.state)?.len(), 2);
    let state = node.state.clone();
    node.stop().await?;
    assert_eq!(refusals(&state)?, ["witness.older"; 2]);
    Ok(())
}

/// A false proof, and one of another history.
#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_state_with_a_false_proof_ends_the_session_for_good() -> Outcome {
    for other_history in [false, true] {
        let mut stage = Stage::new(1)?;
        let [one, two] = forked(&stage)?;
        stage.observer.audit = Arc::clone(&one);
        let Both { node, mut site, later } = consenting(&stage).await?;
        let mut first = site.record(first_round(&stage.run), &stage.model)?;
        let second = site.record(first_round(&later), &stage.model)?;
        answered(&stage, &mut site, &later, &second).await?;
        if other_history {
            site.audit = two;
            first = site.record(first_round(&stage.run), &stage.model)?;
            let other = site.record(first_round(&later), &stage.model)?;
            assert_eq!(other.size, second.size);
        }
        let of = first_round(&stage.run);
        let mut header = site.header(of, &stage.model, &first);
        let shown = header.log.proofs.iter_mut().find(|proof| proof.from == second.size);
        let proof = shown.ok_or("no proof to the later state")?;
        if !other_history {
            let hash = proof.hashes.first_mut().ok_or("an empty proof")?;
            *hash = Digest::of(b"another history");
        }
        drop(site.send(&header, &stage.model).await);
        let state = node.state.clone();
        stage.has_stopped(A, node, "forked", "neither extends the other").await?;
        assert_eq!(soon(site.transfers()).await?, 0);
        let paid: Vec<RunId> = charged(&state)?.into_iter().map(|entry| entry.run).collect();
        assert_eq!(paid, [later]);
        assert!(refusals(&state)?.iter().any(|rule| rule == "witness.forked"));
    }
    Ok(())
}
