//! Reads tables of TOML and writes down what is wrong with them.
//!
//! Invariant: a section reports the keys that nobody asked for when it is dropped, so that no reader can forget it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::value::{did_you_mean, parse_duration, parse_size, show_duration, show_size};
use crate::model::capped;

pub type Span = Range<usize>;

#[derive(Default)]
pub struct Reader {
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    /// Every key that was asked for so far, with its section; a test compares it with the example.
    known: RefCell<BTreeSet<String>>,
}

/// A table of the file, or the place where it could stand.
pub struct Section<'r> {
    reader: &'r Reader,
    name: String,
    table: Option<&'r DeTable<'r>>,
    /// The table's header; the place of what is missing in it.
    pub span: Span,
    asked: RefCell<Vec<&'static str>>,
    /// Something else stands where the table could, which was reported.
    spoilt: bool,
}

/// A value of the file with its key.
#[derive(Clone)]
pub struct Value<'r> {
    reader: &'r Reader,
    name: String,
    value: &'r DeValue<'r>,
    pub span: Span,
}

impl Reader {
    pub fn root<'r>(&'r self, document: &'r Spanned<DeTable<'r>>) -> Section<'r> {
        Section { reader: self, name: String::new(), table: Some(document.get_ref()), span: 0..0, asked: RefCell::default(), spoilt: false }
    }

    pub fn report(&self, span: &Span, what: String, found: String, help: String) {
        self.problems.borrow_mut().push(Problem { span: Some(span.clone()), what, found, help });
    }

    /// What is wrong, and what is worth a warning.
    pub fn into_problems(self) -> (Vec<Problem>, Vec<Problem>) {
        (self.problems.into_inner(), self.warnings.into_inner())
    }

    #[cfg(test)]
    pub fn known(&self) -> BTreeSet<String> {
        self.known.borrow().clone()
    }
}

impl<'r> Section<'r> {
    pub fn reader(&self) -> &'r Reader {
        self.reader
    }

    pub fn get(&self, key: &'static str) -> Option<Value<'r>> {
        let name = self.name_of(key);
        if !self.asked.borrow().contains(&key) {
            self.asked.borrow_mut().push(key);
        }
        self.reader.known.borrow_mut().insert(name.clone());
        let value = self.table?.get(key)?;
        Some(Value { reader: self.reader, name, value: value.get_ref(), span: value.span() })
    }

    /// A key that must be there; `expected` says what it would hold.
    pub fn need(&self, key: &'static str, expected: &str) -> Option<Value<'r>> {
        let value = self.get(key);
        if value.is_none() && !self.spoilt {
            let name = self.name_of(key);
            let help = match self.table {
                _ if self.name.is_empty() => format!("add `{key} = …` above the first line in brackets: {expected}"),
                None => format!("add `[{}]` with `{key} = …`: {expected}", self.name),
                Some(_) => format!("add `{key} = …`: {expected}"),
            };
            self.reader.report(&self.span, format!("`{name}` is missing"), String::new(), help);
        }
        value
    }

    /// What the file says under `key`, or `default`.
    pub fn or<T>(&self, key: &'static str, default: T, read: impl FnOnce(Value<'r>) -> Option<T>) -> T {
        self.get(key).and_then(read).unwrap_or(default)
    }

    /// `[key]`; empty where the file has none.
    pub fn section(&self, key: &'static str) -> Section<'r> {
        match self.get(key).map(|value| value.table()) {
            Some(Some(section)) => section,
            Some(None) => self.empty(key, true),
            None => self.empty(key, false),
        }
    }

    /// `[[key]]`.
    pub fn sections(&self, key: &'static str) -> Vec<Section<'r>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        if !matches!(value.value, DeValue::Array(_)) {
            value.wrong::<()>("must be a list of tables", &format!("write `[[{}]]` above each of them", value.name));
        }
        value.items().into_iter().filter_map(|item| item.table()).collect()
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Whether the file has the table itself.
    pub fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Whether something that is no table stands in its place, so that nothing can be said of what is missing.
    pub fn is_spoilt(&self) -> bool {
        self.spoilt
    }

    fn empty(&self, key: &str, spoilt: bool) -> Section<'r> {
        let (name, span) = (self.name_of(key), self.span.clone());
        Section { reader: self.reader, name, table: None, span, asked: RefCell::default(), spoilt }
    }

    /// Whether the file knows this key, but not in any table.
    fn belongs_above(&self, key: &str) -> bool {
        !self.name.is_empty() && self.reader.known.borrow().contains(key)
    }

    fn name_of(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.into_iter().flatten().filter(|(key, _)| !asked.contains(&key.get_ref().as_ref())) {
            let name: &str = key.get_ref();
            let help = match did_you_mean(name, asked.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if self.belongs_above(name) => {
                    "move it above the first line in brackets: what follows such a line belongs to it".to_owned()
                }
                None => format!("take it out; known here: {}", asked.join(", ")),
            };
            self.reader.report(&key.span(), format!("nobody knows the key `{}`", self.name_of(&capped(name, 40))), String::new(), help);
        }
    }
}

impl<'r> Value<'r> {
    /// Reports that the value is wrong, and is `None` for whoever has to return something.
    pub fn wrong<T>(&self, what: impl Display, help: &str) -> Option<T> {
        self.reader.report(&self.span, format!("`{}` {what}", self.name), format!("found {}", self.shown()), help.to_owned());
        None
    }

    /// The same for what the gateway takes although somebody may not have meant it.
    pub fn doubt(&self, what: impl Display, help: &str) {
        let problem = Problem {
            span: Some(self.span.clone()),
            what: format!("`{}` {what}", self.name),
            found: format!("found {}", self.shown()),
            help: help.to_owned(),
        };
        self.reader.warnings.borrow_mut().push(problem);
    }

    pub fn text(&self, expected: &str) -> Option<&'r str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => self.wrong("must be text in double quotes", expected),
        }
    }

    pub fn is_text(&self) -> bool {
        matches!(self.value, DeValue::String(_))
    }

    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&'r str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn is_list(&self) -> bool {
        matches!(self.value, DeValue::Array(_))
    }

    pub fn is_empty_list(&self) -> bool {
        matches!(self.value, DeValue::Array(items) if items.is_empty())
    }

    pub fn boolean(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.wrong("must be a yes or a no", "write `true` or `false`, without quotes"))
    }

    pub fn whole<T: TryFrom<u64>>(&self, range: RangeInclusive<u64>) -> Option<T> {
        let expected = format!("write a whole number from {} to {}", range.start(), range.end());
        let DeValue::Integer(number) = self.value else { return self.wrong("must be a whole number", &expected) };
        match u64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) if range.contains(&number) => T::try_from(number).ok(),
            _ => self.wrong("is out of range", &expected),
        }
    }

    pub fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        self.duration_beside("write", range)
    }

    /// The same where `word` may stand instead, which the caller has looked for.
    pub fn duration_or(&self, word: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
        self.duration_beside(&format!("write \"{word}\", or"), range)
    }

    fn duration_beside(&self, write: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let (least, most) = (show_duration(*range.start()), show_duration(*range.end()));
        let help = format!("{write} a number with its unit (ms, s, m, h, d), from \"{least}\" to \"{most}\"");
        match self.value.as_str().map(parse_duration) {
            Some(Some(duration)) if range.contains(&duration) => Some(duration),
            Some(Some(_)) => self.wrong("is out of range", &help),
            _ => self.wrong("is not a length of time", &help),
        }
    }

    pub fn size(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let (least, most) = (show_size(*range.start()), show_size(*range.end()));
        let help = format!("write a whole number with its unit (B, KiB, MiB, GiB, TiB), from \"{least}\" to \"{most}\"");
        match self.value.as_str().map(parse_size) {
            Some(Some(size)) if range.contains(&size) => Some(size),
            Some(Some(_)) => self.wrong("is out of range", &help),
            _ => self.wrong("is not a size", &help),
        }
    }

    /// One word of a closed list.
    pub fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let expected = format!("write one of: {}", all.join(", "));
        // A number that stands for a word is the word without its quotes.
        if let DeValue::Integer(number) = self.value
            && let Some(meant) = did_you_mean(number.as_str(), all.iter().copied())
        {
            return self.wrong("must be text in double quotes", &format!("did you mean \"{meant}\"? {expected}"));
        }
        let text = self.text(&expected)?;
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, meaning)) => Some(*meaning),
            None => match did_you_mean(text, all) {
                Some(meant) => self.wrong("is not a known word", &format!("did you mean \"{meant}\"? {expected}")),
                None => self.wrong("is not a known word", &expected),
            },
        }
    }

    /// Text that means something; the error reads on after the key's name.
    pub fn meaning<T, E: Display>(&self, expected: &str, read: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        read(self.text(expected)?).map_or_else(|error| self.wrong(error, expected), Some)
    }

    /// A list that is not empty. An empty one is refused, for whoever empties a list of people would not expect that to open a door.
    pub fn list<T: PartialEq>(&self, read: impl Fn(&Value<'r>) -> Option<T>) -> Vec<T> {
        if self.is_empty_list() {
            self.wrong::<()>("is empty", "name at least one, or leave the key out");
        }
        self.list_or_none(read)
    }

    /// A list in which nobody is the safest choice, so that it may be empty.
    pub fn list_or_none<T: PartialEq>(&self, read: impl Fn(&Value<'r>) -> Option<T>) -> Vec<T> {
        self.list_with_places(read).into_iter().map(|(meaning, _)| meaning).collect()
    }

    /// The same with the place of each. What means the same as one before it is a slip of whoever wanted to say something else.
    pub fn list_with_places<T: PartialEq>(&self, read: impl Fn(&Value<'r>) -> Option<T>) -> Vec<(T, Span)> {
        if !matches!(self.value, DeValue::Array(_)) {
            self.wrong::<()>("must be a list", "write it in brackets: [\"…\", \"…\"]");
        }
        let mut all: Vec<(T, Span)> = Vec::new();
        for item in self.items() {
            match read(&item) {
                Some(meaning) if all.iter().any(|(other, _)| *other == meaning) => {
                    item.wrong::<()>("is there twice", "name each of them once");
                }
                Some(meaning) => all.push((meaning, item.span)),
                None => {}
            }
        }
        all
    }

    pub fn table(&self) -> Option<Section<'r>> {
        match self.value {
            DeValue::Table(table) => Some(Section {
                reader: self.reader,
                name: self.name.clone(),
                table: Some(table),
                span: self.span.clone(),
                asked: RefCell::default(),
                spoilt: false,
            }),
            DeValue::Array(items) if items.iter().any(|item| item.get_ref().is_table()) => {
                let (first, help) = (
                    items.iter().next().map_or(self.span.clone(), Spanned::span),
                    format!("write `[{}]`, in single brackets and once", self.name),
                );
                self.reader.report(&first, format!("`{}` is one table, not a list of them", self.name), String::new(), help);
                None
            }
            _ => self.wrong("must be a table", "write its keys below a line of their own in brackets, or in braces"),
        }
    }

    fn items(&self) -> Vec<Value<'r>> {
        let DeValue::Array(items) = self.value else { return Vec::new() };
        let item = |item: &'r Spanned<DeValue<'r>>| Value {
            reader: self.reader,
            name: self.name.clone(),
            value: item.get_ref(),
            span: item.span(),
        };
        items.iter().map(item).collect()
    }

    fn shown(&self) -> String {
        match self.value {
            DeValue::String(text) => format!("{:?}", capped(text, 60)),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(truth) => truth.to_string(),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(items) if items.is_empty() => "an empty list".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        }
    }
}
