//! What a pack says of itself, in `pack.json` and `configs.json`.
//!
//! Invariant: whatever can be checked of it is checked by `verify-evidence`; the rest is what its maker says, signed with the log's key.

use serde::{Deserialize, Serialize};

use super::choice::Filter;
use super::incident::About;
use super::range::Span;
use super::whose::Whose;
use crate::clock::Time;
use crate::model::{Action, Entry, Event, LogApp, Outcome, Record};

/// Another with every change of what is in a pack, or of what a filter chooses.
pub const FORMAT: u32 = 3;
/// Since this one, formats differ only by what was added: what an older pack lacks, it says nothing of.
pub const OLDEST_FORMAT: u32 = 2;

pub const MANIFEST: &str = "MANIFEST";
pub const README: &str = "README.txt";
pub const ACCOUNTS: &str = "accounts.json";
pub const CHECKPOINT: &str = "checkpoint";
pub const CONFIGS: &str = "configs.json";
pub const CONSISTENCY: &str = "consistency";
pub const NEWEST: &str = "newest-checkpoint";
pub const PACK: &str = "pack.json";
pub const RECORDS: &str = "records.jsonl";
pub const ROTATIONS: &str = "rotations";

/// Where the text of a config with this hash lies.
pub fn config_path(sha256: &str) -> String {
    format!("configs/{sha256}.toml")
}

/// Where the text of an emergency plan with this hash lies.
pub fn plan_path(sha256: &str) -> String {
    format!("plans/{sha256}.toml")
}

/// Where the summary in a language lies.
pub fn summary_path(tag: &str) -> String {
    format!("summary.{tag}.html")
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub format: u32,
    /// The version that made the pack.
    pub version: String,
    /// How the log is written, by the names of what it follows.
    pub log_format: String,
    /// The log's name.
    pub log: String,
    pub made: String,
    pub by: Maker,
    pub from: String,
    /// Not in the span any more.
    pub to: String,
    /// The incident that the pack is about: it has the records of it, and the span is what their times make.
    #[serde(default)]
    pub incident: Option<About>,
    pub app: Option<String>,
    pub account: Option<String>,
    /// Whose id and name that is, as the store had them; `None`: it had no such account, and only what was asked for counts.
    pub account_id: Option<String>,
    pub account_name: Option<String>,
    /// The first and the last record whose time is in the span; without any, the last is the one before the first.
    pub first: u64,
    pub last: u64,
    /// Nothing was asked for but the span, so that the pack has every record from the first to the last.
    pub gapless: bool,
    /// Records in the pack, and those of them that were chosen from the span.
    pub records: u64,
    pub chosen: u64,
    /// Of those, how many have another time than the span: the gateway's clock was wrong, then or between them.
    pub other_times: u64,
    /// The oldest record that the log still held; what is older was dropped by retention, or is gone otherwise.
    pub oldest: u64,
    /// Sealed records when the pack was made.
    pub size: u64,
    /// The times of the oldest record that was there, and of the newest; `None`: there was none, or its time is not understood.
    pub begins: Option<String>,
    pub ends: Option<String>,
    /// Records that stood in the journal and were not sealed, so that they are not in the pack; `None`: there was no journal that could be read.
    pub unsealed: Option<u64>,
    /// Accesses that began in the span and had not ended when the pack was made; in a pack of an incident, whose end is not in it.
    pub still_open: u64,
}

/// Who made the pack, as the machine's user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maker {
    pub uid: u32,
    pub user: Option<String>,
}

/// A config that was in force in the span, with the emergency plan that it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// The record that says so.
    pub sequence: u64,
    /// Of the last start before the span, after which the config was read again: of this one only that holds which a reload cannot change.
    pub as_started: bool,
    pub from: String,
    /// When another took its place, or the gateway stopped, if that was in the span.
    pub until: Option<String>,
    /// `None`: the gateway did not put it on record.
    pub sha256: Option<String>,
    /// What of it waited for a restart.
    pub waiting: Option<String>,
    pub text: ConfigText,
    /// `None`: none is on record. Of a config [`as_started`](Self::as_started) it is left out, since a reload changes it.
    #[serde(default)]
    pub plan: Option<PlanInForce>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanInForce {
    pub sha256: String,
    pub text: ConfigText,
}

impl InForce {
    /// Without what is not of the record: which texts there are.
    pub fn on_record(&self) -> Self {
        let text = ConfigText::Missing;
        let plan = self.plan.as_ref().map(|plan| PlanInForce { text, ..plan.clone() });
        Self { text, plan, ..self.clone() }
    }
}

/// Whether the text of a config, or of a plan, is in the pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigText {
    /// Under its hash.
    Kept,
    /// The gateway has no text with this hash.
    Missing,
    /// What the gateway keeps under this hash has another one, and was left out.
    Damaged,
    /// No hash is on record.
    Unknown,
}

/// Why a pack has no records of its span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// Nothing was written between two records of the log.
    Nothing,
    /// The log ended before the span began.
    NotYet,
    /// The span lies in records, or before them, that were no longer there.
    Gone,
    /// The log began after it.
    BeforeTheLog,
}

impl Facts {
    pub fn has_span_records(&self) -> bool {
        self.first <= self.last
    }

    pub fn empty(&self) -> Option<Empty> {
        match self {
            _ if self.has_span_records() => None,
            _ if self.size == 0 => Some(Empty::Nothing),
            _ if self.may_be_gone() => Some(Empty::Gone),
            _ if self.first > self.size => Some(Empty::NotYet),
            _ if self.first <= 1 => Some(Empty::BeforeTheLog),
            _ => Some(Empty::Nothing),
        }
    }

    /// `None`: one of its ends is no time.
    pub fn span(&self) -> Option<Span> {
        Some(Span { from: time(&self.from)?, to: time(&self.to)? })
    }

    /// What was asked for; `None`: it is nothing that could be.
    pub fn filter(&self) -> Option<Filter> {
        let app = match &self.app {
            Some(app) => Some(LogApp::parse(app)?),
            None => None,
        };
        let whose = || -> Option<Whose> {
            match (&self.account_id, &self.account_name) {
                (None, None) => None,
                (id, name) => Some(Whose { id: id.clone(), name: name.clone() }),
            }
        };
        // What was asked for is one of the two.
        let is_hers = |asked: &String| [&self.account_id, &self.account_name].into_iter().flatten().any(|known| known == asked);
        match &self.account {
            Some(asked) if !is_hers(asked) => None,
            None if whose().is_some() => None,
            _ => Some(Filter { app, account: whose() }),
        }
    }

    /// Whether what is no longer there may have been of the span. By its number the range says so only where all clocks were right.
    pub fn may_be_gone(&self) -> bool {
        if let Some(about) = &self.incident {
            return about.first < self.oldest;
        }
        let began_before = self.begins.as_deref().and_then(time).zip(time(&self.from)).is_some_and(|(begins, from)| begins < from);
        self.oldest > 1 && (self.first <= self.oldest || !began_before)
    }

    /// Whether the newest record's time cannot be right, so that nobody knows by it how far the log reaches. That the records of an incident are
    /// in it their numbers say.
    pub fn end_is_unsure(&self) -> bool {
        if self.incident.is_some() {
            return false;
        }
        let is_past = |ends: &str| time(ends).zip(time(&self.made)).is_some_and(|(ends, made)| ends <= made);
        self.size > 0 && !self.ends.as_deref().is_some_and(is_past)
    }

    /// When the log ended, if that was before the span did.
    pub fn ended_before(&self) -> Option<&str> {
        let ends = self.ends.as_deref().filter(|_| self.incident.is_none())?;
        (time(ends)? < time(&self.to)?).then_some(ends)
    }
}

fn time(text: &str) -> Option<Time> {
    text.parse::<jiff::Timestamp>().ok().map(|time| Time::from_millis(time.as_millisecond()))
}

/// The event by which a config came into force.
pub fn puts_config_in_force(entry: &Entry) -> Option<&Event> {
    match &entry.record {
        Record::Event(event) if event.outcome == Outcome::Done && matches!(event.action, Action::Start | Action::ConfigReloaded) => {
            Some(event)
        }
        _ => None,
    }
}

/// The hash of the config that such an event names.
pub fn config_of(event: &Event) -> Option<&str> {
    hash_of(event, "config")
}

/// That of the emergency plan.
pub fn plan_of(event: &Event) -> Option<&str> {
    hash_of(event, "plan")
}

fn hash_of<'e>(event: &'e Event, detail: &str) -> Option<&'e str> {
    let is_hash = |hash: &&String| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    event.details.get(detail).filter(is_hash).map(String::as_str)
}
