//! Where accounts signed in of late.

use super::super::*;
use super::sessions::{host, session};
use super::{NOW, enrolled, hash, later, store};
use crate::clock::Time;
use crate::crypto::TokenHash;
use crate::model::{Account, AccountState, Network, TokenId};

async fn sign_in(store: &Store, account: &Account, key: TokenId, address: &str, seconds: u64) {
    let new = Session { address: address.parse().unwrap(), signed_in: later(seconds), ..session(account, key) };
    let token = TokenHash(crate::crypto::random().unwrap());
    assert!(store.create_session(&new, &host("gate.localhost"), token).await.unwrap());
}

async fn places(store: &Store) -> Vec<(String, String, Time)> {
    let places = store.familiar_places().await.unwrap().into_iter();
    let mut places: Vec<_> = places.map(|place| (place.account.to_string(), place.network.to_string(), place.seen)).collect();
    places.sort();
    places
}

#[tokio::test]
async fn a_sign_in_makes_its_network_familiar_also_after_the_session_and_the_process_have_ended() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("yumen.sqlite");
    let first = Store::open(&path).await.unwrap();
    let (account, key) = enrolled(&first, "wang li", 1).await;
    assert_eq!(places(&first).await, [], "enrolment alone makes no place familiar");
    assert!(!first.create_session(&session(&account, TokenId::fresh()), &host("gate.localhost"), hash(9)).await.unwrap());
    assert_eq!(places(&first).await, [], "nor does a sign-in that was refused");
    sign_in(&first, &account, key.id, "192.0.2.1", 0).await;
    sign_in(&first, &account, key.id, "2001:db8::1", 1).await;
    sign_in(&first, &account, key.id, "2001:db8::2", 2).await;
    first.end_sessions_of(account.id).await.unwrap();
    first.close().await;
    let second = Store::open(&path).await.unwrap();
    let known = |network: &str, seen| ("wang li".to_owned(), network.to_owned(), seen);
    assert_eq!(places(&second).await, [known("192.0.2.1", NOW), known("2001:db8::/64", later(2))]);
    second.set_state(account.id, &[AccountState::Active], AccountState::Disabled).await.unwrap();
    assert_eq!(places(&second).await, [], "whoever may not sign in has no place");
}

#[tokio::test]
async fn the_oldest_of_an_accounts_places_gives_way_to_a_ninth_and_the_unused_are_forgotten() {
    let (_directory, store) = store().await;
    let (wang, key) = enrolled(&store, "wang li", 1).await;
    let (li, other) = enrolled(&store, "li na", 2).await;
    sign_in(&store, &li, other.id, "192.0.2.1", 0).await;
    for n in 1..=8 {
        sign_in(&store, &wang, key.id, &format!("192.0.2.{n}"), n).await;
    }
    assert_eq!(places(&store).await.len(), 9);
    sign_in(&store, &wang, key.id, "192.0.2.1", 9).await;
    sign_in(&store, &wang, key.id, "192.0.2.9", 10).await;
    let of = |places: Vec<(String, String, Time)>, name: &str| {
        places.into_iter().filter(|place| place.0 == name).map(|place| place.1).collect::<Vec<_>>()
    };
    let expected: Vec<String> = [1, 3, 4, 5, 6, 7, 8, 9].map(|n| format!("192.0.2.{n}")).into();
    assert_eq!(of(places(&store).await, "wang li"), expected, "the first was used anew");
    assert_eq!(of(places(&store).await, "li na"), ["192.0.2.1"], "another account's places stay");
    assert_eq!(Network::of("192.0.2.1".parse().unwrap()), store.familiar_places().await.unwrap()[0].network);
    store.forget_places(later(8)).await.unwrap();
    assert_eq!(of(places(&store).await, "wang li"), ["192.0.2.1", "192.0.2.9"]);
    assert!(of(places(&store).await, "li na").is_empty());
}
