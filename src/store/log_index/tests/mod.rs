mod filters;
mod forgetting;
mod plans;
mod same;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::{
    AccountId, AccountName, Action, AppId, Closed, Decision, End, Event, Factor, Label, LogAccount, LogPage, LogQuery, Opened, Record,
    Reference, Role, UnitName, Who,
};

const NOW: Time = Time::from_millis(1_800_000_000_000);

async fn index() -> (tempfile::TempDir, LogIndex) {
    let directory = tempfile::tempdir().unwrap();
    let (index, why) = LogIndex::open(&directory.path().join("log-index.db")).await.unwrap();
    assert_eq!(why, None);
    (directory, index)
}

fn later(seconds: u64) -> Time {
    NOW.plus(Duration::from_secs(seconds))
}

fn who(number: u128, name: &str, unit: &str) -> Arc<Who> {
    Arc::new(Who {
        account: AccountId(uuid::Uuid::from_u128(number)),
        name: AccountName::parse(name).unwrap(),
        unit: UnitName::parse(unit).unwrap(),
        role: Role::Member,
        factor: Some(Factor::SecurityKey),
        session: Some(format!("session-{number}").into()),
    })
}

fn reference(number: u64) -> Reference {
    let mut random = [7; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    Reference::new(random)
}

fn opened(number: u64) -> Opened {
    Opened {
        reference: reference(number),
        who: Some(who(1, "wang li", "信息中心")),
        address: "192.0.2.7".parse().unwrap(),
        port: 5,
        tls: "TLSv1.3".to_owned(),
        group: "X25519".to_owned(),
        app: AppId::parse("sites"),
        label: Some(Label::Internal),
        host: "sites.city.test".to_owned(),
        method: "GET".to_owned(),
        path: "/work".to_owned(),
        decision: Decision::Allowed,
        rule: "members".to_owned(),
    }
}

fn closed(number: u64, status: u16) -> Closed {
    Closed { reference: reference(number), status, bytes_up: 0, bytes_down: 1, duration_ms: 2, end: End::Complete }
}

/// The records as a log has them: sequences from `first` on, a second between two.
fn log(first: u64, records: Vec<Record>) -> Vec<Entry> {
    let entries = (first..).zip(records);
    entries.map(|(sequence, record)| Entry::stamp(sequence, later(sequence), [0; 16], record)).collect()
}

async fn add(index: &LogIndex, entries: &[Entry]) {
    let Some(last) = entries.last() else { return };
    index.add(LogBatch { entries, up_to: last.sequence, leaf: [9; 32] }).await.unwrap();
}

async fn found(index: &LogIndex, query: LogQuery) -> Vec<u64> {
    let page = index.search(&LogQuery { limit: 100, ..query }).await.unwrap();
    page.rows.iter().map(|row| row.sequence).collect()
}

/// Every page of an answer.
async fn all_pages(index: &LogIndex, query: &LogQuery) -> Vec<LogRow> {
    let (mut rows, mut query) = (Vec::new(), query.clone());
    loop {
        let LogPage { rows: more, next, .. } = index.search(&query).await.unwrap();
        rows.extend(more);
        match next {
            Some(next) => query.before = Some(next),
            None => return rows,
        }
    }
}

use crate::model::LogRow;

#[tokio::test]
async fn an_access_is_one_row_with_its_end_whether_it_came_in_one_batch_or_two() {
    let (_directory, index) = index().await;
    let records =
        vec![Record::Opened(opened(1)), Record::Opened(opened(2)), Record::Closed(closed(1, 200)), Record::Closed(closed(2, 404))];
    let entries = log(1, records);
    add(&index, &entries[..3]).await;
    add(&index, &entries[3..]).await;
    let page = index.search(&LogQuery { limit: 10, ..LogQuery::default() }).await.unwrap();
    let row = |sequence, closed| LogRow { sequence, closed: Some(closed) };
    assert_eq!(page, LogPage { rows: vec![row(2, 4), row(1, 3)], next: None, up_to: 4 });
    assert_eq!(found(&index, LogQuery { status: Some(404), ..LogQuery::default() }).await, [2]);
    assert_eq!(found(&index, LogQuery { status: Some(500), ..LogQuery::default() }).await, [0; 0]);
}

#[tokio::test]
async fn an_answer_comes_in_pages_that_neither_leave_out_nor_repeat() {
    let (_directory, index) = index().await;
    add(&index, &log(1, (1..=25).map(|number| Record::Opened(opened(number))).collect())).await;
    let account = LogAccount::parse("Wang Li");
    for query in
        [LogQuery::default(), LogQuery { account, ..LogQuery::default() }, LogQuery { from: Some(later(0)), ..LogQuery::default() }]
    {
        let query = LogQuery { limit: 10, ..query };
        let rows: Vec<u64> = all_pages(&index, &query).await.iter().map(|row| row.sequence).collect();
        assert_eq!(rows, (1..=25).rev().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn what_is_no_index_is_thrown_away_and_said() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log-index.db");
    std::fs::write(&path, "no database at all, but long enough to be taken for one".repeat(100)).unwrap();
    assert!(matches!(LogIndex::open_read_only(&path).await, Err(LogIndexError::Unusable { .. })));
    let (index, why) = LogIndex::open(&path).await.unwrap();
    assert!(why.is_some());
    add(&index, &log(1, vec![Record::Opened(opened(1))])).await;
    index.close().await;

    let (again, why) = LogIndex::open(&path).await.unwrap();
    assert_eq!((why, again.indexed_up_to().await.unwrap()), (None, 1), "a good one is kept");
    sqlx::query("PRAGMA user_version = 999").execute(&again.0.pools.read().await.write).await.unwrap();
    again.close().await;
    let (newer, why) = LogIndex::open(&path).await.unwrap();
    assert!(why.unwrap().contains("format 999"));
    assert_eq!(newer.indexed_up_to().await.unwrap(), 0);
    assert!(matches!(LogIndex::open_read_only(&directory.path().join("none")).await, Err(LogIndexError::Missing(_))));
}

#[tokio::test]
async fn an_index_that_breaks_under_way_says_so_and_can_be_begun_anew() {
    let (_directory, index) = index().await;
    add(&index, &log(1, vec![Record::Opened(opened(1))])).await;
    sqlx::query("DROP TABLE postings").execute(&index.0.pools.read().await.write).await.unwrap();
    let entries = log(2, vec![Record::Opened(opened(2))]);
    let added = index.add(LogBatch { entries: &entries, up_to: 2, leaf: [0; 32] }).await;
    assert!(matches!(added, Err(LogIndexError::Unusable { .. })), "{added:?}");
    assert_eq!(index.indexed_up_to().await.unwrap(), 1, "nothing of the batch was added");
    index.begin_anew().await.unwrap();
    assert_eq!(index.indexed().await.unwrap(), Indexed::default());
    add(&index, &log(1, vec![Record::Opened(opened(1))])).await;
    assert_eq!(found(&index, LogQuery::default()).await, [1]);
}

#[tokio::test]
async fn charts_count_accesses_and_refusals_by_hour_app_and_reason() {
    let (_directory, index) = index().await;
    let refused = |number, rule: &str| Record::Opened(Opened { decision: Decision::Refused, rule: rule.to_owned(), ..opened(number) });
    let portal = Record::Opened(Opened { app: None, ..opened(3) });
    let strangers = Record::Event(Event::done(Action::StrangersRefused).with("count", 40).with("network", "192.0.2.0"));
    let mut entries = log(1, vec![Record::Opened(opened(1)), refused(2, "not-allowed"), portal, strangers, refused(5, "too-many")]);
    // The last one comes an hour later.
    entries[4].time = later(3_600).to_string();
    add(&index, &entries).await;
    let all = LogSpan::default();
    let hours: Vec<_> = index.count_by_hour(&all).await.unwrap().iter().map(|count| (count.allowed, count.refused)).collect();
    assert_eq!(hours, [(2, 41), (0, 1)]);
    let apps = index.count_by_app(&all).await.unwrap();
    let apps: Vec<_> = apps.iter().map(|count| (count.by.as_str(), count.allowed, count.refused)).collect();
    assert_eq!(apps, [(LogApp::STRANGERS, 0, 40), ("sites", 1, 2), (LogApp::PORTAL, 1, 0)]);
    let reasons = index.count_by_reason(&all).await.unwrap();
    let reasons: Vec<_> = reasons.iter().map(|count| (count.by.as_str(), count.refused)).collect();
    assert_eq!(reasons, [("strangers-refused", 40), ("not-allowed", 1), ("too-many", 1)]);

    let sites = LogSpan { app: LogApp::parse("sites"), to: Some(later(60)), ..LogSpan::default() };
    let hours = index.count_by_hour(&sites).await.unwrap();
    assert_eq!(hours.iter().map(|count| (count.by, count.allowed, count.refused)).collect::<Vec<_>>(), [(NOW, 1, 1)]);
    let reasons = index.count_by_reason(&sites).await.unwrap();
    assert_eq!(reasons.iter().map(|count| count.by.as_str()).collect::<Vec<_>>(), ["not-allowed"]);
    let nowhere = LogSpan { app: LogApp::parse("ledger"), ..LogSpan::default() };
    assert_eq!((index.count_by_hour(&nowhere).await.unwrap().len(), index.count_by_app(&nowhere).await.unwrap().len()), (0, 0));
    let later_on = LogSpan { from: Some(later(3_600)), ..LogSpan::default() };
    assert_eq!(index.count_by_app(&later_on).await.unwrap().len(), 1);
}
