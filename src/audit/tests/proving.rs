//! What a witness signs and what it does not, and the proofs that carry its signature.

use std::fs;

use super::super::{cosign, prove};
use super::verifying::{Log, entry, flipped, put};
use crate::clock::Time;
use crate::tlog::{Cosigner, Signer};

#[test]
fn a_witness_signs_only_what_grew() {
    let cosigner = Cosigner::generate("witness.city.test").unwrap();
    let place = tempfile::tempdir().unwrap();
    let state = place.path().join("state");
    let mut log = Log::of(300);
    let early = log.files();
    let sign = |log: &Log| cosign::cosign(&log.sealed(), log.signer.verifier(), &state, &cosigner, Time::from_millis(5_000));
    let first = sign(&log).unwrap();
    assert_eq!((first.size, first.seen, cosigner.witness().cosigned_at(&first.note)), (300, None, Some(5)));
    assert_eq!(sign(&log).unwrap().seen, Some(300));
    log.grow(500, "wang");
    let second = sign(&log).unwrap();
    assert_eq!((second.size, second.seen), (800, Some(300)));
    assert!(log.signer.verifier().has_signed(&second.note));

    let signer = || Signer::parse(&log.signer.reveal()).unwrap();
    for (size, why) in [(800, "rewritten"), (900, "rewritten"), (300, "cut off")] {
        let fork = Log::signed_by(signer(), size, "zhao");
        assert!(sign(&fork).unwrap_err().to_string().contains(why), "{size}");
    }
    assert_eq!(fs::read_to_string(&state).unwrap(), log.note().to_string(), "what was refused is not remembered");
    let back = Log::signed_by(signer(), 0, "");
    put(&early, back.directory.path());
    assert!(matches!(sign(&back).unwrap_err(), cosign::CosignError::RolledBack { seen: 800, size: 300 }));
    assert!(matches!(sign(&Log::of(900)).unwrap_err(), cosign::CosignError::NotState { .. }));
    let nowhere = place.path().join("none/state");
    let refused = cosign::cosign(&log.sealed(), log.signer.verifier(), &nowhere, &cosigner, Time::from_millis(0));
    assert!(matches!(refused.unwrap_err(), cosign::CosignError::State { .. }));
}

#[test]
fn a_proof_is_under_the_newest_head_that_witnesses_have_cosigned_and_that_has_the_record() {
    let mut log = Log::of(300);
    let witnesses = [Cosigner::generate("one.test").unwrap(), Cosigner::generate("two.test").unwrap()];
    let directory = log.directory.path().join("witnessed");
    fs::create_dir(&directory).unwrap();
    for (name, witness) in ["one", "two"].iter().zip(&witnesses) {
        let mut note = log.note();
        note.signatures.push(witness.cosign(&note.text, 9));
        fs::write(directory.join(name), note.to_string()).unwrap();
    }
    fs::write(directory.join("half"), "gate.city").unwrap();
    log.grow(400, "wang");
    for (sequence, size) in [(1, 300), (257, 300), (300, 300), (301, 700), (700, 700)] {
        let proof = prove::prove(&log.sealed(), sequence).unwrap();
        assert_eq!(proof.check(log.signer.verifier()).unwrap().size, size, "{sequence}");
        assert_eq!((proof.index + 1, &proof.record), (sequence, &entry(sequence, "wang")));
        assert!(witnesses.iter().all(|witness| witness.witness().cosigned_at(&proof.checkpoint).is_some() == (size == 300)));
    }
    for sequence in [0, 701] {
        assert!(matches!(prove::prove(&log.sealed(), sequence).unwrap_err(), prove::ProveError::NoRecord { .. }));
    }
    let fork = Log::signed_by(Signer::parse(&log.signer.reveal()).unwrap(), 500, "zhao");
    fs::write(directory.join("one"), fork.note().to_string()).unwrap();
    assert!(matches!(prove::prove(&log.sealed(), 1).unwrap_err(), prove::ProveError::OtherHistory { .. }));
    let entries = log.read("tile/entries/002.p/188");
    log.write("tile/entries/002.p/188", &flipped(&entries, 80));
    assert!(matches!(prove::prove(&log.sealed(), 513).unwrap_err(), prove::ProveError::Wrong(513)));
}

#[test]
fn a_record_that_was_dropped_has_no_proof_and_is_told_from_one_that_never_was() {
    let log = Log::of(700);
    log.sealed().drop_entries(&super::super::Old { first: 1, last: 512 }).unwrap();
    for sequence in [1, 256, 512] {
        let refused = prove(&log.sealed(), sequence).unwrap_err();
        assert!(refused.to_string().starts_with(&format!("record {sequence} was dropped after the time that the gateway keeps records")));
    }
    assert!(prove(&log.sealed(), 513).is_ok());
    assert!(prove(&log.sealed(), 701).unwrap_err().to_string().contains("no sealed record 701"));
    assert_eq!(log.sealed().leaf_hash(3).unwrap(), Some(crate::tlog::Hash::leaf(&entry(3, "wang"))), "its hash stays");
    assert_eq!((log.sealed().leaf_hash(0).unwrap(), log.sealed().leaf_hash(701).unwrap()), (None, None));
}
