//! The gateway's cookies: read, written, and kept from the apps.
//!
//! Invariant: every one of them begins with `__Host-yumen`; none goes upstream, and no upstream can set one.

use http::header::{COOKIE, HeaderMap, HeaderValue};
use std::time::Duration;

/// The session's token for this host.
pub const SESSION: &str = "__Host-yumen";
/// The browser's token while it signs in or enrols.
pub const STEP: &str = "__Host-yumen-step";
/// The nonce that a hand-over from the portal must match.
pub const NONCE: &str = "__Host-yumen-nonce";

/// Before the name of a form that is kept: the key that opens it.
pub const KEPT: &str = "__Host-yumen-kept";

/// How often a cookie of one name is there. Two of them are a trick: refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sole<'a> {
    None,
    One(&'a str),
    Several,
}

impl<'a> Sole<'a> {
    /// The value, where there is exactly one.
    pub fn one(self) -> Option<&'a str> {
        match self {
            Self::One(value) => Some(value),
            Self::None | Self::Several => None,
        }
    }
}

/// Looks for the cookie `name` in all Cookie fields (RFC 6265, section 4.2.1).
pub fn sole<'a>(headers: &'a HeaderMap, name: &str) -> Sole<'a> {
    let mut found = Sole::None;
    for pair in pairs(headers) {
        if cookie_name(pair) != name.as_bytes() {
            continue;
        }
        // A value that is not ASCII is none of ours, but it is there.
        let value = pair.splitn(2, |byte| *byte == b'=').nth(1).unwrap_or_default().trim_ascii();
        found = match found {
            Sole::None => Sole::One(std::str::from_utf8(value).unwrap_or_default()),
            Sole::One(_) | Sole::Several => Sole::Several,
        };
    }
    found
}

/// A Set-Cookie field. Names that begin with `__Host-` oblige browsers to take it only like this (RFC 6265bis, section
/// 4.1.3.2). Lax, because a Strict cookie would not come along when the portal sends the browser back.
pub fn set(name: &str, value: &str, max_age: Duration) -> String {
    format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={}", max_age.as_secs())
}

/// A Set-Cookie field that makes the browser forget the cookie.
pub fn forget(name: &str) -> String {
    set(name, "", Duration::ZERO)
}

/// Takes the gateway's cookies out of a request that goes upstream; the others keep their order, in one field as HTTP/1.1 wants it
/// (RFC 9113, section 8.2.3).
pub fn strip(headers: &mut HeaderMap) {
    let several = headers.get_all(COOKIE).iter().nth(1).is_some();
    if !several && !pairs(headers).any(is_ours) {
        return;
    }
    let mut kept: Vec<u8> = Vec::new();
    for pair in pairs(headers).filter(|pair| !is_ours(pair)) {
        if !kept.is_empty() {
            kept.extend_from_slice(b"; ");
        }
        kept.extend_from_slice(pair);
    }
    headers.remove(COOKIE);
    if !kept.is_empty()
        && let Ok(value) = HeaderValue::from_bytes(&kept)
    {
        headers.insert(COOKIE, value);
    }
}

/// Whether a Set-Cookie field of an upstream would set one of the gateway's cookies.
pub fn sets_ours(set_cookie: &HeaderValue) -> bool {
    let pair = set_cookie.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    is_ours(pair)
}

/// The pairs of all Cookie fields, without white space around, without the empty ones.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let fields = headers.get_all(COOKIE).iter();
    fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b';')).map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty())
}

fn cookie_name(pair: &[u8]) -> &[u8] {
    pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii()
}

/// Also where the name is empty: browsers send `=name=value` as `name=value`.
fn is_ours(pair: &[u8]) -> bool {
    let start = pair.iter().position(|byte| *byte != b'=' && !byte.is_ascii_whitespace()).unwrap_or(pair.len());
    let name = cookie_name(pair.get(start..).unwrap_or_default());
    name.get(..SESSION.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(SESSION.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[&str]) -> HeaderMap {
        fields.iter().map(|field| (COOKIE, HeaderValue::from_bytes(field.as_bytes()).unwrap())).collect()
    }

    #[test]
    fn one_cookie_of_a_name_is_found_wherever_it_stands() {
        for fields in [&["__Host-yumen=abc"][..], &["a=1; __Host-yumen=abc ;b=2"], &["a=1", "b=2;__Host-yumen=abc"], &["__Host-yumen =abc"]]
        {
            assert_eq!(sole(&headers(fields), SESSION), Sole::One("abc"), "{fields:?}");
        }
        for fields in [&[][..], &["__Host-yumen-step=abc; x__Host-yumen=abc; a=__Host-yumen"], &["__host-yumen=abc"]] {
            assert_eq!(sole(&headers(fields), SESSION), Sole::None, "{fields:?}");
        }
    }

    #[test]
    fn two_cookies_of_a_name_are_told_apart_from_one() {
        for fields in [
            &["__Host-yumen=a; __Host-yumen=b"][..],
            &["__Host-yumen=a", "__Host-yumen=a"],
            &["__Host-yumen=a; __Host-yumen"],
            &["__Host-yumen=ü; __Host-yumen=b", "__Host-yumen=c"],
        ] {
            assert_eq!(sole(&headers(fields), SESSION), Sole::Several, "{fields:?}");
        }
    }

    #[test]
    fn a_cookie_is_bound_to_its_host_and_hidden_from_scripts() {
        let expected = "__Host-yumen=x; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=43200";
        assert_eq!(set(SESSION, "x", Duration::from_secs(43_200)), expected);
        assert!(forget(NONCE).starts_with("__Host-yumen-nonce=; ") && forget(NONCE).ends_with("Max-Age=0"));
        assert!(!expected.contains("Domain"));
    }

    #[test]
    fn the_gateways_cookies_do_not_go_upstream_and_all_others_do() {
        let mut request = headers(&[
            "sessionid=1; __Host-yumen=secret; theme=a=b",
            "__Host-yumen-nonce=n;csrftoken=ü",
            "__HOST-YUMEN-x=1; =__Host-yumen=2",
        ]);
        strip(&mut request);
        let left: Vec<_> = request.get_all(COOKIE).iter().map(|value| value.as_bytes().to_vec()).collect();
        assert_eq!(left, ["sessionid=1; theme=a=b; csrftoken=ü".as_bytes()]);
        let mut only_ours = headers(&["__Host-yumen=secret", " ; "]);
        strip(&mut only_ours);
        assert!(only_ours.is_empty());
    }

    #[test]
    fn an_upstream_that_would_set_one_of_ours_is_noticed() {
        let sets = |text: &str| sets_ours(&HeaderValue::from_str(text).unwrap());
        for ours in [
            "__Host-yumen=x; Path=/",
            "__host-Yumen-step=x",
            " __Host-yumen = x",
            "__Host-yumen",
            "=__Host-yumen=x",
            "= __Host-yumen-nonce",
        ] {
            assert!(sets(ours), "{ours}");
        }
        for theirs in ["sessionid=__Host-yumen; Path=/", "__Host-session=x", "yumen=x", "", "=x"] {
            assert!(!sets(theirs), "{theirs}");
        }
    }
}
