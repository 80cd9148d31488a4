//! Reports and reviews after a hand-over, a renewal, a report that was taken back and an end; in the words of their language.

use super::super::plan::{Duty, Task};
use super::incidents::{Desk, assessed, at, by, moved, signal};
use super::reports::{Office, alarm, known, plan, texts};
use crate::incident::{Category, Extent, FieldName, FormLanguage, Measured, Opening, Report, Step, Subject, Verdict, measured, review};
use crate::model::{Level, Stage};

#[test]
fn a_hand_over_and_a_renewal_move_no_time_that_was_measured() {
    let (mut desk, number) = alarm();
    desk.take(number, &Step::Acknowledged);
    desk.take(number, &assessed(Level::III));
    let times = |desk: &Desk| {
        let measures = measured(desk.case(number), Some(&plan()), None, at(99));
        let of = |what: fn(&Measured) -> bool| {
            measures.iter().find(|measure| what(&measure.what)).map(|measure| (measure.from, measure.to, measure.due))
        };
        (of(|what| *what == Measured::Acknowledge), of(|what| matches!(what, Measured::Task { .. })))
    };
    let before = times(&desk);
    assert_eq!(before, (Some((Some(at(41)), Some(at(42)), None)), Some((Some(at(43)), None, Some(at(45))))));
    desk.take(number, &Step::HandedTo { account: crate::model::AccountName::parse("sun").unwrap() });
    assert_eq!(desk.case(number).acknowledged, None, "she has not said that she knows");
    desk.next = 60;
    desk.take(number, &Step::Level { level: Level::III, why: "仍在继续".to_owned() });
    assert_eq!(desk.case(number).confirmed.as_ref().unwrap().at, at(61), "what holds for a time is renewed");
    assert_eq!(times(&desk), before);
    let filled = Office::new(at(70)).fill(desk.case(number), Report::First, FormLanguage::English);
    assert!(known(&filled, FieldName::Level).contains("confirmed by qian at 2027-01-15 16:00:43"), "{}", known(&filled, FieldName::Level));
    // What a graver level asks for beside began with the lesser one; the level itself did not.
    let level = |desk: &mut Desk, level| desk.take(number, &Step::Level { level, why: "更多证据".to_owned() });
    level(&mut desk, Level::II);
    assert_eq!((times(&desk).1, desk.case(number).first_confirmed().unwrap().1), (before.1, at(62)));
    // It was less for a while: everything begins with the last time.
    level(&mut desk, Level::IV);
    level(&mut desk, Level::III);
    assert_eq!((desk.case(number).first_confirmed().unwrap().1, times(&desk).1.unwrap().0), (at(64), Some(at(64))));
    assert_eq!(times(&desk).0, before.0);
}

#[test]
fn a_task_that_sends_a_report_has_its_time_and_is_done_with_it() {
    let mut plan = plan();
    plan.levels[0].checklist[0] = Task { what: texts("报送", "Send it"), duty: Duty::Liaison, within: None, report: Some(Report::First) };
    let (mut desk, number) = alarm();
    desk.next = 45;
    desk.take(number, &assessed(Level::III));
    let task = |desk: &Desk| {
        let due = crate::incident::tasks(desk.case(number), &plan).remove(0);
        (due.due, due.done.map(|done| done.at))
    };
    assert_eq!(task(&desk), (Some(at(51)), None), "it counts from when it was found, as the report does");
    let office = Office { plan: Some(plan.clone()), ..Office::new(at(47)) };
    let next = |desk: &Desk, report| known(&office.fill(desk.case(number), report, FormLanguage::English), FieldName::NextSteps);
    assert_eq!((next(&desk, Report::First), next(&desk, Report::Supplement).contains("Send it")), (String::new(), true));
    assert!(measured(desk.case(number), Some(&plan), None, at(99)).iter().all(|measure| !matches!(measure.what, Measured::Task { .. })));
    desk.take(number, &Step::Reported { report: Report::First, to: "网信办".to_owned() });
    assert_eq!((task(&desk), next(&desk, Report::Supplement)), ((Some(at(51)), Some(at(47))), String::new()));
}

#[test]
fn what_has_ended_counts_no_more_and_its_review_names_what_was_never_done() {
    for (end, verdict) in [(Stage::Closed, Verdict::Late), (Stage::Dismissed, Verdict::NoTimeSet)] {
        let (mut desk, number) = alarm();
        desk.take(number, &assessed(Level::III));
        let waits = |desk: &Desk| crate::incident::tasks(desk.case(number), &plan())[0].due;
        assert_eq!(waits(&desk), Some(at(44)));
        for stage in [Stage::Responding, Stage::Contained, Stage::Recovering].iter().filter(|_| end == Stage::Closed) {
            desk.take(number, &moved(*stage));
        }
        desk.take(number, &moved(end));
        assert_eq!((desk.case(number).stage, waits(&desk)), (end, None));
        let review = Office::new(at(50)).review(desk.case(number));
        let task = review.measures.iter().find(|measure| measure.name.starts_with("Tell the units")).unwrap();
        assert_eq!(task.verdict, verdict);
        assert_eq!(review.late().any(|late| late.name == task.name), end == Stage::Closed);
        assert_eq!(task.told, if end == Stage::Closed { "not done when the incident ended" } else { "none" });
        let next = Office::new(at(50)).fill(desk.case(number), Report::Supplement, FormLanguage::English);
        assert_eq!(known(&next, FieldName::NextSteps), "");
    }
}

#[test]
fn a_report_that_was_not_sent_after_all_is_due_again_and_stands_on_record() {
    let (mut desk, number) = alarm();
    let to = || "网信办".to_owned();
    desk.take(number, &assessed(Level::III));
    let due = |desk: &Desk| crate::incident::reports(desk.case(number), &plan())[0].sent.as_ref().map(|sent| sent.at);
    for _ in 0..2 {
        desk.take(number, &Step::Reported { report: Report::First, to: to() });
    }
    assert_eq!(due(&desk), Some(at(43)));
    desk.take(number, &Step::NotReported { report: Report::First, to: to() });
    assert_eq!(due(&desk), Some(at(43)), "the last one is taken back");
    desk.take(number, &Step::NotReported { report: Report::First, to: to() });
    desk.take(number, &Step::NotReported { report: Report::First, to: to() });
    assert_eq!((due(&desk), desk.case(number).reports.len(), desk.case(number).story.len()), (None, 0, 7));
    let office = Office::new(at(60));
    let filled = office.fill(desk.case(number), Report::First, FormLanguage::Chinese);
    assert!(filled.is_late() && !known(&filled, FieldName::Measures).contains("已报送"));
    assert!(office.review(desk.case(number)).story.last().unwrap().what.starts_with("First report not sent to The cyberspace"));
}

#[test]
fn a_paper_is_in_one_language_with_words_for_everything() {
    let (mut desk, number) = alarm();
    desk.take(number, &assessed(Level::III));
    let acted = "level III: 1 sessions ended, 0 tokens suspended";
    desk.read(Step::Acted { level_record: 42, what: acted.to_owned() }.event(number));
    desk.take(number, &Step::Extent(Extent { accounts: Some(1), people: Some(1), ..Extent::default() }));
    let office = Office::new(at(60));
    let chinese = office.fill(desk.case(number), Report::First, FormLanguage::Chinese);
    assert!(
        known(&chinese, FieldName::Measures).contains("网关已执行：III 级（较大）：结束会话 1 个"),
        "{}",
        known(&chinese, FieldName::Measures)
    );
    assert!(known(&chinese, FieldName::Found).contains("(UTC+08:00)，由网关触发条件发现"));
    let english = office.fill(desk.case(number), Report::First, FormLanguage::English);
    assert!(known(&english, FieldName::Measures).contains("done by the gateway: level III (considerable): 1 session ended"));
    assert!(known(&english, FieldName::Trend).contains("1 alarm; "), "{}", known(&english, FieldName::Trend));
    assert!(known(&english, FieldName::Cause).ends_with(", 1 time"));
    assert!(known(&english, FieldName::Impact).contains("1 account, 1 person whose"), "{}", known(&english, FieldName::Impact));
    let told = office.ground(FormLanguage::Chinese, |ground| review(desk.case(number), ground));
    assert!(told.story[0].what.contains("地址 203.0.113.7，") && !told.story[0].what.contains("address:"), "{}", told.story[0].what);
}

#[test]
fn what_a_person_knew_when_she_lowered_a_level_is_not_held_against_her() {
    let mut desk = Desk::after(40);
    let opening = Opening {
        title: "钓鱼邮件".to_owned(),
        level: Level::I,
        category: Category::Attack,
        subject: Some(Subject::Account("wang".to_owned())),
    };
    let number = desk.read(by("qian", opening.event()));
    let graver = |desk: &Desk| desk.case(number).graver_since(Some(&plan()));
    desk.take(number, &assessed(Level::IV));
    assert_eq!((desk.case(number).proposed(None), graver(&desk)), (Level::I, None));
    let found = |desk: &mut Desk, level| {
        let last = desk.next;
        desk.read(signal("two-places", Subject::Account("wang".to_owned()), level, Category::Attack, last).event());
    };
    found(&mut desk, Level::IV);
    assert_eq!(graver(&desk), None, "no graver than what she confirmed");
    found(&mut desk, Level::III);
    assert_eq!(graver(&desk), Some(Level::III), "and not what was said before");
    desk.take(number, &Step::Level { level: Level::IV, why: "核实过".to_owned() });
    assert_eq!(graver(&desk), None, "she has looked at it again");
}
