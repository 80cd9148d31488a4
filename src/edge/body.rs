//! The body of an answer, which keeps its request under way until it has been sent.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};

use super::pulse::InFlight;

pub(super) struct Answer<B> {
    body: Source<B>,
    _request: InFlight,
}

enum Source<B> {
    Service(B),
    Own(Full<Bytes>),
}

impl<B> Answer<B> {
    pub fn of_service(body: B, request: InFlight) -> Self {
        Self { body: Source::Service(body), _request: request }
    }

    pub fn own(text: String, request: InFlight) -> Self {
        Self { body: Source::Own(Full::from(text)), _request: request }
    }
}

impl<B> Body for Answer<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut self.body {
            Source::Service(body) => Pin::new(body).poll_frame(context),
            Source::Own(text) => Pin::new(text).poll_frame(context).map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Source::Service(body) => body.is_end_stream(),
            Source::Own(text) => text.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Source::Service(body) => body.size_hint(),
            Source::Own(text) => text.size_hint(),
        }
    }
}
