//! Steps in an incident, as they are taken at a terminal and told afterwards.

use serde::{Deserialize, Serialize};

use super::{ControlAnswer, done, to_the_second, todo, told};
use crate::admin::Actor;
use crate::gateway::house::House;
use crate::incident::{Case, Extent, Line, Plan, Report, Step, Texts, What};

#[derive(Debug, Serialize, Deserialize)]
pub struct StoryLine {
    pub record: u64,
    pub time: String,
    pub by: Option<String>,
    pub what: String,
    /// It changed nothing any more.
    pub too_late: bool,
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
    let level = case.level(plan.as_deref());
    let confirmed = if case.confirmed.is_some() { "confirmed" } else { "proposed" };
    let drill = if case.drill.is_some() { "DRILL 演练: " } else { "" };
    let what = answered(&step, plan.as_deref());
    Ok(done(format!("{drill}{what}; incident {number} is {}, level {level} ({confirmed})", case.stage)))
}

/// The step as it goes on record: what is typed at a terminal may name what there is not, and leaves out what is known.
fn meant(case: &Case, plan: Option<&Plan>, step: Step) -> Result<Step, String> {
    let number = case.number;
    match step {
        Step::Task { task, done } => {
            let id = todo::called(case, plan, &task);
            let id = id.ok_or_else(|| format!("there is no task {task}; `yumen incident show {number}` lists them"))?;
            let words = todo::in_words(plan, &id);
            match (case.tasks.get(&id), done) {
                (Some(ticked), true) => {
                    let by = ticked.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
                    let at = to_the_second(ticked.at);
                    Err(format!("the task {words} was ticked off already{by}, {at}, so nothing was done; --undo opens it again"))
                }
                (None, false) => Err(format!("the task {words} is open already, so nothing was done")),
                _ => Ok(Step::Task { task: id, done }),
            }
        }
        Step::HandedTo { account } if !plan.is_some_and(|plan| plan.duty_list().contains(&account)) => {
            let mut listed: Vec<String> = plan.into_iter().flat_map(Plan::duty_list).map(|name| name.to_string()).collect();
            listed.sort_unstable();
            let listed = if listed.is_empty() { String::new() } else { format!("; these are: {}", listed.join(", ")) };
            Err(format!("\"{account}\" is not on the duty list of the plan{listed}"))
        }
        Step::Reported { report, to } => Ok(Step::Reported { report, to: receiver(plan, report, &to)? }),
        Step::NotReported { report, to } => Ok(Step::NotReported { report, to: receiver(plan, report, &to)? }),
        Step::Extent(extent) if extent == Extent::default() => {
            Err("say how much is concerned: with --accounts, --units, --app, --people, --loss, --outage or --defaced".to_owned())
        }
        Step::Extent(extent) => Ok(Step::Extent(extent.or(&case.extent))),
        step => Ok(step),
    }
}

/// Whom the plan calls so, or whom alone it names.
fn receiver(plan: Option<&Plan>, report: Report, to: &str) -> Result<String, String> {
    let mut receivers: Vec<&Texts> = Vec::new();
    for rule in plan.into_iter().flat_map(|plan| &plan.reports).filter(|rule| rule.report == report) {
        if !receivers.contains(&&rule.to) {
            receivers.push(&rule.to);
        }
    }
    let is_meant = |texts: &&&Texts| texts.zh == to || texts.en == to || (to.is_empty() && receivers.len() == 1);
    receivers.iter().find(is_meant).map(|texts| texts.zh.clone()).ok_or_else(|| {
        let all: Vec<String> = receivers.iter().map(|texts| both(texts)).collect();
        match all.as_slice() {
            [] => format!("the plan asks for no {} report", report.word()),
            all => format!("say with --to to whom it was sent: {}", all.join(", or ")),
        }
    })
}

/// A name of the plan in the languages in which it may be written.
fn both(texts: &Texts) -> String {
    if texts.zh == texts.en { format!("\"{}\"", texts.zh) } else { format!("\"{}\" (in English \"{}\")", texts.zh, texts.en) }
}

/// What was done, for whoever did it.
fn answered(step: &Step, plan: Option<&Plan>) -> String {
    match step {
        Step::Assessed { .. } => "its level is confirmed".to_owned(),
        Step::Level { level, .. } => format!("its level is {level} from now on"),
        Step::Moved { to, .. } => format!("it was taken to {to}"),
        Step::Merged { into, .. } => format!("it is part of incident {into} now"),
        Step::Extent(extent) => format!("how much is concerned is on record ({extent})"),
        Step::Noted { .. } => "the note is on record".to_owned(),
        Step::Task { task, done: true } => format!("the task {} is ticked off", todo::in_words(plan, task)),
        Step::Task { task, done: false } => format!("the task {} is open again", todo::in_words(plan, task)),
        Step::HandedTo { account } => format!("it was handed over to {account}"),
        Step::Acknowledged => "that you see to it is on record".to_owned(),
        Step::Reported { report, to } => format!("that the {} report was sent to {to} is on record", report.word()),
        Step::NotReported { report, to } => format!("that the {} report was not sent to {to} after all is on record", report.word()),
        Step::Acted { what, .. } => what.clone(),
    }
}

pub(super) fn story(line: &Line, plan: Option<&Plan>) -> StoryLine {
    let (what, too_late) = match &line.what {
        What::Opened(opening) => (format!("opened by hand: {}", opening.title), false),
        What::Found(signal) => (format!("{} of {}: {}, level {}", signal.trigger, signal.subject, signal.amount, signal.level), false),
        What::Step(step) => (step_told(step, plan), false),
        What::TooLate(step) => (step_told(step, plan), true),
        What::TookIn(other) => (format!("incident {other} became part of it"), false),
        What::Shut(scope) => (format!("{} closed", scope.in_words()), false),
        What::OpenedAgain(scope) => (format!("{} opened again", scope.in_words()), false),
    };
    StoryLine { record: line.record, time: line.at.to_string(), by: line.by.as_ref().map(ToString::to_string), what, too_late }
}

fn step_told(step: &Step, plan: Option<&Plan>) -> String {
    let word = step.word();
    match step {
        Step::Assessed { level, category, why } => format!("{word}, level {level}, {category}: {why}"),
        Step::Level { level, why } => format!("level {level}: {why}"),
        Step::Moved { why, .. } if why.is_empty() => word.to_owned(),
        Step::Moved { why, .. } => format!("{word}: {why}"),
        Step::Merged { into, why } => format!("{word} into {into}: {why}"),
        Step::Extent(extent) => format!("{word}: {extent}"),
        Step::Noted { text } => format!("{word}: {text}"),
        Step::Task { task, .. } => format!("{word} {}", todo::in_words(plan, task)),
        Step::HandedTo { account } => format!("{word} to {account}"),
        Step::Acknowledged => word.to_owned(),
        Step::Reported { report, to } => format!("{} report sent to {to}", report.word()),
        Step::NotReported { report, to } => format!("{} report not sent to {to} after all", report.word()),
        Step::Acted { what, .. } => format!("{word}: {what}"),
    }
}
