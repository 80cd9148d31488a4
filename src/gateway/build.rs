//! From checked settings to things that run.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderValue;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::CertifiedKey;

use crate::access::{App, Emergency, Lockdown};
use crate::admin::{Desk, LetterSettings, LogBooks, PackMaker, Packs};
use crate::audit::{self, Journal, Quota, SealSettings, Sealer, Strangers};
use crate::auth::{Auth, Authenticators, Csrf, FailureLimit, KeyError, Make, Makes, Passwords, SessionLimits, Sessions};
use crate::clock::Clock;
use crate::config::{AppSettings, KeyMake, Settings, Upstream, UpstreamHost};
use crate::crypto::{self, MacKey, SealingKey};
use crate::edge::{Caps, Certificates, Front, Timers};
use crate::limit::{AppRates, LimitSettings, Limits, Rate, SignInSettings};
use crate::model::{AccountName, AppId, Host, Label, Network};
use crate::pki::{self, ClientTrust};
use crate::proxy::{self, Backend};
use crate::store::{LogIndex, Store};
use crate::web;

use super::descriptors;
use super::emergency::{self, Levels};
use super::house::{AppSite, House, Map, PortalSite, StartError};
use super::key_host::KeySite;
use super::log_check::LogCheck;
use super::memory::Memory;
use super::metrics::Metrics;
use super::notices::Notices;
use super::pages::PublicPages;
use super::retention::{Retention, Rule};
use super::self_test;
use super::sinks;
use super::space::Space;
use super::standing::Standing;
use super::triggers::Triggers;
use super::trust::Trusting;
use super::vouching::Vouching;

/// Opens the store and the log and makes everything that workers share. Gives what the log had to mend, in words.
pub async fn house(
    settings: &Settings,
    certificates: Certificates,
    clock: Clock,
    (back, packs): (tokio::runtime::Handle, Option<Arc<dyn PackMaker>>),
) -> Result<(House, String), StartError> {
    let shared = Shared::default();
    let map = map(settings, 1, &shared)?;
    let timeouts = &settings.timeouts;
    let timers = Timers {
        handshake: timeouts.handshake,
        first_byte: timeouts.first_byte,
        head: timeouts.head,
        idle: timeouts.idle,
        write_stall: timeouts.write_stall,
        least_read_rate: timeouts.least_body_rate,
        certificate_age: timeouts.certificate_age,
    };
    let caps = Caps {
        connections: descriptors::connections_that_fit(settings.caps.connections),
        per_address: settings.caps.connections_per_address,
        streams: settings.caps.streams,
    };
    let front = Front::new(clock.clone(), certificates, timers, caps)
        .map_err(|why| StartError::Tls(why.to_string()))?
        .behind(settings.proxy_protocol_from.clone());
    let (database, key) = (settings.data.join("yumen.db"), settings.data.join("secret.key"));
    if key.exists() && !std::fs::metadata(&database).is_ok_and(|file| file.len() > 0) {
        return Err(StartError::StoreGone(database));
    }
    let store = Store::open(&database).await?;
    match store.adopt_clock(&clock.reading()).await? {
        0 => {}
        moved => tracing::warn!(
            "since the last start the machine's clock was set {} by {} s; sessions, links and codes keep the time that they had left",
            if moved > 0 { "forward" } else { "back" },
            moved.unsigned_abs().div_ceil(1_000)
        ),
    }
    let secret = secret(&key)?;
    let sealing = SealSettings::within(&settings.data, settings.portal.host.as_str());
    let (journal, repair) = Journal::open(
        audit::Settings { segment_bytes: settings.log.segment, sealed: sealing.sealed()?, ..audit::Settings::new(sealing.journal.clone()) },
        clock.clone(),
    )?;
    let sealer = match Sealer::start(&sealing, &journal) {
        Ok(sealer) => sealer,
        Err(why) => {
            self_test::record_broken_log(&journal, &why).await;
            return Err(why.into());
        }
    };
    sealer.end_rotation(&journal, &sealing).await.map_err(audit::SealError::from)?;
    let retention = Retention::begin(settings, Rule::of(settings)?, &journal, &sealer, clock.clone()).map_err(audit::SealError::from)?;
    let (index, why_anew) = LogIndex::open(&settings.data.join("log-index.db")).await?;
    if let Some(why) = why_anew {
        tracing::warn!("the index of the log could not be used ({why}) and is made anew from the log");
    }
    let sealing = SealingKey::new(&secret.tag("seeds of tokens", b"")).map_err(|why| StartError::Tls(why.to_string()))?;
    let auth = Arc::new(auth(settings, &store, sealing, &clock).await?);
    auth.list_makes(makes(settings)?).await?;
    if !auth.codes.can_open().await? {
        return Err(StartError::OtherSecret(key));
    }
    let limits = Arc::new(Limits::new(limits(settings)));
    for place in store.familiar_places().await? {
        limits.seen(place.network, place.account.as_str(), place.seen);
    }
    for session in auth.sessions.list_all() {
        limits.seen(Network::of(session.address), session.who.name.as_str(), session.last_active);
    }
    let portal = map.portal.origin.clone();
    let quota = Quota { network: settings.log.strangers_per_minute, overall: settings.log.strangers_per_minute_overall };
    let strangers = Arc::new(Strangers::new(quota));
    let letters = LetterSettings { life: settings.enrolment.letter_life, contact: settings.enrolment.contact.clone() };
    let csrf = Csrf::new(secret.clone());
    let desk = Arc::new(
        Desk::new(store.clone(), auth.sessions.clone(), journal.clone(), auth.codes.clone(), portal.clone())
            .issuing_from(pki::IssuingFiles::new(&settings.data))
            .with_letters(letters)
            .closing(Arc::clone(&shared.lockdown))
            .freezing(Arc::clone(&shared.emergency))
            .reading(LogBooks::new(sealer.clone(), index.clone()))
            .packing(packs.map(|maker| Packs::new(maker, settings.data.clone()))),
    );
    desk.count_waiting(clock.now()).await;
    let declared = trust(settings);
    let left_out = desk.declare_trust(declared.digests(), clock.now()).await?;
    desk.load_managers().await?;
    desk.restore_lockdowns(clock.now()).await?;
    let (sessions, emergency) = (auth.sessions.clone(), shared.emergency.clone());
    let levels = Levels::restore(store.clone(), sessions, emergency, map.plan.as_deref(), clock.now()).await?;
    desk.set_staff_addresses(settings.staff_addresses.clone());
    desk.guard_names(&emergency::named(settings)).await?;
    desk.set_duty_list(duty_list(settings));
    desk.incidents().set_plan(settings.plan.clone());
    let pages = web::Pages::new(web::Portal {
        clock: clock.clone(),
        journal: journal.clone(),
        auth: auth.clone(),
        desk: desk.clone(),
        limits: limits.clone(),
        strangers: strangers.clone(),
        csrf: csrf.clone(),
        secret,
        cookie_lives: settings.session.limits.overall,
        names: settings.portal.names.clone(),
        origin: portal,
        key_host: map.key_host.as_ref().map(|site| site.origin.clone()),
        apps: ArcSwap::from_pointee(apps(&map)),
        emergency: Arc::clone(&shared.emergency),
        zone: jiff::tz::TimeZone::system(),
    });
    let house = House {
        metrics: Arc::new(Metrics::new()?),
        standing: Standing::begin(clock.now()),
        memory: Memory::begin(settings.caps.memory),
        space: Space::begin(settings.data.clone(), settings.log.reserve),
        sinks: sinks::sinks(settings, &sealer, clock.clone()),
        retention,
        clock,
        store,
        journal,
        sealer,
        index,
        strangers,
        auth,
        limits,
        kept: Arc::default(),
        csrf,
        desk,
        front: Arc::new(front),
        pages,
        trusting: Trusting::new(declared, &left_out),
        vouching: Vouching::default(),
        back,
        map: ArcSwap::from_pointee(map),
        lockdown: shared.lockdown,
        emergency: shared.emergency,
        levels,
        triggers: Triggers::default(),
        public_pages: PublicPages::default(),
        log_check: LogCheck::default(),
        notices: Notices::default(),
    };
    house.ask_for_certificates(&house.map.load());
    Ok((house, repair.to_string()))
}

pub fn apps(map: &Map) -> Vec<Arc<crate::access::App>> {
    let mut apps: Vec<_> = map.sites.values().map(|site| site.app.clone()).collect();
    apps.sort_by(|left, right| left.id.cmp(&right.id));
    apps
}

/// What all apps have together, however often the config is read again.
#[derive(Clone, Default)]
pub struct Shared {
    pub lockdown: Arc<Lockdown>,
    pub emergency: Arc<Emergency>,
}

pub fn map(settings: &Settings, generation: u64, shared: &Shared) -> Result<Map, StartError> {
    let mut sites = HashMap::new();
    for app in &settings.apps {
        let Shared { lockdown, emergency } = shared.clone();
        let policy = App { lockdown, emergency, ..App::clone(&app.policy) };
        let site = AppSite { app: Arc::new(policy), backend: backend(settings, app)?, upstream: app.upstream.clone() };
        sites.insert(app.policy.host.clone(), Arc::new(site));
    }
    Ok(Map {
        generation,
        portal: PortalSite {
            host: settings.portal.host.clone(),
            names: settings.portal.names.clone(),
            origin: settings.portal.origin.clone(),
        },
        key_host: settings.usb_keys.as_ref().map(|keys| KeySite { host: keys.host.clone(), origin: keys.origin.clone() }),
        sites,
        activity: settings.session.activity,
        kept_forms: settings.kept_forms,
        hsts: settings.hsts,
        suspend_unused_after: settings.suspend_unused_after,
        plan: settings.plan.clone(),
    })
}

/// Every host has a certificate of its own or shares one; a name without any is not served. `portal` serves the portal where the settings
/// name none for it.
pub fn certificates(settings: &Settings, portal: Option<&Arc<CertifiedKey>>) -> Result<Certificates, StartError> {
    let mut certificates = Certificates::new();
    let hosts: Vec<&Host> = std::iter::once(&settings.portal.host)
        .chain(settings.usb_keys.as_ref().map(|keys| &keys.host))
        .chain(settings.apps.iter().map(|app| &app.policy.host))
        .collect();
    for files in &settings.certificates {
        let pair = Arc::new(pki::load_pair(&files.chain, &files.key)?);
        let Some(leaf) = pair.cert.first() else { continue };
        let names = pki::dns_names(leaf)?;
        for host in &hosts {
            if names.iter().any(|name| covers(name, host)) {
                certificates.entry((*host).clone()).or_insert_with(|| pair.clone());
            }
        }
    }
    if let Some(pair) = portal {
        certificates.entry(settings.portal.host.clone()).or_insert_with(|| pair.clone());
    }
    match hosts.iter().find(|host| !certificates.contains_key(host)) {
        Some(host) => Err(StartError::NoCertificate((*host).clone())),
        None => Ok(certificates),
    }
}

/// A wildcard stands for exactly one label (RFC 9525, section 6.3).
fn covers(name: &str, host: &Host) -> bool {
    let host = host.as_str();
    match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
        None => name.eq_ignore_ascii_case(host),
    }
}

pub fn duty_list(settings: &Settings) -> HashSet<AccountName> {
    settings.plan.as_ref().map(|plan| plan.duty_list()).unwrap_or_default()
}

/// Whose certificates of people are believed.
pub fn trust(settings: &Settings) -> ClientTrust {
    match &settings.usb_keys {
        Some(keys) => ClientTrust::load(&keys.authorities),
        None => ClientTrust::nobody(),
    }
}

fn backend(settings: &Settings, app: &AppSettings) -> Result<Backend, StartError> {
    let failed = |why: String| StartError::App { app: app.policy.id.clone(), why };
    let upstream = &app.upstream;
    let tls = tls(upstream)?;
    let mut upstreams = Vec::new();
    for address in &upstream.addresses {
        let tls = match &tls {
            Some(config) => {
                let name = ServerName::try_from(address.host.clone())
                    .map_err(|_| failed(format!("{} is not a name that a certificate can have", address.host)))?;
                Some(proxy::UpstreamTls { config: config.clone(), name })
            }
            None => None,
        };
        upstreams.push(proxy::Upstream::new(&address.host, address.port, tls));
    }
    let host = match &upstream.host {
        UpstreamHost::Same => proxy::UpstreamHost::Same,
        UpstreamHost::Named(name) => {
            proxy::UpstreamHost::Named(HeaderValue::from_str(name).map_err(|_| failed(format!("{name:?} cannot be sent as a host")))?)
        }
    };
    let authority = app.policy.origin.strip_prefix("https://").unwrap_or(&app.policy.origin).to_owned();
    Ok(Backend {
        upstreams,
        host,
        websocket: app.websocket,
        max_body: app.max_body,
        connect_timeout: upstream.connect_timeout,
        answer_timeout: upstream.answer_timeout,
        least_body_rate: u64::from(settings.timeouts.least_body_rate),
        no_store: app.policy.label == crate::model::Label::Sensitive,
        public_authority: authority,
        allow_underscores: app.policy.allow_underscores,
    })
}

fn tls(upstream: &Upstream) -> Result<Option<Arc<rustls::ClientConfig>>, StartError> {
    if !upstream.tls {
        return Ok(None);
    }
    let identity = upstream.certificate.as_ref().map(|files| (files.chain.as_path(), files.key.as_path()));
    Ok(Some(pki::upstream_client_config(upstream.ca.as_deref(), identity)?))
}

async fn auth(settings: &Settings, store: &Store, sealing: SealingKey, clock: &Clock) -> Result<Auth, StartError> {
    let portal = &settings.portal;
    let origin = portal.origin.parse().map_err(|why| KeyError::Settings(format!("{}: {why}", portal.origin)))?;
    let authenticators = Authenticators::new(portal.host.as_str(), &origin, &portal.names.en)?;
    let sessions = Sessions::load(store.clone(), portal.host.clone(), session_limits(settings), clock.now()).await?;
    let failures = FailureLimit(settings.sign_in.failures_until_suspended);
    Ok(Auth::new(store, Arc::new(sessions), Passwords::new().await?, authenticators, sealing, failures))
}

/// The makes of keys that the config lists, with their authorities.
pub fn makes(settings: &Settings) -> Result<Makes, StartError> {
    let make = |make: &KeyMake| {
        let failed = |why: String| StartError::Make { file: make.ca.clone(), why };
        let authorities = CertificateDer::pem_file_iter(&make.ca).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let authorities = authorities.map_err(|why| failed(why.to_string()))?;
        Make::new(make.name.clone(), &authorities, make.models.clone()).map_err(|why| failed(why.to_string()))
    };
    let listed = settings.makes.iter().map(make).collect::<Result<_, _>>()?;
    Ok(Makes { listed, only: Label::ALL.iter().all(|label| settings.labels.of(*label).keys.makes.is_some()) })
}

pub fn session_limits(settings: &Settings) -> SessionLimits {
    SessionLimits { idle: settings.session.limits.idle, overall: settings.session.limits.overall }
}

pub fn app_rates(settings: &Settings) -> HashMap<AppId, AppRates> {
    let rates = |app: &AppSettings| {
        let rate = app.rate.map(|rate| Rate::per_second(rate.per_second, rate.burst));
        (app.policy.id.clone(), AppRates { person: None, app: rate })
    };
    settings.apps.iter().map(rates).collect()
}

fn limits(settings: &Settings) -> LimitSettings {
    let sign_in = &settings.sign_in;
    let per_minute = |count: u32| Rate::per_minute(count, count);
    LimitSettings {
        person: Rate::per_second(settings.per_person.per_second, settings.per_person.burst),
        at_once: settings.per_person_at_once,
        apps: app_rates(settings),
        sign_in: SignInSettings {
            network: per_minute(sign_in.per_address_per_minute),
            nameless: per_minute(sign_in.nameless_per_address_per_minute),
            account: per_minute(sign_in.per_account_per_minute),
            overall: per_minute(sign_in.overall_per_minute),
            ..SignInSettings::default()
        },
        ..LimitSettings::default()
    }
}

/// The key of keyed hashes (form tokens, names that no account has), from which that of the seeds is made. Made at the first start, mode 0600.
fn secret(path: &Path) -> Result<MacKey, StartError> {
    use std::os::unix::fs::OpenOptionsExt;
    let failed = |why| StartError::Data { directory: path.to_owned(), why };
    match std::fs::read(path) {
        Ok(bytes) => {
            let secret: [u8; 32] =
                bytes.try_into().map_err(|_| failed(std::io::Error::other("it is not 32 bytes long; remove it to have a new one made")))?;
            Ok(MacKey::new(&secret))
        }
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
            let secret: [u8; 32] = crypto::random()?;
            let mut file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).map_err(failed)?;
            file.write_all(&secret).and_then(|()| file.sync_all()).map_err(failed)?;
            Ok(MacKey::new(&secret))
        }
        Err(why) => Err(failed(why)),
    }
}
