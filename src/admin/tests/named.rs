//! Whoever has a name of the emergency plan has its power, so that name is given as staff accounts are.

use std::collections::HashSet;

use super::super::{Carried, Proposing};
use super::town::{Town, What, at, new, person, serial};
use super::*;
use crate::crypto::Token;
use crate::model::PetitionState;

fn names(names: &[&str]) -> HashSet<AccountName> {
    names.iter().map(|name| AccountName::parse(name).unwrap()).collect()
}

fn manager(desk: &Desk) -> Actor {
    let identity = Identity::sample("manager", "x", Role::Member, NOW);
    desk.permissions.set_managers([identity.account()].into());
    Actor::Staff { identity, address: IpAddr::V4(Ipv4Addr::LOCALHOST) }
}

#[tokio::test]
async fn a_unit_manager_gives_nobody_a_name_of_the_plan_and_it_is_on_record_that_she_tried() {
    let town = Town::of(&["ada", "bea"]).await;
    let manager = manager(&town.desk);
    town.desk.set_duty_list(names(&["zhou"]));
    town.desk.guard_names(&names(&["qian"])).await.unwrap();
    let before = town.everything().await;
    for name in ["zhou", "qian"] {
        let refused = town.desk.invite(&manager, new(name, Role::Member), NOW).await;
        assert!(matches!(&refused, Err(AdminError::NamedByPlan(named)) if named.as_str() == name), "{refused:?}");
    }
    assert_eq!(town.everything().await, before);
    let tried = town.recorded(Action::AccountInvited, Outcome::Failed).await;
    assert_eq!(tried.iter().map(|event| event.details["name"].as_str()).collect::<Vec<_>>(), ["zhou", "qian"]);
    assert!(tried.iter().all(|event| event.who.as_ref().is_some_and(|who| who.name.as_str() == "manager")));
    town.desk.invite(&manager, new("wang", Role::Member), NOW).await.unwrap();
    // Nor does she renew what two have made, once it is there.
    let id = town.proposed("ada", What::Invite("zhou", Role::Member)).await;
    assert!(matches!(town.confirm("bea", id, NOW).await, Ok(Carried::Invited(invitation)) if invitation.halved));
    assert!(matches!(town.desk.invite(&manager, new("zhou", Role::Member), NOW).await, Err(AdminError::NamedByPlan(_))));
    town.desk.set_duty_list(HashSet::new());
    town.desk.invite(&manager, new("zhou", Role::Member), NOW).await.unwrap();
}

#[tokio::test]
async fn what_would_let_somebody_have_a_name_of_the_plan_takes_two_where_there_are_two() {
    let whats = [
        What::Invite("zhou", Role::Member),
        What::Issue("F1", "mia"),
        What::Enable("mia"),
        What::Resume("F3"),
        What::Certify("U1", "mia"),
        What::Renew("U3"),
    ];
    for what in whats {
        for wardens in [&["ada", "bea"][..], &["ada"]] {
            let town = Town::of(wardens).await;
            town.desk.guard_names(&names(&["zhou", "mia"])).await.unwrap();
            if matches!(what, What::Enable(_)) {
                town.desk.disable(&OFFICE, town.id("mia").await).await.unwrap();
            }
            if matches!(what, What::Resume(_)) {
                town.desk.stop_token(&OFFICE, &serial("F3"), super::super::TokenEnd::ForNow, at(NOW)).await.unwrap();
            }
            let before = town.everything().await;
            if wardens.len() == 1 {
                town.ask("ada", what).await.unwrap_or_else(|error| panic!("{what:?}: {error}"));
                assert_ne!(town.everything().await, before, "{what:?}");
                continue;
            }
            let id = town.draft("ada", what).await;
            assert!(matches!(town.propose("ada", id, NOW).await, Ok(Proposing::Waits(_))), "{what:?}");
            assert_eq!(town.everything().await, before, "{what:?}");
            town.confirm("bea", id, NOW).await.unwrap();
            assert_ne!(town.everything().await, before, "{what:?}");
        }
    }
}

#[tokio::test]
async fn what_waits_when_the_plan_begins_to_name_her_is_not_carried_out_as_it_was_shown() {
    let town = Town::of(&["ada", "bea"]).await;
    let id = town.proposed("ada", What::Invite("zhou", Role::Auditor)).await;
    town.desk.guard_names(&names(&["zhou"])).await.unwrap();
    assert!(matches!(town.confirm("bea", id, NOW).await, Err(AdminError::ChangedMeanwhile)));
    assert_eq!(town.state(id).await, PetitionState::Failed);
}

#[tokio::test]
async fn no_list_and_no_letter_gives_a_name_of_the_plan_and_whoever_has_it_already_is_passed_over() {
    let town = Town::of(&["ada", "bea"]).await;
    let ada = town.actor("ada");
    let list = "name,unit,token\nzhou,x,F1\nmia,x,\nli,x,\n".as_bytes();
    town.desk.import_people(&ada, list, 0, NOW).await.unwrap();
    let due = async || town.desk.letters_due(&ada, NOW).await.unwrap().len();
    let zhou = AccountName::parse("zhou").unwrap();
    assert_eq!((due().await, town.desk.make_letters(&ada, std::slice::from_ref(&zhou), NOW).await.unwrap().len()), (1, 1));
    town.desk.guard_names(&names(&["zhou", "mia", "qian"])).await.unwrap();
    assert_eq!((due().await, town.desk.make_letters(&ada, &[zhou], NOW).await.unwrap().len()), (0, 0));
    let again = town.desk.import_people(&ada, list, 0, NOW).await.unwrap();
    assert_eq!((again.new, again.same), (0, 3));
    let before = town.everything().await;
    let list = "name,unit,token\nsong,x,\nqian,x,\nzhou,x,F9\n".as_bytes();
    let Err(AdminError::BadRoster(problems)) = town.desk.import_people(&ada, list, 0, NOW).await else { panic!() };
    assert_eq!(problems[0].to_string().split(';').next(), Some("line 3, name: the emergency plan gives power to whoever has this name"));
    assert_eq!(town.everything().await, before);
}

#[tokio::test]
async fn links_that_were_made_before_the_plan_named_her_open_nothing_and_those_of_staff_and_of_two_stay() {
    let town = Town::of(&["ada", "bea"]).await;
    let (desk, store, manager) = (&town.desk, &town.desk.store, manager(&town.desk));
    let opens = async |token: &Token| {
        let browser = Token::random().unwrap();
        store.begin_enrolment(token.hash(), browser.hash(), NOW).await.unwrap().map(|_| browser)
    };
    let link = |invitation: super::super::Invitation| Token::parse(invitation.link.split_once('#').unwrap().1).unwrap();
    let zhou = link(desk.invite(&manager, new("zhou", Role::Member), NOW).await.unwrap());
    let wang = link(desk.invite(&manager, new("wang", Role::Member), NOW).await.unwrap());
    let begun = opens(&zhou).await.unwrap();
    let anew = Token::random().unwrap();
    let (rui, _) = person(store, "rui", Role::Member, 9).await;
    store.reopen_account(rui, anew.hash(), at(NOW).now.plus(std::time::Duration::from_secs(900)), NOW).await.unwrap().unwrap();
    let id = town.proposed("ada", What::Invite("chief", Role::Auditor)).await;
    let Ok(Carried::Invited(_)) = town.confirm("bea", id, NOW).await else { panic!() };
    desk.guard_names(&names(&["zhou", "rui", "chief", "nobody"])).await.unwrap();
    assert!(opens(&zhou).await.is_none() && store.enrolment(begun.hash(), NOW).await.unwrap().is_none());
    assert!(opens(&wang).await.is_some() && opens(&anew).await.is_some());
    let void = town.recorded(Action::AccountInvited, Outcome::Failed).await;
    assert_eq!(void.iter().map(|event| event.details["name"].as_str()).collect::<Vec<_>>(), ["zhou"]);
    // The same plan again leaves what was made under it.
    let id = town.proposed("ada", What::Invite("zhou", Role::Member)).await;
    town.confirm("bea", id, NOW).await.unwrap();
    desk.guard_names(&names(&["zhou"])).await.unwrap();
    assert_eq!(town.recorded(Action::AccountInvited, Outcome::Failed).await.len(), 1);
}
