//! The log of a whole gateway.

use http::{Method, StatusCode};
use url::Url;
use yumen::model::{Action, End, Record, Role};

use crate::house::{House, PASSWORD, PORTAL, SITES};

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
