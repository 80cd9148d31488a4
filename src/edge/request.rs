//! What a request must be before anybody looks at what it asks for.

use std::rc::Rc;
use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, COOKIE, HOST, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use super::body::Answer;
use super::pulse::InFlight;
use super::readers::Reader;
use crate::model::{Host, Inbound, Line, Origin, Reference};

/// The most fields that a request may have, each cookie crumb of HTTP/2 counted.
pub(super) const MOST_FIELDS: usize = 100;

/// The most bytes that they may have, with 32 for each as HTTP/2 counts (RFC 9113, section 6.5.2).
const LARGEST_FIELDS: usize = 32 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub status: StatusCode,
    pub what: &'static str,
}

const fn bad(what: &'static str) -> Malformed {
    Malformed { status: StatusCode::BAD_REQUEST, what }
}

pub(super) fn admit(mut request: Request<Incoming>, origin: &Arc<Origin>, line: &Arc<Line>) -> Result<Inbound, Malformed> {
    let host = named_host(&request)?;
    if host != *origin.sni {
        return Err(Malformed { status: StatusCode::MISDIRECTED_REQUEST, what: "the host is not the one of the TLS handshake" });
    }
    let wants_upgrade = request.version() == Version::HTTP_11 && request.extensions().get::<OnUpgrade>().is_some();
    let upgrade = wants_upgrade.then(|| hyper::upgrade::on(&mut request));
    let (head, body) = request.into_parts();
    let mut headers = head.headers;
    join_crumbs(&mut headers)?;
    Ok(Inbound {
        method: head.method,
        host,
        uri: head.uri,
        version: head.version,
        headers,
        body: body.into(),
        upgrade,
        origin: Arc::clone(origin),
        line: Arc::clone(line),
    })
}

/// The one host that a request names (RFC 9112, section 3.2; RFC 9113, section 8.3.1).
fn named_host<B>(request: &Request<B>) -> Result<Host, Malformed> {
    if !matches!(request.version(), Version::HTTP_11 | Version::HTTP_2) {
        return Err(Malformed { status: StatusCode::HTTP_VERSION_NOT_SUPPORTED, what: "only HTTP/1.1 and HTTP/2 are spoken here" });
    }
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        return Err(Malformed { status: StatusCode::METHOD_NOT_ALLOWED, what: "CONNECT and TRACE are not for gateways" });
    }
    let fields = request.headers();
    let size = fields
        .iter()
        .fold(0_usize, |sum, (name, value)| sum.saturating_add(name.as_str().len()).saturating_add(value.len()).saturating_add(32));
    if fields.len() > MOST_FIELDS || size > LARGEST_FIELDS {
        return Err(Malformed {
            status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            what: "more than 100 header fields, or 32 KiB of them",
        });
    }
    if request.uri().scheme_str().is_some_and(|scheme| scheme != "https") {
        return Err(bad("the scheme of the address is not https"));
    }
    let in_address = request.uri().authority().map(|authority| parse(authority.as_str())).transpose()?;
    let mut fields = request.headers().get_all(HOST).iter();
    let in_field = fields.next().map(|field| field.to_str().map_err(|_| bad("the Host is not text")).and_then(parse)).transpose()?;
    if fields.next().is_some() {
        return Err(bad("several Host fields"));
    }
    match (in_address, in_field) {
        (Some(address), Some(field)) if address != field => Err(bad("the Host is unlike the host of the address")),
        (None, None) => Err(bad("no host")),
        (Some(_), None) if request.version() == Version::HTTP_11 => Err(bad("no Host field")),
        (Some((host, _)), _) | (None, Some((host, _))) => Ok(host),
    }
}

fn parse(authority: &str) -> Result<(Host, u16), Malformed> {
    let (host, port) = Host::parse_authority(authority).map_err(|_| bad("the Host is not a host name"))?;
    Ok((host, port.unwrap_or(443)))
}

/// HTTP/2 may send a cookie in crumbs; who reads it shall see one field (RFC 9113, section 8.2.3).
fn join_crumbs(headers: &mut HeaderMap) -> Result<(), Malformed> {
    let mut crumbs = headers.get_all(COOKIE).iter();
    let (Some(first), Some(second)) = (crumbs.next(), crumbs.next()) else { return Ok(()) };
    let mut whole = first.as_bytes().to_vec();
    for crumb in [second].into_iter().chain(crumbs) {
        whole.extend_from_slice(b"; ");
        whole.extend_from_slice(crumb.as_bytes());
    }
    let whole = HeaderValue::from_bytes(&whole).map_err(|_| bad("a Cookie that cannot be joined"))?;
    headers.insert(COOKIE, whole);
    Ok(())
}

/// The answer that `edge` gives by itself. HTTP/1.1 connections end with it, for nobody knows what would follow.
pub(super) fn answer<B>(
    malformed: Malformed,
    reference: Option<Reference>,
    reader: Option<Rc<Reader>>,
    request: InFlight,
) -> Response<Answer<B>> {
    let reason = malformed.status.canonical_reason().unwrap_or_default();
    let mut text = format!("{} {reason}: {}\n", malformed.status.as_u16(), malformed.what);
    if let Some(reference) = &reference {
        text.push_str(&format!("Reference: {reference}\n"));
    }
    let is_http2 = reader.is_some();
    let mut response = Response::new(Answer::own(text, reader, request));
    *response.status_mut() = malformed.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(reference) = reference.and_then(|reference| HeaderValue::from_str(reference.as_str()).ok()) {
        headers.insert("x-request-id", reference);
    }
    if !is_http2 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(version: Version, uri: &str, hosts: &[&str]) -> Result<String, u16> {
        let mut request = Request::builder().version(version).uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        named_host(&request.body(()).unwrap()).map(|host| host.to_string()).map_err(|malformed| malformed.status.as_u16())
    }

    #[test]
    fn a_request_names_its_host_once_however_it_names_it() {
        let ok = Ok("a.cn".to_owned());
        assert_eq!(named(Version::HTTP_11, "/", &["a.cn"]), ok);
        assert_eq!(named(Version::HTTP_11, "/", &["A.cn.:8443"]), ok);
        assert_eq!(named(Version::HTTP_11, "https://a.cn/x", &["a.cn:443"]), ok);
        assert_eq!(named(Version::HTTP_2, "https://a.cn:8443/", &[]), ok);
        assert_eq!(named(Version::HTTP_2, "https://a.cn/", &["A.CN"]), ok);
        assert_eq!(named(Version::HTTP_2, "/", &["a.cn"]), ok);
    }

    #[test]
    fn a_request_that_names_none_or_two_is_refused() {
        for (version, uri, hosts) in [
            (Version::HTTP_11, "/", &[][..]),
            (Version::HTTP_11, "/", &["a.cn", "a.cn"]),
            (Version::HTTP_11, "/", &[""]),
            (Version::HTTP_11, "/", &["a.cn, b.cn"]),
            (Version::HTTP_11, "/", &["u@a.cn"]),
            (Version::HTTP_11, "/", &["127.0.0.1"]),
            (Version::HTTP_11, "https://a.cn/", &[]),
            (Version::HTTP_11, "https://a.cn/", &["b.cn"]),
            (Version::HTTP_11, "https://a.cn:1/", &["a.cn:2"]),
            (Version::HTTP_11, "https://u@a.cn/", &["a.cn"]),
            (Version::HTTP_11, "http://a.cn/", &["a.cn"]),
            (Version::HTTP_2, "https://a.cn/", &["b.cn"]),
            (Version::HTTP_2, "/", &[]),
        ] {
            assert_eq!(named(version, uri, hosts), Err(400), "{version:?} {uri} {hosts:?}");
        }
    }

    #[test]
    fn old_versions_tunnels_and_traces_are_refused() {
        assert_eq!(named(Version::HTTP_10, "/", &["a.cn"]), Err(505));
        for method in [Method::CONNECT, Method::TRACE] {
            let request = Request::builder().method(method).uri("/").header(HOST, "a.cn").body(()).unwrap();
            assert_eq!(named_host(&request).unwrap_err().status, 405);
        }
    }

    #[test]
    fn cookie_crumbs_become_one_field() {
        let mut headers = HeaderMap::new();
        for crumb in ["a=1", "b=2", "c=3"] {
            headers.append(COOKIE, HeaderValue::from_static(crumb));
        }
        join_crumbs(&mut headers).unwrap();
        assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2; c=3"]);
    }

    #[test]
    fn more_fields_than_anybody_needs_are_refused() {
        let many = |count: usize, value: &str| {
            let mut request = Request::builder().uri("/").header(HOST, "a.cn");
            for _ in 1..count {
                request = request.header("x", value);
            }
            named_host(&request.body(()).unwrap()).map_err(|malformed| malformed.status.as_u16())
        };
        many(100, "y").unwrap();
        assert_eq!(many(101, "y"), Err(431));
        many(2, &"y".repeat(32_000)).unwrap();
        assert_eq!(many(2, &"y".repeat(33_000)), Err(431));
    }
}
