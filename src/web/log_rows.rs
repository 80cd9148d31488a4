//! Records as rows of pages.

use crate::admin::FoundRecord;
use crate::audit::Leaf;
use crate::clock::Time;
use crate::model::{AppId, Decision, Entry, Event, LogDecision, LogKind, Opened, Outcome, Record, Who};

use super::call::Asked;
use super::own::name_of;
use super::view::{LogDone, LogRow, LogVerdict, LogWho, Moment, RelatedRow};

pub(super) fn row(asked: &Asked, found: &FoundRecord) -> LogRow {
    let entry = found.leaf.entry().ok();
    let mut row = LogRow { sequence: found.leaf.sequence, ..LogRow::default() };
    if let Some(entry) = entry {
        row.time = time(asked, &entry);
        match &entry.record {
            Record::Opened(opened) => of_opened(asked, opened, &mut row),
            Record::Event(event) => of_event(event, &mut row),
            Record::Closed(_) | Record::StillOpen { .. } => {}
        }
    }
    if let Some(Ok(Entry { record: Record::Closed(closed), .. })) = found.closed.as_ref().map(Leaf::entry) {
        row.status = Some(closed.status);
    }
    row
}

fn of_opened(asked: &Asked, opened: &Opened, row: &mut LogRow) {
    row.who = opened.who.as_deref().map(who);
    row.done =
        LogDone::Access { app: app_name(asked, opened.app.as_ref()), method: opened.method.clone(), path: opened.target().into_owned() };
    let decision = match opened.decision {
        Decision::Allowed => LogDecision::Allowed,
        Decision::Refused => LogDecision::Refused,
    };
    row.verdict = LogVerdict::Access(decision, opened.rule.clone());
    row.address = opened.address.to_string();
}

fn of_event(event: &Event, row: &mut LogRow) {
    row.who = event.who.as_deref().map(who);
    // Of whom or what it is, as far as one word tells.
    let about = ["name", "serial", "app", "path", "authority"].iter().find_map(|name| event.details.get(*name));
    row.done = LogDone::Event { kind: LogKind::Event(event.action), about: about.cloned().unwrap_or_default() };
    let why = event.details.get("why").cloned().unwrap_or_default();
    row.verdict = LogVerdict::Event(event.outcome == Outcome::Done, why);
    row.address = event.address.map(|address| address.to_string()).unwrap_or_default();
}

fn who(who: &Who) -> LogWho {
    LogWho { name: who.name.to_string(), unit: who.unit.to_string() }
}

fn time(asked: &Asked, entry: &Entry) -> Option<Moment> {
    let at = entry.time.parse::<jiff::Timestamp>().ok()?;
    Some(asked.portal.instant(Time::from_millis(at.as_millisecond())))
}

/// What has the same reference as the record that is shown.
pub(super) fn related_row(asked: &Asked, leaf: &Leaf) -> RelatedRow {
    let entry = leaf.entry().ok();
    let kind = match entry.as_ref().map(|entry| &entry.record) {
        Some(Record::Opened(_)) => "opened".to_owned(),
        Some(Record::Closed(_)) => "closed".to_owned(),
        Some(Record::Event(event)) => LogKind::Event(event.action).word(),
        Some(Record::StillOpen { .. }) | None => String::new(),
    };
    RelatedRow { sequence: leaf.sequence, time: entry.and_then(|entry| time(asked, &entry)), kind }
}

/// In her language; of an app that is gone, its id. `None`: the portal.
pub(super) fn app_name(asked: &Asked, app: Option<&AppId>) -> String {
    match app {
        None => crate::lang::text(asked.visit.language, "log-portal").into_owned(),
        Some(id) => {
            let apps = asked.portal.apps.load();
            apps.iter().find(|app| app.id == *id).map_or_else(|| id.to_string(), |app| name_of(app, asked.visit.language).to_owned())
        }
    }
}
