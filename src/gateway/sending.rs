//! The page of a form that is kept, and what becomes of it: sent on, or discarded.
//!
//! Invariant: whatever is sent was decided anew as the person is now, obeys the limits, is on record as the access that it is, and is sent
//! once. Only the app's own host's page can ask for it, in the session and the browser that posted the form.

use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};

use crate::access::{self, Asked as Question};
use crate::auth::cookies;
use crate::auth::{Identity, Visitor};
use crate::clock::Time;
use crate::crypto::Token;
use crate::model::{Action, CanonicalPath, End, Inbound, Refusal};
use crate::proxy;
use crate::web::{self, KeptPage, KeptPageState};

use super::body::Body;
use super::entrance::judged;
use super::flows::Asked;
use super::house::{AppSite, Map};
use super::keeping::{cookie_of, set_cookie, step_up_link};
use super::kept::{Form, FormId, Found, Owner};
use super::pipeline::{NOTHING_HELD, Worker, recorded};
use super::portal::{LARGEST_FORM_BYTES, SLOWEST_FORM, read_form};
use super::record::{Facts, known};

/// What form tokens are for here.
const PURPOSE: &str = "kept form";

/// Who asks, and where.
struct Corner<'a> {
    map: &'a Map,
    site: &'a Arc<AppSite>,
    facts: &'a Facts,
    visitor: &'a Visitor,
    now: Time,
}

/// A form that the browser names and has the key of.
struct Wanted {
    owner: Owner,
    id: FormId,
    key: Token,
}

impl Wanted {
    fn of(site: &AppSite, headers: &HeaderMap, identity: &Identity, name: &str) -> Option<Self> {
        let id = FormId::parse(name)?;
        let key = cookies::sole(headers, &cookie_of(id)).one().and_then(Token::parse)?;
        Some(Self { owner: Owner::of(identity, &site.app.id), id, key })
    }

    fn address(&self) -> String {
        format!("{}{}", web::KEPT, self.id)
    }
}

impl Worker {
    pub(super) async fn serve_kept(
        &self,
        map: &Map,
        site: &Arc<AppSite>,
        inbound: Inbound,
        facts: Facts,
        visitor: &Visitor,
        now: Time,
    ) -> Response<Body> {
        let here = Corner { map, site, facts: &facts, visitor, now };
        // As with any request: whatever follows is a record.
        if let Some(identity) = known(visitor)
            && let Err(refusal) = self.house.limits.admit(identity.account(), &site.app.id, now)
        {
            return self.house.refuse(map, &facts, visitor, refusal).await;
        }
        let rest = facts.path.strip_prefix(web::KEPT).unwrap_or_default();
        let (name, verb) = rest.split_once('/').unwrap_or((rest, ""));
        let wanted = known(visitor).and_then(|identity| Wanted::of(site, &inbound.headers, identity, name));
        match (&inbound.method, verb, wanted) {
            (&Method::GET, "" | "send" | "discard", Some(wanted)) => self.show(&here, &wanted).await,
            (&Method::POST, "send" | "discard", Some(wanted)) => self.act(&here, inbound, wanted, verb == "send").await,
            (&Method::GET, "" | "send" | "discard", None) | (&Method::POST, "send" | "discard", None) => {
                self.tell(&here, KeptPageState::Gone).await
            }
            _ => self.house.refuse(map, &facts, visitor, Refusal::NotFound).await,
        }
    }

    async fn show(&self, here: &Corner<'_>, wanted: &Wanted) -> Response<Body> {
        match self.house.kept.look(&wanted.owner, wanted.id, &wanted.key, here.now) {
            Found::Sent => self.tell(here, KeptPageState::Sent).await,
            Found::Gone => self.tell(here, KeptPageState::Gone).await,
            Found::Here(form, left) => {
                let prove = self.would_be_refused(here, &form).then(|| prove_link(&form, wanted));
                self.tell(here, self.shown(wanted, &form, left, prove)).await
            }
        }
    }

    fn shown(&self, wanted: &Wanted, form: &Form, left: std::time::Duration, prove: Option<String>) -> KeptPageState {
        KeptPageState::Here {
            address: wanted.address(),
            csrf: self.house.csrf.token(wanted.key.hash(), PURPOSE),
            target: form.target.clone(),
            content_type: form.content_type.clone(),
            body: form.body.clone(),
            left,
            prove,
        }
    }

    /// Whether what she has proved is not enough any more.
    fn would_be_refused(&self, here: &Corner<'_>, form: &Form) -> bool {
        let Ok(path) = CanonicalPath::parse(path_of(form), here.site.app.paths) else { return false };
        let question = Question { method: &Method::POST, path: &path, held: NOTHING_HELD, is_tunnel: false };
        let (from, wall) = (here.facts.origin.address, self.house.clock.wall());
        let decided = access::decide(here.visitor, &here.site.app, &question, from, here.now, wall);
        matches!(decided, Err(Refusal::StepUpNeeded { .. }))
    }

    /// A button of the page was pressed.
    async fn act(&self, here: &Corner<'_>, mut inbound: Inbound, wanted: Wanted, send: bool) -> Response<Body> {
        let refuse = async |refusal| self.house.refuse(here.map, here.facts, here.visitor, refusal).await;
        if inbound.sole(header::ORIGIN) != Some(here.site.app.origin.as_str()) {
            return refuse(Refusal::ForeignOrigin).await;
        }
        let read = tokio::time::timeout(SLOWEST_FORM, read_form(&mut inbound.body, None, LARGEST_FORM_BYTES)).await;
        let fields = match read.unwrap_or(Err(Refusal::BodyTooSlow)) {
            Ok(form) => web::Fields::parse(&form),
            Err(refusal) => return refuse(refusal).await,
        };
        if !self.house.csrf.verify(wanted.key.hash(), PURPOSE, fields.text("csrf")) {
            return refuse(Refusal::FormExpired).await;
        }
        if send {
            return self.send(here, inbound, wanted).await;
        }
        if !self.house.kept.discard(&wanted.owner, wanted.id, here.now) {
            return self.show(here, &wanted).await;
        }
        self.note(Action::FormDiscarded, wanted.id, here.facts, here.visitor, None);
        let mut response = self.tell(here, KeptPageState::Discarded).await;
        set_cookie(response.headers_mut(), &cookies::forget(&cookie_of(wanted.id)));
        response
    }

    /// From here on it is a request like any other, for what the form was posted to.
    async fn send(&self, here: &Corner<'_>, inbound: Inbound, wanted: Wanted) -> Response<Body> {
        let Corner { map, site, visitor, now, .. } = *here;
        let Found::Here(form, left) = self.house.kept.look(&wanted.owner, wanted.id, &wanted.key, now) else {
            return self.show(here, &wanted).await;
        };
        let refuse = async |facts: &Facts, refusal| self.house.refuse(map, facts, visitor, refusal).await;
        let path = match CanonicalPath::parse(path_of(&form), site.app.paths) {
            Ok(path) => path,
            Err(why) => return refuse(here.facts, Refusal::Path(why)).await,
        };
        let inbound = match posted_anew(inbound, &form) {
            Ok(inbound) => Box::new(inbound),
            Err(refusal) => return refuse(here.facts, refusal).await,
        };
        let held = self.held_for(&site.app, &inbound.origin.shown, now).await;
        let mut facts = Facts::of(&inbound, here.facts.reference.clone(), Some(site.app.clone()));
        facts.follow(&site.app, &path, inbound.uri.query());
        let (grant, pass) = match self.decide(site, &inbound, held, visitor, &path, now) {
            Ok(granted) => granted,
            Err(refusal @ Refusal::StepUpNeeded { .. }) => {
                let page = self.shown(&wanted, &form, left, Some(prove_link(&form, &wanted)));
                return self.tell_refused(&Corner { facts: &facts, ..*here }, page, &refusal).await;
            }
            Err(refusal) => return refuse(&facts, refusal).await,
        };
        let Some(taken) = self.house.kept.take(&wanted.owner, wanted.id, &wanted.key, now) else {
            return self.show(here, &wanted).await;
        };
        grant.identity().mark_active(now);
        // Wherever this ends or is dropped, the form is there again unless anything of it may have left.
        let Some(permit) = self.permit(&facts, visitor, grant, pass).await else {
            return self.house.answer(map, &facts, Refusal::NoRecord, None);
        };
        self.note(Action::FormSent, wanted.id, &facts, visitor, Some(form.body.len()));
        self.flows.track(permit.grant(), map, site, inbound.line.clone(), Asked::of(&inbound, &path, held));
        match proxy::forward(&self.pool, &site.backend, permit, inbound, &path, &taken.departure).await {
            // The browser keeps the key, which opens nothing any more: so who presses twice is told that it was sent.
            Ok(response) => response.map(Body::Streamed),
            Err(failure) => {
                let (refusal, ending) = recorded(failure).await;
                self.house.answer(map, &facts, refusal, ending)
            }
        }
    }

    async fn tell(&self, here: &Corner<'_>, state: KeptPageState) -> Response<Body> {
        let page = web::kept_page(&KeptPage { language: here.facts.language(), app: &here.site.app, names: &here.map.portal.names, state });
        match self.house.open(here.facts, here.visitor, Ok("the gateway's own corner")).await {
            Ok(receipt) => self.deliver(here.map, here.facts, page, receipt, End::Complete).await,
            Err(_) => self.house.answer(here.map, here.facts, Refusal::NoRecord, None),
        }
    }

    async fn tell_refused(&self, here: &Corner<'_>, state: KeptPageState, refusal: &Refusal) -> Response<Body> {
        let mut page =
            web::kept_page(&KeptPage { language: here.facts.language(), app: &here.site.app, names: &here.map.portal.names, state });
        *page.status_mut() = StatusCode::UNAUTHORIZED;
        match self.house.open(here.facts, here.visitor, Err(refusal)).await {
            Ok(receipt) => self.deliver(here.map, here.facts, judged(page, refusal), receipt, End::Refused).await,
            Err(_) => self.house.answer(here.map, here.facts, Refusal::NoRecord, None),
        }
    }
}

fn path_of(form: &Form) -> &str {
    form.target.split('?').next().unwrap_or_default()
}

fn prove_link(form: &Form, wanted: &Wanted) -> String {
    step_up_link(&Method::POST, path_of(form), &wanted.address())
}

/// The request as it was posted, by the browser as it is now: its cookies and what it says of itself are the present ones.
fn posted_anew(inbound: Inbound, form: &Form) -> Result<Inbound, Refusal> {
    let malformed = |_| Refusal::Malformed("a kept form that cannot be sent");
    let target = PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(form.target.as_bytes()));
    let uri = target.map(Uri::from).map_err(|_| Refusal::Malformed("a kept form that cannot be sent"))?;
    let mut headers = inbound.headers;
    for name in [header::TRANSFER_ENCODING, header::EXPECT, header::REFERER] {
        headers.remove(name);
    }
    headers.insert(header::CONTENT_LENGTH, form.body.len().into());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(&form.content_type).map_err(malformed)?);
    if let Some(referer) = &form.referer {
        headers.insert(header::REFERER, HeaderValue::from_str(referer).map_err(malformed)?);
    }
    Ok(Inbound { method: Method::POST, uri, headers, body: form.body.clone().into(), upgrade: None, ..inbound })
}
