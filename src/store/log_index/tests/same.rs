//! However the records came, the index is the same; and it finds what reading the whole log would find.

use proptest::prelude::*;
use sqlx::{Column, Row};

use super::*;
use crate::model::{LogDecision, LogKind, parse_network};

const NAMES: [&str; 3] = ["wang li", "li na", "ئادىل"];
const UNITS: [&str; 2] = ["信息中心", "Archive"];
const PATHS: [&str; 4] = ["/list", "/信息公开", "/list/信息", "/a b"];
const ADDRESSES: [&str; 4] = ["192.0.2.7", "192.0.2.200", "198.51.100.1", "2001:db8::1"];

fn any_who() -> impl Strategy<Value = Option<Arc<Who>>> {
    proptest::option::of((0_usize..3, 0_usize..2).prop_map(|(name, unit)| who(name as u128, NAMES[name], UNITS[unit])))
}

fn any_record() -> impl Strategy<Value = Record> {
    let access = (0_u64..40, any_who(), 0_usize..4, 0_usize..4, any::<bool>(), any::<bool>()).prop_map(
        |(number, who, path, address, is_allowed, has_app)| {
            Record::Opened(Opened {
                who,
                path: PATHS[path].to_owned(),
                address: ADDRESSES[address].parse().unwrap(),
                decision: if is_allowed { Decision::Allowed } else { Decision::Refused },
                rule: if is_allowed { "members" } else { "too-many" }.to_owned(),
                app: AppId::parse("sites").filter(|_| has_app),
                ..opened(number)
            })
        },
    );
    let end = (0_u64..40, prop_oneof![Just(200), Just(404)]).prop_map(|(number, status)| Record::Closed(closed(number, status)));
    let event = (any_who(), any::<bool>(), 0_usize..3, proptest::option::of(0_u64..40)).prop_map(|(who, is_done, name, about)| {
        let action = if name == 0 { Action::StrangersRefused } else { Action::SignIn };
        let event = if is_done { Event::done(action) } else { Event::failed(action) };
        let event = Event { who, reference: about.map(reference), ..event };
        Record::Event(event.with("name", NAMES[name]).with("count", 3))
    });
    prop_oneof![4 => access, 3 => end, 2 => event, 1 => Just(Record::StillOpen { references: vec![reference(1)] })]
}

/// A log in which a reference opens once, as references do.
fn any_log() -> impl Strategy<Value = Vec<Entry>> {
    proptest::collection::vec((any_record(), -20_i64..40), 0..60).prop_map(|records| {
        let mut opened = std::collections::HashSet::new();
        let mut clock = NOW.millis();
        let new = records.into_iter().filter(|(record, _)| match record {
            Record::Opened(access) => opened.insert(access.reference.clone()),
            _ => true,
        });
        let stamped = new.enumerate().map(|(place, (record, seconds))| {
            clock += seconds * 1_000;
            Entry::stamp(place as u64 + 1, Time::from_millis(clock), [0; 16], record)
        });
        stamped.collect()
    })
}

fn any_query() -> impl Strategy<Value = LogQuery> {
    let maybe = |text: &[&'static str]| proptest::option::of(proptest::sample::select(text.to_vec()));
    let words = (maybe(&NAMES), maybe(&UNITS), maybe(&["sites", "portal", "none"]), maybe(&["list", "信息", "ئاد", "li", "zz", "mbe"]));
    let closed_lists = (
        maybe(&["192.0.2.7", "192.0.2.0/24", "::/0"]),
        maybe(&["allowed", "refused", "failed"]),
        maybe(&["access", "sign-in"]),
        proptest::option::of(0_i64..600),
        proptest::option::of(0_i64..900),
        proptest::option::of(0_u64..40),
    );
    (words, closed_lists, 1_usize..5).prop_map(|((account, unit, app, text), (address, decision, kind, from, to, about), limit)| LogQuery {
        account: account.and_then(LogAccount::parse),
        unit: unit.map(|unit| UnitName::parse(unit).unwrap()),
        app: app.and_then(LogApp::parse),
        text: text.map(str::to_owned),
        address: address.and_then(parse_network),
        decision: decision.and_then(LogDecision::parse),
        kind: kind.and_then(LogKind::parse),
        from: from.map(|seconds| Time::from_millis(NOW.millis() + seconds * 1_000)),
        to: to.map(|seconds| Time::from_millis(NOW.millis() + seconds * 1_000)),
        reference: about.filter(|about| about % 4 == 0).map(reference),
        limit,
        ..LogQuery::default()
    })
}

/// Reading the whole log, record by record.
fn read_through(log: &[Entry], query: &LogQuery) -> Vec<LogRow> {
    let fits = |entry: &&Entry| {
        let at = entry.time.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let in_time = query.from.is_none_or(|from| at >= from.millis()) && query.to.is_none_or(|to| at < to.millis());
        in_time && fits(&entry.record, query)
    };
    let row = |entry: &Entry| LogRow { sequence: entry.sequence, closed: end_of(log, entry) };
    log.iter().rev().filter(fits).map(row).collect()
}

fn end_of(log: &[Entry], entry: &Entry) -> Option<u64> {
    let Record::Opened(opened) = &entry.record else { return None };
    let ends = log.iter().filter(|later| later.sequence > entry.sequence);
    let ends = ends.filter(|later| matches!(&later.record, Record::Closed(closed) if closed.reference == opened.reference));
    ends.map(|end| end.sequence).next()
}

fn fits(record: &Record, query: &LogQuery) -> bool {
    let (who, address, app, decision, kind, about, mut texts) = match record {
        Record::Opened(opened) => {
            let decision = if opened.decision == Decision::Allowed { LogDecision::Allowed } else { LogDecision::Refused };
            let texts = vec![opened.path.clone(), opened.rule.clone(), LogApp::of(opened.app.as_ref()).word().to_owned()];
            let app = Some(LogApp::of(opened.app.as_ref()));
            (opened.who.clone(), Some(opened.address), app, Some(decision), LogKind::Access, Some(&opened.reference), texts)
        }
        Record::Event(event) => {
            let decision = (event.outcome == crate::model::Outcome::Failed).then_some(LogDecision::Failed);
            let texts = event.details.values().cloned().collect();
            (event.who.clone(), event.address, None, decision, LogKind::Event(event.action), event.reference.as_ref(), texts)
        }
        _ => return false,
    };
    let mut names: Vec<String> = who.iter().map(|who| who.name.to_string()).collect();
    texts.extend(who.iter().flat_map(|who| [who.name.to_string(), who.unit.to_string()]));
    if let Record::Event(event) = record {
        names.extend(event.details.get("name").cloned());
    }
    query.account.as_ref().is_none_or(|account| names.iter().any(|name| name == account.as_str()))
        && query.unit.as_ref().is_none_or(|unit| who.as_ref().is_some_and(|who| who.unit == *unit))
        && query.app.as_ref().is_none_or(|wanted| app.as_ref() == Some(wanted))
        && query.address.as_ref().is_none_or(|network| address.is_some_and(|address| network.contains(&address)))
        && query.decision.is_none_or(|wanted| decision == Some(wanted))
        && query.kind.is_none_or(|wanted| kind == wanted)
        && query.reference.as_ref().is_none_or(|wanted| about == Some(wanted))
        && query.text.as_ref().is_none_or(|text| texts.iter().any(|each| each.contains(text.as_str())))
}

/// All that stands in the file, as text.
async fn contents(index: &LogIndex) -> Vec<String> {
    let mut lines = Vec::new();
    for table in ["state", "words", "counts", "postings", "entries", "mentions", "marks", "tallies"] {
        let all = sqlx::AssertSqlSafe(format!("SELECT * FROM {table} ORDER BY 1, 2"));
        for row in sqlx::query(all).fetch_all(&index.0.pools.read().await.read).await.unwrap() {
            let cell = |place: usize| {
                let number = row.try_get::<Option<i64>, _>(place).map(|number| format!("{number:?}"));
                number
                    .or_else(|_| row.try_get::<String, _>(place))
                    .or_else(|_| row.try_get::<Vec<u8>, _>(place).map(|bytes| format!("{bytes:?}")))
            };
            let cells: Vec<String> = (0..row.columns().len()).map(|place| cell(place).unwrap()).collect();
            lines.push(format!("{table} {} {cells:?}", row.columns()[0].name()));
        }
    }
    lines
}

/// The log in batches of these sizes, the last one over and over; where a batch is `reopened`, the process was killed while it was written and
/// began again.
async fn indexed(log: &[Entry], sizes: &[usize], killed: bool) -> (tempfile::TempDir, LogIndex) {
    let (directory, mut index) = index().await;
    let (mut rest, mut sizes) = (log, sizes.iter().copied().cycle());
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(sizes.next().unwrap_or(1).clamp(1, rest.len()));
        if killed {
            half_written(&index, batch).await;
            index.close().await;
            index = LogIndex::open(&directory.path().join("log-index.db")).await.unwrap().0;
            // What was acknowledged before comes a second time.
            add(&index, &log[..batch[0].sequence as usize - 1]).await;
        }
        add(&index, batch).await;
        rest = later;
    }
    (directory, index)
}

/// All of a batch but its commit.
async fn half_written(index: &LogIndex, batch: &[Entry]) {
    let pools = index.0.pools.read().await;
    let mut write = pools.write.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let last = batch.last().unwrap().sequence;
    let batch = LogBatch { entries: batch, up_to: last, leaf: [1; 32] };
    super::super::add::add(&mut write, &mut *index.0.words.lock().await, batch).await.unwrap();
    write.rollback().await.unwrap();
    *index.0.words.lock().await = Words::default();
}

/// What stands in the file of records, in words: their numbers are given as they come.
async fn meaning(index: &LogIndex) -> Vec<String> {
    let rows = [
        "SELECT 'posting', kind || value, sequence FROM postings JOIN words ON words.id = term",
        "SELECT 'count', kind || value, count FROM counts JOIN words ON words.id = term",
        "SELECT 'entry', sequence || ' ' || coalesce(closed, 0), at FROM entries",
        "SELECT 'mention', hex(reference) || opened, sequence FROM mentions",
        "SELECT 'dangling', term, sequence FROM postings WHERE term NOT IN (SELECT id FROM words)",
        // What was learnt of an access that was never opened here, and what sums are about, names nobody.
        "SELECT 'orphan', kind || value, 0 FROM words WHERE id NOT IN (SELECT term FROM postings) AND kind NOT IN (5, 8, 9)",
    ];
    let mut lines = Vec::new();
    for query in rows {
        for row in sqlx::query(query).fetch_all(&index.0.pools.read().await.read).await.unwrap() {
            lines.push(format!("{} {} {}", row.get::<String, _>(0), row.get::<String, _>(1), row.get::<i64, _>(2)));
        }
    }
    lines.sort();
    lines
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_index_that_grew_is_the_one_that_is_made_anew(log in any_log(), sizes in proptest::collection::vec(1_usize..9, 1..5)) {
        block_on(async {
            let (_one, grown) = indexed(&log, &sizes, false).await;
            let (_two, made) = indexed(&log, &[usize::MAX], false).await;
            let (_three, killed) = indexed(&log, &sizes, true).await;
            let expected = contents(&made).await;
            assert_eq!(contents(&grown).await, expected);
            assert_eq!(contents(&killed).await, expected, "after a restart in the middle of each batch");
            made.begin_anew().await.unwrap();
            add(&made, &log).await;
            assert_eq!(contents(&made).await, expected);
        });
    }

    #[test]
    fn a_search_finds_what_reading_the_whole_log_finds(log in any_log(), queries in proptest::collection::vec(any_query(), 12)) {
        block_on(async {
            let (_directory, index) = indexed(&log, &[5], false).await;
            for query in queries {
                assert_eq!(all_pages(&index, &query).await, read_through(&log, &query), "{query:?}");
            }
        });
    }

    #[test]
    fn an_index_that_forgot_what_was_dropped_is_one_of_what_is_left(
        log in any_log(), oldest in 1_u64..60, queries in proptest::collection::vec(any_query(), 8)
    ) {
        block_on(async {
            let (left, gone): (Vec<Entry>, Vec<Entry>) = log.iter().cloned().partition(|entry| entry.sequence >= oldest);
            let (_one, index) = indexed(&log, &[5], false).await;
            let forgotten = index.forget_before(oldest).await.unwrap();
            assert_eq!(forgotten, gone.iter().filter(|entry| matches!(entry.record, Record::Opened(_) | Record::Event(_))).count() as u64);
            let (_two, made) = indexed(&left, &[usize::MAX], false).await;
            assert_eq!(meaning(&index).await, meaning(&made).await);
            for query in queries {
                let rows = all_pages(&index, &query).await;
                assert_eq!(rows, all_pages(&made, &query).await, "{query:?}");
                assert_eq!(rows, read_through(&left, &query), "{query:?}");
            }
            assert_eq!(index.forget_before(oldest).await.unwrap(), 0);
        });
    }
}
