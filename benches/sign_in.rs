//! Enrols a person at a running gateway and signs her in, with a software security key: how the benchmarks come by a session.
//!
//! `sign_in ADDRESS CA_FILE LINK NAME APP_URL` prints the Cookie field for the app's host. It is the browser of the tests in
//! `tests/it`, so what a person must do to sign in stands in one place.

#![allow(dead_code, reason = "the tests' browser can do more than sign in")]

#[path = "../tests/it/browser.rs"]
mod browser;
#[path = "../tests/it/forms.rs"]
mod forms;
#[path = "../tests/it/house.rs"]
mod house;
#[path = "../tests/it/office.rs"]
mod office;
#[path = "../tests/it/upstream.rs"]
mod upstream;

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::Url;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [address, authority, link, name, app] = words.as_slice() else {
        // `cargo bench` starts every bench without words; this one is for `benches/run`.
        eprintln!("usage: sign_in ADDRESS CA_FILE LINK NAME APP_URL");
        return;
    };
    let address: SocketAddr = address.parse().expect("an address and a port");
    let mut browser = browser::Browser::new(address, trusting(authority));
    house::enrol(&mut browser, link).await;
    let page = house::sign_in(&mut browser, app, name).await;
    assert!(page.status.is_success(), "{}: {}\n{}", page.url, page.status, page.text());
    let app = Url::parse(app).expect("a URL");
    println!("{}", browser.cookie_field(app.host_str().expect("a URL with a host")));
}

fn trusting(authority: &str) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).expect("a certificate")).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS");
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}
