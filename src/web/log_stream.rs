//! What goes on for a while: following the log, and taking a part of it away.
//!
//! Invariant: no more than a few hundred records are in memory for anybody, whoever does not take what was made stops its making, and all of it
//! ends with the session.

use std::collections::BTreeSet;
use std::time::Duration;

use askama::Template;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::admin::{Actor, AdminError, LogExport, LogReading};
use crate::audit::Leaf;
use crate::model::{LogQuery, LogRow};

use super::call::{Answer, Asked};
use super::console::{actor, refused};
use super::is_own_site;
use super::log::{reach, show, understood};
use super::log_filter;
use super::log_rows::row;
use super::view::{LogReachLine, LogReachView, LogRowsView};

/// How often it is looked for more.
const LOOK: Duration = Duration::from_secs(1);
/// So many of what is new come at once; that there was more is told.
const AT_ONCE: usize = 100;
/// So many times nothing is found before a sign of life is sent.
const SILENT_LOOKS: u32 = 15;
/// Records that are read for an export at once, and how many there may be in one.
const BATCH: usize = 500;
pub(super) const MOST_EXPORTED: u64 = 100_000;
/// By this, spreadsheets know UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

type Piece = Result<Bytes, std::io::Error>;

/// Server-sent events (HTML, section 9.2) with rows as the page has them.
pub async fn live(asked: Asked) -> Answer {
    let actor = actor(&asked)?;
    let query = LogQuery { limit: AT_ONCE, before: None, ..understood(&asked)? };
    let desk = &asked.portal.desk;
    let room = desk.open_log_stream(&actor).map_err(refused)?;
    desk.record_reading(&actor, &asked.visit.reference, LogReading::Live, &query).await.map_err(refused)?;
    let seen = asked.headers.get("last-event-id").and_then(|id| id.to_str().ok()).unwrap_or(asked.query.text("after"));
    let after: u64 = seen.parse().unwrap_or(u64::MAX);
    let (sender, pieces) = mpsc::channel(2);
    let response = asked.stream("text/event-stream", None, pieces)?;
    tokio::spawn(async move {
        follow(&asked, &actor, &query, after, &sender).await;
        drop(room);
    });
    Ok(response)
}

async fn follow(asked: &Asked, actor: &Actor, query: &LogQuery, mut after: u64, sender: &mpsc::Sender<Piece>) {
    let Some(identity) = asked.visit.visitor.known() else { return };
    let (mut open, mut silent, mut missed) = (BTreeSet::new(), 0_u32, false);
    // What the page shows already may have been open when it was made.
    let Ok(shown) = asked.portal.desk.find_in_log(actor, query).await else { return };
    let shown = shown.records.iter().filter(|record| record.leaf.sequence <= after && is_access(&record.leaf));
    open.extend(shown.map(|record| record.leaf.sequence));
    loop {
        let is_new = |row: &LogRow| row.sequence > after || (row.closed.is_some() && open.contains(&row.sequence));
        let floor = open.first().map_or(after, |open: &u64| after.min(open.saturating_sub(1)));
        let query = LogQuery { after: Some(floor), ..query.clone() };
        // A failure ends it; the browser asks again, and is told.
        let Ok(found) = asked.portal.desk.find_in_log_where(actor, &query, is_new).await else { return };
        missed |= found.next.is_some_and(|next| next > after);
        let new = &found.records;
        silent = if new.is_empty() { silent.saturating_add(1) } else { 0 };
        let text = if !new.is_empty() {
            for record in new {
                let sequence = record.leaf.sequence;
                let is_whole = record.closed.is_some() || !is_access(&record.leaf);
                let _ = if is_whole { open.remove(&sequence) } else { open.insert(sequence) };
            }
            after = new.iter().map(|record| record.leaf.sequence).fold(after, u64::max);
            let view = LogRowsView { frame: asked.frame(None), rows: new.iter().map(|record| row(asked, record)).collect() };
            let told = LogReachLine { frame: asked.frame(None), reach: LogReachView { missed, ..reach(asked, &found.reach) } };
            let (Ok(rows), Ok(told)) = (view.render(), told.render()) else { return };
            event("reach", None, &told) + &event("rows", Some(after), &rows)
        } else if silent.is_multiple_of(SILENT_LOOKS) {
            ": nothing new\n\n".to_owned()
        } else {
            String::new()
        };
        while open.len() > AT_ONCE {
            open.pop_first();
        }
        if !text.is_empty() && sender.send(Ok(text.into())).await.is_err() {
            return;
        }
        tokio::select! {
            () = sender.closed() => return,
            () = identity.until_revoked() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn is_access(leaf: &Leaf) -> bool {
    leaf.entry().is_ok_and(|entry| matches!(entry.record, crate::model::Record::Opened(_)))
}

fn event(name: &str, id: Option<u64>, data: &str) -> String {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    let lines: String = data.lines().map(|line| format!("data: {line}\n")).collect();
    format!("event: {name}\n{id}{lines}\n")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    JsonLines,
}

pub async fn csv(asked: Asked) -> Answer {
    export(asked, Format::Csv).await
}

pub async fn json_lines(asked: Asked) -> Answer {
    export(asked, Format::JsonLines).await
}

async fn export(asked: Asked, format: Format) -> Answer {
    let actor = actor(&asked)?;
    let (_, Some(query)) = log_filter::read(&asked) else { return show(&asked, &actor).await };
    // Another site that sends her here has nothing made: she sees what it would be of, and presses it herself.
    if !is_own_site(&asked.headers) {
        return show(&asked, &actor).await;
    }
    let room = asked.portal.desk.open_log_stream(&actor).map_err(refused)?;
    let checkpoint = asked.portal.desk.begin_log_export(&actor, &asked.visit.reference, &query).await.map_err(refused)?;
    let first = checkpoint.size.saturating_add(1);
    let query = LogQuery { before: Some(query.before.unwrap_or(first).min(first)), limit: BATCH, ..query };
    let (name, kind) = match format {
        Format::Csv => (format!("log-{}.csv", checkpoint.size), "text/csv; charset=utf-8"),
        Format::JsonLines => (format!("log-{}.jsonl", checkpoint.size), "application/jsonl; charset=utf-8"),
    };
    let (sender, pieces) = mpsc::channel(2);
    let response = asked.stream(kind, Some(&name), pieces)?;
    let writing = Writing { size: checkpoint.size, export: LogExport::under(checkpoint), format };
    tokio::spawn(async move {
        let mut rows = 0;
        let made = writing.write(&asked, &actor, query, &sender, &mut rows).await;
        asked.portal.desk.note_log_export(&actor, &asked.visit.reference, rows, matches!(made, Ok(Made::Whole)));
        if let Err(error) = made {
            tracing::error!(error = &error as &dyn std::error::Error, "an export of the log failed");
            // The browser must not take what it has for the whole.
            let _ = sender.send(Err(std::io::Error::other("the export failed"))).await;
        }
        drop(room);
    });
    Ok(response)
}

struct Writing {
    size: u64,
    export: LogExport,
    format: Format,
}

/// How an export ended.
enum Made {
    Whole,
    Cut,
    /// Nobody took it.
    Left,
}

impl Writing {
    async fn write(
        &self,
        asked: &Asked,
        actor: &Actor,
        mut query: LogQuery,
        sender: &mpsc::Sender<Piece>,
        rows: &mut u64,
    ) -> Result<Made, AdminError> {
        let mut piece = self.head()?;
        let mut searched = self.size;
        loop {
            // Where nothing fits, nothing is sent, and so nothing tells that nobody listens.
            if sender.is_closed() {
                return Ok(Made::Left);
            }
            let found = asked.portal.desk.find_in_log(actor, &query).await?;
            let mut cut = None;
            for record in &found.records {
                if *rows >= MOST_EXPORTED {
                    cut = Some(record.leaf.sequence.saturating_add(1));
                    break;
                }
                *rows = rows.saturating_add(1);
                let closed = record.closed.as_ref().filter(|closed| closed.sequence <= self.size);
                for leaf in std::iter::once(&record.leaf).chain(closed) {
                    piece.extend(self.line(leaf)?);
                }
            }
            if let Some(before) = cut {
                piece.extend(self.cut(*rows, before)?);
            }
            // The index may be behind, or be made anew meanwhile; what it does not hold was not searched.
            searched = searched.min(found.reach.up_to);
            let is_short = cut.is_none() && found.next.is_none() && searched < self.size;
            if is_short {
                piece.extend(self.not_searched(searched)?);
            }
            if !piece.is_empty() && sender.send(Ok(std::mem::take(&mut piece).into())).await.is_err() {
                return Ok(Made::Left);
            }
            match (cut, found.next) {
                (Some(_), _) => return Ok(Made::Cut),
                (None, None) => return Ok(if is_short { Made::Cut } else { Made::Whole }),
                (None, Some(next)) => query.before = Some(next),
            }
        }
    }

    fn head(&self) -> Result<Vec<u8>, AdminError> {
        match self.format {
            Format::Csv => Ok([BYTE_ORDER_MARK, &LogExport::csv_heading().map_err(unwritten)?].concat()),
            Format::JsonLines => Ok(Vec::new()),
        }
    }

    fn line(&self, leaf: &Leaf) -> Result<Vec<u8>, AdminError> {
        match self.format {
            Format::Csv => self.export.csv_line(leaf).map_err(unwritten),
            Format::JsonLines => self.export.json_line(leaf).map_err(unwritten),
        }
    }

    /// The last line of an export whose newest records could not be searched.
    fn not_searched(&self, up_to: u64) -> Result<Vec<u8>, AdminError> {
        let (from, to) = (up_to.saturating_add(1), self.size);
        match self.format {
            Format::Csv => {
                LogExport::csv_remark("not-searched", &format!("records {from} to {to} are not in the index yet")).map_err(unwritten)
            }
            Format::JsonLines => {
                let missing = serde_json::json!({ "not-searched": { "from": from, "to": to } });
                Ok(format!("{missing}\n").into_bytes())
            }
        }
    }

    /// The last line of an export that is not whole.
    fn cut(&self, rows: u64, before: u64) -> Result<Vec<u8>, AdminError> {
        match self.format {
            Format::Csv => {
                let said = format!("cut off after {rows} rows: what is older than record {before} is not here");
                LogExport::csv_remark("cut", &said).map_err(unwritten)
            }
            Format::JsonLines => {
                let cut = serde_json::json!({ "cut": { "rows": rows, "older-than": before } });
                Ok(format!("{cut}\n").into_bytes())
            }
        }
    }
}

fn unwritten(error: impl std::fmt::Display) -> AdminError {
    AdminError::LogDamaged(format!("a record could not be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlog::{Checkpoint, Hash};

    #[test]
    fn an_event_keeps_every_line_of_its_data() {
        assert_eq!(event("rows", Some(7), "<tr>\n</tr>"), "event: rows\nid: 7\ndata: <tr>\ndata: </tr>\n\n");
        assert_eq!(event("reach", None, "x"), "event: reach\ndata: x\n\n");
    }

    #[test]
    fn an_export_that_is_cut_says_so_in_its_last_line() {
        let checkpoint = Checkpoint { origin: "gate.test/log".into(), size: 9, root: Hash([1; 32]) };
        let writing = |format| Writing { size: 9, export: LogExport::under(checkpoint.clone()), format };
        let line = writing(Format::JsonLines).cut(5, 3).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!((value["cut"]["rows"].as_u64(), value["cut"]["older-than"].as_u64()), (Some(5), Some(3)));
        assert!(String::from_utf8(writing(Format::Csv).cut(5, 3).unwrap()).unwrap().contains("cut off after 5 rows"));
        let line = writing(Format::JsonLines).not_searched(6).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!((value["not-searched"]["from"].as_u64(), value["not-searched"]["to"].as_u64()), (Some(7), Some(9)));
        assert!(String::from_utf8(writing(Format::Csv).not_searched(6).unwrap()).unwrap().contains("records 7 to 9"));
        assert!(writing(Format::Csv).head().unwrap().starts_with(BYTE_ORDER_MARK) && writing(Format::JsonLines).head().unwrap().is_empty());
    }
}
