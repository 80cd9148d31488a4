//! What runs ends with the token that opened it: lost, in whichever way that is said; copied; expired. And accounts that nobody uses.

use std::net::SocketAddr;
use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use yumen::admin::TokenEnd;
use yumen::model::{AccountName, AccountState, Action, Event, Record, Role, Serial, TokenState};
use yumen::store::StoredKey;

use crate::bodies::upgrade;
use crate::browser::Browser;
use crate::house::{Changes, House, PASSWORD, PORTAL, SITES, enrol, first_factor, sign_in};

/// Five seconds are promised; the rest is for a machine that does other work meanwhile.
pub const SOON: Duration = Duration::from_secs(30);

/// Opens every WebSocket, begins a download that never ends under `/slow`, and answers all else.
pub async fn endless() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                let mut buffer = [0; 4096];
                loop {
                    match stream.read(&mut buffer).await {
                        Ok(count @ 1..) => head.extend_from_slice(&buffer[..count]),
                        _ => return,
                    }
                    if !head.windows(4).any(|window| window == b"\r\n\r\n") {
                        continue;
                    }
                    let answer: &[u8] = match &head {
                        head if head.starts_with(b"GET /live ") => {
                            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                              Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
                        }
                        head if head.starts_with(b"GET /slow ") => b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nfirst bytes",
                        _ => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                    };
                    head.clear();
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

pub async fn house() -> House {
    let app = format!("websocket = true\nupstreams = [\"http://{}\"]", endless().await);
    House::open_with(Changes { app: &app, ..Changes::default() }).await
}

pub type Stream = Box<dyn AsyncRead + Unpin + Send>;

/// A WebSocket and a download that the browser's session has open.
pub async fn running(browser: &Browser) -> Vec<Stream> {
    let cookies = browser.cookie_field(SITES);
    let download = format!("GET /slow HTTP/1.1\r\nHost: {SITES}\r\nCookie: {cookies}\r\n\r\n");
    let socket = upgrade(SITES, &format!("https://{SITES}"), &cookies);
    let mut streams: Vec<Stream> = Vec::new();
    for (request, status, last) in [(socket, "101", "\r\n\r\n"), (download, "200", "first bytes")] {
        let mut stream = browser.connect(SITES).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains(last) {
            let mut buffer = [0; 1024];
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "it ended at once: {}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&buffer[..count]);
        }
        assert!(seen.starts_with(format!("HTTP/1.1 {status}").as_bytes()), "{}", String::from_utf8_lossy(&seen));
        streams.push(Box::new(stream));
    }
    streams
}

pub async fn end_within_five_seconds(streams: Vec<Stream>) {
    for mut stream in streams {
        let ended = tokio::time::timeout(SOON, stream.read(&mut [0; 64])).await;
        assert!(matches!(ended, Ok(Ok(0) | Err(_))), "still open: {ended:?}");
    }
}

pub async fn still_run(streams: &mut [Stream]) {
    for stream in streams {
        let silent = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut [0; 64])).await;
        assert!(silent.is_err(), "it ended or said something: {silent:?}");
    }
}

/// The serial number of the one token that she has.
async fn serial_of(house: &House, name: &str) -> Serial {
    let store = &house.gateway().house().store;
    let account = store.account_by_name(&AccountName::parse(name).unwrap()).await.unwrap().unwrap();
    store.tokens_of(account.id).await.unwrap().remove(0).serial
}

/// Her one key as it was before another just like it was used a hundred times.
pub async fn twin_was_used(house: &House, name: &str) -> StoredKey {
    let store = &house.gateway().house().store;
    let account = store.account_by_name(&AccountName::parse(name).unwrap()).await.unwrap().unwrap();
    let key = store.keys(account.id).await.unwrap().remove(0);
    let ahead = key.passkey.replace(&format!("\"counter\":{}", key.counter), &format!("\"counter\":{}", key.counter + 100));
    assert!(store.record_use(key.id, key.counter + 100, &ahead, house.clock.now()).await.unwrap());
    key
}

pub async fn event(house: &House, action: Action) -> Event {
    house
        .recorded(|record| match record {
            Record::Event(event) if event.action == action => Some(event.clone()),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn what_a_token_opened_ends_when_the_operator_says_that_it_is_lost() {
    let house = house().await;
    let browser = house.in_the_app("wang").await;
    let other = house.in_the_app("li").await;
    let (streams, mut others) = (running(&browser).await, running(&other).await);
    let (inner, serial) = (house.gateway().house(), serial_of(&house, "wang").await);
    inner.desk.stop_token(&house.office().await, &serial, TokenEnd::Lost, house.when()).await.unwrap();
    end_within_five_seconds(streams).await;
    still_run(&mut others).await;
    assert_eq!(event(&house, Action::TokenLost).await.details["serial"], serial.as_str());
}

#[tokio::test]
async fn what_a_token_opened_ends_when_staff_press_the_button() {
    let house = house().await;
    let browser = house.in_the_app("wang").await;
    let streams = running(&browser).await;
    let mut staff = house.signed_in("chen", Role::SecurityAdministrator).await;
    let serial = serial_of(&house, "wang").await;
    let page = staff.open(&format!("https://{PORTAL}/console/tokens/{serial}/lost")).await;
    let form = page.form(&format!("/console/tokens/{serial}/lost"));
    assert!(staff.submit(&page, &form).await.status.is_success());
    end_within_five_seconds(streams).await;
    let event = event(&house, Action::TokenLost).await;
    assert_eq!(event.who.map(|who| who.name.to_string()).as_deref(), Some("chen"));
}

#[tokio::test]
async fn what_a_token_opened_ends_when_its_owner_reports_it_lost() {
    let house = house().await;
    let mut browser = house.in_the_app("wang").await;
    let streams = running(&browser).await;
    let page = browser.open(&format!("https://{PORTAL}/keys")).await;
    let form = page.form("/keys/lost");
    let page = browser.submit(&page, &form).await;
    let form = page.form("prove-password").with("password", PASSWORD);
    let page = browser.submit(&page, &form).await;
    assert!(page.text().contains("keys-over"), "{}", page.text());
    end_within_five_seconds(streams).await;
    assert_eq!(event(&house, Action::TokenLost).await.details["name"], "wang");
}

#[tokio::test]
async fn a_key_of_which_there_are_two_is_suspended_and_what_it_opened_ends() {
    let house = house().await;
    let mut browser = house.in_the_app("wang").await;
    let streams = running(&browser).await;
    let (store, key) = (&house.gateway().house().store, twin_was_used(&house, "wang").await);
    let mut thief = house.browser();
    thief.take_key_from(&mut browser);
    let page = sign_in(&mut thief, &format!("https://{PORTAL}/"), "wang").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text().contains("may have been copied"), "{}", page.text());
    end_within_five_seconds(streams).await;
    assert_eq!(store.token(&key.serial).await.unwrap().unwrap().state, TokenState::Suspended);
    assert_eq!(house.state_of("wang").await, AccountState::Active);
    let event = event(&house, Action::KeyCounterWentBack).await;
    assert_eq!(event.details["serial"], key.serial.as_str());
    assert_eq!(event.details["counter-known"], (key.counter + 100).to_string());
    assert!(event.details.contains_key("counter-shown"));
    house.close().await;
}

#[tokio::test]
async fn a_token_expires_when_its_day_is_over_and_what_it_opened_ends() {
    let house = house().await;
    let browser = house.in_the_app("wang").await;
    let mut streams = running(&browser).await;
    let (store, serial) = (&house.gateway().house().store, serial_of(&house, "wang").await);
    store.limit_token(&serial, house.clock.wall().plus(Duration::from_secs(60))).await.unwrap();
    still_run(&mut streams).await;
    house.clock.advance(Duration::from_secs(61));
    end_within_five_seconds(streams).await;
    assert_eq!(event(&house, Action::TokenExpired).await.details["serial"], serial.as_str());
    assert_eq!(store.token(&serial).await.unwrap().unwrap().state, TokenState::Expired);
    house.close().await;
}

#[tokio::test]
async fn a_wall_clock_that_is_set_wrong_ends_what_a_dated_token_opened_but_not_the_token() {
    let house = house().await;
    let mut browser = house.in_the_app("wang").await;
    let streams = running(&browser).await;
    let (store, serial) = (&house.gateway().house().store, serial_of(&house, "wang").await);
    store.limit_token(&serial, house.clock.wall().plus(Duration::from_secs(3_000))).await.unwrap();
    house.clock.step_wall(3_600_000);
    end_within_five_seconds(streams).await;
    assert_eq!(store.token(&serial).await.unwrap().unwrap().state, TokenState::Active);
    house.clock.step_wall(-3_600_000);
    assert_eq!(sign_in(&mut browser, &format!("https://{SITES}/"), "wang").await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_app_on_a_phone_opens_what_its_label_allows_and_nothing_else() {
    let top = "[sign_in]\nper_address_per_minute = 1000\nper_account_per_minute = 1000\n[labels.internal]\nphone_app = true\n";
    let house = House::open_with(Changes { top, app: "factor = \"any\"", ..Changes::default() }).await;
    let mut browser = house.browser();
    let link = house.invite("wang", Role::Member).await;
    enrol(&mut browser, &link).await;
    sign_in(&mut browser, &format!("https://{PORTAL}/"), "wang").await;
    let page = browser.open(&format!("https://{PORTAL}/keys")).await;
    let form = page.form("phone-app");
    let page = browser.submit(&page, &form).await;
    let page = browser.use_key(&page).await;
    assert!(page.text().contains("<svg id=\"qr\""), "{}", page.text());
    let secret = crate::forms::text_of(&page.text(), "phone-secret").unwrap().replace(' ', "");
    let code = |later: u64| one_time_code(&secret, house.clock.wall().millis() / 1_000 + i64::try_from(later).unwrap());
    let wrong = page.form("show-token").with("code", "000000");
    let page = browser.submit(&page, &wrong).await;
    let form = page.form("show-token").with("code", &code(0));
    let page = browser.submit(&page, &form).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    assert!(!page.text().contains(&secret), "nobody sees it any more");

    house.clock.advance(Duration::from_secs(30));
    let mut phone = house.browser();
    let page = phone.open(&format!("https://{SITES}/")).await;
    let page = first_factor(&mut phone, &page, "wang", PASSWORD).await;
    let form = page.form("code-form").with("code", &code(0));
    let page = phone.submit(&page, &form).await;
    assert_eq!((page.status, page.url.host_str()), (StatusCode::OK, Some(SITES)), "{}", page.text());
    let page = phone.open(&format!("https://{PORTAL}/keys")).await;
    let form = page.form("/keys/add");
    let page = phone.submit(&page, &form).await;
    assert!(crate::forms::form(&page.text(), "prove-code").is_none(), "it proves nothing about tokens that cannot be copied");

    house.reload(|text| text.replace("phone_app = true", "phone_app = false")).await.unwrap();
    let page = phone.open(&format!("https://{SITES}/")).await;
    assert_eq!(page.url.path(), "/step-up", "{}", page.text());
    let page = browser.open(&format!("https://{PORTAL}/keys")).await;
    assert!(crate::forms::form(&page.text(), "phone-app").is_none());
}

/// By another implementation than the gateway's: RFC 6238 with its defaults, as `oathtool --totp -b` makes them.
fn one_time_code(secret: &str, unix_seconds: i64) -> String {
    let at = format!("@{unix_seconds}");
    match std::process::Command::new("oathtool").args(["--totp", "-b", "-N", &at, secret]).output() {
        Ok(output) => String::from_utf8(output.stdout).unwrap().trim().to_owned(),
        Err(_) => {
            let seed = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &seed);
            let tag = ring::hmac::sign(&key, &(unix_seconds / 30).to_be_bytes());
            let at = usize::from(tag.as_ref()[19] & 15);
            let number = u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
            format!("{:06}", number % 1_000_000)
        }
    }
}
