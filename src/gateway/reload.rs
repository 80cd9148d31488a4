//! Reading the config again. A bad one is refused and the old one keeps serving; a good one holds for open connections too.

use std::sync::{Arc, Mutex};

use crate::admin::Actor;
use crate::config::Settings;
use crate::model::{Action, Event};

use super::build;
use super::house::House;

/// Reads the config from where it was read before.
pub type Read = Arc<dyn Fn() -> Result<Settings, String> + Send + Sync>;

pub struct Reloader {
    read: Option<Read>,
    in_force: Mutex<Settings>,
}

impl Reloader {
    pub fn new(settings: Settings, read: Option<Read>) -> Self {
        Self { read, in_force: Mutex::new(settings) }
    }

    /// What was done, or why not, for whoever asked.
    pub async fn reload(&self, house: &House, actor: Option<&Actor>) -> Result<String, String> {
        let Some(read) = self.read.clone() else {
            return Err("the demo has no config file to read again".to_owned());
        };
        let signed = |event: Event| actor.map_or(event.clone(), |actor| actor.sign(event));
        let read = tokio::task::spawn_blocking(move || read()).await.map_err(|error| error.to_string())?;
        let built = read.and_then(|settings| {
            let current = self.in_force.lock().map_err(|_| "an earlier reload failed half-way; restart the gateway".to_owned())?.clone();
            let generation = house.map.load().generation.saturating_add(1);
            let map = build::map(&settings, generation).map_err(|error| error.to_string())?;
            let certificates = build::certificates(&settings).map_err(|error| error.to_string())?;
            Ok((settings, current, map, certificates))
        });
        let (settings, current, map, certificates) = match built {
            Ok(built) => built,
            Err(why) => {
                house.journal.note(signed(Event::failed(Action::ConfigRefused)));
                return Err(why);
            }
        };
        house.journal.event(signed(Event::done(Action::ConfigReloaded))).await.map_err(|error| error.to_string())?;
        let kept = waiting_for_restart(&settings, &current);
        house.pages.replace_apps(build::apps(&map));
        house.auth.sessions.set_limits(build::session_limits(&settings));
        house.front.replace_certificates(certificates);
        house.map.store(Arc::new(map));
        if let Ok(mut in_force) = self.in_force.lock() {
            *in_force = settings;
        }
        match kept.as_slice() {
            [] => Ok("the config was read again and is in force".to_owned()),
            kept => Ok(format!("the config was read again and is in force, but for {}: these wait for a restart", kept.join(", "))),
        }
    }
}

/// What a reload cannot change: sockets, threads and files that are open, and counters that would begin anew.
fn waiting_for_restart(new: &Settings, old: &Settings) -> Vec<&'static str> {
    let changes = [
        ("listen", new.listen != old.listen),
        ("proxy_protocol_from", new.proxy_protocol_from != old.proxy_protocol_from),
        ("workers", new.workers != old.workers),
        ("data", new.data != old.data),
        ("portal.host", new.portal.origin != old.portal.origin),
        ("timeouts", new.timeouts != old.timeouts),
        ("caps", new.caps != old.caps),
        ("sign_in", new.sign_in != old.sign_in),
        ("rates", new.per_person != old.per_person),
        ("log", new.log != old.log),
    ];
    changes.into_iter().filter_map(|(name, changed)| changed.then_some(name)).collect()
}
