//! A form that is refused for want of a proof: kept, shown, and sent once, by the one who posted it and by nobody else.

use std::time::Duration;

use http::{Method, StatusCode};
use url::Url;
use yumen::model::{Action, Decision, Record};

use crate::browser::{Browser, Reply};
use crate::forms::{self, Form};
use crate::house::{Changes, House, LEDGER, PORTAL, SITES, sign_in};
use crate::step_up::{FRESH, SIX_MINUTES};

/// She is told that the form is kept, and led on.
const KEPT: StatusCode = StatusCode::UNAUTHORIZED;
pub const BODY: &str = "title=secret+plans&password=hunter2";

fn publish() -> Url {
    Url::parse(&format!("https://{SITES}/publish/7?draft=1")).unwrap()
}

/// Somebody in the app, whose sign-in is too long ago for publishing.
pub async fn writer(house: &House, name: &str) -> Browser {
    let browser = house.in_the_app(name).await;
    house.clock.advance(SIX_MINUTES);
    browser
}

/// What a browser sends for a form of the app's own page, and where it is led.
async fn post(browser: &mut Browser, fields: &[(&str, &str)], body: impl Into<bytes::Bytes>) -> Reply {
    let (origin, referer) = (format!("https://{SITES}"), format!("https://{SITES}/edit/7"));
    let usual = [
        ("accept", "text/html"),
        ("accept-language", "en"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
        ("sec-fetch-site", "same-origin"),
        ("origin", origin.as_str()),
        ("referer", referer.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let usual = usual.into_iter().filter(|(name, _)| !fields.iter().any(|(other, _)| other == name));
    let all: Vec<_> = usual.chain(fields.iter().copied()).filter(|(_, value)| !value.is_empty()).collect();
    browser.send(Method::POST, &publish(), &all, body).await
}

/// Posts the form, is asked, proves it, and sees it again.
pub async fn seen_again(browser: &mut Browser) -> Reply {
    seen_again_with(browser, BODY).await
}

pub async fn seen_again_with(browser: &mut Browser, body: &'static str) -> Reply {
    let sent_off = post(browser, &[], body).await;
    assert_eq!(sent_off.status, KEPT, "{}", sent_off.text());
    let page = browser.open(&forms::leads_on_to(&sent_off.text()).unwrap()).await;
    assert!(page.text().contains("id=\"step-up-form-kept\""), "{}", page.text());
    let page = browser.use_key(&page).await;
    assert!(page.url.path().starts_with("/.yumen/kept/") && page.url.host_str() == Some(SITES), "{}: {}", page.url, page.text());
    page
}

pub fn arrived(house: &House) -> usize {
    house.upstream.requests().iter().filter(|head| head.starts_with("POST /publish/7?draft=1 ")).count()
}

pub async fn press(browser: &mut Browser, page: &Reply, form: &str) -> Reply {
    browser.submit(page, &page.form(form)).await
}

#[tokio::test]
async fn a_form_waits_for_the_proof_is_shown_and_is_sent_once() {
    let house = House::open_with(FRESH).await;
    let mut browser = writer(&house, "wang").await;
    browser.set_cookie(SITES, "sessionid", "of-the-office");
    let page = seen_again(&mut browser).await;
    assert_eq!(arrived(&house), 0);
    assert!(
        page.text().contains("secret plans") && page.text().contains("/publish/7") && !page.text().contains("hunter2"),
        "{}",
        page.text()
    );
    let answer = press(&mut browser, &page, "kept-send").await;
    assert_eq!((answer.status, arrived(&house)), (StatusCode::OK, 1), "{}", answer.text());
    let head = house.upstream.requests().into_iter().find(|head| head.starts_with("POST /publish")).unwrap().to_ascii_lowercase();
    for field in [
        "content-type: application/x-www-form-urlencoded",
        &format!("content-length: {}", BODY.len()),
        &format!("referer: https://{SITES}/edit/7"),
        &format!("origin: https://{SITES}"),
        "cookie: sessionid=of-the-office; theirs=1\r\n",
        "x-forwarded-user: wang",
    ] {
        assert!(head.contains(field), "{field}\n{head}");
    }
    assert!(house.upstream.seen().ends_with(BODY));

    // Twice pressed, and looked at again.
    let again = press(&mut browser, &page, "kept-send").await;
    assert!(again.text().contains("was sent already"), "{}", again.text());
    assert!(browser.open(page.url.as_str()).await.text().contains("was sent already"));
    assert_eq!(arrived(&house), 1);

    let log = house.close().await;
    let text = serde_json::to_string(&log).unwrap();
    assert!(!text.contains("plans") && !text.contains("hunter2"), "no body is ever on record");
    let actions: Vec<Action> = log
        .iter()
        .filter_map(|entry| match &entry.record {
            Record::Event(event) => Some(event.action),
            _ => None,
        })
        .collect();
    for action in [Action::FormKept, Action::StepUp, Action::FormSent] {
        assert_eq!(actions.iter().filter(|known| **known == action).count(), 1, "{action:?}");
    }
    let allowed = log.iter().filter(|entry| {
        matches!(&entry.record, Record::Opened(opened)
        if opened.decision == Decision::Allowed && opened.method == "POST" && opened.path == "/publish/7" && opened.rule == "publishing")
    });
    assert_eq!(allowed.count(), 1, "it is on record as the access that it is");
}

#[tokio::test]
async fn of_many_who_press_send_at_once_one_sends() {
    let house = House::open_with(FRESH).await;
    let mut browser = writer(&house, "wang").await;
    let page = seen_again(&mut browser).await;
    let form = page.form("kept-send");
    let presses = (0..8).map(|_| {
        let mut same = house.browser();
        for (name, value) in browser.cookie_field(SITES).split("; ").filter_map(|pair| pair.split_once('=')) {
            same.set_cookie(SITES, name, value);
        }
        let (page, form) = (&page, &form);
        async move { same.submit(page, form).await.text() }
    });
    let told = futures_util::future::join_all(presses).await;
    assert_eq!(told.iter().filter(|text| text.contains("was sent already")).count(), 7);
    assert_eq!(arrived(&house), 1);
}

#[tokio::test]
async fn nobody_else_sees_or_sends_it() {
    let house = House::open_with(FRESH).await;
    let mut browser = writer(&house, "wang").await;
    let mut li = house.in_the_app("li").await;
    let page = seen_again(&mut browser).await;
    let key = browser.cookie_field(SITES).split("; ").find(|pair| pair.starts_with("__Host-yumen-kept-")).unwrap().to_owned();
    let (name, value) = key.split_once('=').unwrap();
    let (form, kept) = (page.form("kept-send"), page.url.clone());
    let gone =
        |reply: &Reply| reply.status == StatusCode::NOT_FOUND && reply.text().contains("no longer kept") && !reply.text().contains("plans");

    // Another account, though it has the key.
    li.set_cookie(SITES, name, value);
    assert!(gone(&li.open(kept.as_str()).await));
    assert!(gone(&li.submit(&page, &form).await));
    // Another session of the same person.
    let mut other = house.browser();
    other.take_key_from(&mut browser);
    sign_in(&mut other, &format!("https://{SITES}/"), "wang").await;
    other.set_cookie(SITES, name, value);
    assert!(gone(&other.open(kept.as_str()).await));
    assert!(gone(&other.submit(&page, &form).await));
    // The same session without the key, with another's, and with two.
    for cookie in [None, Some("x"), Some(&value.chars().rev().collect::<String>()[..])] {
        let mut keyless = house.browser();
        keyless.set_cookie(SITES, "__Host-yumen", &browser.cookie(SITES, "__Host-yumen").unwrap());
        if let Some(cookie) = cookie {
            keyless.set_cookie(SITES, name, cookie);
        }
        assert!(gone(&keyless.open(kept.as_str()).await), "{cookie:?}");
        let refused = keyless.submit(&page, &form).await;
        assert!(!refused.status.is_success(), "{cookie:?}: {}", refused.text());
    }
    // Another host, and nobody.
    let mut there = Url::parse(kept.as_str()).unwrap();
    there.set_host(Some(LEDGER)).unwrap();
    assert_ne!(browser.navigate(Method::GET, &there, None).await.status, StatusCode::OK);
    assert!(gone(&house.browser().open(kept.as_str()).await));
    assert_eq!(arrived(&house), 0);
    assert_eq!(press(&mut browser, &page, "kept-send").await.status, StatusCode::OK, "and it is still there for her");
    assert_eq!(arrived(&house), 1);
}

#[tokio::test]
async fn only_the_page_itself_can_have_it_sent() {
    let house = House::open_with(FRESH).await;
    let mut browser = writer(&house, "wang").await;
    let page = seen_again(&mut browser).await;
    let form = page.form("kept-send");
    let to = page.url.join(&form.action).unwrap();
    for origin in [format!("https://{LEDGER}"), format!("https://{PORTAL}"), "null".to_owned(), "https://evil.example".to_owned()] {
        let reply = browser.navigate(Method::POST, &to, Some((origin.clone(), form.encoded()))).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{origin}");
    }
    let own = format!("https://{SITES}");
    for csrf in ["", "x", &form.field("csrf")[1..]] {
        let tampered = form.clone().with("csrf", csrf);
        let reply = browser.navigate(Method::POST, &to, Some((own.clone(), tampered.encoded()))).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{csrf}");
    }
    let discard = Form { action: page.form("kept-discard").action, ..form.clone().with("csrf", "x") };
    assert_eq!(browser.submit(&page, &discard).await.status, StatusCode::FORBIDDEN);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let reply = browser.send(method.clone(), &to, &[("origin", &own), ("accept", "text/html")], "").await;
        assert!(method == Method::GET || reply.status == StatusCode::NOT_FOUND, "{method}: {}", reply.status);
    }
    assert_eq!(arrived(&house), 0);
    let page = press(&mut browser, &page, "kept-discard").await;
    assert!(page.text().contains("was discarded"), "{}", page.text());
    assert_eq!(browser.navigate(Method::POST, &to, Some((own, form.encoded()))).await.status, StatusCode::NOT_FOUND);
    assert_eq!(arrived(&house), 0);
}

#[tokio::test]
async fn what_is_not_a_form_of_the_apps_own_is_not_kept_and_she_is_told_before_she_proves_anything() {
    let top = "[kept_forms]\neach = \"1KiB\"\n";
    let app = format!("origins = [\"https://friend.example\"]\n{}", crate::step_up::PUBLISHING);
    let house = House::open_with(Changes { top, app: &app, ..Changes::default() }).await;
    let mut browser = writer(&house, "wang").await;
    let large = "a=".to_owned() + &"x".repeat(1024);
    let odd: [(&[(&str, &str)], &str); 4] = [
        (&[], &large),
        (&[("content-type", "application/json")], "{}"),
        (&[("content-type", "")], "a=b"),
        (&[("origin", "https://friend.example"), ("sec-fetch-site", "cross-site")], BODY),
    ];
    for (fields, body) in odd {
        let reply = post(&mut browser, fields, body.to_owned()).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{fields:?}: {}", reply.text());
        assert!(reply.text().contains("cannot be kept") && reply.text().contains("href=\"/.yumen/step-up?"), "{fields:?}");
        assert!(!browser.cookie_field(SITES).contains("kept"), "{fields:?}");
    }
    let reply = post(&mut browser, &[("origin", "https://evil.example")], BODY).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    assert!(!reply.text().contains("step-up"), "another site's form is refused as ever");
    let multipart = post(&mut browser, &[("content-type", "multipart/form-data; boundary=b")], "--b--").await;
    assert_eq!(multipart.status, KEPT);
    // The other tab, to which the page leads, ends on the page with the form.
    let told = post(&mut browser, &[], large).await;
    let link =
        told.text().split("href=\"/.yumen/step-up?").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let page = browser.open(&format!("https://{SITES}/.yumen/step-up?{link}")).await;
    let page = browser.use_key(&page).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/edit/7"), "{}", page.text());
    assert_eq!(post(&mut browser, &[], BODY).await.status, StatusCode::OK, "then it can be sent again");
}

#[tokio::test]
async fn no_more_forms_are_kept_than_is_set_of_one_session_and_of_all() {
    let top = "[session]\nidle = \"1h\"\n[kept_forms]\neach = \"1000KiB\"\nper_session = 2\noverall = \"1MiB\"\n";
    let house = House::open_with(Changes { top, ..FRESH }).await;
    let mut wang = writer(&house, "wang").await;
    let mut li = writer(&house, "li").await;
    for status in [KEPT, KEPT, StatusCode::FORBIDDEN] {
        assert_eq!(post(&mut wang, &[], BODY).await.status, status);
    }
    let much = "a=".to_owned() + &"x".repeat(900 * 1024);
    assert_eq!(post(&mut li, &[], much.clone()).await.status, KEPT);
    assert_eq!(post(&mut li, &[], much.clone()).await.status, StatusCode::FORBIDDEN, "there is no room for another");
    house.clock.advance(Duration::from_secs(601));
    let fits = async {
        while !post(&mut li, &[], much.clone()).await.text().contains("id=\"form-kept\"") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), fits).await.expect("room is given back when time is up");
}

#[tokio::test]
async fn a_form_is_over_with_its_time_and_with_its_session() {
    let house = House::open_with(FRESH).await;
    let mut browser = writer(&house, "wang").await;
    let page = seen_again(&mut browser).await;
    house.clock.advance(Duration::from_secs(600));
    let reply = press(&mut browser, &page, "kept-send").await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND, "{}", reply.text());
    let page = seen_again(&mut browser).await;
    let portal = browser.open(&format!("https://{PORTAL}/")).await;
    press(&mut browser, &portal, "sign-out").await;
    let reply = press(&mut browser, &page, "kept-send").await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND, "{}", reply.text());
    assert_eq!(arrived(&house), 0);
}

#[tokio::test]
async fn policy_decides_anew_when_it_is_sent() {
    let house = House::open_with(FRESH).await;
    let mut browser = writer(&house, "wang").await;
    let page = seen_again(&mut browser).await;
    // She took longer than the proof is good for: the form stays, and she proves it once more.
    house.clock.advance(Duration::from_secs(301));
    let late = press(&mut browser, &page, "kept-send").await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED, "{}", late.text());
    assert!(forms::form(&late.text(), "kept-send").is_none() && late.text().contains("id=\"kept-too-old\""), "{}", late.text());
    let looked = browser.open(page.url.as_str()).await;
    assert!(looked.text().contains("id=\"kept-too-old\"") && forms::form(&looked.text(), "kept-discard").is_some());
    let link = looked
        .text()
        .split("href=\"/.yumen/step-up?")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&#38;", "&")
        .replace("&amp;", "&");
    let asked = browser.open(&format!("https://{SITES}/.yumen/step-up?{link}")).await;
    let page = browser.use_key(&asked).await;
    assert!(forms::form(&page.text(), "kept-send").is_some(), "{}", page.text());

    // The rule is tightened meanwhile.
    house
        .reload(|text| {
            text.replace("name = \"publishing\"\nroles = [\"member\"]", "name = \"publishing\"\nroles = [\"auditor\"]")
                .replace("name = \"members\"\nroles = [\"member\", ", "name = \"members\"\nmethods = [\"GET\"]\nroles = [\"member\", ")
        })
        .await
        .unwrap();
    let refused = press(&mut browser, &page, "kept-send").await;
    assert_eq!((refused.status, arrived(&house)), (StatusCode::FORBIDDEN, 0), "{}", refused.text());
    house
        .reload(|text| text.replace("name = \"publishing\"\nroles = [\"auditor\"]", "name = \"publishing\"\nroles = [\"member\"]"))
        .await
        .unwrap();
    assert_eq!(press(&mut browser, &page, "kept-send").await.status, StatusCode::OK);
    assert_eq!(arrived(&house), 1);
}
