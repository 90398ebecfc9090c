//! The control stream: messages both ways, and frames that are not messages.

use base::codec::{CodecError, MAX_MESSAGE, encode};
use base::ids::Round;
use node::transport::TransportError;
use node::wire::{Decline, Hello, MAX_WORD, PROTOCOL, Refusal, ToCoordinator, ToSite};

use crate::raw::{Raw, connected};
use crate::support::{pair, within};

fn hello(software: &str) -> ToCoordinator {
    ToCoordinator::Hello(Hello { protocol: PROTOCOL, software: software.to_owned(), log: None })
}

fn decline(reason: &str) -> ToCoordinator {
    let run = "run-a".parse().unwrap();
    let round = Some(Round(1));
    ToCoordinator::Decline(Decline {
        run,
        round,
        rule: "policy".to_owned(),
        reason: reason.to_owned(),
    })
}

fn refused(refusal: Refusal) -> ToSite {
    ToSite::Refused { subject: None, refusal }
}

#[tokio::test]
async fn messages_arrive_both_ways_in_order_and_the_end_is_seen() {
    let meeting = pair().await;
    let (coordinator, site) = meeting.links();
    let ours = async {
        let (mut writer, mut reader) = coordinator.accept_control().await.unwrap();
        let mut heard = Vec::new();
        while let Some(message) = reader.next::<ToCoordinator>().await.unwrap() {
            heard.push(message);
            writer.send(&refused(Refusal::OutOfTurn)).await.unwrap();
        }
        writer.finish().await;
        heard
    };
    let theirs = async {
        let (mut writer, mut reader) = site.open_control().await.unwrap();
        for message in [hello("a"), decline("b"), decline("c")] {
            writer.send(&message).await.unwrap();
            let answer = reader.expect::<ToSite>().await.unwrap();
            assert_eq!(answer, refused(Refusal::OutOfTurn));
        }
        writer.finish().await;
        assert!(reader.next::<ToSite>().await.unwrap().is_none());
        let ended = reader.expect::<ToSite>().await.unwrap_err();
        assert!(matches!(ended, TransportError::Stream(_)), "{ended}");
        assert!(ended.to_string().contains("ended before the message"), "{ended}");
    };
    let both = Box::pin(async { tokio::join!(ours, theirs) });
    let (heard, ()) = within(both).await;
    assert_eq!(heard, [hello("a"), decline("b"), decline("c")]);
    assert!(coordinator.bytes() > 0);
}

/// A forged line, an erased one, and a text that reads from right to left.
#[tokio::test]
async fn no_peer_writes_into_the_others_log_or_terminal() {
    const FORGED: &str = "no\u{1b}[2K\r\n2026-01-01 INFO all patients were forgotten\u{2028}\u{202e}x\u{2066}\u{200b}";
    const PLAIN: &str = "no[2K2026-01-01 INFO all patients were forgottenx";
    let meeting = pair().await;
    let (coordinator, site) = meeting.links();
    let ours = async {
        let (mut writer, mut reader) = coordinator.accept_control().await.unwrap();
        let heard = reader.expect::<ToCoordinator>().await.unwrap();
        let over =
            ToSite::Over { run: "run-a".parse().unwrap(), offered: 1, outcome: FORGED.to_owned() };
        for message in [refused(Refusal::Log(FORGED.to_owned())), over] {
            writer.send(&message).await.unwrap();
        }
        writer.finish().await;
        heard
    };
    let theirs = async {
        let (mut writer, mut reader) = site.open_control().await.unwrap();
        writer.send(&decline(FORGED)).await.unwrap();
        let answer = reader.expect::<ToSite>().await.unwrap();
        assert_eq!(answer, refused(Refusal::Log(PLAIN.to_owned())));
        let over =
            ToSite::Over { run: "run-a".parse().unwrap(), offered: 1, outcome: PLAIN.to_owned() };
        assert_eq!(reader.expect::<ToSite>().await.unwrap(), over);
    };
    let (heard, ()) = within(Box::pin(async { tokio::join!(ours, theirs) })).await;
    assert_eq!(heard, decline(PLAIN));
    // A reason of the connection's end is a text as well.
    coordinator.close(FORGED);
    assert_eq!(site.closed().await.to_string().matches(PLAIN).count(), 1);
}

#[tokio::test]
async fn a_message_of_four_mebibytes_arrives_and_a_longer_one_is_not_sent() {
    let meeting = pair().await;
    let (coordinator, site) = meeting.links();
    let spare = MAX_MESSAGE - encode(&hello("")).len();
    let most = hello(&"x".repeat(spare));
    let ours = async {
        let (_writer, mut reader) = coordinator.accept_control().await.unwrap();
        let first = reader.expect::<ToCoordinator>().await.unwrap();
        assert!(reader.next::<ToCoordinator>().await.unwrap().is_none());
        first
    };
    let theirs = async {
        let (mut writer, _reader) = site.open_control().await.unwrap();
        writer.send(&most).await.unwrap();
        let refused = writer.send(&hello(&"x".repeat(spare + 1))).await.unwrap_err();
        let over = MAX_MESSAGE + 1;
        assert!(matches!(refused, TransportError::Wire(CodecError::TooLong(n)) if n == over));
        writer.finish().await;
    };
    let (first, ()) = within(async { tokio::join!(ours, theirs) }).await;
    // All of it arrived; of a text no more is kept than a log takes.
    assert_eq!(first, hello(&"x".repeat(MAX_WORD)));
}

/// What the coordinator makes of these bytes on a control stream that then ends.
async fn heard(raw: &Raw, bytes: &[u8]) -> Result<Option<ToCoordinator>, TransportError> {
    let peer = async {
        let (mut send, _receive) = raw.peer.open_bi().await.unwrap();
        // The coordinator may have stopped listening before all of it is sent.
        let _ = send.write_all(bytes).await;
        let _ = send.finish();
        let _ = send.stopped().await;
    };
    let ours = async {
        let (_writer, mut reader) = raw.link.accept_control().await.unwrap();
        reader.next::<ToCoordinator>().await
    };
    within(async { tokio::join!(ours, peer) }).await.0
}

fn frame(length: u32, body: &[u8]) -> Vec<u8> {
    [&length.to_le_bytes()[..], body].concat()
}

#[tokio::test]
async fn a_frame_over_the_limit_is_refused_by_its_length_alone() {
    let raw = connected().await;
    for length in [u32::try_from(MAX_MESSAGE).unwrap() + 1, 1 << 31, u32::MAX] {
        let refused = heard(&raw, &frame(length, b"")).await.unwrap_err();
        assert!(
            matches!(refused, TransportError::Wire(CodecError::TooLong(n)) if n == length as usize),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_frame_that_is_cut_off_is_not_a_message() {
    let raw = connected().await;
    let body = encode(&hello("site-node"));
    let whole = frame(u32::try_from(body.len()).unwrap(), &body);
    assert_eq!(heard(&raw, &whole).await.unwrap(), Some(hello("site-node")));
    assert_eq!(heard(&raw, b"").await.unwrap(), None);
    for end in 1..whole.len() {
        let cut = heard(&raw, &whole[..end]).await.unwrap_err();
        assert!(matches!(cut, TransportError::Stream(_)), "cut at {end}: {cut}");
        assert!(cut.to_string().contains("finished early"), "cut at {end}: {cut}");
    }
    // A promise of megabytes that are not kept.
    let most = frame(u32::try_from(MAX_MESSAGE).unwrap(), &[0; 100]);
    let cut = heard(&raw, &most).await.unwrap_err();
    assert!(matches!(cut, TransportError::Stream(_)), "{cut}");
}

#[tokio::test]
async fn a_frame_of_something_else_is_named_so() {
    let raw = connected().await;
    let body = encode(&hello("site-node"));
    let length = u32::try_from(body.len()).unwrap();
    for (bytes, long) in [
        (frame(0, b""), false),
        (frame(4, &[0xff; 4]), false),
        (frame(length - 1, &body), false),
        (frame(length + 1, &[&body[..], b"\0"].concat()), true),
    ] {
        match heard(&raw, &bytes).await.unwrap_err() {
            TransportError::Wire(CodecError::Malformed { what, .. }) => {
                assert_eq!((what, long), ("ToCoordinator", false));
            }
            TransportError::Wire(CodecError::Trailing { extra: 1, .. }) => assert!(long),
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_or_lost_is_an_error_and_not_an_end() {
    for reset in [true, false] {
        let raw = connected().await;
        let (read, first_was_read) = tokio::sync::oneshot::channel();
        let ours = async {
            let (_writer, mut reader) = raw.link.accept_control().await.unwrap();
            assert!(reader.next::<ToCoordinator>().await.unwrap().is_some());
            read.send(()).unwrap();
            reader.next::<ToCoordinator>().await.unwrap_err()
        };
        let peer = async {
            let body = encode(&hello("site-node"));
            let whole = frame(u32::try_from(body.len()).unwrap(), &body);
            let (mut send, _receive) = raw.peer.open_bi().await.unwrap();
            // One message and half of another, which is then broken off.
            send.write_all(&[&whole[..], &whole[..10]].concat()).await.unwrap();
            first_was_read.await.unwrap();
            if reset {
                send.reset(7_u32.into()).unwrap();
            } else {
                raw.peer.close(7_u32.into(), b"");
            }
        };
        let (error, ()) = within(async { tokio::join!(ours, peer) }).await;
        // A lost connection is told apart from a stream that was given up.
        let told = match &error {
            TransportError::Stream(why) => reset && why.contains("reset by peer"),
            TransportError::Lost(why) => !reset && why.contains("closed by the peer"),
            _ => false,
        };
        assert!(told, "{error}");
    }
}

#[tokio::test]
async fn the_last_words_of_a_peer_are_passed_on_without_control_characters() {
    let meeting = pair().await;
    let (coordinator, site) = meeting.links();
    coordinator.close("run over\n\u{1b}[2J, goodbye");
    let told = within(site.closed()).await;
    assert!(matches!(told, TransportError::Lost(_)), "{told}");
    assert_eq!(told.to_string(), "connection lost: closed by the peer: run over[2J, goodbye");

    let meeting = pair().await;
    let end =
        async { tokio::join!(meeting.listener.close("maintenance"), meeting.links().1.closed()) };
    let ((), told) = within(end).await;
    assert_eq!(told.to_string(), "connection lost: closed by the peer: maintenance");
    within(meeting.dialer.finish()).await;
}
