//! Dates of tokens, and accounts that nobody uses.

use std::time::Duration;

use super::*;
use crate::model::{Serial, TokenState};

const DAY: Duration = Duration::from_secs(86_400);

fn serial(text: &str) -> Serial {
    Serial::parse(text).unwrap()
}

#[tokio::test]
async fn a_date_is_only_brought_forward_and_is_found_when_it_has_passed() {
    let (_directory, store) = store().await;
    let seed = SealedSeed { sealed: vec![1], hash: "sha1".into(), digits: 6, period: None, next: 0, drift: 0 };
    store.stock_seeds(&[NewSeed { token: TokenId::fresh(), serial: serial("F1"), expires: None, seed }], NOW).await.unwrap();
    let expires = async || store.token(&serial("F1")).await.unwrap().unwrap().expires;
    let end = NOW.plus(DAY);
    for until in [end, end.plus(DAY)] {
        assert_eq!(store.limit_token(&serial("F1"), until).await.unwrap(), TokenChange::Done { ended: vec![] });
        assert_eq!(expires().await, Some(end));
    }
    assert_eq!(store.limit_token(&serial("F9"), end).await.unwrap(), TokenChange::NoSuch);
    assert_eq!(store.expired_tokens(end.minus(Duration::from_millis(1))).await.unwrap(), vec![]);
    assert_eq!(store.expired_tokens(end).await.unwrap().len(), 1);
    store.change_token(&serial("F1"), TokenState::Expired, end).await.unwrap();
    assert_eq!(store.expired_tokens(end).await.unwrap(), vec![], "it is marked");
    assert_eq!(store.limit_token(&serial("F1"), NOW).await.unwrap(), TokenChange::Not(TokenState::Expired));
}

#[tokio::test]
async fn an_account_that_nobody_uses_is_suspended_and_one_that_is_switched_on_gets_its_time_anew() {
    let (_directory, store) = store().await;
    let ((wang, _), (li, _)) = (enrolled(&store, "wang", 1).await, enrolled(&store, "li", 2).await);
    let names = |suspended: Vec<(Account, Time)>| suspended.into_iter().map(|(account, _)| account.name.to_string()).collect::<Vec<_>>();
    let at = |days: u32| NOW.plus(DAY * days);
    let run = async |days: u32| names(store.suspend_unused(at(days).minus(90 * DAY), at(days)).await.unwrap());
    assert_eq!(run(0).await, Vec::<String>::new(), "their time begins");
    store.note_sign_in(li.id, at(50)).await.unwrap();
    assert_eq!(run(89).await, Vec::<String>::new());
    assert_eq!(run(90).await, ["wang"]);
    assert_eq!(store.account(wang.id).await.unwrap().unwrap().state, AccountState::Suspended);
    assert_eq!(store.suspended_unused().await.unwrap(), [(wang.id, NOW)].into());
    store.set_state(wang.id, &[AccountState::Suspended], AccountState::Active).await.unwrap();
    assert_eq!(run(91).await, Vec::<String>::new());
    assert_eq!(store.suspended_unused().await.unwrap(), [].into());
    assert_eq!(run(140).await, ["li"]);
    assert_eq!(run(181).await, ["wang"], "ninety days after it was switched on");
}

#[tokio::test]
async fn the_security_administrator_who_signed_in_last_stays_though_nobody_uses_her_account() {
    let (_directory, store) = store().await;
    let mut staff = Vec::new();
    for (name, n) in [("first", 1), ("second", 2)] {
        let (account, _) = enrolled(&store, name, n).await;
        sqlx::query("UPDATE accounts SET role = 'security-administrator' WHERE id = $1")
            .bind(account.id.to_string())
            .execute(&store.write)
            .await
            .unwrap();
        store.note_sign_in(account.id, NOW.plus(DAY * u32::from(n))).await.unwrap();
        staff.push(account.id);
    }
    let suspended = store.suspend_unused(NOW.plus(DAY * 10), NOW.plus(DAY * 100)).await.unwrap();
    assert_eq!(suspended.into_iter().map(|(account, _)| account.id).collect::<Vec<_>>(), [staff[0]]);
    assert!(store.suspend_unused(NOW.plus(DAY * 10), NOW.plus(DAY * 100)).await.unwrap().is_empty(), "she is the last");
}
