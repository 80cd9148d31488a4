//! A worker on real loopback sockets, with certificates of the development authority.

mod ending;
mod frames;
mod http;
mod proxied;
mod readers;
mod relief;
mod slow;
mod tls;

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::{Response, StatusCode};
use bytes::Bytes;
use hyper::body::{Body, Frame};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::clock::Clock;
use crate::crypto::tls_provider;
use crate::model::{Host, Line};
use crate::pki::{DevelopmentCa, load_chain, load_pair};

/// Short enough for a test to wait for, and long enough for what must not be cut.
const SOON: Duration = Duration::from_millis(150);
const GATE: &str = "gate.localhost";
const SITES: &str = "sites.localhost";

/// Answers by path: `/wait` when told to, `/never`, `/endless` without end, `/quiet` with a word and then silence, `/upgrade` with a tunnel that nobody reads.
#[derive(Clone, Default)]
struct Echo(Rc<Seen>);

#[derive(Default)]
struct Seen {
    malformed: RefCell<Vec<(u16, String)>>,
    gives_references: Cell<bool>,
    line: RefCell<Option<Arc<Line>>>,
    reached: Notify,
    release: Notify,
    body_dropped: Notify,
    tunnel: RefCell<Option<hyper::upgrade::Upgraded>>,
    tunnelled: Notify,
}

impl Service for Echo {
    type Body = Words;

    async fn call(&self, inbound: Inbound) -> Response<Words> {
        *self.0.line.borrow_mut() = Some(Arc::clone(&inbound.line));
        self.0.reached.notify_one();
        let Inbound { host, uri, version, origin, .. } = &inbound;
        let cookie = inbound.sole("cookie").unwrap_or("none");
        let text =
            format!("{host} {} {version:?} {} {} {cookie} from {}", uri.path(), origin.tls.version, origin.tls.group, origin.address);
        match uri.path() {
            "/wait" => self.0.release.notified().await,
            "/never" => pending().await,
            "/endless" => return Response::new(Words::Endless(Rc::clone(&self.0))),
            "/quiet" => return Response::new(Words::Quiet(Some("ready".into()))),
            "/upgrade" => return self.upgrade(inbound),
            _ => {}
        }
        Response::new(Words::Text(Some(text.into())))
    }

    fn malformed(&self, _: &Origin, status: StatusCode, what: &str) -> Option<Reference> {
        self.0.malformed.borrow_mut().push((status.as_u16(), what.to_owned()));
        self.0.gives_references.get().then(|| Reference::new([7; 10]))
    }
}

impl Echo {
    fn upgrade(&self, inbound: Inbound) -> Response<Words> {
        let seen = Rc::clone(&self.0);
        spawn_local(async move {
            *seen.tunnel.borrow_mut() = Some(inbound.upgrade.unwrap().await.unwrap());
            seen.tunnelled.notify_one();
        });
        let head = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "echo");
        head.body(Words::Text(None)).unwrap()
    }
}

enum Words {
    Text(Option<Bytes>),
    Endless(Rc<Seen>),
    Quiet(Option<Bytes>),
}

impl Body for Words {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(match &mut *self {
            Words::Text(text) => text.take().map(|text| Ok(Frame::data(text))),
            Words::Endless(_) => Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 16_384])))),
            Words::Quiet(word) => match word.take() {
                Some(word) => Some(Ok(Frame::data(word))),
                None => return Poll::Pending,
            },
        })
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        if let Words::Endless(seen) = self {
            seen.body_dropped.notify_one();
        }
    }
}

struct House {
    address: SocketAddr,
    front: Arc<Front>,
    seen: Rc<Seen>,
    stop: watch::Sender<bool>,
    worker: JoinHandle<std::io::Result<()>>,
    roots: RootCertStore,
    certificates: Certificates,
}

fn patient() -> Timers {
    Timers::default()
}

impl House {
    fn open(timers: Timers, caps: Caps) -> Self {
        Self::draining(timers, caps, Duration::from_secs(30))
    }

    fn draining(timers: Timers, caps: Caps, drain: Duration) -> Self {
        Self::behind(&[], timers, caps, drain)
    }

    fn behind(proxies: &[&str], timers: Timers, caps: Caps, drain: Duration) -> Self {
        Self::at(Clock::machine(), proxies, timers, caps, drain)
    }

    fn at(clock: Clock, proxies: &[&str], timers: Timers, caps: Caps, drain: Duration) -> Self {
        let home = tempfile::tempdir().unwrap();
        let ca = DevelopmentCa::open(home.path(), clock.now()).unwrap();
        let hosts = [GATE, SITES].map(|name| Host::parse(name).unwrap());
        let issued = ca.issue(&[GATE, SITES], clock.now()).unwrap();
        let pair = Arc::new(load_pair(&issued.chain, &issued.key).unwrap());
        let certificates: Certificates = hosts.into_iter().map(|host| (host, Arc::clone(&pair))).collect();
        let mut roots = RootCertStore::empty();
        roots.add(load_chain(&ca.certificate()).unwrap().remove(0)).unwrap();

        let proxies = proxies.iter().map(|network| network.parse().unwrap()).collect();
        let front = Arc::new(Front::new(clock, certificates.clone(), timers, caps).unwrap().behind(proxies));
        let listeners = bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let (stop, shutdown) = watch::channel(false);
        let echo = Echo::default();
        let seen = Rc::clone(&echo.0);
        let worker = spawn_local(run(listeners, Arc::clone(&front), echo, shutdown, drain));
        Self { address, front, seen, stop, worker, roots, certificates }
    }

    fn client(&self, alpn: &str) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(tls_provider()).with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(self.roots.clone()).with_no_client_auth();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        config
    }

    async fn dial_with(&self, config: ClientConfig, sni: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(self.address).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(sni.to_owned()).unwrap(), tcp).await
    }

    async fn dial(&self, sni: &str) -> TlsStream<TcpStream> {
        self.dial_with(self.client("http/1.1"), sni).await.unwrap()
    }

    /// Sends `head` as it is and reads until the gateway closes.
    async fn exchange(&self, head: &str) -> String {
        let mut stream = self.dial(GATE).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        read_to_end(&mut stream).await
    }
}

/// What comes until the connection ends, however it ends.
async fn read_to_end(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads one answer's head and body text (which none of these splits over two writes).
async fn read_some(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut buffer = vec![0; 65_536];
    let count = stream.read(&mut buffer).await.unwrap();
    String::from_utf8_lossy(&buffer[..count]).into_owned()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {GATE}\r\n\r\n")
}

/// Runs a test on one thread with local tasks, as a worker runs; a test that hangs fails.
fn alone(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = LocalSet::new().block_on(&runtime, async { tokio::time::timeout(Duration::from_secs(30), test).await });
    ended.expect("the test hangs");
}
