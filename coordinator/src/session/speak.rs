//! Sends a site its messages and offers. Offers are begun in the order of the coordinator's log.

use base::ids::RunId;
use bytes::Bytes;
use node::transport::{FrameWriter, TransportError, begin_transfer};
use node::wire::{Offer, ToSite};
use tokio::sync::mpsc;

use super::Session;
use super::outbox::Outbox;
use crate::connections::{SessionCommand, Traffic};

impl Session {
    /// Carries out the commands of drivers until the session's queue is closed.
    ///
    /// # Errors
    /// How the stream or the connection broke.
    pub(super) async fn speak(
        &self,
        mut writer: FrameWriter,
        mut commands: mpsc::Receiver<SessionCommand>,
    ) -> Result<(), TransportError> {
        let mut outbox = Outbox::new(&self.link);
        while let Some(command) = commands.recv().await {
            match command {
                SessionCommand::Send(message) => {
                    if let ToSite::Over { run, .. } = &message {
                        // A site needs no model of a run that is over.
                        outbox.give_up(run);
                    }
                    if let Some(run) = named(&message) {
                        self.connections.count(run, Traffic::size_of(&message));
                    }
                    writer.send(&message).await?;
                }
                SessionCommand::Offer(offer, words) => {
                    self.begin(&mut outbox, &offer, words).await?;
                }
            }
        }
        Ok(())
    }

    /// Begins an offer's transfer. It is begun here, and not where its elements are sent, so that the site receives the
    /// states of the log in the order of the commands.
    async fn begin(
        &self,
        outbox: &mut Outbox,
        offer: &Offer,
        words: Bytes,
    ) -> Result<(), TransportError> {
        let run = match offer {
            Offer::Model(header) => header.run.clone(),
            Offer::Statistics(offer) => offer.question.run(),
        };
        // This model replaces an older one of the run that is still on its way.
        outbox.give_up(&run);
        match begin_transfer(&self.link, offer).await {
            Ok(begun) => {
                let bytes = Traffic::size_of(offer).saturating_add(words.len() as u64);
                self.connections.count(&run, bytes);
                outbox.send(run, begun, words);
                Ok(())
            }
            // The site stopped the stream, and says why in a message of its own.
            Err(error @ TransportError::Stream(_)) => {
                tracing::debug!(site = %self.site, %run, %error, "offer not delivered");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// The job that a message names.
fn named(message: &ToSite) -> Option<&RunId> {
    match message {
        ToSite::Plan { run, .. }
        | ToSite::Witnessed { run, .. }
        | ToSite::Received { run, .. }
        | ToSite::Over { run, .. } => Some(run),
        ToSite::Refused { subject, .. } => subject.as_ref().map(|subject| &subject.run),
        ToSite::Welcome(_) => None,
    }
}
