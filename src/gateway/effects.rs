//! What follows from incidents: the level that was confirmed is in force, what cannot be undone is done once, and people are told.
//!
//! Invariant: nothing follows before all that is on record was read, so that a start neither opens what is closed nor tells what was told.

use std::collections::BTreeSet;

use crate::incident::notice::{DueReport, Facts};
use crate::incident::{self, Book, Case, Plan, Step};
use crate::model::{AccountId, Action, Event, Level, Stage};

use super::emergency::{self, InForce};
use super::house::House;

pub(super) struct Effects {
    /// The last record before this process: until it was read, the book is of another time.
    before: u64,
    /// What is in force by the book, as it was applied last.
    applied: Option<Option<InForce>>,
    /// Records of levels whose acts were done, and are perhaps not read back yet.
    acted: BTreeSet<u64>,
    /// What people are told of.
    told: Option<Vec<Facts>>,
}

impl Effects {
    pub fn after(before: u64) -> Self {
        Self { before, applied: None, acted: BTreeSet::new(), told: None }
    }

    pub async fn follow(&mut self, house: &House, book: &Book) {
        if book.at() < self.before {
            return;
        }
        self.hold(house, book).await;
        self.act(house, book).await;
        let plan = house.map.load().plan.clone();
        let told: Vec<Facts> = book.cases().map(|case| facts(case, plan.as_deref())).collect();
        if self.told.as_ref() != Some(&told) {
            house.notices.learn(told.clone());
            self.told = Some(told);
        }
    }

    /// Puts the gravest level in force of those whose time is not over. Where all have run out, the gravest is what ran out.
    async fn hold(&mut self, house: &House, book: &Book) {
        let (plan, wall) = (house.map.load().plan.clone(), house.clock.wall());
        let lasts = |level: Level| {
            let terms = plan.as_deref().and_then(|plan| plan.terms(level));
            terms.and_then(|terms| terms.policy.clone()).unwrap_or_default().lasts
        };
        let (now, last) = (house.clock.now(), house.emergency.last());
        // How long the one that was applied lasts, no clock that is set has a say in.
        let holds = |held: &incident::InForce| match &last {
            Some(last) if last.is_of(held.incident, held.level, held.since) => last.holds(now),
            _ => wall < held.since.plus(lasts(held.level)),
        };
        let all = book.in_force();
        let wanted = all.iter().find(|held| holds(held)).or(all.first()).map(|held| InForce {
            level: held.level,
            since_wall: held.since,
            incident: held.incident,
        });
        if self.applied == Some(wanted) {
            return;
        }
        match emergency::apply(house, wanted).await {
            Ok(()) => {
                if self.applied.is_some() || wanted.is_some() {
                    tracing::warn!(level = wanted.map(|held| held.level.word()).unwrap_or("none"), "another emergency level is in force");
                }
                self.applied = Some(wanted);
            }
            Err(error) => tracing::error!(%error, "the emergency level could not be put in force; it is tried again"),
        }
    }

    /// Does what cannot be undone for each level that was raised, and puts on record what it came to.
    async fn act(&mut self, house: &House, book: &Book) {
        let due = book.cases().filter_map(|case| Some((case, case.to_be_acted()?)));
        let due: Vec<_> = due.filter(|(_, confirmed)| !self.acted.contains(&confirmed.record)).collect();
        for (case, confirmed) in due {
            let plan = house.map.load().plan.clone();
            let terms = plan.as_deref().and_then(|plan| plan.terms(confirmed.level)).map(|terms| terms.once).unwrap_or_default();
            let Some(accounts) = accounts(house, case).await else { continue };
            let done = emergency::once(house, terms, &accounts, confirmed.at).await;
            for session in &done.ended {
                let event = Event::done(Action::SessionEnded).by(session.who.clone()).with("session", session.id);
                house.journal.note(event.with("incident", case.number));
            }
            for serial in &done.suspended {
                house.journal.note(Event::done(Action::TokenSuspended).with("serial", serial).with("incident", case.number));
            }
            let mut what =
                format!("level {}: {} sessions ended, {} tokens suspended", confirmed.level, done.ended.len(), done.suspended.len());
            for left in &done.left {
                what.push_str(&format!("; {left} was left as the last way in of a security administrator"));
            }
            for failed in &done.failed {
                what.push_str(&format!("; {failed}"));
            }
            let step = Step::Acted { level_record: confirmed.record, what };
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
    let due =
        |report: incident::DueReport<'_>| Some(DueReport { report: report.rule.report, due: report.due?, made: report.sent.is_some() });
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
        acknowledged: case.acknowledged.clone(),
        closed: [Stage::Closed, Stage::Dismissed, Stage::Merged].into_iter().filter_map(is_over).max(),
        reports: reports.into_iter().filter_map(due).collect(),
        drill: case.drill.is_some(),
    }
}
