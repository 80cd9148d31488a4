//! What somebody does about an incident, and how it stands in the log.
//!
//! Invariant: a step reads back from its record as it was taken.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::plan::{Category, Report};
use super::subject::Subject;
use crate::model::{AccountName, Action, AppId, Event, Level, Stage};

/// So many characters of what a person writes.
pub const MOST_WORDS: usize = 500;

/// An incident that somebody found herself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// What happened, in a line.
    pub title: String,
    pub level: Level,
    pub category: Category,
    pub subject: Option<Subject>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Its level and category are confirmed: it is an incident.
    Assessed {
        level: Level,
        category: Category,
        why: String,
    },
    /// The level is another from now on; or the same, which renews what holds for a time only.
    Level {
        level: Level,
        why: String,
    },
    /// To any stage but [`Stage::Assessed`] and [`Stage::Merged`].
    Moved {
        to: Stage,
        why: String,
    },
    /// It is part of another one.
    Merged {
        into: u64,
        why: String,
    },
    Extent(Extent),
    Noted {
        text: String,
    },
    /// A task of the checklist is done, or is not after all.
    Task {
        task: String,
        done: bool,
    },
    /// Somebody else answers for it.
    HandedTo {
        account: AccountName,
    },
    /// Somebody has seen it, and sees to it.
    Acknowledged,
    /// A report was sent to whom it is due.
    Reported {
        report: Report,
        to: String,
    },
    /// It was not sent after all.
    NotReported {
        report: Report,
        to: String,
    },
    /// What cannot be undone was done by the gateway, once, for the level that stands in this record.
    Acted {
        level_record: u64,
        what: String,
    },
}

/// How much is concerned, as far as people know: the gateway counts for itself what it sees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    pub accounts: Option<u64>,
    pub units: Option<u64>,
    pub apps: Vec<AppId>,
    /// Whose personal information was leaked.
    pub people: Option<u64>,
    /// Direct, in yuan.
    pub loss: Option<u64>,
    /// In minutes.
    pub outage: Option<u64>,
    pub defaced: Option<u64>,
}

impl Extent {
    pub fn outage(&self) -> Option<Duration> {
        self.outage.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)))
    }

    pub fn defaced(&self) -> Option<Duration> {
        self.defaced.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)))
    }

    /// The larger of each.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        let apps = self.apps.iter().chain(&other.apps).cloned().collect::<BTreeSet<_>>();
        Self {
            accounts: self.accounts.max(other.accounts),
            units: self.units.max(other.units),
            apps: apps.into_iter().collect(),
            people: self.people.max(other.people),
            loss: self.loss.max(other.loss),
            outage: self.outage.max(other.outage),
            defaced: self.defaced.max(other.defaced),
        }
    }

    /// What this says, and where it says nothing what was known before.
    #[must_use]
    pub fn or(self, before: &Self) -> Self {
        Self {
            accounts: self.accounts.or(before.accounts),
            units: self.units.or(before.units),
            apps: if self.apps.is_empty() { before.apps.clone() } else { self.apps },
            people: self.people.or(before.people),
            loss: self.loss.or(before.loss),
            outage: self.outage.or(before.outage),
            defaced: self.defaced.or(before.defaced),
        }
    }

    fn numbers(&self) -> [(&'static str, Option<u64>); 6] {
        [
            ("accounts", self.accounts),
            ("units", self.units),
            ("people", self.people),
            ("loss", self.loss),
            ("outage", self.outage),
            ("defaced", self.defaced),
        ]
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = self.numbers().into_iter().filter_map(|(name, number)| Some(format!("{name} {}", number?)));
        let apps = self.apps.iter().map(|app| format!("app {app}"));
        f.write_str(&numbers.chain(apps).collect::<Vec<_>>().join(", "))
    }
}

const INCIDENT: &str = "incident";
const STEP: &str = "step";

impl Opening {
    pub fn event(&self) -> Event {
        let event =
            Event::done(Action::IncidentOpened).with_words("title", &self.title).with("level", self.level).with("category", self.category);
        match &self.subject {
            Some(subject) => event.with("subject", subject),
            None => event,
        }
    }

    pub(super) fn of(event: &Event) -> Option<Self> {
        let detail = |name| event.details.get(name).map(String::as_str);
        Some(Self {
            title: detail("title")?.to_owned(),
            level: Level::parse(detail("level")?)?,
            category: Category::parse(detail("category")?)?,
            subject: detail("subject").and_then(|text| Subject::try_from(text.to_owned()).ok()),
        })
    }
}

impl Step {
    /// As it is called on record and by whoever asks for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Assessed { .. } => "assessed",
            Self::Level { .. } => "level",
            Self::Moved { to, .. } => to.word(),
            Self::Merged { .. } => "merged",
            Self::Extent(_) => "extent",
            Self::Noted { .. } => "noted",
            Self::Task { done: true, .. } => "task-done",
            Self::Task { done: false, .. } => "task-open",
            Self::HandedTo { .. } => "handed-over",
            Self::Acknowledged => "acknowledged",
            Self::Reported { .. } => "reported",
            Self::NotReported { .. } => "not-reported",
            Self::Acted { .. } => "acted",
        }
    }

    fn action(&self) -> Action {
        match self {
            Self::Assessed { .. } | Self::Level { .. } => Action::IncidentLevel,
            Self::Moved { to: Stage::Closed | Stage::Dismissed, .. } | Self::Merged { .. } => Action::IncidentClosed,
            _ => Action::IncidentStep,
        }
    }

    /// Whether what it says in words can be put on record: there is some, where it has to say why, and not too much.
    pub fn is_said(&self) -> bool {
        let (words, is_needed) = match self {
            Self::Assessed { why, .. } | Self::Level { why, .. } | Self::Merged { why, .. } => (why, true),
            Self::Noted { text } => (text, true),
            Self::Moved { why, .. } => (why, false),
            _ => return true,
        };
        words.chars().count() <= MOST_WORDS && !(is_needed && words.trim().is_empty())
    }

    /// What it is on record.
    pub fn event(&self, incident: u64) -> Event {
        let event = Event::done(self.action()).with(INCIDENT, incident).with(STEP, self.word());
        match self {
            Self::Assessed { level, category, why } => event.with("level", level).with("category", category).with_words("why", why),
            Self::Level { level, why } => event.with("level", level).with_words("why", why),
            Self::Moved { why, .. } => event.with_words("why", why),
            Self::Merged { into, why } => event.with("into", into).with_words("why", why),
            Self::Extent(extent) => {
                let known = extent.numbers().into_iter().filter_map(|(name, number)| Some((name, number?)));
                let event = known.fold(event, |event, (name, number)| event.with(name, number));
                let apps: Vec<&str> = extent.apps.iter().map(AppId::as_str).collect();
                if apps.is_empty() { event } else { event.with_words("apps", &apps.join(" ")) }
            }
            Self::Noted { text } => event.with_words("text", text),
            Self::Task { task, .. } => event.with("task", task),
            Self::HandedTo { account } => event.with("to", account),
            Self::Acknowledged => event,
            Self::Reported { report, to } | Self::NotReported { report, to } => event.with("report", report.word()).with_words("to", to),
            Self::Acted { level_record, what } => event.with("for", level_record).with_words("what", what),
        }
    }

    /// The step that a record tells of, and of which incident.
    pub fn of(event: &Event) -> Option<(u64, Self)> {
        if !matches!(event.action, Action::IncidentLevel | Action::IncidentStep | Action::IncidentClosed) {
            return None;
        }
        let details = Details(&event.details);
        let step = match details.text(STEP)? {
            "assessed" => {
                Self::Assessed { level: details.level()?, category: Category::parse(details.text("category")?)?, why: details.why() }
            }
            "level" => Self::Level { level: details.level()?, why: details.why() },
            "merged" => Self::Merged { into: details.number("into")?, why: details.why() },
            "extent" => Self::Extent(Extent {
                accounts: details.number("accounts"),
                units: details.number("units"),
                apps: details.text("apps").unwrap_or_default().split(' ').filter_map(AppId::parse).collect(),
                people: details.number("people"),
                loss: details.number("loss"),
                outage: details.number("outage"),
                defaced: details.number("defaced"),
            }),
            "noted" => Self::Noted { text: details.text("text")?.to_owned() },
            word @ ("task-done" | "task-open") => Self::Task { task: details.text("task")?.to_owned(), done: word == "task-done" },
            "handed-over" => Self::HandedTo { account: AccountName::parse(details.text("to")?).ok()? },
            "acknowledged" => Self::Acknowledged,
            "reported" => Self::Reported { report: Report::parse(details.text("report")?)?, to: details.text("to")?.to_owned() },
            "not-reported" => Self::NotReported { report: Report::parse(details.text("report")?)?, to: details.text("to")?.to_owned() },
            "acted" => Self::Acted { level_record: details.number("for")?, what: details.text("what")?.to_owned() },
            word => Self::Moved { to: Stage::parse(word)?, why: details.why() },
        };
        Some((details.number(INCIDENT)?, step))
    }
}

struct Details<'a>(&'a BTreeMap<String, String>);

impl<'a> Details<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    fn level(&self) -> Option<Level> {
        Level::parse(self.text("level")?)
    }

    fn why(&self) -> String {
        self.text("why").unwrap_or_default().to_owned()
    }
}
