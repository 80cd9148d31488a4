//! How often somebody may ask: rates of requests per person and per app, and the limits of sign-in and of strangers' forms.
//!
//! Invariants: only [`Limits::admit`] makes a [`Pass`]. Memory is bounded, whatever strangers do: requests are counted by
//! account and app (both are few), sign-ins in maps that are capped. Counts live in memory alone, so a restart
//! forgives; which places are familiar is told again at the start, by [`Limits::seen`].

mod at_once;
mod bodies;
mod door;
mod familiar;
mod growing;
mod sign_in;
mod ticks;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::clock::Time;
use crate::crypto;
use crate::model::{AccountId, AppId, Network, Refusal};
pub use at_once::{AtOnce, UnderWay};
use bodies::Bodies;
pub use bodies::{BodySettings, Held};
use sign_in::SignIns;
pub use sign_in::{Attempt, SignInSettings, Wait};
use ticks::Ticks;

/// The request is within the limits. It counts as under way as long as this lives.
#[derive(Debug)]
pub struct Pass(#[allow(dead_code, reason = "held, not read")] UnderWay);

/// When something that is under way may have ended is anybody's guess.
const SOON: Duration = Duration::from_secs(1);

/// One more every so often, and so many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub every: Duration,
    pub burst: NonZeroU32,
}

impl Rate {
    /// So many a second; at least one.
    pub fn per_second(count: u32, burst: u32) -> Self {
        Self::within(Duration::from_secs(1), count, burst)
    }

    /// So many a minute; at least one.
    pub fn per_minute(count: u32, burst: u32) -> Self {
        Self::within(Duration::from_secs(60), count, burst)
    }

    fn within(span: Duration, count: u32, burst: u32) -> Self {
        let every = span.checked_div(count.max(1)).unwrap_or(span);
        Self { every, burst: NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN) }
    }

    /// The same, so many times as wide.
    fn times(self, factor: u32) -> Self {
        Self {
            every: self.every.checked_div(factor).unwrap_or(self.every),
            burst: self.burst.saturating_mul(NonZeroU32::new(factor).unwrap_or(NonZeroU32::MIN)),
        }
    }

    /// What one hand may take of it: so many parts of the rate in the long run, and of what may come at once.
    fn share(self, rate: u32, burst: u32) -> Self {
        Self {
            every: self.every.saturating_mul(rate.max(1)),
            burst: self.burst.get().checked_div(burst).and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN),
        }
    }

    fn quota(self) -> Quota {
        let quota = Quota::with_period(self.every).unwrap_or(Quota::per_second(NonZeroU32::MAX));
        quota.allow_burst(self.burst)
    }
}

/// What an app sets for itself; `None` leaves the general rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppRates {
    /// Of one person in this app. She is then counted here apart from her other apps.
    pub person: Option<Rate>,
    /// Of all who use this app together.
    pub app: Option<Rate>,
}

#[derive(Clone, Debug)]
pub struct LimitSettings {
    /// Of one person over all apps that set no rate of their own for her.
    pub person: Rate,
    /// Requests of one person that are under way together, over all apps: uploads, downloads and tunnels count until they end.
    pub at_once: u32,
    /// Of each app, over all persons.
    pub app: Rate,
    pub apps: HashMap<AppId, AppRates>,
    pub sign_in: SignInSettings,
    pub bodies: BodySettings,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            person: Rate::per_second(50, 200),
            at_once: 100,
            app: Rate::per_second(1_000, 4_000),
            apps: HashMap::new(),
            sign_in: SignInSettings::default(),
            bodies: BodySettings::default(),
        }
    }
}

type Keyed<K> = RateLimiter<K, DashMapStateStore<K>, Ticks, NoOpMiddleware<Duration>>;
type Single = RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Duration>>;

/// One for the whole process, shared by all threads. Only the apps' own rates can change while it counts.
pub struct Limits {
    ticks: Ticks,
    persons: Keyed<AccountId>,
    at_once: AtOnce,
    apps: Keyed<AppId>,
    own: ArcSwap<HashMap<AppId, OwnRates>>,
    sign_ins: SignIns,
    bodies: Arc<Bodies>,
}

#[derive(Default)]
struct OwnRates {
    persons: Option<Arc<Counter<Keyed<AccountId>>>>,
    app: Option<Arc<Counter<Single>>>,
}

/// A limiter with the rate that it was made for.
struct Counter<L> {
    rate: Rate,
    limiter: L,
}

impl<L> Counter<L> {
    /// The one that counts already, if its rate is the same.
    fn kept(old: Option<&Arc<Self>>, rate: Option<Rate>, make: impl FnOnce(Rate) -> L) -> Option<Arc<Self>> {
        let rate = rate?;
        let same = old.filter(|counter| counter.rate == rate).cloned();
        Some(same.unwrap_or_else(|| Arc::new(Self { rate, limiter: make(rate) })))
    }
}

impl Limits {
    pub fn new(settings: LimitSettings) -> Self {
        let ticks = Ticks::default();
        let limits = Self {
            own: ArcSwap::default(),
            persons: keyed(settings.person, &ticks),
            at_once: AtOnce::new(settings.at_once),
            apps: keyed(settings.app, &ticks),
            sign_ins: SignIns::new(settings.sign_in, &ticks),
            bodies: Arc::new(Bodies::new(settings.bodies)),
            ticks,
        };
        limits.set_app_rates(&settings.apps);
        limits
    }

    /// The apps' own rates of a new config. Whatever rate is as before goes on counting from where it was.
    pub fn set_app_rates(&self, apps: &HashMap<AppId, AppRates>) {
        let (before, none) = (self.own.load(), OwnRates::default());
        let own = apps.iter().map(|(app, rates)| {
            let old = before.get(app).unwrap_or(&none);
            let persons = Counter::kept(old.persons.as_ref(), rates.person, |rate| keyed(rate, &self.ticks));
            let together = Counter::kept(old.app.as_ref(), rates.app, |rate| single(rate, &self.ticks));
            (app.clone(), OwnRates { persons, app: together })
        });
        self.own.store(Arc::new(own.collect()));
    }

    /// Counts a request of `person` to `app`, and that it is under way. One who is refused for herself does not use up what the app can take.
    pub fn admit(&self, person: AccountId, app: &AppId, now: Time) -> Result<Pass, Refusal> {
        self.ticks.advance(now);
        let under_way = self.begin(person)?;
        let own = self.own.load();
        let own = own.get(app);
        let persons = own.and_then(|own| own.persons.as_ref()).map_or(&self.persons, |own| &own.limiter);
        check(persons, &person).map_err(|retry_after| Refusal::TooMany { retry_after, limit: "requests of one person" })?;
        match own.and_then(|own| own.app.as_ref()) {
            Some(own) => check_single(&own.limiter),
            None => check(&self.apps, app),
        }
        .map_err(|retry_after| Refusal::TooMany { retry_after, limit: "requests to one app" })?;
        Ok(Pass(under_way))
    }

    /// Counts a request of `person` to the portal, as one more of hers.
    pub fn admit_to_portal(&self, person: AccountId, now: Time) -> Result<Pass, Refusal> {
        self.ticks.advance(now);
        let under_way = self.begin(person)?;
        check(&self.persons, &person).map_err(|retry_after| Refusal::TooMany { retry_after, limit: "requests of one person" })?;
        Ok(Pass(under_way))
    }

    fn begin(&self, person: AccountId) -> Result<UnderWay, Refusal> {
        self.at_once.begin(person).ok_or(Refusal::TooMany { retry_after: SOON, limit: "requests of one person at once" })
    }

    /// Whether somebody at `network` may try to sign in as `name` now; counts the attempt. `name` is the canonical
    /// account name, or an account's id where that is known: each is a key of its own, and only its hash is kept.
    ///
    /// See [`SignInSettings`] for what is counted, and why strangers cannot lock an account out.
    pub fn attempt(&self, network: Network, name: &str, now: Time) -> Result<Attempt, Wait> {
        self.ticks.advance(now);
        self.sign_ins.attempt(network, name, now)
    }

    /// Whether somebody at `network`, who has proved something else as `name` before, may show a key now. Its failures make the
    /// same hand wait as wrong passwords do; no rate holds, since what came before had one.
    pub fn attempt_with_key(&self, network: Network, name: &str, now: Time) -> Result<Attempt, Wait> {
        self.sign_ins.begin(network, crypto::sha256(name.as_bytes()), now)
    }

    /// Whether somebody at `network` who gives no name may go on now: with a key first, or with an enrolment link. Counts
    /// it. It is a plain rate; no failure makes it longer.
    pub fn attempt_without_name(&self, network: Network, now: Time) -> Result<(), Wait> {
        self.ticks.advance(now);
        self.sign_ins.nameless(network, now)
    }

    /// The body of somebody at `network` who is not signed in; the memory that it takes is counted as it comes.
    pub fn body(&self, network: Network, now: Time) -> Held {
        self.bodies.begin((!self.sign_ins.is_familiar(network, now)).then(|| network.hand()))
    }

    /// The sign-in succeeded: its failures are forgiven, and the place is familiar from now on.
    pub fn succeeded(&self, network: Network, name: &str, now: Time) {
        self.sign_ins.succeeded(network, name, now);
    }

    /// A place where nobody signed in since then is strange again.
    pub fn familiar_since(&self, now: Time) -> Time {
        self.sign_ins.familiar_since(now)
    }

    /// `name` signed in at `network` at that time: what a restart has forgotten, from what the store still knows.
    pub fn seen(&self, network: Network, name: &str, at: Time) {
        self.sign_ins.seen(network, name, at);
    }

    /// Forgets what no longer matters. To be called every minute or so.
    pub fn sweep(&self, now: Time) {
        self.ticks.advance(now);
        self.persons.retain_recent();
        self.at_once.sweep();
        self.apps.retain_recent();
        for persons in self.own.load().values().filter_map(|own| own.persons.as_ref()) {
            persons.limiter.retain_recent();
        }
        self.sign_ins.sweep(now);
    }
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limits").finish_non_exhaustive()
    }
}

fn keyed<K: std::hash::Hash + Eq + Clone>(rate: Rate, ticks: &Ticks) -> Keyed<K> {
    RateLimiter::dashmap_with_clock(rate.quota(), ticks.clone())
}

fn single(rate: Rate, ticks: &Ticks) -> Single {
    RateLimiter::direct_with_clock(rate.quota(), ticks.clone())
}

/// `Err` is how long to wait.
fn check<K: std::hash::Hash + Eq + Clone>(limiter: &Keyed<K>, key: &K) -> Result<(), Duration> {
    limiter.check_key(key).map_err(|early| early.wait_time_from(limiter.clock().now()))
}

fn check_single(limiter: &Single) -> Result<(), Duration> {
    limiter.check().map_err(|early| early.wait_time_from(limiter.clock().now()))
}
