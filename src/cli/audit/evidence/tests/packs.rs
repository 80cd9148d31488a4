//! What a pack has.

use super::*;
use crate::audit::cosign;
use crate::cli::audit::evidence::check::Signed;
use crate::cli::audit::evidence::facts::{ACCOUNTS, CHECKPOINT, CONSISTENCY, ConfigText, NEWEST, RECORDS, config_path};
use crate::cli::audit::evidence::line::{self, LineHead, Why};
use crate::cli::audit::evidence::told::told;
use crate::model::Entry;
use crate::tlog::{Cosigner, Witness};

fn lines(files: &[(String, Vec<u8>)]) -> Vec<(LineHead, Entry)> {
    let read = |line: &str| {
        let (head, record) = line::read(line.as_bytes()).unwrap();
        (head, serde_json::from_slice(record).unwrap())
    };
    text_of(files, RECORDS).lines().map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_has_all_of_its_span_what_stands_beside_it_and_the_ends_of_what_began_in_it() {
    let house = House::lived_in().await;
    let pack = house.pack((100, 150), Filter::default()).await;
    let found = checked(&pack, &house.key()).unwrap();
    let files = unpacked(&pack);
    let lines = lines(&files);
    // The start is record 1; 2 opens the long access; 198 accesses and two events follow; then a sign-out, the end beside another, a reload.
    let (last, all) = (2 + 2 * 198 + 2, house.written);
    assert_eq!((found.facts.first, found.facts.last, found.facts.chosen, found.facts.records), (2, last, last - 1, last + 2));
    assert_eq!((found.signed, found.facts.gapless, found.facts.still_open, all), (Signed::ByTheLog, true, 0, last + 4));
    let beside = |why| lines.iter().filter(|(head, _)| head.why == why).map(|(head, _)| head.sequence).collect::<Vec<_>>();
    assert_eq!((beside(Why::Config), beside(Why::Edge)), (vec![1], vec![last + 1]));
    let ends = beside(Why::End);
    assert!(ends == [last + 2] || ends == [last + 3], "{ends:?}");
    assert!(lines.iter().all(|(head, entry)| head.sequence == entry.sequence));
    let text = told(&found);
    assert!(text.contains(&format!("every record from 2 to {last}, without a gap")), "{text}");
    // Which config it was.
    assert_eq!(text_of(&files, &config_path(&hash_of(CONFIG))), CONFIG);
    let [config] = found.configs.as_slice() else { panic!("{:?}", found.configs) };
    assert_eq!((config.sequence, config.text, config.until.as_ref()), (1, ConfigText::Kept, None));
    // Who is concerned: whoever acted, and to whom something was done.
    let accounts: serde_json::Value = serde_json::from_str(text_of(&files, ACCOUNTS)).unwrap();
    let named: Vec<_> = accounts["accounts"].as_array().unwrap().iter().map(|account| account["name"].as_str().unwrap()).collect();
    assert_eq!(named, ["root", "wang"]);
    assert_eq!((&accounts["accounts"][1]["state"], &accounts["accounts"][1]["done_to"]), (&"invited".into(), &true.into()));
    // The summaries hold what strangers wrote as text.
    for summary in ["summary.en.html", "summary.ug.html", "summary.zh-Hans.html"] {
        let page = text_of(&files, summary);
        assert!(page.contains("&#60;script&#62;alert(1)") && !page.contains("<script"), "{summary}");
    }
    // Nothing else is left, and what is there is its owner's alone.
    use std::os::unix::fs::PermissionsExt;
    let left: Vec<_> = std::fs::read_dir(house.data.path()).unwrap().map(|entry| entry.unwrap()).collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().contains(".part")));
    let made = left.iter().find(|entry| entry.file_name().to_string_lossy().ends_with(".zst")).unwrap();
    assert_eq!(made.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_pack_has_what_fits_and_does_not_say_that_it_is_complete() {
    let house = House::lived_in().await;
    let pack = house.pack((0, 1000), only(Some("sites"), Some("wang"))).await;
    let found = checked(&pack, &house.key()).unwrap();
    let words: Vec<String> = lines(&unpacked(&pack))
        .into_iter()
        .map(|(_, entry)| match entry.record {
            Record::Event(event) => format!("{:?}", event.action),
            Record::Opened(opened) => opened.app.unwrap().to_string(),
            Record::Closed(_) | Record::StillOpen { .. } => "end".to_owned(),
        })
        .collect();
    assert_eq!(words, ["Start", "sites", "end", "ConfigReloaded"]);
    assert!(!found.facts.gapless && told(&found).contains("cannot be proven"));
    assert_eq!(found.configs.iter().map(|config| config.text).collect::<Vec<_>>(), [ConfigText::Kept, ConfigText::Missing]);
    let hers = checked(&house.pack((0, 1000), only(None, Some("Wang"))).await, &house.key()).unwrap();
    assert_eq!(hers.facts.chosen, 5, "and what was done to her account");
    let app = checked(&house.pack((0, 1000), only(Some("ledger"), None)).await, &house.key()).unwrap();
    assert_eq!(app.facts.chosen, 2 * 198 + 3, "and the lockdown of all apps");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_question_at_the_same_time_gives_the_same_bytes_and_never_overwrites() {
    let house = House::lived_in().await;
    let (signer, span) = (house.signer(), (100, 150));
    let one = house.try_pack("one", span, Filter::default(), Some(&signer)).await.unwrap();
    assert!(one == house.try_pack("two", span, Filter::default(), Some(&signer)).await.unwrap());
    std::fs::write(house.out("three"), "precious").unwrap();
    let refused = house.try_pack("three", span, Filter::default(), Some(&signer)).await.unwrap_err().to_string();
    assert!(refused.contains("not overwritten") && std::fs::read(house.out("three")).unwrap() == b"precious", "{refused}");
    let unsigned = house.try_pack("four", span, Filter::default(), None).await.unwrap();
    assert_eq!(checked(&unsigned, &house.key()).unwrap().signed, Signed::Not);
    assert_eq!(check(one.as_slice(), With::default(), |_, _| {}).unwrap().signed, Signed::NotChecked);
    let other = Signer::generate(house.key().name()).unwrap();
    house.try_pack("five", span, Filter::default(), Some(&other)).await.unwrap_err();
    assert!(!house.out("five").exists(), "a pack that does not check is not handed out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_without_records_is_shown_by_what_stands_beside_it() {
    let house = House::lived_in().await;
    let nothing = checked(&house.pack((10, 20), Filter::default()).await, &house.key()).unwrap();
    assert_eq!((nothing.facts.first, nothing.facts.last, nothing.facts.records, nothing.facts.chosen), (2, 1, 2, 0));
    let later = checked(&house.pack((5000, 6000), Filter::default()).await, &house.key()).unwrap();
    assert_eq!((later.facts.first, later.facts.last), (house.written + 1, house.written));
    let earlier = checked(&house.pack((0, 50), Filter::default()).await, &house.key()).unwrap();
    assert_eq!((earlier.facts.first, earlier.facts.last), (1, 1));
    assert!(told(&nothing).contains("between records 1 and 2"), "{}", told(&nothing));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_has_dropped_is_named() {
    let house = House::lived_in().await;
    std::fs::remove_file(house.data.path().join("audit/tile/entries/000")).unwrap();
    let pack = house.pack((0, 150), Filter::default()).await;
    let found = checked(&pack, &house.key()).unwrap();
    assert_eq!((found.facts.first, found.facts.oldest), (257, 257));
    assert!(told(&found).contains("records 1 to 256 were no longer there"), "{}", told(&found));
    assert!(text_of(&unpacked(&pack), "summary.en.html").contains("Records up to number 256 were no longer kept"));
    assert!(found.configs.is_empty(), "the start is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_hides_no_record_of_the_span() {
    let mut house = House::open().await;
    for seconds in [3600, -1800, 60, 3600] {
        house.clock.step_wall(seconds * 1000);
        house.event(Event::done(Action::SignOut).with("number", house.written)).await;
    }
    house.sealed().await;
    // Times: 0, 3600, 1800, 1860, 5460.
    let found = checked(&house.pack((1700, 3000), Filter::default()).await, &house.key()).unwrap();
    assert_eq!((found.facts.first, found.facts.last), (3, 4));
    let found = checked(&house.pack((1850, 3700), Filter::default()).await, &house.key()).unwrap();
    assert_eq!((found.facts.first, found.facts.last), (2, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_an_older_key_of_the_log_can_check_a_pack_that_was_made_after_its_rotation() {
    let mut house = House::lived_in().await;
    let old = house.key();
    house.sealer.rotate_key(&house.journal, Event::done(Action::LogKeyRotated)).await.unwrap();
    house.written += 1;
    house.event(Event::done(Action::SignOut)).await;
    house.sealed().await;
    let pack = house.pack((0, 1000), Filter::default()).await;
    assert_ne!(old, house.key());
    for key in [old, house.key()] {
        assert_eq!(checked(&pack, &key).unwrap().signed, Signed::ByTheLog);
    }
    let stranger = Signer::generate(house.key().name()).unwrap();
    assert!(matches!(checked(&pack, stranger.verifier()), Err(EvidenceError::NotSigned)));
    let other = Signer::generate("gate.other.test").unwrap();
    assert!(matches!(checked(&pack, other.verifier()), Err(EvidenceError::OtherLog { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_lead_to_the_head_that_a_witness_has_signed_and_from_there_to_the_newest() {
    let mut house = House::lived_in().await;
    let sealed = house.sealed().await;
    let cosigner = Cosigner::generate("witness.city.test").unwrap();
    let cosigned = cosign(&sealed, &house.key(), &house.out("seen"), &cosigner, at(500)).unwrap();
    let directory = house.data.path().join("audit/witnessed");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("w"), cosigned.note.to_string()).unwrap();
    house.later(2000);
    for _ in 0..300 {
        house.event(Event::done(Action::SignOut)).await;
    }
    house.sealed().await;
    let pack = house.pack((100, 150), Filter::default()).await;
    let witnesses: [Witness; 1] = [cosigner.witness()];
    let key = house.key();
    let with = With { key: Some(&key), witnesses: &witnesses };
    let found = check(pack.as_slice(), with, |_, _| {}).unwrap();
    assert_eq!((found.checkpoint.size, found.newest.size), (cosigned.size, house.written));
    assert_eq!(found.witnessed, [("witness.city.test".to_owned(), at(500).millis() as u64 / 1000)]);
    let files = unpacked(&pack);
    assert!(text_of(&files, NEWEST) != text_of(&files, CHECKPOINT) && text_of(&files, CONSISTENCY).lines().count() > 1);
    let later = house.pack((2000, 9000), Filter::default()).await;
    assert!(matches!(check(later.as_slice(), with, |_, _| {}), Err(EvidenceError::NotWitnessed(_))), "it has newer records");
    assert!(!unpacked(&later).iter().any(|(path, _)| path == NEWEST));
}
