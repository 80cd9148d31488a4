//! The portal's host: requests go to the gateway's own pages, which run beside the workers, not on them.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future;
use http::{Request, Response};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::audit::{NoRecord, Receipt, Urgency};
use crate::auth::Visitor;
use crate::clock::Time;
use crate::limit::{Held, Pass};
use crate::model::{CanonicalPath, End, Inbound, Network, Reference, Refusal};
use crate::web::{self, Visit};

use super::answer::Ending;
use super::body::{Body, Closing};
use super::house::Map;
use super::pipeline::{STRICT, Worker, whole};
use super::record::Facts;

/// The largest form of most pages is a WebAuthn registration of a few KiB; `web` names those that take more of who is signed in.
pub(super) const LARGEST_FORM_BYTES: usize = 64 * 1024;
pub(super) const SLOWEST_FORM: Duration = Duration::from_secs(15);

impl Worker {
    pub(super) async fn serve_portal(&self, map: &Map, inbound: Inbound, reference: Reference) -> Response<Body> {
        let now = self.house.clock.now();
        let mut facts = Facts::of(&inbound, reference, None);
        let visitor = match self.portal_visitor(&inbound, &mut facts, now) {
            Ok(visitor) => visitor,
            Err(refusal) => return self.house.refuse(map, &facts, &Visitor::Stranger, refusal).await,
        };
        // Its siblings are same-site, so only the exact origin shows that a form is the portal's own.
        let is_foreign_form = inbound.is_unsafe() && inbound.sole(http::header::ORIGIN) != Some(map.portal.origin.as_str());
        if is_foreign_form || is_asked_elsewhere(&inbound) {
            return self.house.refuse(map, &facts, &visitor, Refusal::ForeignOrigin).await;
        }
        let pass = match self.portal_pass(&visitor, &facts, now) {
            Ok(pass) => pass,
            Err(refusal) => return self.house.refuse(map, &facts, &visitor, refusal).await,
        };
        if web::gives_a_way_in(&facts.path)
            && let Err(refusal) = self.house.emergency.may_enrol(now, self.house.clock.wall())
        {
            return self.house.refuse(map, &facts, &visitor, refusal).await;
        }
        if super::pipeline::is_navigation(&inbound)
            && !is_passage(&facts.path)
            && let Visitor::Known(identity) = &visitor
        {
            identity.mark_active(now);
        }
        if inbound.is_unsafe() {
            self.serve_form(map, inbound, visitor, &facts).await
        } else {
            self.serve_page(map, inbound, visitor, &facts, pass).await
        }
    }

    /// A person's rates hold here too, but for what only takes away.
    fn portal_pass(&self, visitor: &Visitor, facts: &Facts, now: Time) -> Result<Option<Pass>, Refusal> {
        match visitor {
            Visitor::Known(identity) if !web::only_takes_away(&facts.path) => {
                self.house.limits.admit_to_portal(identity.account(), now).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A page changes nothing, so it may be made first: then its record says what was decided.
    async fn serve_page(&self, map: &Map, inbound: Inbound, visitor: Visitor, facts: &Facts, pass: Option<Pass>) -> Response<Body> {
        let line = inbound.line.clone();
        let page = match self.page(inbound, visitor.clone(), facts).await {
            (Ok(page), _) => page,
            (Err(refusal), _) => return self.house.refuse(map, facts, &visitor, refusal).await,
        };
        match (self.house.open_as(urgency(facts, &visitor), facts, &visitor, Ok("portal")).await, page, &visitor) {
            (Ok(receipt), Page::Whole(response), _) => self.deliver(map, facts, response, receipt, End::Complete).await,
            (Ok(Some(mut receipt)), Page::AsItComes(response), Visitor::Known(identity)) => {
                if receipt.durable().await.is_err() {
                    return self.house.answer(map, facts, Refusal::NoRecord, None);
                }
                let closing = Closing { receipt, status: response.status().as_u16(), bytes_up: 0, end: End::Complete };
                response.map(|body| Body::as_it_comes(body, closing, identity, line, pass))
            }
            _ => self.house.answer(map, facts, Refusal::NoRecord, None),
        }
    }

    /// A form may change something: its record is on disk before the form is read. One that only takes away waits for
    /// no record, because a log that fails must not keep a thief in; its answer does wait.
    async fn serve_form(&self, map: &Map, inbound: Inbound, visitor: Visitor, facts: &Facts) -> Response<Body> {
        let form = self.page(inbound, visitor.clone(), facts);
        let (recorded, made) = if web::only_takes_away(&facts.path) {
            future::join(self.on_record(facts, &visitor), form).await
        } else {
            match self.on_record(facts, &visitor).await {
                Ok(receipt) => (Ok(receipt), form.await),
                Err(NoRecord) => (Err(NoRecord), (Err(Refusal::NoRecord), 0)),
            }
        };
        match (recorded, made) {
            (Ok(receipt), made) => self.answer_form(map, facts, &visitor, made, receipt),
            (Err(NoRecord), (Err(Refusal::DoneUnrecorded), _)) => self.house.answer(map, facts, Refusal::DoneUnrecorded, None),
            (Err(NoRecord), _) => self.house.answer(map, facts, Refusal::NoRecord, None),
        }
    }

    /// Opens the access and waits until that is on disk. `None`: a stranger past the quota.
    async fn on_record(&self, facts: &Facts, visitor: &Visitor) -> Result<Option<Receipt>, NoRecord> {
        let mut receipt = self.house.open_as(urgency(facts, visitor), facts, visitor, Ok("portal")).await?;
        if let Some(receipt) = &mut receipt {
            receipt.durable().await?;
        }
        Ok(receipt)
    }

    fn answer_form(
        &self,
        map: &Map,
        facts: &Facts,
        visitor: &Visitor,
        (made, bytes_up): (Result<Page, Refusal>, u64),
        receipt: Option<Receipt>,
    ) -> Response<Body> {
        match made {
            Ok(Page::Whole(response)) => {
                let status = response.status().as_u16();
                whole(response, receipt.map(|receipt| Closing { receipt, status, bytes_up, end: End::Complete }))
            }
            made => {
                let refusal = made.err().unwrap_or(Refusal::Broken { what: "a form was answered with a stream" });
                if receipt.is_some() {
                    self.house.note_refused(facts, visitor, &refusal);
                }
                let end = super::pipeline::end_of(&refusal);
                self.house.answer(map, facts, refusal, receipt.map(|receipt| Ending { receipt, bytes_up, end }))
            }
        }
    }

    fn portal_visitor(&self, inbound: &Inbound, facts: &mut Facts, now: Time) -> Result<Visitor, Refusal> {
        facts.path = CanonicalPath::parse(inbound.uri.path(), STRICT).map_err(Refusal::Path)?.to_string();
        self.visitor(inbound, now)
    }

    /// What a page answers, and how many bytes of a form it was given.
    async fn page(&self, mut inbound: Inbound, visitor: Visitor, facts: &Facts) -> (Result<Page, Refusal>, u64) {
        // Whoever is signed in has so many requests under way and no more; of all others together only the bytes are bounded.
        let network = Network::of(inbound.origin.address);
        let mut held = visitor.known().is_none().then(|| self.house.limits.body(network, self.house.clock.now()));
        let largest = visitor.known().and_then(|_| web::larger_form(&facts.path)).unwrap_or(LARGEST_FORM_BYTES);
        let form = tokio::time::timeout(SLOWEST_FORM, read_form(&mut inbound.body, held.as_mut(), largest));
        match form.await.unwrap_or(Err(Refusal::BodyTooSlow)) {
            Ok(form) => {
                let bytes_up = form.len() as u64;
                (self.ask_pages(inbound, form, visitor, facts).await, bytes_up)
            }
            Err(refusal) => (Err(refusal), 0),
        }
    }

    async fn ask_pages(&self, inbound: Inbound, form: Bytes, visitor: Visitor, facts: &Facts) -> Result<Page, Refusal> {
        let mut request = Request::new(axum::body::Body::from(form));
        *request.method_mut() = inbound.method;
        // The path as it was judged and recorded is the path that is routed.
        *request.uri_mut() = with_path(&facts.path, inbound.uri.query())?;
        *request.headers_mut() = inbound.headers;
        request.extensions_mut().insert(Visit {
            visitor,
            origin: inbound.origin,
            reference: facts.reference.clone(),
            language: facts.language(),
        });
        let pages = self.house.pages.router();
        let answer = self.house.back.spawn(async move {
            let response = pages.oneshot(request).await.unwrap_or_else(|never| match never {});
            // A page that refuses leaves its looks to the one file that chooses them.
            if let Some(refusal) = response.extensions().get::<Refusal>() {
                return Err(refusal.clone());
            }
            if response.extensions().get::<web::AsItComes>().is_some() {
                return Ok(Page::AsItComes(response));
            }
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            Ok(Page::Whole(Response::from_parts(parts, bytes)))
        });
        answer.await.unwrap_or(Err(Refusal::Broken { what: "a page of the portal failed" }))
    }
}

/// What the pages answered.
enum Page {
    Whole(Response<Bytes>),
    /// Too long to be held, or without an end.
    AsItComes(Response<axum::body::Body>),
}

/// Copied together as it comes, so that a body in tiny pieces takes no more memory than it counts for.
pub(super) async fn read_form<B>(body: &mut B, mut held: Option<&mut Held>, largest: usize) -> Result<Bytes, Refusal>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let too_large = Refusal::BodyTooLarge { limit: largest as u64 };
    if body.size_hint().lower() > largest as u64 {
        return Err(too_large);
    }
    let mut form = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::BodyBrokenOff)?.into_data() else { continue };
        if form.len().saturating_add(data.len()) > largest {
            return Err(too_large);
        }
        if let Some(held) = held.as_mut() {
            held.more(data.len())?;
        }
        form.extend_from_slice(&data);
    }
    Ok(form.into())
}

/// Strangers have nothing to take away: what they cause never uses up what was kept for the urgent, but for the last page of who was known.
fn urgency(facts: &Facts, visitor: &Visitor) -> Urgency {
    match visitor {
        Visitor::Known(_) if web::only_takes_away(&facts.path) => Urgency::TakesAway,
        Visitor::Known(_) if web::is_way_out(&facts.path) => Urgency::WayOut,
        Visitor::Stranger if facts.path == "/signed-out" => Urgency::WayOut,
        _ => Urgency::Ordinary,
    }
}

/// Whether a page of another site asked, as a browser says (W3C Fetch Metadata), other than by sending the person here: for a picture of hers
/// that page could have packs and exports made in her name, one after another.
fn is_asked_elsewhere(inbound: &Inbound) -> bool {
    let says = |name: &str, value: &str| inbound.sole(name) == Some(value);
    let sends_her = !inbound.is_unsafe() && says("sec-fetch-mode", "navigate") && says("sec-fetch-dest", "document");
    !web::is_own_site(&inbound.headers) && !sends_her
}

/// On the way to an app nobody is at the portal: if passing through counted as activity, the tighter idle limit of an app would never hold.
fn is_passage(path: &str) -> bool {
    path == "/enter" || path.starts_with("/sign-in") || path.starts_with("/step-up")
}

fn with_path(path: &str, query: Option<&str>) -> Result<http::Uri, Refusal> {
    let target = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    target.parse().map_err(|_| Refusal::Malformed("the request target is not a URI"))
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;
    use crate::limit::{BodySettings, LimitSettings, Limits};

    fn pieces(count: usize, size: usize) -> impl http_body::Body<Data = Bytes, Error = std::io::Error> + Unpin {
        let piece = move |_| Ok(http_body::Frame::data(Bytes::from(vec![b'x'; size])));
        StreamBody::new(futures_util::stream::iter((0..count).map(piece)))
    }

    #[tokio::test]
    async fn a_form_is_read_whole_up_to_its_cap_and_refused_past_it_however_it_comes() {
        assert_eq!(read_form(&mut pieces(LARGEST_FORM_BYTES, 1), None, LARGEST_FORM_BYTES).await.unwrap().len(), LARGEST_FORM_BYTES);
        let too_large = Err(Refusal::BodyTooLarge { limit: LARGEST_FORM_BYTES as u64 });
        assert_eq!(read_form(&mut pieces(LARGEST_FORM_BYTES + 1, 1), None, LARGEST_FORM_BYTES).await, too_large);
        assert_eq!(read_form(&mut Full::new(Bytes::from(vec![b'x'; LARGEST_FORM_BYTES + 1])), None, LARGEST_FORM_BYTES).await, too_large);
        let broken = futures_util::stream::iter([Ok(http_body::Frame::data(Bytes::from_static(b"a"))), Err(std::io::Error::other("gone"))]);
        assert_eq!(read_form(&mut StreamBody::new(broken), None, LARGEST_FORM_BYTES).await, Err(Refusal::BodyBrokenOff));
    }

    #[tokio::test]
    async fn the_forms_of_those_who_are_not_signed_in_hold_no_more_than_is_set() {
        let bodies = BodySettings { overall: 1_000, hand: 600 };
        let limits = Limits::new(LimitSettings { bodies, ..LimitSettings::default() });
        let of = |last: u8| limits.body(Network::of(std::net::Ipv4Addr::new(192, 0, 2, last).into()), Time::from_millis(0));
        let (mut first, mut second, mut third) = (of(1), of(2), of(3));
        assert_eq!(read_form(&mut pieces(6, 100), Some(&mut first), LARGEST_FORM_BYTES).await.unwrap().len(), 600);
        let crowded = |limit| Err(Refusal::Crowded { retry_after: Duration::from_secs(5), limit });
        assert_eq!(read_form(&mut pieces(1, 1), Some(&mut of(1)), LARGEST_FORM_BYTES).await, crowded("forms of one network under way"));
        assert_eq!(read_form(&mut pieces(4, 100), Some(&mut second), LARGEST_FORM_BYTES).await.unwrap().len(), 400);
        assert_eq!(read_form(&mut pieces(1, 1), Some(&mut third), LARGEST_FORM_BYTES).await, crowded("forms under way"));
        drop(first);
        assert_eq!(read_form(&mut pieces(1, 1), Some(&mut third), LARGEST_FORM_BYTES).await.unwrap().len(), 1);
    }
}
