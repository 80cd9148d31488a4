//! How requests reach a store that speaks S3: one connection each, over the gateway's own TLS ([`super::super::wire`]).
//!
//! Invariant: no redirect is followed, and no answer is larger than what a store could rightly say.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService};
use rustls::ClientConfig;
use tokio::time::timeout;

use super::super::wire::{self, Driver};

/// An object, and room for what a store says of it.
const LARGEST_ANSWER: usize = super::LARGEST_OBJECT + (64 << 10);
/// From the request to the head of its answer, and from one piece of the answer to the next.
const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Clone, Debug)]
pub struct Wire(wire::Wire);

impl Wire {
    /// `None`: in the clear.
    pub fn new(tls: Option<Arc<ClientConfig>>) -> Self {
        Self(wire::Wire::new(tls))
    }

    async fn send(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let opened = self.0.open(request.uri()).await;
        let (mut sender, driver) = opened.map_err(|error| HttpError::new(HttpErrorKind::Connect, error))?;
        wire::address(&mut request);
        let late = |_| HttpError::new(HttpErrorKind::Timeout, io::Error::new(io::ErrorKind::TimedOut, "the answer took too long"));
        let response = timeout(PATIENCE, sender.send_request(request)).await.map_err(late)?.map_err(broken)?;
        Ok(response.map(|body| HttpResponseBody::new(Answer { body, left: LARGEST_ANSWER, _driver: driver })))
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.send(request).await
    }
}

fn broken(error: hyper::Error) -> HttpError {
    HttpError::new(HttpErrorKind::Interrupted, error)
}

/// The body of an answer, and the connection that it comes on.
struct Answer {
    body: Incoming,
    /// So many bytes more are taken, whatever its head says of its length.
    left: usize,
    _driver: Driver,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context)).map(|frame| frame.map_err(broken));
        if let Some(Ok(frame)) = &frame {
            let length = frame.data_ref().map_or(0, Bytes::len);
            let Some(left) = self.left.checked_sub(length) else {
                let why = io::Error::other("the answer is longer than any object of ours");
                return Poll::Ready(Some(Err(HttpError::new(HttpErrorKind::Decode, why))));
            };
            self.left = left;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
