//! The journal as a whole, on a real disk and on one that loses its power.

mod crash;
mod dropped;
mod failures;
mod faults;
mod full;
mod keeping;
mod killed;
mod newest;
mod opening;
mod proving;
mod pruning;
mod reading;
mod real;
mod rotating;
mod sealing;
mod shelves;
mod verifying;

use std::sync::{Arc, Mutex};

use super::disk::{Disk, first_sequence, segment_name};
use super::fake::FakeDisk;
use super::line::{self, Next};
use super::segment::SMALLEST_SEGMENT;
use super::writer::LastWords;
use super::{Journal, Repair, Settings};
use crate::clock::{Clock, Time};
use crate::model::{AccountId, AccountName, AppId, Decision, Entry, Factor, Label, Opened, Record, Reference, Role, UnitName, Who};

pub(super) fn who() -> Arc<Who> {
    Arc::new(Who {
        account: AccountId(uuid::Uuid::from_u128(7)),
        name: AccountName::parse("王丽").unwrap(),
        unit: UnitName::parse("信息中心").unwrap(),
        role: Role::Member,
        factor: Some(Factor::PasswordAndSecurityKey),
        session: Some("0123456789abcdef".into()),
    })
}

pub(super) fn opened(reference: [u8; 10]) -> Opened {
    Opened {
        reference: Reference::new(reference),
        who: None,
        address: "2001:db8::7".parse().unwrap(),
        port: 40_000,
        tls: "TLSv1.3".to_owned(),
        group: "X25519".to_owned(),
        app: AppId::parse("sites"),
        label: Some(Label::Internal),
        host: "sites.localhost".to_owned(),
        method: "GET".to_owned(),
        path: "/admin/".to_owned(),
        query: None,
        decision: Decision::Allowed,
        rule: "editors".to_owned(),
    }
}

/// The record of access number `number`.
fn access(number: u64) -> Opened {
    let mut reference = [0; 10];
    reference[..8].copy_from_slice(&number.to_be_bytes());
    opened(reference)
}

fn clock() -> Clock {
    Clock::manual(Time::from_millis(1_800_000_000_000))
}

/// Settings with the smallest segments, so that they are often full.
fn small_segments() -> Settings {
    Settings { segment_bytes: 0, ..Settings::new("unused".into()) }
}

/// Hears what a failed sync says, where a real process would have ended.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl LastWords for Heard {
    fn sync_failed(&self, sentence: &str) {
        self.0.lock().unwrap().push(sentence.to_owned());
    }
}

fn start(disk: &FakeDisk) -> (Journal, Repair, Heard) {
    let heard = Heard::default();
    let (journal, repair) = Journal::start(disk.clone(), &small_segments(), clock(), heard.clone()).unwrap();
    (journal, repair, heard)
}

fn segments(disk: &impl Disk) -> Vec<String> {
    let mut firsts: Vec<u64> = disk.list().unwrap().iter().filter_map(|name| first_sequence(name)).collect();
    firsts.sort_unstable();
    firsts.into_iter().map(segment_name).collect()
}

/// So many rounds of a test that is given seeds or chances; the environment may ask for more.
fn rounds(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{variable} is a number of rounds")))
}

/// All entries of all segments, which must be without a gap.
fn entries(disk: &impl Disk) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for name in segments(disk) {
        let bytes = disk.read(&name).unwrap();
        let mut rest = bytes.as_slice();
        while let Next::Entry { entry, length } = line::first(rest) {
            rest = &rest[length..];
            assert_eq!(entry.sequence, entries.len() as u64 + 1);
            entries.push(*entry);
        }
        assert!(rest.iter().all(|byte| *byte == 0), "{name} has something after its last whole line");
    }
    entries
}

/// Each access must be closed exactly once, after it was opened. Gives the references of those opened.
fn opened_and_closed_once(entries: &[Entry]) -> Vec<Reference> {
    let mut open: Vec<Reference> = Vec::new();
    let mut all = Vec::new();
    for entry in entries {
        match &entry.record {
            Record::Opened(opened) => {
                open.push(opened.reference.clone());
                all.push(opened.reference.clone());
            }
            Record::Closed(closed) => {
                let place = open.iter().position(|reference| *reference == closed.reference);
                open.remove(place.unwrap_or_else(|| panic!("{entry:?} closes what is not open")));
            }
            Record::Event(_) | Record::StillOpen { .. } => {}
        }
    }
    assert!(open.is_empty(), "{open:?} were never closed");
    all
}
