//! Large bodies go through in flat memory, both ways, and server-sent events at once.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use yumen::model::{Action, Record};

use crate::browser::Browser;
use crate::house::{Changes, House, SITES};

const LARGE: usize = 1280 << 20;
/// Far less than a body, far more than what other tests in this process do meanwhile.
const ROOM: usize = 192 << 20;

/// Streams `LARGE` bytes to whoever asks, swallows whatever is sent, and says how much that was.
async fn bulk() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = vec![0; 256 * 1024];
                let mut head = Vec::new();
                while !head.windows(4).any(|window| window == b"\r\n\r\n") {
                    let count = stream.read(&mut buffer).await.unwrap();
                    head.extend_from_slice(&buffer[..count]);
                }
                let end = head.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
                if head.starts_with(b"GET") {
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    for _ in 0..LARGE / buffer.len() {
                        stream.write_all(&buffer).await.unwrap();
                    }
                } else {
                    let mut swallowed = head.len() - end;
                    while swallowed < LARGE {
                        swallowed += stream.read(&mut buffer).await.unwrap();
                    }
                    let text = swallowed.to_string();
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    address
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

async fn house_before(upstream: SocketAddr) -> (House, Browser) {
    let app = format!("max_body = \"2GiB\"\nupstreams = [\"http://{upstream}\"]");
    let house = House::open_with(Changes { app: &app, ..Changes::default() }).await;
    let browser = house.signed_in("wang", yumen::model::Role::Member).await;
    (house, browser)
}

/// A session on the app's host, without asking its back office for anything.
async fn enter(browser: &mut Browser) {
    let front = url::Url::parse(&format!("https://{SITES}/")).unwrap();
    let mut reply = browser.navigate(http::Method::GET, &front, None).await;
    for _ in 0..2 {
        let next = reply.url.join(reply.header("location")).unwrap();
        reply = browser.navigate(http::Method::GET, &next, None).await;
    }
    assert!(browser.cookie(SITES, "__Host-yumen").is_some());
}

fn download(cookies: &str) -> String {
    format!("GET /large HTTP/1.1\r\nHost: {SITES}\r\nCookie: {cookies}\r\nConnection: close\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_long_answer_took_so_far_is_on_record_while_it_goes_on() {
    let (house, mut browser) = house_before(bulk().await).await;
    enter(&mut browser).await;
    let mut stream = browser.connect(SITES).await;
    stream.write_all(download(&browser.cookie_field(SITES)).as_bytes()).await.unwrap();
    stream.read_exact(&mut vec![0; 40 << 20]).await.unwrap();
    let second = |record: &Record| match record {
        Record::Event(event) if event.action == Action::AnswerContinues => {
            let sent: usize = event.details["bytes"].parse().unwrap();
            assert_eq!((event.details["app"].as_str(), event.who.as_ref().unwrap().name.as_str()), ("sites", "wang"));
            (sent >= 32 << 20).then(|| event.reference.clone().unwrap())
        }
        _ => None,
    };
    let reference = house.recorded(second).await;
    let log = house.log();
    assert!(log.iter().any(|entry| matches!(&entry.record, Record::Opened(opened) if opened.reference == reference)));
    assert!(!log.iter().any(|entry| matches!(&entry.record, Record::Closed(closed) if closed.reference == reference)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_and_an_upload_of_more_than_a_gigabyte_take_no_memory() {
    let (_house, mut browser) = house_before(bulk().await).await;
    enter(&mut browser).await;
    let cookies = browser.cookie_field(SITES);
    let mut chunk = vec![0; 256 * 1024];
    let before = resident_bytes();
    let mut most = before;

    let mut stream = browser.connect(SITES).await;
    stream.write_all(download(&cookies).as_bytes()).await.unwrap();
    let mut received = 0;
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        received += count;
        most = most.max(resident_bytes());
    }
    assert!(received > LARGE, "{received}");

    let mut stream = browser.connect(SITES).await;
    let head = format!(
        "POST /large HTTP/1.1\r\nHost: {SITES}\r\nOrigin: https://{SITES}\r\nCookie: {cookies}\r\nContent-Length: {LARGE}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..LARGE / chunk.len() {
        stream.write_all(&chunk).await.unwrap();
        most = most.max(resident_bytes());
    }
    // What the TLS still holds does not leave by itself, and reading does not send it.
    stream.flush().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with(&LARGE.to_string()), "{answer}");
    assert!(most - before < ROOM, "{} MiB more than before", (most - before) >> 20);
}
