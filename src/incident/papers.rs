//! An incident with everything that is written about it, as it all was at one moment.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::plan::Report;
use super::report::{FormLanguage, Ground, fill, review};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Papers {
    pub incident: u64,
    pub drill: Option<u64>,
    /// The records by which it was found, and those of what was done about it behind them.
    pub first: u64,
    pub found_last: u64,
    pub story: BTreeSet<u64>,
    pub drawn: Vec<Paper>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paper {
    /// `None`: the review.
    pub report: Option<Report>,
    pub language: FormLanguage,
    pub json: String,
}

impl Papers {
    /// Nothing is drawn up yet.
    pub fn of(case: &Case) -> Self {
        let story = case.story.iter().map(|line| line.record).filter(|record| *record > case.found_last).collect();
        Self { incident: case.number, drill: case.drill, first: case.first, found_last: case.found_last, story, drawn: Vec::new() }
    }

    /// Draws up the review and every report in the language of `ground`.
    pub fn draw(&mut self, case: &Case, ground: &Ground<'_>) -> Result<(), serde_json::Error> {
        let language = ground.language;
        self.drawn.push(Paper { report: None, language, json: text(&review(case, ground))? });
        for (_, report) in Report::WORDS {
            self.drawn.push(Paper { report: Some(report), language, json: text(&fill(case, report, ground))? });
        }
        Ok(())
    }
}

fn text(paper: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(paper)?;
    text.push('\n');
    Ok(text)
}
