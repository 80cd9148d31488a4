//! Checks a pack of evidence from its first byte to its last.
//!
//! Invariant: a pack is read once, in bounded memory, and believed only where each file has the hash in the manifest, each record leads to the
//! checkpoint, and both are signed with the log's key. Nothing but the manifest and the notes of rotations is looked into before the signature, where
//! there is a key. It stops at the first thing that is wrong. Nothing is written anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use data_encoding::HEXLOWER;

use super::archive::{ContainerError, Unpacker};
use super::facts::{
    ACCOUNTS, CHECKPOINT, CONFIGS, CONSISTENCY, ConfigText, FORMAT, Facts, InForce, MANIFEST, NEWEST, OLDEST_FORMAT, PACK, README,
};
use super::facts::{RECORDS, ROTATIONS, config_path, plan_path, summary_path};
use super::incident;
use super::records::{LONGEST_LINE, Records};
use super::vouching::Vouching;
use crate::crypto::Sha256;
use crate::lang::Language;
use crate::tlog::{Checkpoint, Hash, Manifest, PackedFile, SignedNote, Verifier, Witness, check_consistency};

/// The longest manifest; all texts of configs and plans together.
const LONGEST_MANIFEST: u64 = 2 * 1024 * 1024;
const LONGEST_CONFIGS: u64 = 1024 * 1024 * 1024;

/// What is looked into, besides the records.
const HELD: [&str; 6] = [CHECKPOINT, NEWEST, CONSISTENCY, ROTATIONS, PACK, CONFIGS];

/// How long a file may be, but for the records.
fn longest(path: &str) -> u64 {
    let mib = match path {
        ACCOUNTS => 512,
        CONFIGS => 16,
        _ if is_text(path) => 16,
        _ if incident::is_paper(path) => 8,
        _ if path.ends_with(".html") => 64,
        _ => 1,
    };
    u64::saturating_mul(mib, 1024 * 1024)
}

/// Whether it is the place of a config's text, or of a plan's.
fn is_text(path: &str) -> bool {
    path.starts_with("configs/") || path.starts_with("plans/")
}

/// The first thing that was found wrong.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    #[error(transparent)]
    Container(#[from] ContainerError),
    #[error("it is no pack of evidence: it does not begin with a {MANIFEST} that can be understood ({0})")]
    NoManifest(String),
    #[error("the manifest names {0}, which is no file of such a pack, or lacks one")]
    Foreign(String),
    #[error("{found} stands where the manifest has {wanted}: a file was added, dropped or moved")]
    Other { found: String, wanted: String },
    #[error("{0} is not as long as the manifest says")]
    Length(String),
    #[error("{0} is longer than any pack has it")]
    TooLong(String),
    #[error("{0} is not the file that the manifest names: it was changed")]
    Changed(String),
    #[error("{0} is not understood: {1}")]
    NotUnderstood(String, String),
    #[error("the pack has format {0}, and this version of yumen knows {FORMAT}: check it with the version that made it, or a newer one")]
    OtherFormat(u32),
    #[error("line {0} of {RECORDS} is not as `yumen audit evidence` writes it")]
    Line(u64),
    #[error("record {0} is not in the log of the checkpoint: the record, its number or its proof was changed")]
    NotProven(u64),
    #[error("record {0} is none: it has no number")]
    NotRecord(u64),
    #[error("the record in the place of {sequence} says that it is number {found}: the gateway did not number it so")]
    Number { sequence: u64, found: u64 },
    #[error("record {0} stands behind one with a higher number")]
    Order(u64),
    #[error("record {0} does not belong where it stands: its time or its number does not fit the span")]
    Place(u64),
    #[error("record {0} is not what was asked for: it is of another app, account or time, or ends no access that is in the pack")]
    NotAskedFor(u64),
    #[error("records {first} to {last} are missing, though the pack says that it has all of the span")]
    Gap { first: u64, last: u64 },
    #[error("what the pack says of itself is wrong: {0}")]
    Facts(&'static str),
    #[error("{0} is no paper of the incident that the pack is about")]
    Paper(String),
    #[error("what the pack says of the config of record {0}, or of its plan, is not what the record says")]
    Config(u64),
    #[error(
        "it is not signed with the key that you gave, nor with one that followed it. Either the key is newer than the pack (give the key of the day \
         on which it was made, or an earlier one), or somebody else made the pack"
    )]
    NotSigned,
    #[error(
        "the manifest is not signed, alone, with a key that may sign: it was changed, or the pack was put together anew with a key that was replaced"
    )]
    ManifestNotSigned,
    #[error("the checkpoint is not signed with the key that signed the manifest: it was changed, or made by somebody else")]
    HeadNotSigned,
    #[error("the pack is of the log {found}, the key is of {wanted}: each log has a key of its own")]
    OtherLog { found: String, wanted: String },
    #[error("the log did not grow from the checkpoint to the newest one: one of them is of another history")]
    NotGrown,
    #[error("the witness {0} has not cosigned the checkpoint")]
    NotWitnessed(String),
}

impl EvidenceError {
    /// Whether it is the pack that is wrong, and not what it was read or compared with.
    pub fn is_of_the_pack(&self) -> bool {
        match self {
            Self::OtherFormat(_) | Self::NotSigned | Self::OtherLog { .. } | Self::NotWitnessed(_) => false,
            Self::Container(ContainerError::Read(error)) => {
                matches!(error.kind(), std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidData | std::io::ErrorKind::Other)
            }
            _ => true,
        }
    }
}

/// Whose signature stands under the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    ByTheLog,
    /// Nobody's: the files beside the records are nobody's word.
    Not,
    /// No key was given.
    NotChecked,
}

/// What was found right.
#[derive(Debug)]
pub struct Checked {
    pub facts: Facts,
    pub checkpoint: Checkpoint,
    pub newest: Checkpoint,
    pub configs: Vec<InForce>,
    pub signed: Signed,
    /// Who, and when in seconds since 1970.
    pub witnessed: Vec<(String, u64)>,
    /// Records that this version does not understand.
    pub unknown: u64,
}

/// What it is checked with.
#[derive(Clone, Copy, Debug, Default)]
pub struct With<'a> {
    pub key: Option<&'a Verifier>,
    /// Each must have cosigned.
    pub witnesses: &'a [Witness],
}

/// Checks it all; `progress` is told how many records were looked at, and how many there are.
pub fn check(pack: impl Read, with: With<'_>, mut progress: impl FnMut(u64, u64)) -> Result<Checked, EvidenceError> {
    let mut unpacker = Unpacker::new(pack).map_err(ContainerError::Read)?;
    let (note, manifest) = manifest(&mut unpacker)?;
    has_its_files(&manifest)?;
    let mut files = Files::default();
    let mut records = None;
    // Who may have signed the manifest stands in the rotations, so that they come before all that may be long.
    let (rotations, others): (Vec<_>, Vec<_>) = manifest.files.iter().partition(|file| file.path == ROTATIONS);
    for wanted in &rotations {
        files.read(&mut unpacker, wanted)?;
    }
    let vouching = Vouching::of(&note, &manifest.origin, files.text(ROTATIONS)?, with.key)?;
    for wanted in others {
        if wanted.path == RECORDS {
            let (head, checkpoint) = files.head(CHECKPOINT)?;
            let newest = if files.0.contains_key(NEWEST) { files.head(NEWEST)?.0 } else { head.clone() };
            vouching.vouches_for([&head, &newest])?;
            let facts = files.facts()?;
            let all = facts.records;
            if all > checkpoint.size || wanted.length > all.saturating_mul(LONGEST_LINE as u64) {
                return Err(EvidenceError::TooLong(wanted.path.clone()));
            }
            let mut found = Records::under(checkpoint, facts)?;
            file(&mut unpacker, wanted, |part| {
                let taken = found.take(part);
                progress(found.count(), all);
                taken
            })?;
            found.end()?;
            records = Some(found);
        } else {
            files.read(&mut unpacker, wanted)?;
        }
    }
    unpacker.end()?;
    let records = records.ok_or_else(|| EvidenceError::Foreign(RECORDS.to_owned()))?;
    files.judge(&manifest, vouching.signed, &records, with.witnesses)
}

fn manifest<R: Read>(unpacker: &mut Unpacker<R>) -> Result<(SignedNote, Manifest), EvidenceError> {
    let no = |why: String| EvidenceError::NoManifest(why);
    let next = unpacker.next()?;
    if next.path != MANIFEST || next.length > LONGEST_MANIFEST {
        return Err(no(format!("its first file is {}", next.path)));
    }
    let mut bytes = Vec::new();
    unpacker.content(next.length, |part| -> Result<(), EvidenceError> {
        bytes.extend_from_slice(part);
        Ok(())
    })?;
    let text = String::from_utf8(bytes).map_err(|_| no("it is not UTF-8".to_owned()))?;
    // Without signatures it is the text alone.
    let note = match text.contains("\n\n") {
        true => SignedNote::parse(&text).map_err(|why| no(why.to_string()))?,
        false => SignedNote { text, signatures: Vec::new() },
    };
    let manifest = Manifest::parse(&note.text).map_err(|why| no(why.to_string()))?;
    Ok((note, manifest))
}

/// Each file that a pack has, none that it does not, and none longer than any pack has it.
fn has_its_files(manifest: &Manifest) -> Result<(), EvidenceError> {
    let summaries = Language::ALL.iter().map(|language| summary_path(language.tag()));
    let needed = [README, ACCOUNTS, CHECKPOINT, CONFIGS, PACK, RECORDS, ROTATIONS].map(str::to_owned);
    let needed: BTreeSet<String> = summaries.chain(needed).collect();
    let found: BTreeSet<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    if let Some(lacks) = needed.iter().find(|path| !found.contains(path.as_str())) {
        return Err(EvidenceError::Foreign(lacks.clone()));
    }
    let may_be = |path: &str| {
        let text = path.strip_prefix("configs/").or_else(|| path.strip_prefix("plans/"));
        let hash = text.and_then(|name| name.strip_suffix(".toml"));
        let may_be_there = path == NEWEST || path == CONSISTENCY || incident::is_paper(path);
        needed.contains(path) || may_be_there || hash.is_some_and(|hash| HEXLOWER.decode(hash.as_bytes()).is_ok())
    };
    incident::has_all_or_none(manifest)?;
    let mut configs = 0_u64;
    for file in manifest.files.iter().filter(|file| file.path != RECORDS) {
        configs = configs.saturating_add(if is_text(&file.path) { file.length } else { 0 });
        if file.length > longest(&file.path) || configs > LONGEST_CONFIGS {
            return Err(EvidenceError::TooLong(file.path.clone()));
        }
    }
    match found.iter().find(|path| !may_be(path)) {
        Some(foreign) => Err(EvidenceError::Foreign((*foreign).to_owned())),
        None if found.contains(NEWEST) != found.contains(CONSISTENCY) => Err(EvidenceError::Foreign(CONSISTENCY.to_owned())),
        None => Ok(()),
    }
}

/// The next file, which must be the one that is wanted.
fn file<R: Read>(
    unpacker: &mut Unpacker<R>,
    wanted: &PackedFile,
    mut take: impl FnMut(&[u8]) -> Result<(), EvidenceError>,
) -> Result<(), EvidenceError> {
    let found = unpacker.next()?;
    if found.path != wanted.path {
        return Err(EvidenceError::Other { found: found.path, wanted: wanted.path.clone() });
    }
    if found.length != wanted.length {
        return Err(EvidenceError::Length(found.path));
    }
    let mut hash = Sha256::default();
    let mut wrong = None;
    // What is wrong in a file that was changed is told as that.
    unpacker.content(found.length, |part| -> Result<(), EvidenceError> {
        hash.update(part);
        if wrong.is_none() {
            wrong = take(part).err();
        }
        Ok(())
    })?;
    if hash.finish() != wanted.sha256 {
        return Err(wrong.unwrap_or(EvidenceError::Changed(found.path)));
    }
    wrong.map_or(Ok(()), Err)
}

/// The files but for the records, texts of configs and pages.
#[derive(Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    /// Reads the next file, and keeps it if it is looked into.
    fn read<R: Read>(&mut self, unpacker: &mut Unpacker<R>, wanted: &PackedFile) -> Result<(), EvidenceError> {
        let is_held = HELD.contains(&wanted.path.as_str()) || incident::is_paper(&wanted.path);
        let mut held = Vec::new();
        file(unpacker, wanted, |part| {
            held.extend_from_slice(if is_held { part } else { &[] });
            Ok(())
        })?;
        self.0.extend(is_held.then(|| (wanted.path.clone(), held)));
        Ok(())
    }

    fn text(&self, path: &str) -> Result<&str, EvidenceError> {
        let bytes = self.0.get(path).map(Vec::as_slice).unwrap_or_default();
        str::from_utf8(bytes).map_err(|why| not_understood(path, &why))
    }

    fn head(&self, path: &str) -> Result<(SignedNote, Checkpoint), EvidenceError> {
        let note = SignedNote::parse(self.text(path)?).map_err(|why| not_understood(path, &why))?;
        let head = Checkpoint::parse(&note.text).map_err(|why| not_understood(path, &why))?;
        Ok((note, head))
    }

    fn facts(&self) -> Result<Facts, EvidenceError> {
        #[derive(serde::Deserialize)]
        struct Format {
            format: u32,
        }
        let text = self.text(PACK)?;
        match serde_json::from_str::<Format>(text) {
            Ok(Format { format }) if !(OLDEST_FORMAT..=FORMAT).contains(&format) => Err(EvidenceError::OtherFormat(format)),
            _ => serde_json::from_str(text).map_err(|why| not_understood(PACK, &why)),
        }
    }

    fn judge(&self, manifest: &Manifest, signed: Signed, records: &Records, witnesses: &[Witness]) -> Result<Checked, EvidenceError> {
        let facts = self.facts()?;
        let (note, checkpoint) = self.head(CHECKPOINT)?;
        let newest = if self.0.contains_key(NEWEST) { self.head(NEWEST)?.1 } else { checkpoint.clone() };
        if facts.log != checkpoint.origin || manifest.origin != checkpoint.origin || newest.origin != checkpoint.origin {
            return Err(EvidenceError::Facts("its files name different logs"));
        }
        if facts.size != newest.size || facts.gapless != (facts.app.is_none() && facts.account.is_none()) {
            return Err(EvidenceError::Facts("it does not fit the checkpoint, or what was asked for"));
        }
        incident::are_its_papers(facts.incident.as_ref(), &self.0)?;
        self.has_grown(&checkpoint, &newest)?;
        let configs = self.configs(manifest, records)?;
        let cosigned = |witness: &Witness| {
            let at = witness.cosigned_at(&note).ok_or_else(|| EvidenceError::NotWitnessed(witness.name().to_owned()))?;
            Ok((witness.name().to_owned(), at))
        };
        let witnessed = witnesses.iter().map(cosigned).collect::<Result<_, EvidenceError>>()?;
        Ok(Checked { facts, checkpoint, newest, configs, signed, witnessed, unknown: records.unknown })
    }

    fn has_grown(&self, checkpoint: &Checkpoint, newest: &Checkpoint) -> Result<(), EvidenceError> {
        if !self.0.contains_key(NEWEST) {
            return Ok(());
        }
        let hashes: Option<Vec<Hash>> = self.text(CONSISTENCY)?.lines().map(Hash::parse_base64).collect();
        let hashes = hashes.ok_or(EvidenceError::NotGrown)?;
        check_consistency(&hashes, (checkpoint.size, checkpoint.root), (newest.size, newest.root)).map_err(|_| EvidenceError::NotGrown)
    }

    /// What is said of configs, against the records and the texts.
    fn configs(&self, manifest: &Manifest, records: &Records) -> Result<Vec<InForce>, EvidenceError> {
        let configs: Vec<InForce> = serde_json::from_str(self.text(CONFIGS)?).map_err(|why| not_understood(CONFIGS, &why))?;
        let mut wanted = BTreeSet::new();
        records.configs.are_told(&configs).map_err(EvidenceError::Config)?;
        for config in &configs {
            let no_hash = config.plan.as_ref().is_some_and(|plan| plan.text == ConfigText::Unknown);
            if no_hash || (config.text == ConfigText::Unknown) != config.sha256.is_none() {
                return Err(EvidenceError::Config(config.sequence));
            }
            wanted.extend(config.sha256.iter().filter(|_| config.text == ConfigText::Kept).map(|hash| config_path(hash)));
            wanted.extend(config.plan.iter().filter(|plan| plan.text == ConfigText::Kept).map(|plan| plan_path(&plan.sha256)));
        }
        let mut found = BTreeSet::new();
        for file in manifest.files.iter().filter(|file| is_text(&file.path)) {
            let hash = HEXLOWER.encode(&file.sha256);
            if ![config_path(&hash), plan_path(&hash)].contains(&file.path) {
                return Err(EvidenceError::Changed(file.path.clone()));
            }
            found.insert(file.path.clone());
        }
        if found == wanted { Ok(configs) } else { Err(EvidenceError::Facts("it has other texts of configs or plans than it names")) }
    }
}

fn not_understood(path: &str, why: &dyn std::fmt::Display) -> EvidenceError {
    EvidenceError::NotUnderstood(path.to_owned(), why.to_string())
}
