//! The portal's host: requests go to the gateway's own pages, which run beside the workers, not on them.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use tower::ServiceExt;

use crate::audit::{NoRecord, Receipt};
use crate::auth::Visitor;
use crate::clock::Time;
use crate::limit::Pass;
use crate::model::{CanonicalPath, End, Inbound, Reference, Refusal};
use crate::web::{self, Visit};

use super::answer::Ending;
use super::body::{Body, Closing};
use super::house::Map;
use super::pipeline::{STRICT, Worker, whole};
use super::record::Facts;

/// The largest form of the portal is a WebAuthn registration of a few KiB.
const LARGEST_FORM_BYTES: usize = 64 * 1024;
const SLOWEST_FORM: Duration = Duration::from_secs(15);

impl Worker {
    pub(super) async fn serve_portal(&self, map: &Map, inbound: Inbound, reference: Reference) -> Response<Body> {
        let now = self.house.clock.now();
        let mut facts = Facts::of(&inbound, reference, None);
        let visitor = match self.portal_visitor(&inbound, &mut facts, now) {
            Ok(visitor) => visitor,
            Err(refusal) => return self.house.refuse(map, &facts, &Visitor::Stranger, refusal).await,
        };
        // Its siblings are same-site, so only the exact origin shows that a form is the portal's own.
        if inbound.is_unsafe() && inbound.sole(http::header::ORIGIN) != Some(map.portal.origin.as_str()) {
            return self.house.refuse(map, &facts, &visitor, Refusal::ForeignOrigin).await;
        }
        let _pass = match self.portal_pass(&visitor, &facts, now) {
            Ok(pass) => pass,
            Err(refusal) => return self.house.refuse(map, &facts, &visitor, refusal).await,
        };
        if super::pipeline::is_navigation(&inbound)
            && !is_passage(&facts.path)
            && let Visitor::Known(identity) = &visitor
        {
            identity.mark_active(now);
        }
        if inbound.is_unsafe() {
            self.serve_form(map, inbound, visitor, &facts).await
        } else {
            self.serve_page(map, inbound, visitor, &facts).await
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
    async fn serve_page(&self, map: &Map, inbound: Inbound, visitor: Visitor, facts: &Facts) -> Response<Body> {
        match self.page(inbound, visitor.clone(), facts).await {
            (Ok(response), _) => match self.house.open(facts, &visitor, Ok("portal")).await {
                Ok(receipt) => self.deliver(map, facts, response, receipt, End::Complete).await,
                Err(_) => self.house.answer(map, facts, Refusal::NoRecord, None),
            },
            (Err(refusal), _) => self.house.refuse(map, facts, &visitor, refusal).await,
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
        let mut receipt = self.house.open(facts, visitor, Ok("portal")).await?;
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
        (made, bytes_up): (Result<Response<Bytes>, Refusal>, u64),
        receipt: Option<Receipt>,
    ) -> Response<Body> {
        match made {
            Ok(response) => {
                let status = response.status().as_u16();
                whole(response, receipt.map(|receipt| Closing { receipt, status, bytes_up, end: End::Complete }))
            }
            Err(refusal) => {
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
    async fn page(&self, mut inbound: Inbound, visitor: Visitor, facts: &Facts) -> (Result<Response<Bytes>, Refusal>, u64) {
        match read_form(&mut inbound.body).await {
            Ok(form) => {
                let bytes_up = form.len() as u64;
                (self.ask_pages(inbound, form, visitor, facts).await, bytes_up)
            }
            Err(refusal) => (Err(refusal), 0),
        }
    }

    async fn ask_pages(&self, inbound: Inbound, form: Bytes, visitor: Visitor, facts: &Facts) -> Result<Response<Bytes>, Refusal> {
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
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            Response::from_parts(parts, bytes)
        });
        let response = answer.await.map_err(|_| Refusal::Broken { what: "a page of the portal failed" })?;
        match response.extensions().get::<Refusal>() {
            // A page that refuses leaves its looks to the one file that chooses them.
            Some(refusal) => Err(refusal.clone()),
            None => Ok(response),
        }
    }
}

async fn read_form(body: &mut hyper::body::Incoming) -> Result<Bytes, Refusal> {
    let form = tokio::time::timeout(SLOWEST_FORM, Limited::new(body, LARGEST_FORM_BYTES).collect()).await;
    let form = form.map_err(|_| Refusal::BodyTooSlow)?;
    Ok(form.map_err(|_| Refusal::BodyTooLarge { limit: LARGEST_FORM_BYTES as u64 })?.to_bytes())
}

/// On the way to an app nobody is at the portal: if passing through counted as activity, the tighter idle limit of an app would never hold.
fn is_passage(path: &str) -> bool {
    path == "/enter" || path.starts_with("/sign-in")
}

fn with_path(path: &str, query: Option<&str>) -> Result<http::Uri, Refusal> {
    let target = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    target.parse().map_err(|_| Refusal::Malformed("the request target is not a URI"))
}
