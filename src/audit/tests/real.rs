//! The journal on a real disk.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::super::disk::{NEXT, RealDisk};
use super::super::{Journal, OpenError, Settings};
use super::{access, entries, opened_and_closed_once};
use crate::clock::Clock;
use crate::model::{Action, End, Event, Record, Reference};

fn open(directory: &Path) -> (Journal, super::Repair) {
    Journal::open(Settings { segment_bytes: 256 * 1024, ..Settings::new(directory.to_owned()) }, Clock::machine()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_write_at_once_and_all_of_it_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = open(directory.path());
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..64_u64 {
        let journal = journal.clone();
        tasks.spawn(async move {
            for number in 0..25 {
                let mut receipt = journal.open_access(access(task * 1_000 + number)).await.unwrap();
                receipt.durable().await.unwrap();
                receipt.close(200, number, 0, End::Complete);
            }
            journal.event(Event::done(Action::SignOut)).await.unwrap();
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    journal.note(Event::done(Action::Stop));
    journal.shut_down().await;
    let entries = entries(&RealDisk::open(directory.path()).unwrap());
    assert_eq!(opened_and_closed_once(&entries).len(), 64 * 25);
    assert!(entries.iter().any(|entry| matches!(&entry.record, Record::Event(event) if event.action == Action::Stop)));
    let salts: HashSet<&str> = entries.iter().map(|entry| entry.salt.as_str()).collect();
    assert_eq!(salts.len(), entries.len(), "every record has a salt of its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_taken_at_any_instant_has_all_that_was_acknowledged_before() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = open(directory.path());
    let acknowledged: Arc<Mutex<HashSet<Reference>>> = Arc::default();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..16_u64 {
        let (journal, acknowledged) = (journal.clone(), Arc::clone(&acknowledged));
        tasks.spawn(async move {
            for number in 0..100 {
                let mut receipt = journal.open_access(access(task * 1_000 + number)).await.unwrap();
                receipt.durable().await.unwrap();
                acknowledged.lock().unwrap().insert(receipt.reference().clone());
                if number % 10 == 0 {
                    std::mem::forget(receipt);
                }
            }
        });
    }
    // A killed process leaves what the page cache holds: what a copy sees.
    for _ in 0..5 {
        tokio::task::yield_now().await;
        let before = acknowledged.lock().unwrap().clone();
        let copy = tempfile::tempdir().unwrap();
        let mut names: Vec<_> =
            fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).filter(|name| name != NEXT).collect();
        names.sort();
        for name in names {
            fs::copy(directory.path().join(&name), copy.path().join(&name)).unwrap();
        }
        let (copied, _) = open(copy.path());
        copied.shut_down().await;
        let entries = entries(&RealDisk::open(copy.path()).unwrap());
        let recorded: HashSet<Reference> = opened_and_closed_once(&entries).into_iter().collect();
        assert!(before.is_subset(&recorded));
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
}

#[tokio::test]
async fn an_end_stands_behind_its_beginning_however_long_the_queue_and_the_stop_behind_all() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = open(directory.path());
    let mut receipts = Vec::new();
    for number in 0..3_000 {
        receipts.push(journal.open_access(access(number)).await.unwrap());
        // Most end before the writer can have taken their beginnings.
        if number % 100 == 99 {
            receipts.drain(..).for_each(|receipt| receipt.close(200, 0, 0, End::Complete));
        }
    }
    journal.shut_down_with(Event::done(Action::Stop)).await;
    let entries = entries(&RealDisk::open(directory.path()).unwrap());
    assert_eq!(opened_and_closed_once(&entries).len(), 3_000);
    let mut begun = HashSet::new();
    for entry in &entries {
        match &entry.record {
            Record::Opened(opened) => assert!(begun.insert(opened.reference.clone())),
            Record::Closed(closed) => assert!(begun.contains(&closed.reference), "{closed:?} ended before it began"),
            Record::Event(_) | Record::StillOpen { .. } => {}
        }
    }
    assert!(matches!(&entries.last().unwrap().record, Record::Event(event) if event.action == Action::Stop));
}

#[tokio::test]
async fn a_journal_left_without_shutting_down_is_taken_up_with_its_accesses_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = open(directory.path());
    for number in 0..10 {
        let mut receipt = journal.open_access(access(number)).await.unwrap();
        receipt.durable().await.unwrap();
        if number < 4 {
            // Its handle to the journal stays too, so the first writer never ends well.
            std::mem::forget(receipt);
        } else {
            receipt.close(200, 0, 0, End::Complete);
        }
    }
    journal.event(Event::done(Action::SignOut)).await.unwrap();
    drop(journal);

    let (journal, repair) = open(directory.path());
    assert_eq!((repair.cut_off, repair.torn), (4, None));
    journal.shut_down().await;
    assert_eq!(opened_and_closed_once(&entries(&RealDisk::open(directory.path()).unwrap())).len(), 10);
}

#[test]
fn a_receipt_closes_its_access_when_it_is_dropped_though_the_runtime_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (journal, _) = open(directory.path());
    let receipt = runtime.block_on(journal.open_access(access(1))).unwrap();
    drop(runtime);
    drop(receipt);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(journal.shut_down());
    let entries = entries(&RealDisk::open(directory.path()).unwrap());
    let Record::Closed(closed) = &entries[1].record else { panic!("{entries:?}") };
    assert_eq!((closed.status, closed.end), (0, End::ClientLeft));
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let why = Journal::open(Settings::new(file.join("journal")), Clock::machine()).unwrap_err();
    assert!(matches!(why, OpenError::Directory { .. }) && why.to_string().contains("file/journal"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints a rate; it asserts nothing about time"]
async fn how_many_accesses_a_second() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(Settings::new(directory.path().to_owned()), Clock::machine()).unwrap();
    let clock = Clock::machine();
    for tasks in [1_u64, 16, 256, 2_048] {
        let each = (20_000 / tasks).min(1_000);
        let begun = clock.now();
        let mut running = tokio::task::JoinSet::new();
        for task in 0..tasks {
            let journal = journal.clone();
            running.spawn(async move {
                for number in 0..each {
                    let mut receipt = journal.open_access(access(task * 1_000_000 + number)).await.unwrap();
                    receipt.durable().await.unwrap();
                    receipt.close(200, 0, 0, End::Complete);
                }
            });
        }
        while let Some(task) = running.join_next().await {
            task.unwrap();
        }
        let took = clock.now().since(begun).as_secs_f64().max(0.001);
        println!("{tasks} at once: {:.0} accesses/s, two records each", (tasks * each) as f64 / took);
    }
    journal.shut_down().await;
}
