//! When something that a check needs does not work, the answer is no.

use http::{Method, StatusCode};
use url::Url;
use yumen::model::Role;

use crate::forms;
use crate::house::{Changes, House, PASSWORD, PORTAL, SITES, first_factor, sign_in};

#[tokio::test]
async fn without_a_log_nothing_reaches_a_back_office_and_no_page_is_shown() {
    let house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    let seen = house.upstream.seen().len();
    house.gateway().house().journal.shut_down().await;
    let target = Url::parse(&format!("https://{SITES}/after")).unwrap();
    for method in [Method::GET, Method::POST] {
        let fields = [("origin", "https://sites.city.test"), ("accept", "application/json")];
        let reply = browser.send(method.clone(), &target, &fields, "").await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{method}: {}", reply.text());
        assert!(reply.text().contains("no-record"), "{}", reply.text());
    }
    assert_eq!(house.upstream.seen().len(), seen);
    for path in ["/", "/sign-in", "/keys"] {
        let reply = browser.open(&format!("https://{PORTAL}{path}")).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
}

#[tokio::test]
async fn without_the_store_nobody_signs_in_or_enters_an_app() {
    let house = House::open().await;
    let mut inside = house.signed_in("li", Role::Member).await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    let page = browser.open(&format!("https://{PORTAL}/sign-in")).await;
    house.gateway().house().store.close().await;
    let page = first_factor(&mut browser, &page, "wang", PASSWORD).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(forms::form(&page.text(), "webauthn").is_none() && browser.cookie(PORTAL, "__Host-yumen").is_none());
    let page = inside.open(&format!("https://{SITES}/")).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(house.upstream.connections(), 0);
}

#[tokio::test]
async fn a_back_office_that_is_not_there_is_told_from_one_that_is() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let app = format!("upstreams = [\"http://{nobody}\"]");
    let house = House::open_with(Changes { app: &app, ..Changes::default() }).await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    let page = sign_in(&mut browser, &format!("https://{SITES}/"), "wang").await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert_eq!(crate::forms::text_of(&page.text(), "reference").as_deref(), Some(page.reference()));
}

#[tokio::test]
async fn the_gateway_answers_over_ipv6() {
    let house = House::open_with(Changes { listen: "[::1]", ..Changes::default() }).await;
    assert!(house.address.is_ipv6());
    let mut browser = house.in_the_app("wang").await;
    let seen = browser.open(&format!("https://{SITES}/")).await.text();
    assert!(seen.contains("forwarded: for=\"[::1]\""), "{seen}");
}

#[tokio::test]
async fn the_control_socket_and_the_secrets_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::open().await;
    for name in ["control.sock", "secret.key", "yumen.db", "lock"] {
        let mode = std::fs::metadata(house.data.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} has mode {mode:o}");
    }
    for entry in std::fs::read_dir(house.data.path().join("audit/journal")).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.path());
    }
}
