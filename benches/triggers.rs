//! What the triggers of the emergency plan and the book of incidents cost a record, and how much memory they take when every stranger comes from
//! another address.
//!
//! `cargo bench --bench triggers -- [RECORDS …]` (default 200000 1000000): reads so many records through all triggers of the example plan, half of
//! them accesses of 500 people, half failed sign-ins: each from an address and with a name of its own, and then again from addresses that each
//! come seven times, so that each raises an alarm. What was found goes into the book of incidents, which looks at each record.

#[path = "measure/cpu.rs"]
mod cpu;

use std::sync::Arc;
use std::time::Duration;

use rustix::time::ClockId;
use yumen::clock::Time;
use yumen::config;
use yumen::incident::{Book, Engine};
use yumen::model::{
    AccountId, AccountName, Action, AppId, Closed, Decision, End, Entry, Event, Factor, Label, Opened, Record, Reference, Role, UnitName,
    Who,
};

const PLAN: &str = include_str!("../config/plan.toml");
const START_MS: i64 = 1_795_420_800_000;
const PEOPLE: u64 = 500;

fn main() {
    let mut sizes: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![200_000, 1_000_000];
    }
    let plan = config::parse_plan(PLAN, "plan.toml").unwrap_or_else(|problems| panic!("{problems}"));
    let people: Vec<Arc<Who>> = (0..PEOPLE).map(person).collect();
    for (each_comes, size) in [1, 7].into_iter().flat_map(|times| sizes.iter().map(move |size| (times, *size))) {
        let mut engine = Engine::new(plan.clone(), 0);
        let mut book = Book::default();
        let (mut spent, mut looked, mut alarms) = (Duration::ZERO, Duration::ZERO, 0);
        for begin in (1..=size).step_by(4_096) {
            // What is read is made beforehand, and not counted.
            let entries: Vec<Entry> = (begin..(begin + 4_096).min(size + 1)).map(|sequence| entry(sequence, each_comes, &people)).collect();
            let before = process_time();
            let found: Vec<_> = entries.iter().flat_map(|entry| engine.read(entry)).collect();
            engine.forget_unrecorded();
            spent += process_time().saturating_sub(before);
            alarms += found.len();
            let mut seen = entries;
            // Each alarm stands in the place of one of the records.
            for (entry, signal) in seen.iter_mut().zip(&found) {
                entry.record = Record::Event(signal.event());
            }
            let lines: Vec<Vec<u8>> = seen.iter().map(|entry| serde_json::to_vec(entry).expect("a record")).collect();
            let before = process_time();
            for (entry, line) in seen.iter().zip(&lines) {
                if Book::may_concern(line) {
                    book.read(entry);
                } else {
                    book.skip(entry.sequence);
                }
            }
            looked += process_time().saturating_sub(before);
        }
        let each = |spent: Duration| spent.as_secs_f64() * 1e6 / size as f64;
        let kept = engine.kept().expect("it can be written").len();
        println!(
            "{size} records, each stranger {each_comes} times: {:.2} µs CPU a record, {:.0} a second; {alarms} alarms; {} KiB kept; \
             the book of incidents {:.2} µs; peak memory so far {} KiB",
            each(spent),
            1e6 / each(spent),
            kept >> 10,
            each(looked),
            peak_kib()
        );
    }
}

fn person(number: u64) -> Arc<Who> {
    let name = |text: String| AccountName::parse(&text).expect("a name");
    Arc::new(Who {
        account: AccountId::fresh(),
        name: name(format!("person {number}")),
        unit: UnitName::parse(&format!("unit {}", number % 100)).expect("a unit"),
        role: Role::Member,
        factor: Some(Factor::SecurityKey),
        session: None,
    })
}

/// Of each four: an access with its end, and two sign-ins of strangers. Three hundred records a second.
fn entry(sequence: u64, each_comes: u64, people: &[Arc<Who>]) -> Entry {
    let number = sequence / 4;
    let reference = || Reference::new([&number.to_be_bytes()[..], &[0, 0]].concat().try_into().expect("ten bytes"));
    let record = match sequence % 4 {
        0 => {
            let who = &people[usize::try_from(number % PEOPLE).expect("few people")];
            Record::Opened(opened(reference(), who.clone()))
        }
        1 => Record::Closed(Closed {
            reference: reference(),
            status: 200,
            bytes_up: 0,
            bytes_down: 9_000,
            duration_ms: 12,
            end: End::Complete,
        }),
        _ => {
            let stranger = sequence / (2 * each_comes);
            let address = std::net::Ipv4Addr::from(u32::try_from(stranger * 2_654_435_761 % (1 << 32)).expect("four bytes"));
            let event = Event::failed(Action::SignIn).from(address.into()).with("why", "unknown-name");
            Record::Event(event.with("unknown-name", format!("{sequence:016x}")))
        }
    };
    let time = START_MS + i64::try_from(sequence).expect("not so many") * 10 / 3;
    Entry::stamp(sequence, Time::from_millis(time), [0; 16], record)
}

fn opened(reference: Reference, who: Arc<Who>) -> Opened {
    Opened {
        reference,
        who: Some(who),
        address: [10, 0, 0, 1].into(),
        port: 50_000,
        tls: "TLSv1.3".to_owned(),
        group: "X25519".to_owned(),
        app: AppId::parse("sites"),
        label: Some(Label::Internal),
        host: "sites.city.example".to_owned(),
        method: "GET".to_owned(),
        path: "/list".to_owned(),
        query: None,
        decision: Decision::Allowed,
        rule: "members".to_owned(),
    }
}

fn process_time() -> Duration {
    cpu::time_of(ClockId::ProcessCPUTime)
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}
