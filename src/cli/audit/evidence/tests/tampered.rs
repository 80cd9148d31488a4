//! That nothing can be changed unnoticed.

use super::*;
use crate::cli::audit::evidence::check::Signed;
use crate::cli::audit::evidence::facts::{ACCOUNTS, CHECKPOINT, CONFIGS, FORMAT, PACK, RECORDS, ROTATIONS};

async fn small() -> (House, Vec<u8>) {
    let mut house = House::open().await;
    house.access(1, Some("wang"), Some("sites"), Decision::Allowed).await.close(200, 1, 2, End::Complete);
    house.written += 1;
    for number in 0..5 {
        house.event(Event::done(Action::SignOut).with("number", number)).await;
    }
    house.sealed().await;
    let pack = house.pack((0, 10), Filter::default()).await;
    (house, pack)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_bit_of_any_file_can_be_changed() {
    let (house, pack) = small().await;
    let (key, files) = (house.key(), unpacked(&pack));
    assert_eq!(packed(&files), pack, "what is tried below differs in that bit alone");
    let mut tried = 0;
    for (number, (path, content)) in files.iter().enumerate() {
        let bits = content.len() * 8;
        // All of a short file, some 200 of a long one.
        for bit in (0..bits).step_by((bits / 200).max(1) | 1) {
            let mut changed = files.clone();
            changed[number].1[bit / 8] ^= 1 << (bit % 8);
            assert!(checked(&packed(&changed), &key).is_err(), "bit {bit} of {path}");
            tried += 1;
        }
    }
    assert!(tried > 1500, "{tried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_the_container_can_be_cut_added_or_changed_so_that_anything_else_comes_out() {
    let (house, pack) = small().await;
    let key = house.key();
    let tar = zstd::decode_all(pack.as_slice()).unwrap();
    for at in (0..pack.len()).step_by(7) {
        let mut changed = pack.clone();
        changed[at] ^= 1 << (at % 8);
        // Compression has more than one way to say some things.
        let is_same = || zstd::decode_all(changed.as_slice()).is_ok_and(|decoded| decoded == tar);
        assert!(checked(&changed, &key).is_err() || is_same(), "byte {at}");
        assert!(checked(&pack[..at], &key).is_err(), "cut at {at}");
    }
    assert!(checked(&[pack.as_slice(), b"\0"].concat(), &key).is_err());
    // Nor a header, nor what fills up the blocks.
    for at in (0..tar.len()).step_by(61) {
        let mut changed = tar.clone();
        changed[at] ^= 0x10;
        assert!(checked(&zstd::encode_all(changed.as_slice(), 1).unwrap(), &key).is_err(), "byte {at} of the tar");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_can_be_added_dropped_doubled_or_swapped() {
    let (house, pack) = small().await;
    let (key, signer, files) = (house.key(), house.signer(), unpacked(&pack));
    for number in 0..files.len() {
        let mut fewer = files.clone();
        fewer.remove(number);
        refused(&packed(&fewer), &key);
        if number > 0 {
            let mut swapped = files.clone();
            swapped.swap(number, number - 1);
            refused(&packed(&swapped), &key);
            let content = swapped[number].1.clone();
            swapped[number].1 = std::mem::replace(&mut swapped[number - 1].1, content);
            refused(&packed(&swapped), &key);
        }
        let mut doubled = files.clone();
        doubled.insert(number, files[number].clone());
        refused(&packed(&doubled), &key);
    }
    for name in ["zzz", "../../etc/cron.d/x", "configs/x.toml", ".hidden"] {
        let more = [files.as_slice(), &[(name.to_owned(), b"x".to_vec())]].concat();
        // Not all of these names go into a header.
        if std::panic::catch_unwind(|| packed(&more)).is_ok_and(|pack| checked(&pack, &key).is_ok()) {
            panic!("{name} passed");
        }
        let signed = std::panic::catch_unwind(|| resigned(&more, Some(&signer)));
        assert!(signed.is_err() || checked(&signed.unwrap(), &key).is_err(), "{name}, signed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn not_even_who_has_the_logs_key_can_leave_out_or_change_a_record_or_a_config() {
    let (house, pack) = small().await;
    let (key, signer, files) = (house.key(), house.signer(), unpacked(&pack));
    assert_eq!(resigned(&files, Some(&signer)), pack);
    let place = |path: &str| files.iter().position(|(found, _)| found == path).unwrap();
    let changed = |path: &str, change: &dyn Fn(&str) -> String| {
        let mut changed = files.clone();
        changed[place(path)].1 = change(text_of(&files, path)).into_bytes();
        assert_ne!(changed, files, "{path}");
        refused(&resigned(&changed, Some(&signer)), &key)
    };
    let without = |line: usize| {
        move |text: &str| text.lines().enumerate().filter(|(number, _)| *number != line).map(|(_, line)| format!("{line}\n")).collect()
    };
    assert!(changed(RECORDS, &without(3)).contains("records 4 to 4 are missing"));
    let last = text_of(&files, RECORDS).lines().count();
    assert!(changed(RECORDS, &without(last - 1)).contains(&format!("records {last} to {last} are missing")));
    assert!(changed(RECORDS, &|text| text.replace("\"number\":\"3\"", "\"number\":\"4\"")).contains("is not in the log"));
    assert!(changed(RECORDS, &|text| text.replace("\"why\":\"span\"", "\"why\":\"end\"")).contains("does not belong"));
    let doubled = changed(RECORDS, &|text| format!("{text}{}\n", text.lines().last().unwrap()));
    assert!(doubled.contains("behind one with a higher number"), "{doubled}");
    assert!(changed(PACK, &|text| text.replace("\"gapless\": true", "\"gapless\": false")).contains("what was asked for"));
    assert!(changed(PACK, &|text| text.replace("\"first\": 1,", "\"first\": 2,")).contains("does not belong"));
    for other in [1, FORMAT + 1] {
        let format = |number: u32| format!("\"format\": {number},");
        assert!(changed(PACK, &|text| text.replace(&format(FORMAT), &format(other))).contains(&format!("has format {other}")));
    }
    assert!(changed(CONFIGS, &|text| text.replace(&hash_of(CONFIG), &hash_of("x"))).contains("the config of record 1"));
    assert!(changed(CONFIGS, &|text| text.replace("kept", "missing")).contains("other texts of configs"));
    assert!(changed(CONFIGS, &|_| "[]".to_owned()).contains("the config of record 1"));
    for place in ["configs/", "plans/"] {
        let text = files.iter().find(|(path, _)| path.starts_with(place)).unwrap().0.clone();
        assert!(changed(&text, &|text| format!("{text}# more")).contains("was changed"));
    }
    assert!(changed(CHECKPOINT, &|text| text.replacen("\n8\n", "\n9\n", 1)).contains("checkpoint is not signed"));
    assert!(changed(CHECKPOINT, &|text| text.replacen("\n8\n", "\n7\n", 1)).contains("checkpoint is not signed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_have_the_logs_key_can_sign_nothing_and_unsigned_files_are_nobodys_word() {
    let (house, pack) = small().await;
    let (key, files) = (house.key(), unpacked(&pack));
    let mut forged = files.clone();
    let place = files.iter().position(|(path, _)| path == ACCOUNTS).unwrap();
    forged[place].1 = b"{\"accounts\":[]}".to_vec();
    let other = Signer::generate(key.name()).unwrap();
    assert!(refused(&resigned(&forged, Some(&other)), &key).contains("it is not signed with the key that you gave"));
    assert_eq!(checked(&resigned(&forged, None), &key).unwrap().signed, Signed::Not, "which has its own exit code");
    assert_eq!(checked(&resigned(&files, None), &key).unwrap().signed, Signed::Not);
}

#[test]
fn what_is_no_pack_is_refused_whatever_it_is() {
    let key = Signer::generate("gate.city.test").unwrap().verifier().clone();
    for bytes in [Vec::new(), b"hello".to_vec(), zstd::encode_all(b"hello".as_slice(), 1).unwrap(), packed(&[])] {
        refused(&bytes, &key);
    }
    // A file that says it is a petabyte long, and one that is 200 MB of zeros in a few bytes.
    let huge = [super::super::archive::header(MANIFEST, 1 << 50).unwrap().as_slice(), b"x"].concat();
    assert!(refused(&zstd::encode_all(huge.as_slice(), 1).unwrap(), &key).contains("first file"));
    let zeros = vec![0; 200 << 20];
    refused(&zstd::encode_all(zeros.as_slice(), 1).unwrap(), &key);
}

#[tokio::test(flavor = "multi_thread")]
async fn not_even_who_has_the_logs_key_can_make_the_span_look_shorter() {
    let house = House::lived_in().await;
    let (key, signer) = (house.key(), house.signer());
    let files = unpacked(&house.pack((100, 150), Filter::default()).await);
    let facts = checked(&resigned(&files, Some(&signer)), &key).unwrap().facts;
    assert!(facts.first > 1 && facts.last < facts.size && facts.chosen > 4, "{facts:?}");
    let place = |path: &str| files.iter().position(|(found, _)| found == path).unwrap();
    let shorter = |gone: &dyn Fn(u64) -> bool, first: u64, last: u64| {
        let mut changed = files.clone();
        let sequence = |line: &str| line.split("\"sequence\":").nth(1).unwrap().split(',').next().unwrap().parse::<u64>().unwrap();
        let kept: Vec<&str> = text_of(&files, RECORDS).lines().filter(|line| !gone(sequence(line))).collect();
        changed[place(RECORDS)].1 = kept.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes();
        let chosen = last + 1 - first;
        let counted = |text: &str, name: &str, from: u64, to: u64| {
            let (from, to) = (format!("\"{name}\": {from},"), format!("\"{name}\": {to},"));
            assert!(text.contains(&from), "{from} in {text}");
            text.replacen(&from, &to, 1)
        };
        let text = counted(text_of(&files, PACK), "first", facts.first, first);
        let text = counted(&text, "last", facts.last, last);
        let text = counted(&text, "records", facts.records, kept.len() as u64);
        let text = counted(&text, "chosen", facts.chosen, chosen);
        changed[place(PACK)].1 = text.into_bytes();
        refused(&resigned(&changed, Some(&signer)), &key)
    };
    let last = facts.last;
    assert!(shorter(&|number| (last - 1..=last + 1).contains(&number), facts.first, last - 2).contains("are missing"));
    assert!(shorter(&|number| number == last, facts.first, last - 1).contains("does not belong"), "what stands behind is in time");
    let first = facts.first;
    // With the first goes the end of its access, which belongs to nothing then.
    assert!(shorter(&|number| number == first || number == first - 1, first + 1, last).contains("ends no access"));
    assert!(shorter(&|number| number == first || number == first - 1 || number > last + 1, first + 1, last).contains("are missing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_replaced_signs_no_pack_and_nobody_adds_a_name_to_a_manifest() {
    let mut house = House::lived_in().await;
    let (old, key) = (house.signer(), house.key());
    for _ in 0..2 {
        house.sealer.rotate_key(&house.journal, Event::done(Action::LogKeyRotated)).await.unwrap();
        house.written += 1;
    }
    house.event(Event::done(Action::SignOut)).await;
    house.sealed().await;
    let files = unpacked(&house.pack((0, 1000), Filter::default()).await);
    assert_eq!(checked(&resigned(&files, Some(&house.signer())), &key).unwrap().signed, Signed::ByTheLog);
    assert!(refused(&resigned(&files, Some(&old)), &key).contains("the manifest is not signed"));
    let other = Signer::generate("ministry.test").unwrap();
    let mut signed_twice = files.clone();
    let mut note = SignedNote::parse(text_of(&files, MANIFEST)).unwrap();
    note.signatures.push(other.sign(&note.text));
    signed_twice[0].1 = note.to_string().into_bytes();
    assert!(refused(&packed(&signed_twice), &key).contains("the manifest is not signed, alone"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signed_is_asked_before_anything_long_is_read_and_a_key_that_is_too_new_is_not_called_tampering() {
    let (house, pack) = small().await;
    let (old, files) = (house.key(), unpacked(&pack));
    let other = Signer::generate(old.name()).unwrap();
    let strange = unpacked(&resigned(&files, Some(&other)));
    assert_eq!(strange[1].0, ROTATIONS);
    // Nothing behind the rotations is there, and it is not missed.
    assert!(matches!(checked(&packed(&strange[..2]), &old), Err(EvidenceError::NotSigned)));
    assert!(!matches!(checked(&packed(&files[..2]), &old), Err(EvidenceError::NotSigned)));
    house.sealer.rotate_key(&house.journal, Event::done(Action::LogKeyRotated)).await.unwrap();
    let error = checked(&pack, &house.key()).unwrap_err();
    assert!(!error.is_of_the_pack() && error.to_string().contains("newer than the pack"), "{error}");
    let mut wrong = files.clone();
    let note = SignedNote::parse(text_of(&files, MANIFEST)).unwrap();
    let changed = SignedNote { text: note.text.replacen("README", "READYOU", 1), ..note };
    wrong[0].1 = changed.to_string().into_bytes();
    assert!(checked(&packed(&wrong), &old).unwrap_err().is_of_the_pack());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_may_be_longer_than_any_pack_has_it_and_nothing_of_it_is_read() {
    let (house, pack) = small().await;
    let files = unpacked(&pack);
    let note = SignedNote::parse(text_of(&files, MANIFEST)).unwrap();
    let manifest = Manifest::parse(&note.text).unwrap();
    for (path, length) in [("README.txt", 2 << 20), ("accounts.json", 600 << 20), ("rotations", 2 << 20), ("summary.ug.html", 65 << 20)] {
        let mut manifest = manifest.clone();
        manifest.files.iter_mut().find(|file| file.path == path).unwrap().length = length;
        let text = manifest.text();
        let signed = SignedNote { signatures: vec![house.signer().sign(&text)], text }.to_string();
        let error = refused(&packed(&[(MANIFEST.to_owned(), signed.into_bytes())]), &house.key());
        assert!(error.contains("longer than any") && error.contains(path), "{error}");
    }
}
