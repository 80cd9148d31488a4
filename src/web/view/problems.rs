//! What is wrong with a line of a file that was sent to be imported, in the words of whoever reads the page. A terminal has its own.

use std::borrow::Cow;

use super::Frame;
use crate::admin::RowReason;
use crate::lang::{self, Value};
use crate::model::NotAName;
use crate::oath::{Reason, Undecipherable, WrongScheme};

/// Of a list of people.
pub(super) fn of_row(frame: &Frame, reason: &RowReason) -> Cow<'static, str> {
    let named = |key, argument, name: &str| frame.t_name(key, argument, name);
    match reason {
        RowReason::TooLarge => named("problem-too-large", "most", "3 MiB"),
        RowReason::NotText => frame.t("problem-not-text"),
        RowReason::Empty => frame.t("problem-names-nobody"),
        RowReason::TooMany => frame.t("problem-too-many"),
        RowReason::NoColumn(column) => named("problem-no-column", "column", column.word()),
        RowReason::UnknownColumn(column) => named("problem-unknown-column", "column", column),
        RowReason::ColumnTwice(column) => named("problem-column-twice", "column", column.word()),
        RowReason::Cells { found, expected } => text(frame, "problem-cells", &[("found", count(*found)), ("expected", count(*expected))]),
        RowReason::Name { why: NotAName::Empty, .. } => frame.t("problem-name-empty"),
        RowReason::Name { found, why: NotAName::TooLong } => named("problem-name-too-long", "found", found),
        RowReason::Name { found, why: NotAName::Invisible } => named("problem-name-invisible", "found", found),
        RowReason::Twice { found, first } => twice(frame, found, *first),
        RowReason::UnknownRole(found) => named("problem-unknown-role", "found", found),
        RowReason::Staff(role) => named("problem-staff", "role", &frame.role(role)),
        RowReason::Email(found) => named("problem-email", "found", found),
        RowReason::Serial(found) => named("problem-serial", "found", found),
        RowReason::TakenInUnit(unit) => named("problem-taken-in-unit", "unit", unit.as_str()),
        RowReason::TakenWithEmail(email) => named("problem-taken-with-email", "email", email),
        RowReason::TakenByStaff(role) => named("problem-taken-by-staff", "role", &frame.role(role)),
        RowReason::NamedByPlan => frame.t("problem-named-by-plan"),
        RowReason::Enrolled(state) => named("problem-enrolled", "state", &frame.state(state)),
        RowReason::UnknownToken(serial) => named("problem-unknown-token", "serial", serial.as_str()),
        RowReason::TokenGiven(serial) => named("problem-token-given", "serial", serial.as_str()),
        RowReason::TokenState { serial, state } => {
            let state = frame.token_state(state);
            text(frame, "problem-token-state", &[("serial", Value::Name(serial.as_str())), ("state", Value::Name(&state))])
        }
    }
}

/// Of a delivery of seeds.
pub(super) fn of_delivery(frame: &Frame, reason: &Reason) -> Cow<'static, str> {
    let named = |key, argument, name: &str| frame.t_name(key, argument, name);
    match reason {
        Reason::TooLarge => named("problem-too-large", "most", "32 MiB"),
        Reason::NotText => frame.t("problem-not-text"),
        Reason::Empty => frame.t("problem-no-token"),
        Reason::NotXml(why) => named("problem-not-xml", "why", why),
        Reason::Version(found) => named("problem-version", "found", found),
        Reason::Missing(element) => named("problem-missing", "element", element),
        Reason::Value { element, found, expected } => {
            let values = [("element", Value::Name(element)), ("found", Value::Name(found)), ("expected", Value::Name(expected))];
            text(frame, "problem-value", &values)
        }
        Reason::Algorithm { found, expected } => {
            text(frame, "problem-algorithm", &[("found", Value::Name(found)), ("expected", Value::Name(expected))])
        }
        Reason::Serial(found) => named("problem-serial", "found", found),
        Reason::Twice { serial, first } => twice(frame, serial.as_str(), *first),
        Reason::SeedLength(found) => text(frame, "problem-seed-length", &[("found", count(*found))]),
        Reason::SeedText => frame.t("problem-seed-text"),
        Reason::Scheme(WrongScheme::Digits(found)) => frame.t_count("problem-digits", "found", found),
        Reason::Scheme(WrongScheme::Period(found)) => frame.t_count("problem-period", "found", found),
        Reason::Undecipherable(why) => undecipherable(frame, why),
        Reason::Columns { found } => text(frame, "problem-columns", &[("found", count(*found))]),
    }
}

fn undecipherable(frame: &Frame, why: &Undecipherable) -> Cow<'static, str> {
    match why {
        Undecipherable::NoKey => frame.t("problem-encrypted"),
        Undecipherable::NotPreShared => frame.t("problem-not-pre-shared"),
        Undecipherable::Cipher(found) => frame.t_name("problem-cipher", "found", found),
        Undecipherable::KeyLength { expected, found } => {
            text(frame, "problem-key-length", &[("expected", count(*expected)), ("found", count(*found))])
        }
        Undecipherable::Mac(found) => frame.t_name("problem-mac", "found", found),
        Undecipherable::NoMac => frame.t("problem-no-mac"),
        Undecipherable::WrongMac => frame.t("problem-wrong-mac"),
        Undecipherable::Damaged => frame.t("problem-damaged"),
    }
}

fn twice(frame: &Frame, found: &str, first: u64) -> Cow<'static, str> {
    text(frame, "problem-twice", &[("found", Value::Name(found)), ("first", Value::Count(first))])
}

fn text(frame: &Frame, key: &str, values: &[(&str, Value<'_>)]) -> Cow<'static, str> {
    lang::text_with(frame.language, key, values)
}

fn count(number: usize) -> Value<'static> {
    Value::Count(u64::try_from(number).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Column;
    use crate::lang::Language;
    use crate::model::{AccountState, Role, Serial, TokenState, UnitName};

    const FOUND: &str = "f0und";

    fn rows() -> Vec<RowReason> {
        let (found, serial) = (|| FOUND.to_owned(), || Serial::parse("FT-1").unwrap());
        let name = |why| RowReason::Name { found: found(), why };
        vec![
            RowReason::TooLarge,
            RowReason::NotText,
            RowReason::Empty,
            RowReason::TooMany,
            RowReason::NoColumn(Column::Unit),
            RowReason::UnknownColumn(found()),
            RowReason::ColumnTwice(Column::Name),
            RowReason::Cells { found: 7, expected: 5 },
            RowReason::Name { found: String::new(), why: NotAName::Empty },
            name(NotAName::TooLong),
            name(NotAName::Invisible),
            RowReason::Twice { found: found(), first: 3 },
            RowReason::UnknownRole(found()),
            RowReason::Staff(Role::Auditor),
            RowReason::Email(found()),
            RowReason::Serial(found()),
            RowReason::TakenInUnit(UnitName::parse(FOUND).unwrap()),
            RowReason::TakenWithEmail(found()),
            RowReason::TakenByStaff(Role::Auditor),
            RowReason::NamedByPlan,
            RowReason::Enrolled(AccountState::Active),
            RowReason::UnknownToken(serial()),
            RowReason::TokenGiven(serial()),
            RowReason::TokenState { serial: serial(), state: TokenState::Lost },
        ]
    }

    fn deliveries() -> Vec<Reason> {
        let found = || FOUND.to_owned();
        let mut all = vec![
            Reason::TooLarge,
            Reason::NotText,
            Reason::Empty,
            Reason::NotXml(found()),
            Reason::Version(found()),
            Reason::Missing(FOUND),
            Reason::Value { element: "Time", found: found(), expected: "a number" },
            Reason::Algorithm { found: found(), expected: "hotp" },
            Reason::Serial(found()),
            Reason::Twice { serial: Serial::parse("FT-1").unwrap(), first: 3 },
            Reason::SeedLength(7),
            Reason::SeedText,
            Reason::Scheme(WrongScheme::Digits(9)),
            Reason::Scheme(WrongScheme::Period(45)),
            Reason::Columns { found: 1 },
        ];
        let undecipherable = [
            Undecipherable::NoKey,
            Undecipherable::NotPreShared,
            Undecipherable::Cipher(found()),
            Undecipherable::KeyLength { expected: 16, found: 32 },
            Undecipherable::Mac(found()),
            Undecipherable::NoMac,
            Undecipherable::WrongMac,
            Undecipherable::Damaged,
        ];
        all.extend(undecipherable.map(Reason::Undecipherable));
        all
    }

    #[test]
    fn every_problem_of_a_file_has_a_text_in_every_language_that_names_what_was_found() {
        for language in Language::ALL {
            let frame = Frame::portal(*language, "/", String::new());
            let rows = rows().into_iter().map(|reason| (format!("{reason}"), of_row(&frame, &reason)));
            let deliveries = deliveries().into_iter().map(|reason| (format!("{reason}"), of_delivery(&frame, &reason)));
            for (told, text) in rows.chain(deliveries) {
                assert!(!text.starts_with("problem-") && !text.contains('$'), "{language:?}: {text}");
                for named in [FOUND, "FT-1"] {
                    assert!(!told.contains(named) || text.contains(named), "{language:?}: {text} does not name {named}");
                }
            }
        }
    }

    #[test]
    fn no_two_problems_of_one_file_are_told_alike() {
        for language in Language::ALL {
            let frame = Frame::portal(*language, "/", String::new());
            let (rows, deliveries) = (rows(), deliveries());
            let mut texts: Vec<_> = rows.iter().map(|reason| of_row(&frame, reason)).collect();
            texts.sort();
            texts.dedup();
            assert_eq!(texts.len(), rows.len(), "{language:?}");
            let mut texts: Vec<_> = deliveries.iter().map(|reason| of_delivery(&frame, reason)).collect();
            texts.sort();
            texts.dedup();
            assert_eq!(texts.len(), deliveries.len(), "{language:?}");
        }
    }
}
