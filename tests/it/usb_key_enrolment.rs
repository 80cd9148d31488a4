//! Enrolling with a USB-KEY, by an invitation and by a letter; and who may not.

use http::{Method, StatusCode};
use url::Url;
use yumen::crypto::sha256;
use yumen::model::{AccountState, Action, Event, Factor, Outcome, Record, Role, Serial, TokenId, TokenState};
use yumen::store::{NewCertificate, OwnCertificate};

use crate::browser::{Browser, Reply};
use crate::city::{Card, City};
use crate::forms;
use crate::house::{House, KEY, PASSWORD, PORTAL};
use crate::usb_key::{house_that_believes, sign_in_with_card};

const HARDWARE: &str = "hardware_only = true";

fn portal(path: &str) -> String {
    format!("https://{PORTAL}{path}")
}

fn holding(house: &House, card: &Card) -> Browser {
    let mut browser = house.browser();
    browser.plug_in(card.in_client(&house.tls));
    browser
}

async fn choose_password(browser: &mut Browser, page: &Reply) -> Reply {
    let form = page.form("enrol-password").with("password", PASSWORD).with("again", PASSWORD);
    browser.submit(page, &form).await
}

/// Behind the link, where the password is chosen and tokens are asked for.
async fn begin(browser: &mut Browser, link: &str) -> Reply {
    let (page, token) = link.split_once('#').unwrap();
    let page = browser.open(page).await;
    let page = browser.submit(&page, &page.form("enrol-open").with("token", token)).await;
    choose_password(browser, &page).await
}

/// From the page that asks for tokens to the answer of the host that asks for certificates.
async fn show_card(browser: &mut Browser, page: &Reply) -> Reply {
    let way = forms::link(&page.text(), "enrol-usb-key").unwrap_or_else(|| panic!("{}", page.text()));
    let instructions = browser.open(&portal(&way)).await;
    let link = forms::link(&instructions.text(), "show-usb-key").expect("the way to the other host");
    assert!(link.starts_with(&format!("https://{KEY}/show?request=")), "{link}");
    browser.navigate(Method::GET, &Url::parse(&link).unwrap(), None).await
}

/// The same, and back.
async fn shown(browser: &mut Browser, page: &Reply) -> Reply {
    let answer = show_card(browser, page).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    browser.go_on(answer).await
}

async fn finish(browser: &mut Browser, page: &Reply) -> Reply {
    browser.submit(page, &page.form("enrol-finish")).await
}

/// What the store knows of a card.
fn registered(house: &House, card: &Card) -> NewCertificate {
    NewCertificate {
        token: TokenId::fresh(),
        fingerprint: sha256(&card.certificate),
        number: "07".into(),
        subject: "CN=wang".into(),
        issuer: "CN=city".into(),
        not_after: house.clock.now().plus(std::time::Duration::from_secs(86_400)),
        chain: None,
    }
}

fn events(house: &House, action: Action) -> Vec<Event> {
    let of = |record: &Record| match record {
        Record::Event(event) if event.action == action => Some(event.clone()),
        _ => None,
    };
    house.log().iter().filter_map(|entry| of(&entry.record)).collect()
}

#[tokio::test]
async fn somebody_who_was_invited_enrols_with_her_usb_key_and_signs_in_with_it_alone() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "").await;
    let mut wang = holding(&house, &city.card("wang", 7));
    let link = house.invite("wang", Role::Member).await;
    let page = begin(&mut wang, &link).await;
    assert!(forms::form(&page.text(), "enrol-finish").is_none());
    let page = shown(&mut wang, &page).await;
    assert_eq!(page.url.as_str(), portal("/enrol/key"), "the code does not stay in the address");
    assert!(page.text().contains("data-usb-key=\"C-") && page.text().contains("CN=wang"), "{}", page.text());
    assert_eq!(events(&house, Action::TokenActivated).len(), 0);
    let done = finish(&mut wang, &page).await;
    assert!(done.text().contains("to-sign-in") && done.text().contains("with your USB-KEY"), "{}", done.text());
    let (enrolled, activated) = (events(&house, Action::AccountEnrolled), events(&house, Action::TokenActivated));
    assert_eq!((enrolled[0].details["keys"].as_str(), enrolled[0].details["usb-keys"].as_str()), ("0", "1"));
    assert_eq!((activated.len(), activated[0].details["name"].as_str()), (1, "wang"));
    let page = sign_in_with_card(&mut wang, &portal("/")).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/"), "{}", page.text());
    let signed_in = events(&house, Action::SignIn);
    assert_eq!(signed_in.last().unwrap().who.as_ref().unwrap().factor, Some(Factor::UsbKey));
    assert_eq!(events(&house, Action::TokenActivated).len(), 1, "its first use was at enrolment");
    house.close().await;
}

#[tokio::test]
async fn staff_whose_key_may_be_a_file_are_told_to_show_another_token() {
    let city = City::new();
    let house = house_that_believes(&city, "", "").await;
    let mut qian = holding(&house, &city.card("qian", 7));
    let link = house.invite("qian", Role::Auditor).await;
    let page = begin(&mut qian, &link).await;
    let told = shown(&mut qian, &page).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(told.text().contains("not enough for a staff account"), "{}", told.text());
    assert!(!told.text().contains("data-usb-key") && forms::form(&told.text(), "enrol-finish").is_none());
    let page = qian.use_key(&told).await;
    assert!(finish(&mut qian, &page).await.text().contains("to-sign-in"));
    let mut wang = holding(&house, &city.card("wang", 8));
    let link = house.invite("wang", Role::Member).await;
    let page = begin(&mut wang, &link).await;
    let page = shown(&mut wang, &page).await;
    assert!(finish(&mut wang, &page).await.text().contains("to-sign-in"), "a member's may");
    house.close().await;
}

#[tokio::test]
async fn another_browser_with_the_same_link_gets_nothing_of_what_was_shown() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "").await;
    let link = house.invite("wang", Role::Member).await;
    let (mut wang, mut thief) = (holding(&house, &city.card("wang", 7)), house.browser());
    let page = begin(&mut wang, &link).await;
    let answer = show_card(&mut wang, &page).await;
    let code = Url::parse(answer.header("location")).unwrap();
    begin(&mut thief, &link).await;
    let stolen = thief.navigate(Method::GET, &code, None).await;
    assert_eq!(stolen.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!stolen.text().contains("data-usb-key"), "{}", stolen.text());
    let nobody = house.browser().navigate(Method::GET, &code, None).await;
    assert_eq!(nobody.status, StatusCode::GONE, "{}", nobody.text());
    let page = wang.go_on(answer).await;
    assert!(page.text().contains("data-usb-key"), "{}", page.text());
    let again = wang.navigate(Method::GET, &code, None).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "a code is worth something once");
    house.close().await;
}

#[tokio::test]
async fn where_no_usb_keys_are_taken_none_is_asked_for() {
    let house = House::open().await;
    let mut wang = house.browser();
    let link = house.invite("wang", Role::Member).await;
    let page = begin(&mut wang, &link).await;
    assert!(forms::link(&page.text(), "enrol-usb-key").is_none());
    assert_eq!(wang.open(&portal("/enrol/usb-key")).await.status, StatusCode::NOT_FOUND);
    let page = house.browser().open(&portal("/enrol/usb-key")).await;
    assert_eq!(page.status, StatusCode::GONE, "whoever holds no invitation asks for nothing");
}

#[tokio::test]
async fn a_usb_key_that_went_to_somebody_else_before_the_end_is_refused_and_another_will_do() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "").await;
    house.enrolled("li", Role::Member).await;
    let card = city.card("wang", 7);
    let mut wang = holding(&house, &card);
    let link = house.invite("wang", Role::Member).await;
    let page = begin(&mut wang, &link).await;
    let page = shown(&mut wang, &page).await;
    let (store, li) = (&house.gateway().house().store, house.account_of("li").await.id);
    assert!(store.register_certificate(&registered(&house, &card), li, house.clock.now()).await.unwrap());
    let told = finish(&mut wang, &page).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(told.text().contains("cannot be registered") && !told.text().contains("data-usb-key"), "{}", told.text());
    assert_eq!(house.state_of("wang").await, AccountState::Invited);
    let of_wang = |event: &Event| event.action == Action::TokenActivated && event.details["name"] == "wang";
    let failed = house.recorded(|record| match record {
        Record::Event(event) if of_wang(event) && event.outcome == Outcome::Failed => Some(event.details["serial"].clone()),
        _ => None,
    });
    assert!(failed.await.starts_with("C-"));
    wang.plug_in(city.card("wang", 8).in_client(&house.tls));
    let page = shown(&mut wang, &told).await;
    assert!(finish(&mut wang, &page).await.text().contains("to-sign-in"));
    house.close().await;
}

#[tokio::test]
async fn whoever_tries_certificates_behind_a_link_is_put_on_record_and_made_to_wait() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "").await;
    let link = house.invite("wang", Role::Member).await;
    let mut stranger = holding(&house, &city.card("li", 7));
    let page = begin(&mut stranger, &link).await;
    let mut refused = show_card(&mut stranger, &page).await;
    assert!(refused.status == StatusCode::FORBIDDEN && refused.text().contains("does not open this account"), "{}", refused.text());
    let mut tries = 1;
    while refused.status == StatusCode::FORBIDDEN {
        assert!(tries < 30, "nobody makes her wait");
        refused = stranger.navigate(Method::GET, &refused.url, None).await;
        tries += 1;
    }
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{}", refused.text());
    let failed = events(&house, Action::UsbKeyShown);
    assert!(!failed.is_empty() && failed.iter().all(|event| event.outcome == Outcome::Failed && event.details["name"] == "wang"));
    assert_eq!(house.state_of("wang").await, AccountState::Invited);
    house.close().await;
}

#[tokio::test]
async fn a_letter_that_was_handed_out_with_a_usb_key_leads_to_an_account_by_that_usb_key_alone() {
    let city = City::new();
    let house = house_that_believes(&city, HARDWARE, "").await;
    let (hers, other) = (city.card("wang", 7), city.card("wang", 8));
    let inner = house.gateway().house();
    let (office, now) = (house.office().await, inner.clock.now());
    inner.desk.import_people(&office, "name,unit\nwang,宣传部\n".as_bytes(), 0, now).await.unwrap();
    let account = house.account_of("wang").await;
    let serial = Serial::parse("UK-0007").unwrap();
    inner
        .store
        .issue_certificate(&serial, account.id, &registered(&house, &hers), OwnCertificate { key: b"key", pem: "" }, now)
        .await
        .unwrap();
    let letter = inner.desk.make_letters(&office, &[account.name], now).await.unwrap().remove(0);
    assert_eq!(letter.serial, serial);

    let mut wang = holding(&house, &other);
    let page = wang.open(&portal("/enrol/letter")).await;
    let form = page.form("enrol-letter").with("code", &letter.code.reveal()).with("serial", "uk-0007");
    let page = wang.submit(&page, &form).await;
    let page = choose_password(&mut wang, &page).await;
    assert!(page.text().contains("id=\"enrol-to-show\" data-serial=\"UK-0007\""), "{}", page.text());
    let page = shown(&mut wang, &page).await;
    assert!(page.text().contains("data-usb-key=\"C-"), "{}", page.text());
    assert!(forms::form(&page.text(), "enrol-finish").is_none(), "another USB-KEY of hers is not the token of the letter");
    wang.plug_in(hers.in_client(&house.tls));
    let page = shown(&mut wang, &page).await;
    assert!(page.text().contains("data-usb-key=\"UK-0007\""), "{}", page.text());
    assert!(finish(&mut wang, &page).await.text().contains("to-sign-in"));
    assert_eq!(inner.desk.token(&office, &serial).await.unwrap().state, TokenState::Active);
    assert_eq!(inner.store.tokens_of(account.id).await.unwrap().len(), 1, "the other one is not hers");
    let page = sign_in_with_card(&mut wang, &portal("/")).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/"), "{}", page.text());
    house.close().await;
}
