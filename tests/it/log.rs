//! The log of a whole gateway.

use std::path::Path;

use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;
use yumen::model::{Action, End, Event, Outcome, Record, Role};

use crate::browser::Browser;
use crate::house::{Changes, House, LEDGER, PASSWORD, PORTAL, SITES, first_factor};

/// Every byte that was written to the files of the log, without the zeros that were laid out ahead.
fn raw(data: &Path) -> Vec<u8> {
    let mut files: Vec<_> = std::fs::read_dir(data.join("audit/journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let written = files.iter().flat_map(|file| {
        let mut bytes = std::fs::read(file).unwrap();
        bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
        bytes
    });
    written.collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    assert!(text.len() >= 6, "{text:?} is no secret");
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Every text in a JSON value that is long enough to be told from chance.
fn texts(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) if text.len() >= 16 => found.push(text.clone()),
        serde_json::Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        serde_json::Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

/// The values of all cookies that a browser holds.
fn cookies(browser: &Browser) -> Vec<String> {
    let pairs = [PORTAL, SITES].map(|host| browser.cookie_field(host)).join("; ");
    pairs.split("; ").filter_map(|pair| Some(pair.split_once('=')?.1.to_owned())).filter(|value| value.len() >= 16).collect()
}

#[tokio::test]
async fn no_secret_is_ever_in_the_log() {
    let mut house = House::open().await;
    let link = house.invite("li", Role::Member).await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    let mut secrets = vec![PASSWORD.to_owned(), link.split('#').nth(1).unwrap().to_owned()];

    // Her way in, and everything that passes on it.
    let url = Url::parse(&format!("https://{SITES}/work?password=hunter2hunter2")).unwrap();
    let asked = browser.navigate(Method::GET, &url, None).await;
    secrets.extend(["hunter2hunter2".to_owned(), browser.cookie(SITES, "__Host-yumen-nonce").unwrap()]);
    let page = browser.open(asked.header("location")).await;
    secrets.extend(cookies(&browser));
    let page = first_factor(&mut browser, &page, "wang", "four grey geese, going").await;
    let page = first_factor(&mut browser, &page, "a name like a passw0rd", "five grey geese, gone").await;
    secrets.extend(["four grey geese, going", "five grey geese, gone", "a name like a passw0rd"].map(str::to_owned));
    secrets.push(page.form("sign-in").field("csrf").to_owned());
    let page = first_factor(&mut browser, &page, "wang", PASSWORD).await;
    secrets.extend(cookies(&browser));
    let wrong = page.form("webauthn").with("credential", "{\"id\":\"not-a-credential-at-all\"}");
    secrets.push("not-a-credential-at-all".to_owned());
    let page = browser.submit(&page, &wrong).await;
    let form = browser.answer_key(&page);
    secrets.extend([form.field("csrf").to_owned(), form.field("challenge").to_owned()]);
    let options: serde_json::Value = serde_json::from_str(form.options.as_deref().unwrap()).unwrap();
    secrets.push(options["publicKey"]["challenge"].as_str().unwrap().to_owned());
    let credential: serde_json::Value = serde_json::from_str(form.field("credential")).unwrap();
    texts(&credential, &mut secrets);
    let target = page.url.join(&form.action).unwrap();
    let entered = browser.navigate(Method::POST, &target, Some((format!("https://{PORTAL}"), form.encoded()))).await;
    let onward = browser.navigate(Method::GET, &target.join(entered.header("location")).unwrap(), None).await;
    let enter = target.join(&crate::forms::leads_on_to(&onward.text()).unwrap()).unwrap();
    let handed = browser.navigate(Method::GET, &enter, None).await;
    let code = Url::parse(handed.header("location")).unwrap();
    secrets.push(code.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned());
    browser.navigate(Method::GET, &code, None).await;
    secrets.extend([PORTAL, SITES].map(|host| browser.cookie(host, "__Host-yumen").unwrap()));
    // Spent, it is refused, and is a secret still.
    house.browser().navigate(Method::GET, &code, None).await;

    // Her work, and a cookie that is none of the gateway's.
    browser.set_cookie(SITES, "sessionid", "the-session-of-the-app");
    let origin = format!("https://{SITES}");
    let fields = [("origin", origin.as_str()), ("authorization", "Basic d2FuZzpzd29yZGZpc2g="), ("x-api-key", "the-key-of-a-program")];
    let body = "a body that is nobody else's";
    let reply = browser.send(Method::POST, &Url::parse(&format!("https://{SITES}/logged")).unwrap(), &fields, body).await;
    assert_eq!(reply.status, StatusCode::OK);
    let refused = browser.send(Method::POST, &Url::parse(&format!("https://{LEDGER}/logged")).unwrap(), &fields, body).await;
    assert_ne!(refused.status, StatusCode::OK);
    secrets.extend(["the-session-of-the-app", "d2FuZzpzd29yZGZpc2g=", "the-key-of-a-program", body].map(str::to_owned));

    house.stop().await;
    let log = raw(house.data.path());
    assert!(holds(&log, "/logged\"") && holds(&log, "\"wang\""), "what belongs there is found");
    assert!(secrets.len() > 20, "{secrets:?}");
    for secret in &secrets {
        let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let quoted = serde_json::to_string(secret).unwrap();
        for form in [secret.as_str(), &encoded, quoted.trim_matches('"')] {
            assert!(!holds(&log, form), "{form} is in the log");
        }
    }
}

#[tokio::test]
async fn what_a_client_writes_cannot_forge_a_line() {
    let mut house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    let path = format!("https://{SITES}/%22%7D%20{}", "x".repeat(3000));
    let reply = browser.send(Method::GET, &Url::parse(&path).unwrap(), &[("user-agent", "a\tb\u{ff}")], "").await;
    assert_eq!(reply.status, StatusCode::OK);
    let reference = reply.reference().to_owned();
    let path = house
        .recorded(|record| match record {
            Record::Opened(opened) if opened.reference.as_str() == reference => Some(opened.path.clone()),
            _ => None,
        })
        .await;
    assert!(path.len() < 2100 && path.ends_with('…'), "{path}");

    // Where a text of hers does go on record: lines, ends of strings, and what moves a terminal.
    let forged = "x\"}\n00000000 {\"sequence\":1,\"forged\":true}\r\u{0}\u{1b}[2J\u{7f}\u{85}\u{9b}\u{2028}\u{202e}";
    let mut enter = Url::parse(&format!("https://{PORTAL}/enter")).unwrap();
    enter.query_pairs_mut().append_pair("app", forged).append_pair("path", forged).append_pair("nonce", &"A".repeat(43));
    assert_eq!(browser.navigate(Method::GET, &enter, None).await.status, StatusCode::FORBIDDEN);
    let page = browser.open(&format!("https://{PORTAL}/keys")).await;
    let page = browser.submit(&page, &page.form("key-add")).await;
    let page = browser.use_key(&page).await;
    let form = browser.answer_key(&page).with("key_name", forged);
    browser.submit(&page, &form).await;
    house.stop().await;

    let log = raw(house.data.path());
    assert!(holds(&log, "forged"), "the texts are on record");
    let entries = house.log().len();
    let text = String::from_utf8(log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), entries, "each line is one entry");
    for (line, sequence) in lines.iter().zip(1_u64..) {
        let (checksum, json) = line.split_once(' ').unwrap();
        assert!(checksum.len() == 8 && checksum.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
        let entry: serde_json::Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(entry["sequence"], sequence, "{line}");
        assert!(!line.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{202e}')), "{line:?}");
    }
}

#[tokio::test]
async fn a_day_has_its_start_sign_in_and_stop_and_every_access_is_closed() {
    let house = House::open().await;
    house.in_the_app("wang").await;
    let log = house.close().await;
    let sequences: Vec<u64> = log.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, (1..=log.len() as u64).collect::<Vec<_>>());
    let events: Vec<Action> =
        log.iter().filter_map(|entry| if let Record::Event(event) = &entry.record { Some(event.action) } else { None }).collect();
    assert_eq!((events.first(), events.last()), (Some(&Action::Start), Some(&Action::Stop)));
    for action in [Action::AccountInvited, Action::AccountEnrolled, Action::FirstFactor, Action::SignIn, Action::AppEntered] {
        assert!(events.contains(&action), "{action:?} is missing in {events:?}");
    }
    let opened =
        log.iter().filter_map(|entry| if let Record::Opened(opened) = &entry.record { Some(opened.reference.clone()) } else { None });
    for reference in opened {
        let closed = log
            .iter()
            .any(|entry| matches!(&entry.record, Record::Closed(closed) if closed.reference == reference && closed.end != End::CutOff));
        assert!(closed, "{reference} was never closed");
    }
}

fn events(log: &[yumen::model::Entry]) -> Vec<Event> {
    log.iter().filter_map(|entry| if let Record::Event(event) = &entry.record { Some(event.clone()) } else { None }).collect()
}

#[tokio::test]
async fn the_counts_of_strangers_are_on_record_when_the_gateway_stops() {
    let house = House::open_with(Changes { top: "[log]\nstrangers_per_minute = 2\n", ..Changes::default() }).await;
    let mut browser = house.browser();
    for _ in 0..6 {
        let reply = browser.send(Method::GET, &Url::parse(&format!("https://{SITES}/api")).unwrap(), &[], "").await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    }
    let log = house.close().await;
    assert_eq!(log.iter().filter(|entry| matches!(entry.record, Record::Opened(_))).count(), 2);
    let events = events(&log);
    let counted: Vec<&str> =
        events.iter().filter(|event| event.action == Action::StrangersRefused).map(|event| event.details["count"].as_str()).collect();
    assert_eq!(counted, ["4"]);
    assert_eq!(events.last().map(|event| event.action), Some(Action::Stop));
}

#[tokio::test]
async fn failed_sign_ins_of_nobody_fall_under_the_quota_and_those_of_an_account_do_not() {
    let house = House::open_with(Changes { top: "[log]\nstrangers_per_minute = 3\n", ..Changes::default() }).await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    house.clock.advance(std::time::Duration::from_secs(60));
    let mut page = browser.open(&format!("https://{PORTAL}/sign-in")).await;
    for number in 0..5 {
        page = first_factor(&mut browser, &page, &format!("nobody {number}"), PASSWORD).await;
    }
    page = first_factor(&mut browser, &page, "wang", "not her password").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let log = house.close().await;
    let failed: Vec<Event> =
        events(&log).into_iter().filter(|event| event.action == Action::SignIn && event.outcome == Outcome::Failed).collect();
    // The page and the first form are the quota's other two.
    assert_eq!(failed.iter().filter(|event| event.details.contains_key("unknown-name")).count(), 1, "{failed:#?}");
    assert_eq!(failed.iter().filter(|event| event.details.get("name").is_some_and(|name| name == "wang")).count(), 1, "{failed:#?}");
}

#[tokio::test]
async fn the_record_of_a_failed_forward_has_the_bytes_that_had_come() {
    let house = House::open_with(Changes { app: "max_body = \"1KiB\"", ..Changes::default() }).await;
    let browser = house.in_the_app("wang").await;
    // Without a length nobody can tell beforehand that it will be too large.
    let head = format!("POST /upload HTTP/1.1\r\nHost: {SITES}\r\nOrigin: https://{SITES}\r\nCookie: {}", browser.cookie_field(SITES));
    let request = format!("{head}\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n{}\r\n0\r\n\r\n", "x".repeat(2000));
    let answer = crate::headers::raw(&browser, SITES, &request).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let bytes_up = house
        .recorded(|record| match record {
            Record::Closed(closed) if closed.status == 413 => Some(closed.bytes_up),
            _ => None,
        })
        .await;
    assert!(bytes_up > 1024, "{bytes_up}");
}

#[tokio::test]
async fn the_log_keeps_of_a_query_what_the_app_names_and_the_back_office_gets_all_of_it() {
    let mut house = House::open_with(Changes { app: "log_query = [\"page\"]\nredact = [\"/reset/**\"]", ..Changes::default() }).await;
    let mut browser = house.in_the_app("wang").await;
    for (target, kept) in [
        ("/list?page=2&token=hunter2hunter2", Some("page=2&*")),
        ("/list", None),
        ("/reset/x?page=2", None),
        ("/list?hunter2hunter2", Some("*")),
    ] {
        let reply = browser.send(Method::GET, &Url::parse(&format!("https://{SITES}{target}")).unwrap(), &[], "").await;
        let reference = reply.reference().to_owned();
        let query = house
            .recorded(|record| match record {
                Record::Opened(opened) if opened.reference.as_str() == reference => Some(opened.query.clone()),
                _ => None,
            })
            .await;
        assert_eq!(query.as_deref(), kept, "{target}");
        assert!(house.upstream.seen().contains(&format!("GET {target} HTTP")), "{target}");
    }
    house.stop().await;
    assert!(!holds(&raw(house.data.path()), "hunter2hunter2"));
}

#[tokio::test]
async fn paths_that_no_app_was_asked_about_carry_no_secret_into_the_log() {
    let mut house = House::open_with(Changes { app: "redact = [\"/reset/**\"]", ..Changes::default() }).await;
    let browser = house.in_the_app("wang").await;
    // It comes by a connection to an app that is there no more.
    let nobodys = [browser.connect(LEDGER).await, browser.connect(LEDGER).await];
    house.reload(|text| text.split("[[app]]\nid = \"ledger\"").next().unwrap().to_owned()).await.unwrap();
    let mut answers = Vec::new();
    for (mut stream, target) in nobodys.into_iter().zip(["/reset/hunter2hunter2", "/list%3ftoken=hunter2hunter2"]) {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {LEDGER}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
        answers.push(answer);
    }
    let kept = ["/reset/…", "/list?…"].map(str::to_owned);
    let mut answers: Vec<(String, String)> = answers.into_iter().zip(kept).collect();
    for (host, target, kept) in [
        (SITES, "/reset//hunter2hunter2", "…"),
        (SITES, "/.yumen/enter%3Fcode=hunter2hunter2", "/.yumen/enter?…"),
        (SITES, "/.yumen/enter//;hunter2hunter2", "…"),
        (PORTAL, "/sign-in%3Fnext=hunter2hunter2", "/sign-in?…"),
        (PORTAL, "/sign-in%253Fnext=hunter2hunter2", "/sign-in?…"),
        (PORTAL, "/reset/hunter2hunter2", "/reset/…"),
        (PORTAL, "/reset//hunter2hunter2", "…"),
        (SITES, "/.yumen/assets/hunter2", "/.yumen/assets/hunter2"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        answers.push((crate::headers::raw(&browser, host, &request).await, kept.to_owned()));
    }
    for (answer, kept) in answers {
        let reference =
            answer.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap_or_else(|| panic!("{answer}")).to_owned();
        let path = house
            .recorded(|record| match record {
                Record::Opened(opened) if opened.reference.as_str() == reference => Some(opened.path.clone()),
                _ => None,
            })
            .await;
        assert_eq!(path, kept);
    }
    house.stop().await;
    assert!(!holds(&raw(house.data.path()), "hunter2hunter2"));
}
