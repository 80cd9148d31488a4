//! The console's inventory of tokens: who may see and change it, and what comes of it.

use http::{Method, StatusCode};
use url::Url;
use yumen::model::{Action, Event, Outcome, Record, Role, Serial, TokenKind, TokenState};
use yumen::store::TokenFilter;

use crate::browser::{Browser, Reply};
use crate::forms::Form;
use crate::house::{House, PORTAL, SITES};

const TWO: &str = "F1,3132333435363738393031323334353637383930\r\nF2,3132333435363738393031323334353637383930,TOTP\r\n";
const CHANGES: [&str; 6] = ["issue", "resume", "resync", "suspend", "lost", "revoke"];

fn portal(path: &str) -> Url {
    Url::parse(&format!("https://{PORTAL}{path}")).unwrap()
}

async fn open(browser: &mut Browser, path: &str) -> Reply {
    browser.open(portal(path).as_str()).await
}

/// A form of the console, sent from a page that is open.
async fn post(browser: &mut Browser, page: &Reply, path: &str, fields: &[(&str, &str)]) -> Reply {
    let form = Form { action: path.to_owned(), ..page.form("sign-out") };
    let form = fields.iter().fold(form, |form, (name, value)| form.with(name, value));
    browser.submit(page, &form).await
}

/// F1 and F2 in the drawer.
async fn stocked() -> House {
    let house = House::open().await;
    let now = house.gateway().house().clock.now();
    house.gateway().house().desk.import_seeds(&house.office().await, TWO.as_bytes(), None, false, now).await.unwrap();
    house
}

async fn state(house: &House, serial: &str) -> TokenState {
    house.gateway().house().store.token(&Serial::parse(serial).unwrap()).await.unwrap().unwrap().state
}

async fn count(house: &House) -> usize {
    let codes = TokenFilter { kind: Some(TokenKind::Oath), ..TokenFilter::default() };
    house.gateway().house().store.tokens(&codes).await.unwrap().len()
}

/// The serial number of the security key that somebody enrolled with.
async fn key_of(house: &House, name: &str) -> String {
    let tokens = house.gateway().house().store.tokens_of(house.account_of(name).await.id).await.unwrap();
    tokens.iter().find(|token| token.kind == TokenKind::WebAuthn).unwrap().serial.to_string()
}

fn events(log: &[yumen::model::Entry], action: Action) -> Vec<Event> {
    let of_action = log.iter().filter_map(|entry| match &entry.record {
        Record::Event(event) if event.action == action => Some(event.clone()),
        _ => None,
    });
    of_action.collect()
}

#[tokio::test]
async fn only_a_security_administrator_sees_and_changes_the_inventory() {
    let house = stocked().await;
    let pages = [
        "/console/tokens",
        "/console/tokens.csv",
        "/console/tokens/import",
        "/console/tokens/F1",
        "/console/tokens/F1/lost",
        "/console/tokens/F1/resync",
    ];
    for (name, role) in [("wang", Role::Member), ("sun", Role::SystemAdministrator), ("zhao", Role::Auditor)] {
        let mut browser = house.signed_in(name, role).await;
        for path in pages {
            assert_eq!(open(&mut browser, path).await.status, StatusCode::FORBIDDEN, "{role} {path}");
        }
        let page = open(&mut browser, "/").await;
        assert!(!page.text().contains("/console/tokens") && !page.text().contains("/console/accounts"), "{role}");
        for change in CHANGES {
            let reply = post(&mut browser, &page, &format!("/console/tokens/F1/{change}"), &[("account", "wang")]).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{role} {change}");
        }
        for (seeds, key) in [(TWO.replace('F', "G"), ""), (String::new(), ""), (TWO.to_owned(), "not a key")] {
            let fields = [("seeds", seeds.as_str()), ("key", key), ("step", "import")];
            let reply = post(&mut browser, &page, "/console/tokens/import", &fields).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{role} {key}");
        }
    }
    assert_eq!((count(&house).await, state(&house, "F1").await), (2, TokenState::InStock));
    let mut stranger = house.browser();
    assert_eq!(open(&mut stranger, "/console/tokens.csv").await.url.path(), "/sign-in");
    let mut admin = house.signed_in("admin", Role::SecurityAdministrator).await;
    for path in pages {
        assert_eq!(open(&mut admin, path).await.status, StatusCode::OK, "{path}");
    }
    assert!(open(&mut admin, "/console/accounts").await.text().contains("href=\"/console/tokens\""));
    for path in ["/console/tokens/F9", "/console/tokens/F9/lost", "/console/tokens/a%20b"] {
        assert_eq!(open(&mut admin, path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    house.close().await;
}

#[tokio::test]
async fn a_form_of_the_inventory_that_is_not_the_consoles_own_changes_nothing() {
    let house = stocked().await;
    let mut admin = house.signed_in("admin", Role::SecurityAdministrator).await;
    let page = open(&mut admin, "/console/tokens/F1").await;
    let sent = [("account", "admin"), ("seeds", "G1,3132333435363738393031323334353637383930"), ("step", "import")];
    for path in CHANGES.map(|change| format!("/console/tokens/F1/{change}")).iter().map(String::as_str).chain(["/console/tokens/import"]) {
        let forged = [&sent[..], &[("csrf", "forged")]].concat();
        let reply = post(&mut admin, &page, path, &forged).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path}");
        let form = sent.iter().fold(page.form("sign-out"), |form, (name, value)| form.with(name, value));
        let reply = admin.navigate(Method::POST, &portal(path), Some((format!("https://{SITES}"), form.encoded()))).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path} from a sibling");
        assert_eq!((count(&house).await, state(&house, "F1").await), (2, TokenState::InStock), "{path}");
    }
    house.close().await;
}

#[tokio::test]
async fn a_delivery_is_looked_through_and_then_imported_whole_or_not_at_all() {
    let house = House::open().await;
    let mut admin = house.signed_in("admin", Role::SecurityAdministrator).await;
    let page = open(&mut admin, "/console/tokens/import").await;
    let form = page.form("import").with("seeds", "G1,3132333435363738393031323334353637383930\r\nG2,<zz>\r\nG3,3132\r\n");
    for step in ["rehearse", "import"] {
        let wrong = admin.submit(&page, &form.clone().with("step", step)).await;
        let told = wrong.text();
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(told.contains("Line 2:") && told.contains("Line 3:") && !told.contains("Line 1:") && !told.contains("<zz>"), "{told}");
        assert!(told.contains("2 of 2") && !told.contains("value=\"import\""), "{told}");
        let key = admin.submit(&page, &form.clone().with("step", step).with("key", "0123")).await;
        assert!(key.status == StatusCode::UNPROCESSABLE_ENTITY && key.text().contains("hexadecimal"), "{}", key.text());
    }
    let rehearsed = admin.submit(&page, &page.form("import").with("seeds", TWO).with("step", "rehearse")).await;
    assert!(rehearsed.text().contains("2 tokens can be imported"), "{}", rehearsed.text());
    assert_eq!(count(&house).await, 0);
    let imported = admin.submit(&rehearsed, &rehearsed.form("import").with("seeds", TWO).with("step", "import")).await;
    assert!(imported.text().contains("2 tokens are imported"), "{}", imported.text());
    assert_eq!(count(&house).await, 2);
    let again = admin.submit(&page, &page.form("import").with("seeds", TWO).with("step", "import")).await;
    assert!(again.text().contains("The serial number F1 is known already"), "{}", again.text());
    let large = admin.submit(&page, &page.form("import").with("seeds", &TWO.repeat(1_000)).with("step", "import")).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    let log = house.close().await;
    let imports = events(&log, Action::TokensImported);
    assert_eq!(imports.iter().map(|event| event.outcome).collect::<Vec<_>>(), [Outcome::Done]);
    assert_eq!(imports[0].who.as_ref().unwrap().name.as_str(), "admin");
}

#[tokio::test]
async fn a_token_goes_through_its_life_in_the_console_and_what_it_opened_ends_with_it() {
    let house = stocked().await;
    let mut wang = house.in_the_app("wang").await;
    let mut admin = house.signed_in("admin", Role::SecurityAdministrator).await;
    let page = open(&mut admin, "/console/tokens/f1").await;
    let issue = page.form("token-issue");
    let reply = admin.submit(&page, &issue.clone().with("account", "<b>nobody")).await;
    assert!(reply.text().contains("There is no account of that name") && !reply.text().contains("<b>nobody"), "{}", reply.text());
    let reply = admin.submit(&page, &issue.clone().with("account", " WANG ")).await;
    assert!(reply.text().contains("id=\"token-state\" class=\"badge issued\""), "{}", reply.text());
    let reply = admin.submit(&page, &issue.with("account", "wang")).await;
    assert!(reply.text().contains("state does not allow this"), "{}", reply.text());

    // Her security key, by which she is in the app.
    let key = key_of(&house, "wang").await;
    let account = open(&mut admin, "/console/accounts?q=wang").await.text();
    let id = account.split("data-account=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let hers = open(&mut admin, &format!("/console/accounts/{id}")).await.text();
    assert!(hers.contains(&format!("data-token=\"{key}\"")) && hers.contains("data-token=\"F1\""), "{hers}");
    let question = open(&mut admin, &format!("/console/tokens/{key}/suspend")).await;
    assert_eq!(state(&house, &key).await, TokenState::Active, "the question changes nothing");
    let reply = admin.submit(&question, &question.form("confirm")).await;
    assert!(reply.text().contains("data-state=\"suspended\""), "{}", reply.text());
    let target = Url::parse(&format!("https://{SITES}/")).unwrap();
    let asked = wang.send(Method::GET, &target, &[("accept", "*/*")], "").await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    let reply = admin.submit(&reply, &reply.form("token-resume")).await;
    assert!(reply.text().contains("data-state=\"active\""), "{}", reply.text());

    // One's own: whoever stops it is signed out with it.
    let own = key_of(&house, "admin").await;
    let question = open(&mut admin, &format!("/console/tokens/{own}/lost")).await;
    let reply = admin.submit(&question, &question.form("confirm")).await;
    assert_eq!((reply.status, reply.url.path()), (StatusCode::OK, "/signed-out"));
    assert_eq!(state(&house, &own).await, TokenState::Lost);
    let log = house.close().await;
    for (action, serial) in [(Action::TokenSuspended, &key), (Action::TokenResumed, &key), (Action::TokenLost, &own)] {
        let [event] = events(&log, action).try_into().unwrap();
        assert_eq!((event.who.unwrap().name.as_str(), &event.details["serial"]), ("admin", serial), "{action:?}");
    }
}

#[tokio::test]
async fn the_exported_table_holds_what_the_filter_shows_and_no_formula() {
    let house = stocked().await;
    house.invite("=1+1", Role::Member).await;
    let mut admin = house.signed_in("admin", Role::SecurityAdministrator).await;
    let page = open(&mut admin, "/console/tokens/F1").await;
    let name = "=HYPERLINK(1)";
    house.invite(name, Role::Member).await;
    admin.submit(&page, &page.form("token-issue").with("account", name)).await;
    let list = open(&mut admin, "/console/tokens?state=issued&kind=oath").await.text();
    assert!(list.contains("data-token=\"F1\"") && !list.contains("data-token=\"F2\""), "{list}");
    assert!(list.contains("href=\"/console/tokens.csv?kind=oath&#38;state=issued\""), "{list}");
    let file = open(&mut admin, "/console/tokens.csv?kind=oath&state=issued").await;
    assert_eq!(
        (file.header("content-type"), file.header("content-disposition")),
        ("text/csv; charset=utf-8", "attachment; filename=\"tokens.csv\"")
    );
    assert_eq!((file.header("cache-control"), file.header("x-content-type-options")), ("no-store", "nosniff"));
    let rows: Vec<String> = file.text().trim_start_matches('\u{feff}').lines().map(str::to_owned).collect();
    assert!(rows.len() == 2 && rows[1].starts_with("F1,oath,issued,'=hyperlink(1),信息中心,"), "{rows:?}");
    let all = open(&mut admin, "/console/tokens.csv").await.text();
    assert!(all.lines().any(|row| row.starts_with("F2,oath,in-stock,,,")), "{all}");
    house.close().await;
}

#[tokio::test]
async fn without_a_log_a_token_is_still_stopped_and_none_is_given() {
    let house = stocked().await;
    let wang = house.in_the_app("wang").await;
    let mut admin = house.signed_in("admin", Role::SecurityAdministrator).await;
    let key = key_of(&house, "wang").await;
    let page = open(&mut admin, &format!("/console/tokens/{key}/lost")).await;
    house.gateway().house().journal.shut_down().await;
    let told = "It was done, but not recorded";
    for (path, told) in [
        ("/console/tokens/F1/issue".to_owned(), "cannot let anybody through"),
        (format!("/console/tokens/{key}/suspend"), told),
        (format!("/console/tokens/{key}/resume"), "cannot let anybody through"),
        (format!("/console/tokens/{key}/lost"), told),
        ("/console/tokens/F2/revoke".to_owned(), told),
    ] {
        let reply = post(&mut admin, &page, &path, &[("account", "wang")]).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(reply.text().contains(told), "{path}: {}", reply.text());
    }
    assert_eq!((state(&house, &key).await, state(&house, "F1").await), (TokenState::Lost, TokenState::InStock));
    assert_eq!(state(&house, "F2").await, TokenState::Revoked);
    let sessions = house.gateway().house().auth.sessions.list_all();
    assert!(!sessions.iter().any(|session| session.who.name.as_str() == "wang"));
    drop(wang);
    house.close().await;
}
