//! Sessions: how long they live, and how they end.

use std::time::Duration;

use super::super::fixture::{Device, World, browser, host};
use super::super::*;
use crate::crypto::Token;
use crate::model::AccountState;

fn is_in(world: &World, token: &Token) -> bool {
    world.auth.sessions.lookup(token, &host("gate.localhost"), world.now()).is_some()
}

#[tokio::test]
async fn a_token_is_worth_something_on_its_own_host_only() {
    let world = World::new().await;
    let mut device = Device::new();
    world.enrol("wang li", &mut device).await;
    let token = world.sign_in("wang li", &mut device).await.token;
    assert!(is_in(&world, &token));
    assert!(world.auth.sessions.lookup(&token, &host("sites.localhost"), world.now()).is_none());
    assert!(!is_in(&world, &Token::random().unwrap()));
}

#[tokio::test]
async fn an_idle_session_ends_and_activity_keeps_it() {
    let world = World::new().await;
    let mut device = Device::new();
    world.enrol("wang li", &mut device).await;
    let signed_in = world.sign_in("wang li", &mut device).await;
    world.pass(899);
    assert!(is_in(&world, &signed_in.token));
    signed_in.identity.mark_active(world.now());
    world.pass(899);
    assert!(is_in(&world, &signed_in.token));
    world.pass(1);
    assert!(!is_in(&world, &signed_in.token));
    signed_in.identity.mark_active(world.now());
    assert!(!is_in(&world, &signed_in.token), "what is over cannot be revived");
    let swept = world.auth.sessions.sweep(world.now());
    assert_eq!(swept.iter().map(|ended| ended.id).collect::<Vec<_>>(), [signed_in.identity.session_id()]);
    assert!(signed_in.identity.is_revoked());
    world.auth.sessions.write_back().await.unwrap();
    assert!(world.store.live_sessions().await.unwrap().is_empty());
}

#[tokio::test]
async fn twelve_hours_end_the_busiest_session() {
    let world = World::new().await;
    let mut device = Device::new();
    world.enrol("wang li", &mut device).await;
    let signed_in = world.sign_in("wang li", &mut device).await;
    for _ in 0..72 {
        assert!(is_in(&world, &signed_in.token));
        world.pass(600);
        signed_in.identity.mark_active(world.now());
    }
    assert!(!is_in(&world, &signed_in.token));
}

#[tokio::test]
async fn tighter_limits_hold_for_open_sessions_too() {
    let world = World::new().await;
    let mut device = Device::new();
    world.enrol("wang li", &mut device).await;
    let token = world.sign_in("wang li", &mut device).await.token;
    world.pass(300);
    assert!(is_in(&world, &token));
    world.auth.sessions.set_limits(SessionLimits { idle: Duration::from_secs(300), ..SessionLimits::default() });
    assert!(!is_in(&world, &token));
}

#[tokio::test]
async fn signing_out_ends_every_token_of_the_session_at_once_and_for_good() {
    let world = World::new().await;
    let mut device = Device::new();
    world.enrol("wang li", &mut device).await;
    let signed_in = world.sign_in("wang li", &mut device).await;
    let sites = host("sites.localhost");
    let (app_token, app) = world.auth.sessions.enter(signed_in.identity.token_hash(), &sites, world.now()).await.unwrap().unwrap();
    assert!(world.auth.sessions.lookup(&app_token, &sites, world.now()).is_some());
    assert_eq!(app.who().session, signed_in.identity.who().session, "records follow one session over all hosts");
    let waiting = tokio::spawn({
        let app = app.clone();
        async move { app.until_revoked().await }
    });
    tokio::task::yield_now().await;
    assert!(world.auth.sessions.end(signed_in.identity.session_id()).await.unwrap());
    assert!(!world.auth.sessions.end(signed_in.identity.session_id()).await.unwrap());
    waiting.await.unwrap();
    assert!(app.is_revoked());
    assert!(!is_in(&world, &signed_in.token));
    assert!(world.auth.sessions.lookup(&app_token, &sites, world.now()).is_none());
    assert!(world.auth.sessions.enter(signed_in.identity.token_hash(), &sites, world.now()).await.unwrap().is_none());
    let world = world.restarted().await;
    assert!(!is_in(&world, &signed_in.token));
}

#[tokio::test]
async fn signing_out_elsewhere_keeps_this_session_and_everywhere_keeps_none() {
    let world = World::new().await;
    let (mut device, mut other) = (Device::new(), Device::new());
    let account = world.enrol("wang li", &mut device).await;
    world.enrol("li na", &mut other).await;
    let here = world.sign_in("wang li", &mut device).await;
    let there = world.sign_in("wang li", &mut device).await;
    let li = world.sign_in("li na", &mut other).await;
    assert_ne!(here.token, there.token);
    let rows = world.auth.sessions.list_of(account.id);
    assert_eq!(rows.len(), 2);
    assert_eq!(world.auth.sessions.list_all().len(), 3);

    let ended = world.auth.sessions.end_others(account.id, here.identity.session_id()).await.unwrap();
    assert_eq!(ended.iter().map(|ended| ended.id).collect::<Vec<_>>(), [there.identity.session_id()]);
    assert!(is_in(&world, &here.token) && !is_in(&world, &there.token));
    world.auth.sessions.end_all_of(account.id).await.unwrap();
    assert!(!is_in(&world, &here.token));
    assert!(is_in(&world, &li.token), "nobody else was signed out");
}

#[tokio::test]
async fn sessions_and_their_idle_times_outlive_a_restart() {
    let world = World::new().await;
    let mut device = Device::new();
    world.enrol("wang li", &mut device).await;
    let signed_in = world.sign_in("wang li", &mut device).await;
    let sites = host("sites.localhost");
    let (app_token, _) = world.auth.sessions.enter(signed_in.identity.token_hash(), &sites, world.now()).await.unwrap().unwrap();
    world.pass(600);
    signed_in.identity.mark_active(world.now());
    world.auth.sessions.write_back().await.unwrap();
    world.pass(899);
    let world = world.restarted().await;
    let identity = world.auth.sessions.lookup(&signed_in.token, &host("gate.localhost"), world.now()).unwrap();
    assert_eq!(identity.who(), signed_in.identity.who());
    assert_eq!(identity.signed_in(), signed_in.identity.signed_in());
    assert!(world.auth.sessions.lookup(&app_token, &sites, world.now()).is_some());
    let row = world.auth.sessions.list_all().remove(0);
    assert_eq!((row.user_agent.as_str(), row.hosts.into_iter().collect::<Vec<_>>()), ("test", vec![sites]));
    world.pass(1);
    let world = world.restarted().await;
    assert!(world.auth.sessions.list_all().is_empty());
    assert!(world.store.live_sessions().await.unwrap().is_empty());
}

#[tokio::test]
async fn how_long_she_was_away_from_an_app_outlives_a_new_token_and_a_restart() {
    let world = World::new().await;
    let mut device = Device::new();
    world.enrol("wang li", &mut device).await;
    let portal = world.sign_in("wang li", &mut device).await;
    let (sites, limit) = (host("sites.localhost"), Duration::from_secs(300));
    let (token, app) = world.auth.sessions.enter(portal.identity.token_hash(), &sites, world.now()).await.unwrap().unwrap();
    world.pass(200);
    app.mark_active(world.now());
    world.pass(200);
    portal.identity.mark_active(world.now());
    assert!(!portal.identity.is_away(&sites, limit, world.now()) && !app.is_away(&sites, limit, world.now()));
    world.auth.sessions.write_back().await.unwrap();
    let world = world.restarted().await;
    let found = |token: &Token, name: &str| world.auth.sessions.lookup(token, &host(name), world.now()).unwrap();
    let (portal, app) = (found(&portal.token, "gate.localhost"), found(&token, "sites.localhost"));
    world.pass(99);
    assert!(!app.is_away(&sites, limit, world.now()), "a restart signs nobody out");
    world.pass(1);
    portal.mark_active(world.now());
    assert!(app.is_away(&sites, limit, world.now()) && portal.is_away(&sites, limit, world.now()), "nor does it let anybody stay");
    let (_, anew) = world.auth.sessions.enter(portal.token_hash(), &sites, world.now()).await.unwrap().unwrap();
    assert!(!anew.is_away(&sites, limit, world.now()) && !app.is_away(&sites, limit, world.now()), "entering is activity");
}

#[tokio::test]
async fn a_clock_that_was_set_back_between_two_starts_makes_no_session_younger() {
    let mut world = World::new().await;
    let mut device = Device::new();
    world.enrol("wang li", &mut device).await;
    let token = world.sign_in("wang li", &mut device).await.token;
    for _ in 0..70 {
        world.pass(600);
        world.auth.sessions.lookup(&token, &host("gate.localhost"), world.now()).unwrap().mark_active(world.now());
    }
    world.auth.sessions.write_back().await.unwrap();
    // Eleven hours and forty minutes old; now the clock goes back by an hour, twice, with a start after each.
    for _ in 0..2 {
        world.clock = crate::clock::Clock::manual(world.now().minus(Duration::from_secs(3600)));
        world = world.restarted().await;
        assert!(is_in(&world, &token), "no mass sign-out");
    }
    for _ in 0..2 {
        world.pass(599);
        world.auth.sessions.lookup(&token, &host("gate.localhost"), world.now()).unwrap().mark_active(world.now());
    }
    world.pass(10);
    assert!(!is_in(&world, &token), "twelve hours are twelve hours");
}

#[tokio::test]
async fn a_session_that_the_store_could_not_end_is_dead_in_memory_and_said_to_have_failed() {
    let world = World::new().await;
    let mut device = Device::new();
    let account = world.enrol("wang li", &mut device).await;
    let one = world.sign_in("wang li", &mut device).await;
    let two = world.sign_in("wang li", &mut device).await;
    world.store.close().await;
    assert!(world.auth.sessions.end(one.identity.session_id()).await.is_err());
    assert!(!is_in(&world, &one.token) && one.identity.is_revoked());
    assert!(world.auth.sessions.end_all_of(account.id).await.is_err());
    assert!(!is_in(&world, &two.token));
    assert!(world.auth.sessions.write_back().await.is_err(), "and is tried again");
}

#[tokio::test]
async fn an_account_that_is_not_active_gets_no_session_and_leaves_no_trace_of_one() {
    let world = World::new().await;
    let mut device = Device::new();
    let account = world.enrol("wang li", &mut device).await;
    let key = world.store.keys(account.id).await.unwrap().remove(0).id;
    world.store.set_state(account.id, &[AccountState::Active], AccountState::Disabled).await.unwrap();
    let factor = crate::model::Factor::SecurityKey;
    let refused = world.auth.sessions.create(&account, key, factor, browser(), world.now()).await.unwrap();
    assert!(refused.is_none());
    assert!(world.auth.sessions.list_all().is_empty());
    world.store.set_state(account.id, &[AccountState::Disabled], AccountState::Active).await.unwrap();
    assert!(world.auth.sessions.create(&account, key, factor, browser(), world.now()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_long_user_agent_is_cut() {
    let world = World::new().await;
    let mut device = Device::new();
    let account = world.enrol("wang li", &mut device).await;
    let key = world.store.keys(account.id).await.unwrap().remove(0).id;
    let loud = Browser { user_agent: "x".repeat(10_000), ..browser() };
    world.auth.sessions.create(&account, key, crate::model::Factor::SecurityKey, loud, world.now()).await.unwrap().unwrap();
    assert!(world.auth.sessions.list_all()[0].user_agent.len() < 300);
}

#[test]
fn a_sample_is_somebody_who_can_be_revoked() {
    let now = crate::clock::Time::from_millis(5);
    let sample = Identity::sample("wang li", "Press", crate::model::Role::Auditor, now);
    assert_eq!((sample.signed_in(), sample.who().role, sample.is_revoked()), (now, crate::model::Role::Auditor, false));
    sample.revoke_sample();
    assert!(Visitor::Known(sample).known().unwrap().is_revoked());
    assert!(Visitor::Stranger.known().is_none());
}
