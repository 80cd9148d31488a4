//! The limits of one way in by where people come from: a network, the IPv6 site around it, and all together.
//!
//! Invariants: memory is bounded, and a full map makes nobody's limit give way. One hand among strangers never takes more
//! than its share of what they have together.

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock as _;

use super::familiar::Place;
use super::sign_in::Wait;
use super::ticks::Ticks;
use super::{Keyed, Rate, Single, check, check_single, keyed, single};
use crate::model::{Hand, Network, Site};

/// How much wider an IPv6 site's limit is than that of one of its networks. Whoever has a /48 has 65,536 networks.
const SITE_TIMES: u32 = 8;

/// One hand among strangers may take this part of their rate. Less would bind a large office at its first sign-ins after a long
/// time; more would let very few hands keep all others out.
const HANDS: u32 = 5;

/// What the limits of a door are called in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    pub(super) network: &'static str,
    pub(super) site: &'static str,
    pub(super) share: &'static str,
    pub(super) overall: &'static str,
}

pub(super) struct Door {
    names: Names,
    networks: Capped<Network>,
    sites: Capped<Site>,
    shares: Shares<Hand>,
    strangers: Single,
    familiars: Single,
}

impl Door {
    pub(super) fn new(names: Names, network: Rate, overall: Rate, cap: usize, ticks: &Ticks) -> Self {
        Self {
            names,
            networks: Capped::new(network, cap, ticks),
            sites: Capped::new(network.times(SITE_TIMES), cap, ticks),
            shares: Shares::new(overall.share(HANDS, HANDS), cap, ticks),
            strangers: single(overall, ticks),
            familiars: single(overall, ticks),
        }
    }

    /// Who is refused at the narrower limit does not use up the wider one.
    pub(super) fn check_network(&self, network: Network) -> Result<(), Wait> {
        self.networks.check(network).map_err(|retry_after| Wait { retry_after, limit: self.names.network })?;
        match network.site() {
            Some(site) => self.sites.check(site).map_err(|retry_after| Wait { retry_after, limit: self.names.site }),
            None => Ok(()),
        }
    }

    /// To be asked last: the widest limit.
    pub(super) fn check_overall(&self, network: Network, place: Place) -> Result<(), Wait> {
        let overall = if place == Place::Strange {
            self.shares.check(network.hand()).map_err(|retry_after| Wait { retry_after, limit: self.names.share })?;
            &self.strangers
        } else {
            &self.familiars
        };
        check_single(overall).map_err(|retry_after| Wait { retry_after, limit: self.names.overall })
    }

    pub(super) fn sweep(&self) {
        self.networks.sweep();
        self.sites.sweep();
        self.shares.sweep();
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 3] {
        [self.networks.len(), self.sites.len(), self.shares.len()]
    }
}

/// Parts of a wider limit, which is always checked too. So past the cap that one alone holds: a bucket that many shared would be
/// emptied by whoever filled the map.
pub(super) struct Shares<K: Hash + Eq + Clone>(Bounded<K>);

impl<K: Hash + Eq + Clone> Shares<K> {
    pub(super) fn new(rate: Rate, cap: usize, ticks: &Ticks) -> Self {
        Self(Bounded::new(rate, cap, ticks))
    }

    pub(super) fn check(&self, key: K) -> Result<(), Duration> {
        if self.0.has_room() { check(&self.0.limiter, &key) } else { Ok(()) }
    }

    pub(super) fn sweep(&self) {
        self.0.limiter.retain_recent();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A keyed limiter. Those who come when it is full share one bucket, so that neither memory nor the limit gives way; those
/// whose keys it holds may be among them until it has room again.
pub(super) struct Capped<K: Hash + Eq + Clone> {
    bounded: Bounded<K>,
    overflow: Single,
}

impl<K: Hash + Eq + Clone> Capped<K> {
    pub(super) fn new(rate: Rate, cap: usize, ticks: &Ticks) -> Self {
        Self { bounded: Bounded::new(rate, cap, ticks), overflow: single(rate, ticks) }
    }

    pub(super) fn check(&self, key: K) -> Result<(), Duration> {
        if self.bounded.has_room() { check(&self.bounded.limiter, &key) } else { check_single(&self.overflow) }
    }

    pub(super) fn sweep(&self) {
        self.bounded.limiter.retain_recent();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.bounded.len()
    }
}

/// A keyed limiter that is to hold about `cap` keys.
struct Bounded<K: Hash + Eq + Clone> {
    limiter: Keyed<K>,
    cap: usize,
    /// When room was last sought, in seconds: a search costs a walk over all keys.
    sought: AtomicU64,
}

impl<K: Hash + Eq + Clone> Bounded<K> {
    fn new(rate: Rate, cap: usize, ticks: &Ticks) -> Self {
        Self { limiter: keyed(rate, ticks), cap, sought: AtomicU64::new(0) }
    }

    fn has_room(&self) -> bool {
        if self.limiter.len() < self.cap {
            return true;
        }
        let now = self.limiter.clock().now().as_secs();
        if self.sought.swap(now, Ordering::Relaxed) != now {
            self.limiter.retain_recent();
        }
        self.limiter.len() < self.cap
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.limiter.len()
    }
}
