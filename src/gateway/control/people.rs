//! What the control socket is asked about lists of people and their letters.

use serde::{Deserialize, Serialize};

use super::{ControlAnswer, account_name, told, why_not};
use crate::admin::{Actor, PeopleFound, PeopleImported, RowProblem};
use crate::gateway::house::House;
use crate::model::AccountName;

/// Of a list of which everything is wrong, so many problems are told.
const MOST_PROBLEMS: usize = 1_000;

#[derive(Debug, Serialize, Deserialize)]
pub struct ProblemLine {
    pub line: u64,
    pub column: Option<String>,
    pub reason: String,
}

/// Somebody for whom a letter can be made.
#[derive(Debug, Serialize, Deserialize)]
pub struct DueLine {
    pub name: String,
    pub unit: String,
    /// A letter or an invitation of hers still works.
    pub has_invitation: bool,
}

/// A letter, with its code: this is the only time that it is told.
#[derive(Debug, Serialize, Deserialize)]
pub struct LetterLine {
    pub name: String,
    pub unit: String,
    pub serial: String,
    pub code: String,
    pub expires: String,
}

/// `from`: the row with which the part begins; `None`: the list is only looked through.
pub(super) async fn import(house: &House, actor: &Actor, people: &str, from: Option<usize>) -> Result<ControlAnswer, String> {
    let Some(from) = from else {
        let found = house.desk.look_through_people(actor, people.as_bytes()).await.map_err(|error| told(&error))?;
        let PeopleFound { rows, new, same, differing, tokens, problems } = found;
        let all_problems = problems.len();
        let problems = problems.iter().take(MOST_PROBLEMS).map(line).collect();
        return Ok(ControlAnswer::PeopleFound { rows, new, same, differing, tokens, problems, all_problems });
    };
    let part = house.desk.import_people(actor, people.as_bytes(), from, house.clock.now()).await.map_err(|error| why_not(house, &error))?;
    let PeopleImported { new, same, tokens, next, rows } = part;
    Ok(ControlAnswer::PeopleImported { new, same, tokens, next, rows })
}

fn line(problem: &RowProblem) -> ProblemLine {
    let column = problem.column.map(|column| column.word().to_owned());
    ProblemLine { line: problem.line, column, reason: problem.reason.to_string() }
}

pub(super) async fn letters_due(house: &House, actor: &Actor) -> Result<ControlAnswer, String> {
    let due = house.desk.letters_due(actor, house.clock.now()).await.map_err(|error| why_not(house, &error))?;
    let line = |due: crate::store::LetterDue| DueLine {
        name: due.account.name.to_string(),
        unit: due.account.unit.to_string(),
        has_invitation: due.has_invitation,
    };
    Ok(ControlAnswer::LettersDue { due: due.into_iter().map(line).collect() })
}

pub(super) async fn make_letters(house: &House, actor: &Actor, names: &[String]) -> Result<ControlAnswer, String> {
    let names: Vec<AccountName> = names.iter().map(|name| account_name(name)).collect::<Result<_, _>>()?;
    let letters = house.desk.make_letters(actor, &names, house.clock.now()).await.map_err(|error| why_not(house, &error))?;
    let line = |letter: crate::admin::Letter| LetterLine {
        name: letter.name.to_string(),
        unit: letter.unit.to_string(),
        serial: letter.serial.to_string(),
        code: letter.code.reveal(),
        expires: letter.expires.to_string(),
    };
    let (portal, contact) = (house.map.load().portal.origin.clone(), house.desk.letter_settings().contact.clone());
    Ok(ControlAnswer::Letters { portal, contact, letters: letters.into_iter().map(line).collect() })
}
