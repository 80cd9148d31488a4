//! What a certificate says of itself, for the log alone: nobody has looked at whether it is true.

use rustls::pki_types::CertificateDer;

use super::PkiError;
use super::load::parse;

/// Unverified: anybody can make a certificate that says this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// In hexadecimal.
    pub serial: String,
    pub issuer: String,
}

pub fn claims(certificate: &CertificateDer<'_>) -> Result<Claims, PkiError> {
    let parsed = parse(certificate).map_err(PkiError::NotX509)?;
    let serial = parsed.raw_serial().iter().take(20).map(|byte| format!("{byte:02x}")).collect();
    Ok(Claims { serial, issuer: parsed.issuer().to_string() })
}
