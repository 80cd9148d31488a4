//! The portal's host: requests go to the gateway's own pages, which run beside the workers, not on them.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use tower::ServiceExt;

use crate::auth::Visitor;
use crate::clock::Time;
use crate::model::{CanonicalPath, End, Inbound, Reference, Refusal};
use crate::web::Visit;

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

    /// A page changes nothing, so it may be made first: then its record says what was decided.
    async fn serve_page(&self, map: &Map, inbound: Inbound, visitor: Visitor, facts: &Facts) -> Response<Body> {
        match self.page(inbound, visitor.clone(), facts).await {
            Ok((response, _)) => match self.house.open(facts, &visitor, Ok("portal")).await {
                Ok(receipt) => self.deliver(map, facts, response, receipt, End::Complete).await,
                Err(_) => self.house.answer(map, facts, Refusal::NoRecord, None),
            },
            Err(refusal) => self.house.refuse(map, facts, &visitor, refusal).await,
        }
    }

    /// A form may change something: its record is on disk before the form is read.
    async fn serve_form(&self, map: &Map, inbound: Inbound, visitor: Visitor, facts: &Facts) -> Response<Body> {
        let mut receipt = match self.house.open(facts, &visitor, Ok("portal")).await {
            Ok(receipt) => receipt,
            Err(_) => return self.house.answer(map, facts, Refusal::NoRecord, None),
        };
        if let Some(receipt) = &mut receipt
            && receipt.durable().await.is_err()
        {
            return self.house.answer(map, facts, Refusal::NoRecord, None);
        }
        match self.page(inbound, visitor.clone(), facts).await {
            Ok((response, bytes_up)) => {
                let status = response.status().as_u16();
                whole(response, receipt.map(|receipt| Closing { receipt, status, bytes_up, end: End::Complete }))
            }
            Err(refusal) => {
                if receipt.is_some() {
                    self.house.note_refused(facts, &visitor, &refusal);
                }
                let end = super::pipeline::end_of(&refusal);
                self.house.answer(map, facts, refusal, receipt.map(|receipt| (receipt, end)))
            }
        }
    }

    fn portal_visitor(&self, inbound: &Inbound, facts: &mut Facts, now: Time) -> Result<Visitor, Refusal> {
        facts.path = CanonicalPath::parse(inbound.uri.path(), STRICT).map_err(Refusal::Path)?.to_string();
        self.visitor(inbound, now)
    }

    async fn page(&self, inbound: Inbound, visitor: Visitor, facts: &Facts) -> Result<(Response<Bytes>, u64), Refusal> {
        let body = Limited::new(inbound.body, LARGEST_FORM_BYTES).collect();
        let form = tokio::time::timeout(SLOWEST_FORM, body)
            .await
            .map_err(|_| Refusal::BodyTooSlow)?
            .map_err(|_| Refusal::BodyTooLarge { limit: LARGEST_FORM_BYTES as u64 })?
            .to_bytes();
        let bytes_up = form.len() as u64;
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
            None => Ok((response, bytes_up)),
        }
    }
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
