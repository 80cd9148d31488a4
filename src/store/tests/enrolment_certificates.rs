//! USB-KEYs that are shown in an enrolment.

use super::*;
use crate::model::{Serial, TokenState};

const BROWSER: TokenHash = TokenHash([77; 32]);

fn certificate(n: u8) -> NewCertificate {
    NewCertificate {
        token: TokenId::fresh(),
        fingerprint: [n; 32],
        number: format!("{n:02x}"),
        subject: format!("CN=holder {n}"),
        issuer: "CN=city".into(),
        not_after: later(86_400),
        chain: None,
    }
}

fn serial(text: &str) -> Serial {
    Serial::parse(text).unwrap()
}

/// Somebody whose browser has opened her invitation and chosen a password.
async fn invited(store: &Store, role: Role) -> Account {
    let account = store.invite(&Account { role, ..account("wang") }, hash(1), later(900)).await.unwrap();
    store.begin_enrolment(hash(1), BROWSER, NOW).await.unwrap().unwrap();
    assert!(store.save_enrolment_password(BROWSER, "$argon2id$test", NOW).await.unwrap());
    account
}

async fn show(store: &Store, new: &NewCertificate, is_hardware_only: bool) -> Option<KeyAddition> {
    store.show_enrolment_certificate(BROWSER, new, is_hardware_only, NOW).await.unwrap()
}

async fn shown(store: &Store) -> Option<EnrolmentUsbKey> {
    store.enrolment(BROWSER, NOW).await.unwrap().unwrap().usb_key
}

async fn complete(store: &Store) -> Completion {
    store.complete_enrolment(BROWSER, later(5)).await.unwrap()
}

async fn issue(store: &Store, name: &str, account: AccountId, n: u8) {
    let issued =
        store.issue_certificate(&serial(name), account, &certificate(n), OwnCertificate { key: &[n], pem: "" }, NOW).await.unwrap();
    assert!(matches!(issued, CertificateChange::Done { .. }), "{issued:?}");
}

#[tokio::test]
async fn a_usb_key_that_was_shown_is_its_holders_once_the_enrolment_completes_and_not_before() {
    let (_directory, store) = store().await;
    let wang = invited(&store, Role::Member).await;
    assert_eq!(complete(&store).await, Completion::Unfinished);
    assert_eq!(show(&store, &certificate(1), false).await, Some(KeyAddition::Added));
    let kept = shown(&store).await.unwrap();
    assert_eq!((kept.serial.as_str(), kept.subject.as_str()), ("C-010101010101", "CN=holder 1"));
    assert_eq!(store.certificate([1; 32]).await.unwrap(), None, "it opens nothing for whoever stole the link");
    assert!(matches!(complete(&store).await, Completion::Done(done) if done.id == wang.id));
    let stored = store.certificate([1; 32]).await.unwrap().unwrap();
    assert_eq!((stored.holder, stored.state, stored.serial), (Some(wang.id), TokenState::Active, serial("C-010101010101")));
    assert_eq!(store.tokens_of(wang.id).await.unwrap()[0].last_used, Some(later(5)));
    assert_eq!(show(&store, &certificate(2), true).await, None, "the enrolment is over");
}

#[tokio::test]
async fn the_usb_key_that_was_shown_last_is_the_one_that_counts() {
    let (_directory, store) = store().await;
    let wang = invited(&store, Role::Member).await;
    for n in [1, 2] {
        assert_eq!(show(&store, &certificate(n), true).await, Some(KeyAddition::Added));
    }
    assert!(matches!(complete(&store).await, Completion::Done(_)));
    assert_eq!(store.certificate([1; 32]).await.unwrap(), None);
    assert_eq!(store.certificate([2; 32]).await.unwrap().unwrap().holder, Some(wang.id));
    assert_eq!(store.tokens_of(wang.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn staff_enrol_with_a_key_that_lies_in_hardware_alone() {
    let (_directory, store) = store().await;
    invited(&store, Role::Auditor).await;
    show(&store, &certificate(1), false).await;
    assert_eq!(complete(&store).await, Completion::Unfinished, "a key that may be a file makes nobody staff");
    show(&store, &certificate(2), true).await;
    assert!(matches!(complete(&store).await, Completion::Done(_)));
}

#[tokio::test]
async fn a_usb_key_that_was_issued_to_her_keeps_its_serial_number_and_becomes_active() {
    let (_directory, store) = store().await;
    let wang = invited(&store, Role::Member).await;
    issue(&store, "UK-1", wang.id, 1).await;
    assert_eq!(show(&store, &certificate(1), true).await, Some(KeyAddition::Added));
    assert_eq!(shown(&store).await.unwrap().serial, serial("UK-1"));
    assert_eq!(store.token(&serial("UK-1")).await.unwrap().unwrap().state, TokenState::Issued);
    assert!(matches!(complete(&store).await, Completion::Done(_)));
    let held = store.tokens_of(wang.id).await.unwrap();
    assert_eq!((held.len(), &held[0].serial, held[0].state), (1, &serial("UK-1"), TokenState::Active));
}

#[tokio::test]
async fn a_certificate_that_is_somebody_elses_or_counts_no_more_cannot_be_shown() {
    let (_directory, store) = store().await;
    let (li, _) = enrolled(&store, "li", 9).await;
    let wang = invited(&store, Role::Member).await;
    assert!(store.register_certificate(&certificate(1), li.id, NOW).await.unwrap());
    issue(&store, "UK-2", li.id, 2).await;
    issue(&store, "UK-3", wang.id, 3).await;
    store.renew_certificate(&serial("UK-3"), &certificate(4), OwnCertificate { key: &[4], pem: "" }, NOW).await.unwrap();
    issue(&store, "UK-5", wang.id, 5).await;
    store.change_token(&serial("UK-5"), TokenState::Lost, NOW).await.unwrap();
    for n in [1, 2, 3, 5] {
        assert_eq!(show(&store, &certificate(n), true).await, Some(KeyAddition::Taken), "{n}");
    }
    assert_eq!(shown(&store).await, None);
    assert_eq!(show(&store, &certificate(4), true).await, Some(KeyAddition::Added), "the renewed one is hers");
}

#[tokio::test]
async fn what_was_taken_meanwhile_completes_nothing_and_leaves_room_for_another() {
    let (_directory, store) = store().await;
    let (li, _) = enrolled(&store, "li", 9).await;
    let wang = invited(&store, Role::Member).await;
    show(&store, &certificate(1), true).await;
    assert!(store.register_certificate(&certificate(1), li.id, NOW).await.unwrap());
    assert_eq!(complete(&store).await, Completion::UsbKeyTaken);
    assert_eq!(store.account(wang.id).await.unwrap().unwrap().state, AccountState::Invited, "all or nothing");
    assert_eq!(shown(&store).await, None);
    issue(&store, "UK-2", wang.id, 2).await;
    show(&store, &certificate(2), true).await;
    store.change_token(&serial("UK-2"), TokenState::Revoked, NOW).await.unwrap();
    assert_eq!(complete(&store).await, Completion::UsbKeyTaken);
    show(&store, &certificate(3), true).await;
    assert!(matches!(complete(&store).await, Completion::Done(_)));
    assert_eq!(store.certificate([1; 32]).await.unwrap().unwrap().holder, Some(li.id));
}
