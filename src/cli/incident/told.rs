//! Incidents as a person reads them at a terminal. Pure: facts and whether to colour in, text out.

use crate::cli::account::minute;
use crate::cli::paint::{Cell, Paint, Tint, columns};
use crate::gateway::{IncidentFacts, IncidentLine};
use crate::model::{Level, visible};

pub fn list(incidents: &[IncidentLine], paint: Paint) -> String {
    let head = ["number", "level", "stage", "since", "who", "what", "about"].map(|word| Cell::new(Tint::Faint, word)).to_vec();
    let row = |line: &IncidentLine| {
        let who = match &line.handler {
            Some(handler) => Cell::plain(visible(handler)),
            None => Cell::new(Tint::Warn, "nobody yet"),
        };
        vec![
            Cell::plain(line.number.to_string()),
            Cell::new(tint(line.level), level(line)),
            Cell::plain(line.stage.word()),
            Cell::plain(minute(&line.found)),
            who,
            Cell::plain(format!("{}{}", drill(line), visible(&line.what))),
            Cell::plain(about(line)),
        ]
    };
    let rows: Vec<Vec<Cell>> = std::iter::once(head).chain(incidents.iter().map(row)).collect();
    columns(&rows, paint)
}

pub fn incident(facts: &IncidentFacts, paint: Paint) -> String {
    let line = &facts.line;
    let mut text = format!("{}\n", paint.on(Tint::Strong, &format!("{}Incident {}: {}", drill(line), line.number, visible(&line.what))));
    let fact = |name: &str, text: String| vec![Cell::new(Tint::Faint, name), Cell::plain(text)];
    let level = format!("{}; the gateway proposes {}", level(line), facts.proposed);
    text.push_str(&columns(
        &[
            fact("level", level),
            fact("stage", format!("{}, since it was found {}", line.stage, minute(&line.found))),
            fact("who", line.handler.as_deref().map_or("nobody has said that she sees to it".to_owned(), visible)),
            fact("about", about(line)),
            fact("kind", line.category.to_string()),
            fact("extent", if facts.extent.is_empty() { "not said yet".to_owned() } else { visible(&facts.extent) }),
            fact("records", format!("{} to {}", facts.first, facts.last)),
        ],
        paint,
    ));
    let due = facts.due.iter().map(|todo| {
        let (tint, when) = match (&todo.done, &todo.due, todo.late) {
            (Some(done), _, late) => {
                (if late { Tint::Warn } else { Tint::Good }, format!("done {}{}", minute(done), if late { ", late" } else { "" }))
            }
            (None, Some(due), late) => {
                (if late { Tint::Bad } else { Tint::Plain }, format!("{} {}", if late { "was due" } else { "until" }, minute(due)))
            }
            (None, None, _) => (Tint::Faint, "no time set yet".to_owned()),
        };
        let task = todo.number.map_or_else(String::new, |number| format!("task {number}"));
        vec![Cell::new(tint, when), Cell::plain(task), Cell::plain(visible(&todo.what)), Cell::new(Tint::Faint, visible(&todo.whose))]
    });
    section(&mut text, paint, "To do", due.collect());
    let story = facts.story.iter().map(|line| {
        let what = if line.too_late { format!("too late, changed nothing: {}", line.what) } else { line.what.clone() };
        let by = line.by.as_deref().map_or("the gateway".to_owned(), visible);
        vec![
            Cell::new(Tint::Faint, minute(&line.time)),
            Cell::plain(by),
            Cell::plain(visible(&what)),
            Cell::new(Tint::Faint, format!("record {}", line.record)),
        ]
    });
    section(&mut text, paint, "Story", story.collect());
    if facts.untold > 0 {
        text.push_str(&format!("  and {} more that are in the log\n", facts.untold));
    }
    text
}

fn section(text: &mut String, paint: Paint, name: &str, rows: Vec<Vec<Cell>>) {
    if !rows.is_empty() {
        text.push_str(&format!("\n{}\n{}", paint.on(Tint::Strong, name), columns(&rows, paint)));
    }
}

/// It never was, and nobody must take it for something that is.
fn drill(line: &IncidentLine) -> &'static str {
    if line.drill.is_some() { "DRILL 演练 " } else { "" }
}

fn level(line: &IncidentLine) -> String {
    if line.confirmed { line.level.to_string() } else { format!("{} proposed", line.level) }
}

fn tint(level: Level) -> Tint {
    match level {
        Level::I | Level::II => Tint::Bad,
        Level::III => Tint::Warn,
        Level::IV => Tint::Plain,
    }
}

fn about(line: &IncidentLine) -> String {
    let more = line.subjects.saturating_sub(line.about.len() as u64);
    let named = visible(&line.about.join(", "));
    if more == 0 { named } else { format!("{named} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::IncidentFacts;

    #[test]
    fn an_incident_is_told_with_what_is_late_and_no_text_of_it_moves_the_cursor() {
        let facts: IncidentFacts = serde_json::from_value(serde_json::json!({
            "number": 4711, "level": "III", "confirmed": false, "stage": "detected", "category": "attack", "what": "password-spraying",
            "about": ["address:203.0.113.7"], "subjects": 3, "found": "2026-11-23T03:00:00.000Z", "changed": "2026-11-23T03:05:00.000Z",
            "handler": null, "next": null, "proposed": "III", "first": 4700, "last": 4712,
            "due": [{ "what": "first report", "whose": "The region", "due": "2026-11-23T07:00:00.000Z", "done": null, "late": true },
                { "task": "a2360e8660e6", "number": 3, "what": "look at the page", "whose": "handler", "due": null, "done": null, "late": false }],
            "story": [{ "record": 4712, "time": "2026-11-23T03:05:00.000Z", "by": "qian", "what": "noted: \u{1b}[2J", "too_late": true }],
            "untold": 2
        }))
        .unwrap();
        let text = incident(&facts, Paint::Plain);
        for part in [
            "Incident 4711",
            "III proposed",
            "nobody has said",
            "task 3",
            "was due 2026-11-23 07:00 UTC",
            "too late",
            "and 2 more",
            "address:203.0.113.7 and 2 more",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains('\u{1b}') && !text.contains("DRILL"));
        let mut line = facts.line;
        assert!(list(std::slice::from_ref(&line), Paint::Plain).contains("nobody yet"));
        line.drill = Some(4_699);
        assert!(list(&[line], Paint::Plain).contains("DRILL"));
    }
}
