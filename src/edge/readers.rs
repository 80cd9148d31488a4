//! How far a client is behind with each answer of an HTTP/2 connection, and the end of those that it does not take.
//!
//! A closed window blocks no write, so nothing of it shows at the socket. But each piece of an answer is handed to h2 as a [`Piece`], which
//! knows when its bytes are written and when it is let go of. While some of a stream's bytes wait, its patience runs out; what the client
//! takes gives it back, at the least rate at which a client must read. So a stream that stands still is ended after `write_stall`, one that
//! trickles soon after, whatever other streams of the connection do; and one that keeps the rate never is.
//!
//! Invariant: nothing is dropped within a piece's drop but its bytes: h2 lets go of pieces while it holds its own lock.

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;
use tokio::task::AbortHandle;
use tokio::time::{Sleep, sleep};

use super::Timers;
use crate::clock::{Clock, Time};
use crate::model::{End, Line};

/// How often, within the longest stall, those who are behind are looked at.
const LOOKS: u32 = 8;

/// The answers under way on one connection.
pub(super) struct Readers {
    clock: Clock,
    pace: Pace,
    look: Duration,
    next: Cell<u64>,
    behind: RefCell<HashMap<u64, Rc<Reader>>>,
    /// What was kept for an answer that has been taken by now.
    done: RefCell<Vec<Box<dyn Any>>>,
    watch: AtomicWaker,
}

/// The client as the reader of one answer.
pub(super) struct Reader {
    readers: Rc<Readers>,
    key: u64,
    line: Arc<Line>,
    task: OnceCell<AbortHandle>,
    /// Bytes that were offered and are not written.
    waiting: Cell<usize>,
    patience: Cell<Patience>,
    is_given_up: Cell<bool>,
    /// What shall live until the answer was taken.
    kept: RefCell<Option<Box<dyn Any>>>,
}

/// A piece of an answer. Over HTTP/1.1 nobody counts it: there the socket shows who does not read.
pub(super) struct Piece {
    bytes: Bytes,
    reader: Option<Rc<Reader>>,
}

/// What became of those who were late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stragglers {
    /// Each stream that was late is ended (so many of them).
    Ended(u64),
    /// Of one h2 holds the rest, so that only the end of the connection ends it.
    EndConnection,
}

impl Readers {
    pub fn new(clock: Clock, timers: &Timers) -> Rc<Self> {
        let look = timers.write_stall.checked_div(LOOKS).unwrap_or(timers.write_stall);
        Rc::new(Self {
            clock,
            pace: Pace::new(timers),
            look,
            next: Cell::new(0),
            behind: RefCell::default(),
            done: RefCell::default(),
            watch: AtomicWaker::new(),
        })
    }

    /// One for a new stream of the connection that is `line`.
    pub fn reader(self: &Rc<Self>, line: &Arc<Line>) -> Rc<Reader> {
        let key = self.next.get();
        self.next.set(key.wrapping_add(1));
        Rc::new(Reader {
            readers: Rc::clone(self),
            key,
            line: Arc::new(Line::of_stream(Arc::clone(line))),
            task: OnceCell::new(),
            waiting: Cell::new(0),
            patience: Cell::new(self.pace.full(self.clock.now())),
            is_given_up: Cell::new(false),
            kept: RefCell::default(),
        })
    }

    /// Ends streams whose reader is late, and tells how many; ready when the connection must end for one. Meant to be polled in
    /// the connection's task, after it.
    pub fn poll_late(&self, alarm: &mut Option<Pin<Box<Sleep>>>, told: impl Fn(u64), context: &mut Context<'_>) -> Poll<()> {
        let done = self.done.take();
        drop(done);
        loop {
            self.watch.register(context.waker());
            if self.behind.borrow().is_empty() {
                return Poll::Pending;
            }
            ready!(alarm.get_or_insert_with(|| Box::pin(sleep(self.look))).as_mut().poll(context));
            *alarm = None;
            match self.end_late() {
                Stragglers::Ended(count) => told(count),
                Stragglers::EndConnection => return Poll::Ready(()),
            }
        }
    }

    fn end_late(&self) -> Stragglers {
        let now = self.clock.now();
        let is_late = |reader: &&Rc<Reader>| !reader.is_given_up.get() && self.pace.is_over(reader.patience.get(), now);
        let late: Vec<_> = self.behind.borrow().values().filter(is_late).cloned().collect();
        let mut count = 0_u64;
        for reader in late {
            reader.is_given_up.set(true);
            reader.line.end_stream(End::TooSlow);
            match reader.task.get() {
                // When its task is dropped, h2 throws away what it holds of the answer and resets the stream.
                Some(task) if !task.is_finished() => task.abort(),
                _ => return Stragglers::EndConnection,
            }
            count = count.saturating_add(1);
        }
        Stragglers::Ended(count)
    }
}

impl Reader {
    /// The stream's own part of the connection.
    pub fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// The task that makes the answer.
    pub fn set_task(&self, task: AbortHandle) {
        let _ = self.task.set(task);
    }

    /// Offers the client a piece of its answer.
    pub fn offer(self: &Rc<Self>, bytes: Bytes) -> Piece {
        if !bytes.is_empty() {
            if self.waiting.get() == 0 {
                self.patience.set(Patience { settled: self.readers.clock.now(), ..self.patience.get() });
                self.readers.behind.borrow_mut().insert(self.key, Rc::clone(self));
                self.readers.watch.wake();
            }
            self.waiting.set(self.waiting.get().saturating_add(bytes.len()));
        }
        Piece { bytes, reader: Some(Rc::clone(self)) }
    }

    /// Keeps what an answer needs until the last of it was taken; hyper lets go of a body as soon as h2 has its last piece.
    pub fn keep(&self, what: impl Any) {
        if self.waiting.get() > 0 {
            *self.kept.borrow_mut() = Some(Box::new(what));
        }
    }

    fn took(&self, bytes: usize) {
        let now = self.readers.clock.now();
        self.patience.set(self.readers.pace.fed(self.patience.get(), bytes, now));
        self.less(bytes);
    }

    /// Bytes that the client will never take.
    fn lost(&self, bytes: usize) {
        self.line.end_stream(End::ClientLeft);
        self.less(bytes);
    }

    fn less(&self, bytes: usize) {
        self.waiting.set(self.waiting.get().saturating_sub(bytes));
        if self.waiting.get() == 0 {
            self.readers.behind.borrow_mut().remove(&self.key);
            self.readers.done.borrow_mut().extend(self.kept.take());
        }
    }
}

impl Piece {
    pub fn uncounted(bytes: Bytes) -> Self {
        Self { bytes, reader: None }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some(reader) = self.reader.as_ref().filter(|_| count > 0) {
            reader.took(count);
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.as_ref().filter(|_| !self.bytes.is_empty()) {
            reader.lost(self.bytes.len());
        }
    }
}

/// How long a stream that is behind will still be waited for, in bytes that the client owes at the least rate, times a thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Patience {
    left: u64,
    /// Up to when waiting was counted.
    settled: Time,
}

/// The rule, in whole numbers: a millisecond of waiting costs what the least rate would bring in it.
struct Pace {
    least_rate: u64,
    most: u64,
}

impl Pace {
    fn new(timers: &Timers) -> Self {
        let least_rate = u64::from(timers.least_read_rate).max(1);
        Self { least_rate, most: millis(timers.write_stall).saturating_mul(least_rate) }
    }

    fn full(&self, now: Time) -> Patience {
        Patience { left: self.most, settled: now }
    }

    fn owed(&self, patience: Patience, now: Time) -> u64 {
        millis(now.since(patience.settled)).saturating_mul(self.least_rate)
    }

    fn fed(&self, patience: Patience, bytes: usize, now: Time) -> Patience {
        let fed = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(1_000);
        // What is over stays over, though it be seen only at the next look.
        let left = match patience.left.saturating_sub(self.owed(patience, now)) {
            0 => 0,
            left => left.saturating_add(fed).min(self.most),
        };
        Patience { left, settled: now }
    }

    fn is_over(&self, patience: Patience, now: Time) -> bool {
        self.owed(patience, now) >= patience.left
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;
    const START: Time = Time::from_millis(1_000_000);

    fn readers() -> (Clock, Rc<Readers>, Rc<Reader>) {
        let clock = Clock::manual(START);
        let timers = Timers { write_stall: S(60), least_read_rate: 256, ..Timers::default() };
        let readers = Readers::new(clock.clone(), &timers);
        let reader = readers.reader(&Arc::default());
        (clock, readers, reader)
    }

    fn bytes(count: usize) -> Bytes {
        vec![b'x'; count].into()
    }

    /// Whether the stream was ended by now; its task is over, so that the connection would have to be.
    fn is_late(readers: &Readers) -> bool {
        readers.end_late() == Stragglers::EndConnection
    }

    #[test]
    fn who_takes_nothing_is_late_after_the_longest_stall() {
        let (clock, readers, reader) = readers();
        let mut piece = reader.offer(bytes(1 << 20));
        clock.advance(S(59));
        assert!(!is_late(&readers));
        clock.advance(S(1));
        piece.advance(1 << 19);
        assert!(is_late(&readers), "even who takes something just before it is looked for");
        assert_eq!(reader.line().why_cut(), Some(End::TooSlow));
        assert!(!is_late(&readers), "once");
    }

    #[test]
    fn who_keeps_the_least_rate_may_go_on_for_ever_and_who_trickles_may_not() {
        let lasts = |bytes_each: usize, every: Duration| {
            let (clock, readers, reader) = readers();
            let mut piece = reader.offer(bytes(1 << 20));
            (0..500)
                .take_while(|_| {
                    clock.advance(every);
                    let fine = !is_late(&readers);
                    piece.advance(bytes_each);
                    fine
                })
                .count()
        };
        assert_eq!(lasts(256, S(1)), 500);
        assert_eq!(lasts(2, Duration::from_millis(7)), 500, "rounding costs nobody anything");
        assert_eq!(lasts(1, S(1)), 60);
        assert!((100..130).contains(&lasts(128, S(1))), "half the rate: twice the stall");
    }

    #[test]
    fn who_reads_fast_first_may_stall_no_longer_for_it() {
        let (clock, readers, reader) = readers();
        let mut piece = reader.offer(bytes(1 << 20));
        piece.advance(1 << 19);
        clock.advance(S(60));
        assert!(is_late(&readers));
    }

    #[test]
    fn while_nothing_waits_for_the_client_no_patience_is_lost() {
        let (clock, readers, reader) = readers();
        let mut piece = reader.offer(bytes(10));
        clock.advance(S(50));
        piece.advance(10);
        clock.advance(S(1_000));
        assert!(!is_late(&readers));
        let _next = reader.offer(bytes(10));
        clock.advance(S(9));
        assert!(!is_late(&readers));
        clock.advance(S(2));
        assert!(is_late(&readers), "ten bytes bought no second stall");
    }

    #[test]
    fn what_an_answer_needs_is_kept_until_its_last_byte_is_taken() {
        let (_, readers, reader) = readers();
        let grant = Rc::new(());
        let mut piece = reader.offer(bytes(10));
        reader.keep(Rc::clone(&grant));
        piece.advance(9);
        assert!(readers.done.borrow().is_empty());
        piece.advance(1);
        drop(piece);
        assert_eq!(readers.done.borrow().len(), 1, "it is dropped later, for h2 may hold its lock");
        assert_eq!(reader.line().why_cut(), None, "all of it was taken");
        assert!(readers.behind.borrow().is_empty());
    }

    #[test]
    fn a_piece_that_is_thrown_away_says_that_the_client_left() {
        let (_, readers, reader) = readers();
        let mut piece = reader.offer(bytes(10));
        piece.advance(9);
        drop(piece);
        assert_eq!(reader.line().why_cut(), Some(End::ClientLeft));
        assert!(readers.behind.borrow().is_empty());
    }
}
