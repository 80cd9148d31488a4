//! The inventory as it leaves the gateway: for lists, for programs, for spreadsheets.
//!
//! Invariant: no cell of a table of comma-separated values begins with what a spreadsheet would take for a formula.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::model::{TokenKind, TokenState};
use crate::store::StoredToken;

/// A token as lists show it; times are UTC (RFC 3339).
#[derive(Debug, Serialize, Deserialize)]
pub struct TokenLine {
    pub serial: String,
    pub kind: TokenKind,
    pub state: TokenState,
    pub holder: Option<String>,
    pub unit: Option<String>,
    pub added: String,
    pub issued: Option<String>,
    pub last_used: Option<String>,
    pub ended: Option<String>,
    pub expires: Option<String>,
}

impl TokenLine {
    const COLUMNS: [&str; 10] = ["serial", "kind", "state", "holder", "unit", "added", "issued", "last_used", "ended", "expires"];

    pub fn of(token: StoredToken) -> Self {
        let (holder, unit) = token.holder.map(|holder| (holder.name.to_string(), holder.unit.to_string())).unzip();
        Self {
            serial: token.serial.to_string(),
            kind: token.kind,
            state: token.state,
            holder,
            unit,
            added: token.added.to_string(),
            issued: token.issued.map(|time| time.to_string()),
            last_used: token.last_used.map(|time| time.to_string()),
            ended: token.ended.map(|time| time.to_string()),
            expires: token.expires.map(|time| time.to_string()),
        }
    }

    /// Comma-separated values (RFC 4180) with a heading.
    pub fn csv(lines: &[Self]) -> Result<Vec<u8>, csv::Error> {
        let mut out = Vec::new();
        let mut writer = csv::Writer::from_writer(&mut out);
        writer.write_record(Self::COLUMNS)?;
        for line in lines {
            writer.write_record(line.cells().map(defused).iter().map(AsRef::as_ref))?;
        }
        writer.flush()?;
        drop(writer);
        Ok(out)
    }

    /// In the order of the columns.
    fn cells(&self) -> [&str; 10] {
        fn or_empty(cell: Option<&String>) -> &str {
            cell.map_or("", String::as_str)
        }
        [
            &self.serial,
            self.kind.word(),
            self.state.word(),
            or_empty(self.holder.as_ref()),
            or_empty(self.unit.as_ref()),
            &self.added,
            or_empty(self.issued.as_ref()),
            or_empty(self.last_used.as_ref()),
            or_empty(self.ended.as_ref()),
            or_empty(self.expires.as_ref()),
        ]
    }
}

/// An apostrophe before what spreadsheets would calculate; they do not show it, and take the rest as text.
pub(super) fn defused(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{cell}").into() } else { cell.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(serial: &str, holder: Option<&str>, unit: Option<&str>) -> TokenLine {
        TokenLine {
            serial: serial.into(),
            kind: TokenKind::Oath,
            state: TokenState::Issued,
            holder: holder.map(str::to_owned),
            unit: unit.map(str::to_owned),
            added: "2026-11-22T03:04:05Z".into(),
            issued: None,
            last_used: None,
            ended: None,
            expires: None,
        }
    }

    #[test]
    fn what_a_spreadsheet_would_calculate_is_text() {
        for formula in ["=1+1", "+86", "-1", "@SUM(A1)", "=cmd|'/c calc'!A0"] {
            let table = TokenLine::csv(&[line("A1", Some(formula), Some(formula))]).unwrap();
            let mut reader = csv::Reader::from_reader(table.as_slice());
            let row = reader.records().next().unwrap().unwrap();
            assert_eq!((&row[3], &row[4]), (format!("'{formula}").as_str(), format!("'{formula}").as_str()));
        }
        let table = String::from_utf8(TokenLine::csv(&[line("-A1", Some("王丽"), Some("a=b, c"))]).unwrap()).unwrap();
        let head = "serial,kind,state,holder,unit,added,issued,last_used,ended,expires\n";
        assert_eq!(table, format!("{head}'-A1,oath,issued,王丽,\"a=b, c\",2026-11-22T03:04:05Z,,,,\n"));
    }

    #[test]
    fn an_empty_inventory_has_its_heading() {
        assert!(TokenLine::csv(&[]).unwrap().starts_with(b"serial,kind,"));
    }
}
