//! The limits of sign-in: who may guess how often, without letting a stranger keep the owner out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Rate;
use super::door::{Capped, Door, Names, Shares};
use super::familiar::{Familiar, Place};
use super::growing::GrowingWaits;
use super::ticks::Ticks;
use crate::clock::Time;
use crate::crypto;
use crate::model::{Hand, Network};

const AFTER_FAILURES: &str = "sign-in after failures";
const OF_ONE_ACCOUNT: &str = "sign-ins of one account";
const OF_ONE_ACCOUNT_HERE: &str = "sign-ins of one account from one network";
/// One hand may take this part of an account's rate in the long run,
const HANDS_IN_THE_LONG_RUN: u32 = 5;
/// and this part of what may come at once.
const HANDS_AT_ONCE: u32 = 2;
const NAMED: Names = Names {
    network: "sign-ins of one network",
    site: "sign-ins of one site",
    share: "sign-ins of one network among strangers",
    overall: "sign-ins overall",
};
const NAMELESS: Names = Names {
    network: "sign-ins without a name of one network",
    site: "sign-ins without a name of one site",
    share: "sign-ins without a name of one network among strangers",
    overall: "sign-ins without a name overall",
};

/// What is counted when somebody tries to sign in.
///
/// **Strangers must not lock an account out.** So the growing wait is kept for a pair of account and hand (an IPv4 address or
/// an IPv6 /48): whoever guesses at an account makes only her own hand wait. What guards the account against many hands at
/// once is one generous quota, which tells to wait for seconds; no hand alone can hold it empty, since each has a part of it,
/// and it does not count attempts from a network where this very account signed in of late. What remains: an owner at a
/// place that is new, while five hands that know her password, or some hundred and fifty that guess at it, spend her quota
/// without end, may be told to wait again and again; a key first needs no name and does not wait with it.
///
/// **How many passwords can be tried at one account.** From one hand: eight in the first minute, then fewer, then one in each
/// quarter of an hour. From all strange places together: `account`, so 10 a minute and 14,400 a day with what is set by
/// default. From those where it signed in of late, which are at most eight: what one hand may try each. A right password
/// opens nothing: the key is still to come.
///
/// **Where nobody has given a name there is nothing to guess.** A key's signature and the token of an enrolment link are
/// beyond guessing, so failures there make nobody wait longer: a growing wait could only be kept for a network, and a
/// stranger behind the office's address would lock the office out with it. A plain rate bounds the work.
///
/// **Those who belong here keep room of their own.** A network where anybody signed in of late has an overall quota
/// apart from that of strangers, so a flood from outside does not shut the office out in the morning. And of what strangers
/// have, no hand takes more than a fifth, so one of them does not shut the others out.
#[derive(Clone, Debug)]
pub struct SignInSettings {
    /// Of one IPv4 address or IPv6 /64; an IPv6 /48 has eight times as much. A whole office may stand behind one.
    pub network: Rate,
    /// The same for what comes without a name: a key first (which takes two), and enrolment links that are opened.
    pub nameless: Rate,
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
            nameless: Rate::per_minute(120, 120),
            account: Rate::per_minute(30, 60),
            overall: Rate::per_second(20, 60),
            familiar_for: Duration::from_secs(90 * 24 * 3600),
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
pub(super) type NameHash = [u8; 32];

/// An IPv6 site waits as one, or each of its networks would have guesses of its own.
type Waits = Mutex<GrowingWaits<(NameHash, Hand)>>;

/// An attempt under way. It counts until it is settled, so that guesses at once are not worth more than one after the
/// other; one that is never settled was wrong.
#[derive(Debug)]
#[must_use = "an attempt that is not settled counts as a failure"]
pub struct Attempt {
    waits: Arc<Waits>,
    key: (NameHash, Hand),
    /// When it failed, if nobody says otherwise.
    at: Option<Time>,
}

impl Attempt {
    /// The guess was wrong. Says how long the next one must wait, if it must.
    pub fn failed(mut self, now: Time) -> Option<Wait> {
        self.at = None;
        let retry_after = lock(&self.waits).failed(self.key, now);
        (!retry_after.is_zero()).then_some(Wait { retry_after, limit: AFTER_FAILURES })
    }

    /// The guess was right, or could not be judged: it is not counted.
    pub fn take_back(mut self) {
        self.at = None;
        lock(&self.waits).take_back(&self.key);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(at) = self.at {
            lock(&self.waits).failed(self.key, at);
        }
    }
}

pub(super) struct SignIns {
    settings: SignInSettings,
    named: Door,
    nameless: Door,
    accounts: Capped<NameHash>,
    accounts_here: Shares<(NameHash, Hand)>,
    waits: Arc<Waits>,
    familiar: Mutex<Familiar>,
}

impl SignIns {
    pub(super) fn new(settings: SignInSettings, ticks: &Ticks) -> Self {
        Self {
            named: Door::new(NAMED, settings.network, settings.overall, settings.cap, ticks),
            nameless: Door::new(NAMELESS, settings.nameless, settings.overall, settings.cap, ticks),
            accounts: Capped::new(settings.account, settings.cap, ticks),
            accounts_here: Shares::new(settings.account.share(HANDS_IN_THE_LONG_RUN, HANDS_AT_ONCE), settings.cap, ticks),
            waits: Arc::new(Mutex::new(GrowingWaits::new(settings.cap))),
            familiar: Mutex::default(),
            settings,
        }
    }

    pub(super) fn attempt(&self, network: Network, name: &str, now: Time) -> Result<Attempt, Wait> {
        let name = crypto::sha256(name.as_bytes());
        let attempt = self.begin(network, name, now)?;
        match self.within_rates(network, name, now) {
            Ok(()) => Ok(attempt),
            Err(wait) => {
                attempt.take_back();
                Err(wait)
            }
        }
    }

    pub(super) fn begin(&self, network: Network, name: NameHash, now: Time) -> Result<Attempt, Wait> {
        let key = (name, network.hand());
        lock(&self.waits).begin(key, now).map_err(|retry_after| Wait { retry_after, limit: AFTER_FAILURES })?;
        Ok(Attempt { waits: Arc::clone(&self.waits), key, at: Some(now) })
    }

    fn within_rates(&self, network: Network, name: NameHash, now: Time) -> Result<(), Wait> {
        let place = self.place(network, Some(name), now);
        self.named.check_network(network)?;
        if place != Place::OfThisAccount {
            let here = self.accounts_here.check((name, network.hand()));
            here.map_err(|retry_after| Wait { retry_after, limit: OF_ONE_ACCOUNT_HERE })?;
            self.accounts.check(name).map_err(|retry_after| Wait { retry_after, limit: OF_ONE_ACCOUNT })?;
        }
        self.named.check_overall(network, place)
    }

    pub(super) fn nameless(&self, network: Network, now: Time) -> Result<(), Wait> {
        self.nameless.check_network(network)?;
        self.nameless.check_overall(network, self.place(network, None, now))
    }

    pub(super) fn succeeded(&self, network: Network, name: &str, now: Time) {
        let name = crypto::sha256(name.as_bytes());
        lock(&self.waits).forgive(&(name, network.hand()));
        lock(&self.familiar).remember(network, name, now, self.settings.cap);
    }

    pub(super) fn seen(&self, network: Network, name: &str, seen: Time) {
        lock(&self.familiar).remember(network, crypto::sha256(name.as_bytes()), seen, self.settings.cap);
    }

    pub(super) fn sweep(&self, now: Time) {
        lock(&self.waits).sweep(now);
        lock(&self.familiar).sweep(self.familiar_since(now));
        self.named.sweep();
        self.nameless.sweep();
        self.accounts.sweep();
        self.accounts_here.sweep();
    }

    fn place(&self, network: Network, name: Option<NameHash>, now: Time) -> Place {
        lock(&self.familiar).place(network, name, self.familiar_since(now))
    }

    pub(super) fn is_familiar(&self, network: Network, now: Time) -> bool {
        self.place(network, None, now) != Place::Strange
    }

    pub(super) fn familiar_since(&self, now: Time) -> Time {
        now.minus(self.settings.familiar_for)
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> Vec<usize> {
        let own = vec![self.accounts.len(), self.accounts_here.len(), lock(&self.waits).len()];
        [self.named.sizes().to_vec(), self.nameless.sizes().to_vec(), own].concat()
    }
}

/// A map of counters is as good after a panic elsewhere as before.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
