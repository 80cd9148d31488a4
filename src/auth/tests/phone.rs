//! Apps on phones: made after a proof, confirmed by a first code, and worth little.

use super::super::fixture::{Device, World, browser};
use super::super::*;
use crate::crypto::{Hash, Token};
use crate::model::{Factor, Role, Serial, TokenKind, TokenState};
use crate::oath::{Kind, Scheme, Seed};

fn code(seed: &Seed, world: &World, steps: u64) -> String {
    let scheme = Scheme::new(Kind::Totp { period: 30 }, Hash::Sha1, 6).unwrap();
    seed.code(scheme, u64::try_from(world.clock.wall().millis()).unwrap() / 30_000 + steps)
}

/// Begins one in the session of somebody with a key; what the phone holds, and the proof.
async fn begun(world: &World, identity: &Identity, device: &mut Device) -> (Serial, Seed, Token) {
    let proof = world.prove(identity, device).await.unwrap();
    let serial = world.auth.keys.begin_phone_app(identity, &proof, world.now()).await.unwrap();
    let seed = world.auth.keys.phone_seed(identity, &proof, &serial, world.now(), world.clock.wall()).await.unwrap().unwrap();
    (serial, seed, proof)
}

#[tokio::test]
async fn a_first_code_confirms_the_app_and_from_then_on_nobody_sees_its_secret() {
    let world = World::new().await;
    let mut device = Device::new();
    let account = world.enrol("wang li", &mut device).await;
    let identity = world.sign_in("wang li", &mut device).await.identity;
    let keys = &world.auth.keys;
    let made_up = Token::random().unwrap();
    assert!(matches!(keys.begin_phone_app(&identity, &made_up, world.now()).await, Err(KeyChangeError::NoProof)));
    let (first, ..) = begun(&world, &identity, &mut device).await;
    let (serial, seed, proof) = begun(&world, &identity, &mut device).await;
    assert!(world.store.token(&first).await.unwrap().is_none(), "what was begun before gave way");
    let pending = world.password("wang li").await;
    let sign_in = async |pending: &Token, code: &str| {
        world.auth.sign_in.code(pending, code, browser(), (world.now(), world.clock.wall())).await.map(|signed_in| signed_in.identity)
    };
    assert!(sign_in(&pending, &code(&seed, &world, 0)).await.is_err(), "it is not confirmed");
    let wall = world.clock.wall();
    let shown = keys.check_activation(&identity, &proof, &serial, &code(&seed, &world, 0), world.now(), wall).await.unwrap();
    keys.activate(&identity, &proof, shown, world.now()).await.unwrap();
    let token = world.store.token(&serial).await.unwrap().unwrap();
    assert_eq!((token.kind, token.state, token.holder.unwrap().account), (TokenKind::PhoneApp, TokenState::Active, account.id));
    let again = world.prove(&identity, &mut device).await.unwrap();
    assert!(keys.phone_seed(&identity, &again, &serial, world.now(), wall).await.unwrap().is_none());
    world.pass(30);
    let pending = world.password("wang li").await;
    let signed_in = sign_in(&pending, &code(&seed, &world, 0)).await.unwrap();
    assert_eq!(signed_in.factor(), Factor::PasswordAndPhoneApp);
}

#[tokio::test]
async fn it_proves_nothing_about_tokens_that_cannot_be_copied_and_is_not_the_last_that_is_left() {
    let world = World::new().await;
    let mut device = Device::new();
    world.enrol("wang li", &mut device).await;
    let signed_in = world.sign_in("wang li", &mut device).await;
    let (identity, key) = (signed_in.identity, signed_in.key);
    let (serial, seed, proof) = begun(&world, &identity, &mut device).await;
    let (keys, wall) = (&world.auth.keys, world.clock.wall());
    let shown = keys.check_activation(&identity, &proof, &serial, &code(&seed, &world, 0), world.now(), wall).await.unwrap();
    keys.activate(&identity, &proof, shown, world.now()).await.unwrap();
    let proof = world.prove(&identity, &mut device).await.unwrap();
    assert!(matches!(keys.check_removal(&identity, &proof, key, world.now()).await, Err(KeyChangeError::LastOne)));
    let key_serial = world.store.keys(identity.account()).await.unwrap().remove(0).serial;
    assert_eq!(keys.proof_needed(&identity, Some(&key_serial), world.now()).await.unwrap(), ProofNeeded::Password);
    let by_code = keys.prove_by_code(&identity, None, &code(&seed, &world, 1), world.now(), wall).await;
    assert!(matches!(by_code, Err(KeyChangeError::NoProof)));
    let lost = keys.prove_by_password(&identity, &key_serial, super::super::fixture::PASSWORD, world.now()).await.unwrap();
    assert!(keys.check_loss(&identity, &lost, &key_serial, world.now()).await.is_ok());
}

#[tokio::test]
async fn staff_get_none() {
    let world = World::new().await;
    let mut device = Device::new();
    world.enrol_as("chen", Role::Auditor, &mut device).await;
    let identity = world.sign_in("chen", &mut device).await.identity;
    let proof = world.prove(&identity, &mut device).await.unwrap();
    assert!(matches!(world.auth.keys.begin_phone_app(&identity, &proof, world.now()).await, Err(KeyChangeError::NoProof)));
}
