//! How an entry stands in a segment: `<CRC-32 of the JSON, 8 hex digits> <JSON>\n`, so that it can be searched with grep.
//!
//! Invariant: no line holds a zero byte, so the zeros of a preallocated tail are never taken for an entry.

use std::io::Write;
use std::sync::Arc;

use super::json;
use crate::model::{Entry, Record, Who, capped};

/// The longest JSON of one entry, in bytes.
pub(super) const LONGEST_JSON: usize = 16 * 1024;
/// The checksum and the space after it.
const HEAD: usize = 9;
/// The longest line with its newline.
pub(super) const LONGEST_LINE: usize = LONGEST_JSON + HEAD + 1;
/// How many details an entry keeps that is too long with all of them.
const MOST_DETAILS: usize = 16;

/// What stands at the start of some bytes of a segment.
pub(super) enum Next {
    Entry {
        entry: Box<Entry>,
        length: usize,
    },
    /// Nothing, or the zeros of the preallocated tail.
    Blank,
    /// The beginning of a line that is not (or not yet) all there.
    Incomplete,
    /// A line whose checksum is wrong.
    Damaged,
    /// A line that was written so, but by a program that knows other records.
    Foreign,
}

/// Appends `entry` as one line. Texts of an entry that is too long are cut until it fits: it is never dropped.
pub(super) fn encode(buffer: &mut Vec<u8>, entry: &mut Entry) -> Result<(), serde_json::Error> {
    let start = buffer.len();
    append(buffer, entry)?;
    for longest_text in [4096, 1024, 256, 64] {
        if buffer.len().saturating_sub(start) < LONGEST_LINE {
            break;
        }
        buffer.truncate(start);
        shorten(&mut entry.record, longest_text);
        append(buffer, entry)?;
    }
    let checksum = crc32fast::hash(buffer.get(start.saturating_add(HEAD)..).unwrap_or_default());
    if let Some(mut head) = buffer.get_mut(start..) {
        write!(head, "{checksum:08x} ").map_err(serde_json::Error::io)?;
    }
    buffer.push(b'\n');
    Ok(())
}

fn append(buffer: &mut Vec<u8>, entry: &Entry) -> Result<(), serde_json::Error> {
    buffer.extend_from_slice(&[b' '; HEAD]);
    json::write(buffer, entry)
}

fn shorten(record: &mut Record, longest: usize) {
    let cut = |text: &mut String| {
        if text.len() > longest {
            *text = capped(text, longest);
        }
    };
    match record {
        Record::Opened(opened) => {
            cut(&mut opened.path);
            cut(&mut opened.rule);
            cut(&mut opened.method);
            cut(&mut opened.host);
            cut(&mut opened.tls);
            cut(&mut opened.group);
            shorten_who(&mut opened.who, longest);
        }
        Record::Event(event) => {
            let details = std::mem::take(&mut event.details);
            event.details = details
                .into_iter()
                .take(MOST_DETAILS)
                .map(|(name, value)| (capped(&name, longest.min(64)), capped(&value, longest)))
                .collect();
            shorten_who(&mut event.who, longest);
        }
        Record::Closed(_) | Record::StillOpen { .. } => {}
    }
}

fn shorten_who(who: &mut Option<Arc<Who>>, longest: usize) {
    let Some(who) = who else { return };
    if who.session.as_ref().is_some_and(|session| session.len() > longest) {
        let session = who.session.as_ref().map(|session| capped(session, longest).into());
        *who = Arc::new(Who { session, ..Who::clone(who) });
    }
}

/// A line whose JSON was not looked at.
pub(super) enum Raw<'a> {
    Line { json: &'a [u8], length: usize },
    Blank,
    Incomplete,
    Damaged,
}

/// Reads the first line of `bytes`.
pub(super) fn first(bytes: &[u8]) -> Next {
    match raw(bytes) {
        Raw::Line { json, length } => match serde_json::from_slice(json) {
            Ok(entry) => Next::Entry { entry: Box::new(entry), length },
            Err(_) => Next::Foreign,
        },
        Raw::Blank => Next::Blank,
        Raw::Incomplete => Next::Incomplete,
        Raw::Damaged => Next::Damaged,
    }
}

/// The same, for whoever wants the bytes.
pub(super) fn raw(bytes: &[u8]) -> Raw<'_> {
    if matches!(bytes.first(), None | Some(0)) {
        return Raw::Blank;
    }
    let end = bytes.iter().take(LONGEST_LINE).position(|byte| matches!(byte, b'\n' | 0));
    let Some((line, rest)) = end.and_then(|end| bytes.split_at_checked(end)) else {
        return if bytes.len() < LONGEST_LINE { Raw::Incomplete } else { Raw::Damaged };
    };
    if rest.first() != Some(&b'\n') {
        return Raw::Incomplete;
    }
    match checked(line) {
        Some(json) => Raw::Line { json, length: line.len().saturating_add(1) },
        None => Raw::Damaged,
    }
}

/// The sequence that an entry's JSON begins with.
pub(super) fn sequence(json: &[u8]) -> Option<u64> {
    let rest = json.strip_prefix(b"{\"sequence\":")?;
    let digits = rest.split(|byte| *byte == b',').next()?;
    str::from_utf8(digits).ok()?.parse().ok()
}

/// The JSON of a line whose checksum is right.
fn checked(line: &[u8]) -> Option<&[u8]> {
    let (head, json) = line.split_at_checked(HEAD)?;
    let digits = str::from_utf8(head.strip_suffix(b" ")?).ok()?;
    let canonical = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let checksum = u32::from_str_radix(digits, 16).ok()?;
    (canonical && checksum == crc32fast::hash(json)).then_some(json)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{opened, who};
    use super::*;
    use crate::clock::Time;
    use crate::model::{Action, Event};

    fn line_of(record: Record) -> (Entry, Vec<u8>) {
        let mut entry = Entry::stamp(7, Time::from_millis(0), [1; 16], record);
        let mut buffer = b"before".to_vec();
        encode(&mut buffer, &mut entry).unwrap();
        (entry, buffer.split_off(6))
    }

    fn reads_back(line: &[u8]) -> Entry {
        match first(line) {
            Next::Entry { entry, length } if length == line.len() => *entry,
            _ => panic!("{}", String::from_utf8_lossy(line)),
        }
    }

    #[test]
    fn an_entry_reads_back_and_its_line_is_text() {
        let mut access = opened([3; 10]);
        access.who = Some(who());
        access.rule = "control \u{0}\u{1}\n\r and \u{202e}".to_owned();
        let (entry, line) = line_of(Record::Opened(access));
        assert_eq!(reads_back(&line), entry);
        assert!(!line.contains(&0) && line.iter().filter(|byte| **byte == b'\n').count() == 1);
    }

    #[test]
    fn a_record_that_is_too_long_is_cut_and_not_lost() {
        let mut access = opened([3; 10]);
        for text in [&mut access.path, &mut access.rule, &mut access.method, &mut access.host, &mut access.tls, &mut access.group] {
            *text = "\u{1}".repeat(100_000);
        }
        access.who = Some(Arc::new(Who { session: Some("s".repeat(50_000).into()), ..Who::clone(&who()) }));
        let (entry, line) = line_of(Record::Opened(access));
        assert!(line.len() <= LONGEST_LINE, "{}", line.len());
        assert_eq!(reads_back(&line), entry);

        let mut event = Event::failed(Action::SignIn).by(who());
        event.details = (0..1000).map(|n| (format!("{n}{}", "\u{1}".repeat(500)), "\u{1}".repeat(9_000))).collect();
        let (entry, line) = line_of(Record::Event(event));
        assert!(line.len() <= LONGEST_LINE, "{}", line.len());
        assert_eq!(reads_back(&line), entry);
    }

    #[test]
    fn a_long_path_that_fits_is_kept_whole() {
        let mut access = opened([3; 10]);
        access.path = format!("/{}", "a".repeat(8191));
        let (entry, line) = line_of(Record::Opened(access.clone()));
        assert_eq!(entry.record, Record::Opened(access));
        assert_eq!(reads_back(&line), entry);
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let (_, line) = line_of(Record::Opened(opened([3; 10])));
        for bit in 0..line.len() * 8 {
            let mut damaged = line.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(first(&damaged), Next::Entry { .. } | Next::Foreign), "bit {bit}");
        }
    }

    #[test]
    fn a_line_that_is_not_all_there_is_incomplete_and_zeros_are_blank() {
        let (_, line) = line_of(Record::Opened(opened([3; 10])));
        assert!(matches!(first(b""), Next::Blank));
        assert!(matches!(first(&[0; 50]), Next::Blank));
        for kept in 1..line.len() {
            assert!(matches!(first(&line[..kept]), Next::Incomplete));
            let mut with_tail = line[..kept].to_vec();
            with_tail.extend([0; 100]);
            assert!(matches!(first(&with_tail), Next::Incomplete));
        }
        assert!(matches!(first(&[b'x'; LONGEST_LINE]), Next::Damaged));
    }

    #[test]
    fn a_record_of_a_kind_that_is_not_known_is_not_taken_for_damage() {
        let json = br#"{"sequence":1,"time":"","salt":"","kind":"checkpoint"}"#;
        let mut line = format!("{:08x} ", crc32fast::hash(json)).into_bytes();
        line.extend_from_slice(json);
        line.push(b'\n');
        assert!(matches!(first(&line), Next::Foreign));
    }
}
