mod certificates;
mod drawer;
mod frozen;
mod last_way_in;
mod lockdown;
mod log;
mod named;
mod packs;
mod people;
mod petitions;
mod roster;
mod table;
mod town;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

use super::{Actor, AdminError, Capacity, Change, Desk, Disabled, NewAccount};
use crate::audit::{Filter, Journal, Settings, Tail};
use crate::auth::{Codes, Identity, SessionLimits, Sessions};
use crate::clock::{Clock, Time};
use crate::model::{AccountName, AccountState, Action, Host, Outcome, Record, Role, UnitName};
use crate::store::{AccountFilter, Store};

const NOW: Time = Time::from_millis(1_000_000);
const MACHINE: Actor = Actor::Machine { uid: 0 };
/// The security administrator, where it does not matter who she is.
static OFFICE: LazyLock<Actor> = LazyLock::new(|| staff(Role::SecurityAdministrator));

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

#[tokio::test]
async fn a_change_is_on_record_and_one_that_fails_twice() {
    let directory = tempfile::tempdir().unwrap();
    let desk = desk(directory.path()).await;
    let invited = desk.invite(&OFFICE, wang(), NOW).await.unwrap();
    assert!(invited.link.starts_with("https://gate.city.test/enrol#"));
    assert_eq!(invited.account.state, AccountState::Invited);
    desk.disable(&OFFICE, invited.account.id).await.unwrap();
    assert!(matches!(desk.invite(&OFFICE, wang(), NOW).await, Err(AdminError::NameTaken)));
    desk.enable(&OFFICE, invited.account.id, NOW).await.unwrap();
    assert!(matches!(desk.enable(&OFFICE, invited.account.id, NOW).await, Err(AdminError::WrongState(AccountState::Invited))));
    let expected = [
        (Action::AccountInvited, Outcome::Done),
        (Action::AccountDisabled, Outcome::Done),
        (Action::AccountInvited, Outcome::Done),
        (Action::AccountInvited, Outcome::Failed),
        (Action::AccountEnabled, Outcome::Done),
        (Action::AccountEnabled, Outcome::Done),
        (Action::AccountEnabled, Outcome::Failed),
    ];
    desk.end_session(&OFFICE, crate::model::SessionId::fresh()).await.unwrap();
    assert_eq!(events(directory.path())[..expected.len()], expected);
}

#[tokio::test]
async fn without_a_log_nothing_is_given_and_what_is_taken_away_is_said_to_be_unrecorded() {
    let directory = tempfile::tempdir().unwrap();
    let desk = desk(directory.path()).await;
    let id = desk.invite(&OFFICE, wang(), NOW).await.unwrap().account.id;
    desk.journal.shut_down().await;
    let state = async || desk.account(&OFFICE, id).await.unwrap().0.state;
    assert!(matches!(desk.disable(&OFFICE, id).await, Err(AdminError::Unrecorded)));
    assert_eq!(state().await, AccountState::Disabled);
    assert!(matches!(desk.end_sessions_of(&OFFICE, id).await, Err(AdminError::Unrecorded)));
    assert!(matches!(desk.enable(&OFFICE, id, NOW).await, Err(AdminError::NoRecord(_))));
    assert_eq!(state().await, AccountState::Disabled);
    let other = NewAccount { name: AccountName::parse("li").unwrap(), ..wang() };
    assert!(matches!(desk.invite(&OFFICE, other, NOW).await, Err(AdminError::NoRecord(_))));
    assert_eq!(desk.accounts(&OFFICE, &AccountFilter::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn disabling_may_be_repeated_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let desk = desk(directory.path()).await;
    let id = desk.invite(&OFFICE, wang(), NOW).await.unwrap().account.id;
    for was_already in [false, true] {
        assert_eq!(desk.disable(&OFFICE, id).await.unwrap(), Disabled { was_already, ended: 0 });
    }
    assert!(matches!(desk.disable(&OFFICE, crate::model::AccountId::fresh()).await, Err(AdminError::NoSuchAccount)));
}

#[tokio::test]
async fn nobody_disables_her_own_account() {
    let directory = tempfile::tempdir().unwrap();
    let desk = desk(directory.path()).await;
    let admin = staff(Role::SecurityAdministrator);
    let Actor::Staff { identity, .. } = &admin else { return };
    assert!(matches!(desk.disable(&admin, identity.account()).await, Err(AdminError::Oneself)));
}
