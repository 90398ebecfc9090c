//! QUIC over UDP, and the limits of every connection.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, Endpoint, EndpointConfig, IdleTimeout, MtuDiscoveryConfig, ServerConfig,
    TokioRuntime, TransportConfig, VarInt,
};
use socket2::SockRef;

use super::error::TransportError;
use super::tls;

/// Unread bytes that a peer may send on one connection: what bounds a coordinator's memory for each
/// site, whatever the size of its model.
pub(super) const RECEIVE_WINDOW: u32 = 2 << 20;

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

/// The limits of every connection, whatever carries its datagrams.
pub(super) fn limits() -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .stream_receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .send_window(u64::from(RECEIVE_WINDOW))
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS))
        .max_idle_timeout(IdleTimeout::try_from(IDLE).ok())
        .keep_alive_interval(Some(KEEP_ALIVE));
    config
}

/// Those of a connection over UDP.
fn transport() -> Arc<TransportConfig> {
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(LARGEST_DATAGRAM);
    let mut config = limits();
    config.mtu_discovery_config(Some(discovery));
    Arc::new(config)
}

/// The listening side of connections.
pub(super) fn server(config: rustls::ServerConfig) -> Result<ServerConfig, TransportError> {
    let crypto = QuicServerConfig::try_from(config)
        .map_err(|error| tls::error(rustls::Error::General(error.to_string())))?;
    let mut server = ServerConfig::with_crypto(Arc::new(crypto));
    server.transport_config(transport());
    Ok(server)
}

/// The dialing side.
pub(super) fn client(config: rustls::ClientConfig) -> Result<ClientConfig, TransportError> {
    let crypto = QuicClientConfig::try_from(config)
        .map_err(|error| tls::error(rustls::Error::General(error.to_string())))?;
    let mut client = ClientConfig::new(Arc::new(crypto));
    client.transport_config(transport());
    Ok(client)
}

/// A UDP socket with QUIC on it.
pub(super) fn endpoint(
    address: SocketAddr,
    server: Option<ServerConfig>,
    mut config: EndpointConfig,
) -> Result<Endpoint, TransportError> {
    let failed = |source| TransportError::Socket { doing: "binding to", address, source };
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
