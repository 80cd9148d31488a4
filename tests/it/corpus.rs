//! Runs the cases of `tests/corpus` over raw sockets, as somebody who is signed in: what is refused is refused before any back
//! office, and what passes arrives as one request with one reading.

use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::browser::Browser;
use crate::house::{Changes, House, SITES};

/// For what must end; far more than it takes.
const PATIENCE: Duration = Duration::from_secs(20);

pub const PATHS: &str = include_str!("../corpus/paths.txt");
pub const FIELDS: &str = include_str!("../corpus/fields.txt");

#[derive(Deserialize)]
struct Smuggling {
    case: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    name: String,
    send: String,
    answers: Vec<u16>,
    requests: Option<usize>,
}

/// A house with room for some hundred requests of one person at once.
pub async fn roomy() -> (House, Browser) {
    let top = "[rates]\nper_person_per_second = 1000\nburst = 10000\n[log]\nstrangers_per_minute = 10000\n";
    let house = House::open_with(Changes { top, ..Changes::default() }).await;
    let browser = house.in_the_app("wang").await;
    (house, browser)
}

/// Sends bytes as they are and reads until the gateway closes. A gateway that does not close fails the case.
async fn exchange(browser: &Browser, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut stream = browser.connect(SITES).await;
    // The gateway may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answers = Vec::new();
    match tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answers)).await {
        Ok(_) => Ok(answers),
        Err(_) => Err(format!("the connection stays open after {}", String::from_utf8_lossy(&answers))),
    }
}

/// The statuses of the answers, and their bodies.
fn answers(mut bytes: &[u8]) -> Result<Vec<(u16, String)>, String> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(|| format!("half an answer: {text}"))? + 4;
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let status = head.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(|| format!("not an answer: {text}"))?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let length = length.ok_or_else(|| format!("an answer without a length: {text}"))?;
        let body = bytes.get(end..end + length).ok_or_else(|| format!("half a body: {text}"))?;
        all.push((status, String::from_utf8_lossy(body).into_owned()));
        bytes = &bytes[end + length..];
    }
    Ok(all)
}

/// `\xNN`, `\t` and `\\` stand for a byte; `{host}` for the app's.
pub fn bytes_of(text: &str) -> Vec<u8> {
    let text = text.replace("{host}", SITES);
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let (byte, taken) = match (first, after) {
            (b'\\', [b'x', high, low, ..]) => {
                let hex = String::from_utf8(vec![*high, *low]).unwrap();
                (u8::from_str_radix(&hex, 16).unwrap(), 3)
            }
            (b'\\', [b't', ..]) => (b'\t', 1),
            _ => (*first, 0),
        };
        bytes.push(byte);
        rest = &after[taken..];
    }
    bytes
}

/// A line of a corpus that is a case.
pub struct Case {
    pub sent: &'static str,
    pub outcome: &'static str,
    /// Over HTTP/2, where that may differ with a reason.
    pub http2: &'static str,
}

/// `SENT => OUTCOME`, or `SENT => OUTCOME | HTTP/2: OUTCOME (REASON)`.
pub fn cases(corpus: &'static str) -> impl Iterator<Item = Case> {
    let lines = corpus.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let (sent, outcome) = line.split_once(" => ").unwrap_or_else(|| panic!("not a case: {line}"));
        let Some((outcome, exception)) = outcome.split_once(" | HTTP/2: ") else { return Case { sent, outcome, http2: outcome } };
        let (http2, reason) = exception.split_once(" (").unwrap_or_else(|| panic!("an exception without a reason: {line}"));
        assert!(reason.ends_with(')') && reason.len() > 10 && http2 != outcome, "an exception without a reason: {line}");
        Case { sent, outcome, http2 }
    })
}

/// All failures at once, so that a change shows everything that it breaks.
pub fn report(failures: &[String], cases: usize, least: usize) {
    assert!(cases >= least, "only {cases} cases");
    assert!(failures.is_empty(), "{} of {cases} cases:\n{}", failures.len(), failures.join("\n"));
}

#[tokio::test]
async fn what_two_parsers_could_read_in_two_ways_reaches_no_back_office() {
    let (house, browser) = roomy().await;
    let cookie = browser.cookie_field(SITES);
    let head = format!("Host: {SITES}\r\nCookie: {cookie}\r\nOrigin: https://{SITES}\r\n");
    let end = format!("GET /end HTTP/1.1\r\n{head}Connection: close\r\n\r\n");
    let cases = toml::from_str::<Smuggling>(include_str!("../corpus/smuggling.toml")).unwrap().case;
    let mut failures = Vec::new();
    for case in &cases {
        let send = case.send.replace("{end}", &end).replace("{head}", &head).replace("{cookie}", &cookie).replace("{host}", SITES);
        let before = house.upstream.requests().len();
        let got = exchange(&browser, send.as_bytes()).await.and_then(|bytes| answers(&bytes));
        let reached = house.upstream.requests().split_off(before);
        let most = case.requests.unwrap_or(case.answers.iter().filter(|status| **status == 200).count());
        let statuses = got.as_ref().map(|answers| answers.iter().map(|(status, _)| *status).collect::<Vec<_>>());
        if statuses.as_ref() != Ok(&case.answers) {
            failures.push(format!("{}: {:?} was wanted, it is {got:?}", case.name, case.answers));
        }
        if reached.len() > most || reached.iter().any(|head| head.contains("/smuggled")) {
            failures.push(format!("{}: the back office saw {reached:#?}", case.name));
        }
    }
    report(&failures, cases.len(), 60);
}

#[tokio::test]
async fn every_address_has_one_reading_or_none() {
    let (house, browser) = roomy().await;
    let cookie = browser.cookie_field(SITES);
    let (mut failures, mut count) = (Vec::new(), 0);
    for Case { sent: address, outcome, .. } in cases(PATHS) {
        count += 1;
        let before = house.upstream.requests().len();
        let send = [
            b"GET ".as_slice(),
            &bytes_of(address),
            format!(" HTTP/1.1\r\nHost: {SITES}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n").as_bytes(),
        ]
        .concat();
        let got = exchange(&browser, &send).await.and_then(|bytes| answers(&bytes));
        let reached = house.upstream.requests().split_off(before);
        let seen = reached.first().and_then(|head| head.split(' ').nth(1)?.split('?').next());
        let right = match (outcome.parse::<u16>(), got.as_deref()) {
            (Ok(refused), Ok([(status, _)])) => *status == refused && reached.is_empty(),
            (Err(_), Ok([(200, _)])) => seen == Some(outcome) && reached.len() == 1,
            _ => false,
        };
        if !right {
            failures.push(format!("{address} => {outcome} was wanted, it is {got:?}, and the back office saw {seen:?}"));
        }
    }
    report(&failures, count, 100);
}

#[tokio::test]
async fn no_field_of_a_client_says_who_she_is_or_where_from() {
    let (house, browser) = roomy().await;
    let cookie = browser.cookie_field(SITES);
    let (mut failures, mut count) = (Vec::new(), 0);
    for Case { sent: field, outcome, .. } in cases(FIELDS) {
        count += 1;
        let field = field.replace("{host}", SITES);
        // Once, and once more behind a good value: a repeated field must not slip through beside the first.
        let (name, _) = field.split_once(':').unwrap();
        for fields in [format!("{field}\r\n"), format!("{name}: 1\r\n{field}\r\n")] {
            let before = house.upstream.requests().len();
            let send = format!("GET / HTTP/1.1\r\nHost: {SITES}\r\nCookie: {cookie}\r\nConnection: close\r\n{fields}\r\n");
            let got = exchange(&browser, send.as_bytes()).await.and_then(|bytes| answers(&bytes));
            let reached = house.upstream.requests().split_off(before).concat();
            let right = match (outcome, got.as_deref()) {
                ("400", Ok([(400, _)])) => reached.is_empty(),
                ("stripped", Ok([(200, _)])) => !reached.is_empty() && !reached.contains("liar"),
                ("kept", Ok([(200, _)])) => reached.contains("liar"),
                _ => false,
            };
            if !right {
                failures.push(format!("{fields:?} => {outcome} was wanted, it is {got:?}, and the back office saw {reached:?}"));
            }
        }
    }
    report(&failures, count, 60);
}
