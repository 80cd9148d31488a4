//! The answer on its way to the client, and the end of its record.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::body::Progress;
use super::departure::Departure;
use super::headers;
use super::pool::Lease;
use crate::access::Grant;
use crate::audit::{NoRecord, Receipt};
use crate::limit::Pass;
use crate::model::{End, Line};

/// So much of an answer has a record of its own, so that whoever takes much away is seen while he does.
pub(super) const TOLD_BYTES: u64 = 16 << 20;

/// The record of an exchange under way.
///
/// Invariant: it is closed exactly once, also when whoever held it was dropped.
pub(super) struct Ending {
    receipt: Option<Receipt>,
    status: u16,
    /// All of the answer was handed over; whether it was taken shows when it is let go of.
    is_whole: bool,
    /// So much of the answer is on record.
    told: Cell<u64>,
    pub(super) progress: Rc<Progress>,
    pub(super) line: Arc<Line>,
    /// Both live as long as what they allowed.
    _grant: Grant,
    _pass: Pass,
}

impl Ending {
    pub(super) fn new(grant: Grant, pass: Pass, receipt: Receipt, line: Arc<Line>, departure: Departure) -> Self {
        let progress = Progress { heard: grant.heard().clone(), departure, ..Progress::default() };
        Self {
            receipt: Some(receipt),
            status: 0,
            is_whole: false,
            told: Cell::new(0),
            progress: Rc::new(progress),
            line,
            _grant: grant,
            _pass: pass,
        }
    }

    pub(super) async fn durable(&mut self) -> Result<(), NoRecord> {
        match &mut self.receipt {
            Some(receipt) => receipt.durable().await,
            None => Err(NoRecord),
        }
    }

    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = status.as_u16();
    }

    /// Bytes went to the client.
    pub(super) fn add_down(&self, bytes: usize) {
        Progress::add(&self.progress.down, bytes);
        let down = self.progress.down.get();
        if down.saturating_sub(self.told.get()) >= TOLD_BYTES {
            self.told.set(down);
            self.receipt.iter().for_each(|receipt| receipt.continues(down));
        }
    }

    pub(super) fn close(&mut self, end: End) {
        if let Some(receipt) = self.receipt.take() {
            receipt.close(self.status, self.progress.up.get(), self.progress.down.get(), end);
        }
    }

    /// Hands the record to one who will answer in the upstream's place.
    pub(super) fn into_receipt(mut self) -> Option<Receipt> {
        self.receipt.take()
    }

    fn why_broken(&self) -> Option<End> {
        self.progress.fault.get().map(super::body::Fault::end).or(self.line.why_cut())
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let end = if self.is_whole { self.line.why_cut().unwrap_or(End::Complete) } else { self.why_broken().unwrap_or(End::ClientLeft) };
        self.close(end);
    }
}

/// An answer's body. Its record is closed when it ends or is dropped.
pub struct Outgoing(Option<Streaming>);

struct Streaming {
    inner: Incoming,
    ending: Ending,
    lease: Option<Lease>,
}

/// The answer ends here although it is not whole. The client's connection must show it.
#[derive(Debug, thiserror::Error)]
pub enum BrokenOff {
    #[error("the upstream's answer broke off")]
    Upstream(#[source] hyper::Error),
    #[error("the exchange was ended: {0:?}")]
    Ended(End),
}

impl Outgoing {
    pub(super) fn streaming(inner: Incoming, ending: Ending, lease: Lease) -> Self {
        let mut streaming = Streaming { inner, ending, lease: Some(lease) };
        streaming.complete_at_end();
        Self(Some(streaming))
    }

    /// The body of a 101, whose record lives in the tunnel.
    pub(super) fn empty() -> Self {
        Self(None)
    }
}

impl Streaming {
    /// Servers need not poll a body again that says it is at its end.
    fn complete_at_end(&mut self) {
        if self.inner.is_end_stream() {
            self.complete();
        }
    }

    fn complete(&mut self) {
        self.ending.is_whole = true;
        if let Some(lease) = self.lease.take()
            && self.ending.progress.sent.get()
        {
            lease.give_back();
        }
    }

    fn break_off(&mut self, end: End) {
        self.ending.close(end);
        self.lease = None;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if let Some(end) = self.ending.line.why_cut() {
            self.break_off(end);
            return Poll::Ready(Some(Err(BrokenOff::Ended(end))));
        }
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx));
        Poll::Ready(match frame {
            None => {
                self.complete();
                None
            }
            Some(Err(error)) => {
                let end = self.ending.why_broken().unwrap_or(End::UpstreamFailed);
                if let Some(lease) = self.lease.as_ref().filter(|_| end == End::UpstreamFailed) {
                    lease.failed();
                }
                self.break_off(end);
                Some(Err(BrokenOff::Upstream(error)))
            }
            Some(Ok(frame)) => {
                let frame = frame.map_data(|data| {
                    self.ending.add_down(data.len());
                    data
                });
                self.complete_at_end();
                Some(Ok(clean(frame)))
            }
        })
    }
}

fn clean(mut frame: Frame<Bytes>) -> Frame<Bytes> {
    if let Some(trailers) = frame.trailers_mut() {
        headers::clean_answer(trailers);
    }
    frame
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match &mut self.get_mut().0 {
            Some(streaming) => streaming.poll(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|streaming| streaming.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or(SizeHint::with_exact(0), |streaming| streaming.inner.size_hint())
    }
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").finish_non_exhaustive()
    }
}
