//! Which paths a rule speaks of.
//!
//! Invariant: how a character was escaped never changes whether a path matches: `/a(b)` and `/a%28b%29` are the same
//! to most servers, so they are the same here. Where an app lets encoded slashes, backslashes, empty segments or path parameters
//! through, servers read a path in more than one way: [`PathPattern::matches`] needs every reading to match (for what is allowed), and
//! [`PathPattern::may_match`] one of them (for what is denied or hidden).

use std::borrow::Cow;

use crate::model::{CanonicalPath, NotCanonical, PathAllowance};

/// A path with `*` for any characters within one segment (also none), and perhaps `/**` at its end for the directory before it
/// with everything below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
    /// Ends with `/**`.
    below: bool,
    /// Names an encoded slash or its like itself, so that the operator has settled how it is read.
    explicit: bool,
}

/// What stands between the wildcards of a segment: n + 1 literals around n wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment(Vec<Vec<u8>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPattern {
    #[error("has a query or a fragment; rules know only paths")]
    Query,
    #[error("has `**` elsewhere than as its whole last segment")]
    StrayDoubleStar,
    #[error("can match no request of this app: {0}")]
    Path(#[from] NotCanonical),
}

impl PathPattern {
    /// Reads the pattern as the operator writes it, decoded or percent-encoded, by the same rules as the app's requests.
    pub fn parse(text: &str, allow: PathAllowance) -> Result<Self, NotAPattern> {
        if text.contains(['?', '#']) {
            return Err(NotAPattern::Query);
        }
        let (fixed, below) = match text.strip_suffix("/**") {
            Some("") => ("/", true),
            Some(fixed) => (fixed, true),
            None => (text, false),
        };
        if fixed.contains("**") {
            return Err(NotAPattern::StrayDoubleStar);
        }
        let canonical = CanonicalPath::parse(fixed, allow)?;
        if below && fixed != "/" && fixed.ends_with('/') {
            return Err(NotCanonical::EmptySegment.into());
        }
        let explicit = Readings::of(&canonical).lenient().is_some();
        let mut segments: Vec<Segment> = canonical.as_str().split('/').skip(1).map(Segment::read).collect();
        if below && fixed == "/" {
            segments.clear();
        }
        let text = match (canonical.as_str(), below) {
            ("/", true) => "/**".to_owned(),
            (path, true) => format!("{path}/**"),
            (path, false) => path.to_owned(),
        };
        Ok(Self { text, segments, below, explicit })
    }

    /// Whether the path matches however a server reads it.
    pub fn matches(&self, path: &CanonicalPath) -> bool {
        let readings = Readings::of(path);
        self.matches_segments(&readings.literal)
            && (self.explicit || readings.lenient().is_none_or(|lenient| self.matches_segments(&lenient)))
    }

    /// Whether some server could read the path so that it matches.
    pub fn may_match(&self, path: &CanonicalPath) -> bool {
        let readings = Readings::of(path);
        self.matches_segments(&readings.literal) || readings.lenient().is_some_and(|lenient| self.matches_segments(&lenient))
    }

    pub fn has_wildcard(&self) -> bool {
        self.below || self.text.contains('*')
    }

    /// What stands before the first wildcard, in canonical form.
    pub fn fixed_part(&self) -> &str {
        self.text.split('*').next().unwrap_or_default()
    }

    /// The pattern in canonical form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn matches_segments(&self, path: &[Cow<'_, [u8]>]) -> bool {
        let long_enough = if self.below { path.len() >= self.segments.len() } else { path.len() == self.segments.len() };
        long_enough && self.segments.iter().zip(path).all(|(segment, part)| segment.matches(part))
    }
}

impl Segment {
    fn read(canonical: &str) -> Self {
        Self(canonical.split('*').map(|literal| decode(literal).into_owned()).collect())
    }

    fn matches(&self, part: &[u8]) -> bool {
        let Some((first, others)) = self.0.split_first() else { return false };
        let Some((last, middle)) = others.split_last() else { return part == first };
        let Some(rest) = part.strip_prefix(first.as_slice()) else { return false };
        let Some(mut rest) = rest.strip_suffix(last.as_slice()) else { return false };
        // The leftmost place for each literal leaves the most room for the next.
        for literal in middle.iter().filter(|literal| !literal.is_empty()) {
            let Some(at) = rest.windows(literal.len()).position(|window| window == literal) else { return false };
            rest = rest.get(at.saturating_add(literal.len())..).unwrap_or_default();
        }
        true
    }
}

/// Stands for `%2F` in decoded segments; no path has a control character.
const ENCODED_SLASH: u8 = 0;

/// The segments of a path, decoded, in the ways in which servers cut it.
struct Readings<'p> {
    literal: Vec<Cow<'p, [u8]>>,
}

impl<'p> Readings<'p> {
    fn of(path: &'p CanonicalPath) -> Self {
        Self { literal: path.as_str().split('/').skip(1).map(decode).collect() }
    }

    /// As servers read it that take `%2F` and `\` for slashes, cut off path parameters and merge slashes; `None` where
    /// that makes no difference.
    fn lenient(&self) -> Option<Vec<Cow<'p, [u8]>>> {
        let odd = |part: &Cow<'_, [u8]>| part.iter().any(|byte| matches!(*byte, ENCODED_SLASH | b'\\' | b';'));
        let inner = self.literal.len().saturating_sub(1);
        if !self.literal.iter().any(odd) && !self.literal.iter().take(inner).any(|part| part.is_empty()) {
            return None;
        }
        let mut read: Vec<Cow<'p, [u8]>> = Vec::new();
        let mut ends_with_slash = false;
        for part in &self.literal {
            for piece in part.split(|byte| matches!(*byte, ENCODED_SLASH | b'\\')) {
                let name = piece.split(|byte| *byte == b';').next().unwrap_or_default();
                ends_with_slash = name.is_empty();
                if !ends_with_slash {
                    read.push(Cow::Owned(name.to_vec()));
                }
            }
        }
        if ends_with_slash {
            read.push(Cow::Borrowed(&[]));
        }
        Some(read)
    }
}

/// Takes the percent-encoding off a part of a canonical path.
fn decode(canonical: &str) -> Cow<'_, [u8]> {
    if !canonical.contains('%') {
        return Cow::Borrowed(canonical.as_bytes());
    }
    let mut decoded: Vec<u8> = Vec::with_capacity(canonical.len());
    let mut parts = canonical.split('%');
    decoded.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        let byte = u8::from_str_radix(digits, 16).unwrap_or(b'%');
        decoded.push(if byte == b'/' { ENCODED_SLASH } else { byte });
        decoded.extend_from_slice(rest.as_bytes());
    }
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use super::super::app::sample::{path, pattern};
    use super::*;

    #[test]
    fn a_pattern_matches_these_and_not_those() {
        for (text, matching, others) in [
            ("/", &["/"][..], &["/a"][..]),
            ("/admin", &["/admin", "/%61dmin"], &["/admin/", "/Admin", "/admins", "/a/admin"]),
            ("/admin/", &["/admin/"], &["/admin", "/admin/x"]),
            ("/**", &["/", "/a", "/a/b/c.html"], &[]),
            ("/admin/**", &["/admin", "/admin/", "/admin/a/b"], &["/administrator", "/", "/x/admin"]),
            ("/文件/**", &["/文件", "/%E6%96%87%e4%bb%b6/a", "/文件/信息.doc"], &["/文/a"]),
            ("/files/*", &["/files/a", "/files/", "/files/*"], &["/files", "/files/a/b"]),
            ("/files/*.pdf", &["/files/a.pdf", "/files/.pdf", "/files/年报.pdf"], &["/files/a.pdfx", "/files/a/b.pdf"]),
            ("/a*b*c", &["/abc", "/axbyc", "/abbc", "/abcbc"], &["/acb", "/ab", "/ac"]),
            ("/a*a", &["/aa", "/aba"], &["/a"]),
            ("/*/edit", &["/1/edit", "/信/edit"], &["/edit", "/1/2/edit"]),
            ("/u/*/keys/**", &["/u/1/keys", "/u/1/keys/2/3"], &["/u/keys/1", "/u/1/2/keys"]),
            ("/100%25", &["/100%25"], &["/100"]),
            ("/a b", &["/a%20b"], &["/a+b"]),
            ("/%2A", &["/*", "/%2a"], &["/a"]),
        ] {
            for raw in matching {
                assert!(pattern(text).matches(&path(raw)), "{text} matches {raw}");
                assert!(pattern(text).may_match(&path(raw)), "{text} matches {raw}");
            }
            for raw in others {
                assert!(!pattern(text).may_match(&path(raw)), "{text} does not match {raw}");
                assert!(!pattern(text).matches(&path(raw)), "{text} does not match {raw}");
            }
        }
    }

    #[test]
    fn an_escape_does_not_hide_a_path_from_a_pattern() {
        for (text, raw) in [("/a(b)", "/a%28b%29"), ("/a%28b%29", "/a(b)"), ("/x@y", "/x%40y"), ("/a+b", "/a%2Bb")] {
            assert!(pattern(text).matches(&path(raw)), "{text} matches {raw}");
        }
    }

    #[test]
    fn a_path_that_servers_read_differently_matches_only_if_every_reading_does() {
        for raw in ["/admin%2Fusers", "/admin%5Cusers", "/admin\\users", "//admin/users", "/admin;v=1/users", "/;x/admin/users"] {
            assert!(pattern("/admin/**").may_match(&path(raw)), "{raw} may be below /admin");
            assert!(!pattern("/*").matches(&path(raw)), "{raw} may be elsewhere than directly below /");
            assert!(pattern("/**").matches(&path(raw)), "{raw}");
        }
        assert!(pattern("/admin/**").matches(&path("/admin/a%2Fb")));
        assert!(pattern("/admin/**").matches(&path("/admin//")));
        assert!(!pattern("/admin/*").matches(&path("/admin/a%2Fb")));
        let explicit = PathPattern::parse("/admin/a%2Fb", PathAllowance { encoded_slash: true, ..PathAllowance::default() }).unwrap();
        assert!(explicit.matches(&path("/admin/a%2fb")));
        assert!(!explicit.matches(&path("/admin/a/b")));
    }

    #[test]
    fn what_could_never_match_is_no_pattern() {
        let parse = |text| PathPattern::parse(text, PathAllowance::default());
        for text in ["", "admin", "*", "**"] {
            assert!(matches!(parse(text), Err(NotAPattern::Path(NotCanonical::NotAbsolute) | NotAPattern::StrayDoubleStar)), "{text}");
        }
        assert_eq!(parse("/a?b=c"), Err(NotAPattern::Query));
        for text in ["/**/a", "/a**", "/***", "/a/**/b/**"] {
            assert_eq!(parse(text), Err(NotAPattern::StrayDoubleStar), "{text}");
        }
        assert_eq!(parse("/a/../b"), Err(NotAPattern::Path(NotCanonical::DotSegment)));
        assert_eq!(parse("/a//**"), Err(NotAPattern::Path(NotCanonical::EmptySegment)));
        assert_eq!(parse("/a;b"), Err(NotAPattern::Path(NotCanonical::Semicolon)));
        assert!(PathPattern::parse("/a;b", PathAllowance { semicolon: true, ..PathAllowance::default() }).is_ok());
    }

    #[test]
    fn a_pattern_says_what_stands_before_its_wildcard() {
        for (text, fixed, wildcard) in
            [("/reset/**", "/reset/", true), ("/a/t-*/b", "/a/t-", true), ("/**", "/", true), ("/a", "/a", false), ("/%2A", "/%2A", false)]
        {
            assert_eq!((pattern(text).fixed_part(), pattern(text).has_wildcard()), (fixed, wildcard), "{text}");
        }
    }
}
