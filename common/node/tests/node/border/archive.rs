//! Golden bytes of what operators ask of runs and models, and of what they are told.

use base::clock::Timestamp;
use base::codec::{MAX_MESSAGE, encode};
use node::wire::{
    Answer, FileKind, ModelSummary, PAGE, PIECE, PeerMessage, Query, RoundSummary, RunSummary,
    SiteMetric,
};
use plan::metric::Metric;

use crate::border::golden::{every_variant, variants};

variants!(Query: Runs, Run, Models, Card, Model);
variants!(FileKind: Card, Weights);
variants!(Answer: Runs, Run, Last, Rounds, Sites, Models, File, Piece, PassedOver, End);

fn run(reason: Option<&str>) -> RunSummary {
    RunSummary {
        run: "run-a".to_owned(),
        experiment: "demo".to_owned(),
        status: "failed".to_owned(),
        reason: reason.map(str::to_owned),
        started: Timestamp(1000),
        ended: None,
        plan: "p".to_owned(),
        model: None,
        file_sha256: Some("f".to_owned()),
        rounds: 3,
    }
}

const RUN: &str = "
    0500000000000000 'run-a'     # run
    0400000000000000 'demo'      # experiment
    0600000000000000 'failed'    # status
    01 0300000000000000 'why'    # reason: given
    e803000000000000             # started: 1000 ms
    00                           # ended: none
    0100000000000000 'p'         # plan
    00                           # model: none
    01 0100000000000000 'f'      # file_sha256: given
    03000000                     # rounds: 3
";

fn loss() -> Metric {
    Metric { name: "loss".to_owned(), value: 0.25 }
}

fn model() -> ModelSummary {
    let text = |text: &str| text.to_owned();
    ModelSummary {
        run: text("run-a"),
        experiment: text("demo"),
        kind: text("mlp"),
        parameters: 7,
        file_sha256: text("f"),
        model: text("m"),
        contract: text("c"),
        trained: text("t"),
    }
}

#[test]
fn every_query_is_these_bytes() {
    let prefix = || "run-".parse().unwrap();
    let of = |kind: u8| format!("0{kind}000000 0400000000000000 'run-'");
    every_variant(&[
        (Query::Runs { most: 1000 }, "00000000 e8030000".to_owned()),
        (Query::Run { run: prefix() }, of(1)),
        (Query::Models { most: 1 }, "02000000 01000000".to_owned()),
        (Query::Card { run: prefix() }, of(3)),
        (Query::Model { run: prefix() }, of(4)),
    ]);
}

#[test]
fn every_part_of_an_answer_is_these_bytes() {
    let metric = "0400000000000000 'loss' 000000000000d03f";
    let runs = format!("00000000 0100000000000000 {RUN}");
    let one = format!("01000000 {RUN}");
    let last = format!("02000000 0100000000000000 {metric}");
    let rounds = format!(
        "
        03000000 0100000000000000     # Answer::Rounds: one
        02000000 03000000             #   round: 2, sites: 3
        000000000000f83f              #   seconds: 1.5
        0010000000000000              #   bytes: 4096
        0100000000000000 {metric}     #   metrics: one
        "
    );
    let sites = format!(
        "
        04000000 0100000000000000          # Answer::Sites: one
        0a00000000000000 'hospital-a'      #   site
        {metric}                           #   metric
        "
    );
    let models = "
        05000000 0100000000000000     # Answer::Models: one
        0500000000000000 'run-a'      #   run
        0400000000000000 'demo'       #   experiment
        0300000000000000 'mlp'        #   kind
        0700000000000000              #   parameters: 7
        0100000000000000 'f'          #   file_sha256
        0100000000000000 'm'          #   model
        0100000000000000 'c'          #   contract
        0100000000000000 't'          #   trained
    ";
    let file = "
        06000000                      # Answer::File
        0500000000000000 'run-a'      #   run
        01000000                      #   kind: weights
        0900000000000000              #   bytes: 9
    ";
    let passed = "08000000 0100000000000000 'x' 0100000000000000 'y'";
    let round =
        RoundSummary { round: 2, sites: 3, seconds: 1.5, bytes: 4096, metrics: vec![loss()] };
    let site = SiteMetric { site: "hospital-a".parse().unwrap(), metric: loss() };
    let why = Some("why");
    let weights = FileKind::Weights;
    every_variant(&[
        (Answer::Runs(vec![run(why)]), runs.as_str()),
        (Answer::Run(run(why)), &one),
        (Answer::Last(vec![loss()]), &last),
        (Answer::Rounds(vec![round]), &rounds),
        (Answer::Sites(vec![site]), &sites),
        (Answer::Models(vec![model()]), models),
        (Answer::File { run: "run-a".to_owned(), kind: weights, bytes: 9 }, file),
        (Answer::Piece(vec![1, 2]), "07000000 0200000000000000 0102"),
        (Answer::PassedOver { file: "x".to_owned(), why: "y".to_owned() }, passed),
        (Answer::End { more: true }, "09000000 01"),
    ]);
    every_variant(&[(FileKind::Card, "00000000"), (FileKind::Weights, "01000000")]);
}

#[test]
fn the_fullest_parts_are_messages_and_their_texts_are_made_plain() {
    // A reason of the longest kind, in characters of four bytes; a round of all metrics by the longest names.
    let reason = "\u{1f9ec}".repeat(node::wire::MAX_REASONS);
    let metric = Metric { name: "x".repeat(64), value: 0.5 };
    let metrics = vec![metric; plan::metric::METRICS];
    let round = RoundSummary { round: 1, sites: 1, seconds: 1.0, bytes: 1, metrics };
    for answer in [
        Answer::Runs(vec![run(Some(&reason)); PAGE]),
        Answer::Rounds(vec![round; PAGE]),
        Answer::Piece(vec![0xff; PIECE]),
    ] {
        assert!(encode(&answer).len() < MAX_MESSAGE / 2, "{}", encode(&answer).len());
    }
    let mut runs = Answer::Runs(vec![run(Some("a\u{1b}[2K\nb"))]);
    runs.make_plain();
    assert_eq!(runs, Answer::Runs(vec![run(Some("a[2Kb"))]));
    let forged = ModelSummary { trained: "t\u{202e}".to_owned(), ..model() };
    let mut models = Answer::Models(vec![forged]);
    models.make_plain();
    assert_eq!(models, Answer::Models(vec![model()]));
}
