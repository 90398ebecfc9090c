//! What leaves a hospital in mode `patient`: every field of it, in a whole run, and its noise.

use std::collections::BTreeMap;

use audit::note::{Checkpoint, SignedNote};
use base::digest::Digest;
use base::ids::Round;
use node::wire::{Evaluation, Purpose, SignedState, ToCoordinator, UpdateHeader};
use plan::experiment::{DpSgd, Optimizer};
use plan::metric::Metric;

use super::{Stage, plan, run_id, train, update};
use crate::Outcome;

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
    // What the model is worth, and one of its columns: both with noise on them, for one charge.
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
    // The same model again: the same numbers, and no new charge.
    assert_eq!(evaluate().await?, told);
    assert_eq!(stage.charged()?, plan.rounds as usize + 1);
    Ok(())
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
