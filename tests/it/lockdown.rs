//! Lockdown: an app, or all of them, is closed to everybody at once, and opened again.

use std::time::Duration;

use http::StatusCode;
use yumen::gateway::{Ask, ControlAnswer};
use yumen::model::{Action, Record};

use crate::house::{House, PORTAL, SITES};
use crate::token_life::{end_within_five_seconds, house, running, still_run};

fn close(app: Option<&str>) -> Ask {
    Ask::LockDown { app: app.map(str::to_owned), minutes: 60 }
}

async fn done(house: &House, ask: Ask) -> String {
    match house.ask(ask, None).await {
        ControlAnswer::Done { message } => message,
        other => panic!("{other:?}"),
    }
}

fn sites(path: &str) -> String {
    format!("https://{SITES}{path}")
}

#[tokio::test]
async fn what_is_closed_ends_within_five_seconds_and_stays_closed_until_it_is_opened_again() {
    let house = house().await;
    let mut browser = house.in_the_app("wang").await;
    let mut streams = running(&browser).await;
    still_run(&mut streams).await;
    assert!(done(&house, close(Some("sites"))).await.contains("the app sites is closed"));
    end_within_five_seconds(streams).await;
    let refused = browser.open(&sites("/")).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.text().contains("closed for now"), "{}", refused.text());
    let portal = browser.open(&format!("https://{PORTAL}/sessions")).await;
    assert_eq!((portal.status, portal.url.path()), (StatusCode::OK, "/sessions"), "the portal stays");
    let ControlAnswer::Status { status } = house.ask(Ask::Status, None).await else { panic!() };
    assert!(format!("{status:?}").contains("the app sites is closed to everybody for 60 min"), "{status:?}");

    let unknown = house.ask(close(Some("nosuch")), None).await;
    assert!(matches!(&unknown, ControlAnswer::Refused { why } if why.contains("there are: ")), "{unknown:?}");
    let lift = || Ask::LiftLockdown { app: Some("sites".to_owned()) };
    assert!(done(&house, lift()).await.contains("open again"));
    assert!(done(&house, lift()).await.contains("not closed"));
    assert_eq!(browser.open(&sites("/")).await.status, StatusCode::OK);
    let log = house.close().await;
    for action in [Action::LockedDown, Action::LockdownLifted] {
        assert!(
            log.iter()
                .any(|entry| matches!(&entry.record, Record::Event(event) if event.action == action && event.details["app"] == "sites"))
        );
    }
}

#[tokio::test]
async fn a_restart_and_a_reload_open_nothing_and_the_hour_does() {
    let mut house = house().await;
    let mut browser = house.in_the_app("wang").await;
    done(&house, close(None)).await;
    house.reload(|config| format!("{config}\n")).await.unwrap();
    assert_eq!(browser.open(&sites("/")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    house.restart().await;
    browser.address = house.address;
    assert_eq!(browser.open(&sites("/")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    house.clock.advance(Duration::from_secs(60 * 60));
    let after = crate::house::sign_in(&mut browser, &sites("/"), "wang").await;
    assert_eq!(after.status, StatusCode::OK, "{}", after.text());
    house.close().await;
}
