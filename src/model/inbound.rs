//! A request on its way in, after `edge` has found it well-formed and before anything was decided.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use http::{HeaderMap, Method, Uri, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio::sync::Notify;

use super::{End, Host, Origin};

/// One connection of a client, for whoever must end it: a client that stalls never polls its body, so
/// ending a flow for certain means cutting the socket.
#[derive(Debug, Default)]
pub struct Line {
    cut: OnceLock<End>,
    waiting: Notify,
    known: AtomicBool,
}

impl Line {
    /// Somebody who is signed in uses it.
    pub fn mark_known(&self) {
        self.known.store(true, Ordering::Relaxed);
    }

    /// Whether anybody who is signed in has used it.
    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// Ends the connection with everything on it. The first reason stays.
    pub fn cut(&self, why: End) {
        let _ = self.cut.set(why);
        self.waiting.notify_waiters();
    }

    /// Why the connection was cut, if it was.
    pub fn why_cut(&self) -> Option<End> {
        self.cut.get().copied()
    }

    /// Resolves when the connection must end.
    pub async fn until_cut(&self) -> End {
        loop {
            let notified = self.waiting.notified();
            if let Some(why) = self.why_cut() {
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
    pub body: Incoming,
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
