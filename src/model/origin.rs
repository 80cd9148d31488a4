//! Where a request comes from, as the gateway itself saw it.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use serde::Serialize;

use super::{Host, Shown};

/// What the TLS handshake settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TlsFacts {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'static str,
    /// The key exchange group, for example `X25519`.
    pub group: &'static str,
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub address: IpAddr,
    pub port: u16,
    pub tls: TlsFacts,
    /// The name that the client asked for in the handshake (RFC 6066, section 3).
    pub sni: Arc<Host>,
    pub shown: Shown,
}

/// What limits count by: an IPv4 address, or the /64 that one IPv6 subscriber has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network(IpAddr);

impl Network {
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(IpAddr::V4(v4)),
            IpAddr::V6(v6) => Self(IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX)))),
        }
    }
}

/// How many places of an account are remembered as those where it signs in.
pub const FAMILIAR_PLACES: usize = 8;

/// What belongs to one hand, as far as an address tells: an IPv4 address, or an IPv6 site with all its networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hand {
    Network(Network),
    Site(Site),
}

/// The /48 that one IPv6 site has (RFC 6177, section 2): up to 65,536 networks that one hand may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site(Ipv6Addr);

impl Network {
    /// The first address of it.
    pub fn base(self) -> IpAddr {
        self.0
    }

    pub fn hand(self) -> Hand {
        self.site().map_or(Hand::Network(self), Hand::Site)
    }

    /// `None`: an IPv4 address, which has nothing wider that belongs to one hand.
    pub fn site(self) -> Option<Site> {
        match self.0 {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => Some(Site(Ipv6Addr::from(u128::from(v6) & !(u128::MAX >> 48)))),
        }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ipv6_subscriber_is_one_network_and_ipv4_in_ipv6_is_ipv4() {
        let of = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_eq!(of("2001:db8::1").to_string(), "2001:db8::/64");
    }

    #[test]
    fn networks_of_one_ipv6_site_are_known_as_such_and_ipv4_has_no_site() {
        let site = |text: &str| Network::of(text.parse().unwrap()).site();
        assert_eq!(site("2001:db8:7:1::1"), site("2001:db8:7:ffff::1"));
        assert_ne!(site("2001:db8:7::1"), site("2001:db8:8::1"));
        assert_eq!(site("192.0.2.1"), None);
        assert_eq!(site("::ffff:192.0.2.1"), None);
    }

    #[test]
    fn a_hand_holds_one_ipv4_address_or_one_ipv6_site() {
        let hand = |text: &str| Network::of(text.parse().unwrap()).hand();
        assert_eq!(hand("2001:db8:7:1::1"), hand("2001:db8:7:ffff::1"));
        assert_ne!(hand("2001:db8:7::1"), hand("2001:db8:8::1"));
        assert_ne!(hand("192.0.2.1"), hand("192.0.2.2"));
    }

    #[test]
    fn a_network_is_known_by_its_first_address() {
        let network = Network::of("2001:db8::7:1".parse().unwrap());
        assert_eq!((network.base().to_string().as_str(), Network::of(network.base())), ("2001:db8::", network));
    }
}
