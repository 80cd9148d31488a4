//! Connections that come through a proxy, and those that only say so.

use super::*;

const ANYBODY: &str = "PROXY TCP4 203.0.113.7 192.0.2.1 56789 443\r\n";

fn behind(proxies: &[&str], timers: Timers, caps: Caps) -> House {
    House::behind(proxies, timers, caps, Duration::from_secs(30))
}

impl House {
    /// Sends `before` and then TLS, cut where the test likes.
    async fn proxied(&self, pieces: &[&[u8]]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut tcp = TcpStream::connect(self.address).await?;
        for piece in pieces {
            tcp.write_all(piece).await?;
            tokio::task::yield_now().await;
        }
        TlsConnector::from(Arc::new(self.client("http/1.1"))).connect(ServerName::try_from(GATE).unwrap(), tcp).await
    }

    async fn seen_by(&self, pieces: &[&[u8]]) -> String {
        let mut stream = self.proxied(pieces).await.unwrap();
        stream.write_all(format!("GET / HTTP/1.1\r\nHost: {GATE}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        let (_, address) = answer.rsplit_once(" from ").unwrap_or_else(|| panic!("{answer}"));
        address.lines().next().unwrap_or_default().to_owned()
    }
}

#[test]
fn a_listed_proxy_says_who_the_client_is() {
    alone(async {
        let house = behind(&["127.0.0.1/32"], patient(), Caps::default());
        assert_eq!(house.seen_by(&[ANYBODY.as_bytes()]).await, "203.0.113.7");
        assert_eq!(house.seen_by(&[b"PROXY TCP6 2001:db8::7 2001:db8::1 56789 443\r\n"]).await, "2001:db8::7");
        assert_eq!(house.seen_by(&[b"PROXY TCP6 ::ffff:203.0.113.8 ::1 56789 443\r\n"]).await, "203.0.113.8");
        let v2 = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f"[..], &[203, 0, 113, 9, 127, 0, 0, 1, 1, 2, 3, 4], &[4, 0, 0]].concat();
        assert_eq!(house.seen_by(&[&v2]).await, "203.0.113.9");
        let by_byte: Vec<&[u8]> = v2.chunks(1).collect();
        assert_eq!(house.seen_by(&by_byte).await, "203.0.113.9");
        assert_eq!(house.seen_by(&[b"PROXY UNKNOWN\r\n"]).await, "127.0.0.1");
        assert_eq!(house.seen_by(&[b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"]).await, "127.0.0.1");
    });
}

#[test]
fn a_listed_proxy_that_does_not_say_it_is_turned_away() {
    alone(async {
        let house = behind(&["127.0.0.0/8"], patient(), Caps::default());
        house.dial_with(house.client("http/1.1"), GATE).await.expect_err("TLS without a header");
        for header in ["PROXY TCP4 nobody 192.0.2.1 56789 443\r\n", "proxy UNKNOWN\r\n", "GET / HTTP/1.1\r\n\r\n"] {
            house.proxied(&[header.as_bytes()]).await.expect_err(header);
        }
        assert_eq!(house.front.counts().handshakes_failed, 4);
        house.proxied(&[ANYBODY.as_bytes(), ANYBODY.as_bytes()]).await.expect_err("one header, not two");
    });
}

#[test]
fn nobody_else_is_believed() {
    alone(async {
        for proxies in [&[][..], &["127.0.0.2/32", "2001:db8::/32"]] {
            let house = behind(proxies, patient(), Caps::default());
            house.proxied(&[ANYBODY.as_bytes()]).await.expect_err("a header from somewhere else");
            house.proxied(&[b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"]).await.expect_err("in version 2 neither");
            assert_eq!(house.seen_by(&[]).await, "127.0.0.1");
        }
    });
}

#[test]
fn the_header_must_come_within_the_time_for_the_handshake() {
    alone(async {
        let house = behind(&["127.0.0.1/32"], Timers { handshake: SOON, ..patient() }, Caps::default());
        for begun in ["", "PROXY TCP4 203.0"] {
            let mut tcp = TcpStream::connect(house.address).await.unwrap();
            tcp.write_all(begun.as_bytes()).await.unwrap();
            assert_eq!(read_to_end(&mut tcp).await, "");
        }
        let mut tcp = TcpStream::connect(house.address).await.unwrap();
        tcp.write_all(ANYBODY.as_bytes()).await.unwrap();
        assert_eq!(read_to_end(&mut tcp).await, "", "a header is not a handshake");
        assert_eq!(house.front.counts().handshakes_failed, 3);
        assert_eq!(house.front.counts().too_slow, 3);
    });
}

#[test]
fn the_share_of_connections_is_the_clients_and_the_proxy_needs_none() {
    alone(async {
        let house = behind(&["127.0.0.1/32"], patient(), Caps { per_address: 1, ..Caps::default() });
        let other = "PROXY TCP4 203.0.113.8 192.0.2.1 56789 443\r\n";
        let _first = house.proxied(&[ANYBODY.as_bytes()]).await.unwrap();
        let _second = house.proxied(&[other.as_bytes()]).await.unwrap();
        let _health = house.proxied(&[b"PROXY UNKNOWN\r\n"]).await.unwrap();
        let _health = house.proxied(&[b"PROXY UNKNOWN\r\n"]).await.unwrap();
        assert_eq!(house.front.counts().over_cap, 0);
        house.proxied(&[ANYBODY.as_bytes()]).await.expect_err("his share is one");
        assert_eq!(house.front.counts().over_cap, 1);
        assert_eq!(house.front.counts().handshakes_failed, 0);
    });
}
