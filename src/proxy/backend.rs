//! Where an app's requests go, and what they may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderValue;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::health::{Health, HealthCounts};

/// One app's back office.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Used in turn; those that failed of late only when no other is left.
    pub upstreams: Vec<Upstream>,
    pub host: UpstreamHost,
    pub websocket: bool,
    /// Of a request's body, in bytes.
    pub max_body: u64,
    /// For reaching one upstream: a free slot, TCP and TLS each.
    pub connect_timeout: Duration,
    /// For the head of the answer, from when the upstream has the whole request; and for any pause in which it takes
    /// nothing of the request.
    pub answer_timeout: Duration,
    /// Bytes a second of a request's body, after a grace of 10 s; 0 means any.
    pub least_body_rate: u64,
    /// Answers are marked `Cache-Control: no-store`.
    pub no_store: bool,
    /// The `host` or `host:port` under which clients reach the app.
    pub public_authority: String,
    /// Lets field names with underscores pass. Many servers read `_` as `-`, so identity fields are stripped either way.
    pub allow_underscores: bool,
}

/// What the upstream reads in `Host`.
#[derive(Clone, Debug)]
pub enum UpstreamHost {
    /// The public authority, as the client wrote it.
    Same,
    Named(HeaderValue),
}

/// One server of a back office. Each that is made has connections of its own, so a reload that changes its TLS settings
/// never meets an old connection; clones share them.
#[derive(Clone, Debug)]
pub struct Upstream {
    id: u64,
    pub host: Arc<str>,
    pub port: u16,
    pub tls: Option<UpstreamTls>,
    pub(super) health: Arc<Health>,
}

/// The config says whom to trust and which certificate to show. ALPN must be empty or `http/1.1`.
#[derive(Clone, Debug)]
pub struct UpstreamTls {
    pub config: Arc<ClientConfig>,
    pub name: ServerName<'static>,
}

impl Upstream {
    pub fn new(host: &str, port: u16, tls: Option<UpstreamTls>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), host: host.into(), port, tls, health: Arc::default() }
    }

    /// How it has answered so far.
    pub fn health(&self) -> HealthCounts {
        self.health.counts()
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

impl std::fmt::Display for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}
