//! One HTTP/1.1 connection for one request, over the gateway's own TLS.
//!
//! Invariant: what was meant for TLS goes nowhere else, and a request that is given up leaves no connection behind.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Request, Uri, header};
use http_body::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::connection::Stream;

const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub struct Wire(Option<Arc<ClientConfig>>);

/// Dropping the sender alone would let a half-sent request go on.
pub struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Wire {
    /// `None`: in the clear.
    pub fn new(tls: Option<Arc<ClientConfig>>) -> Self {
        Self(tls)
    }

    /// To the server of this address. The connection lasts as long as its driver.
    pub async fn open<B>(&self, uri: &Uri) -> io::Result<(SendRequest<B>, Driver)>
    where
        B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the connection took too long");
        let stream = timeout(CONNECT_PATIENCE, self.connect(uri)).await.unwrap_or_else(|_| Err(late()))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        Ok((sender, Driver(tokio::spawn(async move { drop(connection.await) }).abort_handle())))
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
}

/// Gives a request for a whole address the form in which servers take it (RFC 9112, section 3.2.1).
pub fn address<B>(request: &mut Request<B>) {
    let uri = request.uri().clone();
    let host = uri.authority().map(|authority| authority.as_str()).and_then(|host| HeaderValue::from_str(host).ok());
    if let Some(host) = host {
        request.headers_mut().insert(header::HOST, host);
    }
    *request.uri_mut() = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")).into();
}
