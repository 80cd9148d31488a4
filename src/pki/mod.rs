//! Certificates and keys: reading them, putting them together, and the demo's own authority.
//!
//! Invariant: a [`CertifiedKey`] made here has a key that belongs to its certificate, and a file that cannot be
//! used is named in the error together with what was found in it.

mod claims;
mod client;
mod development;
mod issuing;
mod load;
mod upstream;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use rustls::sign::CertifiedKey;

pub use claims::{Claims, claims};
pub use client::{
    AuthoritySource, CertificateRefusal, ClientTrust, Contradiction, Crls, Fault, Fingerprint, Keeper, MatchingRule, Part, Timing, Trouble,
    TrustedCertificate,
};
pub use development::{DevelopmentCa, Issued};
pub use issuing::{Holder, IssuedToHolder, IssuingCa, IssuingFiles, MOST_DAYS, RequestedKey};
pub use load::{certified_key, dns_names, load_chain, load_key, load_pair, not_after, not_an_authority, reason, validity};
pub use upstream::upstream_client_config;

#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    #[error("the file {} cannot be read: {}", path.display(), reason(source))]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} should hold {expected} in PEM, but {found}", path.display())]
    Content { path: PathBuf, expected: &'static str, found: String },
    #[error("the certificate cannot be read as X.509: {0}")]
    NotX509(String),
    #[error("the key does not belong to the certificate: take the pair that was issued together")]
    KeysDiffer,
    #[error("the key cannot be used: {0}; take an ECDSA P-256 or P-384, Ed25519 or RSA (2048 bits or more) key")]
    UnusableKey(rustls::Error),
    #[error("{} is not the demo's own authority; move it away, or start with --fresh", path.display())]
    ForeignAuthority { path: PathBuf },
    #[error("this is no request for a certificate: {0}; make one with the token's own tool, in PEM (PKCS #10)")]
    NotARequest(String),
    #[error("the key in the request is too weak or of a kind that is not taken: RSA with 2048 to 8192 bits, ECDSA P-256 or P-384")]
    WeakRequest,
    #[error("the gateway's own authority is there already: {}", path.display())]
    AuthorityIsThere { path: PathBuf },
    #[error("the authority {} ends before the certificate would: ask for fewer days", path.display())]
    AuthorityEnds { path: PathBuf },
    #[error("making a certificate failed: {0}")]
    Issue(#[from] rcgen::Error),
    #[error(transparent)]
    NoRandomness(#[from] crate::crypto::NoRandomness),
    #[error("no list of public authorities was found on this machine; install ca-certificates, or name the upstream's own CA")]
    NoPublicAuthorities,
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl PkiError {
    fn content(path: &Path, expected: &'static str, found: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), expected, found: found.into() }
    }
}
