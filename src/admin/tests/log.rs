//! Who reads the log at the desk, what she is shown of it, and what is on record of that.

use super::*;
use crate::admin::{FoundRecord, LogBooks};
use crate::audit::{SealSettings, Sealer};
use crate::model::{Event, LogAccount, LogQuery, Reference};
use crate::store::{LogBatch, LogIndex, LogSpan};
use crate::tlog;

const ASKED: [u8; 10] = [9; 10];

struct Reading {
    directory: tempfile::TempDir,
    desk: Desk,
    sealer: Sealer,
    index: LogIndex,
}

impl Reading {
    async fn of(records: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = SealSettings::within(directory.path(), "gate.test");
        let desk = desk(&settings.journal).await;
        let sealer = Sealer::start(&settings, &desk.journal).unwrap();
        let (index, _) = LogIndex::open(&directory.path().join("log-index.db")).await.unwrap();
        let desk = desk.reading(LogBooks::new(sealer.clone(), index.clone()));
        for number in 0..records {
            let name = if number % 100 == 0 { "wang" } else { "li" };
            desk.journal.event(Event::done(Action::SessionEnded).with("name", name).with("number", number)).await.unwrap();
        }
        let reading = Self { directory, desk, sealer, index };
        reading.index(records).await;
        reading
    }

    /// Until that many are sealed, and puts them into the index.
    async fn index(&self, records: u64) {
        self.sealer.size().wait_for(|size| *size >= records).await.unwrap();
        let leaves = self.sealer.sealed().read(1, usize::MAX).unwrap();
        let entries: Vec<_> = leaves.iter().map(|leaf| leaf.entry().unwrap()).collect();
        let last = leaves.last().unwrap();
        self.index.add(LogBatch { entries: &entries, up_to: last.sequence, leaf: last.hash().0 }).await.unwrap();
    }
}

fn asked() -> Reference {
    Reference::new(ASKED)
}

fn wanted(name: &str) -> LogQuery {
    LogQuery { account: LogAccount::parse(name), limit: 10, ..LogQuery::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_finds_records_in_several_bundles_and_is_on_record_with_what_she_asked() {
    let reading = Reading::of(600).await;
    let found = reading.desk.search_log(&staff(Role::Auditor), &asked(), &wanted("wang")).await.unwrap();
    let sequences: Vec<u64> = found.records.iter().map(|FoundRecord { leaf, .. }| leaf.sequence).collect();
    assert_eq!(sequences, [501, 401, 301, 201, 101, 1]);
    assert!(found.records.iter().all(|found| String::from_utf8_lossy(&found.leaf.json).contains("wang") && found.closed.is_none()));
    assert_eq!((found.next, found.reach.up_to, found.reach.sealed), (None, 600, 600));
    let log = Tail::new(reading.directory.path().join("audit/journal"), Filter::default()).next_batch().unwrap();
    let Some(Record::Event(event)) = log.last().map(|entry| entry.record.clone()) else { panic!("nothing is on record") };
    assert_eq!((event.action, event.details["what"].as_str()), (Action::LogRead, "search"));
    assert_eq!((event.details["asked-account"].as_str(), event.reference), ("wang", Some(asked())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_comes_with_a_proof_that_leads_to_the_signed_root() {
    let reading = Reading::of(300).await;
    for sequence in [1, 256, 257, 300] {
        let proven = reading.desk.log_record(&staff(Role::Auditor), &asked(), sequence).await.unwrap();
        let head = &proven.checkpoint;
        assert_eq!(proven.leaf.sequence, sequence);
        tlog::check_inclusion(&proven.proof, sequence - 1, proven.leaf.hash(), head.size, head.root).unwrap();
        let key = reading.desk.log_key(&staff(Role::Auditor)).unwrap();
        assert!(tlog::Verifier::parse(&key).unwrap().has_signed(&proven.note));
    }
    for sequence in [0, 100_000, u64::MAX] {
        let none = reading.desk.log_record(&staff(Role::Auditor), &asked(), sequence).await;
        assert!(matches!(none, Err(AdminError::NoSuchRecord)), "{sequence}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_dropped_is_not_shown_and_said_to_be_dropped() {
    let reading = Reading::of(600).await;
    reading.sealer.sealed().drop_entries(&crate::audit::Old { first: 1, last: 256 }).unwrap();
    let auditor = staff(Role::Auditor);
    let found = reading.desk.search_log(&auditor, &asked(), &wanted("wang")).await.unwrap();
    let sequences: Vec<u64> = found.records.iter().map(|FoundRecord { leaf, .. }| leaf.sequence).collect();
    assert_eq!(sequences, [501, 401, 301], "though the index has not heard of it yet");
    for sequence in [1, 256] {
        let dropped = reading.desk.log_record(&auditor, &asked(), sequence).await;
        assert!(matches!(dropped, Err(AdminError::RecordDropped(number)) if number == sequence));
        let dropped = reading.desk.log_proof(&auditor, &asked(), sequence).await.unwrap_err();
        assert!(dropped.to_string().starts_with(&format!("record {sequence} was dropped after the time that the gateway keeps records")));
    }
    assert_eq!(reading.desk.log_record(&auditor, &asked(), 257).await.unwrap().leaf.sequence, 257);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_an_auditor_reads_or_exports_the_log_and_without_a_record_nobody_does() {
    let reading = Reading::of(3).await;
    let desk = &reading.desk;
    let others = [staff(Role::SystemAdministrator), staff(Role::SecurityAdministrator), staff(Role::Member), MACHINE];
    for actor in &others {
        assert!(matches!(desk.search_log(actor, &asked(), &wanted("wang")).await, Err(AdminError::NotAllowed)));
        assert!(matches!(desk.find_in_log(actor, &wanted("wang")).await, Err(AdminError::NotAllowed)));
        assert!(matches!(desk.log_record(actor, &asked(), 1).await, Err(AdminError::NotAllowed)));
        assert!(matches!(desk.log_figures(actor, &asked(), &LogSpan::default()).await, Err(AdminError::NotAllowed)));
        assert!(matches!(desk.begin_log_export(actor, &asked(), &wanted("wang")).await, Err(AdminError::NotAllowed)));
    }
    assert_eq!(events(&reading.directory.path().join("audit/journal")).len(), 3, "a refusal reads nothing");
    let auditor = staff(Role::Auditor);
    assert!(desk.begin_log_export(&auditor, &asked(), &wanted("wang")).await.unwrap().size >= 3);
    desk.journal.shut_down().await;
    assert!(matches!(desk.search_log(&auditor, &asked(), &wanted("wang")).await, Err(AdminError::NoRecord(_))));
    assert!(matches!(desk.begin_log_export(&auditor, &asked(), &wanted("wang")).await, Err(AdminError::NoRecord(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_follows_and_exports_only_so_often_at_once() {
    let reading = Reading::of(1).await;
    let (she, he) = (staff(Role::Auditor), staff(Role::Auditor));
    let mut open: Vec<_> = (0..8).map(|_| reading.desk.open_log_stream(&she).unwrap()).collect();
    assert!(matches!(reading.desk.open_log_stream(&she), Err(AdminError::TooManyStreams)));
    assert!(reading.desk.open_log_stream(&he).is_ok(), "another one has her own");
    assert!(matches!(reading.desk.open_log_stream(&staff(Role::Member)), Err(AdminError::NotAllowed)));
    open.pop();
    assert!(reading.desk.open_log_stream(&she).is_ok(), "one was closed");
}
