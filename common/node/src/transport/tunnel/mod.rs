//! QUIC over TCP, where UDP is blocked: the same connection, its datagrams in one TLS stream.
//!
//! ```text
//! connection ─► TunnelSocket ─► queue ─► TLS 1.3 ─► TCP (or a proxy's CONNECT) ─► … the same backwards
//! ```
//!
//! Everything above a connection stays as it is: streams, windows, certificates and admission. The outer TLS asks for
//! the same certificates, so that nobody without one reaches QUIC. TCP repairs losses and finds the path's speed, so
//! the QUIC inside does neither. Each tunnel has an endpoint of its own: one that is slow holds up no other.

mod accept;
mod carrier;
mod connect;
mod frames;
mod limits;
mod lockout;
mod proxy;
mod reply;
mod socket;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use quinn::congestion::CubicConfig;
use quinn::{Endpoint, EndpointConfig, ServerConfig, TokioRuntime, TransportConfig, VarInt};
use tokio::io::{AsyncRead, AsyncWrite};

use self::carrier::Carrier;
use self::frames::MAX_DATAGRAM;
use self::socket::Ends;
use super::quic::{self, RECEIVE_WINDOW};

pub(super) use accept::TunnelListener;
pub(super) use connect::{Connector, Reached};
pub use proxy::{CredentialsError, Proxy, ProxyAddress};

/// How long a connection may go on to its own end after its TCP connection has ended: its last datagrams may just have
/// arrived.
const GOODBYE: Duration = Duration::from_secs(1);

/// The limits of every connection, for a path that loses nothing.
fn transport() -> Arc<TransportConfig> {
    let mut congestion = CubicConfig::default();
    // TCP finds the path's speed. What is on its way is bounded by the windows of the connection.
    congestion.initial_window(u64::from(RECEIVE_WINDOW));
    let mut config = quic::limits();
    config
        .initial_mtu(MAX_DATAGRAM)
        .min_mtu(MAX_DATAGRAM)
        .mtu_discovery_config(None)
        .congestion_controller_factory(Arc::new(congestion));
    Arc::new(config)
}

/// A TLS stream and the endpoint whose datagrams it carries.
struct Tunnel {
    endpoint: Endpoint,
    carrier: Carrier,
}

impl Tunnel {
    fn new<S>(stream: S, ends: Ends, server: Option<ServerConfig>) -> io::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (carrier, socket) = Carrier::start(stream, ends);
        let mut config = EndpointConfig::default();
        config.max_udp_payload_size(MAX_DATAGRAM).map_err(io::Error::other)?;
        let runtime = Arc::new(TokioRuntime);
        let endpoint = Endpoint::new_with_abstract_socket(config, server, socket, runtime)?;
        Ok(Self { endpoint, carrier })
    }

    /// Stays with the connection to its end, then ends the stream. Once `closing` resolves, the connection is closed for
    /// that reason.
    async fn follow(mut self, closing: impl Future<Output = Arc<str>>) {
        let ended = tokio::select! {
            () = self.endpoint.wait_idle() => None,
            why = self.carrier.ended() => Some(why.to_owned()),
            reason = closing => {
                self.close(&reason);
                // A peer that does not hear it is not waited for.
                let _ = tokio::time::timeout(GOODBYE, self.endpoint.wait_idle()).await;
                None
            }
        };
        if let Some(why) = ended
            && tokio::time::timeout(GOODBYE, self.endpoint.wait_idle()).await.is_err()
        {
            tracing::info!(why, "the TCP connection that carried a session has ended");
            self.close(&why);
        }
        drop(self.endpoint);
        self.carrier.finish().await;
    }

    /// Tells the peer why its connection ends.
    fn close(&self, reason: &str) {
        self.endpoint.close(VarInt::from_u32(0), reason.as_bytes());
    }
}
