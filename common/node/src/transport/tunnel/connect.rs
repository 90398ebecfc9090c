//! The dialing end of a tunnel.

use std::io;
use std::sync::Arc;

use quinn::{ClientConfig, Connection, ConnectionError};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::lockout::Lockout;
use super::socket::Ends;
use super::{GOODBYE, Proxy, Tunnel, transport};
use crate::pki::COORDINATOR_NAME;
use crate::transport::Address;
use crate::transport::error::{explain, explain_io};
use crate::transport::race::first;

/// Connects to coordinators by TCP.
pub(in crate::transport) struct Connector {
    tls: TlsConnector,
    quic: ClientConfig,
    lockout: Lockout,
}

/// A connection in a tunnel. Without a task that follows it the tunnel ends.
pub(in crate::transport) struct Reached {
    pub connection: Connection,
    tunnel: Tunnel,
}

impl Reached {
    /// The connection, and what must be awaited for as long as it lasts.
    pub(in crate::transport) fn split(self) -> (Connection, impl Future<Output = ()> + Send) {
        (self.connection, self.tunnel.follow(std::future::pending()))
    }
}

impl Connector {
    /// Connects with these certificates: in the outer TLS, and in the QUIC that it carries.
    pub(in crate::transport) fn new(tls: rustls::ClientConfig, mut quic: ClientConfig) -> Self {
        quic.transport_config(transport());
        Self { tls: TlsConnector::from(Arc::new(tls)), quic, lockout: Lockout::default() }
    }

    /// Connects to a coordinator, through a proxy if there is one, which then looks the name up.
    pub(in crate::transport) async fn dial(
        &self,
        to: &Address,
        proxy: Option<&Proxy>,
    ) -> Result<Reached, String> {
        if let Some(path) = proxy.and_then(|proxy| proxy.credentials.as_deref())
            && let Some(why) = self.lockout.why(path, Instant::now())
        {
            return Err(why);
        }
        let mut stream = match proxy {
            None => tcp(to).await?,
            Some(proxy) => {
                let at = &proxy.address;
                tcp(at).await.map_err(|why| format!("proxy {at}: {why}"))?
            }
        };
        // A datagram waits for no other one.
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let ends = ends(&stream).map_err(|error| error.to_string())?;
        if let Some(proxy) = proxy {
            proxy.connect(&mut stream, to).await.map_err(|refusal| {
                if let Some(path) = &proxy.credentials
                    && refusal.is_of_credentials
                {
                    self.lockout.refused(path, &refusal.why, Instant::now());
                }
                refusal.why
            })?;
        }
        let name = ServerName::try_from(COORDINATOR_NAME).map_err(|error| error.to_string())?;
        let stream = self.tls.connect(name, stream).await.map_err(|error| explain_io(&error))?;
        let mut tunnel = Tunnel::new(stream, ends, None).map_err(|error| error.to_string())?;
        let connecting = tunnel
            .endpoint
            .connect_with(self.quic.clone(), ends.peer, COORDINATOR_NAME)
            .map_err(|error| error.to_string())?;
        let mut connecting = std::pin::pin!(connecting);
        let why = tokio::select! {
            connected = &mut connecting => {
                let connection = connected.map_err(|error| explain(&error))?;
                return Ok(Reached { connection, tunnel });
            }
            // In TLS 1.3 a client learns only now that its certificate is not accepted.
            why = tunnel.carrier.ended() => why.to_owned(),
        };
        match tokio::time::timeout(GOODBYE, connecting).await {
            Ok(Ok(connection)) => Ok(Reached { connection, tunnel }),
            Ok(Err(ConnectionError::TimedOut)) | Err(_) => Err(why),
            Ok(Err(error)) => Err(explain(&error)),
        }
    }
}

fn ends(stream: &TcpStream) -> io::Result<Ends> {
    Ok(Ends { local: stream.local_addr()?, peer: stream.peer_addr()? })
}

/// Connects to the first address of a place that can be had.
async fn tcp(to: &Address) -> Result<TcpStream, String> {
    let found = to.look_up().await?;
    let refused = |error: io::Error| match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "nothing listens for TCP there; check the address and the port".to_owned()
        }
        _ => error.to_string(),
    };
    let connect = |address| async move { TcpStream::connect(address).await.map_err(refused) };
    first(&found, connect).await.map_err(|failures| failures.named(to))
}
