//! How many connections are open, in all and from one network.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use super::Caps;
use crate::model::{Network, Site};

/// How much wider the share of an IPv6 site is than that of one of its networks. Whoever has a /48 has 65,536 networks.
const SITE_TIMES: usize = 8;

/// Shared by all workers; looked at once per connection, never on a request's way.
#[derive(Default)]
pub(super) struct Turnstile(Mutex<Open>);

#[derive(Default)]
struct Open {
    all: usize,
    by_network: HashMap<Network, usize>,
    by_site: HashMap<Site, usize>,
}

/// A place within the caps, given back when dropped.
pub(super) struct Admission {
    turnstile: Arc<Turnstile>,
    /// Whose share it is taken from; nobody's while a proxy has not said for whom it comes.
    network: Option<Network>,
}

impl Turnstile {
    /// A place that only counts in all.
    pub fn admit_proxy(self: &Arc<Self>, caps: &Caps) -> Option<Admission> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= caps.connections {
            return None;
        }
        open.all = open.all.saturating_add(1);
        drop(open);
        Some(Admission { turnstile: Arc::clone(self), network: None })
    }

    pub fn admit(self: &Arc<Self>, network: Network, caps: &Caps) -> Option<Admission> {
        let mut admission = self.admit_proxy(caps)?;
        admission.count_for(network, caps).then_some(admission)
    }

    pub fn open(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Admission {
    /// Takes the place from the network's share; `false`: that is used up.
    pub fn count_for(&mut self, network: Network, caps: &Caps) -> bool {
        let mut open = self.turnstile.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = open.by_network.get(&network).copied().unwrap_or(0);
        let around = network.site().map(|site| (site, open.by_site.get(&site).copied().unwrap_or(0)));
        let is_full = around.is_some_and(|(_, count)| count >= caps.per_address.saturating_mul(SITE_TIMES));
        if self.network.is_some() || here >= caps.per_address || is_full {
            return false;
        }
        open.by_network.insert(network, here.saturating_add(1));
        if let Some((site, count)) = around {
            open.by_site.insert(site, count.saturating_add(1));
        }
        self.network = Some(network);
        true
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut open = self.turnstile.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.all = open.all.saturating_sub(1);
        let Some(network) = self.network else { return };
        one_less(&mut open.by_network, network);
        if let Some(site) = network.site() {
            one_less(&mut open.by_site, site);
        }
    }
}

/// Forgets whoever has none left.
fn one_less<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: K) {
    if let Entry::Occupied(mut count) = counts.entry(key) {
        if *count.get() <= 1 {
            count.remove();
        } else {
            *count.get_mut() = count.get().saturating_sub(1);
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
    fn the_networks_of_one_ipv6_site_have_a_share_together() {
        let turnstile = Arc::new(Turnstile::default());
        let caps = Caps { connections: 100, per_address: 1, streams: 1 };
        let from = |number: usize| turnstile.admit(of(&format!("2001:db8:0:{number:x}::1")), &caps);
        let mut inside: Vec<_> = (0..SITE_TIMES).map(|number| from(number).unwrap()).collect();
        assert!(from(99).is_none());
        let _other = turnstile.admit(of("2001:db8:1::1"), &caps).unwrap();
        inside.pop();
        let _next = from(99).unwrap();
    }

    #[test]
    fn a_proxy_takes_from_the_share_of_whom_it_names() {
        let turnstile = Arc::new(Turnstile::default());
        let caps = Caps { connections: 3, per_address: 1, streams: 1 };
        let mut first = turnstile.admit_proxy(&caps).unwrap();
        let mut second = turnstile.admit_proxy(&caps).unwrap();
        assert!(first.count_for(of("192.0.2.1"), &caps));
        assert!(!second.count_for(of("192.0.2.1"), &caps));
        assert!(turnstile.admit(of("192.0.2.1"), &caps).is_none());
        assert!(second.count_for(of("192.0.2.2"), &caps));
        let _third = turnstile.admit_proxy(&caps).unwrap();
        assert!(turnstile.admit_proxy(&caps).is_none(), "full in all");
        drop((first, second));
        assert_eq!(turnstile.open(), 1);
        assert!(turnstile.0.lock().unwrap().by_network.is_empty());
    }

    #[test]
    fn a_network_that_left_is_forgotten() {
        let turnstile = Arc::new(Turnstile::default());
        drop(turnstile.admit(of("192.0.2.1"), &Caps::default()));
        assert_eq!(turnstile.open(), 0);
        assert!(turnstile.0.lock().unwrap().by_network.is_empty());
    }
}
