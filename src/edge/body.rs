//! The body of an answer, which keeps its request under way until it has been sent.
//!
//! Invariant: over HTTP/2, where hyper lets go of a body as soon as h2 has its last piece, the request is under way until that piece was
//! taken too, and with it whatever the service's body holds.

use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};

use super::pulse::InFlight;
use super::readers::{Piece, Reader};

pub(super) struct Answer<B: 'static> {
    /// There until it is dropped.
    body: Option<Source<B>>,
    request: Option<InFlight>,
    /// Who reads it, over HTTP/2.
    reader: Option<Rc<Reader>>,
}

enum Source<B> {
    Service(B),
    Own(Full<Bytes>),
}

impl<B> Answer<B> {
    pub fn of_service(body: B, reader: Option<Rc<Reader>>, request: InFlight) -> Self {
        Self { body: Some(Source::Service(body)), request: Some(request), reader }
    }

    pub fn own(text: String, reader: Option<Rc<Reader>>, request: InFlight) -> Self {
        Self { body: Some(Source::Own(Full::from(text))), request: Some(request), reader }
    }
}

impl<B> Drop for Answer<B> {
    fn drop(&mut self) {
        if let Some(reader) = &self.reader {
            reader.keep((self.body.take(), self.request.take()));
        }
    }
}

impl<B> Body for Answer<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    type Data = Piece;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, B::Error>>> {
        let polled = match &mut self.body {
            Some(Source::Service(body)) => Pin::new(body).poll_frame(context),
            Some(Source::Own(text)) => Pin::new(text).poll_frame(context).map_err(|never| match never {}),
            None => Poll::Ready(None),
        };
        let piece = |bytes| match &self.reader {
            Some(reader) => reader.offer(bytes),
            None => Piece::uncounted(bytes),
        };
        polled.map_ok(|frame| frame.map_data(piece))
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Some(Source::Service(body)) => body.is_end_stream(),
            Some(Source::Own(text)) => text.is_end_stream(),
            None => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Some(Source::Service(body)) => body.size_hint(),
            Some(Source::Own(text)) => text.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}
