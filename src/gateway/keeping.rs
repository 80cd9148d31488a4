//! Step-up as the app's host has it: a page that is refused for want of a proof leads to the portal and back, and a form that is, is kept
//! until it can be sent.
//!
//! Invariant: a form is kept only where the app's own page posted it in a session that is valid; what is
//! not kept is refused with what she can do about it, before she goes to prove anything.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, header};
use url::form_urlencoded;

use crate::auth::cookies;
use crate::auth::{Identity, Visitor};
use crate::crypto::NoRandomness;
use crate::model::{Action, End, Event, Inbound, Refusal};
use crate::{proxy, web};

use super::answer::Ending;
use super::body::Body;
use super::entrance::{judged, return_path, way_to_portal};
use super::house::{AppSite, Map};
use super::kept::{Form, FormId, LONGEST_HEAD, NotKept, Owner, Room};
use super::pipeline::{Worker, end_of};
use super::record::{Facts, known};

/// What browsers send forms as (HTML, section 4.10.18.6).
const FORMS: [&str; 3] = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

impl Worker {
    /// Somebody is in, but what she proved is not enough for this, or too old.
    pub(super) async fn ask_for_proof(
        &self,
        map: &Map,
        site: &Arc<AppSite>,
        inbound: Inbound,
        mut facts: Facts,
        visitor: &Visitor,
        refusal: Refusal,
    ) -> Response<Body> {
        let back = return_path(&inbound, &site.app);
        facts.step_up = Some(step_up_link(&inbound.method, inbound.uri.path(), &back));
        if !facts.wants_page {
            return self.house.refuse(map, &facts, visitor, refusal).await;
        }
        if !inbound.is_unsafe() {
            return self.send_to_sign_in(map, site, &inbound, &facts, visitor, refusal).await;
        }
        let room = match known(visitor).ok_or("nobody is in").and_then(|identity| self.room(map, site, &inbound, identity)) {
            Ok(room) => room,
            Err(why) => return self.house.refuse(map, &facts, visitor, Refusal::FormNotKept { why }).await,
        };
        let Ok(Some(mut receipt)) = self.house.open(&facts, visitor, Err(&refusal)).await else {
            return self.house.answer(map, &facts, Refusal::NoRecord, None);
        };
        // A body that is polled tells its client to go on.
        if receipt.durable().await.is_err() {
            return self.house.answer(map, &facts, Refusal::NoRecord, None);
        }
        match self.keep(map, site, inbound, room, (&facts, visitor)).await {
            Ok(response) => self.deliver(map, &facts, judged(response, &refusal), Some(receipt), End::Refused).await,
            Err((refusal, bytes_up)) => {
                let end = end_of(&refusal);
                self.house.answer(map, &facts, refusal, Some(Ending { receipt, bytes_up, end }))
            }
        }
    }

    /// Room for a form of the app's own; anything else is not kept.
    fn room(&self, map: &Map, site: &AppSite, inbound: &Inbound, identity: &Arc<Identity>) -> Result<Room, &'static str> {
        let kind = inbound.sole(header::CONTENT_TYPE).unwrap_or_default();
        let is_form = FORMS.iter().any(|form| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(form)));
        if inbound.method != Method::POST || !is_form {
            return Err("it is not a form");
        }
        if inbound.sole(header::ORIGIN) != Some(site.app.origin.as_str()) {
            return Err("another site's page made it");
        }
        if head_of(inbound).is_none() {
            return Err(NotKept::TooLarge.word());
        }
        let declared = http_body::Body::size_hint(&inbound.body).exact();
        let owner = Owner::of(identity, &site.app.id);
        self.house.kept.room(owner, declared, &map.kept_forms, self.house.clock.now()).map_err(NotKept::word)
    }

    /// Reads the form, keeps it, and sends her to the portal, which sends her back to where it is kept.
    async fn keep(
        &self,
        map: &Map,
        site: &Arc<AppSite>,
        inbound: Inbound,
        room: Room,
        (facts, visitor): (&Facts, &Visitor),
    ) -> Result<Response<Bytes>, (Refusal, u64)> {
        let no_randomness = |NoRandomness| (Refusal::Broken { what: "no random bytes" }, 0);
        let (target, content_type, referer) = head_of(&inbound).ok_or((Refusal::FormNotKept { why: NotKept::TooLarge.word() }, 0))?;
        let asked = format!("POST {}", inbound.uri.path());
        let Inbound { body, line, headers, .. } = inbound;
        let gathered = tokio::select! {
            biased;
            _ = line.until_cut() => Err(Refusal::Revoked),
            gathered = tokio::time::timeout(map.kept_forms.life, proxy::gather(body, &site.backend, room.limit())) => {
                gathered.unwrap_or(Err(Refusal::BodyTooSlow))
            }
        };
        let body = gathered.map_err(|refusal| match refusal {
            Refusal::BodyTooLarge { limit } => (Refusal::FormNotKept { why: NotKept::TooLarge.word() }, limit),
            refusal => (refusal, 0),
        })?;
        let form = Form { target, content_type, referer, body: body.into() };
        let (id, key) = room.fill(&form).map_err(no_randomness)?;
        let path = format!("{}{id}", web::KEPT);
        let (location, nonce) = way_to_portal(map, site, &headers, &path, &asked).map_err(|refusal| (refusal, form.body.len() as u64))?;
        // A page, not a redirect: browsers hold what follows a form to the `form-action` of the back office's page (CSP3, section 6.4.1).
        let mut response = web::form_kept_page(facts.language(), &map.portal.names, &location);
        set_cookie(response.headers_mut(), &nonce);
        set_cookie(response.headers_mut(), &cookies::set(&cookie_of(id), &key.reveal(), map.kept_forms.life));
        self.note(Action::FormKept, id, facts, visitor, Some(form.body.len()));
        Ok(response)
    }

    pub(super) fn note(&self, action: Action, id: FormId, facts: &Facts, visitor: &Visitor, bytes: Option<usize>) {
        let event = Event::done(action).from(facts.origin.address).with("form", id).with("path", facts.recorded_path());
        let event = Event { reference: Some(facts.reference.clone()), ..event };
        let event = match &facts.app {
            Some(app) => event.with("app", &app.id),
            None => event,
        };
        let event = match bytes {
            Some(bytes) => event.with("bytes", bytes),
            None => event,
        };
        self.house.journal.note(match known(visitor) {
            Some(identity) => event.by(identity.who().clone()),
            None => event,
        });
    }
}

/// The cookie that holds the key of a form.
pub(super) fn cookie_of(id: FormId) -> String {
    format!("{}-{id}", cookies::KEPT)
}

pub(super) fn set_cookie(headers: &mut HeaderMap, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Where on the app's host the way to the proof begins that lets her do this; it ends at `back`.
pub(super) fn step_up_link(method: &Method, path: &str, back: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("asked", &format!("{method} {path}")).append_pair("path", back);
    format!("/.yumen/step-up?{}", query.finish())
}

/// Target, content type and referer. `None`: together they are longer than is kept.
fn head_of(inbound: &Inbound) -> Option<(String, String, Option<String>)> {
    let target = inbound.uri.path_and_query()?.as_str().to_owned();
    let kind = inbound.sole(header::CONTENT_TYPE)?.to_owned();
    let room = LONGEST_HEAD.checked_sub(target.len())?.checked_sub(kind.len())?;
    let referer = inbound.sole(header::REFERER).filter(|referer| referer.len() <= room).map(str::to_owned);
    Some((target, kind, referer))
}
