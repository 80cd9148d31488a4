//! Incidents as a fold over the log.

mod misused;

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use crate::clock::Time;
use crate::incident::{Book, Case, Category, Extent, NotAllowed, Opening, Report, Signal, Step, Subject, What};
use crate::model::{AccountId, AccountName, Action, AppId, Entry, Event, Level, Record, Role, Stage, UnitName, Who};

fn name(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

pub(super) fn at(record: u64) -> Time {
    Time::from_millis(1_800_000_000_000 + i64::try_from(record).unwrap() * 1_000)
}

fn entry(record: u64, event: Event) -> Entry {
    Entry::stamp(record, at(record), [7; 16], Record::Event(event))
}

pub(super) fn by(who: &str, event: Event) -> Event {
    let (name, unit) = (name(who), UnitName::parse("值班室").unwrap());
    let account = AccountId(uuid::Uuid::from_u128(1));
    event.by(Arc::new(Who { account, name, unit, role: Role::Member, factor: None, session: None }))
}

pub(super) fn signal(trigger: &str, subject: Subject, level: Level, category: Category, last: u64) -> Signal {
    let (time, first) = (at(last), last.saturating_sub(3).max(1));
    Signal { trigger: trigger.to_owned(), level, category, subject, time, first, last, amount: 8, what: vec!["wang".to_owned()] }
}

pub(super) fn spraying(address: &str, last: u64) -> Event {
    signal("password-spraying", Subject::Address(address.parse().unwrap()), Level::III, Category::Attack, last).event()
}

fn why() -> String {
    "看过日志".to_owned()
}

pub(super) fn assessed(level: Level) -> Step {
    Step::Assessed { level, category: Category::Attack, why: why() }
}

pub(super) fn moved(to: Stage) -> Step {
    Step::Moved { to, why: why() }
}

/// A book, and what it reads next.
#[derive(Default)]
pub(super) struct Desk {
    book: Book,
    pub(super) next: u64,
}

impl Desk {
    pub(super) fn after(next: u64) -> Self {
        Self { next, ..Self::default() }
    }

    pub(super) fn read(&mut self, event: Event) -> u64 {
        self.next += 1;
        self.book.read(&entry(self.next, event));
        self.next
    }

    pub(super) fn take(&mut self, incident: u64, step: &Step) -> u64 {
        self.read(by("qian", step.event(incident)))
    }

    pub(super) fn case(&self, number: u64) -> &Case {
        self.book.case(number).unwrap()
    }
}

#[test]
fn how_far_an_incident_was_found_is_told_apart_from_what_people_did_about_it() {
    let mut desk = Desk::after(40);
    let number = desk.read(spraying("192.0.2.7", 40));
    desk.take(number, &assessed(Level::III));
    assert_eq!((desk.case(number).found_last, desk.case(number).last), (41, 42));
    desk.read(spraying("192.0.2.7", 42));
    desk.take(number, &Step::Acknowledged);
    assert_eq!((desk.case(number).found_last, desk.case(number).last), (43, 44));
    // With a part comes what it was found by, and not the record that makes it one.
    let part = desk.read(spraying("192.0.2.8", 44));
    desk.take(part, &Step::Merged { into: number, why: why() });
    assert_eq!((desk.case(number).found_last, desk.case(number).last), (45, 46));
}

#[test]
fn an_alarm_is_an_incident_that_goes_its_way_to_a_review() {
    let mut desk = Desk::after(40);
    let number = desk.read(spraying("203.0.113.7", 40));
    let case = desk.case(number);
    assert_eq!((case.stage, case.claimed, case.category, case.first, case.last), (Stage::Detected, Level::III, Category::Attack, 37, 41));
    assert_eq!((&case.acknowledged, case.in_force()), (&None, None));
    for (step, stage) in [
        (Step::Acknowledged, Stage::Detected),
        (assessed(Level::III), Stage::Assessed),
        (moved(Stage::Responding), Stage::Responding),
        (Step::Level { level: Level::II, why: why() }, Stage::Responding),
        (moved(Stage::Contained), Stage::Contained),
        (moved(Stage::Recovering), Stage::Recovering),
    ] {
        desk.take(number, &step);
        assert_eq!(desk.case(number).stage, stage, "{step:?}");
    }
    let case = desk.case(number);
    let confirmed = case.in_force().unwrap();
    assert_eq!((confirmed.level, confirmed.raises, confirmed.record, confirmed.by.as_ref()), (Level::II, true, 45, Some(&name("qian"))));
    assert_eq!(desk.book.in_force().first().map(|held| (held.level, held.incident, held.since)), Some((Level::II, number, at(45))));
    assert_eq!(case.acknowledged, Some((at(42), name("qian"))));
    desk.take(number, &moved(Stage::Closed));
    assert!(desk.book.in_force().is_empty() && desk.case(number).in_force().is_none());
    desk.take(number, &moved(Stage::Reviewed));
    let case = desk.case(number);
    assert_eq!((case.stage, case.story.len()), (Stage::Reviewed, 9));
    assert_eq!(case.took(Stage::Contained).unwrap().as_secs(), 5);
    assert!(case.story.iter().all(|line| !matches!(line.what, What::TooLate(_))));
}

#[test]
fn what_is_the_same_is_one_incident_and_what_is_not_is_another() {
    let mut desk = Desk::default();
    let first = desk.read(spraying("203.0.113.7", 1));
    let from = Subject::Address("203.0.113.7".parse().unwrap());
    desk.read(signal("failures-from-address", from.clone(), Level::IV, Category::Attack, 2).event());
    desk.read(spraying("203.0.113.7", 3));
    assert_eq!(desk.book.cases().count(), 1, "one address, one kind of incident");
    let case = desk.case(first);
    assert_eq!(case.triggers.values().copied().collect::<Vec<_>>(), [1, 2]);
    assert_eq!((case.claimed, case.subjects.len(), case.last), (Level::III, 1, 3));
    let other_kind = desk.read(signal("at-night", from, Level::IV, Category::AbnormalBehaviour, 3).event());
    let other_address = desk.read(spraying("203.0.113.8", 4));
    assert!(desk.book.case(other_kind).is_some() && desk.book.case(other_address).is_some());
    // What is over takes nothing in.
    desk.take(first, &moved(Stage::Dismissed));
    let anew = desk.read(spraying("203.0.113.7", 6));
    assert_eq!(desk.case(anew).stage, Stage::Detected);
    // The gateway itself is the subject of many things that have nothing to do with each other.
    let broken = desk.read(signal("log-broken", Subject::Gateway, Level::IV, Category::Equipment, 7).event());
    let failed = desk.read(signal("self-test-failed", Subject::Gateway, Level::III, Category::Equipment, 8).event());
    assert!(broken != failed && desk.book.case(failed).is_some());
    desk.read(signal("log-broken", Subject::Gateway, Level::IV, Category::Equipment, 9).event());
    assert_eq!(desk.case(broken).triggers["log-broken"], 2);
}

#[test]
fn a_step_that_comes_too_late_is_told_and_changes_nothing_else() {
    let mut desk = Desk::default();
    let number = desk.read(spraying("203.0.113.7", 1));
    desk.take(number, &moved(Stage::Dismissed));
    let before = desk.case(number).clone();
    let late = desk.take(number, &assessed(Level::I));
    let after = desk.case(number);
    assert!(matches!(&after.story.last().unwrap().what, What::TooLate(Step::Assessed { level: Level::I, .. })));
    assert_eq!(after.story.last().unwrap().record, late);
    let mut unchanged = after.clone();
    unchanged.story = before.story.clone();
    assert_eq!(unchanged, before);
    assert_eq!(desk.book.allows(number, &assessed(Level::I)), Err(NotAllowed::Stage(Stage::Dismissed)));
    assert!(NotAllowed::Stage(Stage::Responding).to_string().ends_with("cannot go where it was sent, only to contained or dismissed"));
    assert!(NotAllowed::Stage(Stage::Reviewed).to_string().contains("nor anywhere else"));
    assert_eq!(desk.book.allows(number, &Step::Acknowledged), Err(NotAllowed::Over(Stage::Dismissed)));
    assert_eq!(desk.book.allows(99, &Step::Acknowledged), Err(NotAllowed::NoSuchIncident));
    assert_eq!(desk.book.allows(number, &moved(Stage::Detected)), Ok(()));
    // A level is confirmed by the step that says so, and by no other.
    desk.take(number, &moved(Stage::Detected));
    assert_eq!(desk.book.allows(number, &moved(Stage::Assessed)), Err(NotAllowed::Stage(Stage::Detected)));
    assert_eq!(desk.book.allows(number, &Step::Level { level: Level::I, why: why() }), Err(NotAllowed::NotAssessed));
}

#[test]
fn an_incident_that_is_part_of_another_goes_into_it() {
    let mut desk = Desk::default();
    let whole = desk.read(spraying("203.0.113.7", 1));
    let account = Subject::Account("wang".to_owned());
    let part = desk.read(signal("password-known", account.clone(), Level::II, Category::Attack, 2).event());
    let merge = |into| Step::Merged { into, why: why() };
    assert_eq!(desk.book.allows(part, &merge(part)), Err(NotAllowed::Itself));
    assert_eq!(desk.book.allows(part, &merge(77)), Err(NotAllowed::NoSuchIncident));
    desk.take(part, &merge(whole));
    assert_eq!((desk.case(part).stage, desk.case(part).merged_into), (Stage::Merged, Some(whole)));
    let case = desk.case(whole);
    assert!(case.subjects.contains(&account) && case.claimed == Level::II && case.triggers.contains_key("password-known"));
    let again = desk.read(signal("failures-of-account", account, Level::IV, Category::Attack, 4).event());
    assert!(desk.book.case(again).is_none(), "what is more of the part is more of the whole");
}

#[test]
fn what_cannot_be_undone_is_due_once_for_each_level_that_is_graver_than_before() {
    let mut desk = Desk::default();
    let number = desk.read(spraying("203.0.113.7", 1));
    assert!(desk.case(number).to_be_acted().is_none());
    let confirmed = desk.take(number, &assessed(Level::III));
    assert_eq!(desk.case(number).to_be_acted().map(|confirmed| confirmed.record), Some(confirmed));
    desk.read(Step::Acted { level_record: confirmed, what: "3 sessions ended".to_owned() }.event(number));
    assert!(desk.case(number).to_be_acted().is_none());
    desk.take(number, &Step::Level { level: Level::III, why: why() });
    assert!(desk.case(number).to_be_acted().is_none(), "renewed, not raised");
    let raised = desk.take(number, &Step::Level { level: Level::I, why: why() });
    assert_eq!(desk.case(number).to_be_acted().map(|confirmed| confirmed.record), Some(raised));
    desk.take(number, &Step::Level { level: Level::IV, why: why() });
    assert!(desk.case(number).to_be_acted().is_none());
}

#[test]
fn what_was_not_done_yet_for_a_level_is_done_for_the_one_that_takes_its_place() {
    let mut desk = Desk::default();
    let number = desk.read(spraying("203.0.113.7", 1));
    let level = |desk: &mut Desk, level| desk.take(number, &Step::Level { level, why: why() });
    let due = |desk: &Desk| desk.case(number).to_be_acted().map(|confirmed| confirmed.record);
    let acted = |desk: &mut Desk, level_record| {
        desk.read(Step::Acted { level_record, what: "3 sessions ended".to_owned() }.event(number));
    };
    desk.take(number, &assessed(Level::I));
    let lowered = level(&mut desk, Level::II);
    assert_eq!(due(&desk), Some(lowered), "nothing was done for I");
    let renewed = level(&mut desk, Level::II);
    assert_eq!(due(&desk), Some(renewed));
    acted(&mut desk, renewed);
    let raised = level(&mut desk, Level::I);
    assert_eq!(due(&desk), Some(raised));
    level(&mut desk, Level::III);
    assert_eq!(due(&desk), None, "II was acted on");
    let again = level(&mut desk, Level::II);
    assert_eq!(due(&desk), Some(again));
    let kept = serde_json::to_string(&desk.book.kept().unwrap()).unwrap();
    let before = kept.replace(",\"settled\":\"III\"", "");
    assert!(before.len() < kept.len());
    assert!(Book::resume(serde_json::from_str(&before).unwrap()).is_some(), "an earlier version has not kept it");
}

#[test]
fn strangers_cannot_fill_the_book() {
    let mut desk = Desk::default();
    for n in 0..3_000_u32 {
        let (a, b) = (n / 250, n % 250);
        desk.read(spraying(&format!("203.0.{a}.{b}"), u64::from(n) + 1));
    }
    assert_eq!(desk.book.cases().count(), 20);
    let newest = desk.book.cases().next().unwrap();
    assert_eq!(newest.triggers["password-spraying"], 3_000 - 19);
    assert_eq!(newest.subjects.len() as u64 + newest.more_subjects, 3_000 - 19);
    assert!(newest.story.len() < 100 && newest.untold > 2_000);
    for n in 0..3_000_u64 {
        let opening = Opening { title: format!("钓鱼邮件 {n}"), level: Level::IV, category: Category::Other, subject: None };
        let number = desk.read(by("qian", opening.event()));
        desk.take(number, &moved(Stage::Dismissed));
    }
    assert_eq!(desk.book.cases().count(), 2_000);
    assert_eq!(desk.book.cases().filter(|case| case.stage == Stage::Detected).count(), 20, "what is over goes first");
    let number = newest_number(&desk);
    for n in 0..1_200 {
        desk.take(number, &Step::Noted { text: format!("第{n}次") });
    }
    assert_eq!(desk.book.allows(number, &Step::Noted { text: String::new() }), Err(NotAllowed::Full));
    assert_eq!(desk.book.allows(number, &moved(Stage::Dismissed)), Ok(()), "the way to its end stays free");
    assert!(desk.case(number).story.len() <= 1_000);
}

fn newest_number(desk: &Desk) -> u64 {
    desk.book.cases().find(|case| case.stage.is_open()).unwrap().number
}

#[test]
fn only_what_may_concern_an_incident_is_read() {
    let event = |action| serde_json::to_vec(&entry(1, Event::done(action).with("path", r#""action":"incident-step""#))).unwrap();
    for action in [
        Action::TriggerFired,
        Action::IncidentOpened,
        Action::IncidentLevel,
        Action::IncidentStep,
        Action::IncidentClosed,
        Action::DrillStarted,
        Action::LockedDown,
        Action::LockdownLifted,
    ] {
        assert!(Book::may_concern(&event(action)), "{action:?}");
    }
    assert!(!Book::may_concern(&event(Action::SignIn)), "quotes in a text are escaped");
    let mut book = Book::default();
    let wrong: Entry = serde_json::from_value(json!({
        "sequence": 5, "time": "x", "salt": "", "kind": "event", "action": "trigger-fired", "outcome": "done"
    }))
    .unwrap();
    assert!(!book.read(&wrong) && book.at() == 5, "what cannot be understood is gone past");
}

fn levels() -> impl Strategy<Value = Level> {
    prop::sample::select(Level::ALL.to_vec())
}

fn words() -> impl Strategy<Value = String> {
    "[a-z 事件]{1,20}"
}

fn numbers() -> impl Strategy<Value = Option<u64>> {
    prop::option::of(0_u64..1_000_000)
}

fn extents() -> impl Strategy<Value = Extent> {
    (numbers(), numbers(), prop::collection::vec("[a-z]{1,8}", 0..3), numbers(), numbers(), numbers(), numbers()).prop_map(
        |(accounts, units, apps, people, loss, outage, defaced)| {
            let apps = apps.iter().map(|id| AppId::parse(id).unwrap()).collect();
            Extent { accounts, units, apps, people, loss, outage, defaced }
        },
    )
}

fn steps() -> impl Strategy<Value = Step> {
    let stages = prop::sample::select(
        Stage::ALL.iter().copied().filter(|stage| !matches!(stage, Stage::Assessed | Stage::Merged)).collect::<Vec<_>>(),
    );
    let categories = prop::sample::select(Category::WORDS.map(|(_, category)| category).to_vec());
    prop_oneof![
        2 => (levels(), categories, words()).prop_map(|(level, category, why)| Step::Assessed { level, category, why }),
        2 => (levels(), words()).prop_map(|(level, why)| Step::Level { level, why }),
        6 => (stages, words()).prop_map(|(to, why)| Step::Moved { to, why }),
        1 => (1_u64..12, words()).prop_map(|(into, why)| Step::Merged { into, why }),
        1 => extents().prop_map(Step::Extent),
        1 => words().prop_map(|text| Step::Noted { text }),
        1 => ("[0-9a-f]{8}", any::<bool>()).prop_map(|(task, done)| Step::Task { task, done }),
        1 => "[a-z]{1,8}".prop_map(|account| Step::HandedTo { account: name(&account) }),
        1 => Just(Step::Acknowledged),
        1 => words().prop_map(|to| Step::Reported { report: Report::First, to }),
        1 => words().prop_map(|to| Step::NotReported { report: Report::First, to }),
        1 => (1_u64..40, words()).prop_map(|(level_record, what)| Step::Acted { level_record, what }),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        1 => (0_u8..4, 0_u8..2).prop_map(|(host, kind)| match kind {
            0 => spraying(&format!("203.0.113.{host}"), 1),
            _ => signal("two-places", Subject::Account(format!("a{host}")), Level::IV, Category::AbnormalBehaviour, 1).event(),
        }),
        4 => (1_u64..8, steps()).prop_map(|(incident, step)| by("qian", step.event(incident))),
    ]
}

proptest! {
    #[test]
    fn a_step_reads_back_from_its_record(incident in 1_u64.., step in steps()) {
        let line = serde_json::to_string(&entry(1, step.event(incident))).unwrap();
        let Record::Event(event) = serde_json::from_str::<Entry>(&line).unwrap().record else { panic!("an event") };
        prop_assert_eq!(Step::of(&event), Some((incident, step)));
    }

    /// The state machine, whatever is written into the log in whatever order.
    #[test]
    fn no_record_moves_an_incident_but_along_its_stages(events in prop::collection::vec(events(), 1..60), stop in 0_usize..60) {
        let entries: Vec<Entry> = (1..).zip(events).map(|(record, event)| entry(record, event)).collect();
        let mut book = Book::default();
        let mut stopped = Book::default();
        for (n, entry) in entries.iter().enumerate() {
            let Record::Event(event) = &entry.record else { unreachable!() };
            let before = book.clone();
            let allowed = Step::of(event).map(|(incident, step)| (incident, before.allows(incident, &step), step));
            book.read(entry);
            for case in book.cases() {
                let Some(was) = before.case(case.number) else { continue };
                if was.stage != case.stage {
                    let merged = case.stage == Stage::Merged && was.stage.is_open();
                    prop_assert!(merged || was.stage.next().contains(&case.stage), "{} to {}", was.stage, case.stage);
                }
                prop_assert!(was.last <= case.last && was.first >= case.first && was.story.len() <= case.story.len());
                prop_assert_eq!(case.in_force().is_some(), case.confirmed.is_some() && case.stage.holds_level());
                prop_assert!(!case.stage.holds_level() || case.confirmed.is_some(), "no level without a person's word");
            }
            // What the gateway has done nobody else says.
            if let Some((incident, allowed, step)) = allowed.filter(|(_, _, step)| !matches!(step, Step::Acted { .. })) {
                let is_taken = book.case(incident).is_some_and(|case| matches!(&case.story.last().unwrap().what, What::Step(taken) if *taken == step))
                    && book.case(incident) != before.case(incident);
                prop_assert_eq!(allowed.is_ok(), is_taken, "{:?} of {:?}", step, before.case(incident).map(|case| case.stage));
            }
            // Stopped anywhere, and read on, or read again.
            if n == stop {
                stopped = Book::resume(stopped.kept().unwrap()).unwrap();
                entries[..n].iter().for_each(|entry| { stopped.read(entry); });
            }
            stopped.read(entry);
        }
        prop_assert_eq!(stopped, book);
    }
}
