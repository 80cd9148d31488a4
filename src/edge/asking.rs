//! Hosts that ask the client for a certificate: the rules of their handshake.
//!
//! Invariant: here a certificate proves only that the client holds its key, and is demanded of nobody, so that whoever has a wrong one or none
//! gets a page that says what to do. Nothing of such a handshake can be resumed: whoever comes back shows the key anew, for rustls looks at
//! no certificate when it resumes.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};

use super::tls::ByName;
use crate::crypto::tls_provider;
use crate::model::Host;

/// More than any token has: its own certificate and two or three that lead to the authority.
const LONGEST_CHAIN: usize = 6;
const LARGEST_CHAIN: usize = 24 * 1024;

/// What is spoken on a host that asks for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    Http1,
    Http1And2,
}

/// Which hosts ask, and for certificates of whom.
#[derive(Clone, Debug, Default)]
pub struct Asking {
    pub hosts: HashMap<Host, Spoken>,
    /// The names of authorities by which browsers choose what they offer (RFC 8446, section 4.2.4).
    pub hints: Vec<DistinguishedName>,
}

/// The settings of those hosts; replaced whole by a reload.
pub(super) struct AskingHosts(HashMap<Host, Arc<ServerConfig>>);

impl AskingHosts {
    /// `None`: no host asks, so that nobody need look at the name first.
    pub fn new(asking: &Asking, names: &Arc<ByName>) -> Result<Option<Self>, rustls::Error> {
        if asking.hosts.is_empty() {
            return Ok(None);
        }
        let verifier = Arc::new(HoldsItsKey { provider: tls_provider(), hints: asking.hints.clone() });
        let http1 = Arc::new(server_config(Arc::clone(names), Arc::clone(&verifier), Spoken::Http1)?);
        let http2 = Arc::new(server_config(Arc::clone(names), verifier, Spoken::Http1And2)?);
        let config = |spoken: &Spoken| match spoken {
            Spoken::Http1 => Arc::clone(&http1),
            Spoken::Http1And2 => Arc::clone(&http2),
        };
        Ok(Some(Self(asking.hosts.iter().map(|(host, spoken)| (host.clone(), config(spoken))).collect())))
    }

    /// The settings of the host that the client names, if it is one of these.
    pub fn settings_for(&self, hello: &ClientHello<'_>) -> Option<Arc<ServerConfig>> {
        self.0.get(&Host::parse(hello.server_name()?).ok()?).cloned()
    }
}

fn server_config(names: Arc<ByName>, verifier: Arc<HoldsItsKey>, spoken: Spoken) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(tls_provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(names);
    config.alpn_protocols = match spoken {
        Spoken::Http1 => vec![b"http/1.1".to_vec()],
        Spoken::Http1And2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

/// Takes whatever certificate comes, if the client signs with its key.
struct HoldsItsKey {
    provider: Arc<CryptoProvider>,
    hints: Vec<DistinguishedName>,
}

impl fmt::Debug for HoldsItsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HoldsItsKey").field("hints", &self.hints.len()).finish_non_exhaustive()
    }
}

impl ClientCertVerifier for HoldsItsKey {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    /// Only how large it is; `pki` judges it, on each request.
    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let bytes = rest.iter().fold(leaf.len(), |sum, certificate| sum.saturating_add(certificate.len()));
        if rest.len() >= LONGEST_CHAIN || bytes > LARGEST_CHAIN {
            return Err(CertificateError::BadEncoding.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
