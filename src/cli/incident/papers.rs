//! Reports and reviews as text. Pure but for the two verbs: forms in, text out.

use std::process::ExitCode;

use super::as_json;
use crate::cli::paint::{Cell, Paint, Tint, columns};
use crate::cli::print;
use crate::gateway::ControlAnswer;
use crate::incident::{Answer, Filled, Review, Verdict};
use crate::model::visible;

/// To write on.
const BLANK: &str = "________________________";

pub(super) fn report(answer: &ControlAnswer, json: bool) -> anyhow::Result<ExitCode> {
    let ControlAnswer::IncidentReport { report } = answer else { return Ok(ExitCode::SUCCESS) };
    if json {
        return as_json(report);
    }
    print::results(report_told(report, Paint::of_stdout()))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn review(answer: &ControlAnswer, json: bool) -> anyhow::Result<ExitCode> {
    let ControlAnswer::IncidentReview { review } = answer else { return Ok(ExitCode::SUCCESS) };
    if json {
        return as_json(review);
    }
    print::results(review_told(review, Paint::of_stdout()))?;
    Ok(ExitCode::SUCCESS)
}

fn report_told(report: &Filled, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.on(Tint::Strong, &visible(&report.title)));
    if report.is_late() {
        text.push_str(&format!("{}\n", paint.on(Tint::Bad, report.language.of("按预案已逾期", "late by the plan"))));
    }
    for field in &report.fields {
        text.push_str(&format!("\n{}\n", paint.on(Tint::Strong, &visible(&field.name))));
        for answer in &field.answers {
            let line = match answer {
                Answer::Known(known) => visible(known),
                Answer::ByHand(what) => format!("{} {BLANK}", paint.on(Tint::Faint, &visible(what))),
            };
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}

fn review_told(review: &Review, paint: Paint) -> String {
    let say = |zh, en| review.language.of(zh, en);
    let mut text = format!("{}\n", paint.on(Tint::Strong, &visible(&review.title)));
    for line in &review.summary {
        text.push_str(&format!("  {}\n", visible(line)));
    }
    let mut section = |name: &str, rows: Vec<Vec<Cell>>| {
        if !rows.is_empty() {
            text.push_str(&format!("\n{}\n{}", paint.on(Tint::Strong, name), columns(&rows, paint)));
        }
    };
    let stages = review.stages.iter().map(|stage| [&stage.name, &stage.from, &stage.took].map(|cell| Cell::plain(visible(cell))).to_vec());
    section(say("处置阶段", "Stages"), stages.collect());
    let measures = review.measures.iter().map(|measure| {
        let tint = match measure.verdict {
            Verdict::Kept => Tint::Good,
            Verdict::Late => Tint::Bad,
            Verdict::Open => Tint::Plain,
            Verdict::NoTimeSet => Tint::Faint,
        };
        let or_dash = |text: &Option<String>| Cell::plain(text.as_deref().map_or("–".to_owned(), visible));
        vec![Cell::plain(visible(&measure.name)), or_dash(&measure.took), or_dash(&measure.due), Cell::new(tint, visible(&measure.told))]
    });
    section(say("各项用时与预案要求", "Measured times against the plan"), measures.collect());
    let story = review.story.iter().map(|line| {
        let by = line.by.as_deref().map(visible).unwrap_or_default();
        vec![
            Cell::new(Tint::Faint, visible(&line.at)),
            Cell::plain(by),
            Cell::plain(visible(&line.what)),
            Cell::new(Tint::Faint, format!("#{}", line.record)),
        ]
    });
    section(say("经过", "Timeline"), story.collect());
    if review.untold > 0 {
        text.push_str(&format!("  {}{}\n", say("未逐条列出、见日志：", "not told line by line, but in the log: "), review.untold));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_lines_to_write_on_says_that_it_is_late_and_moves_no_cursor() {
        let report: Filled = serde_json::from_value(serde_json::json!({
            "incident": 41, "report": "first", "language": "en", "title": "First report", "made": "2026-11-23T03:00:00.000Z",
            "sent": [], "due": [{ "to": "The region", "at": "2026-11-23T07:00:00.000Z", "late": true }],
            "fields": [{ "field": "help-needed", "name": "Help needed", "answers": [{ "by-hand": "what" }, { "known": "x\u{1b}[2J" }] }]
        }))
        .unwrap();
        let text = report_told(&report, Paint::Plain);
        for part in ["First report", "late by the plan", "Help needed", &format!("what {BLANK}"), "x\\u{1b}"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn a_review_tells_what_was_late() {
        let review: Review = serde_json::from_value(serde_json::json!({
            "incident": 41, "language": "en", "title": "Review", "summary": ["level III"], "made": "2026-11-23T03:00:00.000Z", "untold": 2,
            "stages": [{ "stage": "detected", "name": "detected", "from": "f", "took": "3 min", "begins": 0, "ends": 1000 }],
            "measures": [{ "name": "First report", "took": null, "took_s": null, "done": null, "due": "d", "verdict": "late", "told": "not done, late by 2 h" }],
            "story": [{ "record": 41, "at": "t", "by": "qian", "what": "confirmed" }]
        }))
        .unwrap();
        let text = review_told(&review, Paint::Plain);
        for part in ["level III", "not done, late by 2 h", "qian", "#41", "in the log: 2"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
