//! How a signed-in person gets from the portal onto an app's host: the reserved corner `/.yumen/` of every app.
//!
//! 1. Somebody without a session gets a nonce cookie and is sent to the portal with the app, where she wanted to go, and the nonce's hash.
//! 2. The portal sends her back to `/.yumen/enter` with a one-time code.
//! 3. The code is spent here. The nonce cookie shows that this is the browser that asked, so a link from an attacker cannot sign a
//!    victim in as the attacker.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use url::form_urlencoded;

use crate::access::App;
use crate::auth::Visitor;
use crate::auth::cookies::{self, Sole};
use crate::auth::{Entry, NoEntry};
use crate::clock::Time;
use crate::crypto::Token;
use crate::model::{Action, CanonicalPath, End, Event, Inbound, PathAllowance, Refusal};
use crate::web;

use super::body::{Body, Closing};
use super::house::{AppSite, Map};
use super::metrics::Verdict;
use super::pipeline::{STRICT, Worker, whole};
use super::record::{Facts, known};

pub const RESERVED: &str = "/.yumen/";

/// Whether a path lies in the gateway's corner, however it is written.
pub fn is_reserved(raw: &str, allowed: PathAllowance) -> bool {
    let first = |path: &CanonicalPath| path.as_str().split('/').find(|segment| !segment.is_empty()) == Some(".yumen");
    CanonicalPath::parse(raw, allowed).is_ok_and(|path| first(&path))
}

/// How long a person may take to sign in and come back.
const NONCE_LIVES: Duration = Duration::from_secs(60 * 60);

/// A return address longer than this is not worth keeping; the person lands on the app's first page.
const LONGEST_RETURN: usize = 2048;

impl Worker {
    /// Redirects a person who must sign in, or do so again; it is recorded as the refusal that it is.
    pub(super) async fn send_to_sign_in(
        &self,
        map: &Map,
        site: &AppSite,
        inbound: &Inbound,
        facts: &Facts,
        visitor: &Visitor,
        refusal: Refusal,
    ) -> Response<Body> {
        let response = match way_to_portal(map, site, &inbound.headers, &return_path(inbound, &site.app), "") {
            Ok((location, nonce)) => redirect(&location, &[nonce]),
            Err(broken) => return self.house.refuse(map, facts, visitor, broken).await,
        };
        let receipt = match self.house.open(facts, visitor, Err(&refusal)).await {
            Ok(receipt) => receipt,
            Err(_) => return self.house.answer(map, facts, Refusal::NoRecord, None),
        };
        self.deliver(map, facts, judged(response, &refusal), receipt, End::Refused).await
    }

    /// Whatever lies under `/.yumen/`; none of it reaches the back office.
    pub(super) async fn serve_reserved(
        &self,
        map: &Map,
        site: &Arc<AppSite>,
        inbound: Inbound,
        mut facts: Facts,
        now: Time,
    ) -> Response<Body> {
        let visitor = match self.visitor(&inbound, now) {
            Ok(visitor) => visitor,
            Err(refusal) => return self.house.refuse(map, &facts, &Visitor::Stranger, refusal).await,
        };
        let path = match CanonicalPath::parse(inbound.uri.path(), STRICT) {
            Ok(path) => path,
            Err(why) => return self.house.refuse(map, &facts, &visitor, Refusal::Path(why)).await,
        };
        facts.path = path.to_string();
        if path.as_str().starts_with(web::KEPT) {
            return Box::pin(self.serve_kept(map, site, inbound, facts, &visitor, now)).await;
        }
        let answered = match (&inbound.method, path.as_str().strip_prefix(RESERVED)) {
            (&Method::GET, Some("enter")) => self.enter(site, &inbound, &facts, &visitor, now).await,
            (&Method::GET, Some("step-up")) => {
                let wanted =
                    |name| form_urlencoded::parse(inbound.uri.query().unwrap_or_default().as_bytes()).find(|(known, _)| known == name);
                let text = |name| wanted(name).map(|(_, value)| value.into_owned()).unwrap_or_default();
                way_to_portal(map, site, &inbound.headers, &text("path"), &text("asked"))
                    .map(|(location, nonce)| redirect(&location, &[nonce]))
            }
            (&Method::GET | &Method::HEAD, Some(path)) => path
                .strip_prefix("assets/")
                .and_then(|name| web::asset_answer(name, inbound.uri.query(), &inbound.headers))
                .ok_or(Refusal::NotFound),
            _ => Err(Refusal::NotFound),
        };
        let response = match answered {
            Ok(response) => response,
            Err(refusal) => return self.house.refuse(map, &facts, &visitor, refusal).await,
        };
        match self.house.open(&facts, &visitor, Ok("the gateway's own corner")).await {
            Ok(receipt) => self.deliver(map, &facts, response, receipt, End::Complete).await,
            Err(_) => self.house.answer(map, &facts, Refusal::NoRecord, None),
        }
    }

    /// Spends a one-time code of the portal.
    async fn enter(
        &self,
        site: &AppSite,
        inbound: &Inbound,
        facts: &Facts,
        visitor: &Visitor,
        now: Time,
    ) -> Result<Response<Bytes>, Refusal> {
        let query = inbound.uri.query().unwrap_or_default();
        let code = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code").and_then(|(_, value)| Token::parse(&value));
        let code = code.ok_or(Refusal::HandOverFailed { why: "there is no code" })?;
        let nonce = match cookies::sole(&inbound.headers, cookies::NONCE) {
            Sole::None => None,
            Sole::One(text) => Token::parse(text),
            Sole::Several => return Err(Refusal::Malformed("two nonce cookies")),
        };
        let entered = self
            .house
            .auth
            .handover
            .spend(&code, &site.app.host, nonce.as_ref(), known(visitor).map(Arc::as_ref), now)
            .await
            .map_err(not_entered)?;
        let (path, cookies) = match entered {
            Entry::New { token, identity, return_path } => {
                let event = Event::done(Action::AppEntered).by(identity.who().clone()).from(facts.origin.address).with("app", &site.app.id);
                self.house.journal.event(event).await.map_err(|_| Refusal::NoRecord)?;
                let session = cookies::set(cookies::SESSION, &token.reveal(), site.app.overall);
                (return_path, vec![session, cookies::forget(cookies::NONCE)])
            }
            Entry::Already { return_path } => (return_path, Vec::new()),
        };
        Ok(redirect(path.as_str(), &cookies))
    }

    /// Hands a whole answer over once its record is on disk.
    pub(super) async fn deliver(
        &self,
        map: &Map,
        facts: &Facts,
        response: Response<Bytes>,
        receipt: Option<crate::audit::Receipt>,
        end: End,
    ) -> Response<Body> {
        let Some(mut receipt) = receipt else { return whole(response, None) };
        if receipt.durable().await.is_err() {
            return self.house.answer(map, facts, Refusal::NoRecord, None);
        }
        let status = response.status().as_u16();
        whole(response, Some(Closing { receipt, status, bytes_up: 0, end }))
    }
}

/// The way to the portal, which sends her back to `path` once she may do what is `asked` (`METHOD /path`; empty: see `path`); and the nonce's
/// cookie, which she must have for that.
pub(super) fn way_to_portal(map: &Map, site: &AppSite, headers: &HeaderMap, path: &str, asked: &str) -> Result<(String, String), Refusal> {
    let nonce = match cookies::sole(headers, cookies::NONCE) {
        // A second tab uses the nonce of the first, so that both find their way back.
        Sole::One(text) => Token::parse(text),
        _ => None,
    };
    let nonce = nonce.or_else(|| Token::random().ok()).ok_or(Refusal::Broken { what: "no random bytes" })?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("app", site.app.id.as_str()).append_pair("path", path).append_pair("nonce", &nonce.hash().base64url());
    if !asked.is_empty() {
        query.append_pair("asked", asked);
    }
    let cookie = cookies::set(cookies::NONCE, &nonce.reveal(), NONCE_LIVES);
    Ok((format!("{}/enter?{}", map.portal.origin, query.finish()), cookie))
}

/// An answer that is a refusal, for the figures.
pub(super) fn judged(mut response: Response<Bytes>, refusal: &Refusal) -> Response<Bytes> {
    response.extensions_mut().insert(Verdict::of(refusal));
    response
}

/// Where she comes back to: what she asked for; after a form that cannot be asked for again, the page that held it.
pub(super) fn return_path(inbound: &Inbound, app: &App) -> String {
    let wanted = if inbound.is_unsafe() {
        let referer = inbound.sole(header::REFERER).and_then(|referer| referer.strip_prefix(app.origin.as_str()));
        referer.map(str::to_owned)
    } else {
        inbound.uri.path_and_query().map(|wanted| wanted.as_str().to_owned())
    };
    wanted.filter(|path| path.len() <= LONGEST_RETURN && path.starts_with('/')).unwrap_or_else(|| "/".to_owned())
}

/// Outside they are all "begin again"; the log says which.
fn not_entered(error: NoEntry) -> Refusal {
    match error {
        NoEntry::Store(_) | NoEntry::NoRandomness(_) => Refusal::Broken { what: "the hand-over failed" },
        NoEntry::NoSuchCode => Refusal::HandOverFailed { why: "the code was never given out, is spent, or has expired" },
        NoEntry::WrongHost => Refusal::HandOverFailed { why: "the code is for another host" },
        NoEntry::NonceMissing => Refusal::HandOverFailed { why: "the browser holds no nonce" },
        NoEntry::NonceWrong => Refusal::HandOverFailed { why: "the browser holds another nonce" },
        NoEntry::SessionOver => Refusal::HandOverFailed { why: "the portal's session is over, or goes on with another token" },
        NoEntry::BadReturnPath => Refusal::HandOverFailed { why: "the return address is not a path of this host" },
    }
}

pub(super) fn redirect(location: &str, cookies: &[String]) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    // A location was canonical when it came, or was serialised as a form: it is a valid field value, or there is none.
    match HeaderValue::from_str(location) {
        Ok(location) => headers.insert(header::LOCATION, location),
        Err(_) => headers.insert(header::LOCATION, HeaderValue::from_static("/")),
    };
    for cookie in cookies.iter().filter_map(|cookie| HeaderValue::from_str(cookie).ok()) {
        headers.append(header::SET_COOKIE, cookie);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateways_corner_is_known_however_it_is_written() {
        let lax = PathAllowance { empty_segment: true, ..PathAllowance::default() };
        for path in ["/.yumen", "/.yumen/enter", "/%2Eyumen/enter", "/%2e%79umen/assets/style.css", "//.yumen/enter"] {
            assert!(is_reserved(path, lax), "{path}");
        }
        for path in ["/", "/yumen/enter", "/a/.yumen/enter", "/.yumenx"] {
            assert!(!is_reserved(path, lax), "{path}");
        }
    }
}
