//! The plan as it was read and checked: who does what at which level, and what raises an alarm.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::notice::{Channel, Escalation};
use super::page::Page;
use super::policy::{Measures, Once};
use super::trigger::Trigger;
use crate::clock::Time;
use crate::crypto;
use crate::model::{AccountName, Hours, Level};

/// A text of the plan, in the languages of its readers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    pub zh: String,
    pub en: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub names: Texts,
    pub operator: Operator,
    /// In which the plan's days begin.
    pub zone: TimeZone,
    /// One for each level, in the order of [`Level::ALL`].
    pub levels: Vec<LevelTerms>,
    pub shifts: Vec<Shift>,
    pub triggers: Vec<Trigger>,
    pub reports: Vec<ReportRule>,
    /// Of public sites, which are watched.
    pub pages: Vec<Page>,
    /// By which people are told.
    pub channels: Vec<Channel>,
    pub escalation: Option<Escalation>,
}

impl Plan {
    /// What the plan says of a level.
    pub fn terms(&self, level: Level) -> Option<&LevelTerms> {
        self.levels.iter().find(|terms| terms.level == level)
    }

    /// Who has this duty now.
    pub fn on_duty(&self, duty: Duty, wall: Time) -> impl Iterator<Item = &Shift> {
        let is_there = move |shift: &&Shift| shift.hours.as_ref().is_none_or(|hours| hours.open_until(wall).is_some());
        self.shifts.iter().filter(move |shift| shift.duty == duty).filter(is_there)
    }

    /// What has to be reported of an incident of this level, and until when after it was found.
    pub fn reports(&self, level: Level) -> impl Iterator<Item = &ReportRule> {
        self.reports.iter().filter(move |rule| level >= rule.from)
    }

    /// Everybody who has a duty, at whatever hours.
    pub fn duty_list(&self) -> HashSet<AccountName> {
        self.shifts.iter().map(|shift| shift.account.clone()).collect()
    }

    /// Everybody to whom it gives something by her name: a duty, or a way into what a level closes.
    pub fn named(&self) -> HashSet<AccountName> {
        let policies = self.levels.iter().filter_map(|terms| terms.policy.as_ref());
        self.duty_list().into_iter().chain(policies.flat_map(|policy| policy.break_glass.iter().cloned())).collect()
    }
}

/// Who runs the systems, which is what says how soon incidents are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Ordinary,
    CriticalInfrastructure,
    CentralOrgan,
}

impl Operator {
    pub const WORDS: [(&str, Self); 3] =
        [("ordinary", Self::Ordinary), ("critical-infrastructure", Self::CriticalInfrastructure), ("central-organ", Self::CentralOrgan)];

    /// The latest that a first report may come after the incident was found (国家网络安全事件报告管理办法, 2025, article 4).
    pub fn first_report_within(self) -> Duration {
        Duration::from_hours(match self {
            Self::Ordinary => 4,
            Self::CriticalInfrastructure => 1,
            Self::CentralOrgan => 2,
        })
    }
}

/// The colour by which a level is called in warnings (国家网络安全事件应急预案, section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Red,
    Orange,
    Yellow,
    Blue,
}

impl Colour {
    pub const WORDS: [(&str, Self); 4] = [("red", Self::Red), ("orange", Self::Orange), ("yellow", Self::Yellow), ("blue", Self::Blue)];

    pub fn of(level: Level) -> Self {
        match level {
            Level::I => Self::Red,
            Level::II => Self::Orange,
            Level::III => Self::Yellow,
            Level::IV => Self::Blue,
        }
    }

    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, colour)| *colour == self).map_or("", |(word, _)| word)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct LevelTerms {
    pub level: Level,
    pub names: Texts,
    pub colour: Colour,
    pub thresholds: Thresholds,
    pub checklist: Vec<Task>,
    /// What holds while it is in force; `None`: nothing but what rules of the config say of it.
    pub policy: Option<Measures>,
    pub once: Once,
}

/// From how much on a level is proposed; what is not named proposes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thresholds {
    pub accounts: Option<u64>,
    pub units: Option<u64>,
    pub apps: Option<u64>,
    /// People whose personal information was leaked.
    pub people: Option<u64>,
    /// Direct loss, in yuan.
    pub loss: Option<u64>,
    /// How long a system could not be used.
    pub outage: Option<Duration>,
    /// How long a page that was tampered with was to be seen.
    pub defaced: Option<Duration>,
}

impl Thresholds {
    /// Where this level names nothing, a graver one's still bounds what less grave ones may say.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            accounts: self.accounts.or(other.accounts),
            units: self.units.or(other.units),
            apps: self.apps.or(other.apps),
            people: self.people.or(other.people),
            loss: self.loss.or(other.loss),
            outage: self.outage.or(other.outage),
            defaced: self.defaced.or(other.defaced),
        }
    }
}

/// A step of a checklist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub what: Texts,
    pub duty: Duty,
    /// Since the level was confirmed.
    pub within: Option<Duration>,
    /// The report whose sending it is: it is due when that is, and done when that is sent.
    pub report: Option<Report>,
}

impl Task {
    /// What it is called on record: the same as long as it says the same.
    pub fn id(&self) -> String {
        let said = format!("{}\n{}\n{}", self.duty.word(), self.what.zh, self.what.en);
        HEXLOWER.encode(crypto::sha256(said.as_bytes()).get(..6).unwrap_or_default())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Duty {
    Commander,
    Handler,
    Recorder,
    Liaison,
}

impl Duty {
    pub const WORDS: [(&str, Self); 4] =
        [("commander", Self::Commander), ("handler", Self::Handler), ("recorder", Self::Recorder), ("liaison", Self::Liaison)];

    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, duty)| *duty == self).map_or("", |(word, _)| word)
    }
}

/// A person has a duty, always or at some hours of the week.
#[derive(Clone, Debug, PartialEq)]
pub struct Shift {
    pub duty: Duty,
    pub account: AccountName,
    pub name: String,
    pub phone: String,
    pub email: Option<String>,
    pub hours: Option<Hours>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    First,
    Supplement,
    Situation,
    Summary,
}

impl Report {
    pub const WORDS: [(&str, Self); 4] =
        [("first", Self::First), ("supplement", Self::Supplement), ("situation", Self::Situation), ("summary", Self::Summary)];

    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, report)| *report == self).map_or("", |(word, _)| word)
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, report)| *report)
    }
}

/// A report that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRule {
    pub report: Report,
    /// The lowest level for which it is.
    pub from: Level,
    /// The first after the incident was found, the summary after it was closed, the others after the one before.
    pub within: Duration,
    pub to: Texts,
    /// Which law or measure says so.
    pub source: Texts,
}

/// What kind of incident it is (GB/T 20986-2023, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    MaliciousCode,
    Attack,
    Data,
    Content,
    Equipment,
    Violation,
    HiddenDanger,
    AbnormalBehaviour,
    ForceMajeure,
    Other,
}

impl Category {
    pub const WORDS: [(&str, Self); 10] = [
        ("malicious-code", Self::MaliciousCode),
        ("attack", Self::Attack),
        ("data", Self::Data),
        ("content", Self::Content),
        ("equipment", Self::Equipment),
        ("violation", Self::Violation),
        ("hidden-danger", Self::HiddenDanger),
        ("abnormal-behaviour", Self::AbnormalBehaviour),
        ("force-majeure", Self::ForceMajeure),
        ("other", Self::Other),
    ];

    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, category)| *category == self).map_or("", |(word, _)| word)
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, category)| *category)
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
