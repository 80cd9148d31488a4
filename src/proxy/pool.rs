//! One thread's connections to all upstreams.
//!
//! Invariant: what is idle here has carried whole requests and whole answers only. An upstream never has more
//! connections from this thread than the cap, those that became tunnels apart: each of these stands for one connection
//! of a client, and those are capped where they come in.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::backend::{Backend, Upstream};
use super::body::Upload;
use super::connect::Connection;
use super::health::Health;
use crate::clock::{Clock, Time};
use crate::model::Refusal;

/// How long an upstream that could not be reached is passed over while there are others.
const PASSED_OVER: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// Of each upstream and thread, at most; as are the others.
    pub idle: usize,
    /// Shorter than the upstream's own, or a request may meet a connection that is just being closed.
    pub idle_timeout: Duration,
    pub connections: usize,
    /// Requests that wait for a connection when all are busy.
    pub waiting: usize,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { idle: 32, idle_timeout: Duration::from_secs(30), connections: 256, waiting: 1024 }
    }
}

/// Cloning gives another handle to the same pool. It stays on its thread.
#[derive(Clone)]
pub struct Pool(Rc<Shared>);

struct Shared {
    settings: PoolSettings,
    clock: Clock,
    lanes: RefCell<HashMap<u64, Rc<Lane>>>,
    turn: Cell<usize>,
    tidying: Cell<bool>,
}

/// One upstream's connections.
struct Lane {
    /// The one used last is on top, so that the rest can grow old and go.
    idle: RefCell<Vec<Idle>>,
    slots: Arc<Semaphore>,
    waiting: Cell<usize>,
    failed: Cell<Option<Time>>,
    health: Arc<Health>,
}

struct Idle {
    connection: Connection,
    since: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reuse {
    Allowed,
    Never,
}

impl Pool {
    pub fn new(settings: PoolSettings, clock: Clock) -> Self {
        Self(Rc::new(Shared { settings, clock, lanes: RefCell::default(), turn: Cell::new(0), tidying: Cell::new(false) }))
    }

    /// A connection for one request, from the upstream whose turn it is or the next that can be reached.
    pub(super) async fn lease(&self, backend: &Backend, reuse: Reuse) -> Result<Lease, Refusal> {
        let mut refusal = Refusal::UpstreamUnreachable { why: "the app has no upstream".to_owned() };
        for upstream in self.in_turn(&backend.upstreams) {
            match self.lease_from(upstream, backend.connect_timeout, reuse).await {
                Ok(lease) => return Ok(lease),
                Err(why) => refusal = Refusal::UpstreamUnreachable { why },
            }
        }
        Err(refusal)
    }

    fn in_turn<'a>(&self, upstreams: &'a [Upstream]) -> Vec<&'a Upstream> {
        if let [only] = upstreams {
            return vec![only];
        }
        let turn = self.0.turn.get();
        self.0.turn.set(turn.wrapping_add(1));
        let first = turn.checked_rem(upstreams.len()).unwrap_or(0);
        let rotated = upstreams.iter().cycle().skip(first).take(upstreams.len());
        let now = self.0.clock.now();
        let (passed_over, mut order): (Vec<_>, Vec<_>) = rotated.partition(|upstream| self.lane(upstream).failed_lately(now));
        order.extend(passed_over);
        order
    }

    async fn lease_from(&self, upstream: &Upstream, limit: Duration, reuse: Reuse) -> Result<Lease, String> {
        let lane = self.lane(upstream);
        let slot = lane.slot(upstream, limit, self.0.settings.waiting).await?;
        if reuse == Reuse::Allowed
            && let Some(connection) = lane.take_idle(self.0.oldest_idle())
        {
            return Ok(Lease { connection: Some(connection), slot: Some(slot), lane, reused: true, pool: Rc::downgrade(&self.0) });
        }
        // Boxed, because it is large and seldom needed: every request would carry its room.
        match Box::pin(Connection::open(upstream, limit)).await {
            Ok(connection) => {
                lane.failed.set(None);
                Ok(Lease { connection: Some(connection), slot: Some(slot), lane, reused: false, pool: Rc::downgrade(&self.0) })
            }
            Err(error) => {
                let now = self.0.clock.now();
                lane.failed.set(Some(now));
                lane.health.failed(now);
                Err(error.to_string())
            }
        }
    }

    fn lane(&self, upstream: &Upstream) -> Rc<Lane> {
        let slots = || Arc::new(Semaphore::new(self.0.settings.connections.min(Semaphore::MAX_PERMITS)));
        let health = || Arc::clone(&upstream.health);
        let fresh = || Lane { idle: RefCell::default(), slots: slots(), waiting: Cell::new(0), failed: Cell::new(None), health: health() };
        self.0.lanes.borrow_mut().entry(upstream.id()).or_insert_with(|| Rc::new(fresh())).clone()
    }

    /// Ends the tasks of idle connections before their owners can notice.
    #[cfg(test)]
    pub(super) fn break_idle(&self) {
        for lane in self.0.lanes.borrow().values() {
            lane.idle.borrow().iter().for_each(|idle| idle.connection.break_off());
        }
    }

    /// How many connections are idle, for a gauge.
    pub fn idle(&self) -> usize {
        self.0.lanes.borrow().values().map(|lane| lane.idle.borrow().len()).sum()
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("idle", &self.idle()).finish_non_exhaustive()
    }
}

impl Shared {
    /// Whatever has been idle since then or longer is stale.
    fn oldest_idle(&self) -> Time {
        self.clock.now().minus(self.settings.idle_timeout)
    }

    fn put_idle(self: &Rc<Self>, lane: &Lane, connection: Connection) {
        let mut idle = lane.idle.borrow_mut();
        if idle.len() < self.settings.idle {
            idle.push(Idle { connection, since: self.clock.now() });
        }
        if !self.tidying.replace(true) {
            tokio::task::spawn_local(tidy(Rc::downgrade(self), self.settings.idle_timeout));
        }
    }
}

/// Closes what grew stale, and goes when nothing is left to watch.
async fn tidy(pool: Weak<Shared>, idle_timeout: Duration) {
    loop {
        sleep(idle_timeout.max(Duration::from_millis(100))).await;
        let Some(pool) = pool.upgrade() else { return };
        let oldest = pool.oldest_idle();
        pool.lanes.borrow_mut().retain(|_, lane| {
            lane.drop_stale(oldest);
            Rc::strong_count(lane) > 1 || !lane.idle.borrow().is_empty()
        });
        if pool.lanes.borrow().is_empty() {
            pool.tidying.set(false);
            return;
        }
    }
}

impl Lane {
    fn failed_lately(&self, now: Time) -> bool {
        self.failed.get().is_some_and(|failed| now.since(failed) < PASSED_OVER)
    }

    async fn slot(&self, upstream: &Upstream, limit: Duration, waiting: usize) -> Result<OwnedSemaphorePermit, String> {
        if let Ok(slot) = self.slots.clone().try_acquire_owned() {
            return Ok(slot);
        }
        if self.waiting.get() >= waiting {
            return Err(format!("all connections to {upstream} are busy, and too many requests wait for one"));
        }
        let _waits = Waits::on(&self.waiting);
        match timeout(limit, self.slots.clone().acquire_owned()).await {
            Ok(Ok(slot)) => Ok(slot),
            _ => Err(format!("all connections to {upstream} are busy")),
        }
    }

    fn take_idle(&self, oldest: Time) -> Option<Connection> {
        self.drop_stale(oldest);
        let mut idle = self.idle.borrow_mut();
        while let Some(Idle { connection, .. }) = idle.pop() {
            if connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    fn drop_stale(&self, oldest: Time) {
        self.idle.borrow_mut().retain(|idle| idle.since > oldest && !idle.connection.is_closed());
    }
}

struct Waits<'a>(&'a Cell<usize>);

impl<'a> Waits<'a> {
    fn on(count: &'a Cell<usize>) -> Self {
        count.set(count.get().saturating_add(1));
        Self(count)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// A connection for one exchange. Dropped, it is closed.
pub(super) struct Lease {
    connection: Option<Connection>,
    slot: Option<OwnedSemaphorePermit>,
    lane: Rc<Lane>,
    reused: bool,
    pool: Weak<Shared>,
}

impl Lease {
    pub(super) fn is_reused(&self) -> bool {
        self.reused
    }

    /// The head of an answer came.
    pub(super) fn answered(&self) {
        self.lane.health.answered();
    }

    /// The upstream owes an answer, or the rest of one.
    pub(super) fn failed(&self) {
        if let Some(pool) = self.pool.upgrade() {
            self.lane.health.failed(pool.clock.now());
        }
    }

    pub(super) fn send(
        &mut self,
        request: Request<Upload>,
    ) -> Option<impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Upload>>>>> {
        self.connection.as_mut().map(|connection| connection.send(request))
    }

    /// Only for one whose request was wholly sent and whose answer was wholly read.
    pub(super) fn give_back(mut self) {
        let (Some(mut connection), Some(pool)) = (self.connection.take(), self.pool.upgrade()) else { return };
        if connection.is_closed() {
            return;
        }
        if connection.is_ready() {
            pool.put_idle(&self.lane, connection);
            return;
        }
        // The driver has yet to notice that the answer was the last thing on the wire.
        tokio::task::spawn_local(async move {
            if connection.ready().await {
                pool.put_idle(&self.lane, connection);
            }
        });
    }

    /// For a connection that becomes a tunnel.
    pub(super) fn into_connection(mut self) -> Option<Connection> {
        self.slot = None;
        self.connection.take()
    }
}
