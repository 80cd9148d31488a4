//! How requests reach a store that speaks S3: one connection each, over the gateway's own TLS.
//!
//! Invariant: what was meant for TLS goes nowhere else, no redirect is followed, and a request that is given up leaves no connection behind.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Uri, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// An object, and room for what a store says of it.
const LARGEST_ANSWER: usize = super::LARGEST_OBJECT + (64 << 10);
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// From the request to the head of its answer, and from one piece of the answer to the next.
const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Clone, Debug)]
pub struct Wire(Option<Arc<ClientConfig>>);

impl Wire {
    /// `None`: in the clear.
    pub fn new(tls: Option<Arc<ClientConfig>>) -> Self {
        Self(tls)
    }

    async fn connect(&self, uri: &Uri) -> io::Result<Box<dyn Stream>> {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_tls = uri.scheme() == Some(&Scheme::HTTPS);
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let tcp = TcpStream::connect((host, port)).await?;
        tcp.set_nodelay(true)?;
        match (&self.0, is_tls) {
            (None, false) => Ok(Box::new(tcp)),
            (Some(config), true) => {
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                Ok(Box::new(TlsConnector::from(config.clone()).connect(name, tcp).await?))
            }
            _ => Err(io::Error::other("the address is not of the kind that the config says")),
        }
    }

    async fn send(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let uri = request.uri().clone();
        let late = |what: &str| io::Error::new(io::ErrorKind::TimedOut, format!("{what} took too long"));
        let stream = timeout(CONNECT_PATIENCE, self.connect(&uri))
            .await
            .unwrap_or_else(|_| Err(late("the connection")))
            .map_err(|error| HttpError::new(HttpErrorKind::Connect, error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let driver = Driver(tokio::spawn(async move { drop(connection.await) }).abort_handle());
        let host = uri.authority().map(|authority| authority.as_str()).and_then(|host| HeaderValue::from_str(host).ok());
        if let Some(host) = host {
            request.headers_mut().insert(header::HOST, host);
        }
        *request.uri_mut() = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")).into();
        let answered = timeout(PATIENCE, sender.send_request(request)).await;
        let response = answered.map_err(|_| HttpError::new(HttpErrorKind::Timeout, late("the answer")))?.map_err(broken)?;
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

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Dropping the sender alone would let a half-sent request go on.
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
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
