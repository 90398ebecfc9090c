//! A coordinator that does what a test tells it, and sees every byte that a site sends.

use std::net::{Ipv4Addr, SocketAddr};

use common::digest::Digest;
use common::experiment::Plan;
use common::ids::{Round, RunId};
use common::pki::Identity;
use common::privacy::LedgerHead;
use common::transport::{
    FrameReader, FrameWriter, Link, Listener, Sink, TransportError, receive_words, send_words,
};
use common::wire::{
    Content, Hello, ModelHeader, PROTOCOL, Purpose, ToCoordinator, ToSite, UpdateHeader, words,
};

/// It listens.
pub struct Observer {
    listener: Listener,
}

/// A site that is connected.
pub struct Observed {
    /// The connection.
    pub link: Link,
    writer: FrameWriter,
    reader: FrameReader,
}

impl Observer {
    /// Listens on any free port under a coordinator's certificate.
    ///
    /// # Errors
    /// The port or the certificate cannot be used.
    pub fn new(identity: Identity) -> Result<Self, TransportError> {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Ok(Self { listener: Listener::bind(any_port, identity)? })
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
        let lost = |what: &str| TransportError::Lost(what.to_owned());
        let incoming = self.listener.accept().await.ok_or_else(|| lost("closed"))?;
        let link = incoming.accept().await?;
        let (mut writer, mut reader) = link.accept_control().await?;
        let ToCoordinator::Hello(_) = reader.expect().await? else {
            return Err(lost("no hello"));
        };
        let hello = Hello { protocol: PROTOCOL, software: "observer".to_owned() };
        writer.send(&ToSite::Welcome(hello)).await?;
        Ok(Observed { link, writer, reader })
    }
}

impl Observed {
    /// Proposes a plan, and says where the ledger was seen; the site's answer.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn propose(
        &mut self,
        run: &RunId,
        plan: &Plan,
        ledgers: Vec<LedgerHead>,
    ) -> Result<ToCoordinator, TransportError> {
        let (run, plan) = (run.clone(), plan.clone());
        self.writer.send(&ToSite::Plan { run, plan, ledgers }).await?;
        self.hear().await
    }

    /// What the site says next on the control stream.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn hear(&mut self) -> Result<ToCoordinator, TransportError> {
        self.reader.expect().await
    }

    /// Sends a model; its hash.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn offer(
        &self,
        run: &RunId,
        round: Round,
        purpose: Purpose,
        model: &[f32],
    ) -> Result<Digest, TransportError> {
        let words = words::from_parameters(model);
        let content = Content { words: model.len() as u64, digest: Digest::of(&words) };
        let header = ModelHeader { run: run.clone(), round, purpose, content };
        send_words(&self.link, &header, &words).await?;
        Ok(content.digest)
    }

    /// An update, or what the site says instead.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn answer(&mut self) -> Result<Answer, TransportError> {
        tokio::select! {
            update = update(&self.link) => Ok(Answer::Update(Box::new(update?))),
            said = self.reader.expect::<ToCoordinator>() => Ok(Answer::Said(Box::new(said?))),
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

async fn update(link: &Link) -> Result<(UpdateHeader, Vec<u8>), TransportError> {
    let mut reader = link.accept_transfer().await?;
    let header: UpdateHeader = reader.expect().await?;
    let mut bytes = Bytes(Vec::new());
    receive_words(reader, &header.content, &mut bytes).await?;
    Ok((header, bytes.0))
}

/// What comes back for a model.
pub enum Answer {
    /// An update.
    Update(Box<(UpdateHeader, Vec<u8>)>),
    /// A message instead.
    Said(Box<ToCoordinator>),
}
