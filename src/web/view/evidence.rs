//! The summary of a pack of evidence: a file of its own, one for each language, for screens and paper.
//!
//! Invariant: it holds what strangers wrote, so every text is escaped, nothing in it runs and nothing is fetched; who opens it needs no
//! network. Times are UTC, since it is read where and when nobody knows.

use std::borrow::Cow;
use std::sync::LazyLock;

use askama::Template;
use data_encoding::BASE64;

use super::Frame;
use crate::crypto;
use crate::lang::Language;
use crate::model::{AccountState, LogApp, LogKind, Role, TokenKind, TokenState};

const STYLE: &str = include_str!("evidence.css");

/// Nothing but this very style sheet.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64.encode(&crypto::sha256(STYLE.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
});

#[derive(Clone, Debug, Template)]
#[template(path = "evidence.html")]
pub struct EvidenceView<'a> {
    frame: Frame,
    told: &'a EvidenceTold,
}

#[derive(Clone, Debug, Default)]
pub struct EvidenceTold {
    pub log: String,
    pub version: String,
    pub made: String,
    pub by: String,
    pub from: String,
    pub to: String,
    /// The incident that it is about.
    pub incident: Option<u64>,
    /// It never was.
    pub is_drill: bool,
    pub app: Option<String>,
    pub account: Option<String>,
    pub first: u64,
    pub last: u64,
    pub looked_at: u64,
    pub chosen: u64,
    pub records: u64,
    /// All of the span is in the pack.
    pub is_gapless: bool,
    /// How many records before the first were no longer there; 0 also where the span begins later.
    pub gone: u64,
    /// Why there are no records of the span, if there are none.
    pub empty: Option<EvidenceEmpty>,
    /// When the log ended, if that was before the span did.
    pub ended: Option<String>,
    /// `None`: nobody knows.
    pub unsealed: Option<u64>,
    /// The newest record's time cannot be right.
    pub end_is_unsure: bool,
    /// How many have another time than the span.
    pub other_times: u64,
    pub still_open: u64,
    pub allowed: u64,
    pub refused: u64,
    pub events: u64,
    pub unknown: u64,
    pub apps: EvidenceCounts,
    pub reasons: EvidenceCounts,
    /// Nobody's name: of people who were not signed in.
    pub accounts: EvidenceCounts,
    pub kinds: EvidenceCounts,
    pub refusals: EvidenceRows,
    pub changes: EvidenceRows,
    pub lockdowns: EvidenceRows,
    pub gaps: EvidenceRows,
    pub configs: Vec<EvidenceConfig>,
    pub people: Vec<EvidencePerson>,
    pub all_people: u64,
    pub as_of: String,
    pub store_read: bool,
    pub size: u64,
    pub root: String,
    pub is_signed: bool,
}

/// Why a span has no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidenceEmpty {
    Nothing,
    /// The log ended before it.
    NotYet,
    /// They are kept no more.
    Gone,
    BeforeTheLog,
}

/// How often, by name; the most frequent first.
#[derive(Clone, Debug, Default)]
pub struct EvidenceCounts {
    pub counts: Vec<EvidenceCount>,
    pub rest: EvidenceCount,
}

#[derive(Clone, Debug, Default)]
pub struct EvidenceCount {
    pub name: String,
    pub allowed: u64,
    pub refused: u64,
}

/// The first rows of a table, and how many there are.
#[derive(Clone, Debug, Default)]
pub struct EvidenceRows {
    pub rows: Vec<EvidenceRow>,
    pub all: u64,
}

#[derive(Clone, Debug, Default)]
pub struct EvidenceRow {
    pub sequence: u64,
    pub time: String,
    /// The word of an event, or why an access was refused.
    pub what: String,
    pub failed: bool,
    pub who: Option<String>,
    pub address: Option<String>,
    pub details: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct EvidenceConfig {
    pub sequence: u64,
    /// Only what a reload cannot change was from it.
    pub as_started: bool,
    pub from: String,
    pub until: Option<String>,
    pub sha256: Option<String>,
    pub waiting: Option<String>,
    pub text: EvidenceConfigText,
    /// Of the emergency plan, if one is on record.
    pub plan: Option<(String, EvidenceConfigText)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidenceConfigText {
    Kept,
    Missing,
    Damaged,
    /// No hash is on record.
    Unknown,
}

#[derive(Clone, Debug)]
pub struct EvidencePerson {
    pub name: String,
    pub unit: String,
    pub role: Role,
    /// `None`: only records name her.
    pub state: Option<AccountState>,
    pub tokens: Vec<EvidenceToken>,
}

#[derive(Clone, Debug)]
pub struct EvidenceToken {
    pub serial: String,
    pub kind: TokenKind,
    pub state: TokenState,
    pub label: Option<String>,
}

impl EvidenceTold {
    fn has_more_people(&self) -> bool {
        self.all_people > self.people.len() as u64
    }
}

impl EvidenceCount {
    fn is_any(&self) -> bool {
        self.allowed > 0 || self.refused > 0
    }
}

impl EvidenceRows {
    fn is_cut(&self) -> bool {
        self.all > self.rows.len() as u64
    }
}

/// What a name in a table of counts is.
enum Counted {
    App,
    Reason,
    Account,
    Kind,
}

/// A table of counts, with what it is called.
struct CountTable<'a> {
    title: Cow<'static, str>,
    head: Cow<'static, str>,
    counted: Counted,
    counts: &'a EvidenceCounts,
}

/// A table of records, with what it is called and what is said if it is empty.
struct RowTable<'a> {
    id: &'static str,
    title: Cow<'static, str>,
    none: Cow<'static, str>,
    is_refusals: bool,
    rows: &'a EvidenceRows,
}

impl<'a> EvidenceView<'a> {
    pub fn new(language: Language, told: &'a EvidenceTold) -> Self {
        Self { frame: Frame::app_host(language), told }
    }

    fn style(&self) -> &'static str {
        STYLE
    }

    fn policy(&self) -> &'static str {
        &POLICY
    }

    fn count_tables(&self) -> [CountTable<'_>; 4] {
        let frame = &self.frame;
        let table = |title, head, counted, counts| CountTable { title, head, counted, counts };
        let told = self.told;
        [
            table(frame.t("evidence-by-app"), frame.t("log-app"), Counted::App, &told.apps),
            table(frame.t("log-chart-by-reason"), frame.t("log-reason"), Counted::Reason, &told.reasons),
            table(frame.t("evidence-by-account"), frame.t("log-who"), Counted::Account, &told.accounts),
            table(frame.t("evidence-by-kind"), frame.t("log-kind"), Counted::Kind, &told.kinds),
        ]
    }

    fn row_tables(&self) -> [RowTable<'_>; 4] {
        let (frame, told) = (&self.frame, self.told);
        // What nobody looked at, or was not asked for, may be there all the same.
        let is_known = told.is_gapless && matches!(told.empty, None | Some(EvidenceEmpty::Nothing)) && told.gone == 0;
        let table = |id, title, none, rows| {
            let none = if is_known { none } else { frame.t("evidence-none-here") };
            RowTable { id, title, none, is_refusals: id == "refusals", rows }
        };
        [
            table("refusals", frame.t("evidence-refusals"), frame.t("evidence-refusals-none"), &told.refusals),
            table("changes", frame.t("evidence-changes"), frame.t("evidence-changes-none"), &told.changes),
            table("lockdowns", frame.t("evidence-lockdowns"), frame.t("evidence-lockdowns-none"), &told.lockdowns),
            table("gaps", frame.t("evidence-gaps"), frame.t("evidence-gaps-none"), &told.gaps),
        ]
    }

    fn app(&self, id: &str) -> Cow<'_, str> {
        if id == LogApp::PORTAL { self.frame.t("log-portal") } else { Cow::Owned(id.to_owned()) }
    }

    fn counted(&self, table: &CountTable<'_>, name: &str) -> String {
        match table.counted {
            Counted::App => self.app(name).into_owned(),
            Counted::Reason => self.frame.log_reason(name),
            Counted::Account if name.is_empty() => self.frame.t("evidence-not-signed-in").into_owned(),
            Counted::Account => name.to_owned(),
            Counted::Kind => self.kind(name),
        }
    }

    fn kind(&self, word: &str) -> String {
        LogKind::parse(word).map_or_else(|| word.to_owned(), |kind| self.frame.log_kind(&kind).into_owned())
    }

    fn what(&self, table: &RowTable<'_>, row: &EvidenceRow) -> String {
        if table.is_refusals { self.frame.log_reason(&row.what) } else { self.kind(&row.what) }
    }

    fn detail(&self, name: &str, value: &str) -> String {
        let value = if name == "app" { self.app(value) } else { Cow::Borrowed(value) };
        value.into_owned()
    }

    fn config_text(&self, text: &EvidenceConfigText) -> Cow<'static, str> {
        self.frame.t(match text {
            EvidenceConfigText::Kept => "evidence-config-kept",
            EvidenceConfigText::Missing => "evidence-config-missing",
            EvidenceConfigText::Damaged => "evidence-config-damaged",
            EvidenceConfigText::Unknown => "evidence-config-unknown",
        })
    }

    fn completeness(&self) -> String {
        let EvidenceTold { first, last, gone, .. } = self.told;
        let (key, last) = match (self.told.empty, self.told.is_gapless) {
            (Some(EvidenceEmpty::Nothing), _) => ("evidence-empty", last),
            (Some(EvidenceEmpty::NotYet), _) => ("evidence-not-yet", last),
            (Some(EvidenceEmpty::Gone), _) => ("evidence-span-gone", gone),
            (Some(EvidenceEmpty::BeforeTheLog), _) => ("evidence-before-the-log", last),
            (None, true) => ("evidence-gapless", last),
            (None, false) => ("evidence-filtered", last),
        };
        let (first, last, looked) = (first.to_string(), last.to_string(), self.told.looked_at.to_string());
        let ended = self.told.ended.as_deref().unwrap_or("?");
        self.said(key, &[("first", &first), ("last", &last), ("looked", &looked), ("ended", ended)])
    }

    fn is_not_yet(&self) -> bool {
        self.told.empty == Some(EvidenceEmpty::NotYet)
    }

    fn gone(&self) -> String {
        self.said("evidence-gone", &[("last", &self.told.gone.to_string())])
    }

    fn shown_of(&self, shown: usize, all: &u64) -> String {
        self.said("evidence-shown", &[("shown", &shown.to_string()), ("all", &all.to_string())])
    }

    fn said(&self, key: &str, names: &[(&str, &str)]) -> String {
        let values: Vec<_> = names.iter().map(|(name, value)| (*name, crate::lang::Value::Name(value))).collect();
        crate::lang::text_with(self.frame.language, key, &values).into_owned()
    }
}

#[cfg(test)]
mod tests;
