//! The signs of life of one connection, and the one timer that watches them.
//!
//! Invariant: reading and writing only leave marks; no timer is set or reset for a byte.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicUsize, Ordering};
use std::task::Poll;

use tokio::time::{Sleep, sleep};

use super::Timers;
use crate::clock::{Clock, Time};

/// What a connection waits for while no request is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    FirstByte = 0,
    Head = 1,
    Idle = 2,
    /// Was asked to end.
    Closing = 3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Late {
    /// Nothing is wrong; nobody needs the connection.
    Idle,
    /// The client keeps the gateway waiting.
    Slow,
}

/// Whether bytes that arrive between requests are the head of the next one. In HTTP/2 they need not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Heads,
    Frames,
}

pub(super) struct Pulse {
    clock: Clock,
    phase: AtomicU8,
    since: AtomicI64,
    in_flight: AtomicUsize,
    /// When an HTTP/2 head began that has not ended; 0: there is none.
    head: AtomicI64,
    /// When a write began to wait for the client; 0: none does.
    stalled: AtomicI64,
}

impl Pulse {
    pub fn new(clock: Clock) -> Self {
        let since = AtomicI64::new(clock.now().millis());
        Self {
            clock,
            phase: AtomicU8::new(Phase::FirstByte as u8),
            since,
            in_flight: AtomicUsize::new(0),
            head: AtomicI64::new(0),
            stalled: AtomicI64::new(0),
        }
    }

    /// The time by which it marks.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// The handshake is done; from now on the first byte is waited for.
    pub fn ready(&self) {
        self.enter(Phase::FirstByte);
    }

    /// Bytes of HTTP came.
    pub fn heard(&self, framing: Framing) {
        if self.in_flight.load(Ordering::Relaxed) > 0 {
            return;
        }
        match (self.phase(), framing) {
            (Phase::FirstByte | Phase::Idle, Framing::Heads) => self.enter(Phase::Head),
            (Phase::FirstByte, Framing::Frames) => self.enter(Phase::Idle),
            _ => {}
        }
    }

    /// A head began that comes in pieces, or the one that did has ended. Other requests may be under way meanwhile.
    pub fn head(&self, is_open: bool) {
        let since = if is_open { self.clock.now().millis().max(1) } else { 0 };
        self.head.store(since, Ordering::Relaxed);
    }

    pub fn closing(&self) {
        self.enter(Phase::Closing);
    }

    /// A request is under way, or a tunnel stands, until the guard is dropped.
    pub fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// Whether no request is under way and no tunnel stands.
    pub fn is_idle(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) == 0
    }

    /// A write has to wait for the client.
    pub fn write_waits(&self) {
        if self.stalled.load(Ordering::Relaxed) == 0 {
            self.stalled.store(self.clock.now().millis().max(1), Ordering::Relaxed);
        }
    }

    /// The client took bytes.
    pub fn write_goes_on(&self) {
        if self.stalled.load(Ordering::Relaxed) != 0 {
            self.stalled.store(0, Ordering::Relaxed);
        }
    }

    fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
        self.since.store(self.clock.now().millis(), Ordering::Relaxed);
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::FirstByte,
            1 => Phase::Head,
            2 => Phase::Idle,
            _ => Phase::Closing,
        }
    }

    /// When the client will have taken too long, and how that will be seen.
    fn due(&self, timers: &Timers) -> Option<(Time, Late)> {
        let since = Time::from_millis(self.since.load(Ordering::Relaxed));
        let phase = (self.in_flight.load(Ordering::Relaxed) == 0).then(|| match self.phase() {
            Phase::FirstByte => (since.plus(timers.first_byte), Late::Slow),
            Phase::Head | Phase::Closing => (since.plus(timers.head), Late::Slow),
            Phase::Idle => (since.plus(timers.idle), Late::Idle),
        });
        let stalled = self.stalled.load(Ordering::Relaxed);
        let stall = (stalled != 0).then(|| (Time::from_millis(stalled).plus(timers.write_stall), Late::Slow));
        let head = self.head.load(Ordering::Relaxed);
        let head = (head != 0).then(|| (Time::from_millis(head).plus(timers.head), Late::Slow));
        phase.into_iter().chain(head).chain(stall).min_by_key(|(due, _)| *due)
    }

    /// Resolves when the client is late; may be awaited again. Meant to be polled in the task that does the
    /// connection's reading and writing, after it: each poll looks at the marks anew. What another task marks (a
    /// tunnel's, an HTTP/2 stream's) is seen at the next patrol.
    pub fn late(self: &Arc<Self>, timers: Timers) -> impl Future<Output = Late> + use<> {
        let pulse = Arc::clone(self);
        let patrol = timers.idle.min(timers.write_stall);
        let mut alarm: Option<(Time, std::pin::Pin<Box<Sleep>>)> = None;
        poll_fn(move |context| {
            loop {
                let now = pulse.clock.now();
                let next = now.plus(patrol);
                let wake = match pulse.due(&timers) {
                    Some((due, late)) if due <= now => return Poll::Ready(late),
                    Some((due, _)) => due.min(next),
                    None => next,
                };
                let sleeping = match &mut alarm {
                    Some((at, sleeping)) if *at <= wake => sleeping,
                    Some((at, sleeping)) => {
                        *at = wake;
                        sleeping.as_mut().set(sleep(wake.since(now)));
                        sleeping
                    }
                    None => &mut alarm.insert((wake, Box::pin(sleep(wake.since(now))))).1,
                };
                if sleeping.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                alarm = None;
            }
        })
    }
}

/// A request under way. When the last one ends, the connection is idle.
pub(super) struct InFlight(Arc<Pulse>);

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.enter(Phase::Idle);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn timers() -> Timers {
        Timers { handshake: S(1), first_byte: S(2), head: S(3), idle: S(60), write_stall: S(30), ..Timers::default() }
    }

    fn start() -> (Clock, Arc<Pulse>) {
        let clock = Clock::manual(Time::from_millis(1_000));
        (clock.clone(), Arc::new(Pulse::new(clock)))
    }

    fn due_in(pulse: &Pulse) -> Option<(Duration, Late)> {
        pulse.due(&timers()).map(|(due, late)| (due.since(pulse.clock.now()), late))
    }

    #[test]
    fn each_wait_has_its_own_limit() {
        let (clock, pulse) = start();
        assert_eq!(due_in(&pulse), Some((S(2), Late::Slow)));
        pulse.heard(Framing::Heads);
        assert_eq!(due_in(&pulse), Some((S(3), Late::Slow)));
        clock.advance(S(1));
        pulse.heard(Framing::Heads);
        assert_eq!(due_in(&pulse), Some((S(2), Late::Slow)), "more bytes of a head win no time");
        let request = pulse.begin();
        assert_eq!(due_in(&pulse), None);
        drop(request);
        assert_eq!(due_in(&pulse), Some((S(60), Late::Idle)));
    }

    #[test]
    fn frames_between_requests_do_not_keep_a_connection_alive() {
        let (clock, pulse) = start();
        pulse.heard(Framing::Frames);
        clock.advance(S(59));
        pulse.heard(Framing::Frames);
        assert_eq!(due_in(&pulse), Some((S(1), Late::Idle)));
    }

    #[test]
    fn a_connection_is_idle_only_when_its_last_request_has_ended() {
        let (_, pulse) = start();
        let (one, two) = (pulse.begin(), pulse.begin());
        drop(one);
        assert_eq!(due_in(&pulse), None);
        drop(two);
        assert_eq!(due_in(&pulse), Some((S(60), Late::Idle)));
    }

    #[test]
    fn a_client_that_takes_nothing_is_late_even_while_a_request_is_under_way() {
        let (clock, pulse) = start();
        let _request = pulse.begin();
        pulse.write_waits();
        clock.advance(S(29));
        pulse.write_waits();
        assert_eq!(due_in(&pulse), Some((S(1), Late::Slow)));
        pulse.write_goes_on();
        assert_eq!(due_in(&pulse), None);
    }
}
