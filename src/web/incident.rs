//! The console's page of one incident, and the steps that are taken there.

use axum::extract::Path;

use crate::admin::{AdminError, Change};
use crate::clock::Time;
use crate::incident::{Case, Step, Subject, What};
use crate::model::{AccountName, Refusal, Stage};

use super::call::{Answer, Asked, Posted};
use super::console::{person, refused};
use super::incident_rows::Reader;
use super::incident_step::{Context, Wrong, asks_why, told};
use super::incidents::{LIST, status_of};
use super::view::{Alert, ConfirmedLevel, IncidentView, LevelEffects, MoveTo, Paging, ToClose, TypedStep};

/// So many lines of a story are on one page.
const LINES: usize = 20;
/// So many units, and so many other incidents, are offered.
const MOST_OFFERED: usize = 12;

pub async fn page(Path(number): Path<String>, asked: Asked) -> Answer {
    show(&asked, &number, TypedStep::default(), None)
}

/// Addresses that take forms show the incident that they belong to.
pub async fn of_step(Path((number, _)): Path<(String, String)>, asked: Asked) -> Answer {
    show(&asked, &number, TypedStep::default(), None)
}

pub async fn step(Path((number, word)): Path<(String, String)>, Posted { asked, form }: Posted) -> Answer {
    let (actor, desk) = (person(&asked)?, &asked.portal.desk);
    desk.permit(&actor, Change::HandleIncident).map_err(refused)?;
    let (book, plan) = (desk.read_incidents(&actor).map_err(refused)?, desk.incidents().plan());
    let case = number.parse().ok().and_then(|number| book.case(number)).ok_or(Refusal::NotFound)?;
    let apps = asked.portal.apps.load();
    let typed = TypedStep { step: word.clone(), fields: form.typed() };
    let step = match (Context { case, plan: plan.as_deref(), apps: &apps }).step(&word, &form) {
        Ok(step) => step,
        Err(Wrong::NoStep) => return Err(Refusal::NotFound.into()),
        Err(Wrong::Told(alert)) => return show(&asked, &number, typed, Some(alert)),
    };
    match desk.take_step(&actor, case.number, &step).await {
        // Whoever ticks one task after the other stays where she is.
        Ok(()) => match &step {
            Step::Task { task, .. } => asked.redirect(&format!("{LIST}/{number}?done={word}#task-{task}")),
            _ => asked.redirect(&format!("{LIST}/{number}?done={word}")),
        },
        Err(AdminError::Incident(not_allowed)) => show(&asked, &number, typed, Some(told(not_allowed))),
        Err(AdminError::CannotTakeOver(_)) => show(&asked, &number, typed, Some(Alert::IncidentCannotTakeOver)),
        // It is on record: sent again, it would be there twice.
        Err(AdminError::StepUnread) => show(&asked, &number, TypedStep::default(), Some(Alert::IncidentUnread)),
        Err(error) => Err(refused(error)),
    }
}

fn show(asked: &Asked, number: &str, typed: TypedStep, alert: Option<Alert>) -> Answer {
    let (actor, desk) = (person(asked)?, &asked.portal.desk);
    let (book, plan) = (desk.read_incidents(&actor).map_err(refused)?, desk.incidents().plan());
    let case = number.parse().ok().and_then(|number| book.case(number)).ok_or(Refusal::NotFound)?;
    let status = status_of(alert.as_ref());
    let her = &asked.identity()?.who().name;
    let alert = alert.or_else(|| done(case, her, asked.query.text("done")));
    let is_other = |other: &&Case| other.stage.is_open() && other.number != case.number && other.drill == case.drill;
    let others = book.cases().filter(is_other);
    let reader = Reader::new(asked, plan.as_deref());
    let others = others.take(MOST_OFFERED).map(|other| reader.row(other, 0)).collect();
    let story = reader.story(case);
    let paging = Paging::from_the_end(format!("{LIST}/{}", case.number), story.len(), asked.query.text("page"), LINES);
    let view = IncidentView {
        frame: asked.frame_at(&paging.here(), alert),
        row: reader.row(case, reader.many()),
        may_handle: desk.permit(&actor, Change::HandleIncident).is_ok(),
        may_read_log: desk.permit(&actor, Change::ReadLog).is_ok(),
        may_close: desk.permit(&actor, Change::LockDown).is_ok(),
        has_plan: plan.is_some(),
        now: reader.now(),
        category: case.category,
        confirmed: case
            .first_confirmed()
            .map(|(by, at)| ConfirmedLevel { level: case.level(plan.as_deref()), done: reader.done_by(by, at) }),
        proposed: reader.proposed(case),
        levels: plan.iter().flat_map(|plan| plan.levels.iter().map(LevelEffects::of)).collect(),
        triggers: case.triggers.iter().map(|(name, count)| (name.clone(), *count)).collect(),
        latest: reader.moment(latest(case)),
        seen: case.acknowledged.as_ref().map(|(at, by)| reader.done_by(Some(by), *at)),
        is_hers: case.handler.as_ref() == Some(her) && case.acknowledged.is_some(),
        merged_into: case.merged_into,
        moves: moves(case.stage),
        closables: closables(&reader, case),
        tasks: reader.tasks(case),
        reports: reader.reports(case),
        people: reader.people(),
        extent: reader.extent(case, &typed),
        others,
        first: case.first,
        last: case.last,
        story: paging.of(&story).to_vec(),
        untold: case.untold,
        paging,
        typed,
    };
    asked.show_with(status, &view)
}

/// When a trigger last found more of it.
fn latest(case: &Case) -> Time {
    let found = |line: &&crate::incident::Line| matches!(line.what, What::Found(_));
    case.story.iter().rev().find(found).map_or(case.found, |line| line.at)
}

/// Where it may go by one button; what confirms its level or ends it as none has a form of its own.
fn moves(from: Stage) -> Vec<MoveTo> {
    let to = from.next().iter().filter(|to| !matches!(to, Stage::Assessed | Stage::Dismissed));
    to.map(|to| MoveTo { to: *to, asks_why: asks_why(from, *to) }).collect()
}

fn closables(reader: &Reader<'_>, case: &Case) -> Vec<ToClose> {
    let apps = case.apps().into_iter().map(|app| Subject::App(app.to_string()));
    let units = case.units().map(|unit| Subject::Unit(unit.to_owned()));
    apps.chain(units).take(MOST_OFFERED).map(|subject| ToClose { scope: subject.to_string(), about: reader.about(&subject) }).collect()
}

/// What is told after a step: only what the story says that she has just done, whatever an address claims.
fn done(case: &Case, her: &AccountName, claimed: &str) -> Option<Alert> {
    let line = case.story.iter().rev().find(|line| line.by.as_ref() == Some(her))?;
    match &line.what {
        What::Opened(_) if claimed == "opened" => Some(Alert::IncidentOpened),
        What::Step(step) if claimed == step.word() => Some(Alert::IncidentStepTaken),
        What::TooLate(step) if claimed == step.word() => Some(Alert::IncidentTooLate),
        _ => None,
    }
}
