//! Metrics and health, as a machine that watches the gateway asks for them.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;
use yumen::model::Role;

use crate::house::{Changes, House, LEDGER, PASSWORD, PORTAL, SITES, first_factor};
use crate::scrape::{Figures, ask, say};

fn address(house: &House) -> SocketAddr {
    house.gateway().monitoring().expect("monitoring is on")
}

/// Asks until `/readyz` says yes: workers begin to accept a moment after the start.
async fn ready(house: &House) {
    for _ in 0..1000 {
        if ask(address(house), "GET", "/readyz").await.status == 200 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("never ready: {}", ask(address(house), "GET", "/readyz").await.body);
}

#[tokio::test]
async fn a_gateway_that_serves_is_healthy_and_ready() {
    let house = House::open().await;
    ready(&house).await;
    let health = ask(address(&house), "GET", "/healthz").await;
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
    assert_eq!(ask(address(&house), "GET", "/readyz").await.body, "ready\n");
    let figures = Figures::of(address(&house)).await;
    assert_eq!((figures.get("yumen_ready"), figures.get("yumen_log_ready")), (1.0, 1.0));
    assert_eq!(figures.get(&format!("yumen_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))), 1.0);
}

#[tokio::test]
async fn without_a_log_it_is_healthy_but_not_ready() {
    let house = House::open().await;
    ready(&house).await;
    house.gateway().house().journal.shut_down().await;
    let answer = ask(address(&house), "GET", "/readyz").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("audit log"), "{}", answer.body);
    assert_eq!(answer.body.lines().count(), 1, "a line for each reason");
    assert_eq!(ask(address(&house), "GET", "/healthz").await.status, 200);
    let figures = Figures::of(address(&house)).await;
    assert_eq!((figures.get("yumen_ready"), figures.get("yumen_log_ready")), (0.0, 0.0));
}

#[tokio::test]
async fn without_the_store_or_once_it_stops_it_is_not_ready() {
    let house = House::open().await;
    ready(&house).await;
    house.gateway().house().store.close().await;
    let answer = ask(address(&house), "GET", "/readyz").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("store"), "{}", answer.body);
    house.gateway().house().standing.stop();
    let answer = ask(address(&house), "GET", "/readyz").await;
    assert!(answer.body.contains("stopping") && answer.body.lines().count() == 2, "{}", answer.body);
}

#[tokio::test]
async fn while_it_drains_it_is_not_ready_and_says_so() {
    let watched = format!("listen = \"{}\"", crate::ports::free());
    let house = House::open_with(Changes { top: "[timeouts]\ndrain = \"10s\"", monitoring: &watched, ..Changes::default() }).await;
    let browser = house.in_the_app("wang").await;
    let (address, upstream) = (address(&house), house.upstream.clone());
    // A request whose body never ends keeps the gateway from stopping at once.
    let mut held = browser.connect(SITES).await;
    let fields = format!("Origin: https://{SITES}\r\nCookie: {}\r\nContent-Length: 5", browser.cookie_field(SITES));
    held.write_all(format!("POST /held HTTP/1.1\r\nHost: {SITES}\r\n{fields}\r\n\r\nx").as_bytes()).await.unwrap();
    while !upstream.seen().contains("/held") {
        tokio::task::yield_now().await;
    }
    let stopping = tokio::spawn(house.close());
    let told = loop {
        let answer = ask(address, "GET", "/readyz").await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!(told.status, 503);
    assert!(told.body.contains("stopping"), "{}", told.body);
    assert_eq!(ask(address, "GET", "/healthz").await.status, 200, "what is under way is still served");
    stopping.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody is left to say so");
}

#[tokio::test]
async fn requests_are_counted_by_app_and_by_what_came_of_them() {
    let house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    let before = Figures::of(address(&house)).await;
    for _ in 0..3 {
        browser.open(&format!("https://{SITES}/a")).await;
    }
    browser.open(&format!("https://{LEDGER}/")).await;
    let after = Figures::of(address(&house)).await;
    let grew = |series: &str| after.get(series) - if before.has(series) { before.get(series) } else { 0.0 };
    assert_eq!(grew("yumen_requests_total{app=\"sites\",outcome=\"allowed\"}"), 3.0);
    assert_eq!(grew("yumen_request_seconds_count{app=\"sites\"}"), 3.0);
    assert_eq!(grew("yumen_upstream_requests_total{app=\"sites\",outcome=\"answered\"}"), 3.0);
    assert_eq!(grew("yumen_requests_total{app=\"ledger\",outcome=\"allowed\"}"), 0.0);
    assert!(grew("yumen_requests_total{app=\"ledger\",outcome=\"refused\"}") >= 1.0);
    assert!(grew("yumen_refusals_total{app=\"ledger\",reason=\"sign-in-needed\"}") >= 1.0);
    assert!(grew("yumen_log_records_total") >= 8.0, "an opened and a closed record each");
    assert!(after.get("yumen_log_sync_seconds_count") > 0.0 && after.get("yumen_log_sequence") > 8.0);
    assert_eq!((after.get("yumen_sessions_open"), after.get("yumen_accounts_signed_in")), (1.0, 1.0));
    assert!(after.get("yumen_connections_accepted_total") >= 1.0 && after.get("process_open_fds") > 10.0);
    assert!(after.get("process_resident_memory_bytes") > 1e6);
    let days =
        (after.get(&format!("yumen_certificate_expiry_seconds{{host=\"{SITES}\"}}")) - after.get("process_start_time_seconds")) / 86_400.0;
    assert!(days > 1.0, "{days}");
}

#[tokio::test]
async fn sign_ins_are_counted_by_how_they_ended() {
    let house = House::open().await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    for name in ["wang", "nobody"] {
        let page = browser.open(&format!("https://{PORTAL}/sign-in")).await;
        first_factor(&mut browser, &page, name, "not the password").await;
    }
    let figures = Figures::of(address(&house)).await;
    let count = |figures: &Figures, outcome: &str| figures.get(&format!("yumen_sign_ins_total{{outcome=\"{outcome}\"}}"));
    assert_eq!((count(&figures, "wrong"), count(&figures, "signed-in")), (2.0, 0.0));
    house.clock.advance(Duration::from_secs(60));
    let page = browser.open(&format!("https://{PORTAL}/sign-in")).await;
    let page = first_factor(&mut browser, &page, "wang", PASSWORD).await;
    browser.use_key(&page).await;
    let figures = Figures::of(address(&house)).await;
    assert_eq!((count(&figures, "wrong"), count(&figures, "signed-in")), (2.0, 1.0));
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_seen() {
    let nobody = crate::ports::free();
    let app = format!("upstreams = [\"http://{nobody}\"]");
    let house = House::open_with(Changes { app: &app, ..Changes::default() }).await;
    let mut browser = house.signed_in("wang", Role::Member).await;
    let figures = Figures::of(address(&house)).await;
    assert_eq!(figures.get("yumen_upstreams_up{app=\"sites\"}"), 1.0);
    assert!(!figures.has("yumen_upstream_last_failure_seconds{app=\"sites\"}"));
    browser.open(&format!("https://{SITES}/")).await;
    let figures = Figures::of(address(&house)).await;
    assert_eq!(figures.get("yumen_upstreams_up{app=\"sites\"}"), 0.0);
    assert!(figures.get("yumen_upstream_last_failure_seconds{app=\"sites\"}") > 0.0);
    assert_eq!(figures.get("yumen_upstream_requests_total{app=\"sites\",outcome=\"failed\"}"), 1.0);
    assert_eq!(figures.get("yumen_requests_total{app=\"sites\",outcome=\"failed\"}"), 1.0);
    assert_eq!(figures.get("yumen_refusals_total{app=\"sites\",reason=\"upstream-unreachable\"}"), 1.0);
}

/// Requests of strangers to hosts, paths and with methods that nobody has.
async fn pester(house: &House, round: usize) {
    let mut stranger = house.browser();
    for host in [SITES, LEDGER, PORTAL] {
        for method in [Method::GET, Method::from_bytes(format!("X{round}").as_bytes()).unwrap()] {
            let target = Url::parse(&format!("https://{host}/{round}/%7Bround%7D?x={round}")).unwrap();
            stranger.send(method, &target, &[("accept", "application/json"), ("user-agent", &format!("agent {round}"))], "").await;
        }
        let head = format!("GET / HTTP/1.1\r\nHost: h{round}.test\r\nConnection: close\r\n\r\n");
        crate::headers::raw(&stranger, host, &head).await;
    }
}

#[tokio::test]
async fn strangers_cannot_make_the_figures_grow() {
    let house = House::open().await;
    pester(&house, 0).await;
    let before = Figures::of(address(&house)).await;
    for round in 1..10 {
        pester(&house, round).await;
    }
    let after = Figures::of(address(&house)).await;
    assert_eq!(after.series(), before.series());
    assert!(after.get("yumen_refusals_total{app=\"(nowhere)\",reason=\"malformed\"}") >= 27.0, "they were counted");
    assert_eq!(after.values("app"), ["(nowhere)", "(portal)", "ledger", "sites"].map(str::to_owned).into());
}

#[tokio::test]
async fn the_listener_answers_nothing_else_and_changes_nothing() {
    let house = House::open().await;
    ready(&house).await;
    for (method, path, status) in [
        ("GET", "/", 404),
        ("GET", "/console/accounts", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/readyz", 405),
        ("HEAD", "/healthz", 200),
    ] {
        let answer = ask(address(&house), method, path).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(!answer.head.contains("set-cookie") && (method != "HEAD" || answer.body.is_empty()));
    }
    let long = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
    assert_eq!(say(address(&house), &long).await.status, 431);
    let many = format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(200));
    assert_eq!(say(address(&house), &many).await.status, 431);
    let body = "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
    assert_eq!(say(address(&house), body).await.status, 405, "no body is waited for");
}

#[tokio::test]
async fn who_connects_and_says_nothing_is_cut_and_those_who_ask_wait_at_most_for_that() {
    let house = House::open().await;
    ready(&house).await;
    let mut silent = Vec::new();
    for _ in 0..16 {
        silent.push(TcpStream::connect(address(&house)).await.unwrap());
    }
    silent[1].write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX").await.unwrap();
    let mut asking = std::pin::pin!(ask(address(&house), "GET", "/healthz"));
    let early = tokio::time::timeout(Duration::from_millis(200), asking.as_mut()).await;
    assert!(early.is_err(), "all places were taken");
    silent.swap_remove(0);
    assert_eq!(asking.await.status, 200, "a place was given back");
    for mut connection in silent {
        let mut said = Vec::new();
        let _ = connection.read_to_end(&mut said).await;
        assert!(!said.starts_with(b"HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn monitoring_can_be_switched_off() {
    let house = House::open_with(Changes { monitoring: "enabled = false", ..Changes::default() }).await;
    assert_eq!(house.gateway().monitoring(), None);
    assert_eq!(house.in_the_app("wang").await.open(&format!("https://{SITES}/")).await.status, StatusCode::OK);
}
