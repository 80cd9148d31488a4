mod certificates;
mod drawer;
mod people;
mod petitions;
mod roster;
mod town;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::{Actor, AdminError, Change, Desk, Disabled, NewAccount};
use crate::audit::{Filter, Journal, Settings, Tail};
use crate::auth::{Codes, Identity, SessionLimits, Sessions};
use crate::clock::{Clock, Time};
use crate::model::{AccountName, AccountState, Action, Host, Outcome, Record, Role, UnitName};
use crate::store::{AccountFilter, Store};

const NOW: Time = Time::from_millis(1_000_000);
const MACHINE: Actor = Actor::Machine { uid: 0 };

fn staff(role: Role) -> Actor {
    let identity: Arc<Identity> = Identity::sample("staff", "信息中心", role, NOW);
    Actor::Staff { identity, address: IpAddr::V4(Ipv4Addr::LOCALHOST) }
}

async fn desk(directory: &std::path::Path) -> Desk {
    let store = Store::open_in_memory().await.unwrap();
    let clock = Clock::manual(NOW);
    let (journal, _) = Journal::open(Settings::new(directory.to_owned()), clock).unwrap();
    let sessions = Sessions::load(store.clone(), Host::parse("gate.city.test").unwrap(), SessionLimits::default(), NOW).await.unwrap();
    let codes = Codes::new(store.clone(), crate::crypto::SealingKey::new(&[7; 32]).unwrap());
    Desk::new(store, Arc::new(sessions), journal, codes, "https://gate.city.test".to_owned())
}

fn wang() -> NewAccount {
    NewAccount { name: AccountName::parse("wang").unwrap(), unit: UnitName::parse("x").unwrap(), role: Role::Member, email: None }
}

fn events(directory: &std::path::Path) -> Vec<(Action, Outcome)> {
    let entries = Tail::new(directory, Filter::default()).next_batch().unwrap();
    let event = |entry: crate::model::Entry| match entry.record {
        Record::Event(event) => Some((event.action, event.outcome)),
        _ => None,
    };
    entries.into_iter().filter_map(event).collect()
}

#[test]
fn only_the_machine_and_security_administrators_may_change_accounts() {
    for change in Change::ALL {
        assert!(MACHINE.may(*change), "{change:?}");
        for role in Role::ALL {
            assert_eq!(staff(*role).may(*change), *role == Role::SecurityAdministrator, "{role} {change:?}");
        }
    }
}

#[test]
fn whoever_lost_her_session_may_do_nothing() {
    let actor = staff(Role::SecurityAdministrator);
    if let Actor::Staff { identity, .. } = &actor {
        identity.revoke_sample();
    }
    assert!(Change::ALL.iter().all(|change| !actor.may(*change)));
}

#[tokio::test]
async fn every_verb_asks_for_permission() {
    let directory = tempfile::tempdir().unwrap();
    let desk = desk(directory.path()).await;
    let id = desk.invite(&MACHINE, wang(), NOW).await.unwrap().account.id;
    let member = staff(Role::Member);
    let refused = [
        desk.invite(&member, wang(), NOW).await.err(),
        desk.disable(&member, id).await.err(),
        desk.enable(&member, id, NOW).await.err(),
        desk.end_session(&member, crate::model::SessionId::fresh()).await.err(),
        desk.end_sessions_of(&member, id).await.err(),
        desk.accounts(&member, &AccountFilter::default()).await.err(),
        desk.account(&member, id).await.err(),
        desk.sessions(&member).err(),
    ];
    for error in refused {
        assert!(matches!(error, Some(AdminError::NotAllowed)), "{error:?}");
    }
}

#[tokio::test]
async fn a_change_is_on_record_and_one_that_fails_twice() {
    let directory = tempfile::tempdir().unwrap();
    let desk = desk(directory.path()).await;
    let invited = desk.invite(&MACHINE, wang(), NOW).await.unwrap();
    assert!(invited.link.starts_with("https://gate.city.test/enrol#"));
    assert_eq!(invited.account.state, AccountState::Invited);
    desk.disable(&MACHINE, invited.account.id).await.unwrap();
    assert!(matches!(desk.invite(&MACHINE, wang(), NOW).await, Err(AdminError::NameTaken)));
    desk.enable(&MACHINE, invited.account.id, NOW).await.unwrap();
    assert!(matches!(desk.enable(&MACHINE, invited.account.id, NOW).await, Err(AdminError::WrongState(AccountState::Invited))));
    let expected = [
        (Action::AccountInvited, Outcome::Done),
        (Action::AccountDisabled, Outcome::Done),
        (Action::AccountInvited, Outcome::Done),
        (Action::AccountInvited, Outcome::Failed),
        (Action::AccountEnabled, Outcome::Done),
        (Action::AccountEnabled, Outcome::Done),
        (Action::AccountEnabled, Outcome::Failed),
    ];
    desk.end_session(&MACHINE, crate::model::SessionId::fresh()).await.unwrap();
    assert_eq!(events(directory.path())[..expected.len()], expected);
}

#[tokio::test]
async fn without_a_log_nothing_is_given_and_what_is_taken_away_is_said_to_be_unrecorded() {
    let directory = tempfile::tempdir().unwrap();
    let desk = desk(directory.path()).await;
    let id = desk.invite(&MACHINE, wang(), NOW).await.unwrap().account.id;
    desk.journal.shut_down().await;
    let state = async || desk.account(&MACHINE, id).await.unwrap().0.state;
    assert!(matches!(desk.disable(&MACHINE, id).await, Err(AdminError::Unrecorded)));
    assert_eq!(state().await, AccountState::Disabled);
    assert!(matches!(desk.end_sessions_of(&MACHINE, id).await, Err(AdminError::Unrecorded)));
    assert!(matches!(desk.enable(&MACHINE, id, NOW).await, Err(AdminError::NoRecord(_))));
    assert_eq!(state().await, AccountState::Disabled);
    let other = NewAccount { name: AccountName::parse("li").unwrap(), ..wang() };
    assert!(matches!(desk.invite(&MACHINE, other, NOW).await, Err(AdminError::NoRecord(_))));
    assert_eq!(desk.accounts(&MACHINE, &AccountFilter::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn disabling_may_be_repeated_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let desk = desk(directory.path()).await;
    let id = desk.invite(&MACHINE, wang(), NOW).await.unwrap().account.id;
    for was_already in [false, true] {
        assert_eq!(desk.disable(&MACHINE, id).await.unwrap(), Disabled { was_already, ended: 0 });
    }
    assert!(matches!(desk.disable(&MACHINE, crate::model::AccountId::fresh()).await, Err(AdminError::NoSuchAccount)));
}

#[tokio::test]
async fn nobody_disables_her_own_account() {
    let directory = tempfile::tempdir().unwrap();
    let desk = desk(directory.path()).await;
    let admin = staff(Role::SecurityAdministrator);
    let Actor::Staff { identity, .. } = &admin else { return };
    assert!(matches!(desk.disable(&admin, identity.account()).await, Err(AdminError::Oneself)));
}
