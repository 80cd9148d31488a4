//! Requests over HTTP/2 that no honest client sends, frame by frame: what is malformed is an error of its stream (RFC 9113, section 8.1.1), and
//! no back office sees any of it.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use yumen::model::{End, Record};

use crate::corpus::{Case, FIELDS, PATHS, bytes_of, cases, report, roomy};
use crate::frames::{
    DATA, END_HEADERS, END_STREAM, Frame, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, literal, preface, read_frame, request,
};
use crate::house::{House, LEDGER, SITES};

const GOAWAY: u8 = 7;
const PROTOCOL_ERROR: u32 = 1;
/// RFC 7541, appendix A.
const STATUS_200: u8 = 0x88;
const STATUS_400: u8 = 0x8c;

/// What became of the first stream.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The first byte of the answer's fields, which is its status where the static table has it.
    Answered(u8),
    Reset(u32),
    ConnectionEnded(Option<u32>),
}

async fn connected(house: &House) -> TlsStream<TcpStream> {
    let mut config = (*house.tls).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = TcpStream::connect(house.address).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from(SITES).unwrap();
    TlsConnector::from(std::sync::Arc::new(config)).connect(name, tcp).await.unwrap()
}

async fn next_frame(stream: &mut TlsStream<TcpStream>) -> Frame {
    tokio::time::timeout(Duration::from_secs(20), read_frame(stream)).await.expect("a frame").unwrap()
}

/// Sends frames and reads until the first stream is answered or gone.
async fn outcome(house: &House, frames: &[u8]) -> Outcome {
    let mut stream = connected(house).await;
    let _ = stream.write_all(&[preface(&[]), frame(SETTINGS, 1, 0, &[]), frames.to_vec()].concat()).await;
    let _ = stream.flush().await;
    let reading = async {
        let mut gone = None;
        while let Ok((kind, _, of, payload)) = read_frame(&mut stream).await {
            let number = |from: usize| u32::from_be_bytes(payload[from..from + 4].try_into().unwrap());
            match (kind, of) {
                (HEADERS, 1) => return Outcome::Answered(payload[0]),
                (RST_STREAM, 1) => return Outcome::Reset(number(0)),
                (GOAWAY, _) => gone = Some(number(4)),
                _ => {}
            }
        }
        Outcome::ConnectionEnded(gone)
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("an answer")
}

async fn house() -> (House, String) {
    let house = House::open().await;
    let browser = house.in_the_app("wang").await;
    let cookie = browser.cookie_field(SITES);
    (house, cookie)
}

/// Where no back office may be reached.
async fn refusing() -> (House, String) {
    let house = House::refusing().await;
    let cookie = house.at_the_app("wang").await.cookie_field(SITES);
    (house, cookie)
}

/// What the parser refuses is an error of its stream, or of all of them; what the gateway refuses is answered.
fn is_refused(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Reset(PROTOCOL_ERROR) | Outcome::ConnectionEnded(Some(PROTOCOL_ERROR)) | Outcome::Answered(STATUS_400))
}

/// A whole request in one frame.
fn whole(fields: &[&[u8]]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, 1, &fields.concat())
}

#[tokio::test]
async fn a_good_request_in_frames_written_by_hand_is_answered() {
    let (house, cookie) = house().await;
    let good = whole(&[&request("GET", SITES, "/by-hand"), &literal("cookie", &cookie)]);
    assert_eq!(outcome(&house, &good).await, Outcome::Answered(STATUS_200));
    assert!(house.upstream.seen().contains("GET /by-hand HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_body_unlike_its_length_is_an_error_and_no_request_of_the_back_office() {
    let (house, cookie) = house().await;
    let origin = format!("https://{SITES}");
    let post = |length: &str, pieces: &[&[u8]]| {
        let fields =
            [request("POST", SITES, "/length"), literal("cookie", &cookie), literal("origin", &origin), literal("content-length", length)];
        let mut frames = frame(HEADERS, END_HEADERS, 1, &fields.concat());
        for (number, piece) in pieces.iter().enumerate() {
            frames.extend(frame(DATA, if number + 1 == pieces.len() { END_STREAM } else { 0 }, 1, piece));
        }
        frames
    };
    assert_eq!(outcome(&house, &post("5", &[b"he", b"llo"])).await, Outcome::Answered(STATUS_200));
    let before = house.upstream.requests().len();
    for (length, pieces) in [("4", &[b"hello".as_slice()][..]), ("6", &[b"hello"]), ("6", &[b"he", b"llo"]), ("0", &[b"hello"])] {
        let got = outcome(&house, &post(length, pieces)).await;
        // A body that ended too early may have been passed on in part: then the gateway says so itself.
        assert!(matches!(got, Outcome::Reset(PROTOCOL_ERROR) | Outcome::Answered(STATUS_400)), "{length} {pieces:?}: {got:?}");
    }
    for length in ["", "+5", "0x5", "5, 5", "5,6", "99999999999999999999"] {
        let got = outcome(&house, &post(length, &[b"hello"])).await;
        assert_ne!(got, Outcome::Answered(STATUS_200), "{length:?}");
    }
    assert_eq!(house.upstream.requests().len(), before, "none of these is a request: {}", house.upstream.seen());
}

#[tokio::test]
async fn fields_that_http_2_forbids_are_errors_of_their_stream() {
    let (house, cookie) = refusing().await;
    let start = [request("GET", SITES, "/forbidden"), literal("cookie", &cookie)].concat();
    for (name, value) in [
        ("connection", "close"),
        ("keep-alive", "1"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("Upper", "case"),
        ("with space", "x"),
        ("", "x"),
        ("x", "a\r\nb: c"),
        ("x", "a\nb"),
        ("x", "a\0b"),
        (":path", "/twice"),
        (":unknown", "x"),
        (":status", "200"),
    ] {
        let got = outcome(&house, &whole(&[&start, &literal(name, value)])).await;
        assert!(is_refused(&got), "{name:?}: {value:?}: {got:?}");
    }
}

#[tokio::test]
async fn a_request_that_does_not_say_what_it_wants_is_an_error() {
    let (house, cookie) = refusing().await;
    let cookie = literal("cookie", &cookie);
    let fields = |fields: &[(&str, &str)]| fields.iter().flat_map(|(name, value)| literal(name, value)).collect::<Vec<u8>>();
    let (method, scheme, authority, path) = ((":method", "GET"), (":scheme", "https"), (":authority", SITES), (":path", "/unclear"));
    for bad in [
        fields(&[scheme, authority, path]),
        fields(&[method, scheme, authority]),
        fields(&[method, authority, path]),
        fields(&[method, scheme, path]),
        fields(&[method, scheme, authority, (":path", "")]),
        fields(&[method, scheme, authority, (":path", "unclear")]),
        fields(&[method, scheme, authority, (":path", "*")]),
        fields(&[method, scheme, authority, (":path", "https://sites.city.test/unclear")]),
        fields(&[method, (":scheme", "http"), authority, path]),
        fields(&[method, scheme, (":authority", "me@sites.city.test"), path]),
        fields(&[method, scheme, authority, path, ("host", LEDGER)]),
        fields(&[(":method", "CONNECT"), authority]),
        fields(&[(":method", "G ET"), scheme, authority, path]),
        fields(&[("x", "first"), method, scheme, authority, path]),
    ] {
        let got = outcome(&house, &whole(&[&bad, &cookie])).await;
        assert_ne!(got, Outcome::Answered(STATUS_200), "{:?}", String::from_utf8_lossy(&bad));
    }
}

#[tokio::test]
async fn a_hundred_fields_are_taken_and_one_more_is_not_crumbs_of_cookies_counted() {
    let (house, cookie) = house().await;
    let start = [request("GET", SITES, "/crumbs"), literal("cookie", &cookie)].concat();
    let with = |count: usize| {
        let crumbs: Vec<u8> = (0..count).flat_map(|_| literal("cookie", "a=b")).collect();
        whole(&[&start, &crumbs])
    };
    assert_eq!(outcome(&house, &with(99)).await, Outcome::Answered(STATUS_200));
    let before = house.upstream.requests().len();
    assert_ne!(outcome(&house, &with(100)).await, Outcome::Answered(STATUS_200));
    assert_ne!(outcome(&house, &whole(&[&start, &literal("x", &"y".repeat(16 * 1024))])).await, Outcome::Answered(STATUS_200));
    assert_eq!(house.upstream.requests().len(), before);
}

#[tokio::test]
async fn every_address_has_one_reading_or_none_over_http_2_too() {
    let (house, browser) = roomy().await;
    let cookie = literal("cookie", &browser.cookie_field(SITES));
    let (mut failures, mut count) = (Vec::new(), 0);
    for Case { sent: address, http2: outcome_wanted, .. } in cases(PATHS) {
        count += 1;
        let before = house.upstream.requests().len();
        let got = outcome(&house, &whole(&[&request("GET", SITES, &bytes_of(address)), &cookie])).await;
        let reached = house.upstream.requests().split_off(before);
        let seen = reached.first().and_then(|head| head.split(' ').nth(1)?.split('?').next());
        let right = match outcome_wanted {
            "400" => is_refused(&got) && reached.is_empty(),
            path => got == Outcome::Answered(STATUS_200) && seen == Some(path) && reached.len() == 1,
        };
        if !right {
            failures.push(format!("{address} => {outcome_wanted} was wanted, it is {got:?}, and the back office saw {seen:?}"));
        }
    }
    report(&failures, count, 100);
}

#[tokio::test]
async fn no_field_of_a_client_says_who_she_is_or_where_from_over_http_2_too() {
    let (house, browser) = roomy().await;
    let start = [request("GET", SITES, "/"), literal("cookie", &browser.cookie_field(SITES))].concat();
    let (mut failures, mut count) = (Vec::new(), 0);
    for Case { sent, http2: outcome_wanted, .. } in cases(FIELDS) {
        count += 1;
        let field = sent.replace("{host}", SITES);
        // Names are in small letters here (RFC 9113, section 8.2).
        let (name, value) = field.split_once(": ").unwrap();
        let name = name.to_ascii_lowercase();
        for fields in [literal(&name, value), [literal(&name, "1"), literal(&name, value)].concat()] {
            let before = house.upstream.requests().len();
            let got = outcome(&house, &whole(&[&start, &fields])).await;
            let reached = house.upstream.requests().split_off(before).concat();
            let answered = got == Outcome::Answered(STATUS_200);
            let right = match outcome_wanted {
                "400" => is_refused(&got) && reached.is_empty(),
                "stripped" => answered && !reached.is_empty() && !reached.contains("liar"),
                "kept" => answered && reached.contains("liar"),
                _ => false,
            };
            if !right {
                failures.push(format!("{sent} => {outcome_wanted} was wanted, it is {got:?}, and the back office saw {reached:?}"));
            }
        }
    }
    report(&failures, count, 60);
}

#[tokio::test]
async fn cookies_in_crumbs_are_one_field_without_the_gateways_own() {
    // What she holds beside the gateway's own is the app's `theirs=1`.
    let (house, cookie) = house().await;
    let start = request("GET", SITES, "/crumbs");
    let crumbs = |crumbs: &[&str]| crumbs.iter().flat_map(|crumb| literal("cookie", *crumb)).collect::<Vec<u8>>();
    let good = whole(&[&start, &crumbs(&["a=b", &cookie, "c=d; e=f"])]);
    assert_eq!(outcome(&house, &good).await, Outcome::Answered(STATUS_200));
    let head = house.upstream.requests().pop().unwrap().to_ascii_lowercase();
    assert_eq!(head.matches("cookie:").count(), 1, "{head}");
    assert!(head.contains("cookie: a=b; theirs=1; c=d; e=f\r\n") && !head.contains("yumen="), "{head}");
}

#[tokio::test]
async fn a_second_session_cookie_is_refused_in_whatever_crumb_it_comes() {
    let (house, cookie) = refusing().await;
    let start = request("GET", SITES, "/crumbs");
    for crumbs in [
        &[cookie.as_str(), "__Host-yumen=tossed"][..],
        &["__Host-yumen=tossed", &cookie],
        &[&cookie, "a=b", &cookie],
        &["a=b", &format!("{cookie}; __Host-yumen=tossed")],
        &[&cookie, "a=b; __Host-yumen="],
    ] {
        let fields: Vec<u8> = crumbs.iter().flat_map(|crumb| literal("cookie", *crumb)).collect();
        assert_eq!(outcome(&house, &whole(&[&start, &fields])).await, Outcome::Answered(STATUS_400), "{crumbs:?}");
    }
}

#[tokio::test]
async fn an_access_is_open_until_the_last_byte_of_its_answer_is_taken_and_its_record_says_when_it_was_not() {
    let (house, cookie) = house().await;
    let ask = |stream: u32, path: &str| {
        frame(HEADERS, END_HEADERS | END_STREAM, stream, &[request("GET", SITES, path), literal("cookie", &cookie)].concat())
    };
    let opening = [preface(&[(4, 1)]), frame(SETTINGS, 1, 0, &[]), ask(1, "/left"), ask(3, "/taken")].concat();
    let mut stream = connected(&house).await;
    stream.write_all(&opening).await.unwrap();
    stream.flush().await.unwrap();
    // One byte of each comes, and h2 has the rest of it in its hands.
    for _ in 0..2 {
        while next_frame(&mut stream).await.0 != DATA {}
    }
    let ends = |path: &str| {
        let log = house.log();
        let opened = log.iter().find_map(|entry| match &entry.record {
            Record::Opened(opened) if opened.path == path => Some(opened.reference.clone()),
            _ => None,
        });
        log.iter().find_map(|entry| match &entry.record {
            Record::Closed(closed) if Some(&closed.reference) == opened.as_ref() => Some(closed.end),
            _ => None,
        })
    };
    assert_eq!((ends("/left"), ends("/taken")), (None, None));
    stream.write_all(&frame(WINDOW_UPDATE, 0, 3, &[0, 0, 64, 0])).await.unwrap();
    stream.flush().await.unwrap();
    while !matches!(next_frame(&mut stream).await, (DATA, flags, 3, _) if flags & END_STREAM != 0) {}
    while ends("/taken").is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!((ends("/left"), ends("/taken")), (None, Some(End::Complete)));
    stream.write_all(&frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])).await.unwrap();
    stream.flush().await.unwrap();
    while ends("/left").is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(ends("/left"), Some(End::ClientLeft));
}
