//! `kill -9` at any instant: a process of its own writes to a real disk, and says of each record when it was acknowledged.
//!
//! Killing a process does not lose the page cache; what the power loses is tried in `crash`.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::disk::{Disk, RealDisk};
use super::super::fake::Dice;
use super::super::line::{self, Next};
use super::super::{Journal, Settings};
use super::{access, entries, opened_and_closed_once, rounds, segments};
use crate::clock::Clock;
use crate::model::{Action, End, Record, Reference};

const DIRECTORY: &str = "YUMEN_KILLED_DIRECTORY";
const FIRST: &str = "YUMEN_KILLED_FIRST";
/// A journal is begun anew after so many kills, so that reading it does not take longer and longer.
const KILLS_PER_JOURNAL: u64 = 20;

fn small(directory: &Path) -> Settings {
    Settings { segment_bytes: 0, ..Settings::new(directory.to_owned()) }
}

/// The process that is killed: only where a directory is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it is started by another test, and killed"]
async fn writes_until_it_is_killed() {
    let (Ok(directory), Ok(first)) = (std::env::var(DIRECTORY), std::env::var(FIRST)) else { return };
    let first: u64 = first.parse().unwrap();
    let (journal, _) = Journal::open(small(Path::new(&directory)), Clock::machine()).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..16 {
        let journal = journal.clone();
        tasks.spawn(async move {
            let mut kept = Vec::new();
            for number in first + task * 1_000_000.. {
                let mut record = access(number);
                record.path = "/long".repeat((number % 40) as usize);
                let mut receipt = journal.open_access(record).await.unwrap();
                receipt.durable().await.unwrap();
                // One write, and so never torn itself (pipe(7)).
                std::io::stdout().write_all(format!("acknowledged {}\n", receipt.reference()).as_bytes()).unwrap();
                match number % 7 {
                    0 => kept.push(receipt),
                    _ => receipt.close(200, 0, 0, End::Complete),
                }
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}

/// Starts it, kills it at some instant, and gives what it had acknowledged.
fn kill_one(directory: &Path, first: u64, dice: &mut Dice) -> HashSet<Reference> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "audit::tests::killed::writes_until_it_is_killed", "--ignored", "--nocapture", "--test-threads=1"])
        .envs([(DIRECTORY, directory.as_os_str()), (FIRST, first.to_string().as_ref())])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    // Some are killed while they start, most under load.
    for _ in 0..[0, 3, 40, 400][dice.below(4) as usize] * dice.below(10) / 10 {
        assert!(lines.read_line(&mut said).unwrap() > 0, "it ended by itself: {said}");
    }
    for _ in 0..dice.below(3_000) {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    std::io::Read::read_to_string(&mut lines, &mut said).unwrap();
    child.wait().unwrap();
    let whole = said.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let reference = |line: &str| serde_json::from_value(serde_json::Value::from(line)).unwrap();
    whole.filter_map(|line| line.trim_end().strip_prefix("acknowledged ")).map(reference).collect()
}

/// Leaves half a line behind the last whole one, as the power can. `false`: there is no place for it.
fn tear(disk: &RealDisk, directory: &Path) -> bool {
    let Some(name) = segments(disk).pop() else { return false };
    let bytes = disk.read(&name).unwrap();
    let mut end = 0;
    while let Next::Entry { length, .. } = line::first(&bytes[end..]) {
        end += length;
    }
    let half = b"0badc0de {\"sequence\":";
    if bytes.len() < end + half.len() || bytes[end] != 0 {
        return false;
    }
    OpenOptions::new().write(true).open(directory.join(name)).unwrap().write_all_at(half, end as u64).unwrap();
    true
}

#[test]
fn a_process_killed_at_any_instant_has_lost_nothing_that_it_acknowledged() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let seed = rounds("YUMEN_SEED", u64::from(std::process::id()));
    println!("YUMEN_SEED={seed}");
    let mut dice = Dice::new(seed);
    let (mut all, mut torn_in_all) = (0, 0);
    // A slow disk makes fewer of them, unless a number is asked for.
    let (kills, mut done, watch) = (rounds("YUMEN_KILLS", 200), 0, Clock::machine().stopwatch());
    let is_enough = |done: u64| done >= 40 && watch.elapsed().as_secs() > 60 && std::env::var("YUMEN_KILLS").is_err();
    for journal in 0..kills.div_ceil(KILLS_PER_JOURNAL) {
        let directory = tempfile::tempdir().unwrap();
        let mut acknowledged = HashSet::new();
        let mut torn = 0;
        for kill in 0..KILLS_PER_JOURNAL.min(kills - journal * KILLS_PER_JOURNAL) {
            if is_enough(done) {
                break;
            }
            done += 1;
            acknowledged.extend(kill_one(directory.path(), (kill + 1) * 1_000_000_000, &mut dice));
            let disk = RealDisk::open(directory.path()).unwrap();
            let is_torn = dice.below(4) == 0 && tear(&disk, directory.path());
            let (opened, repair) = Journal::open(small(directory.path()), Clock::machine()).unwrap();
            runtime.block_on(opened.shut_down());
            assert!(repair.torn.is_some() || !is_torn, "what is torn is told");
            torn += usize::from(repair.torn.is_some());
            let entries = entries(&disk);
            let recorded: HashSet<Reference> = opened_and_closed_once(&entries).into_iter().collect();
            let lost: Vec<_> = acknowledged.difference(&recorded).take(3).collect();
            assert!(lost.is_empty(), "kill {kill} lost {lost:?}");
            let repairs =
                entries.iter().filter(|entry| matches!(&entry.record, Record::Event(event) if event.action == Action::LogRepaired));
            assert_eq!(repairs.count(), torn, "what was cut is on record");
            let kept = fs::read_dir(directory.path())
                .unwrap()
                .filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().contains(".torn-"));
            assert_eq!(kept.count(), torn, "and kept");
        }
        all += acknowledged.len();
        torn_in_all += torn;
    }
    println!("{done} kills, {all} records acknowledged, {torn_in_all} torn tails");
    assert!(all as u64 > done && torn_in_all > 0, "{all} acknowledged, {torn_in_all} torn");
}
