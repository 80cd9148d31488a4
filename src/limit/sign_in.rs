//! The limits of sign-in: who may guess how often, without letting a stranger keep the owner out.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock as _;

use super::growing::GrowingWaits;
use super::ticks::Ticks;
use super::{Keyed, Rate, Single, check, check_single, keyed, single};
use crate::clock::Time;
use crate::crypto;
use crate::model::Network;

/// What is counted when somebody tries to sign in.
///
/// **Strangers must not lock an account out.** So the growing wait is kept for a pair of account and network: whoever
/// guesses at an account makes only her own network wait. What guards the account against many networks at once is one
/// generous quota, which tells to wait for seconds; and it does not count attempts from a network where this very account
/// signed in of late. What remains: an owner at a place that is new, while very many networks guess at her account, may
/// be told to wait again and again. The password is not what such an attacker lacks most: the key is.
///
/// **Those who belong here keep room of their own.** A network where anybody signed in of late has an overall quota
/// apart from that of strangers, so a flood from outside does not shut the office out in the morning.
#[derive(Clone, Debug)]
pub struct SignInSettings {
    /// Of one IPv4 address or IPv6 /64. A whole office may stand behind one.
    pub network: Rate,
    /// Of one account, from networks where it did not sign in of late.
    pub account: Rate,
    /// Of all strange networks together, and once more of all familiar ones together. Each attempt costs a password hash.
    pub overall: Rate,
    /// How long a successful sign-in makes its network familiar.
    pub familiar_for: Duration,
    /// How many keys each map may hold.
    pub cap: usize,
}

impl Default for SignInSettings {
    fn default() -> Self {
        Self {
            network: Rate::per_minute(60, 60),
            account: Rate::per_minute(30, 60),
            overall: Rate::per_second(20, 60),
            familiar_for: Duration::from_secs(30 * 24 * 3600),
            cap: 65_536,
        }
    }
}

/// Not now. `limit` is for the log: it does not depend on whether the account exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    pub retry_after: Duration,
    pub limit: &'static str,
}

/// People type passwords where names belong, so a name is kept only as a hash.
type NameHash = [u8; 32];

pub(super) struct SignIns {
    settings: SignInSettings,
    networks: Capped<Network>,
    accounts: Capped<NameHash>,
    strangers: Single,
    familiars: Single,
    waits: Mutex<GrowingWaits<(NameHash, Network)>>,
    familiar: Mutex<Familiar>,
}

impl SignIns {
    pub(super) fn new(settings: SignInSettings, ticks: &Ticks) -> Self {
        Self {
            networks: Capped::new(settings.network, settings.cap, ticks),
            accounts: Capped::new(settings.account, settings.cap, ticks),
            strangers: single(settings.overall, ticks),
            familiars: single(settings.overall, ticks),
            waits: Mutex::new(GrowingWaits::new(settings.cap)),
            familiar: Mutex::new(Familiar::default()),
            settings,
        }
    }

    pub(super) fn attempt(&self, network: Network, name: &str, now: Time) -> Result<(), Wait> {
        let name = crypto::sha256(name.as_bytes());
        let growing = lock(&self.waits).wait(&(name, network), now);
        if !growing.is_zero() {
            return Err(Wait { retry_after: growing, limit: "sign-in after failures" });
        }
        let place = lock(&self.familiar).place(network, name, now.minus(self.settings.familiar_for));
        // Who is refused at a narrow limit does not use up a wider one.
        self.networks.check(network).map_err(|retry_after| Wait { retry_after, limit: "sign-ins of one network" })?;
        if place != Place::OfThisAccount {
            self.accounts.check(name).map_err(|retry_after| Wait { retry_after, limit: "sign-ins of one account" })?;
        }
        let overall = if place == Place::Strange { &self.strangers } else { &self.familiars };
        check_single(overall).map_err(|retry_after| Wait { retry_after, limit: "sign-ins overall" })
    }

    pub(super) fn failed(&self, network: Network, name: &str, now: Time) -> Option<Wait> {
        let name = crypto::sha256(name.as_bytes());
        let retry_after = lock(&self.waits).failed((name, network), now);
        (!retry_after.is_zero()).then_some(Wait { retry_after, limit: "sign-in after failures" })
    }

    pub(super) fn succeeded(&self, network: Network, name: &str, now: Time) {
        let name = crypto::sha256(name.as_bytes());
        lock(&self.waits).forgive(&(name, network));
        lock(&self.familiar).remember(network, name, now, self.settings.cap);
    }

    pub(super) fn sweep(&self, now: Time) {
        lock(&self.waits).sweep(now);
        lock(&self.familiar).sweep(now.minus(self.settings.familiar_for));
        self.networks.limiter.retain_recent();
        self.accounts.limiter.retain_recent();
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 3] {
        [self.networks.limiter.len(), self.accounts.limiter.len(), lock(&self.waits).len()]
    }
}

/// A keyed limiter that holds about `cap` keys. Those who come when it is full share one bucket, so that neither memory
/// nor the limit gives way; those whose keys it holds may be among them until it has room again.
struct Capped<K: Hash + Eq + Clone> {
    limiter: Keyed<K>,
    overflow: Single,
    cap: usize,
    /// When room was last sought, in seconds: a search costs a walk over all keys.
    sought: AtomicU64,
}

impl<K: Hash + Eq + Clone> Capped<K> {
    fn new(rate: Rate, cap: usize, ticks: &Ticks) -> Self {
        Self { limiter: keyed(rate, ticks), overflow: single(rate, ticks), cap, sought: AtomicU64::new(0) }
    }

    fn check(&self, key: K) -> Result<(), Duration> {
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
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Strange,
    /// Somebody signed in from there.
    Familiar,
    /// The account in question signed in from there.
    OfThisAccount,
}

/// Where people signed in of late. Only successes grow it, so strangers cannot.
#[derive(Debug, Default)]
struct Familiar {
    networks: HashMap<Network, Time>,
    pairs: HashMap<(NameHash, Network), Time>,
}

impl Familiar {
    fn place(&self, network: Network, name: NameHash, since: Time) -> Place {
        let recent = |time: &Time| *time > since;
        if self.pairs.get(&(name, network)).is_some_and(recent) {
            Place::OfThisAccount
        } else if self.networks.get(&network).is_some_and(recent) {
            Place::Familiar
        } else {
            Place::Strange
        }
    }

    fn remember(&mut self, network: Network, name: NameHash, now: Time, cap: usize) {
        if self.networks.len() < cap || self.networks.contains_key(&network) {
            self.networks.insert(network, now);
        }
        if self.pairs.len() < cap || self.pairs.contains_key(&(name, network)) {
            self.pairs.insert((name, network), now);
        }
    }

    fn sweep(&mut self, since: Time) {
        self.networks.retain(|_, time| *time > since);
        self.pairs.retain(|_, time| *time > since);
    }
}

/// A map of counters is as good after a panic elsewhere as before.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
