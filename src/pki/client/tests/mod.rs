//! Which certificates are believed, with chains that are made here: every reason to refuse one, and what is good beside it.

mod lists;
mod trusts;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, RevokedCertParams, SanType, SerialNumber,
    date_time_ymd,
};

use super::*;
use crate::model::UnitName;

const DAY: Duration = Duration::from_secs(86_400);
/// 2027-01-15.
const NOW: Time = Time::from_millis(1_800_000_000_000);

/// An authority with its key, as somebody else runs it.
struct City {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl City {
    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2030, 1, 1));
        params
    }

    fn new(name: &str) -> Self {
        Self::of(Self::params(name))
    }

    fn of(params: CertificateParams) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        Self { certificate: params.self_signed(&key).unwrap(), issuer: Issuer::new(params, key) }
    }

    fn below(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        Self { certificate: params.signed_by(&key, &self.issuer).unwrap(), issuer: Issuer::new(params, key) }
    }

    fn certify(&self, params: &CertificateParams) -> CertificateDer<'static> {
        params.signed_by(&KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(), &self.issuer).unwrap().der().clone()
    }

    /// A list of these serial numbers, to be believed for a week from `from` on.
    fn list(&self, numbers: &[u64], from: (i32, u8, u8), next: (i32, u8, u8)) -> Vec<u8> {
        let revoked = |number: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*number),
            revocation_time: date_time_ymd(2027, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(from.0, from.1, from.2),
            next_update: date_time_ymd(next.0, next.1, next.2),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: numbers.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().to_vec()
    }
}

/// A person's certificate in which all is well.
fn person(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.serial_number = Some(SerialNumber::from(7));
    (params.not_before, params.not_after) = (date_time_ymd(2026, 6, 1), date_time_ymd(2028, 1, 1));
    params
}

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// What the config would say of these authorities' certificates in one file.
    fn source(&self, name: &str, certificates: &[&City]) -> AuthoritySource {
        let text: String = certificates.iter().map(|city| city.certificate.pem()).collect();
        AuthoritySource {
            name: name.into(),
            certificates: self.put(&format!("{name}.pem"), text),
            crls: Crls::NoneKept,
            units: None,
            hardware_only: false,
            rule: None,
            keeper: Keeper::Others,
        }
    }

    fn trust(&self, certificates: &[&City]) -> ClientTrust {
        ClientTrust::load(&[self.source("city", certificates)])
    }
}

fn refusal(trust: &ClientTrust, leaf: &CertificateDer<'static>) -> CertificateRefusal {
    trust.check(std::slice::from_ref(leaf), NOW).expect_err("this must be refused")
}

#[test]
fn a_certificate_in_which_all_is_well_is_believed_and_nobody_believes_another_authoritys() {
    let (home, city, other) = (Home::new(), City::new("city"), City::new("other"));
    let trust = home.trust(&[&city]);
    let leaf = city.certify(&person("wang"));
    let trusted = trust.check(std::slice::from_ref(&leaf), NOW).unwrap();
    assert_eq!(trusted.fingerprint(), sha256(&leaf));
    assert_eq!((trusted.serial(), trusted.subject(), trusted.issuer()), ("07", "CN=wang", "CN=city"));
    assert_eq!((trusted.authority(), trusted.is_hardware_only(), trusted.matched()), ("city", false, None));
    assert_eq!(refusal(&trust, &other.certify(&person("wang"))), CertificateRefusal::UnknownAuthority);
    // The same name with another key.
    assert_eq!(refusal(&trust, &City::new("city").certify(&person("wang"))), CertificateRefusal::UnknownAuthority);
    assert_eq!(refusal(&ClientTrust::nobody(), &leaf), CertificateRefusal::UnknownAuthority);
    assert_eq!(trust.check(&[], NOW).unwrap_err(), CertificateRefusal::Unreadable);
    assert_eq!(refusal(&trust, &CertificateDer::from(vec![0x30, 0])), CertificateRefusal::Unreadable);
}

#[test]
fn a_changed_certificate_is_not_believed_whatever_byte_was_changed() {
    let (home, city) = (Home::new(), City::new("city"));
    let trust = home.trust(&[&city]);
    let leaf = city.certify(&person("wang"));
    for at in (0..leaf.len()).step_by(7) {
        let mut changed = leaf.to_vec();
        changed[at] ^= 0x01;
        refusal(&trust, &CertificateDer::from(changed));
    }
}

#[test]
fn a_certificate_is_believed_in_its_time_and_in_its_authoritys() {
    let (home, city) = (Home::new(), City::new("city"));
    let trust = home.trust(&[&city]);
    let dated = |from, to| {
        let mut params = person("wang");
        (params.not_before, params.not_after) = (from, to);
        city.certify(&params)
    };
    assert_eq!(refusal(&trust, &dated(date_time_ymd(2026, 2, 1), date_time_ymd(2026, 12, 1))), CertificateRefusal::Expired);
    assert_eq!(refusal(&trust, &dated(date_time_ymd(2027, 2, 1), date_time_ymd(2027, 12, 1))), CertificateRefusal::NotYetValid);
    let long = dated(date_time_ymd(2026, 2, 1), date_time_ymd(2039, 1, 1));
    trust.check(std::slice::from_ref(&long), NOW).unwrap();
    let late = NOW.plus(DAY * 365 * 4);
    assert_eq!(trust.check(std::slice::from_ref(&long), late).unwrap_err(), CertificateRefusal::AuthorityExpired);
    assert!(trust.warnings(late)[0].contains("ended on 2030-01-01"), "{:?}", trust.warnings(late));
    assert_eq!(trust.warnings(NOW), [""; 0]);
}

#[test]
fn a_certificate_for_something_else_is_refused() {
    let (home, city) = (Home::new(), City::new("city"));
    let trust = home.trust(&[&city]);
    let with = |change: fn(&mut CertificateParams)| {
        let mut params = person("wang");
        change(&mut params);
        city.certify(&params)
    };
    for wrong in [
        with(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        with(|params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment]),
        with(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
    ] {
        assert_eq!(refusal(&trust, &wrong), CertificateRefusal::NotForClientLogin);
    }
    // RFC 5280, sections 4.2.1.3 and 4.2.1.12: without these extensions every use is meant.
    let any = with(|params| (params.key_usages, params.extended_key_usages) = (vec![], vec![]));
    trust.check(&[any], NOW).unwrap();
}

#[test]
fn keys_of_other_kinds_are_refused() {
    let (home, city) = (Home::new(), City::new("city"));
    let trust = home.trust(&[&city]);
    let with = |algorithm| person("wang").signed_by(&KeyPair::generate_for(algorithm).unwrap(), &city.issuer).unwrap().der().clone();
    assert_eq!(refusal(&trust, &with(&rcgen::PKCS_ED25519)), CertificateRefusal::WeakKey);
    trust.check(&[with(&rcgen::PKCS_ECDSA_P384_SHA384)], NOW).unwrap();
    for (bits, good) in [(1024, false), (2047, false), (2048, true), (4096, true), (8192, true), (8200, false)] {
        let leaf = person("wang").signed_by(&Rsa::new(bits), &city.issuer).unwrap().der().clone();
        assert_eq!(trust.check(std::slice::from_ref(&leaf), NOW).err(), (!good).then_some(CertificateRefusal::WeakKey), "{bits}");
    }
}

/// A public key of so many bits whose private one nobody has.
struct Rsa(Vec<u8>);

impl Rsa {
    fn new(bits: usize) -> Self {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] = if bits.is_multiple_of(8) { 0xff } else { 0xff >> (8 - bits % 8) };
        if modulus[0] >= 0x80 {
            modulus.insert(0, 0);
        }
        Self(der(0x30, &[der(0x02, &modulus), der(0x02, &[1, 0, 1])].concat()))
    }
}

impl rcgen::PublicKeyData for Rsa {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

/// Tag, length, content (X.690).
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut all = vec![tag];
    match length {
        0..128 => all.push(length as u8),
        128..256 => all.extend([0x81, length as u8]),
        _ => all.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    all.extend(content);
    all
}

#[test]
fn names_outside_the_authoritys_own_are_refused() {
    let home = Home::new();
    let mut params = City::params("city");
    let permitted = vec![GeneralSubtree::DnsName("city.example".into())];
    params.name_constraints = Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: vec![] });
    let city = City::of(params);
    let trust = home.trust(&[&city]);
    let named = |name: &str| {
        let mut params = person("wang");
        params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        city.certify(&params)
    };
    trust.check(&[named("pc.city.example")], NOW).unwrap();
    assert_eq!(refusal(&trust, &named("pc.other.example")), CertificateRefusal::NameNotPermitted);
}
