//! What is wrong with a config, as the operator reads it.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// One mistake: where, what was found, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Bytes of the file; `None` where the mistake is not in its text.
    pub(super) span: Option<Range<usize>>,
    /// What is wrong, naming the key.
    pub what: String,
    /// What was found at this place; may be empty.
    pub found: String,
    /// What was expected and what to do; may be empty.
    pub help: String,
}

/// All mistakes of one file, in the order of their lines.
#[derive(Clone, Debug)]
pub struct Problems {
    file_name: String,
    text: String,
    list: Vec<Problem>,
}

impl Problems {
    pub(super) fn new(file_name: &str, text: &str, list: Vec<Problem>) -> Self {
        let mut problems = Self { file_name: file_name.to_owned(), text: text.to_owned(), list: Vec::new() };
        problems.extend(list);
        problems
    }

    pub(super) fn unreadable(file_name: &str, error: &std::io::Error) -> Self {
        let what = format!("the config file {file_name} cannot be read: {}", reason(error));
        Self::new(file_name, "", vec![Problem { span: None, what, found: String::new(), help: String::new() }])
    }

    pub(super) fn of_syntax(file_name: &str, text: &str, errors: &[toml::de::Error]) -> Self {
        let problem = |error: &toml::de::Error| Problem {
            span: error.span().or(Some(0..0)),
            what: "this is not TOML".to_owned(),
            found: error.message().trim().replace('\n', ", "),
            help: "write `key = value`, text in double quotes, lists in brackets; see https://toml.io".to_owned(),
        };
        Self::new(file_name, text, errors.iter().map(problem).collect())
    }

    pub(super) fn extend(&mut self, more: Vec<Problem>) {
        self.list.extend(more);
        self.list.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
        self.list.dedup();
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// The line of a problem, counted from 1.
    pub fn line(&self, problem: &Problem) -> Option<usize> {
        let before = self.text.as_bytes().get(..problem.span.as_ref()?.start)?;
        Some(before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1))
    }

    /// For people; `colour` only where a terminal reads it.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let reports: Vec<String> = self.list.iter().map(|problem| self.render_one(&renderer, problem)).collect();
        reports.join("\n\n")
    }

    fn render_one(&self, renderer: &Renderer, problem: &Problem) -> String {
        let title = Level::ERROR.primary_title(problem.what.as_str());
        let mut group = match problem.span.clone().map(|span| self.first_line_of(span)) {
            Some(span) => {
                let place = AnnotationKind::Primary.span(span);
                let place = if problem.found.is_empty() { place } else { place.label(problem.found.as_str()) };
                title.element(Snippet::source(self.text.as_str()).path(self.file_name.as_str()).annotation(place))
            }
            None => annotate_snippets::Group::with_title(title),
        };
        if !problem.help.is_empty() {
            group = group.element(Level::HELP.message(problem.help.as_str()));
        }
        renderer.render(&[group])
    }

    /// A mistake that covers a whole table is shown at its first line.
    fn first_line_of(&self, span: Range<usize>) -> Range<usize> {
        let text = self.text.get(span.clone()).unwrap_or_default();
        let length = text.find('\n').unwrap_or(text.len());
        span.start..span.start.saturating_add(length)
    }
}

/// The report without colour.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// What the system says, without its error number.
pub(super) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
