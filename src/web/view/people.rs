//! Many people at once: the list that is imported, the letters that are made, and the page on which a letter is opened.

use std::borrow::Cow;

use askama::Template;

use super::{Frame, problems};
use crate::admin::RowReason;
use crate::lang::{self, Value};

/// The code and the serial number as they were typed; the script fills in the code that a scanned address carries.
#[derive(Clone, Debug, Template)]
#[template(path = "enrol_letter.html")]
pub struct EnrolLetterView {
    pub frame: Frame,
    pub code: String,
    pub serial: String,
}

/// A list of people, as it was sent to be looked at.
#[derive(Clone, Debug, Template)]
#[template(path = "console_people_import.html")]
pub struct PeopleImportView {
    pub frame: Frame,
    pub text: String,
    pub found: PeopleLooked,
}

/// What looking a list through found.
#[derive(Clone, Debug, Default)]
pub enum PeopleLooked {
    #[default]
    NotYet,
    Fits {
        new: u64,
        same: u64,
        tokens: u64,
    },
    Problems {
        /// The first of them.
        shown: Vec<PersonProblem>,
        all: u64,
    },
}

#[derive(Clone, Debug)]
pub struct PersonProblem {
    pub line: u64,
    /// As the file names it; none: the whole row, or the whole file.
    pub column: Option<&'static str>,
    pub reason: RowReason,
}

impl PersonProblem {
    fn why(&self, frame: &Frame) -> Cow<'static, str> {
        problems::of_row(frame, &self.reason)
    }
}

impl PeopleImportView {
    fn fits(&self) -> bool {
        matches!(self.found, PeopleLooked::Fits { .. })
    }

    fn shown_of(&self, shown: &[PersonProblem], all: &u64) -> Cow<'static, str> {
        let count = u64::try_from(shown.len()).unwrap_or(u64::MAX);
        lang::text_with(self.frame.language, "import-shown", &[("shown", Value::Count(count)), ("all", Value::Count(*all))])
    }
}

/// Who waits for a letter.
#[derive(Clone, Debug, Template)]
#[template(path = "console_letters.html")]
pub struct LettersView {
    pub frame: Frame,
    /// Those that have somebody who waits.
    pub units: Vec<String>,
    /// How many have nothing that opens their enrolment.
    pub waiting: u64,
    /// How many have a letter or an invitation that still works.
    pub invited: u64,
}
