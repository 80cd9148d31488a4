//! Records as they leave the gateway: for programs, for spreadsheets, for whoever will check them later.
//!
//! Invariant: whatever is taken away says of each record its sequence, the hash of its leaf and the checkpoint of the tree that it stands in; no
//! cell of a table begins with what a spreadsheet would take for a formula.

use crate::audit::Leaf;
use crate::model::{Entry, Event, LogApp, LogKind, Record, Who};
use crate::tlog::Checkpoint;

use super::inventory::defused;

/// Writes records under one checkpoint.
#[derive(Clone, Debug)]
pub struct LogExport {
    checkpoint: Checkpoint,
}

const COLUMNS: [&str; 26] = [
    "sequence",
    "time",
    "kind",
    "outcome",
    "reference",
    "account",
    "name",
    "unit",
    "role",
    "factor",
    "session",
    "address",
    "app",
    "method",
    "path",
    "query",
    "rule",
    "status",
    "bytes_up",
    "bytes_down",
    "duration_ms",
    "details",
    "leaf_hex",
    "checkpoint_origin",
    "checkpoint_size",
    "checkpoint_root_hex",
];

impl LogExport {
    pub fn under(checkpoint: Checkpoint) -> Self {
        Self { checkpoint }
    }

    /// One object and the end of the line. The record is, byte for byte, what was hashed.
    pub fn json_line(&self, leaf: &Leaf) -> Result<Vec<u8>, serde_json::Error> {
        let Checkpoint { origin, size, root } = &self.checkpoint;
        let checkpoint = serde_json::json!({ "origin": origin, "size": size, "root": root.to_string() });
        let head = serde_json::json!({ "sequence": leaf.sequence, "leaf": leaf.hash().to_string(), "checkpoint": checkpoint });
        let mut line = serde_json::to_vec(&head)?;
        line.pop();
        line.extend_from_slice(b",\"record\":");
        line.extend_from_slice(&leaf.json);
        line.extend_from_slice(b"}\n");
        Ok(line)
    }

    /// The first line of a table (RFC 4180).
    pub fn csv_heading() -> Result<Vec<u8>, csv::Error> {
        csv_line(COLUMNS.iter().copied())
    }

    /// A line of a table; hashes are in hexadecimal, which no spreadsheet takes for a formula. Of a record that this version does not understand only the place and the hash are told.
    pub fn csv_line(&self, leaf: &Leaf) -> Result<Vec<u8>, csv::Error> {
        let mut cells = leaf.entry().map_or_else(|_| Cells::default(), |entry| Cells::of(&entry));
        let proof = [
            ("sequence", leaf.sequence.to_string()),
            ("leaf_hex", leaf.hash().hex()),
            ("checkpoint_origin", self.checkpoint.origin.clone()),
            ("checkpoint_size", self.checkpoint.size.to_string()),
            ("checkpoint_root_hex", self.checkpoint.root.hex()),
        ];
        cells.0.extend(proof);
        cells.line()
    }

    /// A line that is no record: what the table lacks. It has no sequence, a kind of its own, and all columns, so that whatever reads tables reads on.
    pub fn csv_remark(kind: &str, said: &str) -> Result<Vec<u8>, csv::Error> {
        let mut cells = Cells::default();
        cells.put("kind", kind);
        cells.put("details", said);
        cells.line()
    }
}

fn csv_line<'c>(cells: impl Iterator<Item = &'c str>) -> Result<Vec<u8>, csv::Error> {
    let mut out = Vec::new();
    let mut writer = csv::Writer::from_writer(&mut out);
    writer.write_record(cells)?;
    writer.flush()?;
    drop(writer);
    Ok(out)
}

/// What columns a record fills, by their names.
#[derive(Default)]
struct Cells(Vec<(&'static str, String)>);

impl Cells {
    fn of(entry: &Entry) -> Self {
        let mut cells = Self::default();
        cells.put("time", &entry.time);
        match &entry.record {
            Record::Opened(opened) => {
                cells.put("kind", "opened");
                cells.put("outcome", word(&opened.decision));
                cells.put("reference", &opened.reference);
                cells.put("address", opened.address);
                cells.put("app", LogApp::of(opened.app.as_ref()).word());
                cells.put("method", &opened.method);
                cells.put("path", &opened.path);
                cells.put("query", opened.query.as_deref().unwrap_or_default());
                cells.put("rule", &opened.rule);
                cells.who(opened.who.as_deref());
            }
            Record::Closed(closed) => {
                cells.put("kind", "closed");
                cells.put("outcome", word(&closed.end));
                cells.put("reference", &closed.reference);
                cells.put("status", closed.status);
                cells.put("bytes_up", closed.bytes_up);
                cells.put("bytes_down", closed.bytes_down);
                cells.put("duration_ms", closed.duration_ms);
            }
            Record::Event(event) => cells.event(event),
            Record::StillOpen { references } => {
                cells.put("kind", "still-open");
                cells.put("details", references.len());
            }
        }
        cells
    }

    fn event(&mut self, event: &Event) {
        self.put("kind", LogKind::Event(event.action).word());
        self.put("outcome", word(&event.outcome));
        self.who(event.who.as_deref());
        if let Some(address) = event.address {
            self.put("address", address);
        }
        if let Some(reference) = &event.reference {
            self.put("reference", reference);
        }
        let details: Vec<String> = event.details.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.put("details", details.join("; "));
    }

    fn who(&mut self, who: Option<&Who>) {
        let Some(who) = who else { return };
        self.put("account", who.account);
        self.put("name", &who.name);
        self.put("unit", &who.unit);
        self.put("role", who.role);
        self.put("factor", who.factor.map(|factor| factor.word()).unwrap_or_default());
        self.put("session", who.session.as_deref().unwrap_or_default());
    }

    fn line(&self) -> Result<Vec<u8>, csv::Error> {
        let cell = |column: &&str| self.0.iter().find(|(name, _)| name == column).map_or("", |(_, cell)| cell.as_str());
        let line: Vec<String> = COLUMNS.iter().map(|column| defused(cell(column)).into_owned()).collect();
        csv_line(line.iter().map(String::as_str))
    }

    fn put(&mut self, column: &'static str, cell: impl std::fmt::Display) {
        self.0.push((column, cell.to_string()));
    }
}

/// The word that stands in the log for a value of a closed list.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::model::Action;
    use crate::tlog::Hash;

    fn leaf(event: Event) -> Leaf {
        let entry = Entry::stamp(7, Time::from_millis(1_795_316_645_678), [0; 16], Record::Event(event));
        Leaf { sequence: 7, json: serde_json::to_vec(&entry).unwrap() }
    }

    fn export() -> LogExport {
        LogExport::under(Checkpoint { origin: "gate.test/log".to_owned(), size: 9, root: Hash([1; 32]) })
    }

    #[test]
    fn a_line_of_json_holds_the_record_as_it_was_hashed_and_where_it_stands() {
        let leaf = leaf(Event::failed(Action::SignIn).with("name", "王\"丽"));
        let line = String::from_utf8(export().json_line(&leaf).unwrap()).unwrap();
        assert!(line.ends_with(&format!("\"record\":{}}}\n", std::str::from_utf8(&leaf.json).unwrap())), "{line}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((value["sequence"].as_u64(), value["checkpoint"]["size"].as_u64()), (Some(7), Some(9)));
        assert_eq!(value["leaf"].as_str().unwrap(), Hash::leaf(&leaf.json).to_string());
        assert_eq!(value["checkpoint"]["root"].as_str().unwrap(), Hash([1; 32]).to_string());
    }

    #[test]
    fn a_line_of_a_table_has_every_column_and_no_formula() {
        let leaf = leaf(Event::failed(Action::SignIn).with("=1+1", "x"));
        let table = [LogExport::csv_heading().unwrap(), export().csv_line(&leaf).unwrap()].concat();
        let mut reader = csv::Reader::from_reader(table.as_slice());
        let heading = reader.headers().unwrap().clone();
        let row = reader.records().next().unwrap().unwrap();
        let cell = |column: &str| row.get(heading.iter().position(|name| name == column).unwrap()).unwrap().to_owned();
        assert_eq!((cell("sequence"), cell("kind"), cell("outcome")), ("7".into(), "sign-in".into(), "failed".into()));
        assert_eq!((cell("details"), cell("checkpoint_size")), ("'=1+1=x".into(), "9".into()));
        assert_eq!((cell("leaf_hex"), cell("checkpoint_root_hex")), (Hash::leaf(&leaf.json).hex(), "01".repeat(32)));
        let remark = LogExport::csv_remark("cut", "no more").unwrap();
        let row =
            csv::Reader::from_reader([LogExport::csv_heading().unwrap(), remark].concat().as_slice()).records().next().unwrap().unwrap();
        let cells: Vec<&str> = row.iter().filter(|cell| !cell.is_empty()).collect();
        assert_eq!((row.len(), cells), (COLUMNS.len(), vec!["cut", "no more"]), "no program stumbles over it");
        let unknown = Leaf { sequence: 8, json: b"{}".to_vec() };
        assert!(export().csv_line(&unknown).unwrap().starts_with(b"8,,"));
    }
}
