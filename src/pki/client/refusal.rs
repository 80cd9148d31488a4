//! Why a certificate that somebody showed is not believed.

/// What [`super::ClientTrust::check`] says instead of yes. Each has a sentence of its own for the person, and a word for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateRefusal {
    #[error("it cannot be read as an X.509 certificate")]
    Unreadable,
    #[error("no authority that is trusted here issued it")]
    UnknownAuthority,
    #[error("it is not valid yet")]
    NotYetValid,
    #[error("it has expired")]
    Expired,
    #[error("its authority, or one above, has expired or is not valid yet")]
    AuthorityExpired,
    #[error("it, or an authority between, was revoked")]
    Revoked,
    #[error("whether it was revoked cannot be told: the list is missing, unreadable, out of date, or another authority's")]
    RevocationUnknown,
    #[error("it may not be used to sign in: key usage, extended key usage or what it says of itself as an authority")]
    NotForClientLogin,
    #[error("its authority may not speak for the names in it")]
    NameNotPermitted,
    #[error("its key is too weak or of a kind that is not taken: RSA with 2048 to 8192 bits, ECDSA P-256 or P-384")]
    WeakKey,
    #[error("the name in it cannot be used")]
    UnusableName,
}

impl CertificateRefusal {
    /// For the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unreadable => "certificate-unreadable",
            Self::UnknownAuthority => "certificate-unknown-authority",
            Self::NotYetValid => "certificate-not-yet-valid",
            Self::Expired => "certificate-expired",
            Self::AuthorityExpired => "certificate-authority-expired",
            Self::Revoked => "certificate-revoked",
            Self::RevocationUnknown => "certificate-revocation-unknown",
            Self::NotForClientLogin => "certificate-not-for-client-login",
            Self::NameNotPermitted => "certificate-name-not-permitted",
            Self::WeakKey => "certificate-weak-key",
            Self::UnusableName => "certificate-unusable-name",
        }
    }
}
