//! A request to a page, with everything that its handler needs, and the checks that no handler can forget.
//!
//! Invariant: [`Posted`] exists only where the form carried the token that this browser was given.

use std::borrow::Cow;
use std::sync::Arc;

use askama::Template;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::sync::mpsc;
use url::form_urlencoded;

use crate::admin::{Actor, Change, When};
use crate::auth::cookies::{self, Sole};
use crate::auth::{Identity, Visitor};
use crate::clock::Time;
use crate::crypto::{Token, TokenHash};
use crate::lang::Language;
use crate::model::{Origin, Reference, Refusal, Role};

use super::incidents;
use super::view::{Alert, Frame, ReturnTo};
use super::{Portal, STEP_LIVES, protect};

/// What form tokens are for; one for all forms of a browser.
const FORM: &str = "form";

/// What the gateway knows of a request when it gives it to a page.
#[derive(Clone)]
pub struct Visit {
    pub visitor: Visitor,
    pub origin: Arc<Origin>,
    pub reference: Reference,
    pub language: Language,
}

/// Marks an answer whose body is to be passed on as it comes.
#[derive(Clone, Copy, Debug)]
pub struct AsItComes;

/// Fields of a query or a form, as they were sent.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded` (URL Standard, section 5.1); nothing is malformed there.
    pub fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first field of that name; empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// All fields of that name, as boxes that are ticked have one.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Everything but the token.
    pub fn typed(&self) -> Vec<(String, String)> {
        self.0.iter().filter(|(name, _)| name != "csrf").cloned().collect()
    }
}

/// A request that asks for a page.
pub struct Asked {
    pub portal: Arc<Portal>,
    pub visit: Visit,
    pub query: Fields,
    pub headers: HeaderMap,
    pub now: Time,
    /// What ties forms and challenges to this browser: its session, or a step cookie.
    pub browser: TokenHash,
    /// What the browser holds of a step: an opened invitation, a right password, a fresh proof. Strangers always have one.
    pub step: Option<Token>,
    path: String,
    /// The path with its query, to come back to.
    wanted: String,
    cookies: Vec<String>,
}

/// A form whose token was right.
pub struct Posted {
    pub asked: Asked,
    pub form: Fields,
}

/// A form as it came. Only sign-in reads one unverified, to show the page again with nothing lost.
pub struct Unverified {
    pub asked: Asked,
    pub form: Fields,
}

impl Asked {
    /// For what bears a date.
    pub fn when(&self) -> When {
        When { now: self.now, wall: self.portal.clock.wall() }
    }
}

impl FromRequestParts<Arc<Portal>> for Asked {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, portal: &Arc<Portal>) -> Result<Self, Refused> {
        let visit = parts.extensions.get::<Visit>().cloned().ok_or(Refusal::Broken { what: "a page was asked for past the gateway" })?;
        let mut set = Vec::new();
        let mut step = one_token(&parts.headers, cookies::STEP)?;
        let browser = match &visit.visitor {
            Visitor::Known(identity) => identity.token_hash(),
            Visitor::Stranger => {
                let token = match step.take() {
                    Some(token) => token,
                    None => {
                        let token = Token::random().map_err(|_| Refusal::Broken { what: "no random bytes" })?;
                        set.push(cookies::set(cookies::STEP, &token.reveal(), STEP_LIVES));
                        token
                    }
                };
                step.insert(token).hash()
            }
        };
        Ok(Self {
            portal: portal.clone(),
            query: Fields::parse(parts.uri.query().unwrap_or_default().as_bytes()),
            headers: parts.headers.clone(),
            now: portal.clock.now(),
            path: parts.uri.path().to_owned(),
            wanted: parts.uri.path_and_query().map_or("/", |wanted| wanted.as_str()).to_owned(),
            browser,
            step,
            visit,
            cookies: set,
        })
    }
}

fn one_token(headers: &HeaderMap, name: &str) -> Result<Option<Token>, Refusal> {
    match cookies::sole(headers, name) {
        Sole::None => Ok(None),
        Sole::One(text) => Ok(Token::parse(text)),
        Sole::Several => Err(Refusal::Malformed("two cookies of the gateway's name")),
    }
}

impl FromRequest<Arc<Portal>> for Unverified {
    type Rejection = Refused;

    async fn from_request(request: Request, portal: &Arc<Portal>) -> Result<Self, Refused> {
        let (mut parts, body) = request.into_parts();
        let asked = Asked::from_request_parts(&mut parts, portal).await?;
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")) {
            return Err(Refusal::Malformed("a form of another content type").into());
        }
        let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|_| Refusal::Broken { what: "the form could not be read" })?;
        Ok(Self { asked, form: Fields::parse(&body) })
    }
}

impl Unverified {
    pub fn verify(self) -> Result<Posted, Box<Self>> {
        let Self { asked, form } = self;
        if asked.portal.csrf.verify(asked.browser, FORM, form.text("csrf")) {
            Ok(Posted { asked, form })
        } else {
            Err(Box::new(Self { asked, form }))
        }
    }
}

impl FromRequest<Arc<Portal>> for Posted {
    type Rejection = Refused;

    async fn from_request(request: Request, portal: &Arc<Portal>) -> Result<Self, Refused> {
        Unverified::from_request(request, portal).await?.verify().map_err(|_| Refusal::FormExpired.into())
    }
}

impl Asked {
    /// Who is signed in; pages that need somebody send a stranger to sign-in and bring her back.
    pub fn identity(&self) -> Result<&Arc<Identity>, Refused> {
        match &self.visit.visitor {
            Visitor::Known(identity) => Ok(identity),
            Visitor::Stranger => {
                let back = ReturnTo { path: self.wanted.clone(), ..ReturnTo::default() };
                Err(Refused::Elsewhere(back.at("/sign-in")))
            }
        }
    }

    pub fn frame(&self, alert: Option<Alert>) -> Frame {
        self.frame_at(&self.path, alert)
    }

    /// For the answer to a form: `path` is the page that shows it when it is asked for again (with another language).
    pub fn frame_at(&self, path: &str, alert: Option<Alert>) -> Frame {
        let frame =
            Frame::portal(self.visit.language, path, self.portal.csrf.token(self.browser, FORM)).called(&self.portal.names).alert(alert);
        match &self.visit.visitor {
            Visitor::Known(identity) => {
                let role = identity.who().role;
                let waiting = if role == Role::SecurityAdministrator { self.portal.desk.waiting(self.now) } else { 0 };
                let manages = self.portal.desk.manages_unit(identity.account());
                let actor = Actor::Staff { identity: identity.clone(), address: self.visit.origin.address };
                let closes = self.portal.desk.permit(&actor, Change::LockDown).is_ok();
                let incidents = incidents::unseen(self, identity);
                let is_told = role != Role::Member || incidents.is_some();
                let frame = frame.signed_in(identity.who().name.as_str(), role).managing(manages).closing(closes).incidents(incidents);
                let log_full = is_told && self.portal.journal.is_full();
                frame.zone(self.portal.zone_name(self.now)).waiting(waiting).log_full(log_full).emergency(self.portal.banner(self.now))
            }
            Visitor::Stranger => frame,
        }
    }

    /// For whoever was signed in until just now.
    pub fn strangers_frame(&self, path: &str) -> Frame {
        Frame::portal(self.visit.language, path, String::new()).called(&self.portal.names)
    }

    /// From here on the browser holds another step token, to which the forms of a stranger are tied.
    pub fn change_step(&mut self, token: Token) {
        if self.visit.visitor.known().is_none() {
            self.browser = token.hash();
        }
        self.cookies = vec![cookies::set(cookies::STEP, &token.reveal(), STEP_LIVES)];
        self.step = Some(token);
    }

    /// From here on the browser holds another token of the same session, to which what it is shown is tied.
    pub fn go_on_as(&mut self, identity: Arc<Identity>) {
        self.browser = identity.token_hash();
        self.visit.visitor = Visitor::Known(identity);
    }

    pub fn set_cookie(&mut self, cookie: String) {
        self.cookies.push(cookie);
    }

    pub fn agent(&self) -> &str {
        self.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default()
    }

    pub fn show(&self, view: &impl Template) -> Answer {
        self.show_with(StatusCode::OK, view)
    }

    pub fn show_with(&self, status: StatusCode, view: &impl Template) -> Answer {
        let html = view.render().map_err(|error| {
            tracing::error!(%error, "a page could not be rendered");
            Refusal::Broken { what: "a page could not be rendered" }
        })?;
        let mut response = (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response();
        self.finish(&mut response);
        Ok(response)
    }

    /// A file to keep, which no browser shows as a page.
    pub fn attach(&self, name: &str, kind: &'static str, body: Vec<u8>) -> Answer {
        let disposition = format!("attachment; filename=\"{name}\"");
        let disposition = HeaderValue::from_str(&disposition).map_err(|_| Refusal::Broken { what: "a file's name" })?;
        let kind = HeaderValue::from_static(kind);
        let mut response = ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], body).into_response();
        self.finish(&mut response);
        Ok(response)
    }

    /// What is made bit by bit, as long as somebody takes it. With a name it is a file to keep.
    pub fn stream(&self, kind: &'static str, name: Option<&str>, pieces: mpsc::Receiver<Result<Bytes, std::io::Error>>) -> Answer {
        let pieces = futures_util::stream::unfold(pieces, async |mut pieces| pieces.recv().await.map(|piece| (piece, pieces)));
        let mut response = axum::body::Body::from_stream(pieces).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(name) = name {
            let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
            let disposition = disposition.map_err(|_| Refusal::Broken { what: "a file's name" })?;
            response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
        }
        response.extensions_mut().insert(AsItComes);
        self.finish(&mut response);
        Ok(response)
    }

    pub fn redirect(&self, to: &str) -> Answer {
        let location = HeaderValue::from_str(to).map_err(|_| Refusal::Malformed("an address to go on to"))?;
        let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
        self.finish(&mut response);
        Ok(response)
    }

    fn finish(&self, response: &mut Response) {
        let headers = response.headers_mut();
        protect(headers);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for cookie in self.cookies.iter().filter_map(|cookie| HeaderValue::from_str(cookie).ok()) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
}

pub type Answer = Result<Response, Refused>;

/// A page is not shown: somebody is sent elsewhere, or refused in the way that `gateway` chooses.
pub enum Refused {
    Elsewhere(String),
    Refusal(Refusal),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Elsewhere(location) => {
                let location: Cow<'static, str> = location.into();
                (StatusCode::SEE_OTHER, [(header::LOCATION, location.as_ref()), (header::CACHE_CONTROL, "no-store")]).into_response()
            }
            Self::Refusal(refusal) => {
                let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
                response.extensions_mut().insert(refusal);
                response
            }
        }
    }
}
