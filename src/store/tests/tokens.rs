//! The inventory, and codes that are spent.

use super::*;
use crate::model::{Host, Serial, TokenKind, TokenState};

fn serial(text: &str) -> Serial {
    Serial::parse(text).unwrap()
}

fn new_seed(name: &str) -> NewSeed {
    let seed = SealedSeed { sealed: vec![1, 2, 3], hash: "sha1".into(), digits: 6, period: None, next: 0, drift: 0 };
    NewSeed { token: TokenId::fresh(), serial: serial(name), expires: None, seed }
}

async fn state(store: &Store, name: &str) -> TokenState {
    store.token(&serial(name)).await.unwrap().unwrap().state
}

/// A token in the hands of `wang`, active.
async fn active(store: &Store) -> (Account, TokenId) {
    let (wang, _) = enrolled(store, "wang", 1).await;
    store.stock_seeds(&[new_seed("FT-1")], NOW).await.unwrap();
    assert_eq!(store.issue_token(&serial("FT-1"), wang.id, NOW).await.unwrap(), TokenChange::Done { ended: vec![] });
    let token = store.token(&serial("FT-1")).await.unwrap().unwrap().id;
    let spending = Spending { token, was: 0, next: 1, drift: 0 };
    assert!(!store.spend_oath(&spending, NOW).await.unwrap(), "it is issued, not active");
    assert!(store.activate_oath(&spending, NOW).await.unwrap());
    (wang, token)
}

#[tokio::test]
async fn a_delivery_goes_into_the_drawer_whole_or_not_at_all() {
    let (_directory, store) = store().await;
    assert_eq!(store.stock_seeds(&[new_seed("ft-1"), new_seed("FT-2")], NOW).await.unwrap(), vec![]);
    assert_eq!(store.stock_seeds(&[new_seed("FT-3"), new_seed("FT-2")], NOW).await.unwrap(), vec![serial("FT-2")]);
    let all = store.tokens(&TokenFilter::default()).await.unwrap();
    let shown: Vec<_> = all.iter().map(|token| (token.serial.as_str(), token.kind, token.state, token.holder.is_some())).collect();
    assert_eq!(shown, [("FT-1", TokenKind::Oath, TokenState::InStock, false), ("FT-2", TokenKind::Oath, TokenState::InStock, false)]);
}

#[tokio::test]
async fn a_token_is_issued_once_and_to_somebody_who_can_hold_it() {
    let (_directory, store) = store().await;
    let (wang, _) = enrolled(&store, "wang", 1).await;
    let (li, _) = enrolled(&store, "li", 2).await;
    store.set_state(li.id, &[AccountState::Active], AccountState::Disabled).await.unwrap();
    store.stock_seeds(&[new_seed("FT-1")], NOW).await.unwrap();
    assert_eq!(store.issue_token(&serial("FT-9"), wang.id, NOW).await.unwrap(), TokenChange::NoSuch);
    assert_eq!(store.issue_token(&serial("FT-1"), li.id, NOW).await.unwrap(), TokenChange::NoHolder);
    assert_eq!(store.issue_token(&serial("FT-1"), AccountId::fresh(), NOW).await.unwrap(), TokenChange::NoHolder);
    assert!(matches!(store.issue_token(&serial("FT-1"), wang.id, NOW).await.unwrap(), TokenChange::Done { .. }));
    assert_eq!(store.issue_token(&serial("FT-1"), wang.id, NOW).await.unwrap(), TokenChange::Not(TokenState::Issued));
    let held = store.tokens_of(wang.id).await.unwrap();
    assert_eq!(held.iter().map(|token| token.kind).collect::<Vec<_>>(), [TokenKind::WebAuthn, TokenKind::Oath]);
    assert_eq!(store.seeds_of(wang.id, TokenState::Active, NOW).await.unwrap(), vec![]);
    assert_eq!(store.seeds_of(wang.id, TokenState::Issued, NOW).await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_fifty_at_once_one_alone_spends_a_code() {
    let (_directory, store) = store().await;
    let (_, token) = active(&store).await;
    let spending = Spending { token, was: 1, next: 2, drift: 0 };
    let all = futures_util::future::join_all((0..50).map(|_| store.spend_oath(&spending, NOW))).await;
    assert_eq!(all.into_iter().filter(|spent| *spent.as_ref().unwrap()).count(), 1);
    assert!(!store.spend_oath(&Spending { was: 1, next: 9, ..spending }, NOW).await.unwrap());
    assert!(store.spend_oath(&Spending { was: 2, next: 9, ..spending }, NOW).await.unwrap());
}

#[tokio::test]
async fn a_token_that_ended_opens_nothing_and_never_comes_back() {
    for end in [TokenState::Lost, TokenState::Revoked, TokenState::Expired] {
        let (_directory, store) = store().await;
        let (wang, token) = active(&store).await;
        let portal = Host::parse("gate.city.test").unwrap();
        let session = sessions::session(&wang, token);
        assert!(store.create_session(&session, &portal, hash(7)).await.unwrap());
        let name = serial("FT-1");
        assert_eq!(store.change_token(&name, end, later(1)).await.unwrap(), TokenChange::Done { ended: vec![session.id] });
        assert_eq!(store.live_sessions().await.unwrap(), vec![]);
        let again = Session { id: crate::model::SessionId::fresh(), ..session };
        assert!(!store.create_session(&again, &portal, hash(8)).await.unwrap());
        assert!(!store.spend_oath(&Spending { token, was: 1, next: 2, drift: 0 }, NOW).await.unwrap());
        for to in TokenState::ALL {
            assert_eq!(store.change_token(&name, *to, later(2)).await.unwrap(), TokenChange::Not(end), "{end} to {to}");
        }
        let ended = store.token(&name).await.unwrap().unwrap();
        assert_eq!((ended.ended, ended.holder.map(|holder| holder.account)), (Some(later(1)), Some(wang.id)));
    }
}

#[tokio::test]
async fn a_suspended_token_opens_nothing_until_it_is_active_again() {
    let (_directory, store) = store().await;
    let (wang, token) = active(&store).await;
    let name = serial("FT-1");
    assert!(matches!(store.change_token(&name, TokenState::Suspended, NOW).await.unwrap(), TokenChange::Done { .. }));
    let spending = Spending { token, was: 1, next: 2, drift: 0 };
    assert!(!store.spend_oath(&spending, NOW).await.unwrap());
    assert!(!store.activate_oath(&spending, NOW).await.unwrap());
    assert!(matches!(store.change_token(&name, TokenState::Active, NOW).await.unwrap(), TokenChange::Done { .. }));
    assert!(store.spend_oath(&spending, NOW).await.unwrap());
    // The same for a security key.
    let key = store.keys(wang.id).await.unwrap().remove(0);
    assert!(matches!(store.change_token(&key.serial, TokenState::Suspended, NOW).await.unwrap(), TokenChange::Done { .. }));
    assert_eq!(store.keys(wang.id).await.unwrap(), vec![]);
    assert_eq!(store.key_by_credential(&key.credential).await.unwrap(), None);
    assert!(!store.record_use(key.id, 5, "{}", NOW).await.unwrap());
    assert!(matches!(store.change_token(&key.serial, TokenState::Active, NOW).await.unwrap(), TokenChange::Done { .. }));
    assert_eq!(store.keys(wang.id).await.unwrap(), vec![key]);
}

#[tokio::test]
async fn an_expired_token_gives_no_seed() {
    let (_directory, store) = store().await;
    let (wang, _) = enrolled(&store, "wang", 1).await;
    let old = NewSeed { expires: Some(later(10)), ..new_seed("FT-1") };
    store.stock_seeds(&[old], NOW).await.unwrap();
    store.issue_token(&serial("FT-1"), wang.id, NOW).await.unwrap();
    assert_eq!(store.seeds_of(wang.id, TokenState::Issued, later(9)).await.unwrap().len(), 1);
    assert_eq!(store.seeds_of(wang.id, TokenState::Issued, later(10)).await.unwrap().len(), 0);
}

#[tokio::test]
async fn the_inventory_is_searched_by_number_holder_and_unit() {
    let (_directory, store) = store().await;
    active(&store).await;
    store.stock_seeds(&[new_seed("GD-7")], NOW).await.unwrap();
    let found = async |filter: TokenFilter| store.tokens(&filter).await.unwrap().len();
    let by = |search: &str| TokenFilter { search: Some(search.into()), ..TokenFilter::default() };
    assert_eq!(found(TokenFilter::default()).await, 3);
    assert_eq!(found(by("gd")).await, 1);
    assert_eq!(found(by("WANG")).await, 2);
    assert_eq!(found(by("Information")).await, 2);
    assert_eq!(found(TokenFilter { state: Some(TokenState::InStock), ..TokenFilter::default() }).await, 1);
    assert_eq!(found(TokenFilter { kind: Some(TokenKind::WebAuthn), ..TokenFilter::default() }).await, 1);
    assert_eq!(found(by("no such")).await, 0);
    assert_eq!(state(&store, "gd-7").await, TokenState::InStock);
}

#[tokio::test]
async fn wrong_codes_are_counted_in_a_row_and_none_is_missed() {
    let (_directory, store) = store().await;
    let (wang, _) = enrolled(&store, "wang", 1).await;
    let (li, _) = enrolled(&store, "li", 2).await;
    let mut counts: Vec<u32> =
        futures_util::future::join_all((0..20).map(|_| store.count_code_failure(wang.id))).await.into_iter().map(Result::unwrap).collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=20).collect::<Vec<_>>());
    assert_eq!(store.count_code_failure(li.id).await.unwrap(), 1, "another account's own");
    store.clear_code_failures(wang.id).await.unwrap();
    assert_eq!((store.count_code_failure(wang.id).await.unwrap(), store.count_code_failure(li.id).await.unwrap()), (1, 2));
    assert_eq!(store.count_code_failure(AccountId::fresh()).await.unwrap(), 0, "nobody's");
}

#[tokio::test]
async fn suspending_an_accounts_code_tokens_ends_what_they_opened_and_nothing_else() {
    let (_directory, store) = store().await;
    let (wang, token) = active(&store).await;
    let (li, _) = enrolled(&store, "li", 2).await;
    store.stock_seeds(&[new_seed("FT-2"), new_seed("FT-3"), new_seed("FT-4")], NOW).await.unwrap();
    for (name, holder) in [("FT-2", wang.id), ("FT-3", wang.id), ("FT-4", li.id)] {
        store.issue_token(&serial(name), holder, NOW).await.unwrap();
    }
    store.change_token(&serial("FT-3"), TokenState::Lost, NOW).await.unwrap();
    let (portal, key) = (Host::parse("gate.city.test").unwrap(), store.keys(wang.id).await.unwrap().remove(0).id);
    let (by_code, by_key) = (sessions::session(&wang, token), sessions::session(&wang, key));
    assert!(store.create_session(&by_code, &portal, hash(7)).await.unwrap());
    assert!(store.create_session(&by_key, &portal, hash(8)).await.unwrap());
    for _ in 0..3 {
        store.count_code_failure(wang.id).await.unwrap();
    }
    assert_eq!(store.suspend_code_tokens(wang.id).await.unwrap(), [serial("FT-1"), serial("FT-2")]);
    let left: Vec<_> = store.live_sessions().await.unwrap().into_iter().map(|live| live.session.id).collect();
    assert_eq!(left, [by_key.id]);
    assert_eq!((state(&store, "FT-3").await, state(&store, "FT-4").await), (TokenState::Lost, TokenState::Issued));
    assert_eq!(store.keys(wang.id).await.unwrap().len(), 1, "security keys take no codes");
    assert_eq!(store.suspend_code_tokens(wang.id).await.unwrap(), [], "they are suspended already");
    assert_eq!(store.count_code_failure(wang.id).await.unwrap(), 1, "the count began anew");
}

#[tokio::test]
async fn a_resumed_token_that_nobody_had_shown_is_still_to_be_shown() {
    let (_directory, store) = store().await;
    let (wang, _) = active(&store).await;
    store.stock_seeds(&[new_seed("FT-2")], NOW).await.unwrap();
    store.issue_token(&serial("FT-2"), wang.id, NOW).await.unwrap();
    store.suspend_code_tokens(wang.id).await.unwrap();
    for (name, before) in [("FT-1", TokenState::Active), ("FT-2", TokenState::Issued)] {
        store.change_token(&serial(name), TokenState::Active, NOW).await.unwrap();
        assert_eq!(state(&store, name).await, before);
    }
}
