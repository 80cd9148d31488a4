//! What is missing was dropped by rule only if the log says so, from its beginning on.

use std::fs;

use super::super::{Against, Dropped, Old, Sealed, SealedError, Verified, VerifyError, verify};
use super::verifying::{Log, flipped, put};
use crate::clock::Time;
use crate::model::{Action, Event, Outcome};

const NOW: Time = Time::from_millis(1_800_000_000_000);

impl Log {
    /// As a round does it, from the first record that is here to this one.
    pub(super) fn drop_by_rule(&mut self, last: u64) -> Old {
        let sealed = self.sealed();
        let old = Old { first: sealed.oldest().unwrap(), last };
        self.say(sealed.dropping(&old).unwrap());
        sealed.drop_entries(&old).unwrap();
        old
    }

    fn say(&mut self, event: Event) {
        self.add(NOW, event);
        self.publish();
    }

    /// Takes bundles away as nobody may.
    fn remove(&self, bundles: &[&str]) {
        bundles.iter().for_each(|number| fs::remove_file(self.directory.path().join("tile/entries").join(number)).unwrap());
    }

    /// Which records cannot be looked at, and the last of them; or which are missing.
    fn gone(&self) -> Result<(u64, u64), (u64, u64)> {
        match verified(&self.sealed(), self) {
            Ok(found) => Ok((found.gone, found.gone_last)),
            Err(error @ VerifyError::Missing { first, last, .. }) if error.is_of_the_log() => Err((first, last)),
            Err(error) => panic!("{error}"),
        }
    }
}

fn verified(sealed: &Sealed, log: &Log) -> Result<Verified, VerifyError> {
    verify(sealed, Against { key: Some(log.signer.verifier()), since: None }, |_, _| ())
}

fn first_drop(last: u64) -> Event {
    Dropped::default().event(&Old { first: 1, last })
}

#[test]
fn records_may_be_missing_only_as_far_as_sealed_records_say() {
    let missing_with = |events: Vec<Event>, removed: &[&str]| {
        let mut log = Log::of(1_000);
        events.into_iter().for_each(|event| log.say(event));
        log.remove(removed);
        log.gone()
    };
    let two = &["000", "001"][..];
    assert_eq!(missing_with(Vec::new(), two), Err((1, 512)), "no record says so");
    assert_eq!(missing_with(vec![first_drop(512)], two), Ok((512, 512)));
    assert_eq!(missing_with(vec![first_drop(768)], two), Ok((512, 512)), "a round that ended half-way");
    assert_eq!(missing_with(vec![first_drop(512), first_drop(256)], two), Ok((512, 512)), "whichever comes last");
    assert_eq!(missing_with(vec![first_drop(256)], two), Err((257, 512)), "it says less");
    assert_eq!(missing_with(vec![first_drop(512)], &[]), Ok((0, 0)));
    assert_eq!(missing_with(vec![first_drop(512)], &["001"]), Ok((256, 512)), "the first came back from an archive");
    assert_eq!(missing_with(vec![first_drop(256)], &["000", "002"]), Err((513, 768)), "a hole behind what was dropped");
    assert_eq!(missing_with(vec![first_drop(1001)], two), Err((1, 512)), "no record says of itself that it was dropped");
    let failed = Event { outcome: Outcome::Failed, ..first_drop(512) };
    assert_eq!(missing_with(vec![failed], two), Err((1, 512)), "what was not done is no rule");
    let another = Event { action: Action::LogRead, ..first_drop(512) };
    assert_eq!(missing_with(vec![another, Event::done(Action::LogDropped)], two), Err((1, 512)));
}

#[test]
fn what_was_removed_by_hand_is_not_made_a_rule_by_what_is_dropped_after_it() {
    let mut log = Log::of(2_000);
    log.remove(&["000", "001"]);
    let old = Old { first: 513, last: 768 };
    for refused in [log.sealed().older_than(NOW, 10_000).map(drop), log.sealed().dropping(&old).map(drop)] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, SealedError::Removed { first: 1, last: 512 }), "{refused}");
        assert!(refused.to_string().contains("somebody removed their files"), "{refused}");
    }
    for before in [Dropped::default(), Dropped { last: 512, record: 1_900 }, Dropped { last: 512, record: 512 }] {
        log.say(before.event(&old));
    }
    log.sealed().drop_entries(&old).unwrap();
    assert_eq!(log.gone(), Err((1, 768)), "the record that is named is here and says no such thing, or cannot speak of itself");
}

#[test]
fn what_was_removed_by_hand_behind_what_was_dropped_stops_the_next_round_and_is_found() {
    let mut log = Log::of(2_000);
    log.drop_by_rule(512);
    log.remove(&["002"]);
    let refused = log.sealed().older_than(NOW, 10_000).unwrap_err();
    assert!(matches!(refused, SealedError::Removed { first: 513, last: 768 }), "{refused}");
    assert_eq!(log.gone(), Err((513, 768)));
    log.say(first_drop(256));
    assert_eq!(log.gone(), Err((513, 768)));
    // Nor does a record that says more join: it begins behind a gap.
    log.say(Dropped { last: 512, record: 2_001 }.event(&Old { first: 769, last: 1_024 }));
    assert_eq!(log.gone(), Err((513, 768)));
}

#[test]
fn the_newest_record_speaks_for_those_that_were_dropped_themselves() {
    let mut log = Log::of(1_000);
    log.drop_by_rule(512);
    log.grow(1_000, "li");
    log.drop_by_rule(1_024);
    log.grow(1_000, "li");
    assert_eq!(log.gone(), Ok((1_024, 1_024)), "the record of the first drop, 1001, is gone with the second");
    log.drop_by_rule(1_536);
    assert_eq!(log.gone(), Ok((1_536, 1_536)));
    let newest = log.sealed().dropped().unwrap();
    assert_eq!((newest.last, newest.record), (1_536, log.sealed().checkpoint().unwrap().unwrap().size));
    assert_eq!(Sealed::new(log.directory.path()).dropped().unwrap(), newest, "also for who has not followed it");
    // Taken by hand: the bundles with the records that spoke, too.
    log.remove(&["006", "007", "008", "009", "010"]);
    assert!(matches!(log.gone(), Err((1_537, 2_816))), "{:?}", log.gone());
}

#[test]
fn of_what_was_dropped_by_rule_any_part_may_have_come_back() {
    let mut log = Log::of(2_000);
    let archived: Vec<_> = log.sealed().files(&Old { first: 257, last: 512 }).collect::<Result<_, _>>().unwrap();
    log.drop_by_rule(512);
    log.drop_by_rule(1_024);
    put(&archived.into_iter().filter(|(path, _)| !log.directory.path().join(path).exists()).collect(), log.directory.path());
    assert_eq!(log.gone(), Ok((768, 1_024)));
    // Reading, and the next round, go over what is not here.
    let read: Vec<u64> = log.sealed().read(511, 3).unwrap().iter().map(|leaf| leaf.sequence).collect();
    assert_eq!(read, [511, 512]);
    assert_eq!(log.sealed().read(513, 1).unwrap()[0].sequence, 1_025);
    assert_eq!(log.sealed().older_than(NOW, 10_000).unwrap(), Some(Old { first: 257, last: 512 }));
    log.drop_by_rule(512);
    assert_eq!(log.sealed().older_than(NOW, 10_000).unwrap(), Some(Old { first: 1_025, last: 1_792 }));
    assert_eq!(log.gone(), Ok((1_024, 1_024)));
}

#[test]
fn a_log_of_which_records_are_dropped_while_it_is_looked_at_is_looked_at_again() {
    let mut log = Log::of(2_000);
    let (sealed, key) = (log.sealed(), log.signer.verifier().clone());
    let mut steps = 0;
    let found = verify(&sealed, Against { key: Some(&key), since: None }, |_, _| {
        steps += 1;
        if [1, 10].contains(&steps) {
            let old = log.drop_by_rule(if steps == 1 { 512 } else { 1_024 });
            assert_eq!(old.first, if steps == 1 { 1 } else { 513 });
        }
    });
    let found = found.unwrap();
    assert_eq!((found.gone, found.checkpoint.size), (1_024, 2_002));

    // What nobody says meanwhile is lost, though the log goes on.
    let mut steps = 0;
    let lost = verify(&sealed, Against::default(), |_, _| {
        steps += 1;
        if steps == 1 {
            log.remove(&["005"]);
            log.say(Event::done(Action::SignIn));
        }
    });
    assert!(matches!(lost, Err(VerifyError::Missing { first: 1_281, last: 1_536, .. })), "{lost:?}");
    assert_eq!(steps, 8, "it was looked at once");
}

#[test]
fn no_record_that_was_put_into_the_files_says_what_was_dropped() {
    let mut log = Log::of(1_000);
    log.say(first_drop(256));
    log.grow(10, "li");
    let path = "tile/entries/003.p/243";
    let bytes = log.read(path);
    let at = bytes.windows(12).position(|window| window == b"\"last\":\"256\"").unwrap() + 8;
    log.remove(&["000"]);
    assert_eq!(log.sealed().dropped().unwrap().last, 256);
    let mut forged = bytes.clone();
    forged[at..at + 3].copy_from_slice(b"768");
    log.write(path, &forged);
    let refused = Sealed::new(log.directory.path()).dropped().unwrap_err();
    assert!(refused.to_string().contains("record 1001 is not what was sealed"), "{refused}");
    assert!(Sealed::new(log.directory.path()).older_than(NOW, 10_000).is_err());
}

#[test]
fn an_archive_over_a_copy_gives_all_records_back() {
    let mut log = Log::of(1_000);
    let archive: Vec<_> = log.sealed().files(&Old { first: 1, last: 768 }).collect::<Result<_, _>>().unwrap();
    log.drop_by_rule(768);
    assert_eq!(log.gone(), Ok((768, 768)));
    let copy = tempfile::tempdir().unwrap();
    put(&log.files(), copy.path());
    // What is there stays: its checkpoint is newer than the archive's.
    put(&archive.into_iter().filter(|(path, _)| !copy.path().join(path).exists()).collect(), copy.path());
    let found = verified(&Sealed::new(copy.path()), &log).unwrap();
    assert_eq!((found.gone, found.checkpoint.size), (0, 1_001));
    let entries = copy.path().join("tile/entries/001");
    fs::write(&entries, flipped(&fs::read(&entries).unwrap(), 80)).unwrap();
    assert!(verified(&Sealed::new(copy.path()), &log).is_err(), "what came back is looked at too");
}

#[test]
fn what_is_only_away_is_not_gone_by_rule() {
    let mut log = Log::of(1_000);
    assert_eq!(log.sealed().begins_by_rule().unwrap(), 1);
    log.drop_by_rule(256);
    assert_eq!(log.sealed().begins_by_rule().unwrap(), 257);
    log.remove(&["001"]);
    assert_eq!((log.sealed().oldest().unwrap(), log.sealed().begins_by_rule().unwrap()), (513, 257));
    let (entries, away) = (log.directory.path().join("tile/entries"), log.directory.path().join("away"));
    fs::rename(&entries, &away).unwrap();
    assert_eq!((log.sealed().oldest().unwrap(), log.sealed().begins_by_rule().unwrap()), (1_002, 1));
}
