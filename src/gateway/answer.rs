//! The one place that chooses what a refusal looks like outside: its status, its page, its JSON.
//!
//! Invariant: the answer does not tell unknown from forbidden, and carries the reference that is in the log.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::audit::Receipt;
use crate::clock::Time;
use crate::incident::Duty;
use crate::model::{Bar, End, Refusal};
use crate::web::assets::AssetPrefix;
use crate::web::{self};

use super::body::{Body, Closing};
use super::house::{House, Map};
use super::metrics::Verdict;
use super::pipeline::whole;
use super::record::Facts;

/// How the record of an access that is refused will be closed.
pub struct Ending {
    pub receipt: Receipt,
    /// What had come of the request's body.
    pub bytes_up: u64,
    pub end: End,
}

fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Malformed(_) | Refusal::Path(_) | Refusal::BodyBrokenOff | Refusal::HandOverFailed { .. } => StatusCode::BAD_REQUEST,
        Refusal::Misdirected => StatusCode::MISDIRECTED_REQUEST,
        Refusal::NotFound => StatusCode::NOT_FOUND,
        Refusal::SignInNeeded | Refusal::SignInAgain | Refusal::StepUpNeeded { .. } | Refusal::Revoked => StatusCode::UNAUTHORIZED,
        Refusal::Certificate(_)
        | Refusal::NotAllowed { .. }
        | Refusal::FormNotKept { .. }
        | Refusal::ForeignOrigin
        | Refusal::FormExpired
        | Refusal::UpgradeNotAllowed => StatusCode::FORBIDDEN,
        Refusal::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
        Refusal::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Emergency { bar: Bar::Closed, .. } => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Emergency { .. } => StatusCode::FORBIDDEN,
        Refusal::LockedDown | Refusal::Crowded { .. } | Refusal::NoRecord | Refusal::DoneUnrecorded | Refusal::Broken { .. } => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Refusal::UpstreamUnreachable { .. } => StatusCode::BAD_GATEWAY,
        Refusal::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
    }
}

impl House {
    pub fn answer(&self, map: &Map, facts: &Facts, refusal: Refusal, ending: Option<Ending>) -> Response<Body> {
        let status = status(&refusal);
        let (kind, bytes) = if facts.wants_page { self.page(map, facts, status, &refusal) } else { self.json(map, facts, &refusal) };
        let mut response = Response::new(bytes);
        *response.status_mut() = status;
        response.extensions_mut().insert(Verdict::of(&refusal));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        web::protect(headers);
        if let Refusal::TooMany { retry_after, .. } | Refusal::Crowded { retry_after, .. } = refusal {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
        }
        if matches!(refusal, Refusal::FormNotKept { .. } | Refusal::BodyTooLarge { .. } | Refusal::BodyTooSlow | Refusal::Crowded { .. }) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let closing = ending.map(|Ending { receipt, bytes_up, end }| Closing { receipt, status: status.as_u16(), bytes_up, end });
        whole(response, closing)
    }

    fn page(&self, map: &Map, facts: &Facts, status: StatusCode, refusal: &Refusal) -> (&'static str, Bytes) {
        let host = if facts.elsewhere { AssetPrefix::AppHost } else { AssetPrefix::Portal };
        let page = web::refusal_page(&web::RefusalPage {
            language: facts.language(),
            status: status.as_u16(),
            refusal,
            reference: facts.reference.as_str(),
            host,
            names: &map.portal.names,
            portal: &map.portal.origin,
            again: facts.again.as_deref(),
            step_up: facts.step_up.as_deref(),
            whom: whom_to_ask(map, refusal, self.clock.wall()),
        });
        ("text/html; charset=utf-8", page.into())
    }

    /// For scripts: no redirect that they would follow blindly, and where a person could sign in, or prove what is missing.
    fn json(&self, map: &Map, facts: &Facts, refusal: &Refusal) -> (&'static str, Bytes) {
        let mut answer = serde_json::json!({
            "error": refusal.word(),
            "message": web::refusal_message(facts.language(), refusal),
            "reference": facts.reference.as_str(),
        });
        if let (Refusal::Emergency { level, until, .. }, Some(answer)) = (refusal, answer.as_object_mut()) {
            answer.insert("level".to_owned(), level.word().into());
            answer.insert("until".to_owned(), until.to_string().into());
        }
        let portal = &map.portal.origin;
        let (field, address) = match (refusal, &facts.step_up, &facts.app) {
            (Refusal::SignInNeeded | Refusal::SignInAgain, ..) => ("sign_in", format!("{portal}/sign-in")),
            (Refusal::StepUpNeeded { .. }, Some(step_up), Some(app)) => ("step_up", format!("{}{step_up}", app.origin)),
            _ => return ("application/json", answer.to_string().into()),
        };
        if let Some(answer) = answer.as_object_mut() {
            answer.insert(field.to_owned(), address.into());
        }
        ("application/json", answer.to_string().into())
    }

    /// The machine gives no random bytes, so there is not even a reference to name.
    pub fn without_reference(&self) -> Response<Body> {
        let mut response = Response::new(Bytes::from_static(b"Service unavailable\n"));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.extensions_mut().insert(Verdict::of(&Refusal::Broken { what: "no random bytes" }));
        whole(response, None)
    }
}

/// Who handles incidents now, by the plan. Whoever is given a way in need not be one of us yet, and is told nobody's name.
fn whom_to_ask(map: &Map, refusal: &Refusal, wall: Time) -> Option<web::Whom> {
    match refusal {
        Refusal::LockedDown | Refusal::Emergency { bar: Bar::Closed | Bar::Address | Bar::ReadOnly, .. } => {
            let shift = map.plan.as_ref()?.on_duty(Duty::Handler, wall).next()?;
            Some(web::Whom { name: shift.name.clone(), phone: shift.phone.clone() })
        }
        _ => None,
    }
}
