//! Trust in the certificates that people show.
//!
//! Invariant: only [`ClientTrust::check`] makes a [`TrustedCertificate`]; what it cannot tell, it denies.

mod authority;
mod certificate;
mod names;
mod refusal;

use std::sync::Arc;

use rustls::DistinguishedName;
use rustls::pki_types::CertificateDer;

pub use authority::{AuthoritySource, Crls};
pub use certificate::{Fingerprint, TrustedCertificate};
pub use names::MatchingRule;
pub use refusal::CertificateRefusal;

use super::PkiError;
use crate::clock::Time;
use authority::Authority;

/// Who is trusted to name people. Immutable; made anew when the config or one of its files changes.
#[derive(Clone, Debug, Default)]
pub struct ClientTrust {
    authorities: Vec<Arc<Authority>>,
}

impl ClientTrust {
    /// Believes no certificate.
    pub fn nobody() -> Self {
        Self::default()
    }

    /// Reads the authorities' files. One of a CA that cannot be used is an error; a list of revoked certificates that cannot be used denies and
    /// is a warning, so that the gateway starts without it.
    pub fn load(_sources: &[AuthoritySource]) -> Result<Self, PkiError> {
        Ok(Self::nobody())
    }

    /// The same read anew, where one of the files changed since; it reads nothing but their dates and lengths where none did. An authority whose
    /// file cannot be used any more is trusted no more.
    pub fn refreshed(&self) -> Option<Self> {
        None
    }

    /// Chain, validity, uses, name constraints, lists of revoked certificates, key size and names. `chain[0]` is the person's own.
    pub fn check(&self, _chain: &[CertificateDer<'_>], _wall: Time) -> Result<TrustedCertificate, CertificateRefusal> {
        Err(CertificateRefusal::UnknownAuthority)
    }

    /// For the handshake's request for a certificate: the names of the authorities.
    pub fn hints(&self) -> Vec<DistinguishedName> {
        Vec::new()
    }

    /// What is wrong with files now, in words for the operator.
    pub fn warnings(&self, _wall: Time) -> Vec<String> {
        Vec::new()
    }

    /// What each authority is trusted with, in words, and a digest that changes with its certificates, units, rule and declaration; lists of
    /// revoked certificates do not count.
    pub fn digests(&self) -> Vec<(String, [u8; 32])> {
        Vec::new()
    }

    /// The same without the authorities of these digests.
    #[must_use]
    pub fn without(&self, _digests: &[[u8; 32]]) -> Self {
        self.clone()
    }

    pub fn is_empty(&self) -> bool {
        self.authorities.is_empty()
    }
}
