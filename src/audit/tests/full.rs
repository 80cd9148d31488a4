//! The disk is full: what is urgent is recorded, the rest is denied, and with room it goes on.

use super::super::fake::{FakeDisk, Operation};
use super::super::segment::{SMALLEST_RESERVE, SMALLEST_SEGMENT};
use super::super::{Journal, NoRecord, Urgency};
use super::failures::until_denied;
use super::{Heard, access, clock, entries, opened_and_closed_once, small_segments, start};
use crate::clock::Clock;
use crate::model::{Action, End, Entry, Event, Outcome, Record};

/// A journal that has just found no room, and how many accesses it had acknowledged.
async fn full(disk: &FakeDisk, clock: &Clock) -> (Journal, u64) {
    let (journal, _) = Journal::start(disk.clone(), &small_segments(), clock.clone(), Heard::default()).unwrap();
    disk.leave_room(Some(disk.size()));
    let acknowledged = until_denied(&journal).await;
    assert!(journal.is_full());
    (journal, acknowledged)
}

fn events(entries: &[Entry], action: Action) -> Vec<Event> {
    let event = |entry: &Entry| match &entry.record {
        Record::Event(event) if event.action == action => Some(event.clone()),
        _ => None,
    };
    entries.iter().filter_map(event).collect()
}

async fn until_ready(journal: &Journal) {
    let ready = async {
        while !journal.is_ready() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), ready).await.expect("it goes on");
}

#[tokio::test]
async fn a_full_disk_denies_what_is_not_urgent_and_with_room_it_goes_on_without_a_restart() {
    let (disk, clock) = (FakeDisk::default(), clock());
    let (journal, _) = Journal::start(disk.clone(), &small_segments(), clock.clone(), Heard::default()).unwrap();
    let mut under_way = journal.open_access(access(1)).await.unwrap();
    under_way.durable().await.unwrap();
    disk.leave_room(Some(disk.size()));
    let acknowledged = until_denied(&journal).await;
    assert!(acknowledged as usize > (SMALLEST_SEGMENT - SMALLEST_RESERVE) / 2_000, "the first segment had its room");
    let sentence = journal.failure().unwrap();
    assert!(journal.is_full() && !journal.is_ready() && sentence.contains("no room") && sentence.contains("sign-outs"), "{sentence}");

    assert_eq!(journal.event(Event::done(Action::SignIn)).await, Err(NoRecord));
    assert_eq!(journal.event(Event::done(Action::LockdownLifted)).await, Err(NoRecord));
    assert_eq!(journal.open_access(access(2)).await.err(), Some(NoRecord));
    let mut leaving = journal.open_access_as(Urgency::TakesAway, access(3)).await.unwrap();
    leaving.durable().await.unwrap();
    journal.event(Event::done(Action::SignOut)).await.unwrap();
    journal.event(Event::done(Action::LockedDown)).await.unwrap();
    under_way.close(200, 7, 7, End::Complete);
    leaving.close(303, 0, 0, End::Complete);
    journal.note(Event::done(Action::SessionExpired));

    disk.leave_room(None);
    journal.event(Event::done(Action::SignOut)).await.unwrap();
    assert!(journal.is_full(), "room is looked for once a second");
    clock.advance(std::time::Duration::from_secs(1));
    until_ready(&journal).await;
    assert_eq!(journal.failure(), None);
    journal.event(Event::done(Action::SignIn)).await.unwrap();
    journal.shut_down().await;

    let entries = entries(&disk);
    assert_eq!(opened_and_closed_once(&entries).len() as u64, acknowledged + 2);
    let told = events(&entries, Action::LogFull);
    assert_eq!(told.iter().map(|event| event.outcome).collect::<Vec<_>>(), [Outcome::Failed, Outcome::Done]);
    assert_eq!((told[1].details["denied"].as_str(), told[1].details["lost"].as_str()), ("4", "0"));
    for action in [Action::LockedDown, Action::SessionExpired, Action::SignIn] {
        assert_eq!(events(&entries, action).len(), 1, "{action:?}");
    }
    let ended = entries.iter().filter_map(|entry| if let Record::Closed(closed) = &entry.record { Some(closed) } else { None });
    assert_eq!(ended.filter(|closed| closed.bytes_up == 7 && closed.status == 200).count(), 1, "its end waited for room");
}

#[tokio::test]
async fn each_degree_of_urgency_leaves_room_for_the_next_and_the_stop_is_always_recorded() {
    let (disk, clock) = (FakeDisk::default(), clock());
    let (journal, acknowledged) = full(&disk, &clock).await;
    let mut pages = 0;
    loop {
        let mut receipt = journal.open_access_as(Urgency::WayOut, access(10_000 + pages)).await.unwrap();
        if receipt.durable().await.is_err() {
            break;
        }
        pages += 1;
    }
    let mut taken = [0; 2];
    for (action, taken) in [Action::SignOut, Action::LockedDown].into_iter().zip(&mut taken) {
        while journal.event(Event::done(action).with("text", "x".repeat(200))).await.is_ok() {
            *taken += 1;
        }
        assert!(*taken > 10, "{action:?}");
    }
    assert!(pages > 10);
    journal.shut_down_with(Event::done(Action::Stop)).await;

    let entries = entries(&disk);
    assert!(matches!(&entries.last().unwrap().record, Record::Event(event) if event.action == Action::Stop));
    assert_eq!((events(&entries, Action::SignOut).len(), events(&entries, Action::LockedDown).len()), (taken[0], taken[1]));
    // What found no room for its end is closed by the next start.
    disk.leave_room(None);
    let (journal, ..) = start(&disk);
    journal.shut_down().await;
    assert_eq!(opened_and_closed_once(&super::entries(&disk)).len() as u64, acknowledged + pages);
}

#[tokio::test]
async fn what_waited_for_room_is_recorded_in_the_reserve_when_the_process_stops() {
    let (disk, clock) = (FakeDisk::default(), clock());
    let (journal, acknowledged) = full(&disk, &clock).await;
    journal.note(Event::done(Action::SessionExpired));
    journal.shut_down_with(Event::done(Action::Stop)).await;
    let entries = entries(&disk);
    assert_eq!(opened_and_closed_once(&entries).len() as u64, acknowledged);
    assert_eq!(events(&entries, Action::SessionExpired).len(), 1);
    assert_eq!(events(&entries, Action::LogFull).len(), 1, "nothing was lost");
}

#[tokio::test]
async fn notes_that_find_no_room_to_the_end_are_counted() {
    let (disk, clock) = (FakeDisk::default(), clock());
    let (journal, _) = full(&disk, &clock).await;
    for _ in 0..5_000 {
        journal.note(Event::done(Action::SessionExpired));
    }
    journal.shut_down_with(Event::done(Action::Stop)).await;
    let entries = entries(&disk);
    let lost: u64 = events(&entries, Action::LogFull)[1].details["lost"].parse().unwrap();
    assert_eq!(events(&entries, Action::SessionExpired).len() as u64 + lost, 5_000);
    assert!(matches!(&entries.last().unwrap().record, Record::Event(event) if event.action == Action::Stop));
}

#[tokio::test]
async fn the_power_may_go_while_it_is_full_and_the_room_that_was_begun_is_given_back() {
    let (disk, clock) = (FakeDisk::default(), clock());
    let (journal, acknowledged) = full(&disk, &clock).await;
    journal.event(Event::done(Action::LockedDown)).await.unwrap();
    disk.pull_the_plug_after(0);
    journal.shut_down().await;
    disk.reboot(None);
    disk.leave_room(None);
    disk.tamper("next", |bytes| bytes.resize(SMALLEST_SEGMENT, 0));
    let (journal, repair, _) = start(&disk);
    assert_eq!(repair.torn, None);
    assert!(super::super::disk::Disk::read(&disk, "next").is_err(), "what was begun is gone");
    journal.shut_down().await;
    let entries = entries(&disk);
    assert!(opened_and_closed_once(&entries).len() as u64 >= acknowledged);
    assert_eq!(events(&entries, Action::LockedDown).len(), 1);
}

#[tokio::test]
async fn a_disk_without_room_for_the_first_segment_does_not_open_and_names_why() {
    let disk = FakeDisk::default();
    disk.leave_room(Some(1_000));
    let why = Journal::start(disk.clone(), &small_segments(), clock(), Heard::default()).unwrap_err();
    assert!(why.to_string().contains("room"), "{why}");
    disk.fail(Operation::Create, rustix::io::Errno::NOSPC);
    assert!(Journal::start(disk, &small_segments(), clock(), Heard::default()).is_err());
}
