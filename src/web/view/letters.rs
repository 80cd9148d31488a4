//! Enrolment letters on paper: a file of its own, one page a person, with everything in it and no script.
//!
//! Invariant: a letter says everything in all three languages, since nobody knows which one its reader has.

use std::borrow::Cow;

use askama::Template;

use crate::lang::{self, Language, Value};
use crate::web::qr::{self, Qr};

/// What the file begins with.
#[derive(Clone, Debug, Template)]
#[template(path = "letters_head.html")]
pub struct LettersHead;

/// What it ends with.
pub const LETTERS_END: &str = "</body>\n</html>\n";

/// One page.
#[derive(Clone, Debug, Template)]
#[template(path = "letter.html")]
pub struct LetterPage {
    pub name: String,
    pub unit: String,
    /// The end of the token's serial number: enough to put the letter to its token, not enough to use the letter without it.
    pub serial_end: String,
    /// In groups.
    pub code: String,
    /// Where the letter is opened.
    pub address: String,
    /// Until when it can be, with the zone.
    pub until: String,
    pub contact: Option<String>,
    /// The address with the code as a drawing.
    pub qr: Option<Qr>,
}

/// What a letter is made of, and what its reader is to do.
#[derive(Clone, Debug)]
pub struct LetterFacts {
    pub name: String,
    pub unit: String,
    pub serial: String,
    pub code: String,
    pub until: String,
    pub contact: Option<String>,
}

impl LetterPage {
    /// `portal`: `https://host[:port]`.
    pub fn new(portal: &str, facts: LetterFacts) -> Self {
        let LetterFacts { name, unit, serial, code, until, contact } = facts;
        let address = format!("{portal}/enrol/letter");
        // The code stands in the fragment, which browsers send to nobody.
        let qr = qr::draw(&format!("{address}#{code}"));
        Self { name, unit, serial_end: end_of(&serial), code, address, until, contact, qr }
    }

    fn text(&self, language: &Language, key: &str) -> Cow<'static, str> {
        lang::text(*language, key)
    }

    /// What a fact is called, in all languages.
    fn label(&self, key: &str) -> String {
        Language::ALL.iter().map(|language| lang::text(*language, key)).collect::<Vec<_>>().join(" · ")
    }

    fn asked(&self, language: &Language) -> Cow<'static, str> {
        match &self.contact {
            Some(contact) => lang::text_with(*language, "letter-ask-contact", &[("contact", Value::Name(contact))]),
            None => lang::text(*language, "letter-ask"),
        }
    }
}

/// Four characters, and of a short number half.
fn end_of(serial: &str) -> String {
    let length = serial.chars().count();
    let hidden = length.saturating_sub(4).max(length.div_ceil(2));
    serial.chars().skip(hidden).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(name: &str) -> String {
        let facts = LetterFacts {
            name: name.into(),
            unit: "宣传部".into(),
            serial: "FT-0042A".into(),
            code: "ABCD-EFGH-JKMN-PQRS-TVWX".into(),
            until: "2026-12-06 09:00 (UTC+08:00)".into(),
            contact: None,
        };
        LetterPage::new("https://gate.city.example", facts).render().unwrap()
    }

    #[test]
    fn a_letter_says_everything_in_three_languages_and_needs_nothing_from_elsewhere() {
        let whole = [LettersHead.render().unwrap(), page("王丽"), LETTERS_END.to_owned()].concat();
        for text in ["王丽", "宣传部", "…042A", "ABCD-EFGH-JKMN-PQRS-TVWX", "https://gate.city.example/enrol/letter", "2026-12-06 09:00"]
        {
            assert!(whole.contains(text), "{text}");
        }
        for language in Language::ALL {
            assert!(whole.contains(&format!("lang=\"{}\" dir=\"{}\"", language.tag(), language.direction().word())));
            assert!(whole.contains(&*lang::text(*language, "letter-warning")), "{language:?}");
        }
        for foreign in ["<script", "src=", "url(", "<link", "@import"] {
            assert!(!whole.contains(foreign), "{foreign}");
        }
    }

    #[test]
    fn whoever_has_only_the_letter_does_not_learn_the_serial_number_from_it() {
        assert!(!page("王丽").contains("FT-0"));
        for (serial, end) in [("FT-0042A", "042A"), ("F1", "1"), ("F", ""), ("12345", "45")] {
            assert_eq!(end_of(serial), end);
        }
    }

    #[test]
    fn a_name_cannot_become_a_part_of_the_letter() {
        let page = page("<script>alert(1)</script>");
        assert!(!page.contains("<script>") && page.contains("script&#62;alert(1)"), "{page}");
    }
}
