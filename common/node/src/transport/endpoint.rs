//! The two ends of a connection: the coordinator listens, a site dials.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use ::aws_lc_rs::{hmac, rand};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, ConnectionId, ConnectionIdGenerator, Endpoint, EndpointConfig, IdleTimeout,
    MtuDiscoveryConfig, ServerConfig, TokioRuntime, TransportConfig, VarInt,
};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls_pki_types::PrivateKeyDer;
use socket2::SockRef;

use super::address::Address;
use super::error::{TransportError, explain};
use super::link::{Incoming, Link};
use crate::pki::{COORDINATOR_NAME, Identity, PkiError};
use crate::wire::ALPN;

/// Unread bytes that a peer may send on one connection: what bounds a coordinator's memory for each
/// site, whatever the size of its model.
const RECEIVE_WINDOW: u32 = 2 << 20;

/// Streams that a peer may have open at once.
const STREAMS: u32 = 8;

/// The largest datagram probed for. Loopback and jumbo frames carry it; other paths stay at what
/// their own discovery finds. Larger ones overrun the default socket buffers and get lost.
const LARGEST_DATAGRAM: u16 = 4096;

/// All sites answer at the same moment, into one socket: with the system's usual 208 KiB their
/// datagrams are dropped, and a lost one costs a round tens of milliseconds.
const SOCKET_BUFFER: usize = 4 << 20;

/// A peer that says nothing for so long is gone; a living one says something more often.
const IDLE: Duration = Duration::from_secs(12);
const KEEP_ALIVE: Duration = Duration::from_secs(3);

/// How long one of several addresses is tried.
const ATTEMPT: Duration = Duration::from_secs(5);

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn transport() -> Arc<TransportConfig> {
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(LARGEST_DATAGRAM);
    let mut config = TransportConfig::default();
    config
        .mtu_discovery_config(Some(discovery))
        .stream_receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .send_window(u64::from(RECEIVE_WINDOW))
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS))
        .max_idle_timeout(IdleTimeout::try_from(IDLE).ok())
        .keep_alive_interval(Some(KEEP_ALIVE));
    Arc::new(config)
}

fn endpoint(
    address: SocketAddr,
    server: Option<ServerConfig>,
    config: EndpointConfig,
) -> Result<Endpoint, TransportError> {
    let failed = |source| TransportError::Socket { doing: "binding to", address, source };
    let mut config = config;
    // Room for what discovery may find on the peer's side.
    if config.max_udp_payload_size(LARGEST_DATAGRAM.max(1472)).is_err() {
        return Err(failed(std::io::Error::other("the datagram size is out of range")));
    }
    let socket = UdpSocket::bind(address).map_err(failed)?;
    let buffers = SockRef::from(&socket);
    // The system grants what it allows; a refusal costs speed and nothing else.
    let granted = buffers
        .set_recv_buffer_size(SOCKET_BUFFER)
        .and_then(|()| buffers.set_send_buffer_size(SOCKET_BUFFER))
        .and_then(|()| buffers.recv_buffer_size());
    tracing::debug!(?granted, asked = SOCKET_BUFFER, "socket buffers");
    Endpoint::new(config, server, socket, Arc::new(TokioRuntime)).map_err(failed)
}

/// The settings of an end that peers know again after its process was killed. Its next process answers the first packet
/// of an earlier connection with a stateless reset (RFC 9000, section 10.3), and the peer connects anew at once. It
/// would else wait until the connection is idle for too long. The key of the resets follows from the private key, which
/// serves one end at a time.
fn known_again(key: &PrivateKeyDer<'_>) -> EndpointConfig {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, key.secret_der());
    let key = hmac::sign(&secret, b"consilium: key of stateless resets");
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
    let mut config = EndpointConfig::new(Arc::new(key));
    config.cid_generator(|| Box::new(RandomIds));
    config
}

/// The length of a connection's id. It is known before the id is, also by the next process.
const ID: usize = 8;

/// Ids of connections that hold nothing but randomness. A process does not take those of an earlier one for invalid.
struct RandomIds;

impl ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut id = [0; ID];
        // Without randomness no handshake comes this far.
        let _ = rand::fill(&mut id);
        ConnectionId::new(&id)
    }

    fn cid_len(&self) -> usize {
        ID
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

fn tls(error: rustls::Error) -> TransportError {
    PkiError::Tls(error).into()
}

/// The coordinator's end.
pub struct Listener {
    endpoint: Endpoint,
}

impl Listener {
    /// Listens with a coordinator's identity, on the first of the addresses that can be had.
    ///
    /// # Errors
    /// None of the addresses can be bound, or the identity cannot serve.
    pub fn bind(
        addresses: impl AsRef<[SocketAddr]>,
        identity: Identity,
    ) -> Result<Self, TransportError> {
        let known = known_again(&identity.key);
        let roots = Arc::new(identity.roots);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
            .build()
            .map_err(|error| tls(rustls::Error::General(error.to_string())))?;
        let mut config = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(tls)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(identity.chain, identity.key)
            .map_err(tls)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.max_early_data_size = 0;
        let crypto = QuicServerConfig::try_from(config)
            .map_err(|error| tls(rustls::Error::General(error.to_string())))?;
        let mut server = ServerConfig::with_crypto(Arc::new(crypto));
        server.transport_config(transport());
        let mut failed = None;
        for address in addresses.as_ref() {
            match endpoint(*address, Some(server.clone()), known.clone()) {
                Ok(endpoint) => return Ok(Self { endpoint }),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed
            .unwrap_or_else(|| TransportError::Lost("there is no address to bind".to_owned())))
    }

    /// Where it listens: the port that the system chose, if it was asked to.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn address(&self) -> Result<SocketAddr, TransportError> {
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        self.endpoint.local_addr().map_err(|source| TransportError::Socket {
            doing: "asking for the address of",
            address,
            source,
        })
    }

    /// The next peer that knocks; `None` once the listener is closed.
    pub async fn accept(&self) -> Option<Incoming> {
        self.endpoint.accept().await.map(Incoming::new)
    }

    /// Tells every peer `reason` and waits until they know.
    pub async fn close(&self, reason: &str) {
        self.endpoint.close(VarInt::from_u32(0), reason.as_bytes());
        self.endpoint.wait_idle().await;
    }
}

/// A site's or an operator's end.
pub struct Dialer {
    endpoint: Endpoint,
    config: ClientConfig,
}

impl Dialer {
    /// An end that dials outward with this identity.
    ///
    /// # Errors
    /// No socket can be had, or the identity cannot be used.
    pub fn new(identity: Identity) -> Result<Self, TransportError> {
        let mut config = rustls::ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(tls)?
            .with_root_certificates(identity.roots)
            .with_client_auth_cert(identity.chain, identity.key)
            .map_err(tls)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.enable_early_data = false;
        let crypto = QuicClientConfig::try_from(config)
            .map_err(|error| tls(rustls::Error::General(error.to_string())))?;
        let mut config = ClientConfig::new(Arc::new(crypto));
        config.transport_config(transport());
        // Both families where the system has both.
        let new = EndpointConfig::default;
        let both = endpoint(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)), None, new());
        let one = |_| endpoint(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), None, new());
        Ok(Self { endpoint: both.or_else(one)?, config })
    }

    /// Connects to the coordinator, whose certificate must carry the coordinator's name, whatever name or
    /// address it is reached under. A host name is looked up now, and each of its addresses is tried in turn.
    ///
    /// # Errors
    /// It cannot be reached, or one side does not trust the other; what was tried is named.
    pub async fn dial(&self, to: impl Into<Address>) -> Result<Link, TransportError> {
        let to = to.into();
        let found = match to.resolve().await {
            Ok(found) => found,
            Err(error) => {
                let why = format!(
                    "the name cannot be looked up ({error}); check it, and this machine's DNS"
                );
                return Err(TransportError::Unreachable { address: to, why });
            }
        };
        let mut failures: Vec<String> = Vec::new();
        for (place, address) in found.iter().enumerate() {
            let attempt = self.dial_one(*address);
            // Where others are left to try, one that says nothing is not waited for so long.
            let reached = if place + 1 < found.len() {
                let silent = "the peer does not answer".to_owned();
                tokio::time::timeout(ATTEMPT, attempt).await.unwrap_or(Err(silent))
            } else {
                attempt.await
            };
            match reached {
                Ok(connection) => return Ok(Link::to_coordinator(connection)),
                Err(why) if found.len() == 1 && to == Address::from(*address) => failures.push(why),
                Err(why) => failures.push(format!("{address}: {why}")),
            }
        }
        let why = if failures.is_empty() {
            "the name has no address; check it, and this machine's DNS".to_owned()
        } else {
            failures.join("; ")
        };
        Err(TransportError::Unreachable { address: to, why })
    }

    async fn dial_one(&self, address: SocketAddr) -> Result<quinn::Connection, String> {
        let connecting = self
            .endpoint
            .connect_with(self.config.clone(), address, COORDINATOR_NAME)
            .map_err(|error| error.to_string())?;
        connecting.await.map_err(|error| explain(&error))
    }

    /// Waits until every connection has said its goodbye.
    pub async fn finish(&self) {
        self.endpoint.wait_idle().await;
    }
}
