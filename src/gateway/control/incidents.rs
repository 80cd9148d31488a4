//! Incidents as the control socket is asked about them. The names of the fields are promised to scripts: they are added to, never changed.

use serde::{Deserialize, Serialize};

use super::steps::{StoryLine, story};
use super::todo::{self, TodoLine};
use super::{ControlAnswer, done, told};
use crate::admin::Actor;
use crate::clock::Time;
use crate::gateway::house::House;
use crate::incident::{Case, Category, Opening, Plan, Subject};
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
        due: plan.as_deref().map(|plan| todo::lines(case, plan, now)).unwrap_or_default(),
        story: case.story.iter().map(|line| story(line, plan.as_deref())).collect(),
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

fn line(case: &Case, plan: Option<&Plan>, now: Time) -> IncidentLine {
    let waits = plan.map(|plan| todo::lines(case, plan, now)).unwrap_or_default();
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
