//! Receives a site's messages and passes each to the job that it names.

use base::ids::RunId;
use node::transport::{FrameReader, TransportError};
use node::wire::{Refusal, Subject, ToCoordinator};

use super::Session;
use super::judge::fault;
use crate::connections::{SessionEvent, Traffic};

impl Session {
    /// Reads the control stream until it ends.
    ///
    /// # Errors
    /// How the stream or the connection broke.
    pub(super) async fn listen(&self, mut reader: FrameReader) -> Result<(), TransportError> {
        while let Some(message) = reader.next::<ToCoordinator>().await? {
            self.count(1)?;
            let bytes = Traffic::size_of(&message);
            let site = self.site.clone();
            let (run, event) = match message {
                ToCoordinator::Consent { run, plan } => (run, SessionEvent::Consented(site, plan)),
                ToCoordinator::Cosigned { run, round, signature } => {
                    (run, SessionEvent::Cosigned(site, round, self.key.clone(), signature))
                }
                ToCoordinator::Decline(decline) => {
                    (decline.run.clone(), SessionEvent::Declined(site, decline))
                }
                ToCoordinator::Evaluation(evaluation) => {
                    (evaluation.run.clone(), SessionEvent::Evaluated(site, evaluation))
                }
                ToCoordinator::Hello(_)
                | ToCoordinator::Launch(_)
                | ToCoordinator::Describe(_)
                | ToCoordinator::Attach { .. }
                | ToCoordinator::Stop { .. }
                | ToCoordinator::Query(_) => {
                    self.refuse(None, Refusal::OutOfTurn)?;
                    continue;
                }
            };
            self.connections.count(&run, bytes);
            self.pass_on(run, event).await?;
        }
        Ok(())
    }

    /// Passes an event to the driver of this job, or refuses it to the site.
    ///
    /// # Errors
    /// The site has sent too many messages that were refused.
    pub(super) async fn pass_on(
        &self,
        run: RunId,
        event: SessionEvent,
    ) -> Result<(), TransportError> {
        let subject = Some(Subject { run: run.clone(), round: None });
        let Some(job) = self.connections.job(&run) else {
            return self.refuse(subject, Refusal::UnknownRun(run));
        };
        if let Some(refusal) = fault(&job.kind, &event) {
            return self.refuse(subject, refusal);
        }
        job.tell(event).await;
        Ok(())
    }
}
