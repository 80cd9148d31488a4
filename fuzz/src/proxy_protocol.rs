//! A proxy's header: read as soon as it is whole and never otherwise, and its client is the one whom the bytes name.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use yumen::edge::proxy_protocol::{Client, Header, LONGEST, read};

pub fn run(bytes: &[u8]) {
    let whole = read(bytes);
    match (0..=bytes.len().min(LONGEST)).find_map(|end| read(&bytes[..end]).transpose()) {
        Some(first) => assert_eq!(first.map(Some), whole, "a part is read otherwise than the whole"),
        None => assert_eq!(whole, Ok(None)),
    }
    match whole {
        Ok(Some(header)) => {
            assert!((15..=LONGEST.min(bytes.len())).contains(&header.length));
            names(&bytes[..header.length], header);
        }
        Ok(None) => assert!(bytes.len() < LONGEST, "a header must end"),
        Err(_) => {}
    }
}

/// Reads the address once more, by the layout alone.
fn names(header: &[u8], Header { client, .. }: Header) {
    let Client::At(client) = client else { return };
    let number = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let named = if header[0] == b'P' {
        let line = std::str::from_utf8(header).expect("text");
        let words: Vec<&str> = line.trim_end_matches("\r\n").split(' ').collect();
        assert_eq!(words.len(), 6, "{line:?}");
        SocketAddr::new(words[2].parse::<IpAddr>().expect("an address"), words[4].parse().expect("a port"))
    } else if header[13] == 0x11 {
        SocketAddr::new(IpAddr::from([header[16], header[17], header[18], header[19]]), number(24))
    } else {
        let address: [u8; 16] = header[16..32].try_into().expect("an address");
        SocketAddr::new(IpAddr::V6(Ipv6Addr::from(address)), number(48))
    };
    assert_eq!(client, named);
}
