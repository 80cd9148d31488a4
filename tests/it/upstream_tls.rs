//! Back offices behind TLS: known by their own authority, and shown who the gateway is.

use std::net::SocketAddr;
use std::sync::Arc;

use http::StatusCode;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::server::WebPkiClientVerifier;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::house::{Authority, Changes, House, SITES, authority, issue, sign_in};

/// A back office at `localhost` that answers only those whose certificate `ca` has signed.
async fn back_office(ca: &Authority, directory: &TempDir) -> SocketAddr {
    issue(ca, &["localhost"], directory.path(), "office");
    let chain = vec![CertificateDer::from_pem_file(directory.path().join("office.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(directory.path().join("office.key")).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_client_cert_verifier(clients).with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nbehind\n").await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

async fn status_through(app: &str) -> StatusCode {
    let house = House::open_with(Changes { app, ..Changes::default() }).await;
    let mut browser = house.enrolled("wang", yumen::model::Role::Member).await;
    sign_in(&mut browser, &format!("https://{SITES}/"), "wang").await.status
}

#[tokio::test]
async fn a_back_office_is_known_by_its_authority_and_the_gateway_by_its_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let (ca, other) = (authority(), authority());
    issue(&ca, &["gateway"], directory.path(), "gateway");
    issue(&other, &["gateway"], directory.path(), "stranger");
    std::fs::write(directory.path().join("ca.pem"), ca.pem()).unwrap();
    std::fs::write(directory.path().join("other.pem"), other.pem()).unwrap();
    let port = back_office(&ca, &directory).await.port();
    let at = |name: &str| directory.path().join(name).display().to_string();
    let app = |authority: &str, identity: &str| {
        let identity = format!(
            "upstream_certificate = {{ chain = '{}', key = '{}' }}",
            at(&format!("{identity}.pem")),
            at(&format!("{identity}.key"))
        );
        format!("upstreams = [\"https://localhost:{port}\"]\nupstream_ca = '{}'\n{identity}", at(authority))
    };
    assert_eq!(status_through(&app("ca.pem", "gateway")).await, StatusCode::OK);
    assert_eq!(status_through(&app("other.pem", "gateway")).await, StatusCode::BAD_GATEWAY, "another authority was believed");
    assert_eq!(status_through(&app("ca.pem", "stranger")).await, StatusCode::BAD_GATEWAY, "a stranger was let in");
    let address = app("ca.pem", "gateway").replace("localhost", "127.0.0.1");
    assert_eq!(status_through(&address).await, StatusCode::BAD_GATEWAY, "a certificate for another name was believed");
}
