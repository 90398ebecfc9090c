//! How a coordinator is reached: over UDP, and over TCP where UDP is blocked.

use std::fmt;
use std::time::Duration;

use base::config::{FromValue, Value, ValueError};

use super::address::Address;
use super::tunnel::Proxy;

/// How often UDP is tried again, unless the settings say otherwise. A firewall is seldom changed.
pub const RETRY_UDP: Duration = Duration::from_secs(15 * 60);

/// What carries a connection's datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Path {
    /// UDP, as QUIC is meant to be.
    Udp,
    /// A TLS stream over TCP.
    Tcp,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

/// The setting `tcp`: `true`, `false`, or an address that differs from that of UDP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TcpSetting {
    /// At the address of UDP.
    #[default]
    Same,
    /// Not at all.
    Off,
    /// At an address of its own.
    At(Address),
}

impl FromValue for TcpSetting {
    fn from_value(value: &Value<'_>) -> Result<Self, ValueError> {
        match bool::from_value(value) {
            Ok(true) => Ok(Self::Same),
            Ok(false) => Ok(Self::Off),
            Err(_) => Address::from_value(value).map(Self::At).map_err(|error| ValueError {
                hint: "use true for the address of UDP, false for no TCP, or another address, such as \
                       \"coordinator.example.org:443\""
                    .to_owned(),
                ..error
            }),
        }
    }
}

/// How a coordinator is reached over TCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpRoute {
    /// Where it listens.
    pub address: Address,
    /// The proxy that connects this machine to it, if it needs one.
    pub proxy: Option<Proxy>,
    /// How often a site that is connected so tries UDP again.
    pub retry_udp: Duration,
}

/// How a coordinator is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Over UDP. This is its name in logs and errors.
    pub udp: Address,
    /// Over TCP, if that may be tried.
    pub tcp: Option<TcpRoute>,
}

impl Route {
    /// A route with these settings.
    #[must_use]
    pub fn new(udp: Address, tcp: TcpSetting, proxy: Option<Proxy>) -> Self {
        let address = match tcp {
            TcpSetting::Off => None,
            TcpSetting::Same => Some(udp.clone()),
            TcpSetting::At(address) => Some(address),
        };
        let tcp = address.map(|address| TcpRoute { address, proxy, retry_udp: RETRY_UDP });
        Self { udp, tcp }
    }
}

/// Over UDP and, where that is blocked, over TCP at the same address.
impl<A: Into<Address>> From<A> for Route {
    fn from(address: A) -> Self {
        Self::new(address.into(), TcpSetting::Same, None)
    }
}

impl From<&Route> for Route {
    fn from(route: &Route) -> Self {
        route.clone()
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.udp.fmt(f)
    }
}
