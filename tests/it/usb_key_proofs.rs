//! A USB-KEY as the fresh proof: for one's own tokens, for changes that need two, for a terminal, and for a new password.

use http::StatusCode;
use yumen::gateway::{Ask, ControlAnswer};
use yumen::model::{AccountState, Action, Outcome, Record, Role, TokenState};

use crate::browser::{Browser, Reply};
use crate::city::City;
use crate::forms::{form, text_of};
use crate::house::{House, PASSWORD, PORTAL, sign_in};
use crate::office::post;
use crate::two_people::{OTHER_PASSWORD, ask, behind, link_on};
use crate::usb_key::{house_that_believes, show_card, sign_in_with_card, with_card};

const HARDWARE: &str = "hardware_only = true\n[sign_in]\nper_address_per_minute = 1000\nper_account_per_minute = 1000";

fn portal(path: &str) -> String {
    format!("https://{PORTAL}{path}")
}

/// Shows the card that is plugged in, where a page asks for a proof.
async fn by_card(browser: &mut Browser, page: &Reply) -> Reply {
    let shown = show_card(browser, page).await;
    browser.go_on(shown).await
}

/// Somebody who has signed in with her card, so that it is registered.
async fn with_card_in_use(house: &House, city: &City, name: &str, role: Role, number: u64) -> Browser {
    let mut browser = house.enrolled(name, role).await;
    browser.plug_in(city.card(name, number).in_client(&house.tls));
    let page = sign_in_with_card(&mut browser, &portal("/")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    browser
}

async fn without_security_key(house: &House, name: &str) {
    let (inner, account) = (house.gateway().house(), house.account_of(name).await.id);
    for key in inner.store.keys(account).await.unwrap() {
        inner.store.change_token(&key.serial, TokenState::Lost, inner.clock.now()).await.unwrap();
    }
}

#[tokio::test]
async fn whoever_has_a_usb_key_alone_adds_a_security_key_and_reports_the_lost_one() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "").await;
    let mut wang = with_card_in_use(&house, &city, "wang", Role::Member, 7).await;
    let lost = house.gateway().house().store.keys(house.account_of("wang").await.id).await.unwrap().remove(0);

    let keys = wang.open(&portal("/keys")).await;
    let asked = post(&mut wang, &keys, "/keys/lost", &[("token", lost.serial.as_str())]).await;
    assert!(form(&asked.text(), "webauthn").is_none(), "the lost key proves nothing: {}", asked.text());
    let done = by_card(&mut wang, &asked).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    let known = house.gateway().house().store.token(&lost.serial).await.unwrap().unwrap();
    assert_eq!(known.state, TokenState::Lost);
    house.close().await;
}

#[tokio::test]
async fn a_proof_by_usb_key_serves_for_what_it_was_asked_for_once_and_in_that_browser() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "").await;
    let mut wang = with_card_in_use(&house, &city, "wang", Role::Member, 7).await;
    without_security_key(&house, "wang").await;

    let keys = wang.open(&portal("/keys")).await;
    let asked = post(&mut wang, &keys, "/keys/add", &[]).await;
    let answered = show_card(&mut wang, &asked).await;
    let back = answered.url.join(answered.header("location")).unwrap();
    assert!(back.as_str().starts_with(&portal("/keys/prove/usb-key/finish?next=add&code=")), "{back}");

    // Another browser of hers, and another change in this one.
    let mut other = house.browser();
    other.plug_in(city.card("wang", 7).in_client(&house.tls));
    let elsewhere = other.open(back.as_str()).await;
    assert_eq!(elsewhere.url.path(), "/sign-in", "{}", elsewhere.text());
    let for_another = back.as_str().replace("next=add", "next=phone");
    assert_eq!(wang.open(&for_another).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // That attempt has used it up.
    assert_eq!(wang.open(back.as_str()).await.status, StatusCode::UNPROCESSABLE_ENTITY);

    let keys = wang.open(&portal("/keys")).await;
    let asked = post(&mut wang, &keys, "/keys/add", &[]).await;
    let register = by_card(&mut wang, &asked).await;
    assert_eq!(register.url.path(), "/keys/register", "{}", register.text());
    let added = wang.use_key(&register).await;
    assert_eq!((added.status, added.url.path()), (StatusCode::OK, "/keys/register"), "{}", added.text());
    let again = wang.open(&portal("/keys/register")).await;
    assert_eq!(again.url.path(), "/keys", "the proof paid for one change");
    house.close().await;
}

#[tokio::test]
async fn a_certificate_in_a_file_stands_in_for_no_security_key_and_for_no_staff() {
    let city = City::new();
    let house = house_that_believes(&city, "[sign_in]\nper_address_per_minute = 1000\nper_account_per_minute = 1000", "").await;
    let mut wang = with_card(&house, "wang", &city.card("wang", 7)).await;
    let page = sign_in_with_card(&mut wang, &portal("/")).await;
    let page = wang.submit(&page, &page.form("usb-key-password").with("password", PASSWORD)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    let keys = wang.open(&portal("/keys")).await;
    let asked = post(&mut wang, &keys, "/keys/add", &[]).await;
    let refused = by_card(&mut wang, &asked).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text().contains("may lie in a file"), "{}", refused.text());

    let mut shen = house.enrolled("shen", Role::SecurityAdministrator).await;
    shen.plug_in(city.card("shen", 8).in_client(&house.tls));
    let page = sign_in_with_card(&mut shen, &portal("/")).await;
    shen.submit(&page, &page.form("usb-key-password").with("password", PASSWORD)).await;
    shen.forget(PORTAL);
    sign_in(&mut shen, &portal("/"), "shen").await;
    let (link, _, terminal) = house.asked_terminal().await;
    let page = shen.open(&link).await;
    let refused = by_card(&mut shen, &page).await;
    assert!(refused.text().contains("may lie in a file"), "{}", refused.text());
    assert!(matches!(house.ask(Ask::Accounts, Some(&terminal)).await, ControlAnswer::LoginNeeded));
    house.close().await;
}

#[tokio::test]
async fn a_change_that_needs_two_is_proposed_by_one_usb_key_and_confirmed_by_another() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "").await;
    let mut ada = with_card_in_use(&house, &city, "ada", Role::SecurityAdministrator, 1).await;
    let mut bea = with_card_in_use(&house, &city, "bea", Role::SecurityAdministrator, 2).await;
    for name in ["ada", "bea"] {
        without_security_key(&house, name).await;
    }
    house.enrolled("sun", Role::Auditor).await;
    house.disable("sun").await;
    let account = house.id_of("sun").await;
    let page = ada.open(&portal(&format!("/console/accounts/{account}"))).await;
    let draft = ada.submit(&page, &page.form("account-enable")).await;
    let proposed = by_card(&mut ada, &draft).await;
    assert!(proposed.text().contains("id=\"withdraw\""), "{}", proposed.text());
    assert_eq!(house.state_of("sun").await, AccountState::Disabled);

    // What answers for proposing does not confirm.
    let page = bea.open(draft.url.as_str()).await;
    let answered = show_card(&mut bea, &page).await;
    let back = answered.url.join(answered.header("location")).unwrap();
    let twisted = back.as_str().replace("/confirm/", "/propose/");
    assert!(bea.open(&twisted).await.status.is_client_error());
    assert_eq!(house.state_of("sun").await, AccountState::Disabled);
    // Nor does hers: she who proposed has no form here, and may not make one up.
    let mine = ada.open(draft.url.as_str()).await;
    assert!(form(&mine.text(), "usb-key").is_none());
    let path = format!("{}/confirm/usb-key", draft.url.path());
    assert!(post(&mut ada, &mine, &path, &[]).await.status.is_client_error());

    let page = bea.open(draft.url.as_str()).await;
    let done = by_card(&mut bea, &page).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    assert_eq!(house.state_of("sun").await, AccountState::Active);
    let log = house.close().await;
    let confirmed = log.iter().find_map(|entry| match &entry.record {
        Record::Event(event) if event.action == Action::ChangeConfirmed && event.outcome == Outcome::Done => Some(event),
        _ => None,
    });
    let confirmed = confirmed.expect("it is on record");
    assert_eq!((confirmed.who.as_ref().unwrap().name.as_str(), confirmed.details["proposed-by"].as_str()), ("bea", "ada"));
}

#[tokio::test]
async fn a_terminal_is_allowed_by_a_usb_key() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "").await;
    let mut shen = with_card_in_use(&house, &city, "shen", Role::SecurityAdministrator, 1).await;
    without_security_key(&house, "shen").await;
    let (link, code, terminal) = house.asked_terminal().await;
    let page = shen.open(&link).await;
    assert!(page.text().contains(&code));
    let allowed = by_card(&mut shen, &page).await;
    assert!(allowed.text().contains("terminal-allowed"), "{}", allowed.text());
    assert!(matches!(house.ask(Ask::Accounts, Some(&terminal)).await, ControlAnswer::Accounts { .. }));
    house.close().await;
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_one_administrator_and_her_own_usb_key() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "").await;
    let mut ada = house.signed_in("ada", Role::SecurityAdministrator).await;
    let card = city.card("mia", 7);
    let mut mia = with_card(&house, "mia", &card).await;
    assert_eq!(sign_in_with_card(&mut mia, &portal("/")).await.status, StatusCode::OK);
    without_security_key(&house, "mia").await;
    let draft = ask(&house, &mut ada, "mia", "new-password").await;
    let link = link_on(&ada.use_key(&draft).await);

    let mut thief = house.browser();
    thief.plug_in(city.card("ada", 9).in_client(&house.tls));
    let page = behind(&mut thief, &link, None).await;
    assert_eq!(show_card(&mut thief, &page).await.status, StatusCode::FORBIDDEN, "another's card");
    assert_eq!(thief.open(&portal("/recover/password")).await.url.path(), "/recover/token");

    house.clock.advance(std::time::Duration::from_secs(60));
    let mut her = house.browser();
    her.plug_in(city.card("mia", 8).in_client(&house.tls));
    let page = behind(&mut her, &link, None).await;
    assert_eq!(show_card(&mut her, &page).await.status, StatusCode::FORBIDDEN, "a card of hers that she has never used");
    house.clock.advance(std::time::Duration::from_secs(60));
    her.plug_in(card.in_client(&house.tls));
    let page = her.open(&portal("/recover/token")).await;
    let page = by_card(&mut her, &page).await;
    assert_eq!(page.url.path(), "/recover/password", "{}", page.text());
    let form = page.form("recover-choose").with("password", OTHER_PASSWORD).with("again", OTHER_PASSWORD);
    let done = her.submit(&page, &form).await;
    assert!(done.text().contains("id=\"recover-done\""), "{}", done.text());
    assert!(text_of(&done.text(), "recover-done").is_some());
    house.close().await;
}
