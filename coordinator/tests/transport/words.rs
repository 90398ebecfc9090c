//! Transfers: every word arrives as it was sent, or the transfer is refused by what is wrong.

use std::io;

use base::codec::{CodecError, MAX_MESSAGE, encode};
use base::digest::Digest;
use base::ids::Round;
use bytes::Bytes;
use node::transport::{Link, Sink, TransportError, receive_payload, send_payload};
use node::wire::{Contribution, LastRecord, ModelHeader, Offer, Payload, Purpose, SignedState};
use plan::model::payload::from_parameters;

use crate::raw::connected;
use crate::support::{pair, pair_over_tcp, within};

/// Words that differ, so that none can take another's place.
pub fn words(count: u32) -> Bytes {
    (0..count).flat_map(|word| word.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect()
}

pub fn payload(words: &Bytes) -> Payload {
    Payload { words: words.len() as u64 / 4, digest: Digest::of(words) }
}

pub fn header(payload: Payload) -> Offer {
    let log = SignedState { checkpoint: String::new(), proofs: Vec::new() };
    let record = LastRecord { line: Vec::new(), inclusion: Vec::new() };
    let run = "run-a".parse().unwrap();
    let purpose = Purpose::Train;
    Offer::Model(ModelHeader { run, round: Round(1), purpose, payload, log, record })
}

/// The words that an offer announces.
fn announced(offer: &Offer) -> Payload {
    match offer {
        Offer::Model(header) => header.payload,
        Offer::Statistics(_) => panic!("{offer:?} has no words"),
    }
}

/// Keeps what arrives, and holds the promise that pieces are cut between words.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
}

impl Sink for Kept {
    fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        assert!(self.bytes.len().is_multiple_of(4), "a piece before this one was ragged");
        self.bytes.extend_from_slice(piece);
        Ok(())
    }
}

/// Receives the next transfer as its header describes it.
async fn receive(link: &Link, sink: &mut impl Sink) -> Result<Offer, TransportError> {
    let mut reader = link.accept_transfer().await?;
    let header: Offer = reader.expect().await?;
    receive_payload(reader, &announced(&header), sink).await?;
    Ok(header)
}

/// Sends words behind a header from one end, and receives them at the other.
async fn transfer(
    from: &Link,
    to: &Link,
    header: &Offer,
    words: &Bytes,
    sink: &mut impl Sink,
) -> (Result<(), TransportError>, Result<Offer, TransportError>) {
    within(async { tokio::join!(send_payload(from, header, words), receive(to, sink)) }).await
}

#[tokio::test]
async fn any_number_of_words_arrives_whole_both_ways() {
    for meeting in [pair().await, pair_over_tcp().await] {
        let (coordinator, site) = meeting.links();
        arrive_whole(coordinator, site).await;
    }
}

/// Sends transfers of several lengths both ways.
pub async fn arrive_whole(coordinator: &Link, site: &Link) {
    // None, one, one over a power of two, and many times the receive window.
    for count in [0, 1, 65_537, 3_000_000] {
        let words = words(count);
        for (from, to) in [(coordinator, site), (site, coordinator)] {
            let header = header(payload(&words));
            let mut sink = Kept::default();
            let (sent, received) = transfer(from, to, &header, &words, &mut sink).await;
            sent.unwrap();
            assert_eq!(received.unwrap(), header);
            assert_eq!(Digest::of(&sink.bytes), Digest::of(&words), "{count} words");
            assert_eq!(sink.bytes.len(), 4 * count as usize);
        }
    }
}

#[tokio::test]
async fn parameters_arrive_with_their_bits() {
    let meeting = pair().await;
    let (coordinator, site) = meeting.links();
    let mut sent: Vec<f32> = (0_u16..10_000).map(|value| f32::from(value) * -0.1).collect();
    sent.extend([-0.0, f32::MIN_POSITIVE, f32::MAX, f32::NAN]);
    let words = from_parameters(&sent);
    let mut arrived: Vec<f32> = Vec::new();
    let header = header(payload(&words));
    let (_, received) = transfer(coordinator, site, &header, &words, &mut arrived).await;
    received.unwrap();
    assert_eq!(from_parameters(&arrived), words);
}

#[tokio::test]
async fn several_transfers_at_once_do_not_mix() {
    let meeting = pair().await;
    let (coordinator, site) = meeting.links();
    let all = [words(100_000), words(99_999), words(1), words(0)];
    let send = async {
        let headers = all.each_ref().map(|words| header(payload(words)));
        let (a, b, c, d) = tokio::join!(
            send_payload(site, &headers[0], &all[0]),
            send_payload(site, &headers[1], &all[1]),
            send_payload(site, &headers[2], &all[2]),
            send_payload(site, &headers[3], &all[3]),
        );
        for sent in [a, b, c, d] {
            sent.unwrap();
        }
    };
    let receive = async {
        let mut arrived = Vec::new();
        for _ in 0..4 {
            let mut sink = Kept::default();
            let header = receive(coordinator, &mut sink).await.unwrap();
            assert_eq!(announced(&header), payload(&Bytes::from(sink.bytes)));
            arrived.push(announced(&header).words);
        }
        arrived.sort_unstable();
        arrived
    };
    let ((), arrived) = within(Box::pin(async { tokio::join!(send, receive) })).await;
    assert_eq!(arrived, [0, 1, 99_999, 100_000]);
}

/// What comes of a header that says this, with these bytes behind it; and how much was kept.
async fn lie(says: Payload, bytes: Bytes) -> (TransportError, usize) {
    let meeting = pair().await;
    let (coordinator, site) = meeting.links();
    let header = header(says);
    let mut sink = Kept::default();
    let (_, received) = transfer(site, coordinator, &header, &bytes, &mut sink).await;
    (received.unwrap_err(), sink.bytes.len())
}

#[tokio::test]
async fn fewer_bytes_than_the_header_says_are_refused() {
    let whole = words(10);
    for sent in [0, 1, 36, 39] {
        let (error, _) = lie(payload(&whole), whole.slice(..sent)).await;
        match error {
            TransportError::Length { expected: 40, found } => assert_eq!(found, sent as u64),
            other => panic!("{other}"),
        }
    }
    // No number of words in a header makes room for anything.
    for words in [1 << 40, u64::MAX] {
        let says = Payload { words, digest: Digest::of(&whole) };
        match lie(says, whole.clone()).await.0 {
            TransportError::Length { expected, found: 40 } => {
                assert_eq!(expected, words.saturating_mul(4));
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn more_bytes_than_the_header_says_are_refused_and_none_is_kept_beyond() {
    let whole = words(10);
    for (says, sent) in [(10, 41), (10, 44), (10, 4_000_000), (0, 1)] {
        let bytes = words(1_000_000).slice(..sent);
        let says = Payload { words: says, digest: Digest::of(&whole) };
        let (error, kept) = lie(says, bytes).await;
        match error {
            TransportError::Length { expected, found } => {
                assert_eq!(expected, says.words * 4);
                assert!(found > expected && found <= sent as u64, "{found}");
            }
            other => panic!("{other}"),
        }
        assert!(kept as u64 <= says.words * 4, "{kept} bytes were kept");
    }
}

#[tokio::test]
async fn words_of_another_hash_are_refused() {
    let whole = words(70_000);
    let mut flipped = whole.to_vec();
    flipped[200_000] ^= 1;
    for (says, bytes) in [
        (payload(&whole), flipped.into()),
        (Payload { digest: Digest::of(b""), ..payload(&whole) }, whole.clone()),
        (Payload { words: 0, digest: Digest::of(b"x") }, Bytes::new()),
    ] {
        let (error, _) = lie(says, bytes).await;
        assert!(matches!(error, TransportError::Digest), "{error}");
    }
}

/// A disk that fails after so many bytes.
struct Full {
    left: usize,
}

impl Sink for Full {
    fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        self.left = self.left.checked_sub(piece.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(())
    }
}

#[tokio::test]
async fn a_receiver_that_gives_up_stops_the_sender() {
    let meeting = pair().await;
    let (coordinator, site) = meeting.links();
    // More than fits the window, so that the sender cannot be done before.
    let words = words(3_000_000);
    let header = header(payload(&words));
    let mut sink = Full { left: 1 << 20 };
    let (sent, received) = transfer(site, coordinator, &header, &words, &mut sink).await;
    let received = received.unwrap_err();
    let full = io::ErrorKind::StorageFull;
    assert!(matches!(&received, TransportError::Sink(error) if error.kind() == full), "{received}");
    let sent = sent.unwrap_err();
    assert!(matches!(&sent, TransportError::Stream(why) if why.contains("stopped")), "{sent}");
}

/// The stop may come while the sender has no window left: nothing but the stop will wake it then.
#[tokio::test]
async fn a_sender_that_waits_for_a_window_hears_that_nobody_reads() {
    let meeting = pair().await;
    let (coordinator, site) = meeting.links();
    let words = words(1_000_000);
    for (from, to) in [(site, coordinator), (coordinator, site)] {
        for _ in 0..10 {
            let header = header(payload(&words));
            let sending = send_payload(from, &header, &words);
            let reading = async {
                let mut reader = to.accept_transfer().await.unwrap();
                reader.expect::<Offer>().await.unwrap();
            };
            let (sent, ()) = within(async { tokio::join!(sending, reading) }).await;
            let sent = sent.unwrap_err();
            assert!(
                matches!(&sent, TransportError::Stream(why) if why.contains("stopped")),
                "{sent}"
            );
        }
    }
    // The connection is as good as before.
    let mut sink = Kept::default();
    let header = header(payload(&words));
    let (sent, received) = transfer(site, coordinator, &header, &words, &mut sink).await;
    sent.unwrap();
    received.unwrap();
}

#[tokio::test]
async fn a_peer_that_goes_away_in_the_middle_fails_the_transfer() {
    for reset in [true, false] {
        let raw = connected().await;
        let words = words(10);
        let header = encode(&header(payload(&words)));
        let frame = [&u32::try_from(header.len()).unwrap().to_le_bytes()[..], &header].concat();
        let (read, header_was_read) = tokio::sync::oneshot::channel();
        let peer = async {
            let mut send = raw.peer.open_uni().await.unwrap();
            send.write_all(&[&frame[..], &words[..20]].concat()).await.unwrap();
            header_was_read.await.unwrap();
            if reset {
                send.reset(7_u32.into()).unwrap();
            } else {
                raw.peer.close(7_u32.into(), b"");
            }
        };
        let ours = async {
            let mut reader = raw.link.accept_transfer().await.unwrap();
            let header: Offer = reader.expect().await.unwrap();
            read.send(()).unwrap();
            receive_payload(reader, &announced(&header), &mut Kept::default()).await.unwrap_err()
        };
        let (error, ()) = within(async { tokio::join!(ours, peer) }).await;
        let told = match &error {
            TransportError::Stream(_) => reset,
            TransportError::Lost(_) => !reset,
            _ => false,
        };
        assert!(told, "{error}");
    }
}

#[tokio::test]
async fn a_transfer_begins_with_its_own_header() {
    let raw = connected().await;
    let model = encode(&header(payload(&words(1))));
    let over = u32::try_from(MAX_MESSAGE).unwrap() + 1;
    for bytes in [
        over.to_le_bytes().to_vec(),
        vec![],
        vec![1, 0],
        [&u32::try_from(model.len()).unwrap().to_le_bytes()[..], &model].concat(),
    ] {
        let peer = async {
            let mut send = raw.peer.open_uni().await.unwrap();
            let _ = send.write_all(&bytes).await;
            let _ = send.finish();
            let _ = send.stopped().await;
        };
        let ours = async {
            let mut reader = raw.link.accept_transfer().await.unwrap();
            reader.expect::<Contribution>().await.unwrap_err()
        };
        let (error, ()) = within(async { tokio::join!(ours, peer) }).await;
        match (bytes.len(), &error) {
            (4, TransportError::Wire(CodecError::TooLong(length))) => {
                assert_eq!(*length, over as usize);
            }
            (0, TransportError::Stream(why)) => assert!(why.contains("ended before"), "{why}"),
            (2, TransportError::Stream(why)) => assert!(why.contains("finished early"), "{why}"),
            (5.., TransportError::Wire(CodecError::Malformed { what: "Contribution", .. })) => {}
            (length, other) => panic!("{length} bytes: {other}"),
        }
    }
}
