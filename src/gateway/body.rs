//! The bodies of answers: one made here, whole or bit by bit, or one that streams through from a back office.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::audit::Receipt;
use crate::auth::Identity;
use crate::limit::Pass;
use crate::model::{End, Line};
use crate::proxy::Outgoing;

pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

pub enum Body {
    Whole(Whole),
    Streamed(Outgoing),
    Made(Box<Made>),
}

/// A body that the gateway's own pages make bit by bit, for somebody who is signed in; it ends with her session.
pub struct Made {
    body: axum::body::Body,
    sent: u64,
    closing: Option<Closing>,
    identity: Arc<Identity>,
    line: Arc<Line>,
    /// Cuts the connection if the session ends and the body does not.
    watch: tokio::task::JoinHandle<()>,
    /// It is under way as long as it is sent.
    _pass: Option<Pass>,
}

/// So long a body has to end by itself once its session is over.
const GRACE: Duration = Duration::from_secs(2);

/// A small body and the record of the access that it answers; the record is closed when the body has been taken.
pub struct Whole {
    bytes: Option<Bytes>,
    length: u64,
    closing: Option<Closing>,
}

/// How the record of a whole answer will be closed.
pub struct Closing {
    pub receipt: Receipt,
    pub status: u16,
    pub bytes_up: u64,
    pub end: End,
}

impl Body {
    pub fn whole(bytes: impl Into<Bytes>, closing: Option<Closing>) -> Self {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        let mut whole = Whole { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()), length, closing };
        if whole.bytes.is_none() {
            whole.close();
        }
        Self::Whole(whole)
    }

    pub fn as_it_comes(body: axum::body::Body, closing: Closing, identity: &Arc<Identity>, line: Arc<Line>, pass: Option<Pass>) -> Self {
        let (watched, cut) = (identity.clone(), line.clone());
        let watch = tokio::spawn(async move {
            watched.until_revoked().await;
            tokio::time::sleep(GRACE).await;
            cut.cut(End::Revoked);
        });
        let identity = identity.clone();
        Self::Made(Box::new(Made { body, sent: 0, closing: Some(closing), identity, line, watch, _pass: pass }))
    }
}

impl Made {
    fn close(&mut self, end: End) {
        let end = if self.identity.is_revoked() { End::Revoked } else { end };
        if let Some(Closing { receipt, status, bytes_up, .. }) = self.closing.take() {
            receipt.close(status, bytes_up, self.sent, end);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                self.sent = self.sent.saturating_add(length);
            }
            Poll::Ready(Some(Err(_))) => self.close(End::CutOff),
            Poll::Ready(None) => self.close(End::Complete),
            Poll::Pending => {}
        }
        polled.map_err(Into::into)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        self.watch.abort();
        let why = self.line.why_cut().unwrap_or(End::ClientLeft);
        self.close(why);
    }
}

impl Whole {
    fn close(&mut self) {
        if let Some(Closing { receipt, status, bytes_up, end }) = self.closing.take() {
            receipt.close(status, bytes_up, self.length, end);
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Whole(whole) => {
                let bytes = whole.bytes.take();
                whole.close();
                Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Streamed(outgoing) => Pin::new(outgoing).poll_frame(cx).map_err(Into::into),
            Self::Made(made) => made.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.bytes.is_none(),
            Self::Streamed(outgoing) => outgoing.is_end_stream(),
            Self::Made(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => SizeHint::with_exact(whole.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Streamed(outgoing) => outgoing.size_hint(),
            Self::Made(_) => SizeHint::default(),
        }
    }
}
