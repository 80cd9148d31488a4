//! Cookies and session tokens: none of the gateway's goes upstream, all others do, and no upstream sets one. Each line is a field.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use yumen::auth::cookies::{NONCE, SESSION, STEP, Sole, sets_ours, sole, strip};
use yumen::crypto::{Token, TokenHash};

pub fn run(bytes: &[u8]) {
    let fields: HeaderMap =
        bytes.split(|byte| *byte == b'\n').filter_map(|line| Some((COOKIE, HeaderValue::from_bytes(line).ok()?))).collect();
    for name in [SESSION, STEP, NONCE] {
        let named = cookies(&fields).filter(|(cookie, _)| cookie == name.as_bytes()).count();
        match sole(&fields, name) {
            Sole::None => assert_eq!(named, 0),
            Sole::One(value) => {
                assert_eq!(named, 1);
                token(value);
            }
            Sole::Several => assert!(named > 1),
        }
    }
    let mut kept = fields.clone();
    strip(&mut kept);
    assert!(kept.get_all(COOKIE).iter().count() <= 1);
    assert!(cookies(&kept).all(|cookie| !is_ours(&cookie)), "one of ours goes upstream: {kept:?}");
    assert!(cookies(&fields).filter(|cookie| !is_ours(cookie)).eq(cookies(&kept)), "one that is not ours was lost: {fields:?}");
    let once = kept.clone();
    strip(&mut kept);
    assert_eq!(once, kept);

    for field in fields.values() {
        let pair = field.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        assert_eq!(sets_ours(field), is_ours(&cookie(pair)), "{field:?}");
    }
}

/// A name and the rest, both without white space around.
type Cookie = (Vec<u8>, Vec<u8>);

fn cookies(fields: &HeaderMap) -> impl Iterator<Item = Cookie> {
    let pairs = fields.get_all(COOKIE).iter().flat_map(|field| field.as_bytes().split(|byte| *byte == b';'));
    pairs.filter(|pair| !pair.trim_ascii().is_empty()).map(cookie)
}

fn cookie(pair: &[u8]) -> Cookie {
    let mut parts = pair.splitn(2, |byte| *byte == b'=');
    let mut part = || parts.next().unwrap_or_default().trim_ascii().to_vec();
    (part(), part())
}

/// By its name, or by what browsers and servers make of one without: the value with its own equals signs.
fn is_ours((name, value): &Cookie) -> bool {
    let begins = |text: &[u8]| text.get(..SESSION.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(SESSION.as_bytes()));
    let nameless = || value.iter().position(|byte| *byte != b'=' && !byte.is_ascii_whitespace()).is_some_and(|at| begins(&value[at..]));
    begins(name) || name.is_empty() && nameless()
}

fn token(text: &str) {
    if let Some(token) = Token::parse(text) {
        assert_eq!(token.reveal(), text, "a token has one spelling");
        assert!(!format!("{token:?}").contains(text));
    }
    if let Some(hash) = TokenHash::parse_base64url(text) {
        assert_eq!(hash.base64url(), text);
    }
}
