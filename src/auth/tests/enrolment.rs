//! Behind an invitation.

use super::super::fixture::{Device, PASSWORD, World, host};
use super::super::*;
use crate::crypto::Token;
use crate::model::{AccountState, Role};

#[tokio::test]
async fn a_person_chooses_a_password_registers_two_keys_and_can_then_sign_in_with_either() {
    let world = World::new().await;
    let (mut blue, mut red, mut green) = (Device::new(), Device::new(), Device::new());
    let invitation = world.invite("wang li", Role::Member).await;
    let enrolment = &world.auth.enrolment;
    let (browser, begun) = enrolment.open(&invitation, world.now()).await.unwrap();
    assert_eq!((begun.has_password, begun.keys.len(), begun.account.state), (false, 0, AccountState::Invited));
    enrolment.set_password(&browser, PASSWORD, world.now()).await.unwrap();
    for device in [&mut blue, &mut red] {
        let challenge = enrolment.key_options(&browser, world.now()).await.unwrap();
        enrolment.add_key(&browser, &challenge.id, &device.create(&challenge.options), "key", world.now()).await.unwrap();
    }
    let challenge = enrolment.key_options(&browser, world.now()).await.unwrap();
    let third = enrolment.add_key(&browser, &challenge.id, &green.create(&challenge.options), "key", world.now()).await;
    assert!(matches!(third, Err(EnrolmentError::TooManyKeys)));
    assert_eq!(enrolment.complete(&browser, world.now()).await.unwrap().state, AccountState::Active);
    assert!(world.auth.sessions.list_all().is_empty(), "enrolment opens no session");
    assert!(world.auth.sessions.lookup(&browser, &host("gate.localhost"), world.now()).is_none());
    world.sign_in("wang li", &mut blue).await;
    world.sign_in("wang li", &mut red).await;
}

#[tokio::test]
async fn nothing_completes_without_both_a_password_and_a_key() {
    let world = World::new().await;
    let invitation = world.invite("wang li", Role::Member).await;
    let enrolment = &world.auth.enrolment;
    let (browser, _) = enrolment.open(&invitation, world.now()).await.unwrap();
    assert!(matches!(enrolment.complete(&browser, world.now()).await, Err(EnrolmentError::Unfinished)));
    enrolment.set_password(&browser, PASSWORD, world.now()).await.unwrap();
    assert!(matches!(enrolment.complete(&browser, world.now()).await, Err(EnrolmentError::Unfinished)));
    let denied = world.auth.sign_in.first_factor("wang li", PASSWORD, world.now()).await.unwrap_err();
    assert_eq!(denied.why().word(), "not-enrolled", "a password alone is no enrolment");
    let challenge = enrolment.key_options(&browser, world.now()).await.unwrap();
    enrolment.add_key(&browser, &challenge.id, &Device::new().create(&challenge.options), "key", world.now()).await.unwrap();
    assert!(enrolment.complete(&browser, world.now()).await.is_ok());
}

#[tokio::test]
async fn looking_at_the_link_spends_nothing_and_completing_spends_it_for_everybody() {
    let world = World::new().await;
    let mut device = Device::new();
    let invitation = world.invite("wang li", Role::Member).await;
    let enrolment = &world.auth.enrolment;
    let mut browsers = Vec::new();
    for _ in 0..4 {
        browsers.push(enrolment.open(&invitation, world.now()).await.unwrap().0);
    }
    for browser in &browsers[..2] {
        enrolment.set_password(browser, PASSWORD, world.now()).await.unwrap();
        let challenge = enrolment.key_options(browser, world.now()).await.unwrap();
        enrolment.add_key(browser, &challenge.id, &device.create(&challenge.options), "key", world.now()).await.unwrap();
    }
    enrolment.complete(&browsers[1], world.now()).await.unwrap();
    assert!(matches!(enrolment.complete(&browsers[0], world.now()).await, Err(EnrolmentError::Gone)));
    assert!(matches!(enrolment.open(&invitation, world.now()).await, Err(EnrolmentError::Gone)));
    assert!(matches!(enrolment.set_password(&browsers[2], "four blue turtles", world.now()).await, Err(EnrolmentError::Gone)));
}

#[tokio::test]
async fn an_invitation_lives_fifteen_minutes_and_a_new_one_voids_it() {
    let world = World::new().await;
    let first = world.invite("wang li", Role::Member).await;
    let (browser, _) = world.auth.enrolment.open(&first, world.now()).await.unwrap();
    let second = world.invite("wang li", Role::Member).await;
    assert!(matches!(world.auth.enrolment.state(&browser, world.now()).await, Err(EnrolmentError::Gone)));
    assert!(matches!(world.auth.enrolment.open(&first, world.now()).await, Err(EnrolmentError::Gone)));
    let (browser, _) = world.auth.enrolment.open(&second, world.now()).await.unwrap();
    world.pass(899);
    assert!(world.auth.enrolment.state(&browser, world.now()).await.is_ok());
    world.pass(1);
    assert!(matches!(world.auth.enrolment.state(&browser, world.now()).await, Err(EnrolmentError::Gone)));
    assert!(matches!(world.auth.enrolment.key_options(&browser, world.now()).await, Err(EnrolmentError::Gone)));
    assert!(matches!(world.auth.enrolment.open(&Token::random().unwrap(), world.now()).await, Err(EnrolmentError::Gone)));
}

#[tokio::test]
async fn a_bad_password_is_refused_with_the_reason_before_argon2_runs() {
    let world = World::new().await;
    let invitation = world.invite("wang li", Role::Member).await;
    let (browser, _) = world.auth.enrolment.open(&invitation, world.now()).await.unwrap();
    let before = world.passwords.runs();
    for (password, why) in [
        ("short", NotAPassword::TooShort),
        ("Password2026!!", NotAPassword::Common),
        ("wangli wangli", NotAPassword::Common),
        (&*"camel ".repeat(60), NotAPassword::TooLong),
    ] {
        let refused = world.auth.enrolment.set_password(&browser, password, world.now()).await;
        assert!(matches!(refused, Err(EnrolmentError::Password(found)) if found == why), "{password}");
    }
    assert_eq!(world.passwords.runs(), before);
}

#[tokio::test]
async fn a_challenge_of_one_enrolment_is_not_there_for_another_or_for_sign_in() {
    let world = World::new().await;
    let mut device = Device::new();
    let enrolment = &world.auth.enrolment;
    let (wang, _) = enrolment.open(&world.invite("wang li", Role::Member).await, world.now()).await.unwrap();
    let (li, _) = enrolment.open(&world.invite("li na", Role::Member).await, world.now()).await.unwrap();
    let challenge = enrolment.key_options(&wang, world.now()).await.unwrap();
    let credential = device.create(&challenge.options);
    let stolen = enrolment.add_key(&li, &challenge.id, &credential, "key", world.now()).await;
    assert!(matches!(stolen, Err(EnrolmentError::Ceremony(CeremonyError::NoChallenge))));
    assert!(enrolment.add_key(&wang, &challenge.id, &credential, "key", world.now()).await.is_ok());
    let replayed = enrolment.add_key(&wang, &challenge.id, &credential, "key", world.now()).await;
    assert!(matches!(replayed, Err(EnrolmentError::Ceremony(CeremonyError::NoChallenge))));
}
