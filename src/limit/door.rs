//! The limits of one way in by where people come from: a network, the IPv6 site around it, and all together.
//!
//! Invariant: memory is bounded, and a full map makes nobody's limit give way.

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock as _;

use super::familiar::Place;
use super::sign_in::Wait;
use super::ticks::Ticks;
use super::{Keyed, Rate, Single, check, check_single, keyed, single};
use crate::model::{Network, Site};

/// How much wider an IPv6 site's limit is than that of one of its networks. Whoever has a /48 has 65,536 networks.
const SITE_TIMES: u32 = 8;

/// What the limits of a door are called in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    pub(super) network: &'static str,
    pub(super) site: &'static str,
    pub(super) overall: &'static str,
}

pub(super) struct Door {
    names: Names,
    networks: Capped<Network>,
    sites: Capped<Site>,
    strangers: Single,
    familiars: Single,
}

impl Door {
    pub(super) fn new(names: Names, network: Rate, overall: Rate, cap: usize, ticks: &Ticks) -> Self {
        Self {
            names,
            networks: Capped::new(network, cap, ticks),
            sites: Capped::new(network.times(SITE_TIMES), cap, ticks),
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
    pub(super) fn check_overall(&self, place: Place) -> Result<(), Wait> {
        let overall = if place == Place::Strange { &self.strangers } else { &self.familiars };
        check_single(overall).map_err(|retry_after| Wait { retry_after, limit: self.names.overall })
    }

    pub(super) fn sweep(&self) {
        self.networks.sweep();
        self.sites.sweep();
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 2] {
        [self.networks.len(), self.sites.len()]
    }
}

/// A keyed limiter that holds about `cap` keys. Those who come when it is full share one bucket, so that neither memory
/// nor the limit gives way; those whose keys it holds may be among them until it has room again.
pub(super) struct Capped<K: Hash + Eq + Clone> {
    limiter: Keyed<K>,
    overflow: Single,
    cap: usize,
    /// When room was last sought, in seconds: a search costs a walk over all keys.
    sought: AtomicU64,
}

impl<K: Hash + Eq + Clone> Capped<K> {
    pub(super) fn new(rate: Rate, cap: usize, ticks: &Ticks) -> Self {
        Self { limiter: keyed(rate, ticks), overflow: single(rate, ticks), cap, sought: AtomicU64::new(0) }
    }

    pub(super) fn check(&self, key: K) -> Result<(), Duration> {
        if self.limiter.len() >= self.cap {
            let now = self.limiter.clock().now().as_secs();
            if self.sought.swap(now, Ordering::Relaxed) != now {
                self.limiter.retain_recent();
            }
            if self.limiter.len() >= self.cap {
                return check_single(&self.overflow);
            }
        }
        check(&self.limiter, &key)
    }

    pub(super) fn sweep(&self) {
        self.limiter.retain_recent();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.limiter.len()
    }
}
