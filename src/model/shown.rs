//! What a client showed of itself in the TLS handshake.
//!
//! Invariant: of what stands here only one thing is known: the client holds the key of the first certificate. Whom it names, and whether it
//! is good for anything, nobody has looked at yet.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use crate::crypto::sha256;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// The host asks for no certificate.
    #[default]
    NotAsked,
    /// It was asked, and has none or keeps it to itself.
    Nothing,
    Chain(Arc<ShownChain>),
}

/// The client's own certificate, then those that lead to its authority.
#[derive(Debug, PartialEq, Eq)]
pub struct ShownChain {
    certificates: Vec<CertificateDer<'static>>,
    digest: [u8; 32],
}

impl Shown {
    /// What came in a handshake that asked.
    pub fn answered(certificates: Option<&[CertificateDer<'_>]>) -> Self {
        match certificates {
            None | Some([]) => Self::Nothing,
            Some(chain) => Self::Chain(Arc::new(ShownChain::of(chain))),
        }
    }

    pub fn was_asked(&self) -> bool {
        *self != Self::NotAsked
    }

    pub fn chain(&self) -> Option<&Arc<ShownChain>> {
        match self {
            Self::Chain(chain) => Some(chain),
            Self::NotAsked | Self::Nothing => None,
        }
    }
}

impl ShownChain {
    fn of(chain: &[CertificateDer<'_>]) -> Self {
        let digests: Vec<u8> = chain.iter().flat_map(|certificate| sha256(certificate)).collect();
        Self { certificates: chain.iter().map(|certificate| certificate.clone().into_owned()).collect(), digest: sha256(&digests) }
    }

    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// Names the whole chain (SHA-256 over the SHA-256 of each).
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

/// Why a certificate that was shown, or not, lets nobody in. Each has a page that says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateTrouble {
    /// None came.
    Missing,
    /// It belongs to nobody, to somebody else, or to a token that opens nothing.
    NotHers,
    /// Its time, or its authority's, has not come or is over.
    Expired,
    Revoked,
    /// Whether it was revoked cannot be told.
    RevocationUnknown,
    /// Nobody who is trusted here issued it.
    OtherAuthority,
    /// It is not for signing in.
    WrongUse,
    /// Its key is too weak, or something in it cannot be used.
    Unusable,
}

impl CertificateTrouble {
    pub const ALL: &[Self] = &[
        Self::Missing,
        Self::NotHers,
        Self::Expired,
        Self::Revoked,
        Self::RevocationUnknown,
        Self::OtherAuthority,
        Self::WrongUse,
        Self::Unusable,
    ];

    /// For the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotHers => "not-hers",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::RevocationUnknown => "revocation-unknown",
            Self::OtherAuthority => "other-authority",
            Self::WrongUse => "wrong-use",
            Self::Unusable => "unusable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_chain_is_nothing_and_chains_are_told_apart_by_all_that_is_in_them() {
        assert_eq!(Shown::answered(None), Shown::Nothing);
        assert_eq!(Shown::answered(Some(&[])), Shown::Nothing);
        let chain = |parts: &[&[u8]]| {
            let parts: Vec<_> = parts.iter().map(|part| CertificateDer::from(part.to_vec())).collect();
            Shown::answered(Some(&parts)).chain().unwrap().digest()
        };
        assert_eq!(chain(&[b"ab"]), chain(&[b"ab"]));
        assert_ne!(chain(&[b"ab"]), chain(&[b"a", b"b"]));
        assert_ne!(chain(&[b"a", b"b"]), chain(&[b"a", b"c"]));
        assert!(!Shown::NotAsked.was_asked() && Shown::Nothing.was_asked());
    }
}
