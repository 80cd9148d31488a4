//! The key after a right password, or in an open session: what fails there, what comes of it, and what is put on record.

use std::time::Duration;

use http::StatusCode;
use yumen::model::{AccountState, Action, Entry, Outcome, Record, Role};

use crate::browser::{Browser, Reply};
use crate::forms;
use crate::house::{Changes, House, PASSWORD, PORTAL, first_factor, sign_in};
use crate::signing_in::why_failed;

const THREE: Changes<'_> = Changes {
    top: "[sign_in]\nfailures_until_suspended = 3\nper_address_per_minute = 1000\nper_account_per_minute = 1000\n",
    listen: "",
    app: "",
    rule: "",
    monitoring: "",
};

async fn right_password(browser: &mut Browser, name: &str) -> Reply {
    let page = browser.open(&format!("https://{PORTAL}/sign-in")).await;
    first_factor(browser, &page, name, PASSWORD).await
}

async fn made_up(browser: &mut Browser, page: &Reply) -> Reply {
    let form = page.form("webauthn").with("credential", "{}");
    browser.submit(page, &form).await
}

fn events(log: &[Entry], action: Action, outcome: Outcome) -> usize {
    log.iter().filter(|entry| matches!(&entry.record, Record::Event(event) if event.action == action && event.outcome == outcome)).count()
}

#[tokio::test]
async fn a_key_that_answers_without_its_pin_suspends_the_account_and_a_strangers_failures_do_not() {
    let house = House::open_with(THREE).await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    browser.careless = true;
    for _ in 0..3 {
        let page = right_password(&mut browser, "wang").await;
        assert_eq!(browser.use_key(&page).await.status, StatusCode::FORBIDDEN);
        house.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(events(&house.log(), Action::AccountSuspended, Outcome::Done), 1);
    assert_eq!(house.state_of("wang").await, AccountState::Suspended);
    let page = right_password(&mut browser, "wang").await;
    assert!(forms::form(&page.text(), "webauthn").is_none());

    house.enrolled("li", Role::Member).await;
    for _ in 0..4 {
        let mut stranger = house.browser();
        let page = stranger.open(&format!("https://{PORTAL}/sign-in")).await;
        first_factor(&mut stranger, &page, "li", "a wrong password").await;
    }
    assert_eq!(house.state_of("li").await, AccountState::Active);
    house.close().await;
}

#[tokio::test]
async fn a_thief_of_the_password_waits_and_is_told_of_but_does_not_suspend_the_owner() {
    let house = House::open_with(THREE).await;
    let mut owner = house.enrolled("wang", Role::Member).await;
    let mut thief = house.browser();
    thief.from = Some([127, 0, 0, 2].into());
    let page = right_password(&mut thief, "wang").await;
    assert_eq!(made_up(&mut thief, &page).await.status, StatusCode::FORBIDDEN);
    let again = made_up(&mut thief, &page).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN, "a challenge that was taken is asked anew");
    let mut page = right_password(&mut thief, "wang").await;
    for _ in 0..2 {
        page = made_up(&mut thief, &page).await;
        assert!(page.status.is_client_error());
    }
    assert_eq!(house.state_of("wang").await, AccountState::Active);
    assert!(forms::form(&page.text(), "webauthn").is_none(), "the password must be given again");
    let alarm = house.recorded(|record| match record {
        Record::Event(event) if event.action == Action::KeyAnswersMadeUp => Some(event.details.clone()),
        _ => None,
    });
    let alarm = alarm.await;
    assert_eq!((alarm["name"].as_str(), alarm["in-a-row"].as_str()), ("wang", "3"));

    let waiting = right_password(&mut thief, "wang").await;
    assert_eq!(waiting.status, StatusCode::TOO_MANY_REQUESTS, "wrong keys make the password wait too");
    assert_eq!(sign_in(&mut owner, &format!("https://{PORTAL}/"), "wang").await.status, StatusCode::OK);
    house.clock.advance(Duration::from_secs(60));
    let page = right_password(&mut thief, "wang").await;
    assert_eq!(made_up(&mut thief, &page).await.status, StatusCode::FORBIDDEN);
    let waiting = made_up(&mut thief, &page).await;
    assert_eq!(waiting.status, StatusCode::TOO_MANY_REQUESTS, "and the key itself");
    assert!(waiting.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(forms::form(&waiting.text(), "webauthn").is_some(), "what she had proved is not lost by waiting");
    assert_eq!(events(&house.log(), Action::AccountSuspended, Outcome::Done), 0);
}

#[tokio::test]
async fn proofs_that_nobody_signed_end_the_session_and_what_a_key_signed_suspends_the_account() {
    let house = House::open_with(THREE).await;
    let mut browser = house.signed_in("wang", Role::Member).await;
    let keys = format!("https://{PORTAL}/keys");
    let page = browser.open(&keys).await;
    let add = page.form("/keys/add");
    for _ in 0..2 {
        let page = browser.submit(&page, &add).await;
        assert_eq!(made_up(&mut browser, &page).await.status, StatusCode::FORBIDDEN);
    }
    let proven = browser.submit(&page, &add).await;
    let proven = browser.use_key(&proven).await;
    assert_eq!(proven.url.path(), "/keys/register", "a right one is taken, and forgets those before");
    for _ in 0..3 {
        assert_eq!(browser.open(&keys).await.url.path(), "/keys");
        let page = browser.submit(&page, &add).await;
        made_up(&mut browser, &page).await;
        house.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(browser.open(&keys).await.url.path(), "/sign-in");
    assert_eq!(house.state_of("wang").await, AccountState::Active);
    let log = house.log();
    assert_eq!(log.iter().filter(|entry| why_failed(&entry.record, Action::KeyProof).as_deref() == Some("wrong-key")).count(), 5);
    assert_eq!(events(&log, Action::KeyAnswersMadeUp, Outcome::Done), 1);
    let who = log.iter().find_map(|entry| match &entry.record {
        Record::Event(event) if event.action == Action::KeyProof => event.who.clone(),
        _ => None,
    });
    assert_eq!(who.map(|who| who.name.to_string()).as_deref(), Some("wang"));

    sign_in(&mut browser, &keys, "wang").await;
    browser.careless = true;
    for _ in 0..3 {
        let page = browser.open(&keys).await;
        let add = page.form("/keys/add");
        let page = browser.submit(&page, &add).await;
        browser.use_key(&page).await;
        house.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(house.state_of("wang").await, AccountState::Suspended);
    house.close().await;
}

#[tokio::test]
async fn made_up_proofs_at_once_wait_in_the_session_that_they_come_in() {
    let house = House::open().await;
    let mut browser = house.signed_in("wang", Role::Member).await;
    let page = browser.open(&format!("https://{PORTAL}/keys")).await;
    let add = page.form("/keys/add");
    let mut answers = Vec::new();
    for _ in 0..4 {
        let page = browser.submit(&page, &add).await;
        answers.push(made_up(&mut browser, &page).await.status);
    }
    assert_eq!(answers[..3], [StatusCode::FORBIDDEN; 3]);
    assert_eq!(answers[3], StatusCode::TOO_MANY_REQUESTS);
    house.clock.advance(Duration::from_secs(2));
    let page = browser.submit(&page, &add).await;
    assert_eq!(browser.use_key(&page).await.url.path(), "/keys/register");
}

#[tokio::test]
async fn a_key_that_is_added_or_removed_is_on_record_once_and_one_that_is_refused_only_as_refused() {
    let house = House::open().await;
    let mut browser = house.signed_in("wang", Role::Member).await;
    let count = |action| {
        let log = house.log();
        [events(&log, action, Outcome::Done), events(&log, action, Outcome::Failed)]
    };
    let page = browser.open(&format!("https://{PORTAL}/keys")).await;
    let add = page.form("/keys/add");
    let asked = browser.submit(&page, &add).await;
    let register = browser.use_key(&asked).await;
    let refused = made_up(&mut browser, &register).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(count(Action::KeyAdded), [0, 1]);

    // The only key cannot be removed, which the page does not offer either.
    let proving = browser.submit(&page, &add).await;
    let keys = yumen::model::AccountName::parse("wang").unwrap();
    let house_of = house.gateway().house();
    let account = house_of.store.account_by_name(&keys).await.unwrap().unwrap();
    let only = house_of.store.keys(account.id).await.unwrap().remove(0).id.to_string();
    let answer = browser.answer_key(&proving).with("next", &only);
    browser.submit(&proving, &answer).await;
    assert_eq!(count(Action::KeyRemoved), [0, 1]);

    let asked = browser.submit(&page, &add).await;
    let register = browser.use_key(&asked).await;
    let second = Box::new(webauthn_authenticator_rs::softpasskey::SoftPasskey::new(true));
    let first = std::mem::replace(&mut browser.key, second);
    let added = browser.use_key(&register).await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.text());
    assert_eq!(count(Action::KeyAdded), [1, 1]);
    let asked = browser.submit(&page, &add).await;
    let answer = browser.answer_key(&asked).with("next", &only);
    browser.submit(&asked, &answer).await;
    assert_eq!(count(Action::KeyRemoved), [1, 1]);
    drop(first);
}
