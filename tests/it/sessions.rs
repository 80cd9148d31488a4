//! Whoever loses her right loses what is running too.

use std::time::Duration;

use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;
use yumen::model::{End, Record, Role};

use crate::bodies::upgrade;
use crate::house::{Changes, House, PORTAL, SITES, sign_in};

async fn status_in_the_app(browser: &mut crate::browser::Browser) -> StatusCode {
    browser.send(Method::GET, &Url::parse(&format!("https://{SITES}/")).unwrap(), &[("accept", "*/*")], "").await.status
}

#[tokio::test]
async fn signing_out_ends_the_session_on_every_host() {
    let house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    assert_eq!(status_in_the_app(&mut browser).await, StatusCode::OK);
    let page = browser.open(&format!("https://{PORTAL}/")).await;
    let form = page.form("sign-out");
    browser.submit(&page, &form).await;
    assert_eq!(status_in_the_app(&mut browser).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn signing_out_everywhere_ends_the_other_browser_too() {
    let house = House::open().await;
    let mut one = house.in_the_app("wang").await;
    // The same person with the same key at another machine.
    let mut two = house.browser();
    std::mem::swap(&mut one.key, &mut two.key);
    assert_eq!(sign_in(&mut two, &format!("https://{SITES}/"), "wang").await.status, StatusCode::OK);
    assert_eq!(status_in_the_app(&mut one).await, StatusCode::OK);
    let page = two.open(&format!("https://{PORTAL}/sessions")).await;
    let form = page.form("sign-out-everywhere");
    two.submit(&page, &form).await;
    for browser in [&mut one, &mut two] {
        assert_eq!(status_in_the_app(browser).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_disabled_account_is_out_at_once_and_an_enabled_one_must_sign_in_again() {
    let house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    house.disable("wang").await;
    assert_eq!(status_in_the_app(&mut browser).await, StatusCode::UNAUTHORIZED);
    let desk = &house.gateway().house().desk;
    desk.enable(&house.office().await, house.account_of("wang").await.id, house.clock.now()).await.unwrap();
    assert_eq!(status_in_the_app(&mut browser).await, StatusCode::UNAUTHORIZED);
    assert_eq!(sign_in(&mut browser, &format!("https://{SITES}/"), "wang").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_tightened_policy_applies_to_what_is_open_and_a_bad_config_to_nothing() {
    let house = House::open_with(Changes { app: "websocket = true", ..Changes::default() }).await;
    let mut browser = house.in_the_app("wang").await;
    let mut stream = browser.connect(SITES).await;
    stream.write_all(upgrade(SITES, &format!("https://{SITES}"), &browser.cookie_field(SITES)).as_bytes()).await.unwrap();
    let mut head = [0; 512];
    let count = stream.read(&mut head).await.unwrap();
    assert!(head[..count].starts_with(b"HTTP/1.1 101"));

    let refused = house.reload(|text| text.replace("label = \"internal\"", "label = \"top-secret\"")).await.unwrap_err();
    assert!(refused.contains("label"), "{refused}");
    assert_eq!(status_in_the_app(&mut browser).await, StatusCode::OK);

    let tightened = |text: &str| {
        let text = text.replace("label = \"top-secret\"", "label = \"internal\"");
        text.replace("roles = [\"member\", \"security-administrator\"]", "roles = [\"security-administrator\"]")
    };
    house.reload(tightened).await.unwrap();
    let ended = tokio::time::timeout(crate::token_life::SOON, stream.read(&mut head)).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "still open: {ended:?}");
    assert_eq!(status_in_the_app(&mut browser).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_session_too_old_for_an_app_is_renewed_there_and_goes_on_elsewhere() {
    let changes = Changes { top: "[labels.internal]\nidle = \"5m\"\noverall = \"1h\"\n", ..Changes::default() };
    let house = House::open_with(changes).await;
    let mut browser = house.in_the_app("wang").await;
    house.clock.advance(Duration::from_secs(6 * 60));
    assert_eq!(status_in_the_app(&mut browser).await, StatusCode::UNAUTHORIZED);
    // The portal's own limit is longer.
    assert_eq!(browser.open(&format!("https://{PORTAL}/keys")).await.url.path(), "/keys");
    house.clock.advance(Duration::from_secs(6 * 60));
    let before = browser.cookie(PORTAL, "__Host-yumen");
    let page = sign_in(&mut browser, &format!("https://{SITES}/again"), "wang").await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/again"), "{}", page.text());
    assert_ne!(browser.cookie(PORTAL, "__Host-yumen"), before);
}

#[tokio::test]
async fn an_app_with_a_tighter_idle_limit_is_not_kept_open_from_elsewhere() {
    let house = House::open_with(Changes { top: "[labels.internal]\nidle = \"5m\"\n", ..Changes::default() }).await;
    let mut browser = house.in_the_app("wang").await;
    let minutes = |count: u64| house.clock.advance(Duration::from_secs(60 * count));
    for _ in 0..3 {
        minutes(4);
        assert_eq!(status_in_the_app(&mut browser).await, StatusCode::OK, "who works there stays");
    }
    minutes(3);
    assert_eq!(browser.open(&format!("https://{PORTAL}/keys")).await.url.path(), "/keys");
    minutes(3);
    assert_eq!(browser.open(&format!("https://{PORTAL}/keys")).await.url.path(), "/keys");
    assert_eq!(status_in_the_app(&mut browser).await, StatusCode::UNAUTHORIZED);
    let page = browser.open(&format!("https://{SITES}/again")).await;
    assert_eq!(page.url.path(), "/sign-in", "the portal hands nobody over who was away from the app");
    browser.forget(SITES);
    assert_eq!(browser.open(&format!("https://{SITES}/again")).await.url.path(), "/sign-in", "without her cookie neither");
    let page = sign_in(&mut browser, &format!("https://{SITES}/again"), "wang").await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/again"));
}

/// A WebSocket of the app's.
async fn web_socket(browser: &crate::browser::Browser) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
    let mut stream = browser.connect(SITES).await;
    stream.write_all(upgrade(SITES, &format!("https://{SITES}"), &browser.cookie_field(SITES)).as_bytes()).await.unwrap();
    let mut head = [0; 512];
    let count = stream.read(&mut head).await.unwrap();
    assert!(head[..count].starts_with(b"HTTP/1.1 101"));
    stream
}

#[tokio::test]
async fn a_web_socket_ends_when_she_is_away_from_its_app() {
    let top = "[labels.internal]\nidle = \"5m\"\n";
    let house = House::open_with(Changes { top, app: "websocket = true", ..Changes::default() }).await;
    let mut browser = house.in_the_app("wang").await;
    let mut stream = web_socket(&browser).await;
    for _ in 0..2 {
        house.clock.advance(Duration::from_secs(3 * 60));
        assert_eq!(browser.open(&format!("https://{PORTAL}/keys")).await.url.path(), "/keys");
    }
    let ended = tokio::time::timeout(crate::token_life::SOON, stream.read(&mut [0; 64])).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "still open: {ended:?}");
    house
        .recorded(|record| match record {
            Record::Closed(closed) if closed.end == End::Expired && closed.status == 101 => Some(()),
            _ => None,
        })
        .await;
}

/// Waits until the only session was active at the clock's time.
async fn active_now(house: &House) {
    let is_active = || house.gateway().house().auth.sessions.list_all()[0].last_active == house.clock.now();
    for _ in 0..2_400 {
        if is_active() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("what she sent did not count as activity");
}

#[tokio::test]
async fn what_she_sends_on_a_web_socket_is_activity_where_all_requests_are() {
    let top = "[session]\nactivity = \"any\"\n";
    let house = House::open_with(Changes { top, app: "websocket = true", ..Changes::default() }).await;
    let browser = house.in_the_app("wang").await;
    let mut stream = web_socket(&browser).await;
    for _ in 0..2 {
        house.clock.advance(Duration::from_secs(10 * 60));
        stream.write_all(b"a frame").await.unwrap();
        active_now(&house).await;
    }
}

#[tokio::test]
async fn a_long_upload_is_activity_as_long_as_it_comes() {
    let house = House::open().await;
    let browser = house.in_the_app("wang").await;
    let mut stream = browser.connect(SITES).await;
    let head = format!(
        "POST /upload HTTP/1.1\r\nHost: {SITES}\r\nOrigin: https://{SITES}\r\nCookie: {}\r\nContent-Length: 8\r\n\r\nab",
        browser.cookie_field(SITES)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..2_400 {
        if house.upstream.seen().ends_with("\r\n\r\nab") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    for _ in 0..2 {
        house.clock.advance(Duration::from_secs(10 * 60));
        stream.write_all(b"cd").await.unwrap();
        active_now(&house).await;
    }
    stream.write_all(b"ef").await.unwrap();
    let mut answer = [0; 64];
    let count = stream.read(&mut answer).await.unwrap();
    assert!(answer[..count].starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn an_idle_session_ends_and_a_busy_one_ends_at_its_overall_limit() {
    let house = House::open().await;
    let mut idle = house.signed_in("idle", Role::Member).await;
    let mut busy = house.signed_in("busy", Role::Member).await;
    let keys = format!("https://{PORTAL}/keys");
    for minutes in (0..12 * 60).step_by(14) {
        let page = busy.open(&keys).await;
        assert_eq!(page.url.path(), "/keys", "after {minutes} minutes");
        if minutes == 14 * 2 {
            assert_eq!(idle.open(&keys).await.url.path(), "/sign-in");
        }
        house.clock.advance(Duration::from_secs(14 * 60));
    }
    assert_eq!(busy.open(&keys).await.url.path(), "/sign-in");
}

#[tokio::test]
async fn polling_in_the_background_keeps_no_session_alive() {
    let house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    let poll = [("sec-fetch-mode", "cors"), ("accept", "application/json")];
    let front = Url::parse(&format!("https://{SITES}/")).unwrap();
    for _ in 0..2 {
        house.clock.advance(Duration::from_secs(8 * 60));
        browser.send(Method::GET, &front, &poll, "").await;
    }
    assert_eq!(status_in_the_app(&mut browser).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn staff_can_try_an_invitation_in_a_browser_that_is_signed_in() {
    let house = House::open().await;
    let mut admin = house.signed_in("admin", Role::SecurityAdministrator).await;
    let link = house.invite("li", Role::Member).await;
    crate::house::enrol(&mut admin, &link).await;
    assert_eq!(admin.open(&format!("https://{PORTAL}/keys")).await.url.path(), "/keys");
}

#[tokio::test]
async fn sessions_outlive_a_restart_and_signed_out_ones_do_not_come_back() {
    let mut house = House::open().await;
    let mut stays = house.signed_in("wang", Role::Member).await;
    let mut gone = house.signed_in("li", Role::Member).await;
    let cookie = gone.cookie(PORTAL, "__Host-yumen").unwrap();
    let page = gone.open(&format!("https://{PORTAL}/")).await;
    let form = page.form("sign-out");
    gone.submit(&page, &form).await;
    gone.set_cookie(PORTAL, "__Host-yumen", &cookie);
    house.restart().await;
    for browser in [&mut stays, &mut gone] {
        browser.address = house.address;
    }
    let keys = format!("https://{PORTAL}/keys");
    assert_eq!(stays.open(&keys).await.url.path(), "/keys");
    assert_eq!(gone.open(&keys).await.url.path(), "/sign-in");
}

#[tokio::test]
async fn where_somebody_is_signed_in_is_still_familiar_after_a_restart() {
    let mut house = House::open_with(Changes { top: "[sign_in]\nper_account_per_minute = 2\n", ..Changes::default() }).await;
    let owner = house.signed_in("wang", Role::Member).await;
    house.restart().await;
    let try_from = async |from: Option<[u8; 4]>| {
        let mut browser = house.browser();
        browser.from = from.map(Into::into);
        let page = browser.open(&format!("https://{PORTAL}/sign-in")).await;
        crate::house::first_factor(&mut browser, &page, "wang", "a wrong password").await.status
    };
    for last in [2, 3] {
        assert_eq!(try_from(Some([127, 0, 0, last])).await, StatusCode::FORBIDDEN);
    }
    assert_eq!(try_from(Some([127, 0, 0, 4])).await, StatusCode::TOO_MANY_REQUESTS, "strange networks used up what the account has");
    assert_eq!(try_from(None).await, StatusCode::FORBIDDEN, "but not where its owner is");
    drop(owner);
}

#[tokio::test]
async fn the_list_of_sessions_says_in_words_which_browser_it_is() {
    let house = House::open().await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    browser.agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    sign_in(&mut browser, &format!("https://{PORTAL}/"), "wang").await;
    let page = browser.open(&format!("https://{PORTAL}/sessions")).await;
    let title = format!("<bdi title=\"{}\">Firefox on Linux</bdi>", browser.agent);
    assert!(page.text().contains(&title), "{}", page.text());
}

#[tokio::test]
async fn a_session_too_old_for_an_app_is_renewed_by_a_key_alone_too() {
    let changes = Changes { top: "[labels.internal]\nidle = \"5m\"\noverall = \"1h\"\n", ..Changes::default() };
    let house = House::open_with(changes).await;
    let mut browser = house.in_the_app("wang").await;
    house.clock.advance(Duration::from_secs(6 * 60));
    let before = browser.cookie(PORTAL, "__Host-yumen");
    let page = browser.open(&format!("https://{SITES}/again")).await;
    assert_eq!(page.url.path(), "/sign-in");
    assert_eq!(browser.cookie(PORTAL, "__Host-yumen-step"), None, "who is signed in holds no step");
    let form = page.form("key-first");
    let page = browser.submit(&page, &form).await;
    let page = browser.use_key(&page).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/again"), "{}", page.text());
    assert_ne!(browser.cookie(PORTAL, "__Host-yumen"), before);
}

#[tokio::test]
async fn on_record_is_whether_somebody_must_sign_in_or_only_do_so_again() {
    let house = House::open_with(Changes { top: "[labels.internal]\nidle = \"5m\"\n", ..Changes::default() }).await;
    let mut browser = house.in_the_app("wang").await;
    house.clock.advance(Duration::from_secs(6 * 60));
    let url = Url::parse(&format!("https://{SITES}/again")).unwrap();
    for (who, reason) in [(browser, "sign-in-again"), (house.browser(), "sign-in-needed")] {
        browser = who;
        let sent = browser.navigate(Method::GET, &url, None).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER);
        let rule = house.recorded(|record| match record {
            Record::Opened(opened) if opened.reference.as_str() == sent.reference() => Some(opened.rule.clone()),
            _ => None,
        });
        assert_eq!(rule.await, reason);
    }
}

#[tokio::test]
async fn where_somebody_signed_in_is_known_after_her_session_and_a_restart() {
    let top = "[sign_in]\nper_account_per_minute = 1\n";
    let mut house = House::open_with(Changes { top, ..Changes::default() }).await;
    let mut owner = house.signed_in("wang", Role::Member).await;
    let page = owner.open(&format!("https://{PORTAL}/")).await;
    let form = page.form("sign-out");
    owner.submit(&page, &form).await;
    house.restart().await;
    let mut answers = Vec::new();
    for last in [2, 3] {
        let mut stranger = house.browser();
        stranger.from = Some([127, 0, 0, last].into());
        let page = stranger.open(&format!("https://{PORTAL}/sign-in")).await;
        answers.push(crate::house::first_factor(&mut stranger, &page, "wang", "a wrong password").await.status);
    }
    assert_eq!(answers, [StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS], "the account's quota is spent");
    owner.address = house.address;
    assert_eq!(sign_in(&mut owner, &format!("https://{SITES}/"), "wang").await.status, StatusCode::OK);
}
