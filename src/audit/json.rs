//! The JSON of the two records that every access has, written without the detour that a flattened, tagged structure takes; all other
//! records are left to serde.
//!
//! Invariant: what stands here is, byte for byte, what serde would have written.

use std::io::Write;
use std::net::IpAddr;

use serde::Serialize;

use crate::model::{Closed, Entry, Opened, Record, Who};

pub(super) fn write(out: &mut Vec<u8>, entry: &Entry) -> Result<(), serde_json::Error> {
    match &entry.record {
        Record::Opened(record) => {
            head(out, entry, "opened")?;
            opened(out, record)
        }
        Record::Closed(record) => {
            head(out, entry, "closed")?;
            closed(out, record)
        }
        Record::Event(_) | Record::StillOpen { .. } => serde_json::to_writer(out, entry),
    }
}

fn head(out: &mut Vec<u8>, entry: &Entry, kind: &str) -> Result<(), serde_json::Error> {
    name(out, "{\"sequence\":");
    number(out, entry.sequence);
    name(out, ",\"time\":");
    text(out, &entry.time)?;
    name(out, ",\"salt\":");
    text(out, &entry.salt)?;
    name(out, ",\"kind\":");
    text(out, kind)
}

fn opened(out: &mut Vec<u8>, record: &Opened) -> Result<(), serde_json::Error> {
    let Opened { reference, who, address, port, tls, group, app, label, host, method, path, query, decision, rule } = record;
    name(out, ",\"reference\":");
    text(out, reference.as_str())?;
    if let Some(who) = who {
        name(out, ",\"who\":");
        person(out, who)?;
    }
    name(out, ",\"address\":");
    self::address(out, *address)?;
    name(out, ",\"port\":");
    number(out, u64::from(*port));
    name(out, ",\"tls\":");
    text(out, tls)?;
    name(out, ",\"group\":");
    text(out, group)?;
    if let Some(app) = app {
        name(out, ",\"app\":");
        text(out, app.as_str())?;
    }
    if let Some(label) = label {
        name(out, ",\"label\":");
        text(out, label.word())?;
    }
    name(out, ",\"host\":");
    text(out, host)?;
    name(out, ",\"method\":");
    text(out, method)?;
    name(out, ",\"path\":");
    text(out, path)?;
    if let Some(query) = query {
        name(out, ",\"query\":");
        text(out, query)?;
    }
    name(out, ",\"decision\":");
    word(out, decision)?;
    name(out, ",\"rule\":");
    text(out, rule)?;
    out.push(b'}');
    Ok(())
}

fn person(out: &mut Vec<u8>, who: &Who) -> Result<(), serde_json::Error> {
    let Who { account, name: account_name, unit, role, factor, session } = who;
    name(out, "{\"account\":\"");
    out.extend_from_slice(account.0.as_hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()).as_bytes());
    name(out, "\",\"name\":");
    text(out, account_name.as_str())?;
    name(out, ",\"unit\":");
    text(out, unit.as_str())?;
    name(out, ",\"role\":");
    text(out, role.word())?;
    if let Some(factor) = factor {
        name(out, ",\"factor\":");
        text(out, factor.word())?;
    }
    if let Some(session) = session {
        name(out, ",\"session\":");
        text(out, session)?;
    }
    out.push(b'}');
    Ok(())
}

fn closed(out: &mut Vec<u8>, record: &Closed) -> Result<(), serde_json::Error> {
    let Closed { reference, status, bytes_up, bytes_down, duration_ms, end } = record;
    name(out, ",\"reference\":");
    text(out, reference.as_str())?;
    name(out, ",\"status\":");
    number(out, u64::from(*status));
    name(out, ",\"bytes_up\":");
    number(out, *bytes_up);
    name(out, ",\"bytes_down\":");
    number(out, *bytes_down);
    name(out, ",\"duration_ms\":");
    number(out, *duration_ms);
    name(out, ",\"end\":");
    word(out, end)?;
    out.push(b'}');
    Ok(())
}

/// A field's name with all that stands around it.
fn name(out: &mut Vec<u8>, verbatim: &str) {
    out.extend_from_slice(verbatim.as_bytes());
}

/// One word of a closed list that has no other way to be spelt.
fn word(out: &mut Vec<u8>, word: &impl Serialize) -> Result<(), serde_json::Error> {
    serde_json::to_writer(out, word)
}

fn text(out: &mut Vec<u8>, text: &str) -> Result<(), serde_json::Error> {
    let plain = |byte: u8| (byte >= b' ') & (byte != b'"') & (byte != b'\\');
    // No branch for each byte, so the compiler makes vector instructions of it.
    if !text.bytes().fold(true, |all, byte| all & plain(byte)) {
        return serde_json::to_writer(out, text);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
    Ok(())
}

fn number(out: &mut Vec<u8>, number: u64) {
    let start = out.len();
    let mut left = number;
    loop {
        let digit = u8::try_from(left % 10).unwrap_or_default();
        out.push(b'0'.saturating_add(digit));
        left /= 10;
        if left == 0 {
            break;
        }
    }
    // They came from the last to the first.
    out.get_mut(start..).unwrap_or_default().reverse();
}

fn address(out: &mut Vec<u8>, address: IpAddr) -> Result<(), serde_json::Error> {
    out.push(b'"');
    match address {
        IpAddr::V4(v4) => {
            for (place, octet) in v4.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                number(out, u64::from(octet));
            }
        }
        IpAddr::V6(v6) => write!(out, "{v6}").map_err(serde_json::Error::io)?,
    }
    out.push(b'"');
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::tests::{opened, who};
    use super::*;
    use crate::clock::Time;
    use crate::model::{Action, Decision, End, Event, Factor, Label, Reference, Role};

    fn check(record: Record) {
        let entry = Entry::stamp(u64::MAX, Time::from_millis(1_800_000_000_123), [9; 16], record);
        let mut ours = b"before".to_vec();
        write(&mut ours, &entry).unwrap();
        let serdes = serde_json::to_string(&entry).unwrap();
        assert_eq!(String::from_utf8(ours.split_off(6)).unwrap(), serdes);
    }

    /// Mostly what must be escaped, and what stands beside it.
    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof!["[ -~]{0,40}", "[\u{0}-\u{22}\\\\\u{5c}\u{7f}\u{80}\u{2028}王🔑]{0,20}", any::<String>()]
    }

    fn any_who() -> impl Strategy<Value = Who> {
        let factor = proptest::option::of(proptest::sample::select(Factor::ALL));
        let session = proptest::option::of(any_text());
        (any::<u128>(), proptest::sample::select(Role::ALL), factor, session).prop_map(|(account, role, factor, session)| {
            let account = crate::model::AccountId(uuid::Uuid::from_u128(account));
            Who { account, role, factor, session: session.map(Into::into), ..Who::clone(&who()) }
        })
    }

    proptest! {
        #[test]
        fn an_opened_record_is_written_as_serde_writes_it(
            person in proptest::option::of(any_who()),
            address in any::<IpAddr>(),
            port in any::<u16>(),
            reference in any::<[u8; 10]>(),
            texts in proptest::array::uniform6(any_text()),
            has_app in any::<bool>(),
            label in proptest::option::of(proptest::sample::select(Label::ALL)),
            query in proptest::option::of(any_text()),
            is_allowed in any::<bool>(),
        ) {
            let [tls, group, host, method, path, rule] = texts;
            let decision = if is_allowed { Decision::Allowed } else { Decision::Refused };
            let base = opened(reference);
            let app = base.app.clone().filter(|_| has_app);
            let who = person.map(Arc::new);
            check(Record::Opened(Opened { who, address, port, tls, group, app, label, host, method, path, query, decision, rule, ..base }));
        }

        #[test]
        fn a_closed_record_is_written_as_serde_writes_it(
            reference in any::<[u8; 10]>(), status in any::<u16>(), bytes_up in any::<u64>(), bytes_down in 0u64..2_000, duration_ms in any::<u64>(),
        ) {
            let reference = Reference::new(reference);
            check(Record::Closed(Closed { reference, status, bytes_up, bytes_down, duration_ms, end: End::ClientLeft }));
        }
    }

    #[test]
    fn other_records_are_serdes_own() {
        check(Record::Event(Event::done(Action::Start).with("a\"b", "c")));
        check(Record::StillOpen { references: vec![Reference::new([0; 10])] });
    }
}
