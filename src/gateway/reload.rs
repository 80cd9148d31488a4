//! Reading the config again. A bad one is refused and the old one keeps serving; a good one holds for open connections too.
//!
//! Invariant: one reload at a time. What waits for a restart stays as it was at the start, whole: no part of it takes effect.

use std::fmt;
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use tokio::sync::Mutex;

use crate::admin::Actor;
use crate::auth::Makes;
use crate::clock::Time;
use crate::config::{Settings, UsbKeys};
use crate::edge::Certificates;
use crate::model::{Action, Event, Host};
use crate::outbound::Ready;
use crate::pki::ClientTrust;

use super::house::{House, Map};
use super::retention::Rule;
use super::sinks;
use super::{build, configs, emergency};

/// Reads the config from where it was read before.
pub type Read = Arc<dyn Fn() -> Result<Settings, String> + Send + Sync>;

pub struct Reloader {
    read: Option<Read>,
    start: Settings,
    /// Whoever reloads holds it.
    in_force: Mutex<InForce>,
}

struct InForce {
    /// To which the next config is compared.
    settings: Settings,
    /// What serves the portal now, for a config that names another portal.
    portal_certificate: Option<Arc<CertifiedKey>>,
}

/// What a reload did.
#[derive(Debug)]
pub struct Reloaded {
    pub done: String,
    /// What is doubtful in the config; may be empty.
    warnings: String,
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = if self.warnings.is_empty() { "" } else { "\n\n" };
        write!(f, "{}{gap}{}", self.warnings, self.done)
    }
}

/// Why a config was not taken over.
enum NotTaken {
    /// The file is wrong, or cannot be read.
    File(String),
    /// The file is good by itself, but not for the gateway as it was started.
    Config(String),
    /// Something else failed.
    Gateway(String),
}

impl NotTaken {
    fn of(error: impl fmt::Display) -> Self {
        Self::Gateway(error.to_string())
    }
}

/// A refusal for whoever looks later, in a line: the first thing that is wrong, and its place.
fn told_later(why: &str, and: &str, at: Time) -> String {
    let mut lines = why.lines();
    let first = lines.next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let place = lines.next().and_then(|line| line.trim_start().strip_prefix("--> "));
    let place = place.map_or_else(String::new, |place| format!(" ({place})"));
    let at = at.timestamp().strftime("%Y-%m-%d %H:%M:%S UTC");
    format!(
        "the config was read again at {at} and refused, and {and}: {first}{place}; mend it, look at it with `yumen check`, then `yumen reload`"
    )
}

/// A config that was read, checked and made into what will serve.
struct Built {
    /// As it takes effect: what waits is as it was at the start.
    settings: Settings,
    waiting: Vec<&'static str>,
    map: Map,
    certificates: Certificates,
    makes: Makes,
    trust: ClientTrust,
    sinks: Vec<Ready>,
    rule: Rule,
}

impl Reloader {
    pub fn new(start: Settings, portal_certificate: Option<Arc<CertifiedKey>>, read: Option<Read>) -> Self {
        Self { read, in_force: Mutex::new(InForce { settings: start.clone(), portal_certificate }), start }
    }

    /// What was done and what is doubtful in it, or why not, for whoever asked.
    pub async fn reload(&self, house: &House, actor: Option<&Actor>) -> Result<Reloaded, String> {
        let Some(read) = self.read.clone() else {
            return Err("this gateway was started without a config file, so there is none to read again: restart it".to_owned());
        };
        let mut in_force = self.in_force.lock().await;
        let taken = self.take_over(house, actor, read, &mut in_force).await;
        match &taken {
            Ok(_) => house.standing.set_refused(None),
            Err(NotTaken::File(why)) => {
                house.standing.set_refused(Some(told_later(why, "a start would be refused too", house.clock.wall())))
            }
            Err(NotTaken::Config(why)) => house.standing.set_refused(Some(told_later(why, "it is not in force", house.clock.wall()))),
            Err(NotTaken::Gateway(_)) => {}
        }
        taken.map_err(|not| {
            let (NotTaken::File(why) | NotTaken::Config(why) | NotTaken::Gateway(why)) = not;
            format!("{why}\n\nnothing was changed: the config and the emergency plan from before keep serving")
        })
    }

    async fn take_over(&self, house: &House, actor: Option<&Actor>, read: Read, in_force: &mut InForce) -> Result<Reloaded, NotTaken> {
        let signed = |event: Event| actor.map_or(event.clone(), |actor| actor.sign(event));
        let wall = house.clock.wall();
        let read = move || read().map(|settings| (settings.warnings(wall), settings));
        let read = tokio::task::spawn_blocking(read).await.map_err(NotTaken::of)?;
        let generation = house.map.load().generation.saturating_add(1);
        let built = read.map_err(NotTaken::File).and_then(|(warnings, settings)| {
            let built = self.build(settings, house, generation, in_force.portal_certificate.as_ref());
            Ok((warnings, built.map_err(NotTaken::Config)?))
        });
        let (warnings, Built { settings, waiting, map, certificates, makes, trust, sinks, rule }) = match built {
            Ok(built) => built,
            Err(why) => {
                house.journal.note(signed(Event::failed(Action::ConfigRefused)));
                return Err(why);
            }
        };
        // What two have not confirmed is left out, whoever wrote the config.
        let left_out = house.desk.declare_trust(trust.digests(), house.clock.now()).await.map_err(NotTaken::of)?;
        let (data, kept) = (self.start.data.clone(), settings.clone());
        let kept = tokio::task::spawn_blocking(move || configs::keep(&data, &kept)).await.map_err(NotTaken::of)?;
        let named = emergency::named(&settings);
        // It can fail, and what is on record as done has to hold. Without the record it does no harm: everybody is denied then.
        if let Err(error) = house.auth.list_makes(makes).await {
            house.journal.note(signed(Event::failed(Action::ConfigRefused)));
            return Err(NotTaken::of(error));
        }
        // So can this; no name has power before it was looked at who could take it.
        if let Err(error) = house.desk.guard_names(&named).await {
            house.journal.note(signed(Event::failed(Action::ConfigRefused)));
            return Err(NotTaken::of(error));
        }
        let reloaded = configs::naming_left_out(kept.name_in(Event::done(Action::ConfigReloaded)), &left_out);
        let reloaded = if waiting.is_empty() { reloaded } else { reloaded.with("waiting", waiting.join(", ")) };
        let reloaded = match settings.looser_than(&in_force.settings) {
            Some(how) => reloaded.with("loosened", how),
            None => reloaded,
        };
        house.journal.event(signed(reloaded)).await.map_err(NotTaken::of)?;
        in_force.portal_certificate = certificates.get(&map.portal.host).cloned();
        house.pages.replace_apps(build::apps(&map));
        house.desk.set_staff_addresses(settings.staff_addresses.clone());
        house.desk.set_duty_list(build::duty_list(&settings));
        house.desk.set_named(named);
        house.desk.incidents().set_plan(settings.plan.clone());
        house.auth.sessions.set_limits(build::session_limits(&settings));
        house.limits.set_app_rates(&build::app_rates(&settings));
        house.front.replace_certificates(certificates);
        // Before the map, so that no host of it is served on a connection that was not asked.
        house.trusting.replace(&trust, &left_out);
        house.ask_for_certificates(&map);
        if house.map.load().plan != map.plan {
            house.triggers.begin_after(house.journal.counts().sequence, map.plan.clone());
        }
        house.map.store(Arc::new(map));
        house.levels.adopt_plan(house.map.load().plan.as_deref(), house.clock.now());
        house.sinks.apply(sinks).await;
        house.retention.apply(rule);
        house.standing.set_waiting(&waiting);
        in_force.settings = settings;
        let done = match waiting.as_slice() {
            [] => "the config was read again and is in force".to_owned(),
            waiting => format!("the config was read again and is in force, but for {}: these wait for a restart", waiting.join(", ")),
        };
        for warning in warnings.iter() {
            tracing::warn!(line = warnings.line(warning), help = %warning.help, "{}", warning.what);
        }
        Ok(Reloaded { warnings: warnings.to_string(), done })
    }

    fn build(&self, mut settings: Settings, house: &House, generation: u64, portal: Option<&Arc<CertifiedKey>>) -> Result<Built, String> {
        let waiting = waiting_for_restart(&settings, &self.start);
        settings.keep_public_addresses_of(&self.start);
        settings.timeouts = self.start.timeouts.clone();
        settings.usb_keys = match (settings.usb_keys.take(), &self.start.usb_keys) {
            (Some(new), Some(start)) => Some(UsbKeys { authorities: new.authorities, ..start.clone() }),
            // The host stays, and believes nobody.
            (None, Some(start)) => Some(UsbKeys { authorities: Vec::new(), ..start.clone() }),
            (_, None) => None,
        };
        let portal_host = &settings.portal.host;
        if let Some(app) = settings.apps.iter().find(|app| app.policy.host == *portal_host || app.policy.host.is_below(portal_host)) {
            return Err(format!(
                "the app {} takes {}, where the portal is until a restart: restart instead",
                app.policy.id, app.policy.host
            ));
        }
        let shared = build::Shared { lockdown: house.lockdown.clone(), emergency: house.emergency.clone() };
        let map = build::map(&settings, generation, &shared).map_err(|error| error.to_string())?;
        let certificates = build::certificates(&settings, portal).map_err(|error| error.to_string())?;
        let makes = build::makes(&settings).map_err(|error| error.to_string())?;
        let trust = build::trust(&settings);
        let sinks = sinks::ready(&settings).map_err(|error| error.to_string())?;
        let rule = Rule::of(&settings).map_err(|error| error.to_string())?;
        Ok(Built { settings, waiting, map, certificates, makes, trust, sinks, rule })
    }
}

fn key_host(settings: &Settings) -> Option<&Host> {
    settings.usb_keys.as_ref().map(|keys| &keys.host)
}

/// What a reload cannot change: sockets, threads and files that are open, counters that would begin anew, and the portal, to which keys
/// and sessions are bound.
fn waiting_for_restart(new: &Settings, start: &Settings) -> Vec<&'static str> {
    let changes = [
        ("listen", new.listen != start.listen),
        ("proxy_protocol_from", new.proxy_protocol_from != start.proxy_protocol_from),
        ("workers", new.workers != start.workers),
        ("data", new.data != start.data),
        ("public_port", new.public_port != start.public_port),
        ("portal.host", new.portal.host != start.portal.host),
        ("portal.name", new.portal.names != start.portal.names),
        ("usb_keys.host", key_host(new) != key_host(start)),
        ("timeouts", new.timeouts != start.timeouts),
        ("caps", new.caps != start.caps),
        ("sign_in", new.sign_in != start.sign_in),
        ("rates", (new.per_person, new.per_person_at_once) != (start.per_person, start.per_person_at_once)),
        ("enrolment", new.enrolment != start.enrolment),
        ("log", new.log != start.log),
        ("monitoring", new.monitoring != start.monitoring),
    ];
    changes.into_iter().filter_map(|(name, changed)| changed.then_some(name)).collect()
}
