//! How many connections are open, in all and from one network.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use super::Caps;
use crate::model::Network;

/// Shared by all workers; looked at once per connection, never on a request's way.
#[derive(Default)]
pub(super) struct Turnstile(Mutex<Open>);

#[derive(Default)]
struct Open {
    all: usize,
    by_network: HashMap<Network, usize>,
}

/// A place within the caps, given back when dropped.
pub(super) struct Admission {
    turnstile: Arc<Turnstile>,
    network: Network,
}

impl Turnstile {
    pub fn admit(self: &Arc<Self>, network: Network, caps: &Caps) -> Option<Admission> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = open.by_network.get(&network).copied().unwrap_or(0);
        if open.all >= caps.connections || here >= caps.per_address {
            return None;
        }
        open.all = open.all.saturating_add(1);
        open.by_network.insert(network, here.saturating_add(1));
        drop(open);
        Some(Admission { turnstile: Arc::clone(self), network })
    }

    pub fn open(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut open = self.turnstile.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.all = open.all.saturating_sub(1);
        if let Entry::Occupied(mut here) = open.by_network.entry(self.network) {
            if *here.get() <= 1 {
                here.remove();
            } else {
                *here.get_mut() = here.get().saturating_sub(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    #[test]
    fn one_network_cannot_take_the_places_of_others() {
        let turnstile = Arc::new(Turnstile::default());
        let caps = Caps { connections: 3, per_address: 2, streams: 1 };
        let first = turnstile.admit(of("2001:db8::1"), &caps).unwrap();
        let _second = turnstile.admit(of("2001:db8::2"), &caps).unwrap();
        assert!(turnstile.admit(of("2001:db8::3"), &caps).is_none(), "the same /64");
        let _other = turnstile.admit(of("192.0.2.1"), &caps).unwrap();
        assert!(turnstile.admit(of("192.0.2.2"), &caps).is_none(), "full in all");
        drop(first);
        turnstile.admit(of("2001:db8::3"), &caps).unwrap();
    }

    #[test]
    fn a_network_that_left_is_forgotten() {
        let turnstile = Arc::new(Turnstile::default());
        drop(turnstile.admit(of("192.0.2.1"), &Caps::default()));
        assert_eq!(turnstile.open(), 0);
        assert!(turnstile.0.lock().unwrap().by_network.is_empty());
    }
}
