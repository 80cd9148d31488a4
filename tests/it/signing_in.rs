//! Sign-in as an attacker sees it.

use http::StatusCode;
use yumen::model::{Action, Outcome, Record, Role};

use crate::forms;
use crate::house::{Changes, House, PASSWORD, PORTAL, SITES, first_factor};

fn sign_in_page() -> String {
    format!("https://{PORTAL}/sign-in")
}

#[tokio::test]
async fn a_right_password_without_the_key_is_nothing() {
    let house = House::open().await;
    house.enrolled("wang", Role::Member).await;
    let mut thief = house.browser();
    let page = thief.open(&sign_in_page()).await;
    let page = first_factor(&mut thief, &page, "wang", PASSWORD).await;
    assert!(forms::form(&page.text(), "webauthn").is_some());
    let form = page.form("webauthn").with("credential", "{}");
    let page = thief.submit(&page, &form).await;
    assert!(thief.cookie(PORTAL, "__Host-yumen").is_none(), "{}", page.text());
    assert_eq!(thief.open(&format!("https://{PORTAL}/keys")).await.url.path(), "/sign-in");
}

#[tokio::test]
async fn the_answer_of_a_key_counts_once_in_one_browser_and_for_one_origin() {
    let house = House::open().await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    let page = browser.open(&sign_in_page()).await;
    let page = first_factor(&mut browser, &page, "wang", PASSWORD).await;
    browser.claimed_origin = Some(format!("https://{SITES}"));
    let phished = browser.answer_key(&page);
    browser.claimed_origin = None;
    browser.submit(&page, &phished).await;
    assert!(browser.cookie(PORTAL, "__Host-yumen").is_none(), "an answer for another origin was taken");

    let page = browser.open(&sign_in_page()).await;
    let page = first_factor(&mut browser, &page, "wang", PASSWORD).await;
    let answer = browser.answer_key(&page);
    let mut thief = house.browser();
    let elsewhere = thief.open(&sign_in_page()).await;
    let csrf = elsewhere.form("sign-in").field("csrf").to_owned();
    thief.submit(&elsewhere, &answer.clone().with("csrf", &csrf)).await;
    assert!(thief.cookie(PORTAL, "__Host-yumen").is_none(), "an answer was taken from another browser");

    let again = browser.submit(&page, &answer).await;
    assert!(browser.cookie(PORTAL, "__Host-yumen").is_some(), "{}", again.text());
    let first = browser.cookie(PORTAL, "__Host-yumen");
    browser.submit(&page, &answer).await;
    assert_eq!(browser.cookie(PORTAL, "__Host-yumen"), first, "an answer was taken twice");
}

#[tokio::test]
async fn failures_in_a_row_make_the_next_try_wait_and_say_how_long() {
    let house = House::open().await;
    house.enrolled("wang", Role::Member).await;
    let mut browser = house.browser();
    let mut told = None;
    for _ in 0..8 {
        let page = browser.open(&sign_in_page()).await;
        let page = first_factor(&mut browser, &page, "wang", "a wrong password").await;
        if page.status == StatusCode::TOO_MANY_REQUESTS {
            told = Some(page);
            break;
        }
    }
    let page = told.expect("no wait after eight failures");
    assert!(page.header("retry-after").parse::<u64>().unwrap() >= 1);
    let page = first_factor(&mut browser, &page, "wang", PASSWORD).await;
    assert!(forms::form(&page.text(), "webauthn").is_none(), "the wait was not kept");
}

#[tokio::test]
async fn a_name_that_no_account_has_is_on_record_only_as_a_keyed_hash() {
    let house = House::open().await;
    let mut browser = house.browser();
    let page = browser.open(&sign_in_page()).await;
    first_factor(&mut browser, &page, "my-secret-passw0rd", "x").await;
    house
        .recorded(|record| match record {
            Record::Event(event) if event.action == Action::SignIn && event.outcome == Outcome::Failed => Some(()),
            _ => None,
        })
        .await;
    let log = serde_json::to_string(&house.log()).unwrap();
    assert!(!log.contains("my-secret-passw0rd"), "{log}");
}

/// A failed event of an action, and why.
pub fn why_failed(record: &Record, action: Action) -> Option<String> {
    match record {
        Record::Event(event) if event.action == action && event.outcome == Outcome::Failed => event.details.get("why").cloned(),
        _ => None,
    }
}

#[tokio::test]
async fn a_key_that_knows_its_account_signs_in_without_a_name() {
    let house = House::open().await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    let page = browser.open(&format!("https://{SITES}/here")).await;
    let form = page.form("key-first");
    let page = browser.submit(&page, &form).await;
    assert!(page.form("webauthn").action.starts_with("/sign-in/key-first/finish?app=sites&"));
    let page = browser.use_key(&page).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/here"), "{}", page.text());

    let mut other = house.browser();
    let page = other.open(&sign_in_page()).await;
    let form = page.form("key-first");
    let page = other.submit(&page, &form).await;
    let form = page.form("webauthn").with("credential", "{}");
    other.submit(&page, &form).await;
    assert!(other.cookie(PORTAL, "__Host-yumen").is_none());
}

#[tokio::test]
async fn a_stranger_who_fails_with_keys_does_not_make_the_office_wait() {
    let house = House::open().await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    let mut stranger = house.browser();
    for _ in 0..10 {
        let page = stranger.open(&sign_in_page()).await;
        let form = page.form("key-first");
        let page = stranger.submit(&page, &form).await;
        let form = page.form("webauthn").with("credential", "{}");
        assert_eq!(stranger.submit(&page, &form).await.status, StatusCode::FORBIDDEN);
    }
    let page = browser.open(&sign_in_page()).await;
    let form = page.form("key-first");
    let page = browser.submit(&page, &form).await;
    browser.use_key(&page).await;
    assert!(browser.cookie(PORTAL, "__Host-yumen").is_some());
}

#[tokio::test]
async fn ways_in_without_a_name_have_a_limit_that_says_how_long_and_is_on_record_within_the_quota() {
    let top = "[sign_in]\nnameless_per_address_per_minute = 4\n[log]\nstrangers_per_minute = 30\n";
    let house = House::open_with(Changes { top, ..Changes::default() }).await;
    let link = house.invite("li", Role::Member).await;
    // Its opening is one, beginning with a key is another, and finishing a third.
    let mut browser = house.enrolled("wang", Role::Member).await;
    let page = browser.open(&sign_in_page()).await;
    let key_first = page.form("key-first");
    let asked = browser.submit(&page, &key_first).await;
    let finish = browser.answer_key(&asked);
    let again = browser.submit(&page, &key_first).await;
    assert_eq!(again.status, StatusCode::OK);
    let again = browser.submit(&page, &key_first).await;
    assert_eq!(again.status, StatusCode::OK, "the fourth");
    for form in [&key_first, &finish] {
        let refused = browser.submit(&page, form).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{}", form.action);
        assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    }
    assert!(browser.cookie(PORTAL, "__Host-yumen").is_none());
    house.recorded(|record| why_failed(record, Action::SignIn).filter(|why| why == "must-wait")).await;
    let mut invited = house.browser();
    let open = invited.open(link.split('#').next().unwrap()).await;
    let form = open.form("enrol-open").with("token", link.split('#').nth(1).unwrap());
    let refused = invited.submit(&open, &form).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    house.recorded(|record| why_failed(record, Action::FormRefused).filter(|why| why.starts_with("too-many-requests"))).await;
    for _ in 0..40 {
        browser.submit(&page, &key_first).await;
    }
    let waits = house.log().iter().filter(|entry| why_failed(&entry.record, Action::SignIn).is_some()).count();
    assert!(waits < 40, "{waits} records of one stranger in a minute");

    house.clock.advance(std::time::Duration::from_secs(60));
    crate::house::enrol(&mut invited, &link).await;
}

#[tokio::test]
async fn guesses_at_once_are_not_all_tried() {
    let house = House::open().await;
    house.enrolled("wang", Role::Member).await;
    let mut pages = Vec::new();
    for _ in 0..12 {
        let mut browser = house.browser();
        let page = browser.open(&sign_in_page()).await;
        pages.push((browser, page));
    }
    let tries = pages
        .into_iter()
        .map(|(mut browser, page)| tokio::spawn(async move { first_factor(&mut browser, &page, "wang", "a wrong password").await.status }));
    let tries: Vec<_> = tries.collect();
    let mut tried = 0;
    for attempt in tries {
        tried += u32::from(attempt.await.unwrap() == StatusCode::FORBIDDEN);
    }
    // Two are free, and one more or a double click at the end of them; the clock stands still, so all others wait.
    assert!((1..=4).contains(&tried), "{tried} of 12 guesses were tried");
}

#[tokio::test]
async fn a_double_click_with_the_right_password_is_refused_nothing() {
    let house = House::open().await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    for _ in 0..2 {
        let page = browser.open(&sign_in_page()).await;
        first_factor(&mut browser, &page, "wang", "a wrong password").await;
    }
    let page = browser.open(&sign_in_page()).await;
    let form = page.form("sign-in").with("name", "wang").with("password", PASSWORD);
    let mut twin = house.browser();
    twin.set_cookie(PORTAL, "__Host-yumen-step", &browser.cookie(PORTAL, "__Host-yumen-step").unwrap());
    let (one, two) = tokio::join!(browser.submit(&page, &form), twin.submit(&page, &form));
    for answer in [&one, &two] {
        assert!(forms::form(&answer.text(), "webauthn").is_some(), "{}", answer.text());
    }
    browser.use_key(&one).await;
    assert!(browser.cookie(PORTAL, "__Host-yumen").is_some());
}
