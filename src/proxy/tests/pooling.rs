use tokio_rustls::TlsAcceptor;

use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

/// One whole exchange on a connection that the upstream has already accepted.
async fn exchange(client: &mut Client, peer: &mut Peer) {
    client.get("/").await;
    peer.head().await;
    peer.say(OK).await;
    assert_eq!(client.answer().await.1, "hi");
    settle().await;
}

#[test]
fn a_connection_is_used_again_by_whoever_asks_next() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let mut first = gate.connect().await;
        first.get("/").await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.say(OK).await;
        first.answer().await;
        settle().await;
        assert_eq!(gate.pool.idle(), 1);
        let mut second = gate.connect().await;
        exchange(&mut second, &mut peer).await;
        exchange(&mut first, &mut peer).await;
        assert!(office.is_untouched().await);
    });
}

#[test]
fn a_connection_that_was_idle_too_long_or_closed_is_not_used() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let mut client = gate.connect().await;
        client.get("/").await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.say(OK).await;
        client.answer().await;
        settle().await;

        gate.clock.advance(PoolSettings::default().idle_timeout);
        client.get("/").await;
        let mut fresh = office.accept().await;
        assert_eq!(peer.rest().await, "");
        fresh.head().await;
        fresh.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi").await;
        client.answer().await;
        settle().await;
        assert_eq!(gate.pool.idle(), 0);
        client.get("/").await;
        office.accept().await.head().await;
    });
}

#[test]
fn a_request_that_met_a_dead_connection_and_was_not_sent_goes_out_on_a_fresh_one() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office).by_hand();
        let mut client = gate.connect().await;
        client.get("/").await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.say(OK).await;
        client.script().await.settle(true);
        client.answer().await;
        settle().await;
        assert_eq!(gate.pool.idle(), 1);

        client.peer.say(&format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4\r\n\r\nbody")).await;
        client.script().await.settle(true);
        gate.pool.break_idle();
        let mut fresh = office.accept().await;
        fresh.head().await;
        assert_eq!(fresh.bytes(4).await, "body");
        fresh.say(OK).await;
        assert_eq!(client.answer().await.1, "hi");
        assert_eq!(peer.rest().await, "", "the dead connection saw nothing of it");
    });
}

#[test]
fn a_request_that_was_sent_is_never_sent_twice() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let mut client = gate.connect().await;
        client.get("/").await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.say(OK).await;
        client.answer().await;
        settle().await;
        client.peer.say(&format!("POST /pay HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4\r\n\r\nbody")).await;
        peer.head().await;
        drop(peer);
        assert_eq!(client.refusal().await, "upstream-unreachable");
        assert!(office.is_untouched().await);
    });
}

#[test]
fn an_answer_that_nobody_read_to_its_end_leaves_no_connection() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let mut client = gate.connect().await;
        client.get("/").await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
        client.peer.until("half").await;
        let script = client.script().await;
        drop(client);
        assert_eq!(script.closing().await, (200, 0, 4, End::ClientLeft));
        assert_eq!(peer.rest().await, "");
        assert_eq!(gate.pool.idle(), 0);
    });
}

#[test]
fn past_the_cap_requests_wait_their_turn_and_past_the_queue_they_are_refused() {
    run(async {
        let office = BackOffice::start().await;
        let settings = PoolSettings { connections: 1, waiting: 1, ..PoolSettings::default() };
        let gate = Gate::before(&office).pooling(settings);
        let (mut first, mut second, mut third) = (gate.connect().await, gate.connect().await, gate.connect().await);
        first.get("/first").await;
        let mut peer = office.accept().await;
        peer.head().await;
        second.get("/second").await;
        assert!(office.is_untouched().await);
        third.get("/third").await;
        assert_eq!(third.refusal().await, "upstream-unreachable");
        peer.say(OK).await;
        first.answer().await;
        assert!(peer.head().await.starts_with("GET /second "));
        peer.say(OK).await;
        assert_eq!(second.answer().await.1, "hi");
    });
}

#[test]
fn upstreams_take_turns_and_one_that_is_down_is_passed_over() {
    run(async {
        let (one, two) = (BackOffice::that_comes_back().await, BackOffice::start().await);
        let gate = Gate::with(&one, |backend| backend.upstreams.push(two.upstream.clone()));
        let mut client = gate.connect().await;
        client.get("/").await;
        let mut peer = one.accept().await;
        peer.head().await;
        peer.say(OK).await;
        client.answer().await;
        client.get("/").await;
        let mut peer_two = two.accept().await;
        peer_two.head().await;
        peer_two.say(OK).await;
        client.answer().await;

        let port = one.upstream.port;
        drop((peer, one));
        settle().await;
        for _ in 0..4 {
            exchange(&mut client, &mut peer_two).await;
        }
        let back = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        for _ in 0..2 {
            exchange(&mut client, &mut peer_two).await;
        }
        gate.clock.advance(Duration::from_secs(5));
        client.get("/").await;
        let first = tokio::select! {
            accepted = back.accept() => Some(accepted),
            _ = peer_two.head() => None,
        };
        if first.is_none() {
            peer_two.say(OK).await;
            client.answer().await;
            client.get("/").await;
            back.accept().await.unwrap();
        }
    });
}

fn tls_upstream(port: u16, trusted: &rcgen::CertifiedKey<rcgen::KeyPair>, name: &str) -> Upstream {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.cert.der().clone()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(crate::crypto::tls_provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from(name.to_owned()).unwrap();
    Upstream::new("127.0.0.1", port, Some(UpstreamTls { config: Arc::new(config), name }))
}

#[test]
fn an_upstream_over_tls_must_show_a_certificate_that_its_app_trusts() {
    run(async {
        let office = BackOffice::start().await;
        let issue = || rcgen::generate_simple_self_signed(["cms.internal".to_owned()]).unwrap();
        let (own, other) = (issue(), issue());
        let config = rustls::ServerConfig::builder_with_provider(crate::crypto::tls_provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], rustls::pki_types::PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into()))
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let port = office.upstream.port;

        let gate = Gate::with(&office, |backend| backend.upstreams = vec![tls_upstream(port, &own, "cms.internal")]);
        let mut client = gate.connect().await;
        client.get("/").await;
        let mut peer = Peer::new(acceptor.accept(office.accept().await.stream).await.unwrap());
        peer.head().await;
        peer.say(OK).await;
        assert_eq!(client.answer().await.1, "hi");

        for (trusted, name) in [(&other, "cms.internal"), (&own, "else.internal")] {
            let gate = Gate::with(&office, |backend| backend.upstreams = vec![tls_upstream(port, trusted, name)]);
            let mut client = gate.connect().await;
            client.get("/").await;
            assert!(acceptor.accept(office.accept().await.stream).await.is_err());
            assert_eq!(client.refusal().await, "upstream-unreachable");
        }
    });
}
