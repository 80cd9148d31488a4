//! Reports about an incident, filled in from what the log says of it (国家网络安全事件报告管理办法, 2025, articles 5 and 6).
//!
//! Invariant: what stands in a report comes from records, from the plan or from people on the duty list. What none of them says is an empty line
//! to write on, and names that strangers typed stand nowhere.

mod facts;
mod fields;
mod review;
mod words;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::measured::{Measured, Verdict, reports};
use super::plan::{Plan, Report};
use crate::clock::Time;
use crate::model::AppId;

pub use review::{Review, ReviewMeasure, ReviewStage, StoryTold, review};
pub use words::FormLanguage;

/// What a form is filled in from beside the incident.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'g> {
    pub language: FormLanguage,
    pub plan: Option<&'g Plan>,
    pub now: Time,
    /// In which times are written.
    pub zone: &'g TimeZone,
    /// What the operator calls the gateway, in the form's language.
    pub system: &'g str,
    /// Those of the apps, likewise.
    pub apps: &'g BTreeMap<AppId, String>,
    pub log: &'g KeptLog,
}

/// What the log still has of the records of an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptLog {
    /// When the first and the last of its records were written; `None`: they are not here.
    pub first: Option<Time>,
    pub last: Option<Time>,
    pub head: Option<TreeHead>,
}

/// The head under which they can be proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeHead {
    pub origin: String,
    pub size: u64,
    pub root: String,
}

/// A report as far as the gateway can fill it in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Filled {
    pub incident: u64,
    /// The drill that it is part of: it never was.
    #[serde(default)]
    pub drill: Option<u64>,
    pub report: Report,
    pub language: FormLanguage,
    pub title: String,
    /// RFC 3339, in UTC.
    pub made: String,
    /// When such a report was sent, as it stands on record.
    pub sent: Vec<Sending>,
    /// Until when one is due that was not sent.
    pub due: Vec<Sending>,
    pub fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sending {
    pub to: String,
    /// RFC 3339, in UTC.
    pub at: String,
    pub late: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The same in each language.
    pub field: FieldName,
    pub name: String,
    pub answers: Vec<Answer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    Known(String),
    /// The gateway cannot know it: what somebody has to write there.
    ByHand(String),
}

/// In the order of article 5, and of article 6 for the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FieldName {
    Unit,
    System,
    Found,
    Happened,
    Place,
    Type,
    Level,
    Impact,
    Measures,
    Ransom,
    Trend,
    Cause,
    Clues,
    NextSteps,
    HelpNeeded,
    Scene,
    Lessons,
    Other,
    Sending,
    Contact,
}

/// Fills a report in.
pub fn fill(case: &Case, report: Report, ground: &Ground<'_>) -> Filled {
    let sending = |is_sent: bool| {
        let of_kind = reports(case, ground.plan, ground.now).into_iter().filter_map(move |measure| {
            let Measured::Report { report: kind, to, names } = &measure.what else { return None };
            let at = if is_sent { measure.to } else { measure.due.filter(|_| measure.to.is_none()) };
            let to = names.as_ref().map_or(to.as_str(), |names| ground.language.text(names)).to_owned();
            Some(Sending { to, at: at?.to_string(), late: measure.verdict == Verdict::Late }).filter(|_| *kind == report)
        });
        of_kind.collect()
    };
    let number = case.number;
    let name = ground.language.report(report);
    Filled {
        incident: number,
        drill: case.drill,
        report,
        language: ground.language,
        title: match ground.language {
            FormLanguage::Chinese => format!("{}网络安全事件{name}（事件 {number}）", drill(case, ground.language)),
            FormLanguage::English => format!("{}{name} of a cybersecurity incident (incident {number})", drill(case, ground.language)),
        },
        made: ground.now.to_string(),
        sent: sending(true),
        due: sending(false),
        fields: fields::all(case, report, ground),
    }
}

/// How exactly its records are exported, with the papers.
fn evidence(case: &Case, language: FormLanguage) -> String {
    let number = case.number;
    let named = language.of("导出该事件的证据包：", "Evidence pack of exactly this incident: ");
    format!("{named}yumen audit evidence --incident {number} --out incident-{number}.tar.zst")
}

/// Whoever gets the paper must not take it for something real.
fn drill(case: &Case, language: FormLanguage) -> &'static str {
    match (case.drill, language) {
        (None, _) => "",
        (Some(_), FormLanguage::Chinese) => "【演练】",
        (Some(_), FormLanguage::English) => "DRILL: ",
    }
}

impl Filled {
    pub fn is_late(&self) -> bool {
        self.sent.iter().chain(&self.due).any(|sending| sending.late)
    }
}

impl Ground<'_> {
    fn time(&self, time: Time) -> String {
        self.language.time(time, self.zone)
    }

    fn app(&self, app: &AppId) -> String {
        match self.apps.get(app) {
            Some(name) => format!("{name} [{app}]"),
            None => app.to_string(),
        }
    }
}
