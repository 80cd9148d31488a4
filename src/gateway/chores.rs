//! What is done by the clock: expired sessions end, idle times are written back, counted strangers go on record, old rows go.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Action, Event};

use super::house::House;

pub async fn keep_house(house: Arc<House>) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut told = false;
    for second in 0_u64.. {
        tick.tick().await;
        each_second(&house).await;
        if let Some(why) = house.journal.failure().filter(|_| !told) {
            tracing::error!("nobody is let in any more, because the audit log failed: {why}");
            told = true;
        }
        if second.is_multiple_of(30) {
            each_half_minute(&house).await;
        }
    }
}

async fn each_second(house: &House) {
    let now = house.clock.now();
    for expired in house.auth.sessions.sweep(now) {
        house.journal.note(Event::done(Action::SessionExpired).by(expired.who).with("session", expired.id));
    }
    for event in house.strangers.drain(house.clock.wall()) {
        // Waiting for the disk keeps what strangers cause from piling up in memory.
        if house.journal.event(event).await.is_err() {
            return;
        }
    }
}

async fn each_half_minute(house: &House) {
    let now = house.clock.now();
    if let Err(error) = house.auth.sessions.write_back().await {
        tracing::warn!(%error, "idle times could not be written back; a restart may sign people out early");
    }
    if let Err(error) = house.store.sweep(now).await {
        tracing::warn!(%error, "expired codes and challenges could not be removed");
    }
    house.limits.sweep(now);
}
