//! Signing in with the certificate of a USB-KEY, on the host that asks for one; and every way in which it must not.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{Method, StatusCode};
use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose, date_time_ymd};
use rustls::HandshakeKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;
use yumen::admin::TokenEnd;
use yumen::clock::Time;
use yumen::model::{Action, Factor, Outcome, Record, Role, TokenId};
use yumen::store::NewCertificate;

use crate::browser::{Browser, Reply};
use crate::city::{Card, City};
use crate::forms;
use crate::house::{Changes, House, KEY, PASSWORD, PORTAL, SITES, first_factor};

const HARDWARE: &str = "hardware_only = true";

pub async fn house_that_believes(city: &City, more: &str, app: &str) -> House {
    let top = city.config(more);
    House::open_with(Changes { top: &top, app, ..Changes::default() }).await
}

/// A certificate in the books of the house, which nobody holds.
pub fn certificate(token: TokenId, now: Time) -> NewCertificate {
    NewCertificate {
        token,
        fingerprint: [7; 32],
        number: "07".to_owned(),
        subject: "CN=somebody".to_owned(),
        issuer: "CN=city".to_owned(),
        not_after: now.plus(Duration::from_secs(3_600)),
        chain: None,
    }
}

/// The person has enrolled with a security key, and stands before the sign-in page with her card plugged in.
pub async fn with_card(house: &House, name: &str, card: &Card) -> Browser {
    let mut browser = house.enrolled(name, Role::Member).await;
    browser.plug_in(card.in_client(&house.tls));
    browser
}

/// From the sign-in page to the answer of the host that asks for certificates.
pub async fn show_card(browser: &mut Browser, page: &Reply) -> Reply {
    let instructions = browser.submit(page, &page.form("usb-key")).await;
    let link = forms::link(&instructions.text(), "show-usb-key").expect("the way to the other host");
    assert!(link.starts_with(&format!("https://{KEY}/show?request=")), "{link}");
    browser.navigate(Method::GET, &Url::parse(&link).unwrap(), None).await
}

/// The same, and back at the portal.
pub async fn sign_in_with_card(browser: &mut Browser, url: &str) -> Reply {
    let page = browser.open(url).await;
    let shown = show_card(browser, &page).await;
    browser.go_on(shown).await
}

fn portal() -> String {
    format!("https://{PORTAL}/")
}

async fn factor_of_sign_in(house: &House) -> Factor {
    let signed_in = |record: &Record| match record {
        Record::Event(event) if event.action == Action::SignIn && event.outcome == Outcome::Done => event.who.as_ref()?.factor,
        _ => None,
    };
    house.recorded(signed_in).await
}

pub async fn why_refused(house: &House) -> BTreeMap<String, String> {
    let refused = |record: &Record| match record {
        Record::Event(event) if event.action == Action::UsbKeyShown && event.outcome == Outcome::Failed => Some(event.details.clone()),
        _ => None,
    };
    house.recorded(refused).await
}

#[tokio::test]
async fn a_certificate_of_an_authority_for_hardware_alone_signs_its_holder_in() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "").await;
    let mut browser = with_card(&house, "wang", &city.card("wang", 7)).await;
    let page = sign_in_with_card(&mut browser, &portal()).await;
    assert_eq!((page.status, page.url.as_str()), (StatusCode::OK, portal().as_str()), "{}", page.text());
    assert_eq!(factor_of_sign_in(&house).await, Factor::UsbKey);
    assert!(browser.cookie(KEY, "__Host-yumen").is_none() && browser.cookie_field(KEY).is_empty());
    let first_use = house.recorded(|record| match record {
        Record::Event(event) if event.action == Action::TokenActivated => Some(event.details.clone()),
        _ => None,
    });
    assert_eq!(first_use.await["name"], "wang");
    let keys = browser.open(&format!("https://{PORTAL}/keys")).await;
    assert!(keys.text().contains("C-"), "it is listed among her tokens");
}

#[tokio::test]
async fn a_certificate_of_any_other_authority_is_one_factor_and_the_password_the_other() {
    let city = City::new();
    let house = house_that_believes(&city, "", "").await;
    let card = city.card("wang", 7);
    let mut browser = with_card(&house, "wang", &card).await;
    let page = sign_in_with_card(&mut browser, &portal()).await;
    assert!(browser.cookie(PORTAL, "__Host-yumen").is_none(), "a certificate alone opened a session");
    let wrong = browser.submit(&page, &page.form("usb-key-password").with("password", "another password")).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    let page = browser.submit(&wrong, &wrong.form("usb-key-password").with("password", PASSWORD)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    assert_eq!(factor_of_sign_in(&house).await, Factor::PasswordAndUsbKey);

    let mut second = house.browser();
    second.plug_in(card.in_client(&house.tls));
    let page = second.open(&portal()).await;
    let page = first_factor(&mut second, &page, "wang", PASSWORD).await;
    let shown = show_card(&mut second, &page).await;
    let page = second.go_on(shown).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/"), "{}", page.text());
}

#[tokio::test]
async fn every_certificate_that_is_not_good_is_refused_with_a_page_that_says_what_to_do_and_put_on_record() {
    let (city, other) = (City::new(), City::new());
    city.revoke(&[66]);
    // As many refusals of strangers as this makes are recorded one by one.
    let more = format!("{HARDWARE}\n[log]\nstrangers_per_minute = 10000\nstrangers_per_minute_overall = 100000");
    let house = house_that_believes(&city, &more, "").await;
    house.enrolled("wang", Role::Member).await;
    let expired = city.card_with("wang", 1, |card| card.not_after = date_time_ymd(2021, 1, 1));
    let for_encryption = city.card_with("wang", 2, |card| card.key_usages = vec![KeyUsagePurpose::KeyEncipherment]);
    let for_servers = city.card_with("wang", 3, |card| card.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    for (card, told, word) in [
        (expired, "expired", "certificate-expired"),
        (city.card("wang", 66), "revoked", "certificate-revoked"),
        (other.card("wang", 7), "not trusted here", "certificate-unknown-authority"),
        (for_encryption, "not meant for signing in", "certificate-not-for-client-login"),
        (for_servers, "not meant for signing in", "certificate-not-for-client-login"),
        (city.card("nobody", 8), "does not open this account", "not there or not active"),
    ] {
        let mut browser = house.browser();
        browser.plug_in(card.in_client(&house.tls));
        let page = browser.open(&portal()).await;
        let refused = show_card(&mut browser, &page).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{word}");
        assert!(refused.text().contains(told), "{word}: {}", refused.text());
        assert!(refused.text().contains("try-again"));
        let reference = refused.reference().to_owned();
        let details = house.recorded(|record| match record {
            Record::Event(event) if event.reference.as_ref().is_some_and(|known| known.as_str() == reference) => {
                Some(event.details.clone())
            }
            _ => None,
        });
        let details = details.await;
        assert!(details["why"].contains(word), "{details:?}");
        assert_eq!(details.contains_key("subject"), word == "not there or not active", "names are taken from good certificates alone");
        assert!(browser.cookie(PORTAL, "__Host-yumen").is_none());
    }
}

#[tokio::test]
async fn without_a_certificate_or_with_a_list_out_of_date_nobody_gets_in_and_the_same_request_may_be_tried_again() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "").await;
    let card = city.card("wang", 7);
    let mut browser = house.enrolled("wang", Role::Member).await;
    let page = browser.open(&portal()).await;
    let refused = show_card(&mut browser, &page).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text().contains("showed no certificate"));
    assert_eq!(refused.header("connection"), "close", "the next try must be a handshake of its own");
    assert_eq!(why_refused(&house).await["why"], "certificate-missing");

    city.forget_the_list();
    house.gateway().house().refresh_trust().await;
    browser.plug_in(card.in_client(&house.tls));
    let stale = browser.navigate(Method::GET, &refused.url, None).await;
    assert!(stale.text().contains("cannot be checked at the moment"), "{}", stale.text());

    city.revoke(&[]);
    house.gateway().house().refresh_trust().await;
    let shown = browser.navigate(Method::GET, &refused.url, None).await;
    assert_eq!(shown.status, StatusCode::SEE_OTHER, "{}", shown.text());
    assert_eq!(browser.go_on(shown).await.status, StatusCode::OK);
}

#[tokio::test]
async fn after_a_right_password_another_persons_certificate_is_refused_and_counts() {
    let city = City::new();
    let top = format!(
        "{}\n[sign_in]\nfailures_until_suspended = 3\nper_address_per_minute = 1000\nper_account_per_minute = 1000",
        city.config(HARDWARE)
    );
    let house = House::open_with(Changes { top: &top, ..Changes::default() }).await;
    house.enrolled("li", Role::Member).await;
    let mut thief = with_card(&house, "wang", &city.card("li", 7)).await;
    let page = thief.open(&portal()).await;
    let page = first_factor(&mut thief, &page, "wang", PASSWORD).await;
    let mut refused = show_card(&mut thief, &page).await;
    assert!(refused.text().contains("does not open this account"), "{}", refused.text());
    for _ in 0..2 {
        house.clock.advance(Duration::from_secs(60));
        refused = thief.navigate(Method::GET, &refused.url, None).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }
    let alarm = house.recorded(|record| match record {
        Record::Event(event) if event.action == Action::KeyAnswersMadeUp => Some(event.details.clone()),
        _ => None,
    });
    assert_eq!(alarm.await["name"], "wang");
    let page = thief.open(&format!("https://{PORTAL}/sign-in/key")).await;
    assert!(forms::form(&page.text(), "webauthn").is_none(), "the password must be given again");
}

#[tokio::test]
async fn a_code_is_worth_something_once_for_thirty_seconds_in_the_browser_that_asked() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "").await;
    let card = city.card("wang", 7);
    let mut browser = with_card(&house, "wang", &card).await;
    let page = browser.open(&portal()).await;
    let shown = show_card(&mut browser, &page).await;
    let code = Url::parse(shown.header("location")).unwrap();

    let mut thief = house.browser();
    thief.open(&portal()).await;
    let stolen = thief.navigate(Method::GET, &code, None).await;
    assert_eq!(stolen.status, StatusCode::FORBIDDEN);
    assert!(thief.cookie(PORTAL, "__Host-yumen").is_none());
    let entered = browser.navigate(Method::GET, &code, None).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "a thief's try does not spend it: {}", entered.text());
    assert!(browser.cookie(PORTAL, "__Host-yumen").is_some());
    browser.forget(PORTAL);
    browser.open(&portal()).await;
    let again = browser.navigate(Method::GET, &code, None).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert!(browser.cookie(PORTAL, "__Host-yumen").is_none());

    let page = browser.open(&portal()).await;
    let shown = show_card(&mut browser, &page).await;
    house.clock.advance(Duration::from_secs(31));
    let late = browser.navigate(Method::GET, &Url::parse(shown.header("location")).unwrap(), None).await;
    assert_eq!(late.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_host_of_usb_keys_resumes_nothing_and_gives_nothing_to_resume() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "").await;
    let card = city.card("wang", 7);
    for versions in [&[&rustls::version::TLS13][..], &[&rustls::version::TLS12]] {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(house.authority.clone()).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let tls = card.in_client(&tls.with_root_certificates(roots).with_no_client_auth());
        let browser = Browser::new(house.address, tls);
        for (host, resumed) in [(PORTAL, HandshakeKind::Resumed), (KEY, HandshakeKind::Full)] {
            let mut kinds = Vec::new();
            for _ in 0..2 {
                let mut stream = browser.connect(host).await;
                stream
                    .write_all(format!("GET /assets/none HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())
                    .await
                    .unwrap();
                let _ = stream.read_to_end(&mut Vec::new()).await;
                kinds.push(stream.get_ref().1.handshake_kind().unwrap());
                let tickets = stream.get_ref().1.tls13_tickets_received();
                assert!(host == PORTAL || tickets == 0, "{tickets} tickets");
            }
            assert_eq!(kinds, [HandshakeKind::Full, resumed], "{host}");
        }
    }
}

#[tokio::test]
async fn a_connection_serves_the_host_that_it_was_made_for_and_no_other() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "").await;
    let mut browser = house.browser();
    browser.plug_in(city.card("wang", 7).in_client(&house.tls));
    for (sni, host) in [(PORTAL, KEY), (KEY, PORTAL), (SITES, KEY), (KEY, SITES)] {
        let mut stream = browser.connect(sni).await;
        stream.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        assert!(answer.starts_with("HTTP/1.1 421"), "{sni} {host}: {answer}");
    }
}

#[tokio::test]
async fn nothing_else_is_served_there_whoever_asks() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "").await;
    let mut browser = with_card(&house, "wang", &city.card("wang", 7)).await;
    sign_in_with_card(&mut browser, &portal()).await;
    let session = browser.cookie(PORTAL, "__Host-yumen").unwrap();
    browser.set_cookie(KEY, "__Host-yumen", &session);
    for path in ["/", "/keys", "/sign-in", "/console/accounts", "/.yumen/enter", "/show/x"] {
        let reply = browser.navigate(Method::GET, &Url::parse(&format!("https://{KEY}{path}")).unwrap(), None).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
    }
    let url = Url::parse(&format!("https://{KEY}/show?request=x")).unwrap();
    let post = browser.navigate(Method::POST, &url, Some((format!("https://{KEY}"), String::new()))).await;
    assert_eq!(post.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.navigate(Method::GET, &url, None).await.status, StatusCode::BAD_REQUEST, "nobody asked");
}

#[tokio::test]
async fn a_usb_key_that_was_reported_lost_opens_nothing_any_more() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "").await;
    let mut browser = with_card(&house, "wang", &city.card("wang", 7)).await;
    sign_in_with_card(&mut browser, &portal()).await;
    let serial = house.recorded(|record| match record {
        Record::Event(event) if event.action == Action::TokenActivated => event.details.get("serial").cloned(),
        _ => None,
    });
    let serial = yumen::model::Serial::parse(&serial.await).unwrap();
    let office = house.office().await;
    let desk = &house.gateway().house().desk;
    desk.stop_token(&office, &serial, TokenEnd::Lost, house.when()).await.unwrap();
    let page = browser.open(&portal()).await;
    assert!(forms::form(&page.text(), "sign-in").is_some(), "her session has ended");
    let refused = show_card(&mut browser, &page).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let refused = why_refused(&house).await;
    assert_eq!(["why", "kind", "state", "name"].map(|detail| refused[detail].as_str()), ["revoked", "usb-key", "lost", "wang"]);
}
