//! Lockdown as the control socket asks for it.

use std::time::Duration;

use crate::admin::{Actor, Extension};
use crate::model::{AppId, Closer, LockdownScope};

use super::{ControlAnswer, done, told};
use crate::gateway::house::House;

pub(super) async fn close(
    house: &House,
    actor: &Actor,
    scope: &LockdownScope,
    (minutes, reason): (u64, &str),
) -> Result<ControlAnswer, String> {
    known(house, scope)?;
    let now = house.clock.now();
    let length = Duration::from_secs(minutes.saturating_mul(60));
    let closed = house.desk.lock_down(actor, scope, (length, reason), now).await.map_err(|error| told(&error))?;
    let minutes = closed.until.since(now).as_secs().div_ceil(60);
    let (what, options) = (is_closed(scope), scope.as_options());
    let less =
        if closed.is_shortened { ", no longer because you closed a part of it before: somebody else may close it for an hour" } else { "" };
    Ok(done(format!("{what} for {minutes} min{less}; `yumen lockdown {options} --lift` opens again, --extend asks for another hour")))
}

pub(super) async fn extend(house: &House, actor: &Actor, scope: &LockdownScope) -> Result<ControlAnswer, String> {
    known(house, scope)?;
    let now = house.clock.now();
    let minutes = |until: crate::clock::Time| until.since(now).as_secs().div_ceil(60);
    let (what, options) = (is_closed(scope), scope.as_options());
    match house.desk.extend_lockdown(actor, scope, now).await.map_err(|error| told(&error))? {
        Extension::Confirmed { until, asked } => {
            Ok(done(format!("{what} for {} min more, as {} and you want it", minutes(until), name_of(&asked))))
        }
        Extension::Asked { until } | Extension::AskedBefore { until } => Ok(done(format!(
            "asked for, and not extended yet: ask somebody else on the duty list to confirm within {} min: yumen lockdown {options} --extend",
            minutes(until)
        ))),
        Extension::NotClosed => Ok(done(format!("{} not closed", scope.in_words()))),
    }
}

pub(super) async fn lift(house: &House, actor: &Actor, scope: &LockdownScope) -> Result<ControlAnswer, String> {
    // An app that the config names no more may still be closed.
    let was = house.desk.lift_lockdown(actor, scope, house.clock.now()).await.map_err(|error| told(&error))?;
    let said = match (was, scope) {
        (true, LockdownScope::All) => "all apps are open again".to_owned(),
        (true, LockdownScope::App(_) | LockdownScope::Unit(_)) => format!("{} is open again", scope.in_words()),
        (false, LockdownScope::All) => "all apps together are not closed".to_owned(),
        (false, LockdownScope::App(_) | LockdownScope::Unit(_)) => format!("{} is not closed by itself", scope.in_words()),
    };
    let left = house.desk.closed_now(house.clock.now()).closed;
    let left: Vec<String> = left.iter().map(|closed| closed.scope.in_words()).collect();
    Ok(done(if left.is_empty() { said } else { format!("{said}; still closed: {}", left.join(", ")) }))
}

/// What is closed, and to whom.
pub(in crate::gateway) fn is_closed(scope: &LockdownScope) -> String {
    match scope {
        LockdownScope::All => "all apps are closed to everybody".to_owned(),
        LockdownScope::App(_) => format!("{} is closed to everybody", scope.in_words()),
        LockdownScope::Unit(_) => format!("{} is kept out of all apps", scope.in_words()),
    }
}

/// For a terminal.
pub(in crate::gateway) fn name_of(closer: &Closer) -> &str {
    closer.name().map_or("the machine's owner", |name| name.as_str())
}

fn known(house: &House, scope: &LockdownScope) -> Result<(), String> {
    let LockdownScope::App(app) = scope else { return Ok(()) };
    known_app(house, app)
}

pub(super) fn known_app(house: &House, app: &AppId) -> Result<(), String> {
    if house.map.load().site_of(app).is_some() { Ok(()) } else { Err(no_such(house, app)) }
}

fn no_such(house: &House, app: &AppId) -> String {
    let mut ids: Vec<String> = house.map.load().sites.values().map(|site| site.app.id.to_string()).collect();
    ids.sort();
    format!("there is no app {:?}; there are: {}", app.as_str(), ids.join(", "))
}
