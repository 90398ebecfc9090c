//! Where a peer is: an address or a host name, with a port. Names are looked up at each connection.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use base::config::{FromValue, Value, ValueError, parsed};

/// The longest host name (RFC 1035, section 2.3.4), and the longest label in one.
const NAME: usize = 253;
const LABEL: usize = 63;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Ip(IpAddr),
    Name(String),
}

/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// A host and a port: `10.0.0.5:7443`, `[2001:db8::5]:7443` or `coordinator.example.org:7443`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: Host,
    port: u16,
}

/// Text that is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an address; use a host name or an IP address, and a port, such as \"coordinator.example.org:7443\", \
     \"10.0.0.5:7443\" or \"[2001:db8::5]:7443\""
)]
pub struct InvalidAddress;

impl Address {
    /// The addresses that stand for it now: its own, or all that its name has.
    ///
    /// # Errors
    /// The name cannot be looked up, or has no address.
    pub async fn resolve(&self) -> std::io::Result<Vec<SocketAddr>> {
        match &self.host {
            Host::Ip(ip) => Ok(vec![SocketAddr::new(*ip, self.port)]),
            Host::Name(name) => {
                let found = tokio::net::lookup_host((name.as_str(), self.port)).await?;
                let mut all: Vec<SocketAddr> = Vec::new();
                for address in found {
                    if !all.contains(&address) {
                        all.push(address);
                    }
                }
                Ok(all)
            }
        }
    }

    /// The addresses to try for it, or in words why there are none.
    pub(super) async fn look_up(&self) -> Result<Vec<SocketAddr>, String> {
        let mut found = self.resolve().await.map_err(|error| {
            format!("the name cannot be looked up ({error}); check it, and this machine's DNS")
        })?;
        found.truncate(MAX_ADDRESSES);
        Ok(found)
    }

    /// The same place as this machine reaches it: what listens on all addresses is heard on its own.
    #[must_use]
    pub fn from_here(&self) -> Self {
        let host = match &self.host {
            Host::Ip(IpAddr::V4(ip)) if ip.is_unspecified() => {
                Host::Ip(std::net::Ipv4Addr::LOCALHOST.into())
            }
            Host::Ip(IpAddr::V6(ip)) if ip.is_unspecified() => Host::Ip(Ipv6Addr::LOCALHOST.into()),
            host => host.clone(),
        };
        Self { host, port: self.port }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self { host: Host::Ip(address.ip()), port: address.port() }
    }
}

impl From<&Address> for Address {
    fn from(address: &Address) -> Self {
        address.clone()
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        let (name, port) = text.rsplit_once(':').ok_or(InvalidAddress)?;
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().map_err(|_| InvalidAddress)?;
        // A last label of digits alone is a mistyped address and no name.
        let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        let numeric = last.bytes().all(|byte| byte.is_ascii_digit());
        if digits && is_name(name) && !numeric {
            Ok(Self { host: Host::Name(name.to_owned()), port })
        } else {
            Err(InvalidAddress)
        }
    }
}

fn is_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let label = |label: &str| {
        (1..=LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (1..=NAME).contains(&name.len()) && name.split('.').all(label)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

impl FromValue for Address {
    fn from_value(value: &Value<'_>) -> Result<Self, ValueError> {
        let hint = "use a host name or an IP address, and a port, such as \"coordinator.example.org:7443\", \
                    \"10.0.0.5:7443\" or \"[2001:db8::5]:7443\"";
        parsed(value, hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_of_both_families_are_read_and_shown_alike() {
        for text in [
            "10.0.0.5:7443",
            "[::1]:7443",
            "[2001:db8::5]:7443",
            "localhost:7443",
            "coordinator.example.org:7443",
            "Node-7.lan.:1",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "localhost",
            ":7443",
            "localhost:",
            "localhost:+1",
            "localhost:70000",
            "::1:7443",
            "10.0.0:7443",
            "10.0.0.500:7443",
            "a b:7443",
            "-a:7443",
            "a..b:7443",
            "http://a:7443",
        ] {
            assert_eq!(text.parse::<Address>(), Err(InvalidAddress), "{text}");
        }
        let long = format!("{}:1", "a.".repeat(127) + "a");
        assert_eq!(long.parse::<Address>(), Err(InvalidAddress));
    }

    #[test]
    fn whoever_listens_everywhere_is_reached_on_this_machine() {
        let here = |text: &str| text.parse::<Address>().unwrap().from_here().to_string();
        assert_eq!(here("0.0.0.0:7443"), "127.0.0.1:7443");
        assert_eq!(here("[::]:7443"), "[::1]:7443");
        assert_eq!(here("localhost:7443"), "localhost:7443");
        assert_eq!(here("10.0.0.5:7443"), "10.0.0.5:7443");
    }
}
