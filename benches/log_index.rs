//! Fills the index of the log and shows that what is asked of it does not take longer when it is larger.
//!
//! `cargo bench --bench log_index -- [ROWS …]` (default 100000 1000000): fills one index up to each number of accesses in turn, and prints for each
//! question the median of its time there as a ratio to that at the first number; what a record costs to be indexed; and the size of the file.

#[path = "measure/cpu.rs"]
mod cpu;

use std::sync::Arc;
use std::time::{Duration, Instant};

use yumen::clock::Time;
use yumen::model::{
    AccountId, AccountName, AppId, Closed, Decision, End, Entry, Factor, Label, LogAccount, LogApp, LogDecision, LogKind, LogQuery, Opened,
    Record, Reference, Role, UnitName, Who, parse_network,
};
use yumen::store::{LogBatch, LogIndex, LogSpan};

const START_MS: i64 = 1_800_000_000_000;
const BATCH: u64 = 2_048;
const ROUNDS: usize = 15;

type Question = (&'static str, LogQuery);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut sizes: Vec<u64> = words.iter().filter_map(|word| word.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![100_000, 1_000_000];
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log-index.db");
    let (index, _) = LogIndex::open(&path).await.expect("an index");
    let people = people();
    let (mut filled, mut first) = (0, Vec::new());
    for size in sizes {
        let (took, cpu) = fill(&index, &people, filled, size).await;
        let records = 2 * (size - filled);
        filled = size;
        println!(
            "\n{size} accesses: {:.1} µs CPU ({:.1} µs) a record, {} bytes an access",
            micros(cpu, records),
            micros(took, records),
            bytes(&path) / size
        );
        let times = ask_all(&index).await;
        for (place, (name, time, rows)) in times.iter().enumerate() {
            let before = first.get(place).copied().unwrap_or(*time);
            println!("  {:>6.2}  {:>8.0} µs  {rows:>4} rows  {name}", time.as_secs_f64() / before.as_secs_f64(), time.as_secs_f64() * 1e6);
        }
        if first.is_empty() {
            first = times.iter().map(|(_, time, _)| *time).collect();
        }
    }
}

async fn fill(index: &LogIndex, people: &[Arc<Who>], from: u64, to: u64) -> (Duration, Duration) {
    let (mut took, mut cpu) = (Duration::ZERO, Duration::ZERO);
    for batch in (from..to).step_by(usize::try_from(BATCH).expect("it fits")) {
        let entries: Vec<Entry> = (batch..to.min(batch + BATCH)).flat_map(|number| access(number, people)).collect();
        let up_to = entries.last().map_or(0, |entry| entry.sequence);
        let (began, spent) = (Instant::now(), process_time());
        index.add(LogBatch { entries: &entries, up_to, leaf: [0; 32] }).await.expect("it is added");
        took += began.elapsed();
        cpu += process_time() - spent;
    }
    (took, cpu)
}

async fn ask_all(index: &LogIndex) -> Vec<(&'static str, Duration, usize)> {
    let mut answers = Vec::new();
    for (name, query) in questions() {
        let (mut times, mut rows) = (Vec::new(), 0);
        for _ in 0..ROUNDS {
            let began = Instant::now();
            rows = index.search(&query).await.expect("an answer").rows.len();
            times.push(began.elapsed());
        }
        answers.push((name, median(times), rows));
    }
    let day = LogSpan { to: Some(Time::from_millis(START_MS + 86_400_000)), ..LogSpan::default() };
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let began = Instant::now();
        index.count_by_hour(&day).await.expect("a chart");
        times[0].push(began.elapsed());
        let began = Instant::now();
        index.count_by_app(&day).await.expect("a chart");
        times[1].push(began.elapsed());
        let began = Instant::now();
        index.count_by_reason(&day).await.expect("a chart");
        times[2].push(began.elapsed());
    }
    for (name, times) in ["a day's chart by hour", "a day's chart by app", "a day's chart by reason"].into_iter().zip(times) {
        answers.push((name, median(times), 0));
    }
    answers
}

fn questions() -> Vec<Question> {
    let none = LogQuery { limit: 50, ..LogQuery::default() };
    let account = LogAccount::parse("person 77");
    let app = LogApp::parse("app-3");
    let refused = Some(LogDecision::Refused);
    let text = |text: &str| LogQuery { text: Some(text.to_owned()), ..none.clone() };
    let time = |seconds: i64| Some(Time::from_millis(START_MS + seconds * 1_000));
    vec![
        ("the newest", none.clone()),
        ("deep in it", LogQuery { before: Some(100_000), ..none.clone() }),
        ("account", LogQuery { account: account.clone(), ..none.clone() }),
        ("unit", LogQuery { unit: UnitName::parse("unit 7").ok(), ..none.clone() }),
        ("app", LogQuery { app: app.clone(), ..none.clone() }),
        ("address", LogQuery { address: parse_network("10.0.1.7"), ..none.clone() }),
        ("network /24", LogQuery { address: parse_network("10.0.1.0/24"), ..none.clone() }),
        ("network /8 (all)", LogQuery { address: parse_network("10.0.0.0/8"), ..none.clone() }),
        ("refused", LogQuery { decision: refused, ..none.clone() }),
        ("kind", LogQuery { kind: Some(LogKind::Access), ..none.clone() }),
        ("status", LogQuery { status: Some(404), ..none.clone() }),
        ("reference", LogQuery { reference: Some(reference(4_321)), ..none.clone() }),
        ("a minute", LogQuery { from: time(300), to: time(360), ..none.clone() }),
        ("text, two characters", text("信息")),
        ("text, one path", text("page/1234.html")),
        ("text, common", text("/page/")),
        ("text, nowhere", text("no such text")),
        ("account + app", LogQuery { account: account.clone(), app: app.clone(), ..none.clone() }),
        ("app + refused", LogQuery { app, decision: refused, ..none.clone() }),
        ("account + text", LogQuery { account, ..text("/page/") }),
        ("refused + a minute", LogQuery { decision: refused, from: time(300), to: time(360), ..none }),
    ]
}

fn people() -> Vec<Arc<Who>> {
    let who = |number: usize| {
        Arc::new(Who {
            account: AccountId::fresh(),
            name: AccountName::parse(&format!("person {number}")).expect("a name"),
            unit: UnitName::parse(&format!("unit {}", number % 100)).expect("a unit"),
            role: Role::Member,
            factor: Some(Factor::SecurityKey),
            session: Some(format!("session {number}").into()),
        })
    };
    (0..500).map(who).collect()
}

fn reference(number: u64) -> Reference {
    // Spread as random ones are.
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut random = [0; 10];
    random[..8].copy_from_slice(&spread.to_be_bytes());
    Reference::new(random)
}

/// Ten accesses a second by 500 people to six apps, on 5000 paths.
fn access(number: u64, people: &[Arc<Who>]) -> [Entry; 2] {
    let draw = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let is_refused = draw.is_multiple_of(50);
    let address = std::net::Ipv4Addr::new(10, 0, (draw % 8) as u8, (draw / 8 % 250) as u8);
    let page = draw % 5_000;
    let path = if page % 100 == 7 { format!("/信息公开/page/{page}.html") } else { format!("/page/{page}.html") };
    let opened = Opened {
        reference: reference(number),
        who: people.get(usize::try_from(draw % 500).expect("it fits")).cloned(),
        address: address.into(),
        port: 5,
        tls: "TLSv1.3".to_owned(),
        group: "X25519".to_owned(),
        app: AppId::parse(&format!("app-{}", draw / 500 % 6)),
        label: Some(Label::Internal),
        host: "sites.city.test".to_owned(),
        method: "GET".to_owned(),
        path,
        query: None,
        decision: if is_refused { Decision::Refused } else { Decision::Allowed },
        rule: if is_refused { "too-many" } else { "members" }.to_owned(),
    };
    let closed = Closed {
        reference: reference(number),
        status: if draw % 40 == 1 { 404 } else { 200 },
        bytes_up: 0,
        bytes_down: 4_096,
        duration_ms: 17,
        end: End::Complete,
    };
    let at = Time::from_millis(START_MS + i64::try_from(number).expect("it fits") * 100);
    [Entry::stamp(2 * number + 1, at, [0; 16], Record::Opened(opened)), Entry::stamp(2 * number + 2, at, [0; 16], Record::Closed(closed))]
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn micros(time: Duration, records: u64) -> f64 {
    time.as_secs_f64() * 1e6 / records as f64
}

fn bytes(path: &std::path::Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

/// Of all threads.
fn process_time() -> Duration {
    cpu::time_of(rustix::time::ClockId::ProcessCPUTime)
}
