//! Golden bytes of every refusal.

use base::ids::{Round, RunId};
use node::wire::Refusal;

use crate::border::golden::{every_variant, variants};

variants!(
    Refusal: Protocol,
    OutOfTurn,
    AlreadyConnected,
    Malformed,
    UnknownRun,
    Busy,
    Plan,
    NotInRun,
    WrongRound,
    Late,
    Duplicate,
    Full,
    WrongModel,
    Length,
    Digest,
    Truncated,
    Weight,
    Metrics,
    Log,
    Internal,
    NoSuchRun,
    RunEnded,
    StatisticsRequest,
    Norm,
    Element,
    TooMany,
    Ambiguous,
    NoModel,
    Stopping,
    Slots,
);

fn run() -> RunId {
    "run-a".parse().unwrap()
}

/// What operators are told who stop or follow a run.
fn of_operators() -> [(Refusal, &'static str); 5] {
    let no_such_run = "
        14000000                    # Refusal::NoSuchRun
        0500000000000000 'run-a'    # run
    ";
    let run_ended = "
        15000000                    # Refusal::RunEnded
        0500000000000000 'run-a'    # run
        0700000000000000 'stopped'  # status
    ";
    let description = "
        16000000                    # Refusal::StatisticsRequest
        0500000000000000 'run-a'    # run
    ";
    let ambiguous = "
        1a000000                    # Refusal::Ambiguous
        0400000000000000 'run-'     # prefix
        0100000000000000            # runs: one
        0500000000000000 'run-a'    #   run
        01                          # more
    ";
    let no_model = "
        1b000000                    # Refusal::NoModel
        0500000000000000 'run-a'    # run
        0300000000000000 'why'      # why
    ";
    let status = "stopped".to_owned();
    let prefix = "run-".parse().unwrap();
    [
        (Refusal::Ambiguous { prefix, runs: vec![run()], more: true }, ambiguous),
        (Refusal::NoModel { run: run(), why: "why".to_owned() }, no_model),
        (Refusal::NoSuchRun(run().into()), no_such_run),
        (Refusal::RunEnded { run: run(), status }, run_ended),
        (Refusal::StatisticsRequest(run()), description),
    ]
}
/// What a site is told whose update is beyond its bound, or who sends too many messages.
fn of_limits() -> [(Refusal, &'static str); 5] {
    let norm = "
        17000000                    # Refusal::Norm
        0110000000000000            # found: 4097 units
        0010000000000000            # most: 4096 units
    ";
    let element = "
        18000000                    # Refusal::Element
        01100000                    # found: 4097 units
        00100000                    # most: 4096 units
    ";
    [
        (Refusal::Norm { found: 4097, most: 4096 }, norm),
        (Refusal::Element { found: 4097, most: 4096 }, element),
        (Refusal::TooMany, "19000000"),
        (Refusal::Stopping, "1c000000"),
        (
            Refusal::Slots { active: vec![run()] },
            "1d000000 0100000000000000 0500000000000000 'run-a'",
        ),
    ]
}

#[test]
fn every_refusal_is_these_bytes() {
    let protocol = "
        00000000                    # Refusal::Protocol
        01000000                    # ours: 1
        02000000                    # theirs: 2
    ";
    let malformed = "
        03000000                    # Refusal::Malformed
        0200000000000000 'no'       # why
    ";
    let unknown_run = "
        04000000                    # Refusal::UnknownRun
        0500000000000000 'run-a'    # run
    ";
    let busy = "
        05000000                    # Refusal::Busy
        0500000000000000 'run-a'    # run
    ";
    let plan = "
        06000000                    # Refusal::Plan
        0200000000000000 'no'       # why
    ";
    let not_in_run = "
        07000000                    # Refusal::NotInRun
        0500000000000000 'run-a'    # run
    ";
    let wrong_round = "
        08000000                    # Refusal::WrongRound
        02000000                    # open: 2
        01000000                    # found: 1
    ";
    let late = "
        09000000                    # Refusal::Late
        03000000                    # round: 3
    ";
    let duplicate = "
        0a000000                    # Refusal::Duplicate
        03000000                    # round: 3
    ";
    let full = "
        0b000000                    # Refusal::Full
        03000000                    # round: 3
    ";
    let wrong_model = "
        0c000000                    # Refusal::WrongModel
        03000000                    # round: 3
    ";
    let length = "
        0d000000                    # Refusal::Length
        0a00000000000000            # expected: 10 words
        0b00000000000000            # found: 11 words
    ";
    let truncated = "
        0f000000                    # Refusal::Truncated
        2800000000000000            # expected: 40 bytes
        2700000000000000            # found: 39 bytes
    ";
    let weight = "
        10000000                    # Refusal::Weight
        00000000                    # found: 0
        fa000000                    # most: 250
    ";
    let metrics = "
        11000000                    # Refusal::Metrics
        0200000000000000 'no'       # why
    ";
    let log = "
        12000000                    # Refusal::Log
        0200000000000000 'no'       # why
    ";
    let internal = "
        13000000                    # Refusal::Internal
        0000000000000000            # why: nothing to say
    ";
    let told = vec![
        (Refusal::Protocol { ours: 1, theirs: 2 }, protocol),
        (Refusal::OutOfTurn, "01000000"),
        (Refusal::AlreadyConnected, "02000000"),
        (Refusal::Malformed("no".to_owned()), malformed),
        (Refusal::UnknownRun(run()), unknown_run),
        (Refusal::Busy(run()), busy),
        (Refusal::Plan("no".to_owned()), plan),
        (Refusal::NotInRun(run()), not_in_run),
        (Refusal::WrongRound { open: Round(2), found: Round(1) }, wrong_round),
        (Refusal::Late(Round(3)), late),
        (Refusal::Duplicate(Round(3)), duplicate),
        (Refusal::Full(Round(3)), full),
        (Refusal::WrongModel(Round(3)), wrong_model),
        (Refusal::Length { expected: 10, found: 11 }, length),
        (Refusal::Digest, "0e000000"),
        (Refusal::Truncated { expected: 40, found: 39 }, truncated),
        (Refusal::Weight { found: 0, most: 250 }, weight),
        (Refusal::Metrics("no".to_owned()), metrics),
        (Refusal::Log("no".to_owned()), log),
        (Refusal::Internal(String::new()), internal),
    ];
    every_variant(&[told, of_operators().to_vec(), of_limits().to_vec()].concat());
}
