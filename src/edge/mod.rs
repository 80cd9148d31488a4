//! Sockets, TLS and HTTP, up to an [`Inbound`]: a well-formed request from a known place for one host.
//!
//! Invariant: `edge` knows nothing about policy. Every connection is watched from its accept to its end, and cutting
//! its [`Line`] closes the socket whatever its tasks are waiting for.

mod admission;
mod age;
mod asking;
mod bind;
mod body;
mod connection;
pub mod frames;
mod front;
pub mod heads;
pub mod proxy_protocol;
mod pulse;
mod readers;
mod relief;
mod request;
mod run;
mod tls;
mod wire;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use hyper::body::Body;

use crate::model::{Inbound, Origin, Reference};

pub use asking::{Asking, Spoken};
pub use bind::{BindError, bind};
pub use front::{Counts, Front};
pub use relief::Room;
pub use run::run;
pub use tls::Certificates;

/// How long a client may take. All run without any of its bytes reaching a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// From accept to the end of the TLS handshake.
    pub handshake: Duration,
    /// From the handshake to the first byte of a request.
    pub first_byte: Duration,
    /// From the first byte of a request's head to its last (HTTP/1.1; HTTP/2 heads fall under `idle`).
    pub head: Duration,
    /// Between requests.
    pub idle: Duration,
    /// How long a client may take no byte of what is meant for it.
    pub write_stall: Duration,
    /// Bytes a second that a client must take of each answer over HTTP/2 that waits for it; a pause of `write_stall` is granted.
    pub least_read_rate: u32,
    /// How old a connection may become on which a certificate was asked for.
    pub certificate_age: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self {
            handshake: s(10),
            first_byte: s(15),
            head: s(10),
            idle: s(60),
            write_stall: s(30),
            least_read_rate: 256,
            certificate_age: s(300),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Open connections of all workers together.
    pub connections: usize,
    /// Open connections from one IPv4 address or one IPv6 /64.
    pub per_address: usize,
    /// Requests under way at once on one HTTP/2 connection.
    pub streams: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self { connections: 10_000, per_address: 256, streams: 100 }
    }
}

/// What answers requests. Lives on one thread, and is cloned for every request.
pub trait Service: Clone + 'static {
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin + 'static;

    fn call(&self, inbound: Inbound) -> impl Future<Output = Response<Self::Body>>;

    /// `edge` refuses what came, by itself; `status` is what it answers. For the record; returns what the record is called,
    /// if there is one of its own, which the answer then names.
    fn malformed(&self, origin: &Origin, status: StatusCode, what: &str) -> Option<Reference>;
}
