//! How SQLite goes about every statement of a search: by a tree, never through a table.

use super::super::{charts, forget, search};
use super::*;

async fn plan(index: &LogIndex, statement: &'static str) -> Vec<String> {
    let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let rows = sqlx::query(explained).fetch_all(&index.0.pools.read().await.read).await.unwrap();
    rows.iter().map(|row| row.get("detail")).collect()
}

/// Enough that SQLite might think otherwise of it, and what it knows of sizes.
async fn filled() -> (tempfile::TempDir, LogIndex) {
    let (directory, index) = index().await;
    let path = |number: u64| Record::Opened(Opened { path: format!("/{}", number % 100), ..opened(number) });
    add(&index, &log(1, (1..=2_000).map(path).collect())).await;
    sqlx::query("ANALYZE").execute(&index.0.pools.read().await.write).await.unwrap();
    (directory, index)
}

#[tokio::test]
async fn whatever_leads_a_search_reads_one_list_from_the_newest_on_and_sorts_nothing() {
    let (_directory, index) = filled().await;
    let expected = [
        (search::ALL, "SEARCH entries USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        (search::OF_TERM, "SEARCH postings USING PRIMARY KEY (term=? AND sequence>? AND sequence<?)"),
        (search::OF_REFERENCE, "SEARCH mentions USING PRIMARY KEY (reference=? AND sequence>? AND sequence<?)"),
    ];
    for (statement, way) in expected {
        assert_eq!(plan(&index, statement).await, [way], "{statement}");
    }
}

#[tokio::test]
async fn many_terms_are_read_as_many_short_lists_and_only_those_are_sorted() {
    let (_directory, index) = filled().await;
    let steps = plan(&index, search::OF_TERMS).await;
    assert!(steps.contains(&"SEARCH each USING PRIMARY KEY (term=? AND sequence>? AND sequence<?)".to_owned()), "{steps:#?}");
    assert!(steps.contains(&"SEARCH postings USING PRIMARY KEY (term=? AND sequence=?)".to_owned()), "{steps:#?}");
    assert!(steps.iter().all(|step| !step.starts_with("SCAN") || step.starts_with("SCAN asked")), "{steps:#?}");
}

#[tokio::test]
async fn what_is_looked_up_is_found_by_a_key() {
    let (_directory, index) = filled().await;
    for statement in [search::ENTRIES, search::WORD, search::ADDRESSES, search::VALUES, search::FIRST_SINCE, search::FIRST_AFTER] {
        let steps = plan(&index, statement).await;
        assert!(steps.iter().all(|step| !step.starts_with("SCAN") || step.starts_with("SCAN asked")), "{statement}: {steps:#?}");
        assert!(steps.iter().all(|step| !step.contains("TEMP B-TREE")), "{statement}: {steps:#?}");
    }
    for statement in [forget::OLDEST, forget::POSTINGS, forget::MENTIONS] {
        let steps = plan(&index, statement).await;
        assert!(steps.iter().all(|step| step.starts_with("SEARCH")), "{statement}: {steps:#?}");
    }
    let texts = plan(&index, search::TEXTS).await;
    assert!(texts[0].starts_with("SCAN grams VIRTUAL TABLE INDEX 0:M"), "by the index of its words: {texts:#?}");
}

#[tokio::test]
async fn charts_read_sums_and_never_records() {
    let (_directory, index) = filled().await;
    for statement in [charts::BY_HOUR, charts::BY_APP, charts::BY_REASON] {
        let steps = plan(&index, statement).await;
        assert!(steps.contains(&"SEARCH tallies USING PRIMARY KEY (hour>? AND hour<?)".to_owned()), "{statement}: {steps:#?}");
        assert!(steps.iter().all(|step| !step.contains("entries") && !step.contains("postings")), "{statement}: {steps:#?}");
    }
    let sorts = plan(&index, charts::BY_HOUR).await;
    assert!(sorts.iter().all(|step| !step.contains("TEMP B-TREE")), "{sorts:#?}");
}

/// A condition that leads is read alone, all others are looked up in what it leads to, so any pair takes a bounded number of reads.
#[tokio::test]
async fn two_common_words_that_never_meet_are_given_up_after_a_bounded_search() {
    let (_directory, index) = index().await;
    let ledger = |number: u64| Record::Opened(Opened { app: AppId::parse("ledger"), ..opened(number) });
    let refused = |number: u64| Record::Opened(Opened { decision: Decision::Refused, ..opened(number) });
    let records = (1..=60_000).map(|number| if number <= 30_000 { ledger(number) } else { refused(number) });
    for batch in log(1, records.collect()).chunks(10_000) {
        add(&index, batch).await;
    }
    let decision = Some(crate::model::LogDecision::Refused);
    let query = LogQuery { app: LogApp::parse("ledger"), decision, limit: 10, ..LogQuery::default() };
    let page = index.search(&query).await.unwrap();
    assert_eq!((page.rows.len(), page.next), (0, None), "the rarer of the two was read to its end");
    let text = Some("members".to_owned());
    let query = LogQuery { text, from: Some(NOW), to: Some(later(10)), ..LogQuery::default() };
    assert_eq!(found(&index, query).await, (1..=9).rev().collect::<Vec<_>>(), "the time bounds the list");
}
