//! What a key's answer must be like, and challenges.

use url::Url;
use webauthn_authenticator_rs::prelude::WebauthnAuthenticator;
use webauthn_authenticator_rs::softpasskey::SoftPasskey;

use super::super::fixture::{Device, ORIGIN, PASSWORD, World, authenticators, browser};
use super::super::*;
use crate::crypto::Token;
use crate::model::{Role, TokenState};
use crate::store::{Purpose, StoredKey};

/// How the second factor ends if the device is changed after enrolment.
async fn second_with(change: impl Fn(&mut Device)) -> Result<(), &'static str> {
    let world = World::new().await;
    let mut device = Device::new();
    world.enrol("wang li", &mut device).await;
    let pending = world.password("wang li").await;
    change(&mut device);
    world.second(&pending, &mut device).await.map(drop).map_err(|denied| denied.why().word())
}

/// How enrolment with a device ends.
async fn enrol_with(change: impl Fn(&mut Device)) -> Result<(), String> {
    let world = World::new().await;
    let mut device = Device::new();
    change(&mut device);
    let invitation = world.invite("wang li", Role::Member).await;
    let enrolment = &world.auth.enrolment;
    let (browser, _) = enrolment.open(&invitation, world.now()).await.unwrap();
    let challenge = enrolment.key_options(&browser, world.now()).await.unwrap();
    let credential = device.create(&challenge.options);
    enrolment.add_key(&browser, &challenge.id, &credential, "blue", world.now()).await.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn the_options_ask_for_a_verified_user_and_no_attestation() {
    let world = World::new().await;
    let mut device = Device::new();
    let invitation = world.invite("wang li", Role::Member).await;
    let (browser, _) = world.auth.enrolment.open(&invitation, world.now()).await.unwrap();
    let challenge = world.auth.enrolment.key_options(&browser, world.now()).await.unwrap();
    let asked = &challenge.options["publicKey"];
    assert_eq!(asked["rp"]["id"], "gate.localhost");
    assert_eq!(asked["attestation"], "none");
    assert_eq!(asked["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(asked["authenticatorSelection"]["residentKey"], "preferred");
    world.auth.enrolment.add_key(&browser, &challenge.id, &device.create(&challenge.options), "blue", world.now()).await.unwrap();
    let second = world.auth.enrolment.key_options(&browser, world.now()).await.unwrap();
    assert_eq!(second.options["publicKey"]["excludeCredentials"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn at_enrolment_only_a_hardware_key_of_this_site_that_verified_its_user_is_taken() {
    assert_eq!(enrol_with(|_| {}).await, Ok(()));
    let not_hardware = Err("not a hardware key: it can be copied to other devices".to_owned());
    assert_eq!(enrol_with(|device| device.backup_eligible = true).await, not_hardware);
    assert_eq!(enrol_with(|device| (device.backup_eligible, device.backed_up) = (true, true)).await, not_hardware);
    assert!(enrol_with(|device| device.backed_up = true).await.is_err());
    let unverified = enrol_with(|device| device.user_verified = false).await;
    assert_eq!(unverified, Err("the key did not verify its user (PIN or fingerprint)".to_owned()));
    assert!(enrol_with(|device| device.user_present = false).await.is_err());
    assert!(enrol_with(|device| device.cross_origin = true).await.is_err());
    assert!(enrol_with(|device| device.rp_id = Some("localhost".to_owned())).await.is_err());
    for origin in ["https://gate.localhost", "https://gate.localhost:9443", "https://sites.localhost:8443", "https://a.gate.localhost:8443"]
    {
        let refused = enrol_with(|device| device.origin = origin.to_owned()).await;
        assert_eq!(refused, Err("the key answered for another site".to_owned()), "{origin}");
    }
}

#[tokio::test]
async fn at_sign_in_only_a_hardware_key_of_this_site_that_verified_its_user_is_taken() {
    assert_eq!(second_with(|_| {}).await, Ok(()));
    assert_eq!(second_with(|device| device.user_verified = false).await, Err("user-not-verified"));
    assert_eq!(second_with(|device| device.backup_eligible = true).await, Err("not-a-hardware-key"));
    assert_eq!(second_with(|device| device.backed_up = true).await, Err("not-a-hardware-key"));
    assert_eq!(second_with(|device| device.user_present = false).await, Err("wrong-key"));
    assert_eq!(second_with(|device| device.break_signature = true).await, Err("wrong-key"));
    assert_eq!(second_with(|device| device.rp_id = Some("localhost".to_owned())).await, Err("wrong-origin"));
    assert_eq!(second_with(|device| device.user_handle = Some(vec![7; 16])).await, Err("unknown-key"));
    for origin in ["http://gate.localhost:8443", "https://gate.localhost", "https://sites.localhost:8443", "https://gate.localhost:8444"] {
        assert_eq!(second_with(|device| device.origin = origin.to_owned()).await, Err("wrong-origin"), "{origin}");
    }
}

async fn state_of_key(world: &World, account: &crate::model::Account) -> TokenState {
    world.store.tokens_of(account.id).await.unwrap()[0].state
}

#[tokio::test]
async fn a_counter_that_goes_back_suspends_the_key_and_ends_what_it_opened() {
    for counter in [100, 50] {
        let world = World::new().await;
        let mut device = Device::new();
        let account = world.enrol("wang li", &mut device).await;
        device.counter = 99;
        let open = world.sign_in("wang li", &mut device).await;
        // The device counts on before it signs.
        device.counter = counter - 1;
        let pending = world.password("wang li").await;
        let denied = world.second(&pending, &mut device).await.unwrap_err();
        let Why::Key(KeyError::CounterWentBack(copied)) = denied.why() else { panic!("{:?}", denied.why()) };
        assert_eq!((copied.key, copied.known, copied.shown, copied.sessions_ended), (open.key, 100, counter, 1));
        assert!(open.identity.is_revoked() && !denied.may_try_again());
        assert_eq!(state_of_key(&world, &account).await, TokenState::Suspended);
        device.counter = 200;
        let pending = world.password("wang li").await;
        assert!(world.second(&pending, &mut device).await.is_err(), "it is suspended, however it counts on");
        assert_eq!(world.store.account(account.id).await.unwrap().unwrap().state, crate::model::AccountState::Active);
    }
}

#[tokio::test]
async fn a_copy_is_found_where_no_name_was_given_and_in_a_session_too() {
    let world = World::new().await;
    let mut device = Device::new();
    let account = world.enrol("wang li", &mut device).await;
    let open = world.sign_in("wang li", &mut device).await;
    device.counter = 0;
    let token = Token::random().unwrap();
    let challenge = world.auth.sign_in.key_first_options(&token, world.now()).await.unwrap();
    let answer = device.get(&challenge.options);
    let denied = world.auth.sign_in.key_first(&token, &challenge.id, &answer, browser(), world.now()).await.unwrap_err();
    assert_eq!((denied.why().word(), denied.account().map(|who| who.id)), ("key-counter-went-back", Some(account.id)));
    assert!(open.identity.is_revoked());
    assert_eq!(state_of_key(&world, &account).await, TokenState::Suspended);
}

#[tokio::test]
async fn whoever_has_no_key_cannot_suspend_it_by_a_counter() {
    let world = World::new().await;
    let mut device = Device::new();
    let account = world.enrol("wang li", &mut device).await;
    device.counter = 100;
    world.sign_in("wang li", &mut device).await;
    let pending = world.password("wang li").await;
    device.counter = 1;
    device.break_signature = true;
    assert_eq!(world.second(&pending, &mut device).await.unwrap_err().why().word(), "wrong-key");
    device.break_signature = false;
    // An answer of hers that was seen somewhere, for another challenge or site.
    device.counter = 1;
    device.origin = "https://evil.example".to_owned();
    let pending = world.password("wang li").await;
    assert_eq!(world.second(&pending, &mut device).await.unwrap_err().why().word(), "wrong-origin");
    assert_eq!(state_of_key(&world, &account).await, TokenState::Active);
    (device.counter, device.origin) = (101, ORIGIN.to_owned());
    world.sign_in("wang li", &mut device).await;
}

#[tokio::test]
async fn a_key_that_never_counts_is_as_good_as_any() {
    let world = World::new().await;
    let mut device = Device::new();
    device.counts_nothing = true;
    let account = world.enrol("wang li", &mut device).await;
    for _ in 0..3 {
        world.sign_in("wang li", &mut device).await;
    }
    assert_eq!(state_of_key(&world, &account).await, TokenState::Active);
}

#[tokio::test]
async fn of_two_answers_with_one_counter_only_the_first_counts_even_if_both_were_asked_before() {
    let world = World::new().await;
    let mut device = Device::new();
    world.enrol("wang li", &mut device).await;
    let pending = [world.password("wang li").await, world.password("wang li").await];
    let sign_in = &world.auth.sign_in;
    let first = sign_in.key_options(&pending[0], world.now()).await.unwrap();
    let second = sign_in.key_options(&pending[1], world.now()).await.unwrap();
    let one = device.get(&first.options);
    device.counter -= 1;
    let copy = device.get(&second.options);
    assert!(sign_in.second_factor(&pending[0], &first.id, &one, browser(), world.now()).await.is_ok());
    let denied = sign_in.second_factor(&pending[1], &second.id, &copy, browser(), world.now()).await.unwrap_err();
    assert_eq!(denied.why().word(), "key-counter-went-back");
}

#[tokio::test]
async fn a_challenge_serves_once_for_its_own_browser_and_within_five_minutes() {
    let world = World::new().await;
    let mut device = Device::new();
    world.enrol("wang li", &mut device).await;
    let sign_in = &world.auth.sign_in;
    let (mine, other_tab) = (world.password("wang li").await, world.password("wang li").await);
    let challenge = sign_in.key_options(&mine, world.now()).await.unwrap();
    let credential = device.get(&challenge.options);
    let answer = async |pending: &Token, challenge: &Token| {
        let answered = sign_in.second_factor(pending, challenge, &credential, browser(), world.now()).await;
        answered.map(drop).map_err(|denied| denied.why().word())
    };
    assert_eq!(answer(&other_tab, &challenge.id).await, Err("no-challenge"), "another browser's");
    assert_eq!(answer(&mine, &Token::random().unwrap()).await, Err("no-challenge"), "a made-up id");
    assert_eq!(answer(&mine, &challenge.id).await, Ok(()));

    let late = sign_in.key_options(&other_tab, world.now()).await.unwrap();
    assert_eq!(answer(&other_tab, &late.id).await, Err("wrong-challenge"), "an answer to the challenge before");
    assert_eq!(answer(&other_tab, &late.id).await, Err("no-challenge"), "a wrong answer takes the challenge away");
}

#[tokio::test]
async fn a_challenge_of_another_account_purpose_or_age_is_not_there() {
    let world = World::new().await;
    let (mut wang, mut li) = (Device::new(), Device::new());
    let account = world.enrol("wang li", &mut wang).await;
    let other = world.enrol("li na", &mut li).await;
    let store = super::super::ceremony::Ceremonies::new(world.store.clone(), authenticators(), world.auth.sessions.clone());
    let binding = Token::random().unwrap().hash();
    let attempt = async |asked_for, answered_for, purpose, wait: u64| {
        let challenge = store.ask_key(binding, asked_for, Purpose::SignIn, world.now()).await.unwrap();
        let later = world.now().plus(std::time::Duration::from_secs(wait));
        let answer = super::super::ceremony::Answer { challenge: &challenge.id, binding, purpose, credential: "{}" };
        store.key(&answer, answered_for, later).await.unwrap_err().to_string()
    };
    let gone = "the challenge is not there (any more); begin again";
    assert_eq!(attempt(account.id, other.id, Purpose::SignIn, 0).await, gone);
    assert_eq!(attempt(account.id, account.id, Purpose::FreshProof, 0).await, gone);
    assert_eq!(attempt(account.id, account.id, Purpose::SignIn, 300).await, gone);
    assert!(attempt(account.id, account.id, Purpose::SignIn, 299).await.starts_with("the browser's answer is not"));
}

#[tokio::test]
async fn what_is_no_credential_is_refused() {
    let world = World::new().await;
    world.enrol("wang li", &mut Device::new()).await;
    for credential in ["", "{}", "null", "[[[[", "\u{0}", &"[".repeat(10_000), &" ".repeat(100_000)] {
        let pending = world.password("wang li").await;
        let challenge = world.auth.sign_in.key_options(&pending, world.now()).await.unwrap();
        let denied = world.auth.sign_in.second_factor(&pending, &challenge.id, credential, browser(), world.now()).await.unwrap_err();
        assert!(matches!(denied.why(), Why::Key(KeyError::Malformed(_))), "{:?}", denied.why());
    }
}

#[test]
fn another_implementation_of_an_authenticator_registers_and_signs_in() {
    let keys = authenticators();
    let account = crate::model::Account {
        id: crate::model::AccountId::fresh(),
        name: crate::model::AccountName::parse("wang li").unwrap(),
        unit: crate::model::UnitName::parse("Press").unwrap(),
        role: Role::Member,
        email: None,
        state: crate::model::AccountState::Active,
        created: crate::clock::Time::default(),
    };
    let origin = Url::parse(ORIGIN).unwrap();
    let mut soft = SoftPasskey::new(true);
    let (options, state) = keys.registration(&account, &[]).unwrap();
    let answer = soft.do_registration(origin.clone(), serde_json::from_value(options).unwrap()).unwrap();
    let new = keys.register(&state, &serde_json::to_string(&answer).unwrap(), " blue\u{7} ", crate::clock::Time::default()).unwrap();
    assert_eq!(new.label, "blue");
    let stored = StoredKey {
        serial: crate::model::Serial::parse("K-1").unwrap(),
        id: new.id,
        account: account.id,
        credential: new.credential,
        passkey: new.passkey,
        counter: new.counter,
        label: new.label,
        attestation: new.attestation,
        added: crate::clock::Time::default(),
        last_used: None,
    };
    let (options, state) = keys.authentication(std::slice::from_ref(&stored)).unwrap();
    let asked: webauthn_authenticator_rs::prelude::RequestChallengeResponse = serde_json::from_value(options).unwrap();
    let answer = soft.do_authentication(origin, asked.clone()).unwrap();
    let answer = serde_json::to_string(&answer).unwrap();
    let right = keys.authenticate(&state, &answer, account.id, std::slice::from_ref(&stored)).unwrap();
    assert_eq!((right.key, right.counter), (stored.id, 1));
    let other = crate::model::AccountId::fresh();
    assert!(keys.authenticate(&state, &answer, other, std::slice::from_ref(&stored)).is_err());

    // A key that does not verify its user, though it was asked to.
    let mut careless = asked;
    careless.public_key.user_verification = serde_json::from_value("preferred".into()).unwrap();
    let answer = soft.do_authentication(Url::parse(ORIGIN).unwrap(), careless).unwrap();
    let refused = keys.authenticate(&state, &serde_json::to_string(&answer).unwrap(), account.id, &[stored]);
    assert!(matches!(refused, Err(KeyError::UserNotVerified)));
}

#[test]
fn settings_that_browsers_would_refuse_are_refused() {
    let new = |rp_id: &str, origin: &str| Authenticators::new(rp_id, &Url::parse(origin).unwrap(), "Yumen");
    assert!(new("gate.example.cn", "https://gate.example.cn").is_ok());
    assert!(new("gate.example.cn", "http://gate.example.cn").is_err());
    assert!(new("other.example.cn", "https://gate.example.cn").is_err());
    assert!(new("127.0.0.1", "https://127.0.0.1").is_err());
}

#[tokio::test]
async fn a_key_that_was_removed_meanwhile_is_refused() {
    let world = World::new().await;
    let (mut first, mut second) = (Device::new(), Device::new());
    let account = world.enrol("wang li", &mut first).await;
    let signed_in = world.sign_in("wang li", &mut first).await;
    let proof = world.prove(&signed_in.identity, &mut first).await.unwrap();
    let challenge = world.auth.keys.new_key_options(&signed_in.identity, &proof, world.now()).await.unwrap();
    let credential = second.create(&challenge.options);
    let checked = world.auth.keys.check(&signed_in.identity, &proof, &challenge.id, &credential, "red", world.now()).await.unwrap();
    world.auth.keys.add(&signed_in.identity, &proof, checked, world.now()).await.unwrap();
    let pending = world.auth.sign_in.first_factor("wang li", PASSWORD, world.now()).await.unwrap().token;
    let challenge = world.auth.sign_in.key_options(&pending, world.now()).await.unwrap();
    let credential = first.get(&challenge.options);
    world.store.remove_key(account.id, signed_in.key, world.now()).await.unwrap();
    let denied = world.auth.sign_in.second_factor(&pending, &challenge.id, &credential, browser(), world.now()).await.unwrap_err();
    assert_eq!(denied.why().word(), "unknown-key");
    assert!(world.second(&pending, &mut second).await.is_ok());
}
