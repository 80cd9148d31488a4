//! Every input that fuzzing has kept, through the function that it was found for: what was mended stays so, without cargo fuzz.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use yumen::auth::Authenticators;
use yumen::clock::Time;
use yumen::model::{Account, AccountId, AccountName, AccountState, Role, Serial, TokenId, UnitName};
use yumen::store::StoredKey;

use crate::browser::Browser;

#[path = "../../fuzz/src/lib.rs"]
mod targets;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn names_in(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fuzz().join(folder)).unwrap();
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_committed_input_passes_its_target() {
    for (name, run) in targets::TARGETS {
        let mut files: Vec<_> = fs::read_dir(fuzz().join("corpus").join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 5, "{name} has only {} inputs", files.len());
        for file in files {
            let bytes = fs::read(&file).unwrap();
            let passed = std::panic::catch_unwind(|| run(&bytes));
            assert!(passed.is_ok(), "{} fails", file.display());
        }
    }
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let targets: BTreeSet<String> = targets::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names_in("corpus"), targets);
    assert_eq!(names_in("fuzz_targets"), targets);
    let manifest: toml::Table = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap().parse().unwrap();
    let programs = manifest["bin"].as_array().unwrap().iter().map(|bin| bin["name"].as_str().unwrap().to_owned());
    assert_eq!(programs.collect::<BTreeSet<_>>(), targets);
}

#[test]
fn the_recorded_ceremonies_are_right_so_that_what_is_near_them_is_tried() {
    assert!(targets::webauthn::accepts_what_was_recorded());
}

#[test]
#[ignore = "writes fuzz/src/webauthn.json and its inputs anew, for when the states of a ceremony change their form"]
fn record_the_ceremonies() {
    let origin = targets::webauthn::ORIGIN;
    let authenticators = Authenticators::new("gate.example.cn", &origin.parse().unwrap(), "Yumen").unwrap();
    let (id, created) = (AccountId::fresh(), Time::from_millis(0));
    let (name, unit) = (AccountName::parse("wang").unwrap(), UnitName::parse("u").unwrap());
    let account = Account { id, name, unit, role: Role::Member, email: None, state: AccountState::Active, created };
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let mut browser = Browser::new("127.0.0.1:1".parse().unwrap(), tls.into());

    let (options, registration_state) = authenticators.registration(&account, &[]).unwrap();
    let registration = browser.credential(&options["publicKey"], origin).to_string();
    let new = authenticators.register(&registration_state, &registration, "", created).unwrap();
    let (key, passkey) = (TokenId::fresh(), new.passkey.clone());
    let credential = new.credential;
    let stored = StoredKey {
        id: key,
        serial: Serial::parse("K-1").unwrap(),
        account: id,
        credential,
        passkey,
        counter: 0,
        label: String::new(),
        attestation: new.attestation,
        added: created,
        last_used: None,
    };
    let (options, authentication_state) = authenticators.authentication(&[stored]).unwrap();
    let authentication = browser.credential(&options["publicKey"], origin).to_string();
    let (_, discovery_state) = authenticators.discovery().unwrap();

    for (file, step, answer) in
        [("registration", "r", &registration), ("authentication", "a", &authentication), ("discovery", "d", &authentication)]
    {
        fs::create_dir_all(fuzz().join("corpus/webauthn")).unwrap();
        fs::write(fuzz().join("corpus/webauthn").join(file), format!("{step}{answer}")).unwrap();
    }
    let recorded = json!({
        "account": id.to_string(),
        "passkey": new.passkey,
        "registration_state": registration_state,
        "registration": registration,
        "authentication_state": authentication_state,
        "authentication": authentication,
        "discovery_state": discovery_state,
    });
    fs::write(fuzz().join("src/webauthn.json"), format!("{recorded:#}\n")).unwrap();
}
