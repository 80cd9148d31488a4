//! The pages of lists of people and their letters, for the tests that look at every page.

use askama::Template;

use super::samples::Typed;
use super::{Alert, DeliveryProblem, EnrolLetterView, Frame, LettersView, PeopleImportView, PeopleLooked, PersonProblem};
use crate::admin::RowReason;
use crate::lang::Language;
use crate::model::Role;
use crate::oath::Reason;

pub(super) fn delivery_problems(typed: Typed) -> Vec<DeliveryProblem> {
    vec![
        DeliveryProblem::InLine { line: 7, reason: Reason::NotXml(typed.key.into()) },
        DeliveryProblem::Known { serial: "FT-0042A".into() },
    ]
}

pub(super) fn pages(language: Language, typed: Typed) -> Vec<(&'static str, askama::Result<String>)> {
    let stranger = |alert| Frame::portal(language, "/enrol/letter", "csrf-token".into()).alert(alert);
    let staff = |path: &str| {
        Frame::portal(language, path, "csrf-token".into()).signed_in(typed.name, Role::SecurityAdministrator).zone("UTC+08:00".into())
    };
    let import = |text: &str, found| PeopleImportView { frame: staff("/console/accounts/import"), text: text.into(), found };
    let problems = vec![
        PersonProblem { line: 7, column: Some("role"), reason: RowReason::UnknownRole(typed.key.into()) },
        PersonProblem { line: 9, column: None, reason: RowReason::UnknownColumn(typed.key.into()) },
    ];
    let letters = |units: Vec<String>, waiting| LettersView {
        frame: staff("/console/accounts/letters").alert(Some(Alert::PeopleImported { count: waiting })),
        units,
        waiting,
        invited: 3,
    };
    vec![
        ("enrol-letter", EnrolLetterView { frame: stranger(None), code: String::new(), serial: String::new() }.render()),
        (
            "enrol-letter-refused",
            EnrolLetterView { frame: stranger(Some(Alert::LetterRefused)), code: typed.key.into(), serial: typed.name.into() }.render(),
        ),
        ("console-people", import("", PeopleLooked::NotYet).render()),
        ("console-people-fits", import(typed.key, PeopleLooked::Fits { new: 480, same: 20, tokens: 480 }).render()),
        ("console-people-problems", import(typed.key, PeopleLooked::Problems { shown: problems, all: 1_000 }).render()),
        ("console-letters", letters(vec![typed.unit.into()], 480).render()),
        ("console-letters-none", letters(vec![], 0).render()),
    ]
}
