//! What the log has dropped cannot be found any more, nor read in the file.

use super::*;

/// What a text is found in.
async fn texts(index: &LogIndex, text: &str) -> i64 {
    let phrase = format!("\"{}\"", super::super::terms::pairs(text));
    let found = sqlx::query_scalar("SELECT count(*) FROM grams WHERE grams MATCH $1").bind(phrase);
    found.fetch_one(&index.0.pools.read().await.read).await.unwrap()
}

#[tokio::test]
async fn a_name_that_only_dropped_records_have_is_in_the_file_no_more() {
    let (directory, index) = index().await;
    let by = |number, name: &str| Record::Opened(Opened { who: Some(who(number, name, "信息中心")), ..opened(number as u64) });
    let mut records: Vec<Record> = (1..1_200).map(|number| by(number, "nurmuhemmet")).collect();
    records.extend([by(1_200, "wang li"), by(1_201, "li na")]);
    let mut entries = log(1, records);
    entries.iter_mut().skip(1_199).for_each(|entry| entry.time = later(7_200).to_string());
    add(&index, &entries).await;
    let of = |name: &str| LogQuery { account: LogAccount::parse(name), ..LogQuery::default() };
    let old = reference(7);
    assert_eq!((found(&index, of("nurmuhemmet")).await.len(), texts(&index, "nurmu").await), (100, 1));

    assert_eq!(index.forget_before(1_200).await.unwrap(), 1_199);
    assert_eq!(found(&index, LogQuery::default()).await, [1_201, 1_200]);
    assert_eq!((found(&index, of("nurmuhemmet")).await, found(&index, of("wang li")).await), (vec![], vec![1_200]));
    assert_eq!(found(&index, LogQuery { reference: Some(old), ..LogQuery::default() }).await, [0; 0]);
    assert_eq!((texts(&index, "nurmu").await, texts(&index, "wang").await), (0, 1));
    let hours: Vec<_> = index.count_by_hour(&LogSpan::default()).await.unwrap().iter().map(|count| count.allowed).collect();
    assert_eq!(hours, [2], "the hours of what is gone are gone");
    let since = LogQuery { from: Some(later(3_600)), to: Some(later(8_000)), ..LogQuery::default() };
    assert_eq!(found(&index, since).await, [1_201, 1_200]);

    add(&index, &log(1_202, vec![by(1_202, "nurmuhemmet")])).await;
    assert_eq!(found(&index, of("nurmuhemmet")).await, [1_202], "a word that is gone is learnt again");
    index.forget_before(u64::MAX).await.unwrap();
    assert_eq!((found(&index, LogQuery::default()).await, index.indexed_up_to().await.unwrap()), (vec![], 1_202));
    // While it is open: closed, it takes the second of these with it.
    for name in ["log-index.db", "log-index.db-wal"] {
        let bytes = std::fs::read(directory.path().join(name)).unwrap();
        for text in ["nurmuhemmet", "wang li", "session-5"] {
            assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()), "{text} in {name}");
        }
    }
    index.close().await;
}
