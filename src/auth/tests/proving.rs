//! Step-up: what is proved in a session that is open.

use std::time::Duration;

use futures_util::FutureExt;

use super::super::fixture::{Device, World, browser, host};
use super::super::*;
use crate::crypto::Token;
use crate::model::{Account, AccountState, Factor, Proof, Role, TokenId, TokenState};
use crate::store::NewKey;

async fn signed_in() -> (World, Account, SignedIn) {
    let world = World::new().await;
    let mut device = Device::new();
    let account = world.enrol_as("wang li", Role::Member, &mut device).await;
    let signed_in = world.sign_in("wang li", &mut device).await;
    (world, account, signed_in)
}

async fn second_key(world: &World, account: &Account) -> TokenId {
    let key = NewKey {
        id: TokenId::fresh(),
        credential: vec![7],
        passkey: "{}".into(),
        counter: 0,
        label: "red".into(),
        attestation: Default::default(),
    };
    world.store.add_key(account.id, &key, world.now()).await.unwrap();
    key.id
}

fn by(world: &World, token: TokenId) -> Proof {
    Proof { token, factor: Factor::SecurityKey, at: world.now() }
}

fn who(world: &World, token: &Token, name: &str) -> Option<Arc<Identity>> {
    world.auth.sessions.lookup(token, &host(name), world.now())
}

const MINUTE: Option<Duration> = Some(Duration::from_secs(60));

#[tokio::test]
async fn with_a_proof_the_portals_token_changes_and_the_old_one_is_worth_nothing_at_once() {
    let (world, _, SignedIn { token, identity, key }) = signed_in().await;
    let id = identity.session_id();
    let (app_token, app) = world.auth.sessions.enter(identity.token_hash(), &host("sites.localhost"), world.now()).await.unwrap().unwrap();
    world.pass(600);
    let fresh = |identity: &Identity| identity.proven_within(Factor::is_phishing_resistant, MINUTE, world.now());
    assert!(!fresh(&identity));
    let (new_token, new) = world.auth.sessions.step_up(id, by(&world, key), world.now()).await.unwrap().unwrap();
    assert_ne!(new_token, token);
    assert!(who(&world, &token, "gate.localhost").is_none() && who(&world, &new_token, "gate.localhost").is_some());
    assert!(who(&world, &new_token, "sites.localhost").is_none());
    assert_eq!((new.session_id(), new.signed_in(), new.who().session.clone()), (id, identity.signed_in(), identity.who().session.clone()));
    assert_eq!(new.proofs(), [by(&world, key)], "one of a token, the newest");
    assert!(fresh(&new));

    let still = who(&world, &app_token, "sites.localhost").unwrap();
    assert!(!fresh(&still) && !fresh(&app), "what was given out before stays as weak as it was");
    let (_, entered) = world.auth.sessions.enter(new.token_hash(), &host("sites.localhost"), world.now()).await.unwrap().unwrap();
    assert!(fresh(&entered));
}

#[tokio::test]
async fn proofs_outlive_the_process_and_grow_no_younger() {
    let (world, account, SignedIn { identity, key, .. }) = signed_in().await;
    let second = second_key(&world, &account).await;
    world.pass(100);
    let proof = by(&world, second);
    let (token, _) = world.auth.sessions.step_up(identity.session_id(), proof, world.now()).await.unwrap().unwrap();
    world.pass(30);
    let world = world.restarted().await;
    let again = who(&world, &token, "gate.localhost").unwrap();
    assert_eq!(again.proofs().iter().map(|proof| proof.token).collect::<Vec<_>>(), [key, second]);
    assert_eq!(again.proofs()[1], proof);
    let fresh = |world: &World| again.proven_within(|factor| factor == Factor::SecurityKey, MINUTE, world.now());
    assert!(fresh(&world));
    world.pass(30);
    assert!(!fresh(&world));
}

#[tokio::test]
async fn a_process_that_starts_anew_makes_no_token_stronger_than_it_was_given_out() {
    let (world, account, SignedIn { identity, key, .. }) = signed_in().await;
    let second = second_key(&world, &account).await;
    let (id, sites) = (identity.session_id(), host("sites.localhost"));
    let sessions = &world.auth.sessions;
    // All in one instant: it is the order that counts.
    let (weak, before) = sessions.enter(identity.token_hash(), &sites, world.now()).await.unwrap().unwrap();
    let (_, portal) = sessions.step_up(id, by(&world, second), world.now()).await.unwrap().unwrap();
    let (strong, between) = sessions.enter(portal.token_hash(), &sites, world.now()).await.unwrap().unwrap();
    world.pass(100);
    // The sign-in's own key is shown once more.
    let (portal, _) = sessions.step_up(id, by(&world, key), world.now()).await.unwrap().unwrap();
    // A clock that was set back moves instants, and must not move a proof past a token that was there before it.
    for now in [world.now(), identity.signed_in(), identity.signed_in()] {
        let sessions = Sessions::load(world.store.clone(), host("gate.localhost"), SessionLimits::default(), now).await.unwrap();
        let found = |token: &Token, name: &str| sessions.lookup(token, &host(name), now).unwrap();
        let shown = |identity: &Identity| identity.proofs().iter().map(|proof| (proof.token, proof.factor)).collect::<Vec<_>>();
        let still = found(&weak, "sites.localhost");
        assert_eq!((shown(&still), still.factor()), (shown(&before), Factor::PasswordAndSecurityKey));
        assert_eq!(still.proofs()[0].at, still.signed_in(), "and no younger");
        assert_eq!(shown(&found(&strong, "sites.localhost")), shown(&between));
        assert_eq!(shown(&found(&portal, "gate.localhost")), [(key, Factor::SecurityKey), (second, Factor::SecurityKey)]);
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_while_the_process_was_down_makes_no_proof_younger() {
    let (world, _, SignedIn { identity, key, .. }) = signed_in().await;
    world.pass(300);
    let (token, _) = world.auth.sessions.step_up(identity.session_id(), by(&world, key), world.now()).await.unwrap().unwrap();
    // The new process believes that it is when she signed in.
    let sessions =
        Sessions::load(world.store.clone(), host("gate.localhost"), SessionLimits::default(), identity.signed_in()).await.unwrap();
    let again = sessions.lookup(&token, &host("gate.localhost"), identity.signed_in()).unwrap();
    assert_eq!(again.proofs()[0].at, identity.signed_in());
    assert_eq!(again.signed_in(), identity.signed_in().minus(Duration::from_secs(300)));
    let stored = world.store.live_sessions().await.unwrap().remove(0);
    assert_eq!((stored.proofs[0].at, stored.session.signed_in), (again.proofs()[0].at, again.signed_in()), "the store was told");
}

#[tokio::test]
async fn a_token_that_is_revoked_ends_every_session_that_it_has_a_part_in_and_no_other() {
    let (world, account, SignedIn { token, identity, .. }) = signed_in().await;
    let second = second_key(&world, &account).await;
    assert!(world.auth.sessions.revoke_all_by(second).is_empty());
    assert!(who(&world, &token, "gate.localhost").is_some());
    let (token, _) = world.auth.sessions.step_up(identity.session_id(), by(&world, second), world.now()).await.unwrap().unwrap();
    assert_eq!(world.auth.sessions.revoke_all_by(second).len(), 1);
    assert!(who(&world, &token, "gate.localhost").is_none());
    assert!(world.auth.sessions.step_up(identity.session_id(), by(&world, second), world.now()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_proof_loses_against_whatever_ends_its_token_or_session_while_it_is_written_down() {
    for race in ["token", "session"] {
        let (world, account, SignedIn { token, identity, .. }) = signed_in().await;
        let second = second_key(&world, &account).await;
        let sessions = &world.auth.sessions;
        let mut proving = std::pin::pin!(sessions.step_up(identity.session_id(), by(&world, second), world.now()));
        assert!(proving.as_mut().now_or_never().is_none(), "the store takes its time");
        let ended = if race == "token" { sessions.revoke_all_by(second) } else { sessions.revoke_all_of(account.id) };
        assert_eq!(ended.len(), 1, "{race}");
        assert!(proving.await.unwrap().is_none(), "{race}");
        assert!(who(&world, &token, "gate.localhost").is_none(), "{race}");
        sessions.write_back().await.unwrap();
        assert!(world.store.live_sessions().await.unwrap().is_empty(), "{race}");
    }
}

#[tokio::test]
async fn what_the_store_holds_ended_proves_nothing_and_leaves_the_session_as_it_was() {
    let (world, account, SignedIn { token, identity, .. }) = signed_in().await;
    let second = second_key(&world, &account).await;
    let serial = world.store.tokens_of(account.id).await.unwrap().into_iter().find(|token| token.id == second).unwrap().serial;
    world.store.change_token(&serial, TokenState::Lost, world.now()).await.unwrap();
    assert!(world.auth.sessions.step_up(identity.session_id(), by(&world, second), world.now()).await.unwrap().is_none());
    let still = who(&world, &token, "gate.localhost").unwrap();
    assert_eq!(still.proofs().len(), 1);
    assert!(world.auth.sessions.revoke_all_by(second).is_empty(), "it has no part in it");
    world.store.set_state(account.id, &[AccountState::Active], AccountState::Disabled).await.unwrap();
    assert!(world.auth.sessions.step_up(identity.session_id(), by(&world, identity.key()), world.now()).await.unwrap().is_none());
}

#[tokio::test]
async fn of_two_proofs_at_once_both_count_and_one_token_of_the_portal_is_left() {
    let (world, account, SignedIn { identity, key, .. }) = signed_in().await;
    let second = second_key(&world, &account).await;
    let (id, sessions, now) = (identity.session_id(), &world.auth.sessions, world.now());
    let (one, two) = tokio::join!(sessions.step_up(id, by(&world, key), now), sessions.step_up(id, by(&world, second), now));
    let tokens = [one.unwrap().unwrap().0, two.unwrap().unwrap().0];
    let left: Vec<_> = tokens.iter().filter_map(|token| who(&world, token, "gate.localhost")).collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].proofs().len(), 2);
    let last = tokens.iter().position(|token| who(&world, token, "gate.localhost").is_some()).unwrap();
    let world = world.restarted().await;
    assert!(who(&world, &tokens[last], "gate.localhost").is_some(), "the store has the same one");
}

#[tokio::test]
async fn a_stronger_proof_makes_the_whole_session_stronger_from_then_on() {
    let world = World::new().await;
    let mut device = Device::new();
    let account = world.enrol("wang li", &mut device).await;
    let keys = world.store.keys(account.id).await.unwrap();
    let coded = world.auth.sessions.create(&account, keys[0].id, Factor::PasswordAndOath, browser(), world.now()).await.unwrap().unwrap().1;
    let second = second_key(&world, &account).await;
    assert_eq!(coded.factor(), Factor::PasswordAndOath);
    let (_, keyed) = world.auth.sessions.step_up(coded.session_id(), by(&world, second), world.now()).await.unwrap().unwrap();
    assert_eq!((keyed.factor(), keyed.who().factor), (Factor::SecurityKey, Some(Factor::SecurityKey)));
    assert_eq!((coded.factor(), coded.who().factor), (Factor::PasswordAndOath, Some(Factor::PasswordAndOath)));
}
