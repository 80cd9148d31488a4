//! Changes that need two security administrators, and the ways back for people who have lost what they sign in with.

use http::StatusCode;
use yumen::model::{AccountName, AccountState, Action, Event, Outcome, Record, Role, TokenState};

use crate::browser::{Browser, Reply};
use crate::forms::{self, Form, text_of};
use crate::house::{Changes, House, PASSWORD, PORTAL, first_factor, sign_in};

pub const OTHER_PASSWORD: &str = "loud mountain, nine storks";
const PATIENT: Changes<'_> = Changes {
    top: "[sign_in]\nnameless_per_address_per_minute = 1000\nper_address_per_minute = 1000\nper_account_per_minute = 1000\n",
    listen: "",
    app: "",
    rule: "",
    monitoring: "",
};

fn portal(path: &str) -> String {
    format!("https://{PORTAL}{path}")
}

/// The link that a page shows once.
pub fn link_on(page: &Reply) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("id=\"invitation-link\"").unwrap_or_else(|| panic!("no link on {}: {text}", page.url));
    let (_, rest) = rest.split_once("value=\"").unwrap();
    rest.split('"').next().unwrap().replace("&#61;", "=").replace("&#38;", "&")
}

/// Behind a link, with the code that belongs to it.
pub async fn behind(browser: &mut Browser, link: &str, half: Option<&str>) -> Reply {
    let (address, token) = link.split_once('#').unwrap();
    let page = browser.open(address).await;
    let form = page.form("enrol-open").with("token", token);
    let form = half.map_or(form.clone(), |half| form.with("half", half));
    browser.submit(&page, &form).await
}

async fn press(browser: &mut Browser, page: &Reply, form: &str, fields: &[(&str, &str)]) -> Reply {
    let form = fields.iter().fold(page.form(form), |form, (name, value)| form.with(name, value));
    browser.submit(page, &form).await
}

impl House {
    pub async fn id_of(&self, name: &str) -> String {
        self.account_of(name).await.id.to_string()
    }

    async fn token_states(&self, name: &str) -> Vec<TokenState> {
        let house = self.gateway().house();
        let account = house.store.account_by_name(&AccountName::parse(name).unwrap()).await.unwrap().unwrap();
        house.store.tokens_of(account.id).await.unwrap().iter().map(|token| token.state).collect()
    }

    pub fn events(&self, action: Action, outcome: Outcome) -> Vec<Event> {
        let fits = self.log().into_iter().filter_map(|entry| match entry.record {
            Record::Event(event) if event.action == action && event.outcome == outcome => Some(event),
            _ => None,
        });
        fits.collect()
    }
}

/// What the button of an account's page leads to: the page of the change, on which whoever pressed it shows her key.
pub async fn ask(house: &House, browser: &mut Browser, name: &str, change: &str) -> Reply {
    let account = house.id_of(name).await;
    let page = browser.open(&portal(&format!("/console/accounts/{account}"))).await;
    let page = press(browser, &page, &format!("/console/accounts/{account}/{change}"), &[]).await;
    assert!(page.url.path().starts_with("/console/changes/"), "{}: {}", page.url, page.text());
    page
}

#[tokio::test]
async fn staff_is_made_by_two_and_neither_of_them_holds_the_whole_link() {
    let house = House::open().await;
    let mut ada = house.signed_in("ada", Role::SecurityAdministrator).await;
    let mut bea = house.signed_in("bea", Role::SecurityAdministrator).await;
    let page = ada.open(&portal("/console/accounts")).await;
    let page = press(&mut ada, &page, "invite", &[("name", "new"), ("unit", "x"), ("role", "auditor")]).await;
    assert!(page.url.path().starts_with("/console/changes/"), "{}", page.text());
    let change = page.url.to_string();
    assert_eq!(bea.open(&change).await.status, StatusCode::NOT_FOUND, "a draft is its proposer's own");
    let proposed = ada.use_key(&page).await;
    let half = text_of(&proposed.text(), "change-half").unwrap();
    assert!(text_of(&ada.open(&change).await.text(), "change-half").is_none(), "it is shown once");
    assert_eq!(text_of(&proposed.text(), "confirmers").as_deref(), Some(""), "{}", proposed.text());
    assert!(proposed.text().contains("<li><bdi>bea</bdi></li>") && !proposed.text().contains("<li><bdi>ada</bdi></li>"));

    // She who proposed it does not confirm it, whatever form she sends.
    let page = bea.open(&portal("/console/accounts")).await;
    assert_eq!(text_of(&page.text(), "changes-waiting").as_deref(), Some("1 waiting"));
    let page = bea.open(&change).await;
    let own = Form { action: page.form("webauthn").action, ..proposed.form("withdraw") };
    let answer = page.form("webauthn");
    let own = own.with("challenge", answer.field("challenge")).with("credential", "{}");
    let refused = ada.submit(&proposed, &own).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text().contains("another one has to confirm it"), "{}", refused.text());

    // What is not about her petition is worth nothing there either.
    let mut forged = bea.answer_key(&page);
    forged.action = forged.action.replace("confirm", "propose");
    assert!(bea.submit(&page, &forged).await.status.is_client_error());
    let page = bea.open(&change).await;
    let confirmed = bea.use_key(&page).await;
    let link = link_on(&confirmed);
    assert!(!confirmed.text().contains(&half), "the other half is not here");
    let over = ada.open(&change).await;
    assert!(text_of(&over.text(), "change-closed").is_some(), "{}", over.text());

    let mut stranger = house.browser();
    let alone = behind(&mut stranger, &link.replace("?half=1", ""), None).await;
    assert_eq!(alone.status, StatusCode::GONE, "{}", alone.text());
    let wrong = behind(&mut stranger, &link, Some("AAAAA-AAAAA")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let right = press(&mut stranger, &wrong, "enrol-open", &[("half", &half.to_lowercase().replace('-', " "))]).await;
    assert!(forms::form(&right.text(), "enrol-password").is_some(), "{}", right.text());
    assert_eq!(house.state_of("new").await, AccountState::Invited);
    let made = house.events(Action::AccountInvited, Outcome::Done).pop().unwrap();
    assert_eq!((made.who.unwrap().name.as_str(), made.details["proposed-by"].as_str()), ("bea", "ada"));
    assert_eq!(house.events(Action::ChangeProposed, Outcome::Done).len(), 1);
    house.close().await;
}

#[tokio::test]
async fn one_alone_makes_staff_and_the_record_says_so() {
    let house = House::open().await;
    let mut ada = house.signed_in("ada", Role::SecurityAdministrator).await;
    let page = ada.open(&portal("/console/accounts")).await;
    let page = press(&mut ada, &page, "invite", &[("name", "new"), ("unit", "x"), ("role", "security-administrator")]).await;
    assert!(!link_on(&page).contains("half"));
    let made = house.events(Action::AccountInvited, Outcome::Done).pop().unwrap();
    assert_eq!(made.details["alone"], "yes");
    house.close().await;
}

#[tokio::test]
async fn whoever_lost_her_tokens_gets_a_new_one_by_two_administrators_and_her_password() {
    let house = House::open_with(PATIENT).await;
    let mut ada = house.signed_in("ada", Role::SecurityAdministrator).await;
    let mut bea = house.signed_in("bea", Role::SecurityAdministrator).await;
    let mut mia = house.signed_in("mia", Role::Member).await;
    let draft = ask(&house, &mut ada, "mia", "new-token").await;
    let proposed = ada.use_key(&draft).await;
    let half = text_of(&proposed.text(), "change-half").unwrap();
    assert_eq!(mia.open(&portal("/keys")).await.url.path(), "/keys", "nothing is done yet");
    let page = bea.open(draft.url.as_str()).await;
    let link = link_on(&bea.use_key(&page).await);
    assert_eq!(mia.open(&portal("/keys")).await.url.path(), "/sign-in");
    assert_eq!(house.token_states("mia").await, [TokenState::Lost]);
    let page = first_factor(&mut mia, &mia_at_sign_in(&house).await, "mia", PASSWORD).await;
    assert!(forms::form(&page.text(), "webauthn").is_none(), "the lost key opens nothing");

    let mut her = house.browser();
    let page = behind(&mut her, &link, Some(&half)).await;
    assert_eq!(page.url.path(), "/recover/password");
    let ahead = her.open(&portal("/recover/token")).await;
    assert_eq!(ahead.url.path(), "/recover/password", "the link does not stand for the password");
    let wrong = press(&mut her, &page, "recover-present", &[("password", OTHER_PASSWORD)]).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    house.clock.advance(std::time::Duration::from_secs(60));
    let page = press(&mut her, &wrong, "recover-present", &[("password", PASSWORD)]).await;
    assert_eq!(page.url.path(), "/recover/token", "{}", page.text());
    let done = her.use_key(&page).await;
    assert!(done.text().contains("id=\"recover-done\""), "{}", done.text());
    assert_eq!(sign_in(&mut her, &portal("/keys"), "mia").await.url.path(), "/keys");
    assert_eq!(behind(&mut house.browser(), &link, Some(&half)).await.status, StatusCode::UNPROCESSABLE_ENTITY, "it is spent");
    let opened = house.events(Action::RecoveryOpened, Outcome::Done).pop().unwrap();
    assert_eq!((opened.details["name"].as_str(), opened.details["proposed-by"].as_str()), ("mia", "ada"));
    assert_eq!(house.events(Action::RecoveryProof, Outcome::Failed).len(), 1);
    assert_eq!(house.events(Action::Recovered, Outcome::Done).len(), 1);
    assert_eq!(house.events(Action::TokenLost, Outcome::Done).len(), 1);
    let log = serde_json::to_string(&house.close().await).unwrap();
    assert!(!log.contains(PASSWORD) && !log.contains(&half), "no secret is on record");
}

async fn mia_at_sign_in(house: &House) -> Reply {
    house.browser().open(&portal("/sign-in")).await
}

#[tokio::test]
async fn whoever_forgot_her_password_gets_a_new_one_by_one_administrator_and_her_own_key() {
    let house = House::open_with(PATIENT).await;
    let mut ada = house.signed_in("ada", Role::SecurityAdministrator).await;
    house.signed_in("bea", Role::SecurityAdministrator).await;
    let mut mia = house.signed_in("mia", Role::Member).await;
    let draft = ask(&house, &mut ada, "mia", "new-password").await;
    let link = link_on(&ada.use_key(&draft).await);
    let mut thief = house.browser();
    let page = behind(&mut thief, &link, None).await;
    assert_eq!(page.url.path(), "/recover/token");
    let made_up = press(&mut thief, &page, "webauthn", &[("credential", "{}")]).await;
    assert_eq!(made_up.status, StatusCode::FORBIDDEN);
    assert_eq!(thief.open(&portal("/recover/password")).await.url.path(), "/recover/token", "the link does not stand for the token");

    house.clock.advance(std::time::Duration::from_secs(60));
    let mut her = house.browser();
    her.take_key_from(&mut mia);
    let page = behind(&mut her, &link, None).await;
    let page = her.use_key(&page).await;
    assert_eq!(page.url.path(), "/recover/password", "{}", page.text());
    let weak = press(&mut her, &page, "recover-choose", &[("password", "short"), ("again", "short")]).await;
    assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = press(&mut her, &weak, "recover-choose", &[("password", OTHER_PASSWORD), ("again", OTHER_PASSWORD)]).await;
    assert!(done.text().contains("id=\"recover-done\""), "{}", done.text());
    assert_eq!(mia.open(&portal("/keys")).await.url.path(), "/sign-in", "what the old password had opened is over");
    let page = her.open(&portal("/sign-in")).await;
    let old = first_factor(&mut her, &page, "mia", PASSWORD).await;
    assert_eq!(old.status, StatusCode::FORBIDDEN);
    house.clock.advance(std::time::Duration::from_secs(60));
    let page = first_factor(&mut her, &old, "mia", OTHER_PASSWORD).await;
    assert_eq!(her.use_key(&page).await.url.path(), "/");
    assert_eq!(behind(&mut house.browser(), &link, None).await.status, StatusCode::GONE, "it is spent");
    house.close().await;
}

#[tokio::test]
async fn a_link_behind_which_somebody_guesses_is_void_and_one_that_is_old_is_too() {
    let house = House::open_with(PATIENT).await;
    let mut ada = house.signed_in("ada", Role::SecurityAdministrator).await;
    house.enrolled("mia", Role::Member).await;
    let draft = ask(&house, &mut ada, "mia", "new-token").await;
    let link = link_on(&ada.use_key(&draft).await);
    let mut thief = house.browser();
    let mut page = behind(&mut thief, &link, None).await;
    for network in 2..9 {
        // The wait after failures is one network's own.
        thief.from = Some([127, 0, 0, network].into());
        page = press(&mut thief, &page, "recover-present", &[("password", OTHER_PASSWORD)]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.text());
    }
    thief.from = Some([127, 0, 0, 9].into());
    let over = press(&mut thief, &page, "recover-present", &[("password", OTHER_PASSWORD)]).await;
    assert_eq!(over.status, StatusCode::GONE);
    assert_eq!(behind(&mut house.browser(), &link, None).await.status, StatusCode::GONE);

    let draft = ask(&house, &mut ada, "mia", "new-token").await;
    let link = link_on(&ada.use_key(&draft).await);
    house.clock.advance(std::time::Duration::from_secs(15 * 60));
    assert_eq!(behind(&mut house.browser(), &link, None).await.status, StatusCode::GONE);
    house.close().await;
}

#[tokio::test]
async fn a_wrong_key_confirms_nothing_and_counts_as_at_sign_in() {
    let house = House::open_with(PATIENT).await;
    let mut ada = house.signed_in("ada", Role::SecurityAdministrator).await;
    let mut bea = house.signed_in("bea", Role::SecurityAdministrator).await;
    house.enrolled("sun", Role::Auditor).await;
    house.disable("sun").await;
    let account = house.id_of("sun").await;
    let page = ada.open(&portal(&format!("/console/accounts/{account}"))).await;
    let draft = press(&mut ada, &page, "account-enable", &[]).await;
    let proposed = ada.use_key(&draft).await;
    assert!(text_of(&proposed.text(), "change-half").is_none(), "there is no link");
    let page = bea.open(draft.url.as_str()).await;
    let wrong = press(&mut bea, &page, "webauthn", &[("credential", "{}")]).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert_eq!(house.state_of("sun").await, AccountState::Disabled);
    assert_eq!(house.events(Action::KeyProof, Outcome::Failed).len(), 1);
    house.clock.advance(std::time::Duration::from_secs(60));
    let page = bea.open(draft.url.as_str()).await;
    assert!(bea.use_key(&page).await.text().contains("id=\"alert\""));
    assert_eq!(house.state_of("sun").await, AccountState::Active);
    house.close().await;
}
