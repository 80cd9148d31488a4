//! Certificates of the gateway's own authority, asked for at a terminal: a member's takes one administrator, a staff member's two.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use http::StatusCode;
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use yumen::model::{Action, Outcome, Role, Serial};

use crate::forms::text_of;
use crate::house::{House, PORTAL};
use crate::usb_key::certificate;

/// A terminal on the machine, which somebody has allowed.
struct Shell<'h> {
    house: &'h House,
    files: tempfile::TempDir,
}

impl Shell<'_> {
    async fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_yumen"));
        command.arg("token").args(words).arg("--data").arg(self.house.data.path());
        command.env("XDG_RUNTIME_DIR", self.files.path()).stdin(Stdio::null());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    async fn done(&self, words: &[&str]) -> String {
        let ended = self.run(words).await;
        assert!(ended.status.success(), "{words:?}: {ended:?}");
        String::from_utf8(ended.stdout).unwrap()
    }

    async fn refused(&self, words: &[&str]) -> String {
        let ended = self.run(words).await;
        assert!(!ended.status.success() && ended.stdout.is_empty(), "{words:?}: {ended:?}");
        String::from_utf8(ended.stderr).unwrap()
    }

    /// A request for a key that was made just now, and the digest by which people compare it.
    fn request(&self, name: &str) -> (PathBuf, Vec<u8>) {
        let key = KeyPair::generate().unwrap();
        let request = CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
        let path = self.files.path().join(name);
        std::fs::write(&path, request).unwrap();
        (path, key.subject_public_key_info())
    }

    fn file(&self, name: &str) -> String {
        self.files.path().join(name).to_str().unwrap().to_owned()
    }
}

fn digest(info: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(ring::digest::digest(&ring::digest::SHA256, info).as_ref())
}

/// Whose certificate it is, and of which key.
fn read(pem: &[u8]) -> (String, Vec<u8>) {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem).unwrap();
    let certificate = pem.parse_x509().unwrap();
    let name = certificate.subject().iter_common_name().next().unwrap().as_str().unwrap().to_owned();
    (name, certificate.public_key().raw.to_vec())
}

/// The address of the change that a verb told of.
fn address_in(said: &str) -> String {
    let (_, rest) = said.split_once(&format!("https://{PORTAL}/console/changes/")).unwrap_or_else(|| panic!("{said}"));
    let id = rest.split(|c: char| !c.is_ascii_hexdigit() && c != '-').next().unwrap();
    format!("https://{PORTAL}/console/changes/{id}")
}

fn words(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn at_a_terminal_a_staff_members_certificate_is_proposed_confirmed_by_another_one_and_fetched() {
    let house = House::open().await;
    let mut ada = house.signed_in("ada", Role::SecurityAdministrator).await;
    let mut bea = house.signed_in("bea", Role::SecurityAdministrator).await;
    house.enrolled("tan", Role::SystemAdministrator).await;
    house.enrolled("mia", Role::Member).await;
    let shell = Shell { house: &house, files: tempfile::tempdir().unwrap() };
    house.log_in_as(&mut ada, "ada", shell.files.path()).await;
    shell.done(&["create-authority"]).await;

    // A member's takes one, also where there are two.
    let (request, info) = shell.request("mia.csr");
    let hers = shell.done(&["issue-certificate", words(&request), "--account", "mia", "--serial", "UK-1"]).await;
    assert_eq!(read(hers.as_bytes()), ("mia".to_owned(), info));
    assert_eq!(shell.done(&["certificate", "UK-1"]).await, hers);

    let (request, info) = shell.request("tan.csr");
    let said = shell.refused(&["issue-certificate", words(&request), "--account", "tan", "--serial", "UK-2", "--days", "90"]).await;
    assert!(said.contains("takes two security administrators") && said.contains("yumen token certificate UK-2"), "{said}");
    assert!(said.contains(&digest(&info)), "{said}");
    let change = address_in(&said);
    let draft = ada.open(&change).await;
    let proposed = ada.use_key(&draft).await;
    assert_eq!(proposed.status, StatusCode::OK, "{}", proposed.text());
    assert!(shell.refused(&["certificate", "UK-2"]).await.contains("no certificate"));

    // Whoever confirms sees all that decides what will be done.
    let page = bea.open(&change).await;
    for shown in ["tan", "UK-2", &digest(&info), ">90<"] {
        assert!(page.text().contains(shown), "{shown}: {}", page.text());
    }
    let confirmed = bea.use_key(&page).await;
    assert_eq!(confirmed.status, StatusCode::OK, "{}", confirmed.text());
    let over = bea.open(&change).await;
    assert!(text_of(&over.text(), "change-closed").is_some(), "{}", over.text());
    let out = shell.file("tan.pem");
    shell.done(&["certificate", "UK-2", "--out", &out]).await;
    let first = std::fs::read(&out).unwrap();
    assert_eq!(read(&first), ("tan".to_owned(), info.clone()));
    let issued = house.events(Action::CertificateIssued, Outcome::Done).pop().unwrap();
    assert_eq!((issued.who.unwrap().name.as_str(), issued.details["proposed-by"].as_str()), ("bea", "ada"));

    // Another one for the same key, likewise; until it is confirmed the first one counts.
    let change = address_in(&shell.refused(&["renew-certificate", "UK-2"]).await);
    let page = ada.open(&change).await;
    ada.use_key(&page).await;
    assert_eq!(shell.done(&["certificate", "UK-2"]).await.into_bytes(), first);
    let page = bea.open(&change).await;
    assert!(page.text().contains(&digest(&info)) && page.text().contains(">365<"), "{}", page.text());
    bea.use_key(&page).await;
    let second = shell.done(&["certificate", "UK-2"]).await;
    assert_ne!(second.as_bytes(), first);
    assert_eq!(read(second.as_bytes()), ("tan".to_owned(), info));
    assert!(shell.refused(&["certificate", "UK-2", "--out", &out]).await.contains("is there already"));
    house.close().await;
}

#[tokio::test]
async fn a_certificate_that_was_proposed_and_rejected_is_never_made() {
    let house = House::open().await;
    let mut ada = house.signed_in("ada", Role::SecurityAdministrator).await;
    let mut bea = house.signed_in("bea", Role::SecurityAdministrator).await;
    house.enrolled("tan", Role::Auditor).await;
    let shell = Shell { house: &house, files: tempfile::tempdir().unwrap() };
    house.log_in_as(&mut ada, "ada", shell.files.path()).await;
    shell.done(&["create-authority"]).await;
    let (request, _) = shell.request("tan.csr");
    let asked = ["issue-certificate", words(&request), "--account", "tan", "--serial", "UK-2"];
    let change = address_in(&shell.refused(&asked).await);
    let page = ada.open(&change).await;
    ada.use_key(&page).await;
    let page = bea.open(&change).await;
    bea.submit(&page, &page.form("reject")).await;
    assert!(shell.refused(&["certificate", "UK-2"]).await.contains("no certificate"));
    assert_eq!(house.events(Action::CertificateIssued, Outcome::Done).len(), 0);
    // Nobody else is left to confirm what is about one of the two.
    let (request, _) = shell.request("bea.csr");
    let said = shell.refused(&["issue-certificate", words(&request), "--account", "bea", "--serial", "UK-3"]).await;
    assert!(said.contains("no other one who could confirm it"), "{said}");
    house.close().await;
}

#[tokio::test]
async fn while_there_is_one_security_administrator_alone_she_certifies_staff_and_the_record_says_so() {
    let house = House::open().await;
    let mut ada = house.signed_in("ada", Role::SecurityAdministrator).await;
    house.enrolled("tan", Role::Auditor).await;
    let shell = Shell { house: &house, files: tempfile::tempdir().unwrap() };
    house.log_in_as(&mut ada, "ada", shell.files.path()).await;
    shell.done(&["create-authority"]).await;
    let (request, info) = shell.request("tan.csr");
    let certificate = shell.done(&["issue-certificate", words(&request), "--account", "tan", "--serial", "UK-2"]).await;
    assert_eq!(read(certificate.as_bytes()), ("tan".to_owned(), info));
    assert_eq!(house.events(Action::CertificateIssued, Outcome::Done).pop().unwrap().details["alone"], "yes");
    house.close().await;
}

/// How many certificates stand on the list that the gateway publishes.
async fn on_the_list(house: &House) -> usize {
    let list = house.browser().open(&format!("https://{PORTAL}/crl/issuing-ca.crl")).await;
    let (_, list) = x509_parser::parse_x509_crl(&list.body).unwrap();
    list.iter_revoked_certificates().count()
}

#[tokio::test]
async fn a_certificate_stands_on_the_published_list_as_soon_as_its_token_is_lost_whoever_says_so() {
    let house = House::open().await;
    let mut ada = house.signed_in("ada", Role::SecurityAdministrator).await;
    let mut mia = house.signed_in("mia", Role::Member).await;
    let shell = Shell { house: &house, files: tempfile::tempdir().unwrap() };
    house.log_in_as(&mut ada, "ada", shell.files.path()).await;
    shell.done(&["create-authority"]).await;
    for serial in ["UK-1", "UK-2", "UK-3"] {
        let (request, _) = shell.request(&format!("{serial}.csr"));
        shell.done(&["issue-certificate", words(&request), "--account", "mia", "--serial", serial]).await;
    }
    assert_eq!(on_the_list(&house).await, 0);
    shell.done(&["lost", "UK-1"]).await;
    assert_eq!(on_the_list(&house).await, 1);

    let token = house.gateway().house().store.token(&Serial::parse("UK-2").unwrap()).await.unwrap().unwrap().id;
    assert!(house.gateway().house().store.use_usb_key(&certificate(token, house.clock.now()), house.clock.now()).await.unwrap());
    let page = mia.open(&format!("https://{PORTAL}/keys")).await;
    let page = mia.submit(&page, &page.form("/keys/lost").with("token", "UK-2")).await;
    let page = mia.use_key(&page).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    assert_eq!(on_the_list(&house).await, 2, "{}", page.text());

    let page = ada.open(&format!("https://{PORTAL}/console/tokens/UK-3/revoke")).await;
    let confirm = page.form("confirm");
    ada.submit(&page, &confirm).await;
    assert_eq!(on_the_list(&house).await, 3);
    house.close().await;
}
