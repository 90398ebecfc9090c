//! Bytes that a hostile or broken peer may send in place of a message.

use base::codec::{CodecError, MAX_MESSAGE, decode, encode};
use base::ids::{Round, RunId};
use node::wire::{
    Contribution, Cosignature, Decline, Evaluation, LastRecord, Launch, ModelHeader, Offer,
    Payload, Progress, Purpose, Refusal, SignedState, StatisticsReply, Subject, ToCoordinator,
    ToOperator, ToSite, UpdateHeader,
};
use plan::experiment::Plan;

use crate::border::golden::{Message, bytes};
use crate::border::sample::{PLAN, digest, plan};

fn run() -> RunId {
    "run-a".parse().unwrap()
}

/// Why the bytes are not the message.
fn malformed<M: Message>(bytes: &[u8]) -> String {
    match decode::<M>(bytes) {
        Err(CodecError::Malformed { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

/// Text as it travels: its length, then its bytes.
fn spelled(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

/// Wherever the message holds the name, something that is not one is refused.
fn holds_the_name<M: Message>(message: &M, name: &str) {
    let whole = encode(message);
    let name = spelled(name);
    let places: Vec<_> =
        (0..whole.len()).filter(|&start| whole[start..].starts_with(&name)).collect();
    assert_eq!(places.len(), 1, "{message:?}");
    let before = &whole[..places[0]];
    let after = &whole[places[0] + name.len()..];
    for bad in ["Run-a", "rUN-A", "", "-a", "a-", "a_b", "a.b", "a b", "a\0", "ä", &"x".repeat(64)]
    {
        let why = malformed::<M>(&[before, &spelled(bad), after].concat());
        assert!(why.contains("is not a name"), "{bad:?} in {message:?}: {why}");
    }
    let longest = [before, &spelled(&"x".repeat(63)), after].concat();
    assert!(decode::<M>(&longest).is_ok());
    // What a peer sent is not repeated at length, whatever it is.
    let endless = malformed::<M>(&[before, &spelled(&"\u{7}".repeat(100_000)), after].concat());
    assert!(endless.len() <= 200, "{endless}");
}

#[test]
fn names_inside_messages_are_checked_like_typed_ones() {
    let round = Round(1);
    let reason = "why".to_owned();
    let log = SignedState { checkpoint: String::new(), proofs: vec![] };
    let record = LastRecord { line: vec![], inclusion: vec![] };
    let text = String::new;
    let decline = Decline { run: run(), round: None, rule: reason.clone(), reason: reason.clone() };
    let evaluation = Evaluation { run: run(), model: digest(), metrics: vec![] };
    holds_the_name(&plan(), "sample");
    holds_the_name(&ToCoordinator::Consent { run: run(), plan: digest() }, "run-a");
    holds_the_name(&ToCoordinator::Decline(decline), "run-a");
    holds_the_name(&ToCoordinator::Evaluation(evaluation), "run-a");
    holds_the_name(&ToCoordinator::Launch(Launch { plan: plan() }), "sample");
    for refusal in [Refusal::UnknownRun(run()), Refusal::Busy(run()), Refusal::NotInRun(run())] {
        holds_the_name(&ToSite::Refused { subject: None, refusal }, "run-a");
    }
    let subject = Some(Subject { run: run(), round: None });
    holds_the_name(&ToSite::Refused { subject, refusal: Refusal::OutOfTurn }, "run-a");
    holds_the_name(&ToSite::Plan { run: run(), plan: plan() }, "run-a");
    holds_the_name(&ToSite::Plan { run: run(), plan: plan() }, "sample");
    holds_the_name(
        &ToSite::Received { run: run(), round: Some(round), digest: digest(), cosignature: text() },
        "run-a",
    );
    let cosigned = ToCoordinator::Cosigned { run: run(), round: Some(round), signature: text() };
    holds_the_name(&cosigned, "run-a");
    let site = "hospital-a".parse().unwrap();
    let cosignatures = vec![Cosignature { site, key: text(), signature: text() }];
    let witnessed = ToSite::Witnessed { run: run(), offered: 1, round: Some(round), cosignatures };
    holds_the_name(&witnessed, "run-a");
    holds_the_name(&witnessed, "hospital-a");
    holds_the_name(&ToSite::Over { run: run(), offered: 1, outcome: reason.clone() }, "run-a");
    let sites = vec!["hospital-a".parse().unwrap(), "hospital-b".parse().unwrap()];
    let started = Progress::Started { sites, rounds: 1 };
    holds_the_name(&started, "hospital-b");
    holds_the_name(&ToOperator::Progress { run: run(), progress: started }, "run-a");
    let site = "hospital-a".parse().unwrap();
    holds_the_name(&Progress::Declined { site, rule: reason.clone(), reason }, "hospital-a");
    let payload = Payload { words: 1, digest: digest() };
    let purpose = Purpose::Train;
    let log_of = log.clone();
    let header = ModelHeader { run: run(), round, purpose, payload, log: log_of, record };
    holds_the_name(&Offer::Model(header), "run-a");
    let model = digest();
    let metrics = vec![];
    let update = UpdateHeader { run: run(), round, model, payload, weight: 1, metrics, log };
    holds_the_name(&Contribution::Update(update.clone()), "run-a");
    let UpdateHeader { log, metrics: numbers, .. } = update;
    let reply = StatisticsReply { run: run(), question: digest(), numbers, log };
    holds_the_name(&Contribution::Statistics(reply), "run-a");
}

/// The bytes of a plan in which the line with this comment starts otherwise.
fn plan_with(comment: &str, old: &str, new: &str) -> Vec<u8> {
    let lines: Vec<_> = PLAN.lines().filter(|line| line.ends_with(comment)).collect();
    let [line] = lines[..] else { panic!("{} lines end with {comment:?}", lines.len()) };
    assert!(line.contains(old), "{old:?} is not in {line:?}");
    bytes(&PLAN.replace(line, &line.replace(old, new)))
}

#[test]
fn a_length_that_the_message_cannot_hold_is_refused_before_anything_is_allocated() {
    // One past what is there, a million, more than memory, and the largest.
    for length in ["0300000000000000", "40420f0000000000", "0000000000010000", "ffffffffffffffff"] {
        for (comment, old) in [
            ("# name", "0600000000000000"),
            ("# outcome.edges: two", "0200000000000000"),
            ("# features: two", "0200000000000000"),
            ("# views: none", "0000000000000000"),
            ("# model.hidden: one layer", "0100000000000000"),
        ] {
            let hostile = plan_with(comment, old, length);
            assert!(decode::<Plan>(&hostile).is_err(), "{comment}: {length}");
        }
    }
}

#[test]
fn a_choice_that_is_not_known_is_refused_wherever_it_stands() {
    for (comment, old) in [
        ("# outcome.unit: months", "01000000"),
        ("# model.head: logistic hazard", "00000000"),
        ("# training.optimizer: adam", "01000000"),
        ("# aggregation.rule: fedyogi", "04000000"),
        ("# aggregation.weights: equal", "00000000"),
        ("# privacy.mode: site", "01000000"),
    ] {
        for unknown in ["05000000", "ff000000", "ffffffff"] {
            let why = malformed::<Plan>(&plan_with(comment, old, unknown));
            assert!(why.contains("variant"), "{comment}: {why}");
        }
    }
    // A refusal, and a step of a run, that this release does not know.
    let refused = bytes("01000000 00 ff000000 0000000000000000");
    assert!(malformed::<ToSite>(&refused).contains("variant"));
    let step = bytes("02000000 0500000000000000 'run-a' ff000000 0000000000000000");
    assert!(malformed::<ToOperator>(&step).contains("variant"));
}

#[test]
fn flags_and_options_are_zero_or_one() {
    for bad in ["02", "80", "ff"] {
        let why = malformed::<Plan>(&plan_with("#   not proportional", "00", bad));
        assert!(why.contains("InvalidBoolean"), "{why}");
        let batch = plan_with("# training.batch: given, 64", "01 ", &format!("{bad} "));
        malformed::<Plan>(&batch);
    }
}

#[test]
fn text_is_utf_8() {
    for bad in ["ff", "c3", "80", "c0 80", "ed a0 80"] {
        let length = bytes(bad).len();
        let hello = bytes(&format!("00000000 01000000 0{length}00000000000000 {bad}"));
        assert!(malformed::<ToCoordinator>(&hello).contains("Utf8"), "{bad}");
    }
}

#[test]
fn a_window_is_spelled_in_whole_seconds_and_less_than_a_second() {
    let comment = "# aggregation.window: 90 seconds and 5 nanoseconds";
    let most = decode::<Plan>(&plan_with(comment, " 05000000 ", " ffc99a3b ")).unwrap();
    assert_eq!(most.aggregation.window.subsec_nanos(), 999_999_999);
    // 10^9 and 2^32 - 1 nanoseconds, and a window past the end of time.
    malformed::<Plan>(&plan_with(comment, " 05000000 ", " 00ca9a3b "));
    malformed::<Plan>(&plan_with(comment, " 05000000 ", " ffffffff "));
    let past = ("5a00000000000000 05000000", "ffffffffffffffff ffffffff");
    malformed::<Plan>(&plan_with(comment, past.0, past.1));
}

#[test]
fn a_message_has_at_most_its_four_mebibytes() {
    // Variant and length take twelve bytes.
    let most = Refusal::Malformed("x".repeat(MAX_MESSAGE - 12));
    assert_eq!(decode::<Refusal>(&encode(&most)).unwrap(), most);
    let over = encode(&Refusal::Malformed("x".repeat(MAX_MESSAGE - 11)));
    assert!(
        matches!(decode::<Refusal>(&over), Err(CodecError::TooLong(found)) if found == 4 << 20 | 1)
    );
}

#[test]
fn nothing_is_not_a_message() {
    for refused in [
        decode::<ToCoordinator>(&[]).map(drop),
        decode::<ToSite>(&[]).map(drop),
        decode::<ToOperator>(&[]).map(drop),
        decode::<Offer>(&[]).map(drop),
        decode::<Contribution>(&[]).map(drop),
    ] {
        assert!(matches!(refused, Err(CodecError::Malformed { .. })));
    }
}
