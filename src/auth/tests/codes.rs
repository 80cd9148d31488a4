//! Signing in with a password and a code.

use super::super::fixture::{Device, World, browser};
use super::super::*;
use crate::clock::Time;
use crate::crypto::Token;
use crate::model::{Account, Factor, Role, Serial, TokenState};
use crate::oath::Delivered;
use crate::store::TokenChange;

/// Somebody who enrolled with a key and holds an active code token.
pub(super) struct Holder {
    pub(super) world: World,
    pub(super) device: Device,
    pub(super) account: Account,
    pub(super) token: Delivered,
    next: u64,
}

impl Holder {
    pub(super) async fn new(role: Role) -> Self {
        let world = World::new().await;
        let mut device = Device::new();
        let account = world.enrol_as("wang li", role, &mut device).await;
        let token = crate::oath::read(b"FT-1,3132333435363738393031323334353637383930\n", None).unwrap().remove(0);
        let seeds = world.auth.codes.seal(vec![token.clone()]).unwrap();
        assert_eq!(world.store.stock_seeds(&seeds, world.now()).await.unwrap(), []);
        let issued = world.store.issue_token(&token.serial, account.id, world.now()).await.unwrap();
        assert_eq!(issued, TokenChange::Done { ended: vec![] });
        let mut holder = Self { world, device, account, token, next: 0 };
        let code = holder.next_code();
        holder.world.auth.codes.activate(holder.account.id, &code, holder.wall()).await.unwrap();
        holder
    }

    pub(super) fn wall(&self) -> Time {
        self.world.clock.wall()
    }

    pub(super) fn next_code(&mut self) -> String {
        self.next += 1;
        self.token.seed.code(self.token.scheme, self.next - 1)
    }

    pub(super) async fn try_code(&self, pending: &Token, code: &str) -> Result<SignedIn, Denied> {
        self.world.auth.sign_in.code(pending, code, browser(), (self.world.now(), self.wall())).await
    }

    pub(super) async fn state(&self) -> TokenState {
        self.world.store.token(&Serial::parse("FT-1").unwrap()).await.unwrap().unwrap().state
    }
}

#[tokio::test]
async fn a_password_and_a_code_open_a_session_that_says_so() {
    let mut holder = Holder::new(Role::Member).await;
    let pending = holder.world.password("wang li").await;
    let asked = holder.world.auth.sign_in.second_factors(&pending, false, holder.world.now(), holder.wall()).await.unwrap();
    assert!(asked.key.is_some() && asked.code);
    let code = holder.next_code();
    let signed_in = holder.try_code(&pending, &code).await.unwrap();
    assert_eq!(signed_in.identity.factor(), Factor::PasswordAndOath);
    assert_eq!(signed_in.identity.account(), holder.account.id);
    assert_eq!(holder.try_code(&pending, &code).await.unwrap_err().why().word(), "nothing-pending");
    let again = holder.world.password("wang li").await;
    assert_eq!(holder.try_code(&again, &code).await.unwrap_err().why().word(), "wrong-code", "it is spent");
}

#[tokio::test]
async fn a_code_opens_nothing_without_the_password_and_in_no_state_but_active() {
    let mut holder = Holder::new(Role::Member).await;
    let code = holder.next_code();
    let made_up = Token::random().unwrap();
    assert_eq!(holder.try_code(&made_up, &code).await.unwrap_err().why().word(), "nothing-pending");
    let serial = Serial::parse("FT-1").unwrap();
    holder.world.store.change_token(&serial, TokenState::Suspended, holder.world.now()).await.unwrap();
    let pending = holder.world.password("wang li").await;
    let asked = holder.world.auth.sign_in.second_factors(&pending, false, holder.world.now(), holder.wall()).await.unwrap();
    assert!(asked.key.is_some() && !asked.code);
    assert_eq!(holder.try_code(&pending, &code).await.unwrap_err().why().word(), "revoked");
    holder.world.store.change_token(&serial, TokenState::Active, holder.world.now()).await.unwrap();
    assert!(holder.try_code(&pending, &code).await.is_ok(), "what was refused was not spent");
}

#[tokio::test]
async fn staff_do_not_sign_in_with_codes() {
    for role in [Role::SystemAdministrator, Role::SecurityAdministrator, Role::Auditor] {
        let mut holder = Holder::new(role).await;
        let pending = holder.world.password("wang li").await;
        let asked = holder.world.auth.sign_in.second_factors(&pending, false, holder.world.now(), holder.wall()).await.unwrap();
        assert!(!asked.code, "{role}");
        let code = holder.next_code();
        assert_eq!(holder.try_code(&pending, &code).await.unwrap_err().why().word(), "code-for-staff", "{role}");
        assert!(holder.world.second(&pending, &mut holder.device).await.is_ok(), "{role}");
    }
}

#[tokio::test]
async fn guessing_codes_stops_the_tokens_and_leaves_the_key() {
    let mut holder = Holder::new(Role::Member).await;
    let first = holder.world.password("wang li").await;
    let code = holder.next_code();
    let by_code = holder.try_code(&first, &code).await.unwrap();
    let by_key = holder.world.sign_in("wang li", &mut holder.device).await;
    let pending = holder.world.password("wang li").await;
    for _ in 1..10 {
        let denied = holder.try_code(&pending, "000000").await.unwrap_err();
        assert!(denied.may_try_again() && denied.suspended_tokens().is_none());
    }
    let denied = holder.try_code(&pending, "000000").await.unwrap_err();
    assert_eq!(denied.suspended_tokens().map(<[Serial]>::len), Some(1));
    assert!(!denied.may_try_again(), "the password has to be given again");
    assert_eq!(holder.state().await, TokenState::Suspended);
    assert!(by_code.identity.is_revoked() && !by_key.identity.is_revoked());
    let right = holder.next_code();
    let pending = holder.world.password("wang li").await;
    assert_eq!(holder.try_code(&pending, &right).await.unwrap_err().why().word(), "revoked");
    assert!(holder.world.second(&pending, &mut holder.device).await.is_ok(), "her key works as before");
}

#[tokio::test]
async fn a_right_code_forgives_the_wrong_ones_before_it() {
    let mut holder = Holder::new(Role::Member).await;
    for _ in 0..3 {
        let pending = holder.world.password("wang li").await;
        for _ in 0..9 {
            assert!(holder.try_code(&pending, "000000").await.is_err());
        }
        let code = holder.next_code();
        assert!(holder.try_code(&pending, &code).await.is_ok());
    }
    assert_eq!(holder.state().await, TokenState::Active);
}

#[tokio::test]
async fn what_could_not_be_judged_is_no_guess() {
    let mut holder = Holder::new(Role::Member).await;
    let serial = Serial::parse("FT-1").unwrap();
    holder.world.store.change_token(&serial, TokenState::Suspended, holder.world.now()).await.unwrap();
    let pending = holder.world.password("wang li").await;
    for _ in 0..10 {
        assert_eq!(holder.try_code(&pending, "000000").await.unwrap_err().why().word(), "wrong-code");
    }
    assert_eq!(holder.world.store.count_code_failure(holder.account.id).await.unwrap(), 1, "there was no token to guess the code of");
    for _ in 0..9 {
        holder.world.store.count_code_failure(holder.account.id).await.unwrap();
    }
    holder.world.store.change_token(&serial, TokenState::Active, holder.world.now()).await.unwrap();
    let code = holder.next_code();
    assert!(holder.try_code(&pending, &code).await.is_ok(), "a token that is resumed begins anew");
    assert_eq!(holder.state().await, TokenState::Active);
}

/// Gives her another token, older than the one that she has, whose seed cannot be opened.
async fn with_unreadable_token(holder: &Holder) -> Serial {
    let token = crate::oath::read(b"FT-0,3132333435363738393031323334353637383930\n", None).unwrap().remove(0);
    let store = &holder.world.store;
    let other = Codes::new(store.clone(), crate::crypto::SealingKey::new(&[8; 32]).unwrap());
    assert_eq!(store.stock_seeds(&other.seal(vec![token.clone()]).unwrap(), holder.world.now()).await.unwrap(), []);
    let earlier = holder.world.now().minus(std::time::Duration::from_secs(60));
    store.issue_token(&token.serial, holder.account.id, earlier).await.unwrap();
    let stored = store.seeds_of(holder.account.id, TokenState::Issued, holder.wall()).await.unwrap().remove(0);
    let spending = crate::store::Spending { token: stored.token, was: 0, next: 1, drift: 0 };
    assert!(store.activate_oath(&spending, holder.world.now()).await.unwrap());
    token.serial
}

#[tokio::test]
async fn a_seed_that_cannot_be_opened_does_not_stand_in_the_way_of_another_nor_protect_it_from_guesses() {
    let mut holder = Holder::new(Role::Member).await;
    let unreadable = with_unreadable_token(&holder).await;
    let pending = holder.world.password("wang li").await;
    let code = holder.next_code();
    assert!(holder.try_code(&pending, &code).await.is_ok());
    let pending = holder.world.password("wang li").await;
    for _ in 1..10 {
        assert_eq!(holder.try_code(&pending, "000000").await.unwrap_err().why().word(), "wrong-code");
    }
    assert!(holder.try_code(&pending, "000000").await.unwrap_err().suspended_tokens().is_some());
    assert_eq!(holder.state().await, TokenState::Suspended);

    // Where it is all that she has, nothing can be judged.
    let store = &holder.world.store;
    store.change_token(&unreadable, TokenState::Active, holder.world.now()).await.unwrap();
    let pending = holder.world.password("wang li").await;
    for _ in 0..12 {
        let denied = holder.try_code(&pending, "000000").await.unwrap_err();
        assert!(matches!(denied.told(), Told::Broken), "{}", denied.why().word());
    }
    assert_eq!(store.token(&unreadable).await.unwrap().unwrap().state, TokenState::Active);
}

#[tokio::test]
async fn a_code_proves_something_again_in_an_open_session_for_members_alone() {
    for role in [Role::Member, Role::SecurityAdministrator] {
        let mut holder = Holder::new(role).await;
        let identity = holder.world.sign_in("wang li", &mut holder.device).await.identity;
        holder.world.pass(60);
        let (now, wall, code) = (holder.world.now(), holder.wall(), holder.next_code());
        let keys = &holder.world.auth.keys;
        let means = keys.step_up_means(&identity, |_| true, None, now, wall).await.unwrap();
        assert_eq!((means.key.is_some(), means.code, means.usb_key), (true, role == Role::Member, false));
        let resistant = keys.step_up_means(&identity, Factor::is_phishing_resistant, None, now, wall).await.unwrap();
        assert!(resistant.key.is_some() && !resistant.code);
        let proven = keys.step_up_by_code(&identity, &code, now, wall).await;
        assert_eq!(proven.is_ok(), role == Role::Member);
        if let Ok(proven) = proven {
            assert_eq!((proven.proof.factor, proven.proof.at), (Factor::PasswordAndOath, now));
            assert_eq!(proven.identity.factor(), Factor::PasswordAndSecurityKey, "the session is no weaker for it");
            let again = keys.step_up_by_code(&proven.identity, &code, now, wall).await;
            assert!(matches!(again, Err(KeyChangeError::Code(CodeDenied::Wrong))), "once");
        }
    }
}

#[tokio::test]
async fn guessing_codes_in_an_open_session_ends_where_guessing_them_at_sign_in_does() {
    let mut holder = Holder::new(Role::Member).await;
    let pending = holder.world.password("wang li").await;
    let code = holder.next_code();
    let identity = holder.try_code(&pending, &code).await.unwrap().identity;
    let (now, wall) = (holder.world.now(), holder.wall());
    let keys = &holder.world.auth.keys;
    for _ in 0..9 {
        assert!(matches!(keys.step_up_by_code(&identity, "000000", now, wall).await, Err(KeyChangeError::Code(CodeDenied::Wrong))));
    }
    let stopped = keys.step_up_by_code(&identity, "000000", now, wall).await;
    assert!(matches!(stopped, Err(KeyChangeError::Code(CodeDenied::Stopped { sessions_ended: 1, .. }))));
    assert!(identity.is_revoked());
    assert_eq!(holder.state().await, TokenState::Suspended);
    let code = holder.next_code();
    assert!(matches!(holder.world.auth.keys.step_up_by_code(&identity, &code, now, wall).await, Err(KeyChangeError::NotSignedIn)));
}
