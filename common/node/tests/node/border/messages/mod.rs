//! Golden bytes of what is said on control streams, and of the headers of transfers.

mod operator;
mod transfers;

use std::time::Duration;

use base::ids::{Round, RunId};
use node::wire::{
    ALPN, Consistency, Cosignature, Decline, Evaluation, Hello, KeptLog, Launch, PROTOCOL, Query,
    Refusal, SignedState, StatisticsLaunch, Subject, ToCoordinator, ToSite,
};
use plan::metric::Metric;

use crate::border::golden::{every_variant, variants};
use crate::border::sample::{DIGEST, PLAN, digest, other_digest, plan};
use crate::border::statistics::{QUESTION, question};

variants!(
    ToCoordinator: Hello,
    Consent,
    Cosigned,
    Decline,
    Evaluation,
    Launch,
    Describe,
    Attach,
    Stop,
    Query
);
variants!(ToSite: Welcome, Refused, Plan, Witnessed, Received, Over);

fn run() -> RunId {
    "run-a".parse().unwrap()
}

fn log() -> SignedState {
    let proofs = vec![Consistency { from: 7, hashes: vec![other_digest()] }];
    SignedState { checkpoint: "site-a.1".to_owned(), proofs }
}

const LOG: &str = "
    0800000000000000 'site-a.1'      # log.checkpoint
    0100000000000000                 # log.proofs: one
    0700000000000000                 #   from: 7
    0100000000000000                 #   hashes: one
";

fn hello() -> Hello {
    let log = Some(KeptLog {
        key: "a.1+0+b".to_owned(),
        seen: None,
        data_set: Some("cohort".parse().unwrap()),
    });
    Hello { protocol: 2, software: "site-node 0.1.0".to_owned(), log }
}

fn loss(value: f64) -> Metric {
    Metric { name: "train.loss".to_owned(), value }
}

fn decline(round: Option<Round>) -> ToCoordinator {
    let rule = "policy.modes".to_owned();
    let reason = "noise is required".to_owned();
    ToCoordinator::Decline(Decline { run: run(), round, rule, reason })
}

/// The bytes below are those of this version: other bytes need another number, in both places.
#[test]
fn the_version_is_in_the_handshake_and_in_the_first_message() {
    assert_eq!((PROTOCOL, ALPN), (2, &b"consilium/2"[..]));
}

/// What operators say of descriptions.
fn of_descriptions() -> (ToCoordinator, String) {
    let describe = format!(
        "
        06000000                    # ToCoordinator::Describe
        {QUESTION}                  # question
        5a00000000000000 05000000   # window: 90 seconds and 5 nanoseconds
        "
    );
    let inquiry = StatisticsLaunch { question: question(), window: Duration::new(90, 5) };
    (ToCoordinator::Describe(inquiry), describe)
}

fn cosigned(round: Option<Round>) -> ToCoordinator {
    ToCoordinator::Cosigned { run: run(), round, signature: "line".to_owned() }
}

fn cosigned_bytes(round: &str) -> String {
    format!(
        "
        02000000                    # ToCoordinator::Cosigned
        0500000000000000 'run-a'    # run
        {round}
        0400000000000000 'line'     # signature
        "
    )
}

#[test]
fn messages_to_the_coordinator_are_these_bytes() {
    let hello_bytes = "
        00000000                             # ToCoordinator::Hello
        02000000                             # protocol: 2
        0f00000000000000 'site-node 0.1.0'   # software
        01                                   # log: given
        0700000000000000 'a.1+0+b'           #   key
        00                                   #   seen: none
        01 0600000000000000 'cohort'         #   data_set: given
    "
    .to_owned();
    let consent = format!(
        "
        01000000                    # ToCoordinator::Consent
        0500000000000000 'run-a'    # run
        {DIGEST}                    # plan
        "
    );
    let one_round = "
        03000000                               # ToCoordinator::Decline
        0500000000000000 'run-a'               # run
        01 03000000                            # round: given, 3
        0c00000000000000 'policy.modes'        # rule
        1100000000000000 'noise is required'   # reason
    "
    .to_owned();
    let whole_run = "
        03000000                               # ToCoordinator::Decline
        0500000000000000 'run-a'               # run
        00                                     # round: none, the run is declined
        0c00000000000000 'policy.modes'        # rule
        1100000000000000 'noise is required'   # reason
    "
    .to_owned();
    let evaluation = format!(
        "
        04000000                               # ToCoordinator::Evaluation
        0500000000000000 'run-a'               # run
        {DIGEST}                               # model
        0200000000000000                       # metrics: two
        0a00000000000000 'train.loss'          #   name
        000000000000d03f                       #   value: 1/4
        0a00000000000000 'train.loss'          #   name
        000000000000e03f                       #   value: 1/2
        "
    );
    let launch = format!(
        "
        05000000                    # ToCoordinator::Launch
        {PLAN}                      # plan
        "
    );
    let attach = "
        07000000                    # ToCoordinator::Attach
        0500000000000000 'run-a'    # run
    "
    .to_owned();
    let stop = "
        08000000                    # ToCoordinator::Stop
        0500000000000000 'run-a'    # run
    "
    .to_owned();
    let query = "
        09000000                    # ToCoordinator::Query
        00000000 e8030000           #   Query::Runs, most: 1000
    "
    .to_owned();
    let metrics = vec![loss(0.25), loss(0.5)];
    let inquiry = of_descriptions();
    every_variant(&[
        (ToCoordinator::Hello(hello()), hello_bytes),
        (ToCoordinator::Consent { run: run(), plan: digest() }, consent),
        (cosigned(Some(Round(3))), cosigned_bytes("01 03000000  # round: given, 3")),
        (cosigned(None), cosigned_bytes("00  # round: none, a statistics request")),
        (decline(Some(Round(3))), one_round),
        (decline(None), whole_run),
        (
            ToCoordinator::Evaluation(Evaluation { run: run(), model: digest(), metrics }),
            evaluation,
        ),
        (ToCoordinator::Launch(Launch { plan: plan() }), launch),
        inquiry,
        (ToCoordinator::Attach { run: run().into() }, attach),
        (ToCoordinator::Stop { run: run().into() }, stop),
        (ToCoordinator::Query(Query::Runs { most: 1000 }), query),
    ]);
}

#[test]
fn messages_to_a_site_are_these_bytes() {
    let welcome = "
        00000000                             # ToSite::Welcome
        02000000                             # protocol: 2
        0f00000000000000 'site-node 0.1.0'   # software
        01                                   # log: given
        0700000000000000 'a.1+0+b'           #   key
        00                                   #   seen: none
        01 0600000000000000 'cohort'         #   data_set: given
    "
    .to_owned();
    let refused = |subject: &str| {
        format!(
            "
            01000000                    # ToSite::Refused
            {subject}
            09000000                    #   Refusal::Late
            03000000                    #   round: 3
            "
        )
    };
    let about = |round| ToSite::Refused {
        subject: Some(Subject { run: run(), round }),
        refusal: Refusal::Late(Round(3)),
    };
    let nothing = ToSite::Refused { subject: None, refusal: Refusal::Late(Round(3)) };
    let subject = |round: &str| format!("01 0500000000000000 'run-a' {round}");
    let plan_bytes = format!(
        "
        02000000                    # ToSite::Plan
        0500000000000000 'run-a'    # run
        {PLAN}                      # plan
        "
    );
    let witnessed = |round: &str| {
        format!(
            "
            03000000                       # ToSite::Witnessed
            0500000000000000 'run-a'       # run
            0c00000000000000               # offered: 12
            {round}
            0100000000000000               # cosignatures: one
            0a00000000000000 'hospital-a'  #   site
            0300000000000000 'key'         #   key
            0400000000000000 'line'        #   signature
            "
        )
    };
    let received = |round: &str| {
        format!(
            "
            04000000                    # ToSite::Received
            0500000000000000 'run-a'    # run
            {round}
            {DIGEST}                    # digest
            0400000000000000 'line'     # cosignature
            "
        )
    };
    let taken = |round| ToSite::Received {
        run: run(),
        round,
        digest: digest(),
        cosignature: "line".to_owned(),
    };
    let cosignatures = vec![Cosignature {
        site: "hospital-a".parse().unwrap(),
        key: "key".to_owned(),
        signature: "line".to_owned(),
    }];
    let told = |round| ToSite::Witnessed {
        run: run(),
        offered: 12,
        round,
        cosignatures: cosignatures.clone(),
    };
    let over = "
        05000000                    # ToSite::Over
        0500000000000000 'run-a'    # run
        0c00000000000000            # offered: 12
        0800000000000000 'finished' # outcome
    "
    .to_owned();
    every_variant(&[
        (ToSite::Welcome(hello()), welcome),
        (nothing, refused("00  # subject: none")),
        (about(Some(Round(3))), refused(&subject("01 03000000  # subject: run, round 3"))),
        (about(None), refused(&subject("00  # subject: run"))),
        (ToSite::Plan { run: run(), plan: plan() }, plan_bytes),
        (told(Some(Round(3))), witnessed("01 03000000  # round: given, 3")),
        (told(None), witnessed("00  # round: none, a statistics request")),
        (taken(Some(Round(3))), received("01 03000000  # round: given, 3")),
        (taken(None), received("00  # round: none, a statistics request")),
        (ToSite::Over { run: run(), offered: 12, outcome: "finished".to_owned() }, over),
    ]);
}
