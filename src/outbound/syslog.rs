//! Lines of syslog: RFC 5424, framed by counted octets (RFC 5425, section 4.3.1).
//!
//! Invariant: whatever a record holds, a line has the parts that the RFC names and no others: header fields are cut to printable ASCII,
//! values of structured data are escaped (section 6.3.3), and the body is UTF-8 behind its byte order mark.

use std::io::Write;

use super::severity::Severity;

/// Log audit (RFC 5424, table 1).
const FACILITY: u8 = 13;
/// Private names need an enterprise number (section 7.2.2). The product has none of its own, so this is the one that RFC 5612 keeps for
/// documentation, as a mark that receivers can match on.
const OURS: &str = "yumen@32473";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One message; texts may hold anything.
pub struct Message<'a> {
    pub severity: Severity,
    /// RFC 3339.
    pub time: &'a str,
    pub host: &'a str,
    pub process: u32,
    pub id: &'a str,
    pub data: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

/// Appends the message with its length before it.
pub fn append(buffer: &mut Vec<u8>, message: &Message<'_>) {
    let mut text = Vec::with_capacity(message.body.len().saturating_add(256));
    let priority = FACILITY.saturating_mul(8).saturating_add(message.severity as u8);
    // Writing to a `Vec` cannot fail.
    let _ = write!(
        text,
        "<{priority}>1 {} {} yumen {} {} [{OURS}",
        field(message.time, 48),
        field(message.host, 255),
        message.process,
        field(message.id, 32)
    );
    for (name, value) in message.data {
        let _ = write!(text, " {name}=\"{}\"", escaped(value));
    }
    text.extend_from_slice(b"] ");
    text.extend_from_slice(BYTE_ORDER_MARK);
    text.extend_from_slice(message.body);
    let _ = write!(buffer, "{} ", text.len());
    buffer.extend_from_slice(&text);
}

/// A header field: printable ASCII without spaces, or the sign for nothing.
fn field(text: &str, longest: usize) -> String {
    let kept: String = text.chars().filter(char::is_ascii_graphic).take(longest).collect();
    if kept.is_empty() { "-".to_owned() } else { kept }
}

fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '"' | '\\' | ']') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
pub mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a strict reader of RFC 5424 finds in a message.
    #[derive(Debug, PartialEq, Eq)]
    pub struct Parsed {
        pub priority: u8,
        pub fields: Vec<String>,
        pub data: Vec<(String, String)>,
        pub body: Vec<u8>,
    }

    impl Parsed {
        pub fn value(&self, name: &str) -> &str {
            &self.data.iter().find(|(other, _)| other == name).unwrap().1
        }
    }

    /// Takes one counted message off the front.
    pub fn parse(bytes: &[u8]) -> Option<(Parsed, &[u8])> {
        let space = bytes.iter().position(|byte| *byte == b' ')?;
        let digits = &bytes[..space];
        (!digits.starts_with(b"0") && digits.iter().all(u8::is_ascii_digit)).then_some(())?;
        let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
        let message = bytes.get(space + 1..space + 1 + length)?;
        let rest = &bytes[space + 1 + length..];
        let header = message.strip_prefix(b"<")?;
        let end = header.iter().position(|byte| *byte == b'>')?;
        let priority: u8 = std::str::from_utf8(&header[..end]).ok()?.parse().ok()?;
        let mut left = header[end + 1..].strip_prefix(b"1 ")?;
        let mut fields = Vec::new();
        for longest in [48, 255, 48, 128, 32] {
            let end = left.iter().position(|byte| *byte == b' ')?;
            let field = &left[..end];
            (1..=longest).contains(&end).then_some(())?;
            field.iter().all(u8::is_ascii_graphic).then_some(())?;
            fields.push(String::from_utf8(field.to_vec()).ok()?);
            left = &left[end + 1..];
        }
        let mut left = left.strip_prefix(b"[yumen@32473")?;
        let mut data = Vec::new();
        while let Some(parameter) = left.strip_prefix(b" ") {
            let equals = parameter.iter().position(|byte| *byte == b'=')?;
            let name = String::from_utf8(parameter[..equals].to_vec()).ok()?;
            let mut quoted = parameter[equals + 1..].strip_prefix(b"\"")?.iter().enumerate();
            let mut value = Vec::new();
            let end = loop {
                match quoted.next()? {
                    (index, b'"') => break index,
                    (_, b'\\') => value.push(*quoted.next()?.1),
                    (_, b']') => return None,
                    (_, other) => value.push(*other),
                }
            };
            data.push((name, String::from_utf8(value).ok()?));
            left = &parameter[equals + 2 + end + 1..];
        }
        let body = left.strip_prefix(b"] ")?.strip_prefix(b"\xef\xbb\xbf")?;
        std::str::from_utf8(body).ok()?;
        Some((Parsed { priority, fields, data, body: body.to_vec() }, rest))
    }

    fn message<'a>(data: &'a [(&'a str, &'a str)], body: &'a str) -> Message<'a> {
        Message {
            severity: Severity::Alert,
            time: "2026-11-22T03:04:05.678Z",
            host: "gate.city.example",
            process: 7,
            id: "event/sign-in",
            data,
            body: body.as_bytes(),
        }
    }

    #[test]
    fn a_message_is_written_as_the_rfc_has_it() {
        let mut buffer = Vec::new();
        append(&mut buffer, &message(&[("sequence", "12"), ("origin", "a\"b]c\\")], "{}"));
        let text = String::from_utf8(buffer).unwrap();
        assert_eq!(
            text,
            "124 <105>1 2026-11-22T03:04:05.678Z gate.city.example yumen 7 event/sign-in \
             [yumen@32473 sequence=\"12\" origin=\"a\\\"b\\]c\\\\\"] \u{feff}{}"
        );
    }

    #[test]
    fn what_is_no_field_of_a_header_becomes_one() {
        let mut buffer = Vec::new();
        let long = "x".repeat(300);
        append(&mut buffer, &Message { time: "", host: &long, id: "信 a\nb", ..message(&[], "") });
        let (parsed, rest) = parse(&buffer).unwrap();
        assert!(rest.is_empty());
        assert_eq!(parsed.fields, ["-", &long[..255], "yumen", "7", "ab"]);
    }

    #[test]
    fn the_reader_of_these_tests_refuses_what_is_not_escaped() {
        let whole = |data: &str| {
            let text = format!("<105>1 t h yumen 7 id [yumen@32473 a=\"{data}\"] \u{feff}x");
            format!("{} {text}", text.len())
        };
        assert!(parse(whole("b\\]").as_bytes()).is_some());
        for bad in ["b]", "b\"", "b\\"] {
            assert!(parse(whole(bad).as_bytes()).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_in_it_a_message_reads_back_and_ends_where_the_next_begins(
            values in prop::collection::vec(r#"([^\x00]|["\]\\]){0,20}"#, 0..4),
            host in ".{0,20}",
            id in ".{0,40}",
            body in ".{0,60}",
        ) {
            let data: Vec<(&str, &str)> = ["a", "b", "c", "d"].into_iter().zip(values.iter().map(String::as_str)).collect();
            let mut buffer = Vec::new();
            append(&mut buffer, &Message { host: &host, id: &id, ..message(&data, &body) });
            append(&mut buffer, &message(&[], "next"));
            let (parsed, rest) = parse(&buffer).unwrap();
            let read: Vec<(&str, &str)> = parsed.data.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            prop_assert_eq!(read, data);
            prop_assert_eq!(parsed.body, body.as_bytes());
            prop_assert_eq!(parsed.priority, 105);
            let (next, rest) = parse(rest).unwrap();
            prop_assert_eq!(next.body, b"next");
            prop_assert!(rest.is_empty());
        }
    }
}
