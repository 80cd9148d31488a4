//! The machine's wall clock is stepped by an hour, either way, while the gateway runs and while it does not.

use std::time::Duration;

use http::{Method, StatusCode};
use url::Url;
use yumen::model::{Action, Record, Role};

use crate::browser::Browser;
use crate::house::{House, PORTAL, SITES, enrol};

const HOUR_MS: i64 = 3_600_000;
const STEPS: [i64; 2] = [HOUR_MS, -HOUR_MS];

async fn ask(browser: &mut Browser) -> StatusCode {
    browser.send(Method::GET, &Url::parse(&format!("https://{SITES}/")).unwrap(), &[("accept", "*/*")], "").await.status
}

fn pass(house: &House, minutes: u64, seconds: u64) {
    house.clock.advance(Duration::from_secs(60 * minutes + seconds));
}

/// Works until the session is 700 minutes old, never idle for long.
async fn work_for_700_minutes(house: &House, browser: &mut Browser) {
    for _ in 0..50 {
        pass(house, 14, 0);
        assert_eq!(ask(browser).await, StatusCode::OK);
    }
}

/// The address with the one-time code that leads into the app.
async fn handed_over(browser: &mut Browser) -> Url {
    let mut url = Url::parse(&format!("https://{SITES}/")).unwrap();
    for _ in 0..2 {
        url = Url::parse(browser.navigate(Method::GET, &url, None).await.header("location")).unwrap();
    }
    assert!(url.query().is_some_and(|query| query.contains("code=")), "{url}");
    url
}

#[tokio::test]
async fn a_step_of_the_wall_clock_brings_the_idle_end_of_a_session_neither_nearer_nor_farther() {
    for step in STEPS {
        let house = House::open().await;
        let mut browser = house.in_the_app("wang").await;
        house.clock.step_wall(step);
        pass(&house, 14, 59);
        assert_eq!(ask(&mut browser).await, StatusCode::OK, "{step}");
        pass(&house, 10, 0);
        house.clock.step_wall(-step);
        pass(&house, 5, 0);
        assert_eq!(ask(&mut browser).await, StatusCode::UNAUTHORIZED, "{step}");
    }
}

#[tokio::test]
async fn a_step_of_the_wall_clock_brings_the_last_end_of_a_session_neither_nearer_nor_farther() {
    for step in STEPS {
        let house = House::open().await;
        let mut browser = house.in_the_app("wang").await;
        house.clock.step_wall(step);
        work_for_700_minutes(&house, &mut browser).await;
        pass(&house, 14, 0);
        house.clock.step_wall(step);
        assert_eq!(ask(&mut browser).await, StatusCode::OK, "{step}");
        pass(&house, 5, 59);
        assert_eq!(ask(&mut browser).await, StatusCode::OK, "{step}");
        pass(&house, 0, 1);
        assert_eq!(ask(&mut browser).await, StatusCode::UNAUTHORIZED, "{step}");
    }
}

/// The gateway is stopped for a minute; the wall is stepped before or after that.
async fn restart(house: &mut House, browser: &mut Browser, step: i64, is_running: bool) {
    if is_running {
        house.clock.step_wall(step);
    }
    house.stop().await;
    if !is_running {
        house.clock.step_wall(step);
    }
    pass(house, 1, 0);
    house.restart().await;
    browser.address = house.address;
}

#[tokio::test]
async fn over_a_restart_a_stepped_wall_clock_signs_nobody_out_and_the_idle_end_stays() {
    for (step, is_running) in STEPS.into_iter().flat_map(|step| [(step, true), (step, false)]) {
        let mut house = House::open().await;
        let mut browser = house.in_the_app("wang").await;
        pass(&house, 5, 0);
        restart(&mut house, &mut browser, step, is_running).await;
        pass(&house, 8, 59);
        assert_eq!(ask(&mut browser).await, StatusCode::OK, "{step} {is_running}");
        restart(&mut house, &mut browser, step, is_running).await;
        pass(&house, 14, 0);
        assert_eq!(ask(&mut browser).await, StatusCode::UNAUTHORIZED, "{step} {is_running}");
    }
}

#[tokio::test]
async fn over_a_restart_a_stepped_wall_clock_makes_no_session_longer_or_shorter() {
    for (step, is_running) in [(HOUR_MS, true), (-HOUR_MS, true), (HOUR_MS, false), (-HOUR_MS, false)] {
        let mut house = House::open().await;
        let mut browser = house.in_the_app("wang").await;
        work_for_700_minutes(&house, &mut browser).await;
        restart(&mut house, &mut browser, step, is_running).await;
        pass(&house, 13, 0);
        assert_eq!(ask(&mut browser).await, StatusCode::OK, "{step} {is_running}");
        pass(&house, 5, 59);
        assert_eq!(ask(&mut browser).await, StatusCode::OK, "{step} {is_running}");
        pass(&house, 0, 1);
        assert_eq!(ask(&mut browser).await, StatusCode::UNAUTHORIZED, "{step} {is_running}");
    }
}

#[tokio::test]
async fn a_one_time_code_lives_for_its_thirty_seconds_whatever_the_wall_clock_says() {
    for step in STEPS {
        let house = House::open().await;
        let mut browser = house.signed_in("wang", Role::Member).await;
        let code = handed_over(&mut browser).await;
        house.clock.step_wall(step);
        pass(&house, 0, 29);
        let entered = browser.navigate(Method::GET, &code, None).await;
        assert_eq!((entered.status, entered.header("location")), (StatusCode::SEE_OTHER, "/"), "{step}");
        browser.forget(SITES);
        let code = handed_over(&mut browser).await;
        house.clock.step_wall(-step);
        pass(&house, 0, 30);
        browser.navigate(Method::GET, &code, None).await;
        assert!(browser.cookie(SITES, "__Host-yumen").is_none(), "{step}");
    }
}

#[tokio::test]
async fn an_invitation_lives_as_long_as_it_should_whatever_the_wall_clock_says() {
    for step in STEPS {
        let mut house = House::open().await;
        let (early, late) = (house.invite("early", Role::Member).await, house.invite("late", Role::Member).await);
        let life = Duration::from_secs(15 * 60);
        house.clock.step_wall(step);
        house.clock.advance(life - Duration::from_secs(120));
        house.stop().await;
        house.clock.step_wall(step);
        house.restart().await;
        enrol(&mut house.browser(), &early).await;
        pass(&house, 2, 0);
        let (page, token) = late.split_once('#').unwrap();
        let mut browser = house.browser();
        let page = browser.open(page).await;
        let form = page.form("enrol-open").with("token", token);
        let page = browser.submit(&page, &form).await;
        assert!(!page.text().contains("enrol-password"), "{}", page.text());
    }
}

#[tokio::test]
async fn records_carry_the_wall_time_and_keep_their_order() {
    let mut house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    let mut times = Vec::new();
    for (path, step) in [("/now", 0), ("/back", -HOUR_MS), ("/forth", 2 * HOUR_MS)] {
        house.clock.step_wall(step);
        browser.send(Method::GET, &Url::parse(&format!("https://{SITES}{path}")).unwrap(), &[], "").await;
        times.push((path, house.clock.wall().to_string()));
    }
    house.stop().await;
    house.restart().await;
    house.stop().await;
    let log = house.log();
    let sequences: Vec<u64> = log.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, (1..=log.len() as u64).collect::<Vec<_>>());
    let asked: Vec<(&str, String)> = log
        .iter()
        .filter_map(|entry| match &entry.record {
            Record::Opened(opened) => times.iter().find(|(path, _)| *path == opened.path).map(|(path, _)| (*path, entry.time.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(asked, times);
    let is_mended =
        |record: &Record| matches!(record, Record::Event(event) if event.action == Action::Start && !event.details["mended"].is_empty());
    assert!(!log.iter().any(|entry| is_mended(&entry.record)), "a time that goes back is no damage");
    let durations = log.iter().filter_map(|entry| if let Record::Closed(closed) = &entry.record { Some(closed.duration_ms) } else { None });
    assert!(durations.max() < Some(60_000), "what took a moment did not take an hour");
    assert!(browser.cookie(PORTAL, "__Host-yumen").is_some());
}
