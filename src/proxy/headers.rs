//! What an upstream may read of a client's fields, and a client of an upstream's. Pure.
//!
//! Invariant: a field that says who asks, or where from, was written here.

use std::net::IpAddr;

use http::header::{
    ALT_SVC, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE, SET_COOKIE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

use super::backend::{Backend, UpstreamHost};
use super::claims::is_claim;
use crate::auth::{Identity, cookies};
use crate::model::Refusal;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_USER: HeaderName = HeaderName::from_static("x-forwarded-user");
const X_FORWARDED_EMAIL: HeaderName = HeaderName::from_static("x-forwarded-email");
const X_FORWARDED_GROUPS: HeaderName = HeaderName::from_static("x-forwarded-groups");

/// Fields of one connection (RFC 9110, section 7.6.1), besides those that `Connection` lists.
/// `HTTP2-Settings` belongs to an upgrade that is never forwarded.
static HOP_BY_HOP: [HeaderName; 6] =
    [CONNECTION, HeaderName::from_static("keep-alive"), TE, TRANSFER_ENCODING, UPGRADE, HeaderName::from_static("http2-settings")];

/// Fields of an answer that concern the proxy that it came from.
static OF_PROXIES: [HeaderName; 3] =
    [HeaderName::from_static("proxy-connection"), PROXY_AUTHENTICATE, HeaderName::from_static("proxy-authentication-info")];

/// Whose request it is, for the upstream to read.
pub(super) struct Asker<'a> {
    pub(super) identity: &'a Identity,
    pub(super) address: IpAddr,
    pub(super) version: Version,
}

/// Turns a client's fields into those that the upstream gets. Framing (`Content-Length`, `Transfer-Encoding`) and upgrades are left for the one who knows the body.
pub(super) fn for_upstream(headers: &mut HeaderMap, backend: &Backend, asker: &Asker<'_>) -> Result<(), Refusal> {
    if !backend.allow_underscores && headers.keys().any(|name| name.as_str().contains('_')) {
        return Err(Refusal::Malformed("a field name has an underscore"));
    }
    strip_hop_by_hop(headers);
    headers.remove(TRAILER);
    headers.remove(EXPECT);
    headers.remove(CONTENT_LENGTH);
    strip_claims(headers);
    cookies::strip(headers);
    introduce(headers, backend, asker)
}

/// Turns an upstream's fields into those that the client gets.
pub(super) fn for_client(headers: &mut HeaderMap, no_store: bool) {
    clean_answer(headers);
    // It advertises other ways to this host, where no gateway stands.
    headers.remove(ALT_SVC);
    // Cookies are cleared for the whole domain: one app would sign everybody out of all others.
    headers.remove("clear-site-data");
    add_via(headers, Version::HTTP_11);
    if no_store {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// What no field of an answer may be, in its head or behind its body.
pub(super) fn clean_answer(headers: &mut HeaderMap) {
    strip_hop_by_hop(headers);
    for name in &OF_PROXIES {
        headers.remove(name);
    }
    if headers.get_all(SET_COOKIE).iter().any(cookies::sets_ours) {
        let kept: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().filter(|value| !cookies::sets_ours(value)).cloned().collect();
        headers.remove(SET_COOKIE);
        for value in kept {
            headers.append(SET_COOKIE, value);
        }
    }
}

/// Whether a client asks for a WebSocket (RFC 6455, section 4.2.1), or an upstream grants it.
pub(super) fn is_websocket_upgrade(headers: &HeaderMap) -> bool {
    has_token(headers, &CONNECTION, "upgrade") && has_token(headers, &UPGRADE, "websocket")
}

pub(super) fn set_websocket_upgrade(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

/// Frames a body whose length is known, or else in chunks. `declared`: the client gave a length, so that even an empty
/// body keeps its `Content-Length: 0`.
pub(super) fn frame(headers: &mut HeaderMap, exact: Option<u64>, declared: bool) {
    match exact {
        Some(0) if !declared => {}
        Some(length) => {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        None => {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
}

fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = tokens(headers, &CONNECTION).filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok()).collect();
    for name in listed {
        headers.remove(name);
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

fn strip_claims(headers: &mut HeaderMap) {
    let claims: Vec<HeaderName> = headers.keys().filter(|name| is_claim(name.as_str())).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
}

fn introduce(headers: &mut HeaderMap, backend: &Backend, asker: &Asker<'_>) -> Result<(), Refusal> {
    let text = |text: &str| HeaderValue::from_str(text).map_err(|_| Refusal::Broken { what: "a name does not fit a header field" });
    let authority = backend.public_authority.as_str();
    let public = text(authority)?;
    let port = match authority.rsplit_once(':') {
        Some((_, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => port,
        _ => "443",
    };
    let (address, node) = match asker.address.to_canonical() {
        IpAddr::V4(v4) => {
            let address = v4.to_string();
            (address.clone(), address)
        }
        IpAddr::V6(v6) => (v6.to_string(), format!("\"[{v6}]\"")),
    };
    let Some(person) = asker.identity.introduction() else {
        return Err(Refusal::Broken { what: "a name does not fit a header field" });
    };
    headers.insert(
        HOST,
        match &backend.host {
            UpstreamHost::Same => public.clone(),
            UpstreamHost::Named(name) => name.clone(),
        },
    );
    headers.insert(X_FORWARDED_FOR, text(&address)?);
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("https"));
    headers.insert(X_FORWARDED_HOST, public);
    headers.insert(X_FORWARDED_PORT, text(port)?);
    headers.insert(FORWARDED, text(&format!("for={node};host=\"{authority}\";proto=https"))?);
    headers.insert(X_FORWARDED_USER, person.user.clone());
    if let Some(email) = &person.email {
        headers.insert(X_FORWARDED_EMAIL, email.clone());
    }
    headers.insert(X_FORWARDED_GROUPS, person.groups.clone());
    add_via(headers, asker.version);
    Ok(())
}

/// `version` is that of the message as it was received (RFC 9110, section 7.6.3).
fn add_via(headers: &mut HeaderMap, version: Version) {
    headers.append(
        VIA,
        HeaderValue::from_static(match version {
            Version::HTTP_10 => "1.0 yumen",
            Version::HTTP_2 => "2.0 yumen",
            _ => "1.1 yumen",
        }),
    );
}

fn has_token(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    tokens(headers, name).any(|token| token.eq_ignore_ascii_case(wanted))
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim)
}
