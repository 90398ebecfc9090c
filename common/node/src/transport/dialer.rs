//! A site's or an operator's end: it dials over UDP first, and over TCP beside it where nothing answers.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, EndpointConfig};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::cap::Cap;
use super::doubt::Doubt;
use super::error::{TransportError, explain};
use super::link::Link;
use super::race::first;
use super::route::{Path, Route};
use super::tunnel::{Connector, Reached};
use super::{quic, tls};
use crate::pki::{COORDINATOR_NAME, Identity};

/// How long UDP alone is tried. A handshake takes two round trips, and a lost datagram of it one more second; a path
/// that is silent for so long is most likely blocked.
const HEAD_START: Duration = Duration::from_secs(4);

/// How long TCP may then take, with the proxy, TLS and the handshake of QUIC: six round trips. Together with the head
/// start a path is chosen within ten seconds.
const TCP: Duration = Duration::from_secs(5);

/// How long one address may take over UDP.
const UDP: Duration = Duration::from_secs(10);

/// How often a handshake is looked at while its confirmation is awaited, and for how long.
const LOOK: Duration = Duration::from_millis(5);
const CONFIRMATION: Duration = Duration::from_secs(5);

/// A site's or an operator's end.
pub struct Dialer {
    endpoint: Endpoint,
    config: ClientConfig,
    connector: Connector,
    /// Each follows a tunnel to the end of its connection.
    tunnels: Mutex<JoinSet<()>>,
    doubt: Mutex<Doubt>,
    cap: Option<Cap>,
}

impl Dialer {
    /// An end that dials outward with this identity.
    ///
    /// # Errors
    /// No socket can be had, or the identity cannot be used.
    pub fn new(identity: Identity) -> Result<Self, TransportError> {
        let tls = tls::client(identity)?;
        let config = quic::client(tls.quic)?;
        let connector = Connector::new(tls.tunnel, config.clone());
        // Both families where the system has both.
        let new = EndpointConfig::default;
        let both = quic::endpoint(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)), None, new());
        let one = |_| quic::endpoint(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), None, new());
        let endpoint = both.or_else(one)?;
        Ok(Self {
            endpoint,
            config,
            connector,
            tunnels: Mutex::default(),
            doubt: Mutex::default(),
            cap: None,
        })
    }

    /// Limits what models and updates take of the line, over all connections of this end.
    #[must_use]
    pub fn limited(self, cap: Option<Cap>) -> Self {
        Self { cap, ..self }
    }

    /// Connects to the coordinator, whose certificate must carry the coordinator's name, whatever name or
    /// address it is reached under. A host name is looked up now, and its addresses are tried beside each other.
    ///
    /// UDP is tried first, unless it is in doubt ([`Self::session_ended`]). If nothing answers there for some seconds,
    /// TCP is tried beside it, and the first path that leads to the coordinator wins. An answer over UDP that refuses
    /// does not settle the matter: whoever is on the way can forge one before the coordinator has proven who it is.
    ///
    /// # Errors
    /// It cannot be reached, or one side does not trust the other; what was tried is named.
    pub async fn dial(&self, to: impl Into<Route>) -> Result<Link, TransportError> {
        let route = to.into();
        Box::pin(self.dial_route(&route))
            .await
            .map_err(|why| TransportError::Unreachable { address: route.udp.clone(), why })
    }

    /// Takes note of the end of a session. After one over UDP that soon fell silent, TCP comes first for a while: the
    /// network let the handshake through and then nothing more.
    pub fn session_ended(&self, link: &Link, lasted: Duration) {
        if link.path() == Path::Udp {
            self.doubt().ended(lasted, link.fell_silent(), Instant::now());
        }
    }

    /// For how long TCP still comes first.
    #[must_use]
    pub fn doubts_udp_for(&self) -> Duration {
        self.doubt().left(Instant::now())
    }

    fn doubt(&self) -> MutexGuard<'_, Doubt> {
        self.doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn dial_route(&self, route: &Route) -> Result<Link, String> {
        if route.tcp.is_some() && !self.doubts_udp_for().is_zero() {
            tracing::info!(coordinator = %route, "the last session over UDP fell silent: TCP is tried first");
            match self.by_tcp(route).await {
                Ok(link) => return Ok(link),
                // It was not UDP alone that fell silent.
                Err(why) => {
                    tracing::debug!(why, "TCP leads nowhere either");
                    *self.doubt() = Doubt::default();
                }
            }
        }
        let mut udp = Box::pin(self.by_udp(route));
        if route.tcp.is_none() {
            return udp.await;
        }
        let mut blocked = None;
        tokio::select! {
            reached = &mut udp => match reached {
                Ok(link) => return Ok(link),
                Err(why) => blocked = Some(why),
            },
            () = tokio::time::sleep(HEAD_START) => {}
        }
        tracing::info!(coordinator = %route, "UDP leads nowhere so far: TCP is tried beside it");
        let mut tcp = Box::pin(self.by_tcp(route));
        let mut refused = None;
        loop {
            tokio::select! {
                reached = &mut udp, if blocked.is_none() => match reached {
                    Ok(link) => return Ok(link),
                    Err(why) => blocked = Some(why),
                },
                reached = &mut tcp, if refused.is_none() => match reached {
                    Ok(link) => return Ok(link),
                    Err(why) => refused = Some(why),
                },
                else => break,
            }
        }
        match (blocked, refused) {
            // Neither path gets as far as an address.
            (Some(blocked), Some(refused)) if blocked == refused => Err(blocked),
            (blocked, refused) => Err(format!(
                "UDP: {}; TCP: {}",
                blocked.unwrap_or_default(),
                refused.unwrap_or_default()
            )),
        }
    }

    /// Whether a path leads to the coordinator and it accepts this certificate: a handshake alone.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn probe(&self, path: Path, route: &Route) -> Result<(), String> {
        let link = match path {
            Path::Udp => Box::pin(self.by_udp(route)).await?,
            Path::Tcp => Box::pin(self.by_tcp(route)).await?,
        };
        let confirmed = confirmed(link.connection()).await;
        link.close("this was a check of the path alone");
        confirmed
    }

    async fn by_udp(&self, route: &Route) -> Result<Link, String> {
        let found = route.udp.look_up().await?;
        let attempt = |address| {
            let endpoint = self.endpoint.clone();
            let config = self.config.clone();
            async move { by_udp_to(&endpoint, config, address).await }
        };
        let reached = first(&found, attempt).await;
        let connection = reached.map_err(|failures| failures.named(&route.udp))?;
        Ok(Link::to_coordinator(connection, Path::Udp, self.cap.clone()))
    }

    async fn by_tcp(&self, route: &Route) -> Result<Link, String> {
        let Some(tcp) = &route.tcp else { return Err("turned off by `tcp = false`".to_owned()) };
        let dialed = timeout(TCP, self.connector.dial(&tcp.address, tcp.proxy.as_ref()));
        let silent = |_| {
            format!(
                "no answer within {} seconds; check the address, and that the network lets TCP through to it",
                TCP.as_secs()
            )
        };
        let named =
            |why| if tcp.address == route.udp { why } else { format!("{}: {why}", tcp.address) };
        let reached: Reached = dialed.await.map_err(silent).flatten().map_err(named)?;
        let (connection, follow) = reached.split();
        let mut tunnels = self.tunnels();
        while tunnels.try_join_next().is_some() {}
        tunnels.spawn(follow);
        Ok(Link::to_coordinator(connection, Path::Tcp, self.cap.clone()))
    }

    fn tunnels(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tunnels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every connection has said its goodbye.
    pub async fn finish(&self) {
        let mut tunnels = std::mem::take(&mut *self.tunnels());
        let all = async { while tunnels.join_next().await.is_some() {} };
        tokio::join!(self.endpoint.wait_idle(), all);
    }
}

async fn by_udp_to(
    endpoint: &Endpoint,
    config: ClientConfig,
    address: SocketAddr,
) -> Result<Connection, String> {
    let connecting = endpoint
        .connect_with(config, address, COORDINATOR_NAME)
        .map_err(|error| error.to_string())?;
    let reached = timeout(UDP, connecting).await.unwrap_or(Err(ConnectionError::TimedOut));
    reached.map_err(|error| explain(&error))
}

/// Waits until the coordinator confirms the handshake. In TLS 1.3 a client is done before its certificate is judged.
async fn confirmed(connection: &Connection) -> Result<(), String> {
    let confirmation = async {
        while connection.stats().frame_rx.handshake_done == 0 {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        biased;
        confirmed = timeout(CONFIRMATION, confirmation) => {
            confirmed.map_err(|_| "the coordinator did not confirm the handshake".to_owned())
        }
        error = connection.closed() => Err(explain(&error)),
    }
}
