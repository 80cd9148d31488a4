//! Certificates and keys from PEM files.

use std::path::Path;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{CertifiedKey, PkiError};
use crate::clock::Time;
use crate::crypto::tls_provider;

/// The certificates of a file in its order: the server's own first, then those that signed it.
pub fn load_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, PkiError> {
    const EXPECTED: &str = "a certificate chain";
    let text = read(path)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| PkiError::content(path, EXPECTED, damage(&error)))?;
    if chain.is_empty() {
        return Err(PkiError::content(path, EXPECTED, format!("no certificate is in it ({})", sections(&text))));
    }
    for (index, certificate) in chain.iter().enumerate() {
        if let Err(error) = parse(certificate) {
            return Err(PkiError::content(path, EXPECTED, format!("certificate {} in it is damaged: {error}", index.saturating_add(1))));
        }
    }
    Ok(chain)
}

/// The one private key of a file (PKCS #8, SEC 1 or PKCS #1), not encrypted.
pub fn load_key(path: &Path) -> Result<PrivateKeyDer<'static>, PkiError> {
    const EXPECTED: &str = "one private key without a passphrase";
    let text = zeroize::Zeroizing::new(read(path)?);
    let mut keys: Vec<_> = PrivateKeyDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| PkiError::content(path, EXPECTED, damage(&error)))?;
    match (keys.pop(), keys.is_empty()) {
        (Some(key), true) => Ok(key),
        (Some(_), false) => Err(PkiError::content(path, EXPECTED, "several keys are in it")),
        (None, _) => Err(PkiError::content(path, EXPECTED, format!("no such key is in it ({})", sections(&text)))),
    }
}

/// A certificate chain with its key, for a TLS server or client.
pub fn certified_key(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<CertifiedKey, PkiError> {
    let signing = tls_provider().key_provider.load_private_key(key).map_err(PkiError::UnusableKey)?;
    let pair = CertifiedKey::new(chain, signing);
    match pair.keys_match() {
        Ok(()) => Ok(pair),
        Err(rustls::Error::InconsistentKeys(_)) => Err(PkiError::KeysDiffer),
        Err(error) => Err(PkiError::NotX509(error.to_string())),
    }
}

/// [`load_chain`], [`load_key`] and [`certified_key`] in one.
pub fn load_pair(chain: &Path, key: &Path) -> Result<CertifiedKey, PkiError> {
    certified_key(load_chain(chain)?, load_key(key)?)
}

/// The DNS names in the subject alternative names (RFC 5280, section 4.2.1.6), as they stand there.
pub fn dns_names(certificate: &CertificateDer<'_>) -> Result<Vec<String>, PkiError> {
    let certificate = parse(certificate).map_err(PkiError::NotX509)?;
    let names = certificate.subject_alternative_name().map_err(|error| PkiError::NotX509(error.to_string()))?;
    Ok(names
        .into_iter()
        .flat_map(|extension| &extension.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
        .collect())
}

/// The last second in which the certificate is valid.
pub fn not_after(certificate: &CertificateDer<'_>) -> Result<Time, PkiError> {
    let certificate = parse(certificate).map_err(PkiError::NotX509)?;
    Ok(Time::from_millis(certificate.validity().not_after.timestamp().saturating_mul(1000)))
}

/// The first and the last second in which the certificate is valid.
pub fn validity(certificate: &CertificateDer<'_>) -> Result<(Time, Time), PkiError> {
    let parsed = parse(certificate).map_err(PkiError::NotX509)?;
    let begins = Time::from_millis(parsed.validity().not_before.timestamp().saturating_mul(1000));
    Ok((begins, not_after(certificate)?))
}

/// Whose certificate it is, if it is no authority's.
pub fn not_an_authority(certificate: &CertificateDer<'_>) -> Option<String> {
    parse(certificate).ok().filter(|parsed| !parsed.is_ca()).map(|parsed| parsed.subject().to_string())
}

/// What the system says of a file, without its error number.
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

pub(super) fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, String> {
    match X509Certificate::from_der(certificate) {
        Ok(([], parsed)) => Ok(parsed),
        Ok(_) => Err("bytes follow its end".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PkiError> {
    std::fs::read(path).map_err(|source| PkiError::Read { path: path.to_owned(), source })
}

fn damage(error: &pem::Error) -> String {
    format!("it is damaged: {error}")
}

/// What a file holds instead, by the labels of its PEM sections.
pub(super) fn sections(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let labels: Vec<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----")).take(4).collect();
    if labels.is_empty() { "it has no PEM section".to_owned() } else { format!("it holds {}", labels.join(", ")) }
}
