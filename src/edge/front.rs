//! What all workers share: certificates, timers, caps and counters.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use ipnet::IpNet;
use rustls::ServerConfig;
use tokio::sync::watch;

use super::admission::{Admission, Turnstile};
use super::asking::{Asking, AskingHosts};
use super::relief::Room;
use super::tls::{ByName, Certificates, server_config};
use super::{Caps, Timers};
use crate::clock::Clock;
use crate::model::Network;

pub struct Front {
    pub(super) clock: Clock,
    pub(super) timers: Timers,
    pub(super) caps: Caps,
    /// Of hosts that ask for no certificate.
    pub(super) tls: Arc<ServerConfig>,
    pub(super) asking: ArcSwapOption<AskingHosts>,
    pub(super) tally: Tally,
    names: Arc<ByName>,
    turnstile: Arc<Turnstile>,
    proxies: Vec<IpNet>,
    told_of_proxy: AtomicBool,
    room: watch::Sender<Room>,
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
    /// Closed at once because memory was short.
    pub turned_away: u64,
    /// Ended later because memory was short.
    pub relieved: u64,
}

#[derive(Default)]
pub(super) struct Tally {
    accepted: AtomicU64,
    over_cap: AtomicU64,
    handshakes_failed: AtomicU64,
    too_slow: AtomicU64,
    turned_away: AtomicU64,
    relieved: AtomicU64,
}

impl Front {
    pub fn new(clock: Clock, certificates: Certificates, timers: Timers, caps: Caps) -> Result<Self, rustls::Error> {
        let names = Arc::new(ByName::new(certificates));
        let tls = Arc::new(server_config(Arc::clone(&names))?);
        let (proxies, told_of_proxy) = (Vec::new(), AtomicBool::new(false));
        let (tally, turnstile, room) = (Tally::default(), Arc::default(), watch::Sender::default());
        let asking = ArcSwapOption::empty();
        Ok(Self { clock, timers, caps, tls, asking, tally, names, turnstile, proxies, told_of_proxy, room })
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

    /// From now on handshakes for these hosts, and no others, ask for a certificate; connections that stand are left.
    pub fn ask_for_certificates(&self, asking: &Asking) -> Result<(), rustls::Error> {
        self.asking.store(AskingHosts::new(asking, &self.names)?.map(Arc::new));
        Ok(())
    }

    /// What handshakes see now.
    pub fn certificates(&self) -> Arc<Certificates> {
        self.names.in_use()
    }

    /// From now on there is so much room for connections.
    pub fn set_room(&self, room: Room) {
        self.room.send_if_modified(|known| std::mem::replace(known, room) != room);
    }

    pub(super) fn room(&self) -> watch::Receiver<Room> {
        self.room.subscribe()
    }

    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            open: self.turnstile.open(),
            accepted: read(&self.tally.accepted),
            over_cap: read(&self.tally.over_cap),
            handshakes_failed: read(&self.tally.handshakes_failed),
            too_slow: read(&self.tally.too_slow),
            turned_away: read(&self.tally.turned_away),
            relieved: read(&self.tally.relieved),
        }
    }

    pub(super) fn is_proxy(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.proxies.iter().any(|network| network.contains(&peer))
    }

    pub(super) fn admit(&self, peer: IpAddr) -> Option<Admission> {
        if *self.room.borrow() != Room::Enough {
            self.tally.turned_away.fetch_add(1, Ordering::Relaxed);
            return None;
        }
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

    pub fn relieved(&self, connections: usize) {
        self.relieved.fetch_add(connections as u64, Ordering::Relaxed);
    }

    pub fn too_slow(&self, count: u64) {
        self.too_slow.fetch_add(count, Ordering::Relaxed);
    }
}
