//! All incidents, made of the log: a fold over its records, whatever plan is in force.
//!
//! Invariants: the same records give the same incidents, read at once, twice, or on after a stop. Its memory is bounded: alarms that are
//! alike past a number of incidents go into one of them, and the oldest ones that are over are forgotten first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::case::{Case, NotAllowed, What};
use super::engine::Signal;
use super::step::{Opening, Step};
use super::subject::Subject;
use crate::clock::Time;
use crate::model::{AccountName, Action, Entry, Event, Level, Record, Reference, Stage};

/// So many incidents that nobody has assessed come of one trigger.
const MOST_ALIKE: usize = 20;
/// So many are kept, over or not.
const MOST_CASES: usize = 2_000;
const MOST_DRILLS: usize = 100;
/// Details of a record.
const DRILL: &str = "drill";
const SCENARIO: &str = "scenario";
/// Of what is kept; another one's is read anew from the log.
const VERSION: u32 = 2;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Book {
    version: u32,
    /// The last record that was read.
    at: u64,
    cases: BTreeMap<u64, Case>,
    /// The last few, the newest last.
    drills: Vec<Drill>,
    /// When the first record was written that it saw.
    begun: Option<Time>,
}

/// Somebody began a drill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drill {
    /// The record that says so.
    pub number: u64,
    pub scenario: String,
    pub by: Option<AccountName>,
    pub at: Time,
    reference: Option<Reference>,
}

/// The level of an incident holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InForce {
    pub level: Level,
    /// When it was confirmed, by the wall's clock.
    pub since: Time,
    pub incident: u64,
    /// The record that says so.
    pub record: u64,
}

impl Default for Book {
    fn default() -> Self {
        Self { version: VERSION, at: 0, cases: BTreeMap::new(), drills: Vec::new(), begun: None }
    }
}

impl Book {
    /// What was kept; `None`: by another version of the program, or it is none.
    pub fn resume(kept: serde_json::Value) -> Option<Self> {
        serde_json::from_value(kept).ok().filter(|book: &Self| book.version == VERSION)
    }

    pub fn kept(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::to_value(self)
    }

    /// The last record that was read.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Whether a record can be about an incident, by its text. What says no is not worth reading.
    pub fn may_concern(json: &[u8]) -> bool {
        // As serde writes it; no text in a record can look like this, since its quotes would be escaped.
        [&br#""action":"incident-"#[..], br#""action":"trigger-fired""#, br#""action":"drill-started""#, br#""action":"lock"#]
            .iter()
            .any(|wanted| json.windows(wanted.len()).any(|part| part == *wanted))
    }

    /// Goes past records that are about no incident.
    pub fn skip(&mut self, sequence: u64) {
        self.at = self.at.max(sequence);
    }

    /// Takes the next record in. One that was read before changes nothing. `true`: an incident is not as it was.
    pub fn read(&mut self, entry: &Entry) -> bool {
        if entry.sequence <= self.at {
            return false;
        }
        self.at = entry.sequence;
        let Record::Event(event) = &entry.record else { return false };
        let Ok(time) = entry.time.parse::<jiff::Timestamp>() else { return false };
        let (record, at) = (entry.sequence, Time::from_millis(time.as_millisecond()));
        let by = event.who.as_ref().map(|who| who.name.clone());
        match event.action {
            Action::DrillStarted => self.drill(record, at, by, event),
            Action::TriggerFired => match Signal::of(event, at) {
                Some(signal) => self.found(record, at, signal, event.details.get(DRILL).and_then(|number| number.parse().ok())),
                None => return false,
            },
            Action::IncidentOpened => match Opening::of(event) {
                Some(opening) => self.add(Case::of_opening(record, at, by, event.reference.clone(), opening)),
                None => return false,
            },
            Action::LockedDown | Action::LockdownLifted => return self.shut(record, at, by.as_ref(), event),
            _ => match Step::of(event) {
                // What the gateway has done it says itself, and afterwards.
                Some((_, Step::Acted { level_record, .. })) if by.is_some() || level_record >= record => return false,
                Some((incident, step)) => return self.take(incident, record, at, by, step),
                None => return false,
            },
        }
        true
    }

    fn drill(&mut self, number: u64, at: Time, by: Option<AccountName>, event: &Event) {
        let scenario = event.details.get(SCENARIO).cloned().unwrap_or_default();
        self.drills.push(Drill { number, scenario, by, at, reference: event.reference.clone() });
        let over = self.drills.len().saturating_sub(MOST_DRILLS);
        self.drills.drain(..over);
    }

    fn found(&mut self, record: u64, at: Time, signal: Signal, drill: Option<u64>) {
        match self.same(&signal, drill).and_then(|number| self.cases.get_mut(&number)) {
            Some(case) => case.found_again(record, at, signal),
            None => self.add(Case::of_signal(record, at, signal, drill)),
        }
    }

    fn shut(&mut self, record: u64, at: Time, by: Option<&AccountName>, event: &Event) -> bool {
        let Some(what) = What::of_closure(event) else { return false };
        let mut is_told = false;
        for case in self.cases.values_mut().filter(|case| case.is_met_by(&what)) {
            case.was_shut(record, at, by.cloned(), what.clone());
            is_told = true;
        }
        is_told
    }

    /// The open incident of which this is more: of the same kind about the same, or one of very many alike.
    fn same(&self, signal: &Signal, drill: Option<u64>) -> Option<u64> {
        let open = || self.cases.values().rev().filter(|case| case.stage.is_open() && case.drill == drill);
        let is_same = |case: &&Case| {
            let is_told_apart = signal.subject != Subject::Gateway || case.triggers.contains_key(&signal.trigger);
            case.category == signal.category && is_told_apart && case.subjects.contains(&signal.subject)
        };
        let alike = || {
            open()
                .filter(|case| case.stage == Stage::Detected && case.acknowledged.is_none() && case.triggers.contains_key(&signal.trigger))
        };
        let same = open().find(is_same).map(|case| case.number);
        same.or_else(|| (alike().count() >= MOST_ALIKE).then(|| alike().next().map(|case| case.number)).flatten())
    }

    fn add(&mut self, case: Case) {
        self.cases.insert(case.number, case);
        if self.cases.len() > MOST_CASES {
            let oldest = |which: &dyn Fn(&Case) -> bool| self.cases.values().find(|case| which(case)).map(|case| case.number);
            // What never was goes first, what holds a level never.
            let forgotten = oldest(&|case| case.drill.is_some())
                .or_else(|| oldest(&|case| !case.stage.is_open()))
                .or_else(|| oldest(&|case| case.in_force().is_none()));
            forgotten.and_then(|number| self.cases.remove(&number));
        }
    }

    fn take(&mut self, incident: u64, record: u64, at: Time, by: Option<AccountName>, step: Step) -> bool {
        let into = match &step {
            Step::Merged { into, .. } => Some(*into),
            _ => None,
        };
        if into.is_some_and(|into| !self.can_take_in(into, incident) || self.is_graver(incident, into)) {
            return false;
        }
        let Some(case) = self.cases.get_mut(&incident) else { return false };
        let is_taken = case.take(record, at, by, step);
        let merged = into.filter(|_| is_taken).map(|into| (into, case.clone()));
        if let Some((into, part)) = merged
            && let Some(whole) = self.cases.get_mut(&into)
        {
            whole.take_in(&part, record, at);
        }
        true
    }

    /// What is real is no part of a drill, nor the other way round.
    fn can_take_in(&self, into: u64, part: u64) -> bool {
        let drill = |number| self.case(number).map(|case| case.drill);
        self.case(into).is_some_and(|case| case.stage.is_open()) && drill(into) == drill(part)
    }

    /// Whether a level would be out of force if the part went into the whole, or be so sooner: what was confirmed before may run out before,
    /// or has.
    fn is_graver(&self, part: u64, whole: u64) -> bool {
        let held = |number| self.case(number).and_then(Case::in_force).map(|confirmed| (confirmed.level, confirmed.record));
        let (part, whole) = (held(part), held(whole));
        part.is_some_and(|(level, record)| whole.is_none_or(|(other, since)| level > other || record > since))
    }

    /// Whether a step may be taken now.
    pub fn allows(&self, incident: u64, step: &Step) -> Result<(), NotAllowed> {
        let case = self.case(incident).ok_or(NotAllowed::NoSuchIncident)?;
        case.allows(step)?;
        match step {
            Step::Merged { into, .. } if !self.can_take_in(*into, incident) => Err(NotAllowed::NoSuchIncident),
            Step::Merged { into, .. } if self.is_graver(incident, *into) => Err(NotAllowed::Graver),
            _ => Ok(()),
        }
    }

    pub fn case(&self, number: u64) -> Option<&Case> {
        self.cases.get(&number)
    }

    /// The one whose opening has this reference.
    pub fn opened_as(&self, reference: &Reference) -> Option<&Case> {
        self.cases.values().rev().find(|case| case.reference.as_ref() == Some(reference))
    }

    /// The one whose beginning has this reference.
    pub fn drill_begun_as(&self, reference: &Reference) -> Option<&Drill> {
        self.drills.iter().rev().find(|drill| drill.reference.as_ref() == Some(reference))
    }

    /// The newest first.
    pub fn drills(&self) -> impl Iterator<Item = &Drill> {
        self.drills.iter().rev()
    }

    /// Since when nobody has practised: the last drill, or the first record.
    pub fn last_drill(&self) -> Option<Time> {
        self.drills.last().map(|drill| drill.at).or(self.begun)
    }

    /// The log begins with this record, as far as it was kept.
    pub fn begin(&mut self, time: Time) {
        self.begun = self.begun.or(Some(time));
    }

    /// The newest first.
    pub fn cases(&self) -> impl DoubleEndedIterator<Item = &Case> {
        self.cases.values().rev()
    }

    /// The levels that hold, the gravest first, and of those the one that was confirmed last. In a drill nothing holds.
    pub fn in_force(&self) -> Vec<InForce> {
        let holds = |case: &Case| {
            let confirmed = case.in_force().filter(|_| case.drill.is_none())?;
            Some(InForce { level: confirmed.level, since: confirmed.at, incident: case.number, record: confirmed.record })
        };
        let mut all: Vec<InForce> = self.cases.values().filter_map(holds).collect();
        all.sort_by_key(|held| std::cmp::Reverse((held.level, held.since, held.record)));
        all
    }
}
