//! A coordinator that does what a test tells it, and sees every byte that a site sends.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use audit::note::VerifierKey;
use audit::record::{Entry, Event, Role};
use base::clock::SystemClock;
use base::codec::encode;
use base::digest::Digest;
use base::ids::{Round, RunId, SiteName};
use node::audit_log::{AuditWriter, COORDINATOR, Held, PublishedOffer, hash, name};
use node::pki::Identity;
use node::transport::{
    FrameReader, FrameWriter, Link, Listener, Sink, TransportError, receive_payload, send_payload,
};
use node::wire::{
    Contribution, Cosignature, Hello, KeptLog, ModelHeader, Offer, PROTOCOL, Payload, Purpose,
    StatisticsOffer, StatisticsReply, ToCoordinator, ToSite, UpdateHeader,
};
use plan::experiment::{Plan, StatisticsRequest};
use plan::model::payload;
use tempfile::TempDir;

use crate::SetupError;

/// It listens.
pub struct Observer {
    listener: Listener,
    /// Its audit log, as a coordinator keeps one.
    pub audit: Arc<AuditWriter>,
    _folder: TempDir,
}

/// What a model is offered for.
#[derive(Debug, Clone, Copy)]
pub struct OfferedRound<'r> {
    run: &'r RunId,
    round: Round,
    purpose: Purpose,
}

impl<'r> OfferedRound<'r> {
    /// A round of a run, and what the sites are to do in it.
    #[must_use]
    pub fn new(run: &'r RunId, round: Round, purpose: Purpose) -> Self {
        Self { run, round, purpose }
    }
}

/// A site that is connected.
pub struct Observed {
    /// The connection.
    pub link: Link,
    /// The coordinator's audit log.
    pub audit: Arc<AuditWriter>,
    /// The key of the site's.
    pub key: VerifierKey,
    /// States of the coordinator's log that the site may have seen last.
    pub seen: Vec<u64>,
    /// The latest checkpoint of the site's log.
    pub checkpoint: Option<String>,
    /// Every byte that the site said and that was heard, as it was spelled.
    pub captured: Vec<u8>,
    plan: Digest,
    writer: FrameWriter,
    reader: FrameReader,
}

impl Observer {
    /// Listens on any free port under a coordinator's certificate.
    ///
    /// # Errors
    /// The port or the certificate cannot be used.
    pub fn new(identity: Identity) -> Result<Self, SetupError> {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let folder = tempfile::tempdir()?;
        let clock = Arc::new(SystemClock::new());
        let audit =
            AuditWriter::open(folder.path(), COORDINATOR, Role::Coordinator, clock, &mut |_| ())?;
        let listener = Listener::bind([any_port], identity)?;
        Ok(Self { listener, audit: Arc::new(audit), _folder: folder })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn address(&self) -> Result<SocketAddr, TransportError> {
        self.listener.address()
    }

    /// The next site, welcomed.
    ///
    /// # Errors
    /// It does not introduce itself.
    pub async fn site(&self) -> Result<Observed, TransportError> {
        self.site_that_was_seen(None).await
    }

    /// The same, told that its log was seen so.
    ///
    /// # Errors
    /// It does not introduce itself.
    pub async fn site_that_was_seen(
        &self,
        seen_of_it: Option<String>,
    ) -> Result<Observed, TransportError> {
        let key = self.audit.verifier().to_string();
        self.site_told(Some(KeptLog { key, seen: seen_of_it, data_set: None })).await
    }

    /// The same, told whatever a test says of the coordinator's log.
    ///
    /// # Errors
    /// It does not introduce itself.
    pub async fn site_told(&self, log: Option<KeptLog>) -> Result<Observed, TransportError> {
        let lost = |what: &str| TransportError::Lost(what.to_owned());
        let incoming = self.listener.accept().await.ok_or_else(|| lost("closed"))?;
        let link = incoming.accept().await?;
        let (mut writer, mut reader) = link.accept_control().await?;
        let said: ToCoordinator = reader.expect().await?;
        let captured = encode(&said);
        let ToCoordinator::Hello(Hello { log: Some(own), .. }) = said else {
            return Err(lost("no hello"));
        };
        let key = own.key.parse().map_err(|_| lost("no key"))?;
        let seen = match own.seen.map(|seen| self.audit.held(&seen)) {
            Some(Ok(Held::At(size))) => size,
            _ => 0,
        };
        let hello = Hello { protocol: PROTOCOL, software: "observer".to_owned(), log };
        writer.send(&ToSite::Welcome(hello)).await?;
        let audit = Arc::clone(&self.audit);
        let plan = Digest::of(b"");
        let seen = vec![seen];
        let checkpoint = None;
        Ok(Observed { link, audit, key, seen, checkpoint, captured, plan, writer, reader })
    }
}

impl Observed {
    /// Proposes a plan; the site's answer.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn propose(
        &mut self,
        run: &RunId,
        plan: &Plan,
    ) -> Result<ToCoordinator, TransportError> {
        let run = run.clone();
        let plan = plan.clone();
        self.plan = plan.digest();
        self.writer.send(&ToSite::Plan { run, plan }).await?;
        self.hear().await
    }

    /// Asks for a description that stands in the coordinator's log; the site's answer.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn inquire(
        &mut self,
        question: &StatisticsRequest,
    ) -> Result<Answer, TransportError> {
        let shown = self.record_question(question, question)?;
        self.ask(question, &shown).await?;
        self.answer().await
    }

    /// The record of one question under the name of another, and the state of the coordinator's log
    /// that ends with it.
    ///
    /// # Errors
    /// It cannot be recorded.
    pub fn record_question(
        &self,
        named: &StatisticsRequest,
        question: &StatisticsRequest,
    ) -> Result<PublishedOffer, TransportError> {
        let event = Event::StatisticsOffer { question: hash(question.digest()) };
        let entry = Entry::new(name("test"), event).of_run(name(named.run().as_str()));
        let shown = self.audit.show(vec![entry]);
        shown.map_err(|error| TransportError::Lost(error.to_string()))
    }

    /// Asks for a description behind whatever the log is said to show.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn ask(
        &mut self,
        question: &StatisticsRequest,
        shown: &PublishedOffer,
    ) -> Result<(), TransportError> {
        let log = self.audit.sight(&shown.note, shown.size, &self.seen);
        self.seen.push(shown.size);
        let question = question.clone();
        let record = shown.record.clone();
        let offer = Offer::Statistics(StatisticsOffer { question, log, record });
        send_payload(&self.link, &offer, &bytes::Bytes::new()).await
    }

    /// Says anything at all.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn say(&mut self, message: &ToSite) -> Result<(), TransportError> {
        self.writer.send(message).await
    }

    /// Says that a run is over, whatever it was offered.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn end(&mut self, run: &RunId) -> Result<(), TransportError> {
        let run = run.clone();
        let outcome = "finished".to_owned();
        self.say(&ToSite::Over { run, offered: u64::MAX, outcome }).await
    }

    /// What the site says next on the control stream.
    ///
    /// # Errors
    /// The connection is lost.
    ///
    /// A signature on the coordinator's log is passed back at once, for those of all sites.
    pub async fn hear(&mut self) -> Result<ToCoordinator, TransportError> {
        loop {
            match self.hear_all().await? {
                ToCoordinator::Cosigned { run, round, signature } => {
                    self.attest(run, round, signature).await?;
                }
                other => return Ok(other),
            }
        }
    }

    async fn attest(
        &mut self,
        run: RunId,
        round: Option<Round>,
        signature: String,
    ) -> Result<(), TransportError> {
        let own = self.own(signature);
        self.tell_witnesses(&run, round, vec![own]).await
    }

    /// Passes on signatures of the offer that is open, whatever it is.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn tell_witnesses(
        &mut self,
        run: &RunId,
        round: Option<Round>,
        cosignatures: Vec<Cosignature>,
    ) -> Result<(), TransportError> {
        let run = run.clone();
        self.say(&ToSite::Witnessed { run, offered: u64::MAX, round, cosignatures }).await
    }

    /// A signature of this site's.
    #[must_use]
    pub fn own(&self, signature: String) -> Cosignature {
        let node = self.key.name().as_str().rsplit_once('.').map_or("", |(node, _)| node);
        // The name comes from the site's own log.
        let site: SiteName = node.parse().unwrap_or_else(|_| unreachable!("a site's name"));
        Cosignature { site, key: self.key.to_string(), signature }
    }

    /// The next message, signatures too.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn hear_all(&mut self) -> Result<ToCoordinator, TransportError> {
        let said = self.reader.expect().await?;
        self.captured.extend(encode(&said));
        Ok(said)
    }

    /// Sends a model that stands in the coordinator's log; its hash.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn offer(
        &mut self,
        run: &RunId,
        round: Round,
        purpose: Purpose,
        model: &[f32],
    ) -> Result<Digest, TransportError> {
        let of = OfferedRound::new(run, round, purpose);
        let shown = self.record(of, model)?;
        self.offer_shown(of, model, &shown).await?;
        Ok(Digest::of(&payload::from_parameters(model)))
    }

    /// The record of an offer, and the state of the coordinator's log that ends with it.
    ///
    /// # Errors
    /// It cannot be recorded.
    pub fn record(
        &self,
        of: OfferedRound<'_>,
        model: &[f32],
    ) -> Result<PublishedOffer, TransportError> {
        let OfferedRound { run, round, purpose } = of;
        let digest = Digest::of(&payload::from_parameters(model));
        let event = match purpose {
            Purpose::Train => Event::RoundOffer { model: hash(digest), plan: hash(self.plan) },
            Purpose::Evaluate => Event::Release { model: hash(digest) },
        };
        let entry = Entry::new(name("test"), event).of_run(name(run.as_str())).of_round(round.0);
        let shown = self.audit.show(vec![entry]);
        shown.map_err(|error| TransportError::Lost(error.to_string()))
    }

    /// Sends a model behind whatever the log is said to show.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn offer_shown(
        &mut self,
        of: OfferedRound<'_>,
        model: &[f32],
        shown: &PublishedOffer,
    ) -> Result<(), TransportError> {
        let header = self.header(of, model, shown);
        self.seen.push(shown.size);
        self.send(&header, model).await
    }

    /// What stands before a model.
    #[must_use]
    pub fn header(
        &self,
        of: OfferedRound<'_>,
        model: &[f32],
        shown: &PublishedOffer,
    ) -> ModelHeader {
        let OfferedRound { run, round, purpose } = of;
        let digest = Digest::of(&payload::from_parameters(model));
        let payload = Payload { words: model.len() as u64, digest };
        let log = self.audit.sight(&shown.note, shown.size, &self.seen);
        let run = run.clone();
        let record = shown.record.clone();
        ModelHeader { run, round, purpose, payload, log, record }
    }

    /// Sends any header, and words behind it.
    ///
    /// # Errors
    /// The connection is lost, or the site stops the transfer.
    pub async fn send(&self, header: &ModelHeader, model: &[f32]) -> Result<(), TransportError> {
        let offer = Offer::Model(header.clone());
        send_payload(&self.link, &offer, &payload::from_parameters(model)).await
    }

    /// How many transfers the site began that nobody has taken yet, once the session is over.
    pub async fn transfers(self) -> usize {
        let mut begun = 0;
        while self.link.accept_transfer().await.is_ok() {
            begun += 1;
        }
        begun
    }

    /// An update or the answer to a statistics request, or what the site says instead.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn answer(&mut self) -> Result<Answer, TransportError> {
        loop {
            let said = tokio::select! {
                contributed = contribution(&self.link) => {
                    let (contribution, words) = contributed?;
                    self.captured.extend(encode(&contribution));
                    self.captured.extend(&words);
                    let log = match &contribution {
                        Contribution::Update(UpdateHeader { log, .. })
                        | Contribution::Statistics(StatisticsReply { log, .. }) => log,
                    };
                    self.checkpoint = Some(log.checkpoint.clone());
                    return Ok(match contribution {
                        Contribution::Update(header) => Answer::Update(Box::new((header, words))),
                        Contribution::Statistics(reply) => Answer::Statistics(Box::new(reply)),
                    });
                }
                said = self.reader.expect::<ToCoordinator>() => said?,
            };
            self.captured.extend(encode(&said));
            match said {
                ToCoordinator::Cosigned { run, round, signature } => {
                    self.attest(run, round, signature).await?;
                }
                said => return Ok(Answer::Said(Box::new(said))),
            }
        }
    }
}

/// Words as they came.
struct Bytes(Vec<u8>);

impl Sink for Bytes {
    fn take(&mut self, piece: &[u8]) -> std::io::Result<()> {
        self.0.extend_from_slice(piece);
        Ok(())
    }
}

async fn contribution(link: &Link) -> Result<(Contribution, Vec<u8>), TransportError> {
    let mut reader = link.accept_transfer().await?;
    let contribution: Contribution = reader.expect().await?;
    let mut bytes = Bytes(Vec::new());
    match &contribution {
        Contribution::Update(header) => {
            receive_payload(reader, &header.payload, &mut bytes).await?;
        }
        Contribution::Statistics(_) => reader.end().await?,
    }
    Ok((contribution, bytes.0))
}

/// What comes back for a model or a statistics request.
#[derive(Debug)]
pub enum Answer {
    /// An update.
    Update(Box<(UpdateHeader, Vec<u8>)>),
    /// The answer to a statistics request.
    Statistics(Box<StatisticsReply>),
    /// A message instead.
    Said(Box<ToCoordinator>),
}

impl Answer {
    /// What was said in place of a contribution.
    ///
    /// # Errors
    /// Something was contributed.
    pub fn into_said(self) -> Result<ToCoordinator, SetupError> {
        match self {
            Self::Said(said) => Ok(*said),
            other => Err(format!("a contribution left: {other:?}").into()),
        }
    }
}
