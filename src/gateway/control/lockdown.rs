//! Lockdown as the control socket asks for it.

use std::time::Duration;

use crate::admin::Actor;
use crate::model::AppId;

use super::{ControlAnswer, done, told};
use crate::gateway::house::House;

pub(super) async fn close(house: &House, actor: &Actor, app: Option<&str>, minutes: u64) -> Result<ControlAnswer, String> {
    let (app, now) = (known(house, app)?, house.clock.now());
    let length = Duration::from_secs(minutes.saturating_mul(60));
    let until = house.desk.lock_down(actor, app.as_ref(), length, now).await.map_err(|error| told(&error))?;
    let minutes = until.since(now).as_secs().div_ceil(60);
    let (what, which) = (what(app.as_ref()), which(app.as_ref()));
    Ok(done(format!("{what} closed to everybody for {minutes} min; `yumen lockdown --lift {which}` opens again")))
}

pub(super) async fn lift(house: &House, actor: &Actor, app: Option<&str>) -> Result<ControlAnswer, String> {
    // An app that the config names no more may still be closed.
    let app = app.map(|text| AppId::parse(text).ok_or_else(|| no_such(house, text))).transpose()?;
    let was = house.desk.lift_lockdown(actor, app.as_ref(), house.clock.now()).await.map_err(|error| told(&error))?;
    let what = what(app.as_ref());
    let nothing = || app.as_ref().map_or_else(|| "nothing is closed".to_owned(), |app| format!("the app {app} is not closed by itself"));
    Ok(done(if was { format!("{what} open again") } else { nothing() }))
}

fn what(app: Option<&AppId>) -> String {
    app.map_or_else(|| "all apps are".to_owned(), |app| format!("the app {app} is"))
}

/// As the verb is told.
fn which(app: Option<&AppId>) -> String {
    app.map_or_else(|| "--all".to_owned(), |app| format!("--app {app}"))
}

fn known(house: &House, app: Option<&str>) -> Result<Option<AppId>, String> {
    let Some(text) = app else { return Ok(None) };
    let app = AppId::parse(text).filter(|app| house.map.load().site_of(app).is_some());
    app.map(Some).ok_or_else(|| no_such(house, text))
}

fn no_such(house: &House, text: &str) -> String {
    let mut ids: Vec<String> = house.map.load().sites.values().map(|site| site.app.id.to_string()).collect();
    ids.sort();
    format!("there is no app {text:?}; there are: {}", ids.join(", "))
}
