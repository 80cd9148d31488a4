use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::access::{App, Emergency, Lockdown, Names};
use crate::admin::Desk;
use crate::audit::{Journal, Sealer, Strangers};
use crate::auth::{Auth, Csrf, KeyError, PasswordError};
use crate::clock::Clock;
use crate::config::{Activity, KeptForms, Upstream};
use crate::edge::{BindError, Front};
use crate::incident::Plan;
use crate::limit::Limits;
use crate::model::{AppId, Host};
use crate::outbound::{ArchiveError, SinkError, Sinks};
use crate::pki::PkiError;
use crate::proxy::Backend;
use crate::store::{LogIndex, LogIndexError, Store, StoreError};
use crate::web;

use super::emergency::Levels;
use super::kept::Kept;
use super::key_host::KeySite;
use super::log_check::LogCheck;
use super::memory::Memory;
use super::metrics::Metrics;
use super::notices::Notices;
use super::pages::PublicPages;
use super::retention::Retention;
use super::self_test::SelfTestError;
use super::space::Space;
use super::standing::Standing;
use super::triggers::Triggers;
use super::trust::Trusting;
use super::vouching::Vouching;

/// What all workers share.
pub struct House {
    pub clock: Clock,
    pub store: Store,
    pub journal: Journal,
    /// Has what the journal holds under a signed head within a second.
    pub sealer: Sealer,
    /// Who keeps a copy of it.
    pub sinks: Sinks,
    /// Drops what of it is too old.
    pub retention: Retention,
    /// Finds records; the log itself is read through `sealer`.
    pub index: LogIndex,
    pub strangers: Arc<Strangers>,
    pub auth: Arc<Auth>,
    pub limits: Arc<Limits>,
    pub kept: Arc<Kept>,
    pub csrf: Csrf,
    pub desk: Arc<Desk>,
    pub front: Arc<Front>,
    pub pages: web::Pages,
    /// The runtime of pages and sign-in.
    pub back: tokio::runtime::Handle,
    pub map: ArcSwap<Map>,
    pub metrics: Arc<Metrics>,
    pub standing: Standing,
    pub memory: Memory,
    pub space: Space,
    /// Whose certificates are believed.
    pub trusting: Trusting,
    pub vouching: Vouching,
    pub lockdown: Arc<Lockdown>,
    /// Which emergency level is in force; `levels` alone sets it.
    pub emergency: Arc<Emergency>,
    pub levels: Levels,
    pub triggers: Triggers,
    /// Those that the emergency plan names.
    pub public_pages: PublicPages,
    pub log_check: LogCheck,
    pub notices: Notices,
}

/// What follows from the config in force. A reload replaces it whole.
pub struct Map {
    /// Grows by one with each reload, so that a worker sees that open flows must be judged anew.
    pub generation: u64,
    pub portal: PortalSite,
    /// Asks for certificates, for sign-in; `None`: USB-KEYs are not taken.
    pub key_host: Option<KeySite>,
    pub sites: HashMap<Host, Arc<AppSite>>,
    pub activity: Activity,
    pub kept_forms: KeptForms,
    pub hsts: bool,
    pub suspend_unused_after: Option<std::time::Duration>,
    /// The emergency plan, if there is one.
    pub plan: Option<Arc<Plan>>,
}

pub struct PortalSite {
    pub host: Host,
    pub names: Names,
    /// `https://host[:port]`.
    pub origin: String,
}

/// An app with what forwarding needs to know of it.
pub struct AppSite {
    pub app: Arc<App>,
    pub backend: Backend,
    /// What `backend` was made from.
    pub upstream: Upstream,
}

/// What stands behind a host name.
pub enum Site {
    Portal,
    KeyHost,
    App(Arc<AppSite>),
}

impl Map {
    pub fn site(&self, host: &Host) -> Option<Site> {
        if *host == self.portal.host {
            return Some(Site::Portal);
        }
        if self.key_host.as_ref().is_some_and(|site| site.host == *host) {
            return Some(Site::KeyHost);
        }
        self.sites.get(host).map(|site| Site::App(site.clone()))
    }

    pub fn site_of(&self, id: &AppId) -> Option<&Arc<AppSite>> {
        self.sites.values().find(|site| site.app.id == *id)
    }
}

/// Why the gateway does not start. Each is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "cannot use {directory}: {why}; make it a directory that this user may write, or name another with --data (demo) or `data` (config)"
    )]
    Data { directory: PathBuf, why: std::io::Error },
    #[error("the store {0} is gone, though a gateway has run here; restore it from a backup (a demo begins anew with --fresh)")]
    StoreGone(PathBuf),
    #[error(
        "the store holds seeds of tokens that were sealed with another key than {0}; restore that file from the backup that the store is from"
    )]
    OtherSecret(PathBuf),
    #[error("the data directory {0} is in use by another yumen; stop that one first, or name another directory with --data")]
    InUse(PathBuf),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Index(#[from] LogIndexError),
    #[error(transparent)]
    Passwords(#[from] PasswordError),
    #[error(transparent)]
    Journal(#[from] crate::audit::OpenError),
    #[error(transparent)]
    Seal(#[from] crate::audit::SealError),
    #[error("the self-test at the start failed, and nobody is let in: {0}")]
    SelfTest(#[from] SelfTestError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("whose certificates are trusted is not known: {0}")]
    Trust(#[from] crate::admin::AdminError),
    #[error(transparent)]
    Record(#[from] crate::audit::NoRecord),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("metrics and health: {0}, under [monitoring] in the config")]
    Monitoring(#[source] BindError),
    #[error("the figures cannot be kept: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error(transparent)]
    Pki(#[from] PkiError),
    #[error(transparent)]
    Randomness(#[from] crate::crypto::NoRandomness),
    #[error("{file}: {why}")]
    Make { file: PathBuf, why: String },
    #[error("the keys that are registered cannot be judged: {0}")]
    Judge(#[from] crate::auth::CeremonyError),
    #[error("the app {app}: {why}")]
    App { app: AppId, why: String },
    #[error("the portal's address cannot be used for security keys: {0}")]
    Keys(#[from] KeyError),
    #[error("the host {0} has no certificate: add one that names it under [[tls.certificates]]")]
    NoCertificate(Host),
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    #[error("{what}: {why}")]
    System { what: &'static str, why: std::io::Error },
}
