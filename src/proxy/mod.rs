//! Forwards a permitted request to its back office, and the answer to the client.
//!
//! Invariants: what reaches a back office has a [`Permit`](crate::access::Permit), and for an unsafe request a durable
//! record; no byte of an answer leaves before the record is durable. The record is closed exactly once. A connection on
//! which a request was not wholly sent, or an answer not wholly read, is never used again. Bodies are streamed; only [`gather`]
//! gathers one, up to a cap, to be sent later. This module decides nothing about who may do what, and makes no page.
//!
//! It runs on current-thread runtimes inside a `LocalSet`, one [`Pool`] a thread.

mod backend;
mod body;
mod claims;
mod connect;
mod departure;
mod forward;
mod gather;
mod headers;
mod health;
mod outgoing;
mod pool;
mod upgrade;

#[cfg(test)]
mod tests;

pub use backend::{Backend, Upstream, UpstreamHost, UpstreamTls};
pub use departure::Departure;
pub use forward::{Failure, forward};
pub use gather::gather;
pub use health::HealthCounts;
pub use outgoing::{BrokenOff, Outgoing};
pub use pool::{Pool, PoolSettings};
