//! Samples of the pages of incidents, for the tests that look at every page.

use std::time::Duration;

use askama::Template;

use super::samples::{Typed, moment};
use super::*;
use crate::incident::{Acted, Beside, Category, Duty, Extent, MOST_WORDS, Opening, Report, Signal, Step, Subject, Texts, What};
use crate::model::{AccountName, AppId, Level, LockdownScope, Stage};

fn deadline(minutes: u64, is_late: bool) -> Deadline {
    Deadline { at: moment(), by: Duration::from_mins(minutes), is_late }
}

fn texts(typed: Typed) -> Texts {
    Texts { zh: typed.unit.into(), en: typed.key.into() }
}

fn everything(typed: Typed) -> Vec<About> {
    vec![
        About::Account(typed.name.into()),
        About::Address("2001:db8:85a3::".into()),
        About::Unit(typed.unit.into()),
        About::App(typed.app.into()),
        About::Page { app: typed.app.into(), page: typed.key.into() },
        About::Gateway,
    ]
}

fn happened(typed: Typed, kind: Option<&'static str>) -> Happened {
    Happened::Found(Found { trigger: typed.key.into(), kind, amount: 12, about: About::Account(typed.name.into()) })
}

pub(super) fn row(typed: Typed, stage: Stage, level: Level) -> IncidentRow {
    let is_new = stage == Stage::Detected;
    IncidentRow {
        is_drill: stage == Stage::Reviewed,
        number: 1_234_567,
        level,
        is_confirmed: !is_new,
        stage,
        happened: happened(typed, Some("second-factor")),
        about: everything(typed).into_iter().take(3).collect(),
        more: 4,
        since: moment(),
        handler: (!is_new).then(|| typed.name.into()),
        is_seen: !is_new,
        next: stage.is_open().then(|| deadline(80, level == Level::I)),
    }
}

pub(super) fn list(frame: Frame, rows: Vec<IncidentRow>, all: usize) -> IncidentsView {
    let open = rows.iter().filter(|row| row.stage.is_open()).count() as u64;
    IncidentsView {
        frame,
        has_plan: open > 0,
        may_handle: true,
        open,
        unseen: open.min(2),
        rows,
        paging: Paging::of_rows("/console/incidents".into(), all, "2", 20),
        now: moment(),
    }
}

fn acted(typed: Typed) -> String {
    let beside = vec![Beside::Unlisted(3), Beside::LastWayIn(typed.key.replace(';', ",")), Beside::Other(typed.unit.replace(';', ","))];
    Acted { level: Level::II, sessions: Some(1), tokens: Some(12), beside }.to_string()
}

fn steps(typed: Typed) -> Vec<What> {
    let why = || typed.key.to_owned();
    let signal = Signal {
        trigger: typed.key.into(),
        level: Level::III,
        category: Category::Attack,
        subject: Subject::Account(typed.name.into()),
        time: crate::clock::Time::default(),
        first: 7,
        last: 9,
        amount: 12,
        what: vec![typed.name.into()],
    };
    let opening = Opening { title: why(), level: Level::IV, category: Category::Data, subject: None };
    let steps = vec![
        Step::Acknowledged,
        Step::Assessed { level: Level::II, category: Category::Attack, why: why() },
        Step::Level { level: Level::I, why: why() },
        Step::Moved { to: Stage::Contained, why: String::new() },
        Step::Merged { into: 7, why: why() },
        Step::Extent(Extent { apps: vec![AppId::parse("sites").unwrap()], ..Extent::default() }),
        Step::Noted { text: why() },
        Step::Task { task: "0123456789ab".into(), done: true },
        Step::Task { task: "0123456789ab".into(), done: false },
        Step::HandedTo { account: AccountName::parse("qian").unwrap() },
        Step::Reported { report: Report::First, to: typed.unit.into() },
        Step::NotReported { report: Report::First, to: typed.unit.into() },
        Step::Acted { level_record: 7, what: why() },
        Step::Acted { level_record: 7, what: acted(typed) },
    ];
    let mut all = vec![
        What::Opened(opening),
        What::Found(Box::new(signal)),
        What::TookIn(9),
        What::Shut(LockdownScope::All),
        What::OpenedAgain(LockdownScope::All),
        What::TooLate(Step::Noted { text: why() }),
    ];
    all.extend(steps.into_iter().map(What::Step));
    all
}

pub(super) fn incident(frame: Frame, typed: Typed, stage: Stage) -> IncidentView {
    let done = || DoneBy { by: Some(typed.name.into()), at: moment() };
    let task = |id: &str, due: Option<Deadline>, done: Option<DoneBy>| TaskRow {
        id: id.into(),
        what: texts(typed),
        level: Level::III,
        duty: Duty::Handler,
        people: vec![typed.name.into()],
        is_late: due.as_ref().is_some_and(|due| due.is_late),
        due,
        done,
        is_report: id.ends_with('d'),
    };
    let report = |report, due: Option<Deadline>, sent: Option<DoneBy>| ReportRow {
        report,
        to: texts(typed),
        source: texts(typed),
        is_late: due.as_ref().is_some_and(|due| due.is_late),
        due,
        last: sent.clone(),
        sent,
    };
    let person = |account: &str, duty, is_on_duty| DutyRow {
        duty,
        account: account.into(),
        name: typed.name.into(),
        phone: "+86 996 000 0002".into(),
        is_on_duty,
    };
    let is_confirmed = stage != Stage::Detected;
    let moves = stage.next().iter().filter(|to| !matches!(to, Stage::Assessed | Stage::Dismissed));
    let row = row(typed, stage, Level::III);
    IncidentView {
        frame,
        row: IncidentRow { about: everything(typed), ..row.clone() },
        may_handle: true,
        may_read_log: false,
        may_close: true,
        has_plan: true,
        now: moment(),
        category: Category::Attack,
        confirmed: is_confirmed.then(|| ConfirmedLevel { level: Level::III, done: done() }),
        proposed: ProposedLevel {
            level: Level::II,
            claimed: Level::III,
            graver: stage.holds_level().then_some(Level::II),
            accounts: 120,
            units: 20,
            apps: 2,
        },
        levels: vec![
            LevelEffects {
                level: Level::III,
                lasts: Some(Duration::from_hours(24)),
                terms: vec!["emergency-read-only-some", "emergency-sessions"],
            },
            LevelEffects { level: Level::I, lasts: Some(Duration::from_hours(4)), terms: vec!["level-once-sessions", "emergency-closed"] },
        ],
        triggers: vec![(typed.key.into(), 3), ("at-night".into(), 1)],
        latest: moment(),
        seen: is_confirmed.then(done),
        is_hers: false,
        merged_into: (stage == Stage::Merged).then_some(7),
        moves: moves.map(|to| MoveTo { to: *to, asks_why: *to != Stage::Contained }).collect(),
        closables: vec![
            ToClose { scope: "app:sites".into(), about: About::App(typed.app.into()) },
            ToClose { scope: format!("unit:{}", typed.unit), about: About::Unit(typed.unit.into()) },
        ],
        tasks: vec![
            task("0123456789ab", Some(deadline(20, true)), None),
            task("0123456789ac", Some(deadline(80, false)), Some(done())),
            task("0123456789ad", None, None),
        ],
        reports: vec![
            report(Report::First, Some(deadline(3 * 24 * 60 + 61, false)), None),
            report(Report::Supplement, Some(deadline(1, true)), Some(done())),
            report(Report::Summary, None, None),
        ],
        people: vec![person("zhao", Duty::Commander, true), person("qian", Duty::Handler, true), person("sun", Duty::Liaison, false)],
        extent: ExtentRow {
            numbers: ["accounts", "units", "people", "loss", "outage", "defaced"].map(|name| (name, "12".to_owned())).into(),
            apps: vec![("sites".into(), typed.app.into(), true), ("ug".into(), typed.app.into(), false)],
        },
        others: vec![IncidentRow { number: 8, ..row }],
        first: 7,
        last: 1_234_567,
        story: steps(typed)
            .into_iter()
            .enumerate()
            .map(|(number, what)| StoryRow {
                record: number as u64,
                at: moment(),
                by: (number % 2 == 1).then(|| typed.name.to_owned()),
                task: matches!(what, What::Step(Step::Task { .. })).then(|| texts(typed)),
                what,
            })
            .collect(),
        untold: 2,
        paging: Paging::from_the_end("/console/incidents/1234567".into(), 45, "", 20),
        typed: TypedStep::default(),
    }
}

/// With everything typed that a form takes, as long as it may be.
pub(super) fn typed(step: &str, typed: Typed) -> TypedStep {
    let words: String = typed.key.chars().cycle().take(MOST_WORDS).collect();
    let fields = ["why", "text", "title", "name"].map(|name| (name.to_owned(), words.clone()));
    TypedStep { step: step.into(), fields: fields.into() }
}

pub(super) fn pages(language: Language, typed: Typed) -> Vec<(&'static str, askama::Result<String>)> {
    let frame = |path: &str, role| {
        let frame = Frame::portal(language, path, "csrf-token".into()).signed_in(typed.name, role).zone("UTC+08:00".into());
        frame.incidents(Some(2))
    };
    let officer = |path: &str| frame(path, Role::Member);
    let one = |stage| incident(officer("/console/incidents/7"), typed, stage);
    let wrong = |step: &str| {
        let alert = Some(Alert::IncidentWordsTooLong { most: 500 });
        IncidentView { typed: self::typed(step, typed), ..incident(officer("/console/incidents/7").alert(alert), typed, Stage::Responding) }
    };
    let seen_by_auditor = IncidentView {
        may_handle: false,
        may_read_log: true,
        may_close: false,
        ..incident(frame("/console/incidents/7", Role::Auditor), typed, Stage::Contained)
    };
    let without_plan =
        IncidentView { has_plan: false, tasks: vec![], reports: vec![], people: vec![], others: vec![], ..one(Stage::Detected) };
    let mut rows: Vec<IncidentRow> = Level::ALL.iter().rev().map(|level| row(typed, Stage::Detected, *level)).collect();
    rows.extend(Stage::ALL.iter().map(|stage| row(typed, *stage, Level::IV)));
    rows.push(IncidentRow { happened: Happened::Titled(typed.key.into()), ..row(typed, Stage::Closed, Level::II) });
    let open = |typed_step| IncidentOpenView {
        frame: officer("/console/incidents/open"),
        typed: typed_step,
        apps: vec![("sites".into(), typed.app.into())],
    };
    let mut pages = vec![
        ("console-incidents", list(officer("/console/incidents"), rows, 45).render()),
        ("console-incidents-none", list(officer("/console/incidents"), vec![], 0).render()),
        ("console-incident-detected", one(Stage::Detected).render()),
        ("console-incident-responding", one(Stage::Responding).render()),
        ("console-incident-closed", one(Stage::Closed).render()),
        ("console-incident-merged", one(Stage::Merged).render()),
        ("console-incident-wrong-level", wrong("level").render()),
        ("console-incident-wrong-extent", wrong("extent").render()),
        ("console-incident-seen", seen_by_auditor.render()),
        ("console-incident-no-plan", without_plan.render()),
        ("console-incident-open", open(TypedStep::default()).render()),
        ("console-incident-open-wrong", open(self::typed("open", typed)).render()),
    ];
    let kinds = crate::incident::Kind::WORDS.map(Some);
    let each = kinds.into_iter().chain([None]).map(|kind| {
        let row = IncidentRow { happened: happened(typed, kind), ..row(typed, Stage::Assessed, Level::II) };
        ("console-incident", IncidentView { row, ..one(Stage::Assessed) }.render())
    });
    pages.extend(each);
    pages
}
