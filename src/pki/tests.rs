use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::extensions::{GeneralName, ParsedExtension};

use super::load::parse;
use super::*;
use crate::clock::Time;
use crate::crypto::tls_provider;

const START: Time = Time::from_millis(1_795_316_645_678);
const DAY: Duration = Duration::from_secs(86_400);

fn first(path: &Path) -> CertificateDer<'static> {
    load_chain(path).unwrap().remove(0)
}

#[test]
fn the_authority_is_kept_from_start_to_start_and_its_key_is_the_owners_alone() {
    let home = tempfile::tempdir().unwrap();
    let made = DevelopmentCa::open(home.path(), START).unwrap();
    let before = fs::read(made.certificate()).unwrap();
    DevelopmentCa::open(home.path(), START.plus(DAY)).unwrap();
    assert_eq!(fs::read(made.certificate()).unwrap(), before);
    assert_eq!(fs::metadata(home.path().join("ca.key")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_authority_about_to_end_is_made_anew_with_all_it_issued() {
    let home = tempfile::tempdir().unwrap();
    let old = DevelopmentCa::open(home.path(), START).unwrap();
    let issued = old.issue(&["gate.localhost"], START).unwrap();
    let (old_ca, old_leaf) = (first(&old.certificate()), first(&issued.chain));
    let later = START.plus(DAY * 720);
    let new = DevelopmentCa::open(home.path(), later).unwrap();
    assert_ne!(first(&new.certificate()), old_ca);
    new.issue(&["gate.localhost"], later).unwrap();
    assert_ne!(first(&issued.chain), old_leaf);
}

#[test]
fn the_authority_may_speak_for_localhost_only() {
    let home = tempfile::tempdir().unwrap();
    let ca = DevelopmentCa::open(home.path(), START).unwrap();
    let der = first(&ca.certificate());
    let parsed = parse(&der).unwrap();
    let constraints = parsed.extensions().iter().find(|e| matches!(e.parsed_extension(), ParsedExtension::NameConstraints(_))).unwrap();
    assert!(constraints.critical);
    let ParsedExtension::NameConstraints(names) = constraints.parsed_extension() else { panic!() };
    let permitted = names.permitted_subtrees.as_ref().unwrap();
    assert!(matches!(permitted[..], [ref only] if only.base == GeneralName::DNSName("localhost")));
    let usage = parsed.key_usage().unwrap().unwrap().value;
    assert!(usage.key_cert_sign() && !usage.digital_signature());
    assert!(parsed.is_ca());
}

fn verify(ca: &Path, leaf: &Path, host: &str) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(first(ca)).unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), tls_provider()).build().unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_millis(START.millis().unsigned_abs()));
    verifier.verify_server_cert(&first(leaf), &[], &ServerName::try_from(host.to_owned()).unwrap(), &[], now).map(drop)
}

#[test]
fn what_it_issues_is_good_for_its_own_hosts_and_for_no_other() {
    let home = tempfile::tempdir().unwrap();
    let ca = DevelopmentCa::open(home.path(), START).unwrap();
    let issued = ca.issue(&["gate.localhost", "sites.localhost"], START).unwrap();
    assert_eq!(dns_names(&first(&issued.chain)).unwrap(), ["gate.localhost", "sites.localhost"]);
    verify(&ca.certificate(), &issued.chain, "sites.localhost").unwrap();
    verify(&ca.certificate(), &issued.chain, "other.localhost").unwrap_err();
    let outside = ca.issue(&["bank.example"], START).unwrap();
    verify(&ca.certificate(), &outside.chain, "bank.example").unwrap_err();
}

#[test]
fn a_server_certificate_is_kept_while_it_fits_and_renewed_before_it_ends() {
    let home = tempfile::tempdir().unwrap();
    let ca = DevelopmentCa::open(home.path(), START).unwrap();
    let issued = ca.issue(&["a.localhost"], START).unwrap();
    let before = first(&issued.chain);
    let length = not_after(&before).unwrap().since(START);
    assert!(length < DAY * 397 && length > DAY * 390);

    ca.issue(&["a.localhost"], START.plus(DAY * 300)).unwrap();
    assert_eq!(first(&issued.chain), before);
    ca.issue(&["a.localhost", "b.localhost"], START).unwrap();
    let wider = first(&issued.chain);
    assert_ne!(wider, before, "another name was asked for");
    ca.issue(&["a.localhost", "b.localhost"], START.plus(DAY * 370)).unwrap();
    assert_ne!(first(&issued.chain), wider, "less than 30 days remained");
}

#[test]
fn a_key_is_taken_only_with_its_own_certificate() {
    let home = tempfile::tempdir().unwrap();
    let ca = DevelopmentCa::open(home.path(), START).unwrap();
    let a = ca.issue(&["a.localhost"], START).unwrap();
    let b = ca.issue(&["b.localhost"], START).unwrap();
    load_pair(&a.chain, &a.key).unwrap();
    assert!(matches!(load_pair(&a.chain, &b.key), Err(PkiError::KeysDiffer)));
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_what_was_found_in_it() {
    let home = tempfile::tempdir().unwrap();
    let ca = DevelopmentCa::open(home.path(), START).unwrap();
    let says = |error: PkiError, parts: &[&str]| {
        let text = error.to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    };
    says(load_chain(&home.path().join("none.pem")).unwrap_err(), &["none.pem", "cannot be read: no such file or directory"]);
    says(load_chain(&home.path().join("ca.key")).unwrap_err(), &["ca.key", "no certificate", "PRIVATE KEY"]);
    says(load_key(&ca.certificate()).unwrap_err(), &["ca.pem", "no such key", "CERTIFICATE"]);
    let junk = home.path().join("junk.pem");
    fs::write(&junk, "hello").unwrap();
    says(load_key(&junk).unwrap_err(), &["junk.pem", "no PEM section"]);
    fs::write(&junk, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    says(load_chain(&junk).unwrap_err(), &["junk.pem", "certificate 1 in it is damaged"]);
    fs::write(home.path().join("ca.key"), "x").unwrap();
    says(DevelopmentCa::open(home.path(), START).err().unwrap(), &["ca.key"]);
}

#[test]
fn an_authority_beside_a_foreign_key_is_refused() {
    let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    DevelopmentCa::open(home.path(), START).unwrap();
    DevelopmentCa::open(other.path(), START).unwrap();
    fs::copy(other.path().join("ca.key"), home.path().join("ca.key")).unwrap();
    assert!(matches!(DevelopmentCa::open(home.path(), START), Err(PkiError::ForeignAuthority { .. })));
}

#[test]
fn an_upstream_is_spoken_to_with_its_own_authority_and_http_1_only() {
    let home = tempfile::tempdir().unwrap();
    let ca = DevelopmentCa::open(home.path(), START).unwrap();
    let issued = ca.issue(&["client.localhost"], START).unwrap();
    let config = upstream_client_config(Some(&ca.certificate()), Some((&issued.chain, &issued.key))).unwrap();
    assert_eq!(config.alpn_protocols, [b"http/1.1".to_vec()]);
    assert!(config.client_auth_cert_resolver.has_certs());
    assert!(!upstream_client_config(Some(&ca.certificate()), None).unwrap().client_auth_cert_resolver.has_certs());
    upstream_client_config(Some(&issued.key), None).unwrap_err();
}

/// NSS is what Chromium on Linux asks for its authorities.
#[test]
fn nss_accepts_the_authority_and_what_it_issues() {
    let home = tempfile::tempdir().unwrap();
    let now = crate::clock::Clock::machine().now();
    let ca = DevelopmentCa::open(home.path(), now).unwrap();
    let issued = ca.issue(&["gate.localhost"], now).unwrap();
    let database = format!("sql:{}", home.path().display());
    let certutil = |arguments: &[&str]| Command::new("certutil").args(["-d", &database]).args(arguments).output();
    let Ok(made) = certutil(&["-N", "--empty-password"]) else { return };
    assert!(made.status.success());
    for (name, trust, file) in [("ca", "C,,", ca.certificate()), ("leaf", ",,", issued.chain)] {
        assert!(certutil(&["-A", "-n", name, "-t", trust, "-i", file.to_str().unwrap()]).unwrap().status.success());
    }
    let judged = certutil(&["-V", "-n", "leaf", "-u", "V"]).unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
}
