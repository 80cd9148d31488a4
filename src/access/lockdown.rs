//! What is closed for now, by somebody's word in an emergency: an app to everybody, all apps to a unit's people, or all to everybody.
//!
//! Invariant: it is looked at wherever policy is asked, and by every grant while what it allowed lives; it acts from memory without a lock, ends
//! by itself, and closes no door of the portal, where it is opened again. Who may close what, and for how long, is not known here.

use std::collections::HashMap;

use arc_swap::ArcSwap;

use crate::clock::Time;
use crate::model::{AppId, LockdownScope, UnitName};

#[derive(Debug, Default)]
pub struct Lockdown(ArcSwap<Closed>);

/// Until when, on the steady scale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Closed {
    all: Option<Time>,
    apps: HashMap<AppId, Time>,
    units: HashMap<UnitName, Time>,
}

impl PartialEq for Lockdown {
    fn eq(&self, other: &Self) -> bool {
        **self.0.load() == **other.0.load()
    }
}

impl Lockdown {
    /// What is closed from now on, each until when; of two ends of one thing the later one holds. Whatever is not named is open.
    pub fn replace(&self, closed: impl IntoIterator<Item = (LockdownScope, Time)>) {
        let mut new = Closed::default();
        for (scope, until) in closed {
            let end = match scope {
                LockdownScope::All => new.all.get_or_insert(until),
                LockdownScope::App(app) => new.apps.entry(app).or_insert(until),
                LockdownScope::Unit(unit) => new.units.entry(unit).or_insert(until),
            };
            *end = (*end).max(until);
        }
        self.0.store(new.into());
    }

    /// Whether the app is closed to people of this unit.
    pub fn is_closed(&self, app: &AppId, unit: &UnitName, now: Time) -> bool {
        let closed = self.0.load();
        let ends = [closed.all.as_ref(), closed.apps.get(app), closed.units.get(unit)];
        ends.into_iter().flatten().any(|until| now < *until)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn app(text: &str) -> AppId {
        AppId::parse(text).unwrap()
    }

    fn unit(text: &str) -> UnitName {
        UnitName::parse(text).unwrap()
    }

    fn scope(text: &str) -> LockdownScope {
        LockdownScope::parse(text).unwrap()
    }

    #[test]
    fn an_app_is_closed_to_everybody_and_a_unit_out_of_every_app_until_their_ends() {
        let (lockdown, at) = (Lockdown::default(), Time::from_millis);
        lockdown.replace([(scope("app:sites"), at(10)), (scope("unit:press"), at(20))]);
        let is_closed = |of: &str, to: &str, now| lockdown.is_closed(&app(of), &unit(to), at(now));
        assert!(is_closed("sites", "archive", 9) && !is_closed("sites", "archive", 10));
        assert!(is_closed("ledger", "press", 19) && !is_closed("ledger", "press", 20));
        assert!(!is_closed("ledger", "archive", 0));
        lockdown.replace([(scope("all"), at(30))]);
        assert!(is_closed("ledger", "archive", 29) && is_closed("sites", "press", 29) && !is_closed("sites", "press", 30));
        lockdown.replace([]);
        assert!(!is_closed("sites", "press", 0));
    }

    proptest! {
        #[test]
        fn it_is_closed_while_one_of_all_that_was_closed_holds_and_covers_it(
            closed in proptest::collection::vec((0_usize..7, 0_i64..100), 0..8), of in 0_usize..3, to in 0_usize..3, now in 0_i64..100,
        ) {
            let scopes = ["all", "app:a", "app:b", "app:c", "unit:a", "unit:b", "unit:c"];
            let names = ["a", "b", "c"];
            let lockdown = Lockdown::default();
            lockdown.replace(closed.iter().map(|(which, until)| (scope(scopes[*which]), Time::from_millis(*until))));
            let (app_text, unit_text) = (format!("app:{}", names[of]), format!("unit:{}", names[to]));
            let covers = |which: usize| scopes[which] == "all" || scopes[which] == app_text || scopes[which] == unit_text;
            let expected = closed.iter().any(|(which, until)| now < *until && covers(*which));
            prop_assert_eq!(lockdown.is_closed(&app(names[of]), &unit(names[to]), Time::from_millis(now)), expected);
        }
    }
}
