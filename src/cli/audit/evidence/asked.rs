//! An incident as the gateway that runs tells it, with its papers.

use std::collections::BTreeMap;

use anyhow::{Context, bail};

use super::incident::{About, Incident, report_path, review_path};
use crate::cli::control::Which;
use crate::gateway::{Ask, ControlAnswer};
use crate::incident::{FormLanguage, Report};

const WITHOUT: &str =
    "the gateway itself fills the papers of an incident in: where none runs, make a pack of the time, with --from and --to";

/// Asks for all of it; whoever may not see incidents is refused.
pub fn incident(which: &Which, number: u64) -> anyhow::Result<Incident> {
    let ControlAnswer::Incident { incident } = which.ask(Ask::Incident { number }).context(WITHOUT)? else { return odd() };
    if incident.found_last == 0 {
        bail!(
            "the gateway that runs is of an older version, and does not say how far the records of an incident go: start it anew with this one"
        );
    }
    let (first, last) = (incident.first, incident.found_last);
    let story = incident.story.iter().map(|line| line.record).filter(|record| *record > last).collect();
    let about = About { number, drill: incident.line.drill, first, last, story };
    let mut papers = BTreeMap::new();
    for (_, language) in FormLanguage::WORDS {
        let ControlAnswer::IncidentReview { review } = which.ask(Ask::IncidentReview { number, language })? else { return odd() };
        papers.insert(review_path(language), super::make::json(&review)?);
        for (_, report) in Report::WORDS {
            let ControlAnswer::IncidentReport { report: filled } = which.ask(Ask::IncidentReport { number, report, language })? else {
                return odd();
            };
            papers.insert(report_path(report, language), super::make::json(&filled)?);
        }
    }
    Ok(Incident { about, papers })
}

fn odd<T>() -> anyhow::Result<T> {
    bail!("the gateway's answer is not understood; is it of another version?")
}
