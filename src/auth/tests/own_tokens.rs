//! Code tokens in their holder's hands: at enrolment, and among her own.

use super::super::fixture::{Device, PASSWORD, World, browser, host};
use super::super::*;
use crate::crypto::Token;
use crate::model::{Account, AccountName, AccountState, Factor, Role, Serial, TokenState};
use crate::oath::Delivered;
use crate::store::TokenChange;

const CSV: &str = "F1,3132333435363738393031323334353637383930\nF2,3132333435363738393031323334353637383931\n";

fn serial(text: &str) -> Serial {
    Serial::parse(text).unwrap()
}

fn delivery() -> Vec<Delivered> {
    crate::oath::read(CSV.as_bytes(), None).unwrap()
}

/// What the token F1 (0) or F2 (1) shows at that count.
fn code(token: usize, counter: u64) -> String {
    let delivered = &delivery()[token];
    delivered.seed.code(delivered.scheme, counter)
}

impl World {
    async fn stock(&self) {
        let seeds = self.auth.codes.seal(delivery()).unwrap();
        assert_eq!(self.store.stock_seeds(&seeds, self.now()).await.unwrap(), []);
    }

    async fn issue(&self, name: &str, to: &Account) {
        self.store.issue_token(&serial(name), to.id, self.now()).await.unwrap();
    }

    async fn token_state(&self, name: &str) -> TokenState {
        self.store.token(&serial(name)).await.unwrap().unwrap().state
    }

    /// An opened invitation with a password, of somebody who was given the token F1.
    async fn begun(&self, name: &str) -> (Token, Account) {
        let invitation = self.invite(name, Role::Member).await;
        let (browser, begun) = self.auth.enrolment.open(&invitation, self.now()).await.unwrap();
        self.issue("F1", &begun.account).await;
        self.auth.enrolment.set_password(&browser, PASSWORD, self.now()).await.unwrap();
        (browser, begun.account)
    }

    async fn show(&self, browser: &Token, code: &str) -> Result<Serial, EnrolmentError> {
        self.auth.enrolment.show_token(browser, code, self.now(), self.now()).await
    }

    /// Somebody who enrolled with the token F1 alone, in a session that it opened; its next code is the second.
    async fn with_code(&self) -> (Account, std::sync::Arc<Identity>) {
        self.stock().await;
        let (enrolling, _) = self.begun("wang li").await;
        self.show(&enrolling, &code(0, 0)).await.unwrap();
        let account = self.auth.enrolment.complete(&enrolling, self.now()).await.unwrap();
        let identity = self.session_by(&account, "F1").await;
        (account, identity)
    }

    async fn session_by(&self, account: &Account, name: &str) -> std::sync::Arc<Identity> {
        let token = self.store.token(&serial(name)).await.unwrap().unwrap().id;
        let created = self.auth.sessions.create(account, token, Factor::PasswordAndSecurityKey, browser(), self.now()).await.unwrap();
        created.unwrap().1
    }

    async fn prove_by_code(&self, identity: &Identity, about: Option<&Serial>, code: &str) -> Result<Proven, KeyChangeError> {
        self.auth.keys.prove_by_code(identity, about, code, self.now(), self.now()).await
    }

    async fn activate(&self, identity: &Identity, proof: &Token, name: &str, code: &str) -> Result<(), KeyChangeError> {
        let keys = &self.auth.keys;
        let shown = keys.check_activation(identity, proof, &serial(name), code, self.now(), self.now()).await?;
        keys.activate(identity, proof, shown, self.now()).await
    }

    async fn bring_back(&self, identity: &Identity, name: &str, codes: (&str, &str)) -> Result<(), KeyChangeError> {
        let keys = &self.auth.keys;
        let astray = keys.check_astray(identity, &serial(name), codes, self.now(), self.now()).await?;
        keys.resynchronise(identity, astray, self.now()).await
    }

    async fn lose(&self, identity: &Identity, proven: &Proven, name: &str) -> Result<Vec<Ended>, KeyChangeError> {
        let lost = self.auth.keys.check_loss(identity, proven, &serial(name), self.now()).await?;
        self.auth.keys.report_lost(lost, self.now()).await
    }
}

#[tokio::test]
async fn a_code_token_instead_of_a_key_completes_an_enrolment_and_the_code_is_spent_with_it() {
    let world = World::new().await;
    world.stock().await;
    let (enrolling, account) = world.begun("wang li").await;
    let enrolment = &world.auth.enrolment;
    assert!(matches!(enrolment.complete(&enrolling, world.now()).await, Err(EnrolmentError::Unfinished)));
    assert!(matches!(world.show(&enrolling, "000000").await, Err(EnrolmentError::Code(CodeDenied::Wrong))));
    assert!(matches!(enrolment.complete(&enrolling, world.now()).await, Err(EnrolmentError::Unfinished)));
    assert_eq!(world.show(&enrolling, &code(0, 0)).await.unwrap(), serial("F1"));
    assert_eq!(world.token_state("F1").await, TokenState::Issued, "only completion makes it active");
    assert_eq!(enrolment.complete(&enrolling, world.now()).await.unwrap().state, AccountState::Active);
    assert_eq!(world.token_state("F1").await, TokenState::Active);
    assert!(matches!(world.auth.codes.take(account.id, &code(0, 0), world.now()).await, Err(CodeError::Wrong)));
    world.auth.codes.take(account.id, &code(0, 1), world.now()).await.unwrap();
    assert!(world.auth.sessions.lookup(&enrolling, &host("gate.localhost"), world.now()).is_none(), "it opens no session");
}

#[tokio::test]
async fn a_token_shown_in_an_enrolment_that_is_never_completed_opens_nothing() {
    let world = World::new().await;
    world.stock().await;
    let (abandoned, account) = world.begun("wang li").await;
    world.show(&abandoned, &code(0, 0)).await.unwrap();
    let anew = world.invite("wang li", Role::Member).await;
    let (browser, begun) = world.auth.enrolment.open(&anew, world.now()).await.unwrap();
    assert!(begun.shown.is_empty() && begun.has_more_to_show);
    assert!(matches!(world.auth.enrolment.complete(&abandoned, world.now()).await, Err(EnrolmentError::Gone)));
    world.auth.enrolment.set_password(&browser, PASSWORD, world.now()).await.unwrap();
    assert!(matches!(world.auth.enrolment.complete(&browser, world.now()).await, Err(EnrolmentError::Unfinished)));
    let mut device = Device::new();
    let challenge = world.auth.enrolment.key_options(&browser, world.now()).await.unwrap();
    world.auth.enrolment.add_key(&browser, &challenge.id, &device.create(&challenge.options), "blue", world.now()).await.unwrap();
    world.auth.enrolment.complete(&browser, world.now()).await.unwrap();
    assert_eq!(world.token_state("F1").await, TokenState::Issued);
    assert!(matches!(world.auth.codes.take(account.id, &code(0, 1), world.now()).await, Err(CodeError::NoToken)));
}

#[tokio::test]
async fn a_tenth_wrong_code_at_enrolment_suspends_the_token_and_no_more_are_looked_at_however_many_come_at_once() {
    let world = World::new().await;
    world.stock().await;
    let (enrolling, account) = world.begun("wang li").await;
    for _ in 0..9 {
        assert!(matches!(world.show(&enrolling, "000000").await, Err(EnrolmentError::Code(CodeDenied::Wrong))));
    }
    let Err(EnrolmentError::Code(CodeDenied::Stopped { serials, .. })) = world.show(&enrolling, "000000").await else { panic!() };
    assert_eq!(serials, [serial("F1")]);
    assert!(matches!(world.show(&enrolling, &code(0, 0)).await, Err(EnrolmentError::Code(CodeDenied::NoToken))), "a right one is too late");
    assert!(matches!(world.auth.enrolment.complete(&enrolling, world.now()).await, Err(EnrolmentError::Unfinished)));

    world.issue("F2", &account).await;
    let (wrong, right) = (code(1, 500), code(1, 0));
    let guesses = (0..30).map(|n| world.show(&enrolling, if n == 29 { &right } else { &wrong }));
    let all = futures_util::future::join_all(guesses).await;
    assert!(all.iter().all(Result::is_err), "the right one came thirtieth");
    assert_eq!(world.token_state("F2").await, TokenState::Suspended);
}

#[tokio::test]
async fn staff_do_not_enrol_with_a_code_token_alone() {
    let world = World::new().await;
    world.stock().await;
    let invitation = world.invite("shen", Role::SecurityAdministrator).await;
    let account = world.store.account_by_name(&AccountName::parse("shen").unwrap()).await.unwrap().unwrap();
    let serial = Serial::parse("F1").unwrap();
    assert_eq!(world.store.issue_token(&serial, account.id, world.now()).await.unwrap(), TokenChange::Done { ended: vec![] });
    let (browser, _) = world.auth.enrolment.open(&invitation, world.now()).await.unwrap();
    world.auth.enrolment.set_password(&browser, PASSWORD, world.now()).await.unwrap();
    assert!(matches!(world.show(&browser, &code(0, 0)).await, Err(EnrolmentError::Code(CodeDenied::NoToken))));
    assert!(matches!(world.auth.enrolment.complete(&browser, world.now()).await, Err(EnrolmentError::Unfinished)));
}

#[tokio::test]
async fn nobody_shows_a_token_that_another_person_was_given() {
    let world = World::new().await;
    world.stock().await;
    let (_, _) = world.begun("wang li").await;
    let invitation = world.invite("li na", Role::Member).await;
    let (enrolling, begun) = world.auth.enrolment.open(&invitation, world.now()).await.unwrap();
    assert!(!begun.has_more_to_show);
    assert!(matches!(world.show(&enrolling, &code(0, 0)).await, Err(EnrolmentError::Code(CodeDenied::NoToken))));
    assert!(matches!(world.show(&Token::random().unwrap(), &code(0, 0)).await, Err(EnrolmentError::Gone)));
}

#[tokio::test]
async fn an_issued_token_is_activated_with_a_proof_by_the_key_and_never_by_a_code_where_there_is_a_key() {
    let world = World::new().await;
    world.stock().await;
    let mut blue = Device::new();
    let account = world.enrol("wang li", &mut blue).await;
    let identity = world.sign_in("wang li", &mut blue).await.identity;
    world.issue("F1", &account).await;
    assert_eq!(
        world.auth.keys.proof_needed(&identity, None, world.now()).await.unwrap(),
        ProofNeeded::Key { security_key: true, usb_key: false }
    );
    let none = Token::random().unwrap();
    assert!(matches!(world.activate(&identity, &none, "F1", &code(0, 0)).await, Err(KeyChangeError::NoProof)));
    let proof = world.prove(&identity, &mut blue).await.unwrap();
    assert!(matches!(world.activate(&identity, &proof, "F1", "000000").await, Err(KeyChangeError::Code(CodeDenied::Wrong))));
    assert!(matches!(world.activate(&identity, &proof, "F2", &code(1, 0)).await, Err(KeyChangeError::NoSuchKey)), "in the drawer");
    world.activate(&identity, &proof, "F1", &code(0, 0)).await.unwrap();
    assert_eq!(world.token_state("F1").await, TokenState::Active);
    world.issue("F2", &account).await;
    assert!(matches!(world.activate(&identity, &proof, "F2", &code(1, 0)).await, Err(KeyChangeError::NoProof)), "it paid for one");
    assert!(matches!(world.prove_by_code(&identity, None, &code(0, 1)).await, Err(KeyChangeError::NoProof)));
}

#[tokio::test]
async fn who_has_no_key_proves_with_a_code_of_another_token_and_a_wrong_tenth_one_ends_her_session() {
    let world = World::new().await;
    let (account, identity) = world.with_code().await;
    world.issue("F2", &account).await;
    assert_eq!(world.auth.keys.proof_needed(&identity, None, world.now()).await.unwrap(), ProofNeeded::Code);
    assert!(
        matches!(world.prove_by_code(&identity, None, &code(1, 0)).await, Err(KeyChangeError::Code(CodeDenied::Wrong))),
        "not active yet"
    );
    let proof = world.prove_by_code(&identity, None, &code(0, 1)).await.unwrap();
    assert!(matches!(world.prove_by_code(&identity, None, &code(0, 1)).await, Err(KeyChangeError::Code(CodeDenied::Wrong))), "spent");
    world.activate(&identity, proof.token(), "F2", &code(1, 0)).await.unwrap();
    world.auth.codes.take(account.id, &code(1, 1), world.now()).await.unwrap();
    for _ in 0..9 {
        assert!(world.prove_by_code(&identity, None, "000000").await.unwrap_err().is_wrong());
    }
    let error = world.prove_by_code(&identity, None, "000000").await.unwrap_err();
    let KeyChangeError::Code(CodeDenied::Stopped { serials, sessions_ended }) = error else { panic!("{error}") };
    assert_eq!((serials, sessions_ended), (vec![serial("F1"), serial("F2")], 1));
    assert!(identity.is_revoked());
}

#[tokio::test]
async fn two_codes_in_a_row_bring_her_own_token_back_without_a_proof_and_wrong_ones_count() {
    let world = World::new().await;
    let (account, identity) = world.with_code().await;
    let (first, second) = (code(0, 400), code(0, 401));
    assert!(matches!(world.bring_back(&identity, "F1", (&first, &first)).await, Err(KeyChangeError::Code(CodeDenied::Wrong))));
    assert!(matches!(world.bring_back(&identity, "F2", (&first, &second)).await, Err(KeyChangeError::Code(CodeDenied::NoToken))));
    world.bring_back(&identity, "F1", (&first, &second)).await.unwrap();
    world.auth.codes.take(account.id, &code(0, 402), world.now()).await.unwrap();
    for _ in 0..9 {
        world.bring_back(&identity, "F1", ("000000", "000000")).await.unwrap_err();
    }
    assert!(matches!(world.bring_back(&identity, "F1", ("000000", "000000")).await, Err(KeyChangeError::Code(CodeDenied::Stopped { .. }))));
    assert_eq!(world.token_state("F1").await, TokenState::Suspended);
}

#[tokio::test]
async fn a_token_is_reported_lost_by_another_one_and_ends_what_it_opened_at_once() {
    let world = World::new().await;
    let (account, by_code) = world.with_code().await;
    let mut red = Device::new();
    let proof = world.prove_by_code(&by_code, None, &code(0, 1)).await.unwrap();
    let challenge = world.auth.keys.new_key_options(&by_code, proof.token(), world.now()).await.unwrap();
    let credential = red.create(&challenge.options);
    let checked = world.auth.keys.check(&by_code, proof.token(), &challenge.id, &credential, "red", world.now()).await.unwrap();
    let key = world.auth.keys.add(&by_code, proof.token(), checked, world.now()).await.unwrap().id;
    let by_key = world.sign_in("wang li", &mut red).await.identity;

    // The key is not lost by the key, nor by a proof of another session.
    let key_serial = world.store.keys(account.id).await.unwrap().remove(0).serial;
    let by_itself = world.prove_except(&by_key, None, &mut red).await.unwrap();
    assert!(matches!(world.lose(&by_key, &by_itself, key_serial.as_str()).await, Err(KeyChangeError::NoProof)));
    assert!(matches!(world.lose(&by_code, &by_itself, "F1").await, Err(KeyChangeError::NoProof)));
    assert!(matches!(world.lose(&by_key, &by_itself, "F2").await, Err(KeyChangeError::NoSuchKey)));
    assert_eq!(world.auth.keys.proof_needed(&by_key, Some(&key_serial), world.now()).await.unwrap(), ProofNeeded::Code);
    assert!(world.auth.keys.proof_options(&by_key, Some(key), world.now()).await.is_err(), "it is not even asked");

    let ended = world.lose(&by_key, &by_itself, "F1").await.unwrap();
    assert_eq!(ended.iter().map(|ended| ended.id).collect::<Vec<_>>(), [by_code.session_id()]);
    assert!(by_code.is_revoked() && !by_key.is_revoked());
    assert_eq!(world.token_state("F1").await, TokenState::Lost);
    assert!(matches!(world.lose(&by_key, &by_itself, "F1").await, Err(KeyChangeError::NoSuchKey)), "it has ended");
    assert!(matches!(world.auth.codes.take(account.id, &code(0, 2), world.now()).await, Err(CodeError::NoToken)));
    let fresh = world.prove(&by_key, &mut red).await.unwrap();
    let removal = world.auth.keys.check_removal(&by_key, &fresh, key, world.now()).await;
    assert!(matches!(removal, Err(KeyChangeError::LastOne)), "a lost token does not count as one");
}

#[tokio::test]
async fn the_last_key_may_be_removed_where_an_active_code_token_is_left() {
    let world = World::new().await;
    world.stock().await;
    let mut blue = Device::new();
    let account = world.enrol("wang li", &mut blue).await;
    let identity = world.sign_in("wang li", &mut blue).await.identity;
    let key = identity.key();
    world.issue("F1", &account).await;
    let proof = world.prove(&identity, &mut blue).await.unwrap();
    let removal = world.auth.keys.check_removal(&identity, &proof, key, world.now()).await;
    assert!(matches!(removal, Err(KeyChangeError::LastOne)), "one that is only issued opens nothing");
    world.activate(&identity, &proof, "F1", &code(0, 0)).await.unwrap();
    let proof = world.prove(&identity, &mut blue).await.unwrap();
    let removable = world.auth.keys.check_removal(&identity, &proof, key, world.now()).await.unwrap();
    world.auth.keys.remove(&identity, &proof, removable, world.now()).await.unwrap();
    assert_eq!(world.store.keys(account.id).await.unwrap(), []);
}

#[tokio::test]
async fn the_last_token_is_reported_lost_with_the_password_which_proves_nothing_else() {
    let world = World::new().await;
    let (_, identity) = world.with_code().await;
    let (last, now) = (serial("F1"), world.now());
    assert_eq!(world.auth.keys.proof_needed(&identity, Some(&last), now).await.unwrap(), ProofNeeded::Password);
    let wrong = world.auth.keys.prove_by_password(&identity, &last, "a wrong password", now).await;
    assert!(matches!(wrong, Err(KeyChangeError::WrongPassword)));
    let proven = world.auth.keys.prove_by_password(&identity, &last, PASSWORD, now).await.unwrap();
    let registering = world.auth.keys.new_key_options(&identity, proven.token(), now).await;
    assert!(matches!(registering, Err(KeyChangeError::NoProof)));
    let other = world.auth.keys.prove_by_password(&identity, &serial("F9"), PASSWORD, now).await;
    assert!(matches!(other, Err(KeyChangeError::NoProof)), "she has another one then");
    world.lose(&identity, &proven, "F1").await.unwrap();
    assert!(identity.is_revoked());
    assert_eq!(world.token_state("F1").await, TokenState::Lost);
}
