//! A kept form whose sending is broken off: there again as long as nothing of it can have left, and told to be sent from then on.

use http::StatusCode;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use yumen::model::{End, Record};

use crate::browser::{Browser, Reply};
use crate::forms;
use crate::house::{House, authority};
use crate::kept_forms::{BODY, arrived, press, seen_again, seen_again_with, writer};
use crate::step_up::FRESH;

impl House {
    async fn move_office(&self, to: &str) {
        let home = format!("upstreams = [\"http://{}\"]", self.upstream.address);
        self.reload(|text| text.replace(&home, to)).await.unwrap();
    }

    async fn move_office_home(&self, from: &str) {
        let home = format!("upstreams = [\"http://{}\"]", self.upstream.address);
        self.reload(|text| text.replace(from, &home)).await.unwrap();
    }

    /// A request to the back office has ended because its client left.
    async fn somebody_left(&self) {
        let left = |record: &Record| match record {
            Record::Closed(closed) if closed.end == End::ClientLeft => Some(()),
            _ => None,
        };
        self.recorded(left).await;
    }
}

/// Presses Send, and leaves as soon as the back office has come so far.
async fn press_and_leave(browser: &mut Browser, page: &Reply, so_far: impl Future<Output = ()>) {
    tokio::select! {
        reply = press(browser, page, "kept-send") => panic!("answered with {}: {}", reply.status, reply.text()),
        () = so_far => (),
    }
}

#[tokio::test]
async fn who_leaves_while_the_back_office_is_slow_to_connect_finds_her_form_as_it_was() {
    let house = House::open_with(FRESH).await;
    let mut browser = writer(&house, "wang").await;
    let page = seen_again(&mut browser).await;
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, authority().pem()).unwrap();
    // It takes the connection, and says nothing.
    let slow = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = format!("upstreams = [\"https://localhost:{}\"]\nupstream_ca = '{}'", slow.local_addr().unwrap().port(), ca.display());
    house.move_office(&there).await;
    let mut held = None;
    press_and_leave(&mut browser, &page, async { held = Some(slow.accept().await.unwrap()) }).await;
    house.somebody_left().await;
    let again = browser.open(page.url.as_str()).await;
    assert!(forms::form(&again.text(), "kept-send").is_some(), "{}", again.text());
    house.move_office_home(&there).await;
    assert_eq!(press(&mut browser, &again, "kept-send").await.status, StatusCode::OK);
    assert_eq!(arrived(&house), 1);
}

#[tokio::test]
async fn who_leaves_once_it_has_left_is_told_that_it_was_sent() {
    for body in [BODY, ""] {
        let house = House::open_with(FRESH).await;
        let mut browser = writer(&house, "wang").await;
        let page = seen_again_with(&mut browser, body).await;
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = format!("upstreams = [\"http://{}\"]", silent.local_addr().unwrap());
        house.move_office(&there).await;
        let mut held = None;
        let arrives = async {
            let (mut stream, _) = silent.accept().await.unwrap();
            let mut seen = Vec::new();
            while String::from_utf8_lossy(&seen).split_once("\r\n\r\n").is_none_or(|(_, rest)| rest != body) {
                stream.read_buf(&mut seen).await.unwrap();
            }
            held = Some(stream);
        };
        press_and_leave(&mut browser, &page, arrives).await;
        house.somebody_left().await;
        house.move_office_home(&there).await;
        assert!(browser.open(page.url.as_str()).await.text().contains("was sent already"));
        assert!(press(&mut browser, &page, "kept-send").await.text().contains("was sent already"));
        assert_eq!(arrived(&house), 0);
    }
}

#[tokio::test]
async fn a_form_that_found_no_back_office_is_there_again_with_and_without_a_body() {
    for body in [BODY, ""] {
        let house = House::open_with(FRESH).await;
        let mut browser = writer(&house, "wang").await;
        let page = seen_again_with(&mut browser, body).await;
        let closed = crate::ports::free();
        let there = format!("upstreams = [\"http://{closed}\"]");
        house.move_office(&there).await;
        assert_eq!(press(&mut browser, &page, "kept-send").await.status, StatusCode::BAD_GATEWAY);
        house.move_office_home(&there).await;
        let again = browser.open(page.url.as_str()).await;
        assert_eq!(press(&mut browser, &again, "kept-send").await.status, StatusCode::OK, "{body:?}: {}", again.text());
        assert_eq!(arrived(&house), 1);
    }
}
