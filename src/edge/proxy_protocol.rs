//! Whose connection it is that a proxy passes on: the PROXY protocol, versions 1 and 2 (HAProxy's specification, sections 2.1 and 2.2).
//!
//! Invariant: pure. Where a header ends is found here, and only a whole one is parsed, so how the bytes were cut changes nothing. Only TCP
//! over IPv4 or IPv6 names a client.

use std::net::SocketAddr;

use ppp::{v1, v2};

/// A header at the beginning of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What follows is the client's.
    pub length: usize,
    pub client: Client,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// The proxy speaks for itself (a health check), or does not know for whom.
    Itself,
    At(SocketAddr),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAHeader {
    #[error("there is no PROXY header; let the proxy send one, or take it off `proxy_protocol_from`")]
    Absent,
    #[error("the PROXY header is longer than {0} bytes; let the proxy send fewer extra fields")]
    TooLong(usize),
    #[error("the PROXY header is damaged: {0}")]
    Damaged(String),
    #[error("the PROXY header is about something else than TCP over IPv4 or IPv6")]
    NotTcp,
}

/// As many bytes as may have to be there before a header is read. Version 2 has room for extra fields, up to what surely comes in one piece.
pub const LONGEST: usize = 536;
/// Section 2.1: "the worst case".
const LONGEST_V1: usize = 107;
const SIGNATURE_V1: &[u8] = b"PROXY ";
const UNKNOWN_V1: &[u8] = b"PROXY UNKNOWN";
const SIGNATURE_V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, a byte for version and command, one for family and protocol, two for the length of what follows.
const FIXED_V2: usize = 16;
const LOCAL_V2: u8 = 0x20;

/// Reads the header at the beginning of `bytes`; `None` until it is whole.
pub fn read(bytes: &[u8]) -> Result<Option<Header>, NotAHeader> {
    let begins_like = |signature: &[u8]| bytes.iter().zip(signature).all(|(byte, wanted)| byte == wanted);
    if begins_like(SIGNATURE_V2) {
        version_2(bytes)
    } else if begins_like(SIGNATURE_V1) {
        version_1(bytes)
    } else {
        Err(NotAHeader::Absent)
    }
}

fn version_1(bytes: &[u8]) -> Result<Option<Header>, NotAHeader> {
    let possible = bytes.get(..LONGEST_V1).unwrap_or(bytes);
    let Some(line) = possible.windows(2).position(|pair| pair == b"\r\n").and_then(|end| possible.get(..end)) else {
        return if bytes.len() < LONGEST_V1 { Ok(None) } else { Err(NotAHeader::TooLong(LONGEST_V1)) };
    };
    let length = line.len().saturating_add(2);
    // Whatever follows the word is to be ignored.
    if line.strip_prefix(UNKNOWN_V1).is_some_and(|rest| matches!(rest.first(), None | Some(b' '))) {
        return Ok(Some(Header { length, client: Client::Itself }));
    }
    let header = v1::Header::try_from(bytes.get(..length).unwrap_or_default()).map_err(|error| NotAHeader::Damaged(error.to_string()))?;
    let client = match header.addresses {
        v1::Addresses::Tcp4(both) => Client::At((both.source_address, both.source_port).into()),
        v1::Addresses::Tcp6(both) => Client::At((both.source_address, both.source_port).into()),
        v1::Addresses::Unknown => Client::Itself,
    };
    Ok(Some(Header { length, client }))
}

fn version_2(bytes: &[u8]) -> Result<Option<Header>, NotAHeader> {
    let Some([.., command, _, high, low]) = bytes.get(..FIXED_V2) else { return Ok(None) };
    let length = FIXED_V2.saturating_add(usize::from(u16::from_be_bytes([*high, *low])));
    if length > LONGEST {
        return Err(NotAHeader::TooLong(LONGEST));
    }
    let Some(whole) = bytes.get(..length) else { return Ok(None) };
    if *command == LOCAL_V2 {
        return Ok(Some(Header { length, client: Client::Itself }));
    }
    let header = v2::Header::try_from(whole).map_err(|error| NotAHeader::Damaged(error.to_string()))?;
    let client = match (header.protocol, header.addresses) {
        (v2::Protocol::Stream, v2::Addresses::IPv4(both)) => Client::At((both.source_address, both.source_port).into()),
        (v2::Protocol::Stream, v2::Addresses::IPv6(both)) => Client::At((both.source_address, both.source_port).into()),
        (v2::Protocol::Unspecified, v2::Addresses::Unspecified) => Client::Itself,
        _ => return Err(NotAHeader::NotTcp),
    };
    Ok(Some(Header { length, client }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of the whole, after no part of it was read otherwise.
    #[track_caller]
    fn read_of(bytes: &[u8]) -> Result<Header, NotAHeader> {
        let whole = read(bytes);
        let first = (0..bytes.len()).find_map(|end| read(&bytes[..end]).transpose());
        match (&whole, first) {
            (Ok(None), None) => panic!("more is wanted"),
            (_, None) => {}
            (_, Some(first)) => assert_eq!(first.map(Some), whole, "a part is read otherwise than the whole"),
        }
        whole.map(Option::unwrap)
    }

    fn client(bytes: &[u8]) -> Result<String, NotAHeader> {
        let header = read_of(bytes)?;
        assert_eq!(&bytes[header.length..], b"\x16\x03", "{header:?}");
        Ok(match header.client {
            Client::Itself => "itself".to_owned(),
            Client::At(address) => address.to_string(),
        })
    }

    fn v1(line: &str) -> Result<String, NotAHeader> {
        client(format!("{line}\r\n\x16\x03").as_bytes())
    }

    fn v2(command: u8, family: u8, block: &[u8]) -> Result<String, NotAHeader> {
        let length = u16::try_from(block.len()).unwrap().to_be_bytes();
        client(&[SIGNATURE_V2, &[command, family], &length, block, b"\x16\x03"].concat())
    }

    const IPV4: [u8; 12] = [203, 0, 113, 7, 192, 0, 2, 1, 0xdd, 0xd5, 1, 0xbb];

    #[test]
    fn tcp_names_its_client_in_both_versions() {
        assert_eq!(v1("PROXY TCP4 203.0.113.7 192.0.2.1 56789 443").as_deref(), Ok("203.0.113.7:56789"));
        assert_eq!(v1("PROXY TCP6 2001:db8::7 2001:db8::1 56789 443").as_deref(), Ok("[2001:db8::7]:56789"));
        assert_eq!(v2(0x21, 0x11, &IPV4).as_deref(), Ok("203.0.113.7:56789"));
        let ipv6: Vec<u8> = [[0x20; 16], [0x30; 16]].concat().into_iter().chain([0xdd, 0xd5, 1, 0xbb]).collect();
        assert_eq!(v2(0x21, 0x21, &ipv6).as_deref(), Ok("[2020:2020:2020:2020:2020:2020:2020:2020]:56789"));
        let with_extra_fields = [&IPV4[..], &[4, 0, 3, 0, 0, 0], &[1, 0, 2], b"h2"].concat();
        assert_eq!(v2(0x21, 0x11, &with_extra_fields).as_deref(), Ok("203.0.113.7:56789"));
    }

    #[test]
    fn a_proxy_may_speak_for_itself_whatever_else_it_says() {
        for line in ["PROXY UNKNOWN", "PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2", "PROXY UNKNOWN a b c d e f g h i"] {
            assert_eq!(v1(line).as_deref(), Ok("itself"), "{line}");
        }
        for (command, family, block) in [(0x20, 0, &[][..]), (0x20, 0x11, &IPV4), (0x20, 0xff, &[1; 40]), (0x21, 0, &[])] {
            assert_eq!(v2(command, family, block).as_deref(), Ok("itself"));
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for bytes in [&b"\x16\x03\x01"[..], b"GET / HTTP/1.1\r\n", b"PROXYTCP4", b"proxy TCP4 ", b" PROXY", b"\r\n\r\n\0\r\nQUIT\r"] {
            assert_eq!(read_of(bytes), Err(NotAHeader::Absent), "{bytes:?}");
        }
        for line in [
            "PROXY TCP4",
            "PROXY TCP4 203.0.113.7 192.0.2.1 56789",
            "PROXY TCP4 203.0.113.7 192.0.2.1 56789 443 1",
            "PROXY TCP4 203.0.113.7 192.0.2.1 56789 65536",
            "PROXY TCP4 203.0.113.07 192.0.2.1 56789 443",
            "PROXY TCP4 2001:db8::7 2001:db8::1 56789 443",
            "PROXY TCP6 203.0.113.7 192.0.2.1 56789 443",
            "PROXY  TCP4 203.0.113.7 192.0.2.1 56789 443",
            "PROXY UDP4 203.0.113.7 192.0.2.1 56789 443",
            "PROXY UNKNOWNS",
            "PROXY TCP4 203.0.113.7\r 192.0.2.1 56789 443",
            "PROXY TCP4 203.0.113.7\n192.0.2.1 56789 443",
            "PROXY \u{e9}",
        ] {
            assert!(matches!(v1(line), Err(NotAHeader::Damaged(_))), "{line}: {:?}", v1(line));
        }
        let short = &IPV4[..11];
        for (command, family, block) in [(0x11, 0x11, &IPV4[..]), (0x22, 0x11, &IPV4), (0x21, 0x41, &IPV4), (0x21, 0x11, short)] {
            assert!(matches!(v2(command, family, block), Err(NotAHeader::Damaged(_))));
        }
        for (family, block) in [(0x12, &IPV4[..]), (0x31, &[b'/'; 216]), (0x10, &IPV4), (0x01, &[])] {
            assert_eq!(v2(0x21, family, block), Err(NotAHeader::NotTcp));
        }
    }

    #[test]
    fn a_header_that_does_not_end_is_refused() {
        let endless = format!("PROXY UNKNOWN {}", "x".repeat(200));
        assert_eq!(read(&endless.as_bytes()[..LONGEST_V1 - 1]), Ok(None));
        assert_eq!(read(&endless.as_bytes()[..LONGEST_V1]), Err(NotAHeader::TooLong(LONGEST_V1)));
        assert!(v2(0x21, 0x11, &[&IPV4[..], &[0; LONGEST - FIXED_V2 - IPV4.len()]].concat()).is_ok());
        let long = [&IPV4[..], &[0; LONGEST - FIXED_V2 - IPV4.len() + 1]].concat();
        assert_eq!(v2(0x21, 0x11, &long), Err(NotAHeader::TooLong(LONGEST)));
    }
}
