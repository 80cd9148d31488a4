//! Where somebody goes back to after signing in.
//!
//! Invariant: a [`ReturnPath`], resolved by a browser against any https origin, stays on that origin.

use std::fmt;

/// Longer ones are cut off by browsers and servers sooner or later.
const LONGEST: usize = 4096;

/// A path with its query, on the host that it is used on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath(String);

impl ReturnPath {
    /// `/…`, but not `//…` nor a backslash in the path (browsers read it as a slash); printable ASCII only.
    pub fn parse(text: &str) -> Option<Self> {
        let path = text.split(['?', '#']).next().unwrap_or_default();
        let fits = text.len() <= LONGEST
            && path.starts_with('/')
            && !path.starts_with("//")
            && !path.contains('\\')
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// The front page.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReturnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    #[test]
    fn paths_of_the_same_origin_are_kept_as_they_are() {
        for good in ["/", "/admin/", "/a/b?c=d&e=%2F%2Fevil", "/a?next=//x", "/a//b", "/@b", "/a?x=\\y", "/%E4%BD%A0"] {
            assert_eq!(ReturnPath::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn whatever_could_lead_elsewhere_is_refused() {
        for bad in [
            "",
            "admin",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/a/..\\..\\/evil",
            "https://evil.example/",
            "https:evil.example",
            "javascript:alert(1)",
            "user@evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/a\r\nSet-Cookie: x",
            "/\u{0}",
            " /a",
            "/a b",
            "?a",
            "#a",
            "/你",
        ] {
            assert_eq!(ReturnPath::parse(bad), None, "{bad:?}");
        }
        assert_eq!(ReturnPath::parse(&format!("/{}", "a".repeat(LONGEST))), None);
    }

    proptest! {
        #[test]
        fn a_return_path_never_leaves_its_origin(text in r"[/\\@:.?#%a-z0-9\t\r\n \u{0}-\u{1f}\u{80}-\u{ff}]{0,24}|/.{0,30}") {
            let base = Url::parse("https://sites.example.cn:8443/deep/page").unwrap();
            if let Some(path) = ReturnPath::parse(&text) {
                let there = base.join(path.as_str()).unwrap();
                prop_assert_eq!(there.origin(), base.origin());
                prop_assert!(there.username().is_empty() && there.password().is_none());
                prop_assert!(!path.as_str().contains(['\r', '\n', '\t']));
            }
        }
    }
}
