//! A form that is kept on an app's host, as a page: what will be sent, and what has become of it.
//!
//! Invariant: what a form holds is shown to nobody but the one who posted it, fields that look like passwords not even to her; nothing of
//! it is ever logged. Of a form of a million fields as much is made as is shown.

use std::time::Duration;

use askama::Template;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use url::form_urlencoded;

use crate::access::{App, Names};
use crate::lang::Language;
use crate::model::capped;

use super::own::name_of;
use super::view::{FormKeptView, Frame, KeptField, KeptForm, KeptState, KeptValue, KeptView};

const MOST_FIELDS: usize = 100;
const LONGEST_SHOWN: usize = 4_000;

pub struct KeptPage<'a> {
    pub language: Language,
    pub app: &'a App,
    /// What the portal is called.
    pub names: &'a Names,
    pub state: KeptPageState,
}

pub enum KeptPageState {
    Here {
        /// The form's own address, to which `/send` and `/discard` are added.
        address: String,
        csrf: String,
        /// The path with its query.
        target: String,
        content_type: String,
        body: Bytes,
        left: Duration,
        /// Where more has to be proved before it can be sent.
        prove: Option<String>,
    },
    Sent,
    Discarded,
    Gone,
}

pub fn kept_page(page: &KeptPage<'_>) -> Response<Bytes> {
    let mut frame = Frame::app_host(page.language).called(page.names);
    let (status, state) = match &page.state {
        KeptPageState::Sent => (StatusCode::OK, KeptState::Sent),
        KeptPageState::Discarded => (StatusCode::OK, KeptState::Discarded),
        KeptPageState::Gone => (StatusCode::NOT_FOUND, KeptState::Gone),
        KeptPageState::Here { address, csrf, target, content_type, body, left, prove } => {
            frame.csrf.clone_from(csrf);
            let (fields, more) = fields(content_type, body);
            let form = KeptForm {
                address: address.clone(),
                method: "POST".to_owned(),
                path: target.split('?').next().unwrap_or_default().to_owned(),
                fields,
                more,
                bytes: body.len() as u64,
                minutes_left: left.as_secs().div_ceil(60),
                prove: prove.clone(),
            };
            (StatusCode::OK, KeptState::Here(form))
        }
    };
    let view = KeptView { frame, app: name_of(page.app, page.language).to_owned(), state };
    let mut response = answer(status, &view);
    // Browsers hold the redirects that follow a form to this (CSP3, section 6.4.1), and a back office may lead on to wherever it likes.
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// Tells her that her form is kept, and leads on to the portal by itself.
pub fn form_kept_page(language: Language, names: &Names, link: &str) -> Response<Bytes> {
    answer(StatusCode::UNAUTHORIZED, &FormKeptView { frame: Frame::app_host(language).called(names), link: link.to_owned() })
}

fn answer(status: StatusCode, view: &impl Template) -> Response<Bytes> {
    let html = view.render().unwrap_or_else(|_| format!("<!doctype html><title>{0}</title><p>{0}", status.as_u16()));
    let mut response = Response::new(Bytes::from(html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    super::protect(headers);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self' https:; \
                      frame-ancestors 'none'; base-uri 'none'";

/// As many as are shown, and how many more there are.
fn fields(content_type: &str, body: &[u8]) -> (Vec<KeptField>, u64) {
    let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    match kind.trim().to_ascii_lowercase().as_str() {
        "application/x-www-form-urlencoded" => {
            first_of(form_urlencoded::parse(body), |(name, value)| text_field(name.into_owned(), &value))
        }
        "multipart/form-data" => boundary(parameters).map(|boundary| parts(&boundary, body)).unwrap_or_default(),
        _ => (Vec::new(), 0),
    }
}

fn first_of<T>(mut all: impl Iterator<Item = T>, field: impl Fn(T) -> KeptField) -> (Vec<KeptField>, u64) {
    let fields = all.by_ref().take(MOST_FIELDS).map(field).collect();
    (fields, all.count() as u64)
}

fn text_field(name: String, text: &str) -> KeptField {
    let value = if is_secret(&name) { KeptValue::Masked } else { KeptValue::Text(shown(text)) };
    KeptField { name: shown(&name), value }
}

fn shown(text: &str) -> String {
    capped(text, LONGEST_SHOWN)
}

/// By its name: better one too many hidden than one shown to whoever looks over her shoulder.
fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    let parts = ["pass", "pwd", "secret", "token", "csrf", "密码", "口令", "پارول"];
    parts.iter().any(|part| name.contains(part)) || name.split(|c: char| !c.is_alphanumeric()).any(|word| matches!(word, "pin" | "otp"))
}

/// RFC 2046, section 5.1.1.
fn boundary(parameters: &str) -> Option<Vec<u8>> {
    let mut named = parameters.split(';').filter_map(|parameter| parameter.trim().split_once('='));
    let (_, value) = named.rfind(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    let value = value.trim_matches('"');
    (1..=70).contains(&value.len()).then(|| format!("\r\n--{value}").into_bytes())
}

/// The parts of a form (RFC 7578), for showing only: what is odd is shown as little.
fn parts(delimiter: &[u8], body: &[u8]) -> (Vec<KeptField>, u64) {
    // The first delimiter has no line break before it.
    let body = [b"\r\n", body].concat();
    let mut rest = body.as_slice();
    let found = std::iter::from_fn(|| {
        let (part, after) = split_at(rest, delimiter)?;
        rest = after;
        Some(part)
    });
    // What stands before the first delimiter is no part, nor is what stands behind the last.
    first_of(found.skip(1).filter_map(disposition_and_content), |(disposition, content)| part(disposition, content))
}

fn disposition_and_content(part: &[u8]) -> Option<(&[u8], &[u8])> {
    const FIELD: &[u8] = b"content-disposition:";
    let (head, content) = split_at(part, b"\r\n\r\n")?;
    let is_it = |line: &&[u8]| line.get(..FIELD.len()).is_some_and(|start| start.eq_ignore_ascii_case(FIELD));
    head.split(|byte| *byte == b'\n').find(is_it).map(|disposition| (disposition, content))
}

fn part(disposition: &[u8], content: &[u8]) -> KeptField {
    let disposition = String::from_utf8_lossy(disposition);
    let name = parameter(&disposition, "name").unwrap_or_default();
    let bytes = content.len() as u64;
    match (parameter(&disposition, "filename"), std::str::from_utf8(content)) {
        (Some(file), _) => KeptField { name: shown(&name), value: KeptValue::File { name: shown(&file), bytes } },
        (None, Ok(text)) => text_field(name, text),
        (None, Err(_)) => KeptField { name: shown(&name), value: KeptValue::Bytes(bytes) },
    }
}

/// As browsers write it: `name="…"`, with quotes inside as `%22` (HTML, section 4.10.22.7).
fn parameter(disposition: &str, name: &str) -> Option<String> {
    let start = format!("; {name}=\"");
    let (_, rest) = disposition.split_once(start.as_str())?;
    let (value, _) = rest.split_once('"')?;
    Some(value.replace("%22", "\"").replace("%0D%0A", " "))
}

fn split_at<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    let (before, rest) = bytes.split_at_checked(at)?;
    Some((before, rest.get(mark.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, text: &str) -> KeptField {
        KeptField { name: name.into(), value: KeptValue::Text(text.into()) }
    }

    #[test]
    fn what_will_be_sent_is_shown_and_what_looks_like_a_password_is_not() {
        let (fields, _) =
            fields("application/x-www-form-urlencoded; charset=UTF-8", b"title=a+b&new_password=hunter2&PIN=1234&title=%E7%8E%89");
        let masked = |name: &str| KeptField { name: name.into(), value: KeptValue::Masked };
        assert_eq!(fields, [text("title", "a b"), masked("new_password"), masked("PIN"), text("title", "玉")]);
        assert!(!is_secret("shipping") && !is_secret("opinion") && is_secret("user[pin]") && is_secret("确认密码"));
    }

    #[test]
    fn the_parts_of_a_form_with_files_are_named_and_measured() {
        let body = b"--x-1\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nhello\r\n--x-1\r\nContent-Disposition: form-data; \
                     name=\"file\"; filename=\"a%22b.pdf\"\r\nContent-Type: application/pdf\r\n\r\n\x00\x01\xff\r\n--x-1\r\n\
                     Content-Disposition: form-data; name=\"raw\"\r\n\r\n\xff\xfe\r\n--x-1\r\nContent-Disposition: form-data; \
                     name=\"passphrase\"\r\n\r\nhunter2\r\n--x-1--\r\n";
        let (fields, more) = fields("multipart/form-data; boundary=x-1", body);
        assert_eq!(more, 0);
        let file = KeptField { name: "file".into(), value: KeptValue::File { name: "a\"b.pdf".into(), bytes: 3 } };
        let raw = KeptField { name: "raw".into(), value: KeptValue::Bytes(2) };
        assert_eq!(fields, [text("title", "hello"), file, raw, KeptField { name: "passphrase".into(), value: KeptValue::Masked }]);
    }

    #[test]
    fn odd_bodies_are_shown_as_little_and_never_stumbled_over() {
        for (kind, body) in [
            ("multipart/form-data", &b"--x\r\n\r\n"[..]),
            ("multipart/form-data; boundary=", b"----"),
            ("multipart/form-data; boundary=x", b""),
            ("multipart/form-data; boundary=x", b"--x--"),
            ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nno end"),
            ("text/plain", b"a=b"),
        ] {
            assert_eq!(fields(kind, body), (vec![], 0), "{kind}");
        }
        let long = "x".repeat(LONGEST_SHOWN + 1);
        let (fields, _) = fields("application/x-www-form-urlencoded", format!("a={long}").as_bytes());
        assert!(matches!(&fields[0].value, KeptValue::Text(text) if text.ends_with('…') && text.len() < long.len() + 5));
    }

    #[test]
    fn of_a_body_of_very_many_fields_those_that_are_shown_are_made_and_the_rest_is_counted() {
        let (made, more) = fields("application/x-www-form-urlencoded", "a&".repeat(500_000).as_bytes());
        assert_eq!((made.len(), more), (MOST_FIELDS, 499_900));
        assert!(made.capacity() < 1_000, "no room for all of them either");
        let part = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n";
        let no_part = "--b\r\nX: y\r\n\r\n\r\n";
        let body = part.repeat(99) + no_part + &part.repeat(3) + no_part + "--b--\r\n";
        let (made, more) = fields("multipart/form-data; boundary=b", body.as_bytes());
        assert_eq!((made.len(), more), (MOST_FIELDS, 2));
        assert_eq!(made[99], text("a", ""));
    }

    proptest::proptest! {
        #[test]
        fn no_body_stops_the_page(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            fields("multipart/form-data; boundary=a", &body);
            fields("application/x-www-form-urlencoded", &body);
        }
    }
}
