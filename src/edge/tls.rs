//! Which certificate a client sees, and the rules of the handshake.
//!
//! Invariant: a client that names no host, or one that is not here, learns nothing: the handshake is aborted.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert, ServerConnection, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;

use crate::crypto::tls_provider;
use crate::model::{Host, TlsFacts};

pub type Certificates = HashMap<Host, Arc<CertifiedKey>>;

/// Sessions that may be resumed, in memory: some 20 MB when full.
const SESSIONS: usize = 20_000;

/// Certificates by SNI; replaced whole by a reload.
pub(super) struct ByName(ArcSwap<Certificates>);

impl ByName {
    pub fn new(certificates: Certificates) -> Self {
        Self(ArcSwap::from_pointee(certificates))
    }

    pub fn replace(&self, certificates: Certificates) {
        self.0.store(Arc::new(certificates));
    }

    pub fn in_use(&self) -> Arc<Certificates> {
        self.0.load_full()
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let host = Host::parse(hello.server_name()?).ok()?;
        self.0.load().get(&host).cloned()
    }
}

impl fmt::Debug for ByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.load().keys()).finish()
    }
}

/// TLS 1.3 and 1.2. Sessions are resumed only for the host that they were made for: rustls compares the SNI
/// (RFC 6066, section 3), and resolves the certificate again, so a host that a reload took away cannot be resumed.
pub(super) fn server_config(names: Arc<ByName>) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(tls_provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(names);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    // 0-RTT could be replayed.
    config.max_early_data_size = 0;
    Ok(config)
}

/// What the handshake settled; `None` if it named no host after all.
pub(super) fn settled(connection: &ServerConnection) -> Option<(TlsFacts, Arc<Host>)> {
    let version = match connection.protocol_version()? {
        rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3",
        rustls::ProtocolVersion::TLSv1_2 => "TLSv1.2",
        _ => return None,
    };
    // A resumed TLS 1.2 session exchanges no keys.
    let group = connection.negotiated_key_exchange_group().map_or("resumed", |group| group.name().as_str().unwrap_or("unnamed"));
    let sni = Host::parse(connection.server_name()?).ok()?;
    Some((TlsFacts { version, group }, Arc::new(sni)))
}
