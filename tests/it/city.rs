//! A city that hands out USB-KEYs: its authority, its list of what it revoked, and certificates of every kind.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::ClientConfig;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tempfile::TempDir;

use crate::house::KEY;

pub struct City {
    files: TempDir,
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, as it is on a token.
pub struct Card {
    pub certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl City {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "city");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2060, 1, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let city = Self { files: tempfile::tempdir().unwrap(), certificate, issuer: Issuer::new(params, key) };
        std::fs::write(city.file("city.pem"), city.certificate.pem()).unwrap();
        city.revoke(&[]);
        city
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Publishes the list of these serial numbers.
    pub fn revoke(&self, numbers: &[u64]) {
        self.publish(numbers, 2050);
    }

    /// The list is out of date.
    pub fn forget_the_list(&self) {
        self.publish(&[], 2021);
    }

    /// The file of its own certificate is there only in part.
    pub fn lose_the_certificate(&self) {
        std::fs::write(self.file("city.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    }

    fn publish(&self, numbers: &[u64], next: i32) {
        let revoked = |number: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*number),
            revocation_time: date_time_ymd(2020, 1, 2),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(next, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: numbers.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let new = self.file("new.crl");
        std::fs::write(&new, list.signed_by(&self.issuer).unwrap().der()).unwrap();
        std::fs::rename(new, self.file("city.crl")).unwrap();
    }

    /// Lines at the top of a config that believes this city; `more` about the authority.
    pub fn config(&self, more: &str) -> String {
        let (certificates, list) = (self.file("city.pem"), self.file("city.crl"));
        format!(
            "[usb_keys]\nhost = \"{KEY}\"\n[[usb_keys.authorities]]\nname = \"city\"\ncertificates = \"{}\"\ncrls = [\"{}\"]\n\
             match = \"common-name\"\n{more}\n",
            certificates.display(),
            list.display()
        )
    }

    /// A card in which all is well.
    pub fn card(&self, name: &str, number: u64) -> Card {
        self.card_with(name, number, |_| {})
    }

    pub fn card_with(&self, name: &str, number: u64, change: impl FnOnce(&mut CertificateParams)) -> Card {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.serial_number = Some(SerialNumber::from(number));
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2060, 1, 1));
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Card { certificate, key: key.serialize_der() }
    }
}

impl Card {
    /// The client of `tls` with this card plugged in.
    pub fn in_client(&self, tls: &ClientConfig) -> Arc<ClientConfig> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.clone()));
        let certified = CertifiedKey::new(vec![self.certificate.clone()], any_supported_type(&key).unwrap());
        let mut tls = tls.clone();
        tls.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        Arc::new(tls)
    }
}
