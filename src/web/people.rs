//! The console's page for lists of people, and for the letters by which they enrol. `admin` says who may do what.
//!
//! Letters go out as a file, which nothing keeps: what was not saved is made anew.

use askama::Template;
use http::StatusCode;

use crate::admin::{Actor, AdminError, Change, Letter, RowProblem};
use crate::model::{AccountName, Refusal};
use crate::store::LetterDue;

use super::Portal;
use super::call::{Answer, Asked, Posted, Refused};
use super::console::{actor, refused};
use super::view::{Alert, LETTERS_END, LetterFacts, LetterPage, LettersHead, LettersView, PeopleImportView, PeopleLooked, PersonProblem};

const IMPORT: &str = "/console/accounts/import";
const LETTERS: &str = "/console/accounts/letters";
/// Of a list of which everything is wrong, so many problems are shown.
const MOST_PROBLEMS: usize = 200;
/// A file of so many pages is printed in a while; there can be another.
const MOST_LETTERS: usize = 1_000;

/// The most that a form of this address may hold, where that is more than forms usually do; for those who are signed in.
pub fn larger_form(path: &str) -> Option<usize> {
    (path == IMPORT).then_some(1024 * 1024)
}

pub async fn import_page(asked: Asked) -> Answer {
    permitted(&asked, Change::ImportPeople)?;
    asked.show(&PeopleImportView { frame: asked.frame(None), text: String::new(), found: PeopleLooked::NotYet })
}

/// Looks a list through; `step=import` takes it in.
pub async fn import(Posted { asked, form }: Posted) -> Answer {
    let actor = permitted(&asked, Change::ImportPeople)?;
    let text = form.text("people");
    let page = |alert: Option<Alert>, found: PeopleLooked| {
        let status = if alert.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        asked.show_with(status, &PeopleImportView { frame: asked.frame_at(IMPORT, alert), text: text.to_owned(), found })
    };
    if form.text("step") != "import" {
        let found = asked.portal.desk.look_through_people(&actor, text.as_bytes()).await.map_err(refused)?;
        if found.problems.is_empty() {
            return page(None, PeopleLooked::Fits { new: number(found.new), same: number(found.same), tokens: number(found.tokens) });
        }
        return page(Some(Alert::PeopleRefused), problems(&found.problems));
    }
    match take_in(&asked, &actor, text.as_bytes()).await {
        Ok(count) => show_letters(&asked, &actor, Some(Alert::PeopleImported { count: number(count) })).await,
        Err(AdminError::BadRoster(found)) => page(Some(Alert::PeopleRefused), problems(&found)),
        Err(AdminError::PeopleChanged(_)) => page(Some(Alert::PeopleChanged), PeopleLooked::NotYet),
        Err(error) => Err(refused(error)),
    }
}

async fn take_in(asked: &Asked, actor: &Actor, file: &[u8]) -> Result<usize, AdminError> {
    let (mut from, mut new) = (Some(0), 0_usize);
    while let Some(row) = from {
        let part = asked.portal.desk.import_people(actor, file, row, asked.now).await?;
        new = new.saturating_add(part.new);
        from = part.next;
    }
    Ok(new)
}

pub async fn letters_page(asked: Asked) -> Answer {
    let actor = permitted(&asked, Change::MakeLetters)?;
    show_letters(&asked, &actor, None).await
}

async fn show_letters(asked: &Asked, actor: &Actor, alert: Option<Alert>) -> Answer {
    let due = asked.portal.desk.letters_due(actor, asked.now).await.map_err(refused)?;
    let invited = due.iter().filter(|due| due.has_invitation).count();
    let mut units: Vec<String> = due.iter().map(|due| due.account.unit.to_string()).collect();
    // They come sorted.
    units.dedup();
    let status = if alert.as_ref().is_some_and(Alert::is_error) { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = LettersView {
        frame: asked.frame_at(LETTERS, alert),
        units,
        waiting: number(due.len().saturating_sub(invited)),
        invited: number(invited),
    };
    asked.show_with(status, &view)
}

/// Makes letters, and gives them as one file.
pub async fn letters(Posted { asked, form }: Posted) -> Answer {
    let actor = permitted(&asked, Change::MakeLetters)?;
    let desk = &asked.portal.desk;
    let due = desk.letters_due(&actor, asked.now).await.map_err(refused)?;
    let (unit, all) = (form.text("unit"), form.text("which") == "all");
    let wanted = |due: &&LetterDue| (unit.is_empty() || due.account.unit.as_str() == unit) && (all || !due.has_invitation);
    let names: Vec<AccountName> = due.iter().filter(wanted).take(MOST_LETTERS).map(|due| due.account.name.clone()).collect();
    let letters = desk.make_letters(&actor, &names, asked.now).await.map_err(refused)?;
    if letters.is_empty() {
        return show_letters(&asked, &actor, Some(Alert::LettersNone)).await;
    }
    let document = document(&asked.portal, &letters).map_err(|error| {
        tracing::error!(%error, "letters could not be rendered");
        Refusal::Broken { what: "letters could not be rendered" }
    })?;
    asked.attach("letters.html", "text/html; charset=utf-8", document.into_bytes())
}

fn document(portal: &Portal, letters: &[Letter]) -> Result<String, askama::Error> {
    let mut document = LettersHead.render()?;
    for letter in letters {
        let facts = LetterFacts {
            name: letter.name.to_string(),
            unit: letter.unit.to_string(),
            serial: letter.serial.to_string(),
            code: letter.code.reveal(),
            until: format!("{} ({})", portal.moment(letter.expires).shown, portal.zone_name(letter.expires)),
            contact: portal.desk.letter_settings().contact.clone(),
        };
        document.push_str(&LetterPage::new(&portal.origin, facts).render()?);
    }
    document.push_str(LETTERS_END);
    Ok(document)
}

fn permitted(asked: &Asked, change: Change) -> Result<Actor, Refused> {
    let actor = actor(asked)?;
    asked.portal.desk.permit(&actor, change).map_err(refused)?;
    Ok(actor)
}

fn problems(found: &[RowProblem]) -> PeopleLooked {
    let told = found.iter().take(MOST_PROBLEMS).map(|problem| PersonProblem {
        line: problem.line,
        column: problem.column.map(crate::admin::Column::word),
        reason: problem.reason.clone(),
    });
    PeopleLooked::Problems { shown: told.collect(), all: number(found.len()) }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
