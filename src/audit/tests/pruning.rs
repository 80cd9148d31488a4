//! The journal lets go of what is sealed, and nobody who reads or starts misses it.

use std::fs;
use std::time::{Duration, SystemTime};

use super::super::disk::first_sequence;
use super::super::{Against, Filter, Journal, Old, ReadError, Sealed, Sealer, Settings, Tail, UnsealedError, VerifyError, verify};
use super::sealing::{House, assert_whole};
use crate::clock::Clock;
use crate::model::{Action, Entry, Event};

impl House {
    fn log(&self) -> Sealed {
        Sealed::new(self.at("audit"))
    }

    /// Where its segments begin.
    fn segments(&self) -> Vec<u64> {
        let names = fs::read_dir(self.at("audit/journal")).unwrap().map(|found| found.unwrap().file_name().into_string().unwrap());
        let mut begins: Vec<u64> = names.filter_map(|name| first_sequence(&name)).collect();
        begins.sort_unstable();
        begins
    }

    fn tail(&self) -> Tail {
        Tail::of_log(self.log(), Filter::default())
    }
}

/// Records of which a few hundred fill a segment.
async fn write(journal: &Journal, sealer: &Sealer, records: u64) {
    let event = || (0..3).fold(Event::done(Action::SignIn), |event, number| event.with(&format!("detail-{number}"), "x".repeat(250)));
    (1..records).for_each(|_| journal.note(event()));
    journal.event(event()).await.unwrap();
    let goal = journal.counts().sequence;
    tokio::time::timeout(Duration::from_secs(20), sealer.size().wait_for(|size| *size >= goal)).await.unwrap().unwrap();
}

/// All that there is now, by number.
fn rest(tail: &mut Tail) -> Vec<u64> {
    let mut all: Vec<Entry> = Vec::new();
    loop {
        match tail.next_batch().unwrap() {
            batch if batch.is_empty() => return all.iter().map(|entry| entry.sequence).collect(),
            batch => all.extend(batch),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_segments_go_but_the_last_four_and_the_next_start_and_verify_are_content() {
    let house = House::new();
    let torn = house.at("audit/journal/00000000000000000001.log.torn-1");
    for run in 1..=3 {
        let journal = house.journal().unwrap();
        let sealer = Sealer::start(&house.settings(), &journal).unwrap();
        fs::write(&torn, "torn").unwrap();
        write(&journal, &sealer, 1_200).await;
        journal.shut_down().await;
        sealer.shut_down().await;
        assert_eq!(sealer.failure(), None);
        assert_eq!((house.segments().len(), house.segments()[0] > 1), (4, true), "run {run}: {:?}", house.segments());
        let found = verify(&house.log(), Against::default(), |_, _| ()).unwrap();
        assert_eq!(found.unsealed.map(|unsealed| unsealed.records), Some(0));
        assert_whole(&house, run * 1_200);
    }
    assert!(torn.exists());
    house.run(0).await.unwrap();
    assert_whole(&house, 3_600);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_find_every_record_once_in_the_entries_or_in_the_journal_while_segments_go() {
    let house = House::new();
    let journal = house.journal().unwrap();
    let sealer = Sealer::start(&house.settings(), &journal).unwrap();
    write(&journal, &sealer, 10).await;
    let (mut follower, mut sleeper) = (house.tail(), house.tail());
    let (mut followed, mut slept) = (rest(&mut follower), Vec::new());
    slept.extend(sleeper.next_batch().unwrap().iter().map(|entry| entry.sequence));
    for round in 1..=8 {
        // The segment that the follower reads is removed beneath it, and those that it would open next as well.
        write(&journal, &sealer, if round % 2 == 0 { 900 } else { 30 }).await;
        followed.extend(rest(&mut follower));
        let last = journal.counts().sequence;
        assert_eq!(followed, (1..=last).collect::<Vec<_>>(), "round {round}");
    }
    assert!(house.segments()[0] > 1_000, "{:?}", house.segments());
    let all: Vec<u64> = (1..=journal.counts().sequence).collect();
    slept.extend(rest(&mut sleeper));
    assert_eq!(slept, all);
    assert_eq!(rest(&mut house.tail()), all);
    let only = Filter { since: None, account: Some("nobody".to_owned()), app: None };
    assert_eq!(rest(&mut Tail::of_log(house.log(), only)), [0; 0]);

    house.log().drop_entries(&Old { first: 1, last: 512 }).unwrap();
    assert_eq!(rest(&mut house.tail()), all[512..]);
    journal.shut_down().await;
    sealer.shut_down().await;
    fs::remove_file(house.at("audit/tile/entries/003")).unwrap();
    let mut tail = house.tail();
    let failed = loop {
        match tail.next_batch() {
            Ok(batch) => assert!(!batch.is_empty(), "it came to the end"),
            Err(failed) => break failed,
        }
    };
    assert!(matches!(failed, ReadError::Sealed(_)), "a hole is no drop: {failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_dropped_is_not_shown_from_the_journal_either() {
    let house = House::new();
    house.run(600).await.unwrap();
    assert_eq!(house.segments()[0], 1, "it has them still");
    house.log().drop_entries(&Old { first: 1, last: 256 }).unwrap();
    assert_eq!(rest(&mut house.tail()), (257..=600).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_dropped_leaves_the_journal_too_with_what_was_torn_off_it_and_each_drop_begins_a_segment() {
    let house = House::new();
    // One segment, as where little is written.
    let journal = Journal::open(Settings::new(house.at("audit/journal")), Clock::machine()).unwrap().0;
    let sealer = Sealer::start(&house.settings(), &journal).unwrap();
    let torn = ["1", "2"].map(|number| house.at(&format!("audit/journal/00000000000000000001.log.torn-{number}")));
    let [old, young] = &torn;
    for (path, year) in [(old, 10), (young, 200)] {
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(year * 365 * 86_400);
        fs::File::create(path).unwrap().set_modified(written).unwrap();
    }
    for last in [512, 1_024, 1_536] {
        write(&journal, &sealer, 600).await;
        let old = Old { first: house.log().oldest().unwrap(), last };
        journal.event(sealer.sealed().dropping(&old).unwrap()).await.unwrap();
        let said = journal.counts().sequence;
        sealer.size().wait_for(|size| *size >= said).await.unwrap();
        sealer.sealed().drop_entries(&old).unwrap();
        // When the second is sealed, the thread has looked at what was dropped before the first; whatever comes next begins the segment.
        for _ in 0..3 {
            write(&journal, &sealer, 1).await;
        }
        assert!(house.segments().last().is_some_and(|newest| (said + 1..=said + 3).contains(newest)), "{:?}", house.segments());
    }
    assert!(house.segments()[0] > 1_000, "two segments of which all is dropped are gone: {:?}", house.segments());
    assert_eq!((old.exists(), young.exists()), (false, true));
    assert_eq!(rest(&mut house.tail()), (1_537..=journal.counts().sequence).collect::<Vec<_>>());
    journal.shut_down().await;
    sealer.shut_down().await;
    assert_eq!(sealer.failure(), None);
    let found = verify(&house.log(), Against::default(), |_, _| ()).unwrap();
    assert_eq!((found.gone, found.unsealed.map(|unsealed| unsealed.records)), (1_536, Some(0)));
    house.run(1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_log_that_is_older_than_the_journal_begins_is_not_gone_on_with() {
    let house = House::new();
    house.run(10).await.unwrap();
    let head = fs::read(house.at("audit/checkpoint")).unwrap();
    let journal = house.journal().unwrap();
    let sealer = Sealer::start(&house.settings(), &journal).unwrap();
    write(&journal, &sealer, 1_500).await;
    journal.shut_down().await;
    sealer.shut_down().await;
    let newer = fs::read(house.at("audit/checkpoint")).unwrap();
    fs::write(house.at("audit/checkpoint"), head).unwrap();
    let refused = house.run(0).await.unwrap_err().to_string();
    assert!(refused.contains("the sealed log is older than the journal"), "{refused}");
    let found = verify(&house.log(), Against::default(), |_, _| ()).unwrap_err();
    assert!(matches!(found, VerifyError::Unsealed(UnsealedError::Apart { size: 10, .. })), "{found}");
    // As while a log grows that is being looked at.
    let began = house.log().checkpoint().unwrap().unwrap().size;
    fs::write(house.at("audit/checkpoint"), newer).unwrap();
    let unsealed = super::super::unsealed::unsealed(&house.log(), began).unwrap().unwrap();
    assert_eq!((unsealed.records, unsealed.is_torn), (0, false));
    house.run(1).await.unwrap();
}
