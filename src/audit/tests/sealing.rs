//! From the journal to the sealed log, over restarts, and with disks that fail.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::super::sealer::{SealError, SealSettings, Sealer};
use super::super::{Against, Journal, OpenError, Settings, verify};
use crate::clock::Clock;
use crate::model::{Action, Event, Record};
use crate::tlog::{Checkpoint, Frontier, Hash, Tile, Verifier, entry_path, root};

pub(super) struct House {
    pub(super) directory: tempfile::TempDir,
}

impl House {
    pub(super) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(super) fn settings(&self) -> SealSettings {
        SealSettings::within(self.directory.path(), "gate.city.test")
    }

    pub(super) fn at(&self, path: &str) -> std::path::PathBuf {
        self.directory.path().join(path)
    }

    pub(super) fn journal(&self) -> Result<Journal, OpenError> {
        let seal = self.settings();
        let settings = Settings { segment_bytes: 0, sealed: seal.sealed().unwrap(), ..Settings::new(seal.journal) };
        Journal::open(settings, Clock::machine()).map(|(journal, _)| journal)
    }

    /// A run that writes so many records, then ends. Gives the verifier key.
    pub(super) async fn run(&self, records: usize) -> Result<String, SealError> {
        let journal = self.journal().unwrap();
        let sealer = Sealer::start(&self.settings(), &journal)?;
        for _ in 0..records {
            journal.note(Event::done(Action::SignIn));
        }
        journal.shut_down().await;
        sealer.shut_down().await;
        assert_eq!(sealer.failure(), None);
        Ok(sealer.verifier_key().to_owned())
    }

    pub(super) fn checkpoint(&self) -> Checkpoint {
        sealed(&self.at("audit")).checkpoint().unwrap().unwrap()
    }
}

fn sealed(directory: &Path) -> super::super::Sealed {
    super::super::Sealed::new(directory)
}

/// Everything that the checkpoint promises, computed anew from the entries.
pub(super) fn assert_whole(house: &House, size: u64) {
    let (log, checkpoint) = (sealed(&house.at("audit")), house.checkpoint());
    assert_eq!(checkpoint.size, size);
    let leaves = log.read(1, usize::MAX).unwrap();
    assert_eq!(leaves.len() as u64, size);
    let mut frontier = Frontier::default();
    for (sequence, leaf) in (1..).zip(&leaves) {
        assert_eq!((leaf.sequence, leaf.entry().unwrap().sequence), (sequence, sequence));
        frontier.push(leaf.hash());
    }
    assert_eq!(frontier.root(), checkpoint.root);
    assert_eq!(root(size, &log).unwrap(), checkpoint.root, "the tiles say the same as the entries");
}

#[tokio::test]
async fn every_record_is_under_a_signed_head_also_over_restarts() {
    let house = House::new();
    let mut size = 0;
    for records in [0, 1, 254, 1, 1, 255, 600] {
        let key = house.run(records).await.unwrap();
        size += records as u64;
        assert_whole(&house, size);
        let note = sealed(&house.at("audit")).signed_checkpoint().unwrap().unwrap();
        let verifier = Verifier::parse(&key).unwrap();
        assert!(verifier.has_signed(&note) && verifier.name().starts_with("gate.city.test/audit/"));
    }
    assert!(!house.at("audit/tile/0/000.p").exists() && house.at("audit/tile/0/000").exists(), "a full tile has replaced its partial ones");
    assert!(!house.at("audit/tile/entries/000.p").exists());
}

#[tokio::test]
async fn records_are_sealed_while_the_gateway_runs() {
    let house = House::new();
    let journal = house.journal().unwrap();
    let sealer = Sealer::start(&house.settings(), &journal).unwrap();
    let mut size = sealer.size();
    for number in 1..=3 {
        journal.event(Event::done(Action::SignIn)).await.unwrap();
        tokio::time::timeout(Duration::from_secs(20), size.wait_for(|size| *size == number)).await.unwrap().unwrap();
        assert_eq!(house.checkpoint().size, number);
    }
    assert_whole(&house, 3);
}

#[tokio::test]
async fn the_key_and_the_entries_are_closed_to_others_and_the_hashes_need_not_be() {
    let house = House::new();
    house.run(300).await.unwrap();
    let mode = |path: &str| fs::metadata(house.at(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("log.key"), mode("audit"), mode("audit/tile/entries"), mode("audit/tile/entries/000")), (0o600, 0o700, 0o700, 0o600));
    assert_eq!((mode("audit/tile/0/000") & 0o444, mode("audit/checkpoint") & 0o444), (0o444, 0o444));

    fs::set_permissions(house.at("log.key"), fs::Permissions::from_mode(0o640)).unwrap();
    let refused = house.run(0).await.unwrap_err().to_string();
    assert!(refused.contains("may be read by others (mode 640)"), "{refused}");
}

#[tokio::test]
async fn a_key_is_replaced_on_record_and_named_by_the_one_that_goes() {
    let house = House::new();
    let journal = house.journal().unwrap();
    let sealer = Sealer::start(&house.settings(), &journal).unwrap();
    let mut keys = vec![sealer.verifier_key()];
    for _ in 0..2 {
        let new = sealer.rotate_key(&journal, Event::done(Action::LogKeyRotated)).await.unwrap();
        assert_eq!(new, sealer.verifier_key());
        keys.push(new);
    }
    journal.shut_down().await;
    sealer.shut_down().await;
    let log = sealed(&house.at("audit"));
    let rotations = log.rotations().unwrap();
    let steps: Vec<_> = rotations.iter().map(|step| (step.old.clone(), step.new.clone())).collect();
    assert_eq!(steps, [(keys[0].clone(), keys[1].clone()), (keys[1].clone(), keys[2].clone())]);
    let recorded: Vec<_> = log.read(1, 10).unwrap().iter().map(|leaf| leaf.entry().unwrap().record).collect();
    let event = |step: usize| Event::done(Action::LogKeyRotated).with("old", &keys[step]).with("new", &keys[step + 1]);
    assert_eq!(recorded, [Record::Event(event(0)), Record::Event(event(1))]);
    let note = log.signed_checkpoint().unwrap().unwrap();
    assert!(Verifier::parse(&keys[2]).unwrap().has_signed(&note) && !Verifier::parse(&keys[1]).unwrap().has_signed(&note));
    assert_eq!(house.run(1).await.unwrap(), keys[2]);

    let first = Verifier::parse(&keys[0]).unwrap();
    let verified = |key: &Verifier| super::super::verify(&log, Against { key: Some(key), since: None }, |_, _| ());
    assert_eq!(verified(&first).unwrap().checkpoint.size, 3, "whoever knows the first key follows it to the present one");
    assert!(verified(&Verifier::parse(&keys[2]).unwrap()).is_ok());
    let stranger = crate::tlog::Signer::generate(first.name()).unwrap();
    assert!(verified(stranger.verifier()).is_err());

    let text = fs::read_to_string(house.at("audit/rotations")).unwrap();
    fs::write(house.at("audit/rotations"), text.replacen("log key", "Log key", 1)).unwrap();
    assert!(verified(&first).is_err());
    assert!(log.rotations().is_err(), "a note that nobody signed");
}

#[tokio::test]
async fn a_rotation_that_a_crash_interrupted_is_brought_to_its_end_or_never_was() {
    let house = House::new();
    house.run(1).await.unwrap();
    let copy = fs::read(house.at("log.key")).unwrap();
    let journal = house.journal().unwrap();
    let sealer = Sealer::start(&house.settings(), &journal).unwrap();
    let after = sealer.rotate_key(&journal, Event::done(Action::LogKeyRotated)).await.unwrap();
    journal.shut_down().await;
    sealer.shut_down().await;
    let new_key = fs::read(house.at("log.key")).unwrap();
    let head = fs::read(house.at("audit/checkpoint")).unwrap();
    let closed = |path: &str, bytes: &[u8]| {
        fs::write(house.at(path), bytes).unwrap();
        fs::set_permissions(house.at(path), fs::Permissions::from_mode(0o600)).unwrap();
    };

    // The new key is in place and has not signed yet: an older head stands, of the key that went.
    let checkpoint = house.checkpoint();
    let old = crate::tlog::Signer::parse(str::from_utf8(&copy).unwrap()).unwrap();
    let text = checkpoint.text();
    let signed = crate::tlog::SignedNote { signatures: vec![old.sign(&text)], text };
    fs::write(house.at("audit/checkpoint"), signed.to_string()).unwrap();
    assert_eq!(house.run(0).await.unwrap(), after);
    assert_eq!(fs::read(house.at("audit/checkpoint")).unwrap(), head, "the new key signs at once");

    // The note stands, and the new key waits beside the old one.
    closed("log.key", &copy);
    closed("log.key.next", &new_key);
    fs::write(house.at("audit/checkpoint"), signed.to_string()).unwrap();
    let journal = house.journal().unwrap();
    let sealer = Sealer::start(&house.settings(), &journal).unwrap();
    sealer.end_rotation(&journal, &house.settings()).await.unwrap();
    assert_eq!(sealer.verifier_key(), after);
    journal.shut_down().await;
    sealer.shut_down().await;
    assert!(!house.at("log.key.next").exists());
    assert_whole(&house, 3);

    // The next key was made, and nothing names it.
    let other = House::new();
    let key = other.run(1).await.unwrap();
    fs::write(other.at("log.key.next"), &new_key).unwrap();
    let journal = other.journal().unwrap();
    let sealer = Sealer::start(&other.settings(), &journal).unwrap();
    sealer.end_rotation(&journal, &other.settings()).await.unwrap();
    assert_eq!(sealer.verifier_key(), key);
    assert!(!other.at("log.key.next").exists());
}

#[tokio::test]
async fn two_logs_of_one_host_have_origins_of_their_own() {
    let origins = [House::new(), House::new()].map(async |house| {
        house.run(0).await.unwrap();
        house.checkpoint().origin
    });
    let [one, two] = origins;
    assert_ne!(one.await, two.await);
}

#[tokio::test]
async fn a_sealed_log_that_was_changed_is_not_gone_on_with() {
    type Change = fn(&House);
    let changes: [(Change, &str); 8] = [
        (|house| fs::remove_file(house.at("log.key")).unwrap(), "is gone, though the log was signed with it"),
        (|house| fs::write(house.at("log.key"), "").unwrap(), "no private key"),
        (
            |house| {
                let other = crate::tlog::Signer::generate("gate.city.test/audit/x").unwrap();
                fs::write(house.at("log.key"), &*other.reveal()).unwrap();
            },
            "is not signed by the log's key",
        ),
        (|house| fs::remove_file(house.at("audit/checkpoint")).unwrap(), "tiles and no checkpoint"),
        (
            |house| {
                let text = fs::read_to_string(house.at("audit/checkpoint")).unwrap();
                fs::write(house.at("audit/checkpoint"), text.replace("\n300\n", "\n299\n")).unwrap();
            },
            "is not signed by the log's key",
        ),
        (|house| flip(house, &Tile { level: 0, index: 1, width: 44 }.to_string()), "does not belong to the checkpoint"),
        (|house| flip(house, &Tile { level: 1, index: 0, width: 1 }.to_string()), "does not belong to the checkpoint"),
        (|house| flip(house, &entry_path(&Tile { level: 0, index: 1, width: 44 })), "does not belong to the checkpoint"),
    ];
    for (number, (change, why)) in changes.into_iter().enumerate() {
        let house = House::new();
        house.run(300).await.unwrap();
        change(&house);
        let refused = house.run(0).await.unwrap_err().to_string();
        assert!(refused.contains(why), "{number}: {refused}");
        assert!(number == 0 || house.at("log.key").exists());
    }
}

fn flip(house: &House, path: &str) {
    let path = house.at("audit").join(path);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_journal_with_fewer_records_than_were_signed_for_is_not_gone_on_with() {
    let house = House::new();
    house.run(10).await.unwrap();
    let segment = fs::read_dir(house.at("audit/journal")).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&segment).unwrap();
    let second_last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
    fs::write(&segment, &whole[..=second_last]).unwrap();
    let refused = house.journal().err().unwrap();
    assert!(matches!(refused, OpenError::BelowSealed { last: 9, sealed: 10 }), "{refused}");
    fs::remove_file(&segment).unwrap();
    assert!(matches!(house.journal().err().unwrap(), OpenError::BelowSealed { last: 0, sealed: 10 }));
    fs::write(&segment, &whole).unwrap();
    house.run(1).await.unwrap();
    assert_whole(&house, 11);
}

#[tokio::test]
async fn a_journal_that_tells_another_story_than_the_sealed_log_is_not_gone_on_with() {
    let (house, other) = (House::new(), House::new());
    house.run(5).await.unwrap();
    other.run(5).await.unwrap();
    fs::remove_dir_all(house.at("audit/journal")).unwrap();
    fs::rename(other.at("audit/journal"), house.at("audit/journal")).unwrap();
    assert!(matches!(house.run(0).await.unwrap_err(), SealError::Differ(5)));
}

#[tokio::test]
async fn a_log_from_before_there_were_seals_is_sealed_from_its_first_record() {
    let house = House::new();
    let journal = house.journal().unwrap();
    (0..700).for_each(|_| journal.note(Event::done(Action::SignIn)));
    journal.shut_down().await;
    house.run(0).await.unwrap();
    assert_whole(&house, 700);
    assert_eq!(sealed(&house.at("audit")).read(699, 10).unwrap().len(), 2);
    assert_eq!(sealed(&house.at("audit")).read(701, 10).unwrap(), []);
    assert_eq!(Hash::EMPTY, Frontier::default().root());
}

#[tokio::test]
async fn verify_looks_at_what_the_journal_has_beyond_the_checkpoint() {
    let house = House::new();
    let unsealed = || {
        let found = verify(&sealed(&house.at("audit")), Against::default(), |_, _| ());
        found.map(|found| found.unsealed.map(|unsealed| (unsealed.records, unsealed.is_torn))).map_err(|error| error.to_string())
    };
    house.run(0).await.unwrap();
    assert_eq!(unsealed(), Ok(Some((0, false))));
    house.run(300).await.unwrap();
    assert_eq!(unsealed(), Ok(Some((0, false))));
    let journal = house.journal().unwrap();
    (0..3).for_each(|_| journal.note(Event::done(Action::SignIn)));
    journal.shut_down().await;
    assert_eq!(unsealed(), Ok(Some((3, false))));

    let mut segments: Vec<_> = fs::read_dir(house.at("audit/journal")).unwrap().map(|found| found.unwrap().path()).collect();
    segments.sort();
    let segment = segments.pop().unwrap();
    let whole = fs::read(&segment).unwrap();
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let [one, two, three] = lines[lines.len() - 3..] else { panic!() };
    let before = lines[..lines.len() - 3].concat();
    let with = |end: &[&[u8]]| {
        fs::write(&segment, [&before, &end.concat()[..]].concat()).unwrap();
        unsealed()
    };
    assert_eq!(with(&[one, two, &three[..20]]), Ok(Some((2, true))));
    assert_eq!(with(&[one, two, three, &[0; 100]]), Ok(Some((3, false))), "what was preallocated");
    for damaged in [&[one, three][..], &[one, one, two, three], &[two, one, three], &[one, &two[1..], three]] {
        let refused = with(damaged).unwrap_err();
        assert!(refused.contains("where it must stand"), "{refused}");
    }
    let sealed_last = before[..before.len() - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if sealed_last > 0 {
        fs::write(&segment, &before[..sealed_last]).unwrap();
        assert!(unsealed().unwrap_err().contains("ends before record 300"));
    }
    fs::remove_dir_all(house.at("audit/journal")).unwrap();
    assert_eq!(unsealed(), Ok(None));
}

#[tokio::test]
async fn one_key_never_signs_two_logs() {
    let house = House::new();
    let first = house.run(300).await.unwrap();
    let origin = house.checkpoint().origin;
    // As an operator begins anew, or as somebody would who can write the directory and has not the key.
    for path in ["audit/checkpoint", "audit/tile"] {
        let path = house.at(path);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
    let second = house.run(0).await.unwrap();
    assert_ne!(second, first);
    assert_ne!(house.checkpoint().origin, origin);
    assert_whole(&house, 300);
    let aside = fs::read_dir(house.directory.path()).unwrap().filter(|file| {
        let name = file.as_ref().unwrap().file_name().into_string().unwrap();
        name.starts_with("log.key.") && fs::read_to_string(house.at(&name)).unwrap().contains(&origin)
    });
    assert_eq!(aside.count(), 1, "the old key is kept");
}

#[tokio::test]
async fn a_rotation_that_the_log_refused_is_taken_up_again_by_the_next_one() {
    let house = House::new();
    let journal = house.journal().unwrap();
    let sealer = Sealer::start(&house.settings(), &journal).unwrap();
    let first = Verifier::parse(&sealer.verifier_key()).unwrap();
    journal.shut_down().await;
    let refused = sealer.rotate_key(&journal, Event::done(Action::LogKeyRotated)).await.unwrap_err().to_string();
    assert!(refused.contains("takes no record"), "{refused}");
    let begun = sealed(&house.at("audit")).rotations().unwrap();
    assert_eq!(begun.len(), 1);
    let refused = sealer.rotate_key(&journal, Event::done(Action::LogKeyRotated)).await;
    assert!(refused.is_err());
    assert_eq!(sealed(&house.at("audit")).rotations().unwrap(), begun, "the same key is named, once");
    sealer.shut_down().await;

    let journal = house.journal().unwrap();
    let sealer = Sealer::start(&house.settings(), &journal).unwrap();
    let key = sealer.rotate_key(&journal, Event::done(Action::LogKeyRotated)).await.unwrap();
    assert_eq!(key, begun[0].new);
    journal.shut_down().await;
    sealer.shut_down().await;
    let log = sealed(&house.at("audit"));
    assert!(super::super::verify(&log, Against { key: Some(&first), since: None }, |_, _| ()).is_ok());
}

#[tokio::test]
async fn a_copy_whose_head_is_older_than_its_tiles_is_gone_on_with() {
    let house = House::new();
    house.run(200).await.unwrap();
    let head = fs::read(house.at("audit/checkpoint")).unwrap();
    house.run(400).await.unwrap();
    assert!(!house.at("audit/tile/0/000.p").exists());
    fs::write(house.at("audit/checkpoint"), head).unwrap();
    house.run(1).await.unwrap();
    assert_whole(&house, 601);
}
