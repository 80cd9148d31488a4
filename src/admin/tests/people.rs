//! Lists of people and letters at the desk: whole or not at all, on record, again without doubling.

use super::super::{LetterSettings, PeopleImported};
use super::town::at;
use super::*;
use crate::model::Serial;

fn list(count: usize, tokens: usize) -> String {
    let row = |number: usize| {
        let token = if number < tokens { format!("F{number}") } else { String::new() };
        format!("p{number},unit{},{token}\n", number % 7)
    };
    "name,unit,token\n".to_owned() + &(0..count).map(row).collect::<String>()
}

async fn stocked(directory: &std::path::Path, tokens: usize) -> Desk {
    let desk = desk(directory).await;
    if tokens == 0 {
        return desk;
    }
    let delivery: String = (0..tokens).map(|number| format!("F{number},3132333435363738393031323334353637383930\n")).collect();
    desk.import_seeds(&OFFICE, delivery.as_bytes(), None, false, NOW).await.unwrap();
    desk
}

async fn count(desk: &Desk) -> usize {
    desk.accounts(&OFFICE, &AccountFilter::default()).await.unwrap().len()
}

fn name(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

#[tokio::test]
async fn a_list_is_taken_in_part_by_part_and_again_without_doubling_anybody() {
    let directory = tempfile::tempdir().unwrap();
    let desk = stocked(directory.path(), 60).await;
    let (admin, file) = (staff(Role::SecurityAdministrator), list(120, 60));
    let found = desk.look_through_people(&admin, file.as_bytes()).await.unwrap();
    assert_eq!((found.rows, found.new, found.same, found.tokens, found.problems.len()), (120, 120, 0, 60, 0));
    assert_eq!(count(&desk).await, 0, "looking changes nothing");
    let import = async |from| desk.import_people(&admin, file.as_bytes(), from, NOW).await.unwrap();
    assert_eq!(import(0).await, PeopleImported { new: 50, same: 0, tokens: 50, next: Some(50), rows: 120 });
    // The answer was lost: it begins again.
    assert_eq!(import(0).await, PeopleImported { new: 0, same: 50, tokens: 0, next: Some(50), rows: 120 });
    assert_eq!(import(50).await, PeopleImported { new: 50, same: 0, tokens: 10, next: Some(100), rows: 120 });
    assert_eq!(import(100).await, PeopleImported { new: 20, same: 0, tokens: 0, next: None, rows: 120 });
    assert_eq!(count(&desk).await, 120);
    let found = desk.look_through_people(&admin, file.as_bytes()).await.unwrap();
    assert_eq!((found.new, found.same, found.tokens), (0, 120, 0));
    let entries = Tail::new(directory.path(), Filter::default()).next_batch().unwrap();
    let of = |wanted: Action| {
        let events = entries.iter().filter_map(|entry| match &entry.record {
            Record::Event(event) if event.action == wanted && event.outcome == Outcome::Done => Some(event.clone()),
            _ => None,
        });
        events.collect::<Vec<_>>()
    };
    assert_eq!((of(Action::AccountInvited).len(), of(Action::TokenIssued).len()), (120, 60));
    let parts = of(Action::PeopleImported);
    let digest = data_encoding::HEXLOWER.encode(&crate::crypto::sha256(file.as_bytes()));
    assert!(parts.iter().all(|part| part.details["file"] == digest && part.who.is_some()));
    let counts: Vec<_> = parts.iter().map(|part| (part.details["from-row"].as_str(), part.details["new"].as_str())).collect();
    assert_eq!(counts, [("1", "50"), ("1", "0"), ("51", "50"), ("101", "20")]);
}

#[tokio::test]
async fn with_anything_wrong_nothing_is_imported_and_each_reason_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let desk = stocked(directory.path(), 4).await;
    for (name, role) in [("boss", Role::Auditor), ("li", Role::Member)] {
        desk.invite(&OFFICE, NewAccount { name: self::name(name), role, ..wang() }, NOW).await.unwrap();
    }
    desk.issue_token(&OFFICE, &Serial::parse("F1").unwrap(), &name("li"), NOW).await.unwrap();
    desk.stop_token(&OFFICE, &Serial::parse("F2").unwrap(), super::super::TokenEnd::Lost, at(NOW)).await.unwrap();
    let file = "name,unit,token,email\nnew,x,F0,\nboss,x,,\nli,y,,\nzhao,x,F1,\nsun,x,F2,\nqian,x,F9,\nli2,x,,\n";
    let found = desk.look_through_people(&OFFICE, file.as_bytes()).await.unwrap();
    let said: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
    let expected = [
        "line 3, name: the name is taken by a staff account (auditor)",
        "line 4, unit: the name is taken: there is an account of this name in the unit x",
        "line 5, token: the token F1 is given to somebody else already",
        "line 6, token: the token F2 is lost, not in stock",
        "line 7, token: there is no token F9 in the inventory",
    ];
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    assert!(said.iter().zip(expected).all(|(said, expected)| said.starts_with(expected)), "{said:#?}");
    assert_eq!((found.new, found.differing), (2, 2));
    assert!(
        matches!(desk.import_people(&OFFICE, file.as_bytes(), 0, NOW).await, Err(AdminError::BadRoster(problems)) if problems.len() == 5)
    );
    assert_eq!(count(&desk).await, 2);
    let with_email = "name,unit,email\nli,x,li@city.test\n";
    assert_eq!(desk.look_through_people(&OFFICE, with_email.as_bytes()).await.unwrap().differing, 1);
}

#[tokio::test]
async fn a_mistake_far_down_keeps_the_first_part_out_too() {
    let directory = tempfile::tempdir().unwrap();
    let desk = stocked(directory.path(), 0).await;
    let file = list(120, 0) + "last,x,F9\n";
    assert!(matches!(desk.import_people(&OFFICE, file.as_bytes(), 0, NOW).await, Err(AdminError::BadRoster(_))));
    assert_eq!((count(&desk).await, events(directory.path())), (0, vec![]));
}

#[tokio::test]
async fn without_a_log_nobody_is_imported_and_no_letter_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let desk = stocked(directory.path(), 1).await;
    desk.import_people(&OFFICE, list(1, 1).as_bytes(), 0, NOW).await.unwrap();
    desk.journal.shut_down().await;
    assert!(matches!(desk.import_people(&OFFICE, list(2, 1).as_bytes(), 0, NOW).await, Err(AdminError::NoRecord(_))));
    assert!(matches!(desk.make_letters(&OFFICE, &[name("p0")], NOW).await, Err(AdminError::NoRecord(_))));
    assert_eq!(count(&desk).await, 1);
    assert!(!desk.letters_due(&OFFICE, NOW).await.unwrap()[0].has_invitation);
}

#[tokio::test]
async fn letters_are_made_for_those_who_can_have_one_live_as_long_as_is_set_and_no_code_is_on_record() {
    let directory = tempfile::tempdir().unwrap();
    let life = std::time::Duration::from_hours(48);
    let desk = stocked(directory.path(), 2).await.with_letters(LetterSettings { life, contact: None });
    desk.import_people(&OFFICE, list(3, 2).as_bytes(), 0, NOW).await.unwrap();
    let letters = desk.make_letters(&OFFICE, &["p0", "p1", "p2", "nobody"].map(name), NOW).await.unwrap();
    let shown: Vec<_> = letters.iter().map(|letter| (letter.name.as_str(), letter.serial.as_str(), letter.expires)).collect();
    assert_eq!(shown, [("p0", "F0", NOW.plus(life)), ("p1", "F1", NOW.plus(life))]);
    assert_ne!(letters[0].code, letters[1].code);
    let log = format!("{:?}", Tail::new(directory.path(), Filter::default()).next_batch().unwrap());
    assert_eq!(log.matches("LetterMade").count(), 2);
    for letter in &letters {
        assert!(!log.contains(&letter.code.reveal()) && !log.contains(&letter.code.reveal().replace('-', "")));
    }
}
