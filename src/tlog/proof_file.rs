//! A record with all that proves it, in one file: C2SP tlog-proof, with the record itself as its extra data.
//!
//! Invariant: a file has one spelling, so that what was read and is written again is the same, byte for byte.

use std::fmt;

use data_encoding::BASE64;

use super::{Checkpoint, CheckpointError, Hash, NoteError, SignedNote, Verifier, check_inclusion, unbase64};

const FIRST: &str = "c2sp.org/tlog-proof@v1";
/// Hashes on the longest way to a root.
const MOST_HASHES: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    /// What was hashed as a leaf.
    pub record: Vec<u8>,
    /// From 0; the record's sequence is one more.
    pub index: u64,
    /// From the leaf's sibling up.
    pub hashes: Vec<Hash>,
    pub checkpoint: SignedNote,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileError {
    #[error("it is no proof of a record: it must begin with {FIRST}, then have the lines extra and index, hashes, and a checkpoint")]
    Malformed,
    #[error("it has a proof and no record: one that `yumen audit prove` made has the record on its second line (extra …)")]
    NoRecord,
    #[error("its checkpoint: {0}")]
    Note(#[from] NoteError),
    #[error("its checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    #[error("its checkpoint was not signed with the key that you gave: the file was changed, or it is of another log")]
    NotSigned,
    #[error("its checkpoint is of another log than the key that you gave")]
    OtherLog,
    #[error("the record, its number and the hashes do not lead to the checkpoint: one of them was changed")]
    NotIncluded,
}

impl ProofFile {
    pub fn parse(text: &str) -> Result<Self, ProofFileError> {
        let (head, note) = text.split_once("\n\n").ok_or(ProofFileError::Malformed)?;
        let mut lines = head.split('\n');
        if lines.next() != Some(FIRST) {
            return Err(ProofFileError::Malformed);
        }
        let extra = lines.next().and_then(|line| line.strip_prefix("extra ")).ok_or(ProofFileError::NoRecord)?;
        let record = unbase64(extra).ok_or(ProofFileError::Malformed)?;
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(number).ok_or(ProofFileError::Malformed)?;
        let hashes: Option<Vec<Hash>> = lines.take(MOST_HASHES.saturating_add(1)).map(Hash::parse_base64).collect();
        let hashes = hashes.filter(|hashes| hashes.len() <= MOST_HASHES).ok_or(ProofFileError::Malformed)?;
        Ok(Self { record, index, hashes, checkpoint: SignedNote::parse(note)? })
    }

    /// What the checkpoint says, if the log's key signed it and the record is in its tree where the file says.
    pub fn check(&self, key: &Verifier) -> Result<Checkpoint, ProofFileError> {
        if !key.has_signed(&self.checkpoint) {
            return Err(ProofFileError::NotSigned);
        }
        let checkpoint = Checkpoint::parse(&self.checkpoint.text)?;
        if checkpoint.origin != key.name() {
            return Err(ProofFileError::OtherLog);
        }
        let leaf = Hash::leaf(&self.record);
        check_inclusion(&self.hashes, self.index, leaf, checkpoint.size, checkpoint.root).map_err(|_| ProofFileError::NotIncluded)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST}\nextra {}\nindex {}", BASE64.encode(&self.record), self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// In its one spelling: without signs and needless zeros.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Frontier, Signer};
    use super::*;

    /// A log of three records, whose second is proved.
    fn proved() -> (Signer, ProofFile) {
        let signer = Signer::generate("gate.city.test/audit/x").unwrap();
        let leaves = [b"one", b"two", b"six"].map(|record| Hash::leaf(record));
        let mut frontier = Frontier::default();
        leaves.iter().for_each(|leaf| drop(frontier.push(*leaf)));
        let text = Checkpoint { origin: signer.verifier().name().to_owned(), size: 3, root: frontier.root() }.text();
        let checkpoint = SignedNote { signatures: vec![signer.sign(&text)], text };
        let file = ProofFile { record: b"two".to_vec(), index: 1, hashes: vec![leaves[0], leaves[2]], checkpoint };
        (signer, file)
    }

    #[test]
    fn a_proof_reads_back_and_checks_with_the_key_alone() {
        let (signer, file) = proved();
        let text = file.to_string();
        assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra dHdv\nindex 1\n"), "{text}");
        let read = ProofFile::parse(&text).unwrap();
        assert_eq!((&read, read.to_string()), (&file, text));
        assert_eq!(read.check(signer.verifier()).unwrap().size, 3);
        let other = Signer::generate("gate.city.test/audit/x").unwrap();
        assert_eq!(read.check(other.verifier()), Err(ProofFileError::NotSigned));
    }

    #[test]
    fn no_bit_of_a_proof_can_be_changed_so_that_it_proves_another_record() {
        let (signer, file) = proved();
        let bytes = file.to_string().into_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let Ok(read) = String::from_utf8(changed).map_err(drop).and_then(|text| ProofFile::parse(&text).map_err(drop)) else {
                continue;
            };
            if read.check(signer.verifier()).is_ok() {
                assert_eq!((&read.record, read.index), (&file.record, file.index), "bit {bit}");
            }
        }
    }

    #[test]
    fn a_key_that_signs_heads_of_a_log_with_another_name_does_not_vouch_for_it() {
        let (signer, file) = proved();
        let text = file.checkpoint.text.replace("audit/x", "audit/y");
        let checkpoint = SignedNote { signatures: vec![signer.sign(&text)], text };
        assert_eq!(ProofFile { checkpoint, ..file }.check(signer.verifier()), Err(ProofFileError::OtherLog));
    }

    proptest! {
        #[test]
        fn what_was_cut_doubled_or_pasted_proves_the_same_record_or_nothing(from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), new in "[\nA-z0-9+/= —]{0,20}") {
            let (signer, file) = proved();
            let text = file.to_string();
            let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let (from, to) = (ends[from.index(ends.len())], ends[to.index(ends.len())]);
            let changed = format!("{}{new}{}", &text[..from], &text[to..]);
            if let Ok(read) = ProofFile::parse(&changed) {
                prop_assert_eq!(read.to_string(), changed);
                if read.check(signer.verifier()).is_ok() {
                    prop_assert_eq!((&read.record, read.index), (&file.record, file.index));
                }
            }
        }
    }
}
