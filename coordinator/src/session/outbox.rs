//! Sends elements to a site, one transfer after another, in the order in which the transfers were begun.
//!
//! A site takes transfers in that order. All streams of a connection share one window of unread bytes. Elements of a
//! later transfer, which the site does not read yet, would fill it, and the earlier transfer could never end.

use std::collections::BTreeMap;

use base::ids::RunId;
use bytes::Bytes;
use node::transport::{Link, Outgoing};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// A transfer that was begun, and whose elements are still to be sent.
struct Begun {
    transfer: Outgoing,
    words: Bytes,
    /// Closed when the transfer is given up.
    given_up: oneshot::Receiver<()>,
}

/// The transfers of one session. Those that are not complete when it is dropped are reset.
pub(super) struct Outbox {
    /// Bounded by the number of streams that a site lets this session open at once.
    queue: mpsc::UnboundedSender<Begun>,
    /// The latest transfer of each job.
    latest: BTreeMap<RunId, oneshot::Sender<()>>,
    sending: JoinHandle<()>,
}

impl Outbox {
    /// Creates an outbox without transfers, and the task that sends them.
    pub fn new(link: &Link) -> Self {
        let (queue, mut begun) = mpsc::unbounded_channel::<Begun>();
        let link = link.clone();
        let sending = tokio::spawn(async move {
            while let Some(Begun { transfer, words, mut given_up }) = begun.recv().await {
                let sent = tokio::select! {
                    // First, so that a transfer that was given up while it waited sends nothing.
                    biased;
                    _ = &mut given_up => continue,
                    sent = transfer.send(&words) => sent,
                };
                if let Err(error) = sent {
                    tracing::debug!(peer = %link.peer(), %error, "transfer not delivered");
                }
            }
        });
        Self { queue, latest: BTreeMap::new(), sending }
    }

    /// Sends the elements of a job's transfer after those of all transfers that were begun before.
    pub fn send(&mut self, run: RunId, transfer: Outgoing, words: Bytes) {
        let (keep, given_up) = oneshot::channel();
        self.latest.insert(run, keep);
        // The queue is closed only if the task has ended, with the connection.
        let _ = self.queue.send(Begun { transfer, words, given_up });
    }

    /// Gives up this job's transfer, if it is still on its way.
    pub fn give_up(&mut self, run: &RunId) {
        drop(self.latest.remove(run));
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.sending.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base::digest::Digest;
    use base::ids::Round;
    use node::transport::{TransportError, begin_transfer, receive_payload};
    use node::wire::{LastRecord, ModelHeader, Offer, Payload, Purpose, SignedState};

    use super::*;
    use crate::testing::ends;

    fn offer(run: &RunId, words: &Bytes) -> Offer {
        Offer::Model(ModelHeader {
            run: run.clone(),
            round: Round(1),
            purpose: Purpose::Train,
            payload: Payload { words: words.len() as u64 / 4, digest: Digest::of(words) },
            log: SignedState { checkpoint: String::new(), proofs: Vec::new() },
            record: LastRecord { line: Vec::new(), inclusion: Vec::new() },
        })
    }

    /// Takes the next transfer; it may be given up before its end.
    async fn take(link: &Link) -> (RunId, Result<usize, TransportError>) {
        let mut reader = link.accept_transfer().await.unwrap();
        let Offer::Model(header) = reader.expect().await.unwrap() else { panic!() };
        let mut words: Vec<f32> = Vec::new();
        let received = receive_payload(reader, &header.payload, &mut words).await;
        (header.run, received.map(|()| words.len()))
    }

    #[tokio::test]
    async fn models_of_several_runs_larger_than_the_window_all_arrive_in_order() {
        let ends = ends().await;
        let mut outbox = Outbox::new(&ends.coordinator);
        // Each is three times as large as the window of unread bytes of a connection.
        let words = Bytes::from(vec![0; 6 << 20]);
        let runs = ["run-a", "run-b", "run-c"].map(|run| run.parse::<RunId>().unwrap());
        for run in &runs {
            let begun = begin_transfer(&ends.coordinator, &offer(run, &words)).await.unwrap();
            outbox.send(run.clone(), begun, words.clone());
        }
        // The second one is replaced while it waits behind the first.
        outbox.give_up(&runs[1]);
        let newer = begin_transfer(&ends.coordinator, &offer(&runs[1], &words)).await.unwrap();
        outbox.send(runs[1].clone(), newer, words.clone());
        let all = async {
            for (place, given_up) in [(0, false), (1, true), (2, false), (1, false)] {
                let (run, received) = take(&ends.site).await;
                assert_eq!(run, runs[place]);
                match received {
                    Ok(count) => assert_eq!((count, given_up), (words.len() / 4, false)),
                    Err(error) => assert!(given_up, "{error}"),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), all).await.expect("it hangs");
    }
}
