//! What the journal finds when it is opened.

use std::collections::HashSet;

use super::super::disk::Disk;
use super::super::fake::{Dice, FakeDisk, Operation};
use super::super::{Journal, OpenError, Repair};
use super::{Heard, SMALLEST_SEGMENT, access, clock, entries, opened_and_closed_once, segments, small_segments, start};
use crate::model::{Action, End, Event, Record, Reference};
use rustix::io::Errno;

const FIRST: &str = "00000000000000000001.log";

/// A journal that was closed well, with `number` accesses of about a kilobyte each.
async fn closed_journal(number: u64) -> FakeDisk {
    let disk = FakeDisk::default();
    let (journal, ..) = start(&disk);
    for number in 0..number {
        let mut record = access(number);
        record.path = "/".repeat(1_000);
        journal.open_access(record).await.unwrap().close(200, 0, 0, End::Complete);
    }
    journal.shut_down().await;
    journal.shut_down().await;
    assert!(!journal.is_ready() && journal.failure().is_none(), "it was shut down, it did not fail");
    disk
}

fn refused(disk: &FakeDisk) -> OpenError {
    match Journal::start(disk.clone(), &small_segments(), clock(), Heard::default()) {
        Ok(_) => panic!("it opened"),
        Err(why) => why,
    }
}

#[tokio::test]
async fn a_journal_that_was_shut_down_has_no_tail_and_goes_on_where_it_ended() {
    let disk = closed_journal(3).await;
    let bytes = disk.read(FIRST).unwrap();
    assert_eq!(bytes.last(), Some(&b'\n'));

    let (journal, repair, _) = start(&disk);
    assert_eq!(repair, Repair::default());
    assert_eq!(disk.read(FIRST).unwrap().len(), SMALLEST_SEGMENT, "room is taken before it is used");
    journal.event(Event::done(Action::Start)).await.unwrap();
    assert_eq!(entries(&disk).len(), 7);
}

#[tokio::test]
async fn a_torn_tail_is_cut_kept_beside_and_told() {
    let disk = closed_journal(3).await;
    let whole = disk.read(FIRST).unwrap();
    let torn = b"0badc0de {\"sequence\":7\n\0\0half a li";
    disk.tamper(FIRST, |bytes| {
        bytes.extend_from_slice(torn);
        bytes.resize(SMALLEST_SEGMENT, 0);
    });
    let (journal, repair, _) = start(&disk);
    let found = repair.torn.clone().unwrap();
    assert_eq!((found.segment.as_str(), found.byte, found.bytes), (FIRST, whole.len() as u64, torn.len() as u64));
    assert_eq!(disk.read(&found.kept_in).unwrap(), torn);
    assert!(repair.to_string().contains("torn"), "{repair}");
    journal.shut_down().await;
    let last = entries(&disk).pop().unwrap();
    let Record::Event(event) = &last.record else { panic!("{last:?}") };
    assert_eq!(event.action, Action::LogRepaired);
    assert_eq!(event.details["kept-in"], found.kept_in);

    disk.tamper(FIRST, |bytes| bytes.push(b'x'));
    let (_, repair, _) = start(&disk);
    assert_ne!(repair.torn.unwrap().kept_in, found.kept_in, "what was kept is not overwritten");
}

#[tokio::test]
async fn accesses_that_never_closed_are_closed_as_cut_off_though_they_opened_segments_ago() {
    let disk = FakeDisk::default();
    let (journal, ..) = start(&disk);
    let mut open = HashSet::new();
    // More than fit into one still-open record.
    for number in 0..450 {
        let mut receipt = journal.open_access(access(1_000_000 + number)).await.unwrap();
        receipt.durable().await.unwrap();
        open.insert(receipt.reference().clone());
        std::mem::forget(receipt);
    }
    for number in 0..400 {
        let mut record = access(number);
        record.path = "/".repeat(1_000);
        journal.open_access(record).await.unwrap().close(200, 0, 0, End::Complete);
    }
    journal.shut_down().await;
    assert!(segments(&disk).len() > 3);

    let (journal, repair, _) = start(&disk);
    journal.shut_down().await;
    assert_eq!(repair, Repair { torn: None, cut_off: 450 });
    let entries = entries(&disk);
    opened_and_closed_once(&entries);
    let cut_off: HashSet<Reference> = entries
        .iter()
        .filter_map(|entry| match &entry.record {
            Record::Closed(closed) if closed.end == End::CutOff => Some(closed.reference.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(cut_off, open);
    let (_, repair, _) = start(&disk);
    assert_eq!(repair, Repair::default(), "they are closed once");
}

#[tokio::test]
async fn a_last_segment_without_a_whole_line_sends_the_reader_to_the_one_before() {
    for torn in [&b""[..], b"\0\0\0\0", b"deadbeef {\"seq"] {
        let disk = closed_journal(3).await;
        let (journal, ..) = start(&disk);
        let mut receipt = journal.open_access(access(99)).await.unwrap();
        receipt.durable().await.unwrap();
        std::mem::forget(receipt);
        journal.shut_down().await;
        disk.tamper("00000000000000000008.log", |bytes| bytes.extend_from_slice(torn));

        let (journal, repair, _) = start(&disk);
        assert_eq!(repair.cut_off, 1);
        assert_eq!(repair.torn.is_some(), torn.starts_with(b"d"));
        journal.shut_down().await;
        opened_and_closed_once(&entries(&disk));
    }
}

/// A journal with 500 open accesses whose last segment has only the first of its three still-open records.
async fn headless_journal() -> FakeDisk {
    let disk = FakeDisk::default();
    let (journal, ..) = start(&disk);
    for number in 0..500 {
        std::mem::forget(journal.open_access(access(number)).await.unwrap());
    }
    for number in 1_000..1_060 {
        let mut record = access(number);
        record.path = "/".repeat(2_000);
        journal.open_access(record).await.unwrap().close(200, 0, 0, End::Complete);
    }
    journal.shut_down().await;
    disk.tamper(segments(&disk).last().unwrap(), |bytes| {
        let first_line = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        assert!(String::from_utf8_lossy(&bytes[..first_line]).contains("still-open"));
        bytes.truncate(first_line);
    });
    disk
}

#[tokio::test]
async fn a_segment_cut_within_its_list_of_open_accesses_states_the_whole_list_again() {
    for operations in 4..12 {
        for seed in 0..6 {
            let disk = headless_journal().await;
            // The next start does not live to close all of them.
            disk.pull_the_plug_after(operations);
            let _ = Journal::start(disk.clone(), &small_segments(), clock(), Heard::default());
            disk.reboot(Some(&mut Dice::new(seed)));
            let (journal, ..) = start(&disk);
            journal.shut_down().await;
            opened_and_closed_once(&entries(&disk));
        }
    }
}

#[tokio::test]
async fn a_missing_segment_is_a_gap_and_a_damaged_one_is_named_with_its_byte() {
    let disk = closed_journal(300).await;
    let names = segments(&disk);
    assert!(names.len() >= 4);

    let middle = disk.read(&names[1]).unwrap();
    disk.remove(&names[1]);
    let why = refused(&disk);
    assert!(matches!(&why, OpenError::Gap { file, .. } if *file == names[2]), "{why}");

    disk.tamper(&names[1], |bytes| {
        *bytes = middle.clone();
        bytes.truncate(middle.len() - 1);
    });
    let why = refused(&disk);
    assert!(matches!(&why, OpenError::Damaged { file, byte } if *file == names[1] && *byte > 0), "{why}");

    disk.tamper(&names[1], |bytes| *bytes = Vec::new());
    let why = refused(&disk);
    assert!(matches!(&why, OpenError::Gap { .. }), "{why}");

    disk.tamper(&names[1], |bytes| *bytes = middle);
    // One after the other: a writer that still cuts its segment has it no more, once the next journal made its own of that name.
    start(&disk).0.shut_down().await;
    disk.remove(&names[0]);
    start(&disk).0.shut_down().await;
}

#[tokio::test]
async fn a_whole_line_with_a_wrong_sequence_or_of_an_unknown_kind_is_not_cut() {
    let disk = closed_journal(3).await;
    let before = disk.read(FIRST).unwrap();
    disk.tamper(FIRST, |bytes| {
        let line = bytes[..=bytes.iter().position(|byte| *byte == b'\n').unwrap()].to_vec();
        bytes.extend(line);
    });
    let why = refused(&disk);
    assert!(matches!(why, OpenError::Gap { expected: 7, found: 1, .. }), "{why}");

    disk.tamper(FIRST, |bytes| {
        *bytes = before;
        let json = br#"{"sequence":7,"time":"","salt":"","kind":"checkpoint"}"#;
        bytes.extend(format!("{:08x} ", crc32fast::hash(json)).into_bytes());
        bytes.extend_from_slice(json);
        bytes.push(b'\n');
    });
    let why = refused(&disk);
    assert!(matches!(why, OpenError::NotUnderstood { .. }), "{why}");
}

#[tokio::test]
async fn what_is_torn_is_not_cut_if_it_cannot_be_kept() {
    let disk = closed_journal(3).await;
    disk.tamper(FIRST, |bytes| bytes.extend_from_slice(b"torn"));
    for operation in [Operation::Create, Operation::Write, Operation::Sync, Operation::SyncDirectory] {
        disk.fail(operation, Errno::NOSPC);
        assert!(matches!(refused(&disk), OpenError::Keep { .. }), "{operation:?}");
        assert!(disk.read(FIRST).unwrap().ends_with(b"torn"));
    }
}
