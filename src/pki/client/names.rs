//! Which name in a certificate is an account's.

/// Where an authority writes the account's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchingRule {
    /// The rfc822Name of the subject alternative names (RFC 5280, section 4.2.1.6).
    Email,
    /// The user principal name there (otherName 1.3.6.1.4.1.311.20.2.3).
    PrincipalName,
    /// An attribute of the subject: common name (2.5.4.3).
    CommonName,
    /// User id (0.9.2342.19200300.100.1.1).
    UserId,
    /// Serial number (2.5.4.5).
    SerialNumber,
}
