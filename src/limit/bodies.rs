//! How much of memory the forms hold together that people send who are not signed in.
//!
//! Invariants: what is held never exceeds what is set, only bytes that came are counted, and no hand among strangers holds more
//! than its share. Those at a place where people belong have room of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;

use crate::model::{Hand, Refusal};

/// When to come again: forms are read within seconds, or given up.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// In bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodySettings {
    /// Of all strange places together, and once more of all familiar ones together.
    pub overall: usize,
    /// Of one IPv4 address or IPv6 /48 among the strange ones.
    pub hand: usize,
}

impl Default for BodySettings {
    fn default() -> Self {
        Self { overall: 32 * 1024 * 1024, hand: 2 * 1024 * 1024 }
    }
}

#[derive(Debug)]
pub(super) struct Bodies {
    settings: BodySettings,
    strangers: AtomicUsize,
    familiars: AtomicUsize,
    /// Only hands that hold something: each entry has a connection with a body under way.
    by_hand: DashMap<Hand, usize>,
}

/// What one body holds, until it is dropped.
#[derive(Debug)]
pub struct Held {
    bodies: Arc<Bodies>,
    /// `None`: at a familiar place.
    hand: Option<Hand>,
    bytes: usize,
}

impl Bodies {
    pub(super) fn new(settings: BodySettings) -> Self {
        Self { settings, strangers: AtomicUsize::new(0), familiars: AtomicUsize::new(0), by_hand: DashMap::new() }
    }

    pub(super) fn begin(self: &Arc<Self>, hand: Option<Hand>) -> Held {
        Held { bodies: Arc::clone(self), hand, bytes: 0 }
    }

    fn of(&self, hand: Option<Hand>) -> &AtomicUsize {
        if hand.is_some() { &self.strangers } else { &self.familiars }
    }

    fn take_of_share(&self, hand: Hand, bytes: usize) -> bool {
        let mut held = self.by_hand.entry(hand).or_default();
        match held.checked_add(bytes).filter(|held| *held <= self.settings.hand) {
            Some(more) => {
                *held = more;
                true
            }
            None => false,
        }
    }

    fn give_back_share(&self, hand: Hand, bytes: usize) {
        if let Some(mut held) = self.by_hand.get_mut(&hand) {
            *held = held.saturating_sub(bytes);
        }
        self.by_hand.remove_if(&hand, |_, held| *held == 0);
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 3] {
        [self.strangers.load(Ordering::Relaxed), self.familiars.load(Ordering::Relaxed), self.by_hand.len()]
    }
}

impl Held {
    /// So many bytes more came.
    pub fn more(&mut self, bytes: usize) -> Result<(), Refusal> {
        let crowded = |limit| Refusal::Crowded { retry_after: RETRY_AFTER, limit };
        if let Some(hand) = self.hand.filter(|hand| !self.bodies.take_of_share(*hand, bytes)) {
            self.bodies.give_back_share(hand, 0);
            return Err(crowded("forms of one network under way"));
        }
        let all = self.bodies.of(self.hand);
        let most = self.bodies.settings.overall;
        let taken = all.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| held.checked_add(bytes).filter(|held| *held <= most));
        if taken.is_err() {
            self.hand.inspect(|hand| self.bodies.give_back_share(*hand, bytes));
            return Err(crowded("forms under way"));
        }
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.bodies.of(self.hand).fetch_sub(self.bytes, Ordering::Relaxed);
        self.hand.inspect(|hand| self.bodies.give_back_share(*hand, self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Network;

    fn hand(last: u8) -> Option<Hand> {
        Some(Network::of(std::net::Ipv4Addr::new(192, 0, 2, last).into()).hand())
    }

    fn why(result: Result<(), Refusal>) -> Option<&'static str> {
        match result {
            Ok(()) => None,
            Err(Refusal::Crowded { limit, .. }) => Some(limit),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn strangers_hold_so_much_together_and_one_of_them_only_her_share_until_they_are_done() {
        let bodies = Arc::new(Bodies::new(BodySettings { overall: 100, hand: 40 }));
        let mut first = bodies.begin(hand(1));
        assert_eq!([why(first.more(30)), why(first.more(10))], [None, None]);
        let mut again = bodies.begin(hand(1));
        assert_eq!(why(again.more(1)), Some("forms of one network under way"));
        let mut others = [bodies.begin(hand(2)), bodies.begin(hand(3))];
        assert_eq!([why(others[0].more(40)), why(others[1].more(20))], [None, None]);
        assert_eq!(why(others[1].more(1)), Some("forms under way"));
        assert_eq!(bodies.sizes(), [100, 0, 3], "what was refused is not held");
        let mut familiar = bodies.begin(None);
        assert_eq!(why(familiar.more(100)), None, "an office has room of its own, and no share of it");
        assert_eq!(why(familiar.more(1)), Some("forms under way"));
        drop(first);
        assert_eq!([why(again.more(40)), why(again.more(1))], [None, Some("forms of one network under way")]);
        drop((again, others, familiar));
        assert_eq!(bodies.sizes(), [0, 0, 0], "nothing is left behind");
    }

    #[test]
    fn a_body_of_which_nothing_came_holds_nothing() {
        let bodies = Arc::new(Bodies::new(BodySettings { overall: 0, hand: 0 }));
        let mut empty = bodies.begin(hand(1));
        assert_eq!(bodies.sizes(), [0, 0, 0]);
        assert_eq!(why(empty.more(1)), Some("forms of one network under way"));
        drop(empty);
        assert_eq!(bodies.sizes(), [0, 0, 0]);
    }
}
