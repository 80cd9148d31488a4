//! Three roles that exclude each other, at every door: the control socket, the console, and from where staff act.

use http::StatusCode;
use yumen::admin::Capacity;
use yumen::gateway::{Ask, ControlAnswer, TokenVerb};
use yumen::incident::{Category, FormLanguage, Opening, Report, Scenario, Step};
use yumen::model::{Action, Level, LockdownScope, Outcome, Record, Role};

use crate::browser::Browser;
use crate::house::{House, PORTAL, SITES};
use crate::office::post;

const STAFF: [(&str, Role, Capacity); 3] = [
    ("sun", Role::SystemAdministrator, Capacity::SystemAdministrator),
    ("zhao", Role::Auditor, Capacity::Auditor),
    ("shen", Role::SecurityAdministrator, Capacity::SecurityAdministrator),
];

/// One of everything that can be asked. `kind` keeps this list whole: a new kind does not compile without a number here.
fn asks() -> Vec<Ask> {
    let name = || "nobody".to_owned();
    let serial = || "F9".to_owned();
    let token = |verb| Ask::ChangeToken { verb, serial: serial() };
    let asks = vec![
        Ask::Invite { name: "new".to_owned(), unit: "x".to_owned(), role: Role::Member, email: None },
        Ask::Accounts,
        Ask::Disable { name: name() },
        Ask::Enable { name: name() },
        Ask::EndSessions { name: name() },
        Ask::ImportTokens { seeds: "F1,3132333435363738393031323334353637383930\n".to_owned(), key: None, rehearse: true },
        Ask::Tokens { state: None, kind: None, search: None },
        Ask::IssueToken { serial: serial(), account: name(), until: None },
        token(TokenVerb::Suspend),
        Ask::Recover { name: name() },
        Ask::Reload,
        Ask::Status,
        Ask::Login,
        Ask::LoginState { terminal: "A".repeat(43) },
        Ask::Logout { terminal: "A".repeat(43) },
        Ask::ResynchroniseToken { serial: serial(), codes: ("000000".to_owned(), "000000".to_owned()) },
        Ask::CreateAuthority { name: "Yumen".to_owned() },
        Ask::IssueCertificate { serial: serial(), account: name(), request: String::new(), days: 30 },
        Ask::RenewCertificate { serial: serial(), request: None, days: 30 },
        Ask::RevokeCertificate { serial: serial() },
        Ask::Certificates,
        Ask::ImportPeople { people: "name,unit\n".to_owned(), from: None },
        Ask::LettersDue,
        Ask::MakeLetters { names: Vec::new() },
        Ask::Certificate { serial: serial() },
        Ask::LockDown { scope: LockdownScope::All, minutes: 1, why: String::new() },
        Ask::LiftLockdown { scope: LockdownScope::All },
        Ask::RotateLogKey,
        Ask::LogRead { asked: "everything".to_owned() },
        Ask::Incidents { all: true },
        Ask::Incident { number: 1 },
        Ask::TakeStep { number: 1, step: Step::Acknowledged },
        Ask::RunDrill { scenario: Scenario::DefacedPage },
        Ask::Drills,
        Ask::Tabletop { scenario: Scenario::DefacedPage, language: FormLanguage::Chinese },
        Ask::TestNotice { channel: "duty-mail".to_owned() },
        Ask::ExtendLockdown { scope: LockdownScope::All },
        Ask::IncidentReport { number: 1, report: Report::First, language: FormLanguage::Chinese },
        Ask::IncidentReview { number: 1, language: FormLanguage::English },
        Ask::OpenIncident { opening: Opening { title: "fire".to_owned(), level: Level::IV, category: Category::Equipment, subject: None } },
        Ask::IncidentPapers { number: 1 },
    ];
    let kinds: Vec<usize> = asks.iter().map(kind).collect();
    assert_eq!(kinds, (0..asks.len()).collect::<Vec<_>>());
    asks.into_iter().chain([token(TokenVerb::Resume), token(TokenVerb::Lost), token(TokenVerb::Revoke)]).collect()
}

fn kind(ask: &Ask) -> usize {
    match ask {
        Ask::Invite { .. } => 0,
        Ask::Accounts => 1,
        Ask::Disable { .. } => 2,
        Ask::Enable { .. } => 3,
        Ask::EndSessions { .. } => 4,
        Ask::ImportTokens { .. } => 5,
        Ask::Tokens { .. } => 6,
        Ask::IssueToken { .. } => 7,
        Ask::ChangeToken { .. } => 8,
        Ask::Recover { .. } => 9,
        Ask::Reload => 10,
        Ask::Status => 11,
        Ask::Login => 12,
        Ask::LoginState { .. } => 13,
        Ask::Logout { .. } => 14,
        Ask::ResynchroniseToken { .. } => 15,
        Ask::CreateAuthority { .. } => 16,
        Ask::IssueCertificate { .. } => 17,
        Ask::RenewCertificate { .. } => 18,
        Ask::RevokeCertificate { .. } => 19,
        Ask::Certificates => 20,
        Ask::ImportPeople { .. } => 21,
        Ask::LettersDue => 22,
        Ask::MakeLetters { .. } => 23,
        Ask::Certificate { .. } => 24,
        Ask::LockDown { .. } => 25,
        Ask::LiftLockdown { .. } => 26,
        Ask::RotateLogKey => 27,
        Ask::LogRead { .. } => 28,
        Ask::Incidents { .. } => 29,
        Ask::Incident { .. } => 30,
        Ask::TakeStep { .. } => 31,
        Ask::RunDrill { .. } => 32,
        Ask::Drills => 33,
        Ask::Tabletop { .. } => 34,
        Ask::TestNotice { .. } => 35,
        Ask::ExtendLockdown { .. } => 36,
        Ask::IncidentReport { .. } => 37,
        Ask::IncidentReview { .. } => 38,
        Ask::OpenIncident { .. } => 39,
        Ask::IncidentPapers { .. } => 40,
    }
}

#[derive(Debug, PartialEq)]
enum Door {
    Open,
    LoginNeeded,
    NotThisRole,
}

fn door(answer: &ControlAnswer) -> Door {
    match answer {
        ControlAnswer::LoginNeeded => Door::LoginNeeded,
        ControlAnswer::Refused { why } if why == "this account may not do that" => Door::NotThisRole,
        _ => Door::Open,
    }
}

#[tokio::test]
async fn every_ask_is_heard_from_those_whom_the_table_names_and_from_nobody_else() {
    let house = House::open().await;
    let mut terminals = Vec::new();
    for (name, role, capacity) in STAFF {
        let mut browser = house.signed_in(name, role).await;
        terminals.push((capacity, house.terminal(&mut browser).await));
    }
    for ask in asks() {
        let (text, change) = (format!("{ask:?}"), ask.change());
        let is_the_owners = change.is_none_or(|change| change.allows(Capacity::Owner));
        let expected = if is_the_owners { Door::Open } else { Door::LoginNeeded };
        assert_eq!(door(&house.ask(copy(&ask), None).await), expected, "{text} without a login");
        for (capacity, terminal) in &terminals {
            let may = is_the_owners || change.is_none_or(|change| change.allows(*capacity));
            let expected = if may { Door::Open } else { Door::NotThisRole };
            assert_eq!(door(&house.ask(copy(&ask), Some(terminal)).await), expected, "{text} at the terminal of {capacity:?}");
        }
    }
    house.close().await;
}

fn copy(ask: &Ask) -> Ask {
    serde_json::from_str(&serde_json::to_string(ask).unwrap()).unwrap()
}

#[tokio::test]
async fn the_machines_owner_invites_anybody_until_a_security_administrator_is_active_and_nobody_from_then_on() {
    let house = House::open().await;
    let invite = |name: &str, role| Ask::Invite { name: name.to_owned(), unit: "x".to_owned(), role, email: None };
    for (name, role) in [("a", Role::Member), ("b", Role::Auditor), ("c", Role::SecurityAdministrator)] {
        assert!(matches!(house.ask(invite(name, role), None).await, ControlAnswer::Invited { .. }), "{role}");
    }
    house.enrolled("shen", Role::SecurityAdministrator).await;
    for role in Role::ALL {
        assert!(matches!(house.ask(invite("d", *role), None).await, ControlAnswer::LoginNeeded), "{role}");
    }
    assert!(house.gateway().house().store.account_by_name(&yumen::model::AccountName::parse("d").unwrap()).await.unwrap().is_none());
    house.close().await;
}

async fn open(browser: &mut Browser, path: &str) -> StatusCode {
    browser.open(&format!("https://{PORTAL}{path}")).await.status
}

/// An address of a form with something in the places of its parameters.
fn address(route: &str) -> String {
    let change = if route.contains("{serial}") { "lost" } else { "disable" };
    route
        .replace("{id}", "0190c7a2-7d7e-7c1e-8e5a-2f7d2a0b1c3d")
        .replace("{serial}", "F9")
        .replace("{change}", change)
        .replace("{step}", "withdraw")
}

#[tokio::test]
async fn every_page_of_the_console_is_for_the_role_that_the_table_names_and_for_no_other() {
    let house = House::open().await;
    let mut browsers = vec![(Role::Member, house.signed_in("wang", Role::Member).await)];
    for (name, role, _) in STAFF {
        browsers.push((role, house.signed_in(name, role).await));
    }
    let (pages, forms): (Vec<&str>, Vec<&str>) = (
        [
            "/console/accounts",
            "/console/accounts/import",
            "/console/accounts/letters",
            "/console/changes",
            "/console/units",
            "/console/sessions",
            "/console/tokens",
            "/console/tokens.csv",
            "/console/tokens/import",
        ]
        .into(),
        // Incidents are handled by whoever is on duty (`incident_pages.rs`).
        yumen::web::form_addresses()
            .into_iter()
            .filter(|path| path.starts_with("/console/") && !path.starts_with("/console/incidents/"))
            .collect(),
    );
    assert!(forms.len() > 4, "{forms:?}");
    for (role, browser) in &mut browsers {
        let may = *role == Role::SecurityAdministrator;
        for path in &pages {
            assert_eq!(open(browser, path).await, if may { StatusCode::OK } else { StatusCode::FORBIDDEN }, "{role} {path}");
        }
        for path in ["/console/log", "/console/log/charts", "/console/log/1", "/console/log/export.csv", "/console/log/export.jsonl"] {
            let expected = if *role == Role::Auditor { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(open(browser, path).await, expected, "{role} {path}");
        }
        let page = browser.open(&format!("https://{PORTAL}/sessions")).await;
        let lockdown = if *role == Role::SystemAdministrator { StatusCode::OK } else { StatusCode::FORBIDDEN };
        for path in ["/console/lockdown", "/console/lockdown/close", "/console/lockdown/lift"] {
            assert_eq!(open(browser, path).await, lockdown, "{role} {path}");
        }
        for form in &forms {
            let may = if form.starts_with("/console/lockdown/") { lockdown == StatusCode::OK } else { may };
            let status =
                post(browser, &page, &address(form), &[("account", "nobody"), ("session", "0190c7a2-7d7e-7c1e-8e5a-2f7d2a0b1c3d")])
                    .await
                    .status;
            assert_eq!(status != StatusCode::FORBIDDEN, may, "{role} {form}: {status}");
        }
        assert_eq!(open(browser, "/unit").await, StatusCode::FORBIDDEN, "{role}");
        let may_allow = *role != Role::Member;
        assert_eq!(open(browser, "/terminal").await, if may_allow { StatusCode::OK } else { StatusCode::FORBIDDEN }, "{role}");
        let status = post(browser, &page, "/terminal", &[("code", "BCDF-GHJK")]).await.status;
        assert_eq!(status, if may_allow { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::FORBIDDEN }, "{role}");
    }
    house.close().await;
}

#[tokio::test]
async fn staff_act_from_listed_addresses_only_and_go_on_working_in_apps_from_everywhere() {
    let house = House::open().await;
    let mut shen = house.signed_in("shen", Role::SecurityAdministrator).await;
    let terminal = house.terminal(&mut shen).await;
    let listed = |addresses: &str| format!("[staff]\naddresses = [{addresses}]\n[portal]");
    house.reload(|text| text.replace("[portal]", &listed("\"10.1.0.0/16\", \"2001:db8::7\""))).await.unwrap();
    assert_eq!(open(&mut shen, "/console/accounts").await, StatusCode::FORBIDDEN);
    assert_eq!(open(&mut shen, "/terminal").await, StatusCode::FORBIDDEN);
    let page = shen.open(&format!("https://{PORTAL}/sessions")).await;
    assert_eq!(post(&mut shen, &page, "/console/accounts/invite", &[]).await.status, StatusCode::FORBIDDEN);
    let answer = house.ask(Ask::Accounts, Some(&terminal)).await;
    assert!(matches!(&answer, ControlAnswer::Refused { why } if why.contains("listed addresses")), "{answer:?}");
    assert_eq!(shen.open(&format!("https://{SITES}/")).await.status, StatusCode::OK);
    assert!(matches!(house.ask(Ask::Status, None).await, ControlAnswer::Status { .. }));
    house.reload(|text| text.replace("\"10.1.0.0/16\"", "\"127.0.0.0/8\"")).await.unwrap();
    assert_eq!(open(&mut shen, "/console/accounts").await, StatusCode::OK);
    assert!(matches!(house.ask(Ask::Accounts, Some(&terminal)).await, ControlAnswer::Accounts { .. }));
    let log = house.close().await;
    let told = |record: &Record| match record {
        Record::Opened(opened) => opened.path == "/console/accounts" && opened.rule.contains("listed addresses"),
        _ => false,
    };
    assert!(log.iter().any(|entry| told(&entry.record)));
    let form = |record: &Record| match record {
        Record::Event(event) => event.action == Action::FormRefused && event.details["why"].contains("listed addresses"),
        _ => false,
    };
    assert!(log.iter().any(|entry| form(&entry.record)));
}

#[tokio::test]
async fn a_locked_out_security_administrator_begins_anew_at_the_machine_but_not_while_another_can_sign_in() {
    let house = House::open().await;
    // Both by the machine's owner, so that there is no third.
    let links = [house.invite("shen", Role::SecurityAdministrator).await, house.invite("li", Role::SecurityAdministrator).await];
    let [mut shen, mut li] = [house.browser(), house.browser()];
    for (browser, link, name) in [(&mut shen, &links[0], "shen"), (&mut li, &links[1], "li")] {
        crate::house::enrol(browser, link).await;
        crate::house::sign_in(browser, &format!("https://{PORTAL}/"), name).await;
    }
    let recover = |name: &str| Ask::Recover { name: name.to_owned() };
    let why = |answer: ControlAnswer| match answer {
        ControlAnswer::Refused { why } => why,
        other => panic!("{other:?}"),
    };
    assert!(why(house.ask(recover("shen"), None).await).contains("li can sign in as security administrator"));
    assert!(why(house.ask(recover("nobody"), None).await).contains("no account"));
    // Without her only key she cannot sign in, so she is nobody to ask.
    let inner = house.gateway().house();
    let keys = inner.store.tokens_of(house.account_of("li").await.id).await.unwrap();
    let end = yumen::admin::TokenEnd::ForNow;
    inner.desk.stop_token(&house.signed_actor(&shen), &keys[0].serial, end, house.when()).await.unwrap();
    assert_eq!(open(&mut li, "/sessions").await, StatusCode::OK, "she may sign in again, and is asked to");
    let ControlAnswer::Invited { link, .. } = house.ask(recover("shen"), None).await else { panic!("she is locked out") };
    assert_eq!(shen.open(&format!("https://{PORTAL}/console/accounts")).await.url.path(), "/sign-in", "her session is over");
    let tokens = inner.store.tokens_of(house.account_of("shen").await.id).await.unwrap();
    assert!(tokens.iter().all(|token| token.state == yumen::model::TokenState::Revoked), "{tokens:?}");
    let mut fresh = house.browser();
    crate::house::enrol(&mut fresh, &link).await;
    let page = crate::house::sign_in(&mut fresh, &format!("https://{PORTAL}/console/accounts"), "shen").await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/console/accounts"));
    // The other one has no key that works, and is no member either.
    house.signed_in("wang", Role::Member).await;
    assert!(why(house.ask(recover("wang"), None).await).contains("only a security administrator"));
    let log = house.close().await;
    let recovered: Vec<_> = log
        .iter()
        .filter_map(|entry| match &entry.record {
            Record::Event(event) if event.action == Action::AdministratorRecovered => Some((event.outcome, event.details["name"].clone())),
            _ => None,
        })
        .collect();
    let done: Vec<_> = recovered.iter().filter(|(outcome, _)| *outcome == Outcome::Failed).collect();
    assert_eq!((recovered.len(), done.len()), (7, 3), "{recovered:?}");
}

#[tokio::test]
async fn when_none_of_them_has_signed_in_for_a_day_the_machine_recovers_one_of_several() {
    let house = House::open().await;
    let mut li = house.signed_in("li", Role::SecurityAdministrator).await;
    house.enrolled("shen", Role::SecurityAdministrator).await;
    let hour = std::time::Duration::from_secs(3_600);
    let recover = async || house.ask(Ask::Recover { name: "shen".to_owned() }, None).await;
    let waits = async |hours: &str| match recover().await {
        ControlAnswer::Refused { why } => assert!(why.contains(&format!("repeat this in {hours} hours")), "{why}"),
        other => panic!("{other:?}"),
    };
    house.clock.advance(hour);
    waits("24").await;
    house.clock.advance(hour * 23);
    waits("1").await;
    crate::house::sign_in(&mut li, &format!("https://{PORTAL}/"), "li").await;
    house.clock.advance(hour * 2);
    waits("24").await;
    house.clock.advance(hour * 24);
    assert!(matches!(recover().await, ControlAnswer::Invited { .. }), "nobody has signed in meanwhile");
    house.close().await;
}
