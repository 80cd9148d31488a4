//! Closing apps to everybody in an emergency, and opening them again.
//!
//! Invariant: what closes acts in memory first and waits neither for the log nor for the store; it ends by itself within the hour.

use std::time::Duration;

use super::desk::Desk;
use super::error::AdminError;
use super::permission::{Actor, Change};
use crate::clock::Time;
use crate::model::{Action, AppId, Event};

/// So long at most; who needs more closes it again.
const LONGEST_LOCKDOWN: Duration = Duration::from_hours(1);

impl Desk {
    /// Closes an app, or all with `None`. What is open ends within seconds. Returns until when.
    pub async fn lock_down(&self, actor: &Actor, app: Option<&AppId>, length: Duration, now: Time) -> Result<Time, AdminError> {
        self.permit(actor, Change::LockDown)?;
        let until = now.plus(length.min(LONGEST_LOCKDOWN));
        self.lockdown.close(app, until);
        let event = Event::done(Action::LockedDown).with("app", named(app)).with("until", until);
        self.taken_away(actor, event, self.store.keep_lockdowns(&self.lockdown.closed(now))).await?;
        Ok(until)
    }

    /// Opens it again. `false`: it was not closed.
    pub async fn lift_lockdown(&self, actor: &Actor, app: Option<&AppId>, now: Time) -> Result<bool, AdminError> {
        self.permit(actor, Change::LockDown)?;
        let opens = |known: &Option<AppId>| app.is_none() || known.as_ref() == app;
        let (opened, left): (Vec<_>, Vec<_>) = self.lockdown.closed(now).into_iter().partition(|(known, _)| opens(known));
        if opened.is_empty() {
            return Ok(false);
        }
        let event = Event::done(Action::LockdownLifted).with("app", named(app));
        self.recorded(actor, event, self.store.keep_lockdowns(&left)).await?;
        Ok(self.lockdown.open(app))
    }

    /// Closes again what was closed when the gateway was stopped. To be called before anybody is let in.
    pub async fn restore_lockdowns(&self, now: Time) -> Result<(), AdminError> {
        for (app, until) in self.store.lockdowns(now).await? {
            self.lockdown.close(app.as_ref(), until);
        }
        Ok(())
    }
}

fn named(app: Option<&AppId>) -> &str {
    app.map_or("all", AppId::as_str)
}
