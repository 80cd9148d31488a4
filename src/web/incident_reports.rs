//! Reports about an incident and its review, to be printed or taken away as JSON.
//!
//! Invariant: nothing is changed here; a report counts as sent when somebody says so on the page of the incident.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::Path;
use jiff::tz::TimeZone;

use crate::admin::{Actor, AdminError};
use crate::clock::Time;
use crate::incident::{self, Case, Filled, FormLanguage, Ground, KeptLog, Papers, Plan, Report, Review};
use crate::lang::Language;
use crate::model::Refusal;

use super::call::{Answer, Asked, Refused};
use super::console::{person, refused, with_query};
use super::incident_pack::FAILED;
use super::view::{Alert, Frame, IncidentReportView, IncidentReviewView, name_in};
use super::{Pages, Portal};

const JSON: &str = "application/json";

/// What is drawn up is drawn up from: an incident as it is at one moment.
struct Drawing<'p> {
    portal: &'p Portal,
    case: Case,
    log: KeptLog,
    plan: Option<Arc<Plan>>,
    now: Time,
}

impl Drawing<'_> {
    fn draw<T>(&self, language: FormLanguage, draw: impl FnOnce(&Case, &Ground<'_>) -> T) -> T {
        let Self { portal, case, log, plan, now } = self;
        let reads = match language {
            FormLanguage::Chinese => Language::Chinese,
            FormLanguage::English => Language::English,
        };
        let apps: BTreeMap<_, _> = portal.apps.load().iter().map(|app| (app.id.clone(), name_in(&app.names, reads).to_owned())).collect();
        // A plan has its own place, where the deadlines of its city are read.
        let zone: TimeZone = plan.as_ref().map_or_else(|| portal.zone.clone(), |plan| plan.zone.clone());
        let system = name_in(&portal.names, reads);
        draw(case, &Ground { language, plan: plan.as_deref(), now: *now, zone: &zone, system, apps: &apps, log })
    }
}

impl Portal {
    async fn drawing(&self, actor: &Actor, number: u64) -> Result<Drawing<'_>, AdminError> {
        let (case, log) = self.desk.read_incident(actor, number).await?;
        Ok(Drawing { portal: self, case, log, plan: self.desk.incidents().plan(), now: self.clock.wall() })
    }

    /// Draws something up from an incident, for whoever may see it.
    async fn draw_up<T>(
        &self,
        actor: &Actor,
        number: u64,
        language: FormLanguage,
        draw: impl FnOnce(&Case, &Ground<'_>) -> T,
    ) -> Result<T, AdminError> {
        Ok(self.drawing(actor, number).await?.draw(language, draw))
    }

    /// Everything that is written about it, in every language.
    pub(super) async fn papers(&self, actor: &Actor, number: u64) -> Result<Papers, AdminError> {
        let drawing = self.drawing(actor, number).await?;
        let mut papers = Papers::of(&drawing.case);
        for (_, language) in FormLanguage::WORDS {
            let drawn = drawing.draw(language, |case, ground| papers.draw(case, ground));
            drawn.map_err(|error| AdminError::PackFailed(error.to_string()))?;
        }
        Ok(papers)
    }
}

impl Pages {
    /// A report as far as it fills itself in.
    pub async fn incident_report(&self, actor: &Actor, number: u64, report: Report, language: FormLanguage) -> Result<Filled, AdminError> {
        self.portal.draw_up(actor, number, language, |case, ground| incident::fill(case, report, ground)).await
    }

    /// What is to be learned of an incident.
    pub async fn incident_review(&self, actor: &Actor, number: u64, language: FormLanguage) -> Result<Review, AdminError> {
        self.portal.draw_up(actor, number, language, incident::review).await
    }

    pub async fn incident_papers(&self, actor: &Actor, number: u64) -> Result<Papers, AdminError> {
        self.portal.papers(actor, number).await
    }
}

/// `kind`: a report's word, with `.json` where it is to be read by a machine.
pub async fn report(Path((number, kind)): Path<(String, String)>, asked: Asked) -> Answer {
    let (kind, as_json) = kind.strip_suffix(".json").map_or((kind.as_str(), false), |kind| (kind, true));
    let report = Report::parse(kind).ok_or(Refusal::NotFound)?;
    let (actor, number) = (person(&asked)?, parsed(&number)?);
    let language = language(&asked);
    let draw = |case: &Case, ground: &Ground<'_>| incident::fill(case, report, ground);
    let filled = asked.portal.draw_up(&actor, number, language, draw).await.map_err(not_shown)?;
    if as_json {
        return taken_away(&asked, &format!("incident-{number}-{kind}-{}.json", language.word()), &filled);
    }
    let here = with_query(&asked, &format!("/console/incidents/{number}/report/{kind}"), &["language"]);
    asked.show(&IncidentReportView { frame: paper_frame(&asked, &here, None), filled })
}

pub async fn review(Path(number): Path<String>, asked: Asked) -> Answer {
    let (actor, number) = (person(&asked)?, parsed(&number)?);
    let review = asked.portal.draw_up(&actor, number, language(&asked), incident::review).await.map_err(not_shown)?;
    let here = with_query(&asked, &format!("/console/incidents/{number}/review"), &["language"]);
    let may_pack = asked.portal.desk.may_have_packs(&actor).is_ok();
    let alert = asked.query.text(FAILED).eq("failed").then_some(Alert::IncidentPackFailed);
    asked.show(&IncidentReviewView { frame: paper_frame(&asked, &here, alert), review, may_pack })
}

/// The times of a paper say their zone themselves.
fn paper_frame(asked: &Asked, here: &str, alert: Option<Alert>) -> Frame {
    Frame { zone: None, ..asked.frame_at(here, alert) }
}

pub(super) fn parsed(number: &str) -> Result<u64, Refused> {
    number.parse().map_err(|_| Refusal::NotFound.into())
}

/// The one that is asked for; else English for whoever reads English, and Chinese, in which reports are sent, for everybody else.
fn language(asked: &Asked) -> FormLanguage {
    FormLanguage::parse(asked.query.text("language")).unwrap_or(match asked.visit.language {
        Language::English => FormLanguage::English,
        Language::Chinese | Language::Uyghur => FormLanguage::Chinese,
    })
}

pub(super) fn not_shown(error: AdminError) -> Refused {
    match error {
        AdminError::NoSuchIncident(_) => Refusal::NotFound.into(),
        error => refused(error),
    }
}

fn taken_away(asked: &Asked, name: &str, filled: &Filled) -> Answer {
    let json = serde_json::to_vec_pretty(filled).map_err(|_| Refusal::Broken { what: "a report could not be written" })?;
    asked.attach(name, JSON, json)
}
