//! Samples of the forms about an incident.

use askama::Template;

use super::samples::Typed;
use super::*;
use crate::incident::{
    Answer, Field, FieldName, Filled, FormLanguage, Report, Review, ReviewMeasure, ReviewStage, Sending, StoryTold, Verdict,
};
use crate::model::Stage;

const AT: &str = "2026-11-23T03:04:05.000Z";

fn filled(typed: Typed, form: FormLanguage) -> Filled {
    let field = |field, answers| Field { field, name: form.of("涉事系统", "Systems").to_owned(), answers };
    Filled {
        incident: 41,
        drill: None,
        report: Report::First,
        language: form,
        title: form.report(Report::First).to_owned(),
        made: AT.into(),
        sent: vec![Sending { to: typed.unit.into(), at: AT.into(), late: true }],
        due: vec![],
        fields: vec![
            field(FieldName::System, vec![Answer::Known(typed.app.into()), Answer::ByHand(typed.key.into())]),
            field(FieldName::Unit, vec![Answer::ByHand(typed.unit.into())]),
        ],
    }
}

fn review(typed: Typed, form: FormLanguage) -> Review {
    let stage = |stage, begins, ends| ReviewStage {
        stage,
        name: form.stage(stage).to_owned(),
        from: AT.into(),
        took: "3 min".into(),
        begins,
        ends,
    };
    let measure = |verdict, done: Option<&str>| ReviewMeasure {
        name: typed.unit.into(),
        took: done.map(|_| "3 min".into()),
        took_s: done.map(|_| 180),
        done: done.map(str::to_owned),
        due: Some(AT.into()),
        verdict,
        told: typed.key.into(),
    };
    let line = |by: Option<&str>| StoryTold { record: 41, at: AT.into(), by: by.map(str::to_owned), what: typed.key.into() };
    Review {
        incident: 41,
        drill: Some(40),
        language: form,
        title: typed.app.into(),
        summary: vec![typed.app.into()],
        stages: vec![stage(Stage::Detected, 0, 400), stage(Stage::Responding, 400, 1_000), stage(Stage::Closed, 1_000, 1_000)],
        measures: vec![measure(Verdict::Late, Some(AT)), measure(Verdict::Open, None)],
        story: vec![line(None), line(Some(typed.name))],
        untold: 3,
        made: AT.into(),
    }
}

pub(super) fn pages(language: Language, typed: Typed) -> Vec<(&'static str, askama::Result<String>)> {
    let frame =
        |path: &str| Frame::portal(language, path, "csrf-token".into()).signed_in(typed.name, Role::Member).zone("UTC+08:00".into());
    let report = |form| IncidentReportView { frame: frame("/console/incidents/41/report/first"), filled: filled(typed, form) }.render();
    let reviewed = |review| IncidentReviewView { frame: frame("/console/incidents/41/review"), review, may_pack: true }.render();
    let nothing = Review { measures: vec![], story: vec![], untold: 0, ..review(typed, FormLanguage::English) };
    vec![
        ("incident-report", report(FormLanguage::Chinese)),
        ("incident-report-english", report(FormLanguage::English)),
        ("incident-review", reviewed(review(typed, FormLanguage::Chinese))),
        ("incident-review-of-nothing", reviewed(nothing)),
    ]
}
