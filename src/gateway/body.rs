//! The bodies of answers: one made here and whole, or one that streams through from a back office.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::audit::Receipt;
use crate::model::End;
use crate::proxy::Outgoing;

pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

pub enum Body {
    Whole(Whole),
    Streamed(Outgoing),
}

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
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.bytes.is_none(),
            Self::Streamed(outgoing) => outgoing.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => SizeHint::with_exact(whole.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Streamed(outgoing) => outgoing.size_hint(),
        }
    }
}
