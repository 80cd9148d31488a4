//! The store's contract, against a real SQLite file. Whatever else may become a store has to pass the same.

mod certificates;
mod clock;
mod emergency;
mod enrolment_certificates;
mod lapses;
mod letters;
mod lockdowns;
mod places;
mod proofs;
mod read_only;
mod sessions;
mod tokens;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::*;
use crate::clock::Time;
use crate::crypto::TokenHash;
use crate::model::{Account, AccountId, AccountName, AccountState, Role, TokenId, UnitName};

const NOW: Time = Time::from_millis(1_800_000_000_000);

fn later(seconds: u64) -> Time {
    NOW.plus(Duration::from_secs(seconds))
}

fn hash(n: u8) -> TokenHash {
    TokenHash([n; 32])
}

fn account(name: &str) -> Account {
    Account {
        id: AccountId::fresh(),
        name: AccountName::parse(name).unwrap(),
        unit: UnitName::parse("Information Office").unwrap(),
        role: Role::Member,
        email: None,
        state: AccountState::Invited,
        created: NOW,
    }
}

fn new_key(n: u8) -> NewKey {
    NewKey {
        id: TokenId::fresh(),
        credential: vec![n; 16],
        passkey: "{}".to_owned(),
        counter: 0,
        label: format!("key {n}"),
        attestation: Default::default(),
    }
}

async fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("yumen.sqlite")).await.unwrap();
    (directory, store)
}

/// An account that has enrolled with the key of the number `n`.
async fn enrolled(store: &Store, name: &str, n: u8) -> (Account, StoredKey) {
    let invited = store.invite(&account(name), hash(n), later(900)).await.unwrap();
    let browser = TokenHash([n; 32].map(|byte| byte ^ 0xff));
    store.begin_enrolment(hash(n), browser, NOW).await.unwrap().unwrap();
    assert!(store.save_enrolment_password(browser, "$argon2id$test", NOW).await.unwrap());
    assert_eq!(store.add_enrolment_key(browser, &new_key(n), NOW).await.unwrap(), Some(KeyAddition::Added));
    let Completion::Done(account) = store.complete_enrolment(browser, NOW).await.unwrap() else { panic!() };
    assert_eq!((account.id, account.state), (invited.id, AccountState::Active));
    let key = store.keys(account.id).await.unwrap().remove(0);
    (account, key)
}

#[tokio::test]
async fn the_file_is_the_owners_alone_and_keeps_what_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("yumen.sqlite");
    let first = Store::open(&path).await.unwrap();
    let (account, _) = enrolled(&first, "wang li", 1).await;
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
    first.close().await;
    let second = Store::open(&path).await.unwrap();
    assert_eq!(second.account(account.id).await.unwrap(), Some(account));
}

#[tokio::test]
async fn a_damaged_or_newer_file_is_refused_with_a_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("yumen.sqlite");
    std::fs::write(&path, "this is no database at all, but it is long enough to be read as a header of one ............").unwrap();
    assert!(matches!(Store::open(&path).await, Err(StoreError::Damaged { .. })));

    let path = directory.path().join("torn.sqlite");
    let store = Store::open(&path).await.unwrap();
    enrolled(&store, "wang li", 1).await;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&store.write).await.unwrap();
    store.close().await;
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.iter_mut().skip(4096).for_each(|byte| *byte = 0xa5);
    std::fs::write(&path, bytes).unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");

    let path = directory.path().join("newer.sqlite");
    let store = Store::open(&path).await.unwrap();
    sqlx::query("UPDATE _sqlx_migrations SET version = 9999 WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)")
        .execute(&store.write)
        .await
        .unwrap();
    store.close().await;
    assert!(matches!(Store::open(&path).await, Err(StoreError::Newer { .. })));

    let missing = directory.path().join("no such directory").join("yumen.sqlite");
    assert!(matches!(Store::open(&missing).await, Err(StoreError::CannotOpen { .. })));
}

#[tokio::test]
async fn inviting_again_voids_the_old_invitation_and_keeps_the_id() {
    let (_directory, store) = store().await;
    let first = store.invite(&account("wang li"), hash(1), later(900)).await.unwrap();
    let again = Account { unit: UnitName::parse("Press").unwrap(), role: Role::Auditor, ..account("wang li") };
    let second = store.invite(&again, hash(2), later(900)).await.unwrap();
    assert_eq!(second.id, first.id);
    assert_eq!((second.unit.as_str(), second.role), ("Press", Role::Auditor));
    assert_eq!(store.invitation(hash(1), NOW).await.unwrap(), None);
    assert_eq!(store.invitation(hash(2), NOW).await.unwrap(), Some((second, later(900))));
    assert_eq!(store.invitation(hash(2), later(900)).await.unwrap(), None);
}

#[tokio::test]
async fn the_name_of_an_enrolled_account_cannot_be_invited() {
    let (_directory, store) = store().await;
    let (old, _) = enrolled(&store, "wang li", 1).await;
    let refused = store.invite(&account("Wang  Li"), hash(2), later(900)).await;
    assert!(matches!(refused, Err(InviteError::NameTaken)));
    store.set_state(old.id, &[AccountState::Active], AccountState::Disabled).await.unwrap();
    let refused = store.invite(&account("wang li"), hash(2), later(900)).await;
    assert!(matches!(refused, Err(InviteError::NameTaken)));
    assert!(store.invite(&account("li na"), hash(2), later(900)).await.is_ok());
}

#[tokio::test]
async fn opening_an_invitation_spends_nothing_but_completing_it_does() {
    let (_directory, store) = store().await;
    store.invite(&account("wang li"), hash(1), later(900)).await.unwrap();
    assert!(store.begin_enrolment(hash(1), hash(10), NOW).await.unwrap().is_some());
    assert!(store.begin_enrolment(hash(1), hash(11), NOW).await.unwrap().is_some());
    assert_eq!(store.begin_enrolment(hash(9), hash(12), NOW).await.unwrap(), None);
    assert_eq!(store.begin_enrolment(hash(1), hash(12), later(900)).await.unwrap(), None);

    for browser in [hash(10), hash(11)] {
        assert!(store.save_enrolment_password(browser, "phc", NOW).await.unwrap());
        assert_eq!(store.complete_enrolment(browser, NOW).await.unwrap(), Completion::Unfinished);
    }
    assert_eq!(store.add_enrolment_key(hash(10), &new_key(1), NOW).await.unwrap(), Some(KeyAddition::Added));
    assert_eq!(store.add_enrolment_key(hash(10), &new_key(1), NOW).await.unwrap(), Some(KeyAddition::Taken));
    assert_eq!(store.add_enrolment_key(hash(11), &new_key(2), NOW).await.unwrap(), Some(KeyAddition::Added));
    assert_eq!(store.complete_enrolment(hash(10), later(900)).await.unwrap(), Completion::Gone);
    assert!(matches!(store.complete_enrolment(hash(10), later(899)).await.unwrap(), Completion::Done(_)));

    assert_eq!(store.complete_enrolment(hash(10), NOW).await.unwrap(), Completion::Gone);
    assert_eq!(store.complete_enrolment(hash(11), NOW).await.unwrap(), Completion::Gone);
    assert_eq!(store.begin_enrolment(hash(1), hash(13), NOW).await.unwrap(), None);
    assert!(!store.save_enrolment_password(hash(11), "other", NOW).await.unwrap());
    let (found, password) = store.account_and_password(&AccountName::parse("wang li").unwrap()).await.unwrap().unwrap();
    assert_eq!((found.state, password.as_deref()), (AccountState::Active, Some("phc")));
    assert_eq!(store.keys(found.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_enrolment_needs_a_password_and_takes_at_most_two_keys() {
    let (_directory, store) = store().await;
    store.invite(&account("wang li"), hash(1), later(900)).await.unwrap();
    store.begin_enrolment(hash(1), hash(10), NOW).await.unwrap().unwrap();
    for (n, answer) in [(1, KeyAddition::Added), (2, KeyAddition::Added), (3, KeyAddition::TooMany)] {
        assert_eq!(store.add_enrolment_key(hash(10), &new_key(n), NOW).await.unwrap(), Some(answer));
    }
    assert_eq!(store.complete_enrolment(hash(10), NOW).await.unwrap(), Completion::Unfinished);
    let state = store.enrolment(hash(10), NOW).await.unwrap().unwrap();
    assert_eq!((state.has_password, state.keys.len()), (false, 2));
    assert_eq!(store.enrolment(hash(10), later(900)).await.unwrap(), None);
}

#[tokio::test]
async fn a_disabled_account_cannot_finish_its_enrolment_and_enabling_it_does_not_make_it_active() {
    let (_directory, store) = store().await;
    let invited = store.invite(&account("wang li"), hash(1), later(900)).await.unwrap();
    store.begin_enrolment(hash(1), hash(10), NOW).await.unwrap().unwrap();
    store.save_enrolment_password(hash(10), "phc", NOW).await.unwrap();
    store.add_enrolment_key(hash(10), &new_key(1), NOW).await.unwrap();
    let everything = AccountState::ALL;
    assert_eq!(store.set_state(invited.id, everything, AccountState::Disabled).await.unwrap(), Some(AccountState::Disabled));
    assert_eq!(store.invitation(hash(1), NOW).await.unwrap(), None);
    assert_eq!(store.complete_enrolment(hash(10), NOW).await.unwrap(), Completion::Gone);
    assert_eq!(store.set_state(invited.id, &[AccountState::Disabled], AccountState::Active).await.unwrap(), Some(AccountState::Invited));
}

#[tokio::test]
async fn a_state_changes_only_from_the_states_that_were_named() {
    let (_directory, store) = store().await;
    let (account, _) = enrolled(&store, "wang li", 1).await;
    assert_eq!(store.set_state(account.id, &[AccountState::Disabled], AccountState::Active).await.unwrap(), None);
    assert_eq!(store.set_state(account.id, &[AccountState::Active], AccountState::Suspended).await.unwrap(), Some(AccountState::Suspended));
    assert_eq!(store.set_state(AccountId::fresh(), AccountState::ALL, AccountState::Active).await.unwrap(), None);
}

#[tokio::test]
async fn accounts_are_listed_by_unit_and_part_of_a_name_and_roles_are_counted() {
    let (_directory, store) = store().await;
    enrolled(&store, "wang li", 1).await;
    let press = Account { unit: UnitName::parse("Press").unwrap(), role: Role::SecurityAdministrator, ..account("100%_li na") };
    store.invite(&press, hash(2), later(900)).await.unwrap();
    let names = async |filter: AccountFilter| {
        let found = store.accounts(&filter).await.unwrap();
        found.into_iter().map(|account| account.name.as_str().to_owned()).collect::<Vec<_>>()
    };
    let search = |text: &str| AccountFilter { search: Some(text.to_owned()), ..AccountFilter::default() };
    assert_eq!(names(AccountFilter::default()).await, ["wang li", "100%_li na"]);
    assert_eq!(names(AccountFilter { unit: Some(press.unit.clone()), search: None }).await, ["100%_li na"]);
    assert_eq!(names(search("LI")).await.len(), 2);
    assert_eq!(names(search(press.unit.as_str())).await, ["100%_li na"]);
    assert_eq!(names(search("%_")).await, ["100%_li na"]);
    assert_eq!(names(search("x' OR 1=1 --")).await.len(), 0);
    assert!(store.has_active(Role::Member).await.unwrap());
    assert!(!store.has_active(Role::SecurityAdministrator).await.unwrap());
}

#[tokio::test]
async fn failures_of_each_kind_are_counted_until_they_are_cleared() {
    let (_directory, store) = store().await;
    let (account, _) = enrolled(&store, "wang li", 1).await;
    let count = async |what| store.count_failure(account.id, what).await.unwrap();
    let (signed, unsigned) = (WrongAnswer::Signed, WrongAnswer::Unsigned);
    assert_eq!([count(signed).await, count(signed).await, count(unsigned).await], [1, 2, 1], "each by itself");
    store.clear_failures(account.id).await.unwrap();
    assert_eq!([count(signed).await, count(unsigned).await], [1, 1]);
    store.set_state(account.id, &[AccountState::Active], AccountState::Suspended).await.unwrap();
    assert_eq!([count(signed).await, count(unsigned).await], [2, 2]);
    store.set_state(account.id, &[AccountState::Suspended], AccountState::Active).await.unwrap();
    assert_eq!([count(signed).await, count(unsigned).await], [1, 1]);
    store.clear_failures(account.id).await.unwrap();
    assert_eq!(count(unsigned).await, 1);
    store.clear_failures(account.id).await.unwrap();
    assert_eq!(count(unsigned).await, 1, "also where only these were counted");
    assert_eq!(store.count_failure(AccountId::fresh(), signed).await.unwrap(), 0);
}

#[tokio::test]
async fn a_credential_belongs_to_one_account_and_the_last_key_stays() {
    let (_directory, store) = store().await;
    let (wang, first) = enrolled(&store, "wang li", 1).await;
    let (li, _) = enrolled(&store, "li na", 2).await;
    assert_eq!(store.add_key(li.id, &new_key(1), NOW).await.unwrap(), KeyAddition::Taken);
    assert_eq!(store.key_by_credential(&[1; 16]).await.unwrap().unwrap().account, wang.id);
    assert_eq!(store.key_by_credential(&[9; 16]).await.unwrap(), None);

    assert_eq!(store.remove_key(wang.id, first.id, NOW).await.unwrap(), KeyRemoval::LastOne);
    assert_eq!(store.add_key(wang.id, &new_key(3), NOW).await.unwrap(), KeyAddition::Added);
    assert_eq!(store.remove_key(li.id, first.id, NOW).await.unwrap(), KeyRemoval::NoSuch);
    assert_eq!(store.remove_key(wang.id, first.id, NOW).await.unwrap(), KeyRemoval::Removed);
    assert_eq!(store.remove_key(wang.id, first.id, NOW).await.unwrap(), KeyRemoval::NoSuch);
    assert_eq!(store.keys(wang.id).await.unwrap().len(), 1);
    for n in 10..19 {
        assert_eq!(store.add_key(wang.id, &new_key(n), NOW).await.unwrap(), KeyAddition::Added);
    }
    let could = async |account, n: u8| store.could_add_key(account, &[n; 16]).await.unwrap();
    assert_eq!(could(wang.id, 19).await, KeyAddition::TooMany);
    assert_eq!(store.add_key(wang.id, &new_key(19), NOW).await.unwrap(), KeyAddition::TooMany);
    let (li, _) = enrolled(&store, "zhao yun", 30).await;
    assert_eq!([could(li.id, 10).await, could(li.id, 19).await], [KeyAddition::Taken, KeyAddition::Added]);
}

#[tokio::test]
async fn a_counter_never_goes_back_and_zero_means_that_there_is_none() {
    let (_directory, store) = store().await;
    let (_, key) = enrolled(&store, "wang li", 1).await;
    for (counter, accepted) in [(0, true), (0, true), (5, true), (5, false), (4, false), (0, false), (6, true)] {
        assert_eq!(store.record_use(key.id, counter, "{}", later(1)).await.unwrap(), accepted, "{counter}");
    }
    assert!(!store.record_use(TokenId::fresh(), 9, "{}", NOW).await.unwrap());
    assert_eq!(store.key_by_credential(&key.credential).await.unwrap().unwrap().last_used, Some(later(1)));
}

fn challenge(id: u8, binding: u8, account: Option<AccountId>) -> NewChallenge {
    NewChallenge { id: hash(id), binding: hash(binding), account, purpose: Purpose::SignIn, state: "{}".to_owned(), expires: later(300) }
}

#[tokio::test]
async fn a_challenge_is_taken_once_by_its_own_browser_for_its_own_purpose() {
    let (_directory, store) = store().await;
    let (account, _) = enrolled(&store, "wang li", 1).await;
    store.put_challenge(&challenge(1, 10, Some(account.id)), NOW).await.unwrap();
    let take = async |id, binding, purpose, now| store.take_challenge(hash(id), hash(binding), purpose, now).await.unwrap();
    assert_eq!(take(1, 11, Purpose::SignIn, NOW).await, None);
    assert_eq!(take(1, 10, Purpose::FreshProof, NOW).await, None);
    assert_eq!(take(2, 10, Purpose::SignIn, NOW).await, None);
    let taken = take(1, 10, Purpose::SignIn, NOW).await.unwrap();
    assert_eq!(taken, TakenChallenge { account: Some(account.id), state: "{}".to_owned() });
    assert_eq!(take(1, 10, Purpose::SignIn, NOW).await, None);

    store.put_challenge(&challenge(3, 10, None), NOW).await.unwrap();
    assert_eq!(take(3, 10, Purpose::SignIn, later(300)).await, None);
    assert_eq!(take(3, 10, Purpose::SignIn, NOW).await, None, "an expired challenge is gone once it was shown");
}

#[tokio::test]
async fn the_oldest_challenge_of_a_browser_gives_way_to_a_sixth() {
    let (_directory, store) = store().await;
    for n in 1..=6 {
        store.put_challenge(&challenge(n, 10, None), later(u64::from(n))).await.unwrap();
    }
    assert_eq!(store.take_challenge(hash(1), hash(10), Purpose::SignIn, later(10)).await.unwrap(), None);
    assert!(store.take_challenge(hash(2), hash(10), Purpose::SignIn, later(10)).await.unwrap().is_some());
    assert!(store.take_challenge(hash(6), hash(10), Purpose::SignIn, later(10)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_flood_of_strangers_challenges_is_capped_and_pushes_out_no_account() {
    let (_directory, store) = store().await;
    let (account, _) = enrolled(&store, "wang li", 1).await;
    store.put_challenge(&challenge(1, 10, Some(account.id)), NOW).await.unwrap();
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
         INSERT INTO challenges SELECT randomblob(32), randomblob(32), NULL, 'key-first', '', $1, $2 FROM n",
    )
    .bind(later(1).millis())
    .bind(later(300).millis())
    .execute(&store.write)
    .await
    .unwrap();
    store.put_challenge(&challenge(2, 11, None), later(2)).await.unwrap();
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM challenges").fetch_one(&store.read).await.unwrap();
    assert_eq!(count, 10_001);
    assert!(store.take_challenge(hash(1), hash(10), Purpose::SignIn, later(3)).await.unwrap().is_some());
    assert!(store.take_challenge(hash(2), hash(11), Purpose::SignIn, later(3)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_step_is_there_until_it_is_spent_or_expires() {
    let (_directory, store) = store().await;
    let (account, _) = enrolled(&store, "wang li", 1).await;
    let step = Step { account: account.id, session: None, expires: later(300) };
    store.put_step(hash(1), StepKind::PasswordWasRight, &step, NOW).await.unwrap();
    assert_eq!(store.step(hash(1), StepKind::PasswordWasRight, NOW).await.unwrap(), Some(step));
    assert_eq!(store.step(hash(1), StepKind::KeyAnswered, NOW).await.unwrap(), None);
    assert_eq!(store.step(hash(1), StepKind::PasswordWasRight, later(300)).await.unwrap(), None);
    assert_eq!(store.spend_step(hash(1), StepKind::KeyAnswered, NOW).await.unwrap(), None);
    assert_eq!(store.spend_step(hash(1), StepKind::PasswordWasRight, NOW).await.unwrap(), Some(step));
    assert_eq!(store.spend_step(hash(1), StepKind::PasswordWasRight, NOW).await.unwrap(), None);
}

#[tokio::test]
async fn sweeping_removes_what_has_expired_and_nothing_else() {
    let (_directory, store) = store().await;
    let (account_, _) = enrolled(&store, "wang li", 1).await;
    store.invite(&account("li na"), hash(2), later(100)).await.unwrap();
    store.begin_enrolment(hash(2), hash(20), NOW).await.unwrap().unwrap();
    store.put_challenge(&challenge(3, 10, None), NOW).await.unwrap();
    let step = Step { account: account_.id, session: None, expires: later(200) };
    store.put_step(hash(4), StepKind::PasswordWasRight, &step, NOW).await.unwrap();
    store.sweep(later(150)).await.unwrap();
    assert_eq!(store.enrolment(hash(20), NOW).await.unwrap(), None);
    assert!(store.step(hash(4), StepKind::PasswordWasRight, NOW).await.unwrap().is_some());
    store.sweep(later(250)).await.unwrap();
    assert_eq!(store.step(hash(4), StepKind::PasswordWasRight, NOW).await.unwrap(), None);
    assert!(store.take_challenge(hash(3), hash(10), Purpose::SignIn, NOW).await.unwrap().is_some());
    assert_eq!(store.accounts(&AccountFilter::default()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_store_in_memory_keeps_the_same_contract() {
    let store = Store::open_in_memory().await.unwrap();
    let (account, _) = enrolled(&store, "wang li", 1).await;
    assert_eq!(store.clone().account(account.id).await.unwrap(), Some(account));
}
