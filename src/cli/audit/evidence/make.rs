//! Puts a pack together.
//!
//! Invariant: the same log, store, time and question give the same bytes. A pack comes to its place whole, under a name that nobody had, and only
//! after it was checked as a stranger will check it.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufWriter;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use data_encoding::HEXLOWER;

use super::archive::{Hashed, Packer};
use super::check::{With, check};
use super::choice::Filter;
use super::facts::{
    ACCOUNTS, CHECKPOINT, CONFIGS, CONSISTENCY, FORMAT, Facts, MANIFEST, Maker, NEWEST, PACK, README, RECORDS, ROTATIONS, summary_path,
};
use super::incident::Incident;
use super::people::{self, Directory};
use super::place::Unfinished;
use super::plan::{Plan, Wanted};
use super::range::Log;
use super::summary::{self, Told};
use crate::audit::{Grown, Head, Sealed, head_with, unsealed};
use crate::cli::print;
use crate::cli::progress::Progress;
use crate::clock::Time;
use crate::crypto;
use crate::lang::Language;
use crate::store::Store;
use crate::tlog::{Checkpoint, Manifest, PackedFile, SignedNote, Signer, consistency};

const LOG_FORMAT: &str = "RFC 9162 (SHA-256), C2SP tlog-tiles, tlog-checkpoint, signed-note; records are JSON";

/// What a pack is made of.
pub struct Making<'a> {
    pub data: &'a Path,
    pub wanted: Wanted<'a>,
    pub filter: Filter,
    /// `None`: nobody signs the manifest.
    pub signer: Option<&'a Signer>,
    pub now: Time,
    pub maker: Maker,
    /// How long what was written before is waited for, until it is sealed. No longer than it needs: where no gateway runs, nothing seals it.
    pub patience: Duration,
}

/// How often it is looked whether it is.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What came of it.
#[derive(Debug)]
pub struct Made {
    pub facts: Facts,
    pub sha256: String,
}

enum Content {
    Bytes(Vec<u8>),
    Records { length: u64, sha256: [u8; 32] },
}

impl Making<'_> {
    /// Makes the pack in the place that is named; nothing may be there.
    pub async fn make(&self, out: &Path) -> anyhow::Result<Made> {
        // It goes with this, if it does not come to its place: it holds personal data, and nobody would look for it.
        let unfinished = Unfinished::new(out)?;
        let made = self.write(&unfinished).await?;
        self.check(&unfinished)?;
        unfinished.place()?;
        Ok(made)
    }

    async fn write(&self, unfinished: &Unfinished) -> anyhow::Result<Made> {
        let sealed = Sealed::new(self.data.join("audit"));
        let (newest, unsealed) = self.settled(&sealed).await?;
        let log = Log::new(&sealed, newest.checkpoint.size)?;
        let (store, directory) = people::known(self.data).await;
        let mut progress = None;
        let plan = Plan::new(&log, self.wanted, &self.filter, &directory, |done, all| {
            progress.get_or_insert_with(|| Progress::of(number(all), "records looked at")).show(number(done));
        })?;
        drop(progress);
        let head = head_with(&sealed, &newest, plan.newest().max(1))?;
        let progress = Progress::of(number(plan.records()), "records proved");
        let mut hashed = Hashed::new(std::io::sink());
        plan.write(&log, &head, &mut hashed, |done| progress.show(number(done)))?;
        drop(progress);
        let (_, sha256, length) = hashed.finish();
        let facts = self.facts(&plan, &log, &head, unsealed);
        let mut files = self.files(plan, &facts, &sealed, [&head, &newest], (&directory, store.as_ref())).await?;
        let plan = files.plan;
        files.all.insert(RECORDS.to_owned(), Content::Records { length, sha256 });
        let manifest = self.manifest(&facts, &files.all);

        let mut packer = Packer::new(BufWriter::new(Hashed::new(unfinished.file()?)))?;
        packer.file(MANIFEST, manifest.len() as u64, |to| Ok(to.write_all(manifest.as_bytes())?))?;
        let progress = Progress::of(number(facts.records), "records written");
        // The rotations first: who checks the pack needs them before all that is long.
        let (rotations, others): (Vec<_>, Vec<_>) = files.all.iter().partition(|(path, _)| *path == ROTATIONS);
        for (path, content) in rotations.into_iter().chain(others) {
            match content {
                Content::Bytes(bytes) => drop(packer.file(path, bytes.len() as u64, |to| Ok(to.write_all(bytes)?))?),
                Content::Records { length, sha256 } => {
                    let written = packer.file(path, *length, |to| plan.write(&log, &head, to, |done| progress.show(number(done))))?;
                    if written != *sha256 {
                        bail!("the log changed while the pack was made; make it again");
                    }
                }
            }
        }
        drop(progress);
        let hashed = packer.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        let (file, sha256, _) = hashed.finish();
        file.sync_all()?;
        Ok(Made { facts, sha256: HEXLOWER.encode(&sha256) })
    }

    /// The newest head, once it has what had been written when this was asked for; and how many records it does not have.
    async fn settled(&self, sealed: &Sealed) -> anyhow::Result<(Head, Option<u64>)> {
        let first = newest(sealed)?;
        let behind = match unsealed(sealed, first.checkpoint.size) {
            Ok(behind) => behind.map(|behind| behind.records),
            Err(error) => {
                print::remark(format_args!("yumen: what is not sealed yet cannot be told: {error}; keep the log as evidence"));
                None
            }
        };
        let all = first.checkpoint.size.saturating_add(behind.unwrap_or(0));
        let (mut head, mut waited) = (first, Duration::ZERO);
        while head.checkpoint.size < all && waited < self.patience {
            tokio::time::sleep(LOOK_EVERY).await;
            waited = waited.saturating_add(LOOK_EVERY);
            head = newest(sealed)?;
        }
        let lacks = all.saturating_sub(head.checkpoint.size);
        Ok((head, behind.map(|_| lacks)))
    }

    fn facts(&self, plan: &Plan, log: &Log<'_>, head: &Head, unsealed: Option<u64>) -> Facts {
        let account = self.filter.account.as_ref();
        let known = plan.filter.account.as_ref();
        Facts {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            log_format: LOG_FORMAT.to_owned(),
            log: head.checkpoint.origin.clone(),
            made: self.now.to_string(),
            by: self.maker.clone(),
            from: plan.span.from.to_string(),
            to: plan.span.to.to_string(),
            incident: self.incident().map(|incident| incident.about.clone()),
            app: self.filter.app.as_ref().map(|app| app.word().to_owned()),
            account: account.and_then(|asked| asked.id.clone().or_else(|| asked.name.clone())),
            account_id: known.and_then(|known| known.id.clone()),
            account_name: known.and_then(|known| known.name.clone()),
            first: plan.range.first,
            last: plan.range.last,
            gapless: self.filter.is_all(),
            records: plan.records(),
            chosen: plan.survey.chosen,
            other_times: plan.other_times,
            oldest: log.oldest,
            size: log.size,
            begins: plan.begins.map(|time| time.to_string()),
            ends: plan.ends.map(|time| time.to_string()),
            unsealed,
            still_open: plan.still_open,
        }
    }

    fn incident(&self) -> Option<&Incident> {
        match self.wanted {
            Wanted::Span(_) => None,
            Wanted::Incident(incident) => Some(incident),
        }
    }

    /// All files but the records.
    async fn files(
        &self,
        mut plan: Plan,
        facts: &Facts,
        sealed: &Sealed,
        [head, newest]: [&Head; 2],
        (directory, store): (&Directory, Option<&Store>),
    ) -> anyhow::Result<Files> {
        let mut all = BTreeMap::new();
        let mut put = |path: &str, bytes: Vec<u8>| drop(all.insert(path.to_owned(), Content::Bytes(bytes)));
        let accounts = plan.survey.concerned.facts(directory, store, self.now).await?;
        for (path, text) in plan.survey.configs.texts(self.data)? {
            put(&path, text);
        }
        for (path, paper) in self.incident().iter().flat_map(|incident| &incident.papers) {
            put(path, paper.clone());
        }
        put(README, include_bytes!("readme.txt").to_vec());
        put(PACK, json(facts)?);
        put(CONFIGS, json(&plan.survey.configs.in_force)?);
        put(ACCOUNTS, json(&accounts)?);
        put(CHECKPOINT, head.note.to_string().into_bytes());
        if head.checkpoint != newest.checkpoint {
            put(NEWEST, newest.note.to_string().into_bytes());
            put(CONSISTENCY, grown(sealed, &head.checkpoint, &newest.checkpoint)?.into_bytes());
        }
        put(ROTATIONS, rotations(sealed)?);
        let told = Told { facts, survey: &plan.survey, accounts: &accounts, head: &head.checkpoint, is_signed: self.signer.is_some() };
        for language in Language::ALL {
            put(&summary_path(language.tag()), summary::page(*language, &told)?.into_bytes());
        }
        Ok(Files { plan, all })
    }

    /// The text of the manifest, with the signature if somebody signs.
    fn manifest(&self, facts: &Facts, files: &BTreeMap<String, Content>) -> String {
        let packed = |(path, content): (&String, &Content)| match content {
            Content::Bytes(bytes) => PackedFile { path: path.clone(), length: bytes.len() as u64, sha256: crypto::sha256(bytes) },
            Content::Records { length, sha256 } => PackedFile { path: path.clone(), length: *length, sha256: *sha256 },
        };
        let text = Manifest { origin: facts.log.clone(), files: files.iter().map(packed).collect() }.text();
        match self.signer {
            Some(signer) => SignedNote { signatures: vec![signer.sign(&text)], text }.to_string(),
            None => text,
        }
    }

    fn check(&self, unfinished: &Unfinished) -> anyhow::Result<()> {
        let key = self.signer.map(Signer::verifier);
        let mut progress = None;
        let checked = check(unfinished.again()?, With { key, witnesses: &[] }, |done, all| {
            progress.get_or_insert_with(|| Progress::of(number(all), "records checked")).show(number(done));
        });
        drop(progress);
        checked.context("the pack does not come out right: was the log's key replaced meanwhile? Make it again; if that does not help, run `yumen audit verify`")?;
        Ok(())
    }
}

struct Files {
    plan: Plan,
    all: BTreeMap<String, Content>,
}

fn newest(sealed: &Sealed) -> anyhow::Result<Head> {
    let note = sealed.signed_checkpoint()?.context("nothing is sealed here; name the data directory of a gateway that has run")?;
    let checkpoint = Checkpoint::parse(&note.text).context("the checkpoint is not what a log signs")?;
    Ok(Head { note, checkpoint })
}

fn grown(sealed: &Sealed, head: &Checkpoint, newest: &Checkpoint) -> anyhow::Result<String> {
    let tiles = Grown { sealed, size: newest.size };
    let hashes =
        consistency(head.size, newest.size, newest.root, &tiles).context("the tiles of the log are wrong; run `yumen audit verify`")?;
    Ok(hashes.iter().map(|hash| format!("{hash}\n")).collect())
}

fn rotations(sealed: &Sealed) -> anyhow::Result<Vec<u8>> {
    match fs::read(sealed.directory().join(ROTATIONS)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.context("cannot read the log's rotations"),
    }
}

pub fn json(value: &impl serde::Serialize) -> anyhow::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

fn number(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
