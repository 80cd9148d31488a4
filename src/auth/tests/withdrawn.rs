//! Tokens that were taken out of use and are shown all the same: the log learns of it, and nobody else.

use super::super::fixture::{Device, World, browser};
use super::super::*;
use super::codes::Holder;
use crate::crypto::Token;
use crate::model::{Role, Serial, TokenKind, TokenState};
use crate::store::Spending;

fn serial(text: &str) -> Serial {
    Serial::parse(text).unwrap()
}

/// Gives her another token, which is active.
async fn with_another(holder: &Holder) {
    let token = crate::oath::read(b"FT-2,3132333435363738393031323334353637383931\n", None).unwrap().remove(0);
    let (store, now) = (&holder.world.store, holder.world.now());
    assert_eq!(store.stock_seeds(&holder.world.auth.codes.seal(vec![token.clone()]).unwrap(), now).await.unwrap(), []);
    store.issue_token(&token.serial, holder.account.id, now).await.unwrap();
    let stored = store.seeds_of(holder.account.id, TokenState::Issued, holder.wall()).await.unwrap().remove(0);
    assert!(store.activate_oath(&Spending { token: stored.token, was: 0, next: 1, drift: 0 }, now).await.unwrap());
}

async fn withdraw(holder: &Holder, state: TokenState) {
    holder.world.store.change_token(&serial("FT-1"), state, holder.world.now()).await.unwrap();
}

#[tokio::test]
async fn a_code_of_a_token_that_was_withdrawn_is_wrong_to_her_and_has_a_name_of_its_own_in_the_log() {
    for (state, word) in [
        (TokenState::Suspended, "revoked"),
        (TokenState::Lost, "revoked"),
        (TokenState::Revoked, "revoked"),
        (TokenState::Expired, "expired"),
    ] {
        for has_another in [false, true] {
            let mut holder = Holder::new(Role::Member).await;
            if has_another {
                with_another(&holder).await;
            }
            withdraw(&holder, state).await;
            let code = holder.next_code();
            let pending = holder.world.password("wang li").await;
            let denied = holder.try_code(&pending, &code).await.unwrap_err();
            let wrong = holder.try_code(&pending, "000000").await.unwrap_err();
            assert_eq!((denied.why().word(), wrong.why().word()), (word, "wrong-code"), "{state}");
            let expected = WithdrawnToken { account: holder.account.id, serial: serial("FT-1"), kind: TokenKind::Oath, state };
            assert_eq!((denied.why().withdrawn(), wrong.why().withdrawn()), (Some(&expected), None));
            assert_eq!((denied.told(), denied.may_try_again()), (wrong.told(), wrong.may_try_again()));
            let again = holder.try_code(&pending, &code).await.unwrap_err();
            assert_eq!(again.why().word(), word, "nothing is spent by it");
            let counted = holder.world.store.count_code_failure(holder.account.id).await.unwrap();
            assert_eq!(counted, if has_another { 4 } else { 1 }, "it counts as a wrong one does");
        }
    }
}

#[tokio::test]
async fn a_token_that_is_too_old_is_not_taken_for_a_stolen_one() {
    let mut holder = Holder::new(Role::Member).await;
    holder.world.store.limit_token(&serial("FT-1"), holder.wall().plus(std::time::Duration::from_secs(60))).await.unwrap();
    holder.world.pass(60);
    let pending = holder.world.password("wang li").await;
    let code = holder.next_code();
    assert_eq!(holder.try_code(&pending, &code).await.unwrap_err().why().word(), "expired");
}

#[tokio::test]
async fn what_the_withdrawn_token_does_not_show_now_or_another_account_has_is_a_wrong_code() {
    let mut holder = Holder::new(Role::Member).await;
    let spent = holder.token.seed.code(holder.token.scheme, 0);
    let far = holder.token.seed.code(holder.token.scheme, 50);
    let code = holder.next_code();
    withdraw(&holder, TokenState::Revoked).await;
    let mut other = Device::new();
    holder.world.enrol("li na", &mut other).await;
    let pending = holder.world.password("wang li").await;
    for code in [spent.as_str(), far.as_str(), "", "12345", "no code"] {
        assert_eq!(holder.try_code(&pending, code).await.unwrap_err().why().word(), "wrong-code", "{code}");
    }
    let hers = holder.world.password("li na").await;
    assert_eq!(holder.try_code(&hers, &code).await.unwrap_err().why().word(), "wrong-code", "it is another's");
    let made_up = Token::random().unwrap();
    assert_eq!(holder.try_code(&made_up, &code).await.unwrap_err().why().word(), "nothing-pending", "the password comes first");
}

#[tokio::test]
async fn codes_of_a_withdrawn_token_use_up_the_guesses_and_a_right_one_that_comes_too_late_is_not_taken_for_one() {
    let mut holder = Holder::new(Role::Member).await;
    with_another(&holder).await;
    withdraw(&holder, TokenState::Revoked).await;
    let code = holder.next_code();
    let pending = holder.world.password("wang li").await;
    for _ in 1..10 {
        assert!(holder.try_code(&pending, &code).await.unwrap_err().suspended_tokens().is_none());
    }
    let denied = holder.try_code(&pending, &code).await.unwrap_err();
    assert_eq!((denied.why().word(), denied.suspended_tokens()), ("revoked", Some([serial("FT-2")].as_slice())));
    assert!(!denied.may_try_again());

    let mut holder = Holder::new(Role::Member).await;
    for _ in 0..10 {
        holder.world.store.count_code_failure(holder.account.id).await.unwrap();
    }
    let (pending, right) = (holder.world.password("wang li").await, holder.next_code());
    let denied = holder.try_code(&pending, &right).await.unwrap_err();
    assert_eq!((denied.why().word(), denied.suspended_tokens().map(<[Serial]>::len)), ("wrong-code", Some(1)));
}

#[tokio::test]
async fn a_code_of_a_withdrawn_token_in_an_open_session_counts_and_is_told_as_a_wrong_one() {
    for has_another in [false, true] {
        let mut holder = Holder::new(Role::Member).await;
        if has_another {
            with_another(&holder).await;
        }
        let identity = holder.world.sign_in("wang li", &mut holder.device).await.identity;
        withdraw(&holder, TokenState::Lost).await;
        let (now, wall, code) = (holder.world.now(), holder.wall(), holder.next_code());
        let keys = &holder.world.auth.keys;
        let denied = keys.step_up_by_code(&identity, &code, now, wall).await.unwrap_err();
        let wrong = keys.step_up_by_code(&identity, "000000", now, wall).await.unwrap_err();
        assert_eq!(denied.to_string(), "revoked");
        assert_eq!(denied.withdrawn().map(|token| (token.serial.as_str(), token.state)), Some(("FT-1", TokenState::Lost)));
        assert_eq!((denied.is_wrong(), wrong.is_wrong()), (has_another, has_another));
        assert!(wrong.withdrawn().is_none());
        let KeyChangeError::Code(denied) = denied else { panic!("{denied}") };
        assert!(matches!(denied.told(), CodeDenied::Wrong) == has_another);
    }
}

/// Somebody with two keys, of which the first was withdrawn.
async fn with_withdrawn_key(state: TokenState) -> (World, Device, Device) {
    let world = World::new().await;
    let (mut first, mut second) = (Device::new(), Device::new());
    let account = world.enrol("wang li", &mut first).await;
    let identity = world.sign_in("wang li", &mut first).await.identity;
    let proof = world.prove(&identity, &mut first).await.unwrap();
    let challenge = world.auth.keys.new_key_options(&identity, &proof, world.now()).await.unwrap();
    let credential = second.create(&challenge.options);
    let checked = world.auth.keys.check(&identity, &proof, &challenge.id, &credential, "red", world.now()).await.unwrap();
    world.auth.keys.add(&identity, &proof, checked, world.now()).await.unwrap();
    let key = world.store.tokens_of(account.id).await.unwrap().remove(0).serial;
    world.store.change_token(&key, state, world.now()).await.unwrap();
    (world, first, second)
}

#[tokio::test]
async fn an_answer_that_a_withdrawn_key_signed_is_an_unknown_key_to_her_and_has_a_name_of_its_own_in_the_log() {
    for (state, word) in [(TokenState::Revoked, "revoked"), (TokenState::Suspended, "revoked"), (TokenState::Expired, "expired")] {
        let (world, mut first, mut second) = with_withdrawn_key(state).await;
        let pending = world.password("wang li").await;
        let denied = world.second(&pending, &mut first).await.unwrap_err();
        let token = denied.why().withdrawn().unwrap();
        assert_eq!((denied.why().word(), token.kind, token.state), (word, TokenKind::WebAuthn, state));
        assert!(denied.may_try_again() && denied.told() == Told::Refused && denied.suspended().is_none());
        first.counter = 0;
        assert_eq!(world.second(&pending, &mut first).await.unwrap_err().why().word(), word, "copied or not");
        first.user_verified = false;
        assert_eq!(world.second(&pending, &mut first).await.unwrap_err().why().word(), word, "without its PIN it is still this key");
        assert!(world.second(&pending, &mut second).await.is_ok(), "the other one works as before");
    }
}

#[tokio::test]
async fn nobody_without_the_withdrawn_key_itself_can_make_it_up() {
    let (world, mut first, _) = with_withdrawn_key(TokenState::Revoked).await;
    let pending = world.password("wang li").await;
    let word = async |device: &mut Device| world.second(&pending, device).await.unwrap_err().why().word();
    first.break_signature = true;
    assert_eq!(word(&mut first).await, "unknown-key");
    (first.break_signature, first.origin) = (false, "https://evil.example".to_owned());
    assert_eq!(word(&mut first).await, "unknown-key", "an answer for another site");
    first.origin = super::super::fixture::ORIGIN.to_owned();
    let before = world.auth.sign_in.key_options(&pending, world.now()).await.unwrap();
    let answer = first.get(&before.options);
    let now = world.auth.sign_in.key_options(&pending, world.now()).await.unwrap();
    let denied = world.auth.sign_in.second_factor(&pending, &now.id, &answer, browser(), world.now()).await.unwrap_err();
    assert_eq!(denied.why().word(), "unknown-key", "an answer to another challenge");
    world.enrol("li na", &mut Device::new()).await;
    let hers = world.password("li na").await;
    assert_eq!(world.second(&hers, &mut first).await.unwrap_err().why().word(), "unknown-key", "another account's");
}

#[tokio::test]
async fn a_withdrawn_key_that_comes_without_a_name_says_whose_it_is() {
    let (world, mut first, _) = with_withdrawn_key(TokenState::Lost).await;
    let alone = async |device: &mut Device| {
        let token = Token::random().unwrap();
        let challenge = world.auth.sign_in.key_first_options(&token, world.now()).await.unwrap();
        let answer = device.get(&challenge.options);
        world.auth.sign_in.key_first(&token, &challenge.id, &answer, browser(), world.now()).await.unwrap_err()
    };
    let denied = alone(&mut first).await;
    assert_eq!((denied.why().word(), denied.account().map(|account| account.name.as_str())), ("revoked", Some("wang li")));
    assert_eq!(denied.told(), Told::Refused);
    first.break_signature = true;
    let denied = alone(&mut first).await;
    assert_eq!((denied.why().word(), denied.account().is_none()), ("unknown-key", true));
}

#[tokio::test]
async fn answers_of_a_withdrawn_key_suspend_nobody() {
    let (world, mut first, mut second) = with_withdrawn_key(TokenState::Lost).await;
    for _ in 0..12 {
        let pending = world.password("wang li").await;
        assert!(world.second(&pending, &mut first).await.unwrap_err().suspended().is_none());
    }
    let pending = world.password("wang li").await;
    assert!(world.second(&pending, &mut second).await.is_ok());
}
