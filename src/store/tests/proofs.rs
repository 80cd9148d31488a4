//! What is proved in a session, and what becomes of it.

use super::super::*;
use super::sessions::{code, host, session};
use super::{NOW, enrolled, hash, later, store};
use crate::model::{AccountState, Factor, Proof, TokenId, TokenState};

fn by(token: TokenId, seconds: u64) -> Proof {
    Proof { token, factor: Factor::SecurityKey, at: later(seconds) }
}

#[tokio::test]
async fn a_proof_takes_the_place_of_the_one_by_the_same_token_and_the_portals_token_changes_with_it() {
    let (_directory, store) = store().await;
    let (account, key) = enrolled(&store, "wang li", 1).await;
    let one = session(&account, key.id);
    let portal = host("gate.localhost");
    store.create_session(&one, &portal, hash(1)).await.unwrap();
    store.add_host_token(hash(1), &host("sites.localhost"), hash(2), NOW).await.unwrap();
    assert!(store.put_code(hash(5), &code(one.id, hash(1)), NOW).await.unwrap());
    assert!(store.step_up(one.id, &by(key.id, 60), &portal, hash(3), later(60)).await.unwrap());
    assert_eq!(store.spend_code(hash(5), NOW).await.unwrap(), None, "what the old token had asked for is gone with it");
    assert!(!store.put_code(hash(6), &code(one.id, hash(1)), NOW).await.unwrap());
    assert_eq!(store.add_host_token(hash(1), &host("sites.localhost"), hash(7), NOW).await.unwrap(), None);
    assert!(store.put_code(hash(6), &code(one.id, hash(3)), NOW).await.unwrap());
    let live = store.live_sessions().await.unwrap().remove(0);
    assert_eq!(live.proofs, [by(key.id, 60)]);
    let token = |name: &str, n, proof| StoredHostToken { host: host(name), hash: hash(n), proofs: vec![proof] };
    let sign_in = Proof { token: key.id, factor: one.factor, at: NOW };
    let tokens = [token("sites.localhost", 2, sign_in), token("gate.localhost", 3, by(key.id, 60))];
    assert_eq!(live.tokens, tokens, "the old token of the portal is gone, and the app's is as it was");
    assert_eq!(live.hosts[&portal], NOW, "the portal goes on from when it was last active");
    assert_eq!(live.session, one, "the sign-in stays what it was");
}

#[tokio::test]
async fn nothing_is_proved_by_a_token_that_is_not_hers_or_opens_nothing_nor_in_a_session_that_is_over() {
    let (_directory, store) = store().await;
    let (account, key) = enrolled(&store, "wang li", 1).await;
    let (_, of_another) = enrolled(&store, "li na", 2).await;
    let (one, portal) = (session(&account, key.id), host("gate.localhost"));
    let refused = async |proof: Proof| !store.step_up(one.id, &proof, &portal, hash(9), later(60)).await.unwrap();
    assert!(refused(by(key.id, 60)).await, "there is no session yet");
    store.create_session(&one, &portal, hash(1)).await.unwrap();
    assert!(refused(by(of_another.id, 60)).await);
    assert!(refused(by(TokenId::fresh(), 60)).await);
    store.set_state(account.id, &[AccountState::Active], AccountState::Suspended).await.unwrap();
    assert!(refused(by(key.id, 60)).await);
    assert!(store.live_sessions().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_token_that_is_lost_ends_the_sessions_in_which_it_only_proved_something() {
    let (_directory, store) = store().await;
    let (account, key) = enrolled(&store, "wang li", 1).await;
    let second = NewKey {
        id: TokenId::fresh(),
        credential: vec![7],
        passkey: "{}".into(),
        counter: 0,
        label: "red".into(),
        attestation: Default::default(),
    };
    store.add_key(account.id, &second, NOW).await.unwrap();
    let (one, two, portal) = (session(&account, key.id), session(&account, key.id), host("gate.localhost"));
    store.create_session(&one, &portal, hash(1)).await.unwrap();
    store.create_session(&two, &portal, hash(2)).await.unwrap();
    assert!(store.step_up(one.id, &by(second.id, 60), &portal, hash(3), later(60)).await.unwrap());
    let live = store.live_sessions().await.unwrap();
    let proofs =
        live.iter().find(|live| live.session.id == one.id).map(|live| live.proofs.iter().map(|proof| proof.token).collect::<Vec<_>>());
    assert_eq!(proofs, Some(vec![key.id, second.id]), "the first is that of the sign-in");
    let serial = store.tokens_of(account.id).await.unwrap().into_iter().find(|token| token.id == second.id).unwrap().serial;
    let change = store.change_token(&serial, TokenState::Lost, later(61)).await.unwrap();
    assert_eq!(change, TokenChange::Done { ended: vec![one.id] });
    assert!(!store.step_up(two.id, &by(second.id, 62), &portal, hash(4), later(62)).await.unwrap(), "nor does it prove anything again");
}

#[tokio::test]
async fn a_sign_in_that_moves_takes_its_proofs_along() {
    let (_directory, store) = store().await;
    let (account, key) = enrolled(&store, "wang li", 1).await;
    let (one, portal) = (session(&account, key.id), host("gate.localhost"));
    store.create_session(&one, &portal, hash(1)).await.unwrap();
    store.step_up(one.id, &by(key.id, 60), &portal, hash(2), later(60)).await.unwrap();
    let earlier = |seconds| NOW.minus(std::time::Duration::from_secs(seconds));
    for (signed_in, at) in [(earlier(100), earlier(40)), (earlier(100), earlier(40)), (earlier(160), earlier(100))] {
        let touch = Touch { session: one.id, signed_in, last_active: NOW, hosts: Default::default() };
        store.touch(&[touch]).await.unwrap();
        let live = store.live_sessions().await.unwrap().remove(0);
        assert_eq!((live.session.signed_in, live.proofs[0].at), (signed_in, at));
    }
}
