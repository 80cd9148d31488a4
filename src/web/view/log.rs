//! The log as an auditor reads it: the list with what narrows it, and its rows alone for whoever follows it.

use std::borrow::Cow;

use askama::Template;

use super::{Frame, Moment};
use crate::lang::{self, Value};
use crate::model::{LogDecision, LogKind};

#[derive(Clone, Debug, Template)]
#[template(path = "console_log.html")]
pub struct LogView {
    pub frame: Frame,
    pub form: LogForm,
    /// Id and name of what can be chosen.
    pub apps: Vec<(String, String)>,
    pub rows: Vec<LogRow>,
    pub reach: LogReachView,
    /// The list from its newest row, with its filters.
    pub list: String,
    /// The same, where older rows are shown.
    pub first: Option<String>,
    pub older: Option<String>,
    /// Where it is followed from.
    pub live_on: String,
    /// Where what is new comes from, if it is followed.
    pub live: Option<String>,
    pub exports: LogExports,
}

/// Where all that was found is to be had as a file.
#[derive(Clone, Debug)]
pub struct LogExports {
    pub csv: String,
    pub json: String,
}

/// The filters as they were typed.
#[derive(Clone, Debug, Default)]
pub struct LogForm {
    pub fields: Vec<LogField>,
}

#[derive(Clone, Debug)]
pub struct LogField {
    pub name: &'static str,
    pub typed: String,
    pub is_wrong: bool,
}

impl LogForm {
    pub fn field(&self, name: &str) -> Option<&LogField> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub fn typed(&self, name: &str) -> &str {
        self.field(name).map_or("", |field| &field.typed)
    }

    pub fn mark(&mut self, name: &str) {
        self.fields.iter_mut().filter(|field| field.name == name).for_each(|field| field.is_wrong = true);
    }

    pub fn is_wrong(&self) -> bool {
        self.fields.iter().any(|field| field.is_wrong)
    }

    pub fn narrows(&self) -> bool {
        self.fields.iter().any(|field| !field.typed.is_empty())
    }

    fn has(&self, name: &str, value: &str) -> bool {
        self.typed(name) == value
    }

    fn wrong(&self, name: &str) -> bool {
        self.field(name).is_some_and(|field| field.is_wrong)
    }

    /// Those that are typed, in their order.
    fn typed_fields(&self) -> Vec<&LogField> {
        ["account", "unit", "address", "reference", "reason", "text", "from", "to"].iter().filter_map(|name| self.field(name)).collect()
    }
}

impl LogField {
    fn name(&self) -> &'static str {
        self.name
    }

    /// A picker of times would throw away what is no time.
    fn kind(&self) -> &'static str {
        let picks = matches!(self.name, "from" | "to") && (self.typed.is_empty() || (self.typed.contains('T') && !self.is_wrong));
        if picks { "datetime-local" } else { "text" }
    }

    fn is_latin(&self) -> bool {
        matches!(self.name, "address" | "reference" | "from" | "to")
    }
}

#[derive(Clone, Debug, Default)]
pub struct LogRow {
    pub sequence: u64,
    pub time: Option<Moment>,
    pub who: Option<LogWho>,
    pub done: LogDone,
    pub verdict: LogVerdict,
    pub address: String,
    pub status: Option<u16>,
}

#[derive(Clone, Debug)]
pub struct LogWho {
    pub name: String,
    pub unit: String,
}

#[derive(Clone, Debug, Default)]
pub enum LogDone {
    /// It is of a kind that this version does not know.
    #[default]
    Unknown,
    Access {
        app: String,
        method: String,
        path: String,
    },
    Event {
        kind: LogKind,
        about: String,
    },
}

/// What became of it, with the reason as it stands in the log.
#[derive(Clone, Debug, Default)]
pub enum LogVerdict {
    #[default]
    Unknown,
    Access(LogDecision, String),
    /// Whether it was done.
    Event(bool, String),
}

impl LogVerdict {
    fn badge(&self) -> &'static str {
        match self {
            Self::Access(LogDecision::Allowed, _) | Self::Event(true, _) => "active",
            Self::Access(..) | Self::Event(false, _) => "disabled",
            Self::Unknown => "",
        }
    }

    fn word(&self, frame: &Frame) -> Cow<'static, str> {
        match self {
            Self::Access(decision, _) => frame.log_decision(decision),
            Self::Event(true, _) => frame.t("log-done"),
            Self::Event(false, _) => frame.log_decision(&LogDecision::Failed),
            Self::Unknown => Cow::Borrowed("–"),
        }
    }

    fn reason(&self, frame: &Frame) -> String {
        match self {
            Self::Access(LogDecision::Refused, rule) => frame.log_reason(rule),
            Self::Access(_, why) | Self::Event(_, why) => why.clone(),
            Self::Unknown => String::new(),
        }
    }
}

/// How far a search sees.
#[derive(Clone, Debug)]
pub struct LogReachView {
    pub at: Option<Moment>,
    pub up_to: u64,
    /// How many records are sealed and cannot be found yet.
    pub behind: u64,
    /// More came at once than a page that follows the log has shown.
    pub missed: bool,
}

impl LogReachView {
    pub(super) fn told(&self, frame: &Frame) -> Cow<'static, str> {
        match &self.at {
            Some(at) => lang::text_with(
                frame.language,
                "log-reach",
                &[("time", Value::Name(&at.shown)), ("number", Value::Name(&self.up_to.to_string()))],
            ),
            None => frame.t("log-reach-nothing"),
        }
    }
}

/// What stands above the list, alone.
#[derive(Clone, Debug, Template)]
#[template(path = "console_log_reach.html")]
pub struct LogReachLine {
    pub frame: Frame,
    pub reach: LogReachView,
}

/// Rows alone, for the page that shows them already.
#[derive(Clone, Debug, Template)]
#[template(path = "console_log_rows.html")]
pub struct LogRowsView {
    pub frame: Frame,
    pub rows: Vec<LogRow>,
}
