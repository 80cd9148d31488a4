//! A confirmed level while something that it is kept in does not work: whatever fails opens nothing, and keeps nothing from closing.

use std::time::Duration;

use yumen::gateway::{Ask, ControlAnswer};
use yumen::incident::Step;
use yumen::model::{Action, Event, Level, Stage};

use crate::emergency::{assessed, raise, until};
use crate::house::House;
use crate::plans::{PLAN, adopt};

/// More records than are read at once.
const MANY: usize = 5_000;

fn level(house: &House) -> Option<Level> {
    house.gateway().house().emergency.in_force(house.clock.now()).map(|stance| stance.level)
}

async fn warnings(house: &House) -> String {
    match house.ask(Ask::Status, None).await {
        ControlAnswer::Status { status } => status.warnings.join("\n"),
        other => panic!("{other:?}"),
    }
}

async fn write_many(house: &House) {
    let journal = &house.gateway().house().journal;
    let many = (0..MANY).map(|number| journal.event(Event::done(Action::SessionEnded).with("number", number)));
    assert!(futures_util::future::join_all(many).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_store_that_is_held_busy_delays_no_graver_level_and_what_opens_waits_for_it() {
    let house = House::open().await;
    adopt(&house, PLAN).await.unwrap();
    let file = format!("sqlite://{}", house.data.path().join("yumen.db").display());
    let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
    let held = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    // Each would wait for what is kept of the one before.
    let raised = async {
        for level in [Level::IV, Level::III, Level::II, Level::I] {
            tokio::time::timeout(Duration::from_secs(30), raise(&house, level)).await.expect("a level waits for no store");
        }
    };
    raised.await;
    let inside = house.gateway().house();
    let incident = inside.desk.incidents().book().in_force()[0].incident;
    let dismiss = Step::Moved { to: Stage::Dismissed, why: "it was none".to_owned() };
    inside.journal.event(dismiss.event(incident)).await.unwrap();
    until("it is over", || inside.desk.incidents().book().in_force().is_empty()).await;
    let another = assessed(&house, Level::II).await;
    inside.journal.event(another).await.unwrap();
    until("another one holds", || inside.desk.incidents().book().in_force().len() == 1).await;
    assert_eq!(level(&house), Some(Level::I), "what opens is kept first");
    held.rollback().await.unwrap();
    pool.close().await;
    until("the other one is in force", || level(&house) == Some(Level::II)).await;
    assert_eq!(inside.store.level().await.unwrap().map(|kept| kept.level), Some(Level::II));
    house.close().await;
}

#[tokio::test]
async fn a_book_that_cannot_be_kept_takes_no_level_out_of_force_and_status_says_so() {
    let mut house = House::open().await;
    adopt(&house, PLAN).await.unwrap();
    let kept = house.data.path().join("incidents.json");
    let step = assessed(&house, Level::II).await;
    house.clock.advance(Duration::from_secs(60));
    write_many(&house).await;
    until("the book is kept", || kept.exists()).await;
    let in_the_way = house.data.path().join("incidents.json.new");
    std::fs::create_dir(&in_the_way).unwrap();
    let inside = house.gateway().house().clone();
    inside.journal.event(step).await.unwrap();
    until("the level is in force", || level(&house) == Some(Level::II)).await;
    write_many(&house).await;
    house.clock.advance(Duration::from_secs(60));
    write_many(&house).await;
    // Longer than what failed waits before it is tried again.
    let changes = inside.emergency.epoch(house.clock.now());
    for _ in 0..120 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!((level(&house), inside.emergency.epoch(house.clock.now())), (Some(Level::II), changes));
        assert_eq!(inside.desk.incidents().book().in_force().len(), 1);
    }
    let told = warnings(&house).await;
    assert!(told.contains("what is known of incidents cannot be kept in") && !told.contains("stand still"), "{told}");
    raise(&house, Level::I).await;

    // A start that finds the old one shows nothing of it.
    drop(inside);
    house.restart().await;
    let inside = house.gateway().house().clone();
    until("the book is read", || {
        assert_eq!(level(&house), Some(Level::I));
        let book = inside.desk.incidents().book();
        assert!(book.at() == 0 || book.in_force().len() == 1);
        book.at() > 0
    })
    .await;
    std::fs::remove_dir(&in_the_way).unwrap();
    house.close().await;
}
