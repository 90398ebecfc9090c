//! One connection, and who is at its other end.

use std::net::SocketAddr;
use std::ops::Deref;

use quinn::{Connection, ConnectionError, RecvStream, SendStream, VarInt};
use rustls_pki_types::CertificateDer;
use tokio::sync::oneshot;

use super::cap::Cap;
use super::error::TransportError;
use super::frames::{FrameReader, FrameWriter};
use super::route::Path;
use crate::pki::{PkiError, Role, Validity};
use base::fingerprint::Fingerprint;

/// A peer that knocked, before the handshake.
pub struct Incoming(Knock);

enum Knock {
    Udp(quinn::Incoming),
    /// In a tunnel, which waits until the peer is let in or not.
    Tunnel(quinn::Incoming, oneshot::Sender<()>),
    /// A peer whose tunnel did not come about.
    Failed(SocketAddr, String),
}

impl Incoming {
    pub(super) fn new(incoming: quinn::Incoming) -> Self {
        Self(Knock::Udp(incoming))
    }

    /// A peer in a tunnel; `waiting` is dropped when it is let in or not.
    pub(super) fn tunnelled(incoming: quinn::Incoming, waiting: oneshot::Sender<()>) -> Self {
        Self(Knock::Tunnel(incoming, waiting))
    }

    /// A peer that was refused before it could knock.
    pub(super) fn failed(address: SocketAddr, why: String) -> Self {
        Self(Knock::Failed(address, why))
    }

    /// Where the peer is: where its datagrams or its TCP connection come from.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        match &self.0 {
            Knock::Udp(incoming) | Knock::Tunnel(incoming, _) => incoming.remote_address(),
            Knock::Failed(address, _) => *address,
        }
    }

    /// Does not answer the peer, which tries again by itself.
    pub fn ignore(self) {
        match self.0 {
            Knock::Udp(incoming) | Knock::Tunnel(incoming, _) => incoming.ignore(),
            Knock::Failed(..) => {}
        }
    }

    /// Asks a peer whose address is not proven to prove it first; none where it has to.
    #[must_use]
    pub fn proven(self) -> Option<Self> {
        match self.0 {
            Knock::Udp(incoming) if !incoming.remote_address_validated() => {
                // A peer that may not be asked again is dropped.
                let _ = incoming.retry();
                None
            }
            // TCP has proven it.
            knock => Some(Self(knock)),
        }
    }

    /// Finishes the handshake and reads the peer's role from its certificate.
    ///
    /// # Errors
    /// The peer is not trusted, speaks something else, or its certificate has no role.
    pub async fn accept(self) -> Result<Link, TransportError> {
        let (connecting, path) = match self.0 {
            Knock::Udp(incoming) => (incoming.accept()?, Path::Udp),
            Knock::Tunnel(incoming, waiting) => {
                let connecting = incoming.accept();
                drop(waiting);
                (connecting?, Path::Tcp)
            }
            Knock::Failed(_, why) => return Err(TransportError::Lost(why)),
        };
        let connection = connecting.await?;
        match peer_of(&connection) {
            Ok((role, certificate)) => {
                let certificate = Some(certificate);
                Ok(Link { connection, path, peer: role, certificate, cap: None })
            }
            Err(error) => {
                connection.close(VarInt::from_u32(1), error.to_string().as_bytes());
                Err(error.into())
            }
        }
    }
}

/// What is known of the certificate that a peer showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Its SHA-256.
    pub fingerprint: Fingerprint,
    /// When it is valid; none where that cannot be read.
    pub validity: Option<Validity>,
}

fn peer_of(connection: &Connection) -> Result<(Role, PeerCertificate), PkiError> {
    let none = || PkiError::NoRole("no certificate".to_owned());
    let identity = connection.peer_identity().ok_or_else(none)?;
    let chain = identity.downcast::<Vec<CertificateDer<'static>>>().map_err(|_| none())?;
    let own = chain.first().ok_or_else(none)?;
    let fingerprint = Fingerprint::of(own);
    let validity = Validity::of(own);
    Ok((Role::of(own)?, PeerCertificate { fingerprint, validity }))
}

/// A connection to one peer whose role is verified. Clones share the connection.
#[derive(Clone)]
pub struct Link {
    connection: Connection,
    path: Path,
    peer: Role,
    certificate: Option<PeerCertificate>,
    cap: Option<Cap>,
}

impl Link {
    /// A connection to the coordinator, whose name the handshake has checked.
    pub(super) fn to_coordinator(connection: Connection, path: Path, cap: Option<Cap>) -> Self {
        let certificate = peer_of(&connection).ok().map(|(_, certificate)| certificate);
        Self { connection, path, peer: Role::Coordinator, certificate, cap }
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> &Role {
        &self.peer
    }

    /// What carries the connection.
    #[must_use]
    pub fn path(&self) -> Path {
        self.path
    }

    /// Whether the connection is over because nothing came any more.
    #[must_use]
    pub(super) fn fell_silent(&self) -> bool {
        matches!(self.connection.close_reason(), Some(ConnectionError::TimedOut))
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The peer's certificate.
    #[must_use]
    pub fn certificate(&self) -> Option<PeerCertificate> {
        self.certificate
    }

    /// Where the peer is now.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.connection.remote_address()
    }

    /// Opens the control stream: the dialing side's part.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn open_control(&self) -> Result<(FrameWriter, FrameReader), TransportError> {
        let (send, receive) = self.connection.open_bi().await?;
        Ok((FrameWriter::new(send), FrameReader::new(receive)))
    }

    /// Accepts the control stream: the listening side's part.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn accept_control(&self) -> Result<(FrameWriter, FrameReader), TransportError> {
        let (send, receive) = self.connection.accept_bi().await?;
        Ok((FrameWriter::new(send), FrameReader::new(receive)))
    }

    /// Opens a stream for one transfer.
    pub(super) async fn open_transfer(&self) -> Result<SendStream, TransportError> {
        Ok(self.connection.open_uni().await?)
    }

    /// The next stream with a transfer from the peer.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn accept_transfer(&self) -> Result<FrameReader, TransportError> {
        let stream: RecvStream = self.connection.accept_uni().await?;
        Ok(FrameReader { cap: self.cap.clone(), ..FrameReader::new(stream) })
    }

    /// What transfers may take of the line.
    pub(super) fn cap(&self) -> Option<&Cap> {
        self.cap.as_ref()
    }

    /// Bytes on the wire so far, both ways, headers and repetitions included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let stats = self.connection.stats();
        stats.udp_tx.bytes.saturating_add(stats.udp_rx.bytes)
    }

    /// Gives the connection an owner, whose end is the end of the connection.
    #[must_use]
    pub fn owned(self) -> OwnedLink {
        OwnedLink(self)
    }

    /// Ends the connection and tells the peer why.
    pub fn close(&self, reason: &str) {
        self.connection.close(VarInt::from_u32(0), reason.as_bytes());
    }

    /// Waits for the end of the connection and says how it ended.
    pub async fn closed(&self) -> TransportError {
        let error: ConnectionError = self.connection.closed().await;
        error.into()
    }
}

/// A connection that is closed when this is dropped.
///
/// Otherwise a connection lasts as long as any clone or stream of it, and the peer decides when a stream ends.
pub struct OwnedLink(Link);

impl Deref for OwnedLink {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.0
    }
}

impl Drop for OwnedLink {
    fn drop(&mut self) {
        // A reason that was given before stands.
        self.0.close("");
    }
}
