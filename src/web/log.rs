//! The auditor's pages: the log, one record of it with its proof, and charts. `admin` says who may read, and puts on record that she did.

use axum::extract::Path;
use http::{HeaderValue, StatusCode, header};

use crate::admin::{Actor, AdminError, Change, LogFound};
use crate::clock::Time;
use crate::model::{LogApp, LogQuery, Refusal};
use crate::store::LogSpan;

use super::call::{Answer, Asked, Refused};
use super::console::{actor, refused, with_query};
use super::log_filter::{self, FILTERS};
use super::log_rows::{app_name, related_row, row};
use super::own::name_of;
use super::view::{
    ChartOf, ChartSpan, LogChartsView, LogDroppedView, LogExports, LogForm, LogProof, LogReachView, LogRecordView, LogView, RecordFacts,
};

pub(super) const LIST: &str = "/console/log";
const LIVE: &str = "/console/log/live";
const CHARTS: &str = "/console/log/charts";
/// So many rows are on one page: a long page in Uyghur stays under 100 kB with all that it asks for.
pub(super) const ROWS: usize = 40;

/// The page that follows the log asks its own host for more, as no other page does.
const LIVE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

pub async fn page(asked: Asked) -> Answer {
    let actor = actor(&asked)?;
    show(&asked, &actor).await
}

/// The list, with whatever was typed.
pub(super) async fn show(asked: &Asked, actor: &Actor) -> Answer {
    asked.portal.desk.permit(actor, Change::ReadLog).map_err(refused)?;
    let (form, query) = log_filter::read(asked);
    let found = match query.clone() {
        Some(query) => {
            let query = LogQuery { limit: ROWS, ..query };
            asked.portal.desk.search_log(actor, &asked.visit.reference, &query).await.map_err(refused)?
        }
        None => LogFound::default(),
    };
    let status = if query.is_some() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let is_live = query.is_some() && !asked.query.text("live").is_empty();
    let mut response = asked.show_with(status, &view(asked, form, &found, is_live))?;
    if is_live {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(LIVE_POLICY));
    }
    Ok(response)
}

fn view(asked: &Asked, form: LogForm, found: &LogFound, is_live: bool) -> LogView {
    let list = with_query(asked, LIST, &FILTERS);
    let with = |name: &str, value: &str| format!("{list}{}{name}={value}", if list.contains('?') { '&' } else { '?' });
    let before: Option<u64> = asked.query.text("before").parse().ok();
    let here = match before {
        Some(before) => with("before", &before.to_string()),
        None if is_live => with("live", "1"),
        None => list.clone(),
    };
    let newest = found.records.first().map_or(found.reach.up_to, |record| record.leaf.sequence);
    let follow = with_query(asked, LIVE, &FILTERS);
    let exports = |kind: &str| with_query(asked, &format!("{LIST}/export.{kind}"), &FILTERS);
    LogView {
        frame: asked.frame_at(&here, None),
        apps: apps(asked, form.typed("app")),
        rows: found.records.iter().map(|record| row(asked, record)).collect(),
        reach: reach(asked, &found.reach),
        first: before.map(|_| list.clone()),
        older: found.next.map(|next| with("before", &next.to_string())),
        live_on: with("live", "1"),
        live: is_live.then(|| format!("{follow}{}after={newest}", if follow.contains('?') { '&' } else { '?' })),
        exports: LogExports { csv: exports("csv"), json: exports("jsonl") },
        list,
        form,
    }
}

/// Those that are there, and the one that is asked for in any case: apps go, records stay.
fn apps(asked: &Asked, typed: &str) -> Vec<(String, String)> {
    let portal = (LogApp::PORTAL.to_owned(), app_name(asked, None));
    let known = asked.portal.apps.load();
    let mut apps: Vec<(String, String)> = std::iter::once(portal)
        .chain(known.iter().map(|app| (app.id.to_string(), name_of(app, asked.visit.language).to_owned())))
        .collect();
    if !typed.is_empty() && !apps.iter().any(|(id, _)| id == typed) {
        apps.push((typed.to_owned(), typed.to_owned()));
    }
    apps
}

pub(super) fn reach(asked: &Asked, reach: &crate::admin::LogReach) -> LogReachView {
    let at = reach.at.as_deref().and_then(|at| at.parse::<jiff::Timestamp>().ok());
    LogReachView {
        at: at.map(|at| asked.portal.instant(Time::from_millis(at.as_millisecond()))),
        up_to: reach.up_to,
        behind: reach.sealed.saturating_sub(reach.up_to),
    }
}

pub async fn record(Path(sequence): Path<String>, asked: Asked) -> Answer {
    let actor = actor(&asked)?;
    let desk = &asked.portal.desk;
    desk.permit(&actor, Change::ReadLog).map_err(refused)?;
    let sequence: u64 = sequence.parse().map_err(|_| Refusal::NotFound)?;
    let proven = match desk.log_record(&actor, &asked.visit.reference, sequence).await {
        Err(AdminError::RecordDropped(_)) => return dropped(&asked, sequence),
        proven => proven.map_err(refused)?,
    };
    let entry = proven.leaf.entry().ok();
    let zoned = |time: &str| time.parse::<jiff::Timestamp>().ok().map(|at| asked.portal.instant(Time::from_millis(at.as_millisecond())));
    let view = LogRecordView {
        frame: asked.frame(None),
        sequence,
        app: match entry.as_ref().map(|entry| &entry.record) {
            Some(crate::model::Record::Opened(opened)) => app_name(&asked, opened.app.as_ref()),
            _ => String::new(),
        },
        facts: entry.map(|entry| RecordFacts { time: zoned(&entry.time), entry }),
        json: String::from_utf8_lossy(&proven.leaf.json).into_owned(),
        related: proven.related.iter().map(|leaf| related_row(&asked, leaf)).collect(),
        proof: LogProof {
            leaf: proven.leaf.hash().to_string(),
            hashes: proven.proof.iter().map(ToString::to_string).collect(),
            size: proven.checkpoint.size,
            root: proven.checkpoint.root.to_string(),
            note: proven.note.to_string(),
        },
        key: desk.log_key(&actor).map_err(refused)?,
    };
    asked.show(&view)
}

pub async fn proof(Path(sequence): Path<String>, asked: Asked) -> Answer {
    let actor = actor(&asked)?;
    asked.portal.desk.permit(&actor, Change::ReadLog).map_err(refused)?;
    let sequence: u64 = sequence.parse().map_err(|_| Refusal::NotFound)?;
    let proof = match asked.portal.desk.log_proof(&actor, &asked.visit.reference, sequence).await {
        Err(AdminError::RecordDropped(_)) => return dropped(&asked, sequence),
        proof => proof.map_err(refused)?,
    };
    asked.attach(&format!("{sequence}.tlog-proof"), "application/octet-stream", proof.into_bytes())
}

fn dropped(asked: &Asked, sequence: u64) -> Answer {
    asked.show_with(StatusCode::GONE, &LogDroppedView { frame: asked.frame(None), sequence })
}

pub async fn charts(asked: Asked) -> Answer {
    let actor = actor(&asked)?;
    let span = ChartSpan::parse(asked.query.text("span"));
    let app = LogApp::parse(asked.query.text("app"));
    let to = asked.portal.clock.wall();
    let wanted = LogSpan { from: Some(span.begin(to)), to: Some(to), app: app.clone() };
    let figures = asked.portal.desk.log_figures(&actor, &asked.visit.reference, &wanted).await.map_err(refused)?;
    let apps = asked.portal.apps.load();
    let named = |word: &str| match word {
        LogApp::PORTAL => app_name(&asked, None),
        word => apps.iter().find(|app| app.id.as_str() == word).map_or(word, |app| name_of(app, asked.visit.language)).to_owned(),
    };
    let typed = app.as_ref().map(|app| app.word().to_owned()).unwrap_or_default();
    let by_app = figures.by_app.into_iter().map(|count| ChartOf {
        name: named(&count.by),
        word: count.by,
        allowed: count.allowed,
        refused: count.refused,
    });
    let by_reason = figures.by_reason.into_iter().map(|count| ChartOf {
        name: count.by.clone(),
        word: count.by,
        allowed: count.allowed,
        refused: count.refused,
    });
    let view = LogChartsView {
        frame: asked.frame_at(&with_query(&asked, CHARTS, &["span", "app"]), None),
        bars: span.bars(&figures.by_hour, to, &asked.portal.zone),
        span,
        apps: self::apps(&asked, &typed),
        app: typed,
        from: asked.portal.moment(span.begin(to)),
        by_app: by_app.collect(),
        by_reason: by_reason.collect(),
        reach: reach(&asked, &figures.reach),
    };
    asked.show(&view)
}

/// What is asked for by an address that shows no page; what is not understood there is nobody's.
pub(super) fn understood(asked: &Asked) -> Result<LogQuery, Refused> {
    log_filter::read(asked).1.ok_or_else(|| Refusal::NotFound.into())
}
