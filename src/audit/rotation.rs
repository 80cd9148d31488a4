//! Replaces the key that signs the log's heads.
//!
//! The key that goes names the one that comes in a signed note, which stands in `rotations` beside the checkpoint; then a record says so; then
//! the new key takes its place. Whoever knows an older verifier key follows the notes to the present one.
//!
//! Invariant: at each instant the key file holds the key that signed the checkpoint or the one that its note names; a rotation whose note
//! stands is brought to its end at the next start, one whose note does not stand never was.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::log_key;
use super::seal::{self, SealFailure};
use super::sealed::{Sealed, SealedError};
use super::shelf::Shelf;
use crate::files;
use crate::tlog::{KeyError, SignedNote, Signer, Verifier};

/// The notes, the oldest first, an empty line after each.
pub(super) const ROTATIONS: &str = "rotations";
const HEADING: &str = "log key rotation";

#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    #[error("the new key cannot be kept: {0}")]
    File(#[from] io::Error),
    #[error("the new key cannot be used: {0}")]
    Key(#[from] KeyError),
    #[error(transparent)]
    Seal(#[from] SealFailure),
    #[error(transparent)]
    Read(#[from] SealedError),
    #[error("{} does not hold the notes of rotations; restore it from a copy", .0.display())]
    Damaged(PathBuf),
    #[error("the audit log takes no record, so its key stays")]
    NoRecord,
    #[error("the log is closed")]
    Ended,
}

/// Which key is to follow which, as verifier keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    pub old: String,
    pub new: String,
}

/// The key that signs, and the file that holds it.
pub(super) struct Keys {
    pub(super) path: PathBuf,
    pub(super) signer: Signer,
    /// Those that it followed, of which one may have signed the newest head.
    pub(super) former: Vec<Verifier>,
    pub(super) shown: Arc<Mutex<String>>,
}

impl Rotation {
    fn text(&self) -> String {
        format!("{HEADING}\n{}\n{}\n", self.old, self.new)
    }

    /// What the note says, if the key that goes signed it for another of the same log.
    pub fn of(note: &SignedNote) -> Option<Self> {
        let (old, new) = note.text.strip_prefix(HEADING)?.strip_prefix('\n')?.strip_suffix('\n')?.split_once('\n')?;
        let (goes, comes) = (Verifier::parse(old).ok()?, Verifier::parse(new).ok()?);
        (goes.has_signed(note) && goes.name() == comes.name()).then(|| Self { old: old.to_owned(), new: new.to_owned() })
    }

    /// A rotation that has begun and not ended.
    pub(super) fn unfinished(key: &Path, sealed: &Sealed) -> Result<Option<Self>, RotationError> {
        let next = match fs::read_to_string(next_to(key)) {
            Ok(text) => Signer::parse(&text)?.verifier().to_string(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let begun = sealed.rotations()?.pop().filter(|rotation| rotation.new == next);
        if begun.is_none() {
            fs::remove_file(next_to(key))?;
        }
        Ok(begun)
    }
}

impl Keys {
    pub(super) fn new(path: &Path, signer: Signer, rotations: &[Rotation]) -> Self {
        let key = signer.verifier().to_string();
        let leads_here = rotations.last().is_some_and(|rotation| rotation.new == key);
        let former = rotations.iter().filter(|_| leads_here).filter_map(|rotation| Verifier::parse(&rotation.old).ok()).collect();
        Self { path: path.to_owned(), signer, former, shown: Arc::new(Mutex::new(key)) }
    }

    /// Makes the next key and publishes the note that names it, unless that was done and only its record is missing.
    pub(super) fn prepare<S: Shelf>(&self, shelf: &mut S) -> Result<Rotation, RotationError> {
        if let Some(begun) = self.begun(shelf)? {
            return Ok(begun);
        }
        let next = Signer::generate(self.signer.verifier().name())?;
        log_key::write(&next_to(&self.path), &next)?;
        let rotation = Rotation { old: self.signer.verifier().to_string(), new: next.verifier().to_string() };
        let text = rotation.text();
        let note = SignedNote { signatures: vec![self.signer.sign(&text)], text };
        let before = match shelf.read(ROTATIONS) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| RotationError::Damaged(ROTATIONS.into()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.into()),
        };
        seal::publish(shelf, ROTATIONS, &format!("{before}{note}\n"))?;
        Ok(rotation)
    }

    /// The rotation whose note stands already.
    fn begun<S: Shelf>(&self, shelf: &S) -> Result<Option<Rotation>, RotationError> {
        let notes = match shelf.read(ROTATIONS) {
            Ok(notes) => notes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let last = str::from_utf8(&notes).ok().and_then(parse).ok_or_else(|| RotationError::Damaged(ROTATIONS.into()))?.pop();
        let Some(last) = last.filter(|last| last.old == self.signer.verifier().to_string()) else { return Ok(None) };
        let next = Signer::parse(&fs::read_to_string(next_to(&self.path))?)?;
        Ok((next.verifier().to_string() == last.new).then_some(last))
    }

    pub(super) fn take_next(&mut self) -> Result<(), RotationError> {
        let next = Signer::parse(&fs::read_to_string(next_to(&self.path))?)?;
        files::put(&next_to(&self.path), &self.path)?;
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = next.verifier().to_string();
        self.former.push(self.signer.verifier().clone());
        self.signer = next;
        Ok(())
    }
}

/// The key, and those that followed it by the notes of a file of them, each named by the one before; `None`: they are no such notes.
pub fn keys_after(key: &Verifier, notes: &str) -> Option<Vec<Verifier>> {
    Some(follow(key, &parse(notes)?))
}

pub(super) fn follow(key: &Verifier, rotations: &[Rotation]) -> Vec<Verifier> {
    let mut keys = vec![key.clone()];
    for step in rotations {
        if keys.last().is_some_and(|last| last.to_string() == step.old) {
            keys.extend(Verifier::parse(&step.new));
        }
    }
    keys
}

/// The keys that the key followed, each named by it or by one of them.
pub(super) fn followed(key: &Verifier, rotations: &[Rotation]) -> Vec<Verifier> {
    let (mut keys, mut wanted) = (Vec::new(), key.to_string());
    for step in rotations.iter().rev().filter(|step| step.new != step.old) {
        if step.new == wanted {
            wanted.clone_from(&step.old);
            keys.extend(Verifier::parse(&step.old));
        }
    }
    keys
}

/// The notes of a file of them. One that nobody signed for ends the reading.
pub(super) fn parse(text: &str) -> Option<Vec<Rotation>> {
    // An empty line stands within each note too, before its signatures.
    let mut rotations = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let signatures = rest.find("\n\n")?.saturating_add(2);
        let end = signatures.saturating_add(rest.get(signatures..)?.find("\n\n")?).saturating_add(1);
        let (note, behind) = rest.split_at_checked(end)?;
        rotations.push(Rotation::of(&SignedNote::parse(note).ok()?)?);
        rest = behind.strip_prefix('\n')?;
    }
    Some(rotations)
}

fn next_to(key: &Path) -> PathBuf {
    key.with_extension("key.next")
}
