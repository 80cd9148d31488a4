//! The auditor's pages over a whole gateway: who may read, what is found, what proves it, and that reading is itself on record.

use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;
use yumen::model::{Action, End, Event, Outcome, Record, Role};
use yumen::tlog::{Checkpoint, Hash, ProofFile, SignedNote, Verifier, check_inclusion};

use crate::browser::{Browser, Reply};
use crate::house::{House, LEDGER, PORTAL, SITES};

async fn open(browser: &mut Browser, path: &str) -> Reply {
    browser.open(&format!("https://{PORTAL}{path}")).await
}

/// Waits until everything that is on record now can be searched for.
async fn searchable(house: &House) {
    let (index, goal) = (house.gateway().house().index.clone(), house.log().len() as u64);
    for _ in 0..2_400 {
        if index.indexed_up_to().await.unwrap() >= goal {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the index is behind");
}

/// The sequences of the rows of a page.
fn rows(page: &Reply) -> Vec<u64> {
    page.text().split("<tr id=\"r").skip(1).map(|row| row.split('"').next().unwrap().parse().unwrap()).collect()
}

/// What stands in the element with that id.
fn within(page: &str, id: &str) -> String {
    let (_, rest) = page.split_once(&format!(" id=\"{id}\"")).unwrap_or_else(|| panic!("no {id}: {page}"));
    let inner = rest.split_once('>').unwrap().1.split('<').next().unwrap();
    inner.replace("&#34;", "\"").replace("&#38;", "&").replace("&#39;", "'")
}

fn readings(log: &[yumen::model::Entry]) -> Vec<Event> {
    let event = |entry: &yumen::model::Entry| match &entry.record {
        Record::Event(event) if event.action == Action::LogRead => Some(event.clone()),
        _ => None,
    };
    log.iter().filter_map(event).collect()
}

const PAGES: [&str; 6] = [
    "/console/log",
    "/console/log?live=1",
    "/console/log/1",
    "/console/log/charts?span=7d",
    "/console/log/export.csv",
    "/console/log/export.jsonl",
];

#[tokio::test]
async fn auditors_read_the_log_and_nobody_else_does() {
    let house = House::open().await;
    let mut auditor = house.signed_in("zhao", Role::Auditor).await;
    let mut others = vec![("a stranger", house.browser())];
    for (name, role) in
        [("sun", Role::SystemAdministrator), ("shen", Role::SecurityAdministrator), ("wang", Role::Member), ("li", Role::Member)]
    {
        others.push((name, house.signed_in(name, role).await));
    }
    let (office, li) = (house.office().await, house.account_of("li").await.id);
    house.gateway().house().desk.appoint_manager(&office, li, true).await.unwrap();
    searchable(&house).await;
    for path in PAGES {
        assert_eq!(open(&mut auditor, path).await.status, StatusCode::OK, "{path}");
        for (name, browser) in &mut others {
            let page = open(browser, path).await;
            if *name == "a stranger" {
                assert_eq!(page.url.path(), "/sign-in", "{path}");
            } else {
                assert_eq!(page.status, StatusCode::FORBIDDEN, "{name} {path}");
            }
        }
    }
    for (name, browser) in &mut others {
        let url = Url::parse(&format!("https://{PORTAL}/console/log/live?after=0")).unwrap();
        let expected = if *name == "a stranger" { StatusCode::SEE_OTHER } else { StatusCode::FORBIDDEN };
        assert_eq!(browser.send(Method::GET, &url, &[], "").await.status, expected, "{name}");
        assert!(!open(browser, "/").await.text().contains("/console/log"), "{name}");
    }
    assert!(open(&mut auditor, "/").await.text().contains("<a id=\"to-console\" href=\"/console/log\""));
    assert_eq!(open(&mut auditor, "/console").await.url.path(), "/console/log");
    assert_eq!(open(&mut auditor, "/console/log/999999").await.status, StatusCode::NOT_FOUND);
    let log = house.close().await;
    let read: Vec<_> = readings(&log);
    assert!(!read.is_empty() && read.iter().all(|event| event.who.as_ref().unwrap().name.as_str() == "zhao"), "{read:?}");
}

#[tokio::test]
async fn every_filter_finds_what_fits_and_nothing_else() {
    let house = House::open().await;
    let mut wang = house.in_the_app("wang").await;
    let refused = wang.open(&format!("https://{LEDGER}/")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    house.clock.advance(std::time::Duration::from_secs(120));
    let later = house.clock.wall().timestamp().to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let mut zhao = house.signed_in("zhao", Role::Auditor).await;
    searchable(&house).await;
    let log = house.log();
    let of = |fits: &dyn Fn(&Record) -> bool| -> Vec<u64> {
        let mut found: Vec<u64> = log.iter().filter(|entry| fits(&entry.record)).map(|entry| entry.sequence).collect();
        found.reverse();
        found
    };
    let opened = |fits: &dyn Fn(&yumen::model::Opened) -> bool| of(&|record| matches!(record, Record::Opened(opened) if fits(opened)));
    let of_ledger = opened(&|opened| opened.app.as_ref().is_some_and(|app| app.as_str() == "ledger"));
    let refusals = opened(&|opened| opened.decision == yumen::model::Decision::Refused && opened.rule.starts_with("not-allowed"));
    let sign_ins = of(&|record| matches!(record, Record::Event(event) if event.action == Action::SignIn));
    let is_wang = |opened: &yumen::model::Opened| opened.who.as_ref().is_some_and(|who| who.name.as_str() == "wang");
    let of_wang = opened(&|opened| is_wang(opened) && opened.decision == yumen::model::Decision::Refused && opened.app.is_none());
    let of_keys = opened(&|opened| opened.path.contains("sign-in/key"));
    assert!(!of_wang.is_empty() && !of_keys.is_empty());
    assert!(!of_ledger.is_empty() && !refusals.is_empty() && sign_ins.len() == 2);
    for (query, expected) in [
        ("app=ledger".to_owned(), of_ledger),
        ("kind=sign-in".to_owned(), sign_ins),
        (format!("reference={}&kind=access", refused.reference()), refusals.clone()),
        ("decision=refused&account=WANG&address=127.0.0.0%2F8&unit=%E4%BF%A1%E6%81%AF%E4%B8%AD%E5%BF%83&app=portal".to_owned(), of_wang),
        ("kind=access&text=sign-IN%2Fkey".to_owned(), of_keys),
        ("address=192.0.2.0%2F24".to_owned(), Vec::new()),
        (format!("account=wang&from={later}"), Vec::new()),
        (format!("account=zhao&to={later}&kind=first-factor"), Vec::new()),
    ] {
        let page = open(&mut zhao, &format!("/console/log?{query}")).await;
        assert_eq!(page.status, StatusCode::OK, "{query}");
        assert_eq!(rows(&page), expected, "{query}");
        assert_eq!(page.text().contains("id=\"no-records\""), expected.is_empty(), "{query}");
    }
    let page = open(&mut zhao, &format!("/console/log?account=wang&to={later}&decision=refused")).await;
    assert!(refusals.iter().any(|sequence| rows(&page).contains(sequence)));
    // The older pages go on where the newer ones end.
    let first = open(&mut zhao, "/console/log").await;
    let before = rows(&first).last().copied().unwrap();
    let older = open(&mut zhao, &format!("/console/log?before={before}")).await;
    assert!(rows(&older).iter().all(|sequence| *sequence < before));
    // What is not understood is told, and kept.
    let wrong = open(&mut zhao, "/console/log?address=nowhere&account=wang&from=never").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let text = wrong.text();
    for kept in ["id=\"address-wrong\"", "id=\"from-wrong\"", "value=\"nowhere\"", "value=\"never\"", "value=\"wang\""] {
        assert!(text.contains(kept), "{kept}");
    }
    assert!(rows(&wrong).is_empty() && !text.contains("account-wrong"));
    house.close().await;
}

#[tokio::test]
async fn a_record_is_shown_as_it_was_hashed_and_its_proof_convinces_whoever_has_the_key() {
    let house = House::open().await;
    let mut zhao = house.signed_in("zhao", Role::Auditor).await;
    searchable(&house).await;
    let log = house.log();
    let access = log.iter().find_map(|entry| match &entry.record {
        Record::Closed(closed) => Some((entry.sequence, closed.reference.clone())),
        _ => None,
    });
    let (closed, reference) = access.unwrap();
    let page = open(&mut zhao, &format!("/console/log/{closed}")).await.text();
    let json = within(&page, "raw");
    let leaf = Hash::leaf(json.as_bytes());
    assert_eq!(leaf.to_string(), within(&page, "leaf"));
    assert_eq!(serde_json::from_str::<yumen::model::Entry>(&json).unwrap(), log[usize::try_from(closed).unwrap() - 1]);
    let note = SignedNote::parse(&within(&page, "note")).unwrap();
    let key = within(&page, "key").replace("&#43;", "+");
    assert_eq!(key, house.gateway().house().sealer.verifier_key());
    assert!(Verifier::parse(&key).unwrap().has_signed(&note));
    let head = Checkpoint::parse(&note.text).unwrap();
    assert_eq!((head.size.to_string(), head.root.to_string()), (within(&page, "size"), within(&page, "root")));
    let proof: Vec<Hash> = within(&page, "hashes").split_whitespace().map(|hash| Hash::parse_base64(hash).unwrap()).collect();
    check_inclusion(&proof, closed - 1, leaf, head.size, head.root).unwrap();
    let file = open(&mut zhao, &format!("/console/log/{closed}/proof")).await;
    assert_eq!(file.status, 200);
    let file = ProofFile::parse(&file.text()).unwrap();
    assert!(file.check(&Verifier::parse(&key).unwrap()).is_ok());
    assert_eq!(file.record, json.as_bytes());
    assert_eq!(open(&mut zhao, "/console/log/99999999/proof").await.status, 404);
    // Its other half, and what happened on its way, stand beside it.
    let related: Vec<u64> = log
        .iter()
        .filter(|entry| entry.sequence != closed && serde_json::to_string(entry).unwrap().contains(reference.as_str()))
        .map(|entry| entry.sequence)
        .collect();
    assert!(!related.is_empty());
    let beside = page.split_once("id=\"related\"").unwrap().1.split_once("</ul>").unwrap().0.to_owned();
    for sequence in related {
        assert!(beside.contains(&format!("href=\"/console/log/{sequence}\"")), "{sequence}: {beside}");
    }
    house.close().await;
}

#[tokio::test]
async fn exports_have_all_that_fits_with_what_proves_it_and_reading_is_on_record() {
    let house = House::open().await;
    let mut zhao = house.signed_in("zhao", Role::Auditor).await;
    searchable(&house).await;
    let reply = open(&mut zhao, "/console/log/export.jsonl?kind=sign-in").await;
    assert!(reply.header("content-disposition").starts_with("attachment; filename=\"log-"), "{:?}", reply.headers);
    let lines: Vec<String> = reply.text().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 1);
    let value: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    let raw = lines[0].split_once("\"record\":").unwrap().1.strip_suffix('}').unwrap();
    assert_eq!(value["leaf"], Hash::leaf(raw.as_bytes()).to_string());
    assert_eq!(value["record"]["action"], "sign-in");
    assert!(value["checkpoint"]["size"].as_u64().unwrap() >= value["sequence"].as_u64().unwrap());

    let count = house.log().len();
    let reply = open(&mut zhao, "/console/log/export.csv").await;
    let table = reply.text();
    let mut reader = csv::Reader::from_reader(table.strip_prefix('\u{feff}').unwrap().as_bytes());
    let sequences: Vec<u64> = reader.records().map(|row| row.unwrap()[0].parse().unwrap()).collect();
    assert!(sequences.len() + 8 > count && sequences.len() > 10, "{} of {count}", sequences.len());

    let wrong = open(&mut zhao, "/console/log/export.csv?address=nowhere").await;
    assert_eq!((wrong.status, wrong.header("content-disposition")), (StatusCode::UNPROCESSABLE_ENTITY, ""));
    open(&mut zhao, "/console/log?account=Wang&text=articles").await;
    // Whom another site sends there sees the page, and nothing is made.
    let sent = [("sec-fetch-site", "same-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    let url = Url::parse(&format!("https://{PORTAL}/console/log/export.csv")).unwrap();
    let reply = zhao.send(Method::GET, &url, &sent, "").await;
    assert!(reply.status == StatusCode::OK && reply.header("content-type").starts_with("text/html"), "{:?}", reply.headers);
    open(&mut zhao, "/console/log/2").await;
    open(&mut zhao, "/console/log/charts").await;
    let rows = sequences.len();
    house
        .recorded(|record| {
            matches!(record, Record::Event(event) if event.details.get("what").is_some_and(|what| what == "charts")).then_some(())
        })
        .await;
    let read = readings(&house.close().await);
    let told: Vec<_> = read.iter().map(|event| (event.outcome, event.details["what"].as_str())).collect();
    for what in ["export", "exported", "search", "record", "charts"] {
        assert!(told.contains(&(Outcome::Done, what)), "{what}: {told:?}");
    }
    let of = |what: &str| read.iter().filter(|event| event.details["what"] == what).collect::<Vec<_>>();
    assert_eq!(of("export").len(), 2);
    assert_eq!((of("export")[0].details["asked-kind"].as_str(), of("exported")[0].details["rows"].as_str()), ("sign-in", "1"));
    assert!(of("exported")[1].details["rows"].parse::<usize>().unwrap() <= rows);
    let search = of("search");
    assert_eq!((search[0].details["asked-account"].as_str(), search[0].details["asked-text"].as_str()), ("wang", "articles"));
    assert_eq!(of("record")[0].details["number"], "2");
    assert!(read.iter().all(|event| event.reference.is_some() && event.address.is_some()));
}

#[tokio::test]
async fn who_follows_the_log_sees_what_comes_until_her_session_ends() {
    let house = House::open().await;
    let mut wang = house.at_the_app("wang").await;
    let mut zhao = house.signed_in("zhao", Role::Auditor).await;
    searchable(&house).await;
    let page = open(&mut zhao, "/console/log?live=1&account=wang").await;
    assert!(page.header("content-security-policy").contains("connect-src 'self'"));
    assert!(!open(&mut zhao, "/console/log").await.header("content-security-policy").contains("connect-src"));
    let live = page.text().split_once("data-live=\"").unwrap().1.split('"').next().unwrap().replace("&#38;", "&");
    let mut stream = zhao.connect(PORTAL).await;
    let head = format!("GET {live} HTTP/1.1\r\nHost: {PORTAL}\r\nCookie: {}\r\nConnection: close\r\n\r\n", zhao.cookie_field(PORTAL));
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut text, mut chunk) = (String::new(), vec![0; 65_536]);
    let seen = wang.open(&format!("https://{SITES}/seen-while-following")).await;
    assert_eq!(seen.status, StatusCode::OK);
    while !text.contains("/seen-while-following") {
        let count = stream.read(&mut chunk).await.unwrap();
        assert!(count > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&chunk[..count]));
    }
    assert!(text.contains("content-type: text/event-stream") && text.contains("event: rows") && text.contains("event: reach"), "{text}");
    house.disable("zhao").await;
    while !matches!(stream.read(&mut chunk).await, Ok(0) | Err(_)) {}
    let end = |record: &Record| match record {
        Record::Closed(closed) if closed.end == End::Revoked && closed.status == 200 => Some(closed.bytes_down),
        _ => None,
    };
    assert!(house.recorded(end).await > 0);
    let read = readings(&house.close().await);
    assert_eq!(read.iter().filter(|event| event.details["what"] == "live").count(), 1);
}

#[tokio::test]
async fn who_follows_the_log_is_told_that_more_came_at_once_than_is_shown() {
    let house = House::open().await;
    let mut wang = house.at_the_app("wang").await;
    let mut zhao = house.signed_in("zhao", Role::Auditor).await;
    for number in 0..101 {
        let url = Url::parse(&format!("https://{SITES}/page/{number}")).unwrap();
        assert_eq!(wang.send(Method::GET, &url, &[], "").await.status, StatusCode::OK);
    }
    searchable(&house).await;
    let first_events = async |zhao: &mut Browser, account: &str| {
        let mut stream = zhao.connect(PORTAL).await;
        let (target, cookies) = (format!("/console/log/live?after=0&account={account}"), zhao.cookie_field(PORTAL));
        let head = format!("GET {target} HTTP/1.1\r\nHost: {PORTAL}\r\nCookie: {cookies}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut text, mut chunk) = (String::new(), vec![0; 65_536]);
        while !text.contains("event: rows") {
            let count = stream.read(&mut chunk).await.unwrap();
            assert!(count > 0, "{text}");
            text.push_str(&String::from_utf8_lossy(&chunk[..count]));
        }
        text
    };
    let told = "短时间内新记录过多";
    assert!(first_events(&mut zhao, "wang").await.contains(told));
    assert!(!first_events(&mut zhao, "zhao").await.contains(told), "what is all shown is no reason to say so");
    house.close().await;
}

#[tokio::test]
async fn what_was_dropped_is_found_no_more_and_its_page_says_so_while_the_rest_stays_provable() {
    let house = House::open().await;
    let mut wang = house.at_the_app("wang").await;
    let mut zhao = house.signed_in("zhao", Role::Auditor).await;
    for number in 0..150 {
        assert_eq!(wang.open(&format!("https://{SITES}/page-{number}")).await.status, StatusCode::OK);
    }
    searchable(&house).await;
    let (gateway, old) = (house.gateway().house(), yumen::audit::Old { first: 1, last: 256 });
    let (sealed, mut size) = (gateway.sealer.sealed(), gateway.sealer.size());
    gateway.journal.event(sealed.dropping(&old).unwrap()).await.unwrap();
    let said = gateway.journal.counts().sequence;
    size.wait_for(|size| *size >= said).await.unwrap();
    sealed.drop_entries(&old).unwrap();
    assert!(open(&mut zhao, "/console/log/257").await.text().contains("id=\"leaf\""));
    for path in ["/console/log/12", "/console/log/12/proof"] {
        let page = open(&mut zhao, path).await;
        assert_eq!(page.status, StatusCode::GONE, "{path}");
        assert!(within(&page.text(), "dropped").contains("dropped after the time that the gateway keeps records"));
    }
    let old = open(&mut zhao, "/console/log?text=page-3&before=257").await;
    assert_eq!((old.status, rows(&old)), (StatusCode::OK, vec![]));
    let index = &house.gateway().house().index;
    let all = yumen::model::LogQuery { limit: 1_000, ..yumen::model::LogQuery::default() };
    for _ in 0..2_400 {
        if index.search(&all).await.unwrap().rows.last().is_none_or(|row| row.sequence > 256) {
            house.close().await;
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the index still has rows of what was dropped");
}
