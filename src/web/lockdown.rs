//! Closing an app, a unit or everything in an emergency, for longer by two, and opening it again. `admin` says who may, and for how long.
//!
//! Invariant: nothing here waits for the store before it acts or is shown, because the store may be what is in trouble.

use std::collections::BTreeSet;
use std::time::Duration;

use http::StatusCode;

use crate::admin::{Actor, AdminError, Change, ClosedNow, Extension, LONGEST_LOCKDOWN, Lockdowns};
use crate::clock::Time;
use crate::model::{AskedExtension, ByTwo, Closer, LockdownScope, UnitName};

use super::call::{Answer, Asked, Fields, Posted, Refused};
use super::console::{person, refused, with_query};
use super::own::name_of;
use super::view::{Alert, AskedRow, Closable, ClosedRow, CloserName, ConfirmLockdownView, LockdownAct, LockdownForm, LockdownView};

pub(super) const PAGE: &str = "/console/lockdown";

/// What a page says of the step before it, and what it offers for that.
#[derive(Default)]
struct After {
    alert: Option<Alert>,
    by_two: Option<LockdownScope>,
}

impl From<Alert> for After {
    fn from(alert: Alert) -> Self {
        Self { alert: Some(alert), by_two: None }
    }
}

pub async fn page(asked: Asked) -> Answer {
    show(&asked, After::default(), empty())
}

fn empty() -> LockdownForm {
    LockdownForm { minutes: (LONGEST_LOCKDOWN.as_secs() / 60).to_string(), ..LockdownForm::default() }
}

/// The address at which the list is by itself.
fn here(form: &LockdownForm) -> String {
    form.incident.map_or_else(|| PAGE.to_owned(), |incident| format!("{PAGE}/close?incident={incident}"))
}

/// After something was done, with the way back.
fn emptied(form: &LockdownForm) -> LockdownForm {
    LockdownForm { incident: form.incident, ..empty() }
}

fn show(asked: &Asked, After { alert, by_two }: After, form: LockdownForm) -> Answer {
    let actor = person(asked)?;
    let Lockdowns { closed, asked: wanted } = asked.portal.desk.lockdowns(&actor, asked.now).map_err(refused)?;
    let units: BTreeSet<UnitName> = asked.portal.auth.sessions.list_all().iter().map(|session| session.who.unit.clone()).collect();
    let apps = asked.portal.apps.load();
    let status = if alert.as_ref().is_some_and(Alert::is_error) { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = LockdownView {
        frame: asked.frame_at(&here(&form), alert),
        asked: wanted.iter().map(|(extension, until)| asked_row(asked, &actor, extension, *until)).collect(),
        closed: closed.iter().map(|closed| closed_row(asked, closed, &wanted)).collect(),
        by_two: by_two.map(|scope| closable(asked, scope)),
        apps: apps.iter().map(|app| closable(asked, LockdownScope::App(app.id.clone()))).collect(),
        units: units.into_iter().map(|unit| closable(asked, LockdownScope::Unit(unit))).collect(),
        everything: closable(asked, LockdownScope::All),
        form,
    };
    asked.show_with(status, &view)
}

fn closable(asked: &Asked, scope: LockdownScope) -> Closable {
    let name = match &scope {
        LockdownScope::All => String::new(),
        LockdownScope::App(id) => {
            let apps = asked.portal.apps.load();
            apps.iter().find(|app| app.id == *id).map_or_else(|| id.to_string(), |app| name_of(app, asked.visit.language).to_owned())
        }
        LockdownScope::Unit(unit) => unit.to_string(),
    };
    Closable { scope, name }
}

fn closed_row(asked: &Asked, closed: &ClosedNow, wanted: &[(AskedExtension, Time)]) -> ClosedRow {
    let two = |ByTwo { asked, confirmed }: &ByTwo| [closer(asked), closer(confirmed)];
    let since = closed.closures.iter().map(|closure| closure.since).min().unwrap_or(asked.now);
    ClosedRow {
        what: closable(asked, closed.scope.clone()),
        until: asked.portal.moment(closed.until),
        minutes: closed.until.since(asked.now).as_secs().div_ceil(60),
        since: asked.portal.moment(since),
        by: closed.closures.iter().map(|closure| closer(&closure.by)).collect(),
        extended: closed.closures.iter().find_map(|closure| closure.extended.as_ref()).map(two),
        reasons: closed.closures.iter().map(|closure| closure.reason.clone()).filter(|reason| !reason.is_empty()).collect(),
        is_asked: wanted.iter().any(|(extension, _)| extension.scope == closed.scope),
    }
}

fn asked_row(asked: &Asked, actor: &Actor, extension: &AskedExtension, until: Time) -> AskedRow {
    let own =
        matches!(&extension.by, Closer::Person { account, .. } if actor.person().is_some_and(|identity| identity.account() == *account));
    let what = closable(asked, extension.scope.clone());
    AskedRow { what, by: closer(&extension.by), own, until: asked.portal.moment(until) }
}

fn closer(closer: &Closer) -> CloserName {
    CloserName(closer.name().map(ToString::to_string))
}

/// Asks once more before anything is closed.
pub async fn confirm_close(asked: Asked) -> Answer {
    asked.portal.desk.lockdowns(&person(&asked)?, asked.now).map_err(refused)?;
    let form = form_of(&asked.query);
    // The address by itself is that of the list.
    if [&form.scope, &form.unit, &form.minutes, &form.reason].iter().all(|field| field.is_empty()) {
        return show(&asked, After::default(), emptied(&form));
    }
    let (scope, minutes) = match wanted(&asked, &form) {
        Ok(wanted) => wanted,
        Err(alert) => return show(&asked, alert.into(), form),
    };
    let frame = asked.frame_at(&with_query(&asked, "/console/lockdown/close", &["scope", "unit", "minutes", "reason", "incident"]), None);
    let act = LockdownAct::Close { minutes, reason: form.reason };
    asked.show(&ConfirmLockdownView { frame, what: closable(&asked, scope), act, incident: form.incident })
}

pub async fn close(Posted { asked, form }: Posted) -> Answer {
    let (actor, form) = (person(&asked)?, form_of(&form));
    asked.portal.desk.permit(&actor, Change::LockDown).map_err(refused)?;
    let (scope, minutes) = match wanted(&asked, &form) {
        Ok(wanted) => wanted,
        Err(alert) => return show(&asked, alert.into(), form),
    };
    let length = Duration::from_secs(minutes.saturating_mul(60));
    match asked.portal.desk.lock_down(&actor, &scope, (length, &form.reason), asked.now).await {
        Ok(closed) => {
            let minutes = closed.until.since(asked.now).as_secs().div_ceil(60);
            let alert = if closed.is_shortened { Alert::LockdownShortened { minutes } } else { Alert::LockedDown { minutes } };
            // Another one may close for longer what she may not.
            let by_two = closed.is_shortened.then_some(scope);
            show(&asked, After { alert: Some(alert), by_two }, emptied(&form))
        }
        Err(error) => show(&asked, told(&scope, error)?, form),
    }
}

/// Asks for another hour, or confirms that another one asked.
pub async fn extend(Posted { asked, form }: Posted) -> Answer {
    let actor = person(&asked)?;
    asked.portal.desk.permit(&actor, Change::LockDown).map_err(refused)?;
    let form = form_of(&form);
    let Some(scope) = known(&asked, &form.scope) else { return show(&asked, Alert::Gone.into(), emptied(&form)) };
    let after = match asked.portal.desk.extend_lockdown(&actor, &scope, asked.now).await {
        Ok(Extension::Confirmed { .. }) => Alert::LockdownExtended.into(),
        Ok(Extension::Asked { until } | Extension::AskedBefore { until }) => {
            Alert::LockdownExtensionAsked { minutes: until.since(asked.now).as_secs().div_ceil(60) }.into()
        }
        Ok(Extension::NotClosed) => Alert::Gone.into(),
        Err(error) => told(&scope, error)?,
    };
    show(&asked, after, emptied(&form))
}

/// Asks once more before anything is opened: whoever closed it could not close it again alone.
pub async fn confirm_lift(asked: Asked) -> Answer {
    let closed = asked.portal.desk.lockdowns(&person(&asked)?, asked.now).map_err(refused)?.closed;
    let scope = LockdownScope::parse(asked.query.text("scope"));
    let Some(scope) = scope.filter(|scope| closed.iter().any(|closed| closed.scope == *scope)) else {
        let alert = (!asked.query.text("scope").is_empty()).then_some(Alert::Gone);
        return show(&asked, After { alert, by_two: None }, emptied(&form_of(&asked.query)));
    };
    let frame = asked.frame_at(&with_query(&asked, "/console/lockdown/lift", &["scope", "incident"]), None);
    let incident = form_of(&asked.query).incident;
    asked.show(&ConfirmLockdownView { frame, what: closable(&asked, scope), act: LockdownAct::Lift, incident })
}

pub async fn lift(Posted { asked, form }: Posted) -> Answer {
    let actor = person(&asked)?;
    asked.portal.desk.permit(&actor, Change::LockDown).map_err(refused)?;
    let form = form_of(&form);
    let Some(scope) = LockdownScope::parse(&form.scope) else { return show(&asked, Alert::Gone.into(), emptied(&form)) };
    match asked.portal.desk.lift_lockdown(&actor, &scope, asked.now).await {
        Ok(true) => show(&asked, Alert::LockdownLifted.into(), emptied(&form)),
        Ok(false) => show(&asked, Alert::Gone.into(), emptied(&form)),
        Err(error) => show(&asked, told(&scope, error)?, emptied(&form)),
    }
}

fn form_of(fields: &Fields) -> LockdownForm {
    let text = |name: &str| fields.text(name).trim().to_owned();
    let incident = text("incident").parse().ok();
    LockdownForm { scope: text("scope"), unit: text("unit"), minutes: text("minutes"), reason: text("reason"), incident }
}

/// A unit that was typed goes before what was chosen from the list.
fn wanted(asked: &Asked, form: &LockdownForm) -> Result<(LockdownScope, u64), Alert> {
    let scope = match form.unit.as_str() {
        "" => known(asked, &form.scope).ok_or(Alert::LockdownNothingChosen)?,
        unit => LockdownScope::Unit(UnitName::parse(unit).map_err(|_| Alert::UnitInvalid)?),
    };
    let most = LONGEST_LOCKDOWN.as_secs() / 60;
    let minutes = form.minutes.parse().ok().filter(|minutes| (1..=most).contains(minutes)).ok_or(Alert::LockdownMinutesInvalid { most })?;
    Ok((scope, minutes))
}

/// Nothing is closed by the name of an app that there is not.
fn known(asked: &Asked, text: &str) -> Option<LockdownScope> {
    let scope = LockdownScope::parse(text)?;
    let apps = asked.portal.apps.load();
    let is_known = match &scope {
        LockdownScope::App(id) => apps.iter().any(|app| app.id == *id),
        LockdownScope::All | LockdownScope::Unit(_) => true,
    };
    is_known.then_some(scope)
}

fn told(scope: &LockdownScope, error: AdminError) -> Result<After, Refused> {
    let alert = match error {
        AdminError::ClosedByYou { minutes, .. } => Alert::LockdownClosedByYou { minutes },
        AdminError::ClosedByYouLately { minutes, .. } => Alert::LockdownClosedByYouLately { minutes },
        AdminError::ClosedByEither { minutes, .. } => Alert::LockdownClosedByEither { minutes },
        AdminError::OwnExtension { minutes, .. } => return Ok(Alert::LockdownOwnExtension { minutes }.into()),
        AdminError::NotClosed(_) => return Ok(Alert::Gone.into()),
        AdminError::NoSuchUnit(_) => return Ok(Alert::LockdownNoSuchUnit.into()),
        AdminError::ClosedInMemory(why) => {
            tracing::error!(%why, "what is closed could not be written down; a restart opens it");
            return Ok(Alert::LockdownNotKept.into());
        }
        error => return Err(refused(error)),
    };
    Ok(After { alert: Some(alert), by_two: Some(scope.clone()) })
}
