//! Samples of the pages by which apps and units are closed.

use askama::Template;

use super::samples::{Typed, moment};
use super::*;
use crate::model::{AppId, LockdownScope};

pub(super) fn pages(language: Language, typed: Typed) -> Vec<(&'static str, askama::Result<String>)> {
    let frame = |path: &str| {
        let frame = Frame::portal(language, path, "csrf-token".into()).signed_in(typed.name, Role::Member).closing(true);
        frame.zone("UTC+08:00".into())
    };
    let what = |scope: &str, name: &str| Closable { scope: LockdownScope::parse(scope).unwrap(), name: name.into() };
    let (everything, app) =
        (what("all", ""), Closable { scope: LockdownScope::App(AppId::parse("sites").unwrap()), name: typed.app.into() });
    let unit = what("unit:新闻办", typed.unit);
    let closer = |name: &str| CloserName(Some(name.into()));
    let row = |what: &Closable, is_asked: bool| ClosedRow {
        what: what.clone(),
        until: moment(),
        minutes: 42,
        since: moment(),
        by: vec![closer(typed.name), CloserName(None)],
        extended: is_asked.then(|| [closer(typed.name), CloserName(None)]),
        reasons: if is_asked { vec![] } else { vec![typed.key.into()] },
        is_asked,
    };
    let asked = |own| AskedRow { what: if own { app.clone() } else { unit.clone() }, by: closer(typed.name), own, until: moment() };
    let form = |scope: &str| LockdownForm {
        scope: scope.into(),
        unit: typed.unit.into(),
        minutes: "60".into(),
        reason: typed.key.into(),
        incident: (!scope.is_empty()).then_some(7),
    };
    let page = |asked: Vec<AskedRow>, closed: Vec<ClosedRow>, by_two: Option<Closable>, scope: &str| LockdownView {
        frame: frame("/console/lockdown"),
        asked,
        closed,
        by_two,
        apps: vec![app.clone()],
        units: if scope.is_empty() { vec![] } else { vec![unit.clone()] },
        everything: everything.clone(),
        form: form(scope),
    };
    let confirm =
        |what: &Closable, act| ConfirmLockdownView { frame: frame("/console/lockdown/close"), what: what.clone(), act, incident: Some(7) };
    let close = || LockdownAct::Close { minutes: 60, reason: typed.key.into() };
    let everything_closed = vec![row(&app, true), row(&unit, true), row(&everything, false)];
    vec![
        ("console-lockdown", page(vec![asked(true), asked(false)], everything_closed, Some(app.clone()), "all").render()),
        ("console-lockdown-none", page(vec![], vec![], None, "").render()),
        ("console-confirm-lockdown", confirm(&app, close()).render()),
        ("console-confirm-lockdown-unit", confirm(&unit, close()).render()),
        ("console-confirm-lockdown-all", confirm(&everything, close()).render()),
        ("console-confirm-lift", confirm(&unit, LockdownAct::Lift).render()),
    ]
}
