//! The log's key is replaced: what each key may sign, and what a crash in between leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::super::sealer::Sealer;
use super::super::{Against, prove, verify};
use super::sealing::{House, assert_whole, sealed};
use crate::clock::Time;
use crate::model::{Action, Event, Record};
use crate::tlog::{Cosigner, SignedNote, Verifier};

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
    let verified = |key: &Verifier| verify(&log, Against { key: Some(key), since: None }, |_, _| ());
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
    assert!(verify(&log, Against { key: Some(&first), since: None }, |_, _| ()).is_ok());
}

/// A log whose key was replaced twice, its keys in their order, and the head that the first one signed.
async fn replaced_twice(house: &House) -> (Vec<Verifier>, SignedNote) {
    house.run(3).await.unwrap();
    let first = sealed(&house.at("audit")).signed_checkpoint().unwrap().unwrap();
    let journal = house.journal().unwrap();
    let sealer = Sealer::start(&house.settings(), &journal).unwrap();
    let mut keys = vec![sealer.verifier_key()];
    for _ in 0..2 {
        keys.push(sealer.rotate_key(&journal, Event::done(Action::LogKeyRotated)).await.unwrap());
    }
    journal.shut_down().await;
    sealer.shut_down().await;
    (keys.iter().map(|key| Verifier::parse(key).unwrap()).collect(), first)
}

#[tokio::test]
async fn a_key_that_was_replaced_signs_no_newest_head_any_more_and_still_vouches_for_what_was_seen() {
    let house = House::new();
    let (keys, first) = replaced_twice(&house).await;
    let log = sealed(&house.at("audit"));
    let verified = |key: &Verifier, since| verify(&log, Against { key: Some(key), since }, |_, _| ());
    for key in &keys {
        assert!(verified(key, Some(&first)).is_ok(), "a head of the first key is compared, whichever key is given");
    }
    let stranger = crate::tlog::Signer::generate(keys[0].name()).unwrap();
    let forged = SignedNote { signatures: vec![stranger.sign(&first.text)], ..first.clone() };
    assert!(verified(&keys[2], Some(&forged)).is_err());
    fs::write(house.at("audit/checkpoint"), first.to_string()).unwrap();
    for key in &keys {
        assert!(matches!(verified(key, None), Err(super::super::VerifyError::NotSigned)), "it was put back");
    }
}

#[tokio::test]
async fn a_witness_goes_on_over_a_new_key_and_gives_out_only_what_she_looked_at() {
    let house = House::new();
    let (witness, state) = (Cosigner::generate("witness.test").unwrap(), house.at("state"));
    house.run(3).await.unwrap();
    let log = sealed(&house.at("audit"));
    let first = log.signed_checkpoint().unwrap().unwrap();
    let key = Verifier::parse(&house.run(0).await.unwrap()).unwrap();
    super::super::cosign(&log, &key, &state, &witness, Time::from_millis(0)).unwrap();
    let (keys, _) = replaced_twice(&house).await;
    assert_eq!(keys[0], key);
    let junk = crate::tlog::Signer::generate("somebody.else").unwrap();
    let mut note = log.signed_checkpoint().unwrap().unwrap();
    note.signatures.push(junk.sign(&note.text));
    fs::write(house.at("audit/checkpoint"), note.to_string()).unwrap();
    for key in [&keys[2], &keys[0]] {
        let cosigned = super::super::cosign(&log, key, &state, &witness, Time::from_millis(0)).unwrap();
        let names: Vec<_> = cosigned.note.signatures.iter().map(|signature| signature.name.as_str()).collect();
        assert_eq!(names, [key.name(), "witness.test"]);
    }

    // A head that was cosigned under the first key is no head for a proof, since who checks it has the last.
    fs::create_dir(house.at("audit/witnessed")).unwrap();
    fs::write(house.at("audit/witnessed/old"), first.to_string()).unwrap();
    let proof = prove(&log, 1).unwrap();
    assert!(keys[2].has_signed(&proof.checkpoint));
    proof.check(&keys[2]).unwrap();
}
