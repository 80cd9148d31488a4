//! Lists of people in the console, their letters, and enrolment by letter.

use http::StatusCode;
use yumen::model::{AccountState, Action, Outcome, Record, Role, Serial, TokenState};
use yumen::store::AccountFilter;

use crate::browser::{Browser, Reply};
use crate::forms;
use crate::house::{Changes, House, PASSWORD, PORTAL, SITES, first_factor};

const SEEDS: &str = "F1,3132333435363738393031323334353637383930\nF2,3132333435363738393031323334353637383930\n";
const LIST: &str = "name,unit,email,token\r\nwang,宣传部,wang@city.test,F1\r\nli,财政局,,F2\r\nzhao,财政局,,\r\n";
/// RFC 4226, appendix D.
const CODES: [&str; 3] = ["755224", "287082", "359152"];

fn portal(path: &str) -> String {
    format!("https://{PORTAL}{path}")
}

async fn stocked(changes: Changes<'_>) -> House {
    let house = House::open_with(changes).await;
    let inner = house.gateway().house();
    inner.desk.import_seeds(&house.office().await, SEEDS.as_bytes(), None, false, inner.clock.now()).await.unwrap();
    house
}

async fn count(house: &House) -> usize {
    let accounts = house.gateway().house().desk.accounts(&house.office().await, &AccountFilter::default()).await.unwrap();
    accounts.iter().filter(|account| account.name.as_str() != "office").count()
}

/// The texts of all elements of a class in a file of letters.
pub fn of_class(letters: &str, class: &str) -> Vec<String> {
    let mark = format!("<dd class=\"{class}\"");
    let elements = letters.split(&mark).skip(1);
    elements.map(|rest| rest.split_once('>').unwrap().1.split("</dd>").next().unwrap().to_owned()).collect()
}

/// The codes of the letters of all of [`LIST`], by the machine's console.
async fn letters(house: &House) -> Vec<String> {
    let inner = house.gateway().house();
    let now = inner.clock.now();
    inner.desk.import_people(&house.office().await, LIST.as_bytes(), 0, now).await.unwrap();
    let due = inner.desk.letters_due(&house.office().await, now).await.unwrap();
    let names: Vec<_> = due.into_iter().map(|due| due.account.name).collect();
    let mut letters = inner.desk.make_letters(&house.office().await, &names, now).await.unwrap();
    letters.sort_by(|one, other| one.serial.as_str().cmp(other.serial.as_str()));
    letters.into_iter().map(|letter| letter.code.reveal()).collect()
}

async fn open_letter(browser: &mut Browser, code: &str, serial: &str) -> Reply {
    let page = browser.open(&portal("/enrol/letter")).await;
    let form = page.form("enrol-letter").with("code", code).with("serial", serial);
    browser.submit(&page, &form).await
}

#[tokio::test]
async fn a_list_is_looked_through_imported_and_its_letters_are_made_in_the_console() {
    let house = stocked(Changes::default()).await;
    let mut admin = house.signed_in("admin", Role::SecurityAdministrator).await;
    let page = admin.open(&portal("/console/accounts/import")).await;
    let wrong = page.form("people-import").with("people", "name,unit,role,token\nwang,x,auditor,\nli,x,,F9\n<b>,x\n");
    for step in ["rehearse", "import"] {
        let reply = admin.submit(&page, &wrong.clone().with("step", step)).await;
        let told = reply.text();
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(told.contains("Line 2:") && told.contains("role</code> A list takes members alone") && told.contains("Line 4:"), "{told}");
        assert!(!told.contains("value=\"import\"") && !told.contains("\n<b>,x"), "{told}");
    }
    for (language, told) in [("zh-CN", "名单仅可导入普通用户"), ("ug", "تىزىملىككە پەقەت")] {
        admin.language = language;
        let reply = admin.submit(&page, &wrong.clone().with("step", "rehearse")).await;
        assert!(reply.text().contains(told) && !reply.text().contains("members alone"), "{}", reply.text());
    }
    admin.language = "en";
    let form = page.form("people-import").with("people", LIST);
    let looked = admin.submit(&page, &form.clone().with("step", "rehearse")).await;
    assert!(looked.text().contains("data-new=\"3\" data-same=\"0\" data-tokens=\"2\""), "{}", looked.text());
    assert_eq!(count(&house).await, 1);
    let imported = admin.submit(&looked, &looked.form("people-import").with("people", LIST).with("step", "import")).await;
    assert!(
        imported.text().contains("3 people are imported") && imported.text().contains("id=\"letters-waiting\" data-count=\"2\""),
        "{}",
        imported.text()
    );
    assert_eq!(count(&house).await, 4);
    let again = admin.submit(&page, &form.with("step", "rehearse")).await;
    assert!(again.text().contains("data-new=\"0\" data-same=\"3\" data-tokens=\"0\""), "{}", again.text());

    let one = admin.submit(&imported, &imported.form("letters").with("unit", "财政局")).await;
    assert!(one.header("content-disposition").contains("letters.html"), "{}", one.text());
    assert_eq!((of_class(&one.text(), "serial"), one.text().contains("data-name=\"li\"")), (vec!["…2".to_owned()], true));
    let rest = admin.submit(&imported, &imported.form("letters").with("unit", "")).await;
    assert_eq!(of_class(&rest.text(), "serial"), ["…1"], "who has one is left alone");
    let none = admin.submit(&imported, &imported.form("letters").with("unit", "")).await;
    assert!(none.status == StatusCode::UNPROCESSABLE_ENTITY && none.text().contains("No letter was made"), "{}", none.text());
    let all = admin.submit(&imported, &imported.form("letters").with("unit", "").with("which", "all")).await;
    assert_eq!(of_class(&all.text(), "code").len(), 2);
    let old = of_class(&rest.text(), "code").remove(0);
    assert_eq!(open_letter(&mut house.browser(), &old, "F1").await.status, StatusCode::UNPROCESSABLE_ENTITY, "it was replaced");
    let log = serde_json::to_string(&house.close().await).unwrap();
    let codes = of_class(&all.text(), "code");
    assert!(!codes.iter().any(|code| log.contains(code)), "no code is on record");
}

#[tokio::test]
async fn only_a_security_administrator_imports_people_and_makes_letters() {
    let house = stocked(Changes::default()).await;
    for (name, role) in [("member", Role::Member), ("sun", Role::SystemAdministrator), ("qian", Role::Auditor)] {
        let mut browser = house.signed_in(name, role).await;
        let home = browser.open(&portal("/")).await;
        for (path, fields) in [
            ("/console/accounts/import", [("people", LIST), ("step", "import")]),
            ("/console/accounts/letters", [("unit", ""), ("which", "all")]),
        ] {
            assert_eq!(browser.open(&portal(path)).await.status, StatusCode::FORBIDDEN, "{role} {path}");
            let form = forms::Form { action: path.to_owned(), ..home.form("sign-out") };
            let form = fields.iter().fold(form, |form, (name, value)| form.with(name, value));
            assert_eq!(browser.submit(&home, &form).await.status, StatusCode::FORBIDDEN, "{role} {path}");
        }
    }
    assert_eq!(count(&house).await, 3);
    house.close().await;
}

#[tokio::test]
async fn a_large_list_is_taken_of_staff_and_of_nobody_else() {
    let house = House::open().await;
    let large = "name,unit\n".to_owned() + &(0..5_000).map(|number| format!("p{number},统计局{number}\n")).collect::<String>();
    let mut admin = house.signed_in("admin", Role::SecurityAdministrator).await;
    let page = admin.open(&portal("/console/accounts/import")).await;
    let looked = admin.submit(&page, &page.form("people-import").with("people", &large)).await;
    assert!(looked.text().contains("data-new=\"5000\""), "{}", looked.status);
    let mut stranger = house.browser();
    let page = stranger.open(&portal("/enrol/letter")).await;
    let form = forms::Form { action: "/console/accounts/import".into(), ..page.form("enrol-letter") };
    assert_eq!(stranger.submit(&page, &form.with("people", &large)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    house.close().await;
}

#[tokio::test]
async fn a_letter_with_its_token_leads_to_an_account_and_only_once() {
    const ANY: Changes<'_> = Changes { top: "", listen: "", app: "factor = \"any\"", rule: "", monitoring: "" };
    let house = stocked(ANY).await;
    let codes = letters(&house).await;
    let mut wang = house.browser();
    let page = open_letter(&mut wang, &codes[0].to_lowercase().replace('-', " "), " f1 ").await;
    assert_eq!(page.url.path(), "/enrol/password", "{}", page.text());
    let form = page.form("enrol-password").with("password", PASSWORD).with("again", PASSWORD);
    let page = wang.submit(&page, &form).await;
    assert!(page.text().contains("id=\"enrol-to-show\" data-serial=\"F1\""), "{}", page.text());
    let page = wang.use_key(&page).await;
    assert!(forms::form(&page.text(), "enrol-finish").is_none(), "a key of hers is not the token of the letter");
    let page = wang.submit(&page, &page.form("enrol-code").with("code", CODES[0])).await;
    let page = wang.submit(&page, &page.form("enrol-finish")).await;
    assert!(page.text().contains("to-sign-in"), "{}", page.text());
    assert_eq!(house.state_of("wang").await, AccountState::Active);
    let mut later = house.browser();
    let page = later.open(&format!("https://{SITES}/")).await;
    let page = first_factor(&mut later, &page, "wang", PASSWORD).await;
    let page = later.submit(&page, &page.form("code-form").with("code", CODES[1])).await;
    assert_eq!((page.status, page.url.host_str()), (StatusCode::OK, Some(SITES)), "{}", page.text());
    let again = open_letter(&mut house.browser(), &codes[0], "F1").await;
    assert_eq!((again.status, again.url.path()), (StatusCode::UNPROCESSABLE_ENTITY, "/enrol/letter"));
    house.close().await;
}

#[tokio::test]
async fn wrong_serial_numbers_are_not_told_from_wrong_codes_and_five_end_a_letter_on_record() {
    let house = stocked(Changes::default()).await;
    let codes = letters(&house).await;
    let mut browser = house.browser();
    let told = |reply: &Reply| forms::text_of(&reply.text(), "alert").unwrap_or_else(|| reply.text());
    let wrong_code = open_letter(&mut browser, "0000-1111-2222-3333-4444", "F1").await;
    let no_code = open_letter(&mut browser, "0000", "F1").await;
    for attempt in 0..5 {
        let wrong = open_letter(&mut browser, &codes[0], "F2").await;
        assert_eq!((wrong.status, told(&wrong)), (StatusCode::UNPROCESSABLE_ENTITY, told(&wrong_code)), "{attempt}");
        assert_eq!(told(&no_code), told(&wrong));
    }
    let right = open_letter(&mut browser, &codes[0], "F1").await;
    assert_eq!(right.status, StatusCode::UNPROCESSABLE_ENTITY, "it is spent");
    assert_eq!(open_letter(&mut browser, &codes[1], "F2").await.url.path(), "/enrol/password", "the other letter is not");
    let link = browser.open(&portal("/enrol")).await;
    let as_link = browser.submit(&link, &link.form("enrol-open").with("token", &codes[1])).await;
    assert_eq!(as_link.status, StatusCode::GONE, "a letter's code is no link");
    let log = house.close().await;
    let events = |action: Action| {
        let events = log.iter().filter_map(|entry| match &entry.record {
            Record::Event(event) if event.action == action => Some(event.clone()),
            _ => None,
        });
        events.collect::<Vec<_>>()
    };
    let refused = events(Action::LetterRefused);
    assert_eq!(refused.len(), 5);
    assert!(refused.iter().all(|event| event.outcome == Outcome::Failed && event.details["name"] == "wang" && event.address.is_some()));
    let stopped = events(Action::LetterStopped);
    assert_eq!((stopped.len(), stopped[0].details["name"].as_str()), (1, "wang"));
}

#[tokio::test]
async fn a_letter_ends_with_its_time_and_with_its_token() {
    let house = stocked(Changes { top: "[enrolment]\nletter_life = \"2d\"\n", ..Changes::default() }).await;
    let codes = letters(&house).await;
    let inner = house.gateway().house();
    let serial = Serial::parse("F2").unwrap();
    inner.desk.stop_token(&house.office().await, &serial, yumen::admin::TokenEnd::Lost, house.when()).await.unwrap();
    assert_eq!(inner.desk.token(&house.office().await, &serial).await.unwrap().state, TokenState::Lost);
    assert_eq!(open_letter(&mut house.browser(), &codes[1], "F2").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    house.clock.advance(std::time::Duration::from_secs(2 * 86_400 - 60));
    assert_eq!(open_letter(&mut house.browser(), &codes[0], "F1").await.url.path(), "/enrol/password");
    house.clock.advance(std::time::Duration::from_secs(120));
    assert_eq!(open_letter(&mut house.browser(), &codes[0], "F1").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    house.close().await;
}
