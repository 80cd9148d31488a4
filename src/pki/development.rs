//! The demo's own certificate authority, for names under `localhost` and nothing else.
//!
//! Invariant: `ca.key` is readable by its owner alone, and is there before `ca.pem` is.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber,
};
use rustls::pki_types::CertificateDer;

use super::load::parse;
use super::{PkiError, dns_names, load_chain, load_pair, not_after};
use crate::clock::Time;
use crate::crypto::random;
use crate::files;

pub(super) const DAY: Duration = Duration::from_secs(86_400);
const AUTHORITY_DAYS: u32 = 730;
/// The most that browsers take (CA/Browser Forum, Baseline Requirements, section 6.3.2).
const SERVER_DAYS: u32 = 397;
const RENEWED_WHEN_LEFT: u32 = 30;

pub struct DevelopmentCa {
    directory: PathBuf,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// Where a certificate and its key were put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    pub chain: PathBuf,
    pub key: PathBuf,
}

impl DevelopmentCa {
    /// The authority under `directory`, made anew where there is none or where it is about to end. The directory must exist.
    pub fn open(directory: &Path, now: Time) -> Result<Self, PkiError> {
        let (pem, key_file) = (directory.join("ca.pem"), directory.join("ca.key"));
        if !pem.exists() {
            return Self::make(directory, now);
        }
        let certificate = load_chain(&pem)?.into_iter().next().ok_or_else(|| PkiError::ForeignAuthority { path: pem.clone() })?;
        let text = fs::read_to_string(&key_file).map_err(|source| PkiError::Read { path: key_file.clone(), source })?;
        let key = KeyPair::from_pem(&text).map_err(|error| PkiError::content(&key_file, "the authority's key", error.to_string()))?;
        if parse(&certificate).map_err(PkiError::NotX509)?.public_key().raw != key.subject_public_key_info() {
            return Err(PkiError::ForeignAuthority { path: pem });
        }
        if !lasts(&certificate, now)? {
            return Self::make(directory, now);
        }
        Ok(Self { directory: directory.to_owned(), certificate, issuer: Issuer::new(authority(now)?, key) })
    }

    /// The authority's certificate: what a browser must be told to trust.
    pub fn certificate(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// A certificate for `hosts`, named after the first; kept from an earlier start while it fits and lasts.
    pub fn issue(&self, hosts: &[&str], now: Time) -> Result<Issued, PkiError> {
        let name = hosts.first().copied().unwrap_or("server");
        let issued = Issued { chain: self.directory.join(format!("{name}.pem")), key: self.directory.join(format!("{name}.key")) };
        if self.still_fits(&issued, hosts, now) {
            return Ok(issued);
        }
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = server(hosts, now)?.signed_by(&key, &self.issuer)?;
        write(&issued.key, key.serialize_pem().as_bytes(), 0o600)?;
        write(&issued.chain, certificate.pem().as_bytes(), 0o644)?;
        Ok(issued)
    }

    fn make(directory: &Path, now: Time) -> Result<Self, PkiError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let params = authority(now)?;
        let certificate = params.self_signed(&key)?;
        write(&directory.join("ca.key"), key.serialize_pem().as_bytes(), 0o600)?;
        write(&directory.join("ca.pem"), certificate.pem().as_bytes(), 0o644)?;
        Ok(Self { directory: directory.to_owned(), certificate: certificate.der().clone(), issuer: Issuer::new(params, key) })
    }

    /// Whether an earlier certificate has these names, this authority's signature, its key, and enough time.
    fn still_fits(&self, issued: &Issued, hosts: &[&str], now: Time) -> bool {
        let Ok(pair) = load_pair(&issued.chain, &issued.key) else { return false };
        let Some(certificate) = pair.cert.first() else { return false };
        let named = dns_names(certificate).is_ok_and(|names| names == hosts);
        named && lasts(certificate, now).unwrap_or(false) && self.signed(certificate)
    }

    fn signed(&self, certificate: &CertificateDer<'_>) -> bool {
        let (Ok(own), Ok(other)) = (parse(&self.certificate), parse(certificate)) else { return false };
        other.verify_signature(Some(own.public_key())).is_ok()
    }
}

fn lasts(certificate: &CertificateDer<'_>, now: Time) -> Result<bool, PkiError> {
    Ok(not_after(certificate)? > now.plus(DAY.saturating_mul(RENEWED_WHEN_LEFT)))
}

fn authority(now: Time) -> Result<CertificateParams, PkiError> {
    let mut params = dated(now, AUTHORITY_DAYS)?;
    params.distinguished_name = name("Yumen development CA (localhost only)");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // A permitted DNS name says nothing about addresses (RFC 5280, section 4.2.1.10), so those are excluded.
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("localhost".to_owned())],
        excluded_subtrees: vec![
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([0; 4], 0)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix([0; 16], 0)),
        ],
    });
    Ok(params)
}

fn server(hosts: &[&str], now: Time) -> Result<CertificateParams, PkiError> {
    let mut params = dated(now, SERVER_DAYS)?;
    params.distinguished_name = name(hosts.first().copied().unwrap_or("localhost"));
    params.subject_alt_names =
        hosts.iter().map(|host| Ok(SanType::DnsName((*host).to_owned().try_into()?))).collect::<Result<_, rcgen::Error>>()?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Begins yesterday, for clocks that are a little behind; whole days, so it ends within `days` of its beginning.
pub(super) fn dated(now: Time, days: u32) -> Result<CertificateParams, PkiError> {
    let from = now.minus(DAY);
    let mut params = CertificateParams::default();
    params.not_before = date(from);
    params.not_after = date(from.plus(DAY.saturating_mul(days)));
    let mut serial: [u8; 16] = random()?;
    // Positive and without a leading zero byte in DER.
    if let Some(first) = serial.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

/// Midnight before `time`, UTC.
pub(super) fn date(time: Time) -> time::OffsetDateTime {
    let date = time.timestamp().to_zoned(jiff::tz::TimeZone::UTC).date();
    rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

pub(super) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), PkiError> {
    files::replace(path, bytes, mode).map_err(|source| PkiError::Write { path: path.to_owned(), source })
}
