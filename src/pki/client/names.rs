//! Which name in a certificate is an account's: pure, on bytes that a stranger chose.
//!
//! Invariant: a name that is found is in the certificate byte for byte, and is the canonical form of an account's name. Whatever could be
//! read in two ways (several values, several attributes in one place, control characters, old string types) is refused, not guessed at.

use rustls::pki_types::CertificateDer;
use x509_parser::asn1_rs::{Any, Class, FromDer, Oid, Tag};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::asn1_rs::oid;
use x509_parser::x509::X509Name;

use super::CertificateRefusal;
use crate::model::AccountName;
use crate::pki::load::parse;

/// More bytes than any account's name has.
const LONGEST_BYTES: usize = 256;

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

impl MatchingRule {
    pub const ALL: [Self; 5] = [Self::Email, Self::PrincipalName, Self::CommonName, Self::UserId, Self::SerialNumber];

    /// As the config writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::PrincipalName => "principal-name",
            Self::CommonName => "common-name",
            Self::UserId => "user-id",
            Self::SerialNumber => "serial-number",
        }
    }

    /// The account's name in a certificate, of which nothing else is judged. `None`: it has no such name, or one that no account can have.
    pub fn find(self, certificate: &CertificateDer<'_>) -> Result<Option<AccountName>, CertificateRefusal> {
        self.find_in(&parse(certificate).map_err(|_| CertificateRefusal::Unreadable)?)
    }

    pub(super) fn find_in(self, certificate: &X509Certificate<'_>) -> Result<Option<AccountName>, CertificateRefusal> {
        let found = match self {
            Self::Email | Self::PrincipalName => self.alternative(certificate)?,
            Self::CommonName => attribute(certificate.subject(), &oid!(2.5.4.3))?,
            Self::UserId => attribute(certificate.subject(), &oid!(0.9.2342.19200300.100.1.1))?,
            Self::SerialNumber => attribute(certificate.subject(), &oid!(2.5.4.5))?,
        };
        found.map_or(Ok(None), exact)
    }

    /// The one value of this rule's kind among the subject alternative names.
    fn alternative<'c>(self, certificate: &'c X509Certificate<'_>) -> Result<Option<&'c [u8]>, CertificateRefusal> {
        let extension = certificate.subject_alternative_name().map_err(|_| CertificateRefusal::UnusableName)?;
        let mut found = None;
        for name in extension.iter().flat_map(|extension| &extension.value.general_names) {
            let value = match (self, name) {
                (_, GeneralName::Invalid(..)) => return Err(CertificateRefusal::UnusableName),
                (Self::Email, GeneralName::RFC822Name(email)) if email.is_ascii() => email.as_bytes(),
                (Self::Email, GeneralName::RFC822Name(_)) => return Err(CertificateRefusal::UnusableName),
                (Self::PrincipalName, GeneralName::OtherName(kind, value)) if *kind == oid!(1.3.6.1.4.1.311.20.2.3) => {
                    principal_name(value)?
                }
                _ => continue,
            };
            if found.replace(value).is_some() {
                return Err(CertificateRefusal::UnusableName);
            }
        }
        Ok(found)
    }
}

/// `[0] EXPLICIT UTF8String`, and nothing after it.
fn principal_name(value: &[u8]) -> Result<&[u8], CertificateRefusal> {
    let unusable = |_| CertificateRefusal::UnusableName;
    let (after, wrapper) = Any::from_der(value).map_err(unusable)?;
    let (rest, text) = Any::from_der(wrapper.data).map_err(unusable)?;
    let wrapped = wrapper.class() == Class::ContextSpecific && wrapper.tag() == Tag(0) && wrapper.header.is_constructed();
    let plain = text.class() == Class::Universal && text.tag() == Tag::Utf8String;
    if after.is_empty() && rest.is_empty() && wrapped && plain { Ok(text.data) } else { Err(CertificateRefusal::UnusableName) }
}

/// The one value of an attribute of the subject. A place with several attributes spoils the whole subject: which of them comes first is
/// nobody's to say.
fn attribute<'c>(subject: &'c X509Name<'_>, kind: &Oid<'_>) -> Result<Option<&'c [u8]>, CertificateRefusal> {
    let mut found = None;
    for place in subject.iter_rdn() {
        let mut attributes = place.iter();
        let (Some(attribute), None) = (attributes.next(), attributes.next()) else { return Err(CertificateRefusal::UnusableName) };
        if attribute.attr_type() != kind {
            continue;
        }
        let value = attribute.attr_value();
        let bytes = match value.tag() {
            _ if value.class() != Class::Universal => None,
            Tag::Utf8String => Some(value.data),
            Tag::PrintableString | Tag::Ia5String => value.data.is_ascii().then_some(value.data),
            _ => None,
        };
        if found.replace(bytes.ok_or(CertificateRefusal::UnusableName)?).is_some() {
            return Err(CertificateRefusal::UnusableName);
        }
    }
    Ok(found)
}

/// The account that is called exactly this.
fn exact(bytes: &[u8]) -> Result<Option<AccountName>, CertificateRefusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| CertificateRefusal::UnusableName)?;
    if text.len() > LONGEST_BYTES || text.chars().any(char::is_control) {
        return Err(CertificateRefusal::UnusableName);
    }
    let name = AccountName::parse(text).map_err(|_| CertificateRefusal::UnusableName)?;
    Ok(Some(name).filter(|name| name.as_str() == text))
}

#[cfg(test)]
mod tests;
