//! Forms of incidents, read into what they ask for. Nothing is guessed: what cannot be understood is told.

use std::net::IpAddr;
use std::sync::Arc;

use crate::access::App;
use crate::incident::{Case, Category, Extent, MOST_WORDS, NotAllowed, Opening, Plan, Report, Step, Subject, has_task};
use crate::model::{AccountName, AppId, Level, Stage, UnitName};

use super::call::Fields;
use super::view::Alert;

/// Why a form asks for no step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// There is no such form.
    NoStep,
    Told(Alert),
}

impl From<Alert> for Wrong {
    fn from(alert: Alert) -> Self {
        Self::Told(alert)
    }
}

/// What a form is read with.
pub(super) struct Context<'a> {
    pub case: &'a Case,
    pub plan: Option<&'a Plan>,
    pub apps: &'a [Arc<App>],
}

impl Context<'_> {
    pub(super) fn step(&self, word: &str, form: &Fields) -> Result<Step, Wrong> {
        Ok(match word {
            "assessed" => Step::Assessed { level: level(form)?, category: category(form)?, why: words(form.text("why"))? },
            "level" => Step::Level { level: level(form)?, why: words(form.text("why"))? },
            "merged" => {
                let into = form.text("into").trim().parse().map_err(|_| Alert::IncidentNoSuch)?;
                Step::Merged { into, why: words(form.text("why"))? }
            }
            "extent" => Step::Extent(self.extent(form)?),
            "noted" => Step::Noted { text: words(form.text("text"))? },
            "task-done" | "task-open" => Step::Task { task: self.task(form.text("task"))?, done: word == "task-done" },
            "handed-over" => Step::HandedTo { account: self.on_the_list(form.text("account"))? },
            "acknowledged" => Step::Acknowledged,
            "reported" => self.reported(form)?,
            "not-reported" => self.not_reported(form)?,
            word => {
                let to = Stage::parse(word).filter(|to| !matches!(to, Stage::Assessed | Stage::Merged)).ok_or(Wrong::NoStep)?;
                Step::Moved { to, why: self.why(to, form.text("why"))? }
            }
        })
    }

    fn why(&self, to: Stage, typed: &str) -> Result<String, Alert> {
        match words(typed) {
            Err(Alert::IncidentWordsMissing) if !asks_why(self.case.stage, to) => Ok(String::new()),
            words => words,
        }
    }

    fn task(&self, id: &str) -> Result<String, Alert> {
        has_task(self.case, self.plan, id).then(|| id.to_owned()).ok_or(Alert::IncidentTaskUnknown)
    }

    fn on_the_list(&self, name: &str) -> Result<AccountName, Alert> {
        let shifts = self.plan.map_or(&[][..], |plan| &plan.shifts);
        shifts.iter().find(|shift| shift.account.as_str() == name).map(|shift| shift.account.clone()).ok_or(Alert::IncidentNobody)
    }

    fn reported(&self, form: &Fields) -> Result<Step, Alert> {
        let (report, to) = (Report::parse(form.text("report")), form.text("to"));
        let rules = self.plan.map_or(&[][..], |plan| &plan.reports);
        let rule = rules.iter().find(|rule| Some(rule.report) == report && rule.to.zh == to).ok_or(Alert::IncidentReportUnknown)?;
        Ok(Step::Reported { report: rule.report, to: rule.to.zh.clone() })
    }

    /// Plans change, and what was sent by an old one can be taken back, too.
    fn not_reported(&self, form: &Fields) -> Result<Step, Alert> {
        let (report, to) = (Report::parse(form.text("report")), form.text("to"));
        let sent = self.case.reports.iter().find(|sent| Some(sent.report) == report && sent.to == to);
        let sent = sent.ok_or(Alert::IncidentReportUnknown)?;
        Ok(Step::NotReported { report: sent.report, to: sent.to.clone() })
    }

    fn extent(&self, form: &Fields) -> Result<Extent, Alert> {
        let apps = form.all("app").map(|id| app(id, self.apps).or_else(|| self.named_before(id)).ok_or(Alert::IncidentAppUnknown));
        Ok(Extent {
            apps: apps.collect::<Result<_, _>>()?,
            accounts: number(form, "accounts")?,
            units: number(form, "units")?,
            people: number(form, "people")?,
            loss: number(form, "loss")?,
            outage: number(form, "outage")?,
            defaced: number(form, "defaced")?,
        })
    }

    /// Apps go, incidents stay.
    fn named_before(&self, id: &str) -> Option<AppId> {
        self.case.extent.apps.iter().find(|app| app.as_str() == id).cloned()
    }
}

/// Whether somebody has to say why it goes there: what ends something, or begins it anew.
pub(super) fn asks_why(from: Stage, to: Stage) -> bool {
    match to {
        Stage::Closed | Stage::Reviewed | Stage::Dismissed | Stage::Detected => true,
        Stage::Responding => from != Stage::Assessed,
        Stage::Assessed | Stage::Contained | Stage::Recovering | Stage::Merged => false,
    }
}

/// An incident that is opened by hand.
pub(super) fn opening(form: &Fields, apps: &[Arc<App>]) -> Result<Opening, Alert> {
    let title = words(form.text("title"))?;
    Ok(Opening { title, level: level(form)?, category: category(form)?, subject: subject(form, apps)? })
}

fn subject(form: &Fields, apps: &[Arc<App>]) -> Result<Option<Subject>, Alert> {
    let (kind, name) = (form.text("about"), form.text("name").trim());
    let subject = match kind {
        "" if name.is_empty() => return Ok(None),
        "account" => AccountName::parse(name).ok().map(|name| Subject::Account(name.to_string())),
        "address" => name.parse().ok().map(|address: IpAddr| Subject::holding(address)),
        "unit" => UnitName::parse(name).ok().map(|name| Subject::Unit(name.to_string())),
        "app" => app(name, apps).map(|id| Subject::App(id.to_string())),
        _ => None,
    };
    subject.map(Some).ok_or(Alert::IncidentSubjectInvalid)
}

fn app(id: &str, apps: &[Arc<App>]) -> Option<AppId> {
    apps.iter().find(|app| app.id.as_str() == id).map(|app| app.id.clone())
}

fn level(form: &Fields) -> Result<Level, Alert> {
    Level::parse(form.text("level")).ok_or(Alert::IncidentLevelInvalid)
}

fn category(form: &Fields) -> Result<Category, Alert> {
    Category::parse(form.text("category")).ok_or(Alert::IncidentCategoryInvalid)
}

/// What a person wrote, in one line; nothing else than what stands there is left out.
fn words(typed: &str) -> Result<String, Alert> {
    let words: Vec<&str> = typed.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    match line.chars().count() {
        0 => Err(Alert::IncidentWordsMissing),
        count if count > MOST_WORDS => Err(Alert::IncidentWordsTooLong { most: MOST_WORDS.try_into().unwrap_or(u64::MAX) }),
        _ => Ok(line),
    }
}

/// A number as people write it, with marks between its thousands; empty: not known.
fn number(form: &Fields, name: &str) -> Result<Option<u64>, Alert> {
    let bare: String = form.text(name).chars().filter(|c| !c.is_whitespace() && !matches!(c, ',' | '，' | '_')).collect();
    if bare.is_empty() { Ok(None) } else { bare.parse().map(Some).map_err(|_| Alert::IncidentNumberInvalid) }
}

/// What is told of a step that cannot be taken.
pub(super) fn told(not_allowed: NotAllowed) -> Alert {
    match not_allowed {
        NotAllowed::Stage(_) => Alert::IncidentStage,
        NotAllowed::Over(_) => Alert::IncidentIsOver,
        NotAllowed::NotAssessed => Alert::IncidentNotAssessed,
        NotAllowed::Itself => Alert::IncidentItself,
        NotAllowed::NoSuchIncident => Alert::IncidentNoSuch,
        NotAllowed::Full => Alert::IncidentFull,
        NotAllowed::Graver => Alert::IncidentGraver,
    }
}

#[cfg(test)]
mod tests;
