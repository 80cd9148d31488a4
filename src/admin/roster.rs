//! A list of people as comma-separated values: `name`, `unit`, `role`, `email`, `token`, by a heading and in any order.
//!
//! Invariant: a list is read whole or not at all, everything that is wrong with it is said at once, each with line and column, and what was
//! read names nobody and no token twice. Pure: what the store knows of the names is asked elsewhere.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

use crate::crypto::sha256;
use crate::model::{AccountName, AccountState, NotAName, NotASerial, Role, Serial, TokenState, UnitName, capped, is_email};

/// With its JSON it fits into one message to the control socket.
pub const LARGEST_ROSTER_BYTES: usize = 3 * 1024 * 1024;
const MOST_PEOPLE: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    Name,
    Unit,
    Role,
    Email,
    Token,
}

impl Column {
    const ALL: [Column; 5] = [Self::Name, Self::Unit, Self::Role, Self::Email, Self::Token];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Unit => "unit",
            Self::Role => "role",
            Self::Email => "email",
            Self::Token => "token",
        }
    }
}

/// A row of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub line: u64,
    pub name: AccountName,
    pub unit: UnitName,
    pub email: Option<String>,
    /// The serial number of the token that she is given.
    pub token: Option<Serial>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    pub people: Vec<Listed>,
    /// SHA-256 of the file.
    pub digest: [u8; 32],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowProblem {
    pub line: u64,
    pub column: Option<Column>,
    pub reason: RowReason,
}

impl fmt::Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some(column) => write!(f, "line {}, {}: {}", self.line, column.word(), self.reason),
            None => write!(f, "line {}: {}", self.line, self.reason),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowReason {
    #[error("the file is larger than 3 MiB; split it")]
    TooLarge,
    #[error("the file is not UTF-8 text; save it as \"CSV UTF-8\"")]
    NotText,
    #[error("the file names nobody")]
    Empty,
    #[error("there are more than 10000 people; split the file")]
    TooMany,
    #[error("the first line has to name the columns, and there is no column \"{}\"; there are name, unit, role, email and token, with commas between them", .0.word())]
    NoColumn(Column),
    #[error("nobody knows a column {0:?}; there are name, unit, role, email and token, with commas between them")]
    UnknownColumn(String),
    #[error("the column \"{}\" is there twice", .0.word())]
    ColumnTwice(Column),
    #[error("there are {found} cells, and the first line names {expected} columns")]
    Cells { found: usize, expected: usize },
    #[error("{found:?} {why}")]
    Name { found: String, why: NotAName },
    #[error("{found} stands in line {first} already")]
    Twice { found: String, first: u64 },
    #[error("{0:?} is no role; leave it empty or write member")]
    UnknownRole(String),
    #[error("a list takes members alone; invite the {0} one by one (`yumen account invite`)")]
    Staff(Role),
    #[error("{0:?} is not an e-mail address, such as li.wei@example.org")]
    Email(String),
    #[error("the serial number {0:?} {NotASerial}")]
    Serial(String),
    /// From here on, what the store says of a row that is well written.
    #[error("the name is taken: there is an account of this name in the unit {0}; give one of the two another name")]
    TakenInUnit(UnitName),
    #[error(
        "the name is taken: there is an account of this name whose e-mail address is {0}; correct the file, or give one of the two another name"
    )]
    TakenWithEmail(String),
    #[error("the name is taken by a staff account ({0})")]
    TakenByStaff(Role),
    #[error(
        "the emergency plan gives power to whoever has this name; invite her by herself (`yumen account invite`), which another one confirms"
    )]
    NamedByPlan,
    #[error("the account is {0} already; `yumen token issue` gives it a token")]
    Enrolled(AccountState),
    #[error("there is no token {0} in the inventory; import its maker's delivery first (`yumen token import`)")]
    UnknownToken(Serial),
    #[error("the token {0} is given to somebody else already")]
    TokenGiven(Serial),
    #[error("the token {serial} is {state}, not in stock")]
    TokenState { serial: Serial, state: TokenState },
}

impl RowReason {
    /// Whether an account of that name is there and is not as the row says.
    pub fn is_difference(&self) -> bool {
        matches!(self, Self::TakenInUnit(_) | Self::TakenWithEmail(_) | Self::TakenByStaff(_))
    }
}

impl Roster {
    pub fn read(file: &[u8]) -> Result<Self, Vec<RowProblem>> {
        let whole = |reason| vec![RowProblem { line: 1, column: None, reason }];
        if file.len() > LARGEST_ROSTER_BYTES {
            return Err(whole(RowReason::TooLarge));
        }
        let text = std::str::from_utf8(file).map_err(|_| whole(RowReason::NotText))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let rows = Rows::of(text);
        let mut rows = rows.filter(|(_, cells)| !cells.iter().all(|cell| cell.is_empty()));
        let Some((line, heading)) = rows.next() else { return Err(whole(RowReason::Empty)) };
        let columns = columns(line, &heading)?;
        let (mut people, mut problems) = (Vec::new(), Vec::new());
        for (count, (line, cells)) in rows.enumerate() {
            if count >= MOST_PEOPLE {
                problems.push(RowProblem { line, column: None, reason: RowReason::TooMany });
                break;
            }
            match listed(line, &columns, &cells) {
                Ok(person) => people.push(person),
                Err(wrong) => problems.extend(wrong),
            }
        }
        problems.extend(twice(&people, Column::Name, |person| Some(&person.name)));
        problems.extend(twice(&people, Column::Token, |person| person.token.as_ref()));
        problems.sort_by_key(|problem| problem.line);
        match (problems.is_empty(), people.is_empty()) {
            (true, false) => Ok(Self { people, digest: sha256(file) }),
            (true, true) => Err(whole(RowReason::Empty)),
            (false, _) => Err(problems),
        }
    }
}

/// The rows of a text with the number of the line in which each begins.
struct Rows<'t> {
    text: &'t str,
    records: csv::StringRecordsIntoIter<&'t [u8]>,
    /// How far lines are counted.
    counted: usize,
    line: u64,
}

impl<'t> Rows<'t> {
    fn of(text: &'t str) -> Self {
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
        Self { text, records: reader.into_records(), counted: 0, line: 1 }
    }
}

impl Iterator for Rows<'_> {
    type Item = (u64, csv::StringRecord);

    fn next(&mut self) -> Option<Self::Item> {
        // The reader is given text, so that nothing in it can be wrong but what a row says.
        let record = self.records.find_map(Result::ok)?;
        let at = record.position().and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(0);
        // The library's position is that of the line ends and empty lines before the row.
        let ends = self.text.get(at..).map_or(0, |rest| rest.len().saturating_sub(rest.trim_start_matches(['\r', '\n']).len()));
        let begins = at.saturating_add(ends);
        let between = self.text.get(self.counted..begins).unwrap_or_default().matches('\n').count();
        self.line = self.line.saturating_add(u64::try_from(between).unwrap_or(u64::MAX));
        self.counted = self.counted.max(begins);
        Some((self.line, record))
    }
}

fn columns(line: u64, heading: &csv::StringRecord) -> Result<Vec<Column>, Vec<RowProblem>> {
    let (mut columns, mut problems) = (Vec::new(), Vec::new());
    let mut problem = |reason| problems.push(RowProblem { line, column: None, reason });
    for title in heading {
        match Column::ALL.into_iter().find(|column| title.eq_ignore_ascii_case(column.word())) {
            None => problem(RowReason::UnknownColumn(capped(title, 40))),
            Some(column) if columns.contains(&column) => problem(RowReason::ColumnTwice(column)),
            Some(column) => columns.push(column),
        }
    }
    for needed in [Column::Name, Column::Unit] {
        if !columns.contains(&needed) {
            problem(RowReason::NoColumn(needed));
        }
    }
    if problems.is_empty() { Ok(columns) } else { Err(problems) }
}

fn listed(line: u64, columns: &[Column], cells: &csv::StringRecord) -> Result<Listed, Vec<RowProblem>> {
    if cells.len() != columns.len() {
        let reason = RowReason::Cells { found: cells.len(), expected: columns.len() };
        return Err(vec![RowProblem { line, column: None, reason }]);
    }
    let cell = |wanted: Column| columns.iter().zip(cells).find(|(column, _)| **column == wanted).map_or("", |(_, cell)| cell);
    let given = |wanted: Column| Some(cell(wanted)).filter(|cell| !cell.is_empty());
    let mut problems = Vec::new();
    let mut wrong = |column, reason| problems.push(RowProblem { line, column: Some(column), reason });
    let shown = |column| capped(cell(column), 80);
    let name =
        AccountName::parse(cell(Column::Name)).map_err(|why| wrong(Column::Name, RowReason::Name { found: shown(Column::Name), why }));
    let unit = UnitName::parse(cell(Column::Unit)).map_err(|why| wrong(Column::Unit, RowReason::Name { found: shown(Column::Unit), why }));
    match given(Column::Role).map(|word| Role::parse(&word.to_ascii_lowercase())) {
        None | Some(Some(Role::Member)) => {}
        Some(Some(staff)) => wrong(Column::Role, RowReason::Staff(staff)),
        Some(None) => wrong(Column::Role, RowReason::UnknownRole(shown(Column::Role))),
    }
    let email = given(Column::Email).map(str::to_owned);
    if email.as_deref().is_some_and(|email| !is_email(email)) {
        wrong(Column::Email, RowReason::Email(shown(Column::Email)));
    }
    let token = given(Column::Token).map(Serial::parse).transpose();
    let token = token.map_err(|NotASerial| wrong(Column::Token, RowReason::Serial(shown(Column::Token))));
    match (name, unit, token, problems.is_empty()) {
        (Ok(name), Ok(unit), Ok(token), true) => Ok(Listed { line, name, unit, email, token }),
        _ => Err(problems),
    }
}

fn twice<'p, K: Eq + Hash + fmt::Display + 'p>(
    people: &'p [Listed],
    column: Column,
    key: impl Fn(&'p Listed) -> Option<&'p K>,
) -> Vec<RowProblem> {
    let mut first: HashMap<&K, u64> = HashMap::new();
    let mut problems = Vec::new();
    for person in people {
        let Some(found) = key(person) else { continue };
        match first.get(found) {
            None => {
                first.insert(found, person.line);
            }
            Some(first) => {
                let reason = RowReason::Twice { found: found.to_string(), first: *first };
                problems.push(RowProblem { line: person.line, column: Some(column), reason });
            }
        }
    }
    problems
}
