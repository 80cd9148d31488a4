//! Where the gateway tells how it is: metrics and health, for machines of the house.
//!
//! Invariant: nothing but loopback without a word of its own, because whoever reaches this address asks without signing in.

use std::net::{Ipv4Addr, SocketAddr};

use super::read::Section;
use super::value::parse_address;

pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9180);

/// The address to listen on; `None`: nowhere.
pub fn read(section: &Section<'_>) -> Option<SocketAddr> {
    let enabled = section.or("enabled", true, |value| value.boolean());
    let beyond_loopback = section.or("beyond_loopback", false, |value| value.boolean());
    let expected = "write a loopback address with its port, such as \"127.0.0.1:9180\" or \"[::1]:9180\"";
    let listen = section.or("listen", DEFAULT_LISTEN, |value| {
        let address = value.meaning(expected, parse_address)?;
        if !address.ip().is_loopback() && !beyond_loopback {
            let help = "write a loopback address, or say `beyond_loopback = true`: whoever reaches it reads the figures without signing in";
            return value.wrong("is reached from other machines", help);
        }
        Some(address)
    });
    enabled.then_some(listen)
}
