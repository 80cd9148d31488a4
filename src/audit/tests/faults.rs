//! Each operation on the disk fails in turn, whatever it is: nothing that was acknowledged is lost, and what comes after is denied.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use rustix::io::Errno;

use super::super::fake::{Dice, FakeDisk, Operation};
use super::super::{Journal, NoRecord, OpenError};
use super::{Heard, access, clock, entries, opened_and_closed_once, small_segments, start};
use crate::clock::Clock;
use crate::model::{Action, End, Event, Outcome, Record, Reference};

/// What the callers were told.
#[derive(Default)]
struct Told {
    acknowledged: HashSet<Reference>,
    denied: HashSet<Reference>,
    signed_out: usize,
    /// Accesses that went through after one was denied by a log that was not merely full.
    after_failure: usize,
}

impl Told {
    async fn visit(&mut self, journal: &Journal, number: u64) {
        let has_failed = journal.failure().is_some() && !journal.is_full();
        let mut record = access(number);
        record.path = "/".repeat(2_000);
        // A line of about eight kilobytes: some of these fill a segment.
        record.rule = "r".repeat(3_000);
        record.host = "h".repeat(3_000);
        let reference = record.reference.clone();
        let Ok(mut receipt) = journal.open_access(record).await else {
            self.denied.insert(reference);
            return;
        };
        match receipt.durable().await {
            Ok(()) => {
                self.acknowledged.insert(reference);
                self.after_failure += usize::from(has_failed);
                receipt.close(200, 0, 0, End::Complete);
            }
            Err(NoRecord) => {
                self.denied.insert(reference);
            }
        }
    }
}

/// Segments are begun, the disk fills up and has room again, and the process stops.
async fn a_day(disk: &FakeDisk, clock: &Clock, journal: &Journal) -> Told {
    let mut told = Told::default();
    for number in 0..12 {
        told.visit(journal, number).await;
    }
    disk.leave_room(Some(disk.size()));
    for number in 100..112 {
        told.visit(journal, number).await;
    }
    told.signed_out += usize::from(journal.event(Event::done(Action::SignOut)).await.is_ok());
    disk.leave_room(None);
    clock.advance(Duration::from_secs(1));
    told.signed_out += usize::from(journal.event(Event::done(Action::SignOut)).await.is_ok());
    while journal.is_full() && !journal.0.shared.room.is_closed() {
        // The look for room may be what fails.
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    for number in 200..212 {
        told.visit(journal, number).await;
    }
    journal.shut_down_with(Event::done(Action::Stop)).await;
    told
}

/// Opens what is left, and looks for all that was acknowledged.
async fn opens_with_all_of(disk: &FakeDisk, told: &Told, case: &str) {
    disk.leave_room(None);
    let (journal, ..) = start(disk);
    journal.event(Event::done(Action::Start)).await.unwrap();
    journal.shut_down().await;
    let entries = entries(disk);
    let recorded: HashSet<Reference> = opened_and_closed_once(&entries).into_iter().collect();
    assert!(told.acknowledged.is_subset(&recorded), "{case} lost an acknowledged access");
    let signed_out =
        entries.iter().filter(|entry| matches!(&entry.record, Record::Event(event) if event.action == Action::SignOut)).count();
    assert!(signed_out >= told.signed_out, "{case} lost an acknowledged event");
}

#[tokio::test]
async fn whichever_operation_fails_nothing_acknowledged_is_lost_and_all_that_follows_is_denied() {
    for errno in [Errno::NOSPC, Errno::IO] {
        let mut faulted = BTreeSet::new();
        for number in 0.. {
            let (disk, clock, heard) = (FakeDisk::default(), clock(), Heard::default());
            disk.fail_after(number, errno);
            let started = Journal::start(disk.clone(), &small_segments(), clock.clone(), heard.clone());
            let case = |disk: &FakeDisk| format!("{errno:?} at operation {number}, {:?}", disk.faulted());
            let told = match started {
                Ok((journal, _)) => {
                    let told = a_day(&disk, &clock, &journal).await;
                    judge(&disk, &journal, &heard, &told, (number, errno), &case(&disk));
                    told
                }
                Err(OpenError::Write(_)) => Told::default(),
                Err(other) => panic!("{}: {other}", case(&disk)),
            };
            let Some(operation) = disk.faulted() else { break };
            faulted.insert(format!("{operation:?}"));
            // The process ends; or the machine does, with some or all of what was not synced.
            let (some, nothing) = (disk.copy(), disk.copy());
            disk.mend();
            some.reboot(Some(&mut Dice::new(number)));
            nothing.reboot(None);
            for disk in [disk, some, nothing] {
                opens_with_all_of(&disk, &told, &case(&disk)).await;
            }
        }
        let expected =
            Operation::ALL.into_iter().filter(|operation| *operation != Operation::Open).map(|operation| format!("{operation:?}"));
        assert_eq!(faulted, expected.collect(), "each kind has failed");
    }
}

fn judge(disk: &FakeDisk, journal: &Journal, heard: &Heard, told: &Told, (number, errno): (u64, Errno), case: &str) {
    assert_eq!(told.after_failure, 0, "{case}: somebody was let through after the log had failed");
    let Some(operation) = disk.faulted() else {
        assert!(told.acknowledged.len() >= 24 && told.signed_out == 2 && !told.denied.is_empty(), "{case}: a day without a fault");
        return;
    };
    let last_words = heard.0.lock().unwrap().len();
    assert_eq!(
        last_words,
        usize::from(matches!(operation, Operation::Sync | Operation::SyncDirectory)),
        "{case}: only a failed sync ends the process"
    );
    if errno == Errno::NOSPC && matches!(operation, Operation::Create | Operation::Allocate) {
        assert_eq!(journal.failure(), None, "{case}: it found room again");
        let entries = entries(disk);
        let recorded: HashSet<Reference> = opened_and_closed_once(&entries).into_iter().collect();
        assert!(told.denied.is_disjoint(&recorded), "{case}: what was denied for want of room is not on record");
        let outcomes = |outcome: Outcome| {
            entries
                .iter()
                .filter(
                    |entry| matches!(&entry.record, Record::Event(event) if event.action == Action::LogFull && event.outcome == outcome),
                )
                .count()
        };
        assert!(outcomes(Outcome::Failed) >= 1 && outcomes(Outcome::Failed) == outcomes(Outcome::Done), "{case}");
    } else {
        let sentence = journal.failure().unwrap_or_default();
        assert!(sentence.contains(&std::io::Error::from(errno).to_string()), "{case}: {sentence}");
        // But for the room that was begun, which is given back.
        let more = u64::from(operation == Operation::Allocate);
        assert!(!journal.is_ready() && disk.operations() == number + 1 + more, "{case}: nothing more was asked of the disk");
    }
}
