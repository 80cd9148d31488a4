//! Tokens that show codes: what they open, what they do not, and how they end.

use http::StatusCode;
use yumen::admin::TokenEnd;
use yumen::model::{AccountId, Action, Outcome, Record, Role, Serial, TokenState};
use yumen::store::Spending;

use crate::browser::{Browser, Reply};
use crate::forms;
use crate::house::{Changes, House, PASSWORD, PORTAL, SITES, first_factor};

const CSV: &[u8] = b"serial,seed\nFT-1,3132333435363738393031323334353637383930\n";
/// RFC 4226, appendix D.
const CODES: [&str; 5] = ["755224", "287082", "359152", "969429", "338314"];
const ANY: Changes<'_> = Changes { top: "", listen: "", app: "factor = \"any\"", rule: "", monitoring: "" };

fn serial() -> Serial {
    Serial::parse("FT-1").unwrap()
}

/// Somebody who enrolled with a key, and whose code token is active: its first code is spent.
async fn holder(house: &House, name: &str, role: Role) -> Browser {
    let browser = house.enrolled(name, role).await;
    let inner = house.gateway().house();
    let now = inner.clock.now();
    let office = house.office().await;
    assert_eq!(inner.desk.import_seeds(&office, CSV, None, false, now).await.unwrap(), 1);
    house.issued_past_the_desk("FT-1", name).await;
    house.show_first_code(house.account_of(name).await.id).await;
    browser
}

impl House {
    /// The holder of the one token that was issued to her has shown it: its first code is spent.
    pub async fn show_first_code(&self, account: AccountId) {
        let inner = self.gateway().house();
        let issued = inner.store.seeds_of(account, TokenState::Issued, inner.clock.wall()).await.unwrap().remove(0);
        let spending = Spending { token: issued.token, was: 0, next: 1, drift: 0 };
        assert!(inner.store.activate_oath(&spending, inner.clock.wall()).await.unwrap());
    }
}

async fn asked_for_code(browser: &mut Browser, url: &str, name: &str) -> Reply {
    let page = browser.open(url).await;
    first_factor(browser, &page, name, PASSWORD).await
}

async fn with_code(browser: &mut Browser, page: &Reply, code: &str) -> Reply {
    let form = page.form("code-form").with("code", code);
    browser.submit(page, &form).await
}

#[tokio::test]
async fn a_code_opens_an_app_that_takes_codes_and_no_code_opens_anything_twice() {
    let house = House::open_with(ANY).await;
    let mut browser = holder(&house, "wang", Role::Member).await;
    let page = asked_for_code(&mut browser, &format!("https://{SITES}/"), "wang").await;
    assert!(forms::form(&page.text(), "webauthn").is_some(), "her key is asked for too");
    assert_eq!(with_code(&mut browser, &page, CODES[0]).await.status, StatusCode::FORBIDDEN, "spent when it was shown first");
    let page = with_code(&mut browser, &page, CODES[1]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    assert!(house.upstream.seen().contains("GET / HTTP/1.1"));
    let mut another = house.browser();
    let page = asked_for_code(&mut another, &format!("https://{SITES}/"), "wang").await;
    assert_eq!(with_code(&mut another, &page, CODES[1]).await.status, StatusCode::FORBIDDEN);
    let log = house.close().await;
    let text = serde_json::to_string(&log).unwrap();
    assert!(CODES.iter().all(|code| !text.contains(code)), "no code is on record");
    assert!(text.contains("password+oath") && text.contains("wrong-code"));
}

#[tokio::test]
async fn a_code_does_not_open_an_app_that_asks_for_a_key_and_the_page_says_so() {
    let house = House::open().await;
    let mut browser = holder(&house, "wang", Role::Member).await;
    let page = asked_for_code(&mut browser, &format!("https://{PORTAL}/"), "wang").await;
    assert_eq!(with_code(&mut browser, &page, CODES[1]).await.status, StatusCode::OK, "the portal opens");
    let page = browser.open(&format!("https://{SITES}/")).await;
    assert!(page.text().contains("asks for a security key") && forms::form(&page.text(), "code-form").is_none(), "{}", page.text());
    assert!(!house.upstream.seen().contains("GET / HTTP/1.1"));
    let page = browser.use_key(&page).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    assert!(house.upstream.seen().contains("GET / HTTP/1.1"));
    house.close().await;
}

#[tokio::test]
async fn staff_are_not_asked_for_codes() {
    let house = House::open_with(ANY).await;
    let mut browser = holder(&house, "shen", Role::SecurityAdministrator).await;
    let page = asked_for_code(&mut browser, &format!("https://{PORTAL}/"), "shen").await;
    assert!(forms::form(&page.text(), "code-form").is_none());
    assert!(forms::form(&page.text(), "webauthn").is_some());
    house.close().await;
}

#[tokio::test]
async fn a_lost_token_ends_what_it_opened_and_opens_nothing_more() {
    let house = House::open_with(ANY).await;
    let mut browser = holder(&house, "wang", Role::Member).await;
    let page = asked_for_code(&mut browser, &format!("https://{SITES}/"), "wang").await;
    assert_eq!(with_code(&mut browser, &page, CODES[1]).await.status, StatusCode::OK);
    let mut by_key = house.browser();
    by_key.take_key_from(&mut browser);
    let page = asked_for_code(&mut by_key, &format!("https://{SITES}/"), "wang").await;
    assert_eq!(by_key.use_key(&page).await.status, StatusCode::OK);

    let inner = house.gateway().house();
    let ended = inner.desk.stop_token(&house.office().await, &serial(), TokenEnd::Lost, house.when()).await.unwrap();
    assert_eq!(ended, 1, "what the key opened is not the token's");
    let page = browser.open(&format!("https://{SITES}/")).await;
    assert!(forms::form(&page.text(), "sign-in").is_some(), "{}", page.text());
    assert_eq!(by_key.open(&format!("https://{SITES}/")).await.status, StatusCode::OK);
    let page = first_factor(&mut browser, &page, "wang", PASSWORD).await;
    assert!(forms::form(&page.text(), "code-form").is_none());
    let log = house.close().await;
    let lost = log.iter().filter_map(|entry| match &entry.record {
        Record::Event(event) if event.action == Action::TokenLost && event.outcome == Outcome::Done => Some(event),
        _ => None,
    });
    let lost: Vec<_> = lost.collect();
    assert_eq!(lost.len(), 1);
    assert_eq!((lost[0].details["serial"].as_str(), lost[0].details["name"].as_str()), ("FT-1", "wang"));
}

#[tokio::test]
async fn a_lost_token_that_is_used_raises_an_alarm_and_whoever_uses_it_sees_a_wrong_code() {
    const SECOND: &[u8] = b"serial,seed\nFT-2,3132333435363738393031323334353637383931\n";
    let house = House::open_with(ANY).await;
    crate::plans::adopt(&house, crate::plans::PLAN).await.unwrap();
    let mut browser = holder(&house, "wang", Role::Member).await;
    let inner = house.gateway().house();
    inner.desk.import_seeds(&house.office().await, SECOND, None, false, inner.clock.now()).await.unwrap();
    house.issued_past_the_desk("FT-2", "wang").await;
    house.show_first_code(house.account_of("wang").await.id).await;
    inner.desk.stop_token(&house.office().await, &serial(), TokenEnd::Lost, house.when()).await.unwrap();

    let page = asked_for_code(&mut browser, &format!("https://{PORTAL}/"), "wang").await;
    let wrong = with_code(&mut browser, &page, "000000").await;
    let lost = with_code(&mut browser, &page, CODES[1]).await;
    let told = |page: &Reply| forms::text_of(&page.text(), "alert").unwrap();
    assert_eq!((lost.status, told(&lost)), (wrong.status, told(&wrong)));
    let alarm = house.recorded(|record| match record {
        Record::Event(event) if event.action == Action::TriggerFired => Some(event.details.clone()),
        _ => None,
    });
    let alarm = alarm.await;
    assert_eq!((alarm["trigger"].as_str(), alarm["subject"].as_str()), ("token-misused", "account:wang"));
    let log = house.close().await;
    let failures: Vec<_> = log
        .iter()
        .filter_map(|entry| match &entry.record {
            Record::Event(event) if event.action == Action::SignIn && event.outcome == Outcome::Failed => Some(&event.details),
            _ => None,
        })
        .collect();
    let [wrong, lost] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!((wrong["why"].as_str(), wrong.get("serial")), ("wrong-code", None));
    let said = ["why", "serial", "kind", "state", "name"].map(|detail| lost[detail].as_str());
    assert_eq!(said, ["revoked", "FT-1", "oath", "lost", "wang"]);
}

#[tokio::test]
async fn guessing_codes_suspends_the_token_on_record() {
    const TOP: &str = "[sign_in]\nfailures_until_suspended = 3\nper_address_per_minute = 1000\nper_account_per_minute = 1000\n";
    let house = House::open_with(Changes { top: TOP, ..ANY }).await;
    let mut browser = holder(&house, "wang", Role::Member).await;
    let mut page = asked_for_code(&mut browser, &format!("https://{PORTAL}/"), "wang").await;
    for _ in 0..3 {
        assert_eq!(page.status.as_u16() / 100, if page.status.is_success() { 2 } else { 4 });
        page = with_code(&mut browser, &page, "000000").await;
        house.clock.advance(std::time::Duration::from_secs(40));
    }
    assert!(forms::form(&page.text(), "code-form").is_none(), "the password has to be given again");
    let page = asked_for_code(&mut browser, &format!("https://{PORTAL}/"), "wang").await;
    assert!(forms::form(&page.text(), "code-form").is_none(), "{}", page.text());
    assert_eq!(browser.use_key(&page).await.status, StatusCode::OK, "her key works as before");
    let suspended = house.recorded(|record| match record {
        Record::Event(event) if event.action == Action::TokenSuspended => Some(event.details.clone()),
        _ => None,
    });
    assert_eq!(suspended.await["serial"], "FT-1");
    house.close().await;
}

#[tokio::test]
async fn a_security_administrator_brings_a_code_token_back_by_two_codes_in_a_row_that_are_neither_shown_nor_kept() {
    /// RFC 4226, appendix D: of the counters 5, 7, 8 and 9.
    const LATER: [&str; 4] = ["254676", "162583", "399871", "520489"];
    let house = House::open_with(ANY).await;
    let mut browser = holder(&house, "wang", Role::Member).await;
    let mut staff = house.signed_in("chen", Role::SecurityAdministrator).await;
    let token = format!("https://{PORTAL}/console/tokens/FT-1");
    assert!(staff.open(&token).await.text().contains("href=\"/console/tokens/FT-1/resync\""));
    let page = staff.open(&format!("{token}/resync")).await;
    let form = |page: &Reply, codes: [&str; 2]| page.form("resync").with("code", codes[0]).with("next_code", codes[1]);
    for wrong in [["000000", "000000"], [LATER[0], LATER[1]], [LATER[2], LATER[1]], [LATER[2], ""]] {
        let refused = staff.submit(&page, &form(&page, wrong)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
        assert!(refused.text().contains("not two codes in a row") && LATER.iter().all(|code| !refused.text().contains(code)));
    }
    let done = staff.submit(&page, &form(&page, [LATER[1], LATER[2]])).await;
    assert!(done.status == StatusCode::OK && done.text().contains("is synchronised"), "{}", done.text());
    let page = asked_for_code(&mut browser, &format!("https://{SITES}/"), "wang").await;
    let page = with_code(&mut browser, &page, LATER[2]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "both were spent");
    house.clock.advance(std::time::Duration::from_secs(60));
    let page = asked_for_code(&mut browser, &format!("https://{SITES}/"), "wang").await;
    assert_eq!(with_code(&mut browser, &page, LATER[3]).await.status, StatusCode::OK);

    // What shows no codes, or has ended, is not brought back.
    let key = house.gateway().house().store.tokens_of(house.account_of("wang").await.id).await.unwrap();
    let key = key.iter().find(|token| token.serial != serial()).unwrap().serial.clone();
    let page = staff.open(&format!("https://{PORTAL}/console/tokens/{key}/resync")).await;
    assert!(forms::form(&page.text(), "resync").is_none() && !page.text().contains("/resync\""), "{}", page.text());
    let log = house.close().await;
    let outcomes: Vec<Outcome> = log
        .iter()
        .filter_map(|entry| match &entry.record {
            Record::Event(event) if event.action == Action::TokenResynchronised => Some(event.outcome),
            _ => None,
        })
        .collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Failed).count(), 4, "{outcomes:?}");
    let text = serde_json::to_string(&log).unwrap();
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    assert!(words.all(|word| !LATER.contains(&word)), "no code is on record");
}
