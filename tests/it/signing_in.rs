//! Sign-in as an attacker sees it.

use http::StatusCode;
use yumen::model::{Action, Outcome, Record, Role};

use crate::forms;
use crate::house::{Changes, House, PASSWORD, PORTAL, SITES, first_factor, sign_in};

fn sign_in_page() -> String {
    format!("https://{PORTAL}/sign-in")
}

/// What a page says without what differs on every page: the form's token.
fn without_tokens(page: &crate::browser::Reply) -> String {
    let csrf = page.form("sign-in").field("csrf").to_owned();
    page.text().replace(&csrf, "")
}

#[tokio::test]
async fn a_wrong_name_a_wrong_password_and_a_disabled_account_are_answered_alike() {
    let house = House::open().await;
    house.enrolled("wang", Role::Member).await;
    house.enrolled("disabled", Role::Member).await;
    house.disable("disabled").await;
    house.invite("invited", Role::Member).await;
    let mut answers = Vec::new();
    for (name, password) in
        [("nobody", PASSWORD), ("wang", "a wrong password"), ("disabled", PASSWORD), ("invited", PASSWORD), ("a\u{0}b", PASSWORD)]
    {
        let mut browser = house.browser();
        let page = browser.open(&sign_in_page()).await;
        let page = first_factor(&mut browser, &page, name, password).await;
        answers.push((page.status, without_tokens(&page).replace(name, "")));
    }
    for answer in &answers[1..] {
        assert_eq!(answer, &answers[0]);
    }
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
async fn failures_after_a_right_password_suspend_the_account_and_a_strangers_do_not() {
    let changes = Changes {
        top: "[sign_in]\nfailures_until_suspended = 3\nper_address_per_minute = 1000\nper_account_per_minute = 1000\n",
        ..Changes::default()
    };
    let house = House::open_with(changes).await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    for _ in 0..3 {
        let page = browser.open(&sign_in_page()).await;
        let page = first_factor(&mut browser, &page, "wang", PASSWORD).await;
        let form = page.form("webauthn").with("credential", "{}");
        browser.submit(&page, &form).await;
    }
    house
        .recorded(|record| match record {
            Record::Event(event) if event.action == Action::AccountSuspended => Some(()),
            _ => None,
        })
        .await;
    let page = browser.open(&sign_in_page()).await;
    let page = first_factor(&mut browser, &page, "wang", PASSWORD).await;
    assert!(forms::form(&page.text(), "webauthn").is_none());

    let mut owner = house.enrolled("li", Role::Member).await;
    for _ in 0..4 {
        let mut stranger = house.browser();
        let page = stranger.open(&sign_in_page()).await;
        first_factor(&mut stranger, &page, "li", "a wrong password").await;
    }
    let li = house
        .gateway()
        .house()
        .desk
        .account_named(&yumen::admin::Actor::Machine { uid: 0 }, &yumen::model::AccountName::parse("li").unwrap())
        .await
        .unwrap();
    assert_eq!(li.state, yumen::model::AccountState::Active);
    let _ = owner.open(&sign_in_page()).await;
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

#[tokio::test]
async fn a_key_that_knows_its_account_signs_in_without_a_name() {
    let house = House::open().await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    let page = sign_in(&mut browser, &format!("https://{PORTAL}/"), "wang").await;
    assert_eq!(page.status, StatusCode::OK);
    // The software key keeps no account in it, so the way is only shown to begin; real keys are tried in the browser tests.
    let mut other = house.browser();
    let page = other.open(&sign_in_page()).await;
    let form = page.form("key-first");
    let page = other.submit(&page, &form).await;
    let form = page.form("webauthn");
    assert_eq!(form.action, "/sign-in/key-first/finish");
    let form = form.with("credential", "{}");
    other.submit(&page, &form).await;
    assert!(other.cookie(PORTAL, "__Host-yumen").is_none());
}
