//! The life of one connection: handshake, HTTP, and what may outlive it (an upgraded socket).

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use http::header::CONNECTION;
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::server::Acceptor;
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

use super::Service;
use super::admission::Admission;
use super::age::Age;
use super::body::Answer;
use super::proxy_protocol::Client;
use super::pulse::{Framing, Late, Pulse};
use super::readers::{Reader, Readers};
use super::request::{MOST_FIELDS, admit, answer};
use super::run::{Worker, stopped};
use super::tls::settled;
use super::wire::{Cutter, Heard, Verdict, Wire};
use crate::model::{End, Line, Origin, Shown};

/// Bounds what one HTTP/1.1 head, and one body's way through, can hold in memory.
const BUFFER: usize = 64 * 1024;
const H2_FIELDS: u32 = 16 * 1024;
const H2_STREAM_WINDOW: u32 = 256 * 1024;
const H2_CONNECTION_WINDOW: u32 = 1024 * 1024;
const H2_RESETS: usize = 20;

tokio::task_local! {
    /// Who reads the answer that is made on the stream of this task.
    static READER: Rc<Reader>;
}

type Socket = TokioIo<Heard<TlsStream<Wire>>>;
type Http1<A> = http1::UpgradeableConnection<Socket, A>;
type Http2<A> = http2::Connection<Socket, A, OnThisThread>;

/// What makes an answer of each request of a connection.
trait Answers<S: Service>: HttpService<Incoming, ResBody = Answer<S::Body>, Error = Infallible, Future: 'static> {}

impl<S: Service, A> Answers<S> for A where A: HttpService<Incoming, ResBody = Answer<S::Body>, Error = Infallible, Future: 'static> {}

/// Who came, and how.
struct Arrived {
    stream: TlsStream<Wire>,
    client: SocketAddr,
    shown: Shown,
}

/// A connection after its handshake.
struct Settled<A: HttpService<Incoming>> {
    origin: Arc<Origin>,
    verdict: Verdict,
    speaks: Speaks<A>,
}

enum Speaks<A: HttpService<Incoming>> {
    Http1(Pin<Box<Http1<A>>>),
    Http2(Pin<Box<Http2<A>>>),
}

/// Serves one accepted socket until nothing of it is left.
pub(super) async fn serve<S: Service>(worker: Rc<Worker<S>>, tcp: TcpStream, peer: SocketAddr, admission: &mut Admission) {
    let line = Arc::new(Line::default());
    let timers = worker.front.timers;
    let pulse = Arc::new(Pulse::new(worker.front.clock.clone()));
    let _listed = worker.list(&line, &pulse);
    let (wire, cutter, gone) = Wire::new(tcp, Arc::clone(&pulse), timers.write_stall);

    let readers = Readers::new(worker.front.clock.clone(), &timers);
    let talk = Talk { worker, line: Arc::clone(&line), pulse: Arc::clone(&pulse), readers, cutter, age: RefCell::default() };
    talk.hold(wire, peer, admission).await;

    // An upgraded socket lives on in the hands of whoever took it.
    let _upgraded = pulse.begin();
    let late = pin!(pulse.late(timers));
    tokio::select! {
        biased;
        _ = line.until_cut() => {}
        _ = gone => {}
        _ = late => talk.too_slow(),
    }
    tokio::select! {
        biased;
        _ = line.until_cut() => talk.cutter.cut(),
        () = talk.cutter.see_off() => {}
    }
}

struct Talk<S> {
    worker: Rc<Worker<S>>,
    line: Arc<Line>,
    pulse: Arc<Pulse>,
    readers: Rc<Readers>,
    cutter: Cutter,
    /// There where a certificate was asked for.
    age: RefCell<Option<Age>>,
}

impl<S: Service> Talk<S> {
    fn too_slow(&self) {
        self.worker.front.tally.too_slow(1);
        self.line.cut(End::TooSlow);
        self.cutter.cut();
    }

    async fn hold(&self, wire: Wire, peer: SocketAddr, admission: &mut Admission) {
        // Boxed each, so that a connection that is idle keeps the room of what it is now, and not of all that it could have been.
        let shaken = Box::pin(self.shake_hands(wire, peer, admission)).await;
        let Some(Settled { origin, verdict, speaks }) = self.settle(shaken) else { return };
        let refused_with = match speaks {
            Speaks::Http1(connection) => {
                self.http1(connection, &origin, &verdict).await;
                StatusCode::BAD_REQUEST
            }
            Speaks::Http2(connection) => {
                self.http2(connection).await;
                if verdict.get().is_some() {
                    // There is no last answer to be seen; what still comes of the flood is not even read.
                    self.cutter.cut();
                }
                StatusCode::TOO_MANY_REQUESTS
            }
        };
        if let Some(what) = verdict.get() {
            self.worker.service.malformed(&origin, refused_with, what);
        }
    }

    async fn shake_hands(&self, wire: Wire, peer: SocketAddr, admission: &mut Admission) -> Option<Arrived> {
        let mut shutdown = self.worker.shutdown.clone();
        let shaken = tokio::select! {
            biased;
            _ = self.line.until_cut() => return None,
            () = stopped(&mut shutdown) => return None,
            shaken = timeout(self.worker.front.timers.handshake, self.arrive(wire, peer, admission)) => shaken,
        };
        match shaken {
            Ok(Ok(arrived)) => return arrived,
            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
            Err(_) => self.too_slow(),
        }
        self.worker.front.tally.handshake_failed();
        None
    }

    /// Who comes, and TLS with him; `None`: he has his share of connections already.
    async fn arrive(&self, mut wire: Wire, peer: SocketAddr, admission: &mut Admission) -> io::Result<Option<Arrived>> {
        let front = &self.worker.front;
        let client = if front.is_proxy(peer.ip()) {
            match wire.client().await.inspect_err(|error| front.refused_proxy(peer.ip(), error))? {
                Client::Itself => peer,
                Client::At(client) if front.admit_client(admission, client.ip()) => client,
                Client::At(_) => return Ok(None),
            }
        } else {
            peer
        };
        let mut asked = false;
        let stream = match front.asking.load_full() {
            None => TlsAcceptor::from(Arc::clone(&front.tls)).accept(wire).await?,
            Some(asking) => {
                let hello = LazyConfigAcceptor::new(Acceptor::default(), wire).await?;
                let settings = asking.settings_for(&hello.client_hello());
                asked = settings.is_some();
                hello.into_stream(settings.unwrap_or_else(|| Arc::clone(&front.tls))).await?
            }
        };
        let shown = if asked { Shown::answered(stream.get_ref().1.peer_certificates()) } else { Shown::NotAsked };
        Ok(Some(Arrived { stream, client, shown }))
    }

    /// What is spoken after the handshake, and with whom. Not `async`: what is moved about here keeps no room later.
    fn settle(&self, shaken: Option<Arrived>) -> Option<Settled<impl Answers<S> + use<S>>> {
        let Arrived { stream, client, shown } = shaken?;
        let (tls, sni) = settled(stream.get_ref().1)?;
        let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let origin = Arc::new(Origin { address: client.ip().to_canonical(), port: client.port(), tls, sni, shown });
        *self.age.borrow_mut() = origin.shown.was_asked().then(|| Age::begin(&self.worker.front, &self.line));
        self.pulse.ready();
        let framing = if h2 { Framing::Frames } else { Framing::Heads };
        let (heard, verdict) = Heard::new(stream, Arc::clone(&self.pulse), framing);
        let (socket, answers) = (TokioIo::new(heard), self.answers(&origin));
        let speaks = if h2 {
            let here = OnThisThread { readers: Rc::clone(&self.readers), line: Arc::clone(&self.line) };
            Speaks::Http2(Box::pin(http2_settings(self.worker.front.caps.streams, here).serve_connection(socket, answers)))
        } else {
            Speaks::Http1(Box::pin(http1_settings().serve_connection(socket, answers).with_upgrades()))
        };
        Some(Settled { origin, verdict, speaks })
    }

    async fn http1<A: Answers<S>>(&self, connection: Pin<Box<Http1<A>>>, origin: &Arc<Origin>, verdict: &Verdict) {
        let Some(Err(error)) = self.drive(connection, |connection| connection.graceful_shutdown()).await else { return };
        if error.is_parse() && verdict.get().is_none() {
            let status = if error.is_parse_too_large() { StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE } else { StatusCode::BAD_REQUEST };
            self.worker.service.malformed(origin, status, &error.to_string());
        }
        tracing::debug!(%error, "an HTTP/1.1 connection ended early");
    }

    async fn http2<A: Answers<S>>(&self, connection: Pin<Box<Http2<A>>>) {
        if let Some(Err(error)) = self.drive(connection, |connection| connection.graceful_shutdown()).await {
            tracing::debug!(%error, "an HTTP/2 connection ended early");
        }
    }

    /// Runs a connection to its end: `None` if it was cut.
    async fn drive<C, R>(&self, mut connection: Pin<Box<C>>, finish: impl Fn(Pin<&mut C>)) -> Option<R>
    where
        C: Future<Output = R>,
    {
        let mut late = pin!(self.pulse.late(self.worker.front.timers));
        let mut alarm = None;
        let told = |count| self.worker.front.tally.too_slow(count);
        let mut late_reader = poll_fn(|context| self.readers.poll_late(&mut alarm, told, context));
        let mut shutdown = self.worker.shutdown.clone();
        let mut draining = false;
        let mut growing_old = self.age.borrow_mut().as_mut().and_then(Age::take_end);
        let mut old = poll_fn(|context| match &mut growing_old {
            Some(end) => end.as_mut().poll(context),
            None => Poll::Pending,
        });
        loop {
            // In this order: the pulse is read after the connection has left its marks.
            tokio::select! {
                biased;
                _ = self.line.until_cut() => {
                    self.cutter.cut();
                    return None;
                }
                ended = connection.as_mut() => return Some(ended),
                late = late.as_mut() => match late {
                    Late::Slow => {
                        self.too_slow();
                        return None;
                    }
                    Late::Idle => {
                        self.pulse.closing();
                        finish(connection.as_mut());
                    }
                },
                () = &mut late_reader => {
                    self.too_slow();
                    return None;
                }
                () = &mut old, if !draining => {
                    draining = true;
                    finish(connection.as_mut());
                }
                () = stopped(&mut shutdown), if !draining => {
                    draining = true;
                    finish(connection.as_mut());
                }
            }
        }
    }

    fn answers(&self, origin: &Arc<Origin>) -> impl Answers<S> + use<S> {
        let (service, origin) = (self.worker.service.clone(), Arc::clone(origin));
        let (line, pulse) = (Arc::clone(&self.line), Arc::clone(&self.pulse));
        service_fn(move |request: Request<Incoming>| {
            let under_way = pulse.begin();
            let (service, origin, line) = (service.clone(), Arc::clone(&origin), Arc::clone(&line));
            async move {
                let reader = READER.try_with(Rc::clone).ok();
                let admitted = admit(request, &origin, reader.as_ref().map_or(&line, |reader| reader.line()));
                Ok(match admitted {
                    Ok(inbound) => {
                        let upgrades = inbound.upgrade.is_some();
                        let mut response = service.call(inbound).await.map(|body| Answer::of_service(body, reader, under_way));
                        if upgrades && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                            // What follows a request for an upgrade is not judged, so it is not read as a request either.
                            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                        }
                        response
                    }
                    Err(malformed) => {
                        let reference = service.malformed(&origin, malformed.status, malformed.what);
                        answer(malformed, reference, reader, under_way)
                    }
                })
            }
        })
    }
}

fn http1_settings() -> http1::Builder {
    let mut settings = http1::Builder::new();
    // hyper's header timeout counts the time between requests too, and sets a timer for each; the pulse does better.
    settings.timer(TokioTimer::new()).header_read_timeout(None);
    settings.keep_alive(true).half_close(false).max_headers(MOST_FIELDS).max_buf_size(BUFFER);
    settings
}

fn http2_settings(streams: u32, executor: OnThisThread) -> http2::Builder<OnThisThread> {
    let mut settings = http2::Builder::new(executor);
    settings
        .timer(TokioTimer::new())
        .max_concurrent_streams(streams)
        .max_header_list_size(H2_FIELDS)
        .max_pending_accept_reset_streams(H2_RESETS)
        .max_local_error_reset_streams(H2_RESETS)
        .initial_stream_window_size(H2_STREAM_WINDOW)
        .initial_connection_window_size(H2_CONNECTION_WINDOW)
        .max_send_buf_size(BUFFER);
    settings
}

/// HTTP/2 streams stay on their connection's thread, each in a task that its reader can end.
#[derive(Clone)]
struct OnThisThread {
    readers: Rc<Readers>,
    line: Arc<Line>,
}

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for OnThisThread {
    fn execute(&self, stream: F) {
        let reader = self.readers.reader(&self.line);
        let task = spawn_local(READER.scope(Rc::clone(&reader), stream));
        reader.set_task(task.abort_handle());
    }
}
