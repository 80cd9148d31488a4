//! A USB-KEY that is shown behind an invitation.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};

use super::super::fixture::{Device, PASSWORD, World, browser};
use super::super::*;
use crate::crypto::Token;
use crate::model::{Account, AccountState, Factor, Role, Serial, TokenState, UnitName};
use crate::pki::{AuthoritySource, ClientTrust, Crls, Keeper, MatchingRule, TrustedCertificate};
use crate::store::{NewCertificate, OwnCertificate};

const BACK: &str = "/enrol/usb-key/finish";

/// An authority that certifies for people.
struct City {
    issuer: CertifiedIssuer<'static, KeyPair>,
    source: AuthoritySource,
    _files: tempfile::TempDir,
}

impl City {
    fn new() -> Self {
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, "city");
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let files = tempfile::tempdir().unwrap();
        let certificates = files.path().join("city.pem");
        std::fs::write(&certificates, issuer.pem()).unwrap();
        let source = AuthoritySource {
            name: "city".into(),
            certificates,
            crls: Crls::NoneKept,
            units: None,
            hardware_only: false,
            rule: None,
            keeper: Keeper::Others,
        };
        Self { issuer, source, _files: files }
    }

    fn hardware_only() -> Self {
        let mut city = Self::new();
        city.source.hardware_only = true;
        city
    }

    fn card(&self, world: &World, name: &str) -> TrustedCertificate {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2060, 1, 1));
        let leaf = params.signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap();
        ClientTrust::load(std::slice::from_ref(&self.source)).check(&[leaf.der().clone()], world.now()).unwrap()
    }
}

/// Somebody who has chosen her password.
async fn begun(world: &World, name: &str, role: Role) -> (Token, Account) {
    let invitation = world.invite(name, role).await;
    let (browser, enrolment) = world.auth.enrolment.open(&invitation, world.now()).await.unwrap();
    world.auth.enrolment.set_password(&browser, PASSWORD, world.now()).await.unwrap();
    (browser, enrolment.account)
}

async fn asked(world: &World, browser: &Token, account: &Account) -> UsbKeyRequest {
    let keys = &world.auth.usb_keys;
    let id = keys.ask(browser.hash(), Some(account.id), ShownFor::Enrolment, BACK, "en", world.now()).await.unwrap();
    keys.request(&id, world.now()).await.unwrap().unwrap()
}

/// The host that asks for certificates looks at it; the code that goes back with her.
async fn show(world: &World, browser: &Token, account: &Account, card: &TrustedCertificate) -> Result<Token, NotHers> {
    let request = asked(world, browser, account).await;
    let held = world.auth.usb_keys.whose(&request, card, world.now()).await?;
    assert_eq!(held.activated_for(&request), None, "nothing becomes active before the enrolment completes");
    let back = world.auth.usb_keys.answer(&request, held, world.now()).await.unwrap().unwrap();
    Ok(Token::parse(back.strip_prefix("/enrol/usb-key/finish?code=").unwrap()).unwrap())
}

async fn taken(world: &World, browser: &Token, code: &Token) -> Option<ShownUsbKey> {
    world.auth.usb_keys.take(code, browser.hash(), &ShownFor::Enrolment, world.now()).await.unwrap()
}

async fn enrol_with(world: &World, browser: &Token, account: &Account, card: &TrustedCertificate) -> Result<(), EnrolmentError> {
    let code = show(world, browser, account, card).await.unwrap();
    let shown = taken(world, browser, &code).await.unwrap();
    world.auth.enrolment.show_usb_key(browser, &shown, world.now()).await
}

async fn sign_in(world: &World, card: &TrustedCertificate) -> Result<AfterUsbKey, Denied> {
    let (keys, nobody) = (&world.auth.usb_keys, Token::random().unwrap());
    let id = keys.ask(nobody.hash(), None, ShownFor::SignIn, "/x", "en", world.now()).await.unwrap();
    let request = keys.request(&id, world.now()).await.unwrap().unwrap();
    let held = keys.whose(&request, card, world.now()).await.unwrap();
    let back = keys.answer(&request, held, world.now()).await.unwrap().unwrap();
    let code = Token::parse(back.strip_prefix("/x?code=").unwrap()).unwrap();
    let shown = keys.take(&code, nobody.hash(), &ShownFor::SignIn, world.now()).await.unwrap().unwrap();
    world.auth.sign_in.usb_key(shown, None, browser(), world.now()).await
}

fn new_certificate(card: &TrustedCertificate) -> NewCertificate {
    NewCertificate {
        token: crate::model::TokenId::fresh(),
        fingerprint: card.fingerprint(),
        number: card.serial().into(),
        subject: card.subject().into(),
        issuer: card.issuer().into(),
        not_after: card.not_after(),
        chain: None,
    }
}

#[tokio::test]
async fn a_member_enrols_with_a_usb_key_of_any_trusted_authority_and_signs_in_with_it() {
    for (city, alone) in [(City::new(), false), (City::hardware_only(), true)] {
        let world = World::new().await;
        let (browser, wang) = begun(&world, "wang", Role::Member).await;
        assert!(matches!(world.auth.enrolment.complete(&browser, world.now()).await, Err(EnrolmentError::Unfinished)));
        let card = city.card(&world, "wang");
        enrol_with(&world, &browser, &wang, &card).await.unwrap();
        assert_eq!(world.store.certificate(card.fingerprint()).await.unwrap(), None);
        assert_eq!(world.auth.enrolment.complete(&browser, world.now()).await.unwrap().state, AccountState::Active);
        match sign_in(&world, &card).await.unwrap() {
            AfterUsbKey::SignedIn(signed_in) => assert!(alone && signed_in.identity.who().factor == Some(Factor::UsbKey)),
            AfterUsbKey::PasswordNeeded(pending) => assert!(!alone && pending.account.id == wang.id),
        }
    }
}

#[tokio::test]
async fn staff_enrol_with_a_usb_key_whose_key_cannot_be_a_file_and_are_told_when_it_may() {
    for role in [Role::SecurityAdministrator, Role::SystemAdministrator, Role::Auditor] {
        let world = World::new().await;
        let (browser, wang) = begun(&world, "wang", role).await;
        let refused = enrol_with(&world, &browser, &wang, &City::new().card(&world, "wang")).await;
        assert!(matches!(refused, Err(EnrolmentError::UsbKeyForStaff)), "{role}: {refused:?}");
        assert!(matches!(world.auth.enrolment.complete(&browser, world.now()).await, Err(EnrolmentError::Unfinished)));
        enrol_with(&world, &browser, &wang, &City::hardware_only().card(&world, "wang")).await.unwrap();
        assert_eq!(world.auth.enrolment.complete(&browser, world.now()).await.unwrap().state, AccountState::Active);
    }
}

#[tokio::test]
async fn an_authority_that_speaks_for_other_units_or_names_somebody_else_enrols_nobody() {
    let world = World::new().await;
    let (browser, wang) = begun(&world, "wang", Role::Member).await;
    let mut city = City::hardware_only();
    city.source.units = Some(vec![UnitName::parse("Finance").unwrap()]);
    let refused = show(&world, &browser, &wang, &city.card(&world, "wang")).await;
    assert!(matches!(refused, Err(NotHers::OtherUnit)), "{refused:?}");
    city.source.units = Some(vec![UnitName::parse("Press").unwrap()]);
    city.source.rule = Some(MatchingRule::CommonName);
    let refused = show(&world, &browser, &wang, &city.card(&world, "li")).await;
    assert!(matches!(refused, Err(NotHers::OtherAccount(named)) if named.id == wang.id));
    enrol_with(&world, &browser, &wang, &city.card(&world, "wang")).await.unwrap();
}

#[tokio::test]
async fn a_usb_key_that_is_registered_or_issued_to_somebody_else_or_lost_is_refused() {
    let (world, city) = (World::new().await, City::hardware_only());
    let li = world.enrol("li", &mut Device::new()).await;
    let (browser, wang) = begun(&world, "wang", Role::Member).await;
    let (registered, issued, lost) = (city.card(&world, "li"), city.card(&world, "li"), city.card(&world, "wang"));
    assert!(world.store.register_certificate(&new_certificate(&registered), li.id, world.now()).await.unwrap());
    for (name, holder, card) in [("UK-1", li.id, &issued), ("UK-2", wang.id, &lost)] {
        let serial = Serial::parse(name).unwrap();
        world
            .store
            .issue_certificate(
                &serial,
                holder,
                &new_certificate(card),
                OwnCertificate { key: card.subject().as_bytes(), pem: "" },
                world.now(),
            )
            .await
            .unwrap();
    }
    for card in [&registered, &issued] {
        assert!(matches!(show(&world, &browser, &wang, card).await, Err(NotHers::Taken)));
    }
    enrol_with(&world, &browser, &wang, &lost).await.unwrap();
    world.store.change_token(&Serial::parse("UK-2").unwrap(), TokenState::Lost, world.now()).await.unwrap();
    assert!(matches!(show(&world, &browser, &wang, &lost).await, Err(NotHers::Token { state: TokenState::Lost, .. })));
    let completed = world.auth.enrolment.complete(&browser, world.now()).await;
    assert!(matches!(completed, Err(EnrolmentError::UsbKeyTaken)), "it was lost after it was shown");
}

#[tokio::test]
async fn what_is_shown_counts_once_for_enrolment_alone_and_in_the_browser_that_asked() {
    let (world, city) = (World::new().await, City::hardware_only());
    let (browser, wang) = begun(&world, "wang", Role::Member).await;
    let (other, li) = begun(&world, "li", Role::Member).await;
    let card = city.card(&world, "wang");
    let code = show(&world, &browser, &wang, &card).await.unwrap();
    assert!(taken(&world, &other, &code).await.is_none());
    let shown = taken(&world, &browser, &code).await.unwrap();
    assert!(taken(&world, &browser, &code).await.is_none(), "a code is taken once");
    let elsewhere = world.auth.enrolment.show_usb_key(&other, &shown, world.now()).await;
    assert!(matches!(elsewhere, Err(EnrolmentError::UsbKeyTaken)), "it was shown for {}, not for {}", wang.name, li.name);
    let code = show(&world, &browser, &wang, &card).await.unwrap();
    let for_sign_in = world.auth.usb_keys.take(&code, browser.hash(), &ShownFor::SignIn, world.now()).await.unwrap();
    assert!(for_sign_in.is_none());
    let code = show(&world, &browser, &wang, &card).await.unwrap();
    world.pass(31);
    assert!(taken(&world, &browser, &code).await.is_none(), "a code lives for half a minute");
    enrol_with(&world, &browser, &wang, &card).await.unwrap();
    world.auth.enrolment.complete(&browser, world.now()).await.unwrap();
    let again = show(&world, &browser, &wang, &card).await;
    assert!(matches!(again, Err(NotHers::NoAccount)), "she has enrolled: {again:?}");
}

#[tokio::test]
async fn what_is_wrong_in_an_enrolment_names_the_account_and_suspends_nobody() {
    let world = World::new().await;
    let (browser, wang) = begun(&world, "wang", Role::Member).await;
    let request = asked(&world, &browser, &wang).await;
    for _ in 0..50 {
        let denied = world.auth.sign_in.wrong_usb_key(&request, WrongUsbKey::Certificate, world.now()).await.unwrap().unwrap();
        assert_eq!(denied.account().map(|account| account.id), Some(wang.id));
        assert!(denied.suspended().is_none() && denied.alarm().is_none());
    }
    assert_eq!(world.store.account(wang.id).await.unwrap().unwrap().state, AccountState::Invited);
}

#[tokio::test]
async fn a_usb_key_that_its_holder_has_never_used_proves_nothing_about_a_forgotten_password() {
    let (world, city) = (World::new().await, City::hardware_only());
    let li = world.enrol("li", &mut Device::new()).await;
    let (used, issued) = (city.card(&world, "li"), city.card(&world, "li"));
    assert!(world.store.register_certificate(&new_certificate(&used), li.id, world.now()).await.unwrap());
    let (serial, own) = (Serial::parse("UK-1").unwrap(), OwnCertificate { key: b"key", pem: "" });
    world.store.issue_certificate(&serial, li.id, &new_certificate(&issued), own, world.now()).await.unwrap();
    let (keys, browser) = (&world.auth.usb_keys, Token::random().unwrap());
    for (card, proves) in [(&used, true), (&issued, false)] {
        let id = keys.ask(browser.hash(), Some(li.id), ShownFor::Recovery, BACK, "en", world.now()).await.unwrap();
        let request = keys.request(&id, world.now()).await.unwrap().unwrap();
        let found = keys.whose(&request, card, world.now()).await;
        assert_eq!(found.is_ok(), proves, "{found:?}");
    }
    assert_eq!(world.store.token(&serial).await.unwrap().unwrap().state, TokenState::Issued, "and it is not activated by the attempt");
}
