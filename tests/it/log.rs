//! The log of a whole gateway.

use http::{Method, StatusCode};
use url::Url;
use yumen::model::{Action, End, Event, Outcome, Record, Role};

use crate::house::{Changes, House, PASSWORD, PORTAL, SITES, first_factor};

#[tokio::test]
async fn no_secret_is_ever_in_the_log() {
    let house = House::open().await;
    let link = house.invite("li", Role::Member).await;
    let mut browser = house.in_the_app("wang").await;
    browser.open(&format!("https://{SITES}/search?password=hunter2hunter2")).await;
    let mut secrets = vec![PASSWORD.to_owned(), "hunter2hunter2".to_owned(), link.split('#').nth(1).unwrap().to_owned()];
    for host in [PORTAL, SITES] {
        secrets.extend(browser.cookie(host, "__Host-yumen"));
    }
    let text = serde_json::to_string(&house.close().await).unwrap();
    for secret in &secrets {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn what_a_client_writes_cannot_forge_a_line() {
    let house = House::open().await;
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
