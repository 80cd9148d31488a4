//! Which emergency level is in force and since when each holds that was confirmed, in memory and in the store.
//!
//! Invariants: what closes acts in memory at once and waits for nothing; what opens is kept first, so that whatever fails leaves it closed. The
//! level and the times are kept together, the newest last. What a stop leaves unkept is put in force again by the log.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::Notify;

use super::{InForce, stored, under, with_terms};
use crate::access::{Emergency, Stance};
use crate::auth::{Sessions, Tightened};
use crate::clock::Time;
use crate::incident::notice::Lasting;
use crate::incident::{Book, Confirmed, Measures, Plan};
use crate::model::Level;
use crate::store::{LevelTime, Store, StoreError, StoredLevel};

/// So long may the store take before somebody is told.
const PATIENCE: Duration = Duration::from_secs(5);
/// After it failed.
const PAUSE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub struct Levels {
    store: Store,
    sessions: Arc<Sessions>,
    emergency: Arc<Emergency>,
    state: Mutex<State>,
    changed: Notify,
    /// Whoever writes into the store holds it, so that the newest is written last.
    turn: tokio::sync::Mutex<()>,
    /// What keeps it from being written; a sentence.
    trouble: ArcSwapOption<String>,
}

#[derive(Debug, Default)]
struct State {
    /// What is in force as soon as the store has it, because it opens something; `None`: nothing waits for that.
    opening: Option<Option<Stance>>,
    /// Since when levels hold, on the steady scale, by the records that confirmed them: no clock that is set has a say in how long they last.
    times: BTreeMap<u64, LevelTime>,
    /// What the store has.
    kept: Kept,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Kept {
    level: Option<StoredLevel>,
    times: BTreeMap<u64, LevelTime>,
}

impl Levels {
    /// Puts in force again what was when the gateway was stopped. To be called before anybody is let in.
    pub async fn restore(
        store: Store,
        sessions: Arc<Sessions>,
        emergency: Arc<Emergency>,
        plan: Option<&Plan>,
        now: Time,
    ) -> Result<Self, StoreError> {
        let kept = Kept { level: store.level().await?, times: store.level_times().await? };
        let last = kept.level.as_ref().map(|StoredLevel { level, incident, confirmed, since, until }| {
            let (level, incident, confirmed, since, until) = (*level, *incident, *confirmed, *since, *until);
            under(&Stance { level, incident, confirmed, since, until, measures: Arc::default() }, plan, now)
        });
        let state = Mutex::new(State { times: kept.times.clone(), kept, opening: None });
        let (changed, turn, trouble) = (Notify::new(), tokio::sync::Mutex::default(), ArcSwapOption::empty());
        let levels = Self { store, sessions, emergency, state, changed, turn, trouble };
        levels.put(last);
        Ok(levels)
    }

    /// Puts the gravest level of the book in force of those whose time is not over. Where all have run out, what was in force last stays as it is.
    pub fn follow(&self, book: &Book, plan: Option<&Plan>, now: Time, wall: Time) {
        let (all, mut state, last) = (book.in_force(), self.state(), self.emergency.last());
        let times = &mut state.times;
        for held in &all {
            times.entry(held.record).or_insert_with(|| {
                let applied = last.as_ref().filter(|last| last.is_of(held.incident, held.level, held.since));
                // A record from the future is one from now: nothing lasts longer because the clock was set back.
                let since = applied.map_or_else(|| now.minus(wall.since(held.since)), |applied| applied.since);
                LevelTime { since, is_over: false }
            });
        }
        // Also of incidents that are over: they may be taken up again, and what ran out meanwhile did.
        let confirmed = book.cases().filter(|case| case.drill.is_none()).filter_map(|case| case.confirmed.as_ref());
        let known: BTreeMap<u64, Level> = confirmed.map(|confirmed| (confirmed.record, confirmed.level)).collect();
        times.retain(|record, _| known.contains_key(record));
        let applied = all.iter().find(|held| last.as_ref().is_some_and(|last| last.is_of(held.incident, held.level, held.since)));
        for (record, time) in times.iter_mut() {
            time.is_over |= match last.as_ref().filter(|_| applied.is_some_and(|applied| applied.record == *record)) {
                Some(last) => !last.holds(now),
                None => known.get(record).is_some_and(|level| now >= time.since.plus(lasts(plan, *level))),
            };
        }
        let holds = all.iter().find_map(|held| {
            let LevelTime { since, .. } = *times.get(&held.record).filter(|time| !time.is_over)?;
            Some(InForce { level: held.level, since_wall: held.since, since, incident: held.incident })
        });
        match (holds, applied) {
            (None, Some(_)) => state.opening = None,
            (wanted, _) => self.wish(&mut state, wanted, plan, now),
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Puts the level in force with what the plan says of it, or takes it out of force. May be repeated: the same confirmation lasts no longer by
    /// that.
    pub fn apply(&self, wanted: Option<InForce>, plan: Option<&Plan>, now: Time) {
        self.wish(&mut self.state(), wanted, plan, now);
        self.changed.notify_one();
    }

    /// What is in force, under the plan that is in force by now.
    pub fn adopt_plan(&self, plan: Option<&Plan>, now: Time) {
        let mut state = self.state();
        if let Some(Some(opening)) = &mut state.opening {
            *opening = with_terms(opening, plan);
        }
        self.put(self.emergency.last().map(|last| under(&last, plan, now)));
        drop(state);
        self.changed.notify_one();
    }

    /// Since when the level holds that was confirmed by this record.
    pub fn since(&self, record: u64) -> Option<Time> {
        self.state().times.get(&record).map(|time| time.since)
    }

    /// How it stands with a level that was confirmed; `None`: it does nothing that could end, or is not known yet.
    pub fn lasting(&self, confirmed: &Confirmed, plan: Option<&Plan>, now: Time) -> Option<Lasting> {
        let whole = plan?.terms(confirmed.level)?.policy.as_ref()?.lasts;
        let LevelTime { since, is_over } = *self.state().times.get(&confirmed.record)?;
        Some(if is_over { Lasting::Over } else { Lasting::of(since.plus(whole).since(now), whole) })
    }

    pub fn warnings(&self) -> Vec<String> {
        self.trouble.load().iter().map(|trouble| String::clone(trouble)).collect()
    }

    /// Gives the store what it does not have, until the process ends.
    pub async fn keep_on(&self) {
        loop {
            let mut keeping = pin!(self.keep());
            let kept = match tokio::time::timeout(PATIENCE, &mut keeping).await {
                Ok(kept) => kept,
                Err(_) => {
                    self.set_trouble(Some(format!("it has not answered within {} s", PATIENCE.as_secs())));
                    keeping.await
                }
            };
            self.set_trouble(kept.as_ref().err().map(ToString::to_string));
            match kept {
                Ok(()) => self.changed.notified().await,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Gives the store what it does not have, once; what waited for that is in force then.
    pub async fn keep(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let newest = {
            let state = self.state();
            let level = state.opening.clone().unwrap_or_else(|| self.emergency.last());
            Kept { level: level.as_ref().map(stored), times: state.times.clone() }
        };
        if self.state().kept != newest {
            self.store.keep_levels(newest.level.as_ref(), &newest.times).await?;
        }
        let mut state = self.state();
        // Something else may be wished for by now.
        if let Some(opening) = state.opening.take_if(|opening| opening.as_ref().map(stored) == newest.level) {
            self.put(opening);
        }
        state.kept = newest;
        Ok(())
    }

    fn wish(&self, state: &mut State, wanted: Option<InForce>, plan: Option<&Plan>, now: Time) {
        let last = self.emergency.last();
        let stance = wanted.map(|InForce { level, since_wall, since, incident }| match &last {
            Some(last) if last.is_of(incident, level, since_wall) => under(last, plan, now),
            _ => {
                let first = Stance { level, incident, confirmed: since_wall, since, until: since, measures: Arc::default() };
                with_terms(&first, plan)
            }
        });
        let closes = match &stance {
            Some(stance) => last.filter(|last| last.holds(now)).is_none_or(|last| last.level <= stance.level),
            None => last.is_none(),
        };
        state.opening = if closes { None } else { Some(stance.clone()) };
        if closes {
            self.put(stance);
        }
    }

    /// What is the same already is left as it is: nothing that is under way need be judged anew. To be called by whoever holds the state.
    fn put(&self, stance: Option<Stance>) {
        let last = self.emergency.last();
        if last == stance {
            return;
        }
        let which = |stance: &Stance| (stance.incident, stance.level, stance.confirmed);
        if last.as_ref().map(which) != stance.as_ref().map(which) {
            match &stance {
                Some(stance) => tracing::warn!("the emergency level {} is in force, by incident {}", stance.level, stance.incident),
                None => tracing::warn!("no emergency level is in force"),
            }
        }
        let tightened = stance.as_ref().map(|stance| {
            let Measures { idle, overall, .. } = *stance.measures;
            Tightened { idle, overall, until: stance.until }
        });
        self.sessions.tighten(tightened);
        self.emergency.set(stance);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_trouble(&self, why: Option<String>) {
        let trouble = why.map(|why| {
            format!("emergency levels cannot be kept ({why}): what closes acts all the same, what opens waits; it is tried again")
        });
        if let Some(trouble) = trouble.as_ref().filter(|_| self.trouble.load().is_none()) {
            tracing::error!("{trouble}");
        }
        self.trouble.store(trouble.map(Arc::new));
    }
}

fn lasts(plan: Option<&Plan>, level: Level) -> Duration {
    let terms = plan.and_then(|plan| plan.terms(level));
    terms.and_then(|terms| terms.policy.clone()).unwrap_or_default().lasts
}

#[cfg(test)]
mod tests;
