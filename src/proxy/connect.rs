//! Opens one connection to an upstream and sets it going.

use std::io;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::backend::Upstream;
use super::body::Upload;

#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("no connection to {upstream}: {source}")]
    Tcp { upstream: String, source: io::Error },
    #[error("no TLS connection to {upstream}: {source}")]
    Tls { upstream: String, source: io::Error },
    #[error("no HTTP connection to {upstream}: {source}")]
    Http { upstream: String, source: hyper::Error },
    #[error("no connection to {upstream} within {} ms", limit.as_millis())]
    Late { upstream: String, limit: Duration },
}

/// A connection with the task that drives it, which ends with it.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Upload>,
    driver: AbortHandle,
}

impl Connection {
    pub(super) async fn open(upstream: &Upstream, limit: Duration) -> Result<Self, ConnectError> {
        let late = |_| ConnectError::Late { upstream: upstream.to_string(), limit };
        timeout(limit, Self::connect(upstream)).await.map_err(late)?
    }

    async fn connect(upstream: &Upstream) -> Result<Self, ConnectError> {
        let failed = |source| ConnectError::Tcp { upstream: upstream.to_string(), source };
        let tcp = TcpStream::connect((&*upstream.host, upstream.port)).await.map_err(failed)?;
        tcp.set_nodelay(true).map_err(failed)?;
        match &upstream.tls {
            None => Self::drive(tcp, upstream).await,
            Some(tls) => {
                let connector = TlsConnector::from(tls.config.clone());
                let failed = |source| ConnectError::Tls { upstream: upstream.to_string(), source };
                Self::drive(connector.connect(tls.name.clone(), tcp).await.map_err(failed)?, upstream).await
            }
        }
    }

    async fn drive<T>(io: T, upstream: &Upstream) -> Result<Self, ConnectError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let failed = |source| ConnectError::Http { upstream: upstream.to_string(), source };
        let (sender, connection) = http1::Builder::new().handshake(TokioIo::new(io)).await.map_err(failed)?;
        // What goes wrong on it reaches whoever has a request on it.
        let driver = tokio::task::spawn_local(async move { drop(connection.with_upgrades().await) });
        Ok(Self { sender, driver: driver.abort_handle() })
    }

    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Waits until it can take another request; `false` if it never will.
    pub(super) async fn ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    #[cfg(test)]
    pub(super) fn break_off(&self) {
        self.driver.abort();
    }

    /// The error has the request itself if no byte of it was sent.
    pub(super) fn send(
        &mut self,
        request: Request<Upload>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Upload>>>> {
        self.sender.try_send_request(request)
    }
}

/// Dropping the sender alone would let a half-sent request go on.
impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
