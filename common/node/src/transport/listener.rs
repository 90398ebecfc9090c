//! The coordinator's end: it listens for QUIC over UDP and, if it is asked to, in tunnels over TCP.

use std::net::SocketAddr;
use std::time::Duration;

use quinn::{Endpoint, VarInt};

use super::error::TransportError;
use super::link::Incoming;
use super::quic;
use super::reset::with_derived_reset_key;
use super::tls::{self, Both};
use super::tunnel::TunnelListener;
use crate::pki::Identity;

/// How often another port is tried where the system chooses it: UDP and TCP then have the same.
const PORTS: usize = 8;

/// How long all peers together may take to hear why the listener closes.
const GOODBYE: Duration = Duration::from_secs(3);

/// Where a coordinator listens for TCP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TcpPort {
    /// Nowhere.
    #[default]
    Off,
    /// At the address and the port of UDP.
    Same,
    /// At the first of these addresses that can be had.
    At(Vec<SocketAddr>),
}

/// Where a coordinator listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// For UDP: the first of these addresses that can be had.
    pub udp: Vec<SocketAddr>,
    /// For TCP.
    pub tcp: TcpPort,
}

impl From<SocketAddr> for Listen {
    /// For UDP alone.
    fn from(address: SocketAddr) -> Self {
        Self { udp: vec![address], tcp: TcpPort::Off }
    }
}

impl<const N: usize> From<[SocketAddr; N]> for Listen {
    /// For UDP alone.
    fn from(addresses: [SocketAddr; N]) -> Self {
        Self { udp: addresses.to_vec(), tcp: TcpPort::Off }
    }
}

/// The coordinator's end.
pub struct Listener {
    endpoint: Endpoint,
    tunnels: Option<TunnelListener>,
}

impl Listener {
    /// Listens with a coordinator's identity.
    ///
    /// # Errors
    /// None of the addresses can be bound, or the identity cannot serve.
    pub fn bind(listen: impl Into<Listen>, identity: Identity) -> Result<Self, TransportError> {
        let listen = listen.into();
        let known = with_derived_reset_key(&identity.key);
        let tls = tls::server(identity)?;
        let server = quic::server(tls.quic.clone())?;
        let mut attempts = PORTS;
        loop {
            let endpoint = first(&listen.udp, |address| {
                quic::endpoint(address, Some(server.clone()), known.clone())
            })?;
            let bound = local(&endpoint)?;
            match tunnels(&listen.tcp, bound, &tls, &server) {
                Ok(tunnels) => return Ok(Self { endpoint, tunnels }),
                Err(error) => {
                    attempts = attempts.saturating_sub(1);
                    let is_chosen = listen.udp.iter().any(|address| address.port() == 0);
                    if attempts == 0 || !is_chosen || listen.tcp != TcpPort::Same {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Where it listens for UDP: with the port that the system chose, if it was asked to.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn address(&self) -> Result<SocketAddr, TransportError> {
        local(&self.endpoint)
    }

    /// Where it listens for TCP, if it does.
    #[must_use]
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tunnels.as_ref().map(TunnelListener::address)
    }

    /// The next peer that knocks; `None` once the listener is closed.
    pub async fn accept(&self) -> Option<Incoming> {
        let Some(tunnels) = &self.tunnels else {
            return self.endpoint.accept().await.map(Incoming::new);
        };
        tokio::select! {
            incoming = self.endpoint.accept() => incoming.map(Incoming::new),
            // UDP alone says when the listener is closed.
            Some(incoming) = tunnels.accept() => Some(incoming),
        }
    }

    /// Tells every peer `reason` and waits until they know, or for three seconds.
    pub async fn close(&self, reason: &str) {
        self.endpoint.close(VarInt::from_u32(0), reason.as_bytes());
        let tunnels = async {
            if let Some(tunnels) = &self.tunnels {
                tunnels.close(reason).await;
            }
        };
        let all = async { tokio::join!(self.endpoint.wait_idle(), tunnels) };
        // A peer decides how long its goodbye takes. It is not waited for without end.
        let _ = tokio::time::timeout(GOODBYE, all).await;
    }
}

fn local(endpoint: &Endpoint) -> Result<SocketAddr, TransportError> {
    let address = SocketAddr::from(([0, 0, 0, 0], 0));
    endpoint.local_addr().map_err(|source| TransportError::Socket {
        doing: "asking for the address of",
        address,
        source,
    })
}

/// The first address that can be had.
fn first<T>(
    addresses: &[SocketAddr],
    bind: impl Fn(SocketAddr) -> Result<T, TransportError>,
) -> Result<T, TransportError> {
    let mut failed = None;
    for address in addresses {
        match bind(*address) {
            Ok(bound) => return Ok(bound),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.unwrap_or_else(|| TransportError::Lost("there is no address to bind".to_owned())))
}

fn tunnels(
    tcp: &TcpPort,
    udp: SocketAddr,
    tls: &Both<rustls::ServerConfig>,
    server: &quinn::ServerConfig,
) -> Result<Option<TunnelListener>, TransportError> {
    let bind = |address| TunnelListener::bind(address, tls.tunnel.clone(), server.clone());
    match tcp {
        TcpPort::Off => Ok(None),
        TcpPort::Same => bind(udp).map(Some),
        TcpPort::At(addresses) => first(addresses, bind).map(Some),
    }
}
