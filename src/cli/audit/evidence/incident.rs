//! The incident that a pack is about: which records it has of it, and the papers that the gateway fills in.
//!
//! Invariant: a pack of an incident has each record from the first that set it off to the last by which it was found, the records of what was
//! done about it behind those, and besides no more than what says which config was in force.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::check::EvidenceError;
use crate::incident::{FormLanguage, Paper, Papers, Report, Step};
use crate::model::{Action, Entry, Event, Record};
use crate::tlog::Manifest;

/// Where papers lie.
const PAPERS: &str = "incident/";

/// As `pack.json` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub number: u64,
    /// The drill that it is part of: it never was.
    pub drill: Option<u64>,
    /// The first record of what set it off, and the last by which it was found or opened.
    pub first: u64,
    pub last: u64,
    /// The records of its story behind those.
    pub story: BTreeSet<u64>,
}

/// An incident with its papers, each by its place in the pack.
#[derive(Clone, Debug)]
pub struct Incident {
    pub about: About,
    pub papers: BTreeMap<String, Vec<u8>>,
}

impl From<Papers> for Incident {
    fn from(papers: Papers) -> Self {
        let Papers { incident: number, drill, first, found_last: last, story, drawn } = papers;
        let placed = |Paper { report, language, json }| {
            let place = report.map_or_else(|| review_path(language), |report| report_path(report, language));
            (place, String::into_bytes(json))
        };
        Self { about: About { number, drill, first, last, story }, papers: drawn.into_iter().map(placed).collect() }
    }
}

/// Where the review in a language lies.
pub fn review_path(language: FormLanguage) -> String {
    format!("{PAPERS}review.{}.json", language.word())
}

/// Where a report in a language lies.
pub fn report_path(report: Report, language: FormLanguage) -> String {
    format!("{PAPERS}report-{}.{}.json", report.word(), language.word())
}

pub fn is_paper(path: &str) -> bool {
    path.starts_with(PAPERS)
}

fn papers() -> BTreeMap<String, FormLanguage> {
    let in_language = |(_, language): &(&str, FormLanguage)| {
        let language = *language;
        let reports = Report::WORDS.iter().map(move |(_, report)| (report_path(*report, language), language));
        reports.chain([(review_path(language), language)])
    };
    FormLanguage::WORDS.iter().flat_map(in_language).collect()
}

/// What a pack of an incident has of papers, it has all of; another has none.
pub fn has_all_or_none(manifest: &Manifest) -> Result<(), EvidenceError> {
    let found: BTreeSet<&str> = manifest.files.iter().map(|file| file.path.as_str()).filter(|path| is_paper(path)).collect();
    let wanted = papers();
    let foreign = found.iter().find(|path| !wanted.contains_key(**path)).map(|path| (*path).to_owned());
    let lacks = wanted.into_keys().find(|path| !found.is_empty() && !found.contains(path.as_str()));
    foreign.or(lacks).map_or(Ok(()), |path| Err(EvidenceError::Foreign(path)))
}

/// That the papers in the pack are those of the incident that it says it is about.
pub fn are_its_papers(about: Option<&About>, files: &BTreeMap<String, Vec<u8>>) -> Result<(), EvidenceError> {
    #[derive(Deserialize)]
    struct Paper {
        incident: u64,
        language: FormLanguage,
    }
    let has_papers = files.keys().any(|path| is_paper(path));
    let Some(about) = about else {
        return if has_papers { Err(EvidenceError::Facts("it has papers of an incident that it does not name")) } else { Ok(()) };
    };
    for (path, language) in papers() {
        let paper = files.get(&path).and_then(|paper| serde_json::from_slice::<Paper>(paper).ok());
        if !paper.is_some_and(|paper| paper.incident == about.number && paper.language == language) {
            return Err(EvidenceError::Paper(path));
        }
    }
    Ok(())
}

impl About {
    /// What a pack says of itself can be so.
    pub fn is_possible(&self) -> bool {
        (self.first..=self.last).contains(&self.number) && self.story.first().is_none_or(|first| *first > self.last)
    }

    /// Whether the record with its number is where it began.
    pub fn begins_with(&self, entry: &Entry) -> bool {
        let Record::Event(event) = &entry.record else { return false };
        let drill = event.details.get("drill").and_then(|drill| drill.parse::<u64>().ok());
        matches!(event.action, Action::TriggerFired | Action::IncidentOpened) && drill == self.drill
    }

    /// Whether a record of its story is about it.
    pub fn is_told_by(&self, entry: &Entry) -> bool {
        let is_its = |event: &Event| match Step::of(event) {
            None if matches!(event.action, Action::LockedDown | Action::LockdownLifted) => true,
            Some((_, Step::Merged { into, .. })) if into == self.number => true,
            Some((incident, _)) => incident == self.number,
            None => false,
        };
        self.story.contains(&entry.sequence) && matches!(&entry.record, Record::Event(event) if is_its(event))
    }
}
