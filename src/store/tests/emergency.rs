//! The emergency level over restarts.

use std::collections::BTreeMap;

use super::*;
use crate::clock::Clock;
use crate::model::Level;

fn level(since: Time) -> StoredLevel {
    StoredLevel { level: Level::II, incident: 7, confirmed: NOW, since, until: since.plus(Duration::from_secs(3_600)) }
}

#[tokio::test]
async fn one_level_is_kept_until_it_is_lifted_also_when_its_time_has_passed() {
    let (_directory, store) = store().await;
    assert_eq!(store.level().await.unwrap(), None);
    let none = BTreeMap::new();
    store.keep_levels(Some(&level(NOW)), &none).await.unwrap();
    let graver = StoredLevel { level: Level::I, ..level(NOW.minus(Duration::from_secs(7_200))) };
    store.keep_levels(Some(&graver), &none).await.unwrap();
    assert_eq!(store.level().await.unwrap(), Some(graver));
    store.keep_levels(None, &none).await.unwrap();
    assert_eq!(store.level().await.unwrap(), None);
}

#[tokio::test]
async fn a_wall_clock_that_was_stepped_makes_no_level_last_longer_or_less_long() {
    for step in [3_600_000, -3_600_000] {
        let (_directory, store) = store().await;
        let clock = Clock::manual(NOW);
        store.adopt_clock(&clock.reading()).await.unwrap();
        let running = LevelTime { since: NOW, is_over: false };
        let times = BTreeMap::from([(7, running), (9, LevelTime { is_over: true, ..running })]);
        store.keep_levels(Some(&level(NOW)), &times).await.unwrap();
        clock.step_wall(step);
        clock.advance(Duration::from_secs(60));
        let next = clock.restarted();
        store.adopt_clock(&next.reading()).await.unwrap();
        let kept = store.level().await.unwrap().unwrap();
        assert_eq!((kept.since, kept.confirmed), (next.now().minus(Duration::from_secs(60)), NOW));
        assert_eq!(kept.until, next.now().plus(Duration::from_secs(3_540)));
        let moved = times.into_iter().map(|(record, time)| (record, LevelTime { since: kept.since, ..time }));
        assert_eq!(store.level_times().await.unwrap(), moved.collect());
        store.keep_levels(None, &BTreeMap::new()).await.unwrap();
        assert!(store.level_times().await.unwrap().is_empty());
    }
}
