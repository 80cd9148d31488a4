//! Signing in, and being refused.

use super::super::fixture::{Device, PASSWORD, World, browser, host};
use super::super::*;
use crate::crypto::Token;
use crate::model::{AccountState, Factor, Role};

#[tokio::test]
async fn a_password_and_then_a_key_open_a_session() {
    let world = World::new().await;
    let mut device = Device::new();
    let account = world.enrol("wang li", &mut device).await;
    let pending = world.auth.sign_in.first_factor("  Wang  LI ", PASSWORD, world.now()).await.unwrap();
    assert_eq!(pending.account, account);
    let signed_in = world.second(&pending.token, &mut device).await.unwrap();
    let identity = world.auth.sessions.lookup(&signed_in.token, &host("gate.localhost"), world.now()).unwrap();
    assert_eq!(identity.account(), account.id);
    assert_eq!(identity.factor(), Factor::PasswordAndSecurityKey);
    assert_eq!(identity.who().session.as_deref(), Some(&signed_in.token.hash().hex()[..16]));
    assert_eq!(identity.email().map(|email| &**email), Some("li@example.cn"));
    assert_ne!(signed_in.token, pending.token, "the id changes at sign-in");
}

#[tokio::test]
async fn a_right_password_alone_opens_nothing() {
    let world = World::new().await;
    world.enrol("wang li", &mut Device::new()).await;
    let pending = world.password("wang li").await;
    assert!(world.auth.sessions.lookup(&pending, &host("gate.localhost"), world.now()).is_none());
    assert!(world.auth.sessions.list_all().is_empty());
}

#[tokio::test]
async fn a_wrong_name_password_or_state_gives_one_answer_after_one_run_of_argon2() {
    let world = World::new().await;
    for name in ["active", "disabled", "suspended"] {
        world.enrol(name, &mut Device::new()).await;
    }
    world.invite("invited", Role::Member).await;
    for (name, state) in [("disabled", AccountState::Disabled), ("suspended", AccountState::Suspended)] {
        let account = world.store.account_by_name(&crate::model::AccountName::parse(name).unwrap()).await.unwrap().unwrap();
        world.store.set_state(account.id, &[AccountState::Active], state).await.unwrap();
    }
    let too_long = "x".repeat(2000);
    let cases = [
        ("nobody", PASSWORD, "unknown-name"),
        ("\u{202e}", PASSWORD, "unknown-name"),
        ("", "", "unknown-name"),
        ("active", "wrong", "wrong-password"),
        ("active", &too_long, "wrong-password"),
        ("disabled", "wrong", "wrong-password"),
        ("disabled", PASSWORD, "disabled"),
        ("suspended", PASSWORD, "suspended"),
        ("invited", PASSWORD, "not-enrolled"),
    ];
    for (name, password, why) in cases {
        let before = world.passwords.runs();
        let denied = world.auth.sign_in.first_factor(name, password, world.now()).await.unwrap_err();
        assert_eq!(world.passwords.runs() - before, 1, "{name:?} {why}");
        assert_eq!((denied.why().word(), denied.told()), (why, Told::Refused), "{name:?}");
        assert!(denied.told().is_failure());
        assert_eq!(denied.to_string(), "sign-in was refused");
    }
    let before = world.passwords.runs();
    world.password("active").await;
    assert_eq!(world.passwords.runs() - before, 1);
}

#[tokio::test]
async fn the_key_is_waited_for_five_minutes_and_the_password_step_is_spent_by_it() {
    let world = World::new().await;
    let mut device = Device::new();
    world.enrol("wang li", &mut device).await;
    let pending = world.password("wang li").await;
    world.pass(299);
    let signed_in = world.second(&pending, &mut device).await;
    assert!(signed_in.is_ok());
    let again = world.second(&pending, &mut device).await.unwrap_err();
    assert_eq!((again.why().word(), again.told()), ("nothing-pending", Told::BeginAgain));
    let late = world.password("wang li").await;
    world.pass(300);
    assert_eq!(world.second(&late, &mut device).await.unwrap_err().why().word(), "nothing-pending");
    let forged = Token::random().unwrap();
    assert_eq!(world.second(&forged, &mut device).await.unwrap_err().why().word(), "nothing-pending");
}

#[tokio::test]
async fn an_account_that_is_disabled_between_the_steps_gets_no_further() {
    let world = World::new().await;
    let mut device = Device::new();
    let account = world.enrol("wang li", &mut device).await;
    let pending = world.password("wang li").await;
    let challenge = world.auth.sign_in.key_options(&pending, world.now()).await.unwrap();
    world.store.set_state(account.id, &[AccountState::Active], AccountState::Disabled).await.unwrap();
    let credential = device.get(&challenge.options);
    let denied = world.auth.sign_in.second_factor(&pending, &challenge.id, &credential, browser(), world.now()).await.unwrap_err();
    assert_eq!((denied.why().word(), denied.told()), ("disabled", Told::Refused));
    assert_eq!(world.auth.sign_in.key_options(&pending, world.now()).await.unwrap_err().why().word(), "disabled");
    assert!(world.auth.sessions.list_all().is_empty());
}

#[tokio::test]
async fn another_accounts_key_is_refused() {
    let world = World::new().await;
    let (mut wang, mut li) = (Device::new(), Device::new());
    world.enrol("wang li", &mut wang).await;
    world.enrol("li na", &mut li).await;
    let pending = world.password("wang li").await;
    assert_eq!(world.second(&pending, &mut li).await.unwrap_err().why().word(), "unknown-key");
    assert!(world.second(&pending, &mut wang).await.is_ok());
}

#[tokio::test]
async fn ten_answers_of_the_key_itself_that_do_not_count_suspend_and_end_what_was_open() {
    let world = World::new().await;
    let mut device = Device::new();
    let account = world.enrol("wang li", &mut device).await;
    let open = world.sign_in("wang li", &mut device).await;
    let pending = world.password("wang li").await;
    // Whoever has the password and the key, but not the PIN.
    device.user_verified = false;
    for _ in 0..9 {
        let denied = world.second(&pending, &mut device).await.unwrap_err();
        assert!(denied.suspended().is_none() && denied.may_try_again());
    }
    let last = world.second(&pending, &mut device).await.unwrap_err();
    assert_eq!((last.told(), last.may_try_again()), (Told::Refused, false));
    let ended: Vec<_> = last.suspended().unwrap().iter().map(|ended| ended.id).collect();
    assert_eq!(ended, [open.identity.session_id()]);
    assert!(open.identity.is_revoked());
    assert_eq!(world.store.account(account.id).await.unwrap().unwrap().state, AccountState::Suspended);
    device.user_verified = true;
    assert_eq!(world.second(&pending, &mut device).await.unwrap_err().why().word(), "nothing-pending");
}

#[tokio::test]
async fn staff_are_suspended_after_eight() {
    let world = World::new().await;
    let mut device = Device::new();
    world.enrol_as("zhao yun", Role::Auditor, &mut device).await;
    let pending = world.password("zhao yun").await;
    device.user_verified = false;
    for _ in 0..7 {
        assert!(world.second(&pending, &mut device).await.unwrap_err().suspended().is_none());
    }
    assert!(world.second(&pending, &mut device).await.unwrap_err().suspended().is_some());
}

/// An answer to what is asked, as whoever has no key of the account can make it up.
type MadeUp = fn(&mut Device, &serde_json::Value) -> String;

#[tokio::test]
async fn whoever_has_the_password_and_no_key_suspends_nobody_but_raises_an_alarm_and_must_begin_again() {
    let rubbish: MadeUp = |_, _| "{}".to_owned();
    let unsigned: MadeUp = |device, options| {
        device.break_signature = true;
        device.get(options)
    };
    // What would count if it were signed does not where it is not.
    let unsigned_and_unverified: MadeUp = |device, options| {
        (device.break_signature, device.user_verified, device.backed_up, device.backup_eligible) = (true, false, true, true);
        device.get(options)
    };
    let elsewhere: MadeUp = |device, options| {
        device.origin = "https://gate.localhost.example".to_owned();
        device.get(options)
    };
    let old: MadeUp =
        |device, _| device.get(&serde_json::json!({"publicKey": {"challenge": "b2xk", "rpId": "gate.localhost", "allowCredentials": []}}));
    for (role, limit) in [(Role::Member, 10), (Role::SecurityAdministrator, 8)] {
        for made_up in [rubbish, unsigned, unsigned_and_unverified, elsewhere, old] {
            let world = World::new().await;
            let mut device = Device::new();
            let account = world.enrol_as("wang li", role, &mut device).await;
            let open = world.sign_in("wang li", &mut device).await;
            let mut alarms = Vec::new();
            for count in 1..=limit * 2 {
                // The thief begins again where she must, and copies what is public of the key.
                let pending = world.password("wang li").await;
                let challenge = world.auth.sign_in.key_options(&pending, world.now()).await.unwrap();
                let credential = made_up(&mut device, &challenge.options);
                let denied =
                    world.auth.sign_in.second_factor(&pending, &challenge.id, &credential, browser(), world.now()).await.unwrap_err();
                assert!(denied.suspended().is_none());
                assert_eq!(denied.alarm().is_none(), denied.may_try_again());
                assert_eq!(world.auth.sign_in.who_is_pending(&pending, world.now()).await.is_ok(), denied.may_try_again());
                alarms.extend(denied.alarm().map(|in_row| (count, in_row)));
            }
            assert_eq!(alarms, [(limit, limit), (limit * 2, limit * 2)]);
            assert_eq!(world.store.account(account.id).await.unwrap().unwrap().state, AccountState::Active);
            assert!(!open.identity.is_revoked());
            let counter = device.counter;
            (device.break_signature, device.user_verified, device.backed_up, device.backup_eligible) = (false, true, false, false);
            (device.origin, device.counter) = (super::super::fixture::ORIGIN.to_owned(), counter);
            world.sign_in("wang li", &mut device).await;
            let pending = world.password("wang li").await;
            let denied = world.auth.sign_in.key_options(&pending, world.now()).await;
            assert!(denied.is_ok());
        }
    }
}

#[tokio::test]
async fn a_right_key_forgets_the_failures_before_it() {
    let world = World::new().await;
    let mut device = Device::new();
    world.enrol("wang li", &mut device).await;
    for _ in 0..2 {
        let pending = world.password("wang li").await;
        for (break_signature, user_verified) in [(true, true), (false, false)] {
            (device.break_signature, device.user_verified) = (break_signature, user_verified);
            for _ in 0..9 {
                let denied = world.second(&pending, &mut device).await.unwrap_err();
                assert!(denied.alarm().is_none() && denied.suspended().is_none());
            }
        }
        (device.break_signature, device.user_verified) = (false, true);
        world.second(&pending, &mut device).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_never_judged_is_no_failure() {
    let world = World::new().await;
    world.enrol("wang li", &mut Device::new()).await;
    let checks = (0..40).map(|_| {
        let sign_in = world.auth.sign_in.clone();
        let now = world.now();
        tokio::spawn(async move { sign_in.first_factor("wang li", "wrong", now).await.unwrap_err().told() })
    });
    let checks: Vec<_> = checks.collect();
    let mut told = Vec::new();
    for check in checks {
        told.push(check.await.unwrap());
    }
    assert!(told.contains(&Told::Busy) && told.contains(&Told::Refused), "{told:?}");
    for told in told {
        assert_eq!(told.is_failure(), told != Told::Busy);
    }
    assert!(!Told::BeginAgain.is_failure() && !Told::Broken.is_failure());
}

#[tokio::test]
async fn strangers_lock_nobody_out() {
    let world = World::new().await;
    let mut device = Device::new();
    world.enrol("wang li", &mut device).await;
    let mut strange = Device::new();
    strange.create(&serde_json::json!({"publicKey": {"user": {"id": "AAAA"}, "rp": {"id": "gate.localhost"}, "challenge": "x"}}));
    for _ in 0..12 {
        world.auth.sign_in.first_factor("wang li", "wrong", world.now()).await.unwrap_err();
        let browser_token = Token::random().unwrap();
        let challenge = world.auth.sign_in.key_first_options(&browser_token, world.now()).await.unwrap();
        let credential = strange.get(&challenge.options);
        let denied = world.auth.sign_in.key_first(&browser_token, &challenge.id, &credential, browser(), world.now()).await;
        assert_eq!(denied.unwrap_err().why().word(), "unknown-key");
    }
    world.sign_in("wang li", &mut device).await;
}

#[tokio::test]
async fn a_key_alone_signs_in_and_says_so() {
    let world = World::new().await;
    let mut device = Device::new();
    let account = world.enrol("wang li", &mut device).await;
    let browser_token = Token::random().unwrap();
    let challenge = world.auth.sign_in.key_first_options(&browser_token, world.now()).await.unwrap();
    assert_eq!(challenge.options["publicKey"]["userVerification"], "required");
    let credential = device.get(&challenge.options);
    let sign_in = &world.auth.sign_in;

    let elsewhere = Token::random().unwrap();
    let stolen = sign_in.key_first(&elsewhere, &challenge.id, &credential, browser(), world.now()).await;
    assert_eq!(stolen.unwrap_err().why().word(), "no-challenge");
    let signed_in = sign_in.key_first(&browser_token, &challenge.id, &credential, browser(), world.now()).await.unwrap();
    assert_eq!((signed_in.identity.account(), signed_in.identity.factor()), (account.id, Factor::SecurityKey));
    let replayed = sign_in.key_first(&browser_token, &challenge.id, &credential, browser(), world.now()).await;
    assert_eq!(replayed.unwrap_err().why().word(), "no-challenge");
}

#[tokio::test]
async fn a_key_alone_is_refused_where_its_account_may_not_sign_in_or_the_handle_is_another_ones() {
    let world = World::new().await;
    let mut device = Device::new();
    let account = world.enrol("wang li", &mut device).await;
    let other = world.enrol("li na", &mut Device::new()).await;
    for (handle, why) in [(Some(other.id.0.as_bytes().to_vec()), "unknown-key"), (Some(vec![1, 2, 3]), "unknown-key"), (None, "disabled")] {
        device.user_handle = handle;
        if device.user_handle.is_none() {
            world.store.set_state(account.id, &[AccountState::Active], AccountState::Disabled).await.unwrap();
        }
        let browser_token = Token::random().unwrap();
        let challenge = world.auth.sign_in.key_first_options(&browser_token, world.now()).await.unwrap();
        let credential = device.get(&challenge.options);
        let denied = world.auth.sign_in.key_first(&browser_token, &challenge.id, &credential, browser(), world.now()).await;
        assert_eq!(denied.unwrap_err().why().word(), why);
    }
    assert!(world.auth.sessions.list_all().is_empty());
}

#[tokio::test]
async fn a_store_that_fails_denies() {
    let world = World::new().await;
    let mut device = Device::new();
    world.enrol("wang li", &mut device).await;
    let pending = world.password("wang li").await;
    world.store.close().await;
    assert_eq!(world.auth.sign_in.first_factor("wang li", PASSWORD, world.now()).await.unwrap_err().told(), Told::Broken);
    assert_eq!(world.second(&pending, &mut device).await.unwrap_err().told(), Told::Broken);
}
