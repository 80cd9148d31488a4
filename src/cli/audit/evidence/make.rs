//! Puts a pack together.
//!
//! Invariant: the same log, store, time and question give the same bytes. A pack comes to its place whole, under a name that nobody had, and only
//! after it was checked as a stranger will check it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::archive::{Hashed, Packer};
use super::check::{With, check};
use super::choice::Filter;
use super::facts::{
    ACCOUNTS, CHECKPOINT, CONFIGS, CONSISTENCY, FORMAT, Facts, MANIFEST, Maker, NEWEST, PACK, README, RECORDS, ROTATIONS, config_path,
    summary_path,
};
use super::people::{self, Directory};
use super::plan::Plan;
use super::range::{Log, Span};
use super::summary::{self, Told};
use crate::audit::{Grown, Head, Sealed, head_with};
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
    pub span: Span,
    pub filter: Filter,
    /// `None`: nobody signs the manifest.
    pub signer: Option<&'a Signer>,
    pub now: Time,
    pub maker: Maker,
}

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
        let unfinished = beside(out)?;
        let made = self.write(&unfinished).await.and_then(|made| {
            self.check(&unfinished)?;
            place(&unfinished, out)?;
            Ok(made)
        });
        if made.is_err() {
            // It holds personal data, and nobody would look for it.
            let _ = fs::remove_file(&unfinished);
        }
        made
    }

    async fn write(&self, path: &Path) -> anyhow::Result<Made> {
        let sealed = Sealed::new(self.data.join("audit"));
        let newest = newest(&sealed)?;
        let log = Log::new(&sealed, newest.checkpoint.size)?;
        let store = people::open(self.data).await?;
        let directory = Directory::of(store.as_ref()).await?;
        let mut progress = None;
        let plan = Plan::new(&log, &self.span, &self.filter, &directory, |done, all| {
            progress.get_or_insert_with(|| Progress::of(number(all), "records looked at")).show(number(done));
        })?;
        drop(progress);
        let head = head_with(&sealed, &newest, plan.newest().max(1))?;
        let progress = Progress::of(number(plan.records()), "records proved");
        let mut hashed = Hashed::new(std::io::sink());
        plan.write(&log, &head, &mut hashed, |done| progress.show(number(done)))?;
        drop(progress);
        let (_, sha256, length) = hashed.finish();
        let facts = self.facts(&plan, &log, &head);
        let mut files = self.files(plan, &facts, &sealed, [&head, &newest], (&directory, store.as_ref())).await?;
        let plan = files.plan;
        files.all.insert(RECORDS.to_owned(), Content::Records { length, sha256 });
        let manifest = self.manifest(&facts, &files.all);

        let file = File::options().write(true).create_new(true).mode(0o600).open(path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        let mut packer = Packer::new(BufWriter::new(Hashed::new(file)))?;
        packer.file(MANIFEST, manifest.len() as u64, |to| Ok(to.write_all(manifest.as_bytes())?))?;
        let progress = Progress::of(number(facts.records), "records written");
        for (path, content) in &files.all {
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

    fn facts(&self, plan: &Plan, log: &Log<'_>, head: &Head) -> Facts {
        Facts {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            log_format: LOG_FORMAT.to_owned(),
            log: head.checkpoint.origin.clone(),
            made: self.now.to_string(),
            by: self.maker.clone(),
            from: self.span.from.to_string(),
            to: self.span.to.to_string(),
            app: self.filter.app.as_ref().map(|app| app.word().to_owned()),
            account: self.filter.account.as_ref().map(|account| account.as_str().to_owned()),
            first: plan.range.first,
            last: plan.range.last,
            gapless: self.filter.is_all(),
            records: plan.records(),
            chosen: plan.survey.chosen,
            oldest: log.oldest,
            size: log.size,
            still_open: plan.still_open,
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
        for (hash, text) in plan.survey.configs.texts(self.data)? {
            put(&config_path(&hash), text);
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

    fn check(&self, path: &Path) -> anyhow::Result<()> {
        let key = self.signer.map(Signer::verifier);
        let mut progress = None;
        let checked = check(File::open(path)?, With { key, witnesses: &[] }, |done, all| {
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

fn json(value: &impl serde::Serialize) -> anyhow::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

fn number(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// A name in the same directory, for what is not whole yet.
fn beside(out: &Path) -> anyhow::Result<PathBuf> {
    is_free(out)?;
    let name = out.file_name().with_context(|| format!("{} names no file", out.display()))?;
    let random = BASE32_NOPAD.encode(&crypto::random::<5>()?).to_lowercase();
    Ok(out.with_file_name(format!(".{}.{random}.part", name.to_string_lossy())))
}

fn is_free(out: &Path) -> anyhow::Result<()> {
    if out.symlink_metadata().is_ok() { Err(taken(out)) } else { Ok(()) }
}

fn taken(out: &Path) -> anyhow::Error {
    anyhow!("{} is there already, and a pack is not overwritten; name another file", out.display())
}

fn place(unfinished: &Path, out: &Path) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", out.display());
    match renameat_with(CWD, unfinished, CWD, out, RenameFlags::NOREPLACE) {
        Err(Errno::EXIST) => return Err(taken(out)),
        // A file system that cannot promise it.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            is_free(out)?;
            fs::rename(unfinished, out).with_context(cannot)?;
        }
        renamed => renamed.with_context(cannot)?,
    }
    let directory = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).with_context(cannot)
}
