//! The formats against what others publish, and the proofs against the plain definition of RFC 9162.

use std::collections::HashMap;
use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

/// Keys and note of the documentation of Go's `golang.org/x/mod/sumdb/note`.
const GO_VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_SIGNER: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

/// The definition, RFC 9162, section 2.1.1.
fn plain_root(leaves: &[Hash]) -> Hash {
    match leaves.len() {
        0 => Hash::EMPTY,
        1 => leaves[0],
        n => {
            let (left, right) = leaves.split_at(1 << (n - 1).ilog2());
            Hash::node(plain_root(left), plain_root(right))
        }
    }
}

fn leaf(number: u64) -> Hash {
    Hash::leaf(&number.to_be_bytes())
}

#[derive(Default)]
struct Kept(HashMap<Tile, Vec<u8>>);

impl Kept {
    fn of(size: u64) -> (Self, Frontier) {
        let (mut kept, mut frontier) = (Self::default(), Frontier::default());
        for number in 0..size {
            kept.0.extend(frontier.push(leaf(number)).into_iter().map(|full| (full.tile, full.bytes)));
        }
        kept.0.extend(frontier.partial().into_iter().map(|partial| (partial.tile, partial.bytes)));
        (kept, frontier)
    }
}

impl Tiles for Kept {
    type Error = Infallible;

    fn tile(&self, tile: &Tile) -> Result<Vec<u8>, Infallible> {
        Ok(self.0.get(tile).cloned().unwrap_or_default())
    }
}

#[test]
fn the_root_of_a_growing_tree_is_that_of_the_definition() {
    let mut frontier = Frontier::default();
    let mut leaves = Vec::new();
    assert_eq!(frontier.root(), plain_root(&[]));
    for number in 0..1_100 {
        frontier.push(leaf(number));
        leaves.push(leaf(number));
        assert_eq!(frontier.root(), plain_root(&leaves), "{number}");
    }
}

#[test]
fn a_tree_goes_on_from_its_partial_tiles() {
    for size in [0, 1, 255, 256, 257, 511, 65_535, 65_536, 65_537] {
        let (kept, mut frontier) = Kept::of(size);
        let mut resumed = Frontier::resume(size, |tile| kept.0.get(&tile).cloned()).unwrap();
        assert_eq!(resumed, frontier, "{size}");
        assert_eq!(root(size, &kept), Ok(frontier.root()), "{size}");
        assert_eq!(resumed.push(leaf(size)), frontier.push(leaf(size)));
        assert_eq!(resumed.root(), frontier.root());
    }
    assert_eq!(Frontier::resume(5, |_| None), None);
    assert_eq!(Frontier::resume(5, |_| Some(vec![0; 31])), None);
    assert_eq!(Frontier::resume(5, |_| Some(vec![0; 4 * 32])), None);
}

#[test]
fn tiles_and_entries_stand_where_the_specification_puts_them() {
    let tile = |level, index, width| Tile { level, index, width };
    assert_eq!(tile(0, 0, 256).to_string(), "tile/0/000");
    assert_eq!(tile(1, 1_234_067, 256).to_string(), "tile/1/x001/x234/067");
    assert_eq!(tile(0, 273, 112).to_string(), "tile/0/273.p/112");
    assert_eq!(entry_path(&tile(0, 1_000, 1)), "tile/entries/x001/000.p/1");
    // The example of C2SP tlog-tiles: a tree of 70,000 records.
    let levels: Vec<String> = Tile::levels(70_000).filter_map(|level| Tile::partial(level, 70_000)).map(|tile| tile.to_string()).collect();
    assert_eq!(levels, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
    assert_eq!(Tile::within(1, 0, 70_000), Some(tile(1, 0, 256)));
    assert_eq!(Tile::within(1, 1, 70_000), Some(tile(1, 1, 17)));
    assert_eq!(Tile::within(1, 2, 70_000), None);
    assert_eq!(Tile::within(9, 0, 70_000), None);
}

#[test]
fn bundles_hold_entries_behind_their_length() {
    let mut bytes = Vec::new();
    for entry in [&b"a"[..], b"", &[7; 65_535]] {
        bundle(&mut bytes, entry).unwrap();
    }
    assert_eq!(&bytes[..5], [0, 1, b'a', 0, 0]);
    assert_eq!(unbundle(&bytes).unwrap(), [&b"a"[..], b"", &[7; 65_535]]);
    assert_eq!(unbundle(&bytes[..4]), Err(BundleError::Short(1)));
    assert_eq!(unbundle(&bytes[..bytes.len() - 1]), Err(BundleError::Short(2)));
    assert!(bundle(&mut bytes, &[7; 65_536]).is_err());
}

#[test]
fn notes_and_keys_are_those_that_others_write() {
    let verifier = Verifier::parse(GO_VERIFIER).unwrap();
    let note = SignedNote::parse(GO_NOTE).unwrap();
    assert!(verifier.has_signed(&note));
    assert_eq!((verifier.to_string(), note.to_string()), (GO_VERIFIER.to_owned(), GO_NOTE.to_owned()));
    let signer = Signer::parse(GO_SIGNER).unwrap();
    assert_eq!(*signer.reveal(), GO_SIGNER);
    assert_eq!(*signer.verifier(), verifier);
    assert_eq!(signer.sign(&note.text), note.signatures[0]);
    assert!(!format!("{signer:?}").contains("AYEK"));
}

#[test]
fn a_note_that_was_changed_is_not_signed_and_others_signatures_do_no_harm() {
    let signer = Signer::generate("gate.city.test/audit/x").unwrap();
    let other = Signer::generate("gate.city.test/audit/x").unwrap();
    let text = "a\nb\n".to_owned();
    let note = |signatures| SignedNote { text: text.clone(), signatures };
    let both = note(vec![other.sign(&text), signer.sign(&text)]);
    assert!(signer.verifier().has_signed(&SignedNote::parse(&both.to_string()).unwrap()));
    assert!(!signer.verifier().has_signed(&note(vec![other.sign(&text)])));
    assert!(!signer.verifier().has_signed(&note(Vec::new())));
    assert!(!signer.verifier().has_signed(&SignedNote { text: "a\nc\n".to_owned(), ..both.clone() }));
    let mut forged = signer.sign(&text);
    forged.bytes[5] ^= 1;
    assert!(signer.verifier().has_signed(&note(vec![forged.clone(), signer.sign(&text)])), "a wrong one hides no right one");
    assert!(!signer.verifier().has_signed(&note(vec![forged])));
}

#[test]
fn what_is_no_key_and_no_note_is_refused_with_a_reason() {
    for (text, why) in [
        ("", KeyError::Malformed),
        ("name+c74f20a3", KeyError::Malformed),
        ("Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Malformed),
        ("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::WrongId),
        ("PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::UnknownKind),
        (GO_SIGNER, KeyError::Malformed),
    ] {
        assert_eq!(Verifier::parse(text).unwrap_err(), why, "{text}");
    }
    assert_eq!(Signer::parse(GO_VERIFIER).unwrap_err(), KeyError::NotPrivate);
    assert!(Signer::generate("a name").is_err() && Signer::generate("").is_err() && Signer::generate("a+b").is_err());
    for note in [
        "",
        "a\n",
        "a\n\n",
        "a\n\nb\n",
        "a\n\n— b\n",
        "a\n\n— b AAAA\n",
        "a\n\n— b AAAAAAAA",
        "a\t\n\n— b AAAAAAAA\n",
        "a\n\n— b AAAAAAAA\n\n",
    ] {
        assert!(SignedNote::parse(note).is_err(), "{note:?}");
    }
    assert!(SignedNote::parse("a\n\n— b AAAAAAAA\n").is_ok());
    assert!(SignedNote::parse("a\n\n— b AAAAAA==AAAAAAAA\n").is_err(), "two padded parts behind one another");
    let many = |number| format!("a\n\n{}", "— b AAAAAAAA\n".repeat(number));
    assert!(SignedNote::parse(&many(100)).is_ok() && SignedNote::parse(&many(101)).is_err());
}

#[test]
fn a_checkpoint_is_three_lines() {
    let checkpoint = Checkpoint { origin: "gate.city.test/audit/x".to_owned(), size: 42, root: leaf(1) };
    assert_eq!(Checkpoint::parse(&checkpoint.text()), Ok(checkpoint.clone()));
    assert_eq!(Checkpoint::parse(&format!("{}extension\n", checkpoint.text())), Ok(checkpoint.clone()));
    let text = checkpoint.text();
    for wrong in [
        "",
        "x\n",
        &text.replace("42", "042"),
        &text.replace("42", "-1"),
        &text.replace("=", ""),
        &text.replacen("gate.city.test/audit/x", "", 1),
    ] {
        assert_eq!(Checkpoint::parse(wrong), Err(CheckpointError::Malformed), "{wrong:?}");
    }
    assert_eq!(Checkpoint::parse(&text.replace("42", "281474976710657")), Err(CheckpointError::TooLarge));
}

#[test]
fn a_proof_does_not_come_from_tiles_that_belong_to_another_root() {
    let (mut kept, frontier) = Kept::of(700);
    let root = frontier.root();
    assert!(inclusion(300, 700, root, &kept).is_ok());
    kept.0.get_mut(&Tile { level: 0, index: 1, width: 256 }).unwrap()[1_000] ^= 1;
    assert_eq!(inclusion(300, 700, root, &kept), Err(ProofError::WrongTiles));
    assert_eq!(inclusion(300, 700, leaf(0), &kept), Err(ProofError::WrongTiles));
    assert_eq!(inclusion(700, 700, root, &kept), Err(ProofError::NotInTree));
    assert_eq!(consistency(701, 700, root, &kept), Err(ProofError::NotInTree));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn proofs_lead_from_any_record_and_any_older_tree_to_the_root(size in 1..900_u64, at in any::<prop::sample::Index>(), older in any::<prop::sample::Index>()) {
        let (kept, frontier) = Kept::of(size);
        let (index, old) = (at.index(size as usize) as u64, older.index(size as usize + 1) as u64);
        let whole = (size, frontier.root());
        let proof = inclusion(index, size, whole.1, &kept).unwrap();
        prop_assert!(check_inclusion(&proof, index, leaf(index), size, whole.1).is_ok());
        prop_assert!(check_inclusion(&proof, index, leaf(index + 1), size, whole.1).is_err());
        prop_assert!(check_inclusion(&proof, (index + 1) % size, leaf(index), size, whole.1).is_err() || size == 1);
        let before = (old, Kept::of(old).1.root());
        let grown = consistency(old, size, whole.1, &kept).unwrap();
        prop_assert!(check_consistency(&grown, before, whole).is_ok());
        prop_assert!(check_consistency(&grown, (old, leaf(9_999)), whole).is_err());
        prop_assert!(check_consistency(&grown, whole, before).is_err() || old == size);
    }

    #[test]
    fn nothing_that_is_made_up_passes_or_panics(hashes in proptest::collection::vec(any::<[u8; 32]>(), 0..70), index: u64, size: u64, leaf: [u8; 32], root: [u8; 32]) {
        let proof: Vec<Hash> = hashes.into_iter().map(Hash).collect();
        for size in [size, size % 10, size % LARGEST_TREE] {
            prop_assert!(check_inclusion(&proof, index % size.max(1), Hash(leaf), size, Hash(root)).is_err());
            prop_assert!(check_consistency(&proof, (index % size.max(1), Hash(leaf)), (size, Hash(root))).is_err());
        }
    }

    #[test]
    fn notes_of_any_bytes_never_panic(text in "[a\n— A=/+]{0,60}") {
        if let Ok(note) = SignedNote::parse(&text) {
            prop_assert_eq!(note.to_string(), text.clone());
        }
        let _ = Checkpoint::parse(&text);
        let _ = Verifier::parse(&text);
    }
}
