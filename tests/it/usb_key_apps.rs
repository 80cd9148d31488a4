//! An app that asks for the certificate on each connection: whose it takes, how long a connection lasts, and what ends one.

use std::time::Duration;

use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::client::TlsStream;
use url::Url;
use yumen::model::{End, Record, Role};

use crate::bodies::upgrade;
use crate::browser::{Browser, Reply};
use crate::city::City;
use crate::frames::{SETTINGS, frame, preface, read_frame};
use crate::house::{Changes, House, LEDGER, PORTAL, SITES, sign_in};
use crate::usb_key::{house_that_believes, show_card, sign_in_with_card, with_card};

const BOUND: &str = "binding = \"certificate\"\nwebsocket = true";
const HARDWARE: &str = "hardware_only = true";
/// Longer than a connection may last, so that being idle does not end it first.
const PATIENT: &str = "hardware_only = true\n[timeouts]\nidle = \"10m\"\nwrite_stall = \"10m\"";
const GOAWAY: u8 = 7;

fn app() -> String {
    format!("https://{SITES}/")
}

async fn in_the_app(house: &House, city: &City) -> Browser {
    let mut browser = with_card(house, "wang", &city.card("wang", 7)).await;
    let page = sign_in_with_card(&mut browser, &app()).await;
    assert_eq!((page.status, page.url.as_str()), (StatusCode::OK, app().as_str()), "{}", page.text());
    browser
}

async fn ask(browser: &mut Browser) -> Reply {
    browser.navigate(Method::GET, &Url::parse(&app()).unwrap(), None).await
}

async fn tunnel(browser: &Browser) -> TlsStream<tokio::net::TcpStream> {
    let mut stream = browser.connect(SITES).await;
    stream.write_all(upgrade(SITES, &format!("https://{SITES}"), &browser.cookie_field(SITES)).as_bytes()).await.unwrap();
    let mut head = [0; 512];
    let count = stream.read(&mut head).await.unwrap();
    assert!(head[..count].starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head[..count]));
    stream
}

/// Whether the gateway ends it, whatever it still sends.
async fn ends(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> bool {
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut Vec::new())).await.is_ok()
}

/// One request that leaves its connection open.
async fn status_over(stream: &mut TlsStream<tokio::net::TcpStream>, host: &str, cookies: &str) -> String {
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\nCookie: {cookies}\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    loop {
        stream.read_buf(&mut answer).await.unwrap();
        let text = String::from_utf8_lossy(&answer).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split_once("content-length: ").map_or(0, |(_, rest)| rest.split("\r\n").next().unwrap().parse().unwrap());
        if body.len() >= length {
            return text.chars().take(12).collect();
        }
    }
}

async fn closed(house: &House, end: End, status: u16) {
    house
        .recorded(|record| match record {
            Record::Closed(closed) if closed.end == end && closed.status == status => Some(()),
            _ => None,
        })
        .await;
}

#[tokio::test]
async fn her_own_certificate_on_the_connection_opens_the_app_and_nobody_elses_does() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, BOUND).await;
    let mut browser = in_the_app(&house, &city).await;
    assert_eq!(ask(&mut browser).await.status, StatusCode::OK);

    browser.plug_in(house.tls.clone());
    let refused = ask(&mut browser).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text().contains("showed no certificate"), "{}", refused.text());

    house.enrolled("li", Role::Member).await;
    let lis = city.card("li", 8);
    let mut li = house.browser();
    li.plug_in(lis.in_client(&house.tls));
    assert_eq!(sign_in_with_card(&mut li, &app()).await.status, StatusCode::OK);
    browser.plug_in(lis.in_client(&house.tls));
    let refused = ask(&mut browser).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text().contains("does not open this account"), "{}", refused.text());

    browser.plug_in(City::new().card("wang", 7).in_client(&house.tls));
    assert!(ask(&mut browser).await.text().contains("not trusted here"));
    browser.plug_in(city.card("wang", 7).in_client(&house.tls));
    assert!(
        ask(&mut browser).await.text().contains("does not open this account"),
        "another certificate of hers was not shown in this session"
    );
}

#[tokio::test]
async fn a_session_without_a_usb_key_proves_it_first_and_then_is_back() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, BOUND).await;
    let card = city.card("wang", 7);
    let mut browser = with_card(&house, "wang", &card).await;
    sign_in_with_card(&mut browser, &format!("https://{PORTAL}/")).await;
    browser.forget(PORTAL);
    sign_in(&mut browser, &format!("https://{PORTAL}/"), "wang").await;
    let page = browser.open(&format!("https://{SITES}/again")).await;
    assert_eq!(page.url.path(), "/step-up", "{}", page.text());
    let link = crate::forms::link(&page.text(), "use-usb-key").expect("a way to show the USB-KEY");
    let link = page.url.join(&link).unwrap();
    let instructions = browser.open(link.as_str()).await;
    let there = crate::forms::link(&instructions.text(), "show-usb-key").unwrap();
    let page = browser.open(&there).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/again"), "{}", page.text());
}

#[tokio::test]
async fn a_list_that_names_the_certificate_ends_an_open_web_socket_and_every_request() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, BOUND).await;
    let mut browser = in_the_app(&house, &city).await;
    let mut stream = tunnel(&browser).await;
    city.revoke(&[8]);
    house.gateway().house().refresh_trust().await;
    assert_eq!(ask(&mut browser).await.status, StatusCode::OK, "another one was revoked");
    browser.plug_in(city.card("wang", 8).in_client(&house.tls));
    assert!(ask(&mut browser).await.text().contains("was revoked"), "her session lives, but not on such a connection");
    browser.plug_in(city.card("wang", 7).in_client(&house.tls));
    city.revoke(&[7]);
    assert!(ends(&mut stream).await, "still open after 5 s");
    closed(&house, End::Revoked, 101).await;
    assert_ne!(ask(&mut browser).await.status, StatusCode::OK);
    let page = browser.open(&app()).await;
    assert!(show_card(&mut browser, &page).await.text().contains("was revoked"));
}

#[tokio::test]
async fn a_connection_lasts_five_minutes_at_most_whatever_is_under_way_on_it() {
    let city = City::new();
    let top = city.config(PATIENT);
    let house = House::open_with(Changes { top: &top, app: BOUND, ..Changes::default() }).await;
    let browser = in_the_app(&house, &city).await;
    let mut idle = browser.connect(SITES).await;
    assert_eq!(status_over(&mut idle, SITES, &browser.cookie_field(SITES)).await, "http/1.1 200");
    let mut working = tunnel(&browser).await;
    let mut ordinary = browser.connect(LEDGER).await;
    assert_eq!(status_over(&mut ordinary, LEDGER, "").await, "http/1.1 401");
    let mut config = (*house.tls).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut two = Browser::new(house.address, std::sync::Arc::new(config)).connect(SITES).await;
    two.write_all(&[preface(&[]), frame(SETTINGS, 1, 0, &[])].concat()).await.unwrap();
    // Once its own settings are acknowledged, the gateway has begun to speak HTTP/2 in earnest: before, there is nothing to say goodbye to.
    while !matches!(read_frame(&mut two).await.unwrap(), (SETTINGS, 1, ..)) {}

    house.clock.advance(Duration::from_secs(291));
    assert!(ends(&mut idle).await, "asked to end shortly before");
    let going_away = async {
        while let Ok((kind, ..)) = read_frame(&mut two).await {
            if kind == GOAWAY {
                return true;
            }
        }
        false
    };
    assert!(tokio::time::timeout(crate::token_life::SOON, going_away).await.unwrap_or(false), "no GOAWAY");
    working.write_all(&[0x89, 0x80, 0, 0, 0, 0]).await.unwrap();
    house.clock.advance(Duration::from_secs(10));
    assert!(ends(&mut working).await, "still open past its age");
    closed(&house, End::Expired, 101).await;
    assert!(!ends(&mut ordinary).await, "hosts that ask for none keep their connections");
}

#[tokio::test]
async fn a_connection_from_before_the_app_asked_for_certificates_serves_nothing_after() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "websocket = true").await;
    let browser = in_the_app(&house, &city).await;
    let mut stream = browser.connect(SITES).await;
    assert_eq!(status_over(&mut stream, SITES, &browser.cookie_field(SITES)).await, "http/1.1 200");
    let mut open = tunnel(&browser).await;
    house.reload(|text| text.replacen("websocket = true", BOUND, 1)).await.unwrap();
    assert_eq!(status_over(&mut stream, SITES, &browser.cookie_field(SITES)).await, "http/1.1 421");
    assert!(ends(&mut open).await, "a tunnel without a certificate stays open");
}
