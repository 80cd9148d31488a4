//! The life of a request: site, visitor, grant, pass, receipt, permit, and only then the back office.
//!
//! Invariant: every way out is a permit that was used or a refusal that was answered, and both are on record.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderValue, Response};

use crate::access::{self, Asked as Question, Binding, Grant, Permit};
use crate::audit::NoRecord;
use crate::auth::Visitor;
use crate::auth::cookies::{self, Sole};
use crate::clock::Time;
use crate::config::Activity;
use crate::crypto::{Draws, Token};
use crate::limit::Pass;
use crate::model::{CanonicalPath, CertificateTrouble, End, Inbound, PathAllowance, Reference, Refusal, TokenId};
use crate::proxy::{self, Departure, Pool};

use super::answer::Ending;
use super::body::{Body, Closing};
use super::flows::{self, Asked, Flows};
use super::house::{AppSite, House, Map, Site};
use super::metrics::Meters;
use super::record::{Facts, known};
use super::trust::Checks;

/// One worker: what a thread has for itself.
pub struct Worker {
    pub house: Arc<House>,
    pub pool: Pool,
    pub flows: Flows,
    pub meters: Meters,
    /// What references are made of.
    pub draws: RefCell<Draws>,
    /// What was found of certificates.
    pub checks: Checks,
}

/// The token whose certificate was checked on the connection.
pub type Held = Result<TokenId, CertificateTrouble>;

pub const NOTHING_HELD: Held = Err(CertificateTrouble::Missing);

/// What policy and limits made of a request for an app.
struct Judged {
    visitor: Visitor,
    verdict: Result<(Grant, Pass, CanonicalPath), Refusal>,
}

impl Worker {
    // What is not the way of a request to its app is boxed: the room of the largest way is moved about for each request.
    pub async fn serve(self: Rc<Self>, inbound: Box<Inbound>) -> Response<Body> {
        let map = self.house.map.load_full();
        let Ok(random) = self.draws.borrow_mut().take() else {
            return self.house.without_reference();
        };
        let reference = Reference::new(random);
        let mut response = match map.site(&inbound.host) {
            Some(Site::Portal) => Box::pin(self.serve_portal(&map, *inbound, reference.clone())).await,
            Some(Site::KeyHost) => Box::pin(self.serve_key_host(&map, *inbound, reference.clone())).await,
            Some(Site::App(site)) => self.serve_app(&map, &site, inbound, reference.clone()).await,
            None => Box::pin(self.serve_nobody(&map, &inbound, reference.clone())).await,
        };
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(reference.as_str()) {
            headers.insert("x-request-id", value);
        }
        if map.hsts {
            headers.insert("strict-transport-security", HeaderValue::from_static("max-age=31536000"));
        }
        response
    }

    /// A host that the gateway does not have: there is no default app.
    async fn serve_nobody(&self, map: &Map, inbound: &Inbound, reference: Reference) -> Response<Body> {
        let mut facts = Facts::of(inbound, reference, None);
        // Whichever app it was meant for: a link that carries a secret may come by an old name, an address, or another app's connection.
        if let Some(hidden) = map.sites.values().find_map(|site| site.app.hides(inbound.uri.path())) {
            facts.path = hidden;
        }
        self.house.refuse(map, &facts, &Visitor::Stranger, Refusal::Misdirected).await
    }

    async fn serve_app(&self, map: &Map, site: &Arc<AppSite>, inbound: Box<Inbound>, reference: Reference) -> Response<Body> {
        let now = self.house.clock.now();
        let mut facts = Facts::of(&inbound, reference, Some(site.app.clone()));
        if super::entrance::is_reserved(inbound.uri.path(), site.app.paths) {
            return Box::pin(self.serve_reserved(map, site, *inbound, facts, now)).await;
        }
        if site.app.binding == Binding::Certificate && !inbound.origin.shown.was_asked() {
            // The connection was made before this host asked for certificates.
            inbound.line.ask_to_end();
            return Box::pin(self.serve_nobody(map, &inbound, facts.reference)).await;
        }
        let held = match site.app.binding {
            Binding::Nothing => NOTHING_HELD,
            Binding::Certificate => Box::pin(self.held_for(&site.app, &inbound.origin.shown, now)).await,
        };
        let Judged { visitor, verdict } = self.judge(site, &inbound, held, &mut facts, now);
        let (grant, pass, path) = match verdict {
            Ok(granted) => granted,
            Err(refusal @ (Refusal::SignInNeeded | Refusal::SignInAgain)) if facts.wants_page => {
                return Box::pin(self.send_to_sign_in(map, site, &inbound, &facts, &visitor, refusal)).await;
            }
            Err(refusal @ Refusal::StepUpNeeded { .. }) => {
                return Box::pin(self.ask_for_proof(map, site, *inbound, facts, &visitor, refusal)).await;
            }
            Err(refusal) => {
                if matches!(refusal, Refusal::Certificate(_)) {
                    // The browser asks its person for a certificate when it connects, and only then.
                    inbound.line.ask_to_end();
                }
                return Box::pin(self.house.refuse(map, &facts, &visitor, refusal)).await;
            }
        };
        if is_activity(map.activity, &inbound) {
            grant.identity().mark_active(now);
        }
        let Some(permit) = self.permit(&facts, &visitor, grant, pass).await else {
            return self.house.answer(map, &facts, Refusal::NoRecord, None);
        };
        self.flows.track(permit.grant(), map, site, inbound.line.clone(), Asked::of(&inbound, &path, held));
        match proxy::forward(&self.pool, &site.backend, permit, inbound, &path, &Departure::default()).await {
            Ok(response) => response.map(Body::Streamed),
            Err(failure) => {
                let (refusal, ending) = recorded(failure).await;
                self.house.answer(map, &facts, refusal, ending)
            }
        }
    }

    /// Puts what was granted on record. `None`: the log takes none.
    pub(super) async fn permit(&self, facts: &Facts, visitor: &Visitor, grant: Grant, pass: Pass) -> Option<Permit> {
        let opened = super::record::opened(facts, known(visitor), Ok(grant.rule()));
        match self.house.journal.open_access(opened).await {
            Ok(receipt) => Some(Permit::new(grant, pass, receipt)),
            Err(NoRecord) => None,
        }
    }

    /// Everything that can say no, in order; each check needs what the one before it made.
    fn judge(&self, site: &AppSite, inbound: &Inbound, held: Held, facts: &mut Facts, now: Time) -> Judged {
        let stranger = |refusal| Judged { visitor: Visitor::Stranger, verdict: Err(refusal) };
        let path = match CanonicalPath::parse(inbound.uri.path(), site.app.paths) {
            Ok(path) => path,
            Err(why) => {
                if let Some(hidden) = site.app.hides(inbound.uri.path()) {
                    facts.path = hidden;
                }
                return stranger(Refusal::Path(why));
            }
        };
        facts.follow(&site.app, &path, inbound.uri.query());
        let visitor = match self.visitor(inbound, now) {
            Ok(visitor) => visitor,
            Err(refusal) => return stranger(refusal),
        };
        let verdict = self.decide(site, inbound, held, &visitor, &path, now).map(|(grant, pass)| (grant, pass, path));
        Judged { visitor, verdict }
    }

    pub(super) fn decide(
        &self,
        site: &AppSite,
        inbound: &Inbound,
        held: Held,
        visitor: &Visitor,
        path: &CanonicalPath,
        now: Time,
    ) -> Result<(Grant, Pass), Refusal> {
        // First, because whatever follows may be refused, and each refusal of somebody known is a record.
        let pass = match visitor {
            Visitor::Known(identity) => Some(self.house.limits.admit(identity.account(), &site.app.id, now)?),
            Visitor::Stranger => None,
        };
        let crossing = flows::crossing(inbound);
        access::origin_check(crossing, &inbound.headers, &site.app)?;
        let question = Question { method: &inbound.method, path, held, is_tunnel: crossing == access::Crossing::WebSocket };
        let wall = self.house.clock.wall();
        let grant = access::decide(visitor, &site.app, &question, inbound.origin.address, now, wall)?;
        Ok((grant, pass.ok_or(Refusal::SignInNeeded)?))
    }

    /// Who asks, by the one cookie of this host.
    pub(super) fn visitor(&self, inbound: &Inbound, now: Time) -> Result<Visitor, Refusal> {
        let token = match cookies::sole(&inbound.headers, cookies::SESSION) {
            Sole::None => return Ok(Visitor::Stranger),
            Sole::Several => return Err(Refusal::Malformed("two session cookies")),
            Sole::One(text) => match Token::parse(text) {
                Some(token) => token,
                None => return Ok(Visitor::Stranger),
            },
        };
        let identity = self.house.auth.sessions.lookup(&token, &inbound.host, now);
        Ok(identity.map_or(Visitor::Stranger, |identity| {
            inbound.line.mark_known();
            Visitor::Known(identity)
        }))
    }

    /// Ends what is under way and may be no longer.
    pub fn sweep(&self) {
        self.flows.sweep(
            &self.house.map.load(),
            (&self.checks, &self.house.trusting.now()),
            self.house.clock.now(),
            self.house.clock.wall(),
        );
    }
}

impl House {
    /// Records a refusal and answers it.
    pub async fn refuse(&self, map: &Map, facts: &Facts, visitor: &Visitor, refusal: Refusal) -> Response<Body> {
        let end = end_of(&refusal);
        // Nothing here was asked for: a link that carries a secret may have come to the wrong host.
        if matches!(refusal, Refusal::NotFound | Refusal::Path(_) | Refusal::Misdirected) {
            facts.hide_for(map);
        }
        match self.open(facts, visitor, Err(&refusal)).await {
            Ok(Some(mut receipt)) => {
                if receipt.durable().await.is_err() {
                    return self.answer(map, facts, Refusal::NoRecord, None);
                }
                self.answer(map, facts, refusal, Some(Ending { receipt, bytes_up: 0, end }))
            }
            Ok(None) => self.answer(map, facts, refusal, None),
            Err(NoRecord) => self.answer(map, facts, Refusal::NoRecord, None),
        }
    }
}

/// What to answer for a forward that failed. Some fail before the record is on disk; no byte of an answer leaves before it is.
pub(super) async fn recorded(mut failure: proxy::Failure) -> (Refusal, Option<Ending>) {
    if failure.receipt.durable().await.is_err() {
        return (Refusal::NoRecord, None);
    }
    let proxy::Failure { refusal, receipt, bytes_up } = failure;
    let end = end_of(&refusal);
    (refusal, Some(Ending { receipt, bytes_up, end }))
}

/// A page that the portal or the gateway itself made, with its record.
pub(super) fn whole(response: Response<bytes::Bytes>, closing: Option<Closing>) -> Response<Body> {
    response.map(|bytes| Body::whole(bytes, closing))
}

pub(super) fn end_of(refusal: &Refusal) -> End {
    match refusal {
        Refusal::UpstreamUnreachable { .. } | Refusal::UpstreamTimeout => End::UpstreamFailed,
        Refusal::BodyTooLarge { .. } => End::TooLarge,
        Refusal::BodyTooSlow => End::TooSlow,
        Refusal::BodyBrokenOff => End::ClientLeft,
        Refusal::Revoked => End::Revoked,
        _ => End::Refused,
    }
}

/// `Sec-Fetch-Mode` (W3C Fetch Metadata) tells a person's navigation from a page's background requests.
fn is_activity(rule: Activity, inbound: &Inbound) -> bool {
    rule == Activity::Any || is_navigation(inbound)
}

pub(super) fn is_navigation(inbound: &Inbound) -> bool {
    let says = |field: &str, person: &str| inbound.sole(field).is_none_or(|value| value == person);
    // A frame navigates too, but nobody need look at it.
    inbound.is_unsafe() || says("sec-fetch-mode", "navigate") && says("sec-fetch-dest", "document")
}

/// Paths of the portal and of the reserved corner have no allowances.
pub(super) const STRICT: PathAllowance =
    PathAllowance { encoded_slash: false, backslash: false, empty_segment: false, semicolon: false, not_utf8: false };

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::audit::Receipt;

    fn failed() -> (proxy::Failure, crate::audit::Script) {
        let (receipt, script) = Receipt::scripted();
        (proxy::Failure { refusal: Refusal::UpstreamTimeout, receipt, bytes_up: 12 }, script)
    }

    #[tokio::test]
    async fn nothing_is_answered_for_a_failed_forward_before_its_record_is_on_disk() {
        let (failure, script) = failed();
        let mut answering = std::pin::pin!(recorded(failure));
        assert!(answering.as_mut().now_or_never().is_none(), "answered before the record was on disk");
        script.settle(true);
        let (refusal, ending) = answering.await;
        let ending = ending.expect("the record is there to be closed");
        assert_eq!((refusal, ending.bytes_up, ending.end), (Refusal::UpstreamTimeout, 12, End::UpstreamFailed));
    }

    #[tokio::test]
    async fn a_failed_forward_without_a_record_is_answered_as_such() {
        let (failure, script) = failed();
        script.settle(false);
        let (refusal, ending) = recorded(failure).await;
        assert_eq!(refusal, Refusal::NoRecord);
        assert!(ending.is_none());
    }
}
