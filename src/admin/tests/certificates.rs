//! Certificates of the gateway's own authority, from the first to the list of the revoked.

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::super::{Certified, Lacks, Proposal, TokenEnd, When};
use super::town::{Town, What, at, certificate};
use super::*;
use crate::model::{AccountId, PetitionId, Serial, TokenState};
use crate::pki::{AuthoritySource, CertificateRefusal, ClientTrust, Crls, IssuingFiles, Keeper, RequestedKey};
use crate::store::{NewCertificate, StoredCertificate};

/// 2027-01-15.
const WALL: Time = Time::from_millis(1_800_000_000_000);
const WHEN: When = When { now: NOW, wall: WALL };

/// A request that claims to be for somebody else.
pub(super) fn request() -> String {
    let params = CertificateParams::new(vec!["root.city.test".to_owned()]).unwrap();
    params.serialize_request(&KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()).unwrap().pem().unwrap()
}

struct Office {
    directory: tempfile::TempDir,
    desk: Desk,
    wang: AccountId,
}

impl Office {
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let desk = desk(directory.path()).await.issuing_from(IssuingFiles::new(directory.path()));
        let wang = desk.invite(&OFFICE, wang(), NOW).await.unwrap().account.id;
        desk.create_authority(&OFFICE, "Yumen token CA", WALL).await.unwrap();
        Self { directory, desk, wang }
    }

    async fn issue(&self, serial: &str) -> Result<Certified, AdminError> {
        self.desk.issue_certificate(&OFFICE, &self.serial(serial), &wang().name, &request(), 30, WHEN).await
    }

    fn serial(&self, text: &str) -> Serial {
        Serial::parse(text).unwrap()
    }

    fn check(&self, certified: &Certified) -> Result<[u8; 32], CertificateRefusal> {
        let files = IssuingFiles::new(self.directory.path());
        let trust = ClientTrust::load(&[AuthoritySource {
            name: "own".into(),
            certificates: files.certificate(),
            crls: Crls::Files(vec![files.list()]),
            units: None,
            hardware_only: false,
            rule: None,
            keeper: Keeper::Gateway,
        }]);
        let leaf = CertificateDer::from_pem_slice(certified.pem.as_bytes()).unwrap();
        trust.check(&[leaf], WALL).map(|trusted| trusted.fingerprint())
    }

    async fn stored(&self, certified: &Certified) -> Option<StoredCertificate> {
        let leaf = CertificateDer::from_pem_slice(certified.pem.as_bytes()).unwrap();
        self.desk.store.certificate(crate::crypto::sha256(&leaf)).await.unwrap()
    }
}

#[tokio::test]
async fn a_certificate_is_issued_to_a_person_by_her_tokens_serial_number_and_on_record() {
    let office = Office::open().await;
    let certified = office.issue("uk-1").await.unwrap();
    office.check(&certified).unwrap();
    let stored = office.stored(&certified).await.unwrap();
    assert_eq!((stored.serial.as_str(), stored.holder, stored.state), ("UK-1", Some(office.wang), TokenState::Issued));
    assert!(events(office.directory.path()).contains(&(Action::CertificateIssued, Outcome::Done)));
    assert!(matches!(office.issue("UK-1").await, Err(AdminError::WrongTokenState { .. })), "it is in her hands");
    let nobody = AccountName::parse("nobody").unwrap();
    let to_nobody = office.desk.issue_certificate(&OFFICE, &office.serial("UK-2"), &nobody, &request(), 30, WHEN).await;
    assert!(matches!(to_nobody, Err(AdminError::NoSuchAccount)));
    let broken = office.desk.issue_certificate(&OFFICE, &office.serial("UK-2"), &wang().name, "hello", 30, WHEN).await;
    assert!(matches!(broken, Err(AdminError::Pki(_))));
}

#[tokio::test]
async fn a_renewed_certificate_takes_the_place_of_the_one_before_with_the_same_key_or_another() {
    let office = Office::open().await;
    let first = office.issue("UK-1").await.unwrap();
    let serial = office.serial("UK-1");
    let second = office.desk.renew_certificate(&OFFICE, &serial, None, 30, WHEN).await.unwrap();
    let third = office.desk.renew_certificate(&OFFICE, &serial, Some(&request()), 30, WHEN).await.unwrap();
    for superseded in [&first, &second] {
        assert_eq!(office.check(superseded), Err(CertificateRefusal::Revoked));
        assert!(office.stored(superseded).await.is_none());
    }
    office.check(&third).unwrap();
    assert!(office.stored(&third).await.is_some());
    let unknown = office.desk.renew_certificate(&OFFICE, &office.serial("UK-9"), None, 30, WHEN).await;
    assert!(matches!(unknown, Err(AdminError::NoSuchToken(_))));
}

#[tokio::test]
async fn the_certificate_of_a_token_that_was_lost_or_revoked_stands_on_the_list_at_once() {
    let office = Office::open().await;
    let (lost, revoked, kept) =
        (office.issue("UK-1").await.unwrap(), office.issue("UK-2").await.unwrap(), office.issue("UK-3").await.unwrap());
    office.desk.revoke_certificate(&OFFICE, &office.serial("UK-2"), WHEN).await.unwrap();
    assert_eq!(office.check(&revoked), Err(CertificateRefusal::Revoked));
    office.desk.stop_token(&OFFICE, &office.serial("UK-1"), TokenEnd::Lost, WHEN).await.unwrap();
    assert_eq!(office.check(&lost), Err(CertificateRefusal::Revoked));
    office.check(&kept).unwrap();
    assert_eq!(office.desk.revocations().unwrap(), std::fs::read(IssuingFiles::new(office.directory.path()).list()).unwrap());
    let again = office.desk.revoke_certificate(&OFFICE, &office.serial("UK-2"), WHEN).await;
    assert!(matches!(again, Err(AdminError::WrongTokenState { .. })));
}

#[tokio::test]
async fn without_an_authority_nothing_is_issued() {
    let directory = tempfile::tempdir().unwrap();
    let desk = desk(directory.path()).await.issuing_from(IssuingFiles::new(directory.path()));
    desk.invite(&OFFICE, wang(), NOW).await.unwrap();
    let serial = Serial::parse("UK-1").unwrap();
    let issued = desk.issue_certificate(&OFFICE, &serial, &wang().name, &request(), 30, WHEN).await;
    assert!(matches!(issued, Err(AdminError::NoAuthority)));
    assert_eq!(desk.revocations(), None);
    desk.publish_revocations(WALL).await.unwrap();
}

#[tokio::test]
async fn the_certificate_that_counts_is_fetched_as_it_was_issued_and_none_that_counts_no_more() {
    let office = Office::open().await;
    let serial = office.serial("UK-1");
    let fetch = async || office.desk.certificate(&OFFICE, &serial).await;
    assert!(matches!(fetch().await, Err(AdminError::NoCertificate(_))));
    let first = office.issue("UK-1").await.unwrap();
    assert_eq!((fetch().await.unwrap().pem, fetch().await.unwrap().not_after), (first.pem, first.not_after));
    let second = office.desk.renew_certificate(&OFFICE, &serial, None, 30, WHEN).await.unwrap();
    assert_eq!(fetch().await.unwrap().pem, second.pem);
    office.desk.revoke_certificate(&OFFICE, &serial, WHEN).await.unwrap();
    assert!(matches!(fetch().await, Err(AdminError::NoCertificateInForce(_))));
}

async fn proposal(town: &Town, id: PetitionId) -> Proposal {
    town.desk.petition(&town.actor("ada"), id).await.unwrap().proposal
}

#[tokio::test]
async fn a_staff_members_certificate_is_of_the_key_and_the_days_that_were_shown_and_is_signed_when_another_one_confirms() {
    let town = Town::of(&["ada", "bea"]).await;
    let (request, tan, serial) = (request(), AccountName::parse("tan").unwrap(), Serial::parse("U1").unwrap());
    let (ada, asked) = (town.actor("ada"), RequestedKey::of_request(&request).unwrap());
    let Err(AdminError::Proposed(draft)) = town.desk.issue_certificate(&ada, &serial, &tan, &request, 90_000, at(NOW)).await else {
        panic!("it takes two")
    };
    let Proposal::IssueCertificate { to, key, days, .. } = proposal(&town, draft.id).await else { panic!("another change") };
    assert_eq!((to.name, key.digest(), days), (tan, asked.digest().as_str(), crate::pki::MOST_DAYS));
    town.propose("ada", draft.id, NOW).await.unwrap();
    assert!(matches!(town.confirm("ada", draft.id, NOW).await, Err(AdminError::OwnPetition)));
    assert!(matches!(town.desk.certificate(&ada, &serial).await, Err(AdminError::NoCertificate(_))), "it is not made yet");
    town.confirm("bea", draft.id, NOW).await.unwrap();
    let certified = town.desk.certificate(&ada, &serial).await.unwrap();
    let der = CertificateDer::from_pem_slice(certified.pem.as_bytes()).unwrap();
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
    assert_eq!(certificate.public_key().raw, asked.info());
    assert!(certificate.subject().to_string().contains("CN=tan"), "{}", certificate.subject());
    let days = certified.not_after.since(NOW).as_secs() / 86_400;
    assert!((u64::from(crate::pki::MOST_DAYS)..=u64::from(crate::pki::MOST_DAYS) + 2).contains(&days), "{days}");
    let record = town.recorded(Action::ChangeConfirmed, Outcome::Done).await.pop().unwrap();
    assert_eq!((record.details["key"].clone(), record.details["serial"].as_str()), (asked.digest(), "U1"));
}

#[tokio::test]
async fn a_proposal_whose_digest_is_not_its_keys_is_not_carried_out() {
    let town = Town::of(&["ada", "bea"]).await;
    let id = town.proposed("ada", What::Renew("U2")).await;
    let shown = proposal(&town, id).await;
    let stands = async |shown: &Proposal| town.desk.still_stands(shown, NOW).await;
    stands(&shown).await.unwrap();
    let other = RequestedKey::of_request(&request()).unwrap();
    for (field, value) in [("digest", other.digest()), ("info", data_encoding::HEXLOWER.encode(other.info()))] {
        let mut altered = serde_json::to_value(&shown).unwrap();
        altered["key"][field] = value.into();
        let changed = stands(&serde_json::from_value(altered).unwrap()).await;
        assert!(matches!(changed, Err(AdminError::ChangedMeanwhile)), "{field}");
    }
}

#[tokio::test]
async fn what_could_not_be_certified_is_not_proposed_either() {
    let town = Town::of(&["ada", "bea"]).await;
    let ask = async |what| town.ask("ada", what).await;
    assert!(matches!(ask(What::Certify("F1", "tan")).await, Err(AdminError::NoUsbKey { .. })));
    assert!(matches!(ask(What::Certify("U3", "tan")).await, Err(AdminError::WrongTokenState { .. })), "it is in mia's hands");
    assert!(matches!(ask(What::Certify("U1", "sun")).await, Err(AdminError::NoHolder)));
    assert!(matches!(ask(What::Renew("U1")).await, Err(AdminError::NoSuchToken(_))));
    assert!(matches!(ask(What::Certify("U1", "ada")).await, Err(AdminError::ConcernsYou)));
    town.desk.stop_token(&OFFICE, &Serial::parse("U2").unwrap(), TokenEnd::Lost, at(NOW)).await.unwrap();
    assert!(matches!(ask(What::Renew("U2")).await, Err(AdminError::WrongTokenState { .. })));
    std::fs::remove_file(IssuingFiles::new(town.directory.path()).certificate()).unwrap();
    assert!(matches!(ask(What::Certify("U1", "tan")).await, Err(AdminError::NoAuthority)));
    assert_eq!(town.recorded(Action::ChangeProposed, Outcome::Done).await.len(), 0);
}

/// The numbers on the list that was published last.
fn listed(desk: &Desk) -> Vec<String> {
    let list = desk.revocations().unwrap();
    let (_, list) = x509_parser::parse_x509_crl(&list).unwrap();
    list.iter_revoked_certificates().map(|revoked| revoked.raw_serial_as_string()).collect()
}

#[tokio::test]
async fn what_ends_with_a_recovery_stands_on_the_list_at_once_and_what_is_suspended_does_not() {
    for lacks in [Lacks::Token, Lacks::Both] {
        let town = Town::of(&["ada", "bea"]).await;
        let serial = Serial::parse("U2").unwrap();
        let token = town.desk.store.token(&serial).await.unwrap().unwrap().id;
        let shown = NewCertificate { token, ..certificate(2) };
        assert!(town.desk.store.use_usb_key(&shown, NOW).await.unwrap());
        town.desk.stop_token(&OFFICE, &serial, TokenEnd::ForNow, at(NOW)).await.unwrap();
        assert_eq!(listed(&town.desk), [""; 0], "it may come back");
        let id = town.proposed("ada", What::Lacks("tan", lacks)).await;
        assert_eq!(listed(&town.desk), [""; 0], "nothing is done yet");
        town.confirm("bea", id, NOW).await.unwrap();
        assert_eq!(listed(&town.desk), ["02"], "{lacks:?}");
    }
}

#[tokio::test]
async fn what_ends_with_a_recovery_at_the_machine_stands_on_the_list_at_once() {
    let town = Town::of(&["ada"]).await;
    let (ada, serial) = (AccountName::parse("ada").unwrap(), Serial::parse("U1").unwrap());
    town.desk.issue_certificate(&town.actor("ada"), &serial, &ada, &request(), 30, at(NOW)).await.unwrap();
    let number = town.desk.store.certificate_in_force(&serial).await.unwrap().unwrap().number;
    let token = town.desk.store.token(&serial).await.unwrap().unwrap().id;
    assert!(town.desk.store.use_usb_key(&NewCertificate { token, ..certificate(2) }, NOW).await.unwrap());
    town.desk.recover(&MACHINE, &ada, at(NOW)).await.unwrap();
    assert_eq!(listed(&town.desk).iter().map(|one| one.replace(':', "")).collect::<Vec<_>>(), [number]);
}
