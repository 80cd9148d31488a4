//! What pages say: no two buttons alike, the first thing first, and nothing that is not so.

use askama::Template;

use super::super::samples::{USUAL, pages};
use super::*;
use crate::model::CertificateTrouble;

fn page_of(language: Language, wanted: &str) -> String {
    pages(language, USUAL).into_iter().find(|(name, _)| *name == wanted).unwrap().1
}

/// What is read of a piece of a page.
fn words_of(html: &str) -> String {
    html.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, words)| words)).collect::<String>().trim().to_owned()
}

#[test]
fn no_page_that_asks_once_more_has_two_buttons_with_the_same_words() {
    let mut asked = 0;
    for (language, name, page) in every_page() {
        if !page.contains("id=\"confirm-act\"") && !page.contains("id=\"withdraw\"") && !page.contains("id=\"reject\"") {
            continue;
        }
        let (_, main) = page.split_once("<main").unwrap();
        let (main, _) = main.split_once("</main>").unwrap();
        let button = |start: &str| match start.split_once('>').unwrap() {
            (tag, rest) if tag.starts_with("button") => rest.split("</button>").next().map(words_of),
            (tag, rest) if tag.starts_with("a ") && tag.contains("class=\"button") => rest.split("</a>").next().map(words_of),
            _ => None,
        };
        let mut words: Vec<String> = main.match_indices('<').filter_map(|(at, _)| button(&main[at + 1..])).collect();
        assert!(!words.is_empty() && words.iter().all(|words| !words.is_empty()), "{name} in {language:?}: {words:?}");
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count, "{name} in {language:?}: {words:?}");
        asked += 1;
    }
    assert!(asked > 10 * Language::ALL.len(), "{asked}");
}

#[test]
fn of_a_letter_with_a_code_token_the_code_comes_first_and_a_security_key_is_a_second_thing() {
    for language in Language::ALL {
        let primary = |page: &str| -> Vec<String> {
            let tags = tags(page);
            let buttons = tags.iter().filter(|(name, _)| name == "button");
            let primary = buttons.filter(|(_, attributes)| attribute(attributes, "class").is_some_and(|class| class.contains("primary")));
            primary.filter_map(|(_, attributes)| attribute(attributes, "id").map(str::to_owned)).collect()
        };
        let letter = page_of(*language, "enrol-code-of-the-letter");
        assert_eq!(primary(&letter), ["enrol-code-submit"], "{language:?}");
        assert!(letter.contains(&format!("<h1>{}</h1>", lang::text(*language, "enrol-letter-code-title"))));
        assert_eq!(primary(&page_of(*language, "enrol-key-or-code")), ["use-key"], "{language:?}");
    }
}

#[test]
fn whoever_has_a_whole_link_can_use_it_and_half_a_link_is_never_said_to_be_one() {
    for language in Language::ALL {
        let whole = lang::text(*language, "invitation-whole");
        assert!(page_of(*language, "unit-invitation").contains(&*whole));
        let halved = page_of(*language, "console-invitation");
        assert!(!halved.contains(&*whole) && halved.contains("id=\"invitation-halved\""));
    }
}

#[test]
fn what_nobody_else_has_to_confirm_is_not_called_a_proposal() {
    for language in Language::ALL {
        let proposal = lang::text(*language, "change-draft-title");
        assert!(page_of(*language, "console-change-draft").contains(&*proposal));
        assert!(!page_of(*language, "console-change-draft-no-key").contains(&*proposal));
    }
}

#[test]
fn to_try_again_is_not_the_first_thing_where_the_browser_has_to_be_closed_before() {
    for (trouble, primary) in [(CertificateTrouble::Missing, false), (CertificateTrouble::NotHers, true)] {
        let view = ErrorView {
            frame: Frame::portal(Language::English, "/", String::new()),
            status: 403,
            kind: ErrorKind::of(&Refusal::Certificate(trouble)),
            reference: None,
            portal: None,
            step_up: None,
            again: Some("/again".into()),
            retry_after_s: None,
            emergency: None,
            whom: None,
        };
        let page = view.render().unwrap();
        let (_, button) = page.split_once("id=\"try-again\"").unwrap();
        assert_eq!(button.split('>').next().unwrap().contains("primary"), primary, "{trouble:?}");
    }
}

#[test]
fn the_page_of_a_units_manager_says_whose_it_is_and_other_refusals_do_not() {
    let of = |rule: &str| ErrorKind::of(&Refusal::NotAllowed { rule: rule.into() });
    assert_eq!(of(MANAGERS_ALONE), ErrorKind::ManagersAlone);
    assert_eq!(of("no rule"), ErrorKind::NotAllowed);
}
