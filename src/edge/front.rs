//! What all workers share: certificates, timers, caps and counters.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ipnet::IpNet;
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
    proxies: Vec<IpNet>,
    told_of_proxy: AtomicBool,
}

/// What has happened at the sockets since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub open: usize,
    pub accepted: u64,
    /// Closed at once because a cap was reached.
    pub over_cap: u64,
    pub handshakes_failed: u64,
    /// Cut because a timer ran out: connections, and streams of HTTP/2 that nobody read.
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
        let (proxies, told_of_proxy) = (Vec::new(), AtomicBool::new(false));
        Ok(Self { clock, timers, caps, tls, tally: Tally::default(), names, turnstile: Arc::default(), proxies, told_of_proxy })
    }

    /// Connections from there begin with a PROXY header, which says for whom they are; nobody else's are looked at for one.
    #[must_use]
    pub fn behind(self, proxies: Vec<IpNet>) -> Self {
        Self { proxies, ..self }
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

    pub(super) fn is_proxy(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.proxies.iter().any(|network| network.contains(&peer))
    }

    pub(super) fn admit(&self, peer: IpAddr) -> Option<Admission> {
        let admission =
            if self.is_proxy(peer) { self.turnstile.admit_proxy(&self.caps) } else { self.turnstile.admit(Network::of(peer), &self.caps) };
        let counter = if admission.is_some() { &self.tally.accepted } else { &self.tally.over_cap };
        counter.fetch_add(1, Ordering::Relaxed);
        admission
    }

    /// Counts a proxy's connection for the client whom it named; `false`: he has his share already.
    pub(super) fn admit_client(&self, admission: &mut Admission, client: IpAddr) -> bool {
        let admitted = admission.count_for(Network::of(client), &self.caps);
        if !admitted {
            self.tally.over_cap.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    /// A proxy that is set up wrongly is told of once, for it is so with every connection.
    pub(super) fn refused_proxy(&self, peer: IpAddr, error: &std::io::Error) {
        if !self.told_of_proxy.swap(true, Ordering::Relaxed) {
            tracing::warn!(%peer, %error, "a connection of a listed proxy was closed; this is said once");
        }
    }
}

impl Tally {
    pub fn handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Ordering::Relaxed);
    }

    pub fn too_slow(&self, count: u64) {
        self.too_slow.fetch_add(count, Ordering::Relaxed);
    }
}
