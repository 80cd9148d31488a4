//! The power goes at any instant.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use super::super::fake::{Dice, FakeDisk};
use super::super::{Journal, OpenError};
use super::{Heard, SMALLEST_SEGMENT, access, clock, entries, opened_and_closed_once, rounds, segments, small_segments, start};
use crate::clock::Clock;
use crate::model::{Action, End, Event, Record, Reference};

/// What somebody was told is on the disk.
#[derive(Clone, Default)]
struct Acknowledged(Arc<Mutex<(HashSet<Reference>, HashSet<u64>)>>);

/// Sign-outs are told apart from sign-ins by that.
const SIGN_OUTS: u64 = 1 << 40;

/// Some tasks open accesses, wait for the record and close them, with events between, until the power goes. Who is denied signs out;
/// and somebody makes room now and then.
async fn work(disk: &FakeDisk, clock: &Clock, journal: &Journal, dice: &mut Dice, numbers: &mut u64, acknowledged: &Acknowledged) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (disk, clock, journal, acknowledged) = (disk.clone(), clock.clone(), journal.clone(), acknowledged.clone());
        let (first, mut dice) = (*numbers, Dice::new(dice.below(u64::MAX)));
        *numbers += 1_000;
        tasks.spawn(async move {
            let mut kept = Vec::new();
            for number in first..first + 60 {
                let mut record = access(number);
                record.path = "/long".repeat(dice.below(300) as usize);
                let Ok(mut receipt) = journal.open_access(record).await else {
                    let number = SIGN_OUTS + number;
                    if journal.event(Event::done(Action::SignOut).with("number", number)).await.is_ok() {
                        acknowledged.0.lock().unwrap().1.insert(number);
                    }
                    if dice.below(20) == 0 {
                        disk.leave_room(None);
                    }
                    clock.advance(std::time::Duration::from_millis(dice.below(500)));
                    continue;
                };
                if receipt.durable().await.is_ok() {
                    acknowledged.0.lock().unwrap().0.insert(receipt.reference().clone());
                }
                match dice.below(4) {
                    0 => drop(receipt),
                    1 => kept.push(receipt),
                    _ => receipt.close(200, 1, 2, End::Complete),
                }
                if journal.event(Event::done(Action::SignIn).with("number", number)).await.is_ok() {
                    acknowledged.0.lock().unwrap().1.insert(number);
                }
            }
            // These never close: for them the process was cut off.
            kept.into_iter().for_each(std::mem::forget);
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
}

/// What a run of seeds came by, so that a test can tell whether it tried what it is for.
#[derive(Default)]
struct Seen {
    segments: usize,
    torn: usize,
    full: usize,
    sign_outs: usize,
}

/// Several crashes in a row, some while the journal is being recovered; all that was acknowledged must be there.
async fn crash_again_and_again(seed: u64, loses_everything: bool, seen: &mut Seen) {
    let mut dice = Dice::new(seed);
    let disk = FakeDisk::default();
    let acknowledged = Acknowledged::default();
    let mut numbers = 0;
    for _ in 0..4 {
        let bound = if dice.below(3) == 0 { 12 } else { 250 };
        disk.pull_the_plug_after(dice.below(bound));
        let room = disk.size() + SMALLEST_SEGMENT + dice.below(2 * SMALLEST_SEGMENT as u64) as usize;
        disk.leave_room((dice.below(3) == 0).then_some(room));
        let clock = clock();
        match Journal::start(disk.clone(), &small_segments(), clock.clone(), Heard::default()) {
            Ok((journal, repair)) => {
                seen.torn += usize::from(repair.torn.is_some());
                work(&disk, &clock, &journal, &mut dice, &mut numbers, &acknowledged).await;
                journal.shut_down().await;
            }
            Err(OpenError::Write(_) | OpenError::Keep { .. }) => {}
            Err(other) => panic!("seed {seed}: {other}"),
        }
        disk.reboot((!loses_everything).then_some(&mut dice));
    }
    disk.leave_room(None);
    let (journal, ..) = start(&disk);
    journal.shut_down().await;
    let entries = entries(&disk);
    let references: HashSet<Reference> = opened_and_closed_once(&entries).into_iter().collect();
    let (accesses, events) = &*acknowledged.0.lock().unwrap();
    assert!(accesses.is_subset(&references), "seed {seed} lost an acknowledged access");
    let mut recorded = HashSet::new();
    for entry in &entries {
        if let Record::Event(event) = &entry.record {
            seen.full += usize::from(event.action == Action::LogFull);
            recorded.extend(event.details.get("number").map(|number| number.parse::<u64>().unwrap()));
        }
    }
    assert!(events.is_subset(&recorded), "seed {seed} lost an acknowledged event");
    seen.segments += segments(&disk).len();
    seen.sign_outs += events.iter().filter(|number| **number >= SIGN_OUTS).count();
}

/// `YUMEN_SEEDS` asks for more.
async fn crash_with_seeds(loses_everything: bool) {
    let mut seen = Seen::default();
    let seeds = rounds("YUMEN_SEEDS", 200);
    for seed in 0..seeds {
        crash_again_and_again(seed, loses_everything, &mut seen).await;
    }
    let Seen { segments, torn, full, sign_outs } = seen;
    println!("{seeds} seeds: {segments} segments, {torn} torn tails, {full} records of a full log, {sign_outs} sign-outs meanwhile");
    assert!(segments as u64 > seeds && full > 0 && sign_outs > 0, "rotations and full disks were tried");
    assert!(loses_everything || torn > 0, "torn tails were tried");
}

#[tokio::test]
async fn no_acknowledged_record_is_lost_when_all_that_was_not_synced_is() {
    crash_with_seeds(true).await;
}

#[tokio::test]
async fn no_acknowledged_record_is_lost_when_some_of_what_was_not_synced_is() {
    crash_with_seeds(false).await;
}

#[tokio::test]
async fn a_record_is_acknowledged_only_after_a_sync_that_covers_it() {
    let disk = FakeDisk::default();
    let (journal, ..) = start(&disk);
    let before = disk.syncs_done();
    disk.hold_syncs(true);
    let mut first = journal.open_access(access(1)).await.unwrap();
    disk.wait_for_syncs_begun(before + 1);
    assert!(futures_util::FutureExt::now_or_never(first.durable()).is_none(), "its sync has not ended");

    // These come while the sync is under way, so it does not cover them; one sync more serves them all.
    let mut later = Vec::new();
    for number in 2..100 {
        later.push(journal.open_access(access(number)).await.unwrap());
    }
    disk.hold_syncs(false);
    first.durable().await.unwrap();
    first.durable().await.unwrap();
    for receipt in &mut later {
        receipt.durable().await.unwrap();
    }
    assert_eq!(disk.syncs_done(), before + 2);
    disk.reboot(None);
    assert_eq!(entries(&disk).len(), 99);
}

#[tokio::test]
async fn a_closed_record_is_synced_though_nobody_waits() {
    let disk = FakeDisk::default();
    let clock = clock();
    let (journal, _) = Journal::start(disk.clone(), &small_segments(), clock.clone(), Heard::default()).unwrap();
    let mut receipt = journal.open_access(access(1)).await.unwrap();
    receipt.durable().await.unwrap();
    let before = disk.syncs_done();
    clock.advance(std::time::Duration::from_millis(1_500));
    receipt.close(200, 10, 20, End::Complete);
    disk.wait_for_syncs_done(before + 1);
    disk.reboot(None);
    let entries = entries(&disk);
    let Record::Closed(closed) = &entries[1].record else { panic!("{entries:?}") };
    assert_eq!((closed.status, closed.bytes_up, closed.bytes_down, closed.duration_ms, closed.end), (200, 10, 20, 1_500, End::Complete));
}
