//! One incident, as the records about it tell it.
//!
//! Invariant: what a step does depends on the case and the step alone; a step that the case does not allow changes nothing but its story.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::engine::Signal;
use super::extent;
use super::plan::{Category, Plan, Report};
use super::step::{Extent, Opening, Step};
use super::subject::Subject;
use crate::clock::Time;
use crate::model::{AccountName, Level, LockdownScope, Reference, Stage};

/// So many signals and so many things are kept one by one; of others there is a count.
const MOST_SIGNALS: usize = 64;
const MOST_SUBJECTS: usize = 256;
/// What is found after so long without anything is news.
const QUIET: Duration = Duration::from_hours(1);
/// So many lines has a story at most.
const MOST_LINES: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The record that opened it.
    pub number: u64,
    /// The drill that it is part of: it never was.
    pub drill: Option<u64>,
    /// In the words of whoever opened it by hand.
    pub title: Option<String>,
    /// Of the record, for whoever waits for it.
    pub(super) reference: Option<Reference>,
    pub stage: Stage,
    /// Since when it is known, which is where deadlines begin.
    pub found: Time,
    /// What triggers, or whoever opened it, said.
    pub claimed: Level,
    pub confirmed: Option<Confirmed>,
    pub category: Category,
    /// The triggers that found it, with how often each did.
    pub triggers: BTreeMap<String, u64>,
    pub subjects: BTreeSet<Subject>,
    /// What did not fit into the list of those.
    pub more_subjects: u64,
    pub extent: Extent,
    /// The records that it is about.
    pub first: u64,
    pub last: u64,
    /// The last one by which it was found or opened: what comes behind it is what people did about it.
    pub found_last: u64,
    /// When something happened to it, by somebody's or something's doing.
    pub changed: Time,
    pub acknowledged: Option<(Time, AccountName)>,
    /// Whoever answers for it now.
    pub handler: Option<AccountName>,
    /// Tasks of the checklist that are done, by their ids.
    pub tasks: BTreeMap<String, Ticked>,
    pub reports: Vec<Sent>,
    /// When it was contained, closed and so on, for the last time.
    pub reached: BTreeMap<Stage, Time>,
    pub merged_into: Option<u64>,
    /// When a trigger found it last, and how often one did after it had been quiet, or was thought to be over.
    #[serde(default)]
    pub(super) seen: Time,
    #[serde(default)]
    pub again: u32,
    /// Records of levels for which the gateway has done what cannot be undone.
    acted: BTreeSet<u64>,
    pub story: Vec<Line>,
    /// Lines that did not fit.
    pub untold: u64,
}

/// The level that a person confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    pub level: Level,
    pub by: Option<AccountName>,
    pub at: Time,
    /// The record that says so.
    pub record: u64,
    /// Whether it is graver than what was confirmed before, of which nothing waits to be done any more.
    pub raises: bool,
    /// That which was, if anything.
    #[serde(default)]
    settled: Option<Level>,
}

/// A report that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    pub report: Report,
    pub to: String,
    pub at: Time,
    pub by: Option<AccountName>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticked {
    pub by: Option<AccountName>,
    pub at: Time,
}

/// One line of the story of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub record: u64,
    pub at: Time,
    /// `None`: the gateway, or whoever owns the machine.
    pub by: Option<AccountName>,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    Opened(Opening),
    Found(Box<Signal>),
    Step(Step),
    /// It came when the case did not allow it any more.
    TooLate(Step),
    /// Another incident is part of this one from now on.
    TookIn(u64),
    /// Somebody closed this in an emergency, or opened it again.
    Shut(LockdownScope),
    OpenedAgain(LockdownScope),
}

/// Why a step cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    #[error("the incident is {0}, and from there it cannot go where it was sent, {but}", but = ways_on(*.0))]
    Stage(Stage),
    #[error("the incident is {0}, so nothing about it changes any more; where it began anew, open another one")]
    Over(Stage),
    #[error("its level has to be confirmed first")]
    NotAssessed,
    #[error("its level is graver than that of the other one; confirm the level there first, or it would not be in force any more")]
    Graver,
    #[error("an incident is not part of itself")]
    Itself,
    #[error("there is no open incident with this number to make it part of")]
    NoSuchIncident,
    #[error("its story is full; open another incident, and name this one there")]
    Full,
}

fn ways_on(stage: Stage) -> String {
    let ways: Vec<&str> = stage.next().iter().map(|stage| stage.word()).collect();
    match ways.as_slice() {
        [] => "nor anywhere else; where it began anew, open another one".to_owned(),
        ways => format!("only to {}", ways.join(" or ")),
    }
}

impl Case {
    pub(super) fn of_signal(number: u64, at: Time, signal: Signal, drill: Option<u64>) -> Self {
        let mut case = Self::new(number, at, signal.level, signal.category);
        (case.first, case.drill) = (signal.first, drill);
        case.found_again(number, at, signal);
        case
    }

    pub(super) fn of_opening(number: u64, at: Time, by: Option<AccountName>, reference: Option<Reference>, opening: Opening) -> Self {
        let mut case = Self::new(number, at, opening.level, opening.category);
        (case.title, case.reference) = (Some(opening.title.clone()), reference);
        case.subjects.extend(opening.subject.clone());
        // Whoever opened it has seen it.
        case.acknowledged = by.clone().map(|by| (at, by));
        case.handler = by.clone();
        case.tell(Line { record: number, at, by, what: What::Opened(opening) });
        case
    }

    fn new(number: u64, at: Time, claimed: Level, category: Category) -> Self {
        Self {
            number,
            drill: None,
            title: None,
            reference: None,
            stage: Stage::Detected,
            found: at,
            claimed,
            confirmed: None,
            category,
            triggers: BTreeMap::new(),
            subjects: BTreeSet::new(),
            more_subjects: 0,
            extent: Extent::default(),
            first: number,
            last: number,
            found_last: number,
            changed: at,
            acknowledged: None,
            handler: None,
            tasks: BTreeMap::new(),
            reports: Vec::new(),
            reached: BTreeMap::new(),
            merged_into: None,
            seen: at,
            again: 0,
            acted: BTreeSet::new(),
            story: Vec::new(),
            untold: 0,
        }
    }

    /// A trigger found more of it.
    pub(super) fn found_again(&mut self, record: u64, at: Time, signal: Signal) {
        let count = self.triggers.entry(signal.trigger.clone()).or_default();
        *count = count.saturating_add(1);
        let was_over =
            [Stage::Contained, Stage::Recovering].iter().filter_map(|stage| self.reached.get(stage)).any(|over| *over > self.seen);
        self.again = self.again.saturating_add((was_over || at >= self.seen.plus(QUIET)).into());
        self.seen = self.seen.max(at);
        self.claimed = self.claimed.max(signal.level);
        self.concerns(signal.subject.clone());
        (self.first, self.last, self.changed) = (self.first.min(signal.first), self.last.max(record), at);
        self.found_last = self.found_last.max(record);
        let told = self.story.iter().filter(|line| matches!(line.what, What::Found(_))).count();
        if told < MOST_SIGNALS {
            self.tell(Line { record, at, by: None, what: What::Found(Box::new(signal)) });
        } else {
            self.untold = self.untold.saturating_add(1);
        }
    }

    fn concerns(&mut self, subject: Subject) {
        if self.subjects.len() < MOST_SUBJECTS {
            self.subjects.insert(subject);
        } else if !self.subjects.contains(&subject) {
            self.more_subjects = self.more_subjects.saturating_add(1);
        }
    }

    /// Another incident turned out to be part of this one.
    pub(super) fn take_in(&mut self, other: &Self, record: u64, at: Time) {
        for subject in &other.subjects {
            self.concerns(subject.clone());
        }
        for (trigger, count) in &other.triggers {
            let own = self.triggers.entry(trigger.clone()).or_default();
            *own = own.saturating_add(*count);
        }
        self.claimed = self.claimed.max(other.claimed);
        self.extent = self.extent.joined(&other.extent);
        self.more_subjects = self.more_subjects.saturating_add(other.more_subjects);
        // What was known of the part was known of the whole.
        self.found = self.found.min(other.found);
        (self.first, self.last, self.changed) = (self.first.min(other.first), self.last.max(record), at);
        self.found_last = self.found_last.max(other.found_last);
        self.tell(Line { record, at, by: None, what: What::TookIn(other.number) });
    }

    /// Whether the step may be taken now. What it names beside this incident is for the book to look at.
    pub fn allows(&self, step: &Step) -> Result<(), NotAllowed> {
        let allowed = match step {
            Step::Assessed { .. } => self.stage.next().contains(&Stage::Assessed).then_some(()).ok_or(NotAllowed::Stage(self.stage)),
            Step::Level { .. } if self.stage.holds_level() => Ok(()),
            Step::Level { .. } if self.stage.is_open() => Err(NotAllowed::NotAssessed),
            Step::Moved { to, .. } => {
                let may_go = !matches!(to, Stage::Assessed | Stage::Merged) && self.stage.next().contains(to);
                may_go.then_some(()).ok_or(NotAllowed::Stage(self.stage))
            }
            Step::Merged { into, .. } if *into == self.number => Err(NotAllowed::Itself),
            // What a closed incident cost is often known later.
            Step::Extent(_) | Step::Noted { .. } | Step::Task { .. } | Step::Reported { .. } | Step::NotReported { .. }
                if matches!(self.stage, Stage::Closed | Stage::Reviewed) =>
            {
                Ok(())
            }
            Step::Acted { .. } => Ok(()),
            _ if self.stage.is_open() => Ok(()),
            _ => Err(NotAllowed::Over(self.stage)),
        };
        // The way to its end stays free.
        let ends =
            matches!(step, Step::Moved { .. } | Step::Level { .. } | Step::Assessed { .. } | Step::Merged { .. } | Step::Acted { .. });
        if self.story.len() >= MOST_LINES && !ends { Err(NotAllowed::Full) } else { allowed }
    }

    /// Takes a step that is on record. `false`: it was too late for it.
    pub(super) fn take(&mut self, record: u64, at: Time, by: Option<AccountName>, step: Step) -> bool {
        if self.allows(&step).is_err() {
            self.tell(Line { record, at, by, what: What::TooLate(step) });
            return false;
        }
        (self.last, self.changed) = (self.last.max(record), at);
        self.act(record, at, by.as_ref(), &step);
        self.tell(Line { record, at, by, what: What::Step(step) });
        true
    }

    fn act(&mut self, record: u64, at: Time, by: Option<&AccountName>, step: &Step) {
        let acted = &self.acted;
        let confirm = |level: Level, before: Option<&Confirmed>| {
            // What was not done yet for a level is still to be done for what takes its place, if that is graver than what was settled before.
            let waits = |before: &Confirmed| before.raises && !acted.contains(&before.record);
            let settled = before.and_then(|before| if waits(before) { before.settled } else { Some(before.level) });
            let raises = settled.is_none_or(|settled| level > settled);
            Some(Confirmed { level, by: by.cloned(), at, record, raises, settled })
        };
        match step {
            Step::Assessed { level, category, .. } => {
                self.category = *category;
                self.confirmed = confirm(*level, None);
                self.reach(Stage::Assessed, at);
            }
            Step::Level { level, .. } => self.confirmed = confirm(*level, self.confirmed.as_ref()),
            Step::Moved { to, .. } => {
                if *to == Stage::Detected {
                    self.confirmed = None;
                }
                self.reach(*to, at);
            }
            Step::Merged { into, .. } => {
                self.merged_into = Some(*into);
                self.reach(Stage::Merged, at);
            }
            Step::Extent(extent) => self.extent = extent.clone(),
            Step::Noted { .. } => {}
            Step::Task { task, done: true } => {
                self.tasks.insert(task.clone(), Ticked { by: by.cloned(), at });
            }
            Step::Task { task, done: false } => {
                self.tasks.remove(task);
            }
            // Who has it now has not said yet that she knows.
            Step::HandedTo { account } => {
                self.handler = Some(account.clone());
                self.acknowledged = by.filter(|by| *by == account).map(|by| (at, by.clone()));
                return;
            }
            Step::Acknowledged => {
                self.handler = by.cloned().or_else(|| self.handler.take());
            }
            Step::Reported { report, to } => self.reports.push(Sent { report: *report, to: to.clone(), at, by: by.cloned() }),
            Step::NotReported { report, to } => self.take_back(*report, to),
            Step::Acted { level_record, .. } => {
                self.acted.insert(*level_record);
            }
        }
        // Whoever does something about it has seen it.
        if let Some(by) = by.filter(|_| self.acknowledged.is_none()) {
            self.acknowledged = Some((at, by.clone()));
            self.handler = self.handler.take().or_else(|| Some(by.clone()));
        }
    }

    fn reach(&mut self, stage: Stage, at: Time) {
        self.stage = stage;
        self.reached.insert(stage, at);
    }

    /// Steps that end something are told even where the story is full: they are few, since each leads elsewhere.
    pub(super) fn tell(&mut self, line: Line) {
        let counts = matches!(line.what, What::TooLate(_) | What::Shut(_) | What::OpenedAgain(_));
        if counts && self.story.len() >= MOST_LINES {
            self.untold = self.untold.saturating_add(1);
        } else {
            self.story.push(line);
        }
    }

    /// The level that holds: what was confirmed, as long as somebody handles it.
    pub fn in_force(&self) -> Option<&Confirmed> {
        self.confirmed.as_ref().filter(|_| self.stage.holds_level())
    }

    /// What was confirmed, or what would be to be confirmed.
    pub fn level(&self, plan: Option<&Plan>) -> Level {
        self.confirmed.as_ref().map_or_else(|| self.proposed(plan), |confirmed| confirmed.level)
    }

    /// What the gateway proposes: what triggers said, or what the plan's thresholds make of how much is concerned.
    pub fn proposed(&self, plan: Option<&Plan>) -> Level {
        plan.and_then(|plan| extent::level(self, plan)).map_or(self.claimed, |level| level.max(self.claimed))
    }

    /// What is to be done for the level that holds and cannot be undone, unless it was done: the record of the level.
    pub fn to_be_acted(&self) -> Option<&Confirmed> {
        self.in_force().filter(|confirmed| self.drill.is_none() && confirmed.raises && !self.acted.contains(&confirmed.record))
    }

    /// How long it took from when it was found to when it was there for the last time.
    pub fn took(&self, stage: Stage) -> Option<Duration> {
        self.reached.get(&stage).map(|at| at.since(self.found))
    }
}
