//! Sessions, their tokens and one-time codes.

use std::net::{IpAddr, Ipv4Addr};

use super::super::*;
use super::{NOW, enrolled, hash, later, store};
use crate::crypto::TokenHash;
use crate::model::{Account, AccountState, Factor, Host, Proof, SessionId, TokenId};

pub(super) fn host(name: &str) -> Host {
    Host::parse(name).unwrap()
}

pub(super) fn session(account: &Account, key: TokenId) -> Session {
    Session {
        id: SessionId::fresh(),
        account: account.id,
        key,
        factor: Factor::PasswordAndSecurityKey,
        mark: "00112233".to_owned(),
        signed_in: NOW,
        last_active: NOW,
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        user_agent: "test".to_owned(),
    }
}

pub(super) fn code(session: SessionId, asker: TokenHash) -> Code {
    Code { session, asker, host: host("sites.localhost"), nonce: hash(9), return_path: "/a?b".to_owned(), expires: later(30) }
}

fn proof(token: TokenId, at: crate::clock::Time) -> Proof {
    Proof { token, factor: Factor::PasswordAndSecurityKey, at }
}

/// Puts somebody into the store who signed in then.
pub(super) async fn with_session(store: &Store, signed_in: crate::clock::Time) {
    let (account, key) = enrolled(store, "wang li", 1).await;
    let session = Session { signed_in, last_active: signed_in, ..session(&account, key.id) };
    assert!(store.create_session(&session, &host("gate.localhost"), hash(9)).await.unwrap());
}

#[tokio::test]
async fn only_an_active_account_with_the_key_gets_a_session() {
    let (_directory, store) = store().await;
    let (account, key) = enrolled(&store, "wang li", 1).await;
    let portal = host("gate.localhost");
    let first = session(&account, key.id);
    assert!(store.create_session(&first, &portal, hash(1)).await.unwrap());
    assert!(!store.create_session(&session(&account, TokenId::fresh()), &portal, hash(2)).await.unwrap());
    store.set_state(account.id, &[AccountState::Active], AccountState::Disabled).await.unwrap();
    assert!(!store.create_session(&session(&account, key.id), &portal, hash(3)).await.unwrap());
    assert!(store.live_sessions().await.unwrap().is_empty(), "a disabled account has no live session");
    store.set_state(account.id, &[AccountState::Disabled], AccountState::Active).await.unwrap();
    assert!(store.live_sessions().await.unwrap().is_empty(), "nor does it come back");
    let again = session(&account, key.id);
    assert!(store.create_session(&again, &portal, hash(4)).await.unwrap());
    let live = store.live_sessions().await.unwrap();
    assert_eq!(
        live,
        [StoredSession {
            session: again,
            account: account.clone(),
            proofs: vec![proof(key.id, NOW)],
            tokens: vec![StoredHostToken { host: portal.clone(), hash: hash(4), proofs: vec![proof(key.id, NOW)] }],
            hosts: [(portal, NOW)].into()
        }]
    );
    store.set_state(account.id, &[AccountState::Active], AccountState::Suspended).await.unwrap();
    assert_eq!(store.end_sessions_of(account.id).await.unwrap(), [], "a suspension ends them too");
}

#[tokio::test]
async fn ending_a_session_takes_its_tokens_codes_and_proofs_along() {
    let (_directory, store) = store().await;
    let (account, key) = enrolled(&store, "wang li", 1).await;
    let (one, two) = (session(&account, key.id), session(&account, key.id));
    store.create_session(&one, &host("gate.localhost"), hash(1)).await.unwrap();
    store.create_session(&two, &host("gate.localhost"), hash(2)).await.unwrap();
    assert_eq!(store.add_host_token(hash(1), &host("sites.localhost"), hash(3), NOW).await.unwrap(), Some(vec![]));
    let code = code(one.id, hash(1));
    assert!(store.put_code(hash(4), &code, NOW).await.unwrap());
    let proof = Step { account: account.id, session: Some(one.id), expires: later(300) };
    store.put_step(hash(5), StepKind::KeyAnswered, &proof, NOW).await.unwrap();

    assert!(store.end_session(one.id).await.unwrap());
    assert!(!store.end_session(one.id).await.unwrap());
    assert_eq!(store.spend_code(hash(4), NOW).await.unwrap(), None);
    assert!(!store.put_code(hash(6), &code, NOW).await.unwrap());
    assert_eq!(store.step(hash(5), StepKind::KeyAnswered, NOW).await.unwrap(), None);
    assert_eq!(store.add_host_token(hash(1), &host("sites.localhost"), hash(7), NOW).await.unwrap(), None);
    store.add_host_token(hash(2), &host("sites.localhost"), hash(8), later(10)).await.unwrap();
    let hosts = [(host("gate.localhost"), later(60))].into();
    let touch = Touch { session: two.id, signed_in: NOW, last_active: later(60), hosts };
    store.touch(&[touch]).await.unwrap();
    let live = store.live_sessions().await.unwrap();
    assert_eq!((live.len(), live[0].session.id, live[0].session.last_active), (1, two.id, later(60)));
    let hosts = [(host("gate.localhost"), later(60)), (host("sites.localhost"), later(10))];
    assert_eq!(live[0].hosts, hosts.into(), "a host that was not written back has the time of its token");
    assert_eq!(store.end_sessions_of(account.id).await.unwrap(), [two.id]);
    assert_eq!(store.end_sessions_of(account.id).await.unwrap(), []);
}

#[tokio::test]
async fn a_fifth_token_for_one_host_takes_the_place_of_the_first() {
    let (_directory, store) = store().await;
    let (account, key) = enrolled(&store, "wang li", 1).await;
    let one = session(&account, key.id);
    store.create_session(&one, &host("gate.localhost"), hash(100)).await.unwrap();
    for n in 1..=4 {
        let dropped = store.add_host_token(hash(100), &host("sites.localhost"), hash(n), later(u64::from(n))).await.unwrap();
        assert_eq!(dropped, Some(vec![]));
    }
    let dropped = store.add_host_token(hash(100), &host("sites.localhost"), hash(5), later(5)).await.unwrap();
    assert_eq!(dropped, Some(vec![hash(1)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_spend_a_code_at_once_one_wins() {
    let (_directory, store) = store().await;
    let (account, key) = enrolled(&store, "wang li", 1).await;
    let one = session(&account, key.id);
    store.create_session(&one, &host("gate.localhost"), hash(1)).await.unwrap();
    let code = code(one.id, hash(1));
    store.put_code(hash(2), &code, NOW).await.unwrap();
    store.put_code(hash(3), &code, NOW).await.unwrap();
    let spends = (0..50).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.spend_code(hash(2), NOW).await.unwrap() })
    });
    let spent = futures_util::future::join_all(spends).await;
    let won: Vec<Code> = spent.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(won, [code]);
    assert_eq!(store.spend_code(hash(3), later(30)).await.unwrap(), None);
}
