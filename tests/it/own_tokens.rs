//! Code tokens in their holders' hands: shown at enrolment, activated, brought back and reported lost among one's own tokens.

use http::StatusCode;
use yumen::model::{AccountName, AccountState, Action, Entry, Outcome, Record, Role, Serial, TokenState};

use crate::browser::{Browser, Reply};
use crate::forms;
use crate::house::{Changes, House, PASSWORD, PORTAL};

/// The codes of RFC 4226, appendix D, in their order; the seed of both tokens is the one there.
pub const CODES: [&str; 10] = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
const CSV: &str = "FT-1,3132333435363738393031323334353637383930\nFT-2,3132333435363738393031323334353637383930\n";
const PATIENT: Changes<'_> = Changes {
    top: "[sign_in]\nper_address_per_minute = 1000\nper_account_per_minute = 1000\n",
    listen: "",
    app: "",
    rule: "",
    monitoring: "",
};

impl House {
    pub async fn stock(&self) {
        let house = self.gateway().house();
        house.desk.import_seeds(&self.office().await, CSV.as_bytes(), None, false, house.clock.now()).await.unwrap();
    }

    pub async fn issue(&self, serial: &str, to: &str) {
        self.issued_past_the_desk(serial, to).await;
    }

    async fn token_state(&self, serial: &str) -> TokenState {
        let house = self.gateway().house();
        house.store.token(&Serial::parse(serial).unwrap()).await.unwrap().unwrap().state
    }
}

/// What happened to which token, as the log has it.
fn told(log: &[Entry], action: Action, outcome: Outcome) -> Vec<String> {
    let fits = log.iter().filter_map(|entry| match &entry.record {
        Record::Event(event) if event.action == action && event.outcome == outcome => event.details.get("serial").cloned(),
        _ => None,
    });
    fits.collect()
}

fn no_code_in(log: &[Entry]) {
    let text = serde_json::to_string(log).unwrap();
    for code in CODES {
        assert!(!text.contains(&format!("\"{code}\"")), "{code} is on record");
    }
}

/// Behind an invitation, with the password chosen.
pub async fn at_second_step(browser: &mut Browser, link: &str) -> Reply {
    let (page, token) = link.split_once('#').unwrap();
    let page = browser.open(page).await;
    let form = page.form("enrol-open").with("token", token);
    let page = browser.submit(&page, &form).await;
    let form = page.form("enrol-password").with("password", PASSWORD).with("again", PASSWORD);
    browser.submit(&page, &form).await
}

async fn press(browser: &mut Browser, page: &Reply, form: &str, fields: &[(&str, &str)]) -> Reply {
    let form = fields.iter().fold(page.form(form), |form, (name, value)| form.with(name, value));
    browser.submit(page, &form).await
}

async fn my_tokens(browser: &mut Browser) -> Reply {
    browser.open(&format!("https://{PORTAL}/keys")).await
}

#[tokio::test]
async fn a_person_enrols_with_the_code_token_that_she_was_given() {
    let house = House::open().await;
    house.stock().await;
    let link = house.invite("wang", Role::Member).await;
    house.issue("FT-1", "wang").await;
    let mut browser = house.browser();
    let page = at_second_step(&mut browser, &link).await;
    assert!(forms::form(&page.text(), "webauthn").is_some() && forms::form(&page.text(), "enrol-finish").is_none());
    let wrong = press(&mut browser, &page, "enrol-code", &[("code", "000000")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(forms::form(&wrong.text(), "enrol-finish").is_none());
    let shown = press(&mut browser, &wrong, "enrol-code", &[("code", CODES[0])]).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text());
    assert!(shown.text().contains("FT-1") && forms::form(&shown.text(), "enrol-code").is_none());
    assert_eq!((house.token_state("FT-1").await, house.state_of("wang").await), (TokenState::Issued, AccountState::Invited));
    let done = press(&mut browser, &shown, "enrol-finish", &[]).await;
    assert!(done.text().contains("to-sign-in"), "{}", done.text());
    assert_eq!((house.token_state("FT-1").await, house.state_of("wang").await), (TokenState::Active, AccountState::Active));
    let account = house.gateway().house().store.account_by_name(&AccountName::parse("wang").unwrap()).await.unwrap().unwrap();
    let codes = &house.gateway().house().auth.codes;
    assert!(codes.take(account.id, CODES[0], house.clock.now()).await.is_err(), "the code that she enrolled with is spent");
    assert!(codes.take(account.id, CODES[1], house.clock.now()).await.is_ok());
    let log = house.close().await;
    assert_eq!(told(&log, Action::TokenActivated, Outcome::Done), ["FT-1"]);
    no_code_in(&log);
}

#[tokio::test]
async fn whoever_was_given_no_token_is_asked_for_no_code_and_gets_nowhere_with_one() {
    let house = House::open().await;
    house.stock().await;
    house.invite("li", Role::Member).await;
    house.issue("FT-1", "li").await;
    let link = house.invite("wang", Role::Member).await;
    let mut browser = house.browser();
    let page = at_second_step(&mut browser, &link).await;
    assert!(forms::form(&page.text(), "enrol-code").is_none());
    let mut form = page.form("webauthn").with("code", CODES[0]);
    form.action = "/enrol/code".to_owned();
    let answer = browser.submit(&page, &form).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(forms::form(&answer.text(), "enrol-finish").is_none());
    form.action = "/enrol/finish".to_owned();
    browser.submit(&page, &form).await;
    assert_eq!((house.token_state("FT-1").await, house.state_of("wang").await), (TokenState::Issued, AccountState::Invited));
    house.close().await;
}

#[tokio::test]
async fn ten_wrong_codes_at_enrolment_suspend_the_token_and_the_page_says_whom_to_ask() {
    let house = House::open_with(PATIENT).await;
    house.stock().await;
    let link = house.invite("wang", Role::Member).await;
    house.issue("FT-1", "wang").await;
    let mut browser = house.browser();
    let mut page = at_second_step(&mut browser, &link).await;
    for network in 2..11 {
        // The wait after failures is one network's own.
        browser.from = Some([127, 0, 0, network].into());
        page = press(&mut browser, &page, "enrol-code", &[("code", "000000")]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    browser.from = None;
    assert_eq!(house.token_state("FT-1").await, TokenState::Issued);
    let page = press(&mut browser, &page, "enrol-code", &[("code", "000000")]).await;
    assert!(page.text().contains("your code tokens are suspended. Ask your security administrator"), "{}", page.text());
    assert!(forms::form(&page.text(), "enrol-code").is_none());
    assert_eq!(house.token_state("FT-1").await, TokenState::Suspended);
    // The way with a key is still open.
    let page = browser.use_key(&page).await;
    assert!(press(&mut browser, &page, "enrol-finish", &[]).await.text().contains("to-sign-in"));
    let log = house.close().await;
    assert_eq!(told(&log, Action::TokenSuspended, Outcome::Done), ["FT-1"]);
    assert_eq!(told(&log, Action::TokenActivated, Outcome::Done), Vec::<String>::new());
}

#[tokio::test]
async fn she_activates_a_token_that_was_issued_to_her_with_her_key_and_brings_it_back_with_two_codes() {
    let house = House::open().await;
    house.stock().await;
    let mut browser = house.signed_in("wang", Role::Member).await;
    house.issue("FT-1", "wang").await;
    let page = my_tokens(&mut browser).await;
    assert!(page.text().contains("FT-1") && page.text().contains("only-key"));
    let without = browser.open(&format!("https://{PORTAL}/keys/show?token=FT-1")).await;
    assert!(forms::form(&without.text(), "show-token").is_none(), "not without the proof");
    let proving = press(&mut browser, &page, "/keys/activate", &[]).await;
    let typing = browser.use_key(&proving).await;
    assert_eq!(typing.url.path(), "/keys/show", "{}", typing.text());
    let wrong = press(&mut browser, &typing, "show-token", &[("code", "000000")]).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    let page = press(&mut browser, &wrong, "show-token", &[("code", CODES[0])]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    assert_eq!(house.token_state("FT-1").await, TokenState::Active);
    assert!(!page.text().contains("only-key"), "a code token is left where the key goes");

    let astray = browser.open(&format!("https://{PORTAL}/keys/astray?token=FT-1")).await;
    let same = press(&mut browser, &astray, "astray", &[("code", CODES[7]), ("next_code", CODES[7])]).await;
    assert_eq!(same.status, StatusCode::FORBIDDEN);
    let back = press(&mut browser, &same, "astray", &[("code", CODES[7]), ("next_code", CODES[8])]).await;
    assert_eq!(back.status, StatusCode::OK, "{}", back.text());
    let again = press(&mut browser, &same, "astray", &[("code", CODES[7]), ("next_code", CODES[8])]).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN, "both are spent");
    let foreign = browser.open(&format!("https://{PORTAL}/keys/astray?token=FT-2")).await;
    assert!(forms::form(&foreign.text(), "astray").is_none());
    let log = house.close().await;
    assert_eq!(told(&log, Action::TokenActivated, Outcome::Done), ["FT-1"]);
    assert_eq!(told(&log, Action::TokenActivated, Outcome::Failed), ["FT-1"]);
    assert_eq!(told(&log, Action::TokenResynchronised, Outcome::Done), ["FT-1"]);
    assert_eq!(told(&log, Action::TokenResynchronised, Outcome::Failed), ["FT-1", "FT-1"]);
    no_code_in(&log);
}

#[tokio::test]
async fn a_lost_key_is_reported_with_a_code_of_another_token_and_everything_that_it_opened_ends() {
    let house = House::open().await;
    house.stock().await;
    let mut browser = house.in_the_app("wang").await;
    house.issue("FT-1", "wang").await;
    let page = my_tokens(&mut browser).await;
    let proving = press(&mut browser, &page, "/keys/activate", &[]).await;
    let typing = browser.use_key(&proving).await;
    let page = press(&mut browser, &typing, "show-token", &[("code", CODES[0])]).await;

    // The first button is the key's: it cannot be lost by its own proof, so a code is asked for.
    let key = page.form("/keys/lost").field("token").to_owned();
    assert!(key.starts_with("K-"), "{key}");
    let proving = press(&mut browser, &page, "/keys/lost", &[]).await;
    assert!(forms::form(&proving.text(), "webauthn").is_none());
    let wrong = press(&mut browser, &proving, "prove-code", &[("code", CODES[0])]).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN, "it is spent");
    assert_eq!(house.token_state(&key).await, TokenState::Active);
    let over = press(&mut browser, &wrong, "prove-code", &[("code", CODES[1])]).await;
    assert!(over.text().contains("keys-over") && !over.text().contains("needs-new-token"), "{}", over.text());
    assert_eq!(house.token_state(&key).await, TokenState::Lost);
    assert_eq!(my_tokens(&mut browser).await.url.path(), "/sign-in");
    let signing_in = sign_in_page(&mut browser).await;
    assert!(forms::form(&signing_in.text(), "sign-in").is_some(), "the app's session ended with it");
    let log = house.close().await;
    assert_eq!(told(&log, Action::TokenLost, Outcome::Done), [key]);
}

async fn sign_in_page(browser: &mut Browser) -> Reply {
    browser.open(&format!("https://{}/", crate::house::SITES)).await
}

#[tokio::test]
async fn the_last_token_is_reported_lost_with_the_password_and_she_is_told_that_she_needs_a_new_one() {
    let house = House::open().await;
    let mut browser = house.signed_in("wang", Role::Member).await;
    let page = my_tokens(&mut browser).await;
    let key = page.form("/keys/lost").field("token").to_owned();
    let proving = press(&mut browser, &page, "/keys/lost", &[]).await;
    let wrong = press(&mut browser, &proving, "prove-password", &[("password", "a wrong password")]).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert_eq!(house.token_state(&key).await, TokenState::Active);
    let over = press(&mut browser, &wrong, "prove-password", &[("password", PASSWORD)]).await;
    assert!(over.text().contains("needs-new-token"), "{}", over.text());
    assert_eq!(house.token_state(&key).await, TokenState::Lost);
    assert_eq!(my_tokens(&mut browser).await.url.path(), "/sign-in");
    house.close().await;
}

#[tokio::test]
async fn nobody_reports_another_persons_token() {
    let house = House::open().await;
    house.stock().await;
    house.enrolled("li", Role::Member).await;
    house.issue("FT-1", "li").await;
    let mut browser = house.signed_in("wang", Role::Member).await;
    let page = my_tokens(&mut browser).await;
    let answer = press(&mut browser, &page, "/keys/lost", &[("token", "FT-1")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let add = press(&mut browser, &page, "/keys/add", &[]).await;
    let form = browser.answer_key(&add).with("next", "lose FT-1");
    browser.submit(&add, &form).await;
    assert_eq!(house.token_state("FT-1").await, TokenState::Issued);
    house.close().await;
}
