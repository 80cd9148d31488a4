//! Reports about an incident and its review. The form's own words are Chinese or English, whatever language the page around it has.

use askama::Template;

use super::Frame;
use crate::incident::{Answer, Filled, FormLanguage, Report, Review, ReviewStage, Verdict};

#[derive(Clone, Debug, Template)]
#[template(path = "incident_report.html")]
pub struct IncidentReportView {
    pub frame: Frame,
    pub filled: Filled,
}

#[derive(Clone, Debug, Template)]
#[template(path = "incident_review.html")]
pub struct IncidentReviewView {
    pub frame: Frame,
    pub review: Review,
    /// Whether a pack of evidence can be downloaded here.
    pub may_pack: bool,
}

/// A link to another form of the same incident, as the form's language calls it.
struct Paper {
    address: String,
    name: String,
    is_here: bool,
}

impl IncidentReportView {
    fn papers(&self) -> Vec<Paper> {
        papers(self.filled.incident, self.filled.language, Some(self.filled.report))
    }

    fn languages(&self) -> Vec<Paper> {
        let here = address(self.filled.incident, Some(self.filled.report));
        languages(&here, self.filled.language)
    }

    fn json(&self) -> String {
        let here = address(self.filled.incident, Some(self.filled.report));
        format!("{here}.json?language={}", self.filled.language.word())
    }
}

impl IncidentReviewView {
    fn papers(&self) -> Vec<Paper> {
        papers(self.review.incident, self.review.language, None)
    }

    fn languages(&self) -> Vec<Paper> {
        languages(&address(self.review.incident, None), self.review.language)
    }

    fn says(&self, zh: &'static str, en: &'static str) -> &'static str {
        self.review.language.of(zh, en)
    }

    fn is_late(&self, verdict: &Verdict) -> bool {
        *verdict == Verdict::Late
    }

    /// The bar of a stage where it lies in the whole; what was there at all can be seen.
    fn bar(&self, stage: &ReviewStage) -> String {
        let wide = stage.ends.saturating_sub(stage.begins).max(2);
        format!("M{} 0h{wide}v4H{}z", stage.begins.min(998), stage.begins.min(998))
    }
}

fn address(incident: u64, report: Option<Report>) -> String {
    match report {
        Some(report) => format!("/console/incidents/{incident}/report/{}", report.word()),
        None => format!("/console/incidents/{incident}/review"),
    }
}

fn papers(incident: u64, language: FormLanguage, here: Option<Report>) -> Vec<Paper> {
    let paper = |report: Option<Report>, name: &str| Paper {
        address: format!("{}?language={}", address(incident, report), language.word()),
        name: name.to_owned(),
        is_here: report == here,
    };
    let reports = Report::WORDS.iter().map(|(_, report)| paper(Some(*report), language.report(*report)));
    reports.chain([paper(None, language.of("复盘", "Review"))]).collect()
}

fn languages(address: &str, here: FormLanguage) -> Vec<Paper> {
    let paper = |language: FormLanguage, name: &str| Paper {
        address: format!("{address}?language={}", language.word()),
        name: name.to_owned(),
        is_here: language == here,
    };
    vec![paper(FormLanguage::Chinese, "中文"), paper(FormLanguage::English, "English")]
}
