//! Who closed what, since when and until when, and what waits for a second person.
//!
//! Invariant: alone, one person keeps nothing closed for longer than an hour, nor again within an hour after that, also where she owns the
//! machine and has an account; what two want, holds. Pure:
//! time is an argument, and nobody is asked anything.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Time;
use crate::model::{AskedExtension, ByTwo, Closer, Closure, LockdownScope};

/// So long at most, alone or by two.
pub const LONGEST_LOCKDOWN: Duration = Duration::from_hours(1);
/// After the end of what she closed, she closes it again only with another one.
const PAUSE: Duration = Duration::from_hours(1);
/// So long whoever asks for more waits for another one.
pub const EXTENSION_WAITS: Duration = Duration::from_mins(15);

/// The oldest gives way.
const MOST_ASKED: usize = 64;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    pub closures: Vec<Closure>,
    pub asked: Vec<AskedExtension>,
}

/// What one person did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockedDown {
    pub until: Time,
    /// Less than she wanted, because part of it was closed by her before.
    pub is_shortened: bool,
}

/// Why she does not close it alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TooLongAlone {
    /// What she closed is closed still.
    Closed { hers: LockdownScope, until: Time },
    /// It was, not long ago.
    Lately { hers: LockdownScope, again: Time },
    /// It was closed at the machine, and she asks by name; or the other way round.
    ByEither { hers: LockdownScope, again: Time },
}

/// What came of asking for more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extension {
    /// Another one has to confirm it until then.
    Asked {
        until: Time,
    },
    /// She asked for it herself before, and nobody has confirmed it yet.
    AskedBefore {
        until: Time,
    },
    Confirmed {
        until: Time,
        asked: Closer,
    },
    /// Nothing of it is closed, nor was of late.
    NotClosed,
}

/// What is closed now, as people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedNow {
    pub scope: LockdownScope,
    pub until: Time,
    /// What holds of it, the oldest first.
    pub closures: Vec<Closure>,
}

/// All that people are told at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lockdowns {
    pub closed: Vec<ClosedNow>,
    /// What waits for a second person, and until when.
    pub asked: Vec<(AskedExtension, Time)>,
}

impl Book {
    /// For one person alone, at most so long.
    pub fn close(&mut self, scope: &LockdownScope, by: &Closer, wanted: (Duration, &str), now: Time) -> Result<LockedDown, TooLongAlone> {
        self.forget(now);
        let (length, reason) = wanted;
        let wished = now.plus(length.min(LONGEST_LOCKDOWN));
        let mut until = wished;
        for hers in self.closures.iter().filter(|closure| closure.by == *by && closure.scope.meets(scope)) {
            if !hers.holds(now) {
                // What she opened early can be part of what must be closed at once, until the hour is over that she began then.
                let most = hers.since.plus(LONGEST_LOCKDOWN);
                if *scope != hers.scope && scope.includes(&hers.scope) && most > now {
                    until = until.min(most);
                    continue;
                }
                return Err(TooLongAlone::Lately { hers: hers.scope.clone(), again: hers.ends().plus(PAUSE) });
            }
            let most = match &hers.scope {
                same if same == scope => now,
                // It would be closed for longer than what it is part of.
                wider if wider.includes(scope) => hers.until,
                // What she closed first is not closed for longer by closing more.
                _ => hers.since.plus(LONGEST_LOCKDOWN),
            };
            until = until.min(most);
            if until <= now {
                return Err(TooLongAlone::Closed { hers: hers.scope.clone(), until: hers.until });
            }
        }
        until = until.min(self.most_by_either(scope, by, now)?.unwrap_or(until));
        let reason = reason.to_owned();
        let closure = Closure { scope: scope.clone(), by: by.clone(), since: now, until, lifted: None, reason, extended: None };
        self.closures.push(closure);
        Ok(LockedDown { until, is_shortened: until < wished })
    }

    /// Whoever owns the machine may have an account too: by turns she would keep it closed without end. So what she closed at the machine is
    /// closed by nobody's name for longer, nor again before the pause is over, and the other way round. What is wider than that may be closed
    /// all the same: at night everything must not stay open because root closed one app.
    fn most_by_either(&self, scope: &LockdownScope, by: &Closer, now: Time) -> Result<Option<Time>, TooLongAlone> {
        let is_other = |closure: &&Closure| (closure.by == Closer::Machine) != (*by == Closer::Machine);
        let mut most = None;
        for other in self.closures.iter().filter(is_other).filter(|other| other.scope.includes(scope)) {
            let end = other.since.plus(LONGEST_LOCKDOWN);
            if !other.holds(now) || end <= now {
                return Err(TooLongAlone::ByEither { hers: other.scope.clone(), again: other.ends().plus(PAUSE) });
            }
            most = Some(most.map_or(end, |most: Time| most.min(end)));
        }
        Ok(most)
    }

    /// As if she had not closed it: there is no such thing.
    pub fn take_back(&mut self, scope: &LockdownScope, by: &Closer) {
        self.closures.retain(|closure| closure.scope != *scope || closure.by != *by);
    }

    /// Asks that it stays closed for another hour, or confirms that another one asked.
    pub fn extend(&mut self, scope: &LockdownScope, by: &Closer, now: Time) -> Extension {
        self.forget(now);
        let Some(at) = self.asked.iter().position(|asked| asked.scope == *scope) else {
            if !self.closures.iter().any(|closure| closure.scope.meets(scope)) {
                return Extension::NotClosed;
            }
            if self.asked.len() >= MOST_ASKED {
                self.asked.remove(0);
            }
            self.asked.push(AskedExtension { scope: scope.clone(), by: by.clone(), at: now });
            return Extension::Asked { until: now.plus(EXTENSION_WAITS) };
        };
        match self.asked.get(at) {
            Some(asked) if asked.by == *by => return Extension::AskedBefore { until: asked.at.plus(EXTENSION_WAITS) },
            _ => {}
        }
        let asked = self.asked.remove(at).by;
        Extension::Confirmed { until: self.prolong(scope, &ByTwo { asked: asked.clone(), confirmed: by.clone() }, now), asked }
    }

    /// Whoever closed it has closed it until then, so that she pauses afterwards.
    fn prolong(&mut self, scope: &LockdownScope, two: &ByTwo, now: Time) -> Time {
        let until = now.plus(LONGEST_LOCKDOWN);
        let mut is_known = false;
        for closure in self.closures.iter_mut().filter(|closure| closure.scope == *scope) {
            (closure.until, closure.lifted, closure.extended, is_known) = (until, None, Some(two.clone()), true);
        }
        if !is_known {
            let (by, extended) = (two.asked.clone(), Some(two.clone()));
            self.closures.push(Closure { scope: scope.clone(), by, since: now, until, lifted: None, reason: String::new(), extended });
        }
        until
    }

    /// Opens what was closed of this very scope until `now`, and forgets what was asked for it. `false`: nothing was.
    pub fn lift(&mut self, scope: &LockdownScope, now: Time) -> bool {
        let mut lifted = false;
        let closed = self.closures.iter_mut().filter(|closure| closure.scope == *scope && closure.since <= now && closure.holds(now));
        for closure in closed {
            (closure.lifted, lifted) = (Some(now), true);
        }
        if lifted {
            self.asked.retain(|asked| asked.scope != *scope);
        }
        lifted
    }

    /// Each that holds, with its latest end.
    pub fn closed(&self, now: Time) -> Vec<ClosedNow> {
        let mut closed: BTreeMap<&LockdownScope, ClosedNow> = BTreeMap::new();
        for closure in self.closures.iter().filter(|closure| closure.holds(now)) {
            let nothing = || ClosedNow { scope: closure.scope.clone(), until: closure.until, closures: Vec::new() };
            let scope = closed.entry(&closure.scope).or_insert_with(nothing);
            scope.until = scope.until.max(closure.until);
            scope.closures.push(closure.clone());
        }
        closed.into_values().collect()
    }

    /// What still waits for a second person, and until when.
    pub fn asked(&self, now: Time) -> Vec<(AskedExtension, Time)> {
        let until = |asked: &AskedExtension| asked.at.plus(EXTENSION_WAITS);
        self.asked.iter().map(|asked| (asked.clone(), until(asked))).filter(|(_, until)| now < *until).collect()
    }

    pub fn told(&self, now: Time) -> Lockdowns {
        Lockdowns { closed: self.closed(now), asked: self.asked(now) }
    }

    /// What nobody need know any more.
    pub fn forget(&mut self, now: Time) {
        self.closures.retain(|closure| now < closure.ends().plus(PAUSE));
        self.asked.retain(|asked| now < asked.at.plus(EXTENSION_WAITS));
    }
}

#[cfg(test)]
mod tests;
