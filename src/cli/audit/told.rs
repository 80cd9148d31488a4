//! A record as people read it, and as programs do.

use std::io::Write;

use crate::model::{Closed, Entry, Event, Opened, Record, Who, visible};

pub(super) fn line(out: &mut impl Write, entry: &Entry, json: bool) -> anyhow::Result<()> {
    if json {
        serde_json::to_writer(&mut *out, entry)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "{}", told(entry))?;
    Ok(())
}

/// An entry as people read it, in one line.
pub(super) fn told(entry: &Entry) -> String {
    let told = match &entry.record {
        Record::Opened(opened) => told_opened(opened),
        Record::Closed(closed) => told_closed(closed),
        Record::Event(event) => told_event(event),
        Record::StillOpen { references } => format!("still open: {} accesses", references.len()),
    };
    format!("{:>8} {} {}", entry.sequence, entry.time, visible(&told))
}

fn told_opened(opened: &Opened) -> String {
    let app = opened.app.as_ref().map_or("portal", |app| app.as_str());
    let decision = match opened.decision {
        crate::model::Decision::Allowed => "allowed",
        crate::model::Decision::Refused => "REFUSED",
    };
    let who = opened.who.as_deref().map_or("stranger".to_owned(), told_who);
    format!(
        "{} opened  {decision} {who} from {} {app} {} {} ({})",
        opened.reference,
        opened.address,
        opened.method,
        opened.target(),
        opened.rule
    )
}

fn told_closed(closed: &Closed) -> String {
    let end = word(&closed.end);
    format!(
        "{} closed  {} up {} down {} bytes in {} ms, {end}",
        closed.reference, closed.status, closed.bytes_up, closed.bytes_down, closed.duration_ms
    )
}

fn told_event(event: &Event) -> String {
    let who = event.who.as_deref().map(|who| format!(" by {}", told_who(who))).unwrap_or_default();
    let from = event.address.map(|address| format!(" from {address}")).unwrap_or_default();
    let details: Vec<String> = event.details.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let outcome = match event.outcome {
        crate::model::Outcome::Done => "",
        crate::model::Outcome::Failed => " FAILED",
    };
    format!("{}{outcome}{who}{from} {}", word(&event.action), details.join(" "))
}

fn told_who(who: &Who) -> String {
    format!("{} [{}, {}]", who.name, who.unit, who.role)
}

/// The word that stands in the log for a value of a closed list.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "?".to_owned(),
    }
}
