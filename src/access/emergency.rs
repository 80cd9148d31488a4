//! The emergency level in force, and what the plan says that it does: looked at wherever policy is asked, and by every grant while what it
//! allowed lives.
//!
//! Invariant: nothing is applied and taken back. A level is only ever looked at, together with the time; once that has passed, or the level is
//! lifted, each decision is what it would be if the level had never been.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::{App, Demand};
use crate::auth::Identity;
use crate::clock::Time;
use crate::incident::{Apps, Measures};
use crate::model::{Bar, Level, Refusal};

/// One for all apps of a gateway.
#[derive(Debug, Default)]
pub struct Emergency(ArcSwap<Held>);

/// A level that was confirmed, with what it does. Times are on the steady scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stance {
    pub level: Level,
    /// For which incident it was confirmed, and when by the wall clock: together they say which confirmation it was.
    pub incident: u64,
    pub confirmed: Time,
    pub since: Time,
    /// From then on it is as if there were none.
    pub until: Time,
    pub measures: Arc<Measures>,
}

#[derive(Debug, Default)]
struct Held {
    stance: Option<Stance>,
    /// How often another one was set.
    changes: u64,
}

/// What one decision sees: the same from its beginning to its end, whatever is set meanwhile.
pub(super) struct Seen {
    held: Guard<Arc<Held>>,
    now: Time,
}

impl PartialEq for Emergency {
    fn eq(&self, other: &Self) -> bool {
        self.0.load().stance == other.0.load().stance
    }
}

impl Emergency {
    /// `None`: no level is in force.
    pub fn set(&self, stance: Option<Stance>) {
        self.0.rcu(|held| Held { stance: stance.clone(), changes: held.changes.saturating_add(1) });
    }

    pub fn in_force(&self, now: Time) -> Option<Stance> {
        self.at(now).stance().cloned()
    }

    /// The last that was set, whether its time has passed or not.
    pub fn last(&self) -> Option<Stance> {
        self.0.load().stance.clone()
    }

    /// Another number whenever something else is in force than before: what is under way must be judged anew then.
    pub fn epoch(&self, now: Time) -> u64 {
        self.at(now).epoch()
    }

    /// Refuses what would give somebody a way in that she did not have. `wall` is the same instant by the wall clock.
    pub fn may_enrol(&self, now: Time, wall: Time) -> Result<(), Refusal> {
        let seen = self.at(now);
        match seen.stance() {
            Some(stance) if stance.measures.freeze_enrolment => Err(stance.refuses(Bar::Enrolment, now, wall)),
            _ => Ok(()),
        }
    }

    pub(super) fn at(&self, now: Time) -> Seen {
        Seen { held: self.0.load(), now }
    }
}

impl Stance {
    /// Whether it is what was confirmed then.
    pub fn is_of(&self, incident: u64, level: Level, confirmed: Time) -> bool {
        (self.incident, self.level, self.confirmed) == (incident, level, confirmed)
    }

    pub fn holds(&self, now: Time) -> bool {
        now < self.until
    }

    fn refuses(&self, bar: Bar, now: Time, wall: Time) -> Refusal {
        Refusal::Emergency { level: self.level, bar, until: wall.plus(self.until.since(now)) }
    }

    fn is_closed_to(&self, identity: &Identity, app: &App) -> bool {
        let name = &identity.who().name;
        has(self.measures.closed.as_ref(), app) && !self.measures.break_glass.contains(name)
    }
}

fn has(apps: Option<&Apps>, app: &App) -> bool {
    apps.is_some_and(|apps| apps.has(&app.id))
}

impl Seen {
    pub fn stance(&self) -> Option<&Stance> {
        self.held.stance.as_ref().filter(|stance| stance.holds(self.now))
    }

    pub fn level(&self) -> Option<Level> {
        self.stance().map(|stance| stance.level)
    }

    /// Running out is a change like another.
    pub fn epoch(&self) -> u64 {
        let has_run_out = self.held.stance.as_ref().is_some_and(|stance| !stance.holds(self.now));
        self.held.changes.saturating_mul(2).saturating_add(u64::from(has_run_out))
    }

    pub fn asks_for_proof(&self) -> bool {
        self.stance().is_some_and(|stance| stance.measures.factor.is_some() || stance.measures.fresh.is_some())
    }

    pub fn is_closed_to(&self, identity: &Identity, app: &App) -> bool {
        self.stance().is_some_and(|stance| stance.is_closed_to(identity, app))
    }

    /// Whether she may come in at all, from there.
    pub fn may_come(&self, identity: &Identity, app: &App, from: IpAddr, wall: Time) -> Result<(), Refusal> {
        let Some(stance) = self.stance() else { return Ok(()) };
        if stance.is_closed_to(identity, app) {
            return Err(stance.refuses(Bar::Closed, self.now, wall));
        }
        let from = from.to_canonical();
        match &stance.measures.from {
            Some(narrowed) if narrowed.apps.has(&app.id) && !narrowed.networks.iter().any(|network| network.contains(&from)) => {
                Err(stance.refuses(Bar::Address, self.now, wall))
            }
            _ => Ok(()),
        }
    }

    /// Whether she may change something there.
    pub fn may_write(&self, app: &App, wall: Time) -> Result<(), Refusal> {
        match self.stance() {
            Some(stance) if has(stance.measures.read_only.as_ref(), app) => Err(stance.refuses(Bar::ReadOnly, self.now, wall)),
            _ => Ok(()),
        }
    }

    /// When the session will be too old for this app; `None`: it is, or was idle for too long.
    pub fn session_ends(&self, identity: &Identity, app: &App) -> Option<Time> {
        let mut ends = identity.signed_in().plus(app.overall);
        let mut is_away = identity.is_away(&app.host, app.idle, self.now);
        if let Some(stance) = self.stance() {
            is_away |= stance.measures.idle.is_some_and(|limit| identity.is_idle(limit, self.now));
            // An end that comes after the level is none.
            let sooner = stance.measures.overall.map(|limit| identity.signed_in().plus(limit)).filter(|sooner| *sooner < stance.until);
            ends = sooner.map_or(ends, |sooner| ends.min(sooner));
        }
        (self.now < ends && !is_away).then_some(ends)
    }

    /// Both what the app asks, `own`, and what the level does. Where one factor implies the other it is one demand, and the shorter time counts for
    /// it; where neither does, there must be a proof for each.
    pub fn proven(&self, own: Demand, identity: &Identity, app: &App) -> Result<(), Refusal> {
        let Some(measures) = self.stance().map(|stance| &stance.measures) else { return own.check(identity, app, self.now) };
        let fresh = own.fresh.into_iter().chain(measures.fresh).min();
        let factor = own.factor.unwrap_or_default();
        let check = |factor| Demand { factor: Some(factor), fresh }.check(identity, app, self.now);
        match measures.factor {
            Some(other) if other.implies(factor) => check(other),
            Some(other) if !factor.implies(other) => check(factor).and_then(|()| check(other)),
            _ => check(factor),
        }
    }
}

#[cfg(test)]
mod tests;
