//! What peers send: every message of sites, operators and the coordinator.

use base::codec::{decode, encode};
use base::digest::Digest;
use base::ids::{Round, RunId};
use node::wire::{
    Answer, Contribution, Cosignature, Decline, Evaluation, Hello, KeptLog, LastRecord, Launch,
    ModelHeader, Offer, PROTOCOL, Payload, Purpose, Query, SignedState, Subject, ToCoordinator,
    ToOperator, ToSite, UpdateHeader,
};
use plan::experiment::{Experiment, Plan};
use plan::metric::Metric;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Outcome, fuzz, refused};

fn plan() -> Result<Plan, tests::SetupError> {
    let text = std::fs::read_to_string(tests::demo())?;
    Ok(base::config::read::<Experiment>("demo.toml", &text)?.plan)
}

fn seeds() -> Result<Vec<Vec<u8>>, tests::SetupError> {
    let run: RunId = "calm-finch-00000001".parse()?;
    let digest = Digest::of(b"model");
    let payload = Payload { words: 10, digest };
    let plan = plan()?;
    let log = SignedState {
        checkpoint: "consilium\n3\nAAAA\n\n— a b\n".to_owned(),
        proofs: Vec::new(),
    };
    let metrics = vec![Metric { name: "test.c_index".parse()?, value: 0.7 }];
    let round = Round(3);
    let key =
        KeptLog { key: "a.1+00000000+AAAA".to_owned(), seen: Some(String::new()), data_set: None };
    let hello =
        Hello { protocol: PROTOCOL, software: "site-node 0.1.0".to_owned(), log: Some(key) };
    let signature = "— a.1 AAAA".to_owned();
    let cosigned =
        Cosignature { site: "a".parse()?, key: signature.clone(), signature: signature.clone() };
    let record = LastRecord { line: b"{}".to_vec(), inclusion: vec![digest] };
    let decline = Decline {
        run: run.clone(),
        round: Some(round),
        rule: "policy".to_owned(),
        reason: "no".to_owned(),
    };
    let header = ModelHeader {
        run: run.clone(),
        round,
        purpose: Purpose::Train,
        payload,
        log: log.clone(),
        record,
    };
    let update = UpdateHeader {
        run: run.clone(),
        round,
        model: digest,
        payload,
        weight: 1,
        metrics: metrics.clone(),
        log,
    };
    let subject = Some(Subject { run: run.clone(), round: Some(round) });
    Ok(vec![
        encode(&ToCoordinator::Hello(hello.clone())),
        encode(&ToCoordinator::Consent { run: run.clone(), plan: digest }),
        encode(&ToCoordinator::Cosigned {
            run: run.clone(),
            round: Some(round),
            signature: signature.clone(),
        }),
        encode(&ToCoordinator::Decline(decline)),
        encode(&ToCoordinator::Evaluation(Evaluation { run: run.clone(), model: digest, metrics })),
        encode(&ToCoordinator::Launch(Launch { plan: plan.clone() })),
        encode(&ToCoordinator::Stop { run: run.as_str().parse()? }),
        encode(&ToCoordinator::Query(Query::Runs { most: 10 })),
        encode(&ToSite::Welcome(hello.clone())),
        encode(&ToSite::Plan { run: run.clone(), plan }),
        encode(&ToSite::Witnessed {
            run: run.clone(),
            offered: 3,
            round: Some(round),
            cosignatures: vec![cosigned],
        }),
        encode(&ToSite::Received {
            run: run.clone(),
            round: Some(round),
            digest,
            cosignature: signature,
        }),
        encode(&ToSite::Refused {
            subject,
            refusal: node::wire::Refusal::Log("forked".to_owned()),
        }),
        encode(&ToSite::Over { run, offered: 9, outcome: "finished".to_owned() }),
        encode(&ToOperator::Welcome(hello)),
        encode(&Offer::Model(header)),
        encode(&Contribution::Update(update)),
    ])
}

/// What is read back is spelled in one way alone, so that a hash of the bytes is a hash of the message.
fn read<M: Serialize + DeserializeOwned>(bytes: &[u8]) {
    match decode::<M>(bytes) {
        Ok(message) => assert!(encode(&message) == bytes, "another spelling of a message"),
        Err(error) => refused(&error),
    }
}

#[test]
fn every_message() -> Outcome {
    fuzz("messages", &seeds()?, &["calm-finch-00000001", "/", "..", "\u{202E}"], |bytes| {
        read::<ToCoordinator>(bytes);
        read::<ToSite>(bytes);
        read::<ToOperator>(bytes);
        read::<Offer>(bytes);
        read::<Contribution>(bytes);
        read::<Query>(bytes);
        read::<Answer>(bytes);
    })
}

/// A plan that arrived is checked before anything rests on it.
#[test]
fn plans_that_arrive() -> Outcome {
    let seeds = [encode(&plan()?)];
    fuzz("plans", &seeds, &["x01", "time", "event", "\u{202E}"], |bytes| {
        if let Ok(plan) = decode::<Plan>(bytes) {
            for fault in plan.check() {
                refused(&fault);
            }
        }
    })
}
