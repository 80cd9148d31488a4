//! An emergency level in a whole gateway: what it does while it is in force, and that nothing of it is left afterwards.

use std::time::Duration;

use http::{Method, StatusCode};
use yumen::gateway::emergency::{InForce, once};
use yumen::gateway::{Ask, ControlAnswer};
use yumen::incident::{Category, Once, Opening, Step, Whose};
use yumen::model::{Decision, Event, Level, Record, Role, Stage, TokenState};

use crate::browser::{Browser, Reply};
use crate::city::City;
use crate::house::{House, PORTAL, SITES, enrol, sign_in};
use crate::plans::{PLAN, adopt};
use crate::token_life::{end_within_five_seconds, house, running, still_run};
use crate::usb_key::{house_that_believes, show_card, with_card};

const MINUTE: Duration = Duration::from_secs(60);

fn sites(path: &str) -> String {
    format!("https://{SITES}{path}")
}

fn portal(path: &str) -> String {
    format!("https://{PORTAL}{path}")
}

/// The example, whose level II lasts for ten minutes.
fn ten_minutes() -> String {
    PLAN.replacen("for = \"48h\"", "for = \"10m\"", 1)
}

pub async fn raise(house: &House, level: Level) -> InForce {
    let inside = house.gateway().house();
    let book = || inside.desk.incidents().book();
    let on_record = inside.journal.counts().sequence;
    until("all that is on record is read", || *inside.desk.incidents().follow().borrow() >= on_record).await;
    let why = "because".to_owned();
    let step = match book().in_force().first().map(|held| held.incident) {
        Some(incident) => Step::Level { level, why }.event(incident),
        None => assessed(house, level).await,
    };
    let before = inside.journal.counts().sequence;
    inside.journal.event(step).await.unwrap();
    let held = || book().in_force().into_iter().find(|held| held.record > before);
    let in_force = || held().is_some_and(|held| inside.emergency.last().is_some_and(|last| last.is_of(held.incident, level, held.since)));
    until("the level is in force", in_force).await;
    let held = held().unwrap();
    let since = inside.emergency.last().unwrap().since;
    InForce { level, since_wall: held.since, since, incident: held.incident }
}

/// Of a new incident.
pub async fn assessed(house: &House, level: Level) -> Event {
    let inside = house.gateway().house();
    let new = || inside.desk.incidents().book().cases().find(|case| case.stage == Stage::Detected).map(|case| case.number);
    let opening = Opening { title: "fire".to_owned(), level, category: Category::Attack, subject: None };
    inside.journal.event(opening.event()).await.unwrap();
    until("it is open", || new().is_some()).await;
    Step::Assessed { level, category: Category::Attack, why: "because".to_owned() }.event(new().unwrap())
}

fn apply(house: &House, confirmed: InForce) {
    let inside = house.gateway().house();
    inside.levels.apply(Some(confirmed), inside.map.load().plan.as_deref(), house.clock.now());
}

async fn lift(house: &House) {
    let inside = house.gateway().house();
    let incident = inside.desk.incidents().book().in_force()[0].incident;
    let step = Step::Moved { to: Stage::Dismissed, why: "it was none".to_owned() };
    inside.journal.event(step.event(incident)).await.unwrap();
    until("no level is in force", || inside.emergency.last().is_none()).await;
}

pub async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..2_400 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("not so in time: {what}");
}

async fn post(browser: &mut Browser) -> Reply {
    let origin = format!("https://{SITES}");
    let fields = [("accept", "text/html"), ("accept-language", "en"), ("sec-fetch-site", "same-origin"), ("origin", origin.as_str())];
    browser.send(Method::POST, &url::Url::parse(&sites("/publish")).unwrap(), &fields, "title=x").await
}

/// How long it will still hold.
fn left(house: &House) -> Option<Duration> {
    let now = house.clock.now();
    house.gateway().house().emergency.in_force(now).map(|stance| stance.until.since(now))
}

#[tokio::test]
async fn an_app_becomes_read_only_within_seconds_and_is_as_before_when_the_time_is_over() {
    let house = house().await;
    adopt(&house, &ten_minutes()).await.unwrap();
    let mut browser = house.in_the_app("wang").await;
    assert_eq!(post(&mut browser).await.status, StatusCode::OK);
    let mut streams = running(&browser).await;
    still_run(&mut streams).await;
    raise(&house, Level::II).await;
    let download = streams.pop().unwrap();
    end_within_five_seconds(streams).await;
    still_run(&mut [download]).await;
    let refused = post(&mut browser).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    for said in ["can only be read for now", "Emergency level II (serious)", "+86 996 000 000"] {
        assert!(refused.text().contains(said), "{}", refused.text());
    }
    assert_eq!(browser.open(&sites("/")).await.status, StatusCode::OK);
    for minutes in [4, 4] {
        house.clock.advance(minutes * MINUTE);
        assert_eq!(browser.open(&sites("/")).await.status, StatusCode::OK);
    }
    assert_eq!(post(&mut browser).await.status, StatusCode::FORBIDDEN);
    house.clock.advance(2 * MINUTE);
    assert_eq!(post(&mut browser).await.status, StatusCode::OK, "nobody had to do anything for that");
    let rules: Vec<String> = house
        .close()
        .await
        .into_iter()
        .filter_map(|entry| match entry.record {
            Record::Opened(opened) if opened.decision == Decision::Refused && opened.method == "POST" => Some(opened.rule),
            _ => None,
        })
        .collect();
    assert_eq!(rules, ["emergency: level II: read-only", "emergency: level II: read-only"]);
}

#[tokio::test]
async fn sessions_are_shorter_while_it_holds_at_the_portal_too_and_no_longer_after_it() {
    let house = House::open().await;
    adopt(&house, PLAN).await.unwrap();
    let mut browser = house.in_the_app("wang").await;
    raise(&house, Level::III).await;
    house.clock.advance(9 * MINUTE);
    assert_eq!(browser.open(&sites("/")).await.status, StatusCode::OK);
    house.clock.advance(10 * MINUTE);
    let asked = browser.open(&sites("/")).await;
    assert_eq!(asked.url.path(), "/sign-in", "{}", asked.text());
    assert_eq!(sign_in(&mut browser, &sites("/"), "wang").await.status, StatusCode::OK);
    lift(&house).await;
    house.clock.advance(14 * MINUTE);
    assert_eq!(browser.open(&sites("/")).await.url.path(), "/");
    assert_eq!(browser.open(&portal("/sessions")).await.url.path(), "/sessions");
    house.close().await;
}

#[tokio::test]
async fn nobody_enrols_while_it_is_frozen_and_everybody_who_is_signed_in_is_told() {
    let house = House::open().await;
    adopt(&house, PLAN).await.unwrap();
    let link = house.invite("new", Role::Member).await;
    let mut browser = house.signed_in("wang", Role::Member).await;
    assert!(!browser.open(&portal("/")).await.text().contains("id=\"emergency\""));
    raise(&house, Level::III).await;
    let told = browser.open(&portal("/")).await;
    assert!(told.text().contains("class=\"alert level-III\""), "{}", told.text());
    let mut stranger = house.browser();
    for path in ["/enrol", "/enrol/letter", "/enrol/password", "/recover"] {
        let refused = stranger.open(&portal(path)).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        assert!(refused.text().contains("id=\"emergency-until\"") && !refused.text().contains("+86"), "{}", refused.text());
    }
    assert_eq!(browser.open(&portal("/keys/show?token=x")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.open(&portal("/keys")).await.status, StatusCode::OK);
    lift(&house).await;
    enrol(&mut stranger, &link).await;
    house.close().await;
}

#[tokio::test]
async fn a_usb_key_that_nobody_has_shown_yet_opens_nothing_while_enrolment_is_frozen() {
    let city = City::new();
    let house = house_that_believes(&city, "hardware_only = true", "").await;
    adopt(&house, PLAN).await.unwrap();
    let mut wang = with_card(&house, "wang", &city.card("wang", 11)).await;
    let card = city.card("li", 12);
    let mut li = with_card(&house, "li", &card).await;
    let page = li.open(&portal("/")).await;
    let shown = show_card(&mut li, &page).await;
    assert_eq!(li.go_on(shown).await.url.path(), "/");
    raise(&house, Level::III).await;
    let page = wang.open(&portal("/")).await;
    let refused = show_card(&mut wang, &page).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text());
    let mut again = house.browser();
    again.plug_in(card.in_client(&house.tls));
    let page = again.open(&portal("/")).await;
    let known = show_card(&mut again, &page).await;
    assert_ne!(known.status, StatusCode::FORBIDDEN, "{}", known.text());
    lift(&house).await;
    let page = wang.open(&portal("/")).await;
    let shown = show_card(&mut wang, &page).await;
    assert_eq!(wang.go_on(shown).await.url.path(), "/");
    house.close().await;
}

#[tokio::test]
async fn closed_apps_let_in_break_glass_accounts_alone_and_the_operator_sees_it() {
    let house = House::open().await;
    adopt(&house, PLAN).await.unwrap();
    let (mut zhao, mut wang) = (house.in_the_app("zhao").await, house.in_the_app("wang").await);
    raise(&house, Level::I).await;
    assert_eq!(post(&mut zhao).await.status, StatusCode::OK, "she is to mend something there");
    let refused = wang.open(&sites("/")).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.text().contains("closed for now"), "{}", refused.text());
    let listed = wang.open(&portal("/")).await;
    assert!(listed.text().contains("id=\"app-sites\"") && listed.text().contains("level-I"), "{}", listed.text());
    let refused = wang.open(&portal("/open/sites")).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    let ControlAnswer::Status { status } = house.ask(Ask::Status, None).await else { panic!() };
    let emergency = status.emergency.as_ref().unwrap();
    assert_eq!(emergency.level, "I");
    assert!(emergency.terms.contains(&"closed all apps".to_owned()), "{emergency:?}");
    for told in ["lets qian, sun into closed apps", "has li, qian, sun, zhou on its duty list"] {
        assert!(status.warnings.iter().any(|warning| warning.contains(told)), "{:?}", status.warnings);
    }
    assert!(house.gateway().house().exposition(true).contains("\nyumen_emergency_level 4\n"));
    lift(&house).await;
    assert_eq!(wang.open(&sites("/")).await.status, StatusCode::OK);
    assert!(house.gateway().house().exposition(true).contains("\nyumen_emergency_level 0\n"));
    house.close().await;
}

#[tokio::test]
async fn a_restart_opens_nothing_and_makes_nothing_last_longer() {
    let mut house = House::open().await;
    adopt(&house, &ten_minutes()).await.unwrap();
    let mut browser = house.in_the_app("wang").await;
    let confirmed = raise(&house, Level::II).await;
    house.clock.advance(3 * MINUTE);
    // Whoever sets the clock back meanwhile gains nothing by it.
    house.clock.step_wall(-3_600_000);
    house.restart().await;
    browser.address = house.address;
    assert_eq!(left(&house), Some(7 * MINUTE));
    assert_eq!(post(&mut browser).await.status, StatusCode::FORBIDDEN);
    apply(&house, confirmed);
    assert_eq!(left(&house), Some(7 * MINUTE), "the same confirmation again");
    house.clock.advance(4 * MINUTE);
    assert_eq!(browser.open(&sites("/")).await.status, StatusCode::OK);
    house.clock.advance(3 * MINUTE);
    assert_eq!(post(&mut browser).await.status, StatusCode::OK);
    for _ in 0..2 {
        apply(&house, confirmed);
        assert_eq!(left(&house), None, "what has run out is confirmed anew, or not at all");
        house.restart().await;
        assert_eq!(left(&house), None);
    }
    raise(&house, Level::II).await;
    assert_eq!(left(&house), Some(10 * MINUTE));
    lift(&house).await;
    house.restart().await;
    assert_eq!(left(&house), None);
    house.close().await;
}

#[tokio::test]
async fn a_lesser_level_that_waits_behind_another_lasts_no_longer_for_a_clock_that_was_set_back() {
    let mut house = House::open().await;
    adopt(&house, &ten_minutes()).await.unwrap();
    raise(&house, Level::III).await;
    let another = assessed(&house, Level::II).await;
    house.gateway().house().journal.event(another).await.unwrap();
    let level = |house: &House| house.gateway().house().emergency.in_force(house.clock.now()).map(|stance| stance.level);
    until("the graver one is in force", || level(&house) == Some(Level::II)).await;
    house.clock.advance(3 * MINUTE);
    house.clock.step_wall(-3_600_000);
    house.restart().await;
    assert_eq!((level(&house), left(&house)), (Some(Level::II), Some(7 * MINUTE)));
    house.clock.advance(7 * MINUTE);
    until("the lesser one is in force", || level(&house) == Some(Level::III)).await;
    assert_eq!(left(&house), Some((24 * 60 - 10) * MINUTE));
    house.clock.advance(24 * 60 * MINUTE);
    house.restart().await;
    assert_eq!(level(&house), None);
    house.close().await;
}

#[tokio::test]
async fn a_level_follows_the_plan_that_is_in_force_and_a_lesser_one_takes_its_place() {
    let house = House::open().await;
    adopt(&house, PLAN).await.unwrap();
    let mut browser = house.in_the_app("wang").await;
    raise(&house, Level::II).await;
    assert_eq!((post(&mut browser).await.status, left(&house)), (StatusCode::FORBIDDEN, Some(48 * 60 * MINUTE)));
    adopt(&house, &ten_minutes().replacen("read_only = \"all\"\n", "", 1)).await.unwrap();
    assert_eq!((post(&mut browser).await.status, left(&house)), (StatusCode::OK, Some(10 * MINUTE)));
    adopt(&house, PLAN).await.unwrap();
    assert_eq!(post(&mut browser).await.status, StatusCode::FORBIDDEN);
    raise(&house, Level::III).await;
    assert_eq!((post(&mut browser).await.status, left(&house)), (StatusCode::OK, Some(24 * 60 * MINUTE)));
    house.close().await;
}

#[tokio::test]
async fn rules_of_the_config_may_name_the_level() {
    let house = House::open().await;
    adopt(&house, PLAN).await.unwrap();
    house.reload(|text| text.replacen("name = \"members\"", "below = \"III\"\nname = \"members\"", 1)).await.unwrap();
    let mut browser = house.in_the_app("wang").await;
    for (level, status) in [(Level::IV, StatusCode::OK), (Level::III, StatusCode::FORBIDDEN)] {
        raise(&house, level).await;
        assert_eq!(browser.open(&sites("/")).await.status, status, "{level}");
    }
    lift(&house).await;
    assert_eq!(browser.open(&sites("/")).await.status, StatusCode::OK);
    house.close().await;
}

#[tokio::test]
async fn what_is_done_once_meets_those_whom_it_is_about_and_sessions_from_before() {
    let house = House::open().await;
    let (mut wang, mut li) = (house.in_the_app("wang").await, house.in_the_app("li").await);
    let mut zhao = house.in_the_app("zhao").await;
    let (account, named) = (house.account_of("wang").await.id, house.account_of("zhao").await.id);
    house.clock.advance(MINUTE);
    let since = house.clock.now();
    house.clock.advance(MINUTE);
    let mut later = house.in_the_app("chen").await;
    let inside = house.gateway().house();
    let terms = Once { end_sessions: Some(Whose::Concerned), suspend_tokens: true };
    let done = once(inside, terms, &[account], since).await;
    assert_eq!((done.ended.len(), done.suspended.len(), done.left.len(), done.failed.len()), (1, 1, 0, 0), "{done:?}");
    assert_eq!(inside.store.tokens_of(account).await.unwrap()[0].state, TokenState::Suspended);
    assert_eq!(wang.open(&sites("/")).await.url.path(), "/sign-in");
    assert_eq!(li.open(&sites("/")).await.status, StatusCode::OK);
    // Wrong passwords for her name would otherwise take away whoever is to end the incident.
    adopt(&house, PLAN).await.unwrap();
    let done = once(inside, terms, &[named], since).await;
    assert_eq!((done.ended.len(), done.suspended.len(), done.left.len()), (1, 0, 0), "{done:?}");
    assert!(done.failed.len() == 1 && done.failed[0].contains(" of zhao was left, because the plan names her"), "{done:?}");
    assert_eq!(inside.store.tokens_of(named).await.unwrap()[0].state, TokenState::Active);
    assert_eq!(zhao.open(&sites("/")).await.url.path(), "/sign-in", "and she signs in again");
    let all = Once { end_sessions: Some(Whose::Everybodys), suspend_tokens: false };
    let done = once(inside, all, &[], since).await;
    assert!(done.ended.iter().any(|ended| ended.who.name.as_str() == "li"), "{done:?}");
    assert_eq!(li.open(&sites("/")).await.url.path(), "/sign-in");
    assert_eq!(later.open(&sites("/")).await.url.path(), "/", "she came after it");
    house.close().await;
}
