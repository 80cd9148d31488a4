//! One record of the log in words, with its raw text and what proves it.

use std::borrow::Cow;

use askama::Template;

use super::{Frame, Moment};
use crate::model::{Closed, Entry, Event, LogDecision, LogKind, Opened, Outcome, Record, Who};

#[derive(Clone, Debug, Template)]
#[template(path = "console_log_record.html")]
pub struct LogRecordView {
    pub frame: Frame,
    pub sequence: u64,
    /// `None`: this version does not know such records.
    pub facts: Option<RecordFacts>,
    /// The app of an access, in words.
    pub app: String,
    /// Exactly what was hashed.
    pub json: String,
    pub related: Vec<RelatedRow>,
    pub proof: LogProof,
    /// What the head's signature is checked with.
    pub key: String,
}

/// A record that the gateway has no more.
#[derive(Clone, Debug, Template)]
#[template(path = "console_log_dropped.html")]
pub struct LogDroppedView {
    pub frame: Frame,
    pub sequence: u64,
}

impl LogDroppedView {
    fn title(&self) -> Cow<'static, str> {
        self.frame.t_name("log-record", "number", &self.sequence.to_string())
    }
}

/// A record that is understood, and its time in the zone of the page.
#[derive(Clone, Debug)]
pub struct RecordFacts {
    pub entry: Entry,
    pub time: Option<Moment>,
}

/// Another record of the same access.
#[derive(Clone, Debug)]
pub struct RelatedRow {
    pub sequence: u64,
    pub time: Option<Moment>,
    /// `opened`, `closed`, or the word of an event; empty: not known.
    pub kind: String,
}

/// That the record is in the tree of a signed head.
#[derive(Clone, Debug)]
pub struct LogProof {
    pub leaf: String,
    pub hashes: Vec<String>,
    pub size: u64,
    pub root: String,
    pub note: String,
}

/// A line of facts.
struct Fact {
    label: Cow<'static, str>,
    value: String,
    kind: FactKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FactKind {
    Words,
    /// As it stands in the log.
    Code,
    /// Leads to everything with the same value in this field.
    Filter(&'static str),
}

impl Fact {
    fn is_code(&self) -> bool {
        self.kind == FactKind::Code
    }

    fn link(&self) -> Option<String> {
        match self.kind {
            FactKind::Filter(field) => Some(format!("/console/log?{field}={}", super::escaped(&self.value))),
            FactKind::Words | FactKind::Code => None,
        }
    }
}

impl LogRecordView {
    fn title(&self) -> Cow<'static, str> {
        self.frame.t_name("log-record", "number", &self.sequence.to_string())
    }

    fn kind(&self) -> Cow<'static, str> {
        match self.facts.as_ref().map(|facts| &facts.entry.record) {
            Some(Record::Opened(_)) => self.frame.t("log-opened"),
            Some(Record::Closed(_)) => self.frame.t("log-closed"),
            Some(Record::Event(event)) => self.frame.log_kind(&LogKind::Event(event.action)),
            Some(Record::StillOpen { .. }) => self.frame.t("log-still-open"),
            None => self.frame.t("log-unknown"),
        }
    }

    fn rows(&self) -> Vec<Fact> {
        let Some(RecordFacts { entry, time }) = &self.facts else { return Vec::new() };
        let mut facts = Facts { frame: &self.frame, all: Vec::new() };
        let zone = self.frame.zone.as_deref().unwrap_or_default();
        match time {
            Some(time) => facts.put("log-time", format!("{} {zone} ({})", time.shown, entry.time), FactKind::Words),
            None => facts.put("log-time", entry.time.clone(), FactKind::Code),
        }
        match &entry.record {
            Record::Opened(opened) => facts.of_opened(opened, &self.app),
            Record::Closed(closed) => facts.of_closed(closed),
            Record::Event(event) => facts.of_event(event),
            Record::StillOpen { references } => {
                references.iter().for_each(|reference| facts.put("log-reference", reference.to_string(), FactKind::Filter("reference")));
            }
        }
        facts.put("log-salt", entry.salt.clone(), FactKind::Code);
        facts.all
    }

    fn related_kind(&self, row: &RelatedRow) -> Cow<'static, str> {
        match row.kind.as_str() {
            "opened" => self.frame.t("log-opened"),
            "closed" => self.frame.t("log-closed"),
            word => LogKind::parse(word).map_or_else(|| self.frame.t("log-unknown"), |kind| self.frame.log_kind(&kind)),
        }
    }
}

struct Facts<'f> {
    frame: &'f Frame,
    all: Vec<Fact>,
}

impl Facts<'_> {
    fn put(&mut self, label: &str, value: String, kind: FactKind) {
        if !value.is_empty() {
            self.all.push(Fact { label: self.frame.t(label), value, kind });
        }
    }

    fn words(&mut self, label: &str, value: impl Into<String>) {
        self.put(label, value.into(), FactKind::Words);
    }

    fn of_opened(&mut self, opened: &Opened, app: &str) {
        if let Some(who) = &opened.who {
            self.of_who(who);
        }
        self.words("log-app", app);
        if let Some(label) = &opened.label {
            self.words("log-label", self.frame.label(label));
        }
        self.put("log-host", opened.host.clone(), FactKind::Code);
        self.put("log-method", opened.method.clone(), FactKind::Code);
        self.put("log-path", opened.path.clone(), FactKind::Code);
        let decision = match opened.decision {
            crate::model::Decision::Allowed => LogDecision::Allowed,
            crate::model::Decision::Refused => LogDecision::Refused,
        };
        self.words("log-decision", self.frame.log_decision(&decision));
        match decision {
            LogDecision::Refused => self.words("log-reason", self.frame.log_reason(&opened.rule)),
            LogDecision::Allowed | LogDecision::Failed => self.words("log-rule", opened.rule.as_str()),
        }
        self.put("log-address", opened.address.to_string(), FactKind::Filter("address"));
        self.put("log-port", opened.port.to_string(), FactKind::Code);
        self.put("log-tls", format!("{} {}", opened.tls, opened.group), FactKind::Code);
        self.put("log-reference", opened.reference.to_string(), FactKind::Filter("reference"));
    }

    fn of_closed(&mut self, closed: &Closed) {
        self.put("log-reference", closed.reference.to_string(), FactKind::Filter("reference"));
        self.put("log-status", closed.status.to_string(), FactKind::Code);
        self.words("log-end", self.frame.log_end(&closed.end));
        self.words("log-bytes-up", closed.bytes_up.to_string());
        self.words("log-bytes-down", closed.bytes_down.to_string());
        self.words("log-duration", closed.duration_ms.to_string());
    }

    fn of_event(&mut self, event: &Event) {
        let outcome = match event.outcome {
            Outcome::Done => self.frame.t("log-done"),
            Outcome::Failed => self.frame.log_decision(&LogDecision::Failed),
        };
        self.words("log-outcome", outcome);
        if let Some(who) = &event.who {
            self.of_who(who);
        }
        if let Some(address) = event.address {
            self.put("log-address", address.to_string(), FactKind::Filter("address"));
        }
        if let Some(reference) = &event.reference {
            self.put("log-reference", reference.to_string(), FactKind::Filter("reference"));
        }
        for (name, value) in &event.details {
            let label = self.frame.log_detail(name);
            self.all.push(Fact { label, value: value.clone(), kind: FactKind::Words });
        }
    }

    fn of_who(&mut self, who: &Who) {
        self.put("account-name", who.name.to_string(), FactKind::Filter("account"));
        self.put("account-unit", who.unit.to_string(), FactKind::Filter("unit"));
        self.words("account-role", self.frame.role(&who.role));
        if let Some(factor) = &who.factor {
            self.words("log-factor", self.frame.token_kind(&factor.token()));
        }
        self.put("log-account-id", who.account.to_string(), FactKind::Code);
        self.put("log-session", who.session.as_deref().unwrap_or_default().to_owned(), FactKind::Code);
    }
}
