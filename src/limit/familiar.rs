//! Where people signed in of late: from there an account is known, and a flood of strangers does not count.
//!
//! Invariant: only successes grow it, so strangers cannot; and an account has at most so many places, of which the oldest gives way.

use std::collections::HashMap;

use super::sign_in::NameHash;
use crate::clock::Time;
use crate::model::{FAMILIAR_PLACES, Network};

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
    accounts: HashMap<NameHash, Vec<(Network, Time)>>,
}

impl Familiar {
    /// The place of an attempt by `name`, or of one that gives no name.
    pub(super) fn place(&self, network: Network, name: Option<NameHash>, since: Time) -> Place {
        let here = |(known, time): &(Network, Time)| *known == network && *time > since;
        if name.and_then(|name| self.accounts.get(&name)).is_some_and(|places| places.iter().any(here)) {
            Place::OfThisAccount
        } else if self.networks.get(&network).is_some_and(|time| *time > since) {
            Place::Familiar
        } else {
            Place::Strange
        }
    }

    /// `seen` may be earlier than what is known: then the later one stays.
    pub(super) fn remember(&mut self, network: Network, name: NameHash, seen: Time, cap: usize) {
        if self.networks.len() < cap || self.networks.contains_key(&network) {
            let known = self.networks.entry(network).or_insert(seen);
            *known = seen.max(*known);
        }
        if self.accounts.len() < cap || self.accounts.contains_key(&name) {
            keep_latest(self.accounts.entry(name).or_default(), network, seen);
        }
    }

    pub(super) fn sweep(&mut self, since: Time) {
        self.networks.retain(|_, time| *time > since);
        self.accounts.retain(|_, places| {
            places.retain(|(_, time)| *time > since);
            !places.is_empty()
        });
    }
}

fn keep_latest(places: &mut Vec<(Network, Time)>, network: Network, seen: Time) {
    match places.iter_mut().find(|(known, _)| *known == network) {
        Some((_, known)) => *known = seen.max(*known),
        None => places.push((network, seen)),
    }
    places.sort_by_key(|(_, seen)| std::cmp::Reverse(*seen));
    places.truncate(FAMILIAR_PLACES);
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

    #[test]
    fn of_an_accounts_places_the_oldest_gives_way_to_a_ninth_and_nobody_elses() {
        let of = |n: u8| Network::of(std::net::Ipv4Addr::new(192, 0, 2, n).into());
        let at = |n: u8| Time::from_millis(i64::from(n) + 1_000);
        let (mut familiar, wang, li) = (Familiar::default(), [1; 32], [2; 32]);
        familiar.remember(of(1), li, at(1), 100);
        (1..=9).for_each(|n| familiar.remember(of(n), wang, at(n), 100));
        let places: Vec<Place> = (1..=9).map(|n| familiar.place(of(n), Some(wang), at(0))).collect();
        assert_eq!(places[0], Place::Familiar, "somebody signed in there");
        assert!(places[1..].iter().all(|place| *place == Place::OfThisAccount), "{places:?}");
        assert_eq!(familiar.place(of(1), Some(li), at(0)), Place::OfThisAccount);
        familiar.remember(of(1), wang, at(0), 100);
        assert_eq!(familiar.place(of(1), Some(wang), Time::from_millis(0)), Place::Familiar, "what is told late is no later for that");
    }
}
