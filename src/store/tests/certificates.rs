//! Certificates of USB-KEYs and the tokens that they are on.

use super::*;
use crate::model::{Serial, TokenKind, TokenState};

fn serial(text: &str) -> Serial {
    Serial::parse(text).unwrap()
}

fn new(n: u8) -> NewCertificate {
    NewCertificate {
        token: TokenId::fresh(),
        fingerprint: [n; 32],
        number: format!("{n:02x}"),
        subject: "CN=wang".into(),
        issuer: "CN=city".into(),
        not_after: later(86_400),
        chain: None,
    }
}

/// As it was shown with that chain.
fn shown(token: TokenId, n: u8, chain: &[u8]) -> NewCertificate {
    NewCertificate { token, chain: Some(chain.into()), ..new(n) }
}

fn own(key: &[u8]) -> OwnCertificate<'_> {
    OwnCertificate { key, pem: "-----BEGIN CERTIFICATE-----" }
}

async fn issue(store: &Store, name: &str, account: AccountId, n: u8) -> CertificateChange {
    store.issue_certificate(&serial(name), account, &new(n), own(&[n]), NOW).await.unwrap()
}

async fn stored(store: &Store, n: u8) -> Option<StoredCertificate> {
    store.certificate([n; 32]).await.unwrap()
}

async fn revoked(store: &Store, now: Time) -> Vec<String> {
    store.revoked_certificates(now).await.unwrap().into_iter().map(|one| one.number).collect()
}

fn opens(found: &Option<StoredCertificate>) -> bool {
    found.as_ref().is_some_and(|found| found.state == TokenState::Active)
}

#[tokio::test]
async fn a_certificate_that_was_issued_opens_once_its_holder_has_shown_it() {
    let (_directory, store) = store().await;
    let (wang, _) = enrolled(&store, "wang", 1).await;
    let CertificateChange::Done { token, .. } = issue(&store, "UK-1", wang.id, 1).await else { panic!() };
    let issued = stored(&store, 1).await.unwrap();
    assert_eq!((issued.holder, issued.state, issued.serial.as_str()), (Some(wang.id), TokenState::Issued, "UK-1"));
    assert!(store.use_usb_key(&shown(token, 1, b"chain"), later(5)).await.unwrap());
    assert!(opens(&stored(&store, 1).await));
    assert_eq!(store.token(&serial("UK-1")).await.unwrap().unwrap().last_used, Some(later(5)));
    assert_eq!(stored(&store, 2).await, None);
    store.change_token(&serial("UK-1"), TokenState::Suspended, NOW).await.unwrap();
    assert!(!store.use_usb_key(&shown(token, 1, b"chain"), later(6)).await.unwrap());
}

#[tokio::test]
async fn a_certificate_is_registered_once_and_with_a_person_who_can_hold_it() {
    let (_directory, store) = store().await;
    let (wang, _) = enrolled(&store, "wang", 1).await;
    let (li, _) = enrolled(&store, "li", 2).await;
    assert!(store.register_certificate(&new(1), wang.id, NOW).await.unwrap());
    assert!(opens(&stored(&store, 1).await), "its key was shown");
    assert!(!store.register_certificate(&new(1), li.id, NOW).await.unwrap());
    assert!(!store.register_certificate(&new(2), AccountId::fresh(), NOW).await.unwrap());
    store.set_state(li.id, &[AccountState::Active], AccountState::Disabled).await.unwrap();
    assert!(!store.register_certificate(&new(3), li.id, NOW).await.unwrap());
    assert_eq!(stored(&store, 3).await, None);
}

#[tokio::test]
async fn a_certificate_that_was_superseded_or_revoked_counts_no_more_and_never_comes_back() {
    let (_directory, store) = store().await;
    let (wang, _) = enrolled(&store, "wang", 1).await;
    let CertificateChange::Done { token, .. } = issue(&store, "UK-1", wang.id, 1).await else { panic!() };
    assert!(store.use_usb_key(&shown(token, 1, b"chain"), NOW).await.unwrap());
    assert!(matches!(store.renew_certificate(&serial("uk-1"), &new(2), own(&[2]), NOW).await.unwrap(), CertificateChange::Done { .. }));
    assert_eq!(stored(&store, 1).await, None);
    assert_eq!(stored(&store, 2).await.unwrap().state, TokenState::Issued, "nobody has shown its other key yet");
    assert!(store.use_usb_key(&shown(token, 2, b"chain"), NOW).await.unwrap());
    assert!(opens(&stored(&store, 2).await));
    assert!(!store.register_certificate(&new(1), wang.id, NOW).await.unwrap(), "it was superseded");
    assert_eq!(store.renew_certificate(&serial("UK-1"), &new(1), own(&[1]), NOW).await.unwrap(), CertificateChange::Taken);
    assert!(opens(&stored(&store, 2).await), "a renewal that fails changes nothing");
    let done = CertificateChange::Done { token, ended: vec![] };
    assert_eq!(store.revoke_certificate(&serial("UK-1"), NOW).await.unwrap(), done);
    assert!(!opens(&stored(&store, 2).await));
    let again = store.revoke_certificate(&serial("UK-1"), NOW).await.unwrap();
    assert_eq!(again, CertificateChange::Not(TokenState::Active), "it has none that counts");
    assert_eq!(revoked(&store, NOW).await, ["01", "02"]);
    assert!(store.certified_key(&serial("UK-1")).await.unwrap().is_some());
    assert_eq!(store.certified_key(&serial("UK-2")).await.unwrap(), None);
    let listed = store.certificates().await.unwrap();
    assert!(listed.iter().all(|one| one.own && one.revoked.is_some() && one.holder.as_ref().is_some_and(|(id, _)| *id == wang.id)));
}

#[tokio::test]
async fn a_certificate_of_the_same_key_goes_on_where_the_one_before_it_ended() {
    let (_directory, store) = store().await;
    let (wang, _) = enrolled(&store, "wang", 1).await;
    let CertificateChange::Done { token, .. } = issue(&store, "UK-1", wang.id, 1).await else { panic!() };
    assert!(store.use_usb_key(&shown(token, 1, b"chain"), NOW).await.unwrap());
    store.renew_certificate(&serial("UK-1"), &new(2), own(&[1]), NOW).await.unwrap();
    assert!(opens(&stored(&store, 2).await));
}

#[tokio::test]
async fn the_list_of_the_revoked_follows_a_token_that_was_lost_and_forgets_what_has_expired() {
    let (_directory, store) = store().await;
    let (wang, _) = enrolled(&store, "wang", 1).await;
    issue(&store, "UK-1", wang.id, 1).await;
    let foreign = new(7);
    assert!(store.register_certificate(&foreign, wang.id, NOW).await.unwrap());
    assert_eq!(revoked(&store, NOW).await, [""; 0]);
    store.change_token(&serial("UK-1"), TokenState::Lost, later(1)).await.unwrap();
    store.change_token(&serial(&foreign.serial()), TokenState::Lost, later(1)).await.unwrap();
    let list = store.revoked_certificates(later(9)).await.unwrap();
    assert_eq!(list, [RevokedCertificate { number: "01".into(), at: later(1) }], "others keep their own lists");
    assert_eq!(revoked(&store, later(3 * 86_400)).await, [""; 0]);
    assert!(!opens(&stored(&store, 1).await));
}

#[tokio::test]
async fn only_a_usb_key_that_is_not_in_other_hands_is_given_a_certificate() {
    let (_directory, store) = store().await;
    let (wang, key) = enrolled(&store, "wang", 1).await;
    let (li, _) = enrolled(&store, "li", 2).await;
    let name = key.serial.as_str().to_owned();
    assert_eq!(issue(&store, &name, wang.id, 1).await, CertificateChange::NotOfThisKind(TokenKind::WebAuthn));
    assert!(matches!(issue(&store, "UK-1", wang.id, 1).await, CertificateChange::Done { .. }));
    assert_eq!(issue(&store, "UK-1", li.id, 2).await, CertificateChange::Not(TokenState::Issued));
    assert_eq!(issue(&store, "UK-2", li.id, 1).await, CertificateChange::Taken);
    assert_eq!(store.token(&serial("UK-2")).await.unwrap(), None, "all or nothing");
    assert_eq!(store.renew_certificate(&serial("UK-9"), &new(3), own(&[3]), NOW).await.unwrap(), CertificateChange::NoSuch);
    store.change_token(&serial("UK-1"), TokenState::Revoked, NOW).await.unwrap();
    assert_eq!(
        store.renew_certificate(&serial("UK-1"), &new(3), own(&[3]), NOW).await.unwrap(),
        CertificateChange::Not(TokenState::Revoked)
    );
}

#[tokio::test]
async fn the_certificate_that_counts_is_kept_as_it_was_issued_and_no_other_is_shown() {
    let (_directory, store) = store().await;
    let (wang, _) = enrolled(&store, "wang", 1).await;
    let in_force = async |name: &str| store.certificate_in_force(&serial(name)).await.unwrap();
    assert_eq!(in_force("UK-1").await, None);
    issue(&store, "UK-1", wang.id, 1).await;
    let second = OwnCertificate { key: &[2], pem: "second" };
    store.renew_certificate(&serial("UK-1"), &new(2), second, NOW).await.unwrap();
    let kept = CertificateInForce { number: "02".into(), not_after: later(86_400), pem: Some("second".into()) };
    assert_eq!(in_force("uk-1").await, Some(kept));
    let foreign = new(7);
    assert!(store.register_certificate(&foreign, wang.id, NOW).await.unwrap());
    assert_eq!(in_force(&foreign.serial()).await.and_then(|found| found.pem), None, "another authority issued it");
    store.revoke_certificate(&serial("UK-1"), NOW).await.unwrap();
    assert_eq!(in_force("UK-1").await, None);
    issue(&store, "UK-3", wang.id, 3).await;
    store.change_token(&serial("UK-3"), TokenState::Lost, NOW).await.unwrap();
    assert_eq!(in_force("UK-3").await, None);
}

#[tokio::test]
async fn of_a_certificate_the_chain_with_which_it_was_shown_last_is_kept_while_it_counts() {
    let (_directory, store) = store().await;
    let (wang, _) = enrolled(&store, "wang", 1).await;
    let CertificateChange::Done { token, .. } = issue(&store, "UK-1", wang.id, 1).await else { panic!() };
    let foreign = shown(TokenId::fresh(), 2, b"short");
    assert!(store.register_certificate(&foreign, wang.id, NOW).await.unwrap());
    let kept = async |token| store.last_shown(&[TokenId::fresh(), token]).await.unwrap().pop().map(|last| last.chain);
    assert_eq!(kept(token).await, Some(None), "it was issued and never shown");
    assert_eq!(kept(foreign.token).await, Some(Some(b"short".to_vec())));

    assert!(store.use_usb_key(&shown(token, 1, b"own"), NOW).await.unwrap());
    assert!(store.use_usb_key(&shown(foreign.token, 2, b"longer"), NOW).await.unwrap());
    let both = store.last_shown(&[token, foreign.token]).await.unwrap();
    assert_eq!(both.iter().map(|last| last.chain.clone().unwrap()).collect::<Vec<_>>(), [b"own".to_vec(), b"longer".to_vec()]);
    assert_eq!((both[0].serial.as_str(), both[0].not_after), ("UK-1", later(86_400)));

    store.change_token(&serial("UK-1"), TokenState::Suspended, NOW).await.unwrap();
    assert!(!store.use_usb_key(&shown(token, 1, b"other"), NOW).await.unwrap());
    assert_eq!(kept(token).await, Some(Some(b"own".to_vec())), "it opened nothing");
    store.change_token(&serial("UK-1"), TokenState::Active, NOW).await.unwrap();
    store.renew_certificate(&serial("UK-1"), &new(3), own(&[3]), NOW).await.unwrap();
    assert_eq!(kept(token).await, Some(None), "the one in its place was not shown yet");
    store.revoke_certificate(&serial("UK-1"), NOW).await.unwrap();
    assert_eq!(kept(token).await, None);
}
