//! Samples of the auditor's pages, for the tests that look at every page.

use std::sync::Arc;

use askama::Template;

use super::samples::{Typed, moment};
use super::*;
use crate::clock::Time;
use crate::model::{
    AccountId, AccountName, Action, Closed, Decision, End, Entry, Event, Factor, LogDecision, LogKind, Opened, Record, Reference, UnitName,
    Who,
};

pub(super) fn row(typed: Typed, sequence: u64) -> LogRow {
    LogRow {
        sequence,
        time: Some(moment()),
        who: Some(LogWho { name: typed.name.into(), unit: typed.unit.into() }),
        done: LogDone::Access { app: typed.app.into(), method: "POST".into(), path: format!("/articles/{}/edit", typed.key) },
        verdict: LogVerdict::Access(LogDecision::Refused, format!("not-allowed: {}", typed.key)),
        address: "2001:db8:85a3::8a2e:370:7334".into(),
        status: Some(403),
    }
}

fn event(typed: Typed) -> LogRow {
    LogRow {
        done: LogDone::Event { kind: LogKind::Event(Action::SignIn), about: typed.name.into() },
        verdict: LogVerdict::Event(false, typed.key.into()),
        who: None,
        status: None,
        ..row(typed, 6)
    }
}

pub(super) fn reach() -> LogReachView {
    LogReachView { at: Some(moment()), up_to: 1_234_567, behind: 12 }
}

pub(super) fn form(typed: &[(&'static str, &str)], wrong: &[&str]) -> LogForm {
    let names = ["account", "unit", "app", "address", "decision", "kind", "reason", "reference", "text", "from", "to"];
    let value = |name: &str| typed.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value).to_owned();
    let field = |name: &&'static str| LogField { name, typed: value(name), is_wrong: wrong.contains(name) };
    LogForm { fields: names.iter().map(field).collect() }
}

pub(super) fn log(frame: Frame, typed: Typed, form: LogForm, rows: Vec<LogRow>) -> LogView {
    LogView {
        frame,
        form,
        apps: vec![("(portal)".into(), typed.app.into()), ("sites".into(), typed.app.into())],
        reach: reach(),
        list: "/console/log".into(),
        first: None,
        older: (!rows.is_empty()).then(|| "/console/log?before=5".into()),
        live_on: "/console/log?live=1".into(),
        live: None,
        exports: LogExports { csv: "/console/log/export.csv".into(), json: "/console/log/export.jsonl".into() },
        rows,
    }
}

fn who() -> Arc<Who> {
    Arc::new(Who {
        account: AccountId::fresh(),
        name: AccountName::parse("wang").unwrap(),
        unit: UnitName::parse("信息中心").unwrap(),
        role: Role::Member,
        factor: Some(Factor::UsbKey),
        session: Some("0123456789abcdef".into()),
    })
}

fn opened(typed: Typed) -> Record {
    Record::Opened(Opened {
        reference: Reference::new([7; 10]),
        who: Some(who()),
        address: "2001:db8::7".parse().unwrap(),
        port: 40_000,
        tls: "1.3".into(),
        group: "X25519MLKEM768".into(),
        app: None,
        label: Some(Label::Sensitive),
        host: "sites.example.cn".into(),
        method: "POST".into(),
        path: typed.key.into(),
        decision: Decision::Refused,
        rule: format!("not-allowed: {}", typed.key),
    })
}

fn record(frame: Frame, typed: Typed, record: Option<Record>) -> LogRecordView {
    let entry = record.map(|record| Entry::stamp(7, Time::from_millis(1_795_316_645_000), [7; 16], record));
    LogRecordView {
        frame,
        sequence: 7,
        app: typed.app.into(),
        facts: entry.map(|entry| RecordFacts { time: Some(moment()), entry }),
        json: format!("{{\"sequence\":7,\"path\":\"{}\"}}", typed.key),
        related: ["opened", "closed", "sign-in", "no-such"]
            .map(|kind| RelatedRow { sequence: 8, time: Some(moment()), kind: kind.into() })
            .into(),
        proof: LogProof {
            leaf: "mQ0o2bI2f6H3k8JbH4pY0cQxT4qM5rLtVd0e1xYzAbc=".into(),
            hashes: vec!["mQ0o2bI2f6H3k8JbH4pY0cQxT4qM5rLtVd0e1xYzAbc=".into(); 20],
            size: 1_234_567,
            root: "mQ0o2bI2f6H3k8JbH4pY0cQxT4qM5rLtVd0e1xYzAbc=".into(),
            note: "gate.example.cn/log\n7\nmQ0o2bI2f6H3k8JbH4pY0cQxT4qM5rLtVd0e1xYzAbc=\n\n— gate.example.cn/log x\n".into(),
        },
        key: "gate.example.cn/log+01020304+AQIDBA==".into(),
    }
}

pub(super) fn charts(frame: Frame, typed: Typed, span: ChartSpan, count: u64) -> LogChartsView {
    let bar = |number: usize| ChartBar {
        shown: format!("11-22 {number:02}:00"),
        allowed: count.saturating_mul(number as u64),
        refused: count.saturating_mul(3),
    };
    let of = |word: &str, name: &str| ChartOf { name: name.into(), word: word.into(), allowed: count * 9, refused: count };
    LogChartsView {
        frame,
        span,
        apps: vec![("(portal)".into(), typed.app.into()), ("sites".into(), typed.app.into())],
        app: "sites".into(),
        from: moment(),
        bars: (0..if span == ChartSpan::Week { 168 } else { 24 }).map(bar).collect(),
        by_app: vec![of("sites", typed.app), of("(strangers)", "(strangers)")],
        by_reason: vec![
            of(&format!("not-allowed: {}", typed.key), &format!("not-allowed: {}", typed.key)),
            of("strangers-refused", "strangers-refused"),
        ],
        reach: reach(),
    }
}

pub(super) fn pages(language: Language, typed: Typed) -> Vec<(&'static str, askama::Result<String>)> {
    let frame =
        |path: &str| Frame::portal(language, path, "csrf-token".into()).signed_in(typed.name, Role::Auditor).zone("UTC+08:00".into());
    let log = |form, rows| self::log(frame("/console/log"), typed, form, rows);
    let wrong =
        form(&[("address", typed.key), ("kind", typed.key), ("from", typed.key), ("text", "x")], &["address", "kind", "from", "text"]);
    let live = LogView { live: Some("/console/log/live?after=7".into()), ..log(form(&[], &[]), vec![row(typed, 7)]) };
    let record = |of| self::record(frame("/console/log/7"), typed, of);
    let closed = Closed { reference: Reference::new([7; 10]), status: 200, bytes_up: 1, bytes_down: 2, duration_ms: 3, end: End::Complete };
    let happened = Event::failed(Action::SignIn).by(who()).with("why", typed.key).with("no-such-detail", typed.key);
    let rows_alone = LogRowsView { frame: frame("/console/log"), rows: vec![row(typed, 7), LogRow::default()] };
    assert!(rows_alone.render().is_ok());
    vec![
        ("console-log", log(form(&[("text", typed.key)], &[]), vec![row(typed, 7), event(typed), LogRow::default()]).render()),
        ("console-log-none", log(form(&[], &[]), vec![]).render()),
        ("console-log-none-fit", log(form(&[("account", typed.name)], &[]), vec![]).render()),
        ("console-log-wrong", log(wrong, vec![]).render()),
        ("console-log-live", live.render()),
        ("console-log-record", record(Some(opened(typed))).render()),
        ("console-log-record-closed", record(Some(Record::Closed(closed))).render()),
        ("console-log-record-event", record(Some(Record::Event(happened))).render()),
        ("console-log-record-open", record(Some(Record::StillOpen { references: vec![Reference::new([8; 10])] })).render()),
        ("console-log-record-unknown", record(None).render()),
        ("console-log-record-dropped", LogDroppedView { frame: frame("/console/log/7"), sequence: 7 }.render()),
        ("console-log-charts", charts(frame("/console/log/charts"), typed, ChartSpan::Day, 5).render()),
        ("console-log-charts-none", charts(frame("/console/log/charts"), typed, ChartSpan::Month, 0).render()),
    ]
}
