//! The console's list of incidents, and the form by which somebody opens one. `admin` says who may see and who may handle them.

use std::cmp::Reverse;
use std::sync::Arc;

use http::StatusCode;

use crate::admin::{Actor, AdminError, Change};
use crate::auth::Identity;
use crate::incident::Case;
use crate::model::Level;

use super::call::{Answer, Asked, Posted};
use super::console::{person, refused};
use super::incident_rows::{Reader, app_names};
use super::incident_step;
use super::view::{Alert, IncidentOpenView, IncidentsView, Paging, TypedStep};

pub(super) const LIST: &str = "/console/incidents";
/// So many are on one page: in Uyghur that stays under 100 kB with all that it asks for.
const ROWS: usize = 20;

/// How many open incidents nobody has acknowledged, for whoever may see them.
pub(super) fn unseen(asked: &Asked, identity: &Arc<Identity>) -> Option<u64> {
    let actor = Actor::Staff { identity: identity.clone(), address: asked.visit.origin.address };
    let book = asked.portal.desk.read_incidents(&actor).ok()?;
    Some(count(book.cases().filter(|case| is_unseen(case))))
}

fn is_unseen(case: &Case) -> bool {
    case.stage.is_open() && case.acknowledged.is_none() && case.drill.is_none()
}

fn count<'c>(cases: impl Iterator<Item = &'c Case>) -> u64 {
    cases.count().try_into().unwrap_or(u64::MAX)
}

pub async fn page(asked: Asked) -> Answer {
    let actor = person(&asked)?;
    let desk = &asked.portal.desk;
    let (book, plan) = (desk.read_incidents(&actor).map_err(refused)?, desk.incidents().plan());
    let mut cases: Vec<(Option<Level>, &Case)> =
        book.cases().map(|case| (case.stage.is_open().then(|| case.level(plan.as_deref())), case)).collect();
    // Those that are over have no level here, and come last; what is practised keeps nobody from what is real.
    cases.sort_by_key(|(level, case)| Reverse((level.is_some(), level.is_some() && case.drill.is_none(), *level, case.number)));
    let paging = Paging::of_rows(LIST.to_owned(), cases.len(), asked.query.text("page"), ROWS);
    let reader = Reader::new(&asked, plan.as_deref());
    let view = IncidentsView {
        frame: asked.frame_at(&paging.here(), None),
        has_plan: plan.is_some(),
        may_handle: desk.permit(&actor, Change::HandleIncident).is_ok(),
        open: count(book.cases().filter(|case| case.stage.is_open() && case.drill.is_none())),
        unseen: count(book.cases().filter(|case| is_unseen(case))),
        rows: paging.of(&cases).iter().map(|(_, case)| reader.row(case, reader.few())).collect(),
        now: reader.now(),
        paging,
    };
    asked.show(&view)
}

pub async fn open_page(asked: Asked) -> Answer {
    show_open(&asked, TypedStep::default(), None)
}

fn show_open(asked: &Asked, typed: TypedStep, alert: Option<Alert>) -> Answer {
    asked.portal.desk.permit(&person(asked)?, Change::HandleIncident).map_err(refused)?;
    let status = status_of(alert.as_ref());
    let view = IncidentOpenView { frame: asked.frame_at("/console/incidents/open", alert), typed, apps: app_names(asked) };
    asked.show_with(status, &view)
}

/// Of a page that tells what became of a step.
pub(super) fn status_of(alert: Option<&Alert>) -> StatusCode {
    match alert {
        Some(Alert::IncidentUnread) => StatusCode::ACCEPTED,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    }
}

pub async fn open(Posted { asked, form }: Posted) -> Answer {
    let (actor, desk) = (person(&asked)?, &asked.portal.desk);
    desk.permit(&actor, Change::HandleIncident).map_err(refused)?;
    let typed = TypedStep { step: "open".to_owned(), fields: form.typed() };
    let opening = match incident_step::opening(&form, &asked.portal.apps.load()) {
        Ok(opening) => opening,
        Err(alert) => return show_open(&asked, typed, Some(alert)),
    };
    match desk.open_incident(&actor, &opening).await {
        Ok(number) => asked.redirect(&format!("{LIST}/{number}?done=opened")),
        // It is on record: sent again, it would be another one.
        Err(AdminError::StepUnread) => show_open(&asked, TypedStep::default(), Some(Alert::IncidentUnread)),
        Err(error) => Err(refused(error)),
    }
}
