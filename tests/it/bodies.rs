//! Bodies: capped, streamed, and never left over for the next request.

use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;
use yumen::model::{End, Record};

use crate::house::{Changes, House, LEDGER, PORTAL, SITES};

#[tokio::test]
async fn a_body_over_the_cap_is_refused_before_the_back_office_sees_anything() {
    let app = "max_body = \"1KiB\"";
    let house = House::refusing_with(Changes { app, ..Changes::default() }).await;
    let mut browser = house.at_the_app("wang").await;
    let target = Url::parse(&format!("https://{SITES}/upload")).unwrap();
    let fields = [("origin", "https://sites.city.test")];
    let reply = browser.send(Method::POST, &target, &fields, vec![b'x'; 2000]).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    let house = House::open_with(Changes { app, ..Changes::default() }).await;
    let mut browser = house.in_the_app("wang").await;
    assert_eq!(browser.send(Method::POST, &target, &fields, vec![b'x'; 1000]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_connection_of_an_upload_that_broke_off_is_never_used_again() {
    let house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    let before = house.upstream.connections();
    let mut stream = browser.connect(SITES).await;
    let head = format!(
        "POST /broken HTTP/1.1\r\nHost: {SITES}\r\nOrigin: https://{SITES}\r\nCookie: {}\r\nContent-Length: 100\r\n\r\nGET /smuggled HTTP/1.1\r\n",
        browser.cookie_field(SITES)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..200 {
        if house.upstream.seen().contains("/smuggled") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    drop(stream);
    house
        .recorded(|record| match record {
            Record::Closed(closed) if closed.end == End::ClientLeft => Some(()),
            _ => None,
        })
        .await;
    let after = browser.open(&format!("https://{SITES}/after")).await;
    assert_eq!(after.status, StatusCode::OK);
    assert!(after.text().starts_with("GET /after HTTP/1.1\r\n"), "{}", after.text());
    assert!(house.upstream.connections() > before, "the aborted request's connection was used again");
}

#[tokio::test]
async fn an_upgrade_is_refused_where_the_app_does_not_allow_it() {
    let house = House::refusing().await;
    let browser = house.at_the_app("wang").await;
    let answer = crate::headers::raw(&browser, SITES, &upgrade(SITES, &format!("https://{SITES}"), &browser.cookie_field(SITES))).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}

#[tokio::test]
async fn a_web_socket_needs_a_session_and_the_apps_own_origin() {
    let app = "websocket = true";
    let house = House::refusing_with(Changes { app, ..Changes::default() }).await;
    let browser = house.at_the_app("wang").await;
    let cookies = browser.cookie_field(SITES);
    let own = format!("https://{SITES}");
    let stranger = crate::headers::raw(&browser, SITES, &upgrade(SITES, &own, "a=b")).await;
    assert!(stranger.starts_with("HTTP/1.1 401"), "{stranger}");
    for origin in ["https://evil.test", "null", "https://gate.city.test"] {
        let answer = crate::headers::raw(&browser, SITES, &upgrade(SITES, origin, &cookies)).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{origin}: {answer}");
    }
    let without = upgrade(SITES, &own, &cookies).replace(&format!("Origin: {own}\r\n"), "");
    assert!(crate::headers::raw(&browser, SITES, &without).await.starts_with("HTTP/1.1 403"));
    let refused = crate::headers::raw(&browser, LEDGER, &upgrade(LEDGER, &format!("https://{LEDGER}"), &cookies)).await;
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    let house = House::open_with(Changes { app, ..Changes::default() }).await;
    let browser = house.in_the_app("wang").await;
    let answer = crate::headers::raw(&browser, SITES, &upgrade(SITES, &own, &browser.cookie_field(SITES))).await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
}

#[tokio::test]
async fn a_web_socket_ends_with_the_session_even_when_nobody_moves() {
    let house = House::open_with(Changes { app: "websocket = true", ..Changes::default() }).await;
    let browser = house.in_the_app("wang").await;
    let mut stream = browser.connect(SITES).await;
    stream.write_all(upgrade(SITES, &format!("https://{SITES}"), &browser.cookie_field(SITES)).as_bytes()).await.unwrap();
    let mut head = [0; 512];
    let count = stream.read(&mut head).await.unwrap();
    assert!(head[..count].starts_with(b"HTTP/1.1 101"));
    house.disable("wang").await;
    let ended = tokio::time::timeout(crate::token_life::SOON, stream.read(&mut head)).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "still open: {ended:?}");
    house
        .recorded(|record| match record {
            Record::Closed(closed) if closed.end == End::Revoked && closed.status == 101 => Some(()),
            _ => None,
        })
        .await;
}

pub fn upgrade(host: &str, origin: &str, cookies: &str) -> String {
    format!(
        "GET /live HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nCookie: {cookies}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

#[tokio::test]
async fn the_forms_of_strangers_hold_so_much_and_no_more_and_others_still_get_their_turn() {
    let house = House::open().await;
    let mut flood = house.browser();
    flood.from = Some([127, 0, 0, 2].into());
    let head = format!(
        "POST /sign-in HTTP/1.1\r\nhost: {PORTAL}\r\norigin: https://{PORTAL}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 65536\r\n\r\n"
    );
    let mut held = Vec::new();
    // One byte short of whole, so that each stays under way; thirty-two of them are what one hand may hold.
    for _ in 0..40 {
        let mut stream = flood.connect(PORTAL).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        // Those past the share are answered while they still write.
        let _ = stream.write_all(&[b'a'; 65535]).await;
        held.push(stream);
    }
    let url = Url::parse(&format!("https://{PORTAL}/sign-in")).unwrap();
    let form = || Some((format!("https://{PORTAL}"), format!("name={}", "w".repeat(100))));
    let mut turned_away = None;
    for _ in 0..300 {
        let answer = flood.navigate(Method::POST, &url, form()).await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            turned_away = Some(answer);
            break;
        }
    }
    assert_eq!(turned_away.expect("the flood holds all that it likes").header("retry-after"), "5");
    let mut other = house.browser();
    assert_eq!(other.navigate(Method::POST, &url, form()).await.status, StatusCode::FORBIDDEN, "read, and found to lack its token");
    drop(held);
    for _ in 0..300 {
        if flood.navigate(Method::POST, &url, form()).await.status == StatusCode::FORBIDDEN {
            return;
        }
    }
    panic!("what was held is not given back");
}
