//! The canonical path: its own canonical form, free of what it refuses, and the same to policy however it was written. The bits of the
//! first byte are what an app opted into.

use yumen::access::PathPattern;
use yumen::model::{CanonicalPath, PathAllowance};

pub fn run(bytes: &[u8]) {
    let Some((bits, raw)) = bytes.split_first() else { return };
    let Ok(raw) = std::str::from_utf8(raw) else { return };
    let bit = |bit: u8| bits >> bit & 1 == 1;
    let allow = PathAllowance { encoded_slash: bit(0), backslash: bit(1), empty_segment: bit(2), semicolon: bit(3), not_utf8: bit(4) };
    let Ok(path) = CanonicalPath::parse(raw, allow) else { return };
    assert_eq!(CanonicalPath::parse(path.as_str(), allow).as_ref(), Ok(&path), "its own canonical form");
    free_of_what_is_refused(path.as_str(), allow);

    let pattern = match path.as_str() {
        text if text.contains("**") => None,
        text => Some(PathPattern::parse(text, allow).expect("a pattern for itself")),
    };
    assert!(pattern.iter().all(|pattern| pattern.matches(&path) && pattern.may_match(&path)));
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if let Ok(other) = CanonicalPath::parse(&escaped(path.as_str(), unreserved), allow) {
        assert_eq!(other, path, "unreserved characters are the same in either spelling");
    }
    // These are kept as they came, but to policy they are one.
    if let Ok(other) = CanonicalPath::parse(&escaped(path.as_str(), |byte| b"!$&'()+,=:@".contains(&byte)), allow) {
        assert!(pattern.iter().all(|pattern| pattern.matches(&other) && pattern.may_match(&other)));
    }
}

/// Writes the bare characters that are `chosen` as escapes.
fn escaped(path: &str, chosen: impl Fn(u8) -> bool) -> String {
    let (mut all, mut in_escape) = (String::new(), 0);
    for byte in path.bytes() {
        match byte {
            b'%' => in_escape = 3,
            byte if in_escape == 0 && chosen(byte) => {
                all += &format!("%{byte:02x}");
                continue;
            }
            _ => {}
        }
        in_escape -= i32::from(in_escape > 0);
        all.push(char::from(byte));
    }
    all
}

fn free_of_what_is_refused(path: &str, allow: PathAllowance) {
    assert!(path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}?#[]".contains(&byte)), "{path:?}");
    let once = decoded(path.as_bytes());
    // Whoever decodes once more must not find what was refused either.
    for reading in [once.clone(), decoded(&once)] {
        assert!(!reading.iter().any(u8::is_ascii_control), "{reading:?}");
        let slashes = |byte: &u8| *byte == b'/' || *byte == b'\\';
        for segment in reading.split(slashes) {
            let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
            assert!(name != b"." && name != b"..", "{path:?}");
        }
        assert!(allow.backslash || !reading.contains(&b'\\'));
        assert!(allow.semicolon || !reading.contains(&b';'));
        let empty = reading.windows(2).any(|pair| pair.iter().all(slashes));
        assert!(allow.empty_segment || !empty, "{path:?}");
        assert!(allow.not_utf8 || allow.backslash || std::str::from_utf8(&once).is_ok());
        let slashes_in = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'/').count();
        assert!(allow.encoded_slash || slashes_in(&reading) == slashes_in(path.as_bytes()));
    }
}

fn decoded(bytes: &[u8]) -> Vec<u8> {
    let (mut all, mut rest) = (Vec::new(), bytes);
    while let Some((first, after)) = rest.split_first() {
        let hex = |byte: &u8| char::from(*byte).to_digit(16);
        let escape = match after {
            [high, low, ..] if *first == b'%' => hex(high).zip(hex(low)).map(|(high, low)| (high * 16 + low) as u8),
            _ => None,
        };
        all.push(escape.unwrap_or(*first));
        rest = if escape.is_some() { &after[2..] } else { after };
    }
    all
}
