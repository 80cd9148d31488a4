//! Incidents as the control socket is asked about them. The names of the fields are promised to scripts: they are added to, never changed.

use serde::{Deserialize, Serialize};

use super::{ControlAnswer, done, told};
use crate::admin::Actor;
use crate::clock::Time;
use crate::gateway::house::House;
use crate::incident::{self, Case, Category, Line, Opening, Plan, Step, Subject, Texts, What};
use crate::model::{AppId, Level, Stage};

#[derive(Debug, Serialize, Deserialize)]
pub struct IncidentLine {
    pub number: u64,
    /// The drill that it is part of: it never was.
    #[serde(default)]
    pub drill: Option<u64>,
    pub level: Level,
    /// By a named person.
    pub confirmed: bool,
    pub stage: Stage,
    pub category: Category,
    /// What happened, in a line.
    pub what: String,
    /// Whom or what it is about, the first few.
    pub about: Vec<String>,
    /// All of them.
    pub subjects: u64,
    pub found: String,
    pub changed: String,
    /// Who answers for it.
    pub handler: Option<String>,
    /// What has to be done first of what waits, and until when.
    pub next: Option<(String, String)>,
}

/// An incident with all that is known of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct IncidentFacts {
    #[serde(flatten)]
    pub line: IncidentLine,
    /// What the gateway proposes.
    pub proposed: Level,
    /// How much is concerned, as far as people know.
    #[serde(default)]
    pub extent: String,
    /// The records from which to which it happened.
    pub first: u64,
    pub last: u64,
    /// The last of them by which it was found or opened; what comes behind it is what people did about it.
    #[serde(default)]
    pub found_last: u64,
    pub due: Vec<TodoLine>,
    pub story: Vec<StoryLine>,
    /// What happened too often to be told line by line.
    pub untold: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct TodoLine {
    /// By which a task of the checklist is called; `None`: it is a report.
    #[serde(default)]
    pub task: Option<String>,
    pub what: String,
    /// Whose it is, or who gets it.
    pub whose: String,
    pub due: Option<String>,
    pub done: Option<String>,
    pub late: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct StoryLine {
    pub record: u64,
    pub time: String,
    pub by: Option<String>,
    pub what: String,
    /// It changed nothing any more.
    pub too_late: bool,
}

const SHOWN: usize = 5;

pub(super) fn list(house: &House, actor: &Actor, all: bool) -> Result<ControlAnswer, String> {
    let book = house.desk.read_incidents(actor).map_err(|error| told(&error))?;
    let (plan, now) = (house.desk.incidents().plan(), house.clock.wall());
    let wanted = book.cases().filter(|case| all || case.stage.is_open());
    Ok(ControlAnswer::Incidents { incidents: wanted.map(|case| line(case, plan.as_deref(), now)).collect() })
}

pub(super) fn show(house: &House, actor: &Actor, number: u64) -> Result<ControlAnswer, String> {
    let book = house.desk.read_incidents(actor).map_err(|error| told(&error))?;
    let case = book.case(number).ok_or_else(|| format!("there is no incident {number}; see `yumen incident list --all`"))?;
    let (plan, now) = (house.desk.incidents().plan(), house.clock.wall());
    let facts = IncidentFacts {
        line: line(case, plan.as_deref(), now),
        proposed: case.proposed(plan.as_deref()),
        extent: case.extent.to_string(),
        first: case.first,
        last: case.last,
        found_last: case.found_last,
        due: plan.as_deref().map(|plan| due(case, plan, now)).unwrap_or_default(),
        story: case.story.iter().map(story).collect(),
        untold: case.untold,
    };
    Ok(ControlAnswer::Incident { incident: Box::new(facts) })
}

pub(super) async fn open(house: &House, actor: &Actor, opening: Opening) -> Result<ControlAnswer, String> {
    let subject = match opening.subject {
        Some(Subject::Address(address)) => Some(Subject::holding(address)),
        Some(Subject::App(id)) => {
            let app = AppId::parse(&id).ok_or_else(|| format!("{id:?} is no id of an app"))?;
            super::lockdown::known_app(house, &app)?;
            Some(Subject::App(id))
        }
        other => other,
    };
    let number = house.desk.open_incident(actor, &Opening { subject, ..opening }).await.map_err(|error| told(&error))?;
    Ok(done(format!("incident {number} is open; its level is confirmed with `yumen incident assess {number}`")))
}

pub(super) async fn take(house: &House, actor: &Actor, number: u64, step: Step) -> Result<ControlAnswer, String> {
    let book = house.desk.read_incidents(actor).map_err(|error| told(&error))?;
    let plan = house.desk.incidents().plan();
    let step = match book.case(number) {
        Some(case) => meant(case, plan.as_deref(), step)?,
        None => step,
    };
    house.desk.take_step(actor, number, &step).await.map_err(|error| told(&error))?;
    let book = house.desk.incidents().book();
    let case = book.case(number).ok_or_else(|| format!("there is no incident {number}"))?;
    let level = case.level(house.desk.incidents().plan().as_deref());
    let confirmed = if case.confirmed.is_some() { "confirmed" } else { "proposed" };
    let drill = if case.drill.is_some() { "DRILL 演练: " } else { "" };
    Ok(done(format!("{drill}incident {number} is {}, level {level} ({confirmed})", case.stage)))
}

/// The step as it goes on record: what is typed at a terminal may name what there is not, and leaves out what is known.
fn meant(case: &Case, plan: Option<&Plan>, step: Step) -> Result<Step, String> {
    let number = case.number;
    match step {
        Step::Task { task, .. } if !incident::has_task(case, plan, &task) => {
            Err(format!("there is no task {task}; `yumen incident show {number}` lists them"))
        }
        Step::HandedTo { account } if !plan.is_some_and(|plan| plan.duty_list().contains(&account)) => {
            Err(format!("{account} is not on the duty list of the plan"))
        }
        Step::Reported { report, to } => {
            let rules: Vec<&Texts> = plan
                .map(|plan| plan.reports.iter().filter(|rule| rule.report == report))
                .into_iter()
                .flatten()
                .map(|rule| &rule.to)
                .collect();
            let meant = rules.iter().find(|rule| rule.zh == to || rule.en == to || (to.is_empty() && rules.len() == 1));
            meant.map(|rule| Step::Reported { report, to: rule.zh.clone() }).ok_or_else(|| {
                let all: Vec<String> = rules.iter().map(|rule| format!("\"{}\"", rule.en)).collect();
                match all.as_slice() {
                    [] => format!("the plan asks for no {} report", report.word()),
                    all => format!("say with --to to whom it was sent: {}", all.join(" or ")),
                }
            })
        }
        Step::Extent(extent) => Ok(Step::Extent(extent.or(&case.extent))),
        step => Ok(step),
    }
}

fn line(case: &Case, plan: Option<&Plan>, now: Time) -> IncidentLine {
    let waits = plan.map(|plan| due(case, plan, now)).unwrap_or_default();
    let next = waits.into_iter().filter(|line| line.done.is_none()).filter_map(|line| Some((line.due?, line.what)));
    IncidentLine {
        number: case.number,
        drill: case.drill,
        level: case.level(plan),
        confirmed: case.confirmed.is_some(),
        stage: case.stage,
        category: case.category,
        what: case.title.clone().unwrap_or_else(|| case.triggers.keys().cloned().collect::<Vec<_>>().join(", ")),
        about: case.subjects.iter().take(SHOWN).map(ToString::to_string).collect(),
        subjects: (case.subjects.len() as u64).saturating_add(case.more_subjects),
        found: case.found.to_string(),
        changed: case.changed.to_string(),
        handler: case.handler.as_ref().map(ToString::to_string),
        next: next.min().filter(|_| case.stage.is_open()).map(|(due, what)| (what, due)),
    }
}

fn due(case: &Case, plan: &Plan, now: Time) -> Vec<TodoLine> {
    let tasks = incident::tasks(case, plan).into_iter().map(|task| TodoLine {
        task: Some(task.id.clone()),
        what: task.task.what.en.clone(),
        whose: task.task.duty.word().to_owned(),
        due: task.due.map(|due| due.to_string()),
        done: task.done.as_ref().map(|done| done.at.to_string()),
        late: task.is_late(now),
    });
    let reports = incident::reports(case, plan).into_iter().map(|report| TodoLine {
        task: None,
        what: format!("{} report", report.rule.report.word()),
        whose: report.rule.to.en.clone(),
        due: report.due.map(|due| due.to_string()),
        done: report.sent.as_ref().map(|sent| sent.at.to_string()),
        late: report.is_late(now),
    });
    tasks.chain(reports).collect()
}

fn story(line: &Line) -> StoryLine {
    let (what, too_late) = match &line.what {
        What::Opened(opening) => (format!("opened by hand: {}", opening.title), false),
        What::Found(signal) => (format!("{} of {}: {}, level {}", signal.trigger, signal.subject, signal.amount, signal.level), false),
        What::Step(step) => (step_told(step), false),
        What::TooLate(step) => (step_told(step), true),
        What::TookIn(other) => (format!("incident {other} became part of it"), false),
        What::Shut(scope) => (format!("{} closed", scope.in_words()), false),
        What::OpenedAgain(scope) => (format!("{} opened again", scope.in_words()), false),
    };
    StoryLine { record: line.record, time: line.at.to_string(), by: line.by.as_ref().map(ToString::to_string), what, too_late }
}

fn step_told(step: &Step) -> String {
    let word = step.word();
    match step {
        Step::Assessed { level, category, why } => format!("{word}, level {level}, {category}: {why}"),
        Step::Level { level, why } => format!("level {level}: {why}"),
        Step::Moved { why, .. } if why.is_empty() => word.to_owned(),
        Step::Moved { why, .. } => format!("{word}: {why}"),
        Step::Merged { into, why } => format!("{word} into {into}: {why}"),
        Step::Extent(extent) => format!("{word}: {extent}"),
        Step::Noted { text } => format!("{word}: {text}"),
        Step::Task { task, .. } => format!("{word} {task}"),
        Step::HandedTo { account } => format!("{word} to {account}"),
        Step::Acknowledged => word.to_owned(),
        Step::Reported { report, to } => format!("{} report sent to {to}", report.word()),
        Step::NotReported { report, to } => format!("{} report not sent to {to} after all", report.word()),
        Step::Acted { what, .. } => format!("{word}: {what}"),
    }
}
