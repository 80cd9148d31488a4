//! Every filter, both ways.

use super::*;
use crate::model::{LogDecision, LogKind, parse_network};

/// One record that is found, and one like it that is not.
async fn tells_apart(query: LogQuery, fits: Record, does_not: Record) {
    let (_directory, index) = index().await;
    add(&index, &log(1, vec![does_not.clone(), fits, does_not])).await;
    assert_eq!(found(&index, query.clone()).await, [2], "{query:?}");
    // With everything else that there is about it.
    let wide = LogQuery { from: Some(later(0)), to: Some(later(100)), ..query.clone() };
    assert_eq!(found(&index, wide).await, [2], "{query:?}");
    let before = LogQuery { before: Some(2), ..query };
    assert_eq!(found(&index, before.clone()).await, [0; 0], "{before:?}");
}

fn other() -> Record {
    Record::Opened(Opened {
        who: Some(who(2, "li na", "Archive")),
        app: AppId::parse("ledger"),
        address: "198.51.100.9".parse().unwrap(),
        path: "/other".to_owned(),
        rule: "too-many".to_owned(),
        decision: Decision::Refused,
        ..opened(9)
    })
}

fn access(number: u64) -> Record {
    Record::Opened(opened(number))
}

#[tokio::test]
async fn accounts_are_found_by_name_by_id_and_by_what_was_done_to_them() {
    let by = |typed: &str| LogQuery { account: LogAccount::parse(typed), ..LogQuery::default() };
    tells_apart(by("Wang LI"), access(1), other()).await;
    tells_apart(by(&uuid::Uuid::from_u128(1).to_string()), access(1), other()).await;
    let disabled = |name| Record::Event(Event::done(Action::AccountDisabled).with("name", name));
    tells_apart(by("wang li"), disabled("wang li"), disabled("wang")).await;
}

#[tokio::test]
async fn units_apps_rules_sessions_and_kinds_are_found_whole() {
    tells_apart(LogQuery { unit: UnitName::parse("信息中心").ok(), ..LogQuery::default() }, access(1), other()).await;
    tells_apart(LogQuery { app: LogApp::parse("sites"), ..LogQuery::default() }, access(1), other()).await;
    let portal = Record::Opened(Opened { app: None, ..opened(1) });
    tells_apart(LogQuery { app: LogApp::parse("portal"), ..LogQuery::default() }, portal, other()).await;
    tells_apart(LogQuery { rule: Some("members".to_owned()), ..LogQuery::default() }, access(1), other()).await;
    tells_apart(LogQuery { session: Some("session-1".to_owned()), ..LogQuery::default() }, access(1), other()).await;
    let event = || Record::Event(Event::done(Action::SignIn));
    tells_apart(LogQuery { kind: Some(LogKind::Access), ..LogQuery::default() }, access(1), event()).await;
    tells_apart(LogQuery { kind: LogKind::parse("sign-in"), ..LogQuery::default() }, event(), access(1)).await;
}

#[tokio::test]
async fn addresses_are_found_alone_and_in_networks_of_any_width() {
    let at = |address: &str| Record::Opened(Opened { address: address.parse().unwrap(), ..opened(1) });
    let from = |typed: &str| LogQuery { address: parse_network(typed), ..LogQuery::default() };
    tells_apart(from("192.0.2.7"), access(1), other()).await;
    tells_apart(from("192.0.2.0/24"), at("192.0.2.255"), at("192.0.3.0")).await;
    tells_apart(from("192.0.2.4/30"), at("192.0.2.7"), at("192.0.2.8")).await;
    tells_apart(from("2001:db8::/47"), at("2001:db8:1:ffff::1"), at("2001:db8:2::")).await;
    tells_apart(from("0.0.0.0/0"), at("255.1.2.3"), at("2001:db8::1")).await;
    tells_apart(from("::ffff:192.0.2.7"), at("192.0.2.7"), at("192.0.2.8")).await;
}

#[tokio::test]
async fn decisions_are_found_of_accesses_and_of_what_failed() {
    let decision = |decision| LogQuery { decision: Some(decision), ..LogQuery::default() };
    let (done, failed) = (Record::Event(Event::done(Action::SignIn)), Record::Event(Event::failed(Action::SignIn)));
    tells_apart(decision(LogDecision::Allowed), access(1), other()).await;
    tells_apart(decision(LogDecision::Refused), other(), access(1)).await;
    tells_apart(decision(LogDecision::Failed), failed, done).await;
}

#[tokio::test]
async fn a_reference_finds_its_access_and_what_was_recorded_on_its_way() {
    let (_directory, index) = index().await;
    let mut event = Event::done(Action::KeyProof);
    event.reference = Some(reference(1));
    let records = vec![access(2), Record::Event(event), access(1), Record::Closed(closed(1, 200))];
    add(&index, &log(1, records)).await;
    let query = LogQuery { reference: Reference::parse(&reference(1).as_str().to_lowercase()), ..LogQuery::default() };
    let rows = all_pages(&index, &LogQuery { limit: 1, ..query.clone() }).await;
    assert_eq!(rows, [LogRow { sequence: 3, closed: Some(4) }, LogRow { sequence: 2, closed: None }]);
    let kind = Some(LogKind::Access);
    assert_eq!(found(&index, LogQuery { kind, ..query }).await, [3]);
    assert_eq!(found(&index, LogQuery { reference: Some(reference(3)), ..LogQuery::default() }).await, [0; 0]);
    assert_eq!(Reference::parse("not one"), None);
}

#[tokio::test]
async fn times_are_found_from_the_first_instant_up_to_but_without_the_last() {
    let (_directory, index) = index().await;
    add(&index, &log(1, (1..=60).map(access).collect())).await;
    let within = |from: Option<u64>, to: Option<u64>| LogQuery { from: from.map(later), to: to.map(later), ..LogQuery::default() };
    assert_eq!(found(&index, within(Some(20), Some(23))).await, [22, 21, 20]);
    assert_eq!(found(&index, within(Some(58), None)).await, [60, 59, 58]);
    assert_eq!(found(&index, within(None, Some(3))).await, [2, 1]);
    assert_eq!(found(&index, within(Some(61), None)).await, [0; 0]);
}

#[tokio::test]
async fn a_clock_that_was_set_back_hides_nothing() {
    let (_directory, index) = index().await;
    let mut entries = log(1, (1..=60).map(access).collect());
    for (place, seconds) in [(0, 9_000), (1, 5_000), (2, 10), (3, 7_000), (4, 8_000)] {
        entries[place].time = later(seconds).to_string();
    }
    for batch in entries.chunks(7) {
        add(&index, batch).await;
    }
    let within = |from, to| LogQuery { from: Some(later(from)), to: Some(later(to)), ..LogQuery::default() };
    assert_eq!(found(&index, within(5_000, 9_001)).await, [5, 4, 2, 1]);
    assert_eq!(found(&index, within(10, 13)).await, [12, 11, 10, 3]);
}

#[tokio::test]
async fn texts_are_found_by_any_part_of_two_characters_in_any_script() {
    let text = |text: &str| LogQuery { text: Some(text.to_owned()), ..LogQuery::default() };
    let path = |path: &str| Record::Opened(Opened { path: path.to_owned(), ..opened(1) });
    tells_apart(text("公开"), path("/信息公开/目录"), path("/信息公/开")).await;
    tells_apart(text("ئۇي"), path("/ئۇيغۇر"), path("/ئۇ ي")).await;
    tells_apart(text("公开"), path("/%E4%BF%A1%E6%81%AF%E5%85%AC%E5%BC%80/"), path("/%E4%BF%A1%E6%81%AF/")).await;
    tells_apart(text("a b"), path("/a%20b"), path("/ab")).await;
    tells_apart(text("%ff"), path("/x%FF"), path("/xff")).await;
    tells_apart(text("ST/q"), path("/list/Query"), path("/listquery")).await;
    tells_apart(text("50%\"' *"), path("/50%\"' *x"), path("/50%\"'*")).await;
    let asked = |query: &str| Record::Opened(Opened { query: Some(query.to_owned()), ..opened(1) });
    tells_apart(text("page=12"), asked("*&page=12"), asked("*&page=13")).await;
    tells_apart(text("新 闻"), asked("q=%E6%96%B0+%E9%97%BB"), asked("q=%E6%96%B0%E9%97%BB")).await;
    let long = |end: &str| path(&format!("/{}/{end}", "x".repeat(505)));
    tells_apart(text("/seen"), long("seen"), long("s")).await;
    tells_apart(text("/work"), path("/work"), path(&format!("/{}/work", "x".repeat(512)))).await;
    tells_apart(text("g li"), access(1), other()).await;
    tells_apart(text("息中"), access(1), other()).await;
    tells_apart(text("embe"), access(1), other()).await;
    let detail = |value| Record::Event(Event::done(Action::TokenIssued).with("serial", value));
    tells_apart(text("ab-12"), detail("XAB-123"), detail("AB12")).await;
}

#[tokio::test]
async fn one_character_is_no_text_to_search_for() {
    let (_directory, index) = index().await;
    for text in ["", " ", "a", " 心 "] {
        let asked = index.search(&LogQuery { text: Some(text.to_owned()), limit: 1, ..LogQuery::default() }).await;
        assert!(matches!(asked, Err(LogIndexError::TextTooShort)), "{text:?}");
    }
}

#[tokio::test]
async fn a_text_that_very_many_words_have_is_found_all_the_same() {
    let (_directory, index) = index().await;
    let path = |number: u64| Record::Opened(Opened { path: format!("/article/{number}"), ..opened(number) });
    let address = |number: u64| std::net::Ipv4Addr::from(0x0a00_0000 + u32::try_from(number).unwrap()).into();
    let records = (1..=3_000).map(|number| match path(number) {
        Record::Opened(opened) => Record::Opened(Opened { address: address(number), ..opened }),
        other => other,
    });
    add(&index, &log(1, records.chain([access(0)]).collect())).await;
    let query = LogQuery { text: Some("ARTICLE".to_owned()), limit: 700, ..LogQuery::default() };
    let rows = all_pages(&index, &query).await;
    assert_eq!(rows.iter().map(|row| row.sequence).collect::<Vec<_>>(), (1..=3_000).rev().collect::<Vec<_>>());
    let query = LogQuery { address: parse_network("10.0.0.0/8"), ..query };
    assert_eq!(all_pages(&index, &query).await.len(), 3_000);
    let query = LogQuery { address: parse_network("10.0.8.0/22"), limit: 10, ..LogQuery::default() };
    assert_eq!(all_pages(&index, &query).await.len(), 953, "10.0.8.0 to 10.0.11.184");
    let text = Some("article/29".to_owned());
    assert_eq!(all_pages(&index, &LogQuery { text, ..query }).await.len(), 100, "2900 to 2999; 29 and 290 are outside of the network");
}
