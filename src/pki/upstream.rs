//! How the gateway speaks TLS to the back offices behind it.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::{PkiError, load_chain, load_key, load_pair};
use crate::crypto::tls_provider;

/// Where distributions keep the list of public authorities.
const PUBLIC_AUTHORITIES: [&str; 4] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"];

/// Trusts the certificates in `ca` alone, or, without it, the machine's public authorities; shows `identity`
/// (chain and key) to an upstream that asks. Speaks HTTP/1.1 only.
pub fn upstream_client_config(ca: Option<&Path>, identity: Option<(&Path, &Path)>) -> Result<Arc<ClientConfig>, PkiError> {
    let roots = match ca {
        Some(path) => own_roots(path)?,
        None => public_roots()?,
    };
    let builder = ClientConfig::builder_with_provider(tls_provider()).with_safe_default_protocol_versions()?.with_root_certificates(roots);
    let mut config = match identity {
        Some((chain, key)) => {
            load_pair(chain, key)?;
            builder.with_client_auth_cert(load_chain(chain)?, load_key(key)?)?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn own_roots(path: &Path) -> Result<RootCertStore, PkiError> {
    let mut roots = RootCertStore::empty();
    for certificate in load_chain(path)? {
        roots.add(certificate).map_err(|error| PkiError::content(path, "certificates of authorities", error.to_string()))?;
    }
    Ok(roots)
}

fn public_roots() -> Result<RootCertStore, PkiError> {
    let bundle = PUBLIC_AUTHORITIES.iter().find_map(|path| std::fs::read(path).ok()).ok_or(PkiError::NoPublicAuthorities)?;
    let mut roots = RootCertStore::empty();
    // Such lists hold old certificates that rustls will not take; they do not spoil the others.
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&bundle).flatten());
    if roots.is_empty() { Err(PkiError::NoPublicAuthorities) } else { Ok(roots) }
}
