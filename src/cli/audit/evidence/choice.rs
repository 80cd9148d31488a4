//! Which records of a range are wanted.
//!
//! Invariant: whatever is chosen twice is chosen the same. It remembers the accesses that are open, no more.

use std::collections::HashSet;

use crate::model::{Action, AppId, Entry, Event, LogAccount, LogApp, LogKind, Record, Reference, Who};

/// What was asked for; without anything, all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub app: Option<LogApp>,
    pub account: Option<LogAccount>,
}

impl Filter {
    pub fn is_all(&self) -> bool {
        self.app.is_none() && self.account.is_none()
    }
}

#[derive(Debug, Default)]
pub struct Choice {
    filter: Filter,
    /// Accesses that were chosen and have not ended.
    open: HashSet<Reference>,
}

impl Choice {
    pub fn of(filter: &Filter) -> Self {
        Self { filter: filter.clone(), open: HashSet::new() }
    }

    /// Whether a record of the range is wanted. One that this version does not understand is: nobody can say that it does not fit.
    pub fn wants(&mut self, entry: Option<&Entry>) -> bool {
        let Some(entry) = entry else { return true };
        match &entry.record {
            Record::Opened(opened) => {
                let app = LogApp::of(opened.app.as_ref());
                let fits = self.filter.app.as_ref().is_none_or(|wanted| *wanted == app) && self.is_account(opened.who.as_deref(), None);
                if fits {
                    self.open.insert(opened.reference.clone());
                }
                fits
            }
            Record::Closed(closed) => self.open.remove(&closed.reference) || self.filter.is_all(),
            Record::Event(event) => self.filter.is_all() || self.wants_event(event),
            Record::StillOpen { .. } => self.filter.is_all(),
        }
    }

    /// Whether a record behind the range ends an access that was chosen.
    pub fn ends(&mut self, entry: &Entry) -> bool {
        matches!(&entry.record, Record::Closed(closed) if self.open.remove(&closed.reference))
    }

    pub fn open(&self) -> usize {
        self.open.len()
    }

    fn wants_event(&self, event: &Event) -> bool {
        // What the gateway and its log went through concerns every app and every account.
        if is_of_the_gateway(event.action) || event.reference.as_ref().is_some_and(|reference| self.open.contains(reference)) {
            return true;
        }
        let app_fits = self.filter.app.as_ref().is_none_or(|wanted| is_about(event, wanted));
        app_fits && self.is_account(event.who.as_deref(), Some(event))
    }

    fn is_account(&self, who: Option<&Who>, event: Option<&Event>) -> bool {
        let Some(wanted) = self.filter.account.as_ref().map(LogAccount::as_str) else { return true };
        let acted = who.is_some_and(|who| who.name.as_str() == wanted || who.account.to_string() == wanted);
        let says = |name: &str| event.and_then(|event| event.details.get(name)).is_some_and(|value| value == wanted);
        acted || says("account") || says("name")
    }
}

fn is_about(event: &Event, wanted: &LogApp) -> bool {
    match (event.details.get("app").map(String::as_str), wanted) {
        (Some("all"), _) if matches!(event.action, Action::LockedDown | Action::LockdownLifted) => true,
        (Some(app), LogApp::App(wanted)) => AppId::parse(app).is_some_and(|app| app == *wanted),
        (Some(_), LogApp::Portal) | (None, LogApp::App(_)) => false,
        // What names no app happened at the gateway's own pages.
        (None, LogApp::Portal) => true,
    }
}

/// Words of what makes a gap in the log, or could explain one.
pub const GAPS: [&str; 6] = ["log-dropped", "log-full", "log-repaired", "log-key-rotated", "disk-space", "strangers-refused"];

/// Besides, words of what says which rules held, and when the gateway was there at all.
const RULES: [&str; 6] = ["start", "stop", "config-reloaded", "config-refused", "trust-reloaded", "authority-trusted"];

fn is_of_the_gateway(action: Action) -> bool {
    let word = LogKind::Event(action).word();
    GAPS.iter().chain(&RULES).any(|of_the_gateway| *of_the_gateway == word)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{access, closed, entry};
    use super::*;

    fn choice(app: Option<&str>, account: Option<&str>) -> Choice {
        let app = app.map(|app| LogApp::parse(app).unwrap());
        Choice::of(&Filter { app, account: account.map(|account| LogAccount::parse(account).unwrap()) })
    }

    #[test]
    fn an_access_that_fits_is_chosen_with_what_happened_in_it_and_its_end() {
        let (hers, his) = (access(1, Some("wang"), Some("sites")), access(2, Some("li"), Some("ledger")));
        for mut choice in [choice(Some("sites"), None), choice(None, Some("wang")), choice(Some("sites"), Some("wang"))] {
            assert!(choice.wants(Some(&hers)) && !choice.wants(Some(&his)));
            let within = |number| Event { reference: Some(Reference::new([number; 10])), ..Event::done(Action::FormKept) };
            assert!(choice.wants(Some(&entry(Record::Event(within(1))))) && !choice.wants(Some(&entry(Record::Event(within(2))))));
            assert!(!choice.wants(Some(&closed(2))) && !choice.ends(&closed(2)));
            assert_eq!(choice.open(), 1);
            assert!(choice.ends(&closed(1)) && !choice.ends(&closed(1)));
        }
        let mut all = choice(None, None);
        assert!(all.wants(Some(&hers)) && all.wants(Some(&closed(9))) && all.wants(None));
    }

    #[test]
    fn what_is_done_to_an_account_is_chosen_with_it_and_what_concerns_everybody_always() {
        let event = |event: Event| entry(Record::Event(event));
        let disabled = event(Event::done(Action::AccountDisabled).with("name", "wang"));
        assert!(choice(None, Some("Wang")).wants(Some(&disabled)));
        assert!(!choice(None, Some("li")).wants(Some(&disabled)) && !choice(Some("sites"), None).wants(Some(&disabled)));
        for action in [Action::Start, Action::ConfigReloaded, Action::LogFull] {
            assert!(choice(Some("sites"), Some("li")).wants(Some(&event(Event::done(action)))));
        }
        let locked = |app: &str| event(Event::done(Action::LockedDown).with("app", app));
        assert!(choice(Some("sites"), None).wants(Some(&locked("all"))) && choice(Some("sites"), None).wants(Some(&locked("sites"))));
        assert!(!choice(Some("sites"), None).wants(Some(&locked("ledger"))));
        assert!(
            choice(Some("portal"), None).wants(Some(&access(1, None, None)))
                && !choice(Some("sites"), None).wants(Some(&access(1, None, None)))
        );
    }
}
