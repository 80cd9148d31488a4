//! Adding and removing keys of one's own.

use super::super::fixture::{Device, World};
use super::super::*;
use crate::crypto::Token;
use crate::model::AccountState;

async fn add(world: &World, identity: &Identity, proof: &Token, device: &mut Device) -> Result<crate::model::TokenId, KeyChangeError> {
    let challenge = world.auth.keys.new_key_options(identity, proof, world.now()).await?;
    let credential = device.create(&challenge.options);
    let checked = world.auth.keys.check(identity, proof, &challenge.id, &credential, "red", world.now()).await?;
    Ok(world.auth.keys.add(identity, proof, checked, world.now()).await?.id)
}

async fn remove(world: &World, identity: &Identity, proof: &Token, key: crate::model::TokenId) -> Result<Vec<Ended>, KeyChangeError> {
    let removable = world.auth.keys.check_removal(identity, proof, key, world.now()).await?;
    world.auth.keys.remove(identity, proof, removable, world.now()).await
}

#[tokio::test]
async fn a_fresh_proof_pays_for_one_new_key() {
    let world = World::new().await;
    let (mut blue, mut red) = (Device::new(), Device::new());
    let account = world.enrol("wang li", &mut blue).await;
    let identity = world.sign_in("wang li", &mut blue).await.identity;
    let proof = world.prove(&identity, &mut blue).await.unwrap();
    let key = add(&world, &identity, &proof, &mut red).await.unwrap();
    assert!(world.store.keys(account.id).await.unwrap().iter().any(|stored| stored.id == key));
    assert!(matches!(add(&world, &identity, &proof, &mut Device::new()).await, Err(KeyChangeError::NoProof)));
    world.sign_in("wang li", &mut red).await;
}

#[tokio::test]
async fn no_proof_or_an_old_or_foreign_one_changes_nothing() {
    let world = World::new().await;
    let (mut blue, mut other) = (Device::new(), Device::new());
    world.enrol("wang li", &mut blue).await;
    world.enrol("li na", &mut other).await;
    let here = world.sign_in("wang li", &mut blue).await.identity;
    let elsewhere = world.sign_in("wang li", &mut blue).await.identity;
    let li = world.sign_in("li na", &mut other).await.identity;
    let key = here.key();

    let made_up = Token::random().unwrap();
    assert!(matches!(add(&world, &here, &made_up, &mut Device::new()).await, Err(KeyChangeError::NoProof)));
    let proof = world.prove(&here, &mut blue).await.unwrap();
    for foreign in [&elsewhere, &li] {
        assert!(matches!(add(&world, foreign, &proof, &mut Device::new()).await, Err(KeyChangeError::NoProof)));
        assert!(matches!(remove(&world, foreign, &proof, key).await, Err(KeyChangeError::NoProof)));
    }
    assert!(matches!(world.prove(&here, &mut other).await, Err(KeyChangeError::WrongProof(_))));
    world.pass(299);
    assert!(add(&world, &here, &proof, &mut Device::new()).await.is_ok(), "and the attempts did not use it up");
    let proof = world.prove(&here, &mut blue).await.unwrap();
    world.pass(300);
    assert!(matches!(add(&world, &here, &proof, &mut Device::new()).await, Err(KeyChangeError::NoProof)));
}

#[tokio::test]
async fn removing_a_key_ends_the_sessions_that_it_opened_and_the_last_one_stays() {
    let world = World::new().await;
    let (mut blue, mut red) = (Device::new(), Device::new());
    world.enrol("wang li", &mut blue).await;
    let with_blue = world.sign_in("wang li", &mut blue).await.identity;
    let proof = world.prove(&with_blue, &mut blue).await.unwrap();
    let red_key = add(&world, &with_blue, &proof, &mut red).await.unwrap();
    let with_red = world.sign_in("wang li", &mut red).await.identity;

    let proof = world.prove(&with_red, &mut red).await.unwrap();
    let ended = remove(&world, &with_red, &proof, with_blue.key()).await.unwrap();
    assert_eq!(ended.iter().map(|ended| ended.id).collect::<Vec<_>>(), [with_blue.session_id()]);
    assert!(with_blue.is_revoked() && !with_red.is_revoked());

    let proof = world.prove(&with_red, &mut red).await.unwrap();
    assert!(matches!(remove(&world, &with_red, &proof, red_key).await, Err(KeyChangeError::LastOne)));
    let proof = world.prove(&with_red, &mut red).await.unwrap();
    assert!(matches!(remove(&world, &with_red, &proof, with_blue.key()).await, Err(KeyChangeError::NoSuchKey)));
}

#[tokio::test]
async fn who_is_signed_out_or_disabled_can_change_nothing() {
    let world = World::new().await;
    let mut blue = Device::new();
    let account = world.enrol("wang li", &mut blue).await;
    let identity = world.sign_in("wang li", &mut blue).await.identity;
    let proof = world.prove(&identity, &mut blue).await.unwrap();
    world.auth.sessions.end(identity.session_id()).await.unwrap();
    assert!(matches!(world.prove(&identity, &mut blue).await, Err(KeyChangeError::NotSignedIn)));
    assert!(matches!(add(&world, &identity, &proof, &mut Device::new()).await, Err(KeyChangeError::NotSignedIn)));
    let identity = world.sign_in("wang li", &mut blue).await.identity;
    world.store.set_state(account.id, &[AccountState::Active], AccountState::Disabled).await.unwrap();
    assert!(matches!(world.prove(&identity, &mut blue).await, Err(KeyChangeError::NotSignedIn)));
}

async fn wrong(world: &World, identity: &Identity, device: &mut Device) -> Box<Denied> {
    let error = world.prove(identity, device).await.unwrap_err();
    assert_eq!(error.denied().is_some(), matches!(error, KeyChangeError::WrongProof(_)));
    let KeyChangeError::WrongProof(denied) = error else { panic!("{error}") };
    denied
}

#[tokio::test]
async fn wrong_proofs_that_a_key_signed_count_with_those_of_sign_in_and_a_right_one_forgets_them() {
    let world = World::new().await;
    let mut blue = Device::new();
    let account = world.enrol("wang li", &mut blue).await;
    let identity = world.sign_in("wang li", &mut blue).await.identity;
    blue.user_verified = false;
    for _ in 0..9 {
        assert!(wrong(&world, &identity, &mut blue).await.suspended().is_none());
    }
    blue.user_verified = true;
    world.prove(&identity, &mut blue).await.unwrap();
    let pending = world.password("wang li").await;
    blue.user_verified = false;
    for _ in 0..5 {
        assert!(wrong(&world, &identity, &mut blue).await.suspended().is_none());
    }
    for _ in 0..4 {
        assert!(world.second(&pending, &mut blue).await.unwrap_err().suspended().is_none());
    }
    let last = wrong(&world, &identity, &mut blue).await;
    assert_eq!(last.account().map(|account| account.id), Some(account.id));
    assert_eq!(last.suspended().map(|ended| ended.iter().map(|ended| ended.id).collect::<Vec<_>>()), Some(vec![identity.session_id()]));
    assert!(identity.is_revoked());
    assert_eq!(world.store.account(account.id).await.unwrap().unwrap().state, AccountState::Suspended);
}

#[tokio::test]
async fn made_up_proofs_end_the_session_that_they_came_in_and_nothing_else() {
    let world = World::new().await;
    let mut blue = Device::new();
    let account = world.enrol("wang li", &mut blue).await;
    let (stolen, own) = (world.sign_in("wang li", &mut blue).await.identity, world.sign_in("wang li", &mut blue).await.identity);
    blue.break_signature = true;
    for _ in 0..9 {
        assert_eq!(wrong(&world, &stolen, &mut blue).await.alarm(), None);
    }
    assert!(!stolen.is_revoked());
    assert_eq!(wrong(&world, &stolen, &mut blue).await.alarm(), Some(10));
    assert!(stolen.is_revoked() && !own.is_revoked());
    assert_eq!(world.store.account(account.id).await.unwrap().unwrap().state, AccountState::Active);
    blue.break_signature = false;
    world.prove(&own, &mut blue).await.unwrap();
}

#[tokio::test]
async fn what_would_refuse_a_change_refuses_it_when_it_is_checked_and_changes_nothing() {
    let world = World::new().await;
    let (mut blue, mut red) = (Device::new(), Device::new());
    let account = world.enrol("wang li", &mut blue).await;
    let identity = world.sign_in("wang li", &mut blue).await.identity;
    let proof = world.prove(&identity, &mut blue).await.unwrap();
    let (keys, now) = (&world.auth.keys, world.now());
    assert!(matches!(keys.check_removal(&identity, &proof, identity.key(), now).await, Err(KeyChangeError::LastOne)));
    assert!(matches!(keys.check_removal(&identity, &proof, crate::model::TokenId::fresh(), now).await, Err(KeyChangeError::NoSuchKey)));
    let challenge = keys.new_key_options(&identity, &proof, now).await.unwrap();
    let malformed = keys.check(&identity, &proof, &challenge.id, "{}", "red", now).await;
    assert!(matches!(malformed, Err(KeyChangeError::Ceremony(_))), "{malformed:?}");
    let challenge = keys.new_key_options(&identity, &proof, now).await.unwrap();
    let credential = red.create(&challenge.options);
    let made_up = Token::random().unwrap();
    let no_proof = keys.check(&identity, &made_up, &challenge.id, &credential, "red", now).await;
    assert!(matches!(no_proof, Err(KeyChangeError::NoProof)));
    let checked = keys.check(&identity, &proof, &challenge.id, &credential, "red", now).await.unwrap();
    assert_eq!(world.store.keys(account.id).await.unwrap().len(), 1, "a check adds nothing");
    keys.add(&identity, &proof, checked, now).await.unwrap();
    assert_eq!(world.store.keys(account.id).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_proof_whose_counter_went_back_is_refused_and_says_so() {
    let world = World::new().await;
    let mut blue = Device::new();
    world.enrol("wang li", &mut blue).await;
    let identity = world.sign_in("wang li", &mut blue).await.identity;
    world.prove(&identity, &mut blue).await.unwrap();
    blue.counter = 0;
    let Err(KeyChangeError::WrongProof(denied)) = world.prove(&identity, &mut blue).await else { panic!("it was taken") };
    assert_eq!(denied.why().word(), "key-counter-went-back");
    assert!(identity.is_revoked(), "the key had opened the session");
}

#[tokio::test]
async fn a_proof_that_came_too_late_or_twice_is_no_failure() {
    let world = World::new().await;
    let mut blue = Device::new();
    world.enrol("wang li", &mut blue).await;
    let identity = world.sign_in("wang li", &mut blue).await.identity;
    let challenge = world.auth.keys.proof_options(&identity, None, world.now()).await.unwrap();
    let credential = blue.get(&challenge.options);
    world.auth.keys.prove(&identity, &challenge.id, &credential, world.now()).await.unwrap();
    for _ in 0..12 {
        let again = world.auth.keys.prove(&identity, &challenge.id, &credential, world.now()).await;
        assert!(matches!(again, Err(KeyChangeError::Ceremony(CeremonyError::NoChallenge))));
    }
    assert!(!identity.is_revoked());
}

#[tokio::test]
async fn a_key_of_somebody_else_cannot_be_added() {
    let world = World::new().await;
    let (mut blue, mut other) = (Device::new(), Device::new());
    let wang = world.enrol("wang li", &mut blue).await;
    let li = world.enrol("li na", &mut other).await;
    let theirs = world.store.keys(li.id).await.unwrap().remove(0);
    let copy = crate::store::NewKey {
        id: crate::model::TokenId::fresh(),
        credential: theirs.credential,
        passkey: theirs.passkey,
        counter: 0,
        label: String::new(),
        attestation: theirs.attestation,
    };
    assert_eq!(world.store.add_key(wang.id, &copy, world.now()).await.unwrap(), crate::store::KeyAddition::Taken);
}
