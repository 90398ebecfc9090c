//! Sends elements to a site, one transfer after another, in the order in which the transfers were begun.
//!
//! A site takes transfers in that order. All streams of a connection share one window of unread bytes. Elements of a
//! later transfer, which the site does not read yet, would fill it, and the earlier transfer could never end.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::ids::RunId;
use bytes::Bytes;
use node::transport::{Link, Outgoing};
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, JoinSet};

/// A transfer that was begun, and whose elements are still to be sent.
struct Begun {
    run: RunId,
    transfer: Outgoing,
    words: Bytes,
}

/// The transfer that is being sent. Dropping it stops the transfer.
struct Current {
    run: RunId,
    _sending: oneshot::Sender<()>,
}

#[derive(Default)]
struct Queue {
    current: Option<Current>,
    /// At most one for each job.
    waiting: VecDeque<Begun>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    added: Notify,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next transfer, and what resolves when it is given up.
    fn take(&self) -> Option<(Begun, oneshot::Receiver<()>)> {
        let mut queue = self.queue();
        let begun = queue.waiting.pop_front()?;
        let (sending, given_up) = oneshot::channel();
        queue.current = Some(Current { run: begun.run.clone(), _sending: sending });
        Some((begun, given_up))
    }

    async fn next(&self) -> (Begun, oneshot::Receiver<()>) {
        loop {
            let added = self.added.notified();
            if let Some(next) = self.take() {
                return next;
            }
            added.await;
        }
    }
}

/// The transfers of one session. Those that are not complete when it is dropped are reset.
pub(super) struct Outbox {
    shared: Arc<Shared>,
    sending: JoinHandle<()>,
    /// The transfers without elements whose arrival is not confirmed yet.
    without_elements: JoinSet<()>,
}

impl Outbox {
    /// Creates an outbox without transfers, and the task that sends them.
    pub fn new(link: &Link) -> Self {
        let shared = Arc::new(Shared::default());
        let queue = Arc::clone(&shared);
        let link = link.clone();
        let sending = tokio::spawn(async move {
            loop {
                let (Begun { transfer, words, .. }, given_up) = queue.next().await;
                tokio::select! {
                    _ = given_up => {}
                    sent = transfer.send(&words) => if let Err(error) = sent {
                        tracing::debug!(peer = %link.peer(), %error, "transfer not delivered");
                    },
                }
            }
        });
        Self { shared, sending, without_elements: JoinSet::new() }
    }

    /// Sends the elements of a job's transfer after those of all transfers that were begun before. It takes the place
    /// of an earlier transfer of the job. A transfer without elements waits for no other one.
    pub fn send(&mut self, run: RunId, transfer: Outgoing, words: Bytes) {
        self.give_up(&run);
        if words.is_empty() {
            while self.without_elements.try_join_next().is_some() {}
            self.without_elements.spawn(async move { drop(transfer.send(&words).await) });
            return;
        }
        self.shared.queue().waiting.push_back(Begun { run, transfer, words });
        self.shared.added.notify_one();
    }

    /// Gives up this job's transfer, if it is still on its way. It is reset at once, and its stream is free for another
    /// transfer, whatever is sent before it.
    pub fn give_up(&mut self, run: &RunId) {
        let mut queue = self.shared.queue();
        queue.waiting.retain(|begun| begun.run != *run);
        drop(queue.current.take_if(|current| current.run == *run));
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

    /// Takes the next transfer that is not given up: its run, and how many elements it has.
    async fn receive(link: &Link) -> (RunId, usize) {
        loop {
            let mut reader = link.accept_transfer().await.unwrap();
            // A transfer that is given up is reset, before its head was read or after.
            let Ok(Offer::Model(header)) = reader.expect().await else { continue };
            let mut words: Vec<f32> = Vec::new();
            match receive_payload(reader, &header.payload, &mut words).await {
                Ok(()) => return (header.run, words.len()),
                Err(TransportError::Stream(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
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
            for place in [0, 2, 1] {
                assert_eq!(receive(&ends.site).await, (runs[place].clone(), words.len() / 4));
            }
        };
        tokio::time::timeout(Duration::from_secs(30), all).await.expect("it hangs");
    }

    /// Otherwise a fast run would use up the streams of a connection behind the model of a slow one.
    #[tokio::test]
    async fn a_transfer_that_is_given_up_behind_another_one_is_reset_at_once() {
        let ends = ends().await;
        let mut outbox = Outbox::new(&ends.coordinator);
        let words = Bytes::from(vec![0; 6 << 20]);
        let runs = ["run-slow", "run-fast"].map(|run| run.parse::<RunId>().unwrap());
        let mut heads = Vec::new();
        let mut begun = Vec::new();
        for run in &runs {
            begun.push(begin_transfer(&ends.coordinator, &offer(run, &words)).await.unwrap());
            let mut reader = ends.site.accept_transfer().await.unwrap();
            let Offer::Model(header) = reader.expect().await.unwrap() else { panic!() };
            heads.push((reader, header));
        }
        for (run, transfer) in runs.iter().zip(begun) {
            outbox.send(run.clone(), transfer, words.clone());
        }
        outbox.give_up(&runs[1]);
        let (fast, header) = heads.pop().unwrap();
        let mut received: Vec<f32> = Vec::new();
        // The other one is not read yet, and stays where it is.
        let ended = receive_payload(fast, &header.payload, &mut received);
        let ended = tokio::time::timeout(Duration::from_secs(30), ended).await.expect("it hangs");
        assert!(matches!(ended, Err(TransportError::Stream(_))), "{ended:?}");
        let (slow, header) = heads.pop().unwrap();
        receive_payload(slow, &header.payload, &mut received).await.unwrap();
        assert_eq!(received.len(), words.len() / 4);
    }
}
