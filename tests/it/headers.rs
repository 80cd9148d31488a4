//! What a back office is told, and what nobody else can tell it.

use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use crate::browser::Browser;
use crate::house::{Changes, House, SITES};

/// Sends bytes as they are and reads until the gateway closes or has answered with a whole head and nothing more comes.
pub async fn raw(browser: &Browser, host: &str, bytes: &str) -> String {
    let mut stream = browser.connect(host).await;
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    let patience = std::time::Duration::from_secs(10);
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout(patience, stream.read(&mut chunk)).await {
        answer.extend_from_slice(&chunk[..count]);
        if answer.windows(4).any(|window| window == b"\r\n\r\n") && !bytes.contains("Connection: close") {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn root() -> Url {
    Url::parse(&format!("https://{SITES}/")).unwrap()
}

#[tokio::test]
async fn no_header_of_a_client_can_say_who_she_is() {
    let house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    let spoofed = [
        ("X-Forwarded-User", "root"),
        ("x-forwarded-user", "root"),
        ("X-FORWARDED-GROUPS", "root"),
        ("X-Forwarded-Email", "root@city.test"),
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-Host", "evil.test"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Anything", "root"),
        ("Forwarded", "for=203.0.113.9;host=evil.test"),
        ("X-Real-IP", "203.0.113.9"),
        ("Remote-User", "root"),
        ("X-Remote-User", "root"),
        ("X-Client-Cert", "root"),
        ("X-Original-URL", "/evil"),
        ("X-Rewrite-URL", "/evil"),
    ];
    let reply = browser.send(Method::GET, &root(), &spoofed, "").await;
    let seen = reply.text().to_ascii_lowercase();
    assert_eq!(reply.status, StatusCode::OK);
    for lie in ["root", "203.0.113.9", "evil"] {
        assert!(!seen.contains(lie), "{lie} reached the back office:\n{seen}");
    }
    for truth in [
        "x-forwarded-user: wang\r\n",
        "x-forwarded-email: wang@city.test\r\n",
        "x-forwarded-for: 127.0.0.1\r\n",
        "x-forwarded-proto: https\r\n",
        "x-forwarded-host: sites.city.test\r\n",
        "via: 1.1 yumen\r\n",
    ] {
        assert_eq!(seen.matches(truth).count(), 1, "{truth:?} in\n{seen}");
    }
}

#[tokio::test]
async fn a_field_name_with_an_underscore_is_refused_by_default() {
    let head = |browser: &Browser, extra: &str| {
        format!("GET / HTTP/1.1\r\nHost: {SITES}\r\nConnection: close\r\nCookie: {}\r\n{extra}\r\n", browser.cookie_field(SITES))
    };
    let house = House::refusing().await;
    let browser = house.at_the_app("wang").await;
    for name in ["X_Forwarded_User", "x-forwarded_user", "Anything_else"] {
        let answer = raw(&browser, SITES, &head(&browser, &format!("{name}: root\r\n"))).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{name}: {answer}");
    }
    let house = House::open().await;
    let browser = house.in_the_app("wang").await;
    assert!(raw(&browser, SITES, &head(&browser, "X-Other: 1\r\n")).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn an_app_that_takes_underscores_still_gets_no_identity_from_them() {
    let house = House::open_with(Changes { app: "allow_underscores = true", ..Changes::default() }).await;
    let mut browser = house.in_the_app("wang").await;
    let fields = [("x_forwarded_user", "root"), ("x-forwarded_groups", "root"), ("my_field", "kept")];
    let seen = browser.send(Method::GET, &root(), &fields, "").await.text();
    assert!(seen.contains("my_field: kept") && !seen.contains("root"), "{seen}");
}

#[tokio::test]
async fn connection_cannot_remove_what_the_gateway_sets() {
    let house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    let fields = [("connection", "close, X-Forwarded-User, x-forwarded-for, Forwarded, X-Mine"), ("x-mine", "gone")];
    let seen = browser.send(Method::GET, &root(), &fields, "").await.text().to_ascii_lowercase();
    assert!(seen.contains("x-forwarded-user: wang\r\n") && seen.contains("x-forwarded-for: 127.0.0.1\r\n"), "{seen}");
    assert!(!seen.contains("x-mine"), "{seen}");
}

#[tokio::test]
async fn the_gateways_cookies_go_neither_up_nor_come_down() {
    let house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    let session = browser.cookie(SITES, "__Host-yumen").unwrap();
    browser.set_cookie(SITES, "theirs", "mine");
    let reply = browser.send(Method::GET, &root(), &[], "").await;
    let seen = reply.text();
    assert!(seen.contains("theirs=mine") && !seen.contains("yumen=") && !seen.contains(&session), "{seen}");
    let set: Vec<&str> = reply.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(set, ["theirs=1"]);
    assert_eq!(browser.cookie(SITES, "__Host-yumen"), Some(session));
}
