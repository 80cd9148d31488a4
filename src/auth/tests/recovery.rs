//! Recovery: what she still has is asked for before anything is replaced.

use std::time::Duration;

use super::super::fixture::{Device, PASSWORD, World};
use super::super::*;
use crate::crypto::Token;
use crate::model::{Account, RecoveryKind, Role};
use crate::store::TokenChange;

const OTHER: &str = "nine loud storks";

async fn link(world: &World, account: &Account, kind: RecoveryKind) -> Token {
    let (link, expires) = (Token::random().unwrap(), world.now().plus(Duration::from_secs(900)));
    match kind {
        RecoveryKind::Token => {
            world.store.open_token_recovery(account.id, link.hash(), expires, world.now()).await.unwrap().unwrap();
        }
        kind => assert!(world.store.open_password_recovery(account.id, kind, link.hash(), expires).await.unwrap()),
    }
    world.auth.recovery.open(&link, world.now()).await.unwrap().0
}

#[tokio::test]
async fn a_new_token_takes_the_present_password_and_a_new_password_the_own_key() {
    let world = World::new().await;
    let (mut blue, mut red) = (Device::new(), Device::new());
    let account = world.enrol("wang li", &mut blue).await;
    let recovery = &world.auth.recovery;
    let browser = link(&world, &account, RecoveryKind::Password).await;
    assert!(matches!(recovery.check_password(&browser, OTHER, world.now()).await, Err(RecoveryError::Gone)), "not yet");
    assert!(matches!(recovery.show_password(&browser, PASSWORD, world.now()).await, Err(RecoveryError::Gone)), "not by this");
    assert!(matches!(recovery.show_code(&browser, "755224", world.now(), world.now()).await, Err(RecoveryError::Gone)), "nor by a code");
    let challenge = recovery.own_token(&browser, world.now()).await.unwrap().key.unwrap();
    recovery.show_key(&browser, &challenge.id, &blue.get(&challenge.options), world.now()).await.unwrap();
    let chosen = recovery.check_password(&browser, OTHER, world.now()).await.unwrap();
    recovery.set_password(&browser, chosen, world.now()).await.unwrap();
    assert!(world.auth.sign_in.first_factor("wang li", PASSWORD, world.now()).await.is_err());
    assert!(world.auth.sign_in.first_factor("wang li", OTHER, world.now()).await.is_ok());

    let browser = link(&world, &account, RecoveryKind::Token).await;
    assert!(matches!(recovery.new_token(&browser, world.now(), world.now()).await, Err(RecoveryError::Gone)), "not yet");
    assert!(matches!(recovery.show_password(&browser, PASSWORD, world.now()).await, Err(RecoveryError::WrongPassword)));
    recovery.show_password(&browser, OTHER, world.now()).await.unwrap();
    let challenge = recovery.new_token(&browser, world.now(), world.now()).await.unwrap().key.unwrap();
    let key = recovery.check_key(&browser, &challenge.id, &red.create(&challenge.options), "red", world.now()).await.unwrap();
    recovery.add_key(&browser, &key, world.now()).await.unwrap();
    assert!(matches!(recovery.add_key(&browser, &key, world.now()).await, Err(RecoveryError::Gone)), "the link is spent");
    let pending = world.auth.sign_in.first_factor("wang li", OTHER, world.now()).await.unwrap().token;
    let challenge = world.auth.sign_in.key_options(&pending, world.now()).await.unwrap();
    let allowed = challenge.options["publicKey"]["allowCredentials"].as_array().unwrap().len();
    assert_eq!(allowed, 1, "the old key is lost");
    world.second(&pending, &mut red).await.unwrap();
}

#[tokio::test]
async fn a_code_shows_who_she_is_only_where_two_have_allowed_it_and_once() {
    let world = World::new().await;
    let account = world.enrol("wang li", &mut Device::new()).await;
    let token = crate::oath::read(b"FT-1,3132333435363738393031323334353637383930\n", None).unwrap().remove(0);
    let seeds = world.auth.codes.seal(vec![token.clone()]).unwrap();
    world.store.stock_seeds(&seeds, world.now()).await.unwrap();
    let issued = world.store.issue_token(&token.serial, account.id, world.now()).await.unwrap();
    assert_eq!(issued, TokenChange::Done { ended: vec![] });
    let code = |counter| token.seed.code(token.scheme, counter);
    world.auth.codes.activate(account.id, &code(0), world.clock.wall()).await.unwrap();
    let (recovery, now, wall) = (&world.auth.recovery, world.now(), world.clock.wall());
    let browser = link(&world, &account, RecoveryKind::PasswordByCode).await;
    let means = recovery.own_token(&browser, now).await.unwrap();
    assert!(means.code && means.key.is_none());
    assert!(matches!(recovery.show_code(&browser, &code(0), now, wall).await, Err(RecoveryError::Code(CodeDenied::Wrong))));
    recovery.show_code(&browser, &code(1), now, wall).await.unwrap();
    let chosen = recovery.check_password(&browser, OTHER, now).await.unwrap();
    recovery.set_password(&browser, chosen, now).await.unwrap();
    let browser = link(&world, &account, RecoveryKind::PasswordByCode).await;
    assert!(matches!(recovery.show_code(&browser, &code(1), now, wall).await, Err(RecoveryError::Code(CodeDenied::Wrong))));
}

#[tokio::test]
async fn a_link_is_replaced_by_the_next_ends_with_its_time_and_with_the_account() {
    let world = World::new().await;
    let account = world.enrol_as("wang li", Role::Auditor, &mut Device::new()).await;
    let old = link(&world, &account, RecoveryKind::Password).await;
    let new = link(&world, &account, RecoveryKind::Password).await;
    assert!(matches!(world.auth.recovery.state(&old, world.now()).await, Err(RecoveryError::Gone)));
    assert!(world.auth.recovery.state(&new, world.now()).await.is_ok());
    let states = crate::model::AccountState::ALL;
    world.store.set_state(account.id, states, crate::model::AccountState::Disabled).await.unwrap();
    assert!(matches!(world.auth.recovery.state(&new, world.now()).await, Err(RecoveryError::Gone)));
    world.store.set_state(account.id, states, crate::model::AccountState::Active).await.unwrap();
    world.pass(900);
    assert!(matches!(world.auth.recovery.state(&new, world.now()).await, Err(RecoveryError::Gone)));
}
