//! What is closed to everybody for now, by somebody's word in an emergency: one app, or all of them.
//!
//! Invariant: it is looked at wherever policy is asked, and by every grant while what it allowed lives; it acts from memory, ends by itself,
//! and closes no door of the portal, where it is opened again.

use std::collections::HashMap;

use arc_swap::ArcSwap;

use crate::clock::Time;
use crate::model::AppId;

#[derive(Debug, Default)]
pub struct Lockdown(ArcSwap<Closed>);

/// Until when, on the steady scale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Closed {
    all: Option<Time>,
    apps: HashMap<AppId, Time>,
}

impl PartialEq for Lockdown {
    fn eq(&self, other: &Self) -> bool {
        **self.0.load() == **other.0.load()
    }
}

impl Lockdown {
    /// Closes an app, or all with `None`; one that is closed for longer already stays so.
    pub fn close(&self, app: Option<&AppId>, until: Time) {
        self.0.rcu(|closed| {
            let mut closed = Closed::clone(closed);
            match app {
                None => closed.all = closed.all.max(Some(until)),
                Some(app) => {
                    let end = closed.apps.entry(app.clone()).or_insert(until);
                    *end = (*end).max(until);
                }
            }
            closed
        });
    }

    /// Opens an app again, or everything with `None`. `false`: it was not closed by itself.
    pub fn open(&self, app: Option<&AppId>) -> bool {
        let before = self.0.rcu(|closed| match app {
            None => Closed::default(),
            Some(app) => {
                let mut closed = Closed::clone(closed);
                closed.apps.remove(app);
                closed
            }
        });
        match app {
            None => *before != Closed::default(),
            Some(app) => before.apps.contains_key(app),
        }
    }

    pub fn is_closed(&self, app: &AppId, now: Time) -> bool {
        let closed = self.0.load();
        closed.all.is_some_and(|until| now < until) || closed.apps.get(app).is_some_and(|until| now < *until)
    }

    /// What is closed now, and until when; `None` stands for all apps.
    pub fn closed(&self, now: Time) -> Vec<(Option<AppId>, Time)> {
        let closed = self.0.load();
        let mut apps: Vec<_> = closed.apps.iter().map(|(app, until)| (Some(app.clone()), *until)).collect();
        apps.sort();
        closed.all.map(|until| (None, until)).into_iter().chain(apps).filter(|(_, until)| now < *until).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_closed_is_closed_until_its_end_or_until_it_is_opened_and_nothing_else_is() {
        let (lockdown, now) = (Lockdown::default(), Time::from_millis(1_000_000));
        let (sites, ledger) = (AppId::parse("sites").unwrap(), AppId::parse("ledger").unwrap());
        let minute = |n: u64| now.plus(Duration::from_secs(60 * n));
        lockdown.close(Some(&sites), minute(10));
        lockdown.close(Some(&sites), minute(5));
        assert_eq!(lockdown.closed(now), [(Some(sites.clone()), minute(10))], "the longer one holds");
        assert!(lockdown.is_closed(&sites, now) && !lockdown.is_closed(&ledger, now));
        assert!(lockdown.is_closed(&sites, minute(9)) && !lockdown.is_closed(&sites, minute(10)));
        lockdown.close(None, minute(20));
        assert!(lockdown.is_closed(&ledger, minute(19)) && lockdown.is_closed(&sites, minute(19)));
        assert!(lockdown.open(Some(&sites)) && !lockdown.open(Some(&sites)));
        assert!(lockdown.is_closed(&sites, now), "everything is closed still");
        assert!(lockdown.open(None) && !lockdown.open(None));
        assert!(!lockdown.is_closed(&sites, now) && lockdown.closed(now).is_empty());
    }
}
