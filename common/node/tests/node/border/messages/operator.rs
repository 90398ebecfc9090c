//! What an operator hears, and the steps of a run.

use base::clock::Timestamp;
use base::ids::Round;
use node::wire::{Answer, Progress, Refusal, ToOperator, Told};

use super::{hello, loss, run};
use crate::border::golden::{every_variant, variants};
use crate::border::sample::{PLAN, plan};

variants!(ToOperator: Welcome, Refused, Progress, Told, Attached, Ended, Answer);
variants!(Progress: Started, Declined, Round, Finished, Failed, Waiting, Stopped, Interrupted);

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
    let interrupted = "
        07000000                         # Progress::Interrupted
        0700000000000000 'no disk'       # reason
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
        (Progress::Interrupted { reason: "no disk".to_owned() }, interrupted),
    ]);
}
