//! What people closed and opened again while an incident was open: part of its story, where it is about that, everything was closed, or somebody
//! handles it under a level. Of two that are handled at once, whoever writes the reports knows for which it was.

use super::case::{Case, Line, What};
use crate::clock::Time;
use crate::model::{AccountName, Action, Event, LockdownScope, Outcome};

impl What {
    /// What was closed or opened again by what this record says.
    pub(super) fn of_closure(event: &Event) -> Option<Self> {
        let scope = || LockdownScope::parse(event.details.get("scope")?);
        match event.action {
            _ if event.outcome != Outcome::Done => None,
            Action::LockedDown => scope().map(Self::Shut),
            Action::LockdownLifted => scope().map(Self::OpenedAgain),
            _ => None,
        }
    }

    fn scope(&self) -> Option<&LockdownScope> {
        match self {
            Self::Shut(scope) | Self::OpenedAgain(scope) => Some(scope),
            _ => None,
        }
    }
}

impl Case {
    /// Whether it belongs to the story. Nothing is closed in a drill.
    pub(super) fn is_met_by(&self, what: &What) -> bool {
        let is_its = |scope: &LockdownScope| match scope {
            LockdownScope::All => true,
            LockdownScope::App(app) => self.apps().contains(app),
            LockdownScope::Unit(unit) => self.units().any(|name| name == unit.as_str()),
        };
        let is_handled = self.in_force().is_some();
        self.stage.is_open() && self.drill.is_none() && what.scope().is_some_and(|scope| is_handled || is_its(scope))
    }

    pub(super) fn was_shut(&mut self, record: u64, at: Time, by: Option<AccountName>, what: What) {
        (self.last, self.changed) = (self.last.max(record), at);
        self.tell(Line { record, at, by, what });
    }
}
