//! One canonical path serves policy, log and forwarding, so that no two of them can disagree.
//!
//! Canonical (RFC 3986, section 6.2.2): unreserved characters are bare, everything else is percent-encoded in
//! upper case. What servers read differently is refused rather than repaired: dot segments, NUL and other control
//! characters always; encoded slashes, backslashes, empty segments, semicolons and text that is not UTF-8 unless the app
//! opts in; and whatever turns into one of these if it is decoded once more.

use std::fmt;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CanonicalPath(Arc<str>);

/// What an app's own addresses need although servers read it differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PathAllowance {
    /// `%2F` inside a segment.
    pub encoded_slash: bool,
    /// `\` and `%5C`.
    pub backslash: bool,
    /// `//`.
    pub empty_segment: bool,
    /// `;` and `%3B`.
    pub semicolon: bool,
    /// Percent-encoded bytes of another encoding, such as GBK.
    pub not_utf8: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonical {
    #[error("the path does not begin with a slash")]
    NotAbsolute,
    #[error("the path has a percent sign without two hexadecimal digits")]
    BadEscape,
    #[error("the path has a control character")]
    Control,
    #[error("the path has a dot segment")]
    DotSegment,
    #[error("the path has an encoded slash")]
    EncodedSlash,
    #[error("the path has a backslash")]
    Backslash,
    #[error("the path has an empty segment")]
    EmptySegment,
    #[error("the path has a semicolon")]
    Semicolon,
    #[error("the path is encoded twice")]
    EncodedTwice,
    #[error("the path is not UTF-8")]
    NotUtf8,
    #[error("the path is longer than 8192 bytes")]
    TooLong,
}

const LONGEST: usize = 8192;

/// Stands for `%2F` among the decoded bytes; control characters cannot be there.
const ENCODED_SLASH: u8 = 0;

impl CanonicalPath {
    pub fn parse(raw: &str, allow: PathAllowance) -> Result<Self, NotCanonical> {
        if raw.len() > LONGEST {
            return Err(NotCanonical::TooLong);
        }
        if !raw.starts_with('/') {
            return Err(NotCanonical::NotAbsolute);
        }
        let mut path = String::with_capacity(raw.len());
        let mut decoded = Vec::with_capacity(raw.len());
        let mut bytes = raw.bytes();
        while let Some(byte) = bytes.next() {
            let literal = match byte {
                b'%' => unescape(&mut bytes)?,
                byte => byte,
            };
            judge(literal, byte == b'%', allow)?;
            write_canonical(&mut path, literal, byte == b'%');
            decoded.push(if byte == b'%' && literal == b'/' { ENCODED_SLASH } else { literal });
        }
        judge_segments(&decoded, allow)?;
        judge_second_reading(&decoded)?;
        if !allow.not_utf8 && std::str::from_utf8(&decoded).is_err() {
            return Err(NotCanonical::NotUtf8);
        }
        Ok(Self(path.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn unescape(bytes: &mut std::str::Bytes<'_>) -> Result<u8, NotCanonical> {
    let mut digit = || bytes.next().and_then(|byte| (byte as char).to_digit(16)).ok_or(NotCanonical::BadEscape);
    let value = (digit()? << 4) | digit()?;
    u8::try_from(value).map_err(|_| NotCanonical::BadEscape)
}

fn judge(literal: u8, escaped: bool, allow: PathAllowance) -> Result<(), NotCanonical> {
    match literal {
        0..=0x1f | 0x7f => Err(NotCanonical::Control),
        b'/' if escaped && !allow.encoded_slash => Err(NotCanonical::EncodedSlash),
        b'\\' if !allow.backslash => Err(NotCanonical::Backslash),
        b';' if !allow.semicolon => Err(NotCanonical::Semicolon),
        _ => Ok(()),
    }
}

/// RFC 3986: `unreserved`, and those of `sub-delims`, `:` and `@` that stand bare in a path segment.
fn write_canonical(path: &mut String, literal: u8, escaped: bool) {
    let unreserved = literal.is_ascii_alphanumeric() || matches!(literal, b'-' | b'.' | b'_' | b'~');
    let bare = matches!(literal, b'/' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@');
    if unreserved || (bare && !escaped) {
        path.push(literal as char);
    } else {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        path.push('%');
        path.push(DIGITS.get(usize::from(literal >> 4)).copied().unwrap_or(b'0') as char);
        path.push(DIGITS.get(usize::from(literal & 15)).copied().unwrap_or(b'0') as char);
    }
}

fn judge_segments(decoded: &[u8], allow: PathAllowance) -> Result<(), NotCanonical> {
    let mut segments = decoded.split(|byte| matches!(*byte, b'/' | b'\\' | ENCODED_SLASH)).skip(1).peekable();
    while let Some(segment) = segments.next() {
        // Some servers cut path parameters off before they resolve dots.
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        if matches!(name, b"." | b"..") {
            return Err(NotCanonical::DotSegment);
        }
        if segment.is_empty() && segments.peek().is_some() && !allow.empty_segment {
            return Err(NotCanonical::EmptySegment);
        }
    }
    Ok(())
}

/// Refuses what would be judged otherwise by a server that decodes once more.
fn judge_second_reading(decoded: &[u8]) -> Result<(), NotCanonical> {
    let hides = |escape: &[u8]| match escape {
        [b'%', high, low] => {
            matches!((high, low.to_ascii_lowercase()), (b'2', b'e' | b'f') | (b'5', b'c') | (b'0' | b'1', b'0'..=b'9' | b'a'..=b'f') | (b'7', b'f') | (b'3', b'b'))
                || (*high == b'2' && *low == b'5')
        }
        _ => false,
    };
    if decoded.windows(3).any(hides) { Err(NotCanonical::EncodedTwice) } else { Ok(()) }
}

impl fmt::Display for CanonicalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict(raw: &str) -> Result<String, NotCanonical> {
        CanonicalPath::parse(raw, PathAllowance::default()).map(|path| path.as_str().to_owned())
    }

    #[test]
    fn equal_addresses_have_one_form() {
        for (raw, canonical) in [
            ("/", "/"),
            ("/admin/", "/admin/"),
            ("/%61dmin", "/admin"),
            ("/a%7Eb", "/a~b"),
            ("/a%20b", "/a%20b"),
            ("/%e4%bf%a1", "/%E4%BF%A1"),
            ("/信", "/%E4%BF%A1"),
            ("/a%2bb+c", "/a%2Bb+c"),
            ("/x.html", "/x.html"),
            ("/...", "/..."),
            ("/100%25", "/100%25"),
        ] {
            assert_eq!(strict(raw).as_deref(), Ok(canonical), "{raw}");
            assert_eq!(strict(canonical).as_deref(), Ok(canonical), "{canonical} is its own form");
        }
    }

    #[test]
    fn what_servers_read_differently_is_refused() {
        use NotCanonical::*;
        for (raw, why) in [
            ("", NotAbsolute),
            ("*", NotAbsolute),
            ("admin", NotAbsolute),
            ("/a/../b", DotSegment),
            ("/a/%2e%2E/b", DotSegment),
            ("/.", DotSegment),
            ("/a/..", DotSegment),
            ("/a/..;x/b", Semicolon),
            ("/a;b", Semicolon),
            ("/a%3bb", Semicolon),
            ("//a", EmptySegment),
            ("/a//b", EmptySegment),
            ("/a%2fb", EncodedSlash),
            ("/a%2Fb", EncodedSlash),
            ("/a\\b", Backslash),
            ("/a%5cb", Backslash),
            ("/a%00", Control),
            ("/a%0d%0ab", Control),
            ("/a%7f", Control),
            ("/a%", BadEscape),
            ("/a%4", BadEscape),
            ("/a%zz", BadEscape),
            ("/%252e%252e/", EncodedTwice),
            ("/a%252fb", EncodedTwice),
            ("/a%25252f", EncodedTwice),
            ("/%c0%ae/", NotUtf8),
            ("/%ff", NotUtf8),
        ] {
            assert_eq!(strict(raw), Err(why), "{raw}");
        }
        assert_eq!(strict(&format!("/{}", "a".repeat(LONGEST))), Err(TooLong));
    }

    #[test]
    fn an_app_gets_only_what_it_opted_into() {
        let all = PathAllowance { encoded_slash: true, backslash: true, empty_segment: true, semicolon: true, not_utf8: true };
        for raw in ["/a%2Fb", "/a%5Cb", "/a//b", "/a;v=1/b", "/%B5%C7"] {
            assert_eq!(CanonicalPath::parse(raw, all).map(|path| path.to_string()).as_deref(), Ok(raw));
        }
        for raw in ["/a/../b", "/a%2F..%2Fb", "/a%5C..%5Cb", "/..;/b", "/a%00", "/%252e%252e"] {
            assert!(CanonicalPath::parse(raw, all).is_err(), "{raw}");
        }
    }
}
