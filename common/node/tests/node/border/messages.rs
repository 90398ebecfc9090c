//! Golden bytes of what is said on control streams, and of the headers of transfers.

use std::time::Duration;

use base::clock::Timestamp;
use base::ids::{Round, RunId};
use node::wire::{
    ALPN, Answer, Consistency, Contribution, Cosignature, Decline, Evaluation, Hello, KeptLog,
    LastRecord, Launch, ModelHeader, Offer, PROTOCOL, Payload, Progress, Purpose, Query, Refusal,
    SignedState, StatisticsLaunch, StatisticsOffer, StatisticsReply, Subject, ToCoordinator,
    ToOperator, ToSite, Told, UpdateHeader,
};
use plan::metric::Metric;

use crate::border::golden::{every_variant, golden, variants};
use crate::border::sample::{DIGEST, OTHER_DIGEST, PLAN, digest, other_digest, plan};
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
variants!(Offer: Model, Statistics);
variants!(Contribution: Update, Statistics);
variants!(ToOperator: Welcome, Refused, Progress, Told, Attached, Ended, Answer);
variants!(Progress: Started, Declined, Round, Finished, Failed, Waiting, Stopped);
variants!(Purpose: Train, Evaluate);

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

#[test]
fn messages_to_an_operator_are_these_bytes() {
    let welcome = "
        00000000                             # ToOperator::Welcome
        02000000                             # protocol: 2
        0f00000000000000 'site-node 0.1.0'   # software
        01                                   # log: given
        0700000000000000 'a.1+0+b'           #   key
        00                                   #   seen: none
        01 0600000000000000 'cohort'         #   data_set: given
    ";
    let refused = "
        01000000                    # ToOperator::Refused
        05000000                    #   Refusal::Busy
        0500000000000000 'run-a'    #   run
    ";
    let progress = "
        02000000                         # ToOperator::Progress
        0500000000000000 'run-a'         # run
        04000000                         #   Progress::Failed
        0b00000000000000 'quorum lost'   #   reason
    ";
    let failed = Progress::Failed { reason: "quorum lost".to_owned() };
    let told_bytes = "
        03000000                         # ToOperator::Told
        0500000000000000 'run-a'         # run
        04000000                         #   Told::Failed
        0700000000000000 'stopped'       #   reason
    ";
    let told = Told::Failed { reason: "stopped".to_owned() };
    let attached = format!(
        "
        04000000                         # ToOperator::Attached
        0500000000000000 'run-a'         # run
        {PLAN}                           # plan
        "
    );
    let ended = "
        05000000                         # ToOperator::Ended
        0500000000000000 'run-a'         # run
        0700000000000000 'stopped'       # status
        01 0300000000000000 'why'        # reason: given
    ";
    let answer = "
        06000000                         # ToOperator::Answer
        09000000 01                      #   Answer::End, more
    ";
    let status = "stopped".to_owned();
    let reason = Some("why".to_owned());
    every_variant(&[
        (ToOperator::Welcome(hello()), welcome),
        (ToOperator::Refused(Refusal::Busy(run())), refused),
        (ToOperator::Progress { run: run(), progress: failed }, progress),
        (ToOperator::Told { run: run(), told }, told_bytes),
        (ToOperator::Attached { run: run(), plan: plan() }, &attached),
        (ToOperator::Ended { run: run(), status, reason }, ended),
        (ToOperator::Answer(Answer::End { more: true }), answer),
    ]);
}

#[test]
fn every_step_of_a_run_is_these_bytes() {
    let started = "
        00000000                         # Progress::Started
        0200000000000000                 # sites: two
        0a00000000000000 'hospital-a'    #   name
        0a00000000000000 'hospital-b'    #   name
        28000000                         # rounds: 40
    ";
    let declined = "
        01000000                               # Progress::Declined
        0a00000000000000 'hospital-a'          # site
        0c00000000000000 'policy.modes'        # rule
        1100000000000000 'noise is required'   # reason
    ";
    let round = "
        02000000                         # Progress::Round
        03000000                         # round: 3
        02000000                         # sites: 2
        000000000000f83f                 # seconds: 1.5
        efbeadde00000000                 # bytes: 0xdeadbeef
        0100000000000000                 # metrics: one
        0a00000000000000 'train.loss'    #   name
        000000000000d03f                 #   value: 1/4
    ";
    let finished = "
        03000000                         # Progress::Finished
        0000000000000000                 # metrics: none
        0600000000000000 '2c26b4'        # model_sha256
        0100000000000000                 # sites: 1
        0a00000000000000 'hospital-a'    #   its name
        000000000000f83f                 # seconds: 1.5
        0010000000000000                 # bytes: 4096
    ";
    let failed = "
        04000000                         # Progress::Failed
        0b00000000000000 'quorum lost'   # reason
    ";
    let waiting = "
        05000000                         # Progress::Waiting
        02000000                         # more: 2
        e803000000000000                 # until: 1000 ms
        0100000000000000                 # away: one
        0a00000000000000 'hospital-c'    #   its name
    ";
    let stopped = "
        06000000                         # Progress::Stopped
        0b00000000000000 'stopped: it'   # reason
    ";
    let sites = vec!["hospital-a".parse().unwrap(), "hospital-b".parse().unwrap()];
    let rule = "policy.modes".to_owned();
    let reason = "noise is required".to_owned();
    let away = vec!["hospital-c".parse().unwrap()];
    every_variant(&[
        (Progress::Started { sites, rounds: 40 }, started),
        (Progress::Declined { site: "hospital-a".parse().unwrap(), rule, reason }, declined),
        (
            Progress::Round {
                round: Round(3),
                sites: 2,
                seconds: 1.5,
                bytes: 0xdead_beef,
                metrics: vec![loss(0.25)],
            },
            round,
        ),
        (
            Progress::Finished {
                metrics: vec![],
                model_sha256: "2c26b4".to_owned(),
                sites: vec!["hospital-a".parse().unwrap()],
                seconds: 1.5,
                bytes: 4096,
            },
            finished,
        ),
        (Progress::Failed { reason: "quorum lost".to_owned() }, failed),
        (Progress::Waiting { more: 2, until: Timestamp(1000), away }, waiting),
        (Progress::Stopped { reason: "stopped: it".to_owned() }, stopped),
    ]);
}

#[test]
fn offers_are_these_bytes() {
    let payload = Payload { words: 3_000_000, digest: digest() };
    every_variant(&[(Purpose::Train, "00000000"), (Purpose::Evaluate, "01000000")]);
    let record = || LastRecord { line: vec![0x7b, 0x7d], inclusion: vec![digest()] };
    let model = |purpose| ModelHeader {
        run: run(),
        round: Round(3),
        purpose,
        payload,
        log: log(),
        record: record(),
    };
    let model_bytes = |number: &str| {
        format!(
            "
            00000000                    # Offer::Model
            0500000000000000 'run-a'    # run
            03000000                    # round: 3
            {number}                    # purpose
            c0c62d0000000000            # payload.words: 3000000
            {DIGEST}                    # payload.digest
            {LOG}                       # log
            {OTHER_DIGEST}              #     that hash
            0200000000000000 7b7d       # record.line
            0100000000000000 {DIGEST}   # record.inclusion: one
            "
        )
    };
    let statistics = format!(
        "
        01000000                    # Offer::Statistics
        {QUESTION}                  # question
        {LOG}                       # log
        {OTHER_DIGEST}              #     that hash
        0200000000000000 7b7d       # record.line
        0100000000000000 {DIGEST}   # record.inclusion: one
        "
    );
    let asked = StatisticsOffer { question: question(), log: log(), record: record() };
    every_variant(&[
        (Offer::Model(model(Purpose::Train)), model_bytes("00000000")),
        (Offer::Statistics(asked), statistics),
    ]);
    golden(&Offer::Model(model(Purpose::Evaluate)), &model_bytes("01000000"));
}

#[test]
fn contributions_are_these_bytes() {
    let update = UpdateHeader {
        run: run(),
        round: Round(3),
        model: other_digest(),
        payload: Payload { words: 3_000_000, digest: digest() },
        weight: 250,
        metrics: vec![loss(0.25)],
        log: log(),
    };
    let update_bytes = format!(
        "
        00000000                         # Contribution::Update
        0500000000000000 'run-a'         # run
        03000000                         # round: 3
        {OTHER_DIGEST}                   # model
        c0c62d0000000000                 # payload.words: 3000000
        {DIGEST}                         # payload.digest
        fa000000                         # weight: 250
        0100000000000000                 # metrics: one
        0a00000000000000 'train.loss'    #   name
        000000000000d03f                 #   value: 1/4
        {LOG}                            # log
        {OTHER_DIGEST}                   #     that hash
        "
    );
    let statistics = format!(
        "
        01000000                         # Contribution::Statistics
        0500000000000000 'run-a'         # run
        {DIGEST}                         # question
        0100000000000000                 # numbers: one
        0a00000000000000 'train.loss'    #   name
        000000000000d03f                 #   value: 1/4
        {LOG}                            # log
        {OTHER_DIGEST}                   #     that hash
        "
    );
    let answer =
        StatisticsReply { run: run(), question: digest(), numbers: vec![loss(0.25)], log: log() };
    every_variant(&[
        (Contribution::Update(update), update_bytes),
        (Contribution::Statistics(answer), statistics),
    ]);
}
