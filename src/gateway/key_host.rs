//! The host that asks for a certificate, for sign-in and its kin. It speaks for no session and sets no cookie: whoever shows a certificate that
//! is good and her own goes back to the portal with a code that is worth something in the browser that asked, and nowhere else.
//!
//! Invariant: nothing is served here but `/show` and what its pages look like; of a certificate that was not found good the log keeps only
//! what is marked as its own claim. Each answer ends its connection, so that the next try is a handshake of its own.

use bytes::Bytes;
use http::{Method, Response};
use url::form_urlencoded;

use crate::auth::{Denied, NotHers, UsbKeyRequest, Visitor, WrongUsbKey, withdrawn};
use crate::clock::Time;
use crate::crypto::Token;
use crate::lang::Language;
use crate::limit::Attempt;
use crate::model::{
    Action, CanonicalPath, CertificateTrouble, End, Event, Host, Inbound, Network, Outcome, Reference, Refusal, Shown, ShownChain,
    TokenKind,
};
use crate::pki::{self, TrustedCertificate};
use crate::web;

use super::body::Body;
use super::entrance::{RESERVED, redirect};
use super::house::Map;
use super::pipeline::{STRICT, Worker};
use super::record::Facts;
use super::trust::trouble;

pub struct KeySite {
    pub host: Host,
    /// `https://host[:port]`.
    pub origin: String,
}

/// What is on record of one try.
struct Try<'f> {
    facts: &'f Facts,
    event: Event,
}

impl Worker {
    pub(super) async fn serve_key_host(&self, map: &Map, inbound: Inbound, reference: Reference) -> Response<Body> {
        let now = self.house.clock.now();
        let mut facts = Facts::of_key_host(&inbound, reference);
        inbound.line.ask_to_end();
        let answered = match CanonicalPath::parse(inbound.uri.path(), STRICT) {
            Ok(path) => {
                facts.path = path.to_string();
                self.at_key_host(map, &inbound, &mut facts, now).await
            }
            Err(why) => Err(Refusal::Path(why)),
        };
        let stranger = Visitor::Stranger;
        match answered {
            Ok(response) => match self.house.open(&facts, &stranger, Ok("the host of USB-KEYs")).await {
                Ok(receipt) => self.deliver(map, &facts, response, receipt, End::Complete).await,
                Err(_) => self.house.answer(map, &facts, Refusal::NoRecord, None),
            },
            Err(refusal) => self.house.refuse(map, &facts, &stranger, refusal).await,
        }
    }

    async fn at_key_host(&self, map: &Map, inbound: &Inbound, facts: &mut Facts, now: Time) -> Result<Response<Bytes>, Refusal> {
        if !inbound.origin.shown.was_asked() {
            // The connection was made before this host asked for certificates.
            return Err(Refusal::Misdirected);
        }
        match (&inbound.method, facts.path.as_str()) {
            (&Method::GET, "/show") => self.show_certificate(map, inbound, facts, now).await,
            (&Method::GET | &Method::HEAD, path) => path
                .strip_prefix(RESERVED)
                .and_then(|path| path.strip_prefix("assets/"))
                .and_then(|name| web::asset_answer(name, inbound.uri.query(), &inbound.headers))
                .ok_or(Refusal::NotFound),
            _ => Err(Refusal::NotFound),
        }
    }

    /// Somebody comes from the portal with a request, and with a certificate or none.
    async fn show_certificate(&self, map: &Map, inbound: &Inbound, facts: &mut Facts, now: Time) -> Result<Response<Bytes>, Refusal> {
        let query = inbound.uri.query().unwrap_or_default();
        let id = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "request").and_then(|(_, value)| Token::parse(&value));
        let keys = &self.house.auth.usb_keys;
        let broken = |_| Refusal::Broken { what: "a USB-KEY could not be looked at" };
        let request = match &id {
            Some(id) => keys.request(id, now).await.map_err(broken)?,
            None => None,
        };
        let request = request.ok_or(Refusal::HandOverFailed { why: "nobody asked for a USB-KEY, or it is too long ago" })?;
        facts.read(Language::parse(request.language()));
        facts.again = id.map(|id| format!("/show?request={}", id.reveal()));
        let attempt = self.attempt(facts, &request, now).await?;
        let event = Event { reference: Some(facts.reference.clone()), ..Event::done(Action::UsbKeyShown).from(facts.origin.address) };
        let mut tried = Try { facts, event };
        let judged = self.judge_certificate(&mut tried, &inbound.origin.shown, &request, now).await;
        let location = match judged {
            Ok(held) => {
                if let Some(attempt) = attempt {
                    attempt.take_back();
                }
                if held.is_new() {
                    self.house.emergency.may_enrol(now, self.house.clock.wall())?;
                }
                let who = held.account();
                tried.event = tried.event.with("account", who.id).with("name", &who.name);
                // Recorded before it is done, as every change is.
                self.record(tried.event.clone()).await?;
                if let Some(serial) = held.activated_for(&request) {
                    let activated = Event { action: Action::TokenActivated, ..tried.event.clone() };
                    self.record(activated.with("serial", serial)).await?;
                }
                keys.answer(&request, held, now).await.map_err(broken)?
            }
            Err(trouble) => {
                match attempt {
                    Some(attempt) if trouble == CertificateTrouble::Missing => attempt.take_back(),
                    Some(attempt) => drop(attempt.failed(self.house.clock.now())),
                    None => {}
                }
                return Err(Refusal::Certificate(trouble));
            }
        };
        let location = location.ok_or(Refusal::HandOverFailed { why: "it was answered meanwhile" })?;
        Ok(redirect(&format!("{}{location}", map.portal.origin), &[]))
    }

    /// One more try, where somebody had named herself; a stranger's are counted by her address.
    async fn attempt(&self, facts: &Facts, request: &UsbKeyRequest, now: Time) -> Result<Option<Attempt>, Refusal> {
        let (limits, network) = (&self.house.limits, Network::of(facts.origin.address));
        let account = match request.account() {
            Some(id) => self.house.store.account(id).await.map_err(|_| Refusal::Broken { what: "an account could not be looked up" })?,
            None => None,
        };
        let tried = match &account {
            Some(account) => limits.attempt_with_key(network, account.name.as_str(), now).map(Some),
            None => limits.attempt_without_name(network, now).map(|()| None),
        };
        tried.map_err(|wait| Refusal::TooMany { retry_after: wait.retry_after, limit: wait.limit })
    }

    /// Whose the certificate is, or why it is nobody's; a refusal is on record with what is known.
    async fn judge_certificate(
        &self,
        tried: &mut Try<'_>,
        shown: &Shown,
        request: &UsbKeyRequest,
        now: Time,
    ) -> Result<crate::auth::HeldUsbKey, CertificateTrouble> {
        let Some(chain) = shown.chain() else {
            self.note_refused_certificate(tried, "certificate-missing", None).await;
            return Err(CertificateTrouble::Missing);
        };
        let trust = self.house.trusting.now();
        let certificate = match self.checks.check(&trust, chain, self.house.clock.wall()) {
            Ok(certificate) => certificate,
            Err(refusal) => {
                tried.event = claimed(tried.event.clone(), chain);
                let counted = self.house.auth.sign_in.wrong_usb_key(request, WrongUsbKey::Certificate, now).await;
                self.note_refused_certificate(tried, refusal.word(), counted.unwrap_or_else(Some).as_ref()).await;
                return Err(trouble(refusal));
            }
        };
        tried.event = known(tried.event.clone(), &certificate);
        match self.house.auth.usb_keys.whose(request, &certificate, now).await {
            Ok(held) => Ok(held),
            Err(NotHers::Broken(error)) => {
                tracing::error!(%error, "a USB-KEY could not be looked at");
                self.note_refused_certificate(tried, "unavailable", None).await;
                Err(CertificateTrouble::NotHers)
            }
            Err(why) => {
                let counted = self.house.auth.sign_in.wrong_usb_key(request, WrongUsbKey::NotHers(&why), now).await;
                let denied = counted.unwrap_or_else(Some);
                let mut word = why.to_string();
                if let NotHers::Token { account, state } = &why
                    && let Some(withdrawn) = withdrawn(*state)
                {
                    tried.event = tried.event.clone().with("kind", TokenKind::UsbKey).with("state", state);
                    withdrawn.clone_into(&mut word);
                    // Nobody had to name herself: the certificate, whose key was there, says whose it was.
                    if let Some(account) = account {
                        tried.event = tried.event.clone().with("account", account.id).with("name", &account.name);
                    }
                }
                self.note_refused_certificate(tried, &word, denied.as_ref()).await;
                Err(CertificateTrouble::NotHers)
            }
        }
    }

    async fn note_refused_certificate(&self, tried: &Try<'_>, why: &str, denied: Option<&Denied>) {
        let named = |event: Event| match denied.and_then(Denied::account) {
            Some(account) => event.with("account", account.id).with("name", &account.name),
            None => event,
        };
        let event = named(Event { outcome: Outcome::Failed, ..tried.event.clone() }).with("why", why);
        let within = self.house.strangers.admit(Network::of(tried.facts.origin.address), self.house.clock.wall());
        // Failures of an account are on record in any case.
        if within || denied.is_some() {
            self.house.journal.note(event);
        }
        let again = |action| named(Event::done(action).from(tried.facts.origin.address));
        if let Some(in_row) = denied.and_then(Denied::alarm) {
            tracing::warn!(in_row, "USB-KEYs of others came after a right password, or in a session: see the log");
            self.house.journal.note(again(Action::KeyAnswersMadeUp).with("in-a-row", in_row));
        }
        if let Some(ended) = denied.and_then(Denied::suspended) {
            self.house.journal.note(again(Action::AccountSuspended).with("sessions-ended", ended.len()));
        }
    }

    async fn record(&self, event: Event) -> Result<(), Refusal> {
        self.house.journal.event(event).await.map(drop).map_err(|_| Refusal::NoRecord)
    }
}

/// What a certificate that was found good says of itself.
fn known(event: Event, certificate: &TrustedCertificate) -> Event {
    let event = event.with("certificate", certificate.serial()).with("issuer", certificate.issuer());
    event.with("subject", certificate.subject()).with("authority", certificate.authority())
}

/// What a certificate says of itself that nobody vouches for: marked as such, so that no made-up name passes for one that was checked.
fn claimed(event: Event, chain: &ShownChain) -> Event {
    match chain.certificates().first().and_then(|leaf| pki::claims(leaf).ok()) {
        Some(claims) => event.with("claimed-certificate", claims.serial).with("claimed-issuer", claims.issuer),
        None => event.with("claimed-certificate", "unreadable"),
    }
}
