//! The gateway's own pages: sign-in, enrolment, portal, console.
//!
//! Invariant: handlers read forms and show views; `auth` and `admin` act. Every form is read through [`call::Posted`], which checks its
//! token, and what was done is on record before it is answered.

mod agent;
pub mod assets;
mod call;
mod changes;
mod console;
#[cfg(test)]
mod contrast;
mod denial;
mod enrol;
mod files;
mod incident;
mod incident_pack;
mod incident_reports;
mod incident_rows;
mod incident_step;
mod incidents;
mod inventory;
mod kept;
mod keys;
mod language;
mod letter;
mod lockdown;
mod log;
mod log_filter;
mod log_rows;
mod log_stream;
mod own;
mod own_tokens;
mod paths;
mod people;
mod qr;
mod recent;
mod recover;
mod refusal;
mod sign_in;
mod step_up;
mod terminal;
mod unit;
mod usb_key;
mod usb_key_proof;
pub mod view;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::routing::{MethodRouter, get, post};
use http::{HeaderMap, HeaderValue, header};

pub use call::{AsItComes, Fields, Visit};
pub use files::asset_answer;
pub use kept::{KeptPage, KeptPageState, form_kept_page, kept_page};
pub use language::LANGUAGE_COOKIE;
pub use paths::{gives_a_way_in, is_way_out, only_takes_away};
pub use people::larger_form;
pub use refusal::{RefusalPage, refusal_message, refusal_page};
pub use step_up::KEPT;
pub use view::Whom;

use crate::access::{App, Emergency, Names};
use crate::admin::Desk;
use crate::audit::{Journal, Strangers};
use crate::auth::{Auth, Csrf};
use crate::clock::{Clock, Time};
use crate::crypto::MacKey;
use crate::limit::Limits;
use crate::model::Level;
use view::{EmergencyView, Moment};

/// How long a browser keeps the token of a step; what the step stands for may end sooner.
const STEP_LIVES: Duration = Duration::from_secs(60 * 60);

/// What the pages are made from.
pub struct Portal {
    pub clock: Clock,
    pub journal: Journal,
    pub auth: Arc<Auth>,
    pub desk: Arc<Desk>,
    pub limits: Arc<Limits>,
    pub strangers: Arc<Strangers>,
    /// For keyed hashes of names that no account has.
    pub secret: MacKey,
    pub csrf: Csrf,
    /// How long browsers keep the session's cookie: the overall limit.
    pub cookie_lives: Duration,
    /// What the operator calls it.
    pub names: Names,
    /// `https://host[:port]`.
    pub origin: String,
    /// `https://host[:port]` of the host that asks for certificates; `None`: USB-KEYs are not taken here.
    pub key_host: Option<String>,
    /// In the order in which they are listed.
    pub apps: ArcSwap<Vec<Arc<App>>>,
    pub emergency: Arc<Emergency>,
    /// In which times are shown.
    pub zone: jiff::tz::TimeZone,
}

/// The pages as a service.
pub struct Pages {
    portal: Arc<Portal>,
    router: Router,
}

impl Pages {
    pub fn new(portal: Portal) -> Self {
        let portal = Arc::new(portal);
        Self { router: router().with_state(portal.clone()), portal }
    }

    pub fn router(&self) -> Router {
        self.router.clone()
    }

    pub fn replace_apps(&self, apps: Vec<Arc<App>>) {
        self.portal.apps.store(Arc::new(apps));
    }
}

fn router() -> Router<Arc<Portal>> {
    let pages = Router::new()
        .route("/", get(own::portal))
        .route("/open/{app}", get(own::open))
        .route("/enter", get(own::enter))
        .route("/sign-in", get(sign_in::page))
        .route("/sign-in/key", get(sign_in::key_page))
        .route("/sign-in/code", get(sign_in::key_page))
        .route("/sign-in/key-first", get(sign_in::page))
        .route("/sign-in/key-first/finish", get(sign_in::page))
        .route("/sign-in/onward", get(sign_in::onward))
        .route("/sign-in/usb-key", get(sign_in::page))
        .route("/sign-in/usb-key/finish", get(usb_key::finish))
        .route("/sign-in/usb-key/password", get(usb_key::password_page))
        .route("/signed-out", get(own::signed_out))
        .route("/step-up", get(step_up::page))
        .route("/step-up/key", get(step_up::page))
        .route("/step-up/code", get(step_up::page))
        .route("/step-up/usb-key", get(step_up::usb_key))
        .route("/step-up/usb-key/finish", get(step_up::usb_key_finish))
        .route("/enrol", get(enrol::page))
        .route("/enrol/password", get(enrol::password_page))
        .route("/enrol/key", get(enrol::key_page))
        .route("/enrol/code", get(enrol::key_page))
        .route("/enrol/usb-key", get(enrol::usb_key))
        .route("/enrol/usb-key/finish", get(enrol::usb_key_finish))
        .route("/keys", get(keys::page))
        .route("/keys/add", get(keys::page))
        .route("/keys/remove", get(keys::page))
        .route("/keys/prove", get(keys::page))
        .route("/keys/prove/usb-key", get(keys::page))
        .route("/keys/prove/usb-key/finish", get(usb_key_proof::own_tokens_finish))
        .route("/keys/register", get(keys::register_page))
        .route("/keys/activate", get(keys::page))
        .route("/keys/phone", get(keys::page))
        .route("/keys/show", get(own_tokens::show_page))
        .route("/keys/astray", get(own_tokens::astray_page))
        .route("/keys/lost", get(keys::page))
        .route("/sessions", get(own::sessions))
        .route("/sessions/end", get(own::sessions))
        .route("/console", get(console::home))
        .route("/console/accounts", get(console::accounts))
        .route("/console/accounts/invite", get(console::accounts))
        .route("/enrol/letter", get(letter::page))
        .route("/console/accounts/import", get(people::import_page))
        .route("/console/accounts/letters", get(people::letters_page))
        .route("/console/accounts/{id}", get(console::account))
        .route("/console/accounts/{id}/{change}", get(console::confirm))
        .route("/console/tokens", get(inventory::tokens))
        .route("/console/tokens.csv", get(inventory::export))
        .route("/console/tokens/import", get(inventory::import_page))
        .route("/console/tokens/{serial}", get(inventory::token))
        .route("/console/tokens/{serial}/{change}", get(inventory::confirm))
        .route("/console/units", get(console::units))
        .route("/console/sessions", get(console::sessions))
        .route("/console/sessions/end", get(console::confirm_end))
        .route("/console/changes", get(changes::page))
        .route("/console/changes/trust", get(changes::page))
        .route("/console/changes/{id}", get(changes::change))
        .route("/console/changes/{id}/{step}", get(changes::of_step))
        .route("/console/changes/{id}/{step}/usb-key", get(changes::of_step))
        .route("/console/changes/{id}/{step}/usb-key/finish", get(usb_key_proof::petition_finish))
        .route("/console/lockdown", get(lockdown::page))
        .route("/console/lockdown/close", get(lockdown::confirm_close))
        .route("/console/lockdown/extend", get(lockdown::page))
        .route("/console/lockdown/lift", get(lockdown::confirm_lift))
        .route("/console/incidents", get(incidents::page))
        .route("/console/incidents/open", get(incidents::open_page))
        .route("/console/incidents/{number}", get(incident::page))
        .route("/console/incidents/{number}/{step}", get(incident::of_step))
        .route("/console/incidents/{number}/report/{kind}", get(incident_reports::report))
        .route("/console/incidents/{number}/review", get(incident_reports::review))
        .route("/console/incidents/{number}/evidence.tar.zst", get(incident_pack::pack))
        .route("/console/log", get(log::page))
        .route("/console/log/live", get(log_stream::live))
        .route("/console/log/charts", get(log::charts))
        .route("/console/log/export.csv", get(log_stream::csv))
        .route("/console/log/export.jsonl", get(log_stream::json_lines))
        .route("/console/log/{sequence}", get(log::record))
        .route("/console/log/{sequence}/proof", get(log::proof))
        .route("/recover", get(recover::page))
        .route("/recover/open", get(recover::page))
        .route("/recover/password", get(recover::password_page))
        .route("/recover/token", get(recover::token_page))
        .route("/recover/key", get(recover::token_page))
        .route("/recover/code", get(recover::token_page))
        .route("/recover/usb-key", get(recover::token_page))
        .route("/recover/usb-key/finish", get(usb_key_proof::recovery_finish))
        .route("/unit", get(unit::members))
        .route("/unit/invite", get(unit::members))
        .route("/unit/{id}/{change}", get(unit::confirm))
        .route("/terminal", get(terminal::page))
        .route("/terminal/usb-key", get(terminal::page))
        .route("/terminal/usb-key/finish", get(usb_key_proof::terminal_finish))
        .route("/language/{tag}", get(language::switch))
        .route("/assets/{name}", get(files::asset))
        .route("/crl/issuing-ca.crl", get(files::revocations));
    let routes = forms().into_iter().fold(pages, |routes, (address, form)| routes.route(address, form));
    routes.fallback(files::missing).method_not_allowed_fallback(files::missing)
}

/// Everything that takes a form, by its address: whatever changes something begins here, and the other routes only show. What is asked of a
/// USB-KEY by a form is done when its answer comes back, which serves once and in no other browser.
fn forms() -> Vec<(&'static str, MethodRouter<Arc<Portal>>)> {
    vec![
        ("/sign-in", post(sign_in::first_factor)),
        ("/sign-in/key", post(sign_in::second_factor)),
        ("/sign-in/code", post(sign_in::code)),
        ("/sign-in/key-first", post(sign_in::key_first)),
        ("/sign-in/key-first/finish", post(sign_in::key_first_finish)),
        ("/step-up/key", post(step_up::key)),
        ("/step-up/code", post(step_up::code)),
        ("/sign-in/usb-key", post(usb_key::ask)),
        ("/sign-in/usb-key/password", post(usb_key::password)),
        ("/sign-out", post(own::sign_out)),
        ("/sign-out/everywhere", post(own::sign_out_everywhere)),
        ("/enrol/open", post(enrol::open)),
        ("/enrol/password", post(enrol::password)),
        ("/enrol/key", post(enrol::key)),
        ("/enrol/code", post(enrol::code)),
        ("/enrol/finish", post(enrol::finish)),
        ("/keys/add", post(keys::add)),
        ("/keys/remove", post(keys::remove)),
        ("/keys/prove", post(keys::prove)),
        ("/keys/prove/usb-key", post(usb_key_proof::own_tokens)),
        ("/keys/register", post(keys::register)),
        ("/keys/activate", post(own_tokens::activate)),
        ("/keys/phone", post(own_tokens::phone)),
        ("/keys/show", post(own_tokens::show)),
        ("/keys/astray", post(own_tokens::astray)),
        ("/keys/lost", post(own_tokens::report)),
        ("/sessions/end", post(own::end_session)),
        ("/console/accounts/invite", post(console::invite)),
        ("/enrol/letter", post(letter::open)),
        ("/console/accounts/import", post(people::import)),
        ("/console/accounts/letters", post(people::letters)),
        ("/console/accounts/{id}/{change}", post(console::change)),
        ("/console/tokens/import", post(inventory::import)),
        ("/console/tokens/{serial}/{change}", post(inventory::change)),
        ("/console/sessions/end", post(console::end_session)),
        ("/console/changes/trust", post(changes::trust)),
        ("/console/changes/{id}/{step}", post(changes::step)),
        ("/console/changes/{id}/{step}/usb-key", post(usb_key_proof::petition)),
        ("/console/lockdown/close", post(lockdown::close)),
        ("/console/lockdown/extend", post(lockdown::extend)),
        ("/console/lockdown/lift", post(lockdown::lift)),
        ("/console/incidents/open", post(incidents::open)),
        ("/console/incidents/{number}/{step}", post(incident::step)),
        ("/recover/open", post(recover::open)),
        ("/recover/password", post(recover::password)),
        ("/recover/key", post(recover::key)),
        ("/recover/code", post(recover::code)),
        ("/recover/usb-key", post(usb_key_proof::recovery)),
        ("/unit/invite", post(unit::invite)),
        ("/unit/{id}/{change}", post(unit::change)),
        ("/terminal", post(terminal::allow)),
        ("/terminal/usb-key", post(usb_key_proof::terminal)),
    ]
}

/// The addresses that take forms, as they are routed.
pub fn form_addresses() -> Vec<&'static str> {
    forms().into_iter().map(|(address, _)| address).collect()
}

impl Portal {
    /// How far the zone in which times are shown is from UTC.
    fn zone_name(&self, now: Time) -> String {
        match now.timestamp().to_zoned(self.zone.clone()).strftime("UTC%:z").to_string() {
            utc if utc == "UTC+00:00" => "UTC".to_owned(),
            away => away,
        }
    }

    /// As [`Portal::moment`], to the second.
    fn instant(&self, time: Time) -> Moment {
        let zoned = time.timestamp().to_zoned(self.zone.clone());
        Moment { shown: zoned.strftime("%Y-%m-%d %H:%M:%S").to_string(), iso: time.to_string() }
    }

    /// What everybody who is signed in is told, from level III on.
    fn banner(&self, now: Time) -> Option<EmergencyView> {
        let stance = self.emergency.in_force(now).filter(|stance| stance.level >= Level::III)?;
        let until = self.moment(self.clock.wall().plus(stance.until.since(now)));
        Some(EmergencyView { level: stance.level, until, terms: EmergencyView::terms_of(&stance.measures) })
    }

    fn moment(&self, time: Time) -> Moment {
        let zoned = time.timestamp().to_zoned(self.zone.clone());
        Moment { shown: zoned.strftime("%Y-%m-%d %H:%M").to_string(), iso: time.to_string() }
    }
}

/// Whether the portal's own pages asked, or the person herself; or a browser that does not say (W3C Fetch Metadata, section 2.3).
pub fn is_own_site(headers: &HeaderMap) -> bool {
    headers.get_all("sec-fetch-site").iter().all(|site| site == "same-origin" || site == "none")
}

/// Forms lead nowhere but to the portal: whoever goes on to an app after one does so by a navigation of its own.
const POLICY: &str =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What every page of the gateway's own says to browsers (CSP3; no inline script or style anywhere).
pub fn protect(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("permissions-policy", HeaderValue::from_static("publickey-credentials-get=(self), publickey-credentials-create=(self)"));
}

#[cfg(test)]
mod tests {
    use super::form_addresses;

    #[test]
    fn nothing_but_the_list_of_forms_hears_more_than_get() {
        let source = include_str!("mod.rs");
        let (code, _) = source.split_once("#[cfg(test)]\nmod tests {").unwrap();
        assert_eq!(code.matches("post(").count(), form_addresses().len());
        for other in ["put(", "delete(", "patch(", "any(", "on(", "MethodFilter", "merge(", "nest("] {
            let called = code.match_indices(other).filter(|(at, _)| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
            assert_eq!(called.count(), 0, "{other}");
        }
    }
}
