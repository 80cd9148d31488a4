//! What is done by the clock: sessions end that have expired or whose certificates are good no more, idle times are written back, counted
//! strangers go on record, the disk is looked at, old rows go.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::model::{Action, Event};

use super::house::House;
use super::lapses;

/// Whoever stays away for months need not be found to the minute.
const HOUR_S: u64 = 3_600;

pub async fn keep_house(house: Arc<House>) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut told = false;
    for second in 0_u64.. {
        tick.tick().await;
        each_second(&house).await;
        // A log that is only full says so itself, and when it goes on.
        if let Some(why) = house.journal.failure().filter(|_| !told && !house.journal.is_full()) {
            tracing::error!("nobody is let in any more, because the audit log failed: {why}");
            told = true;
        }
        if second.is_multiple_of(HOUR_S) {
            lapses::suspend_unused(&house, house.clock.now()).await;
        }
        if second.is_multiple_of(30) {
            each_half_minute(&house).await;
        }
    }
}

async fn each_second(house: &House) {
    house.look_at_space();
    house.refresh_trust().await;
    house.end_what_nobody_vouches_for().await;
    let now = house.clock.now();
    lapses::expire_tokens(house, now, house.clock.wall()).await;
    for expired in house.auth.sessions.sweep(now) {
        house.journal.note(Event::done(Action::SessionExpired).by(expired.who).with("session", expired.id));
    }
    house.kept.sweep(|session| house.auth.sessions.is_open(session, now), now);
}

/// Puts what was counted of strangers on record, in a task of its own: it waits for the disk, which must keep nothing else waiting.
pub struct StrangersOnRecord {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl StrangersOnRecord {
    pub fn begin(back: &tokio::runtime::Handle, house: Arc<House>) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self { stop, task: back.spawn(record_strangers(house, stopped)) }
    }

    /// Puts the counts of the minute under way on record too, and ends.
    pub async fn finish(self) {
        let _ = self.stop.send(());
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the counts of strangers are not on record");
        }
    }
}

async fn record_strangers(house: Arc<House>, mut stopped: oneshot::Receiver<()>) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = &mut stopped => return record_together(&house, drained_to_the_end(&house)).await,
            _ = tick.tick() => record_together(&house, house.strangers.drain(house.clock.wall())).await,
        }
    }
}

/// All counts, also those of the minute that is not over.
pub fn drained_to_the_end(house: &House) -> Vec<Event> {
    house.strangers.drain(house.clock.wall().plus(Duration::from_secs(60)))
}

/// One sync for many; and waiting for it keeps what strangers cause from piling up in the queue.
async fn record_together(house: &House, counts: Vec<Event>) {
    const AT_ONCE: usize = 256;
    if house.journal.is_full() {
        // They wait for room with the rest that nobody waits for.
        return counts.into_iter().for_each(|event| house.journal.note(event));
    }
    for group in counts.chunks(AT_ONCE) {
        let recorded = join_all(group.iter().map(|event| house.journal.event(event.clone()))).await;
        if recorded.iter().any(Result::is_err) {
            return;
        }
    }
}

async fn each_half_minute(house: &House) {
    let now = house.clock.now();
    if let Err(error) = house.auth.sessions.write_back().await {
        tracing::warn!(%error, "idle times could not be written back; a restart may sign people out early");
    }
    if let Err(error) = house.store.keep_clock(&house.clock.reading()).await {
        tracing::warn!(%error, "the clock could not be written down; sessions may end early if the machine is started anew");
    }
    if let Err(error) = house.store.note_wardens(now).await {
        tracing::warn!(%error, "who can confirm changes could not be written down");
    }
    if let Err(error) = house.store.sweep(now).await {
        tracing::warn!(%error, "expired codes and challenges could not be removed");
    }
    if let Err(error) = house.store.forget_places(house.limits.familiar_since(now)).await {
        tracing::warn!(%error, "places where nobody signs in any more could not be removed");
    }
    if let Err(error) = house.desk.keep_lockdowns().await {
        tracing::warn!(%error, "what is closed could not be written down; a restart opens it");
    }
    if let Err(error) = house.desk.publish_revocations(house.clock.wall()).await {
        tracing::warn!(%error, "the list of revoked certificates could not be written; it ends in a week at the latest");
    }
    house.limits.sweep(now);
}
