//! Which site a request was made by. One broken back office must not act on its siblings through a person's browser.

use http::HeaderMap;
use http::header::{AsHeaderName, ORIGIN};

use super::App;
use crate::model::Refusal;

/// What a request could do if another site had made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossing {
    /// Nothing: GET, HEAD, OPTIONS.
    Safe,
    /// Change something.
    Unsafe,
    /// Open a WebSocket, to which browsers do not apply the same-origin policy (RFC 6455, section 10.2).
    WebSocket,
}

/// What `Origin` (RFC 6454, section 7) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Absent,
    Own,
    Listed,
    /// `null`: a sandboxed or redirected request, or a page that withholds its referrer.
    Withheld,
    Foreign,
}

/// What `Sec-Fetch-Site` (W3C Fetch Metadata, section 2.3) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Site {
    Absent,
    /// `same-origin`, or `none`: the person herself asked for it.
    Own,
    Other,
}

/// Refuses what another site than the app's own, or one that it lists, made. A field that stands twice counts as foreign.
pub fn origin_check(crossing: Crossing, headers: &HeaderMap, app: &App) -> Result<(), Refusal> {
    let source = match sole(headers, ORIGIN) {
        Field::Absent => Source::Absent,
        Field::Text("null") => Source::Withheld,
        Field::Text(origin) if origin.eq_ignore_ascii_case(&app.origin) => Source::Own,
        Field::Text(origin) if app.origins.iter().any(|listed| origin.eq_ignore_ascii_case(listed)) => Source::Listed,
        Field::Text(_) | Field::Odd => Source::Foreign,
    };
    let site = match sole(headers, "sec-fetch-site") {
        Field::Absent => Site::Absent,
        Field::Text("same-origin" | "none") => Site::Own,
        Field::Text(_) | Field::Odd => Site::Other,
    };
    let passes = match (crossing, source, site) {
        (Crossing::Safe, ..) | (_, Source::Listed, _) => true,
        (_, Source::Foreign, _) | (_, _, Site::Other) => false,
        (_, Source::Own, Site::Own | Site::Absent) => true,
        (Crossing::WebSocket, Source::Absent | Source::Withheld, _) => false,
        (Crossing::Unsafe, Source::Absent | Source::Withheld, Site::Own) => true,
        (Crossing::Unsafe, Source::Withheld, Site::Absent) => false,
        // A tool, not a browser: those that send neither field do not send cookies across sites unasked.
        (Crossing::Unsafe, Source::Absent, Site::Absent) => !headers.keys().any(|name| name.as_str().starts_with("sec-fetch-")),
    };
    if passes { Ok(()) } else { Err(Refusal::ForeignOrigin) }
}

enum Field<'h> {
    Absent,
    Text(&'h str),
    /// There more than once, or not text.
    Odd,
}

fn sole(headers: &HeaderMap, name: impl AsHeaderName) -> Field<'_> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Field::Absent,
        (Some(value), None) => value.to_str().map_or(Field::Odd, Field::Text),
        (Some(_), Some(_)) => Field::Odd,
    }
}

#[cfg(test)]
mod tests {
    use super::super::app::sample;
    use super::*;
    use http::{HeaderName, HeaderValue};

    const OWN: (&str, &str) = ("origin", "https://sites.example.cn");
    const LISTED: (&str, &str) = ("origin", "https://tools.example.cn:8443");
    const SIBLING: (&str, &str) = ("origin", "https://ug.example.cn");
    const NULL: (&str, &str) = ("origin", "null");
    const SAME_ORIGIN: (&str, &str) = ("sec-fetch-site", "same-origin");
    const NONE: (&str, &str) = ("sec-fetch-site", "none");
    const SAME_SITE: (&str, &str) = ("sec-fetch-site", "same-site");
    const CROSS_SITE: (&str, &str) = ("sec-fetch-site", "cross-site");
    const MODE: (&str, &str) = ("sec-fetch-mode", "cors");

    fn check(crossing: Crossing, fields: &[(&'static str, &str)]) -> bool {
        let mut app = sample::app(Vec::new());
        app.origins = vec!["https://tools.example.cn:8443".to_owned()];
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let outcome = origin_check(crossing, &headers, &app);
        assert!(matches!(outcome, Ok(()) | Err(Refusal::ForeignOrigin)));
        outcome.is_ok()
    }

    #[test]
    fn unsafe_requests_pass_from_the_app_itself_from_listed_origins_and_from_tools() {
        for fields in [
            &[OWN][..],
            &[OWN, SAME_ORIGIN],
            &[("origin", "https://SITES.example.cn")],
            &[SAME_ORIGIN],
            &[NONE],
            &[NULL, SAME_ORIGIN, MODE],
            &[LISTED],
            &[LISTED, CROSS_SITE],
            &[LISTED, SAME_SITE],
            &[],
        ] {
            assert!(check(Crossing::Unsafe, fields), "{fields:?}");
        }
    }

    #[test]
    fn unsafe_requests_of_other_sites_are_refused() {
        for fields in [
            &[SIBLING][..],
            &[SIBLING, SAME_SITE],
            &[SIBLING, SAME_ORIGIN],
            &[SAME_SITE],
            &[CROSS_SITE],
            &[OWN, CROSS_SITE],
            &[NULL],
            &[NULL, CROSS_SITE],
            &[MODE],
            &[OWN, SIBLING],
            &[OWN, OWN],
            &[SAME_ORIGIN, SAME_ORIGIN],
            &[("origin", "http://sites.example.cn")],
            &[("origin", "https://sites.example.cn:8443")],
            &[("origin", "https://sites.example.cn.evil.cn")],
            &[("origin", "")],
            &[("origin", "https://xn--\u{e9}")],
        ] {
            assert!(!check(Crossing::Unsafe, fields), "{fields:?}");
        }
    }

    #[test]
    fn a_websocket_needs_an_origin_that_is_own_or_listed() {
        for fields in [&[OWN][..], &[OWN, SAME_ORIGIN], &[LISTED], &[LISTED, CROSS_SITE]] {
            assert!(check(Crossing::WebSocket, fields), "{fields:?}");
        }
        for fields in [&[][..], &[SAME_ORIGIN], &[NONE], &[NULL], &[NULL, SAME_ORIGIN], &[SIBLING], &[SIBLING, SAME_SITE], &[OWN, SIBLING]]
        {
            assert!(!check(Crossing::WebSocket, fields), "{fields:?}");
        }
    }

    #[test]
    fn safe_requests_pass_from_anywhere() {
        for fields in [&[][..], &[SIBLING, SAME_SITE], &[CROSS_SITE]] {
            assert!(check(Crossing::Safe, fields), "{fields:?}");
        }
    }
}
