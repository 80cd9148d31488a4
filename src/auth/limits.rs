//! The longest that sessions last: what the config says, and what is shorter than that for a time.
//!
//! Invariant: a time that has passed changes nothing any more; nobody has to take it back.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::session::Sessions;
use crate::clock::Time;

/// The longest that sessions last, whatever a label allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Since the last activity.
    pub idle: Duration,
    /// Since sign-in.
    pub overall: Duration,
}

/// NIST SP 800-63B-4, AAL3.
impl Default for SessionLimits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(15 * 60), overall: Duration::from_secs(12 * 60 * 60) }
    }
}

/// Shorter limits, up to an instant of the steady scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tightened {
    pub idle: Option<Duration>,
    pub overall: Option<Duration>,
    pub until: Time,
}

/// What all sessions share.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedLimits(Arc<ArcSwap<InForce>>);

#[derive(Clone, Copy, Debug, Default)]
struct InForce {
    set: SessionLimits,
    tightened: Option<Tightened>,
}

impl SharedLimits {
    pub fn new(set: SessionLimits) -> Self {
        let limits = Self::default();
        limits.set(set);
        limits
    }

    fn set(&self, set: SessionLimits) {
        self.0.rcu(|limits| InForce { set, ..**limits });
    }

    /// What the config says of idleness.
    pub fn set_idle(&self) -> Duration {
        self.0.load().set.idle
    }

    pub fn at(&self, now: Time) -> SessionLimits {
        let InForce { set, tightened } = **self.0.load();
        match tightened.filter(|tightened| now < tightened.until) {
            Some(Tightened { idle, overall, .. }) => SessionLimits {
                idle: idle.map_or(set.idle, |idle| idle.min(set.idle)),
                overall: overall.map_or(set.overall, |overall| overall.min(set.overall)),
            },
            None => set,
        }
    }
}

impl Sessions {
    /// The limits of a new config; they hold for open sessions too.
    pub fn set_limits(&self, limits: SessionLimits) {
        self.limits.set(limits);
    }

    /// Limits that hold for a time beside those of the config, for open sessions too; `None`: none do.
    pub fn tighten(&self, tightened: Option<Tightened>) {
        self.limits.0.rcu(|limits| InForce { tightened, ..**limits });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_limits_hold_until_their_end_and_change_nothing_after_it() {
        let (now, minute) = (Time::from_millis(1_800_000_000_000), Duration::from_mins(1));
        let set = SessionLimits { idle: 15 * minute, overall: 60 * minute };
        let limits = SharedLimits::new(set);
        let tighten = |idle, overall| {
            let tightened = Some(Tightened { idle, overall, until: now.plus(10 * minute) });
            limits.0.rcu(|limits| InForce { tightened, ..**limits });
        };
        tighten(Some(5 * minute), None);
        assert_eq!(limits.at(now), SessionLimits { idle: 5 * minute, ..set });
        assert_eq!(limits.at(now.plus(10 * minute)), set);
        tighten(Some(30 * minute), Some(20 * minute));
        assert_eq!(limits.at(now), SessionLimits { overall: 20 * minute, ..set }, "never longer than the config says");
        limits.set(SessionLimits { idle: minute, ..set });
        assert_eq!(limits.at(now), SessionLimits { idle: minute, overall: 20 * minute }, "a new config takes nothing back");
    }
}
