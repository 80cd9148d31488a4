//! A client and a back office on real sockets, written by hand byte for byte, with the proxy between them.

mod bodies;
mod departure;
mod exchange;
mod fields;
mod permit;
mod pooling;
mod websocket;

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::clock::{Clock, Time};
use crate::model::{CanonicalPath, End, Host, Inbound, Line, Origin, PathAllowance, TlsFacts};
pub(super) use permit::{Durability, Script};

const HOST: &str = "sites.example.cn";

/// Runs a test as the gateway's threads run; one that hangs fails.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async { tokio::time::timeout(Duration::from_secs(90), test).await.expect("the test hangs") });
}

/// Lets every other task go as far as it can.
async fn settle() {
    for _ in 0..2_000 {
        tokio::task::yield_now().await;
    }
}

struct BackOffice {
    listener: TcpListener,
    upstream: Upstream,
}

impl BackOffice {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Upstream::new("127.0.0.1", listener.local_addr().unwrap().port(), None);
        Self { listener, upstream }
    }

    /// On a port that the kernel gives to nobody else while it is not listened at, and that no other tests take.
    async fn that_comes_back() -> Self {
        let first = u16::try_from(std::process::id() % 2_000).unwrap();
        for port in (0..2_000).map(|more| 10_000 + (first + more) % 2_000) {
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
                return Self { listener, upstream: Upstream::new("127.0.0.1", port, None) };
            }
        }
        panic!("each of 2000 ports is taken");
    }

    /// Resolves when the proxy opens a connection.
    async fn accept(&self) -> Peer {
        Peer::new(self.listener.accept().await.unwrap().0)
    }

    /// Whether nobody knocked, after everybody had time to.
    async fn is_untouched(&self) -> bool {
        settle().await;
        at_once(self.listener.accept()).is_none()
    }
}

/// What a future gives at once, if anything.
fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

fn backend(upstreams: &[Upstream]) -> Backend {
    Backend {
        upstreams: upstreams.to_vec(),
        host: UpstreamHost::Same,
        websocket: false,
        max_body: 1 << 30,
        connect_timeout: Duration::from_secs(600),
        answer_timeout: Duration::from_secs(600),
        least_body_rate: 0,
        no_store: false,
        public_authority: "sites.example.cn:8443".to_owned(),
        allow_underscores: false,
    }
}

/// The proxy, as one thread has it.
struct Gate {
    pool: Pool,
    clock: Clock,
    backend: Rc<Backend>,
    durability: Durability,
}

impl Gate {
    fn before(office: &BackOffice) -> Self {
        Self::with(office, |_| ())
    }

    fn with(office: &BackOffice, change: impl FnOnce(&mut Backend)) -> Self {
        let mut backend = backend(std::slice::from_ref(&office.upstream));
        change(&mut backend);
        let clock = Clock::manual(Time::from_millis(0));
        let pool = Pool::new(PoolSettings::default(), clock.clone());
        Self { pool, clock, backend: Rc::new(backend), durability: Durability::AtOnce }
    }

    fn by_hand(self) -> Self {
        Self { durability: Durability::ByHand, ..self }
    }

    fn pooling(self, settings: PoolSettings) -> Self {
        Self { pool: Pool::new(settings, self.clock.clone()), ..self }
    }

    async fn connect(&self) -> Client {
        let (stream, server) = socket_pair().await;
        let desk = self.desk();
        let front = desk.clone();
        tokio::task::spawn_local(async move {
            let line = front.line.clone();
            let service = service_fn(move |request| front.clone().serve(request));
            let serving = hyper::server::conn::http1::Builder::new().half_close(false).serve_connection(TokioIo::new(server), service);
            tokio::select! {
                _ = line.until_cut() => (),
                _ = serving.with_upgrades() => (),
            }
        });
        Client { peer: Peer::new(stream), desk }
    }

    fn desk(&self) -> Desk {
        let (pool, backend, durability) = (self.pool.clone(), self.backend.clone(), self.durability);
        Desk { pool, backend, durability, line: Arc::default(), scripts: Rc::default(), departure: Departure::default() }
    }
}

async fn socket_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (client, server) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (client.unwrap(), server.unwrap().0)
}

/// What stands before the proxy on one connection: it permits everything, and keeps the records' scripts for the test.
#[derive(Clone)]
struct Desk {
    pool: Pool,
    backend: Rc<Backend>,
    durability: Durability,
    line: Arc<Line>,
    scripts: Rc<RefCell<Vec<Script>>>,
    departure: Departure,
}

impl Desk {
    async fn serve(self, mut request: Request<Incoming>) -> Result<Response<Either<Outgoing, Empty<Bytes>>>, Infallible> {
        let upgrade = (request.version() == http::Version::HTTP_11).then(|| hyper::upgrade::on(&mut request));
        let (parts, body) = request.into_parts();
        let path = CanonicalPath::parse(parts.uri.path(), PathAllowance::default()).unwrap();
        let host = Host::parse(HOST).unwrap();
        let tls = TlsFacts { version: "TLSv1.3", group: "X25519" };
        let inbound = Inbound {
            method: parts.method,
            host: host.clone(),
            uri: parts.uri,
            version: parts.version,
            headers: parts.headers,
            body: body.into(),
            upgrade,
            origin: Arc::new(Origin {
                address: "192.0.2.7".parse().unwrap(),
                port: 40_000,
                tls,
                sni: Arc::new(host),
                shown: crate::model::Shown::NotAsked,
            }),
            line: self.line.clone(),
        };
        let (permit, script) = permit::permit(self.durability);
        self.scripts.borrow_mut().push(script);
        Ok(match forward(&self.pool, &self.backend, permit, Box::new(inbound), &path, &self.departure).await {
            Ok(response) => response.map(Either::Left),
            Err(failure) => {
                failure.receipt.close(500, failure.bytes_up, 0, End::Refused);
                Response::builder()
                    .status(500)
                    .header("x-refusal", failure.refusal.word())
                    .header("x-detail", failure.refusal.detail())
                    .body(Either::Right(Empty::new()))
                    .unwrap()
            }
        })
    }

    /// The record of the next request; resolves when the proxy has it.
    async fn script(&self) -> Script {
        loop {
            if !self.scripts.borrow().is_empty() {
                return self.scripts.borrow_mut().remove(0);
            }
            tokio::task::yield_now().await;
        }
    }
}

struct Client {
    peer: Peer,
    desk: Desk,
}

impl Client {
    async fn get(&mut self, path: &str) {
        self.peer.say(&format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    }

    /// The next answer's head and, where it says how long it is, its body.
    async fn answer(&mut self) -> (String, String) {
        let head = self.peer.head().await;
        let length = field(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        (head, self.peer.bytes(length).await)
    }

    /// The word of the refusal that came instead of an answer.
    async fn refusal(&mut self) -> String {
        let (head, _) = self.answer().await;
        field(&head, "x-refusal").unwrap_or_else(|| panic!("not refused: {head}")).to_owned()
    }

    async fn script(&self) -> Script {
        self.desk.script().await
    }
}

/// The value of a field that stands once in a raw head.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut found = fields(head, name);
    let value = found.next();
    assert_eq!(found.next(), None, "{name} stands twice in {head}");
    value
}

fn fields<'a>(head: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// One end of a connection, with what was read too far.
struct Peer<S = TcpStream> {
    stream: S,
    read: Vec<u8>,
}

impl<S: AsyncRead + tokio::io::AsyncWrite + Unpin> Peer<S> {
    fn new(stream: S) -> Self {
        Self { stream, read: Vec::new() }
    }

    async fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    async fn more(&mut self) -> usize {
        self.stream.read_buf(&mut self.read).await.unwrap_or(0)
    }

    /// Reads up to and with an empty line.
    async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    async fn until(&mut self, mark: &str) -> String {
        loop {
            if let Some(at) = self.read.windows(mark.len()).position(|window| window == mark.as_bytes()) {
                let rest = self.read.split_off(at + mark.len());
                return String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap();
            }
            assert_ne!(self.more().await, 0, "closed after {:?}", String::from_utf8_lossy(&self.read));
        }
    }

    async fn bytes(&mut self, count: usize) -> String {
        while self.read.len() < count {
            assert_ne!(self.more().await, 0, "closed after {:?}", String::from_utf8_lossy(&self.read));
        }
        let rest = self.read.split_off(count);
        String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap()
    }

    /// Everything until the other end closes.
    async fn rest(&mut self) -> String {
        while self.more().await > 0 {}
        String::from_utf8(std::mem::take(&mut self.read)).unwrap()
    }

    /// What has come so far, after everybody had time to send.
    async fn so_far(&mut self) -> String {
        settle().await;
        while let Some(Ok(1..)) = at_once(self.stream.read_buf(&mut self.read)) {
            settle().await;
        }
        String::from_utf8(self.read.clone()).unwrap()
    }
}
