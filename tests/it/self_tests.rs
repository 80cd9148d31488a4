//! The self-test at the start and the regular check of the log: what is right is on record, what is wrong stops the start or warns.

use std::path::{Path, PathBuf};
use std::time::Duration;

use yumen::model::{Action, Event, Outcome, Record};

use crate::house::House;
use crate::plans::{PLAN, adopt};

const CHECKPOINT: &str = "checkpoint";
const OLDEST: &str = "tile/entries/000";

fn of<'e>(event: &'e Event, detail: &str) -> &'e str {
    event.details.get(detail).map_or("", String::as_str)
}

fn events(house: &House) -> Vec<Event> {
    let event = |record| if let Record::Event(event) = record { Some(event) } else { None };
    house.log().into_iter().filter_map(|entry| event(entry.record)).collect()
}

fn failed_self_tests(house: &House) -> Vec<Event> {
    events(house).into_iter().filter(|event| (event.action, event.outcome) == (Action::SelfTest, Outcome::Failed)).collect()
}

fn file(house: &House, name: &str) -> PathBuf {
    house.data.path().join("audit").join(name)
}

/// Changes one byte of a file of the log; gives what it was.
fn tamper(house: &House, name: &str, byte: usize) -> Vec<u8> {
    let before = std::fs::read(file(house, name)).unwrap();
    let mut changed = before.clone();
    // Another letter, so that what is written in letters still reads as such.
    changed[byte] = if changed[byte] == b'A' { b'B' } else { b'A' };
    std::fs::write(file(house, name), changed).unwrap();
    before
}

/// Until the first bundle of the log is full.
async fn fill(house: &House) {
    for number in 0..300 {
        house.gateway().house().journal.note(Event::done(Action::SignOut).with("number", number));
    }
    // The file is there before the head that has it.
    house.gateway().house().sealer.size().wait_for(|size| *size > 300).await.unwrap();
}

async fn there(path: &Path) {
    for _ in 0..2_400 {
        if path.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{} does not come", path.display());
}

async fn with_a_plan() -> House {
    let house = House::open().await;
    adopt(&house, PLAN).await.unwrap();
    // From here on the triggers go on where they were.
    there(&house.data.path().join("triggers.json")).await;
    house
}

async fn fired(house: &House, trigger: &str) -> Event {
    let found = |record: &Record| match record {
        Record::Event(event) if event.action == Action::TriggerFired && of(event, "trigger") == trigger => Some(event.clone()),
        _ => None,
    };
    house.recorded(found).await
}

async fn checked(house: &House, outcome: Outcome) -> Event {
    let found = |record: &Record| match record {
        Record::Event(event) if (event.action, event.outcome) == (Action::LogChecked, outcome) => Some(event.clone()),
        _ => None,
    };
    house.recorded(found).await
}

#[tokio::test]
async fn every_start_puts_on_record_what_it_tried() {
    let mut house = House::open().await;
    house.restart().await;
    let events = events(&house);
    let tests: Vec<&Event> = events.iter().filter(|event| event.action == Action::SelfTest).collect();
    assert_eq!(tests.len(), 2);
    for test in &tests {
        assert_eq!(test.outcome, Outcome::Done);
        assert_eq!(of(test, "what"), "sha-256, hmac-sha-1, hmac-sha-256, aes-256-gcm, ed25519, argon2id, randomness, store, log");
    }
    assert_ne!(of(tests[1], "up-to"), "0", "the second start had a log to look at");
    assert_eq!((events[0].action, events[1].action), (Action::Start, Action::SelfTest), "before anybody is let in");
    house.stop().await;
}

#[tokio::test]
async fn a_head_that_was_changed_stops_the_start_and_raises_an_alarm_at_the_next_one() {
    let mut house = with_a_plan().await;
    house.stop().await;
    // The third line is the root.
    let note = std::fs::read_to_string(file(&house, CHECKPOINT)).unwrap();
    let root: usize = note.lines().take(2).map(|line| line.len() + 1).sum();
    let before = tamper(&house, CHECKPOINT, root);
    for starts in 1..=2 {
        let why = house.try_restart().await.unwrap_err().to_string();
        assert!(why.contains("the checkpoint is not signed by the log's key"), "{why}");
        let failed = failed_self_tests(&house);
        assert_eq!(failed.len(), starts);
        assert_eq!(of(&failed[0], "what"), "log");
        assert!(of(&failed[0], "why").contains("not signed"), "{failed:?}");
    }
    std::fs::write(file(&house, CHECKPOINT), before).unwrap();
    house.restart().await;
    let alarm = fired(&house, "self-test-failed").await;
    assert_eq!((of(&alarm, "subject"), of(&alarm, "what")), ("gateway", "log"));
    house.stop().await;
}

#[tokio::test]
async fn one_of_the_newest_records_that_was_changed_stops_the_start() {
    let mut house = House::open().await;
    fill(&house).await;
    house.stop().await;
    let before = tamper(&house, OLDEST, 80);
    let why = house.try_restart().await.unwrap_err().to_string();
    assert!(why.contains("the self-test at the start failed") && why.contains("record 1 in tile/entries/000"), "{why}");
    let failed = failed_self_tests(&house);
    assert_eq!((failed.len(), of(&failed[0], "what")), (1, "log"));
    std::fs::write(file(&house, OLDEST), before).unwrap();
    house.restart().await;
    assert_eq!(failed_self_tests(&house).len(), 1);
    house.stop().await;
}

#[tokio::test]
async fn the_log_is_checked_by_the_clock_and_a_change_warns_until_it_is_right_again() {
    let mut house = with_a_plan().await;
    fill(&house).await;
    assert!(events(&house).iter().all(|event| event.action != Action::LogChecked));
    house.clock.advance(Duration::from_mins(10));
    let right = checked(&house, Outcome::Done).await;
    assert!(of(&right, "up-to").parse::<u64>().unwrap() > 256, "{right:?}");
    assert!(house.gateway().house().log_check.warnings().is_empty());

    let before = tamper(&house, OLDEST, 80);
    house.clock.advance(Duration::from_hours(24));
    let wrong = checked(&house, Outcome::Failed).await;
    assert!(of(&wrong, "why").contains("record 1 in tile/entries/000"), "{wrong:?}");
    assert!(of(&wrong, "up-to").parse::<u64>().unwrap() > 256);
    let warnings = house.gateway().house().warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("record 1 in tile/entries/000"), "{warnings:?}");
    let alarm = fired(&house, "log-broken").await;
    assert_eq!(of(&alarm, "what"), "log-checked");

    std::fs::write(file(&house, OLDEST), before).unwrap();
    house.clock.advance(Duration::from_hours(24));
    for _ in 0..2_400 {
        if house.gateway().house().warnings().is_empty() {
            house.stop().await;
            let results: Vec<Outcome> =
                events(&house).iter().filter(|event| event.action == Action::LogChecked).map(|event| event.outcome).collect();
            assert_eq!(results, [Outcome::Done, Outcome::Failed, Outcome::Done]);
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{:?}", house.gateway().house().warnings());
}
