//! What all workers share: certificates, timers, caps and counters.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::ServerConfig;

use super::admission::{Admission, Turnstile};
use super::tls::{ByName, Certificates, server_config};
use super::{Caps, Timers};
use crate::clock::Clock;
use crate::model::Network;

pub struct Front {
    pub(super) clock: Clock,
    pub(super) timers: Timers,
    pub(super) caps: Caps,
    pub(super) tls: Arc<ServerConfig>,
    pub(super) tally: Tally,
    names: Arc<ByName>,
    turnstile: Arc<Turnstile>,
}

/// What has happened at the sockets since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub open: usize,
    pub accepted: u64,
    /// Closed at once because a cap was reached.
    pub over_cap: u64,
    pub handshakes_failed: u64,
    /// Cut because a timer ran out.
    pub too_slow: u64,
}

#[derive(Default)]
pub(super) struct Tally {
    accepted: AtomicU64,
    over_cap: AtomicU64,
    handshakes_failed: AtomicU64,
    too_slow: AtomicU64,
}

impl Front {
    pub fn new(clock: Clock, certificates: Certificates, timers: Timers, caps: Caps) -> Result<Self, rustls::Error> {
        let names = Arc::new(ByName::new(certificates));
        let tls = Arc::new(server_config(Arc::clone(&names))?);
        Ok(Self { clock, timers, caps, tls, tally: Tally::default(), names, turnstile: Arc::default() })
    }

    /// From now on handshakes see these certificates alone; connections that stand are left.
    pub fn replace_certificates(&self, certificates: Certificates) {
        self.names.replace(certificates);
    }

    /// What handshakes see now.
    pub fn certificates(&self) -> Arc<Certificates> {
        self.names.in_use()
    }

    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            open: self.turnstile.open(),
            accepted: read(&self.tally.accepted),
            over_cap: read(&self.tally.over_cap),
            handshakes_failed: read(&self.tally.handshakes_failed),
            too_slow: read(&self.tally.too_slow),
        }
    }

    pub(super) fn admit(&self, address: IpAddr) -> Option<Admission> {
        let admission = self.turnstile.admit(Network::of(address), &self.caps);
        let counter = if admission.is_some() { &self.tally.accepted } else { &self.tally.over_cap };
        counter.fetch_add(1, Ordering::Relaxed);
        admission
    }
}

impl Tally {
    pub fn handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Ordering::Relaxed);
    }

    pub fn too_slow(&self) {
        self.too_slow.fetch_add(1, Ordering::Relaxed);
    }
}
