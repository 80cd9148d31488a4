//! The disk fails: whoever brings a record is denied, and the journal says why.

use rustix::io::Errno;

use super::super::fake::{FakeDisk, Operation};
use super::super::{Journal, NoRecord, OpenError};
use super::{Heard, access, clock, entries, small_segments, start};
use crate::model::{Action, End, Event};

/// Opens accesses until one is denied; gives how many were acknowledged.
pub(super) async fn until_denied(journal: &Journal) -> u64 {
    for number in 100..2_000 {
        let mut record = access(number);
        record.path = "/".repeat(1_000);
        let Ok(mut receipt) = journal.open_access(record).await else { return number - 100 };
        if receipt.durable().await.is_err() {
            assert_eq!(receipt.durable().await, Err(NoRecord), "asked again, it says the same");
            assert!(!journal.is_ready(), "whoever is denied finds it not ready");
            return number - 100;
        }
        receipt.close(200, 0, 0, End::Complete);
    }
    panic!("nobody was denied");
}

#[tokio::test]
async fn every_failure_denies_and_makes_the_journal_not_ready() {
    for operation in Operation::ALL.into_iter().filter(|operation| ![Operation::Open, Operation::Remove].contains(operation)) {
        for errno in [Errno::NOSPC, Errno::IO] {
            let disk = FakeDisk::default();
            let (journal, _, heard) = start(&disk);
            journal.event(Event::done(Action::Start)).await.unwrap();
            assert!(journal.is_ready() && journal.failure().is_none());

            disk.fail(operation, errno);
            let acknowledged = until_denied(&journal).await;
            assert!(!journal.is_ready(), "{operation:?}");
            assert_eq!(journal.event(Event::done(Action::SignIn)).await, Err(NoRecord));
            assert_eq!(journal.open_access(access(1)).await.err(), Some(NoRecord));
            journal.note(Event::done(Action::Stop));
            journal.shut_down().await;
            let sentence = journal.failure().unwrap();
            assert!(sentence.contains(&std::io::Error::from(errno).to_string()), "{sentence}");

            let ended = matches!(operation, Operation::Sync | Operation::SyncDirectory);
            let last_words = heard.0.lock().unwrap().clone();
            assert_eq!(last_words, if ended { vec![sentence] } else { vec![] }, "only a failed sync ends the process");
            if operation == Operation::Sync {
                assert_eq!(acknowledged, 0);
            }
            disk.reboot(None);
            assert!(entries(&disk).len() as u64 > acknowledged, "what was acknowledged is there");
        }
    }
}

#[tokio::test]
async fn a_failed_sync_acknowledges_none_of_those_who_wait() {
    let disk = FakeDisk::default();
    let (journal, _, heard) = start(&disk);
    let before = disk.syncs_done();
    disk.hold_syncs(true);
    let mut receipts = Vec::new();
    for number in 0..50 {
        receipts.push(journal.open_access(access(number)).await.unwrap());
    }
    disk.wait_for_syncs_begun(before + 1);
    disk.fail(Operation::Sync, Errno::IO);
    disk.hold_syncs(false);
    for receipt in &mut receipts {
        assert_eq!(receipt.durable().await, Err(NoRecord));
    }
    assert_eq!(heard.0.lock().unwrap().len(), 1, "it is not tried again");
    assert_eq!(disk.syncs_done(), before);
}

#[tokio::test]
async fn what_a_failed_sync_left_unwritten_is_written_again_by_the_next_process() {
    let disk = FakeDisk::default();
    let (journal, ..) = start(&disk);
    journal.event(Event::done(Action::Start)).await.unwrap();
    disk.fail(Operation::Sync, Errno::IO);
    assert_eq!(journal.event(Event::done(Action::SignIn)).await, Err(NoRecord));
    drop(journal);
    disk.mend();
    // The machine runs on: what is read is what was written, not what is on the disk.
    let (journal, ..) = start(&disk);
    journal.event(Event::done(Action::Start)).await.unwrap();
    disk.reboot(None);
    let actions = entries(&disk).into_iter().filter_map(|entry| match entry.record {
        crate::model::Record::Event(event) => Some(event.action),
        _ => None,
    });
    assert_eq!(actions.collect::<Vec<_>>(), [Action::Start, Action::SignIn, Action::Start]);
}

#[test]
fn a_journal_that_cannot_be_begun_does_not_open() {
    use Operation::{Allocate, Create, Sync, SyncDirectory, Truncate};
    for operation in [Create, Truncate, Allocate, Sync, SyncDirectory] {
        let disk = FakeDisk::default();
        disk.fail(operation, Errno::IO);
        let opened = Journal::start(disk, &small_segments(), clock(), Heard::default());
        assert!(matches!(opened, Err(OpenError::Write(_))), "{operation:?}");
    }
}

#[tokio::test]
async fn a_full_queue_makes_the_next_one_wait_and_a_failure_lets_it_go() {
    let disk = FakeDisk::default();
    let mut settings = small_segments();
    settings.queue = 4;
    let (journal, _) = Journal::start(disk.clone(), &settings, clock(), Heard::default()).unwrap();
    let before = disk.syncs_done();
    disk.hold_syncs(true);
    let _in_flight = journal.open_access(access(0)).await.unwrap();
    disk.wait_for_syncs_begun(before + 1);
    let mut queued = Vec::new();
    for number in 1..=4 {
        queued.push(journal.open_access(access(number)).await.unwrap());
    }
    let mut waiting = task(journal.open_access(access(5)));
    assert!(waiting.is_pending(), "there is no room");
    queued.pop().unwrap().close(200, 0, 0, End::Complete);
    assert!(waiting.is_pending(), "a closed record goes through, but makes no room");

    disk.fail(Operation::Sync, Errno::IO);
    disk.hold_syncs(false);
    assert_eq!(waiting.finish().await.err(), Some(NoRecord));
}

/// A future that can be asked whether it is done.
struct Task<'a, T>(std::pin::Pin<Box<dyn Future<Output = T> + 'a>>);

fn task<'a, T>(future: impl Future<Output = T> + 'a) -> Task<'a, T> {
    Task(Box::pin(future))
}

impl<T> Task<'_, T> {
    fn is_pending(&mut self) -> bool {
        futures_util::FutureExt::now_or_never(&mut self.0).is_none()
    }

    async fn finish(self) -> T {
        self.0.await
    }
}

#[tokio::test]
async fn the_figures_follow_what_is_written_and_end_with_an_empty_queue() {
    let disk = FakeDisk::default();
    let (journal, _, _) = start(&disk);
    let before = journal.counts();
    for _ in 0..3 {
        journal.event(Event::done(Action::Start)).await.unwrap();
    }
    let counts = journal.counts();
    assert_eq!((counts.written - before.written, counts.sequence - before.sequence, counts.queued), (3, 3, 0));
    assert!(counts.last_sync.is_some() && journal.sync_seconds().get_sample_count() >= 3);
    disk.fail(Operation::Write, Errno::IO);
    assert_eq!(journal.event(Event::done(Action::Stop)).await, Err(NoRecord));
    journal.note(Event::done(Action::Stop));
    journal.shut_down().await;
    let after = journal.counts();
    assert_eq!((after.written, after.sequence), (counts.written, counts.sequence), "what failed was not written");
}
