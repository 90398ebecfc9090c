//! The coordinator's end of tunnels: a TCP port, TLS with a certificate, and then QUIC.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base::fingerprint::Fingerprint;
use quinn::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::limits::{Limits, Place};
use super::socket::Ends;
use super::{Tunnel, transport};
use crate::transport::error::{TransportError, explain_io};
use crate::transport::link::Incoming;

/// How long TLS may take, and how long a tunnel may then be without a connection. A tunnel with one lasts as long as
/// the connection, which ends when nothing comes for some seconds.
const HANDSHAKE: Duration = Duration::from_secs(5);
const UNUSED: Duration = Duration::from_secs(10);

/// The pause after a TCP connection could not be taken: the process may be out of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Peers that have arrived and were not asked for yet.
const ARRIVALS: usize = 64;

/// Connections of one tunnel that wait to be let in, and what is kept of them meanwhile.
const KNOCKS: usize = 2;
const KNOCK_BYTES: u64 = 64 << 10;

/// What a refused peer may still send, and how long, so that it reads why.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 16 << 10;

/// What every tunnel needs.
struct Shared {
    tls: TlsAcceptor,
    quic: ServerConfig,
    limits: Arc<Limits>,
    arrivals: mpsc::Sender<Incoming>,
}

/// Why all tunnels end, once they do.
type Closing = watch::Receiver<Option<Arc<str>>>;

/// Listens for TCP.
pub(in crate::transport) struct TunnelListener {
    address: SocketAddr,
    arrivals: Mutex<mpsc::Receiver<Incoming>>,
    closing: watch::Sender<Option<Arc<str>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl TunnelListener {
    pub(in crate::transport) fn bind(
        address: SocketAddr,
        tls: rustls::ServerConfig,
        mut quic: ServerConfig,
    ) -> Result<Self, TransportError> {
        let failed = |source| TransportError::TcpPort { address, source };
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = TcpListener::from_std(listener).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        quic.transport_config(transport())
            .migration(false)
            .max_incoming(KNOCKS)
            .incoming_buffer_size(KNOCK_BYTES)
            .incoming_buffer_size_total(KNOCK_BYTES);
        let (sender, arrivals) = mpsc::channel(ARRIVALS);
        let tls = TlsAcceptor::from(Arc::new(tls));
        let shared = Arc::new(Shared { tls, quic, limits: Arc::default(), arrivals: sender });
        let (closing, closed) = watch::channel(None);
        let task = tokio::spawn(accept_all(shared, listener, closed));
        Ok(Self { address, arrivals: Mutex::new(arrivals), closing, task: Mutex::new(Some(task)) })
    }

    pub(in crate::transport) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next peer; `None` once this is closed.
    pub(in crate::transport) async fn accept(&self) -> Option<Incoming> {
        self.arrivals.lock().await.recv().await
    }

    /// Tells every peer `reason` and waits until they know.
    pub(in crate::transport) async fn close(&self, reason: &str) {
        self.closing.send_replace(Some(reason.into()));
        if let Some(task) = self.task.lock().await.take() {
            // It ends with its tunnels; a defect in it was reported.
            let _ = task.await;
        }
    }
}

/// Accepts TCP connections until the listener is closed or dropped, then waits for the tunnels.
async fn accept_all(shared: Arc<Shared>, listener: TcpListener, mut closing: Closing) {
    let mut tunnels = JoinSet::new();
    let mut is_told = false;
    loop {
        while tunnels.try_join_next().is_some() {}
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    is_told = false;
                    if let Some(place) = shared.limits.enter(peer.ip()) {
                        let serve = serve(Arc::clone(&shared), stream, place, closing.clone());
                        tunnels.spawn(serve);
                    } else {
                        // Where many are refused at once, some of them are not reported.
                        let why = "TCP: too many connections, of this address or of all, have not finished TLS";
                        let _ = shared.arrivals.try_send(Incoming::failed(peer, why.to_owned()));
                    }
                }
                Err(error) => {
                    if !is_told {
                        tracing::warn!(
                            %error,
                            "TCP connections cannot be taken; raise the limit of open files (LimitNOFILE)"
                        );
                    }
                    is_told = true;
                    tokio::time::sleep(PAUSE).await;
                }
            },
            _ = closing.changed() => break,
        }
    }
    drop((listener, shared));
    while tunnels.join_next().await.is_some() {}
}

/// Serves one TCP connection to its end.
async fn serve(shared: Arc<Shared>, stream: TcpStream, place: Place, mut closing: Closing) {
    let opened = tokio::select! {
        opened = open(&shared, stream, place) => opened,
        _ = closing.changed() => None,
    };
    let Some((mut tunnel, _place)) = opened else { return };
    let mut reason = std::pin::pin!(async {
        // A listener that is dropped gives no reason.
        let _ = closing.changed().await;
        closing.borrow().clone().unwrap_or_default()
    });
    tokio::select! {
        () = lead(&shared, &mut tunnel) => tunnel.follow(reason).await,
        reason = &mut reason => tunnel.follow(std::future::ready(reason)).await,
    }
}

/// Finishes TLS and begins a tunnel; none for a peer that is not trusted.
async fn open(shared: &Shared, stream: TcpStream, place: Place) -> Option<(Tunnel, Place)> {
    let ends = Ends { local: stream.local_addr().ok()?, peer: stream.peer_addr().ok()? };
    let refused = |why: String| {
        // Where many are refused at once, some of them are not reported.
        let _ = shared.arrivals.try_send(Incoming::failed(ends.peer, why));
    };
    // A datagram waits for no other one.
    stream.set_nodelay(true).ok()?;
    let accept = shared.tls.accept(stream).into_fallible();
    let stream = match tokio::time::timeout(HANDSHAKE, accept).await {
        Ok(Ok(stream)) => stream,
        Ok(Err((error, stream))) => {
            // A connection that ends without a word is a look at the port and no failure.
            if error.kind() != std::io::ErrorKind::UnexpectedEof {
                refused(format!("TCP: {}", explain_io(&error)));
                linger(stream).await;
            }
            return None;
        }
        Err(_) => {
            refused("TCP: it did not finish its TLS handshake".to_owned());
            return None;
        }
    };
    let Some(place) = certificate(&stream).and_then(|certificate| place.finished(certificate))
    else {
        refused("TCP: too many connections under one certificate".to_owned());
        return None;
    };
    let server = Some(shared.quic.clone());
    Tunnel::new(stream, ends, server).ok().map(|tunnel| (tunnel, place))
}

fn certificate(stream: &TlsStream<TcpStream>) -> Option<Fingerprint> {
    let (_, session) = stream.get_ref();
    Some(Fingerprint::of(session.peer_certificates()?.first()?))
}

/// Lets a refused peer read why. A socket that is closed with unread bytes in it would take the reason along.
async fn linger(mut stream: TcpStream) {
    let drained = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await
    };
    // Whether it has read it cannot be known.
    let _ = tokio::time::timeout(LINGER, drained).await;
}

/// Hands the connections of a tunnel on until one was accepted, or none comes for a while.
async fn lead(shared: &Shared, tunnel: &mut Tunnel) {
    let Tunnel { endpoint, carrier } = tunnel;
    while endpoint.stats().accepted_handshakes == 0 {
        let incoming = tokio::select! {
            incoming = tokio::time::timeout(UNUSED, endpoint.accept()) => incoming,
            _ = carrier.ended() => return,
        };
        let Ok(Some(incoming)) = incoming else { return };
        let (waiting, decided) = oneshot::channel();
        let incoming = Incoming::tunnelled(incoming, waiting);
        if shared.arrivals.send(incoming).await.is_err() {
            return;
        }
        // Dropped when the peer was let in or not. One that was not answered knocks again.
        let _ = decided.await;
    }
}
