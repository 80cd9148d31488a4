//! Many people at once: a list is looked through whole, and then taken in part by part.
//!
//! Invariant: a list with anything wrong in it changes nothing. A part is taken in whole or not at all, and whoever is there already, as
//! the list says, is passed over: so a list that was interrupted goes on where it was by being imported again.

use data_encoding::HEXLOWER;

use crate::clock::Time;
use crate::model::{Account, AccountId, AccountState, Action, Event, Role, Serial, TokenState};
use crate::store::{KnownPeople, Newcomer};

use super::desk::Desk;
use super::error::AdminError;
use super::permission::{Actor, Change};
use super::roster::{Column, Listed, Roster, RowProblem, RowReason};

/// Rows of a part: what a crash may leave unanswered.
const PART: usize = 50;

/// What a list would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeopleFound {
    pub rows: usize,
    pub new: usize,
    /// There already, and as the list says.
    pub same: usize,
    /// There already, and not as the list says.
    pub differing: usize,
    /// Tokens that are handed out.
    pub tokens: usize,
    /// With any, nothing is imported.
    pub problems: Vec<RowProblem>,
}

/// What a part of a list did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeopleImported {
    pub new: usize,
    pub same: usize,
    pub tokens: usize,
    /// The row with which the next part begins; `None`: that was the last.
    pub next: Option<usize>,
    pub rows: usize,
}

/// How a row stands to what the store holds.
enum Standing {
    New,
    Same,
    /// She is there, invited, and has not got the token yet.
    WithoutToken(Account),
}

impl Desk {
    /// Looks a list through, and changes nothing.
    pub async fn look_through_people(&self, actor: &Actor, file: &[u8]) -> Result<PeopleFound, AdminError> {
        self.permit(actor, Change::ImportPeople)?;
        match Roster::read(file) {
            Ok(roster) => Ok(self.compared(&roster.people).await?.0),
            Err(problems) => Ok(PeopleFound { problems, ..PeopleFound::default() }),
        }
    }

    /// Takes in the part of the list that begins with row `from`. Before the first part the whole list is looked through.
    pub async fn import_people(&self, actor: &Actor, file: &[u8], from: usize, now: Time) -> Result<PeopleImported, AdminError> {
        self.permit(actor, Change::ImportPeople)?;
        self.may_give(now)?;
        let roster = Roster::read(file).map_err(AdminError::BadRoster)?;
        if from == 0 {
            refuse_problems(self.compared(&roster.people).await?.0)?;
        }
        let part: Vec<Listed> = roster.people.iter().skip(from).take(PART).cloned().collect();
        let (found, standings) = self.compared(&part).await?;
        refuse_problems(found.clone())?;
        let newcomers: Vec<Newcomer> =
            part.iter().zip(&standings).filter_map(|(person, standing)| newcomer(person, standing, now)).collect();
        let events = events(&roster, from, &found, &newcomers);
        let change = async {
            match self.store.import_people(&newcomers, now).await? {
                None => Ok(()),
                Some(name) => Err(AdminError::PeopleChanged(name)),
            }
        };
        self.all_recorded(actor, events, change).await?;
        let next = from.saturating_add(PART);
        let next = (next < roster.people.len()).then_some(next);
        Ok(PeopleImported { new: found.new, same: found.same, tokens: found.tokens, next, rows: roster.people.len() })
    }

    async fn compared(&self, people: &[Listed]) -> Result<(PeopleFound, Vec<Standing>), AdminError> {
        let names: Vec<_> = people.iter().map(|person| person.name.clone()).collect();
        let serials: Vec<_> = people.iter().filter_map(|person| person.token.clone()).collect();
        let known = self.store.known_people(&names, &serials).await?;
        let mut found = PeopleFound { rows: people.len(), ..PeopleFound::default() };
        let mut standings = Vec::with_capacity(people.len());
        let count = |number: &mut usize| *number = number.saturating_add(1);
        for person in people {
            match self.standing(person, &known) {
                Ok(standing) => {
                    match &standing {
                        Standing::New => count(&mut found.new),
                        Standing::Same | Standing::WithoutToken(_) => count(&mut found.same),
                    }
                    if person.token.is_some() && !matches!(standing, Standing::Same) {
                        count(&mut found.tokens);
                    }
                    standings.push(standing);
                }
                Err(wrong) => {
                    if wrong.iter().any(|(_, reason)| reason.is_difference()) {
                        count(&mut found.differing);
                    }
                    let problem = |(column, reason)| RowProblem { line: person.line, column: Some(column), reason };
                    found.problems.extend(wrong.into_iter().map(problem));
                }
            }
        }
        Ok((found, standings))
    }
}

impl Desk {
    fn standing(&self, person: &Listed, known: &KnownPeople) -> Result<Standing, Vec<(Column, RowReason)>> {
        match standing(person, known)? {
            Standing::Same => Ok(Standing::Same),
            _ if self.is_named(&person.name) => Err(vec![(Column::Name, RowReason::NamedByPlan)]),
            standing => Ok(standing),
        }
    }
}

fn refuse_problems(found: PeopleFound) -> Result<(), AdminError> {
    if found.problems.is_empty() { Ok(()) } else { Err(AdminError::BadRoster(found.problems)) }
}

fn standing(person: &Listed, known: &KnownPeople) -> Result<Standing, Vec<(Column, RowReason)>> {
    let account = known.accounts.get(&person.name);
    let mut wrong = account.map_or_else(Vec::new, |account| differences(person, account));
    let (to_give, problem) = match &person.token {
        None => (false, None),
        Some(serial) => match token(serial, account, known) {
            Ok(to_give) => (to_give, None),
            Err(reason) => (false, Some(reason)),
        },
    };
    wrong.extend(problem.map(|reason| (Column::Token, reason)));
    match account {
        _ if !wrong.is_empty() => Err(wrong),
        None => Ok(Standing::New),
        Some(account) if to_give && account.state != AccountState::Invited => {
            Err(vec![(Column::Token, RowReason::Enrolled(account.state))])
        }
        Some(account) if to_give => Ok(Standing::WithoutToken(account.clone())),
        Some(_) => Ok(Standing::Same),
    }
}

fn differences(person: &Listed, account: &Account) -> Vec<(Column, RowReason)> {
    if account.role != Role::Member {
        return vec![(Column::Name, RowReason::TakenByStaff(account.role))];
    }
    if account.unit != person.unit {
        return vec![(Column::Unit, RowReason::TakenInUnit(account.unit.clone()))];
    }
    // An empty cell says nothing.
    if person.email.is_some() && person.email != account.email {
        let known = account.email.clone().unwrap_or_else(|| "not known".to_owned());
        return vec![(Column::Email, RowReason::TakenWithEmail(known))];
    }
    Vec::new()
}

/// Whether the token is to be handed out; `false`: she has it, or had it, already.
fn token(serial: &Serial, account: Option<&Account>, known: &KnownPeople) -> Result<bool, RowReason> {
    let Some(token) = known.tokens.get(serial) else { return Err(RowReason::UnknownToken(serial.clone())) };
    match (token.holder, account) {
        (Some(holder), Some(account)) if holder == account.id => Ok(false),
        (Some(_), _) => Err(RowReason::TokenGiven(serial.clone())),
        (None, _) if token.state != TokenState::InStock => Err(RowReason::TokenState { serial: serial.clone(), state: token.state }),
        (None, _) => Ok(true),
    }
}

fn newcomer(person: &Listed, standing: &Standing, now: Time) -> Option<Newcomer> {
    let (account, is_known) = match standing {
        Standing::Same => return None,
        Standing::WithoutToken(account) => (account.clone(), true),
        Standing::New => {
            let (name, unit, email) = (person.name.clone(), person.unit.clone(), person.email.clone());
            (Account { id: AccountId::fresh(), name, unit, role: Role::Member, email, state: AccountState::Invited, created: now }, false)
        }
    };
    Some(Newcomer { account, is_known, token: person.token.clone() })
}

/// As each invitation and each token that is issued has a record, so has each of these; and the part has one that says of which file.
fn events(roster: &Roster, from: usize, found: &PeopleFound, newcomers: &[Newcomer]) -> Vec<Event> {
    let part = Event::done(Action::PeopleImported).with("file", HEXLOWER.encode(&roster.digest)).with("from-row", from.saturating_add(1));
    let part = part.with("rows", found.rows).with("of", roster.people.len());
    let part = part.with("new", found.new).with("same", found.same).with("tokens", found.tokens);
    let each = newcomers.iter().flat_map(|newcomer| {
        let account = &newcomer.account;
        let named = |action| Event::done(action).with("account", account.id).with("name", &account.name);
        let invited = (!newcomer.is_known)
            .then(|| named(Action::AccountInvited).with("role", account.role).with("unit", &account.unit).with("from", "list"));
        let issued = newcomer.token.as_ref().map(|serial| named(Action::TokenIssued).with("serial", serial));
        [invited, issued].into_iter().flatten()
    });
    std::iter::once(part).chain(each).collect()
}
