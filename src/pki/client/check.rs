//! One certificate before one authority.
//!
//! Invariant: webpki checks signatures, dates, extended key usage, name constraints and lists; what it leaves out (key usage and the key of
//! the person's own certificate, the dates of an anchor) is checked here. Constraints on directory names are refused by webpki.

use std::time::Duration;

use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{
    CertRevocationList, EndEntityCert, Error, ExpirationPolicy, KeyUsage, RevocationCheckDepth, RevocationOptionsBuilder,
    UnknownStatusPolicy, ring as algorithms,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION};
use x509_parser::public_key::PublicKey;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::CertificateRefusal;
use super::authority::Authority;
use crate::clock::Time;

/// How authorities may sign: RSA from 2048 bits, ECDSA with P-256 and P-384, and never SHA-1.
const SIGNATURES: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    algorithms::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    algorithms::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];
/// A chain that a person's token sends is short.
pub(super) const LONGEST_CHAIN: usize = 8;

/// What it means that no list tells whether a certificate was revoked, because it is missing or out of date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Untold {
    Refused,
    /// What the lists at hand do say still counts.
    Passed,
}

/// How many authorities stand between the certificate and the anchor.
pub(super) fn chain(
    authority: &Authority,
    leaf: &CertificateDer<'_>,
    sent: &[CertificateDer<'_>],
    untold: Untold,
    wall: Time,
) -> Result<usize, CertificateRefusal> {
    let in_time = |(begins, ends): (Time, Time)| begins <= wall && wall <= ends;
    let anchors: Vec<TrustAnchor<'_>> =
        authority.anchors.iter().filter(|anchor| in_time((anchor.begins, anchor.ends))).map(|anchor| anchor.trust.clone()).collect();
    let between: Vec<CertificateDer<'_>> = sent.iter().take(LONGEST_CHAIN).chain(&authority.between).cloned().collect();
    let lists: Option<Vec<&CertRevocationList<'_>>> =
        authority.lists.as_ref().map(|lists| lists.iter().map(|list| &list.revoked).collect());
    let (unknown, stale) = match untold {
        Untold::Refused => (UnknownStatusPolicy::Deny, ExpirationPolicy::Enforce),
        Untold::Passed => (UnknownStatusPolicy::Allow, ExpirationPolicy::Ignore),
    };
    let revocation = match lists.as_deref() {
        None => None,
        Some([]) if untold == Untold::Passed => None,
        Some(lists) => match RevocationOptionsBuilder::new(lists) {
            Ok(options) => {
                Some(options.with_depth(RevocationCheckDepth::Chain).with_status_policy(unknown).with_expiration_policy(stale).build())
            }
            // It should have lists, and none of them can be used. Whether the certificate is this authority's at all is still to be told.
            Err(_) => {
                path(leaf, &anchors, &between, wall, None)?;
                return Err(CertificateRefusal::RevocationUnknown);
            }
        },
    };
    path(leaf, &anchors, &between, wall, revocation).map_err(|refusal| {
        let expired = authority.anchors.iter().filter(|anchor| !in_time((anchor.begins, anchor.ends)));
        let expired: Vec<TrustAnchor<'_>> = expired.map(|anchor| anchor.trust.clone()).collect();
        let by_an_expired_one = refusal == CertificateRefusal::UnknownAuthority && path(leaf, &expired, &between, wall, None).is_ok();
        if by_an_expired_one { CertificateRefusal::AuthorityExpired } else { refusal }
    })
}

fn path(
    leaf: &CertificateDer<'_>,
    anchors: &[TrustAnchor<'_>],
    between: &[CertificateDer<'_>],
    wall: Time,
    revocation: Option<webpki::RevocationOptions<'_>>,
) -> Result<usize, CertificateRefusal> {
    let own = EndEntityCert::try_from(leaf).map_err(|error| refused(&error, leaf, wall))?;
    let now = UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(wall.millis()).unwrap_or(0)));
    let verified = own.verify_for_usage(SIGNATURES, anchors, between, now, KeyUsage::client_auth(), revocation, None);
    verified.map(|path| path.intermediate_certificates().count()).map_err(|error| refused(&error, leaf, wall))
}

/// webpki's list of errors may grow; whatever is new denies too.
fn refused(error: &Error, leaf: &CertificateDer<'_>, wall: Time) -> CertificateRefusal {
    use CertificateRefusal as Refusal;
    let own_dates = crate::pki::load::validity(leaf).ok();
    match error {
        Error::CertExpired { .. } if own_dates.is_some_and(|(_, ends)| wall > ends) => Refusal::Expired,
        Error::CertNotValidYet { .. } if own_dates.is_some_and(|(begins, _)| wall < begins) => Refusal::NotYetValid,
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } => Refusal::AuthorityExpired,
        Error::CertRevoked => Refusal::Revoked,
        Error::UnknownRevocationStatus
        | Error::CrlExpired { .. }
        | Error::InvalidCrlSignatureForPublicKey
        | Error::IssuerNotCrlSigner
        | Error::UnsupportedCrlSignatureAlgorithmContext(_)
        | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => Refusal::RevocationUnknown,
        Error::RequiredEkuNotFoundContext(_)
        | Error::EmptyEkuExtension
        | Error::CaUsedAsEndEntity
        | Error::EndEntityUsedAsCa
        | Error::PathLenConstraintViolated => Refusal::NotForClientLogin,
        Error::NameConstraintViolation | Error::UnsupportedNameType | Error::MalformedNameConstraint => Refusal::NameNotPermitted,
        Error::UnsupportedSignatureAlgorithmContext(_) | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Refusal::WeakKey,
        // Another authority of the same name has another key.
        Error::UnknownIssuer | Error::InvalidSignatureForPublicKey | Error::SignatureAlgorithmMismatch => Refusal::UnknownAuthority,
        _ => Refusal::Unreadable,
    }
}

/// What webpki does not look at in the person's own certificate.
pub(super) fn own(leaf: &X509Certificate<'_>) -> Result<(), CertificateRefusal> {
    let usage = leaf.key_usage().map_err(|_| CertificateRefusal::Unreadable)?;
    if usage.is_some_and(|usage| !usage.value.digital_signature()) {
        return Err(CertificateRefusal::NotForClientLogin);
    }
    if is_strong(leaf.public_key()) { Ok(()) } else { Err(CertificateRefusal::WeakKey) }
}

/// RSA with 2048 to 8192 bits, ECDSA with P-256 or P-384.
pub(crate) fn is_strong(key: &SubjectPublicKeyInfo<'_>) -> bool {
    let exponent = match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => rsa.try_exponent().unwrap_or(0),
        _ => return can_sign(key),
    };
    can_sign(key) && exponent >= 65_537 && exponent % 2 == 1
}

/// Whether one of [`SIGNATURES`] can be an authority's with this key.
pub(super) fn can_sign(key: &SubjectPublicKeyInfo<'_>) -> bool {
    let algorithm = &key.algorithm.algorithm;
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) if *algorithm == OID_PKCS1_RSAENCRYPTION => (2048..=8192).contains(&bits(rsa.modulus)),
        Ok(PublicKey::EC(_)) if *algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY => {
            let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
            curve.is_some_and(|curve| curve == OID_EC_P256 || curve == OID_NIST_EC_P384)
        }
        _ => false,
    }
}

/// Whether the list's signature is this key's, by an algorithm that is believed; for telling, not for believing.
pub(super) fn is_signed_by(list: &CertificateRevocationList<'_>, key: &SubjectPublicKeyInfo<'_>) -> bool {
    let (signed, signature) = (list.tbs_cert_list.as_ref(), &list.signature_value.data);
    SIGNATURES.iter().any(|algorithm| algorithm.verify_signature(&key.subject_public_key.data, signed, signature).is_ok())
}

/// Of a positive number, most significant byte first.
fn bits(number: &[u8]) -> usize {
    let mut significant = number.iter().skip_while(|byte| **byte == 0);
    let first = significant.next().map_or(0, |byte| 8_usize.saturating_sub(usize::try_from(byte.leading_zeros()).unwrap_or(0)));
    significant.count().saturating_mul(8).saturating_add(first)
}
