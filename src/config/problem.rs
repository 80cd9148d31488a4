//! What is wrong with a config, as the operator reads it.

use std::fmt;
use std::ops::Range;
use std::string::FromUtf8Error;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::pki::reason;

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

/// What a file is called where it is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    Config,
    Plan,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config => "config file",
            Self::Plan => "emergency plan",
        })
    }
}

/// All mistakes of one file, in the order of their lines.
#[derive(Clone, Debug)]
pub struct Problems {
    file_name: String,
    text: String,
    list: Vec<Problem>,
    level: Level<'static>,
    /// Of a file that this one names.
    beside: Option<Box<Problems>>,
}

impl Problems {
    pub(super) fn new(file_name: &str, text: &str, list: Vec<Problem>) -> Self {
        let mut problems =
            Self { file_name: file_name.to_owned(), text: text.to_owned(), list: Vec::new(), level: Level::ERROR, beside: None };
        problems.extend(list);
        problems
    }

    pub(super) fn unreadable(kind: FileKind, file_name: &str, error: &std::io::Error) -> Self {
        let what = format!("the {kind} {file_name} cannot be read: {}", reason(error));
        Self::new(file_name, "", vec![Problem { span: None, what, found: String::new(), help: String::new() }])
    }

    /// The place is that of the first byte that is none of UTF-8; what stands before it is shown.
    pub(super) fn not_utf8(kind: FileKind, file_name: &str, error: &FromUtf8Error) -> Self {
        let help = "save the file as UTF-8; an editor names its encoding and changes it where it saves under another name".to_owned();
        let bytes = error.as_bytes();
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            let what = format!("the {kind} {file_name} is UTF-16");
            return Self::new(file_name, "", vec![Problem { span: None, what, found: String::new(), help }]);
        }
        let at = error.utf8_error().valid_up_to();
        let found = bytes.get(at).map(|byte| format!("found the byte 0x{byte:02X}")).unwrap_or_default();
        let end = at.saturating_add(char::REPLACEMENT_CHARACTER.len_utf8());
        let problem = Problem { span: Some(at..end), what: "the file is not UTF-8".to_owned(), found, help };
        Self::new(file_name, &String::from_utf8_lossy(bytes), vec![problem])
    }

    /// What is worth saying although the config is good.
    pub(super) fn warnings(file_name: &str, text: &str, list: Vec<Problem>) -> Self {
        Self { level: Level::WARNING, ..Self::new(file_name, text, list) }
    }

    pub(super) fn extend(&mut self, more: Vec<Problem>) {
        self.list.extend(more);
        self.list.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
        self.list.dedup();
    }

    /// What is wrong with a file that is named here.
    pub(super) fn beside(&mut self, other: Problems) {
        self.beside = Some(Box::new(other));
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.beside.is_none()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter().chain(self.beside.iter().flat_map(|other| &other.list))
    }

    /// The line of a problem, counted from 1.
    pub fn line(&self, problem: &Problem) -> Option<usize> {
        line_of(&self.text, problem.span.as_ref()?.start)
    }

    /// For people; `colour` only where a terminal reads it.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let own = self.list.iter().map(|problem| self.render_one(&renderer, problem));
        let reports: Vec<String> = own.chain(self.beside.iter().map(|other| other.render(colour))).collect();
        reports.join("\n\n")
    }

    fn render_one(&self, renderer: &Renderer, problem: &Problem) -> String {
        let title = self.level.clone().primary_title(problem.what.as_str());
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

/// The line of this byte, counted from 1.
pub(super) fn line_of(text: &str, at: usize) -> Option<usize> {
    Some(text.as_bytes().get(..at)?.iter().filter(|byte| **byte == b'\n').count().saturating_add(1))
}
