//! Instants move with the clock of the process, and keep their distances.

use super::*;
use crate::clock::Clock;

const HOUR_MS: i64 = 3_600_000;

/// When a session was signed in, as the clock sees it now: seconds ago.
async fn age(store: &Store, clock: &Clock) -> i64 {
    let session = store.live_sessions().await.unwrap().remove(0).session;
    (clock.now().millis() - session.signed_in.millis()) / 1000
}

/// A store with a session that is five minutes old.
async fn five_minutes_old() -> (tempfile::TempDir, Store, Clock) {
    let (directory, store) = store().await;
    let clock = Clock::manual(NOW);
    assert_eq!(store.adopt_clock(&clock.reading()).await.unwrap(), 0, "there is no other clock yet");
    super::sessions::with_session(&store, NOW).await;
    clock.advance(Duration::from_secs(300));
    (directory, store, clock)
}

#[tokio::test]
async fn a_wall_clock_that_was_stepped_makes_nothing_older_or_younger_in_the_next_process() {
    for step in [HOUR_MS, -HOUR_MS] {
        let (_directory, store, clock) = five_minutes_old().await;
        clock.step_wall(step);
        clock.advance(Duration::from_secs(60));
        let next = clock.restarted();
        assert_eq!(next.now(), clock.wall());
        assert_eq!(store.adopt_clock(&next.reading()).await.unwrap(), step);
        assert_eq!(age(&store, &next).await, 360);
        assert_eq!(store.adopt_clock(&next.reading()).await.unwrap(), 0, "it moves once");
        assert_eq!(age(&store, &next).await, 360);
    }
}

#[tokio::test]
async fn after_a_start_of_the_machine_the_wall_clock_tells_how_long_it_took_but_never_less_than_nothing() {
    let (_directory, store, clock) = five_minutes_old().await;
    clock.step_wall(HOUR_MS);
    store.keep_clock(&clock.reading()).await.unwrap();
    clock.advance(Duration::from_secs(60));
    let next = clock.rebooted();
    assert_eq!(store.adopt_clock(&next.reading()).await.unwrap(), HOUR_MS, "a step before the last reading is known");
    assert_eq!(age(&store, &next).await, 360);
    next.step_wall(-HOUR_MS);
    let next = next.rebooted();
    store.adopt_clock(&next.reading()).await.unwrap();
    assert_eq!(age(&store, &next).await, 360, "one while the machine was off looks like no time at all");
}

#[tokio::test]
async fn whatever_has_a_length_moves_and_nothing_else_does() {
    let (_directory, store, clock) = five_minutes_old().await;
    let session = store.live_sessions().await.unwrap().remove(0);
    let code = Code {
        session: session.session.id,
        asker: hash(9),
        host: crate::model::Host::parse("sites.localhost").unwrap(),
        nonce: hash(1),
        return_path: "/".to_owned(),
        expires: clock.now().plus(Duration::from_secs(30)),
    };
    store.put_code(hash(2), &code, clock.now()).await.unwrap();
    clock.step_wall(HOUR_MS);
    let next = clock.restarted();
    store.adopt_clock(&next.reading()).await.unwrap();
    let moved = store.live_sessions().await.unwrap().remove(0);
    assert_eq!(moved.account.created, session.account.created);
    assert_eq!(moved.session.last_active.millis() - session.session.last_active.millis(), HOUR_MS);
    assert!(moved.hosts.iter().all(|(host, active)| active.millis() - session.hosts[host].millis() == HOUR_MS));
    next.advance(Duration::from_secs(29));
    assert!(store.spend_code(hash(2), next.now()).await.unwrap().is_some(), "it is worth something for its thirty seconds");
}
