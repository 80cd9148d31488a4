//! The socket of a connection, with marks for the [`Pulse`] and a handle that can cut it from outside.

use std::io::{self, ErrorKind, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::frames::{Flood, Frames};
use super::heads::{Flaw, Heads};
use super::proxy_protocol::{self, Client};
use super::pulse::{Framing, Pulse};

/// More than this does not wait unsent in the kernel, so a write that waits means a client that does not read.
const UNSENT: u32 = 128 * 1024;
/// How long a client that was told goodbye may still send.
const SEEN_OFF: Duration = Duration::from_secs(2);
const KEEPALIVE: Duration = Duration::from_secs(60);

/// TCP below TLS: marks whether the client takes what is written.
pub(super) struct Wire {
    tcp: Arc<TcpStream>,
    pulse: Arc<Pulse>,
    /// What came together with a proxy's header: the beginning of TLS.
    early: Vec<u8>,
    _open: oneshot::Sender<()>,
}

/// The connection's socket, for the task that watches over it and sees it off.
pub(super) struct Cutter(Arc<TcpStream>);

impl Wire {
    /// The wire, what can cut it, and what resolves (to an error) when it is gone.
    pub fn new(tcp: TcpStream, pulse: Arc<Pulse>, stall: Duration) -> (Self, Cutter, oneshot::Receiver<()>) {
        let socket = SockRef::from(&tcp);
        // Each only makes a connection better; none is worth refusing it.
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_tcp_notsent_lowat(UNSENT);
        let _ = socket.set_tcp_user_timeout(Some(stall));
        let _ = socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE));
        let (open, gone) = oneshot::channel();
        let tcp = Arc::new(tcp);
        let cutter = Cutter(Arc::clone(&tcp));
        (Self { tcp, pulse, early: Vec::new(), _open: open }, cutter, gone)
    }

    /// Reads the header with which a proxy must begin.
    pub async fn client(&mut self) -> io::Result<Client> {
        let mut bytes = Vec::with_capacity(proxy_protocol::LONGEST);
        loop {
            self.tcp.readable().await?;
            match self.tcp.try_read_buf(&mut bytes) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            }
            if let Some(header) = proxy_protocol::read(&bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))? {
                self.early = bytes.split_off(header.length.min(bytes.len()));
                return Ok(header.client);
            }
        }
    }
}

impl Cutter {
    /// Ends the socket at once, both ways; what was not yet sent is thrown away.
    pub fn cut(&self) {
        let socket = SockRef::from(&*self.0);
        let _ = socket.set_linger(Some(Duration::ZERO));
        let _ = socket.shutdown(Shutdown::Both);
    }

    /// Reads what still comes, to no purpose but that closing the socket does not throw away the last answer
    /// (RFC 9112, section 9.6): a client that is still sending a refused upload shall see why.
    pub async fn see_off(&self) {
        let _ = SockRef::from(&*self.0).shutdown(Shutdown::Write);
        // Not within the future, whose room every open connection has.
        let mut nothing = vec![0; 4096];
        let until_closed = async {
            while self.0.readable().await.is_ok() {
                match self.0.try_read(&mut nothing) {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(_) => return,
                }
            }
        };
        let _ = timeout(SEEN_OFF, until_closed).await;
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.early.is_empty() {
            let count = buffer.remaining().min(self.early.len());
            let rest = self.early.split_off(count);
            buffer.put_slice(&self.early);
            self.early = rest;
            return Poll::Ready(Ok(()));
        }
        loop {
            ready!(self.tcp.poll_read_ready(context))?;
            let unfilled = buffer.initialize_unfilled();
            let mut short = 0;
            let read = self.tcp.try_io(Interest::READABLE, || {
                let count = rustix::io::read(&*self.tcp, &mut *unfilled)?;
                // Less than there was room for: the socket is empty, and need not be asked to say so. What comes from now on
                // makes it ready again, for the kernel tells of every arrival.
                if (1..unfilled.len()).contains(&count) {
                    short = count;
                    return Err(ErrorKind::WouldBlock.into());
                }
                Ok(count)
            });
            match read {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock && short > 0 => {
                    buffer.advance(short);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl Wire {
    fn poll_write_with(
        &self,
        context: &mut Context<'_>,
        mut write: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let Poll::Ready(ready) = self.tcp.poll_write_ready(context) else {
                self.pulse.write_waits();
                return Poll::Pending;
            };
            ready?;
            match write(&self.tcp) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => {
                    self.pulse.write_goes_on();
                    return Poll::Ready(done);
                }
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_with(context, |tcp| tcp.try_write(bytes))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.poll_write_with(context, |tcp| tcp.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.tcp).shutdown(Shutdown::Write))
    }
}

/// TLS above the wire: marks that bytes of HTTP came, and lets a judge see them before any parser does.
pub(super) struct Heard<T> {
    inner: T,
    pulse: Arc<Pulse>,
    judge: Judge,
    verdict: Verdict,
}

/// Why the connection may not go on, if so. Shared with the task that answers for the connection.
pub(super) type Verdict = Arc<OnceLock<&'static str>>;

enum Judge {
    Heads(Heads),
    Frames { frames: Box<Frames>, open_head: Option<u64> },
}

/// What no parser takes, in a head or in a chunk's size: it stands for whatever was not let through, so that hyper answers 400.
const POISON: &[u8] = b"\0";

impl<T> Heard<T> {
    pub fn new(inner: T, pulse: Arc<Pulse>, framing: Framing) -> (Self, Verdict) {
        let verdict = Verdict::default();
        let judge = match framing {
            Framing::Heads => Judge::Heads(Heads::default()),
            Framing::Frames => Judge::Frames { frames: Box::new(Frames::new(pulse.now())), open_head: None },
        };
        (Self { inner, pulse, judge, verdict: Arc::clone(&verdict) }, verdict)
    }

    /// Judges what was read past `before`.
    fn judge(&mut self, buffer: &mut ReadBuf<'_>, before: usize) -> io::Result<()> {
        let new = buffer.filled().get(before..).unwrap_or_default();
        match &mut self.judge {
            Judge::Heads(heads) => {
                self.pulse.heard(Framing::Heads);
                if let Err(Flaw { at, what }) = heads.judge(new) {
                    let _ = self.verdict.set(what);
                    // The byte at `at` is there, so there is room for the one that takes its place.
                    buffer.set_filled(before.saturating_add(at));
                    buffer.put_slice(POISON);
                }
                Ok(())
            }
            Judge::Frames { frames, open_head } => {
                self.pulse.heard(Framing::Frames);
                frames.judge(new, self.pulse.now()).map_err(|Flood(what)| {
                    let _ = self.verdict.set(what);
                    io::Error::new(ErrorKind::InvalidData, what)
                })?;
                if frames.open_head() != *open_head {
                    *open_head = frames.open_head();
                    self.pulse.head(open_head.is_some());
                }
                Ok(())
            }
        }
    }

    fn sent(&mut self, written: &Poll<io::Result<usize>>) {
        if let (Judge::Frames { frames, .. }, Poll::Ready(Ok(count))) = (&mut self.judge, written) {
            frames.sent(u64::try_from(*count).unwrap_or(u64::MAX));
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Heard<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.verdict.get().is_some() {
            // Nothing that follows is read: to the parser, the client has gone.
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        Poll::Ready(if buffer.filled().len() > before { self.judge(buffer, before) } else { Ok(()) })
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Heard<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.sent(&written);
        written
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.sent(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
