//! While enrolment is frozen nobody is given a way in, by whatever desk; what takes away goes on.

use std::time::Duration;

use super::super::{Lacks, TokenEnd};
use super::town::{Town, What, at, new, serial};
use super::*;
use crate::access::Stance;
use crate::incident::Measures;
use crate::model::{Level, TokenState};

fn freeze(town: &Town, until: Time) {
    let measures = Measures { freeze_enrolment: true, ..Measures::default() };
    let stance = Stance { level: Level::III, incident: 1, confirmed: NOW, since: NOW, until, measures: measures.into() };
    town.desk.emergency.set(Some(stance));
}

fn later() -> Time {
    NOW.plus(Duration::from_secs(600))
}

#[track_caller]
fn is_frozen<T>(outcome: Result<T, AdminError>) {
    match outcome {
        Err(AdminError::Frozen { level: Level::III, until }) => assert_eq!(until, later()),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was done"),
    }
}

#[tokio::test]
async fn nobody_is_given_a_way_in_and_nothing_that_takes_away_waits() {
    let town = Town::of(&["ada", "bea"]).await;
    let (ada, mia, desk) = (town.actor("ada"), town.id("mia").await, &town.desk);
    let name = |text: &str| AccountName::parse(text).unwrap();
    freeze(&town, later());
    is_frozen(desk.invite(&ada, new("eve", Role::Member), NOW).await);
    is_frozen(desk.issue_token(&ada, &serial("F1"), &name("mia"), NOW).await);
    is_frozen(desk.import_people(&ada, b"name,unit\neve,x\n", 0, NOW).await);
    is_frozen(desk.make_letters(&ada, &[name("mia")], NOW).await);
    is_frozen(desk.ask_for_recovery(&ada, mia, Lacks::Token, NOW).await);
    is_frozen(desk.recover(&MACHINE, &name("ada"), at(NOW)).await);
    is_frozen(desk.issue_certificate(&ada, &serial("U9"), &name("mia"), "", 30, at(NOW)).await);
    is_frozen(desk.renew_certificate(&ada, &serial("U2"), None, 30, at(NOW)).await);

    desk.stop_token(&ada, &serial("F3"), TokenEnd::ForNow, at(NOW)).await.unwrap();
    desk.end_sessions_of(&ada, mia).await.unwrap();
    desk.resume_token(&ada, &serial("F3"), NOW).await.unwrap();
    assert_eq!(desk.token(&ada, &serial("F3")).await.unwrap().state, TokenState::Active);
    desk.disable(&ada, mia).await.unwrap();

    desk.invite(&ada, new("eve", Role::Member), later()).await.unwrap();
    desk.emergency.set(None);
    desk.issue_token(&ada, &serial("F1"), &name("eve"), NOW).await.unwrap();
}

#[tokio::test]
async fn a_proposal_that_was_waiting_is_not_carried_out_and_waits_on() {
    let town = Town::of(&["ada", "bea"]).await;
    let id = town.proposed("ada", What::Renew("U2")).await;
    freeze(&town, later());
    is_frozen(town.confirm("bea", id, NOW).await);
    town.desk.emergency.set(None);
    town.confirm("bea", id, NOW).await.unwrap();
}
