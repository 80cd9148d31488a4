//! What a sink writes of each record, and of the checkpoints between them. Pure.
//!
//! Invariant: every record makes one line, also one that this version cannot read: its bytes go as they are.

use serde_json::{Value, json};

use super::ocsf::{self, Around, word};
use super::severity::Severity;
use super::syslog::{self, Message};
use super::{Checkpoint, Format, Kind};
use crate::audit::Leaf;
use crate::model::{Entry, Record};

/// Writes the lines of one sink.
#[derive(Clone, Debug)]
pub struct Lines {
    pub kind: Kind,
    pub format: Format,
    /// The portal's host.
    pub host: String,
    pub process: u32,
}

/// One line before it has a frame.
struct Line<'a> {
    severity: Severity,
    time: &'a str,
    id: &'a str,
    data: &'a [(&'a str, &'a str)],
    body: &'a [u8],
}

impl Lines {
    /// Appends a record; gives its time, where it can be read.
    pub fn record(&self, buffer: &mut Vec<u8>, leaf: &Leaf, origin: &str) -> Option<String> {
        let entry = serde_json::from_slice::<Entry>(&leaf.json).ok();
        let (sequence, hash) = (leaf.sequence.to_string(), leaf.hash().hex());
        let around = Around { origin, host: &self.host, leaf: &hash };
        let told = match (self.format, &entry) {
            (Format::Ocsf, Some(entry)) => Some(ocsf::record(entry, &around).to_string()),
            (Format::Ocsf, None) => Some(unreadable(leaf, &around).to_string()),
            (Format::Yumen, _) => None,
        };
        let id = entry.as_ref().map_or("unknown".to_owned(), |entry| id(&entry.record));
        self.frame(
            buffer,
            &Line {
                severity: entry.as_ref().map_or(Severity::Notice, |entry| Severity::of(&entry.record)),
                time: entry.as_ref().map_or("", |entry| entry.time.as_str()),
                id: &id,
                data: &[("sequence", &sequence), ("leaf", &hash), ("origin", origin)],
                body: told.as_deref().map_or(&leaf.json, str::as_bytes),
            },
        );
        entry.map(|entry| entry.time)
    }

    /// Appends a checkpoint, so that the receiver remembers how long the log was; `time` is RFC 3339.
    pub fn checkpoint(&self, buffer: &mut Vec<u8>, checkpoint: &Checkpoint, time: &str) {
        let Checkpoint { origin, size, note } = checkpoint;
        let body = match self.format {
            Format::Yumen => json!({ "kind": "checkpoint", "time": time, "origin": origin, "size": size, "note": note }),
            Format::Ocsf => ocsf::checkpoint(origin, *size, note, time),
        };
        let (size, body) = (size.to_string(), body.to_string());
        let data = [("size", size.as_str()), ("origin", origin)];
        self.frame(buffer, &Line { severity: Severity::Informational, time, id: "checkpoint", data: &data, body: body.as_bytes() });
    }

    fn frame(&self, buffer: &mut Vec<u8>, line: &Line<'_>) {
        let Line { severity, time, id, data, body } = *line;
        match self.kind {
            Kind::Syslog => syslog::append(buffer, &Message { severity, time, host: &self.host, process: self.process, id, data, body }),
            Kind::JsonLines => {
                buffer.extend_from_slice(body);
                buffer.push(b'\n');
            }
        }
    }
}

/// The kind of record, for events with their action.
fn id(record: &Record) -> String {
    match record {
        Record::Opened(_) => "opened".to_owned(),
        Record::Closed(_) => "closed".to_owned(),
        Record::StillOpen { .. } => "still-open".to_owned(),
        Record::Event(event) => format!("event/{}", word(&event.action)),
    }
}

/// Written by another version of the product; nothing is known of it but its place (class 0 is the base event).
fn unreadable(leaf: &Leaf, around: &Around<'_>) -> Value {
    json!({
        "class_uid": 0, "category_uid": 0, "activity_id": 0, "type_uid": 0, "severity_id": 0, "time": 0,
        "metadata": {
            "version": ocsf::VERSION,
            "product": { "name": "Yumen", "vendor_name": "Yumen" },
            "uid": leaf.sequence.to_string(),
            "sequence": leaf.sequence,
            "log_name": around.origin,
        },
        "raw_data": String::from_utf8_lossy(&leaf.json),
        "unmapped": { "leaf": around.leaf },
    })
}

#[cfg(test)]
mod tests {
    use super::super::syslog::tests::parse;
    use super::*;
    use crate::clock::Time;
    use crate::model::{Action, Event};

    fn leaf() -> Leaf {
        let record = Record::Event(Event::done(Action::KeyCounterWentBack));
        Leaf { sequence: 7, json: serde_json::to_vec(&Entry::stamp(7, Time::from_millis(0), [1; 16], record)).unwrap() }
    }

    fn lines(kind: Kind, format: Format) -> Lines {
        Lines { kind, format, host: "gate.city.example".to_owned(), process: 42 }
    }

    #[test]
    fn a_line_of_syslog_holds_the_log_s_own_bytes_with_their_place_and_hash() {
        let mut buffer = Vec::new();
        let time = lines(Kind::Syslog, Format::Yumen).record(&mut buffer, &leaf(), "city/log");
        assert_eq!(time.as_deref(), Some("1970-01-01T00:00:00.000Z"));
        let (parsed, rest) = parse(&buffer).unwrap();
        assert!(rest.is_empty());
        assert_eq!(parsed.priority, 13 * 8 + 1);
        assert_eq!(parsed.fields, ["1970-01-01T00:00:00.000Z", "gate.city.example", "yumen", "42", "event/key-counter-went-back"]);
        assert_eq!((parsed.value("sequence"), parsed.value("origin")), ("7", "city/log"));
        let by_hand = crate::crypto::sha256(&[&[0][..], &leaf().json].concat());
        assert_eq!(parsed.value("leaf"), data_encoding::HEXLOWER.encode(&by_hand));
        assert_eq!(parsed.body, leaf().json);
    }

    #[test]
    fn json_lines_are_one_object_a_line_in_either_format() {
        let mut own = Vec::new();
        lines(Kind::JsonLines, Format::Yumen).record(&mut own, &leaf(), "o");
        assert_eq!(own, [leaf().json, b"\n".to_vec()].concat());
        let mut ocsf = Vec::new();
        lines(Kind::JsonLines, Format::Ocsf).record(&mut ocsf, &leaf(), "o");
        let text = String::from_utf8(ocsf).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&told["class_uid"], &told["metadata"]["sequence"]), (&json!(2005), &json!(7)));
    }

    #[test]
    fn a_record_of_a_later_version_goes_as_it_is() {
        let later = Leaf { sequence: 9, json: b"{\"kind\":\"vision\"}".to_vec() };
        let mut buffer = Vec::new();
        assert_eq!(lines(Kind::Syslog, Format::Yumen).record(&mut buffer, &later, "o"), None);
        let (parsed, _) = parse(&buffer).unwrap();
        assert_eq!((parsed.body.as_slice(), parsed.fields[4].as_str()), (later.json.as_slice(), "unknown"));
        let mut buffer = Vec::new();
        lines(Kind::JsonLines, Format::Ocsf).record(&mut buffer, &later, "o");
        let told: Value = serde_json::from_slice(&buffer).unwrap();
        assert_eq!((&told["raw_data"], &told["metadata"]["uid"]), (&json!("{\"kind\":\"vision\"}"), &json!("9")));
    }

    #[test]
    fn a_checkpoint_stands_on_one_line_with_its_whole_note() {
        let checkpoint =
            Checkpoint { origin: "city/log".to_owned(), size: 12, note: "city/log\n12\nroot\n\n— city/log sig\n".to_owned() };
        for kind in [Kind::Syslog, Kind::JsonLines] {
            let mut buffer = Vec::new();
            lines(kind, Format::Yumen).checkpoint(&mut buffer, &checkpoint, "2026-11-22T03:04:05.678Z");
            let body = match kind {
                Kind::Syslog => parse(&buffer).unwrap().0.body,
                Kind::JsonLines => buffer.strip_suffix(b"\n").unwrap().to_vec(),
            };
            assert!(!body.contains(&b'\n'));
            let told: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!((&told["kind"], &told["size"], &told["note"]), (&json!("checkpoint"), &json!(12), &json!(checkpoint.note)));
        }
    }
}
