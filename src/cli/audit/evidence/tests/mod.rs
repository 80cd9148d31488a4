//! Packs of small logs: what is in them, and that nothing in them can be changed unnoticed.

mod clocks;
mod configs;
mod filters;
mod incidents;
mod packs;
mod tampered;
mod whole;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::check::{Checked, EvidenceError, With, check};
use super::choice::Filter;
use super::facts::{MANIFEST, Maker};
use super::make::Making;
use super::plan::Wanted;
use super::range::Span;
use super::samples::{id, opened, who};
use super::watched::Watched;
use super::whose::Whose;
use crate::audit::{Journal, Receipt, SealSettings, Sealed, Sealer, Settings, read_log_key};
use crate::clock::{Clock, Time};
use crate::crypto;
use crate::gateway::{kept_config, kept_plan};
use crate::model::{Account, AccountName, AccountState, Action, Decision, End, Event, LogAccount, LogApp, Record, Role, UnitName};
use crate::store::Store;
use crate::tlog::{Manifest, PackedFile, SignedNote, Signer, Verifier};

const BEGIN: Time = Time::from_millis(1_795_316_645_000);
const CONFIG: &str = "listen = [\"127.0.0.1:8443\"]\n";
const PLAN: &str = "zone = \"Asia/Shanghai\"\n";

/// The data directory of a gateway with a log, which grows while `journal` is open.
struct House {
    data: TempDir,
    clock: Clock,
    journal: Journal,
    sealer: Sealer,
    written: u64,
}

/// After so many seconds from the beginning of the log.
fn at(seconds: u64) -> Time {
    BEGIN.plus(Duration::from_secs(seconds))
}

fn hash_of(text: &str) -> String {
    data_encoding::HEXLOWER.encode(&crypto::sha256(text.as_bytes()))
}

impl House {
    async fn open() -> Self {
        let data = tempfile::tempdir().unwrap();
        let clock = Clock::manual(BEGIN);
        let (journal, _) = Journal::open(Settings::new(data.path().join("audit/journal")), clock.clone()).unwrap();
        let sealer = Sealer::start(&SealSettings::within(data.path(), "gate.city.test"), &journal).unwrap();
        let path = kept_config(data.path(), &hash_of(CONFIG));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, CONFIG).unwrap();
        std::fs::write(kept_plan(data.path(), &hash_of(PLAN)), PLAN).unwrap();
        let mut house = Self { data, clock, journal, sealer, written: 0 };
        house.event(Event::done(Action::Start).with("config", hash_of(CONFIG)).with("plan", hash_of(PLAN))).await;
        house
    }

    /// A day of which most records are refusals; an access that began in it ends later.
    async fn lived_in() -> Self {
        let mut house = Self::open().await;
        let store = Store::open(&house.data.path().join("yumen.db")).await.unwrap();
        let wang = Account {
            id: id("wang"),
            name: AccountName::parse("wang").unwrap(),
            unit: UnitName::parse("信息中心").unwrap(),
            role: Role::Member,
            email: None,
            state: AccountState::Invited,
            created: BEGIN,
        };
        let invitation = crypto::Token::random().unwrap().hash();
        store.invite(&wang, invitation, at(1_000_000)).await.unwrap();
        store.close().await;
        house.later(100);
        let long = house.access(1, Some("wang"), Some("sites"), Decision::Allowed).await;
        house.later(1);
        for number in 2..200 {
            house.access(number, None, Some("ledger"), Decision::Refused).await.close(403, 0, 0, End::Refused);
            house.written += 1;
        }
        house.event(Event::done(Action::AccountDisabled).by(who("root")).with("name", "wang").with("account", id("wang"))).await;
        house.event(Event::done(Action::LockedDown).with("app", "all").with("uid", 0)).await;
        house.later(100);
        house.event(Event::done(Action::SignOut).by(who("li"))).await;
        house.later(100);
        long.close(200, 5, 7, End::Complete);
        house.written += 1;
        // The end is written beside one of these, before the other.
        house.event(Event::done(Action::SignOut).by(who("li"))).await;
        house.event(Event::done(Action::ConfigReloaded).with("config", hash_of("gone"))).await;
        house.sealed().await;
        house
    }

    fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    async fn event(&mut self, event: Event) {
        self.journal.event(event).await.unwrap();
        self.written += 1;
    }

    async fn access(&mut self, number: u8, name: Option<&str>, app: Option<&str>, decision: Decision) -> Receipt {
        let rule = if decision == Decision::Refused { "not-allowed" } else { "members" };
        let Record::Opened(record) = opened(number, name, app, decision, rule) else { unreachable!() };
        self.written += 1;
        let mut receipt = self.journal.open_access(record).await.unwrap();
        receipt.durable().await.unwrap();
        receipt
    }

    async fn sealed(&self) -> Sealed {
        self.sealer.size().wait_for(|size| *size >= self.written).await.unwrap();
        self.sealer.sealed()
    }

    fn signer(&self) -> Signer {
        read_log_key(&self.data.path().join("log.key")).unwrap()
    }

    fn key(&self) -> Verifier {
        self.signer().verifier().clone()
    }

    fn out(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    async fn try_pack(&self, name: &str, (from, to): (u64, u64), filter: Filter, signer: Option<&Signer>) -> anyhow::Result<Vec<u8>> {
        let wanted = Wanted::Span(Span { from: at(from), to: at(to) });
        Making { filter, ..making(self.data.path(), wanted, signer) }.make(&self.out(name)).await?;
        Ok(std::fs::read(self.out(name)).unwrap())
    }

    async fn pack(&self, span: (u64, u64), filter: Filter) -> Vec<u8> {
        let name = format!("{}.tar.zst", hash_of(&format!("{span:?} {filter:?}")));
        self.try_pack(&name, span, filter, Some(&self.signer())).await.unwrap()
    }
}

/// What everybody asks for who asks for nothing else.
fn making<'a>(data: &'a Path, wanted: Wanted<'a>, signer: Option<&'a Signer>) -> Making<'a> {
    let maker = Maker { uid: 1000, user: Some("yumen".to_owned()), account: None };
    let (filter, patience) = (Filter::default(), Duration::from_secs(60));
    Making { data, wanted, filter, signer, now: at(9_000), maker, patience, watched: Watched::InTheGateway }
}

fn checked(pack: &[u8], key: &Verifier) -> Result<Checked, EvidenceError> {
    check(pack, With { key: Some(key), witnesses: &[] }, |_, _| {})
}

fn only(app: Option<&str>, account: Option<&str>) -> Filter {
    Filter {
        app: app.map(|app| LogApp::parse(app).unwrap()),
        account: account.map(|account| Whose::asked(&LogAccount::parse(account).unwrap())),
    }
}

/// The files of a pack, read by others.
fn unpacked(pack: &[u8]) -> Vec<(String, Vec<u8>)> {
    let tar = zstd::decode_all(pack).unwrap();
    let mut archive = tar::Archive::new(tar.as_slice());
    let read = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        (entry.path().unwrap().to_str().unwrap().to_owned(), content)
    };
    archive.entries().unwrap().map(read).collect()
}

fn packed(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut packer = super::archive::Packer::new(Vec::new()).unwrap();
    for (path, content) in files {
        packer.file(path, content.len() as u64, |to| Ok(to.write_all(content)?)).unwrap();
    }
    packer.finish().unwrap()
}

/// With a manifest that fits the files, signed anew.
fn resigned(files: &[(String, Vec<u8>)], signer: Option<&Signer>) -> Vec<u8> {
    let old = String::from_utf8(files[0].1.clone()).unwrap();
    let origin = old.lines().nth(1).unwrap().to_owned();
    let named = files[1..].iter().map(|(path, content)| PackedFile {
        path: path.clone(),
        length: content.len() as u64,
        sha256: crypto::sha256(content),
    });
    let mut named: Vec<_> = named.collect();
    named.sort_by(|one, other| one.path.cmp(&other.path));
    let text = Manifest { origin, files: named }.text();
    let manifest = match signer {
        Some(signer) => SignedNote { signatures: vec![signer.sign(&text)], text }.to_string(),
        None => text,
    };
    packed(&[&[(MANIFEST.to_owned(), manifest.into_bytes())], &files[1..]].concat())
}

fn text_of<'f>(files: &'f [(String, Vec<u8>)], path: &str) -> &'f str {
    std::str::from_utf8(&files.iter().find(|(found, _)| found == path).unwrap().1).unwrap()
}

/// The files with one of them changed, signed anew.
fn changed(files: &[(String, Vec<u8>)], path: &str, signer: &Signer, change: impl FnOnce(&str) -> String) -> Vec<u8> {
    let mut changed = files.to_vec();
    let place = files.iter().position(|(found, _)| found == path).unwrap();
    changed[place].1 = change(text_of(files, path)).into_bytes();
    assert_ne!(changed, files, "{path}");
    resigned(&changed, Some(signer))
}

fn refused(pack: &[u8], key: &Verifier) -> String {
    match checked(pack, key) {
        Ok(_) => panic!("it passed"),
        Err(error) => error.to_string(),
    }
}
