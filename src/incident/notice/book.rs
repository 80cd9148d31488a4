//! What was told of which incident, and so what is to be told next.
//!
//! Invariants: nothing is told twice over one channel; nobody is reminded of what was acknowledged or closed, and at each level only so often;
//! each reminder reaches at least those whom the one before it reached. However old the book is that is read again, no reminder comes sooner
//! than the plan says after the one before it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::plan::Duty;
use super::{About, Around, Channel, Facts, Lasting, Letter, ReportKind, What};
use crate::clock::Time;
use crate::model::Level;

/// So many incidents are remembered; what is older is never told of again.
const MOST_INCIDENTS: usize = 4_096;
/// So many reports of one incident.
const MOST_REPORTS: usize = 128;
/// So long before a report is due.
const BEFOREHAND: Duration = Duration::from_hours(1);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Book {
    incidents: BTreeMap<u64, Past>,
    /// What was numbered lower is forgotten.
    floor: u64,
}

/// What was told of one incident.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Past {
    /// The highest level that each channel has told.
    told: BTreeMap<String, Level>,
    /// Those that have told its end.
    ended: BTreeSet<String>,
    /// How often it was taken up again.
    #[serde(default)]
    reopened: u32,
    /// How often it was found again.
    #[serde(default)]
    again: u32,
    reminders: Option<Reminders>,
    /// Of the end of which level, by the record that confirmed it, and whether it had come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lasting: Option<(u64, bool)>,
    /// How often it was told that a level ends.
    #[serde(default)]
    ends: u32,
    /// With whether it was missed.
    reports: BTreeSet<(ReportKind, Time, bool)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Reminders {
    level: Level,
    /// How many there were.
    number: u32,
    /// When people were told last: of the incident, of its level, or that nobody acknowledges it.
    since: Time,
}

impl Book {
    /// What is due now. It counts as told, so that whoever keeps the book keeps the letters with it.
    pub fn take(&mut self, facts: &[Facts], around: &Around<'_>) -> Vec<Letter> {
        let mut letters = Vec::new();
        for fact in facts.iter().filter(|fact| fact.number >= self.floor) {
            let before = self.incidents.get(&fact.number);
            let mut past = before.cloned().unwrap_or_default();
            let found = past.take(fact, around);
            // Of what ended before anybody was told, there is nothing to remember.
            if before != Some(&past) && past != Past::default() {
                self.incidents.insert(fact.number, past);
            }
            letters.extend(found);
        }
        while self.incidents.len() > MOST_INCIDENTS {
            let Some((oldest, _)) = self.incidents.pop_first() else { break };
            self.floor = oldest.saturating_add(1);
        }
        letters
    }
}

impl Past {
    fn take(&mut self, fact: &Facts, around: &Around<'_>) -> Vec<Letter> {
        let level = fact.level();
        let channels: Vec<&Channel> = around.plan.channels.iter().filter(|channel| channel.from_level <= level).collect();
        // A clock that was set back would keep everybody waiting.
        if let Some(reminders) = self.reminders.as_mut().filter(|reminders| reminders.since > around.now) {
            reminders.since = around.now;
        }
        let mut letters = Vec::new();
        if fact.closed.is_none() {
            if !self.ended.is_empty() {
                self.reopened = self.reopened.saturating_add(1);
                let knew = std::mem::take(&mut self.ended);
                let channels = around.plan.channels.iter().filter(|channel| knew.contains(&channel.name));
                letters.extend(
                    channels.flat_map(|channel| around.letters(About::Incident(fact), What::Reopened(self.reopened), channel, &[])),
                );
            }
            // What somebody has, and what was told at this level, is no news for a channel that is new.
            let highest = self.told.values().max().copied().filter(|_| fact.acknowledged.is_some());
            let is_again = fact.again > self.again;
            self.again = self.again.max(fact.again);
            for channel in &channels {
                if highest >= Some(level) && !self.told.contains_key(&channel.name) {
                    self.told.insert(channel.name.clone(), level);
                    continue;
                }
                let what = match self.told.get(&channel.name) {
                    None => What::Opened,
                    Some(told) if level > *told => What::Raised(level),
                    Some(_) if is_again => What::Again(fact.again),
                    Some(_) => continue,
                };
                self.told.insert(channel.name.clone(), level);
                letters.extend(around.letters(About::Incident(fact), what, channel, &[]));
            }
        }
        letters.extend(self.remind(fact, &channels, around));
        letters.extend(self.lapse(fact, &channels, around));
        letters.extend(self.report(fact, &channels, around));
        if fact.closed.is_some() {
            for channel in &around.plan.channels {
                if self.told.contains_key(&channel.name) && self.ended.insert(channel.name.clone()) {
                    letters.extend(around.letters(About::Incident(fact), What::Closed, channel, &[]));
                }
            }
        }
        letters
    }

    fn remind(&mut self, fact: &Facts, channels: &[&Channel], around: &Around<'_>) -> Vec<Letter> {
        let (Some(escalation), level) = (&around.plan.escalation, fact.level()) else { return Vec::new() };
        if !fact.waits() || channels.is_empty() {
            return Vec::new();
        }
        let Reminders { number, since, .. } = match self.reminders {
            Some(reminders) if reminders.level >= level => reminders,
            // People were told of this level just now.
            _ => Reminders { level, number: 0, since: around.now },
        };
        let highest = self.reminders.map_or(level, |reminders| reminders.level.max(level));
        let wait = if number == 0 { escalation.within(level) } else { Some(escalation.repeat) };
        let is_due = number < escalation.at_most && wait.is_some_and(|wait| around.now >= since.plus(wait));
        if !is_due {
            self.reminders = Some(Reminders { level: highest, number, since });
            return Vec::new();
        }
        let number = number.saturating_add(1);
        self.reminders = Some(Reminders { level: highest, number, since: around.now });
        let what = What::Unacknowledged(highest, number);
        channels.iter().flat_map(|channel| around.letters(About::Incident(fact), what, channel, escalation.reached(number))).collect()
    }

    /// Whoever leads is told before what holds for a time is over, and when it is.
    fn lapse(&mut self, fact: &Facts, channels: &[&Channel], around: &Around<'_>) -> Vec<Letter> {
        let (record, is_over) = match fact.lasting.filter(|_| fact.closed.is_none() && !channels.is_empty()) {
            Some((record, Lasting::Soon)) => (record, false),
            Some((record, Lasting::Over)) => (record, true),
            Some((record, Lasting::ForNow)) => {
                // A plan that lets it last longer has it end another time.
                self.lasting = self.lasting.filter(|told| *told != (record, false));
                return Vec::new();
            }
            None => return Vec::new(),
        };
        // That it is over is not followed by that it soon will be.
        if self.lasting.is_some_and(|(told, was_over)| told == record && was_over >= is_over) {
            return Vec::new();
        }
        self.lasting = Some((record, is_over));
        if !is_over {
            self.ends = self.ends.saturating_add(1);
        }
        let what = if is_over { What::LevelEnded(record) } else { What::LevelEnds(record, self.ends) };
        channels.iter().flat_map(|channel| around.letters(About::Incident(fact), what, channel, &[Duty::Commander])).collect()
    }

    fn report(&mut self, fact: &Facts, channels: &[&Channel], around: &Around<'_>) -> Vec<Letter> {
        let mut letters = Vec::new();
        if channels.is_empty() {
            return letters;
        }
        for report in fact.reports.iter().filter(|report| !report.made) {
            let is_missed = around.now >= report.due;
            let is_near = around.now >= report.due.minus(BEFOREHAND);
            let kind = ReportKind::from(report.report);
            if !is_near || self.reports.len() >= MOST_REPORTS || !self.reports.insert((kind, report.due, is_missed)) {
                continue;
            }
            let (what, duties): (_, &[Duty]) = match is_missed {
                true => {
                    // Whoever had set the clock back is not told that it is soon.
                    self.reports.insert((kind, report.due, false));
                    (What::ReportMissed(kind, report.due), &[Duty::Liaison, Duty::Commander])
                }
                false => (What::ReportDue(kind, report.due), &[Duty::Liaison]),
            };
            letters.extend(channels.iter().flat_map(|channel| around.letters(About::Incident(fact), what, channel, duties)));
        }
        letters
    }
}
