//! Which records of a range are wanted.
//!
//! Invariant: whatever is chosen twice is chosen the same. It remembers the accesses that are open, no more.

use std::collections::HashSet;

use super::whose::{Whose, named_in};
use crate::model::{Action, AppId, Entry, Event, LockdownScope, LogApp, LogKind, Record, Reference, Who};

/// What was asked for; without anything, all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub app: Option<LogApp>,
    pub account: Option<Whose>,
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

    /// Whether a record of the range is wanted. One that this version does not understand is: nobody can say that it does not fit. What a wrong
    /// clock put between records of the span is wanted by a filter only where it belongs to an access of the span, or concerns everybody.
    pub fn wants(&mut self, entry: Option<&Entry>, is_in_time: bool) -> bool {
        let Some(entry) = entry else { return true };
        let is_in_time = is_in_time || self.filter.is_all();
        match &entry.record {
            Record::Opened(opened) => {
                let app = LogApp::of(opened.app.as_ref());
                let fits = is_in_time
                    && self.filter.app.as_ref().is_none_or(|wanted| *wanted == app)
                    && self.is_account(opened.who.as_deref(), None);
                if fits {
                    self.open.insert(opened.reference.clone());
                }
                fits
            }
            Record::Closed(closed) => self.open.remove(&closed.reference) || self.filter.is_all(),
            Record::Event(event) => self.filter.is_all() || self.wants_event(event, is_in_time),
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

    fn wants_event(&self, event: &Event, is_in_time: bool) -> bool {
        // What the gateway and its log went through concerns every app and every account.
        if is_of_the_gateway(event.action) || event.reference.as_ref().is_some_and(|reference| self.open.contains(reference)) {
            return true;
        }
        let app_fits = self.filter.app.as_ref().is_none_or(|wanted| is_about(event, wanted));
        is_in_time && app_fits && self.is_account(event.who.as_deref(), Some(event))
    }

    fn is_account(&self, who: Option<&Who>, event: Option<&Event>) -> bool {
        let Some(wanted) = &self.filter.account else { return true };
        who.is_some_and(|who| wanted.is(who)) || event.is_some_and(|event| named_in(event).iter().any(|named| wanted.is_named(named)))
    }
}

fn is_about(event: &Event, wanted: &LogApp) -> bool {
    if let Some(scope) = event.details.get("scope").and_then(|scope| LockdownScope::parse(scope)) {
        // A unit is kept out of every app.
        return !matches!(&scope, LockdownScope::App(app) if *wanted != LogApp::App(app.clone()));
    }
    match (event.details.get("app").map(String::as_str), wanted) {
        // As lockdowns were written once.
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
    use super::super::samples::{access, closed, entry, id};
    use super::*;
    use crate::model::LogAccount;

    fn choice(app: Option<&str>, account: Option<&str>) -> Choice {
        let app = app.map(|app| LogApp::parse(app).unwrap());
        Choice::of(&Filter { app, account: account.map(|account| Whose::asked(&LogAccount::parse(account).unwrap())) })
    }

    #[test]
    fn an_access_that_fits_is_chosen_with_what_happened_in_it_and_its_end() {
        let (hers, his) = (access(1, Some("wang"), Some("sites")), access(2, Some("li"), Some("ledger")));
        for mut choice in [choice(Some("sites"), None), choice(None, Some("wang")), choice(Some("sites"), Some("wang"))] {
            assert!(choice.wants(Some(&hers), true) && !choice.wants(Some(&his), true));
            let within = |number| Event { reference: Some(Reference::new([number; 10])), ..Event::done(Action::FormKept) };
            assert!(
                choice.wants(Some(&entry(Record::Event(within(1)))), true) && !choice.wants(Some(&entry(Record::Event(within(2)))), true)
            );
            assert!(!choice.wants(Some(&closed(2)), true) && !choice.ends(&closed(2)));
            assert_eq!(choice.open(), 1);
            assert!(choice.ends(&closed(1)) && !choice.ends(&closed(1)));
        }
        let mut all = choice(None, None);
        assert!(all.wants(Some(&hers), true) && all.wants(Some(&closed(9)), true) && all.wants(None, true));
    }

    #[test]
    fn who_is_asked_for_by_her_id_or_by_her_name_is_the_same_and_a_label_is_nobodys_name() {
        let event = |event: Event| entry(Record::Event(event));
        let to_her = event(Event::done(Action::AccountDisabled).with("name", "wang").with("account", id("wang")));
        let by_name = event(Event::failed(Action::SignIn).with("name", "wang"));
        let to_a_namesake = event(Event::done(Action::AccountDisabled).with("name", "wang").with("account", id("li")));
        let proposed = event(Event::done(Action::TokenRevoked).with("name", "li").with("proposed-by", "wang").with("proposer", id("wang")));
        let label = event(Event::done(Action::KeyAdded).by(super::super::samples::who("li")).with("name", "wang"));
        let authority = event(Event::done(Action::AuthorityCreated).with("name", "wang"));
        let both = Whose { id: Some(id("wang").to_string()), name: Some("wang".to_owned()) };
        let mut known = Choice::of(&Filter { app: None, account: Some(both) });
        for wanted in [&to_her, &by_name, &proposed, &access(1, Some("wang"), None)] {
            assert!(known.wants(Some(wanted), true), "{wanted:?}");
            assert!(choice(None, Some("wang")).wants(Some(wanted), true), "{wanted:?}");
        }
        for other in [&label, &authority, &to_a_namesake] {
            assert!(!known.wants(Some(other), true), "{other:?}");
        }
        assert!(choice(None, Some(&id("wang").to_string())).wants(Some(&to_her), true));
        assert!(!choice(None, Some("wang")).wants(Some(&label), true));
    }

    #[test]
    fn what_a_wrong_clock_put_into_the_range_is_wanted_by_no_filter_but_the_end_of_an_access_is() {
        let hers = access(1, Some("wang"), Some("sites"));
        assert!(!choice(None, Some("wang")).wants(Some(&hers), false) && choice(None, None).wants(Some(&hers), false));
        let mut choice = choice(Some("sites"), None);
        assert!(choice.wants(Some(&hers), true) && choice.wants(Some(&closed(1)), false));
        assert!(choice.wants(Some(&entry(Record::Event(Event::done(Action::Start)))), false), "it says which config was in force");
    }

    #[test]
    fn what_is_done_to_an_account_is_chosen_with_it_and_what_concerns_everybody_always() {
        let event = |event: Event| entry(Record::Event(event));
        let disabled = event(Event::done(Action::AccountDisabled).with("name", "wang"));
        assert!(choice(None, Some("Wang")).wants(Some(&disabled), true));
        assert!(!choice(None, Some("li")).wants(Some(&disabled), true) && !choice(Some("sites"), None).wants(Some(&disabled), true));
        for action in [Action::Start, Action::ConfigReloaded, Action::LogFull] {
            assert!(choice(Some("sites"), Some("li")).wants(Some(&event(Event::done(action))), true));
        }
        let locked = |app: &str| event(Event::done(Action::LockedDown).with("app", app));
        assert!(
            choice(Some("sites"), None).wants(Some(&locked("all")), true)
                && choice(Some("sites"), None).wants(Some(&locked("sites")), true)
        );
        assert!(!choice(Some("sites"), None).wants(Some(&locked("ledger")), true));
        let closed = |scope: &str| event(Event::done(Action::LockdownExtensionAsked).with("scope", scope));
        for (scope, wanted) in [("all", true), ("unit:Press", true), ("app:sites", true), ("app:ledger", false)] {
            assert_eq!(choice(Some("sites"), None).wants(Some(&closed(scope)), true), wanted, "{scope}");
        }
        assert!(
            choice(Some("portal"), None).wants(Some(&access(1, None, None)), true)
                && !choice(Some("sites"), None).wants(Some(&access(1, None, None)), true)
        );
    }
}
