//! Receives a site's contributions, one transfer after another.

use node::transport::{FrameReader, TransportError, receive_payload};
use node::wire::{Contribution, Refusal, StatisticsReply, Subject, UpdateHeader};
use tokio::sync::Notify;

use super::Session;
use super::judge::judge_metrics;
use crate::connections::{JobHandle, JobKind, SessionEvent, Traffic, UploadPermit};
use crate::driver::log;
use crate::incoming::Incoming;

impl Session {
    /// Takes updates and answers one by one, each after the job of the previous one has processed it. This bounds the
    /// memory and the files for a site, and keeps the states of its log in order. Once the site has `left`, those that
    /// it began before are still taken.
    ///
    /// # Errors
    /// How a stream or the connection broke, or that the site sent too much.
    pub(super) async fn receive(
        &self,
        mut permit: UploadPermit,
        left: &Notify,
    ) -> Result<(), TransportError> {
        loop {
            let mut reader = tokio::select! {
                biased;
                begun = self.link.accept_transfer() => begun?,
                () = left.notified() => return Ok(()),
            };
            let contribution: Contribution = reader.expect().await?;
            self.count(1)?;
            let bytes = Traffic::size_of(&contribution);
            match contribution {
                Contribution::Update(header) => {
                    self.connections.count(&header.run, bytes);
                    self.take_update(reader, header, permit).await?;
                }
                Contribution::Statistics(reply) => {
                    self.connections.count(&reply.run, bytes);
                    self.take_reply(reader, reply, permit).await?;
                }
            }
            permit = self.permit().await?;
        }
    }

    async fn take_reply(
        &self,
        reader: FrameReader,
        reply: StatisticsReply,
        permit: UploadPermit,
    ) -> Result<(), TransportError> {
        if let Err(error) = reader.end().await {
            let subject = Subject { run: reply.run, round: None };
            return self.refuse(Some(subject), Refusal::Malformed(error.to_string()));
        }
        let run = reply.run.clone();
        let site = self.site.clone();
        let key = self.key.clone();
        self.pass_on(run, SessionEvent::StatisticsReply(site, key, reply, permit)).await
    }

    async fn take_update(
        &self,
        reader: FrameReader,
        header: UpdateHeader,
        permit: UploadPermit,
    ) -> Result<(), TransportError> {
        let run = header.run.clone();
        let round = header.round;
        match self.update(reader, header, permit).await {
            Ok((job, event)) => job.tell(event).await,
            Err(refusal) => {
                self.audit.note_refused(log::rejected(&run, round, &self.site, &refusal));
                let overstepped = matches!(refusal, Refusal::Norm { .. } | Refusal::Element { .. });
                if let Some(job) = self.connections.job(&run)
                    && overstepped
                {
                    let site = self.site.clone();
                    let refusal = refusal.clone();
                    job.tell(SessionEvent::Overstepped(site, round, refusal)).await;
                }
                self.refuse(Some(Subject { run, round: Some(round) }), refusal)?;
            }
        }
        Ok(())
    }

    /// Receives the update behind this header and checks its length, hash and bound.
    async fn update(
        &self,
        reader: FrameReader,
        header: UpdateHeader,
        permit: UploadPermit,
    ) -> Result<(JobHandle, SessionEvent), Refusal> {
        let unknown = || Refusal::UnknownRun(header.run.clone());
        let job = self.connections.job(&header.run).ok_or_else(unknown)?;
        let JobKind::Run(terms) = &job.kind else { return Err(unknown()) };
        // All that can be judged before a byte is kept.
        if header.payload.words != terms.words {
            let expected = terms.words;
            let found = header.payload.words;
            return Err(Refusal::Length { expected, found });
        }
        judge_metrics(terms, &header.metrics)?;
        let kept = |error: std::io::Error| {
            tracing::error!(%error, "an update could not be kept");
            Refusal::Internal("the update could not be kept; the log says why".to_owned())
        };
        let spool = self.spools.room(header.payload.words.saturating_mul(4)).map_err(kept)?;
        let mut incoming = Incoming::new(spool);
        let received = receive_payload(reader, &header.payload, &mut incoming).await;
        job.traffic.add(incoming.bytes());
        received.map_err(|error| match error {
            TransportError::Length { expected, found } => Refusal::Truncated { expected, found },
            TransportError::Digest => Refusal::Digest,
            TransportError::Sink(error) => kept(error),
            other => Refusal::Malformed(other.to_string()),
        })?;
        let update = incoming.within(terms.bound)?;
        let event =
            SessionEvent::Updated(self.site.clone(), self.key.clone(), header, update, permit);
        Ok((job, event))
    }
}
