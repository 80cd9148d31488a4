//! What follows from incidents: the level that was confirmed is in force, what cannot be undone is done once, and people are told.
//!
//! Invariant: nothing follows before all that is on record was read, so that a start neither opens what is closed nor tells what was told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::incident::notice::{DueReport, Facts};
use crate::incident::{self, Acted, Beside, Case, Plan, Step};
use crate::model::{AccountId, Action, Event, Stage};

use super::emergency;
use super::house::House;

/// How long what holds for a time may outlast it before another level takes its place.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Follows the incidents until the process ends. Neither the reading of the log nor a level waits for what is done once: a store may be slow.
pub async fn follow(house: Arc<House>) {
    tokio::join!(house.levels.keep_on(), heed(&house));
}

async fn heed(house: &House) {
    // Until this was read, the book is of another time. It never goes back behind what was read, so this is awaited but once.
    let before = house.journal.counts().sequence;
    let mut read = house.desk.incidents().follow();
    if read.wait_for(|at| *at >= before).await.is_err() {
        return;
    }
    tokio::join!(hold(house, read.clone()), act(house, read));
}

/// Until something was read, or time may have run out.
async fn look(read: &mut watch::Receiver<u64>) -> bool {
    !matches!(tokio::time::timeout(LOOK_EVERY, read.changed()).await, Ok(Err(_)))
}

/// It waits for nothing but the next look: neither for the store nor for what is done once.
async fn hold(house: &House, mut read: watch::Receiver<u64>) {
    let mut told = None;
    loop {
        let (book, plan) = (house.desk.incidents().book(), house.map.load().plan.clone());
        house.levels.follow(&book, plan.as_deref(), house.clock.now(), house.clock.wall());
        let known: Vec<Facts> = book.cases().map(|case| facts(house, case, plan.as_deref())).collect();
        if told.as_ref() != Some(&known) {
            house.notices.learn(known.clone());
            told = Some(known);
        }
        if !look(&mut read).await {
            return;
        }
    }
}

async fn act(house: &House, mut read: watch::Receiver<u64>) {
    let mut acts = Acts::default();
    loop {
        acts.follow(house).await;
        if !look(&mut read).await {
            return;
        }
    }
}

/// What is done once.
#[derive(Default)]
struct Acts {
    /// Records of levels for which it was, and which are perhaps not read back yet.
    acted: BTreeSet<u64>,
}

impl Acts {
    /// Does what cannot be undone for each level that was raised, and puts on record what it came to.
    async fn follow(&mut self, house: &House) {
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
            let known = house.levels.since(confirmed.record);
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

fn facts(house: &House, case: &Case, plan: Option<&Plan>) -> Facts {
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
        lasting: case.confirmed.as_ref().filter(|_| case.stage.is_open() && case.drill.is_none()).and_then(|confirmed| {
            let lasting = house.levels.lasting(confirmed, plan, house.clock.now())?;
            Some((confirmed.record, lasting))
        }),
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
