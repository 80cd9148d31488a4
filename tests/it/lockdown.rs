//! Lockdown: an app, a unit or everything is closed at once, stays closed for longer by two, and is opened again.

use std::time::Duration;

use http::StatusCode;
use yumen::gateway::{Ask, ControlAnswer};
use yumen::model::{Action, Event, LockdownScope, Outcome, Record, Role};

use crate::browser::{Browser, Reply};
use crate::house::{House, PORTAL, SITES, enrol, sign_in};
use crate::office::post;
use crate::plans::{PLAN, adopt};
use crate::token_life::{end_within_five_seconds, house, running, still_run};

const PAGE: &str = "/console/lockdown";

fn scope(text: &str) -> LockdownScope {
    LockdownScope::parse(text).unwrap()
}

fn close(what: &str) -> Ask {
    Ask::LockDown { scope: scope(what), minutes: 60, why: String::new() }
}

fn extend(what: &str) -> Ask {
    Ask::ExtendLockdown { scope: scope(what) }
}

fn lift(what: &str) -> Ask {
    Ask::LiftLockdown { scope: scope(what) }
}

async fn done(house: &House, ask: Ask) -> String {
    match house.ask(ask, None).await {
        ControlAnswer::Done { message } => message,
        other => panic!("{other:?}"),
    }
}

async fn why(house: &House, ask: Ask) -> String {
    match house.ask(ask, None).await {
        ControlAnswer::Refused { why } => why,
        other => panic!("{other:?}"),
    }
}

fn sites(path: &str) -> String {
    format!("https://{SITES}{path}")
}

async fn open(browser: &mut Browser, path: &str) -> Reply {
    browser.open(&format!("https://{PORTAL}{path}")).await
}

/// A plan in which these people are on duty, and nobody else.
async fn put_on_duty(house: &House, names: &[&str]) {
    let (head, rest) = PLAN.split_once("[[duties]]").unwrap();
    let (_, rest) = rest.split_once("[[reports]]").unwrap();
    let duties = ["commander", "handler", "recorder", "liaison"].iter().zip(names.iter().cycle());
    let shift = |(duty, name): (&&str, &&str)| {
        format!("[[duties]]\nduty = \"{duty}\"\naccount = \"{name}\"\nname = \"{name}\"\nphone = \"+86 10 0000\"\n\n")
    };
    let plan = format!("{head}{}[[reports]]{rest}", duties.map(shift).collect::<String>());
    adopt(house, &plan).await.unwrap();
}

/// A member of this unit who is signed in.
async fn member(house: &House, unit: &str, name: &str) -> Browser {
    let mut browser = house.browser();
    enrol(&mut browser, &house.invite_into(unit, name, Role::Member).await).await;
    sign_in(&mut browser, &format!("https://{PORTAL}/"), name).await;
    browser
}

async fn in_the_app(house: &House, unit: &str, name: &str) -> Browser {
    let mut browser = member(house, unit, name).await;
    assert_eq!(browser.open(&sites("/")).await.status, StatusCode::OK);
    browser
}

fn events(log: &[yumen::model::Entry], action: Action) -> Vec<Event> {
    let event = |record: &Record| match record {
        Record::Event(event) if event.action == action => Some(event.clone()),
        _ => None,
    };
    log.iter().filter_map(|entry| event(&entry.record)).collect()
}

#[tokio::test]
async fn what_is_closed_ends_within_five_seconds_and_stays_closed_until_it_is_opened_again() {
    let house = house().await;
    let mut browser = house.in_the_app("wang").await;
    let mut streams = running(&browser).await;
    still_run(&mut streams).await;
    assert!(done(&house, close("app:sites")).await.contains("the app sites is closed"));
    end_within_five_seconds(streams).await;
    let refused = browser.open(&sites("/")).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.text().contains("closed for now"), "{}", refused.text());
    let portal = open(&mut browser, "/sessions").await;
    assert_eq!((portal.status, portal.url.path()), (StatusCode::OK, "/sessions"), "the portal stays");
    assert!(open(&mut browser, "/").await.text().contains("Closed for now"), "and says what is closed");
    let ControlAnswer::Status { status } = house.ask(Ask::Status, None).await else { panic!() };
    assert!(format!("{status:?}").contains("the app sites is closed to everybody for 60 min more, by the machine's owner"), "{status:?}");
    assert_eq!((status.closed.len(), status.closed[0].scope.as_str(), &status.closed[0].by[..]), (1, "app:sites", &[None][..]));

    assert!(why(&house, close("app:nosuch")).await.contains("there are: "));
    assert!(done(&house, lift("app:sites")).await.contains("open again"));
    assert!(done(&house, lift("app:sites")).await.contains("not closed"));
    assert_eq!(browser.open(&sites("/")).await.status, StatusCode::OK);
    let log = house.close().await;
    for action in [Action::LockedDown, Action::LockdownLifted] {
        assert!(events(&log, action).iter().any(|event| event.details["scope"] == "app:sites" && event.details["app"] == "sites"));
    }
}

#[tokio::test]
async fn a_unit_is_kept_out_of_what_it_has_open_and_the_others_stay() {
    let house = house().await;
    let mut press = in_the_app(&house, "新闻办", "li").await;
    let mut archive = in_the_app(&house, "Archive", "sun").await;
    let (theirs, mut others) = (running(&press).await, running(&archive).await);
    assert!(done(&house, close("unit:新闻办")).await.contains("the unit 新闻办 is kept out of all apps for 60 min"));
    end_within_five_seconds(theirs).await;
    still_run(&mut others).await;
    assert_eq!(press.open(&sites("/")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(archive.open(&sites("/")).await.status, StatusCode::OK);
    assert_eq!(open(&mut press, "/sessions").await.status, StatusCode::OK, "the portal stays open to them");
    assert!(why(&house, close("unit:新闻班")).await.contains("nobody belongs to the unit 新闻班"));
    assert!(done(&house, lift("unit:新闻办")).await.contains("the unit 新闻办 is open again"));
    assert_eq!(press.open(&sites("/")).await.status, StatusCode::OK);
    house.close().await;
}

#[tokio::test]
async fn a_restart_and_a_reload_open_nothing_and_forget_nobody_and_the_hour_does() {
    let mut house = house().await;
    let mut browser = house.in_the_app("wang").await;
    done(&house, close("all")).await;
    assert!(why(&house, extend("all")).await.contains("takes two people by name"));
    house.reload(|config| format!("{config}\n")).await.unwrap();
    assert_eq!(browser.open(&sites("/")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    house.restart().await;
    browser.address = house.address;
    assert_eq!(browser.open(&sites("/")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(why(&house, close("all")).await.contains("closed by you for 60 min more"));
    house.clock.advance(Duration::from_secs(60 * 60));
    let after = sign_in(&mut browser, &sites("/"), "wang").await;
    assert_eq!(after.status, StatusCode::OK, "{}", after.text());
    house.restart().await;
    assert!(why(&house, close("app:sites")).await.contains("closed by you less than an hour ago"));
    house.close().await;
}

#[tokio::test]
async fn a_duty_officer_who_is_a_plain_member_closes_an_app_in_the_console_and_another_one_lets_it_stay_closed() {
    let house = house().await;
    let (mut li, mut zhou) = (member(&house, "Press", "li").await, member(&house, "Press", "zhou").await);
    let mut wang = house.in_the_app("wang").await;
    for browser in [&mut li, &mut wang] {
        assert_eq!(open(browser, PAGE).await.status, StatusCode::FORBIDDEN, "nobody is on duty yet");
        assert_eq!(open(browser, "/console").await.status, StatusCode::NOT_FOUND);
    }
    put_on_duty(&house, &["li", "zhou"]).await;
    assert_eq!(open(&mut wang, PAGE).await.status, StatusCode::FORBIDDEN);
    let page = open(&mut li, PAGE).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("id=\"lockdown-none\"") && !page.text().contains("/console/accounts"), "{}", page.text());
    assert!(open(&mut li, "/").await.text().contains("id=\"to-console\" href=\"/console/incidents\""));
    assert!(page.text().contains(&format!("href=\"{PAGE}\"")), "{}", page.text());

    let streams = running(&wang).await;
    let asked = open(&mut li, &format!("{PAGE}/close?scope=app%3Asites&unit=&minutes=30&reason=an+alarm")).await;
    assert!(asked.text().contains("id=\"confirm-act\"") && asked.text().contains("an alarm"), "{}", asked.text());
    still_run(&mut running(&wang).await).await;
    let closed = li.submit(&asked, &asked.form("confirm")).await;
    assert_eq!(closed.status, StatusCode::OK);
    assert!(closed.text().contains("data-scope=\"app:sites\"") && closed.text().contains("an alarm"), "{}", closed.text());
    end_within_five_seconds(streams).await;
    assert_eq!(wang.open(&sites("/")).await.status, StatusCode::SERVICE_UNAVAILABLE);

    // Alone she cannot make it longer, and is told who can.
    let again = post(&mut li, &closed, "/console/lockdown/close", &[("scope", "app:sites"), ("minutes", "60")]).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.text().contains("id=\"lockdown-by-two\""), "{}", again.text());
    let asked = post(&mut li, &again, "/console/lockdown/extend", &[("scope", "app:sites")]).await;
    assert!(asked.text().contains("class=\"lockdown-own\"") && !asked.text().contains("lockdown-confirm "), "{}", asked.text());
    let own = post(&mut li, &asked, "/console/lockdown/extend", &[("scope", "app:sites")]).await;
    assert_eq!(own.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = open(&mut zhou, PAGE).await;
    assert!(page.text().contains("class=\"lockdown-confirm no-print\""), "{}", page.text());
    let confirmed = post(&mut zhou, &page, "/console/lockdown/extend", &[("scope", "app:sites")]).await;
    assert!(confirmed.text().contains("60 minutes left"), "{}", confirmed.text());

    let asked = open(&mut zhou, &format!("{PAGE}/lift?scope=app%3Asites")).await;
    let lifted = zhou.submit(&asked, &asked.form("confirm")).await;
    assert!(lifted.text().contains("id=\"lockdown-none\""), "{}", lifted.text());
    assert_eq!(wang.open(&sites("/")).await.status, StatusCode::OK);
    for wrong in
        ["scope=&minutes=60", "scope=app%3Anosuch&minutes=60", "scope=all&minutes=61", "scope=all&minutes=0", "scope=all&minutes=x"]
    {
        let page = open(&mut li, &format!("{PAGE}/close?{wrong}")).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }

    put_on_duty(&house, &["zhou"]).await;
    assert_eq!(open(&mut li, PAGE).await.status, StatusCode::FORBIDDEN, "she has left the list");
    assert_eq!(
        post(&mut li, &closed, "/console/lockdown/close", &[("scope", "all"), ("minutes", "5")]).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(wang.open(&sites("/")).await.status, StatusCode::OK);
    let log = house.close().await;
    let by = |event: &Event| event.who.as_ref().map(|who| who.name.to_string()).unwrap_or_default();
    let closed: Vec<_> = events(&log, Action::LockedDown).iter().map(|event| (by(event), event.outcome)).collect();
    let expected = [("li", Outcome::Done), ("li", Outcome::Failed), ("zhou", Outcome::Done)];
    assert_eq!(closed, expected.map(|(name, outcome)| (name.to_owned(), outcome)));
    assert_eq!(events(&log, Action::LockdownExtensionAsked).len(), 1);
    assert_eq!(events(&log, Action::LockedDown)[2].details["proposed-by"], "li");
}

#[tokio::test]
async fn a_duty_officer_at_a_terminal_is_herself_and_the_machines_owner_is_none_of_two() {
    let house = house().await;
    let mut li = member(&house, "Press", "li").await;
    let mut zhou = member(&house, "Press", "zhou").await;
    put_on_duty(&house, &["li", "zhou"]).await;
    let (terminal, other) = (house.terminal(&mut li).await, house.terminal(&mut zhou).await);
    let at_terminal = async |ask: Ask| house.ask(ask, Some(&terminal)).await;
    assert!(matches!(at_terminal(close("all")).await, ControlAnswer::Done { .. }));
    assert!(matches!(at_terminal(extend("all")).await, ControlAnswer::Done { message } if message.contains("not extended yet")));
    assert!(matches!(at_terminal(extend("all")).await, ControlAnswer::Refused { .. }));
    assert!(why(&house, extend("all")).await.contains("`yumen login`"));
    let confirmed = house.ask(extend("all"), Some(&other)).await;
    assert!(matches!(&confirmed, ControlAnswer::Done { message } if message.contains("as li and you want it")), "{confirmed:?}");
    assert!(matches!(at_terminal(Ask::Accounts).await, ControlAnswer::Refused { .. }), "her powers are those of the duty list");
    let log = house.close().await;
    let closed = events(&log, Action::LockedDown);
    assert_eq!(closed[0].details["through"], "terminal");
    assert!(closed[1].who.as_ref().unwrap().name.as_str() == "zhou" && closed[1].details["proposed-by"] == "li");
}

#[tokio::test]
async fn while_the_store_is_held_busy_it_closes_all_the_same() {
    let house = house().await;
    let mut li = member(&house, "Press", "li").await;
    let mut wang = house.in_the_app("wang").await;
    put_on_duty(&house, &["li"]).await;
    let file = format!("sqlite://{}", house.data.path().join("yumen.db").display());
    let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
    let held = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let streams = running(&wang).await;
    let page = open(&mut li, &format!("{PAGE}/close?scope=all&minutes=60")).await;
    let form = page.form("confirm");
    let closing = li.submit(&page, &form);
    let (told, ()) = futures_util::future::join(closing, end_within_five_seconds(streams)).await;
    assert!(told.text().contains("data-scope=\"all\""), "{}", told.text());
    assert!(told.text().contains("the store does not answer"), "{}", told.text());
    assert_eq!(wang.open(&sites("/")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    held.rollback().await.unwrap();
    pool.close().await;
    // It is tried again until the store has it.
    let store = &house.gateway().house().store;
    for _ in 0..800 {
        if !store.closures().await.unwrap().0.is_empty() {
            house.close().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("what is closed was never kept");
}

#[tokio::test]
async fn whoever_closes_something_because_of_an_incident_is_led_back_to_it() {
    let house = house().await;
    let mut li = member(&house, "Press", "li").await;
    put_on_duty(&house, &["li"]).await;
    let back = "href=\"/console/incidents/7\"";
    let page = open(&mut li, &format!("{PAGE}/close?scope=app%3Asites&minutes=60&incident=7")).await;
    assert!(page.text().contains(back), "{}", page.text());
    let page = li.submit(&page, &page.form("confirm")).await;
    assert!(page.text().contains(back) && page.text().contains("data-scope=\"app:sites\""), "{}", page.text());
    let page = open(&mut li, &format!("{PAGE}/lift?scope=app%3Asites&incident=7")).await;
    let page = li.submit(&page, &page.form("confirm")).await;
    assert!(page.text().contains(back) && page.text().contains("id=\"lockdown-none\""), "{}", page.text());
    let page = open(&mut li, &format!("{PAGE}/close?scope=app%3Asites&minutes=60&incident=7%22x")).await;
    assert!(!page.text().contains("/console/incidents/7"), "{}", page.text());
    house.close().await;
}
