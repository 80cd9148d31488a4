use rustls::HandshakeKind;

use super::*;

#[test]
fn a_host_that_is_not_here_learns_nothing() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        house.dial(GATE).await;
        house.dial_with(house.client("http/1.1"), "other.localhost").await.unwrap_err();
        let mut nameless = house.client("http/1.1");
        nameless.enable_sni = false;
        house.dial_with(nameless, GATE).await.unwrap_err();
        house.dial_with(house.client("smtp"), GATE).await.unwrap_err();
        assert_eq!(house.front.counts().handshakes_failed, 3);
    });
}

#[test]
fn a_reload_takes_a_host_away() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        let (gate, sites) = (Host::parse(GATE).unwrap(), Host::parse(SITES).unwrap());
        let config = house.client("http/1.1");
        let mut stream = house.dial_with(config.clone(), SITES).await.unwrap();
        stream.write_all(format!("GET / HTTP/1.1\r\nHost: {SITES}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
        read_to_end(&mut stream).await;
        let mut fewer = house.certificates.clone();
        fewer.remove(&sites);
        assert!(fewer.contains_key(&gate));
        house.front.replace_certificates(fewer);
        house.dial_with(config, SITES).await.expect_err("not even by resuming");
        house.dial(GATE).await;
    });
}

#[test]
fn a_session_is_resumed_for_its_own_host_only() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        let config = house.client("http/1.1");
        let mut kinds = Vec::new();
        for host in [GATE, GATE, SITES] {
            let mut stream = house.dial_with(config.clone(), host).await.unwrap();
            kinds.push(stream.get_ref().1.handshake_kind().unwrap());
            assert!(stream.get_ref().1.negotiated_key_exchange_group().is_some());
            stream.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
            assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 200"));
        }
        assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Full]);
    });
}

#[test]
fn tls_1_2_is_taken() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        let builder = ClientConfig::builder_with_provider(tls_provider()).with_protocol_versions(&[&rustls::version::TLS12]).unwrap();
        let config = builder.with_root_certificates(house.roots.clone()).with_no_client_auth();
        let mut stream = house.dial_with(config, GATE).await.unwrap();
        stream.write_all(get("/").as_bytes()).await.unwrap();
        let answer = read_some(&mut stream).await;
        assert!(answer.contains("TLSv1.2 X25519"), "{answer}");
    });
}

fn with_length(bytes: &[u8], width: usize) -> Vec<u8> {
    let length = (bytes.len() as u32).to_be_bytes();
    [&length[4 - width..], bytes].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &with_length(body, 2)].concat()
}

/// A ClientHello as RFC 5246, section 7.4.1.2, lays it out, with one cipher suite and without TLS 1.3.
fn hello(version: [u8; 2], suite: [u8; 2]) -> Vec<u8> {
    let name = [&[0][..], &with_length(GATE.as_bytes(), 2)].concat();
    let extensions = [
        extension(0, &with_length(&name, 2)),
        extension(10, &with_length(&[0, 0x17, 0, 0x1d], 2)),
        extension(11, &with_length(&[0], 1)),
        extension(13, &with_length(&[4, 3, 4, 1], 2)),
    ]
    .concat();
    let body = [&version[..], &[7; 32], &with_length(&[], 1), &with_length(&suite, 2), &with_length(&[0], 1), &with_length(&extensions, 2)]
        .concat();
    let message = [&[1][..], &with_length(&body, 3)].concat();
    [&[22, 3, 1][..], &with_length(&message, 2)].concat()
}

#[test]
fn old_versions_and_old_ciphers_are_refused() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        let (handshake, alert) = (22, 21);
        for (version, suite, answer) in [
            ([3, 3], [0xc0, 0x2b], handshake), // TLS 1.2, ECDHE with AES-GCM
            ([3, 2], [0xc0, 0x2b], alert),     // TLS 1.1
            ([3, 3], [0xc0, 0x09], alert),     // ECDHE with AES-CBC
            ([3, 3], [0x00, 0x9c], alert),     // AES-GCM without ECDHE
        ] {
            let mut tcp = TcpStream::connect(house.address).await.unwrap();
            tcp.write_all(&hello(version, suite)).await.unwrap();
            assert_eq!(tcp.read_u8().await.unwrap(), answer, "{version:?} {suite:?}");
        }
    });
}
