//! Where a peer comes from, as networks hand addresses out.

use std::net::IpAddr;

/// An address as its network hands it out: a whole /64 where it is IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// One address.
    V4(u32),
    /// A network of 2^64 addresses.
    V6(u64),
}

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64;
                Self::V6(u64::try_from(network).unwrap_or(u64::MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let at = |network, host| {
            Origin::from(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, host)))
        };
        assert_eq!(at(1, 1), at(1, 2));
        assert_ne!(at(1, 1), at(2, 1));
        let mapped = Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped();
        assert_eq!(
            Origin::from(IpAddr::V6(mapped)),
            Origin::from(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)))
        );
    }
}
