//! A request on its way in, after `edge` has found it well-formed and before anything was decided.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use http::{HeaderMap, Method, Uri, Version};
use hyper::upgrade::OnUpgrade;
use tokio::sync::Notify;

use super::{End, Host, Origin, RequestBody};

/// One connection of a client, for whoever must end it: a client that stalls never polls its body, so
/// ending a flow for certain means cutting the socket. A stream of HTTP/2 has one of its own, which cuts the connection.
#[derive(Debug, Default)]
pub struct Line {
    cut: OnceLock<End>,
    waiting: Notify,
    known: AtomicBool,
    ending: AtomicBool,
    connection: Option<Arc<Line>>,
}

impl Line {
    pub fn of_stream(connection: Arc<Line>) -> Self {
        Self { connection: Some(connection), ..Self::default() }
    }

    /// Somebody who is signed in uses the connection.
    pub fn mark_known(&self) {
        self.connection().known.store(true, Ordering::Relaxed);
    }

    /// Whether anybody who is signed in has used it.
    pub fn is_known(&self) -> bool {
        self.connection().known.load(Ordering::Relaxed)
    }

    /// Ends the connection with everything on it. The first reason stays.
    pub fn cut(&self, why: End) {
        let connection = self.connection();
        let _ = connection.cut.set(why);
        connection.waiting.notify_waiters();
    }

    /// The connection should end after what is under way, where somebody watches for that: one on which a certificate was asked for.
    pub fn ask_to_end(&self) {
        let connection = self.connection();
        connection.ending.store(true, Ordering::Relaxed);
        connection.waiting.notify_waiters();
    }

    /// Resolves when the connection should end by itself.
    pub async fn until_asked_to_end(&self) {
        let connection = self.connection();
        loop {
            let notified = connection.waiting.notified();
            if connection.ending.load(Ordering::Relaxed) {
                return;
            }
            notified.await;
        }
    }

    /// Says why a stream ends by itself, for whoever holds what was under way on it; its connection is not cut.
    pub fn end_stream(&self, why: End) {
        let _ = self.cut.set(why);
    }

    /// Why the connection was cut, if it was, or the stream ended.
    pub fn why_cut(&self) -> Option<End> {
        self.connection().cut.get().or(self.cut.get()).copied()
    }

    fn connection(&self) -> &Line {
        self.connection.as_deref().unwrap_or(self)
    }

    /// Resolves when the connection must end.
    pub async fn until_cut(&self) -> End {
        loop {
            let notified = self.connection().waiting.notified();
            if let Some(why) = self.connection().cut.get().copied() {
                return why;
            }
            notified.await;
        }
    }
}

/// Invariant: `host` is the one host that the request names, in whatever form it came.
#[derive(Debug)]
pub struct Inbound {
    pub method: Method,
    pub host: Host,
    pub uri: Uri,
    pub version: Version,
    pub headers: HeaderMap,
    pub body: RequestBody,
    /// There for HTTP/1.1; resolves if the answer is 101.
    pub upgrade: Option<OnUpgrade>,
    pub origin: Arc<Origin>,
    pub line: Arc<Line>,
}

impl Inbound {
    /// Methods that are not safe (RFC 9110, section 9.2.1) may change something.
    pub fn is_unsafe(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS)
    }

    /// The value of a field that stands exactly once and is text; otherwise `None`.
    pub fn sole(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        value.to_str().ok()
    }

    /// Whether the one who asks is a person looking at pages (who can be sent elsewhere), not a script.
    pub fn wants_page(&self) -> bool {
        let navigates = self.sole("sec-fetch-mode").is_none_or(|mode| mode == "navigate");
        let html = self
            .headers
            .get_all(http::header::ACCEPT)
            .iter()
            .any(|accept| accept.to_str().is_ok_and(|accept| accept.split(',').any(|part| part.trim_start().starts_with("text/html"))));
        navigates && html
    }
}
