//! Where people signed in of late: from there an account is known, and a flood of strangers does not count.
//!
//! Invariant: only successes grow it, so strangers cannot.

use std::collections::HashMap;
use std::hash::Hash;

use super::sign_in::NameHash;
use crate::clock::Time;
use crate::model::Network;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Strange,
    /// Somebody signed in from there.
    Familiar,
    /// The account in question signed in from there.
    OfThisAccount,
}

#[derive(Debug, Default)]
pub(super) struct Familiar {
    networks: HashMap<Network, Time>,
    pairs: HashMap<(NameHash, Network), Time>,
}

impl Familiar {
    /// The place of an attempt by `name`, or of one that gives no name.
    pub(super) fn place(&self, network: Network, name: Option<NameHash>, since: Time) -> Place {
        let recent = |time: &Time| *time > since;
        if name.is_some_and(|name| self.pairs.get(&(name, network)).is_some_and(recent)) {
            Place::OfThisAccount
        } else if self.networks.get(&network).is_some_and(recent) {
            Place::Familiar
        } else {
            Place::Strange
        }
    }

    /// `seen` may be earlier than what is known: then the later one stays.
    pub(super) fn remember(&mut self, network: Network, name: NameHash, seen: Time, cap: usize) {
        keep_latest(&mut self.networks, network, seen, cap);
        keep_latest(&mut self.pairs, (name, network), seen, cap);
    }

    pub(super) fn sweep(&mut self, since: Time) {
        self.networks.retain(|_, time| *time > since);
        self.pairs.retain(|_, time| *time > since);
    }
}

fn keep_latest<K: Hash + Eq>(map: &mut HashMap<K, Time>, key: K, seen: Time, cap: usize) {
    if map.len() < cap || map.contains_key(&key) {
        let known = map.entry(key).or_insert(seen);
        *known = seen.max(*known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_stays_familiar_since_it_was_last_seen_in_whatever_order_that_is_told() {
        let (early, late) = (Time::from_millis(1_000), Time::from_millis(2_000));
        let (office, name) = (Network::of("192.0.2.1".parse().unwrap()), [1; 32]);
        for order in [[early, late], [late, early]] {
            let mut familiar = Familiar::default();
            order.into_iter().for_each(|seen| familiar.remember(office, name, seen, 10));
            assert_eq!(familiar.place(office, Some(name), early), Place::OfThisAccount);
            assert_eq!(familiar.place(office, Some([2; 32]), early), Place::Familiar);
            assert_eq!(familiar.place(office, None, early), Place::Familiar);
            assert_eq!(familiar.place(office, Some(name), late), Place::Strange);
        }
    }
}
