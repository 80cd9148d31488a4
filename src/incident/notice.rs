//! Who is told of an incident, and when: channels, what is due, and its words. Pure.
//!
//! Invariant: what is due depends on the facts, the plan, the time and the [`Book`] alone; a notice holds no secret, no address of a page, and
//! nothing that a stranger typed.

mod book;
mod closures;
mod words;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::plan::{Category, Duty, Plan, Report, Texts};
use crate::clock::Time;
use crate::model::{AccountName, Level, LockdownScope};

pub use book::Book;
pub use closures::{Closed, ClosureBook, Closures};

/// A way by which people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Stands on record, and in figures.
    pub name: String,
    pub way: Way,
    pub to: Vec<To>,
    /// The lowest level of which it tells.
    pub from_level: Level,
}

/// Whom a channel tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// Whoever is on duty then.
    Duty(Duty),
    /// A mail address that is always written to.
    Address(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    Mail(Mail),
    Webhook(Webhook),
    Syslog(Syslog),
}

impl Way {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Mail(_) => "mail",
            Self::Webhook(_) => "webhook",
            Self::Syslog(_) => "syslog",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    pub host: String,
    pub port: u16,
    pub tls: MailTls,
    pub from: String,
    pub login: Option<Login>,
    /// PEM certificates of which one must have signed the server's; there with TLS.
    pub ca: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// RFC 3207; a server that does not offer it gets nothing.
    Starttls,
    /// From the first byte (RFC 8314, section 3).
    Tls,
    Clear,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    /// The file that holds the password and nothing else.
    pub password_file: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub url: String,
    /// The file that holds the key of its signatures: `whsec_` and base64 (Standard Webhooks).
    pub secret_file: PathBuf,
    /// There with `https`.
    pub ca: Option<PathBuf>,
}

/// RFC 5425; over TCP alone where there is no `ca`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syslog {
    pub host: String,
    pub port: u16,
    pub ca: Option<PathBuf>,
}

/// What follows when nobody acknowledges an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// After how long, in the order of [`Level::ALL`].
    pub within: Vec<(Level, Duration)>,
    /// Who is told besides: the first at the first reminder, one more at each further one.
    pub then: Vec<Duty>,
    pub repeat: Duration,
    /// So many reminders at each level.
    pub at_most: u32,
}

impl Escalation {
    pub fn within(&self, level: Level) -> Option<Duration> {
        self.within.iter().find(|(known, _)| *known == level).map(|(_, within)| *within)
    }

    /// Who is told besides at the reminder of this number, counted from 1.
    pub fn reached(&self, number: u32) -> &[Duty] {
        let reached = usize::try_from(number).unwrap_or(usize::MAX).min(self.then.len());
        self.then.get(..reached).unwrap_or_default()
    }
}

/// What notices have to know of an incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    pub number: u64,
    pub proposed: Level,
    pub confirmed: Option<Level>,
    /// Of the level that is confirmed: by which record, and how it stands; `None`: it is not known yet.
    pub lasting: Option<(u64, Lasting)>,
    /// A word of a closed list; nobody's own text.
    pub stage: String,
    /// The plan's name of the trigger that raised it; `None`: a person did.
    pub trigger: Option<String>,
    pub category: Category,
    /// How many it is about.
    pub subjects: u64,
    /// By the time of records.
    pub opened: Time,
    pub changed: Time,
    /// How often it was found again.
    pub again: u32,
    pub acknowledged: Option<(Time, AccountName)>,
    pub closed: Option<Time>,
    pub reports: Vec<DueReport>,
    pub drill: bool,
}

impl Facts {
    pub fn level(&self) -> Level {
        self.confirmed.unwrap_or(self.proposed)
    }

    /// Somebody has to act, and nobody has said that she does.
    fn waits(&self) -> bool {
        self.acknowledged.is_none() && self.closed.is_none()
    }
}

/// What is left of the time of a level that was confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    ForNow,
    Soon,
    Over,
}

impl Lasting {
    /// So long before its end there is still time to confirm it anew.
    const SOON: Duration = Duration::from_hours(1);

    /// `left` of `whole`.
    pub fn of(left: Duration, whole: Duration) -> Self {
        match left {
            Duration::ZERO => Self::Over,
            left if left <= Self::SOON.min(whole.checked_div(4).unwrap_or_default()) => Self::Soon,
            _ => Self::ForNow,
        }
    }
}

/// A report that somebody has to make of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueReport {
    pub report: Report,
    pub due: Time,
    pub made: bool,
    /// Who gets it.
    pub to: Texts,
}

/// What a notice tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    Opened,
    Raised(Level),
    /// A trigger found more of it after it had been quiet, or was thought to be over: for the first time, the second.
    Again(u32),
    /// The level that this record confirmed is out of force within the hour, if nobody confirms it anew; of this incident the first such notice,
    /// the second.
    LevelEnds(u64, u32),
    LevelEnded(u64),
    /// How often it was told at this level.
    Unacknowledged(Level, u32),
    ReportDue(ReportKind, Time),
    ReportMissed(ReportKind, Time),
    Closed,
    /// It was over, and is not after all: for the first time, the second.
    Reopened(u32),
    /// An app, a unit or everything is closed until then, by the steady clock.
    LockedDown(Time),
    /// Somebody wants it closed for longer, and until then somebody else may confirm that.
    ExtensionAsked(Time),
    /// It was opened before then.
    Lifted(Time),
    /// Somebody tries the channel.
    Test,
}

/// [`Report`], as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportKind {
    First,
    Supplement,
    Situation,
    Summary,
}

impl From<Report> for ReportKind {
    fn from(report: Report) -> Self {
        match report {
            Report::First => Self::First,
            Report::Supplement => Self::Supplement,
            Report::Situation => Self::Situation,
            Report::Summary => Self::Summary,
        }
    }
}

impl What {
    /// As it stands on record and in what is sent to machines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Raised(_) => "raised",
            Self::Again(_) => "again",
            Self::LevelEnds(..) => "level-ends",
            Self::LevelEnded(_) => "level-ended",
            Self::Unacknowledged(..) => "unacknowledged",
            Self::ReportDue(..) => "report-due",
            Self::ReportMissed(..) => "report-missed",
            Self::Closed => "closed",
            Self::Reopened(_) => "reopened",
            Self::LockedDown(_) => "locked-down",
            Self::ExtensionAsked(_) => "extension-asked",
            Self::Lifted(_) => "lifted",
            Self::Test => "test",
        }
    }

    /// As a machine is told what it is about, before [`Self::word`].
    pub fn topic(self) -> &'static str {
        match self {
            Self::LockedDown(_) | Self::ExtensionAsked(_) | Self::Lifted(_) => "lockdown",
            _ => "incident",
        }
    }

    /// Whether somebody has to do something now.
    pub fn is_urgent(self) -> bool {
        !matches!(self, Self::Closed | Self::Lifted(_) | Self::Test)
    }
}

/// One notice to one receiver, ready to be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    /// The same however often it is tried, also where it was forgotten that it was sent.
    pub id: String,
    pub channel: String,
    /// `None`: of a closure, or of a test.
    pub incident: Option<u64>,
    /// Of a closure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<LockdownScope>,
    pub what: What,
    pub drill: bool,
    /// Since when it is due.
    pub time: Time,
    /// Of a mail: who gets it. Otherwise: whom it concerns.
    pub to: Vec<Addressee>,
    pub subject: String,
    pub text: String,
    /// For machines.
    pub data: serde_json::Value,
}

/// By words, so that what is kept can be read whatever becomes of the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Addressee {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duty: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl Letter {
    /// A duty and an account each, for the log; an address that belongs to no account stands for itself.
    pub fn whom(&self) -> String {
        let one = |to: &Addressee| match (&to.duty, &to.account, &to.address) {
            (Some(duty), Some(account), _) => format!("{duty}:{account}"),
            (_, _, Some(address)) => address.clone(),
            _ => String::new(),
        };
        self.to.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    /// Whether it would still tell something: who asks for an acknowledgement that is there troubles people.
    pub fn is_pointless(&self, facts: &[Facts]) -> bool {
        let Some(fact) = facts.iter().find(|fact| Some(fact.number) == self.incident) else { return false };
        match self.what {
            What::Unacknowledged(..) => !fact.waits(),
            What::ReportDue(report, due) | What::ReportMissed(report, due) => {
                !fact.reports.iter().any(|known| !known.made && known.due == due && ReportKind::from(known.report) == report)
            }
            What::LevelEnds(record, _) => fact.closed.is_some() || fact.lasting != Some((record, Lasting::Soon)),
            What::LevelEnded(record) => fact.closed.is_some() || fact.lasting != Some((record, Lasting::Over)),
            What::Opened | What::Raised(_) | What::Again(_) | What::Reopened(_) => fact.closed.is_some(),
            What::Closed | What::LockedDown(_) | What::ExtensionAsked(_) | What::Lifted(_) | What::Test => false,
        }
    }
}

/// What a letter is about.
#[derive(Clone, Copy)]
enum About<'a> {
    /// It is a test.
    Nothing,
    Incident(&'a Facts),
    /// With how long its end is away.
    Closure(&'a Closed, Duration),
}

/// What letters are written by.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    pub plan: &'a Plan,
    /// `https://host[:port]` of the portal.
    pub portal: &'a str,
    /// By the wall, as rules about hours are.
    pub now: Time,
}

impl Around<'_> {
    /// To whom this channel brings a test.
    pub fn test(&self, channel: &Channel) -> Vec<Letter> {
        self.letters(About::Nothing, What::Test, channel, &[])
    }
}
