//! What the durable record adds: CPU of an access by the kernel's account of this process with all its threads, and the time from the
//! record's making until it is on the disk, at 1, 64 and 512 clients.
//!
//! `record [--quick] [DIRECTORY]` drives the journal as a worker does (one current-thread runtime, the journal's own thread beside it) in
//! five ways that take turns: no journal at all; a journal in memory (`/dev/shm`: records are made, written and waited for, only the
//! sync costs next to nothing); a journal in DIRECTORY (default: the directory for temporary files), which must be on a disk; the same with what
//! seals it; and with the index as well. What runs behind the accesses is waited for, and its CPU is theirs. Every client brings its next
//! access as soon as the last one is acknowledged, so 512 of them are a flood and not 512 people.

#[path = "measure/cpu.rs"]
mod cpu;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::time::ClockId;
use yumen::audit::{Journal, SealSettings, Sealer, Settings};
use yumen::clock::Clock;
use yumen::gateway::catch_up;
use yumen::model::{AccountId, AccountName, AppId, Decision, End, Factor, Label, Opened, Reference, Role, UnitName, Who};
use yumen::store::LogIndex;

const CLIENTS: [usize; 3] = [1, 64, 512];
const KINDS: [&str; 5] = ["none", "in memory", "durable", "and sealed", "and indexed"];

/// Of one kind in one round.
#[derive(Clone, Copy)]
struct Found {
    cpu_us: f64,
    p50_us: f64,
    p99_us: f64,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let quick = words.iter().any(|word| word == "--quick");
    let disk = words.iter().find(|word| !word.starts_with("--")).map_or_else(std::env::temp_dir, PathBuf::from);
    let (rounds, accesses) = if quick { (3, 2_000) } else { (9, 20_000) };
    for clients in CLIENTS {
        // One client waits for a sync each time: fewer are enough.
        let accesses = if clients == 1 { accesses / 10 } else { accesses };
        let mut found: [Vec<Found>; 5] = Default::default();
        for round in 0..=rounds {
            for (kind, of_kind) in found.iter_mut().enumerate() {
                let one = match kind {
                    0 => measure(None, kind, clients, accesses),
                    1 => measure(Some(Path::new("/dev/shm")), kind, clients, accesses),
                    _ => measure(Some(&disk), kind, clients, accesses),
                };
                // The first round warms up.
                if round > 0 {
                    of_kind.push(one);
                }
            }
        }
        tell(clients, &found);
    }
}

/// Median of the rounds with its spread; durable against in memory, and with all that follows against durable, in the same round.
fn tell(clients: usize, found: &[Vec<Found>; 5]) {
    println!("\n{clients} at once | {} | durable / in memory | indexed / durable", KINDS.join(" | "));
    type Value = (&'static str, fn(&Found) -> f64);
    let values: [Value; 3] = [("CPU of an access, µs", |one| one.cpu_us), ("p50, µs", |one| one.p50_us), ("p99, µs", |one| one.p99_us)];
    let [_, memory, disk, _, indexed] = found;
    for (name, value) in values {
        let amounts: Vec<String> = found.iter().map(|of_kind| format!("{:.1}", median(of_kind.iter().map(value)).1)).collect();
        let ratio = |of: &[Found], to: &[Found]| {
            let (least, middle, most) = median(of.iter().zip(to).map(|(of, to)| value(of) / value(to)));
            format!("**{middle:.2}** ({least:.2}–{most:.2})")
        };
        println!("{name} | {} | {} | {}", amounts.join(" | "), ratio(disk, memory), ratio(indexed, disk));
    }
}

fn median(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    (values[0], values[values.len() / 2], values[values.len() - 1])
}

fn measure(parent: Option<&Path>, kind: usize, clients: usize, accesses: usize) -> Found {
    let directory = parent.map(|parent| tempfile::tempdir_in(parent).expect("a directory that can be written"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let sealing = directory.as_ref().map(|directory| SealSettings::within(directory.path(), "bench.test"));
        let journal =
            sealing.as_ref().map(|sealing| Journal::open(Settings::new(sealing.journal.clone()), Clock::machine()).expect("a journal").0);
        let sealer = match (&sealing, &journal) {
            (Some(sealing), Some(journal)) if kind >= 3 => Some(Sealer::start(sealing, journal).expect("what seals")),
            _ => None,
        };
        let index = match &directory {
            Some(directory) if kind >= 4 => Some(LogIndex::open(&directory.path().join("log-index.db")).await.expect("an index").0),
            _ => None,
        };
        let before = cpu::time_of(ClockId::ProcessCPUTime);
        let mut running = tokio::task::JoinSet::new();
        for client in 0..clients {
            running.spawn(visit(journal.clone(), client, accesses.div_ceil(clients)));
        }
        let mut took: Vec<Duration> = Vec::with_capacity(accesses);
        while let Some(one) = running.join_next().await {
            took.extend(one.expect("a client that ends well"));
        }
        if let Some(journal) = &journal {
            journal.shut_down().await;
        }
        if let Some(sealer) = &sealer {
            sealer.shut_down().await;
            if let Some(index) = &index {
                catch_up(index, &sealer.sealed(), |_| {}).await.expect("an index that keeps up");
            }
        }
        let cpu = cpu::time_of(ClockId::ProcessCPUTime).saturating_sub(before);
        took.sort_unstable();
        let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)].as_secs_f64() * 1e6;
        Found { cpu_us: cpu.as_secs_f64() * 1e6 / took.len() as f64, p50_us: at(50), p99_us: at(99) }
    })
}

/// One client's accesses, one after the other; how long each waited for its record.
async fn visit(journal: Option<Journal>, client: usize, accesses: usize) -> Vec<Duration> {
    let (clock, who) = (Clock::machine(), who());
    let mut took = Vec::with_capacity(accesses);
    for number in 0..accesses {
        let watch = clock.stopwatch();
        match &journal {
            Some(journal) => {
                let reference = journal.fresh_reference().expect("randomness");
                let mut receipt = journal.open_access(opened(reference, &who)).await.expect("a place in the queue");
                receipt.durable().await.expect("a disk that works");
                took.push(watch.elapsed());
                receipt.close(200, 512, 1024, End::Complete);
            }
            None => {
                let mut bytes = [0; 10];
                bytes[..8].copy_from_slice(&((client << 32 | number) as u64).to_be_bytes());
                black_box(opened(Reference::new(bytes), &who));
                tokio::task::yield_now().await;
                took.push(watch.elapsed());
            }
        }
    }
    took
}

fn who() -> Arc<Who> {
    Arc::new(Who {
        account: AccountId(uuid::Uuid::from_u128(7)),
        name: AccountName::parse("wang").expect("a name"),
        unit: UnitName::parse("信息中心").expect("a unit"),
        role: Role::Member,
        factor: Some(Factor::PasswordAndSecurityKey),
        session: Some("0123456789abcdef".into()),
    })
}

fn opened(reference: Reference, who: &Arc<Who>) -> Opened {
    Opened {
        reference,
        who: Some(who.clone()),
        address: std::net::Ipv4Addr::new(192, 0, 2, 7).into(),
        port: 40_000,
        tls: "TLSv1.3".to_owned(),
        group: "X25519MLKEM768".to_owned(),
        app: AppId::parse("sites"),
        label: Some(Label::Internal),
        host: "sites.city.test".to_owned(),
        method: "GET".to_owned(),
        path: "/news/2026/11/edit/4711".to_owned(),
        query: None,
        decision: Decision::Allowed,
        rule: "editors".to_owned(),
    }
}
