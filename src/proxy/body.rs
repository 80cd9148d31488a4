//! A request's body on its way up: counted, capped, and no slower than the app allows.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::backend::Backend;
use super::departure::Departure;
use crate::access::Heard;
use crate::model::{End, Refusal, RequestBody};

/// Why a request's body was not sent to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the request's body is too large")]
    TooLarge { limit: u64 },
    #[error("the request's body comes too slowly")]
    TooSlow,
    #[error("the request's body broke off")]
    BrokenOff,
}

impl Fault {
    pub(super) fn refusal(self) -> Refusal {
        match self {
            Self::TooLarge { limit } => Refusal::BodyTooLarge { limit },
            Self::TooSlow => Refusal::BodyTooSlow,
            Self::BrokenOff => Refusal::BodyBrokenOff,
        }
    }

    pub(super) fn end(self) -> End {
        match self {
            Self::TooLarge { .. } => End::TooLarge,
            Self::TooSlow => End::TooSlow,
            Self::BrokenOff => End::ClientLeft,
        }
    }
}

/// How far an exchange has come, for those who hold its parts.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) up: Cell<u64>,
    pub(super) down: Cell<u64>,
    /// The connection has taken the whole request.
    pub(super) sent: Cell<bool>,
    pub(super) fault: Cell<Option<Fault>>,
    /// The connection asked for more of the body, and the client has not sent it yet.
    pub(super) waits_for_client: Cell<bool>,
    /// Counts what was handed to the connection.
    pub(super) moves: Cell<u64>,
    pub(super) heard: Heard,
    pub(super) departure: Departure,
}

impl Progress {
    /// Bytes came from the client.
    pub(super) fn add_up(&self, bytes: usize) {
        Self::add(&self.up, bytes);
        self.heard.note();
    }

    pub(super) fn add(counter: &Cell<u64>, bytes: usize) {
        counter.set(counter.get().saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX)));
    }
}

/// Nothing is polled before the connection polls, so the client is told to continue only when an upstream is there.
pub(super) struct Upload {
    inner: RequestBody,
    limit: u64,
    progress: Rc<Progress>,
    pace: Option<Pace>,
    second: Option<Pin<Box<Sleep>>>,
}

impl Upload {
    pub(super) fn new(inner: RequestBody, backend: &Backend, progress: Rc<Progress>) -> Self {
        progress.sent.set(inner.is_end_stream());
        let pace = (backend.least_body_rate > 0).then(|| Pace::new(backend.least_body_rate));
        Self { inner, limit: backend.max_body, progress, pace, second: None }
    }

    /// For a body that goes nowhere yet: no larger than `limit`.
    pub(super) fn within(mut self, limit: u64) -> Self {
        self.limit = self.limit.min(limit);
        self
    }

    fn fail(&self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        self.progress.fault.set(Some(fault));
        Poll::Ready(Some(Err(fault)))
    }

    fn hand_over(&mut self, data: Bytes) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let progress = &self.progress;
        progress.add_up(data.len());
        if progress.up.get() > self.limit {
            return self.fail(Fault::TooLarge { limit: self.limit });
        }
        progress.waits_for_client.set(false);
        progress.moves.set(progress.moves.get().wrapping_add(1));
        progress.sent.set(self.inner.is_end_stream());
        if let Some(pace) = &mut self.pace {
            pace.fed(data.len());
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    /// Counts the seconds in which the client owes us bytes; ready when they are too many.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(pace) = &mut self.pace else { return Poll::Pending };
        loop {
            let second = self.second.get_or_insert_with(|| Box::pin(sleep(SECOND)));
            ready!(second.as_mut().poll(cx));
            self.second = None;
            if pace.waited_a_second() {
                return Poll::Ready(());
            }
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = self.get_mut();
        loop {
            return match Pin::new(&mut this.inner).poll_frame(cx) {
                Poll::Pending => {
                    this.progress.waits_for_client.set(true);
                    ready!(this.poll_too_slow(cx));
                    this.fail(Fault::TooSlow)
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => this.hand_over(data),
                    // Fields behind the body could claim what those before it may not.
                    Err(_trailers) => continue,
                },
                Poll::Ready(Some(Err(_))) => this.fail(Fault::BrokenOff),
                Poll::Ready(None) => {
                    this.progress.waits_for_client.set(false);
                    this.progress.moves.set(this.progress.moves.get().wrapping_add(1));
                    this.progress.sent.set(true);
                    Poll::Ready(None)
                }
            };
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

const SECOND: Duration = Duration::from_secs(1);
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// The least rate as a bucket of patience: it holds the grace, waiting drains it, bytes fill it again. So a client cannot
/// save up a long stall by sending fast first.
struct Pace {
    least_rate: u64,
    patience: Duration,
}

impl Pace {
    fn new(least_rate: u64) -> Self {
        Self { least_rate: least_rate.max(1), patience: GRACE }
    }

    fn fed(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let millis = bytes.saturating_mul(1000).checked_div(self.least_rate).unwrap_or(0);
        self.patience = self.patience.saturating_add(Duration::from_millis(millis)).min(GRACE);
    }

    /// Whether patience has run out.
    fn waited_a_second(&mut self) -> bool {
        self.patience = self.patience.saturating_sub(SECOND);
        self.patience.is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_borne_for_the_grace_and_no_longer() {
        let mut pace = Pace::new(1_000);
        assert!((0..9).all(|_| !pace.waited_a_second()));
        assert!(pace.waited_a_second());
    }

    #[test]
    fn who_keeps_the_rate_may_go_on_for_ever_and_who_does_not_may_not() {
        let mut steady = Pace::new(1_000);
        let mut trickle = Pace::new(1_000);
        for second in 0..1_000 {
            assert!(!steady.waited_a_second(), "{second}");
            steady.fed(1_000);
        }
        let lasted = (0..1_000)
            .take_while(|_| {
                let out = trickle.waited_a_second();
                trickle.fed(100);
                !out
            })
            .count();
        assert_eq!(lasted, 10);
    }

    #[test]
    fn sending_fast_first_buys_no_longer_stall() {
        let mut pace = Pace::new(10);
        pace.fed(1 << 30);
        assert_eq!((0..100).take_while(|_| !pace.waited_a_second()).count(), 9);
    }
}
