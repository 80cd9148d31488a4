//! Of which make a key is: its maker's certificate says so, or nobody.

use std::sync::Arc;

use url::Url;
use webauthn_authenticator_rs::prelude::WebauthnAuthenticator;
use webauthn_authenticator_rs::softtoken::SoftToken;

use super::super::fixture::{Device, Maker, ORIGIN, World, authenticators};
use super::super::*;
use crate::clock::Clock;
use crate::model::{Account, AccountName, AccountState, Attestation, Role, UnitName};
use crate::store::StoredKey;

const ALWAYS: i32 = 2999;

fn listed(listed: Vec<Make>) -> Makes {
    Makes { listed, only: false }
}

fn made_by(maker: Maker) -> Device {
    let mut device = Device::new();
    device.maker = Some(maker);
    device
}

/// Enrols with the device and says of which makes the key is by which she is signed in then.
async fn makes_seen(world: &World, name: &str, device: &mut Device) -> Vec<String> {
    world.enrol(name, device).await;
    let signed_in = world.sign_in(name, device).await;
    let makes = world.auth.sessions.makes().of(signed_in.key).unwrap_or_default();
    makes.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_make_vouches_for_keys_of_its_models_and_for_no_others_and_all_may_be_registered() {
    let world = World::new().await;
    let maker = Maker::new(1, ALWAYS);
    let (stranger, expired) = (Maker::new(1, ALWAYS), Maker::new(1, 2026));
    let makes = vec![maker.make("any model", &[]), maker.make("model 1", &[1, 7]), maker.make("model 2", &[2]), expired.make("old", &[])];
    world.auth.list_makes(listed(makes)).await.unwrap();
    assert_eq!(makes_seen(&world, "one", &mut made_by(maker)).await, ["any model", "model 1"]);
    assert_eq!(makes_seen(&world, "two", &mut Device::new()).await, Vec::<String>::new(), "it says nothing");
    assert_eq!(makes_seen(&world, "three", &mut made_by(stranger)).await, Vec::<String>::new(), "another authority");
    assert_eq!(makes_seen(&world, "four", &mut made_by(expired)).await, Vec::<String>::new(), "its certificate had expired");
}

#[tokio::test]
async fn what_a_key_said_is_kept_and_judged_by_the_makes_that_are_listed_now() {
    let world = World::new().await;
    let maker = Maker::new(1, ALWAYS);
    let (make, other) = (maker.make("blue", &[1]), Maker::new(1, ALWAYS).make("red", &[]));
    world.auth.list_makes(listed(vec![other.clone()])).await.unwrap();
    let mut device = made_by(maker);
    assert_eq!(makes_seen(&world, "wang", &mut device).await, Vec::<String>::new());
    let account = world.store.account_by_name(&AccountName::parse("wang").unwrap()).await.unwrap().unwrap();
    let key = world.store.keys(account.id).await.unwrap().remove(0);
    assert_eq!(key.attestation, Attestation::Certified { model: uuid::Uuid::from_bytes([1; 16]) });
    let blue: [Arc<str>; 1] = ["blue".into()];
    let signed_in = world.sign_in("wang", &mut device).await;
    assert!(!signed_in.identity.has_key_of(key.id, &blue));
    world.auth.list_makes(listed(vec![make, other])).await.unwrap();
    assert!(signed_in.identity.has_key_of(key.id, &blue), "for sessions that are open too");
    world.auth.list_makes(Makes::default()).await.unwrap();
    assert!(!signed_in.identity.has_key_of(key.id, &blue), "and no longer");
}

#[tokio::test]
async fn makers_are_asked_only_where_makes_are_listed_and_a_key_that_could_open_nothing_is_refused() {
    let world = World::new().await;
    let maker = Maker::new(1, ALWAYS);
    let invitation = world.invite("wang", Role::Member).await;
    let enrolment = &world.auth.enrolment;
    let (browser, _) = enrolment.open(&invitation, world.now()).await.unwrap();
    let asked = async || enrolment.key_options(&browser, world.now()).await.unwrap();
    assert_eq!(asked().await.options["publicKey"]["attestation"], "none");
    world.auth.list_makes(Makes { listed: vec![maker.make("blue", &[])], only: true }).await.unwrap();
    let challenge = asked().await;
    assert_eq!(challenge.options["publicKey"]["attestation"], "direct");
    let unknown = Device::new().create(&challenge.options);
    let refused = enrolment.add_key(&browser, &challenge.id, &unknown, "x", world.now()).await;
    assert!(matches!(refused, Err(EnrolmentError::Ceremony(CeremonyError::Key(KeyError::OtherMake)))), "{refused:?}");
    let challenge = asked().await;
    let known = made_by(maker).create(&challenge.options);
    assert!(enrolment.add_key(&browser, &challenge.id, &known, "x", world.now()).await.is_ok());
}

#[tokio::test]
async fn a_statement_that_its_certificate_did_not_sign_registers_nothing() {
    let world = World::new().await;
    let (mut maker, other) = (Maker::new(1, ALWAYS), Maker::new(1, ALWAYS));
    world.auth.list_makes(listed(vec![maker.make("blue", &[])])).await.unwrap();
    maker.sign_with_key_of(other);
    let invitation = world.invite("wang", Role::Member).await;
    let enrolment = &world.auth.enrolment;
    let (browser, _) = enrolment.open(&invitation, world.now()).await.unwrap();
    let challenge = enrolment.key_options(&browser, world.now()).await.unwrap();
    let forged = made_by(maker).create(&challenge.options);
    let refused = enrolment.add_key(&browser, &challenge.id, &forged, "x", world.now()).await;
    assert!(matches!(refused, Err(EnrolmentError::Ceremony(CeremonyError::Key(KeyError::Wrong(_))))), "{refused:?}");
}

/// A key of another hand than ours: the library's own token, with its own authority.
#[test]
fn a_key_with_an_authority_of_its_own_is_of_the_make_that_lists_it() {
    let keys = authenticators();
    // The token comes from its maker before anybody registers it.
    let (mut soft, _) = SoftToken::new(true).unwrap();
    let now = Clock::machine().wall();
    let account = Account {
        id: crate::model::AccountId::fresh(),
        name: AccountName::parse("wang li").unwrap(),
        unit: UnitName::parse("Press").unwrap(),
        role: Role::Member,
        email: None,
        state: AccountState::Active,
        created: now,
    };
    let authority = serde_json::to_value(&soft).unwrap()["ca_cert"].as_str().unwrap().to_owned();
    let padded = authority.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let authority = data_encoding::BASE64URL_NOPAD.decode(padded.as_bytes()).unwrap();
    let model = webauthn_authenticator_rs::softtoken::AAGUID;
    let make = |models: &[uuid::Uuid]| Make::new("soft".into(), &[authority.clone().into()], models.to_vec()).unwrap();
    keys.list_makes(listed(vec![make(&[model])]));
    let (options, state) = keys.registration(&account, &[]).unwrap();
    let answer = soft.do_registration(Url::parse(ORIGIN).unwrap(), serde_json::from_value(options).unwrap()).unwrap();
    let new = keys.register(&state, &serde_json::to_string(&answer).unwrap(), "soft", now).unwrap();
    assert_eq!(new.attestation, Attestation::Certified { model });
    let stored = StoredKey {
        serial: crate::model::Serial::parse("K-1").unwrap(),
        id: new.id,
        account: account.id,
        credential: new.credential,
        passkey: new.passkey,
        counter: new.counter,
        label: new.label,
        attestation: new.attestation,
        added: now,
        last_used: None,
    };
    assert_eq!(keys.makes_of(&stored).unwrap().len(), 1);
    keys.list_makes(listed(vec![make(&[uuid::Uuid::from_u128(1)])]));
    assert!(keys.makes_of(&stored).unwrap().is_empty(), "another model");
}
