//! The body of an answer, which keeps its request under way until it has been sent.
//!
//! Invariant: in HTTP/2, where a closed window blocks no write, the pulse knows whether a piece waits for the client (hyper holds it and
//! neither polls for the next nor lets go of the body) or the client for a piece (the body was polled and had nothing).

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Version;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};

use super::pulse::{InFlight, Offer, Piece};

pub(super) struct Answer<B> {
    body: Source<B>,
    request: InFlight,
    has_window: bool,
    offer: Option<Offer>,
}

enum Source<B> {
    Service(B),
    Own(Full<Bytes>),
}

impl<B> Answer<B> {
    pub fn of_service(body: B, version: Version, request: InFlight) -> Self {
        Self::new(Source::Service(body), version, request)
    }

    pub fn own(text: String, version: Version, request: InFlight) -> Self {
        Self::new(Source::Own(Full::from(text)), version, request)
    }

    fn new(body: Source<B>, version: Version, request: InFlight) -> Self {
        Self { body, request, has_window: version == Version::HTTP_2, offer: None }
    }
}

impl<B> Body for Answer<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if let Some(offer) = self.offer.take() {
            offer.taken();
        }
        let polled = match &mut self.body {
            Source::Service(body) => Pin::new(body).poll_frame(context),
            Source::Own(text) => Pin::new(text).poll_frame(context).map_err(|never| match never {}),
        };
        if self.has_window
            && let Poll::Ready(Some(Ok(_))) = &polled
        {
            let piece = if self.is_end_stream() { Piece::Last } else { Piece::OfMore };
            self.offer = Some(self.request.offer(piece));
        }
        polled
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
