//! The opened record of an access, made from what came in and what was decided.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::access::{App, hidden};
use crate::audit::{NoRecord, Receipt, Urgency};
use crate::auth::{Identity, Visitor};
use crate::lang::Language;
use crate::model::{Action, CanonicalPath, Decision, Event, Host, Inbound, Network, Opened, Origin, Reference, Refusal, capped};

use super::house::{House, Map};

/// What records and answers need to know of a request, kept when the request itself has been given away.
pub struct Facts {
    pub reference: Reference,
    pub method: Method,
    pub host: Host,
    pub origin: Arc<Origin>,
    pub wants_page: bool,
    wanted: Wanted,
    /// The host of the app, or the one that asks for certificates: not the portal's.
    pub elsewhere: bool,
    /// Where the same may be tried again.
    pub again: Option<String>,
    pub app: Option<Arc<App>>,
    /// Where on this host what is missing can be proved, once that is what is missing.
    pub step_up: Option<String>,
    /// Canonical and redacted, once it is known to be canonical.
    pub path: String,
    /// Of the query only what the app lets the log keep.
    pub query: Option<String>,
    /// Whether an app's rules made them so.
    by_rules: bool,
    /// What is recorded in its place.
    hidden: OnceLock<String>,
}

impl Facts {
    pub fn of(inbound: &Inbound, reference: Reference, app: Option<Arc<App>>) -> Self {
        Self {
            reference,
            method: inbound.method.clone(),
            host: inbound.host.clone(),
            origin: inbound.origin.clone(),
            wants_page: inbound.wants_page(),
            wanted: Wanted::of(&inbound.headers),
            elsewhere: app.is_some(),
            again: None,
            app,
            step_up: None,
            path: capped(&hidden(inbound.uri.path()), 256),
            query: None,
            by_rules: false,
            hidden: OnceLock::new(),
        }
    }

    /// The app's rules say what the log keeps of it.
    pub fn follow(&mut self, app: &App, path: &CanonicalPath, query: Option<&str>) {
        (self.path, self.query) = app.logged(path, query);
        self.by_rules = true;
    }

    /// What any app would hide of the path, the record does not have, unless an app's rules were asked.
    pub fn hide_for(&self, map: &Map) {
        if self.by_rules {
            return;
        }
        // Up to where something was left out of it already.
        let path = self.path.split(['?', '…']).next().unwrap_or_default();
        if let Some(hides) = map.sites.values().find_map(|site| site.app.hides(path)) {
            let _ = self.hidden.set(hides);
        }
    }

    /// The one way by which a path comes into a record.
    pub fn recorded_path(&self) -> Cow<'_, str> {
        match self.hidden.get() {
            Some(hidden) => Cow::Borrowed(hidden),
            None if self.by_rules => Cow::Borrowed(&self.path),
            None => Cow::Owned(hidden(&self.path)),
        }
    }

    /// Of the host that asks for certificates.
    pub fn of_key_host(inbound: &Inbound, reference: Reference) -> Self {
        Self { elsewhere: true, ..Self::of(inbound, reference, None) }
    }

    /// She reads this language, though no cookie says so here.
    pub fn read(&mut self, language: Option<Language>) {
        self.wanted.chosen = language.or(self.wanted.chosen);
    }

    pub fn language(&self) -> Language {
        let accepted = self.wanted.accepted.as_ref().and_then(|value| value.to_str().ok());
        self.wanted.chosen.unwrap_or_else(|| Language::negotiate(accepted, Language::Chinese))
    }
}

/// What says in which language to speak; weighed only where something is said.
struct Wanted {
    chosen: Option<Language>,
    accepted: Option<HeaderValue>,
}

impl Wanted {
    fn of(headers: &HeaderMap) -> Self {
        let chosen = crate::auth::cookies::sole(headers, crate::web::LANGUAGE_COOKIE).one().and_then(Language::parse);
        Self { chosen, accepted: headers.get(http::header::ACCEPT_LANGUAGE).cloned() }
    }
}

impl House {
    /// What `edge` refused by itself: a stranger's, so the quota holds for it. `None`: it was only counted, or the log takes no record.
    pub fn note_malformed(&self, origin: &Origin, status: StatusCode, what: &str) -> Option<Reference> {
        if !self.strangers.admit(Network::of(origin.address), self.clock.wall()) || !self.journal.is_ready() {
            return None;
        }
        let reference = self.journal.fresh_reference().ok();
        let event = Event::failed(Action::Malformed).from(origin.address);
        let event = event.with("host", &origin.sni).with("status", status.as_u16()).with("what", what);
        self.journal.note(Event { reference: reference.clone(), ..event });
        reference
    }

    /// What a form of the portal was refused for, after its opened record had been written.
    pub fn note_refused(&self, facts: &Facts, visitor: &Visitor, refusal: &Refusal) {
        let event =
            Event::failed(Action::FormRefused).from(facts.origin.address).with("path", facts.recorded_path()).with("why", reason(refusal));
        let event = Event { reference: Some(facts.reference.clone()), ..event };
        self.journal.note(match known(visitor) {
            Some(identity) => event.by(identity.who().clone()),
            None => event,
        });
    }

    /// Puts an access on record. `None`: past the quota a stranger, or somebody who asks past her rate, is counted instead.
    pub async fn open(&self, facts: &Facts, visitor: &Visitor, verdict: Result<&str, &Refusal>) -> Result<Option<Receipt>, NoRecord> {
        self.open_as(Urgency::Ordinary, facts, visitor, verdict).await
    }

    /// The same for what may be as urgent, should the log have no room.
    pub async fn open_as(
        &self,
        urgency: Urgency,
        facts: &Facts,
        visitor: &Visitor,
        verdict: Result<&str, &Refusal>,
    ) -> Result<Option<Receipt>, NoRecord> {
        let endless = matches!(visitor, Visitor::Stranger) || matches!(verdict, Err(Refusal::TooMany { .. }));
        if endless && !self.strangers.admit(Network::of(facts.origin.address), self.clock.wall()) {
            let is_shown = self.journal.is_ready() || self.journal.is_full() && urgency != Urgency::Ordinary;
            return if is_shown { Ok(None) } else { Err(NoRecord) };
        }
        let opened = opened(facts, known(visitor), verdict);
        self.journal.open_access_as(urgency, opened).await.map(Some)
    }
}

pub fn opened(facts: &Facts, identity: Option<&Arc<Identity>>, verdict: Result<&str, &Refusal>) -> Opened {
    let (decision, rule) = match verdict {
        Ok(rule) => (Decision::Allowed, rule.to_owned()),
        Err(refusal) => (Decision::Refused, reason(refusal)),
    };
    Opened {
        reference: facts.reference.clone(),
        who: identity.map(|identity| identity.who().clone()),
        address: facts.origin.address,
        port: facts.origin.port,
        tls: facts.origin.tls.version.to_owned(),
        group: facts.origin.tls.group.to_owned(),
        app: facts.app.as_ref().map(|app| app.id.clone()),
        label: facts.app.as_ref().map(|app| app.label),
        host: facts.host.to_string(),
        method: capped(facts.method.as_str(), 32),
        path: capped(&facts.recorded_path(), 2048),
        query: facts.query.as_deref().map(|query| capped(query, 1024)),
        decision,
        rule: capped(&rule, 256),
    }
}

pub fn known(visitor: &Visitor) -> Option<&Arc<Identity>> {
    match visitor {
        Visitor::Known(identity) => Some(identity),
        Visitor::Stranger => None,
    }
}

fn reason(refusal: &Refusal) -> String {
    match refusal.detail() {
        detail if detail.is_empty() => refusal.word().to_owned(),
        detail => format!("{}: {detail}", refusal.word()),
    }
}
