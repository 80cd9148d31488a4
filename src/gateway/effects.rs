//! What follows from incidents: the level that was confirmed is in force, what cannot be undone is done once, and people are told.
//!
//! Invariant: nothing follows before all that is on record was read, so that a start neither opens what is closed nor tells what was told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::incident::notice::{DueReport, Facts};
use crate::incident::{self, Acted, Beside, Book, Case, Plan, Step};
use crate::model::{AccountId, Action, Event, Level, Stage};
use crate::store::LevelTime;

use super::emergency::{self, InForce};
use super::house::House;

/// How long what holds for a time may outlast it before another level takes its place.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Follows the incidents until the process ends. Neither the reading of the log nor a level waits for what is done once: a store may be slow.
pub async fn follow(house: Arc<House>) {
    // Until this was read, the book is of another time.
    let before = house.journal.counts().sequence;
    let mut read = house.desk.incidents().follow();
    if read.wait_for(|at| *at >= before).await.is_err() {
        return;
    }
    let since = Since::default();
    tokio::join!(hold(&house, read.clone(), &since), act(&house, read, &since));
}

/// Until something was read, or time may have run out.
async fn look(read: &mut watch::Receiver<u64>) -> bool {
    !matches!(tokio::time::timeout(LOOK_EVERY, read.changed()).await, Ok(Err(_)))
}

async fn hold(house: &House, mut read: watch::Receiver<u64>, since: &Since) {
    let (mut levels, mut told) = (Levels::default(), None);
    loop {
        let book = house.desk.incidents().book();
        levels.hold(house, &book, since).await;
        let plan = house.map.load().plan.clone();
        let known: Vec<Facts> = book.cases().map(|case| facts(case, plan.as_deref())).collect();
        if told.as_ref() != Some(&known) {
            house.notices.learn(known.clone());
            told = Some(known);
        }
        if !look(&mut read).await {
            return;
        }
    }
}

async fn act(house: &House, mut read: watch::Receiver<u64>, since: &Since) {
    let mut acts = Acts::default();
    loop {
        acts.follow(house, since).await;
        if !look(&mut read).await {
            return;
        }
    }
}

/// Which level is in force.
#[derive(Default)]
struct Levels {
    /// What was applied last.
    applied: Option<Option<InForce>>,
    /// What the store has of [`Since`]; `None`: it was not asked yet.
    kept: Option<BTreeMap<u64, LevelTime>>,
}

/// Since when levels hold, on the steady scale, by the records that confirmed them: no clock that is set has a say in how long they last.
#[derive(Default)]
struct Since(Mutex<BTreeMap<u64, LevelTime>>);

/// What is done once.
#[derive(Default)]
struct Acts {
    /// Records of levels for which it was, and which are perhaps not read back yet.
    acted: BTreeSet<u64>,
}

impl Levels {
    /// Puts the gravest level in force of those whose time is not over. Where all have run out, the gravest is what ran out.
    async fn hold(&mut self, house: &House, book: &Book, since: &Since) {
        if self.kept.is_none() {
            match house.store.level_times().await {
                Ok(kept) => {
                    since.change(|times| times.clone_from(&kept));
                    self.kept = Some(kept);
                }
                Err(error) => {
                    tracing::error!(%error, "since when emergency levels hold cannot be read; what is in force stays so until it can");
                    return;
                }
            }
        }
        let all = book.in_force();
        let (now, wall, last) = (house.clock.now(), house.clock.wall(), house.emergency.last());
        let plan = house.map.load().plan.clone();
        let lasts = |level: Level| {
            let terms = plan.as_deref().and_then(|plan| plan.terms(level));
            terms.and_then(|terms| terms.policy.clone()).unwrap_or_default().lasts
        };
        let (times, wanted) = since.change(|times| {
            times.retain(|record, _| all.iter().any(|held| held.record == *record));
            for held in &all {
                let applied = last.as_ref().filter(|last| last.is_of(held.incident, held.level, held.since));
                let time = times.entry(held.record).or_insert_with(|| {
                    // A record from the future is one from now: nothing lasts longer because the clock was set back.
                    let since = applied.map_or_else(|| now.minus(wall.since(held.since)), |applied| applied.since);
                    LevelTime { since, is_over: false }
                });
                time.is_over |= match applied {
                    Some(applied) => !applied.holds(now),
                    None => now >= time.since.plus(lasts(held.level)),
                };
            }
            let time = |held: &incident::InForce| times.get(&held.record).copied();
            let holds = all.iter().find(|held| time(held).is_some_and(|time| !time.is_over));
            let wanted = holds.or(all.first()).and_then(|held| {
                let since = time(held)?.since;
                Some(InForce { level: held.level, since_wall: held.since, since, incident: held.incident })
            });
            (times.clone(), wanted)
        });
        // What closes does not wait for what is written down.
        self.put(house, wanted).await;
        if self.kept.as_ref() != Some(&times) {
            match house.store.keep_level_times(&times).await {
                Ok(()) => self.kept = Some(times),
                Err(error) => tracing::error!(%error, "since when emergency levels hold could not be written down; it is tried again"),
            }
        }
    }

    async fn put(&mut self, house: &House, wanted: Option<InForce>) {
        if self.applied == Some(wanted) {
            return;
        }
        match emergency::apply(house, wanted).await {
            Ok(()) => {
                if self.applied.is_some() || wanted.is_some() {
                    match house.emergency.in_force(house.clock.now()) {
                        Some(stance) => tracing::warn!("the emergency level {} is in force, by incident {}", stance.level, stance.incident),
                        None => tracing::warn!("no emergency level is in force"),
                    }
                }
                self.applied = Some(wanted);
            }
            Err(error) => tracing::error!(%error, "the emergency level could not be put in force; it is tried again"),
        }
    }
}

impl Since {
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<u64, LevelTime>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Acts {
    /// Does what cannot be undone for each level that was raised, and puts on record what it came to.
    async fn follow(&mut self, house: &House, since: &Since) {
        let due: Vec<u64> =
            house.desk.incidents().book().cases().filter(|case| case.to_be_acted().is_some()).map(|case| case.number).collect();
        for number in due {
            // It may have changed while others were acted on.
            let book = house.desk.incidents().book();
            let Some(case) = book.case(number) else { continue };
            let Some(confirmed) = case.to_be_acted().filter(|confirmed| !self.acted.contains(&confirmed.record)) else { continue };
            let plan = house.map.load().plan.clone();
            let terms = plan.as_deref().and_then(|plan| plan.terms(confirmed.level)).map(|terms| terms.once).unwrap_or_default();
            let Some(accounts) = accounts(house, case).await else { continue };
            // Whoever was there before it was confirmed, however late this is done.
            let known = since.change(|times| times.get(&confirmed.record).map(|time| time.since));
            let begun = known.unwrap_or_else(|| house.clock.now().minus(house.clock.wall().since(confirmed.at)));
            let done = emergency::once(house, terms, &accounts, begun).await;
            for session in &done.ended {
                let event = Event::done(Action::SessionEnded).by(session.who.clone()).with("session", session.id);
                house.journal.note(event.with("incident", case.number));
            }
            for serial in &done.suspended {
                house.journal.note(Event::done(Action::TokenSuspended).with("serial", serial).with("incident", case.number));
            }
            let mut acted = Acted::new(confirmed.level, terms, done.ended.len(), done.suspended.len());
            acted.beside.extend((case.more_subjects > 0).then_some(Beside::Unlisted(case.more_subjects)));
            acted.beside.extend(done.left.iter().map(|left| Beside::LastWayIn(left.to_string())));
            acted.beside.extend(done.failed.iter().map(|failed| Beside::Other(failed.clone())));
            let step = Step::Acted { level_record: confirmed.record, what: acted.to_string() };
            match house.journal.event(step.event(case.number)).await {
                Ok(()) => {
                    self.acted.insert(confirmed.record);
                }
                Err(error) => tracing::error!(%error, "what was done for a level is not on record; it is done again"),
            }
        }
    }
}

/// Whom it is about, as far as there are such accounts; `None`: the store does not answer.
async fn accounts(house: &House, case: &Case) -> Option<Vec<AccountId>> {
    let mut found = Vec::new();
    for name in case.accounts() {
        let Ok(name) = crate::model::AccountName::parse(name) else { continue };
        match house.store.account_by_name(&name).await {
            Ok(account) => found.extend(account.map(|account| account.id)),
            Err(error) => {
                tracing::error!(%error, "the accounts that an incident is about cannot be found; it is tried again");
                return None;
            }
        }
    }
    Some(found)
}

fn facts(case: &Case, plan: Option<&Plan>) -> Facts {
    let is_over = |stage| case.reached.get(&stage).copied().filter(|_| !case.stage.is_open());
    let reports = plan.map(|plan| incident::reports(case, plan)).unwrap_or_default();
    let due = |report: incident::DueReport<'_>| {
        let (rule, made) = (report.rule, report.sent.is_some());
        Some(DueReport { report: rule.report, due: report.due?, made, to: rule.to.clone() })
    };
    Facts {
        number: case.number,
        proposed: case.proposed(plan),
        confirmed: case.confirmed.as_ref().map(|confirmed| confirmed.level),
        stage: case.stage.word().to_owned(),
        trigger: case.triggers.iter().max_by_key(|(_, count)| **count).map(|(trigger, _)| trigger.clone()),
        category: case.category,
        subjects: (case.subjects.len() as u64).saturating_add(case.more_subjects),
        opened: case.found,
        changed: case.changed,
        again: case.again,
        acknowledged: case.acknowledged.clone(),
        closed: [Stage::Closed, Stage::Dismissed, Stage::Merged].into_iter().filter_map(is_over).max(),
        reports: reports.into_iter().filter_map(due).collect(),
        drill: case.drill.is_some(),
    }
}
