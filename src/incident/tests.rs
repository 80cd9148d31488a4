//! What each trigger finds and what it leaves alone; that reading again, and reading on, find the same.

mod incidents;
mod misuse;
mod papers;
mod reports;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::{Category, Engine, Exceptions, Kind, Operator, Per, Plan, Signal, Subject, Texts, Trigger};
use crate::clock::Time;
use crate::model::{
    AccountId, AccountName, Action, AppId, Closed, Decision, End, Entry, Event, Factor, Hours, Level, Opened, Outcome, Record, Reference,
    Role, UnitName, Who,
};

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;
/// 2026-11-23, a Monday, 08:00 in UTC.
const MORNING: i64 = 1_795_420_800;

/// A log that is written down by hand: second after the beginning, what happened.
#[derive(Default)]
struct Log(Vec<Entry>);

impl Log {
    fn at(mut self, second: i64, record: impl Into<Record>) -> Self {
        let sequence = self.0.len() as u64 + 1;
        self.0.push(Entry::stamp(sequence, Time::from_millis((MORNING + second) * 1_000), [0; 16], record.into()));
        self
    }

    fn each(self, seconds: impl IntoIterator<Item = i64>, record: impl Fn(i64) -> Event) -> Self {
        seconds.into_iter().fold(self, |log, second| log.at(second, record(second)))
    }

    /// An access with its end a second later.
    fn access(self, second: i64, opened: Opened, status: u16, bytes_down: u64) -> Self {
        let closed = Closed { reference: opened.reference.clone(), status, bytes_up: 0, bytes_down, duration_ms: 5, end: End::Complete };
        self.at(second, Record::Opened(opened)).at(second + 1, Record::Closed(closed))
    }
}

impl From<Event> for Record {
    fn from(event: Event) -> Self {
        Self::Event(event)
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn who(name: &str, role: Role) -> Arc<Who> {
    let account = AccountId("018f0000-0000-7000-8000-000000000001".parse().unwrap());
    let (name, unit) = (AccountName::parse(name).unwrap(), UnitName::parse("Press").unwrap());
    Arc::new(Who { account, name, unit, role, factor: Some(Factor::SecurityKey), session: None })
}

fn failed(name: &str, from: &str) -> Event {
    Event::failed(Action::SignIn).from(ip(from)).with("why", "wrong-password").with("name", name)
}

fn signed_in(name: &str, from: &str) -> Event {
    Event::done(Action::SignIn).by(who(name, Role::Member)).from(ip(from))
}

fn opened(number: u8, name: &str, from: &str, app: &str, method: &str) -> Opened {
    Opened {
        reference: Reference::new([number; 10]),
        who: Some(who(name, Role::Member)),
        address: ip(from),
        port: 1,
        tls: "1.3".into(),
        group: "x25519".into(),
        app: AppId::parse(app),
        label: None,
        host: "sites.test".into(),
        method: method.into(),
        path: "/".into(),
        query: None,
        decision: Decision::Allowed,
        rule: "all".into(),
    }
}

fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

fn trigger(kind: Kind) -> Trigger {
    Trigger { name: kind.word().to_owned(), level: Level::III, category: Category::Attack, except: Exceptions::default(), kind }
}

fn plan(triggers: Vec<Trigger>) -> Arc<Plan> {
    Arc::new(Plan {
        names: Texts::default(),
        operator: Operator::Ordinary,
        zone: TimeZone::UTC,
        levels: Vec::new(),
        shifts: Vec::new(),
        triggers,
        reports: Vec::new(),
        pages: Vec::new(),
        channels: Vec::new(),
        escalation: None,
    })
}

fn read(engine: &mut Engine, log: &[Entry]) -> Vec<Signal> {
    log.iter().flat_map(|entry| engine.read(entry)).collect()
}

/// Whom the trigger told of, and at which second.
fn told(kind: &Kind, log: &Log) -> Vec<(String, i64)> {
    let signals = read(&mut Engine::new(plan(vec![trigger(kind.clone())]), 0), &log.0);
    signals.iter().map(|signal| (signal.subject.to_string(), signal.time.millis() / 1_000 - MORNING)).collect()
}

#[track_caller]
fn finds(kind: &Kind, log: &Log, expected: &[(&str, i64)]) {
    let expected: Vec<_> = expected.iter().map(|(subject, second)| ((*subject).to_owned(), *second)).collect();
    assert_eq!(told(kind, log), expected, "{}", kind.word());
}

fn log() -> Log {
    Log::default()
}

#[test]
fn failed_sign_ins_are_counted_by_account_by_address_and_by_unit() {
    let three = |per| Kind::Failures { per, count: 3, window: minutes(10) };
    let wang = || log().at(0, signed_in("wang", "10.0.0.1"));
    let often = wang().each([1, 2, 3, 4], |_| failed("wang", "203.0.113.7"));
    finds(&three(Per::Account), &often, &[("account:wang", 3)]);
    finds(&three(Per::Address), &often, &[("address:203.0.113.7", 3)]);
    finds(&three(Per::Unit), &often, &[("unit:Press", 3)]);
    let slowly = wang().each([1, 2, 602], |_| failed("wang", "203.0.113.7"));
    finds(&three(Per::Account), &slowly, &[]);
    let others = log().at(0, failed("a", "203.0.113.1")).at(1, failed("b", "203.0.113.2")).at(2, failed("c", "203.0.113.3"));
    [Per::Account, Per::Address, Per::Unit].into_iter().for_each(|per| finds(&three(per), &others, &[]));
    let networks = log().each([1, 2, 3], |second| failed("x", &format!("2001:db8::{second}")));
    finds(&three(Per::Address), &networks, &[("address:2001:db8::", 3)]);
    let busy = log().each([1, 2, 3], |_| Event::failed(Action::SignIn).from(ip("203.0.113.7")).with("why", "busy"));
    finds(&three(Per::Address), &busy, &[]);
}

#[test]
fn one_address_that_tries_many_names_is_told_and_one_name_many_times_is_not() {
    let spraying = Kind::ManyAccounts { count: 3, window: minutes(10) };
    let unknown = |hash: &str| Event::failed(Action::SignIn).from(ip("203.0.113.7")).with("why", "unknown-name").with("unknown-name", hash);
    finds(&spraying, &log().at(0, failed("a", "203.0.113.7")).at(1, unknown("00ff")).at(2, unknown("01ff")), &[("address:203.0.113.7", 2)]);
    finds(&spraying, &log().each(0..20, |_| failed("a", "203.0.113.7")), &[]);
    finds(&spraying, &log().at(0, failed("a", "203.0.113.7")).at(1, failed("b", "203.0.113.8")).at(2, failed("c", "203.0.113.9")), &[]);
}

#[test]
fn a_second_factor_that_fails_after_a_right_password_is_told_and_a_wrong_password_is_not() {
    let kind = Kind::SecondFactor { count: 2, window: minutes(10) };
    let right = || Event::done(Action::FirstFactor).from(ip("203.0.113.7")).with("name", "wang");
    let code = |_| Event::failed(Action::SignIn).from(ip("203.0.113.7")).with("why", "wrong-code").with("name", "wang");
    finds(&kind, &log().at(0, right()).each([5, 9], code), &[("account:wang", 9)]);
    let waits = |_| code(0).with("why", "must-wait");
    finds(&kind, &log().at(0, right()).each([5, 9], waits), &[]);
    finds(&kind, &log().at(0, right()).at(1, signed_in("wang", "10.0.0.1")).each([5, 9], code), &[]);
    let card = |_| Event::failed(Action::UsbKeyShown).from(ip("203.0.113.7")).with("why", "not-hers").with("name", "wang");
    finds(&kind, &log().each([5, 9], card), &[("account:wang", 9)]);
    let step_up = |_| Event::failed(Action::StepUp).by(who("wang", Role::Member)).with("why", "wrong-code");
    finds(&kind, &log().each([5, 9], step_up), &[("account:wang", 9)]);
    finds(&kind, &log().each([5, 9], code), &[]);
    finds(&kind, &log().at(0, right()).each([700, 701], code), &[]);
    finds(&kind, &log().at(0, right()).each([1, 2], |_| failed("wang", "203.0.113.7")), &[]);
}

#[test]
fn one_account_in_two_places_is_told_and_one_place_with_many_addresses_is_not() {
    let office = vec!["10.0.0.0/8".parse().unwrap(), "192.0.2.0/24".parse().unwrap()];
    let kind = Kind::TwoPlaces { window: minutes(30), places: vec![office] };
    finds(&kind, &log().at(0, signed_in("wang", "10.0.0.1")).at(60, signed_in("wang", "203.0.113.7")), &[("account:wang", 60)]);
    finds(&kind, &log().at(0, signed_in("wang", "10.0.0.1")).at(60, signed_in("wang", "192.0.2.9")), &[]);
    finds(&kind, &log().at(0, signed_in("wang", "203.0.1.1")).at(60, signed_in("wang", "203.0.250.1")), &[]);
    finds(&kind, &log().at(0, signed_in("wang", "10.0.0.1")).at(31 * MINUTE, signed_in("wang", "203.0.113.7")), &[]);
    finds(&kind, &log().at(0, signed_in("wang", "10.0.0.1")).at(60, signed_in("li", "203.0.113.7")), &[]);
}

#[test]
fn work_outside_the_hours_is_told_once_an_hour() {
    let days = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
    let kind = Kind::OutsideHours { hours: Hours::new(&days, "08:00", "18:00", TimeZone::UTC).unwrap() };
    let night = 12 * 60 * MINUTE;
    finds(&kind, &log().at(night, signed_in("wang", "10.0.0.1")).at(night + 60, signed_in("wang", "10.0.0.1")), &[("account:wang", night)]);
    finds(&kind, &log().at(0, signed_in("wang", "10.0.0.1")), &[]);
    finds(&kind, &log().at(5 * DAY, signed_in("wang", "10.0.0.1")), &[("account:wang", 5 * DAY)]);
}

#[test]
fn much_that_one_account_takes_is_told_and_little_or_by_many_is_not() {
    let kind = Kind::BulkDownload { bytes: 1_000, window: minutes(60) };
    let wang = |number, app| opened(number, "wang", "10.0.0.1", app, "GET");
    finds(&kind, &log().access(0, wang(1, "sites"), 200, 600).access(10, wang(2, "ledger"), 200, 400), &[("account:wang", 11)]);
    finds(&kind, &log().access(0, wang(1, "sites"), 200, 600).access(10, opened(2, "li", "10.0.0.1", "sites", "GET"), 200, 600), &[]);
    finds(&kind, &log().access(0, wang(1, "sites"), 200, 600).access(3_601, wang(2, "sites"), 200, 600), &[]);
}

#[test]
fn much_that_one_answer_takes_is_told_while_it_goes_on_and_counted_once() {
    let kind = Kind::BulkDownload { bytes: 1_000, window: minutes(60) };
    let begins = |log: Log| log.at(0, Record::Opened(opened(1, "wang", "10.0.0.1", "sites", "GET")));
    let sent = |number: u8, bytes: u64| {
        Event { reference: Some(Reference::new([number; 10])), ..Event::done(Action::AnswerContinues) }.with("bytes", bytes)
    };
    finds(&kind, &begins(log()).at(9, sent(1, 600)).at(20, sent(1, 1_100)), &[("account:wang", 20)]);
    // One that was lost is made up for by the next.
    finds(&kind, &begins(log()).at(20, sent(1, 1_100)), &[("account:wang", 20)]);
    let closed = |bytes_down| Closed {
        reference: Reference::new([1; 10]),
        status: 200,
        bytes_up: 0,
        bytes_down,
        duration_ms: 5,
        end: End::Complete,
    };
    finds(&kind, &begins(log()).at(9, sent(1, 600)).at(20, Record::Closed(closed(900))), &[]);
    finds(&kind, &begins(log()).at(9, sent(1, 600)).at(20, Record::Closed(closed(1_000))), &[("account:wang", 20)]);
    // The end of an access that the gateway did not live to see says nothing of its bytes.
    finds(&kind, &begins(log()).at(9, sent(1, 600)).at(20, Record::Closed(closed(0))), &[]);
    finds(&kind, &begins(log()).at(20, sent(2, 5_000)), &[]);
}

#[test]
fn staff_from_elsewhere_are_told_and_members_are_not() {
    let kind = Kind::StaffAddress { from: vec!["10.0.0.0/8".parse().unwrap()] };
    let staff = |from| Event::done(Action::SignIn).by(who("qian", Role::SecurityAdministrator)).from(ip(from));
    finds(&kind, &log().at(0, staff("203.0.113.7")), &[("account:qian", 0)]);
    finds(&kind, &log().at(0, staff("::ffff:10.0.0.1")).at(1, signed_in("wang", "203.0.113.7")), &[]);
}

#[test]
fn what_the_gateway_says_of_itself_is_told() {
    let loosened = Event::done(Action::ConfigReloaded).with("loosened", "sites: factor");
    finds(&Kind::PolicyLoosened, &log().at(0, Event::done(Action::ConfigReloaded)).at(1, loosened), &[("gateway", 1)]);
    let start = |config: &str| Event::done(Action::Start).with("config", config);
    let reload = |config: &str| Event::done(Action::ConfigReloaded).with("config", config);
    finds(&Kind::PolicyLoosened, &log().at(0, start("a")).at(1, reload("b")).at(2, start("b")).at(3, start("c")), &[("gateway", 3)]);
    let both = log().at(0, Event::done(Action::LogRepaired)).at(1, Event::failed(Action::LogFull)).at(2, Event::failed(Action::LogFull));
    finds(&Kind::LogBroken, &both, &[("gateway", 0), ("gateway", 1), ("gateway", 2)]);
    finds(&Kind::LogBroken, &log().at(0, Event::done(Action::LogFull)).at(1, Event::failed(Action::LogFull)), &[("gateway", 1)]);
    finds(&Kind::LogBroken, &log().at(0, Event::done(Action::LogChecked)).at(1, Event::failed(Action::LogChecked)), &[("gateway", 1)]);
    finds(&Kind::SelfTestFailed, &log().at(0, Event::done(Action::SelfTest)).at(1, Event::failed(Action::SelfTest)), &[("gateway", 1)]);
}

#[test]
fn an_app_that_fails_often_is_told_and_one_that_fails_seldom_is_not() {
    let kind = Kind::UpstreamErrors { count: 3, percent: 50, window: minutes(10) };
    let answers = |statuses: &[u16]| {
        (0..).zip(statuses).fold(log(), |log, (number, status)| {
            log.access(i64::from(number) * 2, opened(number, "wang", "10.0.0.1", "sites", "GET"), *status, 10)
        })
    };
    finds(&kind, &answers(&[200, 502, 503, 500]), &[("app:sites", 7)]);
    finds(&kind, &answers(&[200, 200, 200, 200, 502, 503, 500]), &[]);
    finds(&kind, &answers(&[502, 404, 403, 503]), &[]);
}

#[test]
fn a_page_that_changed_is_told_unless_somebody_who_may_has_just_worked_there() {
    let kind = Kind::PageChanged { after: minutes(10) };
    let changed = || Event::done(Action::PageChanged).with("app", "sites").with("page", "/").with("before", "00").with("after", "ff");
    let post = |number| opened(number, "wang", "10.0.0.1", "sites", "POST");
    finds(&kind, &log().at(0, changed()), &[("page:sites:/", 0)]);
    finds(&kind, &log().access(0, post(1), 200, 1).at(60, changed()), &[]);
    finds(&kind, &log().access(0, post(1), 200, 1).at(11 * MINUTE, changed()), &[("page:sites:/", 11 * MINUTE)]);
    finds(&kind, &log().access(0, opened(1, "wang", "10.0.0.1", "sites", "GET"), 200, 1).at(60, changed()), &[("page:sites:/", 60)]);
    finds(&kind, &log().at(0, Event { outcome: Outcome::Failed, ..changed() }), &[]);
    finds(&kind, &log().at(0, Event::done(Action::PageChanged).with("app", "sites").with("page", "/")), &[]);
}

#[test]
fn what_a_trigger_leaves_out_it_does_not_count() {
    let log = log().at(0, signed_in("wang", "10.0.0.1")).each([1, 2, 3], |_| failed("wang", "203.0.113.7"));
    let count = |except: Exceptions| {
        let trigger = Trigger { except, ..trigger(Kind::Failures { per: Per::Account, count: 3, window: minutes(10) }) };
        read(&mut Engine::new(plan(vec![trigger]), 0), &log.0).len()
    };
    assert_eq!(count(Exceptions::default()), 1);
    assert_eq!(count(Exceptions { accounts: vec![AccountName::parse("wang").unwrap()], ..Exceptions::default() }), 0);
    assert_eq!(count(Exceptions { units: vec![UnitName::parse("Press").unwrap()], ..Exceptions::default() }), 0);
    assert_eq!(count(Exceptions { from: vec!["203.0.113.0/24".parse().unwrap()], ..Exceptions::default() }), 0);
    assert_eq!(count(Exceptions { from: vec!["203.0.114.0/24".parse().unwrap()], ..Exceptions::default() }), 1);
}

fn unrecorded(engine: &Engine) -> Vec<Signal> {
    engine.unrecorded().cloned().collect()
}

fn two_triggers() -> Arc<Plan> {
    let failures = trigger(Kind::Failures { per: Per::Account, count: 3, window: minutes(60) });
    plan(vec![failures, trigger(Kind::ManyAccounts { count: 3, window: minutes(60) })])
}

/// Somebody tries names for a day.
fn a_day() -> Log {
    (0..2_000_i64).fold(log(), |log, number| {
        let (name, last) = (number * 7 % 13, number * 5 % 11);
        let second = number * 43;
        match number % 5 {
            0 => log.at(second, signed_in(&format!("p{name}"), &format!("10.0.0.{last}"))),
            _ => log.at(second, failed(&format!("p{name}"), &format!("203.0.113.{last}"))),
        }
    })
}

#[test]
fn a_day_that_is_read_twice_or_is_read_on_after_a_stop_anywhere_gives_the_same() {
    let (day, plan) = (a_day(), two_triggers());
    let all = read(&mut Engine::new(plan.clone(), 0), &day.0);
    assert!(all.len() > 20, "{}", all.len());
    assert_eq!(read(&mut Engine::new(plan.clone(), 0), &day.0), all);
    for stop in [1, 7, 500, 1_234, 1_999] {
        let mut engine = Engine::new(plan.clone(), 0);
        let mut found = read(&mut engine, &day.0[..stop]);
        let mut engine = Engine::resume(plan.clone(), &engine.kept().unwrap(), 0).unwrap();
        // What was read before is there once more.
        found.extend(read(&mut engine, &day.0[stop.saturating_sub(5)..]));
        assert_eq!(found, all, "stopped after {stop}");
    }
}

#[test]
fn what_was_found_and_is_not_on_record_is_known_until_it_is() {
    let mut engine = Engine::new(two_triggers(), 0);
    let mut log = log().each([1, 2, 3], |_| failed("wang", "203.0.113.7"));
    let found = read(&mut engine, &log.0);
    assert_eq!(unrecorded(&engine), found);
    let engine = Engine::resume(two_triggers(), &engine.kept().unwrap(), 0).unwrap();
    assert_eq!(unrecorded(&engine), found, "it outlives a stop");
    let mut other = engine.clone();
    log = log.at(4, found[0].event());
    assert!(read(&mut other, &log.0).is_empty());
    assert!(unrecorded(&other).is_empty());
    let mut engine = engine;
    log.0.pop();
    log = log.at(4, Signal { last: 99, ..found[0].clone() }.event());
    read(&mut engine, &log.0);
    assert_eq!(unrecorded(&engine), found, "another one's record is not its own");
}

#[test]
fn what_was_before_a_plan_raises_no_alarm_and_counts_all_the_same() {
    let log = log().each([1, 2, 3, 4, 5], |_| failed("wang", "203.0.113.7"));
    let found = |since| read(&mut Engine::new(two_triggers(), since), &log.0).iter().map(|signal| signal.last).collect::<Vec<_>>();
    assert_eq!((found(0), found(2), found(3), found(5)), (vec![3], vec![3], vec![], vec![]));
}

#[test]
fn another_plan_keeps_what_unchanged_triggers_know() {
    let log = log().each([1, 2, 3], |_| failed("wang", "203.0.113.7"));
    let with = |change: fn(&mut Plan)| {
        let mut engine = Engine::new(two_triggers(), 0);
        read(&mut engine, &log.0[..2]);
        let mut plan = Plan::clone(&two_triggers());
        change(&mut plan);
        let mut resumed = Engine::resume(Arc::new(plan.clone()), &engine.kept().unwrap(), 2).unwrap();
        engine.adopt(Arc::new(plan));
        let found = read(&mut engine, &log.0[2..]);
        assert_eq!(read(&mut resumed, &log.0[2..]), found);
        found.len()
    };
    assert_eq!(with(|plan| plan.triggers.reverse()), 1);
    assert_eq!(with(|plan| plan.triggers.truncate(1)), 1);
    assert_eq!(with(|plan| plan.triggers[0].level = Level::I), 0, "a changed trigger begins now");
}

#[test]
fn strangers_without_number_take_no_more_than_so_much_memory() {
    let mut engine = Engine::new(plan(vec![trigger(Kind::Failures { per: Per::Address, count: 3, window: minutes(10) })]), 0);
    for number in 0..200_000_u32 {
        let event = Event::failed(Action::SignIn).from(IpAddr::from(number.to_be_bytes())).with("why", "unknown-name");
        engine.read(&Entry::stamp(u64::from(number) + 1, Time::from_millis(MORNING * 1_000), [0; 16], Record::Event(event)));
    }
    assert!(engine.kept().unwrap().len() < 16 << 20);
    let last = IpAddr::from(199_999_u32.to_be_bytes());
    let again =
        |sequence| Entry::stamp(sequence, Time::from_millis(MORNING * 1_000), [0; 16], Record::Event(failed("x", &last.to_string())));
    assert!(engine.read(&again(200_001)).is_empty());
    assert_eq!(
        engine.read(&again(200_002)).first().map(|signal| signal.subject.clone()),
        Some(Subject::Address(last)),
        "whoever came last is known"
    );
}
