//! What the records of a pack come to, for its summary.
//!
//! Invariant: it holds so many rows and names, however many records there are.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::choice::GAPS;
use super::configs::Configs;
use super::line::Why;
use super::people::{Concerned, Directory};
use crate::model::{Action, Decision, Entry, Event, LogApp, LogKind, Opened, Outcome, Record, capped};

/// Rows of one table.
const MOST_ROWS: usize = 100;
/// Names that are counted apart from each other.
const MOST_NAMES: usize = 2000;
const MOST_DETAILS: usize = 12;
const LONGEST_TEXT: usize = 300;

#[derive(Debug, Default)]
pub struct Survey {
    /// Records that were chosen from the span.
    pub chosen: u64,
    pub allowed: u64,
    pub refused: u64,
    pub events: u64,
    /// Records that this version does not understand.
    pub unknown: u64,
    pub apps: Tally,
    /// Why accesses were refused.
    pub reasons: Tally,
    pub accounts: Tally,
    pub kinds: Tally,
    pub refusals: Rows,
    /// Of accounts and tokens.
    pub changes: Rows,
    pub lockdowns: Rows,
    /// What made a gap in the log, or could have.
    pub gaps: Rows,
    pub configs: Configs,
    pub concerned: Concerned,
}

/// How many were allowed and refused, by name; of events, all are counted as allowed.
#[derive(Debug, Default)]
pub struct Tally {
    counts: BTreeMap<String, (u64, u64)>,
    /// Under names for which there was no room.
    pub rest: (u64, u64),
}

/// A name, and how many were allowed and refused.
pub type Counted<'a> = (&'a str, u64, u64);

#[derive(Debug, Default)]
pub struct Rows {
    pub rows: Vec<Row>,
    /// With those for which there was no room.
    pub all: u64,
}

/// A record as a table has it.
#[derive(Clone, Debug)]
pub struct Row {
    pub sequence: u64,
    pub time: String,
    /// The word of an event, or why an access was refused.
    pub what: String,
    pub failed: bool,
    pub who: Option<String>,
    pub address: Option<String>,
    /// Words of the log, each with what it says.
    pub details: Vec<(String, String)>,
}

impl Tally {
    fn count(&mut self, name: &str, is_refused: bool) {
        let name = capped(name, LONGEST_TEXT);
        let has_room = self.counts.contains_key(&name) || self.counts.len() < MOST_NAMES;
        let count = if has_room { self.counts.entry(name).or_default() } else { &mut self.rest };
        let place = if is_refused { &mut count.1 } else { &mut count.0 };
        *place = place.saturating_add(1);
    }

    /// The `most` that were counted most often, each with how many were allowed and refused; the others together.
    pub fn top(&self, most: usize) -> (Vec<Counted<'_>>, (u64, u64)) {
        let mut all: Vec<Counted<'_>> = self.counts.iter().map(|(name, (allowed, refused))| (name.as_str(), *allowed, *refused)).collect();
        all.sort_by_key(|(name, allowed, refused)| (Reverse(allowed.saturating_add(*refused)), *name));
        let rest = all.split_off(most.min(all.len()));
        let sum = |(allowed, refused): (u64, u64), (_, more, worse): &Counted<'_>| {
            (allowed.saturating_add(*more), refused.saturating_add(*worse))
        };
        (all, rest.iter().fold(self.rest, sum))
    }
}

impl Rows {
    fn put(&mut self, row: impl FnOnce() -> Row) {
        self.all = self.all.saturating_add(1);
        if self.rows.len() < MOST_ROWS {
            self.rows.push(row());
        }
    }
}

impl Survey {
    /// Takes a record of the span into account that was chosen; `None`: not understood.
    pub fn look(&mut self, entry: Option<&Entry>, directory: &Directory) {
        let count = |number: &mut u64| *number = number.saturating_add(1);
        count(&mut self.chosen);
        let Some(entry) = entry else { return count(&mut self.unknown) };
        self.concerned.look(entry, directory);
        match &entry.record {
            Record::Opened(opened) => {
                let is_refused = opened.decision == Decision::Refused;
                count(if is_refused { &mut self.refused } else { &mut self.allowed });
                self.apps.count(LogApp::of(opened.app.as_ref()).word(), is_refused);
                self.accounts.count(opened.who.as_ref().map_or("", |who| who.name.as_str()), is_refused);
                if is_refused {
                    self.reasons.count(reason(&opened.rule), true);
                    self.refusals.put(|| Row::refused(entry, opened));
                }
            }
            Record::Event(event) => {
                count(&mut self.events);
                self.configs.look(entry, Why::Span);
                self.kinds.count(&LogKind::Event(event.action).word(), event.outcome == Outcome::Failed);
                if let Some(rows) = self.table_of(event.action) {
                    rows.put(|| Row::of(entry, event));
                }
            }
            Record::Closed(_) | Record::StillOpen { .. } => {}
        }
    }

    fn table_of(&mut self, action: Action) -> Option<&mut Rows> {
        let word = LogKind::Event(action).word();
        match action {
            Action::LockedDown | Action::LockdownExtensionAsked | Action::LockdownLifted => Some(&mut self.lockdowns),
            _ if GAPS.contains(&word.as_str()) => Some(&mut self.gaps),
            _ if changes_accounts(&word) => Some(&mut self.changes),
            _ => None,
        }
    }
}

/// The word of a refusal, without what stands behind it.
pub fn reason(rule: &str) -> &str {
    rule.split_once(": ").map_or(rule, |(word, _)| word)
}

fn changes_accounts(word: &str) -> bool {
    let of =
        ["account-", "manager-", "administrator-", "key-added", "key-removed", "token-", "tokens-", "certificate-", "change-", "people-"];
    let also = ["recovered", "recovery-opened", "authority-created", "authority-trusted", "letter-made"];
    of.iter().any(|start| word.starts_with(start)) || also.contains(&word)
}

impl Row {
    fn refused(entry: &Entry, opened: &Opened) -> Self {
        let app = LogApp::of(opened.app.as_ref());
        Self {
            sequence: entry.sequence,
            time: entry.time.clone(),
            what: capped(&opened.rule, LONGEST_TEXT),
            failed: false,
            who: opened.who.as_ref().map(|who| who.name.to_string()),
            address: Some(opened.address.to_string()),
            details: vec![
                ("app".to_owned(), app.word().to_owned()),
                ("path".to_owned(), capped(&format!("{} {}", opened.method, opened.path), LONGEST_TEXT)),
            ],
        }
    }

    fn of(entry: &Entry, event: &Event) -> Self {
        let cap = |(name, value): (&String, &String)| (capped(name, LONGEST_TEXT), capped(value, LONGEST_TEXT));
        Self {
            sequence: entry.sequence,
            time: entry.time.clone(),
            what: LogKind::Event(event.action).word(),
            failed: event.outcome == Outcome::Failed,
            who: event.who.as_ref().map(|who| who.name.to_string()),
            address: event.address.map(|address| address.to_string()),
            details: event.details.iter().take(MOST_DETAILS).map(cap).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{entry_at, opened};
    use super::*;

    #[test]
    fn what_was_let_through_and_refused_is_counted_by_app_reason_and_account_within_bounds() {
        let mut survey = Survey::default();
        let directory = Directory::default();
        for number in 0..300_u64 {
            let decision = if number % 3 == 0 { Decision::Refused } else { Decision::Allowed };
            let rule = if number % 3 == 0 { "not-allowed: rule 7" } else { "members" };
            let access = opened(1, (number % 2 == 0).then_some("wang"), Some("sites"), decision, rule);
            survey.look(Some(&entry_at(number, number, access)), &directory);
        }
        survey.look(None, &directory);
        survey.look(Some(&entry_at(301, 0, Record::Event(Event::failed(Action::TokenRevoked).with("name", "li")))), &directory);
        assert_eq!((survey.chosen, survey.allowed, survey.refused, survey.events, survey.unknown), (302, 200, 100, 1, 1));
        assert_eq!(survey.reasons.top(9).0, [("not-allowed", 0, 100)]);
        assert_eq!(survey.accounts.top(1), (vec![("", 100, 50)], (100, 50)));
        assert_eq!((survey.refusals.rows.len(), survey.refusals.all), (MOST_ROWS, 100));
        assert_eq!((survey.changes.rows[0].what.as_str(), survey.changes.rows[0].failed), ("token-revoked", true));
        for number in 0..5000 {
            survey.kinds.count(&number.to_string(), false);
        }
        assert!(survey.kinds.counts.len() <= MOST_NAMES && survey.kinds.rest.0 > 0);
    }

    #[test]
    fn a_lockdown_a_gap_and_a_sign_in_are_no_changes_of_accounts() {
        let mut survey = Survey::default();
        for (action, lockdowns, gaps, changes) in [
            (Action::LockedDown, 1, 0, 0),
            (Action::LogFull, 1, 1, 0),
            (Action::SignIn, 1, 1, 0),
            (Action::AccountDisabled, 1, 1, 1),
            (Action::KeyAdded, 1, 1, 2),
            (Action::KeyProof, 1, 1, 2),
            (Action::CertificateRevoked, 1, 1, 3),
        ] {
            survey.look(Some(&entry_at(1, 0, Record::Event(Event::done(action)))), &Directory::default());
            assert_eq!((survey.lockdowns.all, survey.gaps.all, survey.changes.all), (lockdowns, gaps, changes), "{action:?}");
        }
    }
}
