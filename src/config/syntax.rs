//! Mistakes in the syntax of a config, in words for those who never read the grammar of TOML.
//!
//! Invariant: every error of the parser becomes a problem, or follows from one that is told already.

use std::ops::Range;

use super::problem::Problem;

const GENERAL: &str = "write `key = value`, text in double quotes, lists in brackets; see https://toml.io";
const CURLY_QUOTES: [char; 9] = ['“', '”', '„', '‘', '’', '«', '»', '「', '」'];
/// Signs that look like those of TOML, as Chinese keyboards type them.
const FULL_WIDTH: [(char, char); 8] =
    [('＝', '='), ('，', ','), ('［', '['), ('］', ']'), ('｛', '{'), ('｝', '}'), ('＂', '"'), ('＃', '#')];

/// What the parser found, in the order of the file.
pub fn problems(text: &str, errors: &[toml::de::Error]) -> Vec<Problem> {
    if let Some(at) = lone_carriage_return(text).filter(|_| errors.iter().any(|error| error.message().contains("carriage return"))) {
        let help = "save the file with the line ends of Unix (LF) or Windows (CR LF)";
        return vec![problem(at..at, "its lines end with a carriage return alone", String::new(), help)];
    }
    let mut duplicates = Vec::new();
    let mut problems = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        if error.message().contains("duplicate key") {
            problems.extend(twice(text, span, &mut duplicates));
        } else {
            problems.push(told(text, span, error.message()));
        }
    }
    problems
}

fn lone_carriage_return(text: &str) -> Option<usize> {
    text.match_indices('\r').map(|(at, _)| at).find(|at| text.as_bytes().get(at.saturating_add(1)) != Some(&b'\n'))
}

fn told(text: &str, span: Range<usize>, message: &str) -> Problem {
    let found = message.trim().replace('\n', ", ");
    let piece = text.get(span.clone()).unwrap_or_default();
    let line = line_at(text, span.start);
    let sign = text.get(span.start..).and_then(|rest| rest.chars().next());
    if piece.contains(CURLY_QUOTES) {
        let inner = piece.trim_matches(|sign| CURLY_QUOTES.contains(&sign));
        return problem(span, "these quotation marks are not those of TOML", found, format!("write straight ones: \"{inner}\""));
    }
    if let Some((wide, plain)) = FULL_WIDTH.iter().find(|(wide, _)| sign == Some(*wide)) {
        return problem(span, format!("`{wide}` is a sign of full width"), found, format!("write the plain one: `{plain}`"));
    }
    if found.contains("escape") {
        let help = "write each backslash twice, or the whole text in single quotes: 'C:\\data'";
        return problem(span, "a backslash has a meaning of its own in double quotes", found, help);
    }
    if is_bare(piece) && line.split_once('=').is_some_and(|(_, value)| value.trim_start().starts_with(piece)) {
        // What the parser took it for would mislead.
        let found = format!("found {piece}");
        return match piece.to_lowercase().as_str() {
            truth @ ("true" | "false") => {
                problem(span, "`true` and `false` are written in small letters", found, format!("write `{truth}`"))
            }
            _ => problem(span, "this text has no quotes", found, format!("write it in double quotes: \"{piece}\"")),
        };
    }
    // As YAML has it; the parser stumbles over such a line twice.
    if let Some((key, value)) = line.split_once(':').filter(|(key, _)| is_bare(key.trim())) {
        let begins = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |index| index.saturating_add(1));
        let colon = text.get(begins..).and_then(|line| line.find(':')).map_or(span.start, |index| begins.saturating_add(index));
        let help = format!("write `{} = {}`", key.trim(), value.trim());
        return problem(colon..colon.saturating_add(1), "between a key and its value stands an equals sign", String::new(), help);
    }
    problem(span, "this is not TOML", found, GENERAL)
}

/// A key or a table that is there already; nothing where it only follows from a table that is.
fn twice(text: &str, span: Range<usize>, duplicates: &mut Vec<usize>) -> Option<Problem> {
    let before: Vec<&str> = text.get(..span.start)?.split_inclusive('\n').map(str::trim).collect();
    let line = line_at(text, span.start);
    let number = text.get(..span.start)?.matches('\n').count();
    let whole_lines = before.get(..number).unwrap_or_default();
    let header_line = whole_lines.iter().rposition(|line| line.starts_with('['));
    if line.starts_with('[') {
        duplicates.push(number);
        let name = header(line)?;
        let below = format!("{name}.");
        let first = whole_lines.iter().position(|line| header(line).is_some_and(|other| other == name || other.starts_with(&below)));
        let other = first.and_then(|first| whole_lines.get(first)).copied().unwrap_or_default();
        let help = if header(other) != Some(name) {
            format!("write `{line}` first, and below it what belongs to it")
        } else if line.starts_with("[[") || other.starts_with("[[") {
            format!("a table that may be there several times has double brackets each time: `[[{name}]]`")
        } else {
            "keep one of them, with the keys of both".to_owned()
        };
        return Some(problem(span, format!("the table `{name}` is there already"), at_line(first), help));
    }
    if header_line.is_some_and(|line| duplicates.contains(&line)) {
        return None;
    }
    let key = text.get(span.clone())?;
    let same = |line: &&str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
    let from = header_line.unwrap_or(0);
    let first = whole_lines.iter().skip(from).position(same).map(|index| index.saturating_add(from));
    Some(problem(span, format!("`{key}` is there already"), at_line(first), "keep one of them"))
}

/// Where the first one is; lines are counted from 1.
fn at_line(index: Option<usize>) -> String {
    index.map(|index| format!("first in line {}", index.saturating_add(1))).unwrap_or_default()
}

/// The name in the brackets of a table's first line.
fn header(line: &str) -> Option<&str> {
    let inner = line.strip_prefix('[')?;
    inner.strip_prefix('[').unwrap_or(inner).split(']').next().map(str::trim)
}

fn line_at(text: &str, at: usize) -> &str {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let start = before.rfind('\n').map_or(0, |index| index.saturating_add(1));
    let end = after.find('\n').map_or(text.len(), |index| at.saturating_add(index));
    text.get(start..end).unwrap_or_default().trim()
}

/// Text that somebody may have meant as a value, without its quotes.
fn is_bare(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|sign| sign.is_alphanumeric() || "-_./:+@".contains(sign))
}

fn problem(span: Range<usize>, what: impl Into<String>, found: String, help: impl Into<String>) -> Problem {
    Problem { span: Some(span), what: what.into(), found, help: help.into() }
}

#[cfg(test)]
mod tests;
