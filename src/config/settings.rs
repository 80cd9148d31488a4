//! What a config says once it is checked. Defaults stand here and in `config/yumen.toml`; a test compares them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::files::Files;
use super::general::origin_of;
use super::makes::{KeyDemand, KeyMake};
use super::usb_keys::UsbKeys;
use crate::access::{App, Names};
use crate::incident::Plan;
use crate::lang::{self, Language};
use crate::model::{Host, Label};
use crate::outbound::{ArchiveSettings, SinkSettings};

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub listen: Vec<SocketAddr>,
    /// From there connections begin with a PROXY header, which names the client; from nowhere else.
    pub proxy_protocol_from: Vec<IpNet>,
    /// Threads that serve requests.
    pub workers: usize,
    pub data: PathBuf,
    /// The port in the addresses that browsers use.
    pub public_port: u16,
    /// Whether browsers are told to use HTTPS only (RFC 6797).
    pub hsts: bool,
    pub portal: Portal,
    pub certificates: Vec<CertificateFiles>,
    pub timeouts: Timeouts,
    pub caps: Caps,
    pub session: Session,
    pub labels: Labels,
    /// The makes of security keys that are told apart.
    pub makes: Vec<KeyMake>,
    /// For how long an account may lie unused until it is suspended; `None`: for ever.
    pub suspend_unused_after: Option<Duration>,
    pub sign_in: SignIn,
    pub enrolment: Enrolment,
    /// From where staff may act as such; empty: from anywhere.
    pub staff_addresses: Vec<IpNet>,
    pub kept_forms: KeptForms,
    pub per_person: Rate,
    /// Requests of one person under way together.
    pub per_person_at_once: u32,
    pub log: LogSettings,
    /// When its records go, and where.
    pub keeping: Keeping,
    /// Who keeps a copy of the log.
    pub sinks: Vec<SinkSettings>,
    /// Where metrics and health are told, if anywhere.
    pub monitoring: Option<SocketAddr>,
    pub apps: Vec<AppSettings>,
    /// Where USB-KEYs are shown and whose are believed, if any are.
    pub usb_keys: Option<UsbKeys>,
    /// The emergency plan, once it is read, if there is one.
    pub plan: Option<Arc<Plan>>,
    pub(super) files: Files,
}

impl Settings {
    /// Takes over the addresses under which browsers know `other`: its portal, and its port for every app.
    pub fn keep_public_addresses_of(&mut self, other: &Settings) {
        self.portal = other.portal.clone();
        self.public_port = other.public_port;
        if let Some(keys) = &mut self.usb_keys {
            keys.origin = origin_of(&keys.host, other.public_port);
        }
        for app in &mut self.apps {
            let origin = origin_of(&app.policy.host, other.public_port);
            if app.policy.origin != origin {
                app.policy = Arc::new(App { origin, ..App::clone(&app.policy) });
            }
        }
    }
}

pub fn default_listen() -> Vec<SocketAddr> {
    vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, 443)), SocketAddr::from((Ipv6Addr::UNSPECIFIED, 443))]
}

#[derive(Clone, Debug, PartialEq)]
pub struct Portal {
    pub host: Host,
    pub names: Names,
    /// As browsers write it: `https://host` or `https://host:port`.
    pub origin: String,
}

impl Portal {
    /// The product's own.
    pub fn default_names() -> Names {
        let product = |language| lang::text(language, "product").into_owned();
        Names { zh: product(Language::Chinese), ug: product(Language::Uyghur), en: product(Language::English) }
    }
}

/// A certificate with its chain, and its private key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    pub chain: PathBuf,
    pub key: PathBuf,
}

/// How long a client may take. All but `idle` count from the moment at which the gateway could go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub handshake: Duration,
    pub first_byte: Duration,
    pub head: Duration,
    /// Between two requests of one connection.
    pub idle: Duration,
    /// Until a client takes some of what it is sent.
    pub write_stall: Duration,
    /// Bytes a second that a client must send of a body, and over HTTP/2 take of an answer.
    pub least_body_rate: u32,
    /// How old a connection may become on which a certificate was asked for.
    pub certificate_age: Duration,
    /// For requests under way when the gateway stops.
    pub drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            first_byte: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            write_stall: Duration::from_secs(60),
            least_body_rate: 256,
            certificate_age: Duration::from_mins(5),
            drain: Duration::from_secs(20),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caps {
    pub connections: usize,
    pub connections_per_address: usize,
    /// HTTP/2 requests at once on one connection.
    pub streams: u32,
    pub memory: MemoryCap,
}

/// What the process may hold in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryCap {
    Bytes(u64),
    /// Percent of what the machine has, or the control group that the process is in.
    Share(u8),
}

impl Default for Caps {
    fn default() -> Self {
        Self { connections: 8192, connections_per_address: 256, streams: 100, memory: MemoryCap::Share(50) }
    }
}

/// What counts as activity for the idle limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Requests that a person made, not background polling that says so by `Sec-Fetch-*`.
    Person,
    /// Every request, and what clients send on WebSockets.
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub idle: Duration,
    pub overall: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub limits: Limits,
    pub activity: Activity,
}

impl Default for Session {
    fn default() -> Self {
        Self { limits: Limits { idle: Duration::from_mins(15), overall: Duration::from_hours(12) }, activity: Activity::Person }
    }
}

/// What holds in an app of each label; its limits are never longer than the session's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    pub public: LabelTerms,
    pub internal: LabelTerms,
    pub sensitive: LabelTerms,
}

/// What holds for the apps of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelTerms {
    pub limits: Limits,
    pub keys: KeyDemand,
}

impl Labels {
    pub fn default_within(session: Limits) -> Self {
        let sensitive = Limits { idle: session.idle.min(Duration::from_mins(10)), overall: session.overall.min(Duration::from_hours(4)) };
        let terms = |limits| LabelTerms { limits, keys: KeyDemand::default() };
        Self { public: terms(session), internal: terms(session), sensitive: terms(sensitive) }
    }

    pub fn of(&self, label: Label) -> &LabelTerms {
        match label {
            Label::Public => &self.public,
            Label::Internal => &self.internal,
            Label::Sensitive => &self.sensitive,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// Consecutive failures of the second factor after a right password.
    pub failures_until_suspended: u32,
    pub per_address_per_minute: u32,
    /// Without a name: a key first (two each), and enrolment links that are opened.
    pub nameless_per_address_per_minute: u32,
    pub per_account_per_minute: u32,
    pub overall_per_minute: u32,
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            failures_until_suspended: 10,
            per_address_per_minute: 20,
            nameless_per_address_per_minute: 120,
            per_account_per_minute: 10,
            overall_per_minute: 600,
        }
    }
}

/// Letters by which members enrol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// How long the code of a letter works.
    pub letter_life: Duration,
    /// Whom its reader asks, as it is printed; none: her security administrator.
    pub contact: Option<String>,
}

impl Default for Enrolment {
    fn default() -> Self {
        Self { letter_life: Duration::from_hours(14 * 24), contact: None }
    }
}

/// Forms that are kept while the person who was sending one proves more: how large, how many of a session, how much of all, how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptForms {
    pub each: u64,
    pub per_session: usize,
    pub overall: u64,
    pub life: Duration,
}

impl Default for KeptForms {
    fn default() -> Self {
        Self { each: 1 << 20, per_session: 4, overall: 64 << 20, life: Duration::from_mins(10) }
    }
}

/// Requests a second in the long run, and how many may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub per_second: u32,
    pub burst: u32,
}

impl Rate {
    pub const PER_PERSON: Rate = Rate { per_second: 50, burst: 200 };
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Bytes of one file of the journal.
    pub segment: u64,
    /// Refusals of strangers of one network that are recorded one by one; more are counted together.
    pub strangers_per_minute: u32,
    /// Of all networks together.
    pub strangers_per_minute_overall: u32,
    /// Bytes free on the disk; below, refusals of strangers are only counted.
    pub reserve: u64,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { segment: 16 << 20, strangers_per_minute: 30, strangers_per_minute_overall: 600, reserve: 512 << 20 }
    }
}

/// For how long records of the log stay in the gateway, and where those go that do not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// `None`: for ever.
    pub keep: Option<Duration>,
    /// Why just so long, as the operator wrote it.
    pub reason: Option<String>,
    /// `None`: they are dropped without a copy.
    pub archive: Option<ArchiveSettings>,
}

/// A back office: what policy knows of it, and how it is reached.
#[derive(Clone, Debug, PartialEq)]
pub struct AppSettings {
    pub policy: Arc<App>,
    pub upstream: Upstream,
    pub websocket: bool,
    /// Bytes of the body of a request.
    pub max_body: u64,
    pub rate: Option<Rate>,
}

impl AppSettings {
    pub const DEFAULT_MAX_BODY: u64 = 100 << 20;
}

/// Invariant: there is at least one address, and either all of them or none are spoken to in TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    pub addresses: Vec<UpstreamAddress>,
    pub tls: bool,
    pub host: UpstreamHost,
    /// PEM certificates of which one must have signed its certificate; there if `tls`. No public authority is trusted by itself.
    pub ca: Option<PathBuf>,
    /// What the gateway shows of itself.
    pub certificate: Option<CertificateFiles>,
    pub connect_timeout: Duration,
    /// Until the head of the answer.
    pub answer_timeout: Duration,
}

impl Upstream {
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
    pub const DEFAULT_ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamAddress {
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    pub port: u16,
}

/// What the upstream finds in the Host field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamHost {
    /// What the browser asked for.
    Same,
    /// This name, perhaps with a port.
    Named(String),
}
