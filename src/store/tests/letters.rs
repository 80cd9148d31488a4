//! Lists of people, and the letters by which they enrol.

use super::*;
use crate::model::{Serial, TokenKind, TokenState};

fn serial(text: &str) -> Serial {
    Serial::parse(text).unwrap()
}

fn newcomer(name: &str, token: Option<&str>) -> Newcomer {
    Newcomer { account: account(name), is_known: false, token: token.map(serial) }
}

async fn stocked(names: &[&str]) -> (tempfile::TempDir, Store) {
    let (directory, store) = store().await;
    let seed = SealedSeed { sealed: vec![1, 2, 3], hash: "sha1".into(), digits: 6, period: None, next: 0, drift: 0 };
    let seeds: Vec<NewSeed> =
        names.iter().map(|name| NewSeed { token: TokenId::fresh(), serial: serial(name), expires: None, seed: seed.clone() }).collect();
    assert_eq!(store.stock_seeds(&seeds, NOW).await.unwrap(), []);
    (directory, store)
}

async fn token(store: &Store, name: &str) -> StoredToken {
    store.token(&serial(name)).await.unwrap().unwrap()
}

/// `wang` was taken in with F1 and has a letter, whose code has this hash.
async fn with_letter(code: u8) -> (tempfile::TempDir, Store, Account) {
    let (directory, store) = stocked(&["F1", "F2"]).await;
    let wang = newcomer("wang", Some("F1"));
    assert_eq!(store.import_people(std::slice::from_ref(&wang), NOW).await.unwrap(), None);
    let letter = NewLetter { account: wang.account.id, token: serial("F1"), code: hash(code) };
    assert_eq!(store.make_letters(&[letter], later(1000)).await.unwrap(), [wang.account.id]);
    (directory, store, wang.account)
}

#[tokio::test]
async fn people_are_taken_in_together_or_not_at_all() {
    let (_directory, store) = stocked(&["F1", "F2"]).await;
    let people = [newcomer("wang", Some("F1")), newcomer("li", None)];
    assert_eq!(store.import_people(&people, NOW).await.unwrap(), None);
    assert_eq!(
        (token(&store, "F1").await.state, token(&store, "F1").await.holder.unwrap().name.as_str().to_owned()),
        (TokenState::Issued, "wang".into())
    );
    for (people, first_wrong) in [
        ([newcomer("zhao", Some("F2")), newcomer("wang", None)], "wang"),
        ([newcomer("zhao", Some("F2")), newcomer("sun", Some("F1"))], "sun"),
        ([newcomer("zhao", Some("F2")), newcomer("sun", Some("F9"))], "sun"),
    ] {
        assert_eq!(store.import_people(&people, NOW).await.unwrap().unwrap().as_str(), first_wrong);
        assert_eq!(store.accounts(&AccountFilter::default()).await.unwrap().len(), 2);
        assert_eq!(token(&store, "F2").await.state, TokenState::InStock);
    }
    let known = store.known_people(&[people[0].account.name.clone()], &[serial("F1"), serial("F2"), serial("F9")]).await.unwrap();
    assert_eq!(known.accounts.len(), 1);
    assert_eq!(known.tokens[&serial("F1")].holder, Some(people[0].account.id));
    assert_eq!((known.tokens[&serial("F2")].state, known.tokens.len()), (TokenState::InStock, 2));
}

#[tokio::test]
async fn somebody_who_is_there_is_only_given_the_token_and_not_once_she_has_enrolled() {
    let (_directory, store) = stocked(&["F1", "F2"]).await;
    let li = newcomer("li", None);
    store.import_people(std::slice::from_ref(&li), NOW).await.unwrap();
    let again = Newcomer { is_known: true, token: Some(serial("F1")), ..li };
    assert_eq!(store.import_people(&[again], NOW).await.unwrap(), None);
    let (wang, _) = enrolled(&store, "wang", 1).await;
    let late = Newcomer { account: wang, is_known: true, token: Some(serial("F2")) };
    assert!(store.import_people(&[late], NOW).await.unwrap().is_some());
}

#[tokio::test]
async fn a_letter_is_due_to_members_who_hold_a_token_and_have_not_enrolled() {
    let (_directory, store) = stocked(&["F1", "F2"]).await;
    let staff = Account { role: Role::Auditor, ..account("zhao") };
    store.invite(&staff, hash(9), later(10)).await.unwrap();
    store.issue_token(&serial("F2"), staff.id, NOW).await.unwrap();
    let people = [newcomer("wang", Some("F1")), newcomer("li", None)];
    store.import_people(&people, NOW).await.unwrap();
    let due = store.letters_due(NOW).await.unwrap();
    let [wang] = due.as_slice() else { panic!("{due:?}") };
    assert_eq!((wang.account.name.as_str(), &wang.token, wang.has_invitation), ("wang", &serial("F1"), false));
    let of = |account, code| NewLetter { account, token: serial("F1"), code: hash(code) };
    let wrong = NewLetter { token: serial("F2"), ..of(staff.id, 1) };
    let made = store.make_letters(&[of(wang.account.id, 2), of(people[1].account.id, 3), wrong], later(1000)).await.unwrap();
    assert_eq!(made, [wang.account.id], "neither staff, nor who holds no token");
    assert!(store.letters_due(NOW).await.unwrap()[0].has_invitation);
    assert!(!store.letters_due(later(1000)).await.unwrap()[0].has_invitation);
}

#[tokio::test]
async fn a_letter_opens_with_the_serial_number_of_its_token_alone_and_not_as_a_link() {
    let (_directory, store, wang) = with_letter(1).await;
    assert_eq!(store.begin_enrolment(hash(1), hash(8), NOW).await.unwrap(), None, "the code alone is no invitation");
    assert_eq!(store.invitation(hash(1), NOW).await.unwrap(), None);
    let open = async |code: u8, name: &str, now| store.begin_enrolment_by_letter(hash(code), &serial(name), hash(9), now).await.unwrap();
    assert_eq!(open(7, "F1", NOW).await, LetterOpening::NoSuch);
    assert_eq!(open(1, "F1", later(1000)).await, LetterOpening::NoSuch);
    assert!(matches!(open(1, "F2", NOW).await, LetterOpening::WrongSerial { account, left: 4 } if account.id == wang.id));
    let LetterOpening::Begun(begun) = open(1, "F1", NOW).await else { panic!() };
    assert_eq!((begun.account.id, begun.to_show), (wang.id, Some(serial("F1"))));
    store.change_token(&serial("F1"), TokenState::Lost, NOW).await.unwrap();
    assert_eq!(open(1, "F1", NOW).await, LetterOpening::NoSuch, "its token is lost");
}

#[tokio::test]
async fn five_wrong_serial_numbers_end_a_letter_however_many_come_at_once() {
    let (_directory, store, _) = with_letter(1).await;
    let (wrong, right) = (serial("F2"), serial("F1"));
    let tries = futures_util::future::join_all((0..20).map(|_| store.begin_enrolment_by_letter(hash(1), &wrong, hash(9), NOW))).await;
    let mut left: Vec<u32> = tries
        .into_iter()
        .filter_map(|tried| match tried.unwrap() {
            LetterOpening::WrongSerial { left, .. } => Some(left),
            _ => None,
        })
        .collect();
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2, 3, 4]);
    assert_eq!(store.begin_enrolment_by_letter(hash(1), &right, hash(9), NOW).await.unwrap(), LetterOpening::NoSuch);
}

#[tokio::test]
async fn a_new_letter_or_invitation_makes_the_earlier_letter_worthless() {
    let (_directory, store, wang) = with_letter(1).await;
    let again = NewLetter { account: wang.id, token: serial("F1"), code: hash(2) };
    store.make_letters(&[again], later(1000)).await.unwrap();
    let open = async |code: u8| store.begin_enrolment_by_letter(hash(code), &serial("F1"), hash(code + 10), NOW).await.unwrap();
    assert_eq!(open(1).await, LetterOpening::NoSuch);
    assert!(matches!(open(2).await, LetterOpening::Begun(_)));
    store.invite(&wang, hash(3), later(900)).await.unwrap();
    assert_eq!(open(2).await, LetterOpening::NoSuch);
    assert_eq!(store.enrolment(hash(12), NOW).await.unwrap(), None, "what was begun with it is over");
}

#[tokio::test]
async fn an_enrolment_by_letter_does_not_complete_without_its_code_token() {
    let (_directory, store, wang) = with_letter(1).await;
    let browser = hash(9);
    store.begin_enrolment_by_letter(hash(1), &serial("F1"), browser, NOW).await.unwrap();
    assert!(store.save_enrolment_password(browser, "$argon2id$test", NOW).await.unwrap());
    store.add_enrolment_key(browser, &new_key(1), NOW).await.unwrap();
    assert_eq!(store.complete_enrolment(browser, NOW).await.unwrap(), Completion::Unfinished, "a key is not the token");
    let spending = Spending { token: token(&store, "F1").await.id, was: 0, next: 1, drift: 0 };
    assert!(store.show_enrolment_token(browser, &spending, NOW).await.unwrap());
    let Completion::Done(done) = store.complete_enrolment(browser, NOW).await.unwrap() else { panic!() };
    assert_eq!((done.id, token(&store, "F1").await.state), (wang.id, TokenState::Active));
    let again = store.begin_enrolment_by_letter(hash(1), &serial("F1"), browser, NOW).await.unwrap();
    assert_eq!(again, LetterOpening::NoSuch, "a letter works once");
}

#[tokio::test]
async fn an_enrolment_by_letter_that_was_begun_ends_with_the_loss_of_its_token() {
    let (_directory, store, _) = with_letter(1).await;
    assert!(matches!(store.begin_enrolment_by_letter(hash(1), &serial("F1"), hash(2), NOW).await.unwrap(), LetterOpening::Begun(_)));
    assert!(store.enrolment(hash(2), NOW).await.unwrap().is_some());
    store.change_token(&serial("F1"), TokenState::Lost, NOW).await.unwrap();
    assert_eq!(store.enrolment(hash(2), NOW).await.unwrap(), None);
    assert_eq!(store.complete_enrolment(hash(2), NOW).await.unwrap(), Completion::Gone);
}

#[tokio::test]
async fn whoever_begins_anew_gets_no_letter_and_no_token_by_a_list() {
    let (_directory, store) = stocked(&["F1", "F2"]).await;
    let (wang, _) = enrolled(&store, "wang", 1).await;
    store.reopen_account(wang.id, hash(9), later(900), NOW).await.unwrap().unwrap();
    store.issue_token(&serial("F1"), wang.id, NOW).await.unwrap();
    assert_eq!(store.letters_due(NOW).await.unwrap(), vec![]);
    let letter = NewLetter { account: wang.id, token: serial("F1"), code: hash(1) };
    assert_eq!(store.make_letters(&[letter], later(1000)).await.unwrap(), vec![]);
    assert!(store.begin_enrolment(hash(9), hash(2), NOW).await.unwrap().is_some(), "the link that two have made is still there");
    let account = store.account(wang.id).await.unwrap().unwrap();
    let listed = Newcomer { account, is_known: true, token: Some(serial("F2")) };
    assert!(store.import_people(&[listed], NOW).await.unwrap().is_some());
}

#[tokio::test]
async fn a_security_key_of_the_inventory_becomes_the_first_key_that_its_holder_registers() {
    let (_directory, store) = store().await;
    let id = TokenId::fresh();
    sqlx::query("INSERT INTO tokens (id, serial, kind, state, added) VALUES ($1, 'YK-7', 'webauthn', 'in-stock', 0)")
        .bind(id.to_string())
        .execute(&store.write)
        .await
        .unwrap();
    let wang = newcomer("wang", Some("YK-7"));
    store.import_people(std::slice::from_ref(&wang), NOW).await.unwrap();
    let letter = NewLetter { account: wang.account.id, token: serial("YK-7"), code: hash(1) };
    store.make_letters(&[letter], later(1000)).await.unwrap();
    let browser = hash(9);
    let LetterOpening::Begun(begun) = store.begin_enrolment_by_letter(hash(1), &serial("YK-7"), browser, NOW).await.unwrap() else {
        panic!()
    };
    assert_eq!(begun.to_show, None, "nobody can check a key's serial number");
    store.save_enrolment_password(browser, "$argon2id$test", NOW).await.unwrap();
    store.add_enrolment_key(browser, &new_key(1), NOW).await.unwrap();
    store.add_enrolment_key(browser, &new_key(2), NOW).await.unwrap();
    assert!(matches!(store.complete_enrolment(browser, NOW).await.unwrap(), Completion::Done(_)));
    let held = store.tokens_of(wang.account.id).await.unwrap();
    assert!(held.iter().all(|token| (token.kind, token.state) == (TokenKind::WebAuthn, TokenState::Active)));
    assert_eq!(held.iter().filter(|token| token.id == id && token.serial == serial("YK-7")).count(), 1);
    assert_eq!((held.len(), store.keys(wang.account.id).await.unwrap().len()), (2, 2));
}

/// `wang` holds a USB-KEY whose certificate the gateway knows, and has a letter for it.
async fn with_usb_key() -> (tempfile::TempDir, Store, Account) {
    let (directory, store) = store().await;
    let wang = newcomer("wang", None);
    store.import_people(std::slice::from_ref(&wang), NOW).await.unwrap();
    store.issue_certificate(&serial("UK-7"), wang.account.id, &certificate(1), OwnCertificate { key: &[1], pem: "" }, NOW).await.unwrap();
    (directory, store, wang.account)
}

fn certificate(n: u8) -> NewCertificate {
    NewCertificate {
        token: TokenId::fresh(),
        fingerprint: [n; 32],
        number: format!("{n:02x}"),
        subject: "CN=wang".into(),
        issuer: "CN=yumen".into(),
        not_after: later(86_400),
        chain: None,
    }
}

#[tokio::test]
async fn a_letter_is_made_for_a_usb_key_as_long_as_its_certificate_counts() {
    let (_directory, store, wang) = with_usb_key().await;
    let letter = NewLetter { account: wang.id, token: serial("UK-7"), code: hash(1) };
    assert_eq!(store.letters_due(NOW).await.unwrap()[0].token, serial("UK-7"));
    assert_eq!(store.make_letters(std::slice::from_ref(&letter), later(1000)).await.unwrap(), [wang.id]);
    store.revoke_certificate(&serial("UK-7"), NOW).await.unwrap();
    assert_eq!(store.letters_due(NOW).await.unwrap(), [], "nobody could tell that it is this one that is shown");
    assert_eq!(store.make_letters(&[letter], later(1000)).await.unwrap(), []);
}

#[tokio::test]
async fn an_enrolment_by_letter_does_not_complete_without_its_usb_key() {
    let (_directory, store, wang) = with_usb_key().await;
    let letter = NewLetter { account: wang.id, token: serial("UK-7"), code: hash(1) };
    store.make_letters(&[letter], later(1000)).await.unwrap();
    let browser = hash(9);
    let LetterOpening::Begun(begun) = store.begin_enrolment_by_letter(hash(1), &serial("UK-7"), browser, NOW).await.unwrap() else {
        panic!()
    };
    assert_eq!(begun.to_show, Some(serial("UK-7")));
    store.save_enrolment_password(browser, "$argon2id$test", NOW).await.unwrap();
    store.add_enrolment_key(browser, &new_key(1), NOW).await.unwrap();
    assert_eq!(store.complete_enrolment(browser, NOW).await.unwrap(), Completion::Unfinished, "a key is not the token");
    store.show_enrolment_certificate(browser, &certificate(2), true, NOW).await.unwrap();
    assert_eq!(store.complete_enrolment(browser, NOW).await.unwrap(), Completion::Unfinished, "neither is another USB-KEY");
    store.show_enrolment_certificate(browser, &certificate(1), true, NOW).await.unwrap();
    assert_eq!(store.enrolment(browser, NOW).await.unwrap().unwrap().to_show, None);
    assert!(matches!(store.complete_enrolment(browser, NOW).await.unwrap(), Completion::Done(_)));
    assert_eq!(token(&store, "UK-7").await.state, TokenState::Active);
    assert_eq!(store.certificate([2; 32]).await.unwrap(), None);
}
