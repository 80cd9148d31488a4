//! Reports and reviews: filled in from records, with nothing that no record says.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::super::plan::{Colour, Duty, LevelTerms, ReportRule, Task, Thresholds};
use super::incidents::{Desk, assessed, at, by, moved, signal, spraying};
use crate::clock::Time;
use crate::incident::{
    Answer, Case, Category, Extent, FieldName, Filled, FormLanguage, Ground, KeptLog, Kind, Measured, Opening, Plan, Report, Review, Step,
    Subject, Texts, TreeHead, Verdict, fill, measured, review,
};
use crate::model::{AppId, Level, Stage};

const TYPED: &str = "Winter2026!";

pub(super) fn texts(zh: &str, en: &str) -> Texts {
    Texts { zh: zh.to_owned(), en: en.to_owned() }
}

/// First reports within 10 seconds, a summary within 20 after the end, one task within 2 after the level was confirmed.
pub(super) fn plan() -> Plan {
    let mut plan = (*super::plan(vec![super::trigger(Kind::ManyAccounts { count: 3, window: super::minutes(5) })])).clone();
    plan.triggers[0].name = "password-spraying".to_owned();
    let rule = |report, seconds| ReportRule {
        report,
        from: Level::III,
        within: Duration::from_secs(seconds),
        to: texts("网信办", "The cyberspace administration"),
        source: Texts::default(),
    };
    plan.reports = vec![rule(Report::First, 10), rule(Report::Summary, 20)];
    let task =
        Task { what: texts("通知单位", "Tell the units"), duty: Duty::Handler, within: Some(Duration::from_secs(2)), report: None };
    let names = texts("较大", "considerable");
    let terms = LevelTerms {
        level: Level::III,
        names,
        colour: Colour::Yellow,
        thresholds: Thresholds::default(),
        checklist: vec![task],
        policy: None,
        once: crate::incident::Once::default(),
    };
    plan.levels = vec![terms];
    plan
}

pub(super) struct Office {
    pub(super) plan: Option<Plan>,
    pub(super) apps: BTreeMap<AppId, String>,
    pub(super) log: KeptLog,
    pub(super) now: Time,
}

impl Office {
    pub(super) fn new(now: Time) -> Self {
        let head = TreeHead { origin: "gate.test/log".to_owned(), size: 99, root: "cm9vdA==".to_owned() };
        let apps = [(AppId::parse("sites").unwrap(), "政务网站群".to_owned())].into();
        Self { plan: Some(plan()), apps, log: KeptLog { first: Some(at(37)), last: Some(at(41)), head: Some(head) }, now }
    }

    pub(super) fn ground<T>(&self, language: FormLanguage, draw: impl FnOnce(&Ground<'_>) -> T) -> T {
        let (zone, system) = (TimeZone::fixed(jiff::tz::offset(8)), "玉门");
        draw(&Ground { language, plan: self.plan.as_ref(), now: self.now, zone: &zone, system, apps: &self.apps, log: &self.log })
    }

    pub(super) fn fill(&self, case: &Case, report: Report, language: FormLanguage) -> Filled {
        self.ground(language, |ground| fill(case, report, ground))
    }

    pub(super) fn review(&self, case: &Case) -> Review {
        self.ground(FormLanguage::English, |ground| review(case, ground))
    }
}

fn answers(filled: &Filled, name: FieldName) -> &[Answer] {
    &filled.fields.iter().find(|field| field.field == name).unwrap_or_else(|| panic!("{name:?} is missing")).answers
}

/// What the gateway filled in there itself.
pub(super) fn known(filled: &Filled, name: FieldName) -> String {
    let known = answers(filled, name).iter().filter_map(|answer| match answer {
        Answer::Known(text) => Some(text.as_str()),
        Answer::ByHand(_) => None,
    });
    known.collect::<Vec<_>>().join("\n")
}

fn has_a_line_to_write_on(filled: &Filled, name: FieldName) -> bool {
    answers(filled, name).iter().any(|answer| matches!(answer, Answer::ByHand(_)))
}

/// An alarm about an address, found with the record 41.
pub(super) fn alarm() -> (Desk, u64) {
    let mut desk = Desk::after(40);
    let number = desk.read(spraying("203.0.113.7", 40));
    (desk, number)
}

#[test]
fn a_first_report_has_every_field_and_invents_nothing() {
    let (desk, number) = alarm();
    let office = Office::new(at(46));
    let filled = office.fill(desk.case(number), Report::First, FormLanguage::Chinese);
    for name in [FieldName::Unit, FieldName::Place, FieldName::HelpNeeded, FieldName::Other] {
        assert!(known(&filled, name).is_empty() && has_a_line_to_write_on(&filled, name), "{name:?}");
    }
    for name in [FieldName::Impact, FieldName::Trend, FieldName::Clues, FieldName::Scene, FieldName::Measures, FieldName::NextSteps] {
        assert!(has_a_line_to_write_on(&filled, name), "{name:?}");
    }
    assert!(
        known(&filled, FieldName::Cause).starts_with("原因调查中\n网关观察到：同一地址以多个账号名尝试登录失败 [password-spraying]，1 次")
    );
    assert!(known(&filled, FieldName::Level).contains("III 级（较大），为网关建议，尚未经人确认"));
    assert_eq!(known(&filled, FieldName::Type), "网络攻击事件");
    assert_eq!(known(&filled, FieldName::Measures), "网关上尚无处置记录");
    assert_eq!(known(&filled, FieldName::Impact), "", "an address alone is no harm that is known");
    let clues = known(&filled, FieldName::Clues);
    assert!(clues.contains("203.0.113.7") && clues.contains("记录 37 至 41") && clues.contains("根散列 cm9vdA=="), "{clues}");
    assert!(known(&filled, FieldName::NextSteps).contains("通知单位"));
    assert!(filled.fields.iter().all(|field| !matches!(field.field, FieldName::Ransom | FieldName::Lessons)));
    let summary = office.fill(desk.case(number), Report::Summary, FormLanguage::Chinese);
    assert!(has_a_line_to_write_on(&summary, FieldName::Cause) && has_a_line_to_write_on(&summary, FieldName::Lessons));
}

#[test]
fn nothing_that_strangers_typed_stands_in_a_form() {
    let mut desk = Desk::after(40);
    let mut found = signal("password-spraying", Subject::Address("203.0.113.7".parse().unwrap()), Level::III, Category::Attack, 40);
    found.what = vec![TYPED.to_owned()];
    let number = desk.read(found.event());
    let office = Office::new(at(46));
    for language in [FormLanguage::Chinese, FormLanguage::English] {
        for (_, report) in Report::WORDS {
            let form = serde_json::to_string(&office.fill(desk.case(number), report, language)).unwrap();
            assert!(!form.contains(TYPED), "{form}");
        }
    }
    assert!(!serde_json::to_string(&office.review(desk.case(number))).unwrap().contains(TYPED));
}

#[test]
fn a_report_tells_what_people_did_and_entered_and_nothing_that_they_took_back() {
    let (mut desk, number) = alarm();
    let task = plan().levels[0].checklist[0].id();
    let done = |done| Step::Task { task: task.clone(), done };
    desk.take(number, &assessed(Level::III));
    desk.take(number, &done(true));
    let extent = Extent { accounts: Some(12), people: Some(3), apps: vec![AppId::parse("sites").unwrap()], ..Extent::default() };
    desk.take(number, &Step::Extent(extent));
    desk.take(number, &Step::Noted { text: "内部记事".to_owned() });
    desk.take(number, &moved(Stage::Responding));
    desk.take(number, &moved(Stage::Contained));
    let office = Office::new(at(60));
    let filled = office.fill(desk.case(number), Report::Supplement, FormLanguage::English);
    assert!(known(&filled, FieldName::Level).starts_with("level III (considerable), confirmed by qian at 2027-01-15 16:00:42 (UTC+08:00)"));
    let impact = known(&filled, FieldName::Impact);
    assert!(impact.contains("12 accounts, 3 people whose personal information was leaked, systems: 政务网站群 [sites]"), "{impact}");
    let measures = known(&filled, FieldName::Measures);
    assert!(measures.contains("done: Tell the units") && measures.contains("Effect: contained since"), "{measures}");
    assert!(!measures.contains("内部记事"), "notes are for those who handle it");
    assert_eq!(known(&filled, FieldName::NextSteps), "", "the task is done");
    // Taken back: the task, and the containment.
    desk.take(number, &done(false));
    desk.take(number, &moved(Stage::Responding));
    let filled = office.fill(desk.case(number), Report::Supplement, FormLanguage::English);
    let measures = known(&filled, FieldName::Measures);
    assert!(!measures.contains("done: ") && !measures.contains("Effect"), "{measures}");
    assert!(known(&filled, FieldName::NextSteps).contains("Tell the units (handler, until "));
}

#[test]
fn reports_and_the_review_name_the_command_for_exactly_this_incident_or_say_that_its_records_are_gone() {
    let (desk, number) = alarm();
    let mut office = Office::new(at(46));
    let scene = |office: &Office| known(&office.fill(desk.case(number), Report::First, FormLanguage::English), FieldName::Scene);
    let summary = |office: &Office| office.review(desk.case(number)).summary.join("\n");
    let command = "yumen audit evidence --incident 41 --out incident-41.tar.zst";
    assert!(scene(&office).contains(command) && summary(&office).contains(command), "{}", scene(&office));
    office.log = KeptLog::default();
    assert!(!scene(&office).contains("yumen audit") && scene(&office).contains("look for them in the archive"));
    assert!(!summary(&office).contains("yumen audit"));
}

#[test]
fn a_report_that_is_sent_too_late_or_not_at_all_is_flagged_and_one_in_time_is_not() {
    let sent = |report| Step::Reported { report, to: "网信办".to_owned() };
    // Found at 41, so that the first report is due at 51.
    for (before, now, late) in [(None, 51, false), (None, 52, true), (Some(50), 99, false), (Some(51), 99, true)] {
        let (mut desk, number) = alarm();
        if let Some(before) = before {
            desk.next = before;
            desk.take(number, &sent(Report::First));
        }
        let office = Office::new(at(now));
        let filled = office.fill(desk.case(number), Report::First, FormLanguage::English);
        assert_eq!(filled.is_late(), late, "{before:?} {now}");
        assert_eq!((filled.sent.len(), filled.due.len()), if before.is_some() { (1, 0) } else { (0, 1) });
        assert_eq!(known(&filled, FieldName::Sending).contains("late by 1 s"), late, "{}", known(&filled, FieldName::Sending));
        assert!(known(&filled, FieldName::Sending).contains("The cyberspace administration"));
        assert_eq!(office.review(desk.case(number)).late().count(), usize::from(late));
    }
    // Sent in time, and once more later: it was in time.
    let (mut desk, number) = alarm();
    desk.take(number, &sent(Report::First));
    desk.next = 80;
    desk.take(number, &sent(Report::First));
    assert!(!Office::new(at(99)).fill(desk.case(number), Report::First, FormLanguage::English).is_late());
    // A false alarm is not reported.
    let (mut desk, number) = alarm();
    desk.take(number, &moved(Stage::Dismissed));
    assert!(!Office::new(at(99)).fill(desk.case(number), Report::First, FormLanguage::English).is_late());
}

#[test]
fn times_are_measured_from_records_and_what_was_undone_is_not_done() {
    let (mut desk, number) = alarm();
    let took = |desk: &Desk, what: &Measured| {
        let measures = measured(desk.case(number), Some(&plan()), Some(at(37)), at(99));
        measures.iter().find(|measure| measure.what == *what).unwrap().took().map(|took| took.as_secs())
    };
    assert_eq!((took(&desk, &Measured::Detect), took(&desk, &Measured::Confirm)), (Some(4), None));
    desk.take(number, &assessed(Level::III));
    desk.take(number, &moved(Stage::Responding));
    desk.take(number, &moved(Stage::Contained));
    assert_eq!(
        (took(&desk, &Measured::Acknowledge), took(&desk, &Measured::Confirm), took(&desk, &Measured::Contain)),
        (Some(1), Some(1), Some(3))
    );
    desk.take(number, &moved(Stage::Responding));
    assert_eq!(took(&desk, &Measured::Contain), None, "it broke out again");
    for stage in [Stage::Contained, Stage::Recovering, Stage::Closed] {
        desk.take(number, &moved(stage));
    }
    assert_eq!(
        (took(&desk, &Measured::Contain), took(&desk, &Measured::Clear), took(&desk, &Measured::Recover)),
        (Some(5), Some(6), Some(7))
    );
    let verdicts = |now| {
        let measures = measured(desk.case(number), Some(&plan()), None, at(now));
        assert_eq!(measures[0].took(), None, "without its first record nobody knows when it began");
        let of = |measure: &crate::incident::Measure| match &measure.what {
            Measured::Report { report, .. } => Some((report.word(), measure.verdict)),
            Measured::Task { .. } => Some(("task", measure.verdict)),
            _ => None,
        };
        measures.iter().filter_map(of).collect::<Vec<_>>()
    };
    // Closed at 48: the summary is due at 68; the task at 44.
    assert_eq!(verdicts(68), [("first", Verdict::Late), ("summary", Verdict::Open), ("task", Verdict::Late)]);
    assert_eq!(verdicts(69)[1], ("summary", Verdict::Late));
}

#[test]
fn what_was_opened_by_hand_and_a_gateway_without_a_plan_claim_nothing() {
    let mut desk = Desk::after(40);
    let opening = Opening { title: "钓鱼邮件".to_owned(), level: Level::IV, category: Category::MaliciousCode, subject: None };
    let number = desk.read(by("qian", opening.event()));
    let office = Office { plan: None, log: KeptLog { first: Some(at(41)), ..KeptLog::default() }, ..Office::new(at(46)) };
    let filled = office.fill(desk.case(number), Report::First, FormLanguage::English);
    assert_eq!(known(&filled, FieldName::Cause), "Under investigation");
    assert_eq!((known(&filled, FieldName::Happened), known(&filled, FieldName::Sending)), (String::new(), String::new()));
    assert!(has_a_line_to_write_on(&filled, FieldName::Happened) && has_a_line_to_write_on(&filled, FieldName::Ransom));
    let review = office.review(desk.case(number));
    assert!(review.measures[0].took.is_none() && review.late().count() == 0);
    assert_eq!(review.story[0].what, "opened by hand: 钓鱼邮件");
}

#[test]
fn a_review_draws_every_stage_in_its_place() {
    let (mut desk, number) = alarm();
    desk.take(number, &assessed(Level::III));
    desk.next = 50;
    desk.take(number, &moved(Stage::Responding));
    let review = Office::new(at(61)).review(desk.case(number));
    let drawn: Vec<_> = review.stages.iter().map(|stage| (stage.stage, stage.begins, stage.ends)).collect();
    assert_eq!(drawn, [(Stage::Detected, 0, 50), (Stage::Assessed, 50, 500), (Stage::Responding, 500, 1_000)]);
    assert_eq!(review.stages[1].took, "9 s");
    assert_eq!((review.story.len(), review.story[1].by.as_deref()), (3, Some("qian")));
    let closed_at_once = Office::new(at(41)).review(alarm().0.case(number));
    assert_eq!(closed_at_once.stages.len(), 1, "no time at all divides by nothing");
    let back: Review = serde_json::from_str(&serde_json::to_string(&review).unwrap()).unwrap();
    assert_eq!(back, review);
}
