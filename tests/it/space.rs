//! Little room where the data is: what strangers cause gives way first.

use http::{Method, StatusCode};
use url::Url;
use yumen::model::{Action, Outcome, Record};

use crate::house::{Changes, House, SITES};
use crate::scrape::{Figures, ask};

/// More than any disk has.
const FULL: &str = "[log]\nreserve = \"1024TiB\"\n";

async fn pester(house: &House) {
    let mut stranger = house.browser();
    for _ in 0..3 {
        let reply = stranger.send(Method::GET, &Url::parse(&format!("https://{SITES}/pestered")).unwrap(), &[], "").await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn below_the_reserve_strangers_are_only_counted_and_who_works_is_on_record_as_ever() {
    let house = House::open_with(Changes { top: FULL, ..Changes::default() }).await;
    let mut browser = house.in_the_app("wang").await;
    pester(&house).await;
    assert_eq!(browser.open(&format!("https://{SITES}/worked")).await.status, StatusCode::OK);
    let address = house.gateway().monitoring().unwrap();
    let ready = ask(address, "GET", "/readyz").await;
    assert_eq!(ready.status, 200, "people are let through");
    assert!(ready.body.starts_with("ready\nwarning: ") && ready.body.contains("log.reserve"), "{}", ready.body);
    let figures = Figures::of(address).await;
    assert_eq!((figures.get("yumen_ready"), figures.get("yumen_data_low")), (1.0, 1.0));
    assert!(figures.get("yumen_data_free_bytes") < figures.get("yumen_data_reserve_bytes"));
    let own = house.gateway().house().clone();
    let status = tokio::spawn(async move { own.status().await }).await.unwrap();
    assert!(status.ready && status.warnings.len() == 1, "{status:?}");

    let log = house.close().await;
    let opened = |path: &str| log.iter().filter(|entry| matches!(&entry.record, Record::Opened(opened) if opened.path == path)).count();
    assert_eq!((opened("/pestered"), opened("/worked")), (0, 1));
    let told = |action: Action| {
        log.iter().find_map(|entry| match &entry.record {
            Record::Event(event) if event.action == action => Some(event.clone()),
            _ => None,
        })
    };
    let warned = told(Action::DiskSpace).expect("the log itself warns");
    assert_eq!((warned.outcome, warned.details["reserve"].as_str()), (Outcome::Failed, "1024.0 TiB"));
    let counted = told(Action::StrangersRefused).expect("they are counted");
    assert!(counted.details["count"].parse::<u64>().unwrap() >= 3);
}

#[tokio::test]
async fn with_room_enough_strangers_are_recorded_and_nothing_warns() {
    let house = House::open_with(Changes { top: "[log]\nreserve = \"16MiB\"\n", ..Changes::default() }).await;
    pester(&house).await;
    let address = house.gateway().monitoring().unwrap();
    assert!(!ask(address, "GET", "/readyz").await.body.contains("warning"));
    assert_eq!(Figures::of(address).await.get("yumen_data_low"), 0.0);
    let log = house.close().await;
    let is_pestering = |record: &Record| matches!(record, Record::Opened(opened) if opened.path == "/pestered");
    assert_eq!(log.iter().filter(|entry| is_pestering(&entry.record)).count(), 3);
    assert!(!log.iter().any(|entry| matches!(&entry.record, Record::Event(event) if event.action == Action::DiskSpace)));
}
