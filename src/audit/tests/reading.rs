//! Reading what was written, while it is being written.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::super::{Filter, Journal, ReadError, Settings, Tail};
use super::{access, clock, who};
use crate::clock::Clock;
use crate::model::{Action, AppId, End, Entry, Event, Record, Who};

fn journal(directory: &Path, clock: Clock) -> Journal {
    Journal::open(Settings { segment_bytes: 0, ..Settings::new(directory.to_owned()) }, clock).unwrap().0
}

fn all(tail: &mut Tail) -> Vec<Entry> {
    let mut all = Vec::new();
    loop {
        let batch = tail.next_batch().unwrap();
        if batch.is_empty() {
            return all;
        }
        all.extend(batch);
    }
}

#[tokio::test]
async fn a_reader_follows_the_writer_through_many_segments() {
    let directory = tempfile::tempdir().unwrap();
    let mut tail = Tail::new(directory.path(), Filter::default());
    assert!(tail.next_batch().unwrap().is_empty(), "nothing is there yet");
    let journal = journal(directory.path(), clock());
    let mut read = 0;
    for number in 0..300 {
        let mut record = access(number);
        record.path = "/".repeat(1_000);
        let mut receipt = journal.open_access(record).await.unwrap();
        receipt.durable().await.unwrap();
        let entries = all(&mut tail);
        assert!(entries.iter().any(|entry| matches!(&entry.record, Record::Opened(opened) if opened.reference == *receipt.reference())));
        receipt.close(200, 0, 0, End::Complete);
        read += entries.len();
    }
    journal.shut_down().await;
    read += all(&mut tail).len();
    assert_eq!(read, all(&mut Tail::new(directory.path(), Filter::default())).len());
    assert!(fs::read_dir(directory.path()).unwrap().count() > 3);
}

#[tokio::test]
async fn a_filter_lets_through_what_fits_and_the_end_of_every_access_that_does() {
    let directory = tempfile::tempdir().unwrap();
    let clock = clock();
    let journal = journal(directory.path(), clock.clone());
    let other = Arc::new(Who { account: crate::model::AccountId(uuid::Uuid::from_u128(8)), ..Who::clone(&who()) });
    let mut receipts = Vec::new();
    for (number, app, who) in [(1, "sites", who()), (2, "disclosure", who()), (3, "sites", Arc::clone(&other))] {
        let mut record = access(number);
        record.app = AppId::parse(app);
        record.who = Some(who);
        receipts.push(journal.open_access(record).await.unwrap());
    }
    journal.event(Event::done(Action::SignIn).by(who())).await.unwrap();
    journal.event(Event::done(Action::AccountDisabled).by(other).with("account", who().account)).await.unwrap();
    journal.event(Event::done(Action::Start)).await.unwrap();
    clock.advance(Duration::from_secs(60));
    let later = clock.wall();
    receipts.into_iter().for_each(|receipt| receipt.close(200, 0, 0, End::Complete));
    journal.shut_down().await;

    let sequences =
        |filter: Filter| -> Vec<u64> { all(&mut Tail::new(directory.path(), filter)).iter().map(|entry| entry.sequence).collect() };
    let app = AppId::parse("sites");
    let id = Some(who().account.to_string());
    assert_eq!(sequences(Filter::default()), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(sequences(Filter { app: app.clone(), ..Filter::default() }), [1, 3, 7, 9]);
    assert_eq!(sequences(Filter { account: id.clone(), ..Filter::default() }), [1, 2, 4, 5, 7, 8]);
    assert_eq!(sequences(Filter { account: Some("王丽".to_owned()), ..Filter::default() }), [1, 2, 3, 4, 5, 7, 8, 9]);
    assert_eq!(sequences(Filter { account: Some("nobody".to_owned()), ..Filter::default() }), [0; 0]);
    assert_eq!(sequences(Filter { since: Some(later), ..Filter::default() }), [7, 8, 9]);
    assert_eq!(sequences(Filter { app, account: id, since: Some(later) }), [7]);
}

#[tokio::test]
async fn damage_is_named_with_its_file_and_byte() {
    let directory = tempfile::tempdir().unwrap();
    let journal = journal(directory.path(), clock());
    for _ in 0..3 {
        journal.event(Event::done(Action::SignIn)).await.unwrap();
    }
    journal.shut_down().await;
    let path = directory.path().join("00000000000000000001.log");
    let whole = fs::read(&path).unwrap();
    let second = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;

    let mut damaged = whole.clone();
    damaged[second + 30] ^= 1;
    fs::write(&path, &damaged).unwrap();
    let why = Tail::new(directory.path(), Filter::default()).next_batch().unwrap_err();
    assert!(matches!(&why, ReadError::Damaged { path: found, byte } if *found == path && *byte == second as u64), "{why}");

    fs::write(&path, &whole[second..]).unwrap();
    let why = Tail::new(directory.path(), Filter::default()).next_batch().unwrap_err();
    assert!(matches!(why, ReadError::Gap { expected: 1, found: 2, .. }), "{why}");

    fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    let mut tail = Tail::new(directory.path(), Filter::default());
    assert_eq!(all(&mut tail).len(), 2, "an incomplete line may still be on its way");
    fs::write(&path, &whole).unwrap();
    assert_eq!(all(&mut tail).len(), 1, "and is read when it is there");

    fs::write(directory.path().join("00000000000000000006.log"), b"").unwrap();
    let why = tail.next_batch().unwrap_err();
    assert!(matches!(why, ReadError::Gap { expected: 4, found: 6, .. }), "{why}");

    let why = Tail::new(directory.path().join("nowhere"), Filter::default()).next_batch().unwrap_err();
    assert!(why.to_string().contains("nowhere"), "{why}");
}
