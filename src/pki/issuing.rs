//! The gateway's own issuing authority, for those who have no other: it certifies keys that were made in people's tokens.
//!
//! Invariant: what a request says of names counts for nothing; whoever issues says whose key it is. A request is believed to hold its own
//! key only because it is signed with it. The authority's key stays in a file of mode 0600.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, OtherNameValue, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, PublicKeyData, RevokedCertParams, SanType, SerialNumber, SignatureAlgorithm,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::{OID_EC_P256, OID_NIST_EC_P384};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::client::is_strong;
use super::development::{DAY, date, dated, write};
use super::load::{load_chain, parse};
use super::{PkiError, not_after};
use crate::clock::Time;
use crate::crypto::sha256;
use crate::model::{AccountName, UnitName};

const AUTHORITY_DAYS: u32 = 3653;
/// The longest that a person's certificate may last.
pub const MOST_DAYS: u32 = 1096;
/// How long a list of revoked certificates may be believed; a new one is made every day.
const LIST_DAYS: u32 = 7;
/// The user principal name (otherName).
const PRINCIPAL_NAME: &[u64] = &[1, 3, 6, 1, 4, 1, 311, 20, 2, 3];

/// Where the gateway's own authority keeps its files: in the data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuingFiles(PathBuf);

impl IssuingFiles {
    pub fn new(data: &Path) -> Self {
        Self(data.to_owned())
    }

    pub fn certificate(&self) -> PathBuf {
        self.0.join("issuing-ca.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.0.join("issuing-ca.key")
    }

    /// The list of what it revoked, in DER.
    pub fn list(&self) -> PathBuf {
        self.0.join("issuing-ca.crl")
    }
}

pub struct IssuingCa {
    files: IssuingFiles,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// Whom a certificate names, and for how long.
#[derive(Clone, Debug)]
pub struct Holder {
    pub name: AccountName,
    pub unit: UnitName,
    pub days: u32,
    /// Where others find the list of what was revoked.
    pub list_url: String,
}

/// A certificate that was issued just now.
#[derive(Clone, Debug)]
pub struct IssuedToHolder {
    pub pem: String,
    pub fingerprint: [u8; 32],
    /// As the authority counts, in hexadecimal.
    pub number: String,
    pub subject: String,
    pub issuer: String,
    pub not_after: Time,
}

/// A key that somebody asks a certificate for, strong enough to get one.
#[derive(Clone, Debug)]
pub struct RequestedKey {
    algorithm: &'static SignatureAlgorithm,
    bits: Vec<u8>,
    info: Vec<u8>,
}

impl RequestedKey {
    /// From a request in PEM (PKCS #10, RFC 2986), which shows by its signature that whoever made it holds the key.
    pub fn of_request(pem: &str) -> Result<Self, PkiError> {
        let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| PkiError::NotARequest(format!("no request in PEM is in it ({error})")))?;
        let (rest, request) = X509CertificationRequest::from_der(&der).map_err(|error| PkiError::NotARequest(error.to_string()))?;
        if !rest.is_empty() {
            return Err(PkiError::NotARequest("bytes follow its end".to_owned()));
        }
        let key = Self::of(&request.certification_request_info.subject_pki)?;
        request.verify_signature().map_err(|_| PkiError::NotARequest("it is not signed with its own key".to_owned()))?;
        Ok(key)
    }

    /// From the key of an earlier certificate (SubjectPublicKeyInfo in DER).
    pub fn of_info(info: &[u8]) -> Result<Self, PkiError> {
        let (_, key) = SubjectPublicKeyInfo::from_der(info).map_err(|error| PkiError::NotX509(error.to_string()))?;
        Self::of(&key)
    }

    pub fn info(&self) -> &[u8] {
        &self.info
    }

    /// By which people compare keys: SHA-256 of the SubjectPublicKeyInfo, in hexadecimal.
    pub fn digest(&self) -> String {
        data_encoding::HEXLOWER.encode(&sha256(&self.info))
    }

    fn of(key: &SubjectPublicKeyInfo<'_>) -> Result<Self, PkiError> {
        if !is_strong(key) {
            return Err(PkiError::WeakRequest);
        }
        let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
        let algorithm = match (key.parsed(), curve) {
            (Ok(PublicKey::RSA(_)), _) => &PKCS_RSA_SHA256,
            (Ok(PublicKey::EC(_)), Some(curve)) if curve == OID_EC_P256 => &PKCS_ECDSA_P256_SHA256,
            (Ok(PublicKey::EC(_)), Some(curve)) if curve == OID_NIST_EC_P384 => &PKCS_ECDSA_P384_SHA384,
            _ => return Err(PkiError::WeakRequest),
        };
        Ok(Self { algorithm, bits: key.subject_public_key.data.to_vec(), info: key.raw.to_vec() })
    }
}

impl PublicKeyData for RequestedKey {
    fn der_bytes(&self) -> &[u8] {
        &self.bits
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

impl IssuingCa {
    /// Makes the authority, once.
    pub fn create(files: &IssuingFiles, name: &str, wall: Time) -> Result<Self, PkiError> {
        if files.key().exists() || files.certificate().exists() {
            return Err(PkiError::AuthorityIsThere { path: files.certificate() });
        }
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let params = authority(name, wall)?;
        let certificate = params.self_signed(&key)?;
        write(&files.key(), key.serialize_pem().as_bytes(), 0o600)?;
        let made = Self { files: files.clone(), certificate: certificate.der().clone(), issuer: Issuer::new(params, key) };
        // The list first: whoever reads the certificate finds it.
        made.publish(&[], wall)?;
        write(&files.certificate(), certificate.pem().as_bytes(), 0o644)?;
        Ok(made)
    }

    /// `None`: it was not made yet.
    pub fn open(files: &IssuingFiles, wall: Time) -> Result<Option<Self>, PkiError> {
        let (path, key_file) = (files.certificate(), files.key());
        if !path.exists() {
            return Ok(None);
        }
        let certificate = load_chain(&path)?.into_iter().next().ok_or_else(|| PkiError::ForeignAuthority { path: path.clone() })?;
        let text = fs::read_to_string(&key_file).map_err(|source| PkiError::Read { path: key_file.clone(), source })?;
        let text = zeroize::Zeroizing::new(text);
        let key = KeyPair::from_pem(&text).map_err(|error| PkiError::content(&key_file, "the authority's key", error.to_string()))?;
        let parsed = parse(&certificate).map_err(PkiError::NotX509)?;
        let name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok()).unwrap_or_default().to_owned();
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(PkiError::KeysDiffer);
        }
        drop(parsed);
        Ok(Some(Self { files: files.clone(), issuer: Issuer::new(authority(&name, wall)?, key), certificate }))
    }

    /// Whether the authority lasts longer than a certificate for so many days.
    pub fn outlasts(&self, days: u32, wall: Time) -> Result<(), PkiError> {
        let ends = not_after(&self.certificate)?;
        if wall.plus(DAY.saturating_mul(days.saturating_add(2))) > ends {
            return Err(PkiError::AuthorityEnds { path: self.files.certificate() });
        }
        Ok(())
    }

    /// A certificate for client authentication that names its holder, whatever the request said.
    pub fn certify(&self, key: &RequestedKey, holder: &Holder, wall: Time) -> Result<IssuedToHolder, PkiError> {
        let days = holder.days.clamp(1, MOST_DAYS);
        self.outlasts(days, wall)?;
        // It begins yesterday and ends at midnight: so many whole days from now on at the least.
        let mut params = dated(wall, days.saturating_add(2))?;
        let mut subject = DistinguishedName::new();
        subject.push(DnType::OrganizationalUnitName, holder.unit.as_str());
        subject.push(DnType::CommonName, holder.name.as_str());
        params.distinguished_name = subject;
        let principal = OtherNameValue::Utf8String(holder.name.as_str().to_owned());
        params.subject_alt_names = vec![SanType::OtherName((PRINCIPAL_NAME.to_vec(), principal))];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![holder.list_url.clone()] }];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(key, &self.issuer)?;
        let parsed = parse(certificate.der()).map_err(PkiError::NotX509)?;
        Ok(IssuedToHolder {
            pem: certificate.pem(),
            fingerprint: sha256(certificate.der()),
            number: parsed.raw_serial_as_string().replace(':', ""),
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            not_after: not_after(certificate.der())?,
        })
    }

    /// Writes the list of revoked certificates, by number and day.
    pub fn publish(&self, revoked: &[(String, Time)], wall: Time) -> Result<(), PkiError> {
        let revoked_certs = revoked.iter().map(|(number, at)| {
            let number = data_encoding::HEXLOWER_PERMISSIVE.decode(number.as_bytes());
            let number = number.map_err(|error| PkiError::NotX509(format!("a certificate's number: {error}")))?;
            Ok(RevokedCertParams {
                serial_number: SerialNumber::from_slice(&number),
                revocation_time: date(*at),
                reason_code: None,
                invalidity_date: None,
            })
        });
        let params = CertificateRevocationListParams {
            this_update: date(wall),
            next_update: date(wall.plus(DAY.saturating_mul(LIST_DAYS))),
            crl_number: SerialNumber::from_slice(&wall.millis().max(1).to_be_bytes()),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect::<Result<_, PkiError>>()?,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        write(&self.files.list(), params.signed_by(&self.issuer)?.der(), 0o644)
    }
}

fn authority(name: &str, wall: Time) -> Result<CertificateParams, PkiError> {
    let mut params = dated(wall, AUTHORITY_DAYS)?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::pki::{AuthoritySource, CertificateRefusal, ClientTrust, Crls, Keeper, MatchingRule};

    const START: Time = Time::from_millis(1_800_000_000_000);

    fn holder() -> Holder {
        Holder {
            name: AccountName::parse("王 丽").unwrap(),
            unit: UnitName::parse("信息中心").unwrap(),
            days: 30,
            list_url: "https://gate.example.cn/crl/issuing-ca.crl".into(),
        }
    }

    /// A request that claims to be for somebody else.
    fn request(algorithm: &'static SignatureAlgorithm) -> String {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = CertificateParams::new(vec!["root.example.cn".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "root");
        params.serialize_request(&key).unwrap().pem().unwrap()
    }

    fn trust(files: &IssuingFiles) -> ClientTrust {
        ClientTrust::load(&[AuthoritySource {
            name: "own".into(),
            certificates: files.certificate(),
            crls: Crls::Files(vec![files.list()]),
            units: None,
            hardware_only: false,
            rule: Some(MatchingRule::PrincipalName),
            keeper: Keeper::Gateway,
        }])
    }

    fn der(pem: &str) -> Vec<CertificateDer<'static>> {
        vec![CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()]
    }

    #[test]
    fn a_key_is_certified_for_whom_the_gateway_says_and_not_for_whom_the_request_says() {
        let home = tempfile::tempdir().unwrap();
        let files = IssuingFiles::new(home.path());
        assert!(IssuingCa::open(&files, START).unwrap().is_none());
        assert!(trust(&files).warnings(START)[0].contains("yumen token create-authority"));
        IssuingCa::create(&files, "Yumen token CA", START).unwrap();
        assert_eq!(fs::metadata(files.key()).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(IssuingCa::create(&files, "again", START), Err(PkiError::AuthorityIsThere { .. })));
        let ca = IssuingCa::open(&files, START).unwrap().unwrap();
        for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384] {
            let key = RequestedKey::of_request(&request(algorithm)).unwrap();
            let issued = ca.certify(&key, &holder(), START).unwrap();
            let trusted = trust(&files).check(&der(&issued.pem), START).unwrap();
            assert_eq!(trusted.matched(), Some(&holder().name));
            assert_eq!((trusted.fingerprint(), trusted.serial()), (issued.fingerprint, issued.number.as_str()));
            assert!(!issued.pem.contains("root") && !trusted.subject().contains("root"), "{}", trusted.subject());
            assert!(trusted.not_after() >= START.plus(DAY * 30) && trusted.not_after() <= START.plus(DAY * 32));
            assert_eq!(RequestedKey::of_info(key.info()).unwrap().info(), key.info());
            assert_eq!(trust(&files).warnings(START), [""; 0]);
        }
    }

    #[test]
    fn what_is_on_the_published_list_is_refused_and_so_is_everything_when_the_list_is_old() {
        let home = tempfile::tempdir().unwrap();
        let files = IssuingFiles::new(home.path());
        let ca = IssuingCa::create(&files, "Yumen token CA", START).unwrap();
        let issue = || {
            let key = RequestedKey::of_request(&request(&PKCS_ECDSA_P256_SHA256)).unwrap();
            ca.certify(&key, &holder(), START).unwrap()
        };
        let (lost, kept) = (issue(), issue());
        ca.publish(&[(lost.number.clone(), START)], START).unwrap();
        let trust = trust(&files);
        assert_eq!(trust.check(&der(&lost.pem), START).unwrap_err(), CertificateRefusal::Revoked);
        trust.check(&der(&kept.pem), START).unwrap();
        let later = START.plus(DAY * 8);
        assert_eq!(trust.check(&der(&kept.pem), later).unwrap_err(), CertificateRefusal::RevocationUnknown);
        ca.publish(&[(lost.number.clone(), START)], later).unwrap();
        let trust = trust.refreshed().unwrap();
        trust.check(&der(&kept.pem), later).unwrap();
        assert_eq!(trust.check(&der(&lost.pem), later).unwrap_err(), CertificateRefusal::Revoked);
    }

    #[test]
    fn a_request_that_is_weak_or_not_signed_with_its_own_key_is_refused() {
        let weak = RequestedKey::of_request(&request(&rcgen::PKCS_ED25519));
        assert!(matches!(weak, Err(PkiError::WeakRequest)));
        let pem = request(&PKCS_ECDSA_P256_SHA256);
        let mut der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec();
        let last = der.len() - 1;
        der[last] ^= 1;
        let text = data_encoding::BASE64.encode(&der);
        let forged = format!("-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n");
        assert!(matches!(RequestedKey::of_request(&forged), Err(PkiError::NotARequest(_))));
        assert!(matches!(RequestedKey::of_request("hello"), Err(PkiError::NotARequest(_))));
    }
}
