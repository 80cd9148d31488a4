//! What forms ask for, and what is told of those that ask for nothing.

use super::*;
use crate::clock::Time;
use crate::incident::{Book, Extent};
use crate::model::{Entry, Record};

fn form(fields: &[(&str, &str)]) -> Fields {
    Fields::parse(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().as_bytes())
}

fn opened() -> Opening {
    Opening { title: "门户首页被改".to_owned(), level: Level::III, category: Category::Content, subject: None }
}

fn book(steps: &[Step]) -> Book {
    let mut book = Book::default();
    let events = std::iter::once(opened().event()).chain(steps.iter().map(|step| step.event(1)));
    for (number, event) in (1..).zip(events) {
        book.read(&Entry::stamp(number, Time::from_millis(1_800_000_000_000), [7; 16], Record::Event(event)));
    }
    book
}

fn read(book: &Book, word: &str, fields: &[(&str, &str)]) -> Result<Step, Wrong> {
    Context { case: book.case(1).unwrap(), plan: None, apps: &[] }.step(word, &form(fields))
}

fn wrong(word: &str, fields: &[(&str, &str)]) -> Alert {
    match read(&book(&[]), word, fields) {
        Err(Wrong::Told(alert)) => alert,
        other => panic!("{word}: {other:?}"),
    }
}

#[test]
fn each_form_asks_for_its_step() {
    let new = book(&[]);
    let why = || "看过日志".to_owned();
    let assess = [("level", "II"), ("category", "attack"), ("why", "看过日志")];
    let assessed = Step::Assessed { level: Level::II, category: Category::Attack, why: why() };
    assert_eq!(read(&new, "assessed", &assess), Ok(assessed));
    assert_eq!(read(&new, "level", &assess), Ok(Step::Level { level: Level::II, why: why() }));
    assert_eq!(read(&new, "merged", &[("into", " 12 "), ("why", "看过日志")]), Ok(Step::Merged { into: 12, why: why() }));
    assert_eq!(read(&new, "noted", &[("text", "a")]), Ok(Step::Noted { text: "a".to_owned() }));
    assert_eq!(read(&new, "acknowledged", &[]), Ok(Step::Acknowledged));
    assert_eq!(read(&new, "dismissed", &[("why", "看过日志")]), Ok(Step::Moved { to: Stage::Dismissed, why: why() }));
    assert_eq!(read(&new, "contained", &[]), Ok(Step::Moved { to: Stage::Contained, why: String::new() }));
    let extent = Extent { people: Some(1_200_000), loss: Some(7), ..Extent::default() };
    assert_eq!(read(&new, "extent", &[("people", "1,200 000"), ("loss", "7"), ("outage", " ")]), Ok(Step::Extent(extent)));
}

#[test]
fn no_form_leads_to_what_only_other_steps_do() {
    for word in ["merge", "acted", "", "Closed", "open", "detected/x"] {
        assert_eq!(read(&book(&[]), word, &[("why", "x"), ("for", "1"), ("what", "x")]), Err(Wrong::NoStep), "{word}");
    }
}

#[test]
fn what_is_malformed_is_told_in_its_own_words() {
    let long = "字".repeat(MOST_WORDS + 1);
    assert_eq!(wrong("noted", &[]), Alert::IncidentWordsMissing);
    assert_eq!(wrong("noted", &[("text", " \u{3000}\r\n\t\0")]), Alert::IncidentWordsMissing);
    assert_eq!(wrong("noted", &[("text", &long)]), Alert::IncidentWordsTooLong { most: 500 });
    assert_eq!(wrong("assessed", &[("level", "V"), ("category", "attack"), ("why", "x")]), Alert::IncidentLevelInvalid);
    assert_eq!(wrong("assessed", &[("level", "I"), ("category", "weather"), ("why", "x")]), Alert::IncidentCategoryInvalid);
    assert_eq!(wrong("assessed", &[("level", "I"), ("category", "attack")]), Alert::IncidentWordsMissing);
    assert_eq!(wrong("merged", &[("into", "x"), ("why", "x")]), Alert::IncidentNoSuch);
    for number in ["-1", "1.5", "many", "99999999999999999999"] {
        assert_eq!(wrong("extent", &[("loss", number)]), Alert::IncidentNumberInvalid, "{number}");
    }
    assert_eq!(wrong("extent", &[("app", "nosuch")]), Alert::IncidentAppUnknown);
    assert_eq!(wrong("task-done", &[("task", "0123")]), Alert::IncidentTaskUnknown);
    assert_eq!(wrong("reported", &[("report", "first"), ("to", "x")]), Alert::IncidentReportUnknown);
    assert_eq!(wrong("handed-over", &[("account", "qian")]), Alert::IncidentNobody);
}

#[test]
fn words_come_into_one_line_and_as_many_as_may_be_are_taken() {
    let most = "字".repeat(MOST_WORDS);
    assert_eq!(words(&format!("  {most}\r\n")), Ok(most));
    assert_eq!(words("a\r\nb\u{85}c \t d\u{0}e"), Ok("a b c d e".to_owned()));
}

#[test]
fn what_ends_something_or_begins_it_anew_has_to_be_explained() {
    let why = || "x".to_owned();
    let assessed = Step::Assessed { level: Level::II, category: Category::Attack, why: why() };
    let moved = |to| Step::Moved { to, why: why() };
    let assessed = book(std::slice::from_ref(&assessed));
    assert_eq!(read(&assessed, "responding", &[]), Ok(Step::Moved { to: Stage::Responding, why: String::new() }));
    let steps = [
        Step::Assessed { level: Level::II, category: Category::Attack, why: why() },
        moved(Stage::Responding),
        moved(Stage::Contained),
        moved(Stage::Recovering),
    ];
    let recovering = book(&steps);
    assert_eq!(recovering.case(1).unwrap().stage, Stage::Recovering);
    for word in ["responding", "closed", "dismissed"] {
        assert_eq!(read(&recovering, word, &[]), Err(Wrong::Told(Alert::IncidentWordsMissing)), "{word}");
    }
    // Of every stage, wherever it may go from there: what has no reason can be one button.
    for from in Stage::ALL {
        for to in from.next().iter().filter(|to| !to.is_open()) {
            assert!(asks_why(*from, *to), "{from} {to}");
        }
    }
}

#[test]
fn an_incident_is_opened_with_what_was_typed_or_what_is_wrong_is_told() {
    let asked = |about: &str, name: &str| {
        opening(&form(&[("title", "门户首页\n被改"), ("level", "III"), ("category", "content"), ("about", about), ("name", name)]), &[])
    };
    let subject = |about, name| asked(about, name).unwrap().subject;
    assert_eq!(asked("", "").unwrap(), Opening { title: "门户首页 被改".to_owned(), ..opened() });
    assert_eq!(subject("account", " Wang "), Some(Subject::Account("wang".to_owned())));
    assert_eq!(subject("address", "::ffff:192.0.2.7"), Some(Subject::Address("192.0.2.7".parse().unwrap())));
    assert_eq!(subject("unit", "新闻办"), Some(Subject::Unit("新闻办".to_owned())));
    for (about, name) in [("", "wang"), ("account", ""), ("address", "192.0.2"), ("unit", ""), ("app", "nosuch"), ("gateway", "x")] {
        assert_eq!(asked(about, name), Err(Alert::IncidentSubjectInvalid), "{about} {name}");
    }
    assert_eq!(opening(&form(&[("level", "I")]), &[]), Err(Alert::IncidentWordsMissing));
    assert_eq!(opening(&form(&[("title", "x"), ("level", "0")]), &[]), Err(Alert::IncidentLevelInvalid));
    assert_eq!(opening(&form(&[("title", "x"), ("level", "I"), ("category", "x")]), &[]), Err(Alert::IncidentCategoryInvalid));
}
