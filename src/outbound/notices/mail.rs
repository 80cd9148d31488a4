//! Notices by mail: one recipient, one connection (RFC 5321), in TLS unless the plan says otherwise.
//!
//! Invariant: a password goes only over TLS or within this machine, and only to whom the plan's authority vouches for. Nothing that a server
//! says in the clear counts once TLS has begun, and no server makes the gateway hold more than [`MOST_SAID`].

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lettre::address::Envelope;
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{CONNECT_PATIENCE, NotSent, client_config, secret};
use crate::clock::Time;
use crate::incident::notice::{Letter, Mail, MailTls};
use crate::model::{capped, visible};

/// A talk about one mail takes a few hundred bytes. Reading an answer takes time with the square of its length.
const MOST_SAID: usize = 16 << 10;
/// Before TLS has begun.
const LONGEST_LINE: usize = 2_000;
const MOST_LINES: usize = 100;

/// Whether mail can be sent to it.
pub fn is_mailbox(text: &str) -> bool {
    text.is_ascii() && Address::from_str(text).is_ok()
}

pub async fn send(mail: &Mail, letter: &Letter, host: &str, wall: Time) -> Result<(), NotSent> {
    let (envelope, message) = message(mail, letter, host, wall)?;
    let password = match &mail.login {
        Some(login) => Some((login, secret(&login.password_file).await?)),
        None => None,
    };
    let hello = ClientId::Domain(host.to_owned());
    let secrets: Vec<String> = password.iter().flat_map(|(login, password)| forms(&login.user, password)).collect();
    let failed = |error: Error| NotSent::refused(&told(&error), &secrets);
    let stream = reach(mail, host).await?;
    let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello).await.map_err(failed)?;
    if let Some((login, password)) = &password {
        let credentials = Credentials::new(login.user.clone(), password.to_string());
        connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await.map_err(failed)?;
    }
    connection.send(&envelope, &message).await.map_err(failed)?;
    // It is the server's now, whatever becomes of the farewell.
    drop(timeout(Duration::from_secs(2), connection.quit()).await);
    Ok(())
}

/// In which a password is sent (RFC 4616; AUTH LOGIN), and a server might say it back.
fn forms(user: &str, password: &str) -> [String; 3] {
    [STANDARD.encode(format!("\0{user}\0{password}")), STANDARD.encode(password), password.to_owned()]
}

fn message(mail: &Mail, letter: &Letter, host: &str, wall: Time) -> Result<(Envelope, Vec<u8>), NotSent> {
    let malformed = |why: &dyn std::fmt::Display| NotSent::Malformed(why.to_string());
    let address = letter.to.first().and_then(|to| to.address.as_deref()).ok_or_else(|| malformed(&"it has no recipient"))?;
    let (from, to) = (Address::from_str(&mail.from), Address::from_str(address));
    let (from, to) = (from.map_err(|error| malformed(&error))?, to.map_err(|error| malformed(&error))?);
    let envelope = Envelope::new(Some(from.clone()), vec![to.clone()]).map_err(|error| malformed(&error))?;
    let message = Message::builder()
        .from(Mailbox::new(Some("Yumen".to_owned()), from))
        .to(Mailbox::new(None, to))
        .subject(letter.subject.as_str())
        .date(time_of(wall))
        .message_id(Some(format!("<{}@{host}>", letter.id)))
        .header(Automatic)
        .singlepart(SinglePart::plain(letter.text.clone()))
        .map_err(|error| malformed(&error))?;
    Ok((envelope, message.formatted()))
}

/// Nobody's absence is to be told to it (RFC 3834, section 5).
#[derive(Clone)]
struct Automatic;

impl lettre::message::header::Header for Automatic {
    fn name() -> lettre::message::header::HeaderName {
        lettre::message::header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> lettre::message::header::HeaderValue {
        lettre::message::header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

fn time_of(wall: Time) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(u64::try_from(wall.millis()).unwrap_or(0))).unwrap_or(UNIX_EPOCH)
}

fn told(error: &Error) -> String {
    let said = error.to_string();
    match error.status() {
        Some(code) => format!("the mail server answers {code}: {}", said.split_once(": ").map_or("", |(_, said)| said)),
        None => format!("the mail server cannot be talked with: {said}"),
    }
}

async fn reach(mail: &Mail, host: &str) -> Result<Box<dyn AsyncTokioStream>, NotSent> {
    let late = || NotSent::Unreachable(io::Error::new(io::ErrorKind::TimedOut, "the connection took too long"));
    let config = match (mail.tls, &mail.ca) {
        (MailTls::Clear, _) => None,
        (_, None) => return Err(NotSent::Malformed("nothing is known of its server's certificate".to_owned())),
        (_, Some(ca)) => {
            let mut config = rustls::ClientConfig::clone(&*client_config(ca).await?);
            config.alpn_protocols.clear();
            Some(Arc::new(config))
        }
    };
    let connecting = async {
        let mut tcp = TcpStream::connect((mail.host.as_str(), mail.port)).await?;
        tcp.set_nodelay(true)?;
        let peer = tcp.peer_addr()?;
        let Some(config) = config else { return Ok(Box::new(Bounded::new(tcp, peer, &[])) as Box<dyn AsyncTokioStream>) };
        let is_upgraded = mail.tls == MailTls::Starttls;
        if is_upgraded {
            ask_for_tls(&mut tcp, host).await?;
        }
        let name = ServerName::try_from(mail.host.clone()).map_err(io::Error::other)?;
        let tls = TlsConnector::from(config).connect(name, tcp).await?;
        // It does not greet again.
        let greeting: &'static [u8] = if is_upgraded { b"220 \r\n" } else { &[] };
        Ok(Box::new(Bounded::new(tls, peer, greeting)) as Box<dyn AsyncTokioStream>)
    };
    timeout(CONNECT_PATIENCE, connecting).await.map_err(|_| late())?.map_err(NotSent::Unreachable)
}

/// Up to where the handshake begins (RFC 3207). What somebody put behind the last answer is a part of the handshake, which it spoils.
async fn ask_for_tls(tcp: &mut TcpStream, host: &str) -> io::Result<()> {
    let refused = |what: &str, said: &[String]| {
        let said = said.last().map(String::as_str).unwrap_or_default();
        io::Error::other(format!("the mail server {what}: {}", capped(&visible(said), 100)))
    };
    let greeting = answer(tcp).await?;
    if !said(&greeting, "220") {
        return Err(refused("does not greet", &greeting));
    }
    tcp.write_all(format!("EHLO {host}\r\n").as_bytes()).await?;
    let offers = answer(tcp).await?;
    if !said(&offers, "250") || !offers.iter().any(|line| line.get(4..).is_some_and(|offer| offer.eq_ignore_ascii_case("STARTTLS"))) {
        return Err(refused("offers no STARTTLS", &offers));
    }
    tcp.write_all(b"STARTTLS\r\n").await?;
    let begun = answer(tcp).await?;
    if said(&begun, "220") { Ok(()) } else { Err(refused("does not begin TLS", &begun)) }
}

fn said(answer: &[String], code: &str) -> bool {
    answer.last().is_some_and(|line| line.starts_with(code))
}

/// The lines of one answer (RFC 5321, section 4.2.1), byte for byte, so that nothing behind it is read.
async fn answer(tcp: &mut TcpStream) -> io::Result<Vec<String>> {
    let too_much = || io::Error::other("the mail server says too much");
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            line.push(tcp.read_u8().await?);
            if line.len() > LONGEST_LINE {
                return Err(too_much());
            }
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let goes_on = line.as_bytes().get(3) == Some(&b'-');
        lines.push(line);
        match goes_on {
            false => return Ok(lines),
            true if lines.len() >= MOST_LINES => return Err(too_much()),
            true => {}
        }
    }
}

/// A server says only so much.
#[derive(Debug)]
struct Bounded<S> {
    /// What is read first.
    before: &'static [u8],
    stream: S,
    peer: SocketAddr,
    left: usize,
}

impl<S> Bounded<S> {
    fn new(stream: S, peer: SocketAddr, before: &'static [u8]) -> Self {
        Self { before, stream, peer, left: MOST_SAID }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug> AsyncTokioStream for Bounded<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (now, then) = self.before.split_at(self.before.len().min(buffer.remaining()));
        if !now.is_empty() {
            buffer.put_slice(now);
            self.before = then;
            return Poll::Ready(Ok(()));
        }
        let room = buffer.remaining().min(self.left);
        if room == 0 && buffer.remaining() > 0 {
            return Poll::Ready(Err(io::Error::other("the server says too much")));
        }
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut part))?;
        let read = part.filled().len();
        self.left = self.left.saturating_sub(read);
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
